"""Mean Hamming distance to positives minus that to negatives, for all codes at once.

A sum of Hamming distances is linear in a code's bits: a constant plus Σ v_j · (x_j ≠ m_j) with v_j ≥ 0, where m is the
code that the exemplars lean to. The binary digits of v are bit planes, Σ 2^k · ones((x ^ m) & plane k), so a hundred
exemplars cost half a dozen planes. All sums are integers and exact.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..executors import cores, in_order
from .algebra import count_ones
from .batch import row_parts
from .distance import scratch
from .vectors import WORD, row_weights
from .words import as_words, checked, pad_rows


@dataclass(frozen=True)
class _Planes:
    """``factor`` · Σ 2^k · ones((x ^ mirror) & plane k): mirror (words,), planes (count, words), highest first."""

    mirror: NDArray[np.uint64]
    planes: NDArray[np.uint64]
    factor: int

    @staticmethod
    def of(weights: NDArray[np.int64]) -> tuple[_Planes, int]:
        """Of one weight a bit (8 · bytes,): Σ weights · x = the planes' sum + the constant."""
        turned = weights < 0  # a bit that is wanted: x is looked at in the mirror there
        values = np.abs(weights)
        factor = int(np.gcd.reduce(values)) or 1
        values //= factor
        count = int(values.max(initial=0)).bit_length()
        bits = (values[None] >> np.arange(count - 1, -1, -1)[:, None]) & 1
        planes = as_words(np.packbits(bits.astype(bool), axis=1).reshape(count, len(weights) // 8))
        mirror = as_words(np.packbits(turned)[None])
        return _Planes(mirror[0], planes, factor), int(weights[turned].sum())


class BitWeights:
    """The score of any code by given exemplars: mean H to positives − mean H to negatives.

    The numerator over ``divisor`` is an integer Σ; scores that are equal are so exactly.
    """

    def __init__(self, positives: NDArray[np.uint8], negatives: NDArray[np.uint8] | None = None) -> None:
        """``positives`` (p, bytes), ``negatives`` (m, bytes); one of them may be empty.

        Without negatives the score is the mean distance to the positives, without positives minus that to the
        negatives. Raises ValueError without either, or for codes of different lengths.
        """
        wanted = checked(positives)
        self.size = wanted.shape[1]
        unwanted = checked(negatives, self.size) if negatives is not None else wanted[:0]
        if len(wanted) + len(unwanted) == 0:
            raise ValueError("there are no exemplars")
        self.divisor = math.lcm(len(wanted) or 1, len(unwanted) or 1)
        sides, self._constant = [], 0
        for codes, sign in ((wanted, 1), (unwanted, -1)):
            if len(codes):
                ones, factor = count_ones(codes), sign * (self.divisor // len(codes))
                sides.append(factor * (len(codes) - 2 * ones))
                self._constant += factor * int(ones.sum())
        together = _Planes.of(np.sum(sides, axis=0))
        apart = [_Planes.of(side) for side in sides]
        chosen = min([together], apart, key=lambda them: sum(len(planes.planes) for planes, _ in them))
        self._sides = [planes for planes, _ in chosen]
        self._constant += sum(constant for _, constant in chosen)

    def scores(self, codes: NDArray[np.uint8], executor: Executor | None = None) -> NDArray[np.float32]:
        """(n, bytes) → (n,) float32, the exact quotient rounded once. With an executor parts are read side by side."""
        values = checked(codes, self.size)
        if executor is None:
            return self._scores(values)
        parts = [values[part] for part in row_parts(len(values))]
        found = list(in_order(executor, self._scores, parts, cores()))
        return np.concatenate(found) if found else np.empty(0, np.float32)

    def _scores(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        out = np.empty(len(codes), np.float32)
        _, padded, totals = scratch(self.size)
        one, other = self._sides[0], self._sides[-1]
        second = other.factor if len(self._sides) > 1 else 0
        _weigh(codes, padded, totals.view(np.int64), one.mirror, one.planes, one.factor,
               other.mirror, other.planes, second, self._constant, self.divisor, out)
        return out


def scores(
    codes: NDArray[np.uint8], positives: NDArray[np.uint8], negatives: NDArray[np.uint8] | None = None,
    executor: Executor | None = None,
) -> NDArray[np.float32]:
    """Mean H of codes (n, bytes) to positives (p, bytes) − mean H to negatives (m, bytes): (n,) float32.

    See ``BitWeights``, which keeps what is the same for many parts of codes.
    """
    return BitWeights(positives, negatives).scores(codes, executor)


@njit(nogil=True, cache=True)
def _weigh(
    codes: NDArray[np.uint8], padded: NDArray[np.uint8], totals: NDArray[np.int64],
    mirror: NDArray[np.uint64], planes: NDArray[np.uint64], factor: int,
    other_mirror: NDArray[np.uint64], other_planes: NDArray[np.uint64], other_factor: int,
    constant: int, divisor: int, out: NDArray[np.float32],
) -> None:
    for start in range(0, len(codes), len(totals)):
        part, found = codes[start : start + len(totals)], out[start : start + len(totals)]
        base = part.ctypes.data
        if len(padded) > 0:
            pad_rows(part, padded)
            base = padded.ctypes.data
        totals[:] = constant
        _add_weights(base, len(part), mirror, planes, factor, totals)
        if other_factor != 0:
            _add_weights(base, len(part), other_mirror, other_planes, other_factor, totals)
        for i in range(len(found)):
            found[i] = np.float64(totals[i]) / np.float64(divisor)


@njit(nogil=True, cache=True)
def _add_weights(
    rows: int, count: int, mirror: NDArray[np.uint64], planes: NDArray[np.uint64], factor: int,
    totals: NDArray[np.int64],
) -> None:
    number, left = planes.shape
    stride, seen, plane, out = left * WORD, mirror.ctypes.data, planes.ctypes.data, totals.ctypes.data
    plane_stride = stride
    while left >= 16:
        row_weights(rows, stride, seen, plane, plane_stride, number, factor, out, count, 16)
        rows, seen, plane, left = rows + 16 * WORD, seen + 16 * WORD, plane + 16 * WORD, left - 16
    if left >= 8:
        row_weights(rows, stride, seen, plane, plane_stride, number, factor, out, count, 8)
        rows, seen, plane, left = rows + 8 * WORD, seen + 8 * WORD, plane + 8 * WORD, left - 8
    if left >= 4:
        row_weights(rows, stride, seen, plane, plane_stride, number, factor, out, count, 4)
        rows, seen, plane, left = rows + 4 * WORD, seen + 4 * WORD, plane + 4 * WORD, left - 4
    if left >= 2:
        row_weights(rows, stride, seen, plane, plane_stride, number, factor, out, count, 2)
        rows, seen, plane, left = rows + 2 * WORD, seen + 2 * WORD, plane + 2 * WORD, left - 2
    if left >= 1:
        row_weights(rows, stride, seen, plane, plane_stride, number, factor, out, count, 1)
