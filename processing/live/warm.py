"""The operation warmlive: answer made-up clicks once, so that the first real one waits for no kernel and no import."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import Field

from ..operations import Request, Result
from ..progress import Progress
from .live import LiveRequest, live_map
from .livevalidation import ValidationRequest, learning_curve, live_validation
from .nextpoint import NextPointRequest, next_point
from .opened import opened
from .view import View

SIDE = 9
"""Clicks in a row, and rows of them: enough of each of three classes to choose C and to validate."""
PIXELS = 256


class WarmRequest(Request):
    """``classes``: of so many the answers are made. Nothing is written."""

    tiles: Path
    classes: int = Field(2, ge=2, le=6)


class Warmed(Result):
    """How long it took."""

    seconds: float


def warm_live(request: WarmRequest, progress: Progress) -> Warmed:
    """Do all that the dock asks for, on clicks all over the tiles. Raises InputError if the tiles cannot be used."""
    start = time.perf_counter()
    grid = opened(request.tiles).tiles.grid
    steps = [(index + 0.5) / SIDE for index in range(SIDE)]
    places = [grid.transform @ (grid.width * column, grid.height * row) for row in steps for column in steps]
    clicks: dict[str, Any] = {
        "tiles": request.tiles, "x": [x for x, _ in places], "y": [y for _, y in places],
        "classes": [index % request.classes for index in range(len(places))],
        "names": [str(number) for number in range(request.classes)], "threads": 1,
    }
    (x, y), side = grid.transform @ (grid.width / 2, grid.height / 2), PIXELS / 2 * min(grid.pixel_size)
    view = View(west=x - side, east=x + side, south=y - side, north=y + side, width=PIXELS, height=PIXELS)
    live_map(LiveRequest(**clicks, view=view, extrapolated=True), progress)
    progress.check()
    live_validation(ValidationRequest(**clicks), progress)
    progress.check()
    next_point(NextPointRequest(**clicks), progress)
    progress.check()
    learning_curve(ValidationRequest(**clicks), progress)
    return Warmed(seconds=time.perf_counter() - start)
