"""Connected regions of a raster of any size, without the small ones, their small holes filled: band after band."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from ..executors import in_order, open_executor
from ..grids.grid import Grid
from ..grids.pixel_area import PixelArea
from ..progress import Progress
from .labelling import (
    FIRST,
    FORBIDDEN,
    NO_REGION,
    REST,
    UNKNOWN,
    combine_holes,
    join_corners,
    join_filled,
    join_hole_rows,
    join_rows,
    label,
    measure,
    measure_holes,
    resolve,
    total,
)
from .selection import NO_SCORE, Part

MOST = 2**31 - 2
Areas = Callable[[Window], NDArray[np.float64]]
Scores = Callable[[Window, NDArray[np.uint8]], NDArray[np.uint8]]
"""Scores of a window (height, width), given FIRST + the target that each pixel belongs to (0: none)."""


@dataclass(frozen=True)
class Rules:
    """Regions of at least ``min_area`` are kept; their holes below ``max_hole`` are filled, unless there is something
    unknown or kept inside. ``eight``: pixels connect through corners too. Areas in m², or in the units of the grid."""

    min_area: float
    max_hole: float
    eight: bool


@dataclass(frozen=True)
class Regions:
    """What was kept. Elements are what the pixels of the raster have (0: nothing), pieces the 4-connected parts of
    regions, regions what becomes a polygon each; all are numbered from 1 on, and their arrays have an entry for 0.

    ``root`` (elements + 1,): the piece of an element, by the number of one of its elements. ``region`` (elements + 1,):
    the region of an element. By region (regions + 1,): ``target``, ``pixels``, ``area``, ``last_row``, ``score`` (the
    mean of its known pixels, 0 … 254; NaN where there are none).
    """

    root: NDArray[np.int32]
    region: NDArray[np.int32]
    target: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    area: NDArray[np.float64]
    last_row: NDArray[np.int32]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target) - 1


def areas_of(grid: Grid) -> tuple[Areas, bool]:
    """Areas of the pixels of a window (height, width), and whether they are in m²: on the ellipsoid, else in square
    units of the grid, where it has no place on the Earth."""
    on_earth = PixelArea.of(grid)
    if on_earth is not None:
        return lambda window: np.nan_to_num(on_earth.of_window(window)), True
    flat = abs(float(grid.transform.determinant))
    return lambda window: np.full((int(window.height), int(window.width)), flat), False


def ahead(part: Part, work: Callable[[Window], Any]) -> Iterator[tuple[int, Window, Any]]:
    """Row bands with what ``work`` makes of each, the next of which is under way while one is dealt with."""
    with open_executor(1) as executor, closing(
            in_order(executor, lambda band: (*band, work(band[1])), part.bands(), 2)) as found:
        yield from found


def find_regions(
    part: Part, ids: NDArray[np.int32], targets: NDArray[np.uint8], bands: Iterable[tuple[int, Window, Any]],
    rules: Rules, areas: Areas, scores: Scores | None, release: Callable[[], None], progress: Progress,
) -> Regions:
    """Find the regions of what ``bands`` yields: first row, window, and for each pixel UNKNOWN, REST or its target.

    ``ids`` and ``targets`` (height, width) are filled on the way: with elements, and with what ``bands`` yields.
    ``release`` is called between bands.
    """
    with progress.stage(0, 0.45, "Finding regions"):
        pieces = _label_bands(part, ids, targets, bands, rules, areas, release, progress)
    with progress.stage(0.45, 0.75, "Filling holes"):
        if rules.max_hole > 0:
            elements = _fill_holes(part, ids, targets, pieces, rules, areas, release, progress)
        else:
            elements = _Elements(pieces.lookup, None, pieces.region)
    with progress.stage(0.75, 1, "Measuring regions"):
        return _measure(part, ids, pieces, elements, areas, scores, release, progress)


class _Growing:
    """An array that grows at its end."""

    def __init__(self, dtype: Any) -> None:
        self._values, self._length = np.zeros(1024, dtype), 1

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> NDArray[Any]:
        return self._values[: self._length]

    def extend(self, values: NDArray[Any]) -> None:
        while self._length + len(values) > len(self._values):
            self._values = np.concatenate([self._values, np.zeros_like(self._values)])
        self._values[self._length : self._length + len(values)] = values
        self._length += len(values)
        if self._length > MOST:
            raise InputError("The map has more regions than can be numbered. Choose a minimum area, or a part of it.")


@dataclass(frozen=True)
class _Pieces:
    """``lookup``: the piece kept for each provisional number; ``region`` and ``target`` by piece and region + 1."""

    lookup: NDArray[np.int32]
    region: NDArray[np.int32]
    target: NDArray[np.uint8]


@dataclass(frozen=True)
class _Elements:
    """Pieces, and after them the holes that are filled. ``lookup``: element by provisional number, where no holes were
    looked for; ``holes``: element by hole, where they were; ``region`` (elements + 1,)."""

    lookup: NDArray[np.int32] | None
    holes: NDArray[np.int32] | None
    region: NDArray[np.int32]


def _label_bands(
    part: Part, ids: NDArray[np.int32], targets: NDArray[np.uint8], bands: Iterable[tuple[int, Window, Any]],
    rules: Rules, areas: Areas, release: Callable[[], None], progress: Progress,
) -> _Pieces:
    """Number the pieces band by band. What lies wholly in a band and is too small gets no number: memory is that of
    what is kept, and of what reaches over a band's edge."""
    code, area = _Growing(np.uint8), _Growing(np.float64)
    piece_parent, region_parent = _Growing(np.int32), _Growing(np.int32)
    above: NDArray[np.int32] | None = None
    above_values: NDArray[np.uint8] | None = None
    for top, window, values in bands:
        height = values.shape[0]
        labels = np.empty(values.shape, np.int32)
        count = label(values, FIRST, False, labels)
        region = np.arange(count + 1, dtype=np.int32)
        if rules.eight:
            join_corners(values, labels, region)
            resolve(region)
        its_code, its_area = np.zeros(count + 1, np.uint8), np.zeros(count + 1)
        measure(values, labels, areas(window), its_code, its_area)
        reaches = np.zeros(count + 1, bool)
        for row, is_edge in ((0, top == 0), (-1, top + height == part.height)):
            if not is_edge:
                reaches[region[labels[row]]] = True
        large = np.bincount(region, its_area, count + 1) >= rules.min_area
        kept = (reaches | large)[region]
        kept[0] = False
        base = len(code)
        numbers = np.where(kept, base + np.cumsum(kept) - 1, 0).astype(np.int32)
        code.extend(its_code[kept])
        area.extend(its_area[kept])
        piece_parent.extend(np.arange(base, len(code), dtype=np.int32))
        region_parent.extend(numbers[region[kept]])
        rows = ids[top : top + height]
        np.take(numbers, labels, out=rows)
        targets[top : top + height] = values
        if above is not None and above_values is not None:
            join_rows(above, above_values, rows[0], values[0], piece_parent.values, region_parent.values, rules.eight)
        above, above_values = rows[-1].copy(), values[-1].copy()
        del rows
        release()
        progress.report((top + height) / part.height)
    return _kept(piece_parent.values, region_parent.values, code.values, area.values, rules.min_area)


def _kept(
    piece_parent: NDArray[np.int32], region_parent: NDArray[np.int32], code: NDArray[np.uint8],
    area: NDArray[np.float64], min_area: float,
) -> _Pieces:
    """The pieces of regions that are large enough, numbered anew."""
    resolve(piece_parent)
    resolve(region_parent)
    kept = (np.bincount(region_parent, area, len(area)) >= min_area)[region_parent]
    kept[0] = False
    first_piece = kept & (piece_parent == np.arange(len(kept)))
    first_region = kept & (region_parent == np.arange(len(kept)))
    piece_number = np.cumsum(first_piece, dtype=np.int32)
    region_number = np.cumsum(first_region, dtype=np.int32)
    lookup = np.where(kept, piece_number[piece_parent], 0).astype(np.int32)
    region = np.concatenate([[0], region_number[region_parent[first_piece]]]).astype(np.int32)
    return _Pieces(lookup, region, np.concatenate([[0], code[first_region]]).astype(np.uint8))


def _fill_holes(
    part: Part, ids: NDArray[np.int32], targets: NDArray[np.uint8], pieces: _Pieces, rules: Rules, areas: Areas,
    release: Callable[[], None], progress: Progress,
) -> _Elements:
    """Replace provisional numbers by pieces, and number the holes that may be filled from −1 down."""
    diagonal = not rules.eight  # what surrounds connects through corners where what is surrounded does not
    area, around, parent = _Growing(np.float64), _Growing(np.int32), _Growing(np.int32)
    above = None
    for top, _, size in ahead(part, areas):
        height = size.shape[0]
        rows, values = ids[top : top + height], targets[top : top + height]
        found = pieces.lookup[rows]
        rest = ((found == 0) & (values != UNKNOWN)).astype(np.uint8)
        labels = np.empty(found.shape, np.int32)
        count = label(rest, REST, diagonal, labels)
        its_area, its_around = np.zeros(count + 1), np.full(count + 1, NO_REGION, np.int32)
        regions = np.where((found == 0) & (values == UNKNOWN), np.int32(FORBIDDEN), pieces.region[found])
        at_top, at_bottom = top == 0, top + height == part.height
        measure_holes(labels, regions, size, diagonal, at_top, at_bottom, its_area, its_around)
        its_around[its_area >= rules.max_hole] = FORBIDDEN
        kept = its_around > 0
        for row, is_edge in ((0, at_top), (-1, at_bottom)):
            if not is_edge:
                kept[labels[row]] = True
        kept[0] = False
        base = len(area)
        numbers = np.where(kept, base + np.cumsum(kept) - 1, 0).astype(np.int32)
        area.extend(its_area[kept])
        around.extend(its_around[kept])
        parent.extend(np.arange(base, len(area), dtype=np.int32))
        found -= numbers[labels]
        if above is not None:
            join_hole_rows(above, found[0], pieces.region, parent.values, around.values, diagonal)
        above = found[-1].copy()
        rows[...] = found
        del rows, values
        release()
        progress.report((top + height) / part.height)
    resolve(parent.values)
    combine_holes(parent.values, area.values, around.values)
    filled = (around.values > 0) & (area.values < rules.max_hole)
    filled[0] = False
    filled = filled[parent.values] & (parent.values > 0)
    first = filled & (parent.values == np.arange(len(filled)))
    count = len(pieces.region) - 1
    if count + int(first.sum()) > MOST:
        raise InputError("The map has more regions and holes than can be numbered. Choose a larger minimum area.")
    element = count + np.cumsum(first, dtype=np.int32)
    holes = np.where(filled, element[parent.values], 0).astype(np.int32)
    return _Elements(None, holes, np.concatenate([pieces.region, around.values[first]]))


def _measure(
    part: Part, ids: NDArray[np.int32], pieces: _Pieces, elements: _Elements, areas: Areas, scores: Scores | None,
    release: Callable[[], None], progress: Progress,
) -> Regions:
    """Replace what the pixels have by elements, and add them up."""
    count, size = len(pieces.region) - 1, len(elements.region)
    pixels, area, last_row = np.zeros(size, np.int64), np.zeros(size), np.zeros(size, np.int32)
    score, scored = np.zeros(size), np.zeros(size, np.int64)
    parent = np.arange(size, dtype=np.int32)
    above = np.zeros(part.width, np.int32)
    none = np.empty((0, 0), np.uint8)
    for top, window, sizes in ahead(part, areas):
        height = sizes.shape[0]
        rows = ids[top : top + height]
        if elements.holes is not None:
            found = np.where(rows < 0, elements.holes[np.maximum(-rows, 0)], rows)
            join_filled(found, above, count, parent)
            above = found[-1].copy()
        else:
            assert elements.lookup is not None
            found = elements.lookup[rows]
        rows[...] = found
        del rows
        said = none
        if scores is not None:
            said = scores(window, pieces.target[elements.region[found]])
        total(found, top, sizes, said, NO_SCORE, pixels, area, last_row, score, scored)
        release()
        progress.report((top + height) / part.height)
    resolve(parent)
    region, regions = elements.region, len(pieces.target)
    sums = [np.bincount(region, weights, regions).astype(np.float64) for weights in (pixels, area, score, scored)]
    last = np.zeros(regions, np.int32)
    np.maximum.at(last, region, last_row)
    with np.errstate(invalid="ignore"):
        mean = sums[2] / np.where(sums[3] > 0, sums[3], np.nan)
    return Regions(parent, region, pieces.target, sums[0].astype(np.int64), sums[1], last, mean)
