"""Folds for validation: random ones, blocks of ground, and the inner ones that choose C.

Rows of one label feature (the pixels of a polygon) always share a fold, otherwise a polygon would be tested by its own
pixels. Every fold of a validation tests every class and trains on every class; where that is impossible there is no
validation but a sentence that says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .stratified import stratified, stratified_groups

FOLDS, FEWER_FOLDS = 10, 5
INNER_FOLDS = 5
LABELS_TO_CHOOSE_C = 2 * INNER_FOLDS
"""Label features of each class below which C is not chosen: with one a fold its F1 is nearly a coin's (seen on the
sample: of sixteen runs of 8 + 6 clicks the worst map had F1 .09 with a chosen C, .50 with C = 1)."""
ATTEMPTS = 5
"""Seeds that are tried until every fold holds every class."""
SMALLEST_BLOCK = 8
"""Pixels: a smaller automatic block would not be a new place."""


@dataclass(frozen=True)
class Folds:
    """The fold that tests each row (rows,), how many there are, and the block's side in CRS units (None: no blocks)."""

    numbers: NDArray[np.int64]
    count: int
    block_size: float | None = None


@dataclass(frozen=True)
class Rows:
    """What folds are made from: ``classes`` (rows,) 0 … total − 1, ``features`` (rows,) the label feature of each,
    ``names`` of the classes."""

    classes: NDArray[np.int64]
    features: NDArray[np.int64]
    names: tuple[str, ...]


def random_folds(rows: Rows, seed: int) -> Folds | str:
    """Ten stratified folds, five where a class has less than ten label features, or why there are none."""
    for count in (FOLDS, FEWER_FOLDS):
        numbers = split(rows, rows.features, count, seed)
        if numbers is not None:
            return Folds(numbers, count)
    few, name = _rarest(rows, rows.features)
    if few >= FEWER_FOLDS:
        return (f"too few for cross-validation: the labels' polygons cannot be shared out among {FEWER_FOLDS} folds "
                "that each hold every class; draw more and smaller ones")
    return (f"too few for cross-validation: {few} labels of class {name}, at least {FEWER_FOLDS} are needed "
            f"({FOLDS} for ten folds)")


def block_folds(
    rows: Rows, x: NDArray[np.float64], y: NDArray[np.float64], block_size: float, pixel: float, seed: int
) -> Folds | str:
    """Folds of whole square blocks of ``block_size`` CRS units, or why there are none.

    ``x``, ``y`` (rows,) CRS units; a label feature belongs to the block of its mean position. ``block_size`` 0: the
    largest of E/4, E/8, E/16, E/32, E/64 (E is the longer side of the labels' extent; never below eight pixels) with
    which ten folds, or else five, are possible. The two coarse sizes are exhausted before the finer ones are tried,
    as a larger block tests transfer to new places better than more folds do. The choice looks at where labels of
    which class are, never at how well they are predicted.
    """
    from_left, from_bottom = feature_means(rows.features, x), feature_means(rows.features, y)
    extent = max(float(np.ptp(from_left)), float(np.ptp(from_bottom)))
    tries = block_tries(extent, block_size, pixel)
    if not tries:
        return too_close(extent)
    for size, count in tries:
        blocks = blocks_of(from_left, from_bottom, size)
        numbers = split(rows, blocks, count, seed)
        if numbers is not None:
            return Folds(numbers, count, size)
    size = tries[-1][0]
    few, name = _rarest(rows, blocks_of(from_left, from_bottom, size))
    if few < FEWER_FOLDS:
        return (f"too few places for spatial validation: class {name} lies in {few} of the blocks of {size:g} CRS "
                f"units, at least {FEWER_FOLDS} are needed")
    return (f"spatial validation is impossible: blocks of {size:g} CRS units cannot be shared out among {FEWER_FOLDS} "
            "folds that each hold every class")


def block_tries(extent: float, block_size: float, pixel: float) -> list[tuple[float, int]]:
    """Sides of blocks and numbers of folds in the order in which ``block_folds`` tries them; none where the labels lie
    too close together."""
    if block_size > 0:
        return [(block_size, FOLDS), (block_size, FEWER_FOLDS)]
    sizes = [extent / 2**power for power in range(2, 7)]
    sizes = [round(size / pixel) * pixel for size in sizes if size >= SMALLEST_BLOCK * pixel]
    return [(size, count) for part in (sizes[:2], sizes[2:]) for count in (FOLDS, FEWER_FOLDS) for size in part]


def too_close(extent: float) -> str:
    """Why there are no blocks to try."""
    return ("too close together for spatial validation: the labels lie within "
            f"{extent:g} CRS units, less than four blocks of {SMALLEST_BLOCK} pixels")


def inner_folds(classes: NDArray[np.int64], features: NDArray[np.int64], seed: int) -> NDArray[np.int64] | None:
    """Five stratified folds to choose C by; None where a class has less than ten label features."""
    names = tuple(str(value) for value in range(int(classes.max()) + 1))
    if _rarest(Rows(classes, features, names), features)[0] < LABELS_TO_CHOOSE_C:
        return None
    return split(Rows(classes, features, names), features, INNER_FOLDS, seed)


def split(rows: Rows, groups: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64] | None:
    """Stratified folds of whole groups that all hold every class, or None."""
    if _rarest(rows, groups)[0] < count:
        return None
    groups = _by_first_row(groups)
    alone = len(np.unique(groups)) == len(groups)
    total = len(rows.names)
    for attempt in range(seed, seed + ATTEMPTS):
        numbers = stratified(rows.classes, count, attempt) if alone else stratified_groups(
            rows.classes, groups, count, attempt)
        held = np.zeros((count, total), np.int64)
        np.add.at(held, (numbers, rows.classes), 1)
        if held.min() > 0:
            return numbers
    return None


def _by_first_row(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups numbered in the order of their first rows: what they were called before does not matter."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    numbers: NDArray[np.int64] = np.argsort(np.argsort(first))[group]
    return numbers


def _rarest(rows: Rows, groups: NDArray[np.int64]) -> tuple[int, str]:
    """The class in the fewest groups, and their number."""
    counts = [len(np.unique(groups[rows.classes == index])) for index in range(len(rows.names))]
    least = int(np.argmin(counts))
    return counts[least], rows.names[least]


def feature_means(features: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's feature's mean value."""
    _, position = np.unique(features, return_inverse=True)
    means: NDArray[np.float64] = (np.bincount(position, values) / np.bincount(position))[position]
    return means


def blocks_of(x: NDArray[np.float64], y: NDArray[np.float64], size: float) -> NDArray[np.int64]:
    """A number for each row's block of ground; blocks begin at the labels' lower left corner."""
    columns = np.floor((x - x.min()) / size).astype(np.int64)
    rows = np.floor((y - y.min()) / size).astype(np.int64)
    numbers: NDArray[np.int64] = rows * (int(columns.max()) + 1) + columns
    return numbers
