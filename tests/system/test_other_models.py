"""Detectors, super-resolution and recognition models through the real qgis_process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system import onnx_models
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, write_raster
from osgeo import gdal, ogr, osr

CELL = 16


@pytest.fixture
def lights(tmp_path: Path) -> Path:
    """Three bright squares on dark ground."""
    pixels = np.full((1, 320, 400), 20, np.uint8)
    for row, column in ((2, 3), (10, 20), (17, 9)):
        pixels[0, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = 230
    return write_raster(tmp_path / "lights.tif", pixels)


def test_objects_are_a_styled_layer(qgis: Qgis, lights: Path, tmp_path: Path) -> None:
    model = onnx_models.build(tmp_path / "lights.onnx", "detectors.bright_cells(path, 'YOLO_Ultralytics')")
    found = qgis.succeed("detectobjects", INPUT=lights, MODEL=model, OUTPUT=tmp_path / "o.gpkg")
    assert found["COUNT"] == 3 and found["CUT"] == 0
    assert found["PROVIDER_USED"] == "CPU"
    data = ogr.Open(str(tmp_path / "o.gpkg"))
    assert {one["class"] for one in data.GetLayerByName("objects")} == {"light"}
    style = (tmp_path / "o.qml").read_text(encoding="utf-8")
    assert 'label="light"' in style
    none = qgis.succeed("detectobjects", INPUT=lights, MODEL=model, THRESHOLD=0.99, OUTPUT=tmp_path / "none.gpkg")
    assert none["COUNT"] == 0


def test_a_finer_raster_lies_on_the_same_place(qgis: Qgis, lights: Path, tmp_path: Path) -> None:
    model = onnx_models.build(tmp_path / "finer.onnx", "models.superresolution(path, channels=1, factor=4)")
    found = qgis.succeed("enhanceresolution", INPUT=lights, MODEL=model, OUTPUT=tmp_path / "finer.tif")
    assert found["FACTOR"] == 4
    one, other = Placement.of(lights), Placement.of(tmp_path / "finer.tif")
    assert (other.width, other.height) == (4 * one.width, 4 * one.height)
    assert other.transform[0] == one.transform[0] and other.transform[1] == one.transform[1] / 4
    whole = gdal.Open(str(lights)).ReadAsArray()
    finer = gdal.Open(str(tmp_path / "finer.tif")).ReadAsArray()
    assert np.abs(finer - whole.repeat(4, 0).repeat(4, 1)).max() < 1e-3


def test_likeness_to_a_point(qgis: Qgis, tmp_path: Path) -> None:
    pixels = np.full((3, 128, 256), 30, np.uint8)
    pixels[0, :, :128], pixels[2, :, 128:] = 220, 220
    scene = write_raster(tmp_path / "scene.tif", pixels)
    model = onnx_models.build(tmp_path / "m.onnx", "models.recognition(path)")
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "p.gpkg"))
    crs = osr.SpatialReference()
    crs.ImportFromWkt(Placement.of(scene).crs.ExportToWkt())
    layer = data.CreateLayer("p", crs, ogr.wkbPoint)
    feature = ogr.Feature(layer.GetLayerDefn())
    left, width, _, top, _, height = Placement.of(scene).transform
    feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT({left + 32 * width} {top + 64 * height})"))
    layer.CreateFeature(feature)
    del feature, layer, data
    found = qgis.succeed("matchexample", INPUT=scene, MODEL=model, EXAMPLES=tmp_path / "p.gpkg", TILE=64,
                         OUTPUT=tmp_path / "like.tif")
    likeness = gdal.Open(str(tmp_path / "like.tif")).ReadAsArray()
    assert found["EXAMPLES_USED"] == 1
    assert likeness[:, :60].min() > likeness[:, 200:].max()


def test_a_model_of_another_kind_is_refused_before_any_work(qgis: Qgis, lights: Path, tmp_path: Path) -> None:
    model = onnx_models.build(tmp_path / "s.onnx", "models.segmentor(path, channels=1)")
    said = qgis.fail("detectobjects", INPUT=lights, MODEL=model, OUTPUT=tmp_path / "o.gpkg")
    assert "Segmentor" in said and "Detector" in said
    assert not (tmp_path / "o.gpkg").exists()
