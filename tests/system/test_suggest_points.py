"""Suggested points through the real qgis_process: with labels, with a model, with neither; and a round of labelling."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.sample import Sample
from osgeo import ogr, osr


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def points(path: Path) -> list[dict[str, Any]]:
    """Attributes of all points and their x and y."""
    data = ogr.Open(str(path))
    found = []
    for feature in data.GetLayer(0):
        geometry = feature.GetGeometryRef()
        found.append({**feature.items(), "x": geometry.GetX(), "y": geometry.GetY()})
    return found


def at(path: Path, places: list[dict[str, Any]]) -> np.ndarray:
    """Values of the first band under points."""
    left, dx, _, top, _, dy = Placement.of(path).transform
    rows = [int((one["y"] - top) // dy) for one in places]
    columns = [int((one["x"] - left) // dx) for one in places]
    return np.asarray(pixels(path)[0][rows, columns])


def test_a_round_of_labelling(qgis: Qgis, sample: Sample, out: Path) -> None:
    first = out / "first.gpkg"
    results = qgis.succeed("suggestpoints", INPUT=sample.tiles, OUTPUT=first)
    assert results["SPREAD"] == 10 and "EXTRAPOLATED_SHARE" not in results
    assert {path.name for path in out.iterdir()} == {"first.gpkg", "first.qml"}
    style = (out / "first.qml").read_text(encoding="utf-8")
    assert 'value="extrapolated" label="unlike every label"' in style and "$" not in style
    spread = points(first)
    assert [one["order"] for one in spread] == list(range(1, 11))
    truth = at(sample.truth, spread)
    assert {0, 1} <= set(truth.tolist()), "both classes are among the first ten"
    data = ogr.Open(str(first), 1)
    layer = data.GetLayer(0)
    for feature, changed in zip(layer, truth):
        if changed != 255:
            feature["label"] = "change" if changed else "nochange"
            layer.SetFeature(feature)
    del feature, layer, data
    second = out / "second.gpkg"
    outcome = qgis.run("suggestpoints", INPUT=sample.tiles, LABELS=first, COUNT=7, OUTPUT=second)
    assert outcome.code == 0, outcome.stderr
    found = points(second)
    assert len(found) == 7 and outcome.results["UNCERTAIN"] + outcome.results["EXTRAPOLATED"] == 7
    assert not {(one["x"], one["y"]) for one in found} & {(one["x"], one["y"]) for one in spread}
    assert all(0 <= one["score"] <= 1 and one["label"] is None for one in found)
    assert "no accuracy of the map can be computed from them" in outcome.stdout + outcome.stderr
    trained = qgis.succeed("trainclassifier", INPUT=sample.tiles, LABELS=first, OUTPUT=out / "model.json")
    assert trained["CLASSES"] == "change, nochange"


def test_with_a_model_and_an_area(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    placement = Placement.of(sample.tiles)
    left, dx, _, top, _, dy = placement.transform
    corners = [(80, 80), (200, 90), (120, 210), (80, 80)]
    ring = ", ".join(f"{left + column * dx} {top + row * dy}" for column, row in corners)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32610)
    area = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "area.gpkg"))
    layer = area.CreateLayer("area", crs, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    triangle = ogr.CreateGeometryFromWkt(f"POLYGON (({ring}))")
    feature.SetGeometry(triangle)
    layer.CreateFeature(feature)
    del feature, layer, area
    results = qgis.succeed(
        "suggestpoints", INPUT=sample.tiles, LABELS=sample.labels, MODEL=sample.model, AOI=tmp_path / "area.gpkg",
        COUNT=12, OUTPUT=out / "points.gpkg")
    found = points(out / "points.gpkg")
    assert len(found) == 12 and 0 <= results["EXTRAPOLATED_SHARE"] <= 1
    for one in found:
        place = ogr.Geometry(ogr.wkbPoint)
        place.AddPoint_2D(one["x"], one["y"])
        assert triangle.Contains(place)
    codes = at(sample.coverage, found)
    assert (codes == 2).all(), "where both dates have data"


def test_what_cannot_be_used_is_refused(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    said = qgis.fail("suggestpoints", INPUT=sample.picture, OUTPUT=out / "points.gpkg")
    assert "picture.tif is not a file of embedding tiles" in said
    said = qgis.fail("suggestpoints", INPUT=sample.tiles, LABELS=sample.labels, CLASS_FIELD="colour",
                     OUTPUT=out / "points.gpkg")
    assert "no field named colour" in said
    labels = shutil.copy(sample.labels, tmp_path / "labels.gpkg")
    said = qgis.fail("suggestpoints", INPUT=sample.tiles, LABELS=labels, OUTPUT=labels)
    assert "would overwrite" in said
    assert not list(out.iterdir())
