"""The backend process: reads calls from stdin, runs operations, answers on stdout (see protocol.py).

Started by path (``python -I …/processing/worker.py``): it registers the package ``bitscape`` from its own folder and
leaves sys.path alone, because a bare ``processing`` on it would shadow QGIS's package of that name.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from .protocol import Message

ROOT = Path(__file__).resolve().parent.parent
ORPHANED = 3


def register_package() -> None:
    """Make ``import bitscape`` mean the folder this file is in."""
    if "bitscape" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "bitscape", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{ROOT} is not the Bitscape plugin folder")
    package: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["bitscape"] = package
    spec.loader.exec_module(package)


class Worker:
    """One connection: a thread reads messages, the main thread runs one call after another."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies
        self._lock = threading.Lock()
        self._calls: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._progress: dict[Any, Any] = {}

    def serve(self) -> None:
        """Say hello and serve until stdin ends, which ends the process."""
        from bitscape.processing import operations
        from bitscape.processing.environment import device, versions
        from bitscape.processing.errors import BitscapeError
        from bitscape.processing.progress import Progress

        self.send({
            "type": "hello", "pid": os.getpid(), "versions": versions(), "device": device(),
            "executable": sys.executable, "operations": [*operations.OPERATIONS],
        })
        threading.Thread(target=self._listen, args=(Progress,), daemon=True).start()
        while True:
            call = self._calls.get()
            key, progress = call["id"], self._progress[call["id"]]
            try:
                result = operations.run(call["operation"], call["request"], progress)
                self.send({"type": "result", "id": key, "result": result})
            except BitscapeError as error:
                self.send_error(key, error.kind, error.message, error.detail)
            except MemoryError:
                self.send_error(
                    key, "error", "The memory of this computer is not enough for this.", traceback.format_exc()
                )
            except Exception as error:
                message = f"Something went wrong inside Bitscape: {type(error).__name__}: {error}"
                self.send_error(key, "error", message, traceback.format_exc())
            finally:
                self._progress.pop(key, None)

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send one message; a reader that is gone ends the process."""
        from bitscape.processing import protocol

        data = protocol.encode(head, body)
        try:
            with self._lock:
                self._replies.write(data)
                self._replies.flush()
        except OSError:
            self._leave()

    def send_error(self, key: Any, kind: str, message: str, detail: str) -> None:
        """Answer a call with an error."""
        self.send({"type": "error", "id": key, "kind": kind, "message": message, "detail": detail})

    def _listen(self, progress_type: Any) -> None:
        from bitscape.processing import protocol

        while True:
            try:
                message = protocol.read(self._requests)
            except (protocol.ProtocolError, OSError) as error:
                print(f"bitscape: {error}", file=sys.stderr, flush=True)
                message = None
            if message is None:
                self._leave()
                return
            self._accept(message, progress_type)

    def _accept(self, message: Message, progress_type: Any) -> None:
        head = message.head
        key = head.get("id")
        if head.get("type") == "cancel":
            if key in self._progress:
                self._progress[key].cancel()
        elif (
            head.get("type") == "call"
            and isinstance(key, (int, str))
            and key not in self._progress
            and isinstance(head.get("operation"), str)
            and isinstance(head.get("request"), dict)
        ):
            self._progress[key] = progress_type(
                lambda fraction, text: self.send(
                    {"type": "progress", "id": key, "fraction": fraction, "message": text}
                ),
                lambda text, level: self.send({"type": "log", "id": key, "message": text, "level": level}),
                lambda path: self.send({"type": "writing", "id": key, "path": path}),
            )
            self._calls.put(head)
        else:
            self.send_error(key, "error", "A message the backend does not understand.", repr(head)[:500])

    def _leave(self) -> None:
        from bitscape.processing.outputs import remove_partials

        remove_partials()
        os._exit(ORPHANED)


def main() -> None:
    """Give the protocol its own copy of stdout, point fd 1 at stderr, and serve."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0x10000)
    os.dup2(2, 1)
    register_package()
    from bitscape.processing.environment import prepare

    prepare()
    Worker(sys.stdin.buffer, replies).serve()


if __name__ == "__main__":
    main()
