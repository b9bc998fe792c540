"""Classes of maps larger than one block: counted, measured on the ellipsoid, and read at points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from bitscape.processing.errors import InputError
from bitscape.processing.grids.class_map import ClassMap
from bitscape.processing.progress import Progress
from bitscape.processing.statistics.class_areas import blocks, class_areas, classes_at
from bitscape.tests.processing.statistics.scenes import TRANSFORM, assess, write_map
from pyproj import Geod
from rasterio.windows import Window

ROWS, COLUMNS = 1100, 2300


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Classes 1 to 3, and 0 for no data, in no order."""
    return np.random.default_rng(0).integers(0, 4, (ROWS, COLUMNS)).astype(np.uint8)


def test_blocks_cover_a_grid_once(tmp_path: Path, pixels: np.ndarray) -> None:
    grid = ClassMap.open(write_map(tmp_path / "m.tif", pixels)).grid
    seen = np.zeros((ROWS, COLUMNS), int)
    for window in blocks(grid):
        seen[window.toslices()] += 1
    assert (seen == 1).all() and len(list(blocks(grid))) == 6
    assert list(blocks(grid.crop(Window(0, 0, 5, 7)))) == [Window(0, 0, 5, 7)]


def test_a_map_of_several_blocks_is_counted_and_read_at_points(tmp_path: Path, pixels: np.ndarray) -> None:
    chart = ClassMap.open(write_map(tmp_path / "m.tif", pixels))
    found = class_areas(chart, Progress())
    assert found.pixels == {number: int((pixels == number).sum()) for number in (1, 2, 3)}
    assert found.unknown == pytest.approx((pixels == 0).sum() * 100, rel=3e-3) and found.on_ground
    rng = np.random.default_rng(1)
    row, column = rng.integers(-20, ROWS + 20, 5000), rng.integers(-20, COLUMNS + 20, 5000)
    x, y = TRANSFORM @ (column + rng.random(5000), row + rng.random(5000))
    values, inside, known = classes_at(chart, x, y, Progress())
    assert (inside == ((row >= 0) & (row < ROWS) & (column >= 0) & (column < COLUMNS))).all()
    true = pixels[row[inside], column[inside]]
    assert (values[inside] == true).all() and (known[inside] == (true > 0)).all() and not known[~inside].any()


def test_areas_in_degrees_are_those_of_the_ellipsoid(tmp_path: Path) -> None:
    """Against the geodesic area of the very quadrilaterals: at 60° a pixel is half as wide as at the equator."""
    values = np.ones((600, 100), np.int16)
    values[300:] = -4
    place = Affine(0.01, 0, 10, 0, -0.01, 62)
    found = class_areas(ClassMap.open(write_map(tmp_path / "m.tif", values, {}, crs="EPSG:4326", transform=place)),
                        Progress())
    geod = Geod(ellps="WGS84")
    for number, north, south in ((1, 62.0, 59.0), (-4, 59.0, 56.0)):
        along = np.linspace(10, 11, 200)
        ring = np.concatenate([along, along[::-1]]), np.concatenate([np.full(200, south), np.full(200, north)])
        assert found.areas[number] == pytest.approx(abs(geod.polygon_area_perimeter(*ring)[0]), rel=1e-4)
    assert found.areas[-4] > 1.05 * found.areas[1]


def test_a_map_without_a_class_is_refused(tmp_path: Path) -> None:
    chart = ClassMap.open(write_map(tmp_path / "m.tif", np.zeros((10, 10), np.uint8)))
    with pytest.raises(InputError, match="nodata everywhere"):
        class_areas(chart, Progress())


def test_rasters_of_several_blocks_are_compared_whole(tmp_path: Path, pixels: np.ndarray) -> None:
    true = np.roll(pixels, 1, 0)
    names = {"CLASS_1": "a", "CLASS_2": "b", "CLASS_3": "c"}
    result = assess(tmp_path, map=write_map(tmp_path / "m.tif", pixels, names),
                    reference=write_map(tmp_path / "t.tif", true, names))
    known = (pixels > 0) & (true > 0)
    assert result.count == known.sum()
    assert result.overall.value == pytest.approx((pixels == true)[known].mean())
    assert result.classes[1].area.value == pytest.approx((true[known] == 2).sum() / 100, rel=3e-3)
