"""QGIS without a window: finds its programs, gives them a profile of their own, runs algorithms through qgis_process.

Standard library only and Python 3.9. Nothing of the user's own QGIS profile is read or written.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLEARED = ("PYTHON", "QT_", "GDAL_", "PROJ_")
SETTINGS = """[PythonPlugins]
bitscape=true
processing=true

[qgis]
checkVersion=false
showTips=false
"""


class QgisNotFound(Exception):
    """There is no QGIS where it was looked for."""


@dataclass(frozen=True)
class Outcome:
    """How one run of qgis_process ended. ``results`` is what it printed as JSON, empty on failure."""

    code: int
    results: dict[str, Any]
    stdout: str
    stderr: str
    seconds: float
    log: dict[str, Any] = field(default_factory=dict)


def qgis_process() -> str:
    """The path of qgis_process. Raises QgisNotFound."""
    places = [os.environ.get("QGIS_PROCESS"), shutil.which("qgis_process")]
    places += [str(path) for path in Path("/Applications").glob("QGIS*.app/Contents/MacOS/bin/qgis_process")]
    for place in places:
        if place and os.access(place, os.X_OK):
            # Debian's 3.22 wrapper passes an option that its own binary refuses.
            return f"{place}.bin" if os.access(f"{place}.bin", os.X_OK) else place
    raise QgisNotFound("no qgis_process on the PATH; `make demo` installs QGIS where there is apt")


def profile(folder: Path) -> dict[str, str]:
    """An environment in which QGIS uses a profile in ``folder`` (made if missing) with the plugin enabled."""
    settings = folder / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(SETTINGS, encoding="utf-8")
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(CLEARED)}
    return {
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(runtime),
        **clean,
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_CUSTOM_CONFIG_PATH": str(folder),
        "QGIS_PLUGINPATH": str(ROOT / "build" / "plugins"),
    }


def arguments(algorithm: str, parameters: Mapping[str, Any]) -> list[str]:
    """The command line that runs ``algorithm``; a list is given as its parameter repeated."""
    command = [qgis_process(), "--json", "run", algorithm]
    for name, value in parameters.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        command.extend(f"--{name}={item}" for item in items)
    return command


def run(
    algorithm: str, parameters: Mapping[str, Any], environment: Mapping[str, str], timeout: float = 300
) -> Outcome:
    """Run ``algorithm`` to its end. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""
    started = time.monotonic()
    done = subprocess.run(
        arguments(algorithm, parameters),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    printed = json.loads(stdout) if done.returncode == 0 else {}
    return Outcome(
        done.returncode,
        printed.get("results", {}),
        stdout,
        stderr,
        time.monotonic() - started,
        printed.get("log", {}),
    )
