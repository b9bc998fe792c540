"""Comparing compression methods through the real qgis_process: rasters with labels, two dates, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.sample import Sample


def test_rasters_with_labels(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    report, table = tmp_path / "report.html", tmp_path / "figures.csv"
    outcome = qgis.run("comparecompression", INPUT=sample.embeddings[:1], AFTER=sample.embeddings[-1:],
                       LABELS=sample.labels, CLASS_FIELD="label", RECIPES="int8, binary-median, pca-8+int8", LOSS=20,
                       REPORT=report, TABLE=table)
    assert outcome.code == 0, outcome.stderr
    results = outcome.results
    assert Path(results["REPORT"]) == report and Path(results["TABLE"]) == table
    assert results["RECIPES_COMPARED"] == 4 and 50 < results["ROWS"] < 2000
    assert results["RECOMMENDATION"].startswith(f"{results['RECIPE']}: ")
    assert results["RATIO"] == 256 / results["BYTES"]
    page = report.read_text(encoding="utf-8")
    assert "<svg" in page and "Change between two dates" in page and results["RECIPE"] in page
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["recipe"] for row in rows if row["recipe"]} == {"float32", "int8", "binary-median", "pca-8+int8"}
    accuracy = {row["recipe"]: float(row["value"]) for row in rows
                if (row["split"], row["task"], row["figure"]) == ("random", "probe", "accuracy")}
    assert accuracy["float32"] > 0.8 and abs(accuracy["int8"] - accuracy["float32"]) < 0.05
    said = str(outcome.log)
    assert "This takes about" in said and "4 recipes on" in said and "alphaearth" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures.csv", "report.html"]


def test_a_real_table_of_embeddings(qgis: Qgis, shared_data: Path, tmp_path: Path) -> None:
    table = shared_data / "aef_points" / "aef_forest_change_114pts_int8.parquet"
    results = qgis.succeed("comparecompression", TABLES=table, CLASS_FIELD="label", COLUMN="emb_y", RECIPES="int8",
                           REPORT=tmp_path / "report.html")
    assert results["ROWS"] == 114 and set(results) >= {"RECALL", "KNN_CHANGE", "PROBE_CHANGE", "INTRINSIC_DIMENSION"}
    assert "TABLE" not in results


def test_what_is_refused(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    given = {"INPUT": sample.embeddings[0], "LABELS": sample.labels, "REPORT": out / "report.html"}
    for values, words in (
        ({"RECIPES": "int8,zip"}, "is not a recipe"),
        ({"INPUT": tmp_path / "no.tif"}, "no.tif does not exist"),
        ({"TABLES": tmp_path / "no.parquet"}, "no.parquet does not exist"),
        ({"CLASS_FIELD": "kind"}, "no field named kind"),
        ({"AFTER": [sample.embeddings[1], sample.embeddings[1]]}, "each needs its partner"),
    ):
        said = qgis.fail("comparecompression", **{**given, **values})
        assert words in said, said
        assert not list(out.iterdir())
