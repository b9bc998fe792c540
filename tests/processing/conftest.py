"""Fixtures of the backend's tests: real data where it is present."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.embeddings.mapping import quantise
from bitscape.tests.processing.rasters import unit_vectors, write_raster


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
