"""What a map window shows of embedding tiles: the overview level that fits its scale, and the codes in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..compression.tiles import Tiles
from ..errors import InputError
from ..grids.grid import Grid

LARGEST_SIDE = 16_384
COARSEST = math.sqrt(2)
"""A level's pixels may be so many screen pixels wide: between half as many and twice as many are read as are seen."""


class View(BaseModel):
    """A map window: its box in the tiles' CRS, and its size on the screen in device pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    west: float
    south: float
    east: float
    north: float
    width: int = Field(gt=0, le=LARGEST_SIDE)
    height: int = Field(gt=0, le=LARGEST_SIDE)

    @model_validator(mode="after")
    def _has_an_area(self) -> Self:
        if not (self.west < self.east and self.south < self.north):
            raise ValueError("west must be less than east, and south less than north")
        return self

    @property
    def pixel(self) -> float:
        """Side of a screen pixel in CRS units; the shorter one where they differ."""
        return min((self.east - self.west) / self.width, (self.north - self.south) / self.height)

    def grid(self, like: Grid) -> Grid:
        """The screen's own pixels as a grid in the CRS of ``like``."""
        across, down = (self.east - self.west) / self.width, (self.north - self.south) / self.height
        return Grid(self.width, self.height, Affine(across, 0, self.west, 0, -down, self.north), like.crs)


@dataclass(frozen=True)
class Seen:
    """Codes (count, height, width) int8 of the pixels of one level (0: native) that a view touches, on ``grid``."""

    level: int
    grid: Grid
    codes: NDArray[np.int8]


class ViewReader:
    """Reads views of one file of tiles; keeps its files open and the last view, which the next click asks for again."""

    def __init__(self, tiles: Tiles, threads: int) -> None:
        self._tiles, self._threads = tiles, threads
        self._levels: dict[int, DatasetReader] = {}
        with rasterio.open(tiles.path) as dataset:
            self.factors = [1, *dataset.overviews(1)]
        self._kept: tuple[tuple[int, int, int, int, int], Seen] | None = None

    def read(self, view: View) -> Seen | None:
        """What the view shows, at the level that fits its scale; None where it shows nothing of the tiles."""
        level = self._level_for(view.pixel)
        dataset = self._open(level)
        factor = self.factors[level]
        grid = Grid(dataset.width, dataset.height, self._tiles.grid.transform @ Affine.scale(factor), dataset.crs)
        window = grid.window(view.west, view.south, view.east, view.north)
        if window is None:
            return None
        key = (level, int(window.col_off), int(window.row_off), int(window.width), int(window.height))
        if self._kept is None or self._kept[0] != key:
            self._kept = None
            self._kept = (key, Seen(level, grid.crop(window), self._codes(dataset, window)))
        return self._kept[1]

    def close(self) -> None:
        """Close the files."""
        for dataset in self._levels.values():
            dataset.close()
        self._levels.clear()
        self._kept = None

    def _level_for(self, pixel: float) -> int:
        largest = pixel / min(self._tiles.grid.pixel_size) * COARSEST
        return max(level for level, factor in enumerate(self.factors) if level == 0 or factor <= largest)

    def _open(self, level: int) -> DatasetReader:
        if level not in self._levels:
            options = {"overview_level": level - 1} if level else {}
            self._levels[level] = rasterio.open(self._tiles.path, num_threads=self._threads, **options)
        return self._levels[level]

    def _codes(self, dataset: DatasetReader, window: Window) -> NDArray[np.int8]:
        try:
            codes: NDArray[np.int8] = dataset.read(window=window)
            return codes
        except rasterio.errors.RasterioError as error:
            raise InputError(
                f"{self._tiles.path} cannot be read: it is truncated or damaged. Build the tiles again.", str(error)
            ) from error
