"""The raster under a model: which of its pixels are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from bitscape.processing.inference.card import Card
from bitscape.processing.inference.channels import propose
from bitscape.processing.inference.raster_bands import RasterDescription, has_mask
from bitscape.processing.sliding.source import Source
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.models import deepness
from bitscape.tests.processing.inference.scenes import read, segment
from bitscape.tests.processing.rasters import write_raster
from rasterio.windows import Window

HOLE = np.s_[10:30, 5:25]
WHOLE = Window(0, 0, 50, 60)


def four_bands(path: Path, **profile: object) -> Path:
    """Four bands without zeros, but for a square of the fourth."""
    pixels = np.random.default_rng(0).integers(1, 255, (4, 60, 50)).astype(np.uint8)
    pixels[3][HOLE] = 0
    return write_raster(path, pixels, **profile)


def known(path: Path, bands: list[int]) -> np.ndarray:
    card = Card(bands=[f"b{number}" for number in bands], scale=255)
    channels = propose(card, RasterDescription.of(path), len(bands), bands).require()
    return Source.open(path, channels.raster_bands, channels.valid).read(WHOLE)[1]


def test_an_alpha_band_is_a_mask_unless_the_model_reads_it(tmp_path: Path) -> None:
    raster = four_bands(tmp_path / "a.tif", photometric="RGB", alpha="YES")
    with rasterio.open(raster) as dataset:
        assert dataset.colorinterp[3].name == "alpha"
        masks = {bands: has_mask(dataset, bands) for bands in ((1, 2, 3), (1, 2, 3, 4), (2, 4), (4,))}
    assert masks == {(1, 2, 3): True, (1, 2, 3, 4): False, (2, 4): False, (4,): False}
    inside = np.zeros((60, 50), np.bool_)
    inside[HOLE] = True
    np.testing.assert_array_equal(known(raster, [1, 2, 3]), ~inside)
    for bands in ([1, 2, 3, 4], [4, 1], [4]):
        assert known(raster, bands).all(), bands


def test_a_mask_of_its_own_counts_whatever_the_bands(tmp_path: Path) -> None:
    raster = four_bands(tmp_path / "a.tif", photometric="RGB", alpha="YES")
    mask = np.full((60, 50), 255, np.uint8)
    mask[40:] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(raster, "r+") as dataset:
        dataset.write_mask(mask)
    for bands in ([1, 2, 3], [1, 2, 3, 4]):
        np.testing.assert_array_equal(known(raster, bands), mask > 0)


@pytest.mark.parametrize("bands", [[1, 2, 3], [1, 2, 3, 4]])
def test_the_map_has_no_holes_where_infrared_is_zero(tmp_path: Path, bands: list[int]) -> None:
    raster = four_bands(tmp_path / "a.tif", photometric="RGB", alpha="YES")
    model = models.segmentor(tmp_path / "m.onnx", channels=len(bands), metadata=deepness(
        class_names={"0": "a", "1": "b", "2": "c", "3": "d"}))
    segment(model, raster, bands=bands, tile=64, classes=tmp_path / "c.tif")
    (classes,) = read(tmp_path / "c.tif")
    assert (classes[HOLE] == 255).all() == (4 not in bands)
    assert (classes == 255).sum() == (0 if 4 in bands else 400)
