"""How large pixels are on the ellipsoid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from .ellipsoid import NODES, metric
from .grid import Grid


class PixelArea:
    """Ellipsoidal area of the pixels of a grid, in m². For one thread or several.

    The root of the determinant of the grid's metric. ``PixelArea.of`` gives None for a CRS that is not on the Earth.
    """

    def __init__(self, grid: Grid, nodes: NDArray[np.float64]) -> None:
        self._grid, self._nodes = grid, nodes

    @staticmethod
    def of(grid: Grid) -> PixelArea | None:
        """The areas of a grid's pixels; None without a CRS, or with one that is not on the Earth."""
        form = metric(grid)
        if form is None:
            return None
        return PixelArea(grid, np.sqrt(np.maximum(form[0] * form[2] - form[1] ** 2, 0)))

    def of_window(self, window: Window) -> NDArray[np.float64]:
        """Area of each pixel of a window (height, width); NaN where the CRS has no position."""
        row = (np.arange(int(window.height)) + window.row_off + 0.5) / self._grid.height * (NODES - 1)
        column = (np.arange(int(window.width)) + window.col_off + 0.5) / self._grid.width * (NODES - 1)
        top, left = np.minimum(row.astype(int), NODES - 2), np.minimum(column.astype(int), NODES - 2)
        down, right = (row - top)[:, None], (column - left)[None, :]
        above = self._nodes[top][:, left] * (1 - right) + self._nodes[top][:, left + 1] * right
        below = self._nodes[top + 1][:, left] * (1 - right) + self._nodes[top + 1][:, left + 1] * right
        areas: NDArray[np.float64] = above * (1 - down) + below * down
        return areas
