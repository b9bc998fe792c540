"""Value mappings: exact round trips, and detection that is right or says why."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.embeddings.mapping import chosen, dequantise, detect, quantise
from bitscape.processing.embeddings.source import ALPHAEARTH, EmbeddingSource
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from hypothesis import given
from hypothesis import strategies as st


def test_every_code_comes_back():
    codes = np.arange(-128, 128).astype(np.int8)
    assert (quantise(dequantise(codes)) == codes).all()
    assert np.isnan(dequantise(codes)[0])
    np.testing.assert_allclose(
        dequantise(np.array([127, -127, 0, 64], np.int8)), [0.992172, -0.992172, 0, 0.251965], 1e-5
    )


@given(st.floats(-1, 1))
def test_quantising_is_within_half_a_step(value):
    code = quantise(np.array([value]))[0]
    assert abs(np.sign(value) * np.sqrt(abs(value)) * 127.5 - code) <= 0.5 + 1e-9


def test_detection():
    rng = np.random.default_rng(0)
    units = unit_vectors(rng, 32, 20, 20).reshape(32, -1).T
    assert detect(quantise(units), 1, 0).kind == "alphaearth"
    linear = detect(np.rint(units * 127).astype(np.int8), 1, 0)
    assert (linear.kind, linear.scale) == ("linear", 1 / 127)
    stated = detect(np.rint(units * 1e4).astype(np.int16), 1e-4, 0.5)
    assert stated.kind == "linear"
    np.testing.assert_allclose(stated.apply(np.array([2000], np.int16)), [0.7], rtol=1e-6)
    assert detect(units.astype(np.float32), 1, 0).kind == "none"
    assert detect(rng.integers(0, 9000, (400, 12)).astype(np.uint16), 1, 0).kind == "none"
    assert detect(rng.integers(-9, 9, (400, 12)).astype(np.int8), 1, 0).kind == "none"
    with pytest.raises(ValueError, match="int8"):
        chosen("alphaearth", np.dtype("uint8"), 1, 0)


def test_products_and_dates_are_told_from_the_file(tmp_path, shared_data):
    codes = quantise(unit_vectors(np.random.default_rng(0), 64, 8, 8))
    path = write_raster(tmp_path / "aef_2021.tif", codes)
    import rasterio

    with rasterio.open(path, "r+") as dataset:
        for band in range(64):
            dataset.set_band_description(band + 1, f"A{band:02}")
    source = EmbeddingSource.open(path)
    assert source.product == ALPHAEARTH and source.date == "2021" and source.nodata == -128
    assert source.product.attribution == (
        "The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and Google DeepMind."
    )
    presto = EmbeddingSource.open(shared_data / "presto_embeddings" / "presto_wc_full_i8.tif")
    assert presto.bands == 128 and "Copernicus" in presto.product.attribution


def test_presto_full_equals_its_normalised_quantisation(shared_data):
    import rasterio

    folder = shared_data / "presto_embeddings"
    with (
        rasterio.open(folder / "presto_wc_full_i8.tif") as stored,
        rasterio.open(folder / "presto_wc_full_f32.tif") as raw,
    ):
        values = raw.read().astype(np.float64)
        assert (quantise(values / np.linalg.norm(values, axis=0)) == stored.read()).all()
