"""Accuracy and areas through the real qgis_process: by a sample, by a raster of the truth, and what cannot be."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import UTM, noise, pixels, write_labels, write_raster
from bitscape.tests.system.sample import Sample
from osgeo import gdal, ogr, osr

SIDE, PIXEL, LEFT, TOP = 300, 10.0, 500000.0, 5100000.0
CLASSES = {1: "change", 2: "no change"}


def write_classes(path: Path, values: np.ndarray, **tags: str) -> Path:
    """A class map of bytes, 0 is nodata."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), values.shape[1], values.shape[0], 1, gdal.GDT_Byte)
    data.SetGeoTransform((LEFT, PIXEL, 0.0, TOP, 0.0, -PIXEL))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(UTM)
    data.SetSpatialRef(reference)
    data.SetMetadata({**{f"CLASS_{number}": name for number, name in CLASSES.items()}, **tags})
    data.GetRasterBand(1).SetNoDataValue(0)
    data.GetRasterBand(1).WriteArray(values)
    data.FlushCache()
    return path


def write_layer(path: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    """A layer of points; ``row`` and ``column`` of each say where, the rest are its fields."""
    data = ogr.Open(str(path), 1) if path.exists() else ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(UTM)
    layer = data.CreateLayer(name, reference, ogr.wkbPoint)
    kinds = {int: ogr.OFTInteger64, float: ogr.OFTReal, str: ogr.OFTString}
    for field, value in rows[0].items():
        if field not in ("row", "column"):
            layer.CreateField(ogr.FieldDefn(field, kinds[type(value)]))
    for one in rows:
        feature = ogr.Feature(layer.GetLayerDefn())
        for field, value in one.items():
            if field not in ("row", "column") and value != "":
                feature.SetField(field, value)
        x, y = LEFT + PIXEL * (one["column"] + 0.5), TOP - PIXEL * (one["row"] + 0.5)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({x} {y})"))
        layer.CreateFeature(feature)
    return path


class Scene:
    """A truth, a map that is wrong in places, and a sample stratified by the map, with answers in its own layer."""

    def __init__(self, folder: Path) -> None:
        self.truth = np.full((SIDE, SIDE), 2, np.uint8)
        self.truth[40:110, 60:140] = 1
        self.mapped = np.roll(self.truth, (5, 8), (0, 1))
        self.map = write_classes(folder / "classes.tif", self.mapped, PERIOD="2020-2024")
        self.reference = write_classes(folder / "truth.tif", self.truth)
        rng = np.random.default_rng(4)
        places = np.concatenate([rng.choice(np.flatnonzero(self.mapped == number), count, replace=False)
                                 for number, count in ((1, 80), (2, 220))])
        rng.shuffle(places)
        self.rows, self.columns = np.unravel_index(places, self.truth.shape)
        self.sample = write_layer(folder / "sample.gpkg", "sample", [
            {"row": row, "column": column, "point": point, "stratum": CLASSES[int(self.mapped[row, column])],
             "stratum_area": float((self.mapped == self.mapped[row, column]).sum() * 100), "label": "",
             "design": "stratified random", "when": "2020-2024"}
            for point, (row, column) in enumerate(zip(self.rows, self.columns), 1)])
        write_layer(self.sample, "interpretations", [
            {"row": row, "column": column, "point": point, "interpreter": who, "when": "2020-2024",
             "label": CLASSES[int(self.truth[row, column])]}
            for who, count in (("ann", 300), ("bob", 60))
            for point, (row, column) in list(enumerate(zip(self.rows, self.columns), 1))[:count]])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """One scene for all tests."""
    return Scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_by_a_sample_whose_answers_lie_in_its_own_file(qgis: Qgis, scene: Scene, out: Path) -> None:
    report, table = out / "report.html", out / "figures.csv"
    outcome = qgis.run("assessaccuracy", INPUT=scene.map, SAMPLE=f"{scene.sample}|layername=sample", OUTPUT=report,
                       TABLE=table)
    assert outcome.code == 0, outcome.stderr
    found = outcome.results
    right = scene.truth[scene.rows, scene.columns] == scene.mapped[scene.rows, scene.columns]
    change = scene.mapped[scene.rows, scene.columns] == 1
    weight = (scene.mapped == 1).mean()
    assert found["OVERALL_ACCURACY"] == pytest.approx(
        weight * right[change].mean() + (1 - weight) * right[~change].mean())
    area = SIDE * SIDE / 100 * (weight * right[change].mean() + (1 - weight) * (~right[~change]).mean())
    error = SIDE * SIDE / 100 * np.sqrt(sum(
        share**2 * part.mean() * (1 - part.mean()) / (len(part) - 1)
        for share, part in ((weight, right[change]), (1 - weight, right[~change]))))
    assert found["AREA"] == pytest.approx(area) and found["AREA_CI"] == pytest.approx(1.959964 * error)
    assert found["AREA_LOW"] < (scene.truth == 1).sum() / 100 < found["AREA_HIGH"]
    assert found["MAPPED_AREA"] == pytest.approx((scene.mapped == 1).sum() / 100, rel=2e-3) and found["COUNT"] == 300
    assert re.fullmatch(r"Change: \S+ ha ± \S+ ha \(95 % confidence: \S+ to \S+ ha\), overall accuracy \S+ ± \S+ % "
                        r"\(\S+ to \S+ %\)", found["HEADLINE"])
    assert found["HEADLINE"] in str(outcome.log)
    page = report.read_text(encoding="utf-8")
    assert page.count("<svg") == 3 and "<script" not in page and "ann – bob" in page
    with table.open(encoding="utf-8") as stream:
        assert {row["measure"] for row in csv.DictReader(stream)} >= {"overall accuracy", "estimated area", "F1"}
    assert sorted(path.name for path in out.iterdir()) == ["figures.csv", "report.html"]
    assert not list(scene.map.parent.glob("*.aux.xml")), "QGIS has left something beside the user's files"


def test_a_bare_path_means_the_sample_in_it(qgis: Qgis, scene: Scene, out: Path) -> None:
    found = qgis.succeed("assessaccuracy", INPUT=scene.map, SAMPLE=scene.sample, OUTPUT=out / "r.html")
    assert found["COUNT"] == 300 and "TABLE" not in found


def test_the_map_of_the_chain_by_the_truth_of_the_sample_data(qgis: Qgis, sample: Sample, out: Path) -> None:
    classes = out / "classes.tif"
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=out / "score.tif", CLASSES=classes)
    found = qgis.succeed("assessaccuracy", INPUT=classes, REFERENCE=sample.truth, OUTPUT=out / "r.html")
    said, true = pixels(classes)[0], pixels(sample.truth)[0]
    known = (said != 0) & (true != 255)
    one, other = said[known] == 1, true[known] == 1  # “nochange” and “no change” are one class
    assert found["COUNT"] == known.sum()
    assert found["IOU"] == pytest.approx((one & other).sum() / (one | other).sum())
    assert found["F1"] == pytest.approx(2 * (one & other).sum() / (one.sum() + other.sum()))
    assert found["OVERALL_ACCURACY"] == pytest.approx((one == other).mean())
    assert 0 < found["MEAN_IOU"] < 1 and "F1_CI" not in found and "AREA_LOW" not in found
    clicked = qgis.run("assessaccuracy", INPUT=classes, SAMPLE=sample.labels, DESIGN=1, OUTPUT=out / "c.html")
    assert clicked.code == 0, clicked.stderr
    assert "somebody clicked" in str(clicked.log), "labels that taught the map are no sample"
    assert "have the role train" in str(clicked.log)
    score = qgis.fail("assessaccuracy", INPUT=out / "score.tif", REFERENCE=sample.truth, OUTPUT=out / "s.html")
    assert "is a score, not a map of classes" in score


def test_what_cannot_be_assessed(qgis: Qgis, scene: Scene, out: Path, tmp_path: Path) -> None:
    far = write_labels(tmp_path / "far.gpkg", [(900000.0, 5500000.0, "change")])
    other = write_labels(tmp_path / "other.gpkg", [(LEFT + 700, TOP - 700, "forest")])
    bare = write_labels(tmp_path / "bare.gpkg", [(LEFT + 700, TOP - 700, "change"), (LEFT + 5, TOP - 5, "no change")])
    real = write_raster(tmp_path / "real.tif", noise(bands=1))
    for values, words in (
        ({}, ("sample of points, or against a reference raster", "neither was given")),
        ({"SAMPLE": scene.sample, "REFERENCE": scene.reference}, ("both were given",)),
        ({"SAMPLE": far, "DESIGN": 1}, ("None of the 1 points of the sample lies on",)),
        ({"SAMPLE": other, "DESIGN": 1}, ("sample has forest", "change (1), no change (2)")),
        ({"SAMPLE": bare}, ("does not say how it was drawn", "Simple random")),
        ({"REFERENCE": real}, ("holds float32 numbers, not classes",)),
        ({"REFERENCE": tmp_path / "nowhere.tif"}, ("nowhere.tif does not exist",)),
    ):
        said = qgis.fail("assessaccuracy", **{"INPUT": scene.map, "OUTPUT": out / "r.html", **values})
        for word in words:
            assert word in said, said
        assert not list(out.iterdir()), (words, sorted(out.iterdir()))
