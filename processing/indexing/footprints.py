"""Footprints of patches in longitude and latitude: polygons as they are, or squares of a size in metres around points.

A footprint that crosses the antimeridian is cut there into a MultiPolygon of two parts, and its box has xmin > xmax
(RFC 7946, as GeoParquet has it too).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..store.areas import is_rectangle, split_area

POINT, POLYGON, MULTIPOLYGON = 0, 3, 6
MAJOR, SQUARED = 6_378_137.0, 0.0066943799901413165
"""WGS 84: semi-major axis in metres, first eccentricity squared."""
SLACK = 1e-6
"""Degrees by which rounding may carry a corner beyond the edge of the world."""


@dataclass(frozen=True)
class Mover:
    """Moves positions from a CRS (anything pyproj reads; "" for OGC:CRS84) to longitude and latitude on WGS 84."""

    crs: Any = ""

    def __call__(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (n, 2) as longitude and latitude; infinite where there is none."""
        if self._transformer is None or len(xy) == 0:
            return xy
        return np.column_stack(self._transformer.transform(xy[:, 0], xy[:, 1]))

    @property
    def moves(self) -> bool:
        """Whether positions change."""
        return self._transformer is not None

    @property
    def projected(self) -> bool:
        """Whether the CRS has coordinates other than degrees."""
        return self.moves and not self._known.is_geographic

    @cached_property
    def _known(self) -> Any:
        from pyproj import CRS
        from pyproj.exceptions import CRSError

        try:
            return CRS.from_user_input(self.crs or "OGC:CRS84")
        except CRSError as error:
            text = f"The CRS {str(self.crs)[:80]} is not one that is understood. Choose another."
            raise InputError(text, str(error)) from error

    @cached_property
    def _transformer(self) -> Any:
        from pyproj import CRS, Transformer

        world = CRS.from_user_input("OGC:CRS84")
        if not self.crs or self._known.equals(world, ignore_axis_order=True):
            return None
        return Transformer.from_crs(self._known, world, always_xy=True)

    def __reduce__(self) -> tuple[type[Mover], tuple[Any]]:
        return Mover, (self.crs,)


def of_shapes(
    shapes: NDArray[Any], mover: Mover, side: float
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]]:
    """Polygons and squares around points → footprints (n,), their boxes (n, 4), and which (n,) are in the world.

    ``shapes`` are shapely geometries in the CRS of ``mover``; ``side`` is of the squares, in metres. Lines, empty and
    missing geometries have no footprint. Raises InputError for points without a side.
    """
    import shapely

    flat = shapely.force_2d(shapes)
    kinds = shapely.get_type_id(flat)
    points = (kinds == POINT) & ~shapely.is_empty(flat)
    areas = np.isin(kinds, (POLYGON, MULTIPOLYGON)) & ~shapely.is_empty(flat)
    found = np.full(len(flat), None, object)
    if points.any():
        found[points] = squares(mover(shapely.get_coordinates(flat[points])), side)
    if areas.any():
        polygons = flat[areas]
        if mover.moves:
            polygons = shapely.set_coordinates(polygons.copy(), mover(shapely.get_coordinates(polygons)))
        found[areas] = polygons
    return _in_the_world(found)


def of_boxes(
    boxes: NDArray[np.float64], mover: Mover
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]]:
    """The same from boxes (n, 4): xmin, ymin, xmax, ymax; one with xmin > xmax crosses the antimeridian."""
    west, south, east, north = np.asarray(boxes, np.float64).T
    if not mover.moves:
        east = np.where(east < west, east + 360, east)
    return of_corners(np.stack([west, east, east, west], axis=1), np.stack([south, south, north, north], axis=1), mover)


def of_corners(
    x: NDArray[np.float64], y: NDArray[np.float64], mover: Mover
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]]:
    """The same from the four corners, in order, of each (n, 4), in the CRS of ``mover``."""
    import shapely

    moved = mover(np.column_stack([x.ravel(), y.ravel()])).reshape(-1, 4, 2)
    usable = np.isfinite(moved).all(axis=(1, 2))
    found = np.full(len(moved), None, object)
    rings = np.concatenate([moved, moved[:, :1]], axis=1)[usable]
    found[usable] = shapely.polygons(rings) if len(rings) else rings[:, 0, 0]
    return _in_the_world(found)


def squares(centres: NDArray[np.float64], side: float) -> NDArray[Any]:
    """Squares of ``side`` metres, on the ellipsoid, around longitudes and latitudes (n, 2); None for what is nowhere.

    Raises InputError without a side.
    """
    import shapely

    if not side > 0:
        raise InputError("The patches have points, not polygons. Say how large a patch is: its side in metres.")
    lon, lat = centres[:, 0], centres[:, 1]
    usable = np.isfinite(centres).all(axis=1) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    sine = np.sin(np.radians(np.where(usable, lat, 0)))
    root = 1 - SQUARED * sine**2
    up = np.degrees(side / 2 / (MAJOR * (1 - SQUARED) / root**1.5))
    circle = MAJOR / np.sqrt(root) * np.sqrt(np.maximum(1 - sine**2, 0))
    across = np.degrees(np.minimum(side / 2 / np.maximum(circle, side / 2 / np.pi), np.pi))
    found = np.full(len(centres), None, object)
    low, high = np.maximum(lat - up, -90), np.minimum(lat + up, 90)
    boxes = shapely.box(lon - across, low, lon + across, high, ccw=True)
    found[usable] = boxes[usable]
    return found


def _in_the_world(found: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]]:
    """Footprints brought into −180 … 180 and cut at the antimeridian, their boxes, and which of them are somewhere."""
    import shapely

    boxes = shapely.bounds(found)
    there = np.isfinite(boxes).all(axis=1)
    there &= (boxes[:, 1] >= -90 - SLACK) & (boxes[:, 3] <= 90 + SLACK) & (np.abs(boxes[:, ::2]) <= 540).all(axis=1)
    width = np.subtract(boxes[:, 2], boxes[:, 0], out=np.zeros(len(boxes)), where=there)
    beyond = there & ((boxes[:, 0] < -180 - SLACK) | (boxes[:, 2] > 180 + SLACK))
    for row in np.flatnonzero(there & ((width > 180) | beyond)):
        found[row] = _cut(found[row], bool(width[row] > 180))
        boxes[row] = _box(found[row]) if found[row] is not None else np.nan
    there &= np.isfinite(boxes).all(axis=1)
    return found, np.clip(boxes, (-180, -90, -180, -90), (180, 90, 180, 90)), there


def _cut(shape: Any, wraps: bool) -> Any:
    """A shape with corners on both sides of the antimeridian, or beyond it, as its parts within the world; None if
    nothing is left of it."""
    import shapely

    if wraps and is_rectangle(shape) and np.abs(shapely.bounds(shape)[::2]).max() <= 180 + SLACK:
        shape = shapely.transform(shape, _unrolled)
    parts = [one for part in split_area(shape) for one in shapely.get_parts(part) if shapely.get_dimensions(one) == 2]
    if len(parts) < 2:
        return parts[0] if parts else None
    return shapely.multipolygons(parts)


def _unrolled(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.where(xy[:, 0] < 0, xy[:, 0] + 360, xy[:, 0]), xy[:, 1]])


def _box(shape: Any) -> tuple[float, float, float, float]:
    """The box of a shape; xmin > xmax where its parts lie on both sides of the antimeridian."""
    import shapely

    parts = shapely.bounds(shapely.get_parts(shape))
    west, south, east, north = parts[:, 0].min(), parts[:, 1].min(), parts[:, 2].max(), parts[:, 3].max()
    if len(parts) > 1 and west <= -180 + SLACK and east >= 180 - SLACK:
        near = parts[:, 2] >= 180 - SLACK
        west, east = parts[near, 0].min(), parts[~near, 2].max() if (~near).any() else east
    return float(west), float(south), float(east), float(north)


def centres(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes (−180 … 180) and latitudes of the middles of boxes (n, 4)."""
    east = np.where(boxes[:, 2] < boxes[:, 0], boxes[:, 2] + 360, boxes[:, 2])
    lon = (boxes[:, 0] + east) / 2
    return np.where(lon > 180, lon - 360, lon), (boxes[:, 1] + boxes[:, 3]) / 2
