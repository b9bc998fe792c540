"""Pixels of patches summed: the kernel of pooling."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def pool(
    values: NDArray[np.float32], valid: NDArray[np.bool_], side: int, stride: int, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums (patches, bands) of the valid pixels of patches of ``side``² pixels, and their numbers (patches,).

    ``values`` are (bands, height, width), ``valid`` (height, width). Patch (r, c) of ``shape`` (rows, columns), row by
    row, begins at pixel (r · stride, c · stride); what of it lies beyond the array counts as not valid.
    """
    rows, columns = shape
    sums = np.zeros((rows * columns, len(values)))
    for band in range(len(values)):
        _sum(values[band], valid, side, stride, rows, columns, sums[:, band])
    counts = np.zeros(rows * columns)
    _sum(valid.astype(np.float32), valid, side, stride, rows, columns, counts)
    return sums, counts.astype(np.int64)


def unit(sums: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sums (n, d) as vectors of length one, and which of them have a direction at all (n,); the others are zeros."""
    lengths = np.sqrt(np.einsum("nd,nd->n", sums, sums))
    good = np.isfinite(lengths) & (lengths > 0)
    scaled = np.divide(sums, lengths[:, None], out=np.zeros_like(sums), where=good[:, None])
    return scaled.astype(np.float32), good


@njit(nogil=True, cache=True)
def _sum(
    plane: NDArray[np.float32], valid: NDArray[np.bool_], side: int, stride: int, rows: int, columns: int,
    out: NDArray[np.float64],
) -> None:
    height, width = plane.shape
    for r in range(rows):
        for row in range(r * stride, min(r * stride + side, height)):
            line, there = plane[row], valid[row]
            for c in range(columns):
                total = 0.0
                for column in range(c * stride, min(c * stride + side, width)):
                    if there[column]:
                        total += line[column]
                out[r * columns + c] += total
