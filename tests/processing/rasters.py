"""Small rasters that tests write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray


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
