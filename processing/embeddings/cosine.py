"""The kernel behind the change magnitude: 1 − cosine between the vectors of two dates, and its histogram."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

STEPS = 1 << 14
"""Histogram bins for each 1 of magnitude: it is counted to the nearest 1/16384, far finer than a byte shows."""
BINS = 2 * STEPS + 1
"""1 − cosine runs from 0 to 2."""
TOP, NODATA = 254, 255
CHUNK = 2048
"""Pixels at once: their sums, and the planes of a group, stay in the first-level cache or the second."""
GROUP = 4
"""Bands at once: the sums are fetched and stored once for four bands."""


@dataclass(frozen=True)
class Counts:
    """How many pixels have which magnitude: ``bins`` (32769,) to the nearest 1/16384."""

    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    @property
    def total(self) -> int:
        """Pixels with data at both dates."""
        return int(self.bins.sum())

    def quantile(self, share: float) -> float:
        """The smallest magnitude that at least this share of the pixels does not exceed."""
        return int(np.searchsorted(self.bins.cumsum(), share * self.total)) / STEPS

    def share_above(self, magnitude: float) -> float:
        """The share of the pixels above a magnitude."""
        return int(self.bins[round(magnitude * STEPS) + 1 :].sum()) / max(self.total, 1)


def cosine_magnitude(
    first: NDArray[Any],
    second: NDArray[Any],
    power: bool,
    nodata: float | None,
    out: NDArray[np.uint8],
    histogram: NDArray[np.int64],
) -> None:
    """Fill ``out`` (pixels,) with round(254 · min(1, m)), m = 1 − cosine of the vectors of both dates; 255: no data.

    ``first`` and ``second`` are (bands, pixels), int8 as stored (each x first turned into x·|x| if ``power``) or
    float32 values. A pixel has no data where ``nodata`` or a number that is not finite is in any band, or a vector is
    all zeros and so has no direction. ``histogram`` (32769,) gains one at round(16384 · m) for each other pixel.
    Sums are float32 for int8, of which they are exact to 1e-5, and float64 for floats, which nothing overflows.
    """
    whole = first.dtype == np.int8
    sums = np.empty((3, CHUNK), np.float32 if whole else np.float64)
    if whole:
        if nodata is None:
            raise ValueError("integers need a nodata value")
        _bytes(first, second, power, np.int8(nodata), sums, out, histogram)
    else:
        _floats(first, second, np.float32(np.nan if nodata is None else nodata), sums, out, histogram)


@njit(nogil=True, cache=True, error_model="numpy")
def _bytes(
    first: NDArray[np.int8],
    second: NDArray[np.int8],
    power: bool,
    nodata: np.int8,
    sums: NDArray[np.float32],
    out: NDArray[np.uint8],
    histogram: NDArray[np.int64],
) -> None:
    bands, pixels = first.shape
    missing = np.empty(sums.shape[1], np.bool_)
    for start in range(0, pixels, sums.shape[1]):
        end = min(start + sums.shape[1], pixels)
        sums[:] = 0
        missing[:] = False
        # one-dimensional slices: those of a two-dimensional slice would not be known to be contiguous
        dot, one, two, gaps = (
            sums[0, : end - start], sums[1, : end - start], sums[2, : end - start], missing[: end - start])
        for low in range(0, bands - bands % GROUP, GROUP):
            for band in range(low, low + GROUP):
                _mark(first[band, start:end], second[band, start:end], nodata, gaps)
            _add_four(
                first[low, start:end], first[low + 1, start:end], first[low + 2, start:end], first[low + 3, start:end],
                second[low, start:end], second[low + 1, start:end], second[low + 2, start:end],
                second[low + 3, start:end], power, dot, one, two,
            )
        for band in range(bands - bands % GROUP, bands):
            _mark(first[band, start:end], second[band, start:end], nodata, gaps)
            _add_one(first[band, start:end], second[band, start:end], power, dot, one, two)
        _finish(dot, one, two, gaps, out[start:end], histogram)


@njit(nogil=True, cache=True, error_model="numpy")
def _floats(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    nodata: np.float32,
    sums: NDArray[np.float64],
    out: NDArray[np.uint8],
    histogram: NDArray[np.int64],
) -> None:
    pixels = first.shape[1]
    missing = np.empty(sums.shape[1], np.bool_)
    for start in range(0, pixels, sums.shape[1]):
        end = min(start + sums.shape[1], pixels)
        sums[:] = 0
        missing[:] = False
        # one-dimensional slices: those of a two-dimensional slice would not be known to be contiguous
        dot, one, two, gaps = (
            sums[0, : end - start], sums[1, : end - start], sums[2, : end - start], missing[: end - start])
        for band in range(first.shape[0]):
            _mark(first[band, start:end], second[band, start:end], nodata, gaps)
            _add_floats(first[band, start:end], second[band, start:end], dot, one, two)
        _finish(dot, one, two, gaps, out[start:end], histogram)


@njit(nogil=True, cache=True)
def _mark(a: NDArray[Any], b: NDArray[Any], nodata: Any, missing: NDArray[np.bool_]) -> None:
    for i in range(len(missing)):
        missing[i] |= (a[i] == nodata) | (b[i] == nodata)


@njit(nogil=True, cache=True)
def _mapped(code: np.int8, power: bool) -> np.float32:
    value = np.float32(code)
    return value * abs(value) if power else value


@njit(nogil=True, cache=True, fastmath={"contract"})
def _add_four(
    a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, power: bool, dot: Any, one: Any, two: Any
) -> None:
    if power:
        for i in range(len(dot)):
            p, q, r, s = np.float32(a[i]), np.float32(b[i]), np.float32(c[i]), np.float32(d[i])
            t, u, v, w = np.float32(e[i]), np.float32(f[i]), np.float32(g[i]), np.float32(h[i])
            p, q, r, s = p * abs(p), q * abs(q), r * abs(r), s * abs(s)
            t, u, v, w = t * abs(t), u * abs(u), v * abs(v), w * abs(w)
            dot[i] += (p * t + q * u) + (r * v + s * w)
            one[i] += (p * p + q * q) + (r * r + s * s)
            two[i] += (t * t + u * u) + (v * v + w * w)
    else:
        for i in range(len(dot)):
            p, q, r, s = np.float32(a[i]), np.float32(b[i]), np.float32(c[i]), np.float32(d[i])
            t, u, v, w = np.float32(e[i]), np.float32(f[i]), np.float32(g[i]), np.float32(h[i])
            dot[i] += (p * t + q * u) + (r * v + s * w)
            one[i] += (p * p + q * q) + (r * r + s * s)
            two[i] += (t * t + u * u) + (v * v + w * w)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _add_one(a: Any, b: Any, power: bool, dot: Any, one: Any, two: Any) -> None:
    for i in range(len(dot)):
        p, t = _mapped(a[i], power), _mapped(b[i], power)
        dot[i] += p * t
        one[i] += p * p
        two[i] += t * t


@njit(nogil=True, cache=True)
def _add_floats(a: Any, b: Any, dot: Any, one: Any, two: Any) -> None:
    for i in range(len(dot)):
        p, t = np.float64(a[i]), np.float64(b[i])
        dot[i] += p * t
        one[i] += p * p
        two[i] += t * t


@njit(nogil=True, cache=True, error_model="numpy")
def _finish(dot: Any, one: Any, two: Any, missing: Any, out: Any, histogram: Any) -> None:
    for i in range(len(out)):
        cosine = np.float64(dot[i]) / np.sqrt(np.float64(one[i]) * np.float64(two[i]))
        if missing[i] or not np.isfinite(cosine):
            out[i] = NODATA
            continue
        magnitude = min(max(1.0 - cosine, 0.0), 2.0)
        out[i] = np.uint8(np.rint(TOP * min(magnitude, 1.0)))
        histogram[int(np.rint(STEPS * magnitude))] += 1
