"""Folds for labels that hold numbers: as those for classes, without classes that each fold would have to hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..classification.folds import (
    FEWER_FOLDS,
    FOLDS,
    INNER_FOLDS,
    LABELS_TO_CHOOSE_C,
    Folds,
    Rows,
    block_tries,
    blocks_of,
    feature_means,
    split,
    too_close,
)

FEWEST_LABELS = 10
"""Below it no figure is given: an R² of nine labels says nothing."""
LABELS_FOR_TEN = 2 * FOLDS
"""Labels from which on there are ten random folds: fewer than two a fold have no spread to explain."""
FEWEST_BLOCKS = 2


def random_number_folds(groups: NDArray[np.int64], seed: int) -> Folds | str:
    """Ten shuffled folds of whole groups of labels, five where there are less than twenty, or why there are none.

    ``groups`` (rows,): rows that must share a fold.
    """
    labels, inverse = _groups(groups)
    if labels < FEWEST_LABELS:
        return _too_few(labels)
    count = FOLDS if labels >= LABELS_FOR_TEN else FEWER_FOLDS
    numbers = split(_alike(labels), np.arange(labels), count, seed)
    assert numbers is not None
    return Folds(numbers[inverse], count)


def block_number_folds(
    groups: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64], block_size: float, pixel: float,
    seed: int,
) -> Folds | str:
    """Folds of whole square blocks with about equally many labels each, or why there are none.

    A group lies in the block of its mean position. Blocks are chosen as in ``folds.block_folds``; where they are too
    few for five folds there are as many folds as blocks, down to two.
    """
    labels, inverse = _groups(groups)
    if labels < FEWEST_LABELS:
        return _too_few(labels)
    first = np.unique(inverse, return_index=True)[1]
    from_left, from_bottom = feature_means(inverse, x)[first], feature_means(inverse, y)[first]
    extent = max(float(np.ptp(from_left)), float(np.ptp(from_bottom)))
    tries = block_tries(extent, block_size, pixel)
    if not tries:
        return too_close(extent)
    sizes = list(dict.fromkeys(size for size, _ in tries))
    tries += [(size, count) for count in range(FEWER_FOLDS - 1, FEWEST_BLOCKS - 1, -1) for size in sizes]
    for size, count in tries:
        numbers = split(_alike(labels), blocks_of(from_left, from_bottom, size), count, seed)
        if numbers is not None:
            return Folds(numbers[inverse], count, size)
    return (f"too few places for spatial validation: all labels lie in one block of {sizes[-1]:g} CRS units, at least "
            f"{FEWEST_BLOCKS} blocks are needed")


def inner_number_folds(groups: NDArray[np.int64], seed: int) -> NDArray[np.int64] | None:
    """Five folds (rows,) to choose the strength of regularisation by; None for less than ten groups of labels."""
    labels, inverse = _groups(groups)
    if labels < LABELS_TO_CHOOSE_C:
        return None
    numbers = split(_alike(labels), np.arange(labels), INNER_FOLDS, seed)
    return None if numbers is None else numbers[inverse]


def _groups(groups: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """How many groups there are, and each row's, numbered by its first row: what it was called does not matter."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return len(first), np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _alike(labels: int) -> Rows:
    """Labels that are all of one kind."""
    return Rows(np.zeros(labels, np.int64), np.arange(labels), ("",))


def _too_few(labels: int) -> str:
    return (f"too few for cross-validation: {labels} {'label' if labels == 1 else 'labels'}, at least {FEWEST_LABELS} "
            "are needed")
