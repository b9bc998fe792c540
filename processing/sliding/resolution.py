"""Between a raster's pixels and those a model was trained on: metres per pixel, and resampling there and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..grids.ellipsoid import metric
from ..grids.grid import Grid

TOLERANCE = 0.1
"""Pixels that are this much larger or smaller than a model's are taken for them: networks see objects of many sizes."""
FINEST = 64
"""A pixel of one grid may cover so many of the other along one side; beyond, nothing is to be learned from it."""


@dataclass(frozen=True)
class Scale:
    """One side of two grids that begin at the same place: ``factor`` pixels of the source for one of the target."""

    factor: float

    def reach(self, low: int, high: int, length: int) -> tuple[int, int]:
        """The source's pixels, of ``length``, that the target's pixels ``low`` … ``high`` (exclusive) are made of."""
        margin = 0 if self.factor == 1 else 1
        first, last = math.floor(low * self.factor) - margin, math.ceil(high * self.factor) + margin
        return max(0, min(first, length - 1)), min(length, max(last, 1))

    def taps(self, low: int, high: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """For each target pixel ``low`` … ``high`` the source's pixels (pixels, taps) and their weights, which add up
        to 1: the mean of the area it covers where the target is coarser, linear interpolation where it is finer."""
        target = np.arange(low, high, dtype=np.float64)
        if self.factor > 1:
            begin, end = target * self.factor, (target + 1) * self.factor
            count = math.ceil(self.factor) + 1
            places = np.floor(begin).astype(np.int64)[:, None] + np.arange(count)
            share = np.minimum(end[:, None], places + 1) - np.maximum(begin[:, None], places)
            share = np.where(places < length, np.maximum(share, 0), 0)
            # the last pixel of the target may lie beyond the source by less than itself
            share[share.sum(axis=1) == 0, 0] = 1
        else:
            centre = (target + 0.5) * self.factor - 0.5
            places = np.floor(centre).astype(np.int64)[:, None] + np.arange(2)
            right = centre - places[:, 0]
            share = np.stack([1 - right, right], axis=1)
        weights = share / share.sum(axis=1, keepdims=True)
        return np.clip(places, 0, length - 1), weights.astype(np.float32)


@dataclass(frozen=True)
class ModelGrid:
    """The grid a model works on: it begins at the raster's first pixel, whatever part of the raster is asked for.

    ``down`` and ``across`` are the raster's pixels for one of the model's, along rows and columns. A grid in degrees
    has other factors along latitude than along longitude.
    """

    raster_height: int
    raster_width: int
    down: Scale
    across: Scale

    @property
    def same(self) -> bool:
        """Whether the model works on the raster's own pixels."""
        return self.down.factor == 1 and self.across.factor == 1

    @property
    def height(self) -> int:
        return max(1, math.ceil(self.raster_height / self.down.factor - 1e-6))

    @property
    def width(self) -> int:
        return max(1, math.ceil(self.raster_width / self.across.factor - 1e-6))

    @property
    def back_down(self) -> Scale:
        """From the model's rows to the raster's."""
        return Scale(1 / self.down.factor)

    @property
    def back_across(self) -> Scale:
        """From the model's columns to the raster's."""
        return Scale(1 / self.across.factor)


def metres(grid: Grid) -> tuple[float, float] | None:
    """Metres on the ellipsoid down and across a pixel in the middle of a grid; None if it has no place on the Earth."""
    form = metric(grid)
    if form is None:
        return None
    middle = form.shape[1] // 2
    across, down = math.sqrt(max(form[0, middle, middle], 0)), math.sqrt(max(form[2, middle, middle], 0))
    return (down, across) if math.isfinite(down * across) and down > 0 and across > 0 else None


def spread(grid: Grid) -> float:
    """By which factor pixels differ in size between places of a grid: 1 where they are all alike."""
    form = metric(grid)
    if form is None:
        return 1.0
    sizes = np.sqrt(form[[0, 2]])
    sizes = sizes[:, np.isfinite(sizes).all(axis=0)]
    return float((sizes.max(axis=1) / sizes.min(axis=1)).max()) if sizes.size and sizes.min() > 0 else 1.0


def model_grid(grid: Grid, resolution: float | None) -> ModelGrid:
    """The grid for a model of ``resolution`` m per pixel (None: any). It is the raster's own where its pixels are of
    that size, within a tenth, and where nothing says how large they are."""
    size = metres(grid)
    plain = ModelGrid(grid.height, grid.width, Scale(1.0), Scale(1.0))
    if resolution is None or size is None:
        return plain
    down, across = resolution / size[0], resolution / size[1]
    if all(1 / (1 + TOLERANCE) <= factor <= 1 + TOLERANCE for factor in (down, across)):
        return plain
    return ModelGrid(grid.height, grid.width, Scale(down), Scale(across))


def resample(
    pixels: NDArray[Any], valid: NDArray[np.bool_] | None, rows: tuple[NDArray[np.int64], NDArray[np.float32]],
    columns: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Resample (bands, height, width) by the taps of rows and columns, whose places are within that array.

    Of ``valid`` pixels (height, width) only; the second result is how much of each target pixel they cover, 0 … 1 (None
    where all are valid), and where that is 0 the first is 0 too.
    """
    height, width = len(rows[0]), len(columns[0])
    out = np.empty((len(pixels), height, width), np.float32)
    if valid is None:
        for band, source in enumerate(pixels):
            _weighted(source, *rows, *columns, out[band])
        return out, None
    covered = np.empty((height, width), np.float32)
    _weighted(valid.view(np.uint8), *rows, *columns, covered)
    for band, source in enumerate(pixels):
        _weighted(np.where(valid, source, source.dtype.type(0)), *rows, *columns, out[band])
        np.divide(out[band], covered, out=out[band], where=covered > 0)
    return out, covered


@njit(nogil=True, cache=True, error_model="numpy")
def _weighted(
    source: NDArray[Any], rows: NDArray[np.int64], row_weights: NDArray[np.float32], columns: NDArray[np.int64],
    column_weights: NDArray[np.float32], out: NDArray[np.float32],
) -> None:
    """Weighted means along columns of the rows that are needed, then along rows."""
    first, last = rows.min(), rows.max()
    narrow = np.zeros((last + 1 - first, len(columns)), np.float32)
    for row in range(first, last + 1):
        for column in range(len(columns)):
            total = np.float32(0)
            for tap in range(columns.shape[1]):
                total += column_weights[column, tap] * np.float32(source[row, columns[column, tap]])
            narrow[row - first, column] = total
    for row in range(len(rows)):
        line = out[row]
        line[:] = 0
        for tap in range(rows.shape[1]):
            weight, above = row_weights[row, tap], narrow[rows[row, tap] - first]
            for column in range(len(line)):
                line[column] += weight * above[column]
