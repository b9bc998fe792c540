"""Ellipsoidal pixel areas against geodesic polygons (Karney 2013), in projections of every kind."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from affine import Affine
from bitscape.processing.grids.grid import Grid
from bitscape.processing.grids.pixel_area import PixelArea
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.warp import transform
from rasterio.windows import Window

ALBERS = ("+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +datum=NAD83 +units=m")


@pytest.mark.parametrize(("crs", "affine", "width", "height"), [
    ("EPSG:32610", Affine(10, 0, 700_000, 0, -10, 5_300_000), 4000, 5000),
    ("EPSG:4326", Affine(0.01, 0, -120, 0, -0.01, 60), 3000, 2000),
    ("EPSG:4326", Affine(0.1, 0, 170, 0, 0.1, -60), 300, 200),
    ("EPSG:3857", Affine(100, 0, -13e6, 0, -100, 9e6), 4000, 5000),
    (ALBERS, Affine(30, 0, -2e6, 0, -30, 3e6), 5000, 4000),
    ("EPSG:2225", Affine(30, 0, 6e6, 0, -30, 2e6), 5000, 4000),
    ("EPSG:32610", Affine(6, 8, 500_000, 8, -6, 5_300_000), 2000, 3000),
])
def test_areas_sum_to_the_geodesic_area_of_the_grid(crs: str, affine: Affine, width: int, height: int) -> None:
    grid = Grid(width, height, affine, CRS.from_user_input(crs))
    areas = PixelArea.of(grid)
    assert areas is not None
    whole = sum(areas.of_window(Window(0, top, width, min(512, height - top))).sum() for top in range(0, height, 512))
    side = np.linspace(0, 1, 4000)
    column = np.concatenate([side * width, np.full(4000, width), width - side * width, np.zeros(4000)])
    row = np.concatenate([np.zeros(4000), side * height, np.full(4000, height), height - side * height])
    x, y = affine @ (column, row)
    described = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    ellipsoid, geographic = described.ellipsoid, described.geodetic_crs.to_wkt()
    longitude, latitude = transform(grid.crs, CRS.from_wkt(geographic), x, y)
    geod = Geod(a=ellipsoid.semi_major_metre, b=ellipsoid.semi_minor_metre)
    expected = abs(geod.polygon_area_perimeter(longitude, latitude)[0])
    assert whole == pytest.approx(expected, rel=2e-5)


def test_a_window_is_part_of_the_whole() -> None:
    grid = Grid(300, 200, Affine(0.1, 0, 10, 0, -0.1, 60), CRS.from_epsg(4326))
    areas = PixelArea.of(grid)
    assert areas is not None
    whole = areas.of_window(Window(0, 0, 300, 200))
    np.testing.assert_allclose(areas.of_window(Window(20, 30, 50, 60)), whole[30:90, 20:70], rtol=1e-12)
    assert whole[-1, 0] > whole[0, 0] * 1.4  # 40° north against 60°


@pytest.mark.parametrize("crs", [None, CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')])
def test_without_a_place_on_the_earth_there_is_no_area(crs: CRS | None) -> None:
    assert PixelArea.of(Grid(10, 10, Affine(1, 0, 0, 0, -1, 0), crs)) is None
