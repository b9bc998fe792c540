"""Whether a Python can be the backend's, found out by starting the backend with it; and if not, why not, in words."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from ...processing.errors import BackendError, Cancelled
from ..translation import tr
from .client import POLL, Client
from .environment import ROOT, clean_environment, python_in

OLDEST = (3, 11)
MODULES = {
    "numpy": "numpy", "numba": "numba", "rasterio": "rasterio", "pyarrow": "pyarrow", "pyogrio": "pyogrio",
    "shapely": "shapely", "scikit-learn": "sklearn", "scipy": "scipy", "pyproj": "pyproj", "matplotlib": "matplotlib",
    "jinja2": "jinja2", "onnxruntime": "onnxruntime", "obstore": "obstore", "pydantic": "pydantic",
}
"""The packages of requirements/backend.txt and what they are imported as."""

PROBE_TIMEOUT = 60.0
"""Seconds; a first import from a cold or network disk takes long."""

PROBE = """
import json, sys
missing, broken = [], []
for package, module in json.loads(sys.argv[1]) if sys.version_info[:2] >= tuple(json.loads(sys.argv[2])) else ():
    try:
        __import__(module)
    except ImportError as error:
        if getattr(error, "name", None) == module:
            missing.append(package)
        else:
            broken.append("%s (%s)" % (package, error))
    except Exception as error:
        broken.append("%s (%s: %s)" % (package, type(error).__name__, error))
print(json.dumps({"version": list(sys.version_info[:3]), "missing": missing, "broken": broken}))
"""
"""Runs in any Python, however old, and really imports: what is there may still be broken."""


def diagnose(python: Path, is_cancelled: Callable[[], bool]) -> dict[str, Any]:
    """Start the backend with ``python`` and end it again; what it said of itself (as ``Client.hello``).

    Raises BackendError with the reason: not there, not a program, not Python, older than 3.11, packages missing (by
    name) or broken, no answer; its detail is the command that helps, where there is one. Raises Cancelled. Takes
    seconds: not for the window's thread.
    """
    _require_program(python)
    found = _probe(python, is_cancelled)
    version = tuple(found["version"])
    if version[:2] < OLDEST:
        message = tr("{0} is Python {1}; Bitscape's backend needs {2} or newer.")
        raise BackendError(message.format(python, _dotted(version), _dotted(OLDEST)))
    remedy = f'"{python}" -m pip install -r "{ROOT / "requirements" / "backend.lock"}"'
    if found["missing"]:
        message = tr("{0} (Python {1}) lacks {2}. Install requirements/backend.lock into it, or choose another.")
        raise BackendError(message.format(python, _dotted(version), ", ".join(found["missing"])), remedy)
    if found["broken"]:
        message = tr("In {0} (Python {1}) packages are broken: {2}. Install requirements/backend.lock into it anew, "
                     "or choose another.")
        raise BackendError(message.format(python, _dotted(version), "; ".join(found["broken"])), remedy)
    with Client(python, is_cancelled) as client:
        return dict(client.hello)


def interpreter(chosen: str) -> Path:
    """The interpreter meant by what was chosen: the program itself, or a virtual environment's folder. Its links are
    not followed: they make the environment."""
    path = Path(chosen.strip()).expanduser().absolute()
    return python_in(path) if path.is_dir() and python_in(path).is_file() else path


def _require_program(python: Path) -> None:
    if python.is_dir():
        message = tr("{0} is a folder without a Python in it. Choose the interpreter itself.")
    elif not python.exists():
        message = tr("{0} does not exist.")
    elif not os.access(python, os.X_OK):
        message = tr("{0} is not executable, so it is no Python interpreter, or not yours to run.")
    else:
        return
    raise BackendError(message.format(python))


def _probe(python: Path, is_cancelled: Callable[[], bool]) -> dict[str, Any]:
    """What the interpreter says of its version and packages."""
    options: dict[str, Any] = {"creationflags": subprocess.CREATE_NO_WINDOW} if os.name == "nt" else {}
    command = [str(python), "-I", "-c", PROBE, json.dumps(list(MODULES.items())), json.dumps(OLDEST)]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(os.environ), **options,
        )
    except OSError as error:
        message = tr("{0} cannot be started: {1}.")
        raise BackendError(message.format(python, error.strerror or error), str(error)) from error
    printed, said = _await(process, python, is_cancelled)
    try:
        lines = printed.decode(errors="replace").strip().splitlines()
        found = json.loads(lines[-1])
        return {"version": [int(part) for part in found["version"]], "missing": [*map(str, found["missing"])],
                "broken": [*map(str, found["broken"])]}
    except (IndexError, KeyError, TypeError, ValueError) as error:
        last = said.decode(errors="replace").strip()
        ending = tr(" Its last words: {0}").format(" / ".join(last.splitlines()[-3:])[-300:]) if last else ""
        if process.returncode < 0:
            message = tr("{0} broke down while it loaded Bitscape's packages (signal {1}).")
            raise BackendError(message.format(python, -process.returncode) + ending, last) from error
        message = tr("{0} did not answer as Python 3 does (exit code {1}).")
        raise BackendError(message.format(python, process.returncode) + ending, last) from error


def _await(
    process: subprocess.Popen[bytes], python: Path, is_cancelled: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """All it writes; it is ended if it takes too long or is not wanted any more."""
    deadline = time.monotonic() + PROBE_TIMEOUT
    while time.monotonic() < deadline and not is_cancelled():
        written = _within_a_poll(process)
        if written is not None:
            return written
    process.kill()
    process.communicate()
    if is_cancelled():
        raise Cancelled
    raise BackendError(tr("{0} did not answer within {1:g} seconds.").format(python, PROBE_TIMEOUT))


def _within_a_poll(process: subprocess.Popen[bytes]) -> Optional[tuple[bytes, bytes]]:
    try:
        return process.communicate(timeout=POLL)
    except subprocess.TimeoutExpired:
        return None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
