"""The flow: blocks are read once, windows go through the model one after another, and finished rows are handed on.

Reading runs ahead in one thread and writing behind in another while the model works; what is held is a panel's rows of
windows, whatever the size of the raster.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..executors import in_order
from ..grids.area import AreaOfInterest
from ..grids.writer import BLOCK
from ..polygons.scratch import Scratch
from ..progress import Progress
from .blending import Blend
from .panels import Panel, panels, widest
from .resolution import ModelGrid, Scale, resample
from .source import Source, Stripe
from .windows import Axis
from .windows import Blend as Blending

AHEAD = 3
POLL = 0.1
"""Seconds between two looks at whether the user wants to stop, while the model works on a window."""

clock = time.perf_counter
"""What stages are timed by."""

Channels = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[np.float32]]


class Network(Protocol):
    """What makes scores of a window."""

    def __call__(self, window: NDArray[np.float32], place: str) -> NDArray[np.float32]:
        """Scores (scores, height, width) of channels (channels, height, width); ``place`` is for messages."""

    def stop(self) -> None:
        """End a call that is under way in another thread."""


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


@dataclass(frozen=True)
class Finished:
    """Blended scores (scores, height, width) of pixels of the raster, whose corner lies at ``top`` and ``left`` of the
    part; ``wanted`` (height, width): asked for and known; ``asked``: how many are asked for."""

    scores: NDArray[np.float32]
    wanted: NDArray[np.bool_]
    asked: int
    top: int
    left: int


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
class _Prepared:
    """A window of the model's grid and what the model is to see of it (None: it holds nothing that is asked for)."""

    row: int
    column: int
    height: int
    width: int
    pixels: NDArray[np.float32] | None


@dataclass(frozen=True)
class _RowEnd:
    """After a row of windows: the raster's rows ``top`` … ``bottom`` are complete. ``following``: the model's row where
    the next ones begin."""

    top: int
    bottom: int
    following: int
    wanted: NDArray[np.bool_]
    asked: int


def run(
    plan: Plan, network: Network, finish: Callable[[Finished], None], progress: Progress, where: str = ""
) -> Seconds:
    """Run the network over all windows; ``finish`` gets every pixel of the part once, panel after panel, each from top
    to bottom. ``where`` (the provider) is part of the progress message. Raises Cancelled within a tenth of a second."""
    cut = plan.panels()
    with ExitStack() as stack:
        flow = _Flow(plan, network, finish, progress, where, len(plan.window_rows) * sum(len(one.windows) for one in cut))
        flow.open(stack, max(one.carried for one in cut))
        try:
            for panel in cut:
                flow.panel(panel)
            flow.wait_for_writing(0)
        except BaseException:
            network.stop()
            raise
    return flow.seconds


@dataclass
class _Flow:
    """The threads of a run and what passes between them."""

    plan: Plan
    network: Network
    finish: Callable[[Finished], None]
    progress: Progress
    where: str
    total: int
    seconds: Seconds = field(default_factory=Seconds)
    _done: int = 0
    _received: int = 0
    _began: float = field(default_factory=time.perf_counter)
    _said: float = 0.0
    _writing: deque[Future[None]] = field(default_factory=deque)
    _scratch: Scratch | None = None

    def open(self, stack: ExitStack, carried: int) -> None:
        """Start the threads; ``carried``: columns that panels hand over at most."""
        self._first = int(self.plan.rows.starts[self.plan.window_rows[0]])
        if carried:
            rows = min(self.plan.grid.height, int(self.plan.rows.starts[self.plan.window_rows[-1]])
                       + self.plan.rows.tile) - self._first
            self._scratch = stack.enter_context(
                Scratch(self.plan.beside, rows, carried * self.plan.scores, np.float32))
        self._down = self.plan.rows.weights(self.plan.blend)
        self._across = self.plan.columns.weights(self.plan.blend)
        self._reader, self._model, self._writer = (
            stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix=f"bitscape-{name}"))
            for name in ("read", "model", "write"))

    def panel(self, panel: Panel) -> None:
        """Run the windows of a panel and hand on its rows."""
        plan = self.plan
        tall = plan.rows.tile + math.ceil(plan.grid.back_down.factor) + 8
        blend = Blend(
            plan.scores, tall, (panel.start, panel.end), self._first, self._received, panel.carry,
            None if self._scratch is None else self._scratch.array, self._first)
        self._received = panel.carried
        reading = _Reading(plan, panel, self.seconds)
        waiting: tuple[_Prepared, Future[NDArray[np.float32]]] | None = None
        with closing(in_order(self._reader, reading.prepare, reading.jobs(), AHEAD)) as prepared:
            for item in prepared:
                self.progress.check()
                if isinstance(item, _Prepared):
                    following = None if item.pixels is None else (item, self._model.submit(self._infer, item))
                    if item.pixels is None:
                        self.seconds.skipped += 1
                        self._count()
                        continue
                    self._settle(waiting, blend)
                    waiting = following
                    continue
                self._settle(waiting, blend)
                waiting = None
                self._hand_on(item, blend, panel)
        blend.move(plan.grid.height)
        if self._scratch is not None:
            self._scratch.release()

    def wait_for_writing(self, most: int) -> None:
        """Until at most so many finished rows wait to be written."""
        while len(self._writing) > most:
            self._poll(self._writing.popleft())

    def _infer(self, item: _Prepared) -> NDArray[np.float32]:
        assert item.pixels is not None
        began = clock()
        left, top = int(self.plan.columns.starts[item.column]), int(self.plan.rows.starts[item.row])
        scores = self.network(item.pixels, place_of(self.plan.grid, top, left))
        self.seconds.model += clock() - began
        return scores

    def _settle(
        self, waiting: tuple[_Prepared, Future[NDArray[np.float32]]] | None, blend: Blend
    ) -> None:
        """Wait for the model's answer to a window and add it."""
        if waiting is None:
            return
        item, future = waiting
        scores = self._poll(future)
        began = clock()
        blend.add(scores[:, : item.height, : item.width], int(self.plan.rows.starts[item.row]),
                  int(self.plan.columns.starts[item.column]), self._down[item.row, : item.height],
                  self._across[item.column, : item.width])
        self.seconds.blend += clock() - began
        self.seconds.windows += 1
        self._count()

    def _poll(self, future: Future[Any]) -> Any:
        while True:
            try:
                return future.result(timeout=POLL)
            except Late:
                if future.done():
                    raise  # the work itself ran out of time
                self.progress.check()

    def _hand_on(self, end: _RowEnd, blend: Blend, panel: Panel) -> None:
        """Have the rows that are complete finished and written."""
        grid = self.plan.grid
        began = clock()
        if end.bottom > end.top:
            rows = grid.back_down.reach(end.top, end.bottom, grid.height)
            strip = blend.rows(*rows)
            self.wait_for_writing(1)
            self._writing.append(self._writer.submit(self._finish, strip, rows[0], end, panel))
        blend.move(min(end.following, max(self._first, grid.back_down.reach(end.bottom, end.bottom + 1, grid.height)[0])))
        if self._scratch is not None:
            self._scratch.release()
        self.seconds.blend += clock() - began

    def _finish(self, strip: NDArray[np.float32], top: int, end: _RowEnd, panel: Panel) -> None:
        began = clock()
        grid, part = self.plan.grid, self.plan.part
        scores = to_raster(strip, grid, (end.top, end.bottom), (panel.left, panel.right), top, panel.start)
        self.finish(Finished(scores, end.wanted, end.asked, end.top - int(part.row_off),
                             panel.left - int(part.col_off)))
        self.seconds.write += clock() - began

    def _count(self) -> None:
        self._done += 1
        now = time.perf_counter()
        if now - self._said < 0.25 and self._done < self.total:
            self.progress.check()
            return
        self._said = now
        left = (now - self._began) / self._done * (self.total - self._done)
        ran = f" on {self.where}" if self.where else ""
        self.progress.report(self._done / self.total,
                             f"Window {self._done} of {self.total}{ran}, about {in_words(left)} left")


class _Reading:
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

    def prepare(self, job: tuple[int, int | None]) -> _Prepared | _RowEnd:
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
        self._empty = plan.area is not None and plan.area.columns(
            plan.source.grid, Window(self._columns[0], above, self._columns[1] - self._columns[0], bottom - above)) is None
        if not self._empty:
            self._stripe.move(above, bottom)
        return top, bottom

    def _window(self, row: int, column: int) -> _Prepared:
        plan, grid = self._plan, self._plan.grid
        top, left = int(plan.rows.starts[row]), int(plan.columns.starts[column])
        height, width = min(plan.rows.tile, grid.height - top), min(plan.columns.tile, grid.width - left)
        rows = self._hold(row)
        if self._empty:
            return _Prepared(row, column, height, width, None)
        columns = _seen(grid.across, left, left + width, plan.margin, grid.width, grid.raster_width)
        pixels, known = self._stripe.pixels(*rows, *columns)
        if not (known & self._stripe.asked(*rows, *columns)).any():
            return _Prepared(row, column, height, width, None)
        # what there is of the window and its margin; beyond the raster's ends it is reflected
        down = max(0, top - plan.margin), min(grid.height, top + height + plan.margin)
        across = max(0, left - plan.margin), min(grid.width, left + width + plan.margin)
        if not grid.same:
            pixels, covered = resample(
                pixels, known, local(grid.down.taps(*down, grid.raster_height), rows[0]),
                local(grid.across.taps(*across, grid.raster_width), columns[0]))
            assert covered is not None
            known = covered >= 0.5
        seen = plan.channels(pixels, known)
        more = ((0, 0), (plan.margin - (top - down[0]), top + plan.rows.tile + plan.margin - down[1]),
                (plan.margin - (left - across[0]), left + plan.columns.tile + plan.margin - across[1]))
        if any(side for pair in more for side in pair):
            seen = np.pad(seen, more, "reflect")
        return _Prepared(row, column, height, width, seen)

    def _end(self, row: int) -> _RowEnd:
        plan, panel = self._plan, self._panel
        self._hold(row)
        begin, end = self._complete, self._rows_complete(row)
        following = plan.grid.height if row == plan.window_rows[-1] else int(plan.rows.starts[row + 1])
        self._complete = end
        if self._empty or end <= begin:
            return _RowEnd(begin, end, following, np.zeros((end - begin, panel.right - panel.left), np.bool_), 0)
        place = (begin, end, panel.left, panel.right)
        asked = self._stripe.asked(*place)
        return _RowEnd(begin, end, following, asked & self._stripe.pixels(*place)[1], int(np.count_nonzero(asked)))

    def _rows_complete(self, row: int) -> int:
        """Up to which row the raster is complete after a row of windows."""
        plan, grid = self._plan, self._plan.grid
        bottom = int(plan.part.row_off + plan.part.height)
        if row == plan.window_rows[-1]:
            return bottom
        following = int(plan.rows.starts[row + 1])
        whole = following if grid.same else math.floor((following - 1) * grid.down.factor - 1e-6)
        return min(bottom, max(self._complete, whole))


def to_raster(
    strip: NDArray[np.float32], grid: ModelGrid, rows: tuple[int, int], columns: tuple[int, int], top: int, left: int
) -> NDArray[np.float32]:
    """Scores (scores, height, width) at the raster's pixels of ``rows`` and ``columns``, from those of the model's
    pixels whose corner is at ``top`` and ``left``."""
    if grid.same:
        return strip[:, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
    down, across = grid.back_down.taps(*rows, grid.height), grid.back_across.taps(*columns, grid.width)
    return resample(strip, None, local(down, top), local(across, left))[0]


Taps = tuple[NDArray[np.int64], NDArray[np.float32]]


def local(taps: Taps, first: int) -> Taps:
    """Taps into an array that begins at the source's pixel ``first``."""
    return taps[0] - first, taps[1]


def _seen(scale: Scale, low: int, high: int, margin: int, length: int, source_length: int) -> tuple[int, int]:
    """The raster's pixels along one side that a window from ``low`` to ``high`` and its margin are made of."""
    return scale.reach(max(0, low - margin), min(length, high + margin), source_length)


def place_of(grid: ModelGrid, top: int, left: int) -> str:
    """Where a window begins, in the raster's rows and columns, for people."""
    return f"row {round(top * grid.down.factor)}, column {round(left * grid.across.factor)}"


def in_words(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
