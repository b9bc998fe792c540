"""The backend process that the dock keeps: jobs go in by channel, answers come back as Qt signals in the dock's thread.

A channel is a kind of work of which only the newest counts ("map", "validation", …): a job that waits is replaced by a
newer one of its channel, and one that runs is cancelled by it, or by a job of a more urgent channel.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal

from ...processing.errors import BackendError, BitscapeError, Cancelled
from .client import Client

DEATHS, WITHIN = 3, 30.0
"""So many deaths of the backend within so many seconds, and it is not started again by itself."""
LAST = 1000
"""The urgency of what is no work: starting the process."""


@dataclass(frozen=True)
class Job:
    """One call. ``urgency``: smaller goes first."""

    channel: str
    operation: str
    request: dict[str, Any]
    urgency: int
    token: int
    again: bool = field(default=True, compare=False)
    """Whether it is tried once more if the backend dies under it."""


class Resident(QObject):
    """A backend process and the thread that talks to it. Nothing here blocks the caller, except ``close`` for up to
    three seconds.

    ``answered`` (channel, token, result), ``failed`` (channel, token, error: a BitscapeError), ``progressed`` (channel,
    fraction, message), ``logged`` (channel, message, level), ``started`` (what the backend says of itself), ``died``
    (the error; it is started again with the next job), ``busy`` (channel, "" when idle). They are emitted in the thread
    of this object, and what has been superseded, cancelled or closed by then is not.
    """

    answered = pyqtSignal(str, int, dict)
    failed = pyqtSignal(str, int, object)
    progressed = pyqtSignal(str, float, str)
    logged = pyqtSignal(str, str, str)
    started = pyqtSignal(dict)
    died = pyqtSignal(object)
    busy = pyqtSignal(str)
    _told = pyqtSignal(object, object, object)

    def __init__(self, find_python: Callable[[], Path], parent: Optional[QObject] = None) -> None:
        """``find_python`` is asked in the resident's own thread at each start; what it raises is a failed job."""
        super().__init__(parent)
        self._told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._find_python = find_python
        self._changed = threading.Condition()
        self._waiting: dict[str, Job] = {}
        self._newest: dict[str, int] = {}
        self._tokens = 0
        self._closed = False
        self._renewing = False
        self._client: Optional[Client] = None
        self._deaths: list[float] = []
        self._thread = threading.Thread(target=self._serve, name="bitscape-resident", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> Optional[int]:
        """The process id of the backend that runs now."""
        client = self._client
        return client.pid if client is not None and client.alive else None

    def submit(self, channel: str, operation: str, request: dict[str, Any], urgency: int = 0) -> int:
        """Ask for a job; the token that its answer will carry. Older jobs of the channel never answer."""
        with self._changed:
            self._tokens += 1
            if not self._closed:
                self._newest[channel] = self._tokens
                self._waiting[channel] = Job(channel, operation, request, urgency, self._tokens)
                self._changed.notify()
            token = self._tokens
        self._nudge()
        return token

    def cancel(self, channel: str) -> None:
        """Forget what waits in a channel and stop what runs; neither will answer."""
        with self._changed:
            self._waiting.pop(channel, None)
            self._newest.pop(channel, None)
        self._nudge()

    def wake(self) -> None:
        """Start the process if it does not run, so that the first job need not wait for it. If it cannot be started
        the channel "" has ``failed``."""
        self.submit("", "", {}, LAST)

    def restart(self) -> None:
        """End the process and start another, found anew; the job that runs is done again by that one."""
        with self._changed:
            self._renewing = True
            self._deaths = []
        self.wake()

    def close(self) -> None:
        """End the process and the thread; no signal comes after it."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._newest.clear()
            self._changed.notify()
        client = self._client
        if client is not None:
            client.close()
        self._thread.join(3.0)

    def _nudge(self) -> None:
        """The job that runs may have to give way."""
        client = self._client
        if client is not None:
            client.nudge()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    break
                job = min(self._waiting.values(), key=lambda one: (one.urgency, one.token))
                del self._waiting[job.channel]
            self._tell("busy", None, job.channel)
            self._run(job)
            with self._changed:
                idle = not self._waiting
            if idle:
                self._tell("busy", None, "")
        if self._client is not None:
            self._client.close()

    def _run(self, job: Job) -> None:
        try:
            client = self._connected()
            if job.operation:
                result = client.call(
                    job.operation, job.request,
                    lambda fraction, text: self._tell("progressed", job, job.channel, fraction, text),
                    lambda text, level: self._tell("logged", job, job.channel, text, level),
                    lambda: self._gives_way(job),
                )
                self._tell("answered", job, job.channel, job.token, result)
        except Cancelled:
            self._put_back(job)
        except BackendError as error:
            self._mourn(job, error)
        except BitscapeError as error:
            self._tell("failed", job, job.channel, job.token, error)
        except Exception as error:  # else this thread would end, and the dock wait for ever
            message = f"Something went wrong inside Bitscape: {type(error).__name__}: {error}"
            self._tell("failed", job, job.channel, job.token, BitscapeError(message, traceback.format_exc()))

    def _connected(self) -> Client:
        with self._changed:
            renewing, self._renewing = self._renewing, False
        if self._client is not None and (renewing or not self._client.alive):
            self._client.close()
            self._client = None
        if self._client is None:
            self._client = Client(self._find_python(), lambda: self._closed or self._renewing)
            self._tell("started", None, dict(self._client.hello))
        if self._closed:  # while it started: then ``close`` has not seen it
            raise Cancelled
        return self._client

    def _is_wanted(self, job: Job) -> bool:
        return self._newest.get(job.channel) == job.token

    def _gives_way(self, job: Job) -> bool:
        with self._changed:
            return (self._closed or self._renewing or not self._is_wanted(job)
                    or any(other.urgency < job.urgency for other in self._waiting.values()))

    def _put_back(self, job: Job) -> None:
        """A job that gave way to a more urgent one, or to a new backend, waits for its turn if it is still wanted."""
        with self._changed:
            if self._is_wanted(job) and not self._closed:
                self._waiting.setdefault(job.channel, job)

    def _mourn(self, job: Job, error: BackendError) -> None:
        """The backend is gone: try the job once more, unless it keeps dying. What did not even start is not tried."""
        if self._closed:
            return
        if self._client is None:
            self._tell("failed", job, job.channel, job.token, error)
            return
        self._client = None
        now = time.monotonic()
        self._deaths = [one for one in self._deaths if now - one < WITHIN] + [now]
        self._tell("died", None, error)
        if job.again and len(self._deaths) < DEATHS:
            self._put_back(replace(job, again=False))
        else:
            self._tell("failed", job, job.channel, job.token, error)

    def _tell(self, name: str, job: Optional[Job], *values: Any) -> None:
        """Have a signal emitted in this object's thread, unless ``job`` is not wanted any more by then."""
        if not self._closed:
            try:
                self._told.emit(name, job, values)
            except RuntimeError:  # the window deleted this object while its thread was still at work
                self._closed = True

    def _deliver(self, name: str, job: Optional[Job], values: tuple[Any, ...]) -> None:
        if not self._closed and (job is None or self._is_wanted(job)):
            getattr(self, name).emit(*values)
