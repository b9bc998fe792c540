"""Kernels that count the bits in which one query differs from a block of rows."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .vectors import LANES, WORD, column_distances, row_distances, transpose
from .words import aligned, words_of

BLOCK_BYTES = 1 << 15
"""Of codes worked on at once: with a query they stay in the first-level cache."""
LEAST_ROWS, MOST_ROWS = 64, 256


def scratch(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint64]]:
    """Memory for blocks of codes of ``size`` bytes: columns (words, rows), padded rows (rows or 0, bytes), totals."""
    words = words_of(size)
    return aligned((words_of(words) * LANES, block_rows(words)), np.uint64), *row_scratch(size)


def row_scratch(size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Memory for blocks of rows as they lie: padded rows (rows or 0, bytes), totals."""
    words = words_of(size)
    rows = block_rows(words)
    padded = np.zeros((0, words * WORD), np.uint8)
    if size % WORD:
        padded = aligned((rows, words * WORD), np.uint8)
        padded[:] = 0
    return padded, aligned((rows,), np.uint64)


def block_rows(words: int) -> int:
    """Rows of a block: 256 of 16 words or fewer, else a power of two of at least 64."""
    rows = MOST_ROWS
    while rows > LEAST_ROWS and rows * words * WORD > BLOCK_BYTES:
        rows //= 2
    return rows


@njit(nogil=True, cache=True)
def turn(rows: int, count: int, words: int, columns: NDArray[np.uint64]) -> None:
    """``count`` rows (a multiple of 8) of ``words`` words at an address → ``columns`` (words, at least ``count``).

    Words are taken eight at a time: up to seven of what follows the last row are read, and columns that they fill.
    """
    stride, column_stride, target = words * WORD, columns.shape[1] * WORD, columns.ctypes.data
    for row in range(0, count, LANES):
        for word in range(0, words, LANES):
            place = target + word * column_stride + row * WORD
            transpose(rows + row * stride + word * WORD, stride, place, column_stride)


@njit(nogil=True, cache=True)
def scan_columns(columns: int, stride: int, query: int, count: int, words: int, totals: NDArray[np.uint64]) -> int:
    """``totals`` (at least ``count``, a multiple of 8): bits in which rows, in columns, differ from a query; the least.

    ``columns`` and ``query`` are addresses, ``stride`` bytes lie between columns.
    """
    out, left = totals.ctypes.data, words
    least = 0
    if left >= 16:
        least = column_distances(columns, stride, query, out, count, 16, 1)
        columns, query, left = columns + 16 * stride, query + 16 * WORD, left - 16
    else:
        totals[:] = 0
    while left >= 16:
        least = column_distances(columns, stride, query, out, count, 16, 0)
        columns, query, left = columns + 16 * stride, query + 16 * WORD, left - 16
    if left >= 8:
        least = column_distances(columns, stride, query, out, count, 8, 0)
        columns, query, left = columns + 8 * stride, query + 8 * WORD, left - 8
    if left >= 4:
        least = column_distances(columns, stride, query, out, count, 4, 0)
        columns, query, left = columns + 4 * stride, query + 4 * WORD, left - 4
    if left >= 2:
        least = column_distances(columns, stride, query, out, count, 2, 0)
        columns, query, left = columns + 2 * stride, query + 2 * WORD, left - 2
    if left >= 1:
        least = column_distances(columns, stride, query, out, count, 1, 0)
    return least


@njit(nogil=True, cache=True)
def scan_rows(rows: int, stride: int, query: int, count: int, words: int, totals: NDArray[np.uint64]) -> int:
    """The same of any number of rows as they lie in memory, ``stride`` bytes apart."""
    out, left = totals.ctypes.data, words
    totals[:] = 0
    while left >= 16:
        row_distances(rows, stride, query, out, count, 16)
        rows, query, left = rows + 16 * WORD, query + 16 * WORD, left - 16
    if left >= 8:
        row_distances(rows, stride, query, out, count, 8)
        rows, query, left = rows + 8 * WORD, query + 8 * WORD, left - 8
    if left >= 4:
        row_distances(rows, stride, query, out, count, 4)
        rows, query, left = rows + 4 * WORD, query + 4 * WORD, left - 4
    if left >= 2:
        row_distances(rows, stride, query, out, count, 2)
        rows, query, left = rows + 2 * WORD, query + 2 * WORD, left - 2
    if left >= 1:
        row_distances(rows, stride, query, out, count, 1)
    least = 2**62
    for i in range(count):
        if totals[i] < least:
            least = int(totals[i])
    return least
