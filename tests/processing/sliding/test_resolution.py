"""Metres per pixel in any CRS, and resampling to a model's pixels and back."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from bitscape.processing.grids.grid import Grid
from bitscape.processing.sliding.resolution import ModelGrid, Scale, metres, model_grid, resample, spread
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from rasterio.crs import CRS


@pytest.mark.parametrize(("crs", "transform"), [
    ("EPSG:32633", Affine(10, 0, 500_000, 0, -10, 5_000_000)),
    ("EPSG:4326", Affine(0.001, 0, 15, 0, -0.001, 60)),
    ("EPSG:4326", Affine(0.001, 0, 15, 0, 0.002, -35)),
    ("EPSG:3857", Affine(30, 0, 1.5e6, 0, -30, 8e6)),
    ("EPSG:2225", Affine(30, 0, 6e6, 0, -30, 2e6)),
    ("EPSG:32633", Affine(6, 8, 500_000, 8, -6, 5_300_000)),
])
def test_metres_are_those_of_geodesics(crs: str, transform: Affine) -> None:
    import pyproj

    grid = Grid(200, 100, transform, CRS.from_user_input(crs))
    described = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    to_degrees = pyproj.Transformer.from_crs(described, described.geodetic_crs, always_xy=True)
    geod = Geod(a=described.ellipsoid.semi_major_metre, b=described.ellipsoid.semi_minor_metre)

    def length(*ends: tuple[float, float]) -> float:
        (a, b), (c, d) = (to_degrees.transform(*(transform @ end)) for end in ends)
        return float(geod.inv(a, b, c, d)[2])

    found = metres(grid)
    assert found == pytest.approx((length((100, 49.5), (100, 50.5)), length((99.5, 50), (100.5, 50))), rel=1e-3)


def test_no_place_on_earth_means_no_resampling() -> None:
    for crs in (None, CRS.from_wkt('LOCAL_CS["drawing",UNIT["metre",1]]')):
        grid = Grid(100, 80, Affine(3, 0, 0, 0, -3, 0), crs)
        assert metres(grid) is None and model_grid(grid, 10).same and spread(grid) == 1


@pytest.mark.parametrize(
    ("resolution", "same"), [(10, True), (10.9, True), (9.2, True), (11.5, False), (8.5, False), (None, True)]
)
def test_pixels_within_a_tenth_are_left_alone(resolution: float | None, same: bool) -> None:
    grid = Grid(100, 80, Affine(10, 0, 500_000, 0, -10, 5_000_000), CRS.from_epsg(32633))
    assert model_grid(grid, resolution).same == same


def test_degrees_get_square_pixels_on_the_ground() -> None:
    grid = Grid(1000, 1000, Affine(0.0001, 0, 15, 0, -0.0001, 60), CRS.from_epsg(4326))
    found = model_grid(grid, 10)
    assert found.down.factor == pytest.approx(10 / 11.141, rel=2e-3)
    assert found.across.factor == pytest.approx(10 / 5.58, rel=2e-3)
    assert spread(Grid(10, 3000, Affine(0.01, 0, 15, 0, -0.01, 70), CRS.from_epsg(4326))) > 2


@given(st.floats(0.2, 6), st.integers(1, 60), st.integers(0, 40))
def test_taps_stay_within_reach_and_add_up_to_one(factor: float, count: int, low: int) -> None:
    scale = Scale(factor)
    length = max(1, int((low + count) * factor))
    places, weights = scale.taps(low, low + count, length)
    first, last = scale.reach(low, low + count, length)
    used = places[weights > 0]
    assert first <= used.min() and used.max() < last
    assert first <= places.min() and places.max() < last, "also those of no weight are looked up"
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_coarser_is_the_mean_of_the_area_finer_is_bilinear() -> None:
    random = np.random.default_rng(0)
    pixels = random.uniform(0, 1, (2, 12, 18)).astype(np.float32)
    third = Scale(3.0)
    found, _ = resample(pixels, None, third.taps(0, 4, 12), third.taps(0, 6, 18))
    np.testing.assert_allclose(found, pixels.reshape(2, 4, 3, 6, 3).mean(axis=(2, 4)), atol=1e-6)
    ramp = np.broadcast_to(np.arange(18, dtype=np.float32), (1, 12, 18))
    half = Scale(0.5)
    fine, _ = resample(ramp, None, half.taps(0, 24, 12), half.taps(0, 36, 18))
    np.testing.assert_allclose(fine[0, 5, 1:-1], np.arange(1, 35) / 2 - 0.25, atol=1e-5)


def test_fractional_means_keep_the_sum() -> None:
    pixels = np.random.default_rng(1).uniform(0, 1, (1, 25, 25)).astype(np.float32)
    scale = Scale(2.5)
    found, _ = resample(pixels, None, scale.taps(0, 10, 25), scale.taps(0, 10, 25))
    assert found.mean() == pytest.approx(pixels.mean(), abs=1e-6)


def test_only_valid_pixels_count() -> None:
    pixels = np.array([[[1, 9, 5, 5], [3, np.nan, 5, 5]]], np.float32)
    valid = np.array([[True, False, False, False], [True, False, False, False]])
    scale = Scale(2.0)
    found, covered = resample(pixels, valid, scale.taps(0, 1, 2), scale.taps(0, 2, 4))
    assert covered is not None
    np.testing.assert_allclose(found[0], [[2, 0]])
    np.testing.assert_allclose(covered, [[0.5, 0]])


def test_model_grid_covers_the_raster() -> None:
    grid = ModelGrid(101, 203, Scale(2.0), Scale(0.3))
    assert (grid.height, grid.width) == (51, 677)
    assert grid.back_down.factor == 0.5
