"""How hard the sample is for those who only look at the plain difference: their best F1 on the true change."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

BINS = 4096
"""Bins of the difference's length over its range 0 to 2; the best threshold is sought at their borders."""


@njit(nogil=True, cache=True)
def count_lengths(
    first: NDArray[np.int8], last: NDArray[np.int8], truth: NDArray[np.uint8], counts: NDArray[np.int64]
) -> None:
    """Add a block to the histograms ``counts`` (2, BINS) of |v_last − v_first| of unchanged (0) and changed (1) pixels.

    ``first`` and ``last``: int8 (bands, rows, columns) on AlphaEarth's value grid; ``truth``: 0, 1, or 255 to
    leave out.
    """
    values = np.empty(256, np.float32)
    for code in range(-128, 128):
        values[code + 128] = np.float32(np.sign(code) * (code / 127.5) ** 2)
    bands, rows, columns = first.shape
    square = np.empty(columns, np.float32)
    for row in range(rows):
        square[:] = 0
        for band in range(bands):
            before, after = first[band, row], last[band, row]
            for column in range(columns):
                step = values[np.int64(after[column]) + 128] - values[np.int64(before[column]) + 128]
                square[column] += step * step
        for column in range(columns):
            if truth[row, column] <= 1:
                bin_number = min(BINS - 1, int(np.sqrt(square[column]) * (BINS / 2)))
                counts[truth[row, column], bin_number] += 1


def best_f1(counts: NDArray[np.int64]) -> float:
    """The best F1 of "changed where the length is at least t" over all bin borders t, from histograms (2, BINS)."""
    false, true = (np.cumsum(row[::-1])[::-1] for row in counts)
    scores = 2 * true / np.maximum(true + false + true[0], 1)
    return float(scores.max())
