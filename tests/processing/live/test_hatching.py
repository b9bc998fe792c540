"""Hatching against its definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.grids.grid import Grid
from bitscape.processing.live.hatching import EXTRAPOLATED, SPACING, UNKNOWN, hatch
from bitscape.processing.live.view import View
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

NORTH_UP = Grid(40, 30, Affine(10, 0, 500_000, 0, -10, 4_000_000), None)
SOUTH_UP = Grid(40, 30, Affine(10, 0, 500_000, 0, 10, 3_999_700), None)
TURNED = Grid(40, 30, Affine(8, 3, 500_000, 3, -8, 4_000_000), None)


def by_definition(view: View, grid: Grid, unknown: np.ndarray, far: np.ndarray | None) -> np.ndarray:
    """Where is each screen pixel's centre in the data, what is there, and does a line run through it?"""
    y, x = np.mgrid[0 : view.height, 0 : view.width]
    east = view.west + (x + 0.5) * (view.east - view.west) / view.width
    north = view.north - (y + 0.5) * (view.north - view.south) / view.height
    rows, columns = grid.pixels(east, north)
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    rows, columns = np.where(inside, rows, 0), np.where(inside, columns, 0)
    drawn = np.where(inside & unknown[rows, columns] & ((x + y) % SPACING == 0), UNKNOWN, 0)
    if far is None:
        return drawn
    return np.where(inside & far[rows, columns] & ((x - y) % SPACING == 0), EXTRAPOLATED, drawn)


def clear_of_edges(view: View, grid: Grid) -> np.ndarray:
    """Screen pixels whose centre is not on the edge of a pixel of the data but for rounding."""
    own = view.grid(grid).transform
    y, x = np.mgrid[0 : view.height, 0 : view.width] + 0.5
    places = ~grid.transform @ (own.a * x + own.c, own.e * y + own.f)
    return np.logical_and(*(np.abs(place - np.rint(place)) > 1e-6 for place in places))


@pytest.mark.parametrize("grid", [NORTH_UP, SOUTH_UP, TURNED], ids=["north-up", "bottom-up", "turned"])
@settings(max_examples=60, deadline=None)
@given(st.floats(-150, 350), st.floats(-150, 250), st.floats(3, 700), st.floats(3, 700), st.integers(1, 120),
       st.integers(1, 120), st.integers(0, 99), st.booleans())
def test_lines_are_where_the_definition_has_them(
    grid: Grid, left: float, up: float, across: float, high: float, width: int, height: int, seed: int, with_far: bool
) -> None:
    offset = np.array([0.1234, 0.4321])  # no centre on an edge
    west, south = np.array([500_000 + left, 3_999_700 + up]) + offset
    view = View(west=west, south=south, east=west + across, north=south + high, width=width, height=height)
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 3, (grid.height, grid.width))
    unknown, far = kinds == 1, (kinds == 2 if with_far else None)
    screen, pattern = hatch(view, grid, unknown, far)
    assert pattern.dtype == np.uint8 and pattern.shape == (height, width) == (screen.height, screen.width)
    assert screen.bounds == pytest.approx((view.west, view.south, view.east, view.north)) and screen.transform.e < 0
    expected = by_definition(view, grid, unknown, far)
    assert (pattern == expected)[clear_of_edges(view, grid)].all()


def test_lines_every_eight_pixels_that_cross() -> None:
    view = View(west=499_900, south=3_999_600, east=500_500, north=4_000_100, width=600, height=500)
    everywhere = np.ones((30, 40), bool)
    _, unknown = hatch(view, NORTH_UP, everywhere, None)
    assert not unknown[:100].any() and not unknown[400:].any() and not unknown[:, :100].any()
    assert not unknown[:, 500:].any(), "nothing outside the tiles"
    inside = unknown[100:400, 100:500]
    for row in inside:
        assert set(np.diff(np.flatnonzero(row))) == {8}
    for column in inside.T:
        assert set(np.diff(np.flatnonzero(column))) == {8}
    assert (inside[1:, :-1] == inside[:-1, 1:]).all(), "from lower left to upper right"
    _, far = hatch(view, NORTH_UP, ~everywhere, everywhere)
    inside = far[100:400, 100:500]
    assert (inside[1:, 1:] == inside[:-1, :-1]).all() and inside.max() == EXTRAPOLATED, "the other way"
    assert (inside > 0).mean() == pytest.approx(1 / 8, abs=1e-3)


def test_a_pixel_larger_than_the_screen() -> None:
    view = View(west=500_000.5, south=3_999_999, east=500_001.5, north=3_999_999.8, width=50, height=40)
    mask = np.zeros((30, 40), bool)
    mask[0, 0] = True
    _, pattern = hatch(view, NORTH_UP, mask, None)
    assert (pattern > 0).mean() == pytest.approx(1 / 8, abs=0.01)
    assert not hatch(view, NORTH_UP, ~mask, None)[1].any()
