"""The shipped models through the real qgis_process over real data: maps, polygons, two runs one after the other; and
through Processing as the Toolbox runs it, with layers loaded and drawn by their classes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bitscape.scripts import headless_qgis
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from osgeo import gdal, ogr

MODELS = headless_qgis.ROOT / "models"
ROAD, HIDDEN_ROAD, NO_MASK = 9, 12, 255
TOOLBOX = Path(__file__).with_name("toolbox_run.py")


def test_roads_of_two_images_with_polygons(qgis: Qgis, shared_data: Path, tmp_path: Path) -> None:
    """As a batch does it: the same model over one raster after the other. Polygons hold the road pixels of the map,
    which fit the real mask."""
    folder = shared_data / "chesapeake_rsc"
    for name, least in (("2762", 0.55), ("1717", 0.6)):
        source = folder / f"{name}_image.tif"
        found = qgis.succeed("segmentraster", 300, INPUT=source, MODEL=MODELS / "roads.onnx", MIN_AREA=50,
                             OUTPUT=tmp_path / f"{name}.tif", POLYGONS=tmp_path / f"{name}_roads.gpkg",
                             CONFIDENCE=tmp_path / f"{name}_sure.tif")
        assert found["COVERED_PIXELS"] == 512 * 512 and found["PROVIDER_USED"] == "CPU"
        assert Placement.of(tmp_path / f"{name}.tif").same_as(Placement.of(source))
        classes, mask = pixels(tmp_path / f"{name}.tif")[0], pixels(folder / f"{name}_mask.tif")[0]
        road, known = np.isin(mask, (ROAD, HIDDEN_ROAD)), mask != NO_MASK
        drawn = classes == 1
        assert (drawn & road & known).sum() / ((drawn | road) & known).sum() > least
        data = ogr.Open(str(tmp_path / f"{name}_roads.gpkg"))
        layer = data.GetLayerByName("polygons")
        areas = [one.GetGeometryRef().GetArea() for one in layer]
        assert {one["class"] for one in layer} == {"road"} and min(areas) > 45
        assert 0.8 < sum(areas) / drawn.sum() <= 1.001, "1 m pixels; small ones are left out"
        assert 'label="road"' in (tmp_path / f"{name}.qml").read_text(encoding="utf-8")
        tags = gdal.Open(str(tmp_path / f"{name}.tif")).GetMetadata()
        assert tags["MODEL"] == "Roads from NAIP" and "CC0" in tags["LICENSE"] and "USDA" in tags["ATTRIBUTION"]


def test_water_of_the_sample(qgis: Qgis, tmp_path: Path) -> None:
    """What it never saw, and what is no photograph: the sample's water is found, and little else is taken for it."""
    data = qgis.succeed("createsampledata", SIZE=512, SEED=3, YEARS="2020,2024", OUTPUT=tmp_path / "data")
    source = Path(data["SENTINEL2"][-1])
    qgis.succeed("segmentraster", INPUT=source, MODEL=MODELS / "water.onnx", OUTPUT=tmp_path / "w.tif")
    scene, classes = pixels(source).astype(float), pixels(tmp_path / "w.tif")[0]
    green, nir, swir = scene[2], scene[7], scene[10]
    wet, known = (green > nir) & (green > swir), classes != 255
    found = classes == 1
    assert wet.sum() > 1000
    assert (found & wet).sum() / ((found | wet) & known).sum() > 0.85


def test_the_wrong_raster_is_refused(qgis: Qgis, shared_data: Path, tmp_path: Path) -> None:
    """A water model needs six bands; NAIP has four."""
    said = qgis.fail("segmentraster", INPUT=shared_data / "chesapeake_rsc" / "2762_image.tif",
                     MODEL=MODELS / "water.onnx", OUTPUT=tmp_path / "w.tif")
    assert "B11" in said and "four" not in said
    assert not (tmp_path / "w.tif").exists()


@pytest.mark.parametrize("temporary", [False, True])
def test_processing_loads_the_results_as_they_are_meant_to_be_seen(
    qgis: Qgis, shared_data: Path, tmp_path: Path, temporary: bool
) -> None:
    """As the Toolbox loads them, also where Processing names the files itself: names, order and styles."""
    place = {name: "TEMPORARY_OUTPUT" if temporary else str(tmp_path / f"{name.lower()}.{ending}")
             for name, ending in (("OUTPUT", "tif"), ("CONFIDENCE", "tif"), ("SCORES", "tif"), ("POLYGONS", "gpkg"))}
    parameters = {"INPUT": str(shared_data / "chesapeake_rsc" / "2762_image.tif"),
                  "MODEL": str(MODELS / "roads.onnx"), **place}
    environment = {**qgis.environment, "QT_QPA_PLATFORM": "offscreen",
                   "PYTHONPATH": str(headless_qgis.ROOT / "build" / "plugins")}
    done = subprocess.run(
        [sys.executable, "-P", str(TOOLBOX), "bitscape:segmentraster", json.dumps(parameters)], env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    layers = json.loads(done.stdout.splitlines()[-1])
    title = "Roads from NAIP"
    assert [one["name"] for one in layers] == [f"{what}: {title}" for what in (
        "Polygons", "Confidence", "Classes", "Scores")]
    polygons, confidence, classes, scores = layers
    assert polygons["legend"] == [["road", "#d55e00"]]
    assert ["road", "#d55e00"] in classes["legend"] and classes["renderer"] == "paletted"
    assert classes["transparent"] == ["other"], "the background lets the picture through"
    assert "singleband" in confidence["renderer"] and "singleband" in scores["renderer"]
    assert "CC0" in " ".join(classes["licences"])
