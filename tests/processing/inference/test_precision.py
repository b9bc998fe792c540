"""compareprecision: what a cheaper way to run a model costs, against a count by numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError, ModelError
from bitscape.processing.inference.model import Model
from bitscape.processing.inference.providers import KNOWN, options, providers
from bitscape.processing.inference.sample_tiles import SampleTiles
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.models import deepness
from bitscape.tests.processing.rasters import write_raster

FOUR = deepness(model_type="Segmentor", class_names={"0": "a", "1": "b", "2": "c", "3": "d"})
SCENES = ("1717", "2056")


def compare(model: Path, progress: Progress | None = None, **more: Any) -> dict[str, Any]:
    request = {"model": str(model), "threads": 1, "tiles": 4, "tile": 128, **more}
    return operations.run("compareprecision", request, progress or Progress())


def naip(shared_data: Path) -> list[str]:
    return [str(shared_data / f"chesapeake_rsc/{name}_image.tif") for name in SCENES]


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


def quantised(path: Path, source: Path, tiles: np.ndarray) -> Path:
    """The model in int8 by onnxruntime's own tool, calibrated on tiles (n, channels, h, w)."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Tiles(CalibrationDataReader):
        rest = iter([{"image": tile[np.newaxis]} for tile in tiles])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.rest, None)

    quantize_static(str(source), str(path), Tiles(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    model = onnx.load(path)
    if not model.metadata_props:
        model.metadata_props.extend(onnx.load(source).metadata_props)
        path.write_bytes(model.SerializeToString())
    return path


def test_int8_on_real_tiles_counted_by_hand(tmp_path: Path, shared_data: Path) -> None:
    source = models.segmentor(tmp_path / "full.onnx", channels=4, layers=3, metadata=FOUR, gain=8)
    rasters = naip(shared_data)
    reference = Model.open(source, threads=1)
    tiles = list(SampleTiles(reference, rasters, None, 4, 128, 0, Progress()))
    small = quantised(tmp_path / "int8.onnx", source, np.stack([tile for tile, _ in tiles]))
    found = compare(source, rasters=rasters, other_model=str(small))
    seen = np.stack([tile for tile, _ in tiles])
    first, second = (
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": seen})[0]
        for path in (source, small)
    )
    (head,) = found["heads"]
    ours, theirs = first.argmax(axis=1), second.argmax(axis=1)
    assert head["pixels"] == 4 * 128 * 128
    assert head["agreement"] == pytest.approx((ours == theirs).mean(), abs=1e-9)
    assert 0.5 < head["agreement"] < 1, "int8 costs something, and not all"
    assert head["mean_difference"] == pytest.approx(np.abs(first - second).mean(), rel=1e-4)
    assert head["largest_difference"] == pytest.approx(np.abs(first - second).max(), rel=1e-4)
    assert head["deviation"] == pytest.approx(first.std(), rel=1e-4)
    for number, entry in enumerate(head["classes"]):
        both = ((ours == number) & (theirs == number)).sum()
        assert (entry["name"], entry["pixels"]) == ("abcd"[number], (ours == number).sum())
        if entry["pixels"]:
            assert entry["same"] == pytest.approx(both / (ours == number).sum())
            assert entry["iou"] == pytest.approx(both / ((ours == number) | (theirs == number)).sum())
    assert found["tiles"] == 4 and "1717_image.tif, 2056_image.tif" in found["on"]
    assert "int8.onnx (int8 (quantised)) on CPU against full.onnx (float32) on CPU" in found["sentence"]
    assert found["sidecar"] == "" and sorted(one.name for one in tmp_path.iterdir()) == ["full.onnx", "int8.onnx"]


def test_an_unmeasured_int8_model_is_warned_of_until_measured(tmp_path: Path, shared_data: Path) -> None:
    source = models.segmentor(tmp_path / "full.onnx", channels=4, metadata=FOUR)
    small = quantised(tmp_path / "int8.onnx", source, batch(2, 4, 64, 64))

    def warned(path: Path) -> bool:
        found = operations.run("describemodel", {"model": str(path)}, Progress())
        return any("what that costs was not measured" in text for text in found["warnings"])

    assert warned(small) and not warned(source)
    for _ in range(2):
        found = compare(source, rasters=naip(shared_data), other_model=str(small), remember=True)
        assert found["sidecar"] == str(tmp_path / "int8.card.json")
        assert not warned(small)
    described = operations.run("describemodel", {"model": str(small)}, Progress())
    (figure,) = described["accuracy"]
    assert figure["value"] == found["heads"][0]["agreement"] and figure["on"] == found["on"], "once, not twice"


def test_half_precision_and_kinds_of_heads(tmp_path: Path, shared_data: Path) -> None:
    rasters = naip(shared_data)
    pairs = {}
    for kind, classes in (("softmax", 4), ("sigmoid", 1), ("sigmoid", 4)):
        names = deepness(class_names={str(n): f"k{n}" for n in range(classes)})
        pairs[kind, classes] = [
            models.segmentor(tmp_path / f"{kind}{classes}{dtype}.onnx", channels=4, classes=classes, activation=kind,
                             dtype=dtype, metadata=names, gain=8) for dtype in (models.FLOAT, models.HALF)]
    for (kind, classes), (full, half) in pairs.items():
        (head,) = compare(full, rasters=rasters, other_model=str(half))["heads"]
        assert 0.99 < head["agreement"] <= 1 and 0 < head["largest_difference"] < 0.02
        expected = {"softmax": ["k0", "k1", "k2", "k3"], "sigmoid": ["background", *(f"k{n}" for n in range(classes))]}
        assert [entry["name"] for entry in head["classes"]] == expected[kind]
        assert sum(entry["pixels"] for entry in head["classes"]) == head["pixels"]
    full = models.regressor(tmp_path / "r.onnx", channels=4)
    weights = onnx.load(full)
    scaled = onnx.numpy_helper.to_array(weights.graph.initializer[0]) * np.float32(1.01)
    weights.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(scaled, "w"))
    (tmp_path / "s.onnx").write_bytes(weights.SerializeToString())
    (head,) = compare(full, rasters=rasters, other_model=str(tmp_path / "s.onnx"))["heads"]
    assert head["agreement"] is None and head["classes"] == []
    assert 0.002 < head["mean_difference"] < 0.01 and head["deviation"] > 0.05


def test_only_valid_pixels_count(tmp_path: Path) -> None:
    """A raster smaller than a tile, half of it nodata: one tile, and only its data."""
    pixels = np.random.default_rng(0).integers(1, 255, (4, 60, 50)).astype(np.uint8)
    pixels[:, :30] = 0
    raster = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    full = models.segmentor(tmp_path / "a.onnx", channels=4, metadata=FOUR)
    half = models.segmentor(tmp_path / "b.onnx", channels=4, metadata=FOUR, dtype=models.HALF)
    found = compare(full, rasters=[str(raster)], other_model=str(half))
    assert found["tiles"] == 1 and found["heads"][0]["pixels"] == 30 * 50
    empty = write_raster(tmp_path / "b.tif", np.zeros((4, 300, 300), np.uint8), nodata=0)
    with pytest.raises(InputError, match="No tile of the rasters holds data"):
        compare(full, rasters=[str(empty)], other_model=str(half))
    both = compare(full, rasters=[str(empty), str(raster)], other_model=str(half))
    assert "a.tif" in both["on"] and "b.tif" not in both["on"], "a raster that gave nothing is not named"


def test_tiles_have_the_models_resolution(tmp_path: Path) -> None:
    """A model for 20 m over a raster of 10 m sees means of four pixels."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    raster = write_raster(tmp_path / "a.tif", pixels)
    model = Model.open(models.segmentor(tmp_path / "a.onnx", metadata=deepness(resolution=2000)))
    ((tile, valid),) = SampleTiles(model, [str(raster)], None, 5, 128, 0, Progress())
    assert valid.sum() == 32 * 32 and not tile[:, 32:].any()
    expected = np.rint(pixels.reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))) / 255
    np.testing.assert_allclose(tile[:, :32, :32], expected, atol=1.01 / 255)


def test_what_cannot_be_compared(tmp_path: Path, shared_data: Path) -> None:
    rasters = naip(shared_data)
    full = models.segmentor(tmp_path / "a.onnx", channels=4, metadata=FOUR)
    with pytest.raises(InputError, match="nothing to compare: name another"):
        compare(full, rasters=rasters)
    absent = next(one.key for one in providers() if not one.offered)
    with pytest.raises(ModelError, match=r"nothing to compare: a\.onnx runs on "):
        compare(full, rasters=rasters, other_provider=absent)
    for path, words in (
        (models.segmentor(tmp_path / "b.onnx", channels=3), "Only the same model in another precision"),
        (models.segmentor(tmp_path / "c.onnx", channels=4, classes=2), "give different outputs"),
    ):
        with pytest.raises(ModelError, match=words):
            compare(full, rasters=rasters, other_model=str(path))
    vector = models.recognition(tmp_path / "d.onnx", channels=4)
    with pytest.raises(ModelError, match="models that give maps can be compared"):
        compare(vector, rasters=rasters, other_model=str(vector))
    water = str(shared_data / "s2_timeseries/eolearn_lulc.tif")
    with pytest.raises(ModelError, match="needs 4 bands"):
        compare(full, rasters=[water], other_model=str(full))


def test_cancel(tmp_path: Path, shared_data: Path, heard: Any) -> None:
    full = models.segmentor(tmp_path / "a.onnx", channels=4, metadata=FOUR)
    progress = heard(cancel_at=2)
    with pytest.raises(Cancelled):
        compare(full, progress, rasters=naip(shared_data), other_model=str(full), tiles=50, remember=True)
    assert [one.name for one in tmp_path.iterdir()] == ["a.onnx"]


def test_bfloat16_only_when_asked_for(tmp_path: Path, shared_data: Path) -> None:
    by_key = {one.key: one for one in KNOWN}
    assert '"f32"' in options(by_key["openvino"], 2)["load_config"], "OpenVINO's own choice may be bfloat16"
    assert '"bf16"' in options(by_key["openvino-bf16"], 2)["load_config"]
    if "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers():
        return  # what follows needs onnxruntime-openvino, which takes onnxruntime's place where it is installed
    full = models.segmentor(tmp_path / "a.onnx", channels=4, layers=3, metadata=FOUR)
    assert Model.open(full).session.provider.key == "openvino"
    same = compare(full, rasters=naip(shared_data), other_provider="openvino")
    less = compare(full, rasters=naip(shared_data), other_provider="openvino-bf16")
    assert same["heads"][0]["largest_difference"] < 1e-5 < less["heads"][0]["largest_difference"] < 0.1
    described = operations.run("describemodel", {"model": str(full), "provider": "openvino-bf16"}, Progress())
    assert any("runs in bfloat16" in text for text in described["warnings"])


def test_rasters_that_are_damaged(tmp_path: Path) -> None:
    full = models.segmentor(tmp_path / "a.onnx", channels=3, metadata=FOUR)
    raster = write_raster(tmp_path / "a.tif", np.random.default_rng(0).integers(1, 255, (3, 900, 900)).astype(np.uint8))
    raster.write_bytes(raster.read_bytes()[:200_000])
    with pytest.raises(InputError, match=r"a\.tif cannot be read: it is truncated or damaged"):
        compare(full, rasters=[str(raster)], other_model=str(full), tiles=50)
