"""The kernel behind embedding tiles: stored numbers of one or several dates → int8 codes of their PCA scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

NODATA = -128
CACHED_FLOATS = 1 << 16
"""Features of a chunk of pixels, as float32: 256 KiB, which stay in the second-level cache."""


def project(
    stored: NDArray[Any],
    power: bool,
    plus: NDArray[np.int64],
    minus: NDArray[np.int64],
    weights: NDArray[np.float32],
    offset: NDArray[np.float32],
    nodata: float | None,
    out: NDArray[np.int8],
) -> int:
    """Write clip(rint(weights @ features − offset), −127, 127) of every pixel to ``out``; returns the covered pixels.

    ``stored`` is (planes, pixels), int8 or float32, all bands of all dates below one another. Feature f of a pixel is
    plane ``plus[f]`` minus plane ``minus[f]`` (−1: nothing is subtracted), each x first turned into x·|x| if ``power``.
    ``weights`` is (components, features), ``offset`` (components,), ``out`` (components, pixels). A pixel with
    ``nodata`` or NaN in any plane becomes −128 in all components.
    """
    if stored.dtype.kind == "f":
        blank = stored.dtype.type(np.nan if nodata is None else nodata)
    elif nodata is None:
        raise ValueError("integers need a nodata value")
    else:
        blank = stored.dtype.type(nodata)
    chunk = max(64, min(1024, CACHED_FLOATS // len(plus) // 64 * 64))
    rows = np.zeros((len(plus), chunk), np.float32)
    sums = np.empty((len(weights), chunk), np.float32)
    covered: int = _project(
        stored, power, plus, minus, np.ascontiguousarray(weights, np.float32), offset, blank, rows, sums, out
    )
    return covered


@njit(nogil=True, cache=True, error_model="numpy")
def _project(
    stored: NDArray[Any],
    power: bool,
    plus: NDArray[np.int64],
    minus: NDArray[np.int64],
    weights: NDArray[np.float32],
    offset: NDArray[np.float32],
    nodata: Any,
    rows: NDArray[np.float32],
    sums: NDArray[np.float32],
    out: NDArray[np.int8],
) -> int:
    pixels, chunk = stored.shape[1], rows.shape[1]
    missing = np.empty(chunk, np.bool_)
    covered = 0
    for start in range(0, pixels, chunk):
        end = min(start + chunk, pixels)
        missing[:] = False
        for plane in range(stored.shape[0]):
            _mark_missing(stored[plane, start:end], nodata, missing)
        for feature in range(len(plus)):
            later = stored[plus[feature], start:end]
            if minus[feature] < 0:
                _load(later, power, rows[feature])
            else:
                _load_difference(later, stored[minus[feature], start:end], power, rows[feature])
        np.dot(weights, rows, out=sums)
        for component in range(len(weights)):
            _quantise(sums[component], offset[component], missing, out[component, start:end])
        for pixel in range(end - start):
            covered += not missing[pixel]
    return covered


@njit(nogil=True, cache=True)
def _mark_missing(plane: NDArray[Any], nodata: Any, missing: NDArray[np.bool_]) -> None:
    for pixel in range(len(plane)):
        value = plane[pixel]
        missing[pixel] |= (value == nodata) | (value != value)


@njit(nogil=True, cache=True)
def _load(plane: NDArray[Any], power: bool, row: NDArray[np.float32]) -> None:
    if power:
        for pixel in range(len(plane)):
            value = np.float32(plane[pixel])
            row[pixel] = value * abs(value)
    else:
        for pixel in range(len(plane)):
            row[pixel] = np.float32(plane[pixel])


@njit(nogil=True, cache=True)
def _load_difference(later: NDArray[Any], earlier: NDArray[Any], power: bool, row: NDArray[np.float32]) -> None:
    if power:
        for pixel in range(len(later)):
            value = np.float32(later[pixel])
            before = np.float32(earlier[pixel])
            row[pixel] = value * abs(value) - before * abs(before)
    else:
        for pixel in range(len(later)):
            row[pixel] = np.float32(later[pixel]) - np.float32(earlier[pixel])


@njit(nogil=True, cache=True)
def _quantise(sums: NDArray[np.float32], offset: np.float32, missing: NDArray[np.bool_], out: NDArray[np.int8]) -> None:
    for pixel in range(len(out)):
        value = min(max(np.rint(sums[pixel] - offset), np.float32(-127)), np.float32(127))
        out[pixel] = np.int8(NODATA) if missing[pixel] else np.int8(value)
