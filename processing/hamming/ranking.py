"""The smallest of many, stable: of equal values the lower row comes first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

NO_ROW = 2**62
"""In a place of a heap that nothing has taken yet."""
STRIP = 256
"""Values of which the smallest is looked at before any of them is."""
SHARE = 16
"""Where more than one of so many are wanted, all are sorted."""


def smallest(scores: NDArray[Any], k: int, exclude: ArrayLike = ()) -> NDArray[np.int64]:
    """Rows of the ``k`` smallest ``scores`` (n,), ascending; of equal scores the lower row first.

    ``exclude``: rows that do not count. NaN does not count either. Fewer than k where there are no more.
    """
    values = np.ascontiguousarray(scores)
    left_out = np.unique(np.asarray(exclude, np.int64))
    wanted = min(max(k, 0), len(values))
    if wanted == 0:
        return np.empty(0, np.int64)
    if wanted > len(values) // SHARE:
        usable = np.ones(len(values), bool) if values.dtype.kind != "f" else ~np.isnan(values)
        usable[left_out[(left_out >= 0) & (left_out < len(values))]] = False
        rows = np.flatnonzero(usable)
        order = np.argsort(values[rows], kind="stable")[:wanted]
        return np.asarray(rows[order], np.int64)
    largest = np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    best = np.full(wanted, largest, values.dtype)
    found = np.full(wanted, NO_ROW, np.int64)
    _smallest(values, left_out, best, found)
    return np.asarray(found[found != NO_ROW], np.int64)


@njit(nogil=True, cache=True)
def offer(best: NDArray[Any], rows: NDArray[np.int64], value: Any, row: int) -> None:
    """Put (value, row) into a heap in place of its largest; it must be smaller than that."""
    size, place = len(best), 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            best[other] > best[child] or (best[other] == best[child] and rows[other] > rows[child])
        ):
            child = other
        if best[child] < value or (best[child] == value and rows[child] < row):
            break
        best[place] = best[child]
        rows[place] = rows[child]
        place = child
    best[place] = value
    rows[place] = row


@njit(nogil=True, cache=True)
def ascending(best: NDArray[Any], rows: NDArray[np.int64]) -> None:
    """A heap (k,) to an ascending list."""
    for last in range(len(best) - 1, 0, -1):
        value, row = best[last], rows[last]
        best[last], rows[last] = best[0], rows[0]
        offer(best[:last], rows[:last], value, row)


@njit(nogil=True, cache=True)
def _smallest(
    values: NDArray[Any], exclude: NDArray[np.int64], best: NDArray[Any], rows: NDArray[np.int64]
) -> None:
    for start in range(0, len(values), STRIP):
        strip = values[start : start + STRIP]
        least = strip[0]
        for value in strip:
            least = min(least, value)
        if least > best[0] or (least == best[0] and rows[0] < start):
            continue
        for i in range(len(strip)):
            if strip[i] < best[0] or (strip[i] == best[0] and start + i < rows[0]):
                place = np.searchsorted(exclude, start + i)
                if place == len(exclude) or exclude[place] != start + i:
                    offer(best, rows, strip[i], start + i)
    ascending(best, rows)
