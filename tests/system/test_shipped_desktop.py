"""The shipped models in the real desktop, and models of other kinds, and a batch (shipped_walk.py)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.scripts import headless_qgis
from bitscape.tests.system import onnx_models
from bitscape.tests.system.desktop import SCREENSHOTS, Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import pixels, write_raster

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
    assert walk["exceptions"] == [] and walk["steps"] == ["done"]
    assert [entry for entry in walk["messages"] if entry[0] == "Python error"] == []
    assert eventually(lambda: not qgis.backends(), 5), "a backend has outlived QGIS"


def test_shipped_models_are_in_the_list(walk: dict[str, Any]) -> None:
    assert {"roads (comes with Bitscape)", "water (comes with Bitscape)"} <= set(walk["shipped"])


def test_the_preview_is_seen_without_scrolling(walk: dict[str, Any]) -> None:
    """With a long card, on a screen of 768 pixels."""
    assert walk["preview_at"] <= walk["viewport"], f"{walk['preview_at']} of {walk['viewport']}"


def test_roads_become_areas_and_labels(walk: dict[str, Any]) -> None:
    assert "naip_2762_roads_polygons.gpkg" in walk["roads"] and "It ran on CPU" in walk["roads"]
    areas, labels = walk["roads_use"]
    assert "areas of road are areas of interest now" in areas and "50 labels of road placed" in labels


def test_water_is_found_in_what_says_its_bands_and_in_what_does_not(walk: dict[str, Any]) -> None:
    for name in ("data/sentinel2_2024_water_classes.tif", "season_water_classes.tif"):
        classes = pixels(walk["out"] / name)[0]
        assert 0.01 < (classes == 1).sum() / (classes != 255).sum() < 0.7, name


def test_detectors_and_finer_pictures_run_from_the_tab(walk: dict[str, Any]) -> None:
    assert "lights_lights.gpkg" in walk["lights"] and "lights_finer.tif" in walk["finer"]
    assert "labels of it" not in walk["lights"] + walk["finer"], "these cannot be made labels of"
    assert pixels(walk["out"] / "lights_finer.tif").shape[1:] == (1280, 1600)


def test_a_batch_of_two_is_loaded_and_drawn_by_its_classes(walk: dict[str, Any]) -> None:
    assert walk["batch"] == {
        f"batch_{row}_{name}": labels for row in range(2)
        for name, labels in (("output.tif", ["other", "road"]), ("polygons.gpkg", ["road"]))}


def test_rasters_are_not_tried_as_vectors(walk: dict[str, Any]) -> None:
    assert [entry for entry in walk["messages"] if entry[0] == "OGR"] == []


def test_using_roads_does_not_block(walk: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """What the main thread computes counts. Loading three results at once, and importing areas, may take longer."""
    long = [(worked, where) for worked, where in walk["blocked"] if "in add\n" not in where]
    with capsys.disabled():
        print(f"\nComputed in pauses (ms): {[worked for worked, _ in long]}")
    assert len([worked for worked, _ in long if worked > 50]) <= 4, long
    assert max((worked for worked, _ in long), default=0) < 250, long


def test_pictures_show_something(walk: dict[str, Any]) -> None:
    for name in ("roads_card", "roads_whole", "roads_preview", "roads_done", "roads_map", "roads_used", "roads_near",
                 "sentinel_done", "season_done", "lights_done", "finer_done", "batch", "batch_done", "batch_map",
                 "dark", "dark_whole"):
        assert pixels(SCREENSHOTS / f"{walk['prefix']}_{name}.png")[:3].std() > 5, name
