"""The raster a model is run on: the bands that it needs, which pixels are known, and reading each block of them
once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from ..grids.area import AreaOfInterest
from ..grids.grid import Grid
from ..grids.reader import open_raster
from ..inference.raster_bands import has_mask

Known = Callable[[NDArray[Any], NDArray[np.bool_] | None], NDArray[np.bool_]]


@dataclass(frozen=True)
class Source:
    """Some bands of a raster, numbered from 1.

    ``known`` says which pixels (bands, height, width) mean something, (height, width), within a mask: the file's own
    mask or alpha, where it has one that is not itself among the bands (``masked``). ``block``: rows and columns of the
    file's blocks.
    """

    path: Path
    grid: Grid
    bands: tuple[int, ...]
    dtype: Any
    known: Known
    masked: bool
    block: tuple[int, int]

    @staticmethod
    def open(path: str | Path, bands: Sequence[int], known: Known) -> Source:
        """Open a raster. Raises InputError if it cannot be read, or has no such band."""
        with open_raster(path) as dataset:
            wrong = [band for band in bands if not 1 <= band <= dataset.count]
            if wrong:
                raise InputError(f"{Path(path).name} has no band {wrong[0]}: it has {dataset.count}.")
            kinds = [np.dtype(dataset.dtypes[band - 1]) for band in bands]
            if any(kind.kind not in "iuf" for kind in kinds):
                raise InputError(f"{Path(path).name} holds {dataset.dtypes[bands[0] - 1]} values; models take real "
                                 "numbers.")
            return Source(
                Path(path), Grid.of(dataset), tuple(bands), np.result_type(*kinds), known, has_mask(dataset, bands),
                dataset.block_shapes[bands[0] - 1])

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel in memory."""
        return len(self.bands) * int(np.dtype(self.dtype).itemsize)

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Pixels (bands, height, width) and which of them are known (height, width).

        The file is closed again after each read: GDAL keeps the blocks of open files in memory. Raises InputError if it
        is truncated or damaged.
        """
        try:
            with open_raster(self.path) as dataset:
                pixels = self._pixels(dataset, window)
                mask = dataset.dataset_mask(window=window) > 0 if self.masked else None
                return pixels, self.known(pixels, mask)
        except rasterio.errors.RasterioError as error:
            raise InputError(
                f"{self.path} cannot be read at row {window.row_off}, column {window.col_off}: it is truncated or "
                "damaged. Download or make it again.", str(error)) from error

    def _pixels(self, dataset: Any, window: Window) -> NDArray[Any]:
        if len({dataset.dtypes[band - 1] for band in self.bands}) == 1:
            pixels: NDArray[Any] = dataset.read(list(self.bands), window=window)
            return pixels
        return np.stack([dataset.read(band, window=window).astype(self.dtype) for band in self.bands])


class Stripe:
    """Rows of a panel of a raster that move down with the windows: no block is decoded twice. For one thread.

    ``columns`` are those of the panel. ``wanted`` are the known pixels within the part that is asked for (``part``)
    and, where there is one, the area of interest.
    """

    def __init__(self, source: Source, columns: tuple[int, int], part: Window, area: AreaOfInterest | None) -> None:
        self._source, self._left, self._right = source, *columns
        self._part, self._area = part, area
        self._top = self._bottom = 0
        width = self._right - self._left
        self._pixels = np.empty((len(source.bands), 0, width), source.dtype)
        self._known = np.empty((0, width), np.bool_)
        self._asked = np.empty((0, width), np.bool_)

    def move(self, top: int, bottom: int) -> None:
        """Hold the rows ``top`` … ``bottom`` (exclusive), which must not be above those held before."""
        if bottom > self._bottom:
            end = min(self._source.grid.height, -(-bottom // self._source.block[0]) * self._source.block[0])
            end = bottom if end - bottom > 1024 else end
            begin = max(top, self._bottom)
            self._take(top, begin, end)

    def pixels(self, top: int, bottom: int, left: int, right: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Pixels (bands, height, width) and which are known, of rows and columns of the raster; not to be changed."""
        part = np.s_[top - self._top : bottom - self._top, left - self._left : right - self._left]
        return self._pixels[(slice(None), *part)], self._known[part]

    def asked(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
        """Which pixels are asked for (height, width), known or not."""
        return self._asked[top - self._top : bottom - self._top, left - self._left : right - self._left]

    def _take(self, top: int, begin: int, end: int) -> None:
        """Drop the rows above ``top`` and read those from ``begin`` to ``end``."""
        kept = slice(min(top, self._bottom) - self._top, self._bottom - self._top)
        keeps = kept.stop - kept.start
        height = keeps + end - begin
        new, known = self._source.read(Window(self._left, begin, self._right - self._left, end - begin))
        if height > self._known.shape[0]:
            self._pixels = _enlarged(self._pixels, kept, height)
            self._known = _enlarged(self._known[None], kept, height)[0]
            self._asked = _enlarged(self._asked[None], kept, height)[0]
        elif keeps:
            for band in self._pixels:
                band[:keeps] = band[kept]
            self._known[:keeps] = self._known[kept]
            self._asked[:keeps] = self._asked[kept]
        self._top, self._bottom = begin - keeps, end
        rows = slice(keeps, height)
        self._pixels[:, rows] = new
        self._known[rows] = known
        self._asked[rows] = self._inside(begin, end)

    def _inside(self, top: int, bottom: int) -> NDArray[np.bool_]:
        """The pixels of some rows that lie in the part asked for and in the area of interest."""
        inside = np.zeros((bottom - top, self._right - self._left), np.bool_)
        part = self._part
        first, last = max(top, part.row_off), min(bottom, part.row_off + part.height)
        left, right = max(self._left, part.col_off), min(self._right, part.col_off + part.width)
        if first < last and left < right:
            window = Window(left, first, right - left, last - first)
            inside[first - top : last - top, left - self._left : right - self._left] = (
                True if self._area is None else self._area.mask(self._source.grid, window))
        return inside


def _enlarged(rows: NDArray[Any], kept: slice, height: int) -> NDArray[Any]:
    """Room for ``height`` rows (bands, height, width), of which the first are those kept."""
    out = np.empty((rows.shape[0], height, rows.shape[2]), rows.dtype)
    out[:, : kept.stop - kept.start] = rows[:, kept]
    return out
