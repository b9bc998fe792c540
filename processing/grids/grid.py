"""Grid: the shape, affine transform and CRS that make an array a map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

TOLERANCE = 0.01
"""Grids closer than this fraction of a pixel are one grid: tools round transforms differently."""


@dataclass(frozen=True)
class Grid:
    """A raster's pixels on the ground. Rows may go up or down; ``crs`` is None where the file names none."""

    width: int
    height: int
    transform: Affine
    crs: CRS | None

    @staticmethod
    def of(dataset: DatasetReader) -> Grid:
        """The grid of an open rasterio dataset."""
        return Grid(dataset.width, dataset.height, dataset.transform, dataset.crs)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Width and height of a pixel in CRS units, both positive."""
        t = self.transform
        return math.hypot(t.a, t.d), math.hypot(t.b, t.e)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in CRS units, whichever way the rows go."""
        corners = [self.transform @ corner for corner in self._corners()]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)

    def same_as(self, other: Grid) -> bool:
        """Whether the pixels of both coincide and the CRS is the same."""
        if (self.width, self.height) != (other.width, other.height) or self.crs != other.crs:
            return False
        inverse = ~self.transform
        return all(
            abs(a - b) < TOLERANCE
            for corner in self._corners()
            for a, b in zip(inverse @ (other.transform @ corner), corner, strict=True)
        )

    def crop(self, window: Window) -> Grid:
        """The grid of a window of this one."""
        moved = self.transform @ Affine.translation(window.col_off, window.row_off)
        return Grid(int(window.width), int(window.height), moved, self.crs)

    def window(self, west: float, south: float, east: float, north: float) -> Window | None:
        """The whole pixels that a box in this CRS touches, clipped to the grid; None if it touches none."""
        inverse = ~self.transform
        columns, rows = zip(
            *(inverse @ corner for corner in ((west, south), (west, north), (east, south), (east, north))), strict=True
        )
        left, right = max(0, math.floor(min(columns) + 1e-6)), min(self.width, math.ceil(max(columns) - 1e-6))
        top, bottom = max(0, math.floor(min(rows) + 1e-6)), min(self.height, math.ceil(max(rows) - 1e-6))
        return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None

    def pixels(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the pixels that hold the points; outside the grid they are negative or too large."""
        inverse = ~self.transform
        column = inverse.a * x + inverse.b * y + inverse.c
        row = inverse.d * x + inverse.e * y + inverse.f
        return np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)

    def describe(self) -> str:
        """One line for people: size, pixel size, CRS and corner."""
        width, height = self.pixel_size
        size = f"{width:g}" if math.isclose(width, height, rel_tol=1e-6) else f"{width:g} × {height:g}"
        west, south, _, _ = self.bounds
        direction = " bottom-up" if self.transform.e > 0 else ""
        return (
            f"{self.width} × {self.height} pixels of {size} units{direction}, "
            f"south-west corner {west:.10g} {south:.10g}, {crs_name(self.crs)}"
        )

    def _corners(self) -> list[tuple[float, float]]:
        return [(0, 0), (self.width, 0), (0, self.height), (self.width, self.height)]


def crs_name(crs: CRS | None) -> str:
    """A short name: the authority's code where there is one, else the CRS's own name."""
    if crs is None:
        return "no CRS"
    authority = crs.to_authority()
    if authority:
        return ":".join(authority)
    wkt: str = crs.to_wkt()
    return wkt.split('"')[1] if '"' in wkt else wkt[:60]
