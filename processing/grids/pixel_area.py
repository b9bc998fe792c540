"""How large pixels are on the ellipsoid, whatever the projection does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from .grid import Grid

NODES = 257
"""Places along each side of a grid where the area is computed; between them it is interpolated linearly, to better than
a part in a thousand over a hemisphere in Web Mercator, and to nothing that matters over an AlphaEarth tile."""


class PixelArea:
    """Ellipsoidal area of the pixels of a grid, in m². For one thread or several.

    The determinant of longitude and latitude by x and y (central differences), times the product of the ellipsoid's
    radii of curvature there (Snyder 1987): right for any CRS, also one that takes the ellipsoid for a sphere.
    """

    def __init__(self, grid: Grid, nodes: NDArray[np.float64]) -> None:
        self._grid, self._nodes = grid, nodes

    @staticmethod
    def of(grid: Grid) -> PixelArea | None:
        """The areas of a grid's pixels; None without a CRS, or with one that is not on the Earth."""
        from pyproj import CRS

        if grid.crs is None:
            return None
        crs = CRS.from_wkt(grid.crs.to_wkt())
        if not (crs.is_geographic or crs.is_projected) or crs.ellipsoid is None:
            return None
        row, column = np.meshgrid(np.linspace(0, grid.height, NODES), np.linspace(0, grid.width, NODES), indexing="ij")
        return PixelArea(grid, _areas(grid, crs, row, column))

    def of_window(self, window: Window) -> NDArray[np.float64]:
        """Area of each pixel of a window (height, width)."""
        row = (np.arange(int(window.height)) + window.row_off + 0.5) / self._grid.height * (NODES - 1)
        column = (np.arange(int(window.width)) + window.col_off + 0.5) / self._grid.width * (NODES - 1)
        top, left = np.minimum(row.astype(int), NODES - 2), np.minimum(column.astype(int), NODES - 2)
        down, right = (row - top)[:, None], (column - left)[None, :]
        above = self._nodes[top][:, left] * (1 - right) + self._nodes[top][:, left + 1] * right
        below = self._nodes[top + 1][:, left] * (1 - right) + self._nodes[top + 1][:, left + 1] * right
        areas: NDArray[np.float64] = above * (1 - down) + below * down
        return areas


def _areas(grid: Grid, crs: Any, row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """m² of a pixel at places of the grid; NaN where its CRS has no position."""
    from pyproj import Transformer

    unit = crs.geodetic_crs.axis_info[0].unit_conversion_factor
    to_geographic = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def place(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        t = grid.transform
        x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
        found: NDArray[np.float64] = np.stack(to_geographic.transform(x, y)) * unit
        found[:, ~np.isfinite(found).all(axis=0)] = np.nan
        return found

    step = 0.5
    right, left = place(row, column + step), place(row, column - step)
    down, up = place(row + step, column), place(row - step, column)
    across, along = _around(right - left), _around(down - up)
    determinant = np.abs(across[0] * along[1] - across[1] * along[0]) / (2 * step) ** 2
    latitude = np.clip(place(row, column)[1], -np.pi / 2, np.pi / 2)
    major, minor = crs.ellipsoid.semi_major_metre, crs.ellipsoid.semi_minor_metre
    squared = 1 - (minor / major) ** 2
    root = 1 - squared * np.sin(latitude) ** 2
    found: NDArray[np.float64] = determinant * major**2 * (1 - squared) / root**2 * np.cos(latitude)
    return found


def _around(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences of longitude, the short way round."""
    difference[0] = (difference[0] + np.pi) % (2 * np.pi) - np.pi
    return difference
