"""From sample data to a change map through the real qgis_process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bitscape.scripts import headless_qgis
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.sample import Sample

ALGORITHMS = ("createsampledata", "buildembeddingtiles", "trainclassifier", "applyclassifier", "suggestpoints",
              "classpolygons", "changemagnitude", "designsample", "assessaccuracy", "compressembeddings",
              "decompressembeddings", "comparecompression", "buildretrievalstore", "findsimilar", "similarityraster",
              "evaluaterecall", "segmentraster", "detectobjects", "enhanceresolution", "matchexample",
              "compareprecision")


def ask(qgis: Qgis, *words: str) -> str:
    """What ``qgis_process <words>`` prints."""
    done = subprocess.run(
        [headless_qgis.qgis_process(), *words],
        env=qgis.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_provider_is_listed(qgis: Qgis) -> None:
    listed = json.loads(ask(qgis, "--json", "list"))
    assert set(listed["providers"]["bitscape"]["algorithms"]) >= {f"bitscape:{name}" for name in ALGORITHMS}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_algorithm_has_help(qgis: Qgis, name: str) -> None:
    text = ask(qgis, "help", f"bitscape:{name}")
    assert "OUTPUT" in text or "REPORT" in text or "RESULT" in text
    assert "qgis_process run" in text, "the help has no example"
    assert len(text) > 800


def test_results_are_pixel_aligned(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    score, classes = tmp_path / "score.tif", tmp_path / "classes.tif"
    results = qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=score, CLASSES=classes)
    assert Path(results["OUTPUT"]) == score
    source = Placement.of(sample.embeddings[0])
    for path in (score, classes, sample.picture, sample.coverage, sample.tiles):
        assert Placement.of(path).same_as(source), path
    found, named = pixels(score), pixels(classes)
    assert found.dtype == named.dtype == np.uint8
    covered = np.isin(pixels(sample.coverage)[0], (0, 255), invert=True)
    assert not (tmp_path / "score.tif.aux.xml").exists()
    assert ((found[0] != 255) == (named[0] != 0)).all(), "score and classes disagree about coverage"
    assert 0.5 < (found[0] != 255).mean() < 1, "the sample has a gap, and it is not most of it"
    assert covered[found[0] != 255].all(), "a score where a date has no data"


def test_map_agrees_with_the_truth(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    score = tmp_path / "score.tif"
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=score)
    found, truth = pixels(score)[0], pixels(sample.truth)[0]
    known = found != 255
    said, true = found[known] >= 127, truth[known] == 1
    f1 = 2 * (said & true).sum() / (said.sum() + true.sum())
    assert f1 > 0.75, f"F1 {f1:.3f} on all covered pixels"


def test_same_seed_same_bytes(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    tiles = tmp_path / "tiles.tif"
    qgis.succeed("buildembeddingtiles", INPUT=sample.embeddings, TILES=tiles, OUTPUT=tmp_path / "picture.tif")
    assert (pixels(tmp_path / "picture.tif") == pixels(sample.picture)).all()
    basis = [json.loads(path.with_name("tiles.basis.json").read_text()) for path in (tiles, sample.tiles)]
    assert basis[0]["components"] == basis[1]["components"]


def test_validation_figures_are_results(sample: Sample) -> None:
    """Random and spatial figures side by side, the same in the model's file as in what qgis_process prints."""
    model = json.loads(sample.model.read_text())
    assert 0.5 < sample.trained["F1"] <= 1 and 0.5 < sample.trained["F1_SPATIAL"] <= 1
    assert model["random"]["f1"] == pytest.approx(sample.trained["F1"])
    assert model["spatial"]["f1"] == pytest.approx(sample.trained["F1_SPATIAL"])
    assert model["block_size"] == pytest.approx(sample.trained["BLOCK_SIZE_USED"])
