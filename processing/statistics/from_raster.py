"""A map against a raster of the truth: every pixel counts, so there is no sampling error and no interval."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import GridMismatch, InputError
from ..grids.area import AreaOfInterest, window_of
from ..grids.class_map import MAX_CLASSES, ClassMap
from ..grids.features import listed
from ..grids.grid import crs_name
from ..grids.pixel_area import PixelArea
from ..grids.reader import RasterReader
from ..progress import Progress
from .class_areas import blocks, pixel_areas
from .correspondence import legend, reference_labels

TABLE = 1 << 20
"""Numbers of both rasters that span no more than this are counted in a table; others are sorted."""

Pairs = dict[tuple[int, int], tuple[int, float]]


@dataclass(frozen=True)
class RasterAssessment:
    """``counts`` (mapped, reference): pixels with data in both rasters, and ``areas`` likewise, in m², or pixels where
    ``on_ground`` is false; ``left_out``: pixels without data in one of them."""

    names: list[str]
    counts: NDArray[np.int64]
    areas: NDArray[np.float64]
    left_out: int
    on_ground: bool
    warnings: list[str]

    @property
    def overall(self) -> float:
        """The share of pixels that agree."""
        return float(np.trace(self.counts) / self.counts.sum())

    def measures(self, index: int) -> dict[str, float | None]:
        """Precision, recall, F1 and intersection over union of a class; None where no pixel supports it."""
        hits, mapped, true = self.counts[index, index], self.counts[index].sum(), self.counts[:, index].sum()
        pairs = {"precision": (hits, mapped), "recall": (hits, true), "f1": (2 * hits, mapped + true),
                 "iou": (hits, mapped + true - hits)}
        return {name: float(part / whole) if whole else None for name, (part, whole) in pairs.items()}

    @property
    def mean_iou(self) -> float:
        """The mean of the classes that occur in either raster."""
        found = [self.measures(index)["iou"] for index in range(len(self.names))]
        return float(np.mean([value for value in found if value is not None]))


def assess_by_raster(
    classes: ClassMap, reference: ClassMap, area: AreaOfInterest | None, progress: Progress
) -> RasterAssessment:
    """Compare every pixel. Raises InputError or GridMismatch that says what does not fit."""
    warnings: list[str] = []
    with ExitStack() as files:
        reader = reference.reader
        if not reference.grid.same_as(classes.grid):
            reader = files.enter_context(_warped(classes, reference, warnings))
        pairs, left_out = _count(classes, reference, reader, area, progress)
    if not pairs:
        where = "no pixel of the area of interest" if area else "no pixel"
        raise InputError(f"{where[0].upper()}{where[1:]} has data in both {classes.path} and {reference.path}. Are "
                         "they of the same place?")
    labels = reference_labels(reference, sorted({true for _, true in pairs}), classes)
    found = legend(classes, sorted({mapped for mapped, _ in pairs}), sorted(set(labels.values())), str(reference.path))
    if found.only_reference:
        warnings.append(f"No class of the map is {listed(found.only_reference)}: of the reference's classes, these "
                        "count as classes that the map does not have.")
    names = found.names
    counts, areas = np.zeros((len(names), len(names)), np.int64), np.zeros((len(names), len(names)))
    for (mapped, true), (pixels, held) in pairs.items():
        place = found.of_map[mapped], found.of_reference[labels[true]]
        counts[place] += pixels
        areas[place] += held
    return RasterAssessment(names, counts, areas, left_out, PixelArea.of(classes.grid) is not None, warnings)


def _warped(classes: ClassMap, reference: ClassMap, warnings: list[str]) -> RasterReader:
    """The reference on the map's grid."""
    if (reference.grid.crs is None) != (classes.grid.crs is None):
        raise GridMismatch(f"{classes.path} is in {crs_name(classes.grid.crs)} and {reference.path} in "
                           f"{crs_name(reference.grid.crs)}: they cannot be laid on each other. Assign one.")
    if reference.grid.crs is None:
        raise GridMismatch(f"{classes.path} ({classes.grid.describe()}) and {reference.path} "
                           f"({reference.grid.describe()}) are on different grids, without a CRS to bring one onto the "
                           "other. Resample the reference.")
    warnings.append(f"The reference is on another grid ({reference.grid.describe()}) and was brought onto the map's, "
                    "nearest neighbour: along edges, up to half a pixel of disagreement is of this.")
    return RasterReader(reference.path, classes.grid)


def _count(
    classes: ClassMap, reference: ClassMap, reader: RasterReader, area: AreaOfInterest | None, progress: Progress
) -> tuple[Pairs, int]:
    """Pixels and area of each pair of numbers (map, reference), and how many pixels lack one of them."""
    on_ground = PixelArea.of(classes.grid)
    limits = window_of(classes.grid, str(classes.path), area)
    windows = [Window(limits.col_off + part.col_off, limits.row_off + part.row_off, part.width, part.height)
               for part in blocks(classes.grid.crop(limits))]
    pairs: Pairs = {}
    left_out = 0
    for done, window in enumerate(windows):
        progress.report(done / len(windows))
        mapped, true = classes.read(window), reader.read(window)[0]
        asked = area.mask(classes.grid, window) if area is not None else np.ones(mapped.shape, bool)
        known = asked & classes.known(mapped) & reference.known(true)
        reached = reader.inside(window)
        if reached is not None:
            known &= reached
        left_out += int(asked.sum() - known.sum())
        for pair, pixels, held in _paired(mapped[known], true[known], pixel_areas(on_ground, window)[known]):
            before = pairs.get(pair, (0, 0.0))
            pairs[pair] = before[0] + pixels, before[1] + held
        if any(len({pair[side] for pair in pairs}) > MAX_CLASSES for side in (0, 1)):
            raise InputError(f"{classes.path} or {reference.path} has more than {MAX_CLASSES} different numbers: one "
                             "of them is not a map of classes.")
    return pairs, left_out


def _paired(
    mapped: NDArray[np.generic], true: NDArray[np.generic], areas: NDArray[np.float64]
) -> Iterator[tuple[tuple[int, int], int, float]]:
    """Each pair of numbers, its pixels and its area."""
    if len(mapped) == 0:
        return
    low, least = int(mapped.min()), int(true.min())
    width = int(true.max()) - least + 1
    codes = (mapped.astype(np.int64) - low) * width + (true.astype(np.int64) - least)
    if (int(mapped.max()) - low + 1) * width <= TABLE:
        counts, sums = np.bincount(codes), np.bincount(codes, areas)
        found = np.flatnonzero(counts)
        counts, sums = counts[found], sums[found]
    else:
        found, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
        sums = np.bincount(inverse, areas)
    for code, pixels, held in zip(found.tolist(), counts.tolist(), sums.tolist(), strict=True):
        yield (low + code // width, least + code % width), pixels, held
