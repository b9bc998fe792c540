"""A validation sample through the real qgis_process: from a class map to a file that cannot train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.layers.label_file import read_classes
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.sample import Sample
from osgeo import ogr


@pytest.fixture(scope="module")
def classes(qgis: Qgis, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The class map of the sample data, alone in a folder."""
    folder = tmp_path_factory.mktemp("map")
    path = folder / "classes.tif"
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=folder / "score.tif", CLASSES=path)
    return path


def rows_of(path: Path, layer: str) -> list[dict[str, Any]]:
    """Attributes of all rows of a layer, with x and y where there is a point."""
    data = ogr.Open(str(path))
    found = []
    for feature in data.GetLayerByName(layer):
        geometry = feature.GetGeometryRef()
        place = {} if geometry is None else {"x": geometry.GetX(), "y": geometry.GetY()}
        found.append({**feature.items(), **place})
    return found


def test_a_map_becomes_a_sample_that_cannot_train(qgis: Qgis, sample: Sample, classes: Path, tmp_path: Path) -> None:
    output = tmp_path / "sample.gpkg"
    outcome = qgis.run("designsample", INPUT=classes, OUTPUT=output)
    assert outcome.code == 0, outcome.stderr
    assert "Expected standard error of the overall accuracy" in outcome.stdout + outcome.stderr
    results = outcome.results
    assert results["CLUSTERS"] == 0 and 0.01 < results["EXPECTED_ERROR"] < 0.02
    assert {one.name for one in tmp_path.iterdir()} == {"sample.gpkg", "sample.qml"}
    strata = {one["name"]: one for one in json.loads(results["STRATA"])}
    points = rows_of(output, "sample")
    assert len(points) == results["COUNT"] == sum(one["points"] for one in strata.values())
    left, dx, _, top, _, dy = Placement.of(classes).transform
    values = pixels(classes)[0]
    for one in points:
        value = values[int((one["y"] - top) // dy), int((one["x"] - left) // dx)]
        assert one["stratum"] == {1: "change", 2: "nochange"}[int(value)]
        assert one["stratum_area"] == pytest.approx(strata[one["stratum"]]["size"])
        assert one["role"] == "validate" and one["label"] is None
    for name, one in strata.items():
        assert one["size"] == pytest.approx((values == {"change": 1, "nochange": 2}[name]).sum() * 100, rel=0.01)
    table = read_classes(output)
    assert table is not None and [one.code for one in table.classes] == ["change", "nochange"]
    assert table.positive == "change" and [one.key for one in table.classes] == ["C", "N"]
    assert rows_of(output, "interpretations") == []
    style = (tmp_path / "sample.qml").read_text(encoding="utf-8")
    assert style.count("<symbol ") == 1 and "stratum" not in style and "$" not in style
    data = ogr.Open(str(output), 1)
    layer = data.GetLayerByName("sample")
    for feature in layer:
        feature["label"] = "change" if feature["point"] % 2 else "nochange"
        layer.SetFeature(feature)
    del feature, layer, data
    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=output, OUTPUT=tmp_path / "model.json")
    assert f"{len(points)} labels are for validation and did not train" in said


def test_clusters_and_own_numbers(qgis: Qgis, classes: Path, tmp_path: Path) -> None:
    results = qgis.succeed("designsample", INPUT=classes, DESIGN=2, SIZE=60, POINTS_PER_BLOCK=6, BLOCK_SIZE=200,
                           MIN_DISTANCE=25, OUTPUT=tmp_path / "clusters.gpkg")
    assert results["CLUSTERS"] == 10 and results["COUNT"] == 60
    points = rows_of(tmp_path / "clusters.gpkg", "sample")
    for number in range(1, 11):
        places = np.array([(one["x"], one["y"]) for one in points if one["cluster"] == number])
        assert len(places) == 6 and np.ptp(places, axis=0).max() < 200
        apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
        assert apart[np.triu_indices(6, 1)].min() > 24.9
    results = qgis.succeed("designsample", INPUT=classes, ALLOCATION=4, POINTS="change=12, nochange=20", SEED=3,
                           TARGET_CLASS="change", OUTPUT=tmp_path / "own.gpkg")
    assert results["COUNT"] == 32 and results["EXPECTED_AREA_ERROR"] > 0


def test_what_cannot_be_used_is_refused(qgis: Qgis, classes: Path, tmp_path: Path) -> None:
    output = tmp_path / "sample.gpkg"
    assert "is a score, not a map of classes" in qgis.fail(
        "designsample", INPUT=classes.with_name("score.tif"), OUTPUT=output)
    assert "should end in .gpkg" in qgis.fail("designsample", INPUT=classes, OUTPUT=tmp_path / "sample.shp")
    assert "names water, which is not in the map" in qgis.fail(
        "designsample", INPUT=classes, EXPECTED_ACCURACY="water=0.5", OUTPUT=output)
    assert not list(tmp_path.iterdir())
    beside = {one.name for one in classes.parent.iterdir()}
    assert not [name for name in beside if name.endswith(".aux.xml")], "inputs are not loaded in order to be checked"
