"""What the backend says on stderr: drained all the time, the end of it kept for the day the backend dies."""

from __future__ import annotations

import os
import threading
from typing import IO, Optional

KEPT = 16 * 1024
"""Bytes of the end of stderr that are kept."""

SUMMARY_LINES = 3


class LastWords:
    """Drains a pipe in a thread and keeps its last 16 KiB."""

    def __init__(self, stream: Optional[IO[bytes]]) -> None:
        if stream is None:
            raise AssertionError("stderr is a pipe")
        self._descriptor = stream.fileno()
        self._tail = bytearray()
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._drain, name="bitscape-stderr", daemon=True)
        self.thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the end of the pipe."""
        self.thread.join(timeout)

    def text(self) -> str:
        """All that is kept, after a moment for what is still in the pipe of a process that has ended."""
        self.thread.join(0.5)
        with self._lock:
            return self._tail.decode(errors="replace").strip()

    def summary(self) -> str:
        """The last lines that say something, in one line for people."""
        lines = [line.strip() for line in self.text().splitlines() if line.strip()]
        return " / ".join(lines[-SUMMARY_LINES:])[-500:]

    def _drain(self) -> None:
        while True:
            try:
                chunk = os.read(self._descriptor, 65536)
            except OSError:
                return
            if not chunk:
                return
            with self._lock:
                self._tail += chunk
                del self._tail[:-KEPT]
