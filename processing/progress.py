"""What an operation reports to while it works, and what tells it to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .errors import Cancelled

Report = Callable[[float, str], None]
Log = Callable[[str, str], None]
Writing = Callable[[str], None]


class Progress:
    """Progress of one call: reports a fraction in [0, 1] with a message, logs, and raises Cancelled once asked to stop.

    Thread-safe. Operations call ``check`` (or ``report``) between blocks of at most half a second.
    """

    def __init__(
        self,
        report: Report = lambda fraction, message: None,
        log: Log = lambda message, level: None,
        writing: Writing = lambda path: None,
    ) -> None:
        self._report = report
        self._log = log
        self._writing = writing
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._low, self._high = 0.0, 1.0
        self._message = ""
        self._sent = (-1.0, "")

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise Cancelled if the work was asked to stop."""
        if self._cancelled.is_set():
            raise Cancelled

    def report(self, fraction: float, message: str | None = None) -> None:
        """Report how far the current stage is, from 0 to 1, then check."""
        self.check()
        with self._lock:
            if message is not None:
                self._message = message
            overall = self._low + (self._high - self._low) * min(max(fraction, 0.0), 1.0)
            if overall - self._sent[0] >= 0.002 or self._message != self._sent[1]:
                self._sent = (overall, self._message)
                self._report(overall, self._message)

    def info(self, message: str) -> None:
        """A line for the log that the user reads."""
        self._log(message, "info")

    def warn(self, message: str) -> None:
        """A line that the user should not miss; the work goes on."""
        self._log(message, "warning")

    def writing(self, path: str) -> None:
        """Announce an unfinished file, so that whoever outlives this process can remove it."""
        self._writing(path)

    @contextmanager
    def stage(self, low: float, high: float, message: str) -> Iterator[None]:
        """Map reports inside the block to [low, high] of the enclosing stage."""
        outer = (self._low, self._high)
        span = outer[1] - outer[0]
        self._low, self._high = outer[0] + span * low, outer[0] + span * high
        try:
            self.report(0.0, message)
            yield
        finally:
            self._low, self._high = outer
