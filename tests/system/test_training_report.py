"""The training report through the real qgis_process: model and page together, or neither."""

from __future__ import annotations

from pathlib import Path

from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.sample import Sample


def test_model_and_report_come_together(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    model, report = tmp_path / "model.json", tmp_path / "report.html"
    results = qgis.succeed("trainclassifier", INPUT=sample.tiles, LABELS=sample.labels, EMBEDDINGS=sample.embeddings,
                           OUTPUT=model, REPORT=report)
    assert Path(results["REPORT"]) == report and Path(results["OUTPUT"]) == model
    page = report.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.count("<svg") == 7
    assert f"{results['F1_SPATIAL']:.3f}" in page and "all 64" in page
    assert "REPORT" not in sample.trained, "without being asked for there is none"


def test_clicks_as_a_random_sample_are_refused(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=sample.labels, VALIDATION=sample.labels,
                     OUTPUT=tmp_path / "model.json", REPORT=tmp_path / "report.html")
    assert "is not a random sample" in said
    assert not list(tmp_path.iterdir())
