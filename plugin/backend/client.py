"""The client of the backend process: starts it, calls operations one after another, cancels, and never blocks for long.

Plain subprocess and threads, so that it works the same in Processing's thread, in the window's, and without Qt.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Optional

from ...processing import protocol
from ...processing.errors import BackendError, BitscapeError, Cancelled, InputError, from_kind
from .environment import WORKER, clean_environment
from .stderr import LastWords

POLL = 0.1
"""Longest wait in seconds before cancellation is looked at again."""

PATIENCE = 2.0
"""Seconds a cancelled call has to stop by itself before the process is killed."""

HELLO_TIMEOUT = 60.0
CLOSE_TIMEOUT = 1.0

OnProgress = Callable[[float, str], None]
OnLog = Callable[[str, str], None]
IsCancelled = Callable[[], bool]


def _never() -> bool:
    return False


def _ignore(*_: Any) -> None:
    pass


class Client:
    """A running backend. Use as a context manager, or call ``close``; a closed client cannot be used again.

    ``call`` may be used any number of times, one after another, from any thread. ``hello`` is what the backend said
    of itself at its start: ``pid``, ``versions``, ``operations``.
    """

    def __init__(
        self,
        python: Path,
        is_cancelled: IsCancelled = _never,
        hello_timeout: float = HELLO_TIMEOUT,
        worker: Path = WORKER,
    ) -> None:
        """Start the backend and wait for its hello. Raises BackendError if it does not come, Cancelled if asked to."""
        self._python = python
        self._keys = itertools.count(1)
        self._calling = threading.Lock()
        self._writing: set[str] = set()
        self._messages: SimpleQueue[Optional[protocol.Message]] = SimpleQueue()
        self._broken: protocol.ProtocolError | None = None
        self._process = self._start(worker)
        self._last_words = LastWords(self._process.stderr)
        self._reader = threading.Thread(target=self._read, name="bitscape-reader", daemon=True)
        self._reader.start()
        try:
            self.hello: dict[str, Any] = self._await_hello(is_cancelled, hello_timeout)
        except BaseException:
            self._kill()
            raise

    @property
    def pid(self) -> int:
        """The process id of the backend."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def call(
        self,
        operation: str,
        request: dict[str, Any],
        on_progress: OnProgress = _ignore,
        on_log: OnLog = _ignore,
        is_cancelled: IsCancelled = _never,
    ) -> dict[str, Any]:
        """Run one operation and return its result.

        ``on_progress`` gets a fraction in [0, 1] and a message, ``on_log`` a message and its level ("info" or
        "warning"); both are called in this thread. Raises the operation's own BitscapeError, Cancelled, or BackendError
        if the process ends in the middle: then the unfinished files it had announced are removed.
        """
        with self._calling:
            key = next(self._keys)
            try:
                self._send({"type": "call", "id": key, "operation": operation, "request": request})
                return self._await_result(key, on_progress, on_log, is_cancelled)
            except BackendError:
                self._kill()
                raise
            except BitscapeError:
                raise
            except BaseException:  # a callback failed: nobody waits for this call any more
                self._kill()
                raise
            finally:
                self._writing.clear()

    def close(self) -> None:
        """End the process: end of its stdin, a short wait, then kill. Harmless if it has ended."""
        self._close_stdin()
        try:
            self._process.wait(CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            pass
        self._kill()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, worker: Path) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {}
        if os.name == "nt":
            options["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            options["start_new_session"] = True  # Ctrl+C is QGIS's: it becomes a cancel, not a dead backend
        try:
            return subprocess.Popen(
                [str(self._python), "-I", str(worker)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=clean_environment(os.environ), **options,
            )
        except OSError as error:
            message = f"The backend's Python {self._python} cannot be started: {error.strerror}."
            raise BackendError(message, str(error)) from error

    def nudge(self) -> None:
        """Have a call that waits in another thread look at once whether it is cancelled, not at its next poll."""
        self._messages.put(protocol.Message({}))

    def _read(self) -> None:
        """In a thread of its own: put every message into the queue, and None when there will be no more."""
        stream = self._process.stdout
        if stream is None:
            raise AssertionError("stdout is a pipe")
        try:
            while True:
                message = protocol.read(stream)
                if message is None:
                    break
                self._messages.put(message)
        except protocol.ProtocolError as error:
            self._broken = error
        except (OSError, ValueError):
            pass
        finally:
            self._messages.put(None)

    def _send(self, head: dict[str, Any]) -> None:
        try:
            data = protocol.encode(head)
        except protocol.ProtocolError as error:
            raise InputError(f"The parameters cannot be sent to the backend: {error}.") from error
        stream = self._process.stdin
        try:
            if stream is None or stream.closed:
                raise BackendError("The backend is closed.")
            stream.write(data)
            stream.flush()
        except OSError as error:
            raise self._ended("had ended before this work began") from error

    def _next(self) -> protocol.Message | None:
        """The next message within one poll, None if there is none yet. Raises BackendError at the end of them."""
        try:
            message = self._messages.get(timeout=POLL)
        except Empty:
            return None
        if message is None:
            self._messages.put(None)
            raise self._ended("ended in the middle of its work")
        return message

    def _await_hello(self, is_cancelled: IsCancelled, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if is_cancelled():
                raise Cancelled
            try:
                message = self._next()
            except BackendError as error:
                if self._broken is not None:
                    raise
                raise BackendError(
                    f"The backend did not start with {self._python}. {self._spoken()} If a module is missing there, "
                    "install requirements/backend.lock into it (in a checkout: make venv).", error.detail,
                ) from error
            if message is not None:
                if message.head.get("type") != "hello":
                    found = repr(message.head)[:500]
                    raise BackendError("The backend did not say hello; is it another program?", found)
                return message.head
        raise BackendError(
            f"The backend did not answer within {timeout:g} seconds of its start with {self._python}. {self._spoken()}",
            self._last_words.text(),
        )

    def _await_result(
        self, key: int, on_progress: OnProgress, on_log: OnLog, is_cancelled: IsCancelled
    ) -> dict[str, Any]:
        deadline: float | None = None
        while True:
            if deadline is None and is_cancelled():
                deadline = time.monotonic() + PATIENCE
                self._send({"type": "cancel", "id": key})
            if deadline is not None and time.monotonic() > deadline:
                self._kill()
                raise Cancelled
            message = self._next()
            if message is None or message.head.get("id") != key:
                continue
            head = message.head
            kind = head.get("type")
            if kind == "progress":
                on_progress(float(head.get("fraction", 0)), str(head.get("message", "")))
            elif kind == "log":
                on_log(str(head.get("message", "")), str(head.get("level", "info")))
            elif kind == "writing":
                self._writing.add(str(head.get("path", "")))
            elif kind == "result":
                return dict(head.get("result", {}))
            elif kind == "error":
                raise from_kind(str(head.get("kind")), str(head.get("message")), str(head.get("detail", "")))

    def _ended(self, when: str) -> BackendError:
        """The error for a process that is gone, with its last words."""
        if self._broken is not None:
            return BackendError(f"The backend sent something that is not Bitscape's protocol: {self._broken}.",
                                self._last_words.text())
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return BackendError(f"The backend {when} ({self._how_it_ended()}). {self._spoken()}", self._last_words.text())

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            reason = "; most likely the memory ran out" if name == "SIGKILL" else ""
            return f"killed by {name}{reason}"
        return f"exit code {code}"

    def _spoken(self) -> str:
        text = self._last_words.summary()
        return f"Its last words: {text}" if text else "It left no message."

    def _close_stdin(self) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
        except OSError:
            pass

    def _kill(self) -> None:
        """Make sure that the process is gone, with what it left unfinished, its pipes and our threads."""
        self._close_stdin()
        if self.alive:
            self._process.kill()
        self._process.wait()
        self._reader.join(CLOSE_TIMEOUT)
        self._last_words.join(CLOSE_TIMEOUT)
        self._hear_announcements()
        for path in list(self._writing):  # a copy: closing and the call that it ends both come here
            _remove_unfinished(Path(path))
        self._writing.clear()
        for stream, thread in ((self._process.stdout, self._reader), (self._process.stderr, self._last_words.thread)):
            if stream is not None and not thread.is_alive():
                stream.close()

    def _hear_announcements(self) -> None:
        """Unfinished files that were announced, but not looked at, before the end."""
        while True:
            try:
                message = self._messages.get_nowait()
            except Empty:
                break
            if message is not None and message.head.get("type") == "writing":
                self._writing.add(str(message.head.get("path", "")))
        self._messages.put(None)


def _remove_unfinished(path: Path) -> None:
    """Remove a file the backend had announced as unfinished, and nothing else."""
    if ".partial" in path.name:
        try:
            path.unlink()
        except OSError:
            pass
