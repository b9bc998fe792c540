"""The operation mappoints: places of one class of a map, where the model was sure, that may become labels.

They are drawn where the map is easy, so they may train and never judge: a sample of designsample is for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.windows import Window

from ..errors import InputError
from ..grids.area import MAX_WKT, AreaOfInterest, area_from_wkt
from ..grids.class_map import ClassMap
from ..grids.grid import Grid
from ..grids.reader import RasterReader, open_raster
from ..operations import Request, Result
from ..progress import Progress
from .spacing import Ground, Spacing

MOST = 5_000
BLOCK = 1024
SPARE = 40
"""Pixels kept for each point that is wanted: of those too near to others the next is taken."""
TOP = 254
"""The confidence 1 in rasters of bytes."""
MAX_REGIONS = 200_000


class PointsRequest(Request):
    """``map`` and the number ``value`` of a class in it. ``how``: ``random`` pixels, where ``confidence`` (a raster on
    the map's grid, bytes 0…254 or numbers 0…1; None: not asked) is at least ``threshold``, or one point inside each of
    the largest ``regions`` of ``polygons`` (a file that “Make polygons” wrote, in the map's CRS). ``margin``: pixels to
    the next other class. ``min_distance`` in m on the ground. ``aoi``: polygons as WKT in the map's CRS ("": none)."""

    map: Path
    value: int
    how: Literal["random", "regions"] = "random"
    confidence: Path | None = None
    threshold: float = Field(0.9, ge=0, le=1)
    polygons: Path | None = None
    count: int = Field(50, ge=1, le=MOST)
    margin: int = Field(1, ge=0, le=16)
    min_distance: float = Field(0, ge=0, allow_inf_nan=False)
    aoi: str = Field("", max_length=MAX_WKT)
    seed: int = Field(0, ge=0, lt=2**31)


class MapPoint(Result):
    """``x``, ``y`` in the map's CRS; ``confidence`` 0…1, None where it is not known."""

    x: float
    y: float
    confidence: float | None


class PointsResult(Result):
    """``points``, at most as many as were asked for; ``candidates``: pixels or regions they were taken from; ``margin``
    that was kept (0 where the class is too thin for the one asked for)."""

    points: list[MapPoint]
    candidates: int
    margin: int
    class_name: str


def map_points(request: PointsRequest, progress: Progress) -> PointsResult:
    """Find places of a class. The same seed gives the same places.

    Raises InputError if a file cannot be used, the grids differ, or there is no such place.
    """
    classes = ClassMap.open(request.map)
    area = area_from_wkt(request.aoi) if request.aoi else None
    name = classes.name(request.value)
    spacing, surest = Spacing(request.min_distance), -1.0
    if request.how == "regions":
        found, candidates = _in_regions(request, classes, area, spacing)
        margin = 0
    else:
        sure = None if request.confidence is None else Confidence.open(request.confidence, classes.grid)
        margin = request.margin
        drawn = _draw(request, classes, sure, area, margin, progress)
        if drawn.candidates == 0 and margin > 0:
            margin = 0
            drawn = _draw(request, classes, sure, area, margin, progress)
        surest = drawn.surest
        found, candidates = drawn.spaced(classes.grid, spacing, request.count), drawn.candidates
    if not found:
        raise InputError(_none_found(request, name, surest))
    return PointsResult(points=found, candidates=candidates, margin=margin, class_name=name)


class Confidence:
    """A raster of confidence on a map's grid, as numbers 0…1 (nodata: -1)."""

    def __init__(self, reader: RasterReader, top: float, nodata: float | None) -> None:
        self._reader, self._top, self._nodata = reader, top, nodata

    @staticmethod
    def open(path: Path, grid: Grid) -> Confidence:
        """Open it. Raises InputError if it lies on another grid."""
        with open_raster(path) as dataset:
            own, kind, nodata = Grid.of(dataset), dataset.dtypes[0], dataset.nodatavals[0]
        if not own.same_as(grid):
            raise InputError(f"{path.name} lies on another grid than the class map. Take the confidence that was "
                             "written with it.")
        return Confidence(RasterReader(path), TOP if kind == "uint8" else 1.0, nodata)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Of a window, (height, width)."""
        values = self._reader.read(window)[0]
        made: NDArray[np.float32] = values.astype(np.float32) / self._top
        unknown = ~np.isfinite(made)
        if self._nodata is not None and not np.isnan(self._nodata):
            unknown |= values == self._nodata
        made[unknown] = -1
        return made


class Drawn:
    """The pixels with the smallest random keys of all that were offered, whatever the blocks they came in."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.candidates = 0
        self.surest = -1.0
        """The highest confidence of a pixel of the class, also of those that were not sure enough."""
        self._kept = np.empty((0, 4))

    def offer(self, keys: NDArray[np.float64], places: NDArray[np.float64]) -> None:
        """``keys`` (n,); ``places`` (n, 3): row, column, confidence."""
        self.candidates += len(keys)
        joined = np.concatenate([self._kept, np.column_stack([keys, places])])
        if len(joined) > self._most:
            joined = joined[np.argpartition(joined[:, 0], self._most)[: self._most]]
        self._kept = joined

    def spaced(self, grid: Grid, spacing: Spacing, count: int) -> list[MapPoint]:
        """Up to ``count`` of them, none nearer to another than its spacing."""
        ordered = self._kept[np.argsort(self._kept[:, 0], kind="stable")]
        rows, columns = ordered[:, 1].astype(np.int64), ordered[:, 2].astype(np.int64)
        places = Ground.of(grid).places(rows, columns) if len(rows) else np.empty((0, 3))
        found: list[MapPoint] = []
        for row, column, sure, place in zip(rows, columns, ordered[:, 3], places, strict=True):
            if len(found) == count:
                break
            if spacing.take(place):
                x, y = grid.transform @ (column + 0.5, row + 0.5)
                found.append(MapPoint(x=float(x), y=float(y), confidence=None if sure < 0 else round(float(sure), 4)))
        return found


def _draw(
    request: PointsRequest, classes: ClassMap, sure: Confidence | None, area: AreaOfInterest | None, margin: int,
    progress: Progress,
) -> Drawn:
    drawn = Drawn(SPARE * request.count)
    windows = list(_windows(classes.grid))
    for number, window in enumerate(windows, 1):
        wanted = _of_class(classes, request.value, window, margin)
        if area is not None and wanted.any():
            wanted &= area.mask(classes.grid, window)
        confidence = np.full(wanted.shape, -1, np.float32)
        if sure is not None and wanted.any():
            confidence = sure.read(window)
            drawn.surest = max(drawn.surest, float(confidence[wanted].max()))
            wanted &= confidence >= request.threshold
        rows, columns = np.nonzero(wanted)
        keys = np.random.default_rng((request.seed, int(window.row_off), int(window.col_off))).random(len(rows))
        drawn.offer(keys, np.column_stack(
            [rows + window.row_off, columns + window.col_off, confidence[rows, columns]]).astype(np.float64))
        progress.report(number / len(windows), "Looking for places")
    return drawn


def _windows(grid: Grid) -> Iterator[Window]:
    for row in range(0, grid.height, BLOCK):
        for column in range(0, grid.width, BLOCK):
            yield Window(column, row, min(BLOCK, grid.width - column), min(BLOCK, grid.height - row))


def _of_class(classes: ClassMap, value: int, window: Window, margin: int) -> NDArray[np.bool_]:
    """Which pixels of a window are of a class, ``margin`` pixels away from all others and from the map's edge."""
    if margin == 0:
        of_class: NDArray[np.bool_] = classes.read(window) == value
        return of_class
    from scipy.ndimage import binary_erosion

    grid, row, column = classes.grid, int(window.row_off), int(window.col_off)
    top, left = max(0, row - margin), max(0, column - margin)
    bottom = min(grid.height, row + int(window.height) + margin)
    right = min(grid.width, column + int(window.width) + margin)
    grown = classes.read(Window(left, top, right - left, bottom - top)) == value
    inner = binary_erosion(grown, np.ones((3, 3), bool), iterations=margin)
    inside: NDArray[np.bool_] = inner[
        row - top : row - top + int(window.height), column - left : column - left + int(window.width)]
    return inside


def _in_regions(
    request: PointsRequest, classes: ClassMap, area: AreaOfInterest | None, spacing: Spacing
) -> tuple[list[MapPoint], int]:
    """A point inside each of the largest polygons."""
    import pyogrio
    import shapely

    if request.polygons is None:
        raise InputError("Points in regions need the regions: polygons of the class.")
    try:
        about = pyogrio.read_info(request.polygons)
        if about["features"] > MAX_REGIONS:
            raise InputError(f"{request.polygons.name} has {about['features']:,} polygons; {MAX_REGIONS:,} are "
                             "possible. Choose a larger minimum area.")
        _, _, geometry, _ = pyogrio.raw.read(request.polygons, columns=[])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(f"{request.polygons} cannot be read as polygons.", str(error)) from error
    shapes = shapely.from_wkb(geometry)
    shapes = shapes[shapely.area(shapes) > 0]
    places = shapely.point_on_surface(shapes[np.argsort(-shapely.area(shapes), kind="stable")])
    x, y = shapely.get_x(places), shapely.get_y(places)
    if area is not None:
        inside = area.contains(x, y)
        x, y = x[inside], y[inside]
    ground = Ground.of(classes.grid).places(*classes.grid.pixels(x, y)) if len(x) else np.empty((0, 3))
    found = [MapPoint(x=float(one), y=float(other), confidence=None)
             for one, other, place in zip(x, y, ground, strict=True) if spacing.take(place)]
    return found[: request.count], len(x)


def _none_found(request: PointsRequest, name: str, surest: float) -> str:
    where = " in the area" if request.aoi else ""
    if request.how == "regions":
        return f"The map has no region of {name}{where}."
    if surest >= 0:
        return (f"Nowhere{where} is the model so sure of {name} (confidence {request.threshold:g}); the surest pixel "
                f"has {surest:.2f}. Choose a lower confidence, or another class.")
    return f"The map has no pixel of {name}{where}."
