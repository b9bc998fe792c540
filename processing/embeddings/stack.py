"""Several dates of embeddings on one grid, read window by window as one stack of planes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import GridMismatch, InputError
from ..grids.grid import crs_name
from ..grids.reader import RasterReader
from .source import EmbeddingSource

ROWS = 512
WINDOW_BYTES = 48 * 2**20
"""Stored bytes of all dates in one window: with its float copy and a few at once this stays far below 1.5 GB."""


@dataclass(frozen=True)
class Planes:
    """Stored numbers of a window, (dates · bands, pixels), the ``nodata`` of each date, and what lies outside a date's
    warped raster, (dates, pixels), None where nothing does."""

    values: NDArray[Any]
    nodata: tuple[float | None, ...]
    outside: NDArray[np.bool_] | None

    def date(self, index: int) -> NDArray[Any]:
        """Stored numbers of one date, (bands, pixels)."""
        bands = len(self.values) // len(self.nodata)
        return self.values[index * bands : (index + 1) * bands]

    def missing(self) -> NDArray[np.bool_]:
        """Where a date has no data: nodata or not a finite number in any band, or outside. (dates, pixels)"""
        found = np.zeros((len(self.nodata), self.values.shape[1]), np.bool_)
        for index, nodata in enumerate(self.nodata):
            stored = self.date(index)
            if stored.dtype.kind == "f":
                found[index] = ~np.isfinite(stored).all(axis=0)
            if nodata is not None and nodata == nodata:
                for plane in stored:
                    found[index] |= plane == nodata
        return found if self.outside is None else found | self.outside


class Stack:
    """The dates' rasters through one grid, a ``window`` of the first one's. Thread-safe; can be pickled."""

    def __init__(self, sources: Sequence[EmbeddingSource], window: Window, warp: bool) -> None:
        self.sources = list(sources)
        self.window = window
        self.warp = warp
        first = self.sources[0].grid
        self.grid = first.crop(window)
        self._readers = [
            RasterReader(source.path, first if warp and not source.grid.same_as(first) else None) for source in sources
        ]
        self._local = threading.local()

    def __reduce__(self) -> tuple[type[Stack], tuple[list[EmbeddingSource], Window, bool]]:
        return Stack, (self.sources, self.window, self.warp)

    def close(self) -> None:
        """Close all files."""
        for reader in self._readers:
            reader.close()

    def windows(self) -> Iterator[list[Window]]:
        """Row bands from top to bottom, each as the windows to read: whole blocks of the files, in a byte budget."""
        rows, columns = self._window_shape()
        band_rows = max(ROWS, -(-rows // ROWS) * ROWS)
        for top in range(0, self.grid.height, band_rows):
            bottom = min(top + band_rows, self.grid.height)
            yield [
                Window(left, upper, min(columns, self.grid.width - left), min(rows, bottom - upper))
                for upper in range(top, bottom, rows)
                for left in range(0, self.grid.width, columns)
            ]

    def read(self, window: Window, keep: bool = False) -> Planes:
        """The stored numbers of a window of ``grid``. Unless ``keep``, this thread's next read reuses their array."""
        bands = self.sources[0].bands
        shape = (len(self.sources) * bands, window.height, window.width)
        values = np.empty(shape, self.sources[0].dtype) if keep else self._buffer(shape, self.sources[0].dtype)
        outside: list[NDArray[np.bool_]] = []
        for date, reader in enumerate(self._readers):
            reader.read(self._moved(window), out=values[date * bands : (date + 1) * bands])
            inside = reader.inside(self._moved(window))
            if inside is not None:
                outside.append(np.zeros((len(self.sources), inside.size), np.bool_))
                outside[-1][date] = ~inside.ravel()
        missing = np.logical_or.reduce(outside) if outside else None
        return Planes(values.reshape(len(values), -1), tuple(source.nodata for source in self.sources), missing)

    def _window_shape(self) -> tuple[int, int]:
        source = self.sources[0]
        pixel = sum(source.bands * source.dtype.itemsize for source in self.sources)
        budget = max(1, WINDOW_BYTES // pixel)
        block_rows, block_columns = source.block
        if block_columns >= source.grid.width:
            columns = self.grid.width
            return min(ROWS, max(min(block_rows, budget // columns), budget // columns // 64 * 64, 1)), columns
        columns = _whole_blocks(block_columns)
        rows = _whole_blocks(block_rows)
        while rows * columns > budget and max(rows, columns) > 64:
            rows, columns = (rows // 2, columns) if rows >= columns else (rows, columns // 2)
        return rows, min(columns, self.grid.width)

    def _moved(self, window: Window) -> Window:
        return Window(
            window.col_off + self.window.col_off, window.row_off + self.window.row_off, window.width, window.height
        )

    def _buffer(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = int(np.prod(shape))
        memory = getattr(self._local, "memory", None)
        if memory is None or len(memory) < size:
            memory = self._local.memory = np.empty(size, dtype)
        return memory[:size].reshape(shape)


def aligned(sources: Sequence[EmbeddingSource], warp: bool) -> None:
    """Raise InputError or GridMismatch, naming both, if the rasters cannot be put together as they are."""
    first = sources[0]
    for other in sources[1:]:
        if other.bands != first.bands:
            raise InputError(
                f"{first.path} has {first.bands} bands and {other.path} has {other.bands}: they are not "
                "embeddings of one product. Choose rasters with the same bands."
            )
        if other.dtype != first.dtype:
            raise InputError(
                f"{first.path} holds {first.dtype} and {other.path} holds {other.dtype}: they are not one "
                "version of a product. Convert one of them first."
            )
        if other.grid.same_as(first.grid):
            continue
        if not warp:
            raise GridMismatch(
                f"The rasters are on different grids. {first.path}: {first.grid.describe()}. {other.path}: "
                f"{other.grid.describe()}. Choose rasters on one grid, or switch on “Warp later dates”."
            )
        if first.grid.crs is None or other.grid.crs is None:
            named = first if first.grid.crs is None else other
            raise GridMismatch(
                f"{named.path} has no CRS, so nothing can be warped to it ({crs_name(first.grid.crs)} / "
                f"{crs_name(other.grid.crs)}). Assign one first."
            )


def _whole_blocks(block: int) -> int:
    """Rows or columns to read at once: a multiple of the file's block that is at least 512 where that is not far."""
    if block >= ROWS:
        return block if block <= 4 * ROWS else ROWS
    return ROWS if ROWS % block == 0 else block * (-(-ROWS // block))
