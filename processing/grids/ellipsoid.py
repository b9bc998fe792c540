"""Lengths and areas on the ellipsoid, whatever a projection does to them: the metric of a grid's pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .grid import Grid

NODES = 257
"""Places along each side of a grid where the metric is computed; between them it is interpolated linearly: areas are
right to a part in a thousand over a hemisphere in Web Mercator, and to nothing that matters over an AlphaEarth tile."""


@lru_cache(maxsize=2)
def metric(grid: Grid) -> NDArray[np.float64] | None:
    """E, F and G of the first fundamental form by column and row, in m², at the nodes, (3, NODES, NODES); NaN where the
    CRS has no position. None without a CRS, or with one that is not on the Earth.

    Longitude and latitude by x and y (central differences) times the ellipsoid's radii of curvature there (Snyder
    1987): right for any CRS, also one that takes the ellipsoid for a sphere.
    """
    from pyproj import CRS, Transformer

    crs = None if grid.crs is None else CRS.from_wkt(grid.crs.to_wkt())
    if crs is None or not (crs.is_geographic or crs.is_projected):
        return None
    geographic, ellipsoid = crs.geodetic_crs, crs.ellipsoid
    if geographic is None or ellipsoid is None:
        return None
    unit = geographic.axis_info[0].unit_conversion_factor
    to_geographic = Transformer.from_crs(crs, geographic, always_xy=True)
    row, column = np.meshgrid(np.linspace(0, grid.height, NODES), np.linspace(0, grid.width, NODES), indexing="ij")

    def place(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
        t = grid.transform
        x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
        found: NDArray[np.float64] = np.stack(to_geographic.transform(x, y)) * unit
        found[:, ~np.isfinite(found).all(axis=0)] = np.nan
        return found

    half = 0.5
    derivatives = []
    for down, right in ((0.0, half), (half, 0.0)):
        step = place(row + down, column + right) - place(row - down, column - right)
        step[0] = (step[0] + np.pi) % (2 * np.pi) - np.pi  # the short way round
        derivatives.append(step)
    latitude = np.clip(place(row, column)[1], -np.pi / 2, np.pi / 2)
    major, minor = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    squared = 1 - (minor / major) ** 2
    root = 1 - squared * np.sin(latitude) ** 2
    scale = np.stack([major / np.sqrt(root) * np.cos(latitude), major * (1 - squared) / root**1.5])
    across, along = (scale * step for step in derivatives)
    form: NDArray[np.float64] = np.stack([
        (one * other).sum(axis=0) for one, other in ((across, across), (across, along), (along, along))])
    form.flags.writeable = False  # the same is given again
    return form
