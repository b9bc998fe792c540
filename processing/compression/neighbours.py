"""Exact nearest neighbours, block by block: by cosine or Euclidean distance of vectors and by Hamming distance of
packed bits; and the vote."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..hamming import nearest
from ..progress import Progress
from .matmul import BLOCK_ROWS, FixedMatrix

COMPARED = 1 << 26
"""Codes compared before cancelling is heard again."""
STRIP = 64
"""Distances of which the smallest is looked at before any of them is."""


def by_cosine(queries: NDArray[Any], base: NDArray[Any], k: int, progress: Progress) -> NDArray[np.int64]:
    """Indices (queries, k) into ``base`` of the nearest vectors by cosine, nearest first; ties go to the lower index.

    ``queries`` (q, d) and ``base`` (n, d) float32, n ≥ k. A vector of zeros is at a right angle to all others.
    """
    turned = _unit(base)
    np.negative(turned, out=turned)
    matrix = FixedMatrix(turned.T)
    buffer = matrix.buffer()
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK_ROWS):
        progress.check()
        block = _unit(queries[start : start + BLOCK_ROWS])
        _smallest(matrix.multiply(block, buffer), found[start : start + BLOCK_ROWS])
    return found


def by_euclidean(queries: NDArray[Any], base: NDArray[Any], k: int, progress: Progress) -> NDArray[np.int64]:
    """The same by Euclidean distance: |b|² − 2 q · b, both seen from the mean of ``base``, so that little is lost."""
    middle = base.mean(axis=0, dtype=np.float64).astype(np.float32)
    turned = np.asarray(base, np.float32) - middle
    squares = np.einsum("nd,nd->n", turned, turned)
    turned *= -2
    matrix = FixedMatrix(turned.T)
    buffer = matrix.buffer()
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK_ROWS):
        progress.check()
        block = np.ascontiguousarray(np.asarray(queries[start : start + BLOCK_ROWS], np.float32) - middle)
        values = matrix.multiply(block, buffer)
        values += squares
        _smallest(values, found[start : start + BLOCK_ROWS])
    return found


def by_hamming(queries: NDArray[np.uint8], base: NDArray[np.uint8], k: int, progress: Progress) -> NDArray[np.int64]:
    """The same by the number of differing bits of packed codes, (q, bytes) and (n, bytes) uint8."""
    found = np.empty((len(queries), k), np.int64)
    size = max(1, COMPARED // max(len(base), 1))
    for start in range(0, len(queries), size):
        progress.check()
        found[start : start + size] = nearest(queries[start : start + size], base, k)[1]
    return found


def vote(neighbours: NDArray[np.int64], classes: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """The most frequent of ``classes`` (n,) among each row of ``neighbours`` (q, k); of equals the lowest number."""
    counts = np.zeros((len(neighbours), total), np.int64)
    rows = np.arange(len(neighbours))
    for column in neighbours.T:
        counts[rows, classes[column]] += 1
    winners: NDArray[np.int64] = counts.argmax(axis=1)
    return winners


def without_itself(found: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Neighbours (q, k + 1) of vectors that are themselves number ``rows`` (q,), without these: (q, k).

    A vector that is not among its own neighbours, since as many others are at no distance, loses the last of them.
    """
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    rest: NDArray[np.int64] = found[~own].reshape(len(found), -1)
    return rest


def recall(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each row of ``wanted`` (q, k) that the same row of ``found`` (q, k) holds, (q,)."""
    held = (found[:, :, None] == wanted[:, None, :]).any(axis=1)
    shares: NDArray[np.float64] = held.mean(axis=1)
    return shares


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of length one, as float32; a row of zeros stays."""
    length = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    length[length == 0] = 1
    unit: NDArray[np.float32] = np.asarray(vectors, np.float32) / length[:, None].astype(np.float32)
    return unit


@njit(nogil=True, cache=True)
def _smallest(values: NDArray[Any], out: NDArray[np.int64]) -> None:
    """Fill ``out`` (rows, k) with the columns of the k smallest ``values`` (rows, columns) of each row, in order."""
    k = out.shape[1]
    best = np.empty(k, values.dtype)
    for row in range(values.shape[0]):
        line, chosen = values[row], out[row]
        held = 0
        for start in range(0, len(line), STRIP):
            strip = line[start : start + STRIP]
            least = strip[0]
            for i in range(len(strip)):
                least = min(least, strip[i])
            if held == k and least >= best[k - 1]:
                continue
            for i in range(len(strip)):
                value = strip[i]
                if held == k and value >= best[k - 1]:
                    continue
                place = held if held < k else k - 1
                while place > 0 and best[place - 1] > value:
                    best[place] = best[place - 1]
                    chosen[place] = chosen[place - 1]
                    place -= 1
                best[place] = value
                chosen[place] = start + i
                held = min(held + 1, k)
