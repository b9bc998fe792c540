"""What is said of each polygon: its class, period, pixels, area, perimeter, and the mean score in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ..grids.grid import Grid
from ..progress import Progress
from .changes import Target
from .labelling import FIRST
from .regions import Regions
from .selection import TOP, Entry, years_in

HECTARE = 10_000
CHANGED = "changed"
"""The class of polygons that are of any change."""
STEP_EDGES = 1 << 18
Column = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""Values, and which of them are missing (None: none)."""
Perimeter = Callable[[NDArray[Any], Progress], NDArray[np.float64]]


def area_field(on_earth: bool) -> str:
    """The name of the field of the mapped area, whose unit is hectares, or square units of the grid."""
    return "mapped_ha" if on_earth else "mapped_area"


def columns(
    numbers: NDArray[np.int32], perimeter: NDArray[np.float64], regions: Regions, targets: Sequence[Target],
    legend: Sequence[Entry], periods: Sequence[str], on_earth: bool, scored: bool,
) -> dict[str, Column]:
    """The fields of the polygons of some regions, by name. Areas are those of the pixels: simplification moves the
    outline, not what was mapped."""
    kind = regions.target[numbers] - FIRST
    entries = [None if one.entry is None else legend[one.entry] for one in targets]
    names = np.array([CHANGED if one is None else one.name for one in entries], object)
    values = [None if one is None else one.value for one in entries]
    found: dict[str, Column] = {"class": (names[kind], None), "value": _whole(values, kind)}
    of_map = [periods[one.map] for one in targets]
    if len(periods) > 1:
        years = [years_in(text) for text in of_map]
        found["first_period"] = (np.array(of_map, object)[kind], None)
        found["first_year"] = _whole([int(some[-1]) if some else None for some in years], kind)
    elif periods[0]:
        found["period"] = (np.array(of_map, object)[kind], None)
    found["pixels"] = (regions.pixels[numbers], None)
    found[area_field(on_earth)] = (regions.area[numbers] / (HECTARE if on_earth else 1), None)
    found["perimeter_m" if on_earth else "perimeter"] = (perimeter, None)
    if scored:
        found["mean_score"] = (regions.score[numbers] / TOP, None)
    return found


def _whole(values: Sequence[int | None], kind: NDArray[Any]) -> Column:
    """Whole numbers of which some may be missing."""
    numbers = np.array([0 if value is None else value for value in values], np.int64)[kind]
    return numbers, np.array([value is None for value in values])[kind]


def perimeters_of(grid: Grid, on_earth: bool) -> Perimeter:
    """What measures the outlines of polygons, holes included: metres along geodesics of the ellipsoid between their
    corners, else units of the grid."""
    if not on_earth:
        return lambda polygons, progress: np.asarray(shapely.length(polygons), np.float64)
    from pyproj import CRS, Transformer

    assert grid.crs is not None
    crs = CRS.from_wkt(grid.crs.to_wkt())
    geographic, ellipsoid = crs.geodetic_crs, crs.get_geod()
    assert geographic is not None and ellipsoid is not None
    to_geographic = Transformer.from_crs(crs, geographic, always_xy=True)
    unit = np.degrees(geographic.axis_info[0].unit_conversion_factor)

    def measured(polygons: NDArray[Any], progress: Progress) -> NDArray[np.float64]:
        parts, of_polygon = shapely.get_parts(polygons, return_index=True)
        rings, of_part = shapely.get_rings(parts, return_index=True)
        xy, of_ring = shapely.get_coordinates(rings, return_index=True)
        edges = np.flatnonzero(of_ring[1:] == of_ring[:-1])
        owner = of_polygon[of_part[of_ring[edges]]]
        lengths = np.zeros(len(edges))
        for begin in range(0, len(edges), STEP_EDGES):
            progress.check()
            some = edges[begin : begin + STEP_EDGES]
            low, high = some[0], some[-1] + 2
            place = np.stack(to_geographic.transform(xy[low:high, 0], xy[low:high, 1])) * unit
            one, other = place[:, some - low], place[:, some - low + 1]
            placed = np.isfinite(one).all(axis=0) & np.isfinite(other).all(axis=0)
            one, other = one[:, placed], other[:, placed]
            lengths[begin : begin + STEP_EDGES][placed] = ellipsoid.inv(*one, *other)[2]
        return np.bincount(owner, lengths, len(polygons)).astype(np.float64)

    return measured
