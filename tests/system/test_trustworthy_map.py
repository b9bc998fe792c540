"""From a map to figures that can be published, as a user goes: polygons, a random sample, two interpreters, an estimate
whose interval holds the truth, and a report on the model that the sample calibrates. The truth is known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.sample import Sample
from osgeo import ogr

HECTARE = 100
"""Pixels of 10 m in a hectare."""


def interpret(path: Path, truth: Path, interpreter: str, wrong: frozenset[int] = frozenset()) -> int:
    """Answer all points of a sample by the known truth, except those that this interpreter sees wrongly."""
    left, dx, _, top, _, dy = Placement.of(truth).transform
    changed = pixels(truth)[0]
    data = ogr.Open(str(path), 1)
    points, answers = data.GetLayerByName("sample"), data.GetLayerByName("interpretations")
    for point in points:
        place = point.GetGeometryRef()
        value = int(changed[int((place.GetY() - top) // dy), int((place.GetX() - left) // dx)])
        answer = ogr.Feature(answers.GetLayerDefn())
        answer.SetGeometry(place.Clone())
        answer["point"], answer["interpreter"], answer["role"] = point["point"], interpreter, "validate"
        if value == 255:
            answer["skipped"] = "no imagery"
        else:
            answer["label"] = "change" if (value == 1) != (point["point"] in wrong) else "nochange"
        answers.CreateFeature(answer)
    return int(points.GetFeatureCount())


def test_the_way_to_a_published_area(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    score, classes = tmp_path / "score.tif", tmp_path / "classes.tif"
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=score, CLASSES=classes)

    polygons = qgis.succeed("classpolygons", INPUT=score, OUTPUT=tmp_path / "change.gpkg")
    mapped = pixels(score)[0]
    counted = int(np.count_nonzero((mapped >= 127) & (mapped != 255)))
    # a UTM hectare away from the central meridian is not quite a hectare on the ellipsoid
    assert abs(polygons["AREA_HA"] - counted / HECTARE) < 2e-3 * counted / HECTARE

    drawn = tmp_path / "validation.gpkg"
    designed = qgis.succeed("designsample", INPUT=classes, SIZE=400, SEED=1, OUTPUT=drawn)
    assert designed["COUNT"] == 400
    assert interpret(drawn, sample.truth, "ann") == 400
    interpret(drawn, sample.truth, "bob", wrong=frozenset({7, 77}))
    interpret(drawn, sample.truth, "agreed")

    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=f"{drawn}|layername=interpretations",
                     OUTPUT=tmp_path / "no.json")
    assert "for validation" in said, "what validates never trains"

    report, table = tmp_path / "accuracy.html", tmp_path / "accuracy.csv"
    assessed = qgis.succeed("assessaccuracy", INPUT=classes, SAMPLE=f"{drawn}|layername=sample", OUTPUT=report,
                            TABLE=table)
    truth, known = pixels(sample.truth)[0], pixels(classes)[0] != 0
    change = np.count_nonzero((truth == 1) & known) / HECTARE
    assert assessed["AREA_LOW"] <= change <= assessed["AREA_HIGH"], (assessed, change)
    assert assessed["AREA_HIGH"] - assessed["AREA_LOW"] < change, "the interval says something"
    right = np.mean((truth == 1)[known & (truth != 255)] == (pixels(classes)[0] == 1)[known & (truth != 255)])
    assert assessed["OVERALL_ACCURACY_LOW"] <= right <= assessed["OVERALL_ACCURACY_HIGH"]
    page = report.read_text(encoding="utf-8")
    assert "<svg" in page and "<script" not in page and "kappa" in page.lower()
    assert len(list(csv.reader(table.open(encoding="utf-8")))) > 2

    census = qgis.succeed("assessaccuracy", INPUT=classes, REFERENCE=sample.truth, OUTPUT=tmp_path / "census.html")
    assert assessed["F1_LOW"] <= census["F1"] <= assessed["F1_HIGH"]

    trained = qgis.succeed(
        "trainclassifier", INPUT=sample.tiles, LABELS=sample.labels, EMBEDDINGS=sample.embeddings,
        VALIDATION=f"{drawn}|layername=sample", OUTPUT=tmp_path / "model.json", REPORT=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 6 and "<script" not in page and "Brier" in page
    assert trained["F1"] > 0.8
