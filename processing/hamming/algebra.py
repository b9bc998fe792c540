"""Bitwise algebra of packed codes. Bits beyond a code's own, up to its last byte, are zero and stay zero."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .words import checked

Combination = Literal["and", "or", "xor"]
_FOLDS = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
BLOCK_ROWS = 1 << 15


def combine(codes: NDArray[np.uint8], how: Combination) -> NDArray[np.uint8]:
    """Fold codes (p, bytes), p ≥ 1, into one: (1, bytes). Raises ValueError without codes or for another word."""
    values = checked(codes)
    if len(values) == 0:
        raise ValueError("there are no codes to combine")
    if how not in _FOLDS:
        raise ValueError(f"codes are combined by and, or, xor, not by {how!r}")
    folded: NDArray[np.uint8] = _FOLDS[how].reduce(values, axis=0, keepdims=True)
    return folded


def invert(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Every one of the first ``bits`` bits turned over, of codes (n, bytes): a new array."""
    values = checked(codes)
    return np.bitwise_xor(values, own_bits(bits, values.shape[1]))


def majority(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """The typical code of codes (n, bytes): each of the first ``bits`` bits as in more than half of them, (1, bytes).

    A tie is 0. Raises ValueError without codes.
    """
    values = checked(codes)
    if len(values) == 0:
        raise ValueError("there are no codes, so none is typical")
    ones = count_ones(values)
    packed: NDArray[np.uint8] = np.packbits(2 * ones > len(values))[None] & own_bits(bits, values.shape[1])
    return packed


def count_ones(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many of codes (n, bytes) have each bit: (8 · bytes,), dimension by dimension."""
    counts = np.zeros(8 * codes.shape[1], np.int64)
    _count_ones(np.ascontiguousarray(codes), counts)
    return counts


def own_bits(bits: int, size: int) -> NDArray[np.uint8]:
    """A mask (bytes,) of the bits that are dimensions. Raises ValueError if ``bits`` do not end in the last byte."""
    if not 8 * (size - 1) < bits <= 8 * size:
        raise ValueError(f"codes of {size} bytes have {8 * size - 7} to {8 * size} bits, not {bits}")
    return np.packbits(np.arange(8 * size) < bits)


@njit(nogil=True, cache=True)
def _count_ones(codes: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    for row in range(len(codes)):
        code = codes[row]
        for byte in range(len(code)):
            value = code[byte]
            line = counts[8 * byte : 8 * byte + 8]
            for bit in range(8):
                line[bit] += (value >> (7 - bit)) & 1
