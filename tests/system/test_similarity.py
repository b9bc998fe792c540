"""Similarity to points and recall of codes through the real qgis_process."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.sample import Sample
from osgeo import gdal


def test_labels_of_one_layer_are_positives_and_negatives(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    output = tmp_path / "similarity.tif"
    outcome = qgis.run("similarityraster", INPUT=sample.embeddings[-1], POSITIVE=sample.labels, CLASS_FIELD="label",
                       POSITIVE_CLASS="change", OUTPUT=output)
    assert outcome.code == 0, outcome.stderr
    results = outcome.results
    assert results["POSITIVES"] > 10 and results["NEGATIVES"] > 10 and -2 < results["MEDIAN"] < results["P99"] < 2
    dataset = gdal.Open(str(output))
    band = dataset.GetRasterBand(1)
    source = gdal.Open(str(sample.embeddings[-1]))
    assert dataset.GetGeoTransform() == source.GetGeoTransform() and band.DataType == gdal.GDT_Float32
    scores = band.ReadAsArray()
    assert np.isfinite(scores).mean() > 0.5
    tags = dataset.GetMetadata()
    assert json.loads(tags["BITSCAPE_PROVENANCE"])["operation"] == "similarityraster"
    assert output.with_suffix(".qml").exists() and output.with_suffix(".qmd").exists()
    assert "pixels" in str(outcome.log) and "positive and" in str(outcome.log)


def test_what_similarity_refuses(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    given = {"INPUT": sample.embeddings[0], "POSITIVE": sample.labels, "OUTPUT": out / "s.tif"}
    said = qgis.fail("similarityraster", **{**given, "CLASS_FIELD": "label", "POSITIVE_CLASS": "forest"})
    assert "there are change" in said, said
    assert not list(out.iterdir())


def test_recall_of_real_vectors(qgis: Qgis, shared_data: Path, tmp_path: Path) -> None:
    report, table = tmp_path / "recall.html", tmp_path / "recall.csv"
    results = qgis.succeed(
        "evaluaterecall", INPUT=shared_data / "clay_geoparquet" / "clay_v0_03WVN_20220610_20220610_v001.gpq",
        RECIPES="int8, binary-median", FINE="turbo4", CANDIDATES="20, 100", REPORT=report, TABLE=table)
    assert results["ROWS"] == 417 and abs(results["BINARY_RECALL"] - 0.637) < 0.003
    assert results["RERANKED_RECALL"] > 0.95 and results["FINDING"].startswith("binary-zero codes find 0.637")
    page = report.read_text(encoding="utf-8")
    assert "<svg" in page and results["FINDING"] in page
    with table.open(encoding="utf-8", newline="") as file:
        assert {row["recipe"] for row in csv.DictReader(file)} == {"int8", "binary-median", "binary-zero"}
