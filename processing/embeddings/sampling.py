"""Stored numbers of some pixels of embedding rasters: spread over them, or those that points lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..grids.reader import RasterReader
from ..progress import Progress
from .source import EmbeddingSource
from .stack import Stack

SAMPLE_SIDE = 256
SAMPLE_WINDOWS = 6
ENOUGH = 1000
"""Pixels from which the value mapping can be told; more windows are read while there are fewer."""
SIDE, BLOCK_BYTES = 256, 64 * 2**20
"""Pixels a side that are read at once around points, fewer where there are so many bands that they would take more."""


def sampled(stack: Stack, progress: Progress) -> NDArray[Any]:
    """Stored numbers (pixels, dates · bands) of pixels with data at all dates: from the middle of some windows spread
    over the raster, and where these have little data, of further ones. None without data gives none."""
    windows = [window for band in stack.windows() for window in band]
    spread = np.unique(np.linspace(0, len(windows) - 1, min(SAMPLE_WINDOWS, len(windows))).astype(int))
    parts: list[NDArray[Any]] = []
    for number, window in enumerate([_middle(windows[index]) for index in spread] + windows):
        if number >= len(spread) and sum(map(len, parts)) >= ENOUGH:
            break
        planes = stack.read(window)
        parts.append(planes.values[:, ~planes.missing().any(axis=0)].T)
        progress.check()
    return np.concatenate(parts)


def pixels_at(
    source: EmbeddingSource, rows: NDArray[np.int64], columns: NDArray[np.int64], progress: Progress
) -> NDArray[Any]:
    """Stored numbers (points, bands) of pixels inside; each square of the raster that holds one is read once."""
    stored = np.zeros((len(rows), source.bands), source.dtype)
    side = int(np.clip(np.sqrt(BLOCK_BYTES / (source.bands * source.dtype.itemsize)), 1, SIDE))
    squares = rows // side * (-(-source.grid.width // side)) + columns // side
    order = np.argsort(squares, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(squares[order])) + 1)
    with RasterReader(source.path) as reader:
        for done, which in enumerate(members if len(rows) else []):
            progress.report(done / len(members))
            left, top = int(columns[which].min()), int(rows[which].min())
            width, height = int(columns[which].max()) - left + 1, int(rows[which].max()) - top + 1
            block = reader.read(Window(left, top, width, height))
            stored[which] = block[:, rows[which] - top, columns[which] - left].T
    return stored


def _middle(window: Window) -> Window:
    width, height = min(window.width, SAMPLE_SIDE), min(window.height, SAMPLE_SIDE)
    left, top = window.col_off + (window.width - width) // 2, window.row_off + (window.height - height) // 2
    return Window(left, top, width, height)
