"""Distances between points on the ground, whatever the CRS."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..grids.grid import Grid

_AROUND = list(product((-1, 0, 1), repeat=3))


@dataclass(frozen=True)
class Ground:
    """Where pixels' centres are in space: geocentric x, y, z in m, so that straight lines between near points are
    distances on the ground; the plane of the CRS where it has no place on the Earth. ``unit`` is what they are in."""

    grid: Grid
    crs: Any
    """A pyproj CRS; None for the plane."""

    @staticmethod
    def of(grid: Grid) -> Ground:
        """Of a grid's pixels."""
        from pyproj import CRS

        crs = None if grid.crs is None else CRS.from_wkt(grid.crs.to_wkt())
        on_earth = crs is not None and (crs.is_geographic or crs.is_projected) and crs.ellipsoid is not None
        return Ground(grid, crs if on_earth else None)

    @property
    def unit(self) -> str:
        """m, or the units of the CRS."""
        return "units of the raster" if self.crs is None else "m"

    def places(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Positions (n, 3) of pixels' centres."""
        return self._places(rows.astype(np.float64) + 0.5, columns.astype(np.float64) + 0.5)

    def pixel_size(self, row: float, column: float) -> tuple[float, float]:
        """Height and width of a pixel on the ground."""
        three = self._places(np.array([row, row + 1, row], np.float64),
                             np.array([column, column, column + 1], np.float64))
        down, across = (float(np.linalg.norm(three[other] - three[0])) for other in (1, 2))
        return down, across

    def _places(self, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        from pyproj import Transformer

        t = self.grid.transform
        x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
        if self.crs is None:
            return np.column_stack([x, y, np.zeros_like(x)])
        geodetic = self.crs.geodetic_crs
        unit = geodetic.axis_info[0].unit_conversion_factor
        longitude, latitude = np.stack(
            Transformer.from_crs(self.crs, geodetic, always_xy=True).transform(x, y)) * unit
        major, minor = self.crs.ellipsoid.semi_major_metre, self.crs.ellipsoid.semi_minor_metre
        normal = major**2 / np.sqrt((major * np.cos(latitude)) ** 2 + (minor * np.sin(latitude)) ** 2)
        ring = normal * np.cos(latitude)
        return np.column_stack([ring * np.cos(longitude), ring * np.sin(longitude),
                                (minor / major) ** 2 * normal * np.sin(latitude)])


class Spacing:
    """Points that keep a distance: cells of that side say at once who is near."""

    def __init__(self, distance: float) -> None:
        self._distance = distance
        self._cells: defaultdict[tuple[int, ...], list[NDArray[np.float64]]] = defaultdict(list)

    def take(self, place: NDArray[np.float64]) -> bool:
        """Take a point (3,) in, unless one is nearer than the distance; whether it was taken."""
        if self._distance <= 0:
            return True
        a, b, c = (int(part) for part in np.floor(place / self._distance))
        for i, j, k in _AROUND:
            for other in self._cells.get((a + i, b + j, c + k), ()):
                if float(((place - other) ** 2).sum()) < self._distance**2 * (1 - 1e-12):
                    return False
        self._cells[a, b, c].append(place)
        return True
