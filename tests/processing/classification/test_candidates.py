"""Candidates: even over the tiles or the area, the same for the same seed, never without data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.classification.candidates import BLOCKS, Candidates, draw_candidates
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.grids.area import AreaOfInterest, area_from_wkt
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.windows import Window


@pytest.fixture
def tiles(tmp_path: Path, make_tiles: Callable[..., Path], scene: tuple, grid: Grid) -> Tiles:
    return Tiles.open(make_tiles(tmp_path / "tiles.tif", scene[0], grid))


def draw(
    tiles: Tiles, area: AreaOfInterest | None = None, window: Window | None = None, seed: int = 0, count: int = 4000
) -> Candidates:
    return draw_candidates(tiles, area, window, seed, 2, Progress(), count)


def test_codes_are_those_of_their_pixels(tiles: Tiles, scene: tuple, grid: Grid) -> None:
    found = draw(tiles)
    assert len(found) == 4000 == len(set(zip(found.rows.tolist(), found.columns.tolist())))
    assert np.array_equal(found.codes, scene[0][:, found.rows, found.columns].T)
    assert (found.codes[:, 0] != -128).all()
    rows, columns = grid.pixels(found.x, found.y)
    assert np.array_equal(rows, found.rows) and np.array_equal(columns, found.columns)
    t = grid.transform
    assert np.allclose(found.x, t.c + (found.columns + 0.5) * t.a)
    assert np.allclose(found.y, t.f + (found.rows + 0.5) * t.e)


def test_every_pixel_with_data_is_as_likely_as_any_other(tiles: Tiles, scene: tuple) -> None:
    found = draw(tiles, count=20_000)
    counts = np.histogram2d(found.rows, found.columns, [range(0, 601, 100), range(0, 701, 100)])[0]
    valid = scene[0][0] != -128
    there = valid.reshape(6, 100, 7, 100).sum(axis=(1, 3))
    expected = 20_000 * there / valid.sum()
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 1e-9).all()


def test_the_same_seed_draws_the_same_whatever_the_threads(tiles: Tiles) -> None:
    one, two, other = (draw_candidates(tiles, None, None, seed, threads, Progress(), 500)
                       for seed, threads in ((3, 1), (3, 4), (4, 1)))
    assert np.array_equal(one.rows, two.rows) and np.array_equal(one.codes, two.codes)
    assert not np.array_equal(one.rows, other.rows)


def test_fewer_pixels_than_asked_for_are_all_taken(tiles: Tiles, scene: tuple) -> None:
    found = draw(tiles, window=Window(280, 190, 40, 20))
    inside = scene[0][0, 190:210, 280:320] != -128
    assert len(found) == inside.sum() == 600
    assert found.rows.min() == 190 and found.columns.max() == 319


def test_an_area_holds_them_all(tiles: Tiles, grid: Grid) -> None:
    area = area_from_wkt("MULTIPOLYGON(((500500 4000500, 501500 4000500, 501000 4002000, 500500 4000500)),"
                         "((505005 4005005, 505025 4005005, 505025 4005025, 505005 4005025, 505005 4005005)))")
    found = draw(tiles, area, count=100_000)
    mask = area.mask(grid, Window(0, 0, grid.width, grid.height))
    assert len(found) == mask.sum() > 5000
    assert mask[found.rows, found.columns].all()
    both = draw(tiles, area, Window(0, 0, 200, 200), count=100)
    assert len(both) == 100 and both.columns.max() < 200 and mask[both.rows, both.columns].all()


def test_places_without_data_are_refused_in_words(tiles: Tiles) -> None:
    gap = area_from_wkt("POLYGON((503100 4002100, 504900 4002100, 504900 4002500, 503100 4002100))")
    with pytest.raises(InputError, match=r"tiles.tif has no data in the area of interest"):
        draw(tiles, gap)
    with pytest.raises(InputError, match="no data in the part that is looked at"):
        draw(tiles, window=Window(310, 210, 50, 40))
    with pytest.raises(InputError, match="does not meet"):
        draw(tiles, area_from_wkt("POLYGON((0 0, 1 0, 1 1, 0 0))"))
    with pytest.raises(InputError, match="outside of the part"):
        draw(tiles, window=Window(5000, 0, 10, 10))


def test_tiles_without_any_data_are_refused(
    tmp_path: Path, make_tiles: Callable[..., Path], grid: Grid
) -> None:
    empty = Tiles.open(make_tiles(tmp_path / "empty.tif", np.full((3, 600, 700), -128, np.int8), grid))
    with pytest.raises(InputError, match=r"empty.tif has no data, so"):
        draw(empty)


def test_of_many_blocks_few_are_read_all_over_the_map(
    tmp_path: Path, make_tiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """121 blocks, 3 of 4 of them without data: those with data are found by the overviews."""
    side = 11 * 512 - 100
    grid = Grid(side, side, Affine(10, 0, 0, 0, -10, 0), CRS.from_epsg(32610))
    codes = np.full((2, side, side), -128, np.int8)
    codes[:, 10:, ::1024] = 5  # in every other column of blocks, one column of pixels
    codes[:, : 5 * 512, :] = -128
    tiles = Tiles.open(make_tiles(tmp_path / "wide.tif", codes, grid))
    read: list[tuple[int, int]] = []
    real = Tiles.read

    def reading(self: Tiles, window: Window) -> np.ndarray:
        read.append((window.row_off, window.col_off))
        return real(self, window)

    monkeypatch.setattr(Tiles, "read", reading)
    found = draw(tiles, count=1000)
    assert len(found) == 1000 and (found.columns % 1024 == 0).all() and found.rows.min() >= 5 * 512
    assert len(read) == 36 == len(set(read)), "6 rows of 6 blocks hold data"
    assert all(row % 512 == 0 and column % 1024 == 0 for row, column in read)
    read.clear()
    codes[:] = 7
    tiles = Tiles.open(make_tiles(tmp_path / "full.tif", codes, grid))
    found = draw(tiles, count=6400)
    assert len(read) == BLOCKS
    thirds = np.histogram2d(found.rows, found.columns, 3)[0]
    assert thirds.min() > 0.4 * 6400 / 9, "no ninth of the map is left out"


def test_it_can_be_cancelled(tiles: Tiles) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        draw_candidates(tiles, None, None, 0, 1, progress)
