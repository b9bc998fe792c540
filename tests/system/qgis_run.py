"""The real qgis_process in a profile of its own, and what became of the backends it started."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bitscape.scripts import headless_qgis
from bitscape.scripts.headless_qgis import Outcome

MARK = "BITSCAPE_TEST_MARK"
T = TypeVar("T")


class Qgis:
    """qgis_process in a private profile; its children are found by a mark in their environment."""

    def __init__(self, folder: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.environment = {**headless_qgis.profile(folder), MARK: self.mark}

    def run(self, algorithm: str, timeout: float = 120, **parameters: Any) -> Outcome:
        """Run ``bitscape:<algorithm>`` to its end."""
        return headless_qgis.run(f"bitscape:{algorithm}", parameters, self.environment, timeout)

    def succeed(self, algorithm: str, timeout: float = 120, **parameters: Any) -> dict[str, Any]:
        """Run and require success; the results."""
        outcome = self.run(algorithm, timeout, **parameters)
        assert outcome.code == 0, outcome.stderr
        return outcome.results

    def fail(self, algorithm: str, timeout: float = 120, **parameters: Any) -> str:
        """Run and require the failure that a user can read: exit code 1, nothing on stdout. What stderr said."""
        outcome = self.run(algorithm, timeout, **parameters)
        assert outcome.code == 1, f"exit code {outcome.code}\n{outcome.stdout}\n{outcome.stderr}"
        assert outcome.stdout.strip() == ""
        assert "Traceback" not in outcome.stderr, outcome.stderr
        return outcome.stderr

    def start(self, algorithm: str, **parameters: Any) -> subprocess.Popen[str]:
        """Start ``bitscape:<algorithm>`` and go on."""
        return subprocess.Popen(
            headless_qgis.arguments(f"bitscape:{algorithm}", parameters),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )

    def backends(self) -> list[int]:
        """Process ids of the living backends that this profile's QGIS started."""
        mark = f"{MARK}={self.mark}".encode()
        workers = [one for one in Path("/proc").glob("[0-9]*") if b"worker.py" in _read(one / "cmdline")]
        return [int(one.name) for one in workers if mark in _read(one / "environ")]

    def wait_for_backend(self, process: subprocess.Popen[str], timeout: float = 30) -> int:
        """The process id of the one backend that ``process`` started."""
        found = eventually(lambda: self.backends() or process.poll() is not None, timeout)
        assert found and process.poll() is None, process.communicate(timeout=10)
        (backend,) = self.backends()
        return backend


def _read(path: Path) -> bytes:
    """A file of /proc; nothing if its process has ended or is another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def eventually(condition: Callable[[], T], timeout: float) -> T:
    """The first true value of ``condition()`` within ``timeout`` seconds, else its last value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value
