"""Overview pixels: the average of the valid pixels below, or one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def halve(rows: NDArray[Any], height: int, width: int, nodata: float | None) -> NDArray[Any]:
    """Average 2 × 2 pixels of (bands, rows, columns) to (bands, height, width), valid pixels only.

    Integers (of up to 16 bits) are rounded half to even. A pixel without valid pixels below is nodata (0 where there is
    none). The last row or column of an odd size averages what there is.
    """
    bands = rows.shape[0]
    out = np.empty((bands, height, width), rows.dtype)
    blank = np.float32(np.nan if nodata is None else nodata)
    # a value that no pixel has stands for "no nodata"; it is never written, since then every pixel is valid
    if nodata is None and rows.dtype.kind in "iu":
        blank = np.float32(1e30)
    for band in range(bands):
        _halve(rows[band], blank, rows.dtype.kind in "iu", out[band])
    return out


def halve_nearest(rows: NDArray[Any], height: int, width: int, nodata: float | None) -> NDArray[Any]:
    """The upper left of 2 × 2 pixels, or the first valid one: (bands, rows, columns) to (bands, height, width)."""
    padded = np.pad(rows, ((0, 0), (0, 2 * height - rows.shape[1]), (0, 2 * width - rows.shape[2])), mode="edge")
    out = padded[:, ::2, ::2].copy()
    if nodata is not None:
        for candidate in (padded[:, ::2, 1::2], padded[:, 1::2, ::2], padded[:, 1::2, 1::2]):
            np.copyto(out, candidate, where=out == nodata)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _halve(rows: NDArray[Any], nodata: np.float32, whole: bool, out: NDArray[Any]) -> None:
    height, width = out.shape
    sums = np.zeros(2 * width, np.float32)
    counts = np.zeros(2 * width, np.float32)
    for row in range(height):
        _first_row(rows[2 * row], nodata, sums, counts)
        if 2 * row + 1 < rows.shape[0]:
            _second_row(rows[2 * row + 1], nodata, sums, counts)
        _average(sums, counts, nodata, whole, out[row])


@njit(nogil=True, cache=True)
def _first_row(row: NDArray[Any], nodata: np.float32, sums: NDArray[np.float32], counts: NDArray[np.float32]) -> None:
    for column in range(len(row)):
        value = np.float32(row[column])
        valid = np.float32((value != nodata) & (value == value))
        sums[column] = value if valid else np.float32(0)
        counts[column] = valid


@njit(nogil=True, cache=True)
def _second_row(row: NDArray[Any], nodata: np.float32, sums: NDArray[np.float32], counts: NDArray[np.float32]) -> None:
    for column in range(len(row)):
        value = np.float32(row[column])
        valid = np.float32((value != nodata) & (value == value))
        sums[column] += value if valid else np.float32(0)
        counts[column] += valid


@njit(nogil=True, cache=True, error_model="numpy")
def _average(
    sums: NDArray[np.float32], counts: NDArray[np.float32], nodata: np.float32, whole: bool, out: NDArray[Any]
) -> None:
    for column in range(len(out)):
        total = sums[2 * column] + sums[2 * column + 1]
        count = counts[2 * column] + counts[2 * column + 1]
        mean = total / max(count, np.float32(1))
        value = np.rint(mean) if whole else mean
        out[column] = value if count > 0 else nodata
