"""Stratified folds, the very ones of scikit-learn's StratifiedKFold and StratifiedGroupKFold (shuffled).

A click needs thirty sets of folds. scikit-learn takes one to two milliseconds for each, most of it to check its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def stratified(classes: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """The fold (rows,) 0 … count − 1 of each row, every class shared out evenly; ``classes`` (rows,)."""
    random = np.random.RandomState(seed)
    _, first, inverse = np.unique(classes, return_index=True, return_inverse=True)
    by_appearance = np.argsort(np.argsort(first))[inverse]
    ordered, total = np.sort(by_appearance), len(first)
    shares = np.array([np.bincount(ordered[fold::count], minlength=total) for fold in range(count)])
    numbers = np.empty(len(classes), np.int64)
    for one in range(total):
        folds = np.arange(count).repeat(shares[:, one])
        random.shuffle(folds)
        numbers[by_appearance == one] = folds
    return numbers


def stratified_groups(
    classes: NDArray[np.int64], groups: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.int64]:
    """The same, all rows of a group in one fold; ``groups`` (rows,) any integers.

    The most uneven groups first, each goes to the fold that then has the classes shared out most evenly.
    """
    _, inverse = np.unique(groups, return_inverse=True)
    _, kinds = np.unique(classes, return_inverse=True)
    contents = np.zeros((int(inverse.max()) + 1, int(kinds.max()) + 1))
    np.add.at(contents, (inverse, kinds), 1)
    order = np.arange(len(contents))
    np.random.RandomState(seed).shuffle(order)
    contents = contents[order]
    chosen = np.empty(len(contents), np.int64)
    _share_out(contents, np.argsort(-np.std(contents, axis=1), kind="stable"), contents.sum(axis=0), count, chosen)
    folds = np.empty(len(contents), np.int64)
    folds[order] = chosen
    return folds[inverse]


@njit(nogil=True, cache=True, error_model="numpy")
def _share_out(contents: Any, order: Any, totals: Any, count: int, chosen: Any) -> None:
    """Fill ``chosen`` (groups,) with folds; sums run in numpy's order, so that what is equal there is equal here."""
    kinds = totals.size
    held = np.zeros((count, kinds))
    for group in order:
        best, least, fewest = 0, np.inf, np.inf
        for fold in range(count):
            spread = 0.0
            for kind in range(kinds):
                mean = 0.0
                for other in range(count):
                    mean += (held[other, kind] + (contents[group, kind] if other == fold else 0.0)) / totals[kind]
                mean /= count
                squares = 0.0
                for other in range(count):
                    apart = (
                        held[other, kind] + (contents[group, kind] if other == fold else 0.0)) / totals[kind] - mean
                    squares += apart * apart
                spread += np.sqrt(squares / count)
            spread /= kinds
            rows = held[fold].sum()
            close = least < np.inf and abs(spread - least) <= 1e-8 + 1e-5 * abs(least)
            if spread < least or (close and rows < fewest):
                best, least, fewest = fold, spread, rows
        held[best] += contents[group]
        chosen[group] = best
