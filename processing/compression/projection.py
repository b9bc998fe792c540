"""The kernel behind embedding tiles: stored numbers of one or several dates → int8 codes of their PCA scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

NODATA = -128
CHUNK = 512
"""Pixels at a time: eight accumulators of them stay in the first-level cache."""
GROUP = 4
"""Features accumulated at once: one load and store of an accumulator serves four products."""


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
    blank = np.float32(np.nan if nodata is None else nodata)
    features = -(-len(plus) // GROUP) * GROUP
    padded = np.zeros((weights.shape[0], features), np.float32)
    padded[:, : len(plus)] = weights
    covered: int = _project(stored, power, plus, minus, padded, offset.astype(np.float32), blank, out)
    return covered


@njit(nogil=True, cache=True, error_model="numpy")
def _project(
    stored: NDArray[Any],
    power: bool,
    plus: NDArray[np.int64],
    minus: NDArray[np.int64],
    weights: NDArray[np.float32],
    offset: NDArray[np.float32],
    nodata: np.float32,
    out: NDArray[np.int8],
) -> int:
    components, features = weights.shape
    pixels = stored.shape[1]
    rows = np.zeros((GROUP, CHUNK), np.float32)
    sums = np.empty((components, CHUNK), np.float32)
    missing = np.empty(CHUNK, np.uint8)
    covered = 0
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        missing[:] = 0
        for component in range(components):
            sums[component, :] = -offset[component]
        for plane in range(stored.shape[0]):
            _mark_missing(stored[plane, start : start + size], nodata, missing[:size])
        for first in range(0, features, GROUP):
            for member in range(GROUP):
                feature = first + member
                row = rows[member, :size]
                if feature >= len(plus):
                    row[:] = 0
                elif minus[feature] < 0:
                    _load(stored[plus[feature], start : start + size], power, row)
                else:
                    _load_difference(
                        stored[plus[feature], start : start + size],
                        stored[minus[feature], start : start + size],
                        power,
                        row,
                    )
            for component in range(components):
                _accumulate(rows, weights[component, first : first + GROUP], sums[component])
        for component in range(components):
            _quantise(sums[component, :size], missing[:size], out[component, start : start + size])
        for pixel in range(size):
            covered += 1 - missing[pixel]
    return covered


@njit(nogil=True, cache=True, inline="always")
def _mark_missing(plane: NDArray[Any], nodata: np.float32, missing: NDArray[np.uint8]) -> None:
    for pixel in range(len(plane)):
        value = plane[pixel]
        missing[pixel] |= np.uint8((value == nodata) | (value != value))


@njit(nogil=True, cache=True, inline="always")
def _load(plane: NDArray[Any], power: bool, row: NDArray[np.float32]) -> None:
    if power:
        for pixel in range(len(row)):
            value = np.float32(plane[pixel])
            row[pixel] = value * abs(value)
    else:
        for pixel in range(len(row)):
            row[pixel] = np.float32(plane[pixel])


@njit(nogil=True, cache=True, inline="always")
def _load_difference(plane: NDArray[Any], earlier: NDArray[Any], power: bool, row: NDArray[np.float32]) -> None:
    if power:
        for pixel in range(len(row)):
            value = np.float32(plane[pixel])
            before = np.float32(earlier[pixel])
            row[pixel] = value * abs(value) - before * abs(before)
    else:
        for pixel in range(len(row)):
            row[pixel] = np.float32(plane[pixel]) - np.float32(earlier[pixel])


@njit(nogil=True, cache=True, fastmath={"contract"})
def _accumulate(rows: NDArray[np.float32], weights: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    first, second, third, fourth = rows[0], rows[1], rows[2], rows[3]
    a, b, c, d = weights[0], weights[1], weights[2], weights[3]
    for pixel in range(CHUNK):
        sums[pixel] += a * first[pixel] + b * second[pixel] + c * third[pixel] + d * fourth[pixel]


@njit(nogil=True, cache=True)
def _quantise(sums: NDArray[np.float32], missing: NDArray[np.uint8], out: NDArray[np.int8]) -> None:
    for pixel in range(len(out)):
        value = min(max(np.rint(sums[pixel]), np.float32(-127)), np.float32(127))
        out[pixel] = np.int8(NODATA) if missing[pixel] else np.int8(value)
