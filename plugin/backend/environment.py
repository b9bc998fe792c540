"""Where the backend's Python is, and the environment it is started with."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ...processing.errors import BackendError

ROOT = Path(__file__).resolve().parents[2]
"""The plugin folder, which in development is the checkout."""

WORKER = ROOT / "processing" / "worker.py"
VARIABLE = "BITSCAPE_PYTHON"

FOREIGN_PREFIXES = (
    "PYTHON", "GDAL_", "OGR_", "OSR_", "CPL_", "PROJ_", "GEOTIFF_", "GEOS_", "QT_", "QML", "QGIS", "DYLD_", "LD_",
    "GRASS", "GISBASE", "O4W_", "OSGEO4W", "VSI_", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "CONDA_",
)
"""Variables that QGIS or its launcher sets for its own libraries and that would break the backend's."""

HOW_TO_GET_IT = (
    "Run 'make venv' in the folder {root}, or name a Python that has requirements/backend.lock installed: "
    "in Settings → Options → Processing → Providers → Bitscape, or in the environment variable {variable}."
)


def find_python(chosen: str, environ: Mapping[str, str], checkout: Path, managed: Path) -> Path:
    """The Python that runs the backend: chosen in the settings, named by BITSCAPE_PYTHON, the checkout's .venv, or the
    one managed in the QGIS profile. Raises BackendError that says what is missing and how to get it; what was named
    explicitly and is not there is an error, never passed over."""
    how = HOW_TO_GET_IT.format(root=checkout, variable=VARIABLE)
    named = ((chosen.strip(), "the setting 'Python of the backend'"), (environ.get(VARIABLE, "").strip(), VARIABLE))
    for value, source in named:
        if value:
            path = Path(value).expanduser()
            if _is_executable(path):
                return path.absolute()
            raise BackendError(f"The backend's Python named by {source} is not there: {value}. {how}")
    for folder in (checkout / ".venv", managed):
        path = python_in(folder)
        if _is_executable(path):
            return path
    raise BackendError(f"Bitscape computes in a Python of its own, which is not installed yet. {how}")


def backend_python() -> Path:
    """The backend's Python by this user's settings, environment and profile. Raises BackendError."""
    from qgis.core import QgsApplication

    from .. import settings

    managed = Path(QgsApplication.qgisSettingsDirPath()) / "bitscape" / "backend"
    return find_python(str(settings.read(settings.BACKEND_PYTHON)), os.environ, ROOT, managed)


def python_in(folder: Path) -> Path:
    """Where a virtual environment keeps its interpreter."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what QGIS set for itself, so that the backend loads its own libraries and data.

    The user's own surroundings (home, language, proxies, temporary folder, number of threads) stay.
    """
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(FOREIGN_PREFIXES)}
    osgeo4w = environ.get("OSGEO4W_ROOT")
    if osgeo4w and "PATH" in kept:  # its DLLs must not be found before the wheels' own
        inside = os.path.normcase(osgeo4w)
        entries = (entry for entry in kept["PATH"].split(os.pathsep) if not os.path.normcase(entry).startswith(inside))
        kept["PATH"] = os.pathsep.join(entries)
    return kept


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
