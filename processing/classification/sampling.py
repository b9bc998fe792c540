"""From labels to training rows: the pixels each label covers, and their codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window

from ..errors import LabelError
from ..executors import cores, in_order, open_executor
from ..grids.grid import Grid
from ..grids.writer import BLOCK
from ..progress import Progress
from .labels import Labels

CODE_NODATA = -128
POLYGON_PIXELS = 2_000
"""Pixels taken of one polygon, at most."""
ALL_PIXELS = 100_000
"""Pixels taken of all polygons together, at most."""
ENUMERATED = 1 << 22
"""Polygons whose bounding box has more pixels are sampled by drawing pixels from it, not by rasterising it."""
DRAWS, BATCH = 64, 1 << 16


class CodeSource(Protocol):
    """What is sampled: embedding tiles."""

    @property
    def grid(self) -> Grid:
        """Where the pixels are."""

    @property
    def count(self) -> int:
        """Codes a pixel."""

    def read(self, window: Window) -> NDArray[np.int8]:
        """Codes of a window (count, height, width)."""


@dataclass(frozen=True)
class Sample:
    """Training rows: ``codes`` (rows, count) int8, ``classes`` and ``features`` (label feature) (rows,) int64, pixel
    centres ``x``, ``y`` (rows,) in CRS units, and what was left out, in words."""

    codes: NDArray[np.int8]
    classes: NDArray[np.int64]
    features: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    warnings: list[str]

    def take(self, which: NDArray[Any]) -> Sample:
        """Some of the rows (indices or a mask)."""
        return Sample(self.codes[which], self.classes[which], self.features[which], self.x[which], self.y[which],
                      self.warnings)


@dataclass(frozen=True)
class Pixels:
    """Rows and columns of pixels and the label feature each belongs to, all (pixels,) int64."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    features: NDArray[np.int64]

    def take(self, which: NDArray[Any]) -> Pixels:
        """Some of the pixels (indices or a mask)."""
        return Pixels(self.rows[which], self.columns[which], self.features[which])


KnownCodes = dict[int, NDArray[np.int8]]
"""Codes (count,) of pixels that were read before, by row · width + column."""


def sample_labels(
    tiles: CodeSource, labels: Labels, seed: int, threads: int, progress: Progress, known: KnownCodes | None = None
) -> Sample:
    """Codes under the labels, each pixel once.

    A point takes the pixel it lies in; a polygon the pixels whose centres it holds, at most 2,000 (and all polygons
    together at most 100,000) drawn at random with ``seed``, or, where it is too small for any, the pixel in its middle.
    Pixels that labels of different classes claim train nothing. What is in ``known`` is not read again, and what is
    read is added to it. Raises LabelError if nothing is left.
    """
    warnings = list(labels.warnings)
    pixels = pixels_of(tiles.grid, labels.geometries, np.random.default_rng(seed), warnings, progress)
    pixels = _each_once(pixels, labels, tiles.grid.width, warnings)
    pixels, codes = with_data(tiles, pixels, threads, progress, {} if known is None else known, warnings)
    x, y = centres(tiles.grid, pixels)
    return Sample(codes, labels.classes[pixels.features], pixels.features, x, y, warnings)


def with_data(
    tiles: CodeSource, pixels: Pixels, threads: int, progress: Progress, known: KnownCodes, warnings: list[str]
) -> tuple[Pixels, NDArray[np.int8]]:
    """The pixels that have data and their codes (pixels, count); ``warnings`` gets how many have none.

    Raises LabelError if none has.
    """
    codes = _read_codes(tiles, pixels, threads, progress, known)
    valid = codes[:, 0] != CODE_NODATA
    lost = int((~valid).sum())
    if lost:
        warnings.append(f"{lost} labelled {'pixel has' if lost == 1 else 'pixels have'} no data in the tiles")
    if not valid.any():
        raise LabelError(f"No label lies on data of the tiles ({tiles.grid.describe()}): {'; '.join(warnings)}.")
    return pixels.take(valid), codes[valid]


def centres(grid: Grid, pixels: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the pixels' centres in CRS units, (pixels,) each."""
    t = grid.transform
    column, row = pixels.columns + 0.5, pixels.rows + 0.5
    return t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f


def pixels_of(
    grid: Grid, geometries: NDArray[Any], random: np.random.Generator, warnings: list[str], progress: Progress
) -> Pixels:
    """The pixels of ``grid`` that points and polygons (features,) cover, as often as they do; ``warnings`` gets what is
    left out. Raises LabelError if all lie outside."""
    import shapely

    kinds = shapely.get_dimensions(geometries)
    points, polygons = np.flatnonzero(kinds == 0), np.flatnonzero(kinds == 2)
    xy, which = shapely.get_coordinates(geometries[points], return_index=True)
    with np.errstate(invalid="ignore"):  # a position that could not be moved is infinite, and outside
        rows, columns = grid.pixels(xy[:, 0], xy[:, 1])
    parts = [Pixels(rows, columns, points[which].astype(np.int64))]
    most = min(POLYGON_PIXELS, max(1, ALL_PIXELS // max(len(polygons), 1)))
    thinned = 0
    for feature in polygons:
        progress.check()
        found, all_taken = _polygon_pixels(grid, geometries[feature], most, random)
        thinned += not all_taken
        parts.append(Pixels(found[0], found[1], np.full(len(found[0]), feature, np.int64)))
    if thinned:
        warnings.append(f"{thinned} {'polygon covers' if thinned == 1 else 'polygons cover'} more than {most} pixels; "
                        f"{most} of each, drawn at random, are used")
    pixels = Pixels(*(np.concatenate(values) for values in zip(
        *((part.rows, part.columns, part.features) for part in parts), strict=True)))
    inside = (pixels.rows >= 0) & (pixels.rows < grid.height) & (pixels.columns >= 0) & (pixels.columns < grid.width)
    reached = np.unique(pixels.features[inside])
    outside = len(geometries) - len(reached)
    if outside:
        warnings.append(f"{outside} {'label lies' if outside == 1 else 'labels lie'} outside the tiles")
    if not inside.any():
        raise LabelError(f"All {outside} labels lie outside the tiles ({grid.describe()}). Are they of another place, "
                         "or is their CRS wrong?")
    return pixels.take(inside)


def _polygon_pixels(
    grid: Grid, polygon: Any, most: int, random: np.random.Generator
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], bool]:
    """Rows and columns of at most ``most`` pixels inside a polygon, and whether these are all."""
    import shapely

    inverse = ~grid.transform
    shape = shapely.transform(polygon, lambda xy: np.column_stack([
        inverse.a * xy[:, 0] + inverse.b * xy[:, 1] + inverse.c,
        inverse.d * xy[:, 0] + inverse.e * xy[:, 1] + inverse.f,
    ]))
    left, top, right, bottom = shapely.bounds(shape)
    left, right = max(0, int(np.floor(left))), min(grid.width, int(np.ceil(right)))
    top, bottom = max(0, int(np.floor(top))), min(grid.height, int(np.ceil(bottom)))
    if left >= right or top >= bottom:
        nothing = np.empty(0, np.int64)
        return (nothing, nothing), True
    width, height = right - left, bottom - top
    if width * height <= ENUMERATED:
        mask = rasterize([(shape, 1)], (height, width), transform=Affine.translation(left, top), dtype="uint8")
        inside = np.flatnonzero(mask)
        complete = len(inside) <= most
        if not complete:
            inside = np.sort(random.choice(inside, most, replace=False))
    else:
        inside, complete = _drawn(shape, left, top, width, height, most, random), False
    if len(inside) == 0:
        middle = shapely.point_on_surface(shape)
        return (np.array([int(np.floor(middle.y))]), np.array([int(np.floor(middle.x))])), True
    return (inside // width + top, inside % width + left), complete


def _drawn(
    shape: Any, left: int, top: int, width: int, height: int, most: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Pixels drawn from the bounding box that the shape holds: uniform, each once; fewer where it fills little."""
    import shapely

    shapely.prepare(shape)
    found = np.empty(0, np.int64)
    for _ in range(DRAWS):
        drawn = random.integers(0, width * height, BATCH)
        held = shapely.contains_xy(shape, drawn % width + left + 0.5, drawn // width + top + 0.5)
        joined = np.concatenate([found, drawn[held]])
        found = joined[np.sort(np.unique(joined, return_index=True)[1])]
        if len(found) >= most:
            break
    return np.sort(found[:most])


def _each_once(pixels: Pixels, labels: Labels, width: int, warnings: list[str]) -> Pixels:
    """Each pixel once, for the first label that claims it; none that different classes claim. By position, so that
    folds, and with them the model, do not depend on the order in which labels were placed."""
    position = pixels.rows * width + pixels.columns
    _, first, group = np.unique(position, return_index=True, return_inverse=True)
    classes = labels.classes[pixels.features]
    low, high = np.full(len(first), len(labels.names)), np.full(len(first), -1)
    np.minimum.at(low, group, classes)
    np.maximum.at(high, group, classes)
    disputed = low != high
    twice = len(position) - len(first)
    if disputed.any():
        count = int(disputed.sum())
        warnings.append(f"{count} {'pixel has' if count == 1 else 'pixels have'} labels of different classes and "
                        f"{'does' if count == 1 else 'do'} not train")
        twice -= int(np.bincount(group)[disputed].sum()) - count
    if twice:
        warnings.append(f"{twice} repeated {'pixel' if twice == 1 else 'pixels'} of the same class counted once")
    return pixels.take(first[~disputed])


def codes_at(tiles: CodeSource, pixels: Pixels, threads: int, progress: Progress) -> NDArray[np.int8]:
    """Codes of the pixels (pixels, count), which lie on the tiles; −128 where there is no data."""
    return _read_codes(tiles, pixels, threads, progress, {})


def _read_codes(
    tiles: CodeSource, pixels: Pixels, threads: int, progress: Progress, known: KnownCodes
) -> NDArray[np.int8]:
    """Codes of the pixels (pixels, count); every block of 512 × 512 that holds one not yet known is read once."""
    positions = (pixels.rows * tiles.grid.width + pixels.columns).tolist()
    unread = np.array([index for index, position in enumerate(positions) if position not in known], np.int64)
    if len(unread):
        codes = _read_blocks(tiles, pixels.take(unread), threads, progress)
        known.update(zip([positions[index] for index in unread], codes, strict=True))
    return np.array([known[position] for position in positions], np.int8).reshape(-1, tiles.count)


def _read_blocks(tiles: CodeSource, pixels: Pixels, threads: int, progress: Progress) -> NDArray[np.int8]:
    codes = np.empty((len(pixels.rows), tiles.count), np.int8)
    blocks = pixels.rows // BLOCK * (-(-tiles.grid.width // BLOCK)) + pixels.columns // BLOCK
    order = np.argsort(blocks, kind="stable")
    starts = np.flatnonzero(np.diff(blocks[order], prepend=-1))
    members = np.split(order, starts[1:])
    if len(members) == 1:  # a click: here, where the file is open already
        return _read_block(tiles, pixels, order)[np.argsort(order)]
    with open_executor(threads) as executor:
        ahead = 2 * (threads or cores())
        gathered: Iterator[NDArray[np.int8]] = in_order(
            executor, partial(_read_block, tiles, pixels), members, ahead)
        for index, (which, values) in enumerate(zip(members, gathered, strict=True)):
            codes[which] = values
            progress.report((index + 1) / len(members))
    return codes


def _read_block(tiles: CodeSource, pixels: Pixels, which: NDArray[np.int64]) -> NDArray[np.int8]:
    top, left = int(pixels.rows[which[0]]) // BLOCK * BLOCK, int(pixels.columns[which[0]]) // BLOCK * BLOCK
    window = Window(left, top, min(BLOCK, tiles.grid.width - left), min(BLOCK, tiles.grid.height - top))
    block = tiles.read(window)
    return block[:, pixels.rows[which] - top, pixels.columns[which] - left].T
