"""The flow: blocks are read once, windows go through the model one after another, and finished rows are handed on.

Reading runs ahead in one thread and writing behind in another while the model works; what is held is a panel's rows of
windows, whatever the size of the raster.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..executors import in_order
from ..polygons.scratch import Scratch
from ..progress import Progress
from . import reading
from .blending import Blend
from .panels import Panel
from .reading import Plan, Prepared, Reading, RowEnd, Seconds, local
from .resolution import ModelGrid, resample

AHEAD = 3
POLL = 0.1
"""Seconds between two looks at whether the user wants to stop, while the model works on a window."""

class Network(Protocol):
    """What makes scores of a window."""

    def __call__(self, window: NDArray[np.float32], place: str) -> NDArray[np.float32]:
        """Scores (scores, height, width) of channels (channels, height, width); ``place`` is for messages."""

    def stop(self) -> None:
        """End a call that is under way in another thread."""


@dataclass(frozen=True)
class Finished:
    """Blended scores (scores, height, width) of pixels of the raster, whose corner lies at ``top`` and ``left`` of the
    part; ``wanted`` (height, width): asked for and known; ``asked``: how many are asked for."""

    scores: NDArray[np.float32]
    wanted: NDArray[np.bool_]
    asked: int
    top: int
    left: int


def run(
    plan: Plan, network: Network, finish: Callable[[Finished], None], progress: Progress, where: str = ""
) -> Seconds:
    """Run the network over all windows; ``finish`` gets every pixel of the part once, panel after panel, each from top
    to bottom. ``where`` (the provider) is part of the progress message. Raises Cancelled within a tenth of a second."""
    cut = plan.panels()
    with ExitStack() as stack:
        flow = _Flow(
            plan, network, finish, progress, where, len(plan.window_rows) * sum(len(one.windows) for one in cut)
        )
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
        windows = Reading(plan, panel, self.seconds)
        waiting: tuple[Prepared, Future[NDArray[np.float32]]] | None = None
        with closing(in_order(self._reader, windows.prepare, windows.jobs(), AHEAD)) as prepared:
            for item in prepared:
                self.progress.check()
                if isinstance(item, Prepared):
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

    def _infer(self, item: Prepared) -> NDArray[np.float32]:
        assert item.pixels is not None
        began = reading.clock()
        left, top = int(self.plan.columns.starts[item.column]), int(self.plan.rows.starts[item.row])
        scores = self.network(item.pixels, place_of(self.plan.grid, top, left))
        self.seconds.model += reading.clock() - began
        return scores

    def _settle(self, waiting: tuple[Prepared, Future[NDArray[np.float32]]] | None, blend: Blend) -> None:
        """Wait for the model's answer to a window and add it."""
        if waiting is None:
            return
        item, future = waiting
        scores = self._poll(future)
        began = reading.clock()
        blend.add(scores[:, : item.height, : item.width], int(self.plan.rows.starts[item.row]),
                  int(self.plan.columns.starts[item.column]), self._down[item.row, : item.height],
                  self._across[item.column, : item.width])
        self.seconds.blend += reading.clock() - began
        self.seconds.windows += 1
        self._count()

    def _poll(self, future: Future[Any]) -> Any:
        while True:
            try:
                return future.result(timeout=POLL)
            except Late:  # noqa: PERF203 (a look at the user, ten times a second)
                if future.done():
                    raise  # the work itself ran out of time
                self.progress.check()

    def _hand_on(self, end: RowEnd, blend: Blend, panel: Panel) -> None:
        """Have the rows that are complete finished and written."""
        grid = self.plan.grid
        began = reading.clock()
        if end.bottom > end.top:
            rows = grid.back_down.reach(end.top, end.bottom, grid.height)
            strip = blend.rows(*rows)
            self.wait_for_writing(1)
            self._writing.append(self._writer.submit(self._finish, strip, rows[0], end, panel))
        blend.move(
            min(end.following, max(self._first, grid.back_down.reach(end.bottom, end.bottom + 1, grid.height)[0]))
        )
        if self._scratch is not None:
            self._scratch.release()
        self.seconds.blend += reading.clock() - began

    def _finish(self, strip: NDArray[np.float32], top: int, end: RowEnd, panel: Panel) -> None:
        began = reading.clock()
        grid, part = self.plan.grid, self.plan.part
        scores = to_raster(strip, grid, (end.top, end.bottom), (panel.left, panel.right), top, panel.start)
        self.finish(Finished(scores, end.wanted, end.asked, end.top - int(part.row_off),
                             panel.left - int(part.col_off)))
        self.seconds.write += reading.clock() - began

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


def to_raster(
    strip: NDArray[np.float32], grid: ModelGrid, rows: tuple[int, int], columns: tuple[int, int], top: int, left: int
) -> NDArray[np.float32]:
    """Scores (scores, height, width) at the raster's pixels of ``rows`` and ``columns``, from those of the model's
    pixels whose corner is at ``top`` and ``left``."""
    if grid.same:
        return strip[:, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
    down, across = grid.back_down.taps(*rows, grid.height), grid.back_across.taps(*columns, grid.width)
    return resample(strip, None, local(down, top), local(across, left))[0]


def place_of(grid: ModelGrid, top: int, left: int) -> str:
    """Where a window begins, in the raster's rows and columns, for people."""
    return f"row {round(top * grid.down.factor)}, column {round(left * grid.across.factor)}"


def windows_said(count: int) -> str:
    """A number of windows, for people."""
    return "1 window" if count == 1 else f"{count:,} windows"


def in_words(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
