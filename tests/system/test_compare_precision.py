"""compareprecision through the real qgis_process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system import onnx_models
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import write_raster
from osgeo import gdal

FOUR = 'models.deepness(model_type="Segmentor", class_names={"0": "a", "1": "b", "2": "c", "3": "d"})'


@pytest.fixture
def scenes(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    return [write_raster(tmp_path / f"{name}.tif", random.uniform(1, 255, (3, 200, 230)).astype(np.float32))
            for name in ("one", "two")]


def test_half_precision_is_compared_and_kept(qgis: Qgis, scenes: list[Path], tmp_path: Path) -> None:
    full, half = (onnx_models.build(tmp_path / f"{name}.onnx",
                                    f"models.segmentor(path, gain=8, dtype=models.{kind}, metadata={FOUR})")
                  for name, kind in (("full", "FLOAT"), ("half", "HALF")))
    outcome = qgis.run("compareprecision", INPUT=scenes, MODEL=full, OTHER_MODEL=half, TILES=6, TILE=64, THREADS=1)
    assert outcome.code == 0, outcome.stderr
    found = outcome.results
    assert 0.99 < found["AGREEMENT"] < 1 and 0 < found["MEAN_DIFFERENCE"] < found["LARGEST_DIFFERENCE"] < 0.05
    assert found["SIZE_RATIO"] == pytest.approx(half.stat().st_size / full.stat().st_size)
    assert found["SPEED_RATIO"] > 0 and found["TILES_USED"] == 6 and found["KEPT_IN"] == ""
    assert found["RESULT"].endswith("measured on 6 tiles of 64 pixels (24,576 with data) of one.tif, two.tif.")
    assert "how alike the two are" in json.dumps(outcome.log)
    assert not list(tmp_path.glob("*.card.json"))
    kept = qgis.succeed("compareprecision", INPUT=scenes, MODEL=full, OTHER_MODEL=half, TILES=6, TILE=64, THREADS=1,
                        REMEMBER=True)
    assert kept["AGREEMENT"] == found["AGREEMENT"], "the same seed draws the same tiles"
    assert Path(kept["KEPT_IN"]) == tmp_path / "half.card.json"
    (figure,) = json.loads(Path(kept["KEPT_IN"]).read_text(encoding="utf-8"))["accuracy"]
    assert figure["value"] == kept["AGREEMENT"] and figure["note"] == kept["RESULT"]
    assert gdal.Open(str(scenes[0])).RasterCount == 3 and not list(tmp_path.glob("*.aux.xml"))


def test_numbers_have_no_classes_to_agree_on(qgis: Qgis, scenes: list[Path], tmp_path: Path) -> None:
    model = onnx_models.build(tmp_path / "r.onnx", "models.regressor(path)")
    found = qgis.succeed("compareprecision", INPUT=scenes[0], MODEL=model, OTHER_MODEL=model, TILES=2, TILE=64)
    assert "AGREEMENT" not in found
    assert (found["MEAN_DIFFERENCE"], found["LARGEST_DIFFERENCE"], found["SIZE_RATIO"]) == (0, 0, 1)


def test_what_cannot_be_compared_is_refused(qgis: Qgis, scenes: list[Path], tmp_path: Path) -> None:
    model = onnx_models.build(tmp_path / "m.onnx", f"models.segmentor(path, metadata={FOUR})")
    other = onnx_models.build(tmp_path / "o.onnx", "models.segmentor(path, classes=2)")
    assert "nothing to compare: name another model or another provider" in qgis.fail(
        "compareprecision", INPUT=scenes, MODEL=model)
    assert "Only the same model in another precision" in qgis.fail(
        "compareprecision", INPUT=scenes, MODEL=model, OTHER_MODEL=other)
    said = qgis.fail("compareprecision", INPUT=scenes, MODEL=model, REMEMBER=True,
                     OTHER_PROVIDER="TensorRT (NVIDIA)")
    assert "nothing to compare: m.onnx runs on CPU" in said and not list(tmp_path.glob("*.card.json"))
    assert "none.tif does not exist" in qgis.fail(
        "compareprecision", INPUT=tmp_path / "none.tif", MODEL=model, OTHER_MODEL=model)
