"""What a run reads: its plan, and window after window as the model sees it, each block of the raster decoded once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..grids.area import AreaOfInterest
from ..grids.writer import BLOCK
from .panels import Panel, panels, widest
from .resolution import ModelGrid, Scale, resample
from .source import Source, Stripe
from .windows import Axis
from .windows import Blend as Blending

KNOWN = 0.5
"""Of a model's pixel so much must have data."""

clock = time.perf_counter
"""What stages are timed by."""

Channels = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[np.float32]]


@dataclass(frozen=True)
class Plan:
    """What is run on what. ``rows`` and ``columns`` are windows on ``grid``; ``part`` is the window of the raster that
    is asked for, and ``area`` the polygons in it (None: all of it). ``channels`` makes what the model sees of pixels
    (bands, height, width) and which are known; ``scores`` is the number of what it answers. ``margin``: pixels of the
    model's grid that it sees on each side of a window and says nothing of."""

    source: Source
    grid: ModelGrid
    rows: Axis
    columns: Axis
    blend: Blending
    part: Window
    area: AreaOfInterest | None
    channels: Channels
    scores: int
    margin: int
    beside: Path
    """Where temporary files may lie: a path in the folder of the results."""

    @property
    def window_rows(self) -> range:
        """The rows of windows that the part needs."""
        top = int(self.part.row_off)
        return self.rows.touching(*self.grid.back_down.reach(top, top + int(self.part.height), self.grid.height))

    def panels(self) -> list[Panel]:
        """The panels of the part, from left to right."""
        striped = self.source.block[1] >= self.source.grid.width
        most = widest(self.source.pixel_bytes, self.scores, self.rows.tile, self.grid.down.factor, striped)
        left = int(self.part.col_off)
        return list(panels(self.columns, self.grid, left, left + int(self.part.width), most, BLOCK))


@dataclass
class Seconds:
    """Time that each stage took in its own thread; they overlap. ``windows`` went through the model, ``skipped`` held
    nothing that was asked for."""

    read: float = 0.0
    model: float = 0.0
    blend: float = 0.0
    write: float = 0.0
    windows: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Prepared:
    """A window of the model's grid and what the model is to see of it (None: it holds nothing that is asked for)."""

    row: int
    column: int
    height: int
    width: int
    pixels: NDArray[np.float32] | None


@dataclass(frozen=True)
class RowEnd:
    """After a row of windows: the raster's rows ``top`` … ``bottom`` are complete. ``following``: the model's row where
    the next ones begin."""

    top: int
    bottom: int
    following: int
    wanted: NDArray[np.bool_]
    asked: int


class Reading:
    """Makes what the model sees of the windows of a panel, in their order, in one thread."""

    def __init__(self, plan: Plan, panel: Panel, seconds: Seconds) -> None:
        self._plan, self._panel, self._seconds = plan, panel, seconds
        grid, columns = plan.grid, (panel.left, panel.right)
        if panel.windows:
            first, last = (int(plan.columns.starts[panel.windows[index]]) for index in (0, -1))
            seen = _seen(grid.across, first, last + plan.columns.tile, plan.margin, grid.width, grid.raster_width)
            columns = min(columns[0], seen[0]), max(columns[1], seen[1])
        self._columns = columns
        self._stripe = Stripe(plan.source, columns, plan.part, plan.area)
        self._complete = int(plan.part.row_off)
        self._row, self._empty = -1, False

    def jobs(self) -> Iterator[tuple[int, int | None]]:
        """Windows by row and column, and after each row (row, None)."""
        for row in self._plan.window_rows:
            for column in self._panel.windows:
                yield row, column
            yield row, None

    def prepare(self, job: tuple[int, int | None]) -> Prepared | RowEnd:
        """A window as the model sees it, or the end of a row of windows."""
        began = clock()
        row, column = job
        try:
            return self._end(row) if column is None else self._window(row, column)
        finally:
            self._seconds.read += clock() - began

    def _hold(self, row: int) -> tuple[int, int]:
        """The raster's rows under a row of windows; they are read unless nothing in them is asked for."""
        plan, grid = self._plan, self._plan.grid
        start = int(plan.rows.starts[row])
        top, bottom = _seen(grid.down, start, start + plan.rows.tile, plan.margin, grid.height, grid.raster_height)
        above = min(top, self._complete)
        if row == self._row:
            return top, bottom
        self._row = row
        left, right = self._columns
        window = Window(left, above, right - left, bottom - above)
        self._empty = plan.area is not None and plan.area.columns(plan.source.grid, window) is None
        if not self._empty:
            self._stripe.move(above, bottom)
        return top, bottom

    def _window(self, row: int, column: int) -> Prepared:
        plan, grid = self._plan, self._plan.grid
        top, left = int(plan.rows.starts[row]), int(plan.columns.starts[column])
        height, width = min(plan.rows.tile, grid.height - top), min(plan.columns.tile, grid.width - left)
        rows = self._hold(row)
        if self._empty:
            return Prepared(row, column, height, width, None)
        columns = _seen(grid.across, left, left + width, plan.margin, grid.width, grid.raster_width)
        pixels, known = self._stripe.pixels(*rows, *columns)
        if not (known & self._stripe.asked(*rows, *columns)).any():
            return Prepared(row, column, height, width, None)
        return Prepared(row, column, height, width, _as_seen(plan, top, left, rows, columns, pixels, known))

    def _end(self, row: int) -> RowEnd:
        plan, panel = self._plan, self._panel
        self._hold(row)
        begin, end = self._complete, self._rows_complete(row)
        following = plan.grid.height if row == plan.window_rows[-1] else int(plan.rows.starts[row + 1])
        self._complete = end
        if self._empty or end <= begin:
            return RowEnd(begin, end, following, np.zeros((end - begin, panel.right - panel.left), np.bool_), 0)
        place = (begin, end, panel.left, panel.right)
        asked = self._stripe.asked(*place)
        return RowEnd(begin, end, following, asked & self._stripe.pixels(*place)[1], int(np.count_nonzero(asked)))

    def _rows_complete(self, row: int) -> int:
        """Up to which row the raster is complete after a row of windows."""
        plan, grid = self._plan, self._plan.grid
        bottom = int(plan.part.row_off + plan.part.height)
        if row == plan.window_rows[-1]:
            return bottom
        following = int(plan.rows.starts[row + 1])
        whole = following if grid.same else math.floor((following - 1) * grid.down.factor - 1e-6)
        return min(bottom, max(self._complete, whole))


def lone_window(plan: Plan, top: int, left: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the model sees of one window anywhere on its grid, and which of the window's pixels there are known."""
    grid = plan.grid
    height, width = min(plan.rows.tile, grid.height - top), min(plan.columns.tile, grid.width - left)
    rows = _seen(grid.down, top, top + height, plan.margin, grid.height, grid.raster_height)
    columns = _seen(grid.across, left, left + width, plan.margin, grid.width, grid.raster_width)
    pixels, known = plan.source.read(Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0]))
    seen = _as_seen(plan, top, left, rows, columns, pixels, known)
    if grid.same:
        return seen, known[top - rows[0] : top - rows[0] + height, left - columns[0] : left - columns[0] + width]
    _, covered = resample(
        pixels[:1], known, local(grid.down.taps(top, top + height, grid.raster_height), rows[0]),
        local(grid.across.taps(left, left + width, grid.raster_width), columns[0]))
    assert covered is not None
    return seen, covered >= KNOWN


def _as_seen(
    plan: Plan, top: int, left: int, rows: tuple[int, int], columns: tuple[int, int], pixels: NDArray[Any],
    known: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """What the model sees of the window at ``top`` and ``left`` of its grid, from the raster's ``rows`` and
    ``columns``; beyond the raster's ends it is reflected."""
    grid = plan.grid
    height, width = min(plan.rows.tile, grid.height - top), min(plan.columns.tile, grid.width - left)
    down = max(0, top - plan.margin), min(grid.height, top + height + plan.margin)
    across = max(0, left - plan.margin), min(grid.width, left + width + plan.margin)
    if not grid.same:
        pixels, covered = resample(
            pixels, known, local(grid.down.taps(*down, grid.raster_height), rows[0]),
            local(grid.across.taps(*across, grid.raster_width), columns[0]))
        assert covered is not None
        known = covered >= KNOWN
    seen = plan.channels(pixels, known)
    more = ((0, 0), (plan.margin - (top - down[0]), top + plan.rows.tile + plan.margin - down[1]),
            (plan.margin - (left - across[0]), left + plan.columns.tile + plan.margin - across[1]))
    return np.pad(seen, more, "reflect") if any(side for pair in more for side in pair) else seen


Taps = tuple[NDArray[np.int64], NDArray[np.float32]]


def local(taps: Taps, first: int) -> Taps:
    """Taps into an array that begins at the source's pixel ``first``."""
    return taps[0] - first, taps[1]


def _seen(scale: Scale, low: int, high: int, margin: int, length: int, source_length: int) -> tuple[int, int]:
    """The raster's pixels along one side that a window from ``low`` to ``high`` and its margin are made of."""
    return scale.reach(max(0, low - margin), min(length, high + margin), source_length)
