"""Fixtures of the backend's tests: real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.embeddings.mapping import quantise
from bitscape.tests.processing.rasters import unit_vectors, write_raster

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; without it the test is skipped, or fails where REQUIRE_DATA=1."""
    if not SHARED.is_dir():
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail(f"the real data is not at {SHARED}")
        pytest.skip(f"the real data is not at {SHARED}")
    return SHARED


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
