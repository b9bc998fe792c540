"""Deterministic noise: hashes and smooth fields that depend on seed and place alone, not on block or thread."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

SPLINE_DEVIATION = 0.27678
"""Standard deviation of cubic B-spline interpolation of a lattice of uniform values in [-1, 1)."""


def key(seed: int, *names: object) -> np.uint32:
    """The 32-bit key of an independent stream of noise, e.g. ``key(seed, "relief", octave)``."""
    text = "/".join(str(part) for part in (seed, *names))
    return np.uint32(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little"))


def field(
    stream: tuple[object, ...], seed: int, spacing: float, octaves: int, frame: Frame, gain: float = 0.55
) -> NDArray[np.float32]:
    """Fractal noise of unit variance on a frame: float32 (rows, columns).

    ``spacing`` is the lattice distance of the coarsest octave in ground units; each further octave halves it and
    multiplies the amplitude by ``gain``.
    """
    out = np.zeros((frame.rows, frame.columns), np.float32)
    amplitudes = gain ** np.arange(octaves)
    amplitudes /= np.sqrt((amplitudes**2).sum()) * SPLINE_DEVIATION
    for octave, amplitude in enumerate(amplitudes):
        add_octave(out, frame.top, frame.left, frame.step, spacing / 2**octave, key(seed, *stream, octave), amplitude)
    return out


class Frame:
    """Which pixels: ``rows`` × ``columns`` from pixel (top, left); a pixel is ``step`` ground units wide."""

    __slots__ = ("columns", "left", "rows", "step", "top")

    def __init__(self, top: int, left: int, rows: int, columns: int, step: float) -> None:
        self.top, self.left, self.rows, self.columns, self.step = top, left, rows, columns, step


@njit(nogil=True, cache=True)
def mix(value: np.uint32) -> np.uint32:
    """A 32-bit integer hash with little bias (C. Wellons, lowbias32)."""
    value = np.uint32(value ^ (value >> np.uint32(16)))
    value = np.uint32(value * np.uint32(0x7FEB352D))
    value = np.uint32(value ^ (value >> np.uint32(15)))
    value = np.uint32(value * np.uint32(0x846CA68B))
    return np.uint32(value ^ (value >> np.uint32(16)))


@njit(nogil=True, cache=True)
def hash2(seed: np.uint32, row: int, column: int) -> np.uint32:
    """The hash of a pair of (possibly negative) integers under a key."""
    inner = mix(np.uint32(np.uint32(column & 0xFFFFFFFF) + np.uint32(0x9E3779B9)))
    return mix(np.uint32(seed ^ mix(np.uint32(np.uint32(row & 0xFFFFFFFF) ^ inner))))


@njit(nogil=True, cache=True)
def unit(value: np.uint32) -> float:
    """A hash as a number in [0, 1)."""
    return np.float64(value) * 2.0**-32


@njit(nogil=True, cache=True)
def bell(value: np.uint32) -> np.float32:
    """A hash as a nearly normal number of mean 0 and variance 1: the sum of its four bytes."""
    total = (
        (value & np.uint32(255))
        + ((value >> np.uint32(8)) & np.uint32(255))
        + ((value >> np.uint32(16)) & np.uint32(255))
        + (value >> np.uint32(24))
    )
    return np.float32((np.float32(np.int32(total)) - np.float32(510.0)) * np.float32(1 / 147.80))


@njit(nogil=True, cache=True)
def spline_weights(fraction: float, weights: NDArray[Any]) -> None:
    """The four weights of a uniform cubic B-spline at ``fraction`` in [0, 1)."""
    rest = 1.0 - fraction
    weights[0] = rest * rest * rest / 6.0
    weights[1] = (3.0 * fraction**3 - 6.0 * fraction * fraction + 4.0) / 6.0
    weights[3] = fraction**3 / 6.0
    weights[2] = 1.0 - weights[0] - weights[1] - weights[3]


@njit(nogil=True, cache=True)
def add_octave(
    out: NDArray[np.float32], top: int, left: int, step: float, spacing: float, stream: np.uint32, amplitude: float
) -> None:
    """Add ``amplitude`` × B-spline noise of lattice distance ``spacing`` to ``out``, whose corner is (top, left)."""
    rows, columns = out.shape
    first = int(np.floor((left + 0.5) * step / spacing))
    last = int(np.floor((left + columns - 0.5) * step / spacing))
    count = last - first + 4
    index = np.empty(columns, np.int64)
    weights = np.empty((4, columns), np.float32)
    four = np.empty(4, np.float64)
    for column in range(columns):
        place = (left + column + 0.5) * step / spacing
        cell = int(np.floor(place))
        spline_weights(place - cell, four)
        index[column] = cell - first
        for tap in range(4):
            weights[tap, column] = four[tap] * amplitude
    lattice = np.empty((4, count), np.float64)
    blended = np.empty(count, np.float32)
    known = -(2**40)
    for row in range(rows):
        place = (top + row + 0.5) * step / spacing
        cell = int(np.floor(place))
        if cell != known:
            known = cell
            for tap in range(4):
                for column in range(count):
                    lattice[tap, column] = 2.0 * unit(hash2(stream, cell - 1 + tap, first - 1 + column)) - 1.0
        spline_weights(place - cell, four)
        for column in range(count):
            blended[column] = (
                lattice[0, column] * four[0] + lattice[1, column] * four[1]
                + lattice[2, column] * four[2] + lattice[3, column] * four[3]
            )
        line = out[row]
        for column in range(columns):
            at = index[column]
            line[column] += (
                blended[at] * weights[0, column] + blended[at + 1] * weights[1, column]
                + blended[at + 2] * weights[2, column] + blended[at + 3] * weights[3, column]
            )
