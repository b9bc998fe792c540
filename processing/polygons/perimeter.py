"""How long outlines are on the ellipsoid, for millions of edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..grids.ellipsoid import metric
from ..grids.grid import Grid
from .ragged import Ragged

Perimeter = Callable[[Ragged], NDArray[np.float64]]


def perimeters_of(grid: Grid, on_earth: bool) -> Perimeter:
    """What measures the outlines of multipolygons that lie on ``grid``, holes included: in m on the ellipsoid, else in
    units of the grid.

    The length of an edge is that of the grid's metric in its middle: edges are short beside the Earth.
    """
    t, inverse = grid.transform, np.array((~grid.transform)[:6], np.float64)
    flat = np.array([t.a**2 + t.d**2, t.a * t.b + t.d * t.e, t.b**2 + t.e**2])[:, None, None] * np.ones((2, 2))
    form = metric(grid) if on_earth else None
    nodes = flat if form is None else np.nan_to_num(form, nan=0.0)

    def measured(polygons: Ragged) -> NDArray[np.float64]:
        found = np.zeros(len(polygons))
        first_ring = polygons.parts[polygons.wholes]
        _lengths(polygons.xy, polygons.rings, first_ring, inverse, grid.width, grid.height, nodes, found)
        return found

    return measured


@njit(nogil=True, cache=True)
def _lengths(
    xy: NDArray[np.float64], rings: NDArray[np.int64], first_ring: NDArray[np.int64], inverse: NDArray[np.float64],
    width: int, height: int, nodes: NDArray[np.float64], found: NDArray[np.float64],
) -> None:
    """Add up the edges of the rings from ``first_ring[i]`` to ``first_ring[i + 1]`` into ``found[i]``; ring j has the
    corners ``rings[j]`` … ``rings[j + 1]`` − 1."""
    last = nodes.shape[1] - 1
    a, b, c, d, e, f = inverse
    for polygon in range(len(found)):
        total = 0.0
        for ring in range(first_ring[polygon], first_ring[polygon + 1]):
            for i in range(rings[ring], rings[ring + 1] - 1):
                one_column = a * xy[i, 0] + b * xy[i, 1] + c
                one_row = d * xy[i, 0] + e * xy[i, 1] + f
                columns = a * xy[i + 1, 0] + b * xy[i + 1, 1] + c - one_column
                rows = d * xy[i + 1, 0] + e * xy[i + 1, 1] + f - one_row
                x = min(max((one_column + columns / 2) / width * last, 0.0), float(last))
                y = min(max((one_row + rows / 2) / height * last, 0.0), float(last))
                left, top = min(int(x), last - 1), min(int(y), last - 1)
                u, v = x - left, y - top
                squared = 0.0
                for k in range(3):
                    above = nodes[k, top, left] * (1 - u) + nodes[k, top, left + 1] * u
                    below = nodes[k, top + 1, left] * (1 - u) + nodes[k, top + 1, left + 1] * u
                    weight = columns * columns if k == 0 else (2 * columns * rows if k == 1 else rows * rows)
                    squared += (above * (1 - v) + below * v) * weight
                total += np.sqrt(max(squared, 0.0))
        found[polygon] = total
