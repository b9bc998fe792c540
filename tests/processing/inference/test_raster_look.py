"""A look at a raster's values decodes few blocks."""

from __future__ import annotations

import pytest
from bitscape.processing.inference.raster_bands import _within


@pytest.mark.parametrize("block", [128, 256, 512, 4096])
def test_a_stretch_lies_in_one_block(block: int) -> None:
    for start in range(0, 5000, 37):
        first = _within(start + 0.7, 128, block)
        assert first // block == (first + 127) // block == start // block and 0 <= first <= start


def test_a_stretch_longer_than_a_block_stays() -> None:
    assert [_within(start, 128, 1) for start in (0, 5.5, 99)] == [0, 5, 99]
