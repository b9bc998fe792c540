"""The files of a run: what their bands are, and writing finished pixels to them in whole blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..grids.grid import Grid
from ..grids.pixel_area import PixelArea
from ..grids.writer import BLOCK, Layout, RasterWriter
from .decision import NO_CLASS, NO_SCORE


@dataclass(frozen=True)
class ClassName:
    """A class of a head: its number in the map, its name, and its colour "#rrggbb"."""

    value: int
    name: str
    colour: str


class Target(Protocol):
    """What takes finished pixels."""

    def put(self, pixels: NDArray[Any], top: int, left: int) -> None:
        """Take pixels (bands, height, width) whose corner is at ``top`` and ``left``; panel after panel, each from top
        to bottom."""


class BlockWriter:
    """A raster that takes rows of any number and writes whole blocks."""

    def __init__(self, writer: RasterWriter) -> None:
        self._writer = writer
        self._rest: NDArray[Any] | None = None
        self._top = 0

    def put(self, pixels: NDArray[Any], top: int, left: int) -> None:
        """Take pixels (bands, height, width); their columns are a panel's, which begins and ends with blocks."""
        if self._rest is not None:
            pixels, top = np.concatenate([self._rest, pixels], axis=1), self._top
        ends = top + pixels.shape[1] == self._writer.grid.height
        ready = pixels.shape[1] if ends else pixels.shape[1] // BLOCK * BLOCK
        for row in range(0, ready, BLOCK):
            self._writer.write_part(pixels[:, row : min(row + BLOCK, ready)], top + row, left)
        self._rest = None if ready == pixels.shape[1] else pixels[:, ready:].copy()
        self._top = top + ready


class ScratchTarget:
    """Classes that are to be smoothed before they are written."""

    def __init__(self, classes: NDArray[np.uint8]) -> None:
        self._classes = classes

    def put(self, pixels: NDArray[Any], top: int, left: int) -> None:
        """Keep pixels (1, height, width)."""
        self._classes[top : top + pixels.shape[1], left : left + pixels.shape[2]] = pixels[0]


class Tally:
    """Pixels and areas by class number."""

    def __init__(self, grid: Grid) -> None:
        self.pixels = np.zeros(256, np.int64)
        self.areas = np.zeros(256)
        self._sizes = PixelArea.of(grid)

    @property
    def on_earth(self) -> bool:
        """Whether areas are m²."""
        return self._sizes is not None

    def clear(self) -> None:
        """Begin anew."""
        self.pixels[:], self.areas[:] = 0, 0

    def add(self, classes: NDArray[np.uint8], top: int, left: int) -> None:
        """Count classes (height, width). The area of a pixel is that in the middle of a block: it hardly changes
        within."""
        for row in range(0, classes.shape[0], BLOCK):
            for column in range(0, classes.shape[1], BLOCK):
                part = classes[row : row + BLOCK, column : column + BLOCK]
                counts = np.bincount(part.ravel(), minlength=256)
                self.pixels += counts
                if self._sizes is not None:
                    middle = Window(left + column + part.shape[1] // 2, top + row + part.shape[0] // 2, 1, 1)
                    self.areas += counts * float(np.nan_to_num(self._sizes.of_window(middle)[0, 0]))


def class_layout(classes: Sequence[ClassName], title: str, more: Mapping[str, str]) -> Layout:
    """The band of a class map: the card's numbers, 255 for no class."""
    colours = {one.value: rgba(one.colour) for one in classes}
    return Layout(1, "uint8", NO_CLASS, [title], {**more, **_class_tags(classes)}, averaged=False,
                  colors={**colours, NO_CLASS: (0, 0, 0, 0)})


def score_layout(classes: Sequence[ClassName], more: Mapping[str, str]) -> Layout:
    """A band of scores for each class: 0 … 254 for 0 … 1."""
    names = [one.name.replace(",", ";") for one in classes]
    return Layout(len(names), "uint8", NO_SCORE, [f"score of {name}" for name in names],
                  {**more, **_class_tags(classes), "SCORE_OF": ", ".join(names)})


def confidence_layout(more: Mapping[str, str]) -> Layout:
    """The band of the margin between the best class and the next: 0 … 254 for 0 … 1."""
    return Layout(1, "uint8", NO_SCORE, ["confidence: margin of the best class"], {**more, "CONFIDENCE": "margin"})


def number_layout(names: Sequence[str], more: Mapping[str, str]) -> Layout:
    """Bands of a regressor's numbers."""
    return Layout(len(names), "float32", float("nan"), list(names), dict(more))


def rgba(colour: str) -> tuple[int, int, int, int]:
    """"#rrggbb" as numbers, opaque."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16), 255


def _class_tags(classes: Sequence[ClassName]) -> dict[str, str]:
    return {f"CLASS_{one.value}": one.name for one in classes}
