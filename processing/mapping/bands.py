"""Maps of tiles, row band after row band: which part of them is drawn, by many threads, into which files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..compression.tiles import Tiles
from ..executors import cores, in_order, open_executor
from ..grids.area import AreaOfInterest
from ..grids.grid import Grid
from ..grids.writer import BLOCK, Layout, RasterWriter
from ..progress import Progress

STRIP = 4096
"""Columns that are read at once: memory for codes stays the same however wide the tiles are."""


class Scorer(Protocol):
    """What draws the bands of a window of tiles; it can be pickled and sent to another process."""

    @property
    def blank(self) -> NDArray[Any]:
        """What each band (bands,) holds where there is no data, in the type of the bands."""

    def __call__(self, window: Window) -> tuple[NDArray[Any], ...]:
        """Bands (some, height, width), one array for each file that they go to."""


@dataclass(frozen=True)
class AreaScorer:
    """Draws the pixels of a row band that are inside an area; it can be pickled and sent to another process."""

    scorer: Scorer

    def __call__(self, band: tuple[Window, NDArray[np.bool_] | None]) -> tuple[NDArray[Any], int]:
        """All bands of a window (bands, height, width), and how many pixels were asked for: those of the mask (height,
        width), or all. Only the columns that hold some are read."""
        window, inside = band
        if inside is None:
            rows = np.concatenate(self.scorer(window))
            return rows, rows[0].size
        blank = self.scorer.blank
        rows = np.repeat(blank, inside.size).reshape(len(blank), *inside.shape)
        columns = np.flatnonzero(inside.any(axis=0))
        if len(columns) == 0:
            return rows, 0
        part = np.s_[:, :, columns[0] : columns[-1] + 1]
        found = np.concatenate(self.scorer(
            Window(window.col_off + columns[0], window.row_off, columns[-1] + 1 - columns[0], window.height)))
        np.copyto(rows[part], found, where=inside[part[1:]])
        return rows, int(np.count_nonzero(inside))


@dataclass(frozen=True)
class Limits:
    """The window of the tiles that is mapped, and the polygons (None: none) that hold the pixels that are."""

    window: Window
    area: AreaOfInterest | None

    def bands(self, grid: Grid, rows: int) -> Iterator[tuple[Window, NDArray[np.bool_] | None]]:
        """Row bands from top to bottom with their masks, cut where the tiles' blocks are: none is decoded twice."""
        top, end = int(self.window.row_off), int(self.window.row_off + self.window.height)
        while top < end:
            bottom = min(end, (top // rows + 1) * rows)
            band = Window(self.window.col_off, top, self.window.width, bottom - top)
            yield band, None if self.area is None else self.area.mask(grid, band)
            top = bottom


def write_bands(
    tiles: Tiles, scorer: Scorer, limits: Limits, outputs: Sequence[tuple[Path | None, Layout]],
    tally: Callable[[NDArray[Any]], None], threads: int, scheduler: str, progress: Progress,
) -> int:
    """Write the files that the scorer's bands go to, in their order (without a path: none). ``tally`` sees all rows
    (bands, rows, width) once. Returns the number of the pixels that were asked for."""
    grid, asked, done = tiles.grid.crop(limits.window), 0, 0
    with ExitStack() as stack:
        executor = stack.enter_context(open_executor(threads, scheduler))
        threads = threads or cores()
        writers = [
            stack.enter_context(RasterWriter(path, grid, layout, progress, threads)) if path else None
            for path, layout in outputs
        ]
        ends = np.cumsum([layout.count for _, layout in outputs])
        rest = np.empty((len(scorer.blank), 0, grid.width), scorer.blank.dtype)
        bands = in_order(executor, AreaScorer(scorer), limits.bands(tiles.grid, tiles.block_rows), threads + 1)
        for rows, inside in stack.enter_context(closing(bands)):
            asked += inside
            done += rows.shape[1]
            tally(rows)
            rest = rows if rest.shape[1] == 0 else np.concatenate([rest, rows], axis=1)
            ready = rest.shape[1] if done == grid.height else rest.shape[1] // BLOCK * BLOCK
            if ready:
                for writer, end, (_, layout) in zip(writers, ends, outputs, strict=True):
                    if writer:
                        writer.write(rest[end - layout.count : end, :ready])
                rest = rest[:, ready:]
            progress.report(0.95 * done / grid.height)
    return asked


def map_names(path: Path | None, tiles: Sequence[Tiles]) -> list[Path | None]:
    """``path`` for one file of tiles; for several ``<stem>_<period><suffix>``, and the tiles' own name where two are of
    one period."""
    if path is None or len(tiles) == 1:
        return [path] * len(tiles)
    periods = [_file_safe(one.period) for one in tiles]
    names = [period if periods.count(period) == 1 else f"{period}_{_file_safe(one.path.stem)}"
             for period, one in zip(periods, tiles, strict=True)]
    return [path.with_name(f"{path.stem}_{name}{path.suffix}") for name in names]


def _file_safe(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "map"
