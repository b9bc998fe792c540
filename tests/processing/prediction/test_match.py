"""Likeness to examples: against cosines worked out by hand, blended; examples off the raster, areas, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import InputError, ModelError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.scenes import picture, raster, read

HALF = 128
"""Columns of the scene's left half."""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Left half reddish, right half bluish."""
    pixels = picture(192, 2 * HALF) // 4
    pixels[0, :, :HALF] += 180
    pixels[2, :, HALF:] += 180
    return raster(tmp_path / "scene.tif", pixels)


def points(path: Path, source: Path, places: list[tuple[float, float]]) -> Path:
    """Points at rows and columns of a raster."""
    with rasterio.open(source) as dataset:
        xy = [dataset.transform @ (column, row) for row, column in places]
        crs = dataset.crs.to_wkt()
    pyogrio.raw.write(str(path), shapely.to_wkb(shapely.points(np.array(xy))), [], [], geometry_type="Point", crs=crs,
                      driver="GPKG")
    return path


def match(model: Path, source: Path, examples: Path, output: Path, **request: Any) -> dict[str, Any]:
    return operations.run("matchexample", {"model": str(model), "input": str(source), "examples": str(examples),
                                           "output": str(output), **request}, Progress())


def test_what_is_alike_is_brighter(scene: Path, tmp_path: Path) -> None:
    model = models.recognition(tmp_path / "m.onnx")
    examples = points(tmp_path / "p.gpkg", scene, [(96, 40)])
    found = match(model, scene, examples, tmp_path / "out.tif", tile=64)
    likeness = read(tmp_path / "out.tif")[0]
    assert found["examples"] == 1
    assert likeness[:, : HALF - 64].min() > likeness[:, HALF + 64 :].max()
    assert found["highest"] == pytest.approx(likeness.max(), abs=1e-5)
    assert found["highest"] <= 1.0001


def test_one_window_is_a_cosine_by_hand(tmp_path: Path) -> None:
    """A raster of two windows that do not overlap, the example the middle of the first."""
    pixels = picture(64, 128)
    source = raster(tmp_path / "in.tif", pixels)
    model = models.recognition(tmp_path / "m.onnx")
    match(model, source, points(tmp_path / "p.gpkg", source, [(32, 32)]), tmp_path / "out.tif", tile=64, overlap=0)
    weights = np.random.default_rng(2).standard_normal((3, 16)).astype(np.float32)
    one, other = ((pixels[:, :, part].mean((1, 2)) / 255) @ weights for part in (slice(0, 64), slice(64, 128)))
    likeness = read(tmp_path / "out.tif")[0]
    assert np.abs(likeness[:, :64] - 1).max() < 1e-5
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert np.abs(likeness[:, 64:] - cosine).max() < 1e-5


def test_examples_off_the_raster_are_told_of_or_refused(scene: Path, tmp_path: Path) -> None:
    model = models.recognition(tmp_path / "m.onnx")
    warned: list[str] = []
    progress = Progress(log=lambda text, level: warned.append(text) if level == "warning" else None)
    some = points(tmp_path / "p.gpkg", scene, [(96, 40), (-500, 40)])
    operations.run("matchexample", {"model": str(model), "input": str(scene), "examples": str(some), "tile": 64,
                                    "output": str(tmp_path / "out.tif")}, progress)
    assert any("1 of 2 examples lie outside" in text for text in warned)
    with pytest.raises(InputError, match="None of the 1 examples"):
        match(model, scene, points(tmp_path / "q.gpkg", scene, [(-500, 40)]), tmp_path / "out2.tif", tile=64)


def test_examples_without_data_do_not_count(tmp_path: Path) -> None:
    pixels = picture(128, 128)
    pixels[:, :40, :40] = 0
    source = raster(tmp_path / "in.tif", pixels, nodata=0)
    model = models.recognition(tmp_path / "m.onnx")
    examples = points(tmp_path / "p.gpkg", source, [(10, 10), (100, 100)])
    found = match(model, source, examples, tmp_path / "o.tif", tile=64)
    assert (found["examples"], found["missing"]) == (1, 1)
    assert np.isnan(read(tmp_path / "o.tif")[0, :40, :40]).all()
    with pytest.raises(InputError, match="no data at the examples"):
        match(model, source, points(tmp_path / "q.gpkg", source, [(10, 10)]), tmp_path / "o2.tif", tile=64)


def test_models_of_another_kind_are_refused(scene: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Recognition"):
        match(models.segmentor(tmp_path / "s.onnx"), scene, points(tmp_path / "p.gpkg", scene, [(96, 40)]),
              tmp_path / "out.tif")
