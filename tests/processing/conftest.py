"""Fixtures of the backend's tests: real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing.embeddings.mapping import quantise
from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; without it the test is skipped, or fails where REQUIRE_DATA=1."""
    if not SHARED.is_dir():
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail(f"the real data is not at {SHARED}")
        pytest.skip(f"the real data is not at {SHARED}")
    return SHARED


def write_raster(path: Path, pixels: NDArray, **profile: object) -> Path:
    """A GeoTIFF of (bands, rows, columns) on a 10 m grid of UTM zone 10N unless ``profile`` says otherwise."""
    options = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype.name,
        "crs": "EPSG:32610",
        "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000),
        **profile,
    }
    with rasterio.open(path, "w", **options) as dataset:
        dataset.write(pixels)
    return path


def unit_vectors(rng: np.random.Generator, bands: int, rows: int, columns: int) -> NDArray[np.float64]:
    """Smooth unit vectors, (bands, rows, columns)."""
    coarse = rng.standard_normal((bands, 4, 4))
    smooth = np.kron(coarse, np.ones((1, -(-rows // 4), -(-columns // 4))))[:, :rows, :columns]
    vectors = smooth + 0.3 * rng.standard_normal((bands, rows, columns))
    return vectors / np.linalg.norm(vectors, axis=0)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two dates of AlphaEarth-like int8 embeddings, 16 bands, 150 × 130 pixels, with nodata at either date."""
    rng = np.random.default_rng(1)
    codes = [quantise(unit_vectors(rng, 16, 150, 130)) for _ in range(2)]
    codes[0][:, :7, :30] = -128
    codes[1][:, 100:, 120:] = -128
    return tuple(
        write_raster(tmp_path / f"embeddings_{year}.tif", part, nodata=-128)
        for year, part in zip((2020, 2024), codes, strict=True)
    )
