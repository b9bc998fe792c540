"""Finding the backend's Python, and the environment it gets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from bitscape.plugin import settings
from bitscape.plugin.backend.environment import clean_environment, find_python, python_in
from bitscape.processing.errors import BackendError


def make_python(folder: Path) -> Path:
    path = python_in(folder)
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_setting_before_variable_before_checkout_before_managed(tmp_path: Path) -> None:
    managed, checkout = tmp_path / "managed", tmp_path / "checkout"
    with pytest.raises(BackendError, match=rf"not installed yet.*make venv.*{checkout}.*BITSCAPE_PYTHON"):
        find_python("", {}, checkout, managed)
    found = [make_python(folder) for folder in (managed, checkout / ".venv", tmp_path / "a", tmp_path / "b")]
    assert find_python("", {}, tmp_path / "elsewhere", managed) == found[0]
    assert find_python("", {}, checkout, managed) == found[1]
    environ = {"BITSCAPE_PYTHON": str(found[2])}
    assert find_python("", environ, checkout, managed) == found[2]
    assert find_python(f" {found[3]} ", environ, checkout, managed) == found[3]


def test_a_named_python_that_is_missing_is_never_passed_over(tmp_path: Path) -> None:
    make_python(tmp_path / ".venv")
    with pytest.raises(BackendError, match="named by BITSCAPE_PYTHON is not there: /nowhere/python"):
        find_python("", {"BITSCAPE_PYTHON": "/nowhere/python"}, tmp_path, tmp_path)
    with pytest.raises(BackendError, match="named by the setting"):
        find_python(str(tmp_path), {}, tmp_path, tmp_path)


def test_nothing_of_qgis_reaches_the_backend_and_the_users_own_does(backend_python: Path) -> None:
    foreign = {
        "PYTHONPATH": "/usr/share/qgis/python", "PYTHONHOME": "/usr", "PYTHONSTARTUP": "x.py",
        "GDAL_DATA": "/usr/share/gdal", "GDAL_DRIVER_PATH": "/x", "PROJ_LIB": "/x", "PROJ_DATA": "/x",
        "QT_QPA_PLATFORM": "offscreen", "QT_PLUGIN_PATH": "/x", "LD_LIBRARY_PATH": "/usr/lib/qgis",
        "LD_PRELOAD": "", "DYLD_LIBRARY_PATH": "/x",
        "QGIS_PREFIX_PATH": "/usr", "OGR_ENABLE_PARTIAL_REPROJECTION": "YES", "VIRTUAL_ENV": "/x", "CPL_DEBUG": "ON",
    }
    own = {"HTTPS_PROXY": "http://proxy:3128", "NUMBA_NUM_THREADS": "2", "LC_ALL": "C.UTF-8"}
    cleaned = clean_environment({**os.environ, **foreign, **own})
    done = subprocess.run(
        [str(backend_python), "-I", "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
        env=cleaned, capture_output=True, text=True, check=True,
    )
    seen = json.loads(done.stdout)
    assert not set(foreign) & set(seen)
    assert {name: seen.get(name) for name in own} == own
    assert seen["PATH"] == os.environ["PATH"]


def test_osgeo4w_leaves_the_path() -> None:
    path = os.pathsep.join(["/osgeo4w/bin", "/windows", "/osgeo4w/apps/qgis/bin"])
    assert clean_environment({"OSGEO4W_ROOT": "/osgeo4w", "PATH": path}) == {"PATH": "/windows"}


def test_settings_keep_their_type_and_survive_nonsense() -> None:
    assert settings.read(settings.THREADS) == 0
    settings.write(settings.THREADS, 3)
    assert settings.read(settings.THREADS) == 3
    settings.QgsSettings().setValue(settings.PREFIX + settings.THREADS.key, "many")
    assert settings.read(settings.THREADS) == 0
    assert settings.read(settings.BACKEND_PYTHON) == ""
