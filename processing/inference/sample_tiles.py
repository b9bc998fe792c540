"""Tiles drawn from rasters and made ready for a model: the real pixels on which models are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from ..errors import InputError
from ..grids.reader import open_raster
from ..progress import Progress
from .channels import ChannelMap, propose
from .model import Model
from .raster_bands import RasterDescription, pixel_metres

LEAST_VALID = 0.1
"""Share of a window that must hold data."""

LEAST_PIXELS = 256
"""Pixels of a tile that must hold data."""

TRIES = 6
"""How many windows are looked at for one tile, where many are empty."""


@dataclass(frozen=True)
class _Place:
    """A window of a raster; ``step`` raster pixels are one of the model's."""

    path: str
    channels: ChannelMap
    window: Window
    step: float


class SampleTiles:
    """Prepared tiles (channels, side, side) with their valid pixels, drawn from all rasters in turn; ``used`` counts
    those of each file. Windows with too little data are passed over, and a raster smaller than a tile gives one."""

    def __init__(
        self, model: Model, rasters: list[str], bands: list[int] | None, tiles: int, side: int, seed: int,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.side, self.wanted, self.progress = side, tiles, progress
        self.used: dict[str, int] = {}
        self.random = np.random.default_rng(seed)
        self.rasters: list[tuple[str, ChannelMap, RasterDescription, float]] = []
        for path in rasters:
            described = RasterDescription.of(path)
            found = propose(model.card, described, model.inputs.channels, bands).require()
            metres = pixel_metres(described.grid)
            step = model.card.resolution / metres if model.card.resolution and metres else 1.0
            self.rasters.append((path, found, described, step))
            for text in found.warnings:
                progress.warn(f"{Path(path).name}: {text}")

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        done = 0
        whole: set[str] = set()
        for turn in range(self.wanted * TRIES):
            path, channels, described, step = self.rasters[turn % len(self.rasters)]
            if done == self.wanted or len(whole) == len(self.rasters):
                return
            if path in whole:
                continue
            grid = described.grid
            size = max(1, round(self.side * step))
            if grid.width <= size and grid.height <= size:
                whole.add(path)
            left = int(self.random.integers(0, max(1, grid.width - size + 1)))
            top = int(self.random.integers(0, max(1, grid.height - size + 1)))
            window = Window(left, top, min(size, grid.width), min(size, grid.height))
            tile, valid = self._read(_Place(path, channels, window, step))
            self.progress.check()
            if valid.sum() >= max(LEAST_PIXELS, LEAST_VALID * min(valid.size, window.width * window.height / step**2)):
                done += 1
                self.used[Path(path).name] = self.used.get(Path(path).name, 0) + 1
                yield tile, valid

    def _read(self, place: _Place) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        high, wide = (min(self.side, max(1, round(size / place.step)))
                      for size in (place.window.height, place.window.width))  # fmt: skip
        how = Resampling.average if place.step > 1 else Resampling.bilinear if place.step < 1 else Resampling.nearest
        bands = list(place.channels.raster_bands)
        with open_raster(place.path) as dataset:
            try:
                pixels = dataset.read(bands, window=place.window, out_shape=(len(bands), high, wide), resampling=how)
            except rasterio.errors.RasterioError as error:
                raise InputError(f"{place.path} cannot be read: it is truncated or damaged.", str(error)) from error
        good = place.channels.valid(pixels)
        tile = np.zeros((len(place.channels.channels), self.side, self.side), np.float32)
        valid = np.zeros((self.side, self.side), np.bool_)
        tile[:, :high, :wide] = place.channels.apply(pixels, good)
        valid[:high, :wide] = good
        return tile, valid
