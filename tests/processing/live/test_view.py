"""What is read for a map window: the level that fits, the pixels it touches, and nothing twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.errors import InputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.live.view import View, ViewReader
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import Affine

Make = Callable[..., Path]
UTM = CRS.from_epsg(32610)
GRIDS = {
    "north-up": Grid(1025, 777, Affine(10, 0, 500_000, 0, -10, 4_000_000), UTM),
    "bottom-up": Grid(1025, 777, Affine(10, 0, 500_000, 0, 10, 3_992_230), UTM),
}


def codes_of(grid: Grid) -> np.ndarray:
    """Smooth codes, so that averages differ from place to place, with a gap."""
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    codes = np.stack([rows // 8, columns // 10]).astype(np.int8)
    codes[:, 300:360, 100:200] = -128
    return codes


@pytest.fixture(scope="module", params=GRIDS)
def pyramid(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_tiles: Make
) -> Iterator[tuple[ViewReader, Grid, list[np.ndarray]]]:
    """A reader of tiles of odd size, their grid, and all of each of their levels."""
    grid = GRIDS[request.param]
    tiles = Tiles.open(make_tiles(tmp_path_factory.mktemp("tiles") / "tiles.tif", codes_of(grid), grid))
    levels = []
    for level in range(4):
        with rasterio.open(tiles.path, **({"overview_level": level - 1} if level else {})) as dataset:
            levels.append(dataset.read())
    reader = ViewReader(tiles, 1)
    yield reader, grid, levels
    reader.close()


def looking(west: float, south: float, across: float, high: float, size: tuple[int, int] = (300, 200)) -> View:
    return View(west=west, south=south, east=west + across, north=south + high, width=size[0], height=size[1])


def check(view: View, pyramid: tuple[ViewReader, Grid, list[np.ndarray]]) -> None:
    """The definition: the level, the pixels the window touches and no more, and the codes stored there."""
    reader, grid, levels = pyramid
    seen = reader.read(view)
    screen = min((view.east - view.west) / view.width, (view.north - view.south) / view.height)
    level = max([0, *(number for number in range(len(levels)) if 10 * 2**number <= np.sqrt(2) * screen)])
    pixel = 10 * 2**level
    # the last pixels of a level may reach beyond the tiles
    west, south, east, north = grid.bounds
    east = west + pixel * levels[level].shape[2]
    south, north = ((south, south + pixel * levels[level].shape[1]) if grid.transform.e > 0 else
                    (north - pixel * levels[level].shape[1], north))
    touched = view.west < east and view.east > west and view.south < north and view.north > south
    assert (seen is not None) == touched
    if seen is None:
        return
    assert seen.level == level and seen.grid.pixel_size == (pixel, pixel)
    box = seen.grid.bounds
    # the window's part of the tiles is covered, by less than a pixel too much on each side
    reach = (max(view.west, west), max(view.south, south), min(view.east, east), min(view.north, north))
    for side, (got, wanted) in enumerate(zip(box, reach)):
        too_much = wanted - got if side < 2 else got - wanted
        assert -1e-4 < too_much < pixel + 1e-4
    left, top = (round(value / pixel) for value in (
        box[0] - west, abs(grid.transform.f - (box[1] if grid.transform.e > 0 else box[3]))))
    height, width = seen.codes.shape[1:]
    assert (seen.grid.height, seen.grid.width) == (height, width) and seen.grid.crs == grid.crs
    assert seen.grid.transform.e * grid.transform.e > 0, "rows as in the file"
    np.testing.assert_array_equal(seen.codes, levels[seen.level][:, top : top + height, left : left + width])


@settings(max_examples=120, deadline=None)
@given(st.floats(-3000, 13_000), st.floats(-3000, 10_000), st.floats(-1, 2.5), st.integers(1, 900),
       st.integers(1, 700), st.floats(0.5, 2))
def test_any_window(
    pyramid: tuple[ViewReader, Grid, list[np.ndarray]], left: float, up: float, power: float, width: int, height: int,
    stretch: float,
) -> None:
    _, grid, _ = pyramid
    assert [2**level for level in range(4)] == pyramid[0].factors
    view = looking(grid.bounds[0] + left, grid.bounds[1] + up, width * 10**power, height * 10**power * stretch,
                   (width, height))
    check(view, pyramid)


def test_corners_and_beyond(pyramid: tuple[ViewReader, Grid, list[np.ndarray]]) -> None:
    reader, grid, levels = pyramid
    west, south, east, north = grid.bounds
    for pixel in (3.0, 10.0, 14.2, 29.0, 57.0, 500.0):
        across, high = 300 * pixel, 200 * pixel
        for x in (west, east):
            for y in (south, north):
                check(looking(x - across / 2, y - high / 2, across, high), pyramid)
                check(looking(x - (across if x == west else 0), y, across, high), pyramid)
    assert reader.read(looking(east, south, 100, 100)) is None, "it only touches the edge"
    assert reader.read(looking(west - 500, south, 500, 100)) is None
    assert reader.read(looking(0, 0, 100, 100)) is None
    everything = reader.read(looking(west, south, east - west, north - south, (1025, 777)))
    assert everything is not None and everything.level == 0
    np.testing.assert_array_equal(everything.codes, levels[0])
    coarsest = reader.read(looking(west - 1e6, south - 1e6, 3e6, 3e6))
    assert coarsest is not None and coarsest.level == 3 and coarsest.codes.shape == (2, 98, 129)
    np.testing.assert_array_equal(coarsest.codes, levels[3])
    speck = reader.read(looking(east - 0.7, north - 0.7, 0.3, 0.2))
    assert speck is not None and speck.codes.shape == (2, 1, 1)
    last = levels[0][:, 0 if grid.transform.e < 0 else -1, -1]
    np.testing.assert_array_equal(speck.codes[:, 0, 0], last)


def test_the_threshold_between_levels(pyramid: tuple[ViewReader, Grid, list[np.ndarray]]) -> None:
    reader, grid, _ = pyramid
    west, south, _, _ = grid.bounds

    def level(pixel: float) -> int:
        seen = reader.read(looking(west, south, 300 * pixel, 200 * pixel))
        assert seen is not None
        return seen.level

    for number, pixel in enumerate((20, 40, 80), 1):
        edge = pixel / np.sqrt(2)
        assert (level(edge * 0.999), level(edge * 1.001)) == (number - 1, number)
    stretched = reader.read(looking(west, south, 300 * 100, 200 * 12))
    assert stretched is not None and stretched.level == 0, "the finer direction decides"


def test_the_same_window_is_not_read_again(tmp_path: Path, make_tiles: Make) -> None:
    grid = GRIDS["north-up"]
    path = make_tiles(tmp_path / "t.tif", codes_of(grid), grid)
    reader = ViewReader(Tiles.open(path), 1)
    west, south, _, _ = grid.bounds
    first = reader.read(looking(west, south, 3000, 2000))
    assert first is not None
    with path.open("r+b") as file:  # spoiled under the open reader, same size
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    assert reader.read(looking(west, south, 3000, 2000)) is first
    assert reader.read(looking(west + 2, south + 2, 2995, 1995, (299, 199))) is first, "the same pixels"
    with pytest.raises(InputError, match=r"truncated or damaged. Build the tiles again"):
        reader.read(looking(west + 5000, south + 5000, 3000, 2000))
    with pytest.raises(InputError, match="truncated or damaged"):
        reader.read(looking(west + 5000, south + 5000, 3000, 2000))
    reader.close()


@pytest.mark.parametrize(("factors", "levels"), [([], [(10, 0)]), ([4], [(10, 0), (40, 1)])])
def test_tiles_with_no_or_other_overviews(
    tmp_path: Path, make_tiles: Make, factors: list[int], levels: list[tuple[int, int]]
) -> None:
    """Small ones have none; other programs make others."""
    grid = Grid(200, 120, Affine(10, 0, 500_000, 0, -10, 4_000_000), UTM)
    path = make_tiles(tmp_path / "t.tif", codes_of(GRIDS["north-up"])[:, :120, :200], grid)
    if factors:
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(factors, Resampling.nearest)
    reader = ViewReader(Tiles.open(path), 1)
    found = set()
    for pixel in (5, 12, 20, 28, 29, 100):
        seen = reader.read(looking(500_000, 3_998_800, 2000, 1200, (2000 // pixel, 1200 // pixel)))
        assert seen is not None and seen.grid.bounds == grid.bounds
        found.add((seen.grid.pixel_size[0], seen.level))
        assert (seen.level == 1) == (bool(factors) and pixel >= 29)
    assert sorted(found) == levels
    reader.close()


@pytest.mark.parametrize("wrong", [
    {"east": 0.0}, {"north": 0.0}, {"east": -5.0}, {"west": float("nan")}, {"east": float("inf")}, {"width": 0},
    {"height": 16_385}, {"zoom": 3},
])
def test_windows_that_are_none(wrong: dict[str, float]) -> None:
    right = {"west": 0.0, "south": 0.0, "east": 10.0, "north": 10.0, "width": 10, "height": 10}
    assert View(**right).pixel == 1.0
    with pytest.raises(ValidationError):
        View(**{**right, **wrong})
