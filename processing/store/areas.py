"""Areas of interest and footprints on the globe: cut at the antimeridian, clamped at the poles, tested for meeting.

Everything is in degrees, OGC:CRS84, planar. A footprint's bounds are xmin, ymin, xmax, ymax; xmin > xmax says that it
crosses the antimeridian, as in GeoParquet. So does a footprint wider than half the globe, whose corners were just
listed (west of the pole's circle, 80°, where it is taken for one around the pole).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ..errors import InputError

Bounds = NDArray[np.float64]
HALF = 180.0
POLAR = 80.0
MOST_VERTICES = 5_000_000


def split_area(geometry: Any) -> list[Any]:
    """A geometry as parts with longitudes in [−180, 180] and latitudes in [−90, 90]; empty if nothing is left.

    Longitudes beyond ±180 go on over the antimeridian. An edge longer than 180° goes the short way round, over it,
    except in rectangles, which are as they are drawn; a ring that so winds around a pole holds it. What lies beyond a
    pole is cut off. Raises InputError if a coordinate is not a finite number or more than two turns away.
    """
    if geometry is None or shapely.is_empty(geometry):
        return []
    coordinates = shapely.get_coordinates(geometry)
    if not np.isfinite(coordinates).all() or np.abs(coordinates[:, 0]).max() > 900:
        raise InputError("An area has a coordinate that is not a longitude and latitude in degrees (OGC:CRS84).")
    if len(coordinates) > MOST_VERTICES:
        raise InputError(f"An area has {len(coordinates):,} vertices; up to {MOST_VERTICES:,} can be searched with.")
    plane = shapely.force_2d(geometry)
    if not is_rectangle(plane):
        plane = _unrolled(plane)
    if not shapely.is_valid(plane):
        plane = shapely.make_valid(plane)
    west, _, east, _ = shapely.bounds(plane)
    parts = []
    for turn in range(int(np.ceil((west - HALF) / 360)), int(np.floor((east + HALF) / 360)) + 1):
        inside = shapely.intersection(plane, shapely.box(360 * turn - HALF, -90, 360 * turn + HALF, 90))
        if not shapely.is_empty(inside):
            parts.append(shapely.transform(inside, lambda points, by=360.0 * turn: points - [by, 0.0]))
    if len(parts) > 1:  # without the seams that only touch it
        solid = [part for part in parts if shapely.get_dimensions(part) == shapely.get_dimensions(plane)]
        parts = solid or parts
    return parts


def rectangle(west: float, south: float, east: float, north: float) -> list[Any]:
    """A rectangle's parts; west > east, or beyond ±180, goes over the antimeridian. Raises InputError."""
    sides = (west, south, east, north)
    if not np.isfinite(sides).all() or south > north:
        raise InputError(f"{sides} is not a rectangle of west, south, east, north in degrees.")
    if west > east:
        east += 360.0
    if east - west >= 360.0:
        west, east = -HALF, HALF
    return split_area(shapely.box(west, south, east, north))


def is_rectangle(geometry: Any) -> bool:
    """Whether it is a polygon of four corners with sides along meridians and parallels."""
    if shapely.get_type_id(geometry) != 3 or shapely.get_num_interior_rings(geometry):
        return False
    points = shapely.get_coordinates(geometry)
    return len(points) == 5 and bool(shapely.equals(geometry, shapely.box(*shapely.bounds(geometry))))


def placed(bounds: Bounds) -> NDArray[np.bool_]:
    """Which bounds (n, 4) are all finite numbers."""
    finite: NDArray[np.bool_] = np.isfinite(bounds.sum(axis=1))
    return finite


def in_degrees(bounds: Bounds) -> NDArray[np.bool_]:
    """Which bounds (n, 4) can be longitudes and latitudes: in one turn, and not beyond the poles."""
    west, south, east, north = np.abs(bounds.T)
    inside: NDArray[np.bool_] = (west <= 360.0) & (east <= 360.0) & (south <= 90.001) & (north <= 90.001)
    return inside


def footprint_bounds(bounds: Bounds) -> Bounds:
    """Bounds (n, 4) of footprints in one form: in [−180, 180], xmin > xmax where they cross the antimeridian, and
    nowhere else. Longitudes from 0 to 360 are understood."""
    west, south, east, north = bounds.T
    wide = east - west > HALF
    beyond = (np.abs(bounds[:, [0, 2]]) > HALF).any()
    if not (wide.any() or beyond):
        return bounds
    told = bounds.copy()
    if beyond:
        told[west >= HALF, 0] -= 360.0
        told[west < -HALF, 0] += 360.0
        told[east > HALF, 2] -= 360.0
        told[east <= -HALF, 2] += 360.0
    polar = wide & (np.maximum(np.abs(south), np.abs(north)) > POLAR)
    cross = wide & ~polar
    told[cross, 0], told[cross, 2] = east[cross], west[cross]
    told[polar, 0], told[polar, 2] = -HALF, HALF
    return told


def union_bounds(bounds: Bounds) -> tuple[float, float, float, float]:
    """The bounds of many footprints; xmin > xmax if they lie on both sides of the antimeridian and some cross it."""
    bounds = footprint_bounds(bounds)
    west, south, east, north = bounds.T
    cross = west > east
    low, high = float(south.min()), float(north.max())
    if not cross.any():
        return float(west.min()), low, float(east.max()), high
    start = float(np.where(west < 0, west + 360, west).min())
    end = float(np.where(cross | (west < 0), east + 360, east).max())
    if end - start >= HALF:
        return -HALF, low, HALF, high
    return start, low, end - 360.0, high


def union_of_many(bounds: Bounds) -> Bounds:
    """Unions (n, 4) of many footprints each, as their makers gave them, such that nothing is outside: those wider than
    half the globe, whose sides may be corners of a crossing footprint, or beyond ±180 go all the way round."""
    west, _, east, _ = bounds.T
    told = bounds.copy()
    told[(east - west > HALF) | (np.abs(west) > HALF) | (np.abs(east) > HALF), ::2] = -HALF, HALF
    return told


def polygons_of(bounds: Bounds) -> NDArray[Any]:
    """Footprints as boxes; one that crosses the antimeridian is a multipolygon of its two sides."""
    west, south, east, north = bounds.T
    boxes: NDArray[Any] = shapely.box(west, south, east, north)
    for row in np.flatnonzero(west > east):
        sides = [shapely.box(west[row], south[row], HALF, north[row]),
                 shapely.box(-HALF, south[row], east[row], north[row])]
        boxes[row] = shapely.MultiPolygon(sides)
    return boxes


class AreaFilter:
    """Several areas at once: a footprint is inside if it meets any of them; touching is meeting.

    Rectangles are compared with footprints' bounds, other geometries with the footprints themselves. Thread-safe:
    each thread prepares the polygons for itself.
    """

    def __init__(self, areas: Sequence[Any]) -> None:
        parts = [part for area in areas for part in split_area(area)]
        boxes = [part for part in parts if is_rectangle(part)]
        others = [part for part in parts if not is_rectangle(part)]
        self.rectangles: Bounds = np.array([shapely.bounds(box) for box in boxes], np.float64).reshape(-1, 4)
        self._wkb: bytes | None = None
        self._extent: Bounds = np.empty((0, 4))
        if others:
            united = shapely.union_all(np.array(others, dtype=object))
            self._wkb = shapely.to_wkb(united)
            self._extent = np.array([shapely.bounds(united)])
        self._own = threading.local()

    @property
    def empty(self) -> bool:
        """Whether there is no area at all, so that nothing can be inside."""
        return self._wkb is None and not len(self.rectangles)

    @property
    def has_polygons(self) -> bool:
        """Whether footprints themselves are needed, not only their bounds."""
        return self._wkb is not None

    def may_meet(self, bounds: Bounds) -> NDArray[np.bool_]:
        """Which bounds (n, 4) of footprints, shards or row groups meet an area, as boxes."""
        inside = self.meets_rectangle(bounds)
        if self._wkb is not None:
            near = np.flatnonzero(~inside & _meet(bounds, self._extent))
            inside[near] = shapely.intersects(self._polygons(), polygons_of(bounds[near]))
        return inside

    def meets_rectangle(self, bounds: Bounds) -> NDArray[np.bool_]:
        """Which bounds (n, 4) meet one of the rectangles."""
        return _meet(bounds, self.rectangles)

    def surely(self, bounds: Bounds) -> NDArray[np.bool_]:
        """Which bounds (n, 4) a polygon covers, so that whatever has them meets it."""
        inside = np.zeros(len(bounds), np.bool_)
        if self._wkb is not None:
            west, south, east, north = self._extent[0]
            plain = (bounds[:, 0] <= bounds[:, 2]) & (bounds[:, 0] >= west) & (bounds[:, 2] <= east)
            near = np.flatnonzero(plain & (bounds[:, 1] >= south) & (bounds[:, 3] <= north))
            inside[near] = shapely.covers(self._polygons(), polygons_of(bounds[near]))
        return inside

    def meets_polygon(self, footprints: NDArray[Any]) -> NDArray[np.bool_]:
        """Which footprints (n,), shapely geometries, meet the polygons. Those over the antimeridian are cut first."""
        if self._wkb is None:
            return np.zeros(len(footprints), np.bool_)
        bounds = shapely.bounds(footprints)
        odd = np.flatnonzero((bounds[:, 2] - bounds[:, 0] > HALF) | (bounds[:, 2] > HALF) | (bounds[:, 0] < -HALF))
        if len(odd):
            footprints = footprints.copy()
            for row in odd:
                parts = split_area(footprints[row] if not is_rectangle(footprints[row]) else _crossing(bounds[row]))
                footprints[row] = shapely.union_all(np.array(parts, dtype=object)) if parts else None
        found: NDArray[np.bool_] = shapely.intersects(self._polygons(), footprints)
        return found

    def _polygons(self) -> Any:
        held = getattr(self._own, "polygons", None)
        if held is None:
            held = shapely.from_wkb(self._wkb)
            shapely.prepare(held)
            self._own.polygons = held
        return held


def _crossing(bounds: Bounds) -> Any:
    return polygons_of(footprint_bounds(bounds[None]))[0]


def _meet(bounds: Bounds, boxes: Bounds) -> NDArray[np.bool_]:
    """Which bounds, those over the antimeridian included, meet one of the boxes, which do not cross it."""
    inside = np.zeros(len(bounds), np.bool_)
    west, south, east, north = bounds.T
    cross = west > east
    for x0, y0, x1, y1 in boxes:
        across = np.where(cross, (west <= x1) | (east >= x0), (west <= x1) & (east >= x0))
        inside |= across & (south <= y1) & (north >= y0)
    return inside


def _unrolled(geometry: Any) -> Any:
    """With rings that go on over ±180 where they jumped; one that winds around a pole is closed along it."""
    if shapely.get_type_id(geometry) == 7:
        return shapely.GeometryCollection([_unrolled(part) for part in shapely.get_parts(geometry)])
    coordinates = shapely.get_coordinates(geometry)
    if len(coordinates) < 2 or np.abs(np.diff(coordinates[:, 0])).max() <= HALF:
        return geometry
    kind = shapely.get_type_id(geometry)
    parts = [_unrolled_part(part) for part in shapely.get_parts(geometry)]
    if kind in (3, 6):
        return shapely.union_all(np.array(parts, dtype=object))
    return shapely.GeometryCollection(parts) if len(parts) > 1 else parts[0]


def _unrolled_part(part: Any) -> Any:
    kind = shapely.get_type_id(part)
    if kind == 3:
        shell = _ring(shapely.get_coordinates(shapely.get_exterior_ring(part)))
        holes = [_ring(shapely.get_coordinates(ring)) for ring in shapely.get_rings(part)[1:]]
        solid = shapely.make_valid(shapely.Polygon(shell))
        for hole in holes:
            for turn in (-360.0, 0.0, 360.0):
                moved = shapely.make_valid(shapely.Polygon(hole + np.array([turn, 0.0])))
                solid = shapely.difference(solid, moved)
        return solid
    if kind in (1, 2):
        return shapely.LineString(_steps(shapely.get_coordinates(part)))
    return part


def _steps(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line with every step of more than 180° going the short way."""
    step = np.diff(points[:, 0])
    turns = np.cumsum(np.where(np.abs(step) > HALF, -np.sign(step) * 360.0, 0.0))
    return np.column_stack([points[:, 0] + np.concatenate([[0.0], turns]), points[:, 1]])


def _ring(points: NDArray[np.float64]) -> NDArray[np.float64]:
    line = _steps(points)
    if line[0, 0] == line[-1, 0]:
        return line
    pole = 90.0 if line[:, 1].mean() >= 0 else -90.0
    return np.concatenate([line, [[line[-1, 0], pole], [line[0, 0], pole], line[0]]])
