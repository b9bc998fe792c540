"""What a run will cost, before it is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference.models import deepness, segmentor
from bitscape.tests.processing.inference.scenes import picture, raster, segment


def a_model(path: Path, **more: Any) -> Path:
    return segmentor(path, metadata=deepness(
        model_type="Segmentor", class_names={"0": "a", "1": "b", "2": "c", "3": "d"}, tile_size=128, **more))


def estimate(model: Path, source: Path, **request: Any) -> dict[str, Any]:
    return operations.run("estimatesegment", {"model": str(model), "input": str(source), **request}, Progress())


def test_windows_pixels_and_bytes_are_those_of_the_run(tmp_path: Path) -> None:
    source, model = raster(tmp_path / "in.tif", picture(700, 900)), a_model(tmp_path / "m.onnx")
    found = estimate(model, source, overlap=32, outputs=["classes", "scores"], output=str(tmp_path / "c.tif"))
    result = segment(model, source, overlap=32, classes=tmp_path / "c.tif", scores=tmp_path / "s.tif")
    assert found["windows"] == result["windows"] == 7 * 10
    assert (found["width"], found["height"], found["pixels"]) == (900, 700, 630_000)
    size = sum((tmp_path / name).stat().st_size for name in ("c.tif", "s.tif"))
    assert size / 2 < found["bytes"] < size * 2
    assert found["provider_used"] == "CPU" and found["free_bytes"] > 0 and found["memory"] > 0
    assert 0 < found["model_share"] <= 1 and found["seconds"] == pytest.approx(
        found["window_seconds"] * found["windows"]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.tif", "in.tif", "m.onnx", "s.tif"]


def test_windows_of_an_area_and_an_extent(tmp_path: Path, write_features: Any) -> None:
    source, model = raster(tmp_path / "in.tif", picture(900, 900)), a_model(tmp_path / "m.onnx")
    left, top = 500_000, 5_000_000
    area = write_features(
        tmp_path / "aoi.gpkg",
        np.array(
            [
                shapely.box(left + 100, top - 200, left + 150, top - 100),
                shapely.box(left + 8970, top - 8990, left + 8990, top - 8970),
            ]
        ),
        {"n": [1, 2]},
        "EPSG:32610",
    )
    found = estimate(model, source, overlap=32, aoi=str(area))
    assert found["windows"] == 2 and found["pixels"] == 54
    result = segment(model, source, overlap=32, aoi=area, classes=tmp_path / "c.tif")
    assert result["windows"] == 2
    assert estimate(model, source, overlap=32, extent=[left, top - 100, left + 100, top])["windows"] == 1


@pytest.mark.parametrize("resolution", [400, 2500])
def test_resampled(tmp_path: Path, resolution: int) -> None:
    source, model = raster(tmp_path / "in.tif", picture(500, 600)), a_model(tmp_path / "m.onnx", resolution=resolution)
    found = estimate(model, source, overlap=32)
    result = segment(model, source, overlap=32, classes=tmp_path / "c.tif")
    assert found["resampled"] and found["windows"] == result["windows"]


def test_refused_as_the_run_would_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks"):
        estimate(a_model(tmp_path / "m.onnx"), raster(tmp_path / "in.tif", picture(50, 50, 2)))
