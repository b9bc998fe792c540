"""Where is searched: polygons, rectangles and an extent in any CRS, as polygons of longitude and latitude.

What crosses the antimeridian or holds a pole is brought into parts within ±180° and ±90° (``store.areas``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform

from ..errors import InputError
from ..grids.area import SEGMENTS, WKT, polygons_of
from ..grids.grid import crs_name
from ..store.areas import split_area

CRS84 = CRS.from_epsg(4326)
"""Longitude, latitude: rasterio keeps that order whatever the authority says."""
MAX_TEXT = 16 * 2**20


def areas_from_wkt(texts: Sequence[str]) -> list[Any] | None:
    """shapely polygons of WKT in longitude and latitude; longitudes beyond ±180 go on round the Earth. None of none.

    Raises InputError for anything else than polygons with an area.
    """
    import shapely

    if not texts:
        return None
    if sum(len(text) for text in texts) > MAX_TEXT:
        raise InputError(f"The areas are described by more than {MAX_TEXT >> 20} MiB of text. Simplify them.")
    for text in texts:
        if not WKT.fullmatch(text):
            raise InputError(f"An area is not the WKT of a polygon: {text[:60]}.")
    try:
        read = [shapely.from_wkt(text) for text in texts]
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise InputError("An area is not the WKT of a polygon.", str(error)) from error
    return _whole(read, "The areas have")


def area_of_extent(extent: Sequence[float], crs: str) -> list[Any]:
    """The polygons of west, south, east, north in ``crs`` ("": longitude and latitude). In degrees west may be the
    larger: then it goes over the antimeridian. Raises InputError."""
    import shapely

    west, south, east, north = extent
    source = _crs(crs, "the extent") if crs else CRS84
    if source.is_geographic and west > east:
        east += 360
    if not np.isfinite(extent).all() or not (west < east and south < north):
        raise InputError(f"The extent {', '.join(f'{side:g}' for side in extent)} is empty. Draw it again.")
    box = np.array([shapely.box(west, south, east, north)])
    return _whole(_placed(box, source, "the extent"), "The extent has")


def read_areas(path: str | Path, layer: str, area_crs: str) -> list[Any]:
    """The polygons of a layer (empty: the first that has any) of a vector file. ``area_crs`` is for files that name no
    CRS; without both it is longitude and latitude. Raises InputError."""
    import shapely

    polygons, stated = polygons_of(Path(path), layer)
    source = _crs(stated or area_crs, str(path)) if stated or area_crs else CRS84
    valid = [part for polygon in shapely.make_valid(polygons) for part in _polygons(polygon)]
    return _whole(_placed(np.array(valid, object), source, str(path)), f"The polygons of {path} have")


def meet(first: list[Any] | None, second: list[Any] | None) -> list[Any] | None:
    """What lies in both; None is everywhere. Raises InputError where nothing does."""
    import shapely

    if first is None or second is None:
        return second if first is None else first
    both = _polygons(shapely.intersection(shapely.union_all(first), shapely.union_all(second)))
    if not both:
        raise InputError("The area of interest and the extent do not meet. Leave one of them out.")
    return both


def _crs(text: str, of: str) -> CRS:
    try:
        return CRS.from_user_input(text)
    except (RasterioError, ValueError) as error:
        raise InputError(f"The CRS of {of} is not one that is understood: {text[:80]}.", str(error)) from error


def _placed(polygons: NDArray[Any], source: CRS, of: str) -> NDArray[Any]:
    """Polygons moved to longitude and latitude, with vertices added where edges become curves."""
    import shapely

    if source == CRS84 or len(polygons) == 0:
        return polygons
    west, south, east, north = shapely.total_bounds(polygons)
    size = float(np.hypot(east - west, north - south))
    dense = shapely.segmentize(polygons, max(size / SEGMENTS, 1e-9))
    xy = shapely.get_coordinates(dense)
    try:
        lon, lat = (np.asarray(part, np.float64) for part in transform(source, CRS84, xy[:, 0], xy[:, 1]))
        astray, detail = np.column_stack(transform(CRS84, source, lon, lat)) - xy, ""
    except RasterioError as error:
        astray, detail, lon, lat = np.full_like(xy, np.inf), str(error), xy[:, 0], xy[:, 1]
    if source.is_geographic:
        lon = lon + 360 * np.round((xy[:, 0] - lon) / 360)
        astray[:, 0] = (astray[:, 0] + 180) % 360 - 180
    # far from where a projection is meant for, PROJ gives finite positions that do not lead back
    if not (np.isfinite(astray).all() and np.abs(astray).max() <= max(1e-6 * size, 1e-6)):
        raise InputError(f"The area in {of} reaches places that have no position on Earth in {crs_name(source)}. "
                         "Cut it to what is meant.", detail)
    moved: NDArray[Any] = shapely.set_coordinates(dense, np.column_stack([lon, lat]))
    return moved


def _whole(geometries: Iterable[Any], what: str) -> list[Any]:
    """Geometries as parts within ±180° and ±90°, united: polygons that have an area. Raises InputError if none has."""
    import shapely

    parts = [shapely.make_valid(part) for geometry in geometries for part in split_area(geometry)]
    united = _polygons(shapely.union_all(np.array(parts, object))) if parts else []
    if not united:
        raise InputError(f"{what} no area on Earth. Draw the area of interest again.")
    return united


def _polygons(geometry: Any) -> list[Any]:
    """The polygons with an area in a geometry and its collections."""
    import shapely

    parts = shapely.get_parts(geometry)
    while len(parts) and (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    return [part for part in parts if shapely.get_type_id(part) == 3 and shapely.area(part) > 0]
