"""The nearest codes of many queries by Hamming distance, exact, at the speed of the processor's own counting.

Blocks of codes are turned so that the same word of 256 rows lies together: rows are in the lanes of vectors, and a
block serves all queries while it is in the first-level cache. Few queries read the rows as they lie.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..executors import cores, in_order
from .distance import scan_columns, scan_rows, scratch, turn
from .ranking import NO_ROW, ascending, offer
from .vectors import LANES, LINE, WORD
from .words import as_words, checked, pad_rows

TURNED_FROM = 4
"""Queries from which turning a block pays."""
QUERIES_AT_ONCE = 2048
"""Queries that stay in the second-level cache."""
PART_ROWS = 1 << 16
"""Of codes that one thread takes at once, at least."""
STRIP = 32
"""Distances of a block of which the least is looked at before any of them is."""
FARTHEST = np.iinfo(np.uint16).max


class Nearest:
    """The ``k`` nearest of all codes that were added, of each query: add shard after shard, then ask for the result.

    Rows are numbered on from ``first_row`` of each ``add``; equal distances go to the lower row, whatever the order
    in which codes are added.
    """

    def __init__(self, queries: NDArray[np.uint8], k: int) -> None:
        """``queries`` (q, bytes) uint8, ``k`` ≥ 0. Raises ValueError for what is not codes."""
        values = checked(queries)
        self.size = values.shape[1]
        self._queries = as_words(values)
        self._best = np.full((len(values), max(k, 0)), FARTHEST, np.uint16)
        self._rows = np.full(self._best.shape, NO_ROW, np.int64)

    def add(self, codes: NDArray[np.uint8], first_row: int = 0) -> None:
        """Look through codes (n, bytes). Raises ValueError if their length is another."""
        values = checked(codes, self.size)
        if self._best.size == 0 or len(values) == 0:
            return
        columns, padded, totals = scratch(self.size)
        for start in range(0, len(self._queries), QUERIES_AT_ONCE):
            part = slice(start, start + QUERIES_AT_ONCE)
            _scan(self._queries[part], values, first_row, columns, padded, totals, self._best[part], self._rows[part])

    def merge(self, other: Nearest) -> None:
        """Take over what another has found of other codes for the same queries."""
        _merge(other._best, other._rows, self._best, self._rows)

    def result(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Distances (q, k) int32, ascending, and rows (q, k) int64; both are −1 where there were fewer codes."""
        best, rows = self._best.copy(), self._rows.copy()
        _sort(best, rows)
        distances = best.astype(np.int32)
        missing = rows == NO_ROW
        distances[missing], rows[missing] = -1, -1
        return distances, rows


def nearest(
    queries: NDArray[np.uint8], codes: NDArray[np.uint8], k: int, executor: Executor | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The ``k`` nearest of codes (n, bytes) to each of queries (q, bytes): distances int32 and rows int64, (q, k) both.

    Ascending distance, ties by ascending row; −1 and −1 where n < k. With an executor parts of the codes are searched
    side by side; the result is the same. Raises ValueError for what is not codes, or of different lengths.
    """
    found = Nearest(queries, k)
    values = checked(codes, found.size)
    parts = row_parts(len(values)) if executor is not None else []
    if executor is None or len(parts) < 2:
        found.add(values)
        return found.result()

    def search(part: slice) -> Nearest:
        one = Nearest(queries, k)
        one.add(values[part], part.start)
        return one

    for one in in_order(executor, search, parts, cores()):
        found.merge(one)
    return found.result()


def between(queries: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """All distances of queries (q, bytes) to codes (n, bytes): (q, n) uint16. Raises ValueError as ``nearest`` does."""
    asked = checked(queries)
    values = checked(codes, asked.shape[1])
    out = np.empty((len(asked), len(values)), np.uint16)
    _between(as_words(asked), values, *scratch(asked.shape[1]), out)
    return out


def row_parts(count: int) -> list[slice]:
    """Slices of rows that are searched side by side: as many as there are cores, none small."""
    size = max(PART_ROWS, -(-count // cores()))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@njit(nogil=True, cache=True)
def _prepare(
    codes: NDArray[np.uint8], start: int, few: bool, columns: NDArray[np.uint64], padded: NDArray[np.uint8]
) -> tuple[int, bool]:
    """The block of codes that begins at row ``start``: its address, in columns or as rows, and which of the two."""
    step, size = columns.shape[1], codes.shape[1]
    words = (size + WORD - 1) // WORD
    count = min(step, len(codes) - start)
    base, after = codes.ctypes.data + start * size, (len(codes) - start - count) * size
    if len(padded) > 0:
        pad_rows(codes[start : start + count], padded)
        base, after = padded.ctypes.data, 0
    if count % LANES != 0:
        return base, False
    if words == 1:  # a column as it is
        return base, True
    if few or after < LINE:
        return base, False
    turn(base, count, words, columns)
    return columns.ctypes.data, True


@njit(nogil=True, cache=True)
def _scan(
    queries: NDArray[np.uint64], codes: NDArray[np.uint8], first_row: int, columns: NDArray[np.uint64],
    padded: NDArray[np.uint8], totals: NDArray[np.uint64], best: NDArray[np.uint16], rows: NDArray[np.int64],
) -> None:
    words, step = queries.shape[1], columns.shape[1]
    bounds = best[:, 0].copy()
    for start in range(0, len(codes), step):
        count = min(step, len(codes) - start)
        block, in_columns = _prepare(codes, start, len(queries) < TURNED_FROM, columns, padded)
        for query in range(len(queries)):
            least = _count(block, in_columns, queries[query].ctypes.data, count, words, totals)
            if least <= bounds[query]:
                held, places = best[query], rows[query]
                if least < held[0] or first_row + start < places[0]:
                    _offer_block(totals[:count], first_row + start, held, places)
                    bounds[query] = held[0]


@njit(nogil=True, cache=True)
def _between(
    queries: NDArray[np.uint64], codes: NDArray[np.uint8], columns: NDArray[np.uint64], padded: NDArray[np.uint8],
    totals: NDArray[np.uint64], out: NDArray[np.uint16],
) -> None:
    words, step = queries.shape[1], columns.shape[1]
    for start in range(0, len(codes), step):
        count = min(step, len(codes) - start)
        block, in_columns = _prepare(codes, start, len(queries) < TURNED_FROM, columns, padded)
        for query in range(len(queries)):
            _count(block, in_columns, queries[query].ctypes.data, count, words, totals)
            line = out[query, start : start + count]
            for i in range(count):
                line[i] = totals[i]


@njit(nogil=True, cache=True)
def _count(block: int, in_columns: bool, query: int, count: int, words: int, totals: NDArray[np.uint64]) -> int:
    if in_columns:
        return scan_columns(block, len(totals) * WORD, query, count, words, totals)
    return scan_rows(block, words * WORD, query, count, words, totals)


@njit(nogil=True, cache=True)
def _offer_block(totals: NDArray[np.uint64], first: int, best: NDArray[np.uint16], rows: NDArray[np.int64]) -> None:
    for start in range(0, len(totals), STRIP):
        strip = totals[start : start + STRIP]
        least = strip[0]
        for i in range(len(strip)):
            least = min(least, strip[i])
        if least > best[0]:
            continue
        for i in range(len(strip)):
            row = first + start + i
            if strip[i] < best[0] or (strip[i] == best[0] and row < rows[0]):
                offer(best, rows, np.uint16(strip[i]), row)


@njit(nogil=True, cache=True)
def _merge(
    other: NDArray[np.uint16], other_rows: NDArray[np.int64], best: NDArray[np.uint16], rows: NDArray[np.int64]
) -> None:
    for query in range(len(best)):
        held, places = best[query], rows[query]
        for i in range(len(held)):
            value, row = other[query, i], other_rows[query, i]
            if value < held[0] or (value == held[0] and row < places[0]):
                offer(held, places, value, row)


@njit(nogil=True, cache=True)
def _sort(best: NDArray[np.uint16], rows: NDArray[np.int64]) -> None:
    for query in range(len(best)):
        ascending(best[query], rows[query])
