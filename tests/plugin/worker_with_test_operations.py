"""The real worker with a few operations more, which misbehave in the ways a client must survive. Run by path."""

from __future__ import annotations

import faulthandler
import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def load_worker() -> ModuleType:
    """processing/worker.py, as the plugin starts it: by its path."""
    spec = importlib.util.spec_from_file_location("bitscape_worker", ROOT / "processing" / "worker.py")
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    worker.register_package()
    return worker


def misbehave() -> None:
    """Add the operations."""
    from bitscape.processing import operations
    from bitscape.processing.errors import InputError

    class Asked(operations.Request):
        path: str = ""
        seconds: float = 0.0

    class Done(operations.Result):
        pid: int

    def chatter(request: Asked, progress: Any) -> Done:
        print('{"type": "result", "id": 1, "result": {"pid": -1}, "protocol": 1}', flush=True)
        os.write(1, b"raw bytes from a library\n" * 5000)
        os.write(2, b"x" * 200_000)
        progress.warn("mind the gap")
        for step in range(5):
            progress.report(step / 5, f"step {step}")
        return Done(pid=os.getpid())

    def stubborn(request: Asked, progress: Any) -> Done:
        Path(request.path).write_text("half")
        progress.writing(request.path)
        progress.report(0.5, "not listening")
        time.sleep(request.seconds)
        return Done(pid=os.getpid())

    def obedient(request: Asked, progress: Any) -> Done:
        if request.path:
            with Path(request.path).open("a") as runs:
                runs.write(f"{os.getpid()}\n")
        deadline = time.monotonic() + request.seconds
        while time.monotonic() < deadline:
            progress.report(0.5, "listening")
            time.sleep(0.02)
        return Done(pid=os.getpid())

    def refuse(request: Asked, progress: Any) -> Done:
        raise InputError("not today")

    def crash(request: Asked, progress: Any) -> Done:
        Path(request.path).write_text("half")
        progress.writing(request.path)
        print("GDAL: something terrible about to happen", file=sys.stderr, flush=True)
        faulthandler.enable()
        faulthandler._sigsegv()
        raise AssertionError("still alive")

    module = ModuleType("bitscape.processing.misbehaving")
    for function in (chatter, stubborn, obedient, refuse, crash):
        setattr(module, function.__name__, function)
        operations.OPERATIONS[function.__name__] = operations.Operation("misbehaving", function.__name__, "Asked")
    module.Asked = Asked
    sys.modules[module.__name__] = module


if __name__ == "__main__":
    real = load_worker()
    misbehave()
    real.main()
