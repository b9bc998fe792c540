"""The tab Models in the real desktop: a model is picked, previewed, run, and its result used (models_walk.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bitscape.tests.plugin.models.scene import make_models
from bitscape.tests.system.demo import BACKEND_PYTHON
from bitscape.tests.system.desktop import SCREENSHOTS, Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import pixels
from osgeo import gdal

SIZES = {"laptop": (1366, 768), "large": (1900, 1150)}


@pytest.fixture(scope="module", params=SIZES)
def walk(qgis: Qgis, tmp_path_factory: pytest.TempPathFactory, request: Any) -> Any:
    """What the robot saw, with ``raster``."""
    folder = tmp_path_factory.mktemp("walk")
    data = qgis.succeed("createsampledata", SIZE=512, SEED=3, YEARS="2020,2024", OUTPUT=folder / "data")
    raster = Path(data["SENTINEL2"][-1])
    models = make_models(Path(BACKEND_PYTHON), folder / "models")
    desktop = Desktop(
        qgis.environment, folder, "models_walk.py", SIZES[request.param], raster=raster, models=models,
        size=SIZES[request.param], prefix=f"models_{request.param}")
    return {**desktop.finish(400), "raster": raster, "prefix": f"models_{request.param}"}


def test_nothing_went_wrong(walk: dict[str, Any], qgis: Qgis) -> None:
    assert walk["exceptions"] == [] and walk["steps"] == ["used", "unloaded"]
    assert [entry for entry in walk["messages"] if entry[0] == "Python error"] == []
    assert eventually(lambda: not qgis.backends(), 5), "a backend has outlived QGIS"


def test_what_a_model_does_not_say_is_asked_and_what_it_says_is_not(walk: dict[str, Any]) -> None:
    assert walk["asked"] and not walk["asked_again"]


def test_where_it_runs_is_said_before_during_and_after(walk: dict[str, Any]) -> None:
    assert "Runs on the CPU" in walk["runs_on"] and "Runs on the CPU" in walk["cost"]
    assert "It ran on CPU" in walk["preview_words"] and "It ran on CPU" in walk["done"]


def test_cancel_is_seen_where_users_look(walk: dict[str, Any]) -> None:
    assert walk["cancel_visible"] and walk["run_cancel_visible"]


def test_the_preview_follows_and_goes_again(walk: dict[str, Any]) -> None:
    assert walk["followed"] >= 1 and walk["removed"] and walk["after_unload"] == []


def test_results_lie_in_one_group_and_on_the_disk(walk: dict[str, Any]) -> None:
    assert walk["tree"][0] == "Model results"
    assert [name.split(":")[0].strip() for name in walk["tree"][1:4]] == ["Polygons", "Confidence", "Classes"]
    made = walk["raster"].with_name(f"{walk['raster'].stem}_cover_classes.tif")
    data, source = gdal.Open(str(made)), gdal.Open(str(walk["raster"]))
    assert data.GetGeoTransform() == source.GetGeoTransform()
    assert "run bitscape:segmentraster" in walk["command"]


def test_water_becomes_areas_and_labels(walk: dict[str, Any]) -> None:
    assert "of interest now" in walk["areas"], walk["areas"]
    assert "labels of water placed" in walk["labels"], walk["labels"]
    assert "Labels from" in walk["undo"]


def test_the_batch_form_opens_beside_the_window(walk: dict[str, Any]) -> None:
    assert any("Batch" in title for title in walk["dialogs"]), walk["dialogs"]


def test_using_it_does_not_block(walk: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """What the main thread computes counts, so that a busy machine is not taken for us. Building the form, and loading
    results into the layer tree, may each take longer once."""
    long, where = walk["blocked"]
    with capsys.disabled():
        print(f"\nPauses (ms, of which computed): {[(round(a), round(b)) for a, b in long]}\n{where}")
    worked = [worked for _, worked in long]
    assert len([one for one in worked if one > 50]) <= 4 and max(worked, default=0) < 250, f"{long}\n{where}"


def test_pictures_show_something(walk: dict[str, Any]) -> None:
    for name in ("nothing", "form", "form_below", "card", "card_whole", "preview", "follow", "cleared", "cost",
                 "running", "done", "used", "label", "dark", "dark_form", "dark_run"):
        assert pixels(SCREENSHOTS / f"{walk['prefix']}_{name}.png")[:3].std() > 10, name
