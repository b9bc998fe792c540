"""Candidates: pixels drawn evenly over the tiles, or a part of them, from which places to label are chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from ..compression.tiles import Tiles
from ..errors import InputError
from ..executors import cores, in_order, open_executor
from ..grids.area import AreaOfInterest, window_of
from ..grids.grid import Grid
from ..grids.writer import BLOCK
from ..progress import Progress
from .sampling import CODE_NODATA

COUNT = 40_000
BLOCKS = 64
"""Blocks of 512 × 512 pixels that are read, if there is data in the area in most of them."""
TURNS = 8
"""So many times as many are read in search of blocks that have some, and more only while none has."""
LARGEST = 1 << 26
"""Bytes of codes that are kept: of tiles with very many components fewer pixels are drawn."""
STEP = 1 << 24
"""Pixels of an overview that are read at once."""
TOUCHED = 4096
"""Blocks that are compared with the area at once."""


@dataclass(frozen=True)
class Candidates:
    """Pixels at native resolution: ``codes`` (n, k) int8, ``rows`` and ``columns`` (n,) int64, and their centres ``x``,
    ``y`` (n,) in CRS units. Every one has data."""

    codes: NDArray[np.int8]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[Any]) -> Candidates:
        """Some of the candidates (indices or a mask)."""
        return Candidates(self.codes[which], self.rows[which], self.columns[which], self.x[which], self.y[which])


def draw_candidates(
    tiles: Tiles, area: AreaOfInterest | None, window: Window | None, seed: int, threads: int, progress: Progress,
    count: int = COUNT,
) -> Candidates:
    """At most ``count`` pixels with data, in ``area`` and ``window`` where given; the same for the same ``seed``.

    About 64 blocks, spread over the part, are read; of their pixels each is as likely as any other. Memory and time do
    not grow with the tiles. Raises InputError where there is nothing to draw from.
    """
    whole = window_of(tiles.grid, tiles.path.name, area)
    part = whole if window is None else _common(whole, window)
    if part is None:
        raise InputError(f"The area of interest lies outside of the part of {tiles.path.name} that is looked at.")
    random = np.random.default_rng(seed)
    with progress.stage(0.0, 0.2, "Looking for places with data"):
        runs = _runs(_blocks_with_data(tiles, part, area, progress), random)
    count = max(1, min(count, LARGEST // tiles.count))
    drawn = _Drawn(tiles.count, count)
    found = 0
    with progress.stage(0.2, 1.0, "Drawing places"), open_executor(threads) as executor:
        for turn in range(max((len(run) for run in runs), default=0)):  # a block's data may all lie outside of the area
            if (turn and 2 * found >= len(runs)) or (turn >= TURNS and found):
                break
            blocks = [run[turn] for run in runs if turn < len(run)]
            work = partial(_read_block, tiles, part, area, seed, count)
            pixels: Iterator[_Pixels] = in_order(executor, work, blocks, 2 * (threads or cores()))
            for done, one in enumerate(pixels, 1):
                found += len(one.rows) > 0
                drawn.add(one)
                progress.report(1 - 0.5**turn * (1 - 0.5 * done / len(blocks)))
    if not found:
        where = " in the area of interest" if area is not None else " in the part that is looked at" if window else ""
        raise InputError(f"{tiles.path.name} has no data{where}, so there is no place to suggest.")
    pixels_drawn = drawn.pixels
    t = tiles.grid.transform
    column, row = pixels_drawn.columns + 0.5, pixels_drawn.rows + 0.5
    x, y = t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f
    return Candidates(pixels_drawn.codes, pixels_drawn.rows, pixels_drawn.columns, x, y)


@dataclass(frozen=True)
class _Pixels:
    """Pixels and the lot each drew, uniform in [0, 1): those with the smallest lots of all are drawn."""

    codes: NDArray[np.int8]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    lots: NDArray[np.float64]

    def best(self, count: int) -> _Pixels:
        """The ``count`` with the smallest lots, or all if there are less, in their order."""
        if len(self.lots) <= count:
            return self
        which = np.sort(np.argpartition(self.lots, count - 1)[:count])
        return _Pixels(self.codes[which], self.rows[which], self.columns[which], self.lots[which])


class _Drawn:
    """The pixels with the smallest lots so far: memory stays the same however many are looked at."""

    def __init__(self, codes: int, count: int) -> None:
        nothing = np.empty(0, np.int64)
        self.pixels = _Pixels(np.empty((0, codes), np.int8), nothing, nothing, np.empty(0))
        self._count = count

    def add(self, more: _Pixels) -> None:
        """Let further pixels take part."""
        parts = (self.pixels, more)
        self.pixels = _Pixels(
            np.concatenate([one.codes for one in parts]), np.concatenate([one.rows for one in parts]),
            np.concatenate([one.columns for one in parts]), np.concatenate([one.lots for one in parts]),
        ).best(self._count)


def _common(one: Window, other: Window) -> Window | None:
    left, top = max(one.col_off, other.col_off), max(one.row_off, other.row_off)
    right = min(one.col_off + one.width, other.col_off + other.width)
    bottom = min(one.row_off + one.height, other.row_off + other.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _blocks_with_data(
    tiles: Tiles, part: Window, area: AreaOfInterest | None, progress: Progress
) -> NDArray[np.int64]:
    """Block rows and columns (blocks, 2) of the part that have data, by an overview: there a pixel has data where any
    below it has. Those that the area does not touch are left out."""
    with rasterio.open(tiles.path) as dataset:
        factors = [2**level for level in range(1 + len(dataset.overviews(1))) if 2**level <= BLOCK]
    factor = factors[-1]
    side = BLOCK // factor
    top, left = int(part.row_off) // BLOCK, int(part.col_off) // BLOCK
    bottom, right = -(-int(part.row_off + part.height) // BLOCK), -(-int(part.col_off + part.width) // BLOCK)
    filled = []
    options = {"overview_level": len(factors) - 2} if factor > 1 else {}
    try:
        with rasterio.open(tiles.path, **options) as coarse:
            width = min(right * side, coarse.width) - left * side
            rows = max(1, STEP // (width * side))
            for first in range(top, bottom, rows):
                height = min(min(first + rows, bottom) * side, coarse.height) - first * side
                window = Window(left * side, first * side, width, height)
                known = coarse.read(1, window=window) != CODE_NODATA
                across = np.logical_or.reduceat(known, np.arange(0, width, side), axis=1)
                filled.append(np.logical_or.reduceat(across, np.arange(0, height, side), axis=0))
                progress.report((first - top) / (bottom - top))
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{tiles.path} cannot be read: it is truncated or damaged. Build the tiles again.",
                         str(error)) from error
    blocks: NDArray[np.int64] = np.argwhere(np.concatenate(filled)) + np.array([top, left])
    if area is None:
        return blocks
    touched = [np.zeros(0, np.bool_)]
    for first in range(0, len(blocks), TOUCHED):
        progress.check()
        touched.append(_touched(tiles.grid, blocks[first : first + TOUCHED], area))
    kept: NDArray[np.int64] = blocks[np.concatenate(touched)]
    return kept


def _touched(grid: Grid, blocks: NDArray[np.int64], area: AreaOfInterest) -> NDArray[np.bool_]:
    """Which blocks the area's polygons touch."""
    import shapely

    t = grid.transform
    corners = [BLOCK * (blocks + corner) for corner in ((0, 0), (0, 1), (1, 1), (1, 0))]
    outline = np.stack([
        np.column_stack([t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f]) for row, column in
        (corner.T for corner in corners)
    ], axis=1)
    shapely.prepare(area.polygons)
    touched: NDArray[np.bool_] = shapely.intersects(area.polygons, shapely.polygons(outline))
    return touched


def _runs(blocks: NDArray[np.int64], random: np.random.Generator) -> list[NDArray[np.int64]]:
    """The blocks in at most 64 runs of neighbours of nearly equal length, each in random order.

    Neighbours along a Z-curve (Morton 1966): a run is a compact piece of the map.
    """
    key = np.zeros(len(blocks), np.int64)
    for bit in range(20):
        key |= (blocks[:, 0] >> bit & 1) << (2 * bit + 1) | (blocks[:, 1] >> bit & 1) << (2 * bit)
    runs = np.array_split(blocks[np.argsort(key)], min(BLOCKS, max(len(blocks), 1)))
    return [random.permutation(run) for run in runs if len(run)]


def _read_block(
    tiles: Tiles, part: Window, area: AreaOfInterest | None, seed: int, count: int, block: NDArray[np.int64]
) -> _Pixels:
    """The ``count`` pixels of a block with the smallest lots, of those with data inside the part and the area."""
    row, column = int(block[0]), int(block[1])
    grid = tiles.grid
    within = Window(column * BLOCK, row * BLOCK, min(BLOCK, grid.width - column * BLOCK),
                    min(BLOCK, grid.height - row * BLOCK))
    window = _common(within, part)
    assert window is not None
    codes = tiles.read(window)
    usable = codes[0] != CODE_NODATA
    if area is not None:
        usable &= area.mask(grid, window)
    rows, columns = np.nonzero(usable)
    lots = np.random.default_rng((seed, row, column)).random(len(rows))
    first = np.sort(np.argpartition(lots, count - 1)[:count]) if len(rows) > count else np.arange(len(rows))
    rows, columns = rows[first], columns[first]
    return _Pixels(np.ascontiguousarray(codes[:, rows, columns].T), rows + int(window.row_off),
                   columns + int(window.col_off), lots[first])
