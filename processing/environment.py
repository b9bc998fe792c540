"""The process's own surroundings: where compiled kernels are kept, which versions are here."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
import sys
from importlib import metadata
from pathlib import Path

from .executors import cores

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("numpy", "numba", "rasterio", "scikit-learn")
MISSING = "missing"
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn")
"""What models run on, where one is installed: builds for other devices have names of their own."""


def prepare() -> None:
    """Set up this process before numba or GDAL is imported: kernel cache, one BLAS thread, a bounded block cache."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernel_cache()))
    os.environ.setdefault("MPLCONFIGDIR", os.environ["NUMBA_CACHE_DIR"])  # where it keeps its list of fonts
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("GDAL_PAM_ENABLED", "NO")
    os.environ.setdefault("GDAL_CACHEMAX", "192")


def kernel_cache() -> Path:
    """A folder of this user alone (mode 0700) for compiled kernels, by versions and place: its files are pickles.

    Falls back to a fresh private temporary folder where the home is not writable or the folder is not ours.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~")) / ".cache")
    place = hashlib.blake2b(str(ROOT).encode(), digest_size=4).hexdigest()
    key = f"{bitscape_version()}-py{platform.python_version()}-numba{_version('numba')}-{place}"
    folder = base / "bitscape" / "kernels" / key
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        ours = not hasattr(os, "getuid") or (
            status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        )
        if ours and os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    import tempfile

    return Path(tempfile.mkdtemp(prefix="bitscape-kernels-"))


def kernels_are_compiled() -> bool:
    """Whether an earlier run has left compiled kernels; without them the first run takes some seconds longer."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return folder is None or (Path(folder).is_dir() and any(Path(folder).iterdir()))


def bitscape_version() -> str:
    """The version in metadata.txt."""
    text = (ROOT / "metadata.txt").read_text(encoding="utf-8")
    found = re.search(r"^version=(.+)$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError("metadata.txt has no version")
    return found.group(1).strip()


def versions() -> dict[str, str]:
    """Versions that matter for a result, by name. Packages are not imported for it."""
    runtimes = {name: _version(name) for name in RUNTIMES}
    return {
        "bitscape": bitscape_version(),
        "python": platform.python_version(),
        **{name: _version(name) for name in SHOWN},
        **{name: version for name, version in runtimes.items() if version != MISSING},
    }


def device() -> dict[str, str | int]:
    """What computes: ``name``, and the ``cores`` of it that this process may use. Nothing here runs on a GPU."""
    return {"name": "CPU", "cores": cores()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING
