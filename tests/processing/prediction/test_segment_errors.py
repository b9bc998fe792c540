"""What can go wrong: each is said in words, most of it before any work, and nothing is left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from bitscape.processing.errors import Cancelled, InputError, ModelError, OutputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference.models import broken_numbers, deepness, greedy, recognition, segmentor, slow
from bitscape.tests.processing.inference.scenes import picture, raster, segment

NAMES = {"0": "ground", "1": "water", "2": "road", "3": "tree"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return raster(tmp_path / "in.tif", picture(200, 220))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return segmentor(tmp_path / "m.onnx", metadata=deepness(model_type="Segmentor", class_names=NAMES, tile_size=128))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "c.tif"


def refused(error: type[Exception], words: str, output: Path, *arguments: Any, **request: Any) -> None:
    """It fails with these words, and leaves the folder of the output as it was."""
    before = sorted(output.parent.iterdir())
    with pytest.raises(error, match=words):
        segment(*arguments, **{"classes": output, **request})
    assert sorted(output.parent.iterdir()) == before


def test_malformed_model(source: Path, output: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    for content in (b"", b"not a model at all", os.urandom(5000)):
        bad.write_bytes(content)
        refused(ModelError, "bad.onnx", output, bad, source)
    refused(ModelError, "missing.onnx", output, tmp_path / "missing.onnx", source)


def test_wrong_number_of_channels_expected_and_found(model: Path, output: Path, tmp_path: Path) -> None:
    two = raster(tmp_path / "two.tif", picture(60, 60, 2))
    refused(ModelError, r"3 bands.*2", output, model, two)


def test_bands_that_are_not_there(model: Path, source: Path, output: Path) -> None:
    refused(ModelError, "bands 1 to 3; chosen were 9", output, model, source, bands=[1, 2, 9])
    refused(ModelError, "2 bands were chosen; the model needs 3", output, model, source, bands=[1, 2])


def test_models_of_other_kinds(source: Path, output: Path, tmp_path: Path) -> None:
    refused(ModelError, "is a Recognition", output, recognition(tmp_path / "r.onnx"), source)


def test_not_a_number_names_the_window(output: Path, tmp_path: Path) -> None:
    pixels = np.full((3, 300, 300), 200, np.uint8)
    pixels[:, 250:, 250:] = 10  # standardised below zero, whose logarithm the model takes
    model = broken_numbers(tmp_path / "nan.onnx", metadata=deepness(
        model_type="Segmentor", class_names={"0": "a", "1": "b"}, tile_size=128, standardization_mean=[0.5] * 3,
        standardization_std=[0.5] * 3))
    refused(ModelError, r"window at row (1\d\d|96), column (1\d\d).*NaN", output, model,
            raster(tmp_path / "p.tif", pixels), overlap=32)


def test_out_of_memory(source: Path, output: Path, tmp_path: Path) -> None:
    refused(ModelError, "not enough memory.*smaller tile", output, greedy(tmp_path / "g.onnx"), source, tile=512)


def test_area_elsewhere_or_too_small(
    model: Path, source: Path, output: Path, tmp_path: Path, write_features: Callable[..., Path]
) -> None:
    far = write_features(tmp_path / "far.gpkg", np.array([shapely.box(0, 0, 9, 9)]), {"n": [1]}, "EPSG:32610")
    refused(InputError, "does not meet", output, model, source, aoi=far)
    sliver = write_features(tmp_path / "sliver.gpkg", np.array([shapely.box(500_101, 4_999_801, 500_102, 4_999_802)]),
                            {"n": [1]}, "EPSG:32610")
    refused(InputError, "centre of no pixel", output, model, source, aoi=sliver)
    refused(InputError, "does not touch", output, model, source, extent=[0, 0, 1, 1])


def test_outputs_that_cannot_be_written(model: Path, source: Path, output: Path, tmp_path: Path) -> None:
    refused(OutputError, "does not exist", output, model, source, classes=tmp_path / "nowhere" / "c.tif")
    refused(OutputError, "end in .tif", output, model, source, classes=tmp_path / "c.png")
    refused(OutputError, "end in .gpkg", output, model, source, polygons=tmp_path / "c.shp")
    refused(OutputError, "same name", output, model, source, scores=output)
    refused(InputError, "is an input", output, model, source, classes=source)
    refused(InputError, "No output", output, model, source, classes=None)


def test_read_only_folder(model: Path, source: Path, tmp_path: Path) -> None:
    """Permission bits do not bind root, for whom it is the kernel's folder."""
    folder = Path("/proc")
    if os.geteuid() != 0:
        folder = tmp_path / "read-only"
        folder.mkdir(mode=0o555)
    with pytest.raises(OutputError, match="does not allow writing"):
        segment(model, source, classes=folder / "c.tif")
    assert not (folder / "c.tif").exists()


def test_truncated_raster(model: Path, output: Path, tmp_path: Path) -> None:
    whole = raster(tmp_path / "whole.tif", picture(600, 600), compress="deflate").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    refused(InputError, "cut.tif", output, model, tmp_path / "cut.tif")


def test_overlap_and_windows_that_make_no_sense(model: Path, source: Path, output: Path) -> None:
    refused(InputError, "overlap of 120", output, model, source, overlap=120)


def test_cancelled_at_once_while_a_window_is_in_the_model(source: Path, output: Path, tmp_path: Path) -> None:
    """A window of this model takes seconds; the model itself is stopped."""
    progress, told = Progress(), threading.Event()

    def report(_: float, message: str) -> None:
        if message.startswith(("Reading", "Trying")):
            told.set()

    progress = Progress(report)
    when: list[float] = []

    def cancel() -> None:
        told.wait(60)
        time.sleep(0.4)
        when.append(time.monotonic())
        progress.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    model = slow(tmp_path / "slow.onnx", steps=1500)
    with pytest.raises(Cancelled):
        segment(model, source, progress, classes=output, tile=512)
    assert time.monotonic() - when[0] < 10, "it did not wait for the model"
    canceller.join()
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize("at", ["Window 3 ", "Building", "Drawing polygons", "Finding regions"])
def test_cancelled_late(model: Path, source: Path, output: Path, at: str) -> None:
    seen = []

    def report(_: float, message: str) -> None:
        if message.startswith(at) or (at == "Window 3 " and message.startswith("Window")):
            seen.append(message)
            progress.cancel()

    progress = Progress(report)
    with pytest.raises(Cancelled):
        segment(model, source, progress, classes=output, polygons=output.with_suffix(".gpkg"))
    assert seen and not list(output.parent.iterdir())


def test_no_place_on_earth_is_told(output: Path, tmp_path: Path, heard: Any) -> None:
    source = raster(tmp_path / "p.tif", picture(100, 100), crs=None)
    model = segmentor(tmp_path / "m.onnx", metadata=deepness(
        model_type="Segmentor", class_names=NAMES, tile_size=128, resolution=50))
    told = heard()
    result = segment(model, source, told, classes=output)
    assert not result["resampled"] and result["heads"][0]["shares"][0]["area"] is None
    assert any(level == "warning" and "where on Earth" in text for level, text in told.lines)


def test_the_provider_is_told_and_a_fallback_is_a_warning(model: Path, source: Path, output: Path, heard: Any) -> None:
    told = heard()
    result = segment(model, source, told, classes=output, provider="cuda")
    if result["provider_used"] == "CPU":
        assert any(level == "warning" and "CUDA" in text for level, text in told.lines) and "CUDA" in result["fallback"]
    refused(InputError, "no provider", output, model, source, provider="abacus")
