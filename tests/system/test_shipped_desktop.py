"""The shipped models in the real desktop, and models of other kinds, and a batch (shipped_walk.py)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.scripts import headless_qgis
from bitscape.tests.system import onnx_models
from bitscape.tests.system.desktop import Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import write_raster

SIZES = {"laptop": (1366, 768), "large": (1900, 1150)}
CELL = 16


def lights(path: Path) -> Path:
    """Three bright squares on dark ground."""
    picture = np.full((1, 320, 400), 20, np.uint8)
    for row, column in ((2, 3), (10, 20), (17, 9)):
        picture[0, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = 230
    return write_raster(path, picture)


@pytest.fixture(scope="module", params=SIZES)
def walk(qgis: Qgis, shared_data: Path, tmp_path_factory: pytest.TempPathFactory, request: Any) -> Any:
    """What the robot saw, with ``folder`` and ``prefix``."""
    folder, models = tmp_path_factory.mktemp("shipped"), tmp_path_factory.mktemp("models")
    for name in ("roads.onnx", "water.onnx"):
        shutil.copy(headless_qgis.ROOT / "models" / name, models)
    onnx_models.build(models / "lights.onnx", "detectors.bright_cells(path, 'YOLO_Ultralytics')")
    onnx_models.build(models / "finer.onnx", "models.superresolution(path, channels=1, factor=4)")
    data = qgis.succeed("createsampledata", SIZE=512, SEED=3, YEARS="2020,2024", OUTPUT=folder / "data")
    naip = Path(shutil.copy(shared_data / "chesapeake_rsc" / "2762_image.tif", folder / "naip_2762.tif"))
    season = Path(shutil.copy(shared_data / "s2_seasonal" / "ssl4eos12_0121563_1.tif", folder / "season.tif"))
    desktop = Desktop(
        qgis.environment, folder, "shipped_walk.py", SIZES[request.param], naip=naip, season=season, models=models,
        sentinel=Path(data["SENTINEL2"][-1]), lights=lights(folder / "lights.tif"), size=SIZES[request.param],
        prefix=f"shipped_{request.param}")
    return {**desktop.finish(500), "out": folder, "prefix": f"shipped_{request.param}"}


def test_nothing_went_wrong(walk: dict[str, Any], qgis: Qgis) -> None:
    print(walk)
    assert walk["exceptions"] == [] and walk["steps"] == ["done"]
    assert [entry for entry in walk["messages"] if entry[0] == "Python error"] == []
    assert eventually(lambda: not qgis.backends(), 5), "a backend has outlived QGIS"
