"""Windows of a plan one after another, for models whose answers are not blended: objects and vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..executors import in_order
from ..progress import Progress
from .reading import Plan, Prepared, Reading, Seconds
from .run import AHEAD, in_words, place_of

SAID = 0.25
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class View:
    """A window: its number down and along the lattice, its corner on the model's grid, and what the model sees of it,
    (channels, side, side). ``place`` is for messages."""

    row: int
    column: int
    top: int
    left: int
    pixels: NDArray[np.float32]
    place: str


def views(plan: Plan, progress: Progress, seconds: Seconds, where: str) -> Iterator[View]:
    """All windows of a plan that hold something asked for; the next ones are read meanwhile. Reports the progress of
    what is done with them."""
    cut = plan.panels()
    total = len(plan.window_rows) * sum(len(panel.windows) for panel in cut)
    done, began, said = 0, time.perf_counter(), 0.0
    with ThreadPoolExecutor(1, thread_name_prefix="bitscape-read") as reader:
        for panel in cut:
            reading = Reading(plan, panel, seconds)
            with closing(in_order(reader, reading.prepare, reading.jobs(), AHEAD)) as items:
                for item in items:
                    progress.check()
                    if not isinstance(item, Prepared):
                        continue
                    if item.pixels is None:
                        seconds.skipped += 1
                    else:
                        top, left = int(plan.rows.starts[item.row]), int(plan.columns.starts[item.column])
                        yield View(item.row, item.column, top, left, item.pixels, place_of(plan.grid, top, left))
                        seconds.windows += 1
                    done += 1
                    now = time.perf_counter()
                    if now - said >= SAID or done == total:
                        said = now
                        rest = in_words((now - began) / done * (total - done))
                        progress.report(done / total, f"Window {done} of {total} on {where}, about {rest} left")
