"""The population of a sample: the pixels of a class map, how large each class is, and where a pixel lies.

The map is read twice in cells of 512 rows and 2048 columns: once to add up areas by class and cell, then, only where
points were drawn, to find their pixels. Memory does not grow with the map, and no result depends on the number of
threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from ..executors import cores, in_order, open_executor
from ..grids.area import AreaOfInterest, window_of
from ..grids.class_map import MAX_CLASSES, ClassMap
from ..grids.pixel_area import PixelArea
from ..progress import Progress

ROWS, COLUMNS = 512, 2048
SPAN = 1 << 16
"""Class numbers farther apart than this are sorted instead of counted in a table."""
MAX_BLOCKS = 4_000_000
MAX_SIDE = 2048
"""Pixels along the side of a block, which is read at once."""

Masked = tuple[Window, "NDArray[np.bool_] | None"]


@dataclass(frozen=True)
class Blocks:
    """Blocks of ``rows`` × ``columns`` pixels, from the first pixel of a population's window on: the primary units of
    clusters."""

    rows: int
    columns: int

    def shape(self, population: Population) -> tuple[int, int]:
        """Rows and columns of blocks."""
        window = population.window
        return -(-int(window.height) // self.rows), -(-int(window.width) // self.columns)

    def window(self, population: Population, row: int, column: int) -> Window:
        """The part of a block that is in the window of the population."""
        outer = population.window
        top, left = row * self.rows, column * self.columns
        return Window(int(outer.col_off) + left, int(outer.row_off) + top,
                      min(self.columns, int(outer.width) - left), min(self.rows, int(outer.height) - top))


@dataclass(frozen=True)
class Population:
    """The pixels of ``map`` that hold a class, inside ``area`` where there is one. A pixel's size is its area on the
    ellipsoid in m² (``unit``), or 1 where the map has no place on the Earth."""

    map: ClassMap
    area: AreaOfInterest | None
    pixel_area: PixelArea | None
    window: Window

    @staticmethod
    def of(class_map: ClassMap, area: AreaOfInterest | None) -> Population:
        """Raises InputError if the area does not meet the map."""
        return Population(class_map, area, PixelArea.of(class_map.grid), window_of(
            class_map.grid, str(class_map.path), area))

    @property
    def unit(self) -> Literal["m²", "pixels"]:
        """What sizes are in."""
        return "pixels" if self.pixel_area is None else "m²"

    @property
    def cells(self) -> list[Window]:
        """Windows that cover the population, cut where 512 rows and 2048 columns of the map end."""
        top, left = int(self.window.row_off), int(self.window.col_off)
        bottom, right = top + int(self.window.height), left + int(self.window.width)
        rows = [top, *range((top // ROWS + 1) * ROWS, bottom, ROWS), bottom]
        columns = [left, *range((left // COLUMNS + 1) * COLUMNS, right, COLUMNS), right]
        return [Window(first, upper, last - first, lower - upper) for upper, lower in zip(rows, rows[1:], strict=False)
                for first, last in zip(columns, columns[1:], strict=False)]

    def masked(self, windows: Sequence[Window]) -> Iterator[Masked]:
        """Windows with the mask of the area (None: all); to be asked from one thread."""
        for window in windows:
            yield window, None if self.area is None else self.area.mask(self.map.grid, window)

    def read(self, masked: Masked) -> tuple[NDArray[Any], NDArray[np.float64] | None, NDArray[np.bool_]]:
        """Class numbers, sizes (None: all 1) and which pixels belong to the population, (height, width). From any
        thread."""
        window, inside = masked
        values = self.map.read(window)
        known = self.map.known(values)
        if inside is not None:
            known &= inside
        sizes = None
        if self.pixel_area is not None:
            sizes = self.pixel_area.of_window(window)
            with np.errstate(invalid="ignore"):
                known &= sizes > 0  # not where the projection has no position
        return values, sizes, known


@dataclass(frozen=True)
class Tally:
    """How much there is of each class: ``values`` (classes,) sorted class numbers, ``pixels`` and ``sizes`` (cells,
    classes), and ``block_sizes`` (rows, columns) of blocks, where they were asked for."""

    values: NDArray[np.int64]
    pixels: NDArray[np.int64]
    sizes: NDArray[np.float64]
    block_sizes: NDArray[np.float64] | None


def tally(population: Population, blocks: Blocks | None, threads: int, progress: Progress) -> Tally:
    """Add up pixels and sizes by class, cell and block.

    Raises InputError if there are no pixels with a class, more than 250 classes, or more than 4 million blocks.
    """
    block_sizes = None
    if blocks is not None:
        shape = blocks.shape(population)
        if shape[0] * shape[1] > MAX_BLOCKS:
            raise InputError(f"There would be {shape[0] * shape[1]:,} blocks of {blocks.rows} × {blocks.columns} "
                             f"pixels; {MAX_BLOCKS:,} are possible. Choose a larger block.")
        block_sizes = np.zeros(shape)
    cells = population.cells
    found: list[dict[int, tuple[int, float]]] = []
    seen: set[int] = set()
    with open_executor(threads) as executor:
        work = partial(_tally_cell, population, blocks)
        for number, (by_class, by_block) in enumerate(
            in_order(executor, work, population.masked(cells), 2 * (threads or cores())), 1
        ):
            found.append(by_class)
            seen |= by_class.keys()
            _require_few(len(seen), population)
            if block_sizes is not None and by_block is not None:
                row, column, sizes = by_block
                block_sizes[row : row + sizes.shape[0], column : column + sizes.shape[1]] += sizes
            progress.report(number / len(cells))
    if not seen:
        where = " inside the area of interest" if population.area is not None else ""
        raise InputError(f"{population.map.path.name} has no pixel with a class{where}: all is no data. There is "
                         "nothing to sample.")
    values = np.array(sorted(seen), np.int64)
    pixels = np.array([[cell.get(value, (0, 0.0))[0] for value in values.tolist()] for cell in found], np.int64)
    sizes = np.array([[cell.get(value, (0, 0.0))[1] for value in values.tolist()] for cell in found], np.float64)
    return Tally(values, pixels, sizes, block_sizes)


def _tally_cell(
    population: Population, blocks: Blocks | None, masked: Masked
) -> tuple[dict[int, tuple[int, float]], tuple[int, int, NDArray[np.float64]] | None]:
    """Of one cell: pixels and size by class number, and the first block's row and column with the blocks' sizes."""
    values, sizes, known = population.read(masked)
    whole = bool(known.all())
    numbers = (values.ravel() if whole else values[known]).astype(np.int64)
    weights = None if sizes is None else sizes.ravel() if whole else sizes[known]
    by_class = _by_class(numbers, weights, population)
    if blocks is None:
        return by_class, None
    row = int(masked[0].row_off - population.window.row_off)
    column = int(masked[0].col_off - population.window.col_off)
    first_row, first_column = row // blocks.rows, column // blocks.columns
    down = np.arange(row, row + known.shape[0]) // blocks.rows - first_row
    across = np.arange(column, column + known.shape[1]) // blocks.columns - first_column
    index = (down[:, None] * (int(across[-1]) + 1) + across[None, :])[known]
    shape = (int(down[-1]) + 1, int(across[-1]) + 1)
    totals = np.bincount(index, weights, shape[0] * shape[1]).reshape(shape).astype(np.float64)
    return by_class, (first_row, first_column, totals)


def _by_class(
    numbers: NDArray[np.int64], weights: NDArray[np.float64] | None, population: Population
) -> dict[int, tuple[int, float]]:
    if len(numbers) == 0:
        return {}
    low, high = int(numbers.min()), int(numbers.max())
    if high - low < SPAN:
        present = np.arange(low, high + 1)
        index = numbers - low
    else:
        present, index = np.unique(numbers, return_inverse=True)
    counts = np.bincount(index)
    there = np.flatnonzero(counts)
    _require_few(len(there), population)
    sizes = counts if weights is None else np.bincount(index, weights)
    return {int(present[one]): (int(counts[one]), float(sizes[one])) for one in there}


def _require_few(count: int, population: Population) -> None:
    if count > MAX_CLASSES:
        raise InputError(f"{population.map.path.name} has more than {MAX_CLASSES} different values; a class map has up "
                         f"to {MAX_CLASSES} classes. Reclassify it, or choose another raster.")


def locate(
    population: Population, counted: Tally, stratum_of: NDArray[np.int64], strata: NDArray[np.int64],
    lots: NDArray[np.float64], threads: int, progress: Progress,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns (n,) of the pixels that lots mean.

    ``stratum_of`` (classes,) is the stratum of each class of ``counted``; ``strata`` (n,) and ``lots`` (n,) in [0, 1):
    the pixel at that part of the stratum's area, cell by cell and row by row.
    """
    count = int(stratum_of.max()) + 1
    by_stratum = np.zeros((len(counted.sizes), count))
    np.add.at(by_stratum.T, stratum_of, counted.sizes.T)
    ends = np.cumsum(by_stratum, axis=0)
    cell, rest = np.empty(len(lots), np.int64), np.empty(len(lots))
    for stratum in np.unique(strata).tolist():
        mine = strata == stratum
        goal = lots[mine] * ends[-1, stratum]
        here = _place(ends[:, stratum], goal)
        cell[mine] = here
        rest[mine] = (goal - (ends[here, stratum] - by_stratum[here, stratum])) / by_stratum[here, stratum]
    rows, columns = np.empty(len(lots), np.int64), np.empty(len(lots), np.int64)
    groups = [np.flatnonzero(cell == one) for one in np.unique(cell)]
    cells = population.cells
    windows = [cells[int(cell[group[0]])] for group in groups]
    work = partial(_locate_in_cell, population, counted.values, stratum_of)
    items = ((masked, strata[group], rest[group])
             for masked, group in zip(population.masked(windows), groups, strict=True))
    with open_executor(threads) as executor:
        found = in_order(executor, work, items, 2 * (threads or cores()))
        for number, (group, (row, column)) in enumerate(zip(groups, found, strict=True), 1):
            rows[group], columns[group] = row, column
            progress.report(number / len(groups))
    return rows, columns


def _locate_in_cell(
    population: Population, values: NDArray[np.int64], stratum_of: NDArray[np.int64],
    item: tuple[Masked, NDArray[np.int64], NDArray[np.float64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pixels at parts of strata in one cell: first the row, then the pixel in it."""
    masked, strata, rest = item
    numbers, sizes, known = population.read(masked)
    stratum_at = np.where(known, _strata_at(numbers, values, stratum_of), -1)
    rows, columns = np.empty(len(rest), np.int64), np.empty(len(rest), np.int64)
    for stratum in np.unique(strata).tolist():
        member = stratum_at == stratum
        weights = member.astype(np.float64) if sizes is None else np.where(member, sizes, 0)
        ends = np.cumsum(weights.sum(axis=1))
        mine = np.flatnonzero(strata == stratum)
        goals = rest[mine] * ends[-1]
        rows[mine] = _place(ends, goals)
        for point, row, goal in zip(mine, rows[mine], goals, strict=True):
            start = ends[row - 1] if row else 0.0
            columns[point] = _place(np.cumsum(weights[row]), goal - start)
    return rows + int(masked[0].row_off), columns + int(masked[0].col_off)


def _strata_at(
    numbers: NDArray[Any], values: NDArray[np.int64], stratum_of: NDArray[np.int64]
) -> NDArray[np.int16]:
    """The stratum of each class number; of what is no class, any."""
    strata = stratum_of.astype(np.int16)
    if numbers.dtype in (np.uint8, np.uint16):
        table = np.zeros(np.iinfo(numbers.dtype).max + 1, np.int16)
        table[values] = strata
        found: NDArray[np.int16] = table[numbers]
        return found
    return strata[np.minimum(np.searchsorted(values, numbers), len(values) - 1)]


def _place(ends: NDArray[np.float64], goals: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which part each goal is in, of parts that end at ``ends``: one that has some, also where rounding leads out."""
    index = np.searchsorted(ends, np.maximum(goals, 0.0), side="right")
    parts: NDArray[np.int64] = np.minimum(index, np.searchsorted(ends, ends[-1], side="left")).astype(np.int64)
    return parts
