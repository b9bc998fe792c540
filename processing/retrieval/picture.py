"""Values of patches as a picture: footprints' boxes painted on a grid of longitude and latitude, 255 where none is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from rasterio.crs import CRS

from ..grids.grid import Grid
from .ground import UNIT

NODATA = 255
MOST = 254
LARGEST_SIDE = 8192
SAMPLE = 10_000
PER_PATCH = 2
"""Cells across a patch: boxes of turned footprints overlap by less than half of one."""


class Window(BaseModel):
    """A map window: its box in degrees, which may go on beyond ±180, and its size on the screen in device pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    west: float = Field(ge=-540, le=540)
    south: float = Field(ge=-90, le=90)
    east: float = Field(ge=-540, le=540)
    north: float = Field(ge=-90, le=90)
    width: int = Field(gt=0, le=LARGEST_SIDE)
    height: int = Field(gt=0, le=LARGEST_SIDE)

    @model_validator(mode="after")
    def _has_an_area(self) -> Window:
        if self.south >= self.north or self.west == self.east:
            raise ValueError("south must be less than north, and west and east must differ")
        return self

    def grid(self) -> Grid:
        """Its pixels."""
        east = self.east + 360 if self.east < self.west else self.east
        across, down = (east - self.west) / self.width, (self.north - self.south) / self.height
        return Grid(self.width, self.height, Affine(across, 0, self.west, 0, -down, self.north), CRS.from_epsg(4326))


@dataclass(frozen=True)
class Scale:
    """The values that are 0 and 254 in a picture; linear between, clipped beyond. ``low`` may be the larger."""

    low: float
    high: float

    def levels(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Values (n,) as 0 … 254; 255 for what is no number."""
        factor = MOST / (self.high - self.low) if self.high != self.low else 0.0
        placed = (values - np.float32(self.low)) * np.float32(factor) + np.float32(0.5)
        known = np.isfinite(placed)
        return np.where(known, np.clip(np.where(known, placed, 0), 0, MOST), NODATA).astype(np.uint8)


def levels_by_rank(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values (n,) as 254 (the smallest) … 0 (the largest) by rank; 255 for what is no number. Ties are alike."""
    known = np.isfinite(values)
    ordered = np.sort(values[known] if not known.all() else values)
    if len(ordered) == 0:
        return np.full(len(values), NODATA, np.uint8)
    # the value at which each further level begins; half of the values lie beyond level 127
    edges = ordered[np.minimum((np.arange(1, MOST + 1) / (MOST + 1) * len(ordered)).astype(np.int64), len(ordered) - 1)]
    levels = (MOST - np.searchsorted(edges, values, "left")).clip(0, MOST)
    return np.where(known, levels, NODATA).astype(np.uint8)


def grid_of(boxes: NDArray[np.int32], most_side: int) -> Grid:
    """A grid over boxes (n, 4) whose cells are half as large as they mostly are, or larger where a side of it would
    have more than ``most_side`` cells. Over the antimeridian it goes round the Earth, as maps of it do."""
    west, south, east, north = (boxes[:, side].astype(np.int64) for side in range(4))
    over = bool((west > east).any())
    left, right = (-180.0, 180.0) if over else (west.min() * UNIT, east.max() * UNIT)
    bottom, top = south.min() * UNIT, north.max() * UNIT
    step = max(1, len(boxes) // SAMPLE)
    across = np.median((east - west)[::step] % round(360 / UNIT)) * UNIT / PER_PATCH
    down = np.median((north - south)[::step]) * UNIT / PER_PATCH
    across, down = max(across, (right - left) / most_side, UNIT), max(down, (top - bottom) / most_side, UNIT)
    width, height = math.ceil((right - left) / across - 1e-6), math.ceil((top - bottom) / down - 1e-6)
    return Grid(max(1, width), max(1, height), Affine(across, 0, left, 0, -down, top), CRS.from_epsg(4326))


def painted(
    boxes: NDArray[np.int32], levels: NDArray[np.uint8], grid: Grid, top: int, height: int
) -> NDArray[np.uint8]:
    """Rows ``top`` … ``top + height`` of a picture, (height, width): of boxes that hold a cell's centre the largest
    level. A box too small to hold any is drawn in the cell that holds its own centre."""
    picture = np.full((height, grid.width), NODATA, np.uint8)
    t = grid.transform
    paint(boxes, levels, t.c / UNIT, t.f / UNIT, t.a / UNIT, -t.e / UNIT, top, picture)
    return picture


@numba.njit(nogil=True, cache=True)
def paint(
    boxes: NDArray[np.int32], levels: NDArray[np.uint8], west: float, north: float, across: float, down: float,
    top: int, picture: NDArray[np.uint8],
) -> None:
    """Paint into rows from ``top`` on of a grid with its corner at west, north; lengths in the boxes' unit."""
    height, width = picture.shape
    around = 3.6e9
    for number in range(len(boxes)):
        level = levels[number]
        if level == 255:
            continue
        lowest, highest = np.float64(boxes[number, 1]), np.float64(boxes[number, 3])
        first_row = int(np.ceil((north - highest) / down - 0.5)) - top
        last_row = int(np.ceil((north - lowest) / down - 0.5)) - top
        if last_row <= first_row:
            first_row = int(np.floor((north - (lowest + highest) / 2) / down)) - top
            last_row = first_row + 1
        first_row, last_row = max(first_row, 0), min(last_row, height)
        if first_row >= last_row:
            continue
        left, right = np.float64(boxes[number, 0]), np.float64(boxes[number, 2])
        if left > right:
            right += around
        for turn in range(-2, 3):
            first = int(np.ceil((left + turn * around - west) / across - 0.5))
            last = int(np.ceil((right + turn * around - west) / across - 0.5))
            if last <= first:
                first = int(np.floor(((left + right) / 2 + turn * around - west) / across))
                last = first + 1
            first, last = max(first, 0), min(last, width)
            for row in range(first_row, last_row):
                for column in range(first, last):
                    if picture[row, column] == 255 or picture[row, column] < level:
                        picture[row, column] = level
