"""The part of a grid that is asked for: polygons of interest, an extent, and the window and the pixels they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.warp import transform, transform_bounds
from rasterio.windows import Window

from ..errors import InputError
from .grid import Grid, crs_name

POLYGON, MULTIPOLYGON, COLLECTION = 3, 6, 7
MAX_FEATURES = 200_000
MAX_WKT = 8 * 2**20
WKT = re.compile(r"\s*(MULTI)?POLYGON\s*(ZM?|M)?\s*\([-+.,()\deE\s]*", re.IGNORECASE)
"""Polygons only: a parser may not survive collections nested a million deep."""
SEGMENTS = 4096
"""Edges longer than this part of the layer's extent get further vertices before they are moved to another CRS, where
they are no longer straight."""


@dataclass(frozen=True)
class AreaOfInterest:
    """Polygons in a grid's CRS: one valid shapely Polygon or MultiPolygon. For one thread at a time.

    A pixel is inside if its centre is.
    """

    polygons: Any

    def window(self, grid: Grid) -> Window | None:
        """The whole pixels of ``grid`` that the polygons' bounds touch; None if they touch none."""
        import shapely

        return grid.window(*(float(side) for side in shapely.bounds(self.polygons)))

    def mask(self, grid: Grid, window: Window) -> NDArray[np.bool_]:
        """Which pixels of a window of ``grid`` are inside, (height, width)."""
        parts = self._within(grid.crop(_grown(window)).bounds)
        shape = (int(window.height), int(window.width))
        if len(parts) == 0:
            return np.zeros(shape, np.bool_)
        inside: NDArray[np.uint8] = rasterize(
            ((part, 1) for part in parts), shape, transform=grid.crop(window).transform, dtype="uint8")
        return inside.view(np.bool_)

    def columns(self, grid: Grid, window: Window) -> Window | None:
        """The columns of a window of ``grid`` that the polygons touch there; None if they touch none."""
        import shapely

        parts = self._within(grid.crop(window).bounds)
        touched = grid.window(*(float(side) for side in shapely.total_bounds(parts))) if len(parts) else None
        if touched is None:
            return None
        left = max(touched.col_off, window.col_off)
        right = min(touched.col_off + touched.width, window.col_off + window.width)
        return Window(left, window.row_off, right - left, window.height) if left < right else None

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the points, in CRS units, are inside or on the outline."""
        import shapely

        held: NDArray[np.bool_] = shapely.intersects_xy(self.polygons, x, y)
        return held

    def pixels(self, grid: Grid, window: Window) -> int:
        """About how many pixels of a window of ``grid`` are inside, from the polygons' area: fast at any size."""
        import shapely

        t = grid.crop(window).transform
        width, height = int(window.width), int(window.height)
        frame = shapely.Polygon([t @ corner for corner in ((0, 0), (width, 0), (width, height), (0, height))])
        area = float(shapely.area(shapely.intersection(self._within(frame.bounds), frame)).sum())
        return min(width * height, round(area / abs(float(t.determinant))))

    @cached_property
    def _parts(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        import shapely

        parts = shapely.get_parts(self.polygons)
        return parts, shapely.bounds(parts)

    def _within(self, box: tuple[float, float, float, float]) -> NDArray[Any]:
        """The polygons, cut to a box: of a layer with a million vertices a row band sees few."""
        import shapely

        west, south, east, north = box
        parts, bounds = self._parts
        near = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
        return _polygonal(shapely.clip_by_rect(parts[near], west, south, east, north))


def read_area(path: str | Path, layer: str, crs: CRS | None, area_crs: str = "") -> AreaOfInterest:
    """All polygons of a layer (empty: the first that has any) of a vector file, united, moved to ``crs``.

    ``area_crs`` is for files that name no CRS. Edges are moved as the curves they become; polygons that cross
    themselves are repaired. Raises InputError that says what is wrong with the file or with where it lies.
    """
    import shapely

    path = Path(path)
    polygons, stated = polygons_of(path, layer)
    text = stated or area_crs
    try:
        source = CRS.from_user_input(text) if text else None
    except (RasterioError, ValueError) as error:
        raise InputError(f"The CRS of {path} is not one that is understood: {text[:80]}.", str(error)) from error
    if source is None and crs is not None:
        raise InputError(f"{path} does not say which CRS its polygons are in. Choose it, or save them with one "
                         f"(the raster is in {crs_name(crs)}).")
    if source is not None and crs is None:
        raise InputError(f"The raster has no CRS, so an area of interest in {crs_name(source)} cannot be placed on it.")
    repaired = _polygonal(shapely.make_valid(polygons))
    if source != crs:
        repaired = _polygonal(shapely.make_valid(_moved(repaired, source, crs, path)))
    united = shapely.union_all(repaired)
    if not shapely.area(united) > 0:
        raise InputError(f"The polygons of {path} have no area. Draw the area of interest again.")
    return AreaOfInterest(united)


def area_from_wkt(text: str) -> AreaOfInterest:
    """An area from the WKT of polygons that are in the grid's CRS already. Raises InputError for anything else."""
    import shapely

    if len(text) > MAX_WKT:
        raise InputError(f"The area of interest is described by more than {MAX_WKT >> 20} MiB of text. Simplify it.")
    if not WKT.fullmatch(text):
        raise InputError(f"The area of interest is not the WKT of a polygon: {text[:60]}.")
    try:
        geometry = shapely.force_2d(shapely.from_wkt(text))
        finite = bool(np.isfinite(shapely.get_coordinates(geometry)).all())
        united = shapely.union_all(_polygonal(shapely.make_valid(np.array([geometry])))) if finite else None
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise InputError(f"The area of interest is not the WKT of a polygon: {text[:60]}.", str(error)) from error
    if united is None or not shapely.area(united) > 0:
        raise InputError(f"The area of interest has no polygon with an area: {text[:60]}.")
    return AreaOfInterest(united)


def window_of(
    grid: Grid,
    name: str,
    area: AreaOfInterest | None = None,
    extent: Sequence[float] | None = None,
    extent_crs: str = "",
) -> Window:
    """The whole pixels of ``grid`` within the bounds of an area of interest and an extent; all of it without both.

    ``extent`` is west, south, east, north in ``extent_crs`` ("": the grid's own). Raises InputError, naming the raster
    (``name``), where nothing is left.
    """
    window = Window(0, 0, grid.width, grid.height)
    if extent is not None:
        window = _extent_window(grid, name, extent, extent_crs)
    if area is None:
        return window
    around = area.window(grid)
    if around is None:
        raise InputError(f"The area of interest does not meet {name} ({grid.describe()}). Is it of another place, or "
                         "is its CRS wrong?")
    left, top = max(window.col_off, around.col_off), max(window.row_off, around.row_off)
    right = min(window.col_off + window.width, around.col_off + around.width)
    bottom = min(window.row_off + window.height, around.row_off + around.height)
    if left >= right or top >= bottom:
        raise InputError(f"The area of interest and the extent do not meet on {name}. Leave one of them out.")
    return Window(left, top, right - left, bottom - top)


def _extent_window(grid: Grid, name: str, extent: Sequence[float], extent_crs: str) -> Window:
    west, south, east, north = extent
    try:
        crs = CRS.from_user_input(extent_crs) if extent_crs else grid.crs
        if crs is not None and grid.crs is not None and crs != grid.crs:
            west, south, east, north = transform_bounds(crs, grid.crs, west, south, east, north)
    except (RasterioError, ValueError) as error:
        raise InputError(f"The extent cannot be brought into {crs_name(grid.crs)}.", str(error)) from error
    box = (west, south, east, north)
    window = grid.window(*box) if np.isfinite(box).all() else None
    if window is None:
        raise InputError(f"The extent {', '.join(f'{side:g}' for side in box)} does not touch {name} "
                         f"({grid.describe()}).")
    return window


def polygons_of(path: Path, layer: str) -> tuple[NDArray[Any], str]:
    """Polygons (shapely, flat) of one layer (empty: the first that has any) of a vector file, and the CRS it states
    ("": none). Raises InputError."""
    import pyogrio

    if not path.is_file():
        raise InputError(f"The file of the area of interest {path} does not exist.")
    try:
        layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
        wanted = [name for name, _ in layers if name == layer] if layer else [name for name, kind in layers if kind]
        if layer and not wanted:
            raise InputError(f"{path} has no layer named {layer}; it has {', '.join(name for name, _ in layers)}.")
        for name in wanted:
            count = int(pyogrio.read_info(path, layer=name, force_feature_count=True)["features"])
            if count > MAX_FEATURES:
                raise InputError(f"The layer {name} of {path} has {count:,} features; an area of interest may have "
                                 f"{MAX_FEATURES:,}. Dissolve them first.")
            meta, _, wkb, _ = pyogrio.raw.read(path, layer=name, columns=[], force_2d=True)
            polygons = _parsed(wkb)
            if len(polygons):
                return polygons, meta["crs"] or ""
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an area of interest (GeoPackage, GeoJSON or Shapefile).",
                         str(error)) from error
    raise InputError(f"{path} has no polygons. Draw or choose an area of interest that has some.")


def _parsed(wkb: NDArray[Any] | None) -> NDArray[Any]:
    import shapely

    if wkb is None or len(wkb) == 0:
        return np.empty(0, object)
    geometries = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    polygons = _polygonal(geometries)
    finite: NDArray[Any] = polygons[np.isfinite(shapely.bounds(polygons)).all(axis=1)]
    return finite


def _polygonal(geometries: NDArray[Any]) -> NDArray[Any]:
    """The polygons among geometries and in their collections."""
    import shapely

    kinds = shapely.get_type_id(geometries)
    inner = shapely.get_parts(geometries[kinds == COLLECTION])
    while len(inner) and (shapely.get_type_id(inner) == COLLECTION).any():
        inner = shapely.get_parts(inner)
    found = np.concatenate([geometries[np.isin(kinds, (POLYGON, MULTIPOLYGON))], inner])
    polygons = np.isin(shapely.get_type_id(found), (POLYGON, MULTIPOLYGON)) & ~shapely.is_empty(found)
    kept: NDArray[Any] = found[polygons]
    return kept


def _moved(polygons: NDArray[Any], source: CRS | None, target: CRS | None, path: Path) -> NDArray[Any]:
    """Polygons from one CRS to another, with vertices added where edges become curves."""
    import shapely

    if len(polygons) == 0:
        return polygons
    west, south, east, north = shapely.total_bounds(polygons)
    size = float(np.hypot(east - west, north - south))
    dense = shapely.segmentize(polygons, max(size / SEGMENTS, 1e-9))
    xy = shapely.get_coordinates(dense)
    try:
        moved = np.column_stack(transform(source, target, xy[:, 0], xy[:, 1]))
        back = np.column_stack(transform(target, source, moved[:, 0], moved[:, 1]))
        detail = ""
    except RasterioError as error:
        moved, back, detail = xy, np.full_like(xy, np.inf), str(error)
    # far from where a projection is meant for, PROJ gives finite positions that do not lead back
    astray = back - xy
    if source is not None and source.is_geographic:
        astray[:, 0] = (astray[:, 0] + 180) % 360 - 180
    if not (np.isfinite(moved).all() and np.abs(astray).max() <= max(1e-6 * size, 1e-6)):
        raise InputError(f"The area of interest in {path} reaches places that have no position in {crs_name(target)}. "
                         "Cut it to the surroundings of the raster.", detail)
    placed: NDArray[Any] = shapely.set_coordinates(dense, moved)
    return placed


def _grown(window: Window) -> Window:
    """A pixel more on each side: cutting there leaves the pixels inside as they are."""
    return Window(window.col_off - 1, window.row_off - 1, window.width + 2, window.height + 2)
