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
from .distance import MOST_ROWS, ask_for
from .vectors import LANES, VECTOR_BYTES, WORD, load_word, popcount, row_weight
from .words import aligned, as_words, checked, pad_rows, words_of


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
        planes = as_words(np.packbits(bits.astype(bool), axis=1))
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
        words = words_of(self.size)
        padded = aligned((MOST_ROWS if self.size % WORD else 0, words * WORD), np.uint8)
        padded[:] = 0
        one, other = self._sides[0], self._sides[-1]
        second = other.factor if len(self._sides) > 1 else 0
        _weigh(codes, padded, words, one.mirror, one.planes, one.factor, other.mirror, other.planes, second,
               self._constant, self.divisor, out)
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
def _weight(row: int, mirror: NDArray[np.uint64], planes: NDArray[np.uint64]) -> int:
    count, words = planes.shape
    stride, seen, plane = words * WORD, mirror.ctypes.data, planes.ctypes.data
    total, left = 0, words
    while left >= 2 * LANES:
        total += row_weight(row, seen, plane, stride, count, 2)
        row += 2 * VECTOR_BYTES
        seen += 2 * VECTOR_BYTES
        plane += 2 * VECTOR_BYTES
        left -= 2 * LANES
    if left >= LANES:
        total += row_weight(row, seen, plane, stride, count, 1)
        row += VECTOR_BYTES
        seen += VECTOR_BYTES
        plane += VECTOR_BYTES
        left -= LANES
    for place in range(0, left * WORD, WORD):
        word, part = load_word(row + place) ^ load_word(seen + place), 0
        for number in range(count):
            part = 2 * part + popcount(word & load_word(plane + number * stride + place))
        total += part
    return total


@njit(nogil=True, cache=True)
def _weigh(
    codes: NDArray[np.uint8], padded: NDArray[np.uint8], words: int,
    mirror: NDArray[np.uint64], planes: NDArray[np.uint64], factor: int,
    other_mirror: NDArray[np.uint64], other_planes: NDArray[np.uint64], other_factor: int,
    constant: int, divisor: int, out: NDArray[np.float32],
) -> None:
    for start in range(0, len(codes), MOST_ROWS):
        part = codes[start : start + MOST_ROWS]
        base = part.ctypes.data
        if len(padded) > 0:
            pad_rows(part, padded)
            base = padded.ctypes.data
        for i in range(len(part)):
            row = base + i * words * WORD
            ask_for(row, words * WORD)
            total = constant + factor * _weight(row, mirror, planes)
            if other_factor != 0:
                total += other_factor * _weight(row, other_mirror, other_planes)
            out[start + i] = np.float32(np.float64(total) / np.float64(divisor))
