"""Kernels that count differing bits: row by row as codes lie in memory, and of one query with a block of columns."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .vectors import (
    LANES,
    VECTOR_BYTES,
    WORD,
    column_distances,
    load_word,
    popcount,
    prefetch,
    row_distance,
    transpose,
)

BLOCK_BYTES = 1 << 15
"""Of codes turned at once: with a query they stay in the first-level cache."""
LEAST_ROWS, MOST_ROWS = 64, 256


def block_rows(words: int) -> int:
    """Rows of a block: 256 of 16 words or fewer, else a power of two of at least 64."""
    rows = MOST_ROWS
    while rows > LEAST_ROWS and rows * words * WORD > BLOCK_BYTES:
        rows //= 2
    return rows


@njit(nogil=True, cache=True)
def ask_for(row: int, size: int) -> None:
    """Have ``size`` bytes fetched that a scan, now at the address ``row``, will need soon."""
    for part in range(0, size, VECTOR_BYTES):
        prefetch(row + part)


@njit(nogil=True, cache=True)
def differing(row: int, query: int, words: int) -> int:
    """Bits that differ in ``words`` words at two addresses."""
    total, left = 0, words
    while left >= 2 * LANES:
        total += row_distance(row, query, 2)
        row += 2 * VECTOR_BYTES
        query += 2 * VECTOR_BYTES
        left -= 2 * LANES
    if left >= LANES:
        total += row_distance(row, query, 1)
        row += VECTOR_BYTES
        query += VECTOR_BYTES
        left -= LANES
    for place in range(0, left * WORD, WORD):
        total += popcount(load_word(row + place) ^ load_word(query + place))
    return total


@njit(nogil=True, cache=True)
def turn(rows: int, count: int, columns: NDArray[np.uint64]) -> None:
    """``count`` rows (a multiple of 8) of words at an address → ``columns`` (words, at least ``count``)."""
    words = columns.shape[0]
    row_stride, column_stride = words * WORD, columns.shape[1] * WORD
    target, whole = columns.ctypes.data, words - words % LANES
    for row in range(0, count, LANES):
        source = rows + row * row_stride
        ask_for(source, LANES * row_stride)
        for word in range(0, whole, LANES):
            transpose(source + word * WORD, row_stride, target + word * column_stride + row * WORD, column_stride)
        for word in range(whole, words):
            line = columns[word]
            for i in range(LANES):
                line[row + i] = load_word(source + i * row_stride + word * WORD)


@njit(nogil=True, cache=True)
def scan_columns(columns: NDArray[np.uint64], query: int, count: int, totals: NDArray[np.uint64]) -> int:
    """``totals`` (at least ``count``, a multiple of 8): differing bits of a query and rows in columns; the least."""
    words, stride = columns.shape[0], columns.shape[1] * WORD
    target, out = columns.ctypes.data, totals.ctypes.data
    least: int
    place: int
    if words >= 16:
        least = column_distances(target, stride, query, out, count, 16, 1)
        place = 16
        while place + 16 <= words:
            least = column_distances(target + place * stride, stride, query + place * WORD, out, count, 16, 0)
            place += 16
    elif words >= 8:
        least = column_distances(target, stride, query, out, count, 8, 1)
        place = 8
    elif words >= 4:
        least = column_distances(target, stride, query, out, count, 4, 1)
        place = 4
    else:
        least = column_distances(target, stride, query, out, count, 1, 1)
        place = 1
    if place + 8 <= words:
        least = column_distances(target + place * stride, stride, query + place * WORD, out, count, 8, 0)
        place += 8
    if place + 4 <= words:
        least = column_distances(target + place * stride, stride, query + place * WORD, out, count, 4, 0)
        place += 4
    while place < words:
        least = column_distances(target + place * stride, stride, query + place * WORD, out, count, 1, 0)
        place += 1
    return least


@njit(nogil=True, cache=True)
def scan_rows(rows: int, query: int, count: int, words: int, totals: NDArray[np.uint64]) -> int:
    """The same of ``count`` rows as they lie in memory."""
    least = 2**62
    for row in range(count):
        ask_for(rows + row * words * WORD, words * WORD)
        total = differing(rows + row * words * WORD, query, words)
        totals[row] = total
        if total < least:
            least = total
    return least
