"""What a class map holds: pixels and areas of its classes, counted block by block, and its classes at points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from ..grids.class_map import MAX_CLASSES, ClassMap
from ..grids.grid import Grid
from ..grids.pixel_area import PixelArea
from ..progress import Progress

ROWS, COLUMNS = 512, 2048
SPAN = 1 << 16


@dataclass(frozen=True)
class ClassAreas:
    """``pixels`` and ``areas`` of each class that a map holds, by its number; m², or pixels where ``on_ground`` is
    false: without a CRS nothing is known of the ground. ``unknown``: the area of nodata."""

    pixels: dict[int, int]
    areas: dict[int, float]
    unknown: float
    on_ground: bool

    @property
    def total(self) -> float:
        """The area of all classes."""
        return sum(self.areas.values())


def blocks(grid: Grid) -> Iterator[Window]:
    """Windows that cover a grid, row band by row band."""
    for top in range(0, grid.height, ROWS):
        for left in range(0, grid.width, COLUMNS):
            yield Window(left, top, min(COLUMNS, grid.width - left), min(ROWS, grid.height - top))


def pixel_areas(area: PixelArea | None, window: Window) -> NDArray[np.float64]:
    """The area of each pixel of a window (height, width), in m²; 1 where nothing is known of the ground."""
    if area is None:
        return np.ones((int(window.height), int(window.width)))
    return np.nan_to_num(area.of_window(window))


def class_areas(classes: ClassMap, progress: Progress) -> ClassAreas:
    """Count a map. Raises InputError if it holds more classes than a map has."""
    on_ground = PixelArea.of(classes.grid)
    pixels: dict[int, int] = {}
    areas: dict[int, float] = {}
    windows = list(blocks(classes.grid))
    for done, window in enumerate(windows):
        progress.report(done / len(windows))
        for value, count, area in _counted(classes.read(window), pixel_areas(on_ground, window)):
            pixels[value] = pixels.get(value, 0) + count
            areas[value] = areas.get(value, 0.0) + area
        if len(pixels) > MAX_CLASSES + 1:
            raise InputError(f"{classes.path} has more than {MAX_CLASSES} different numbers: it is not a map of "
                             "classes. Choose the class map.")
    unknown = 0.0
    if classes.nodata is not None:
        pixels.pop(classes.nodata, None)
        unknown = areas.pop(classes.nodata, 0.0)
    if not pixels:
        raise InputError(f"{classes.path} is nodata everywhere: there is nothing to assess.")
    return ClassAreas(dict(sorted(pixels.items())), dict(sorted(areas.items())), unknown, on_ground is not None)


def classes_at(
    classes: ClassMap, x: NDArray[np.float64], y: NDArray[np.float64], progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Of points in the map's CRS: its numbers there (0 where there are none), which points are inside the raster, and
    which have a class; each (points,)."""
    row, column = classes.grid.pixels(x, y)
    inside = (row >= 0) & (row < classes.grid.height) & (column >= 0) & (column < classes.grid.width)
    values, known = np.zeros(len(x), np.int64), np.zeros(len(x), bool)
    places = np.flatnonzero(inside)
    block = row[places] // ROWS * (classes.grid.width // COLUMNS + 1) + column[places] // COLUMNS
    order = places[np.argsort(block, kind="stable")]
    starts = np.flatnonzero(np.diff(np.sort(block))) + 1
    for members in np.split(order, starts):
        if len(members) == 0:
            continue
        progress.check()
        top, left = int(row[members].min()), int(column[members].min())
        window = Window(left, top, int(column[members].max()) - left + 1, int(row[members].max()) - top + 1)
        found = classes.read(window)[row[members] - top, column[members] - left]
        values[members], known[members] = found, classes.known(found)
    return np.where(known, values, 0), inside, known


def _counted(values: NDArray[np.generic], areas: NDArray[np.float64]) -> Iterator[tuple[int, int, float]]:
    """Each number of a window, its pixels and its area."""
    low, high = int(values.min()), int(values.max())
    if high - low < SPAN:
        shifted = (values.astype(np.int64) - low).ravel()
        counts, sums = np.bincount(shifted), np.bincount(shifted, areas.ravel())
        for offset in np.flatnonzero(counts):
            yield low + int(offset), int(counts[offset]), float(sums[offset])
        return
    found, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse.ravel(), areas.ravel())
    yield from zip(found.tolist(), counts.tolist(), sums.tolist(), strict=True)
