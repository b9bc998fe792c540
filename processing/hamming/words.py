"""Packed codes in memory: (n, bytes) uint8, and rows of 64-bit words, padded with zeros."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from .vectors import WORD

MOST_BYTES = (2**16 - 1) // 8
"""Of a code: distances fit 16 bits."""
ALIGNMENT = 64


def checked(codes: NDArray[np.uint8], size: int | None = None) -> NDArray[np.uint8]:
    """Codes as (n, bytes), C-contiguous. Raises ValueError for another type or shape, or codes over MOST_BYTES."""
    values = np.asarray(codes)
    if values.dtype != np.uint8 or values.ndim != 2:
        raise ValueError(f"codes are uint8 (n, bytes), not {values.dtype} of the shape {values.shape}")
    if size is not None and values.shape[1] != size:
        raise ValueError(f"codes of {values.shape[1]} bytes cannot be compared with codes of {size}")
    if not 0 < values.shape[1] <= MOST_BYTES:
        raise ValueError(f"codes have 1 to {MOST_BYTES} bytes, not {values.shape[1]}")
    return np.ascontiguousarray(values)


def words_of(size: int) -> int:
    """64-bit words that ``size`` bytes take."""
    return -(-size // WORD)


def as_words(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(n, bytes) → (n, words), a copy, at an address that whole vectors are loaded from in one go."""
    count, size = codes.shape
    words = aligned((count, words_of(size)), np.uint64)
    words[:] = 0
    words.view(np.uint8)[:, :size] = codes
    return words


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Memory that begins at a multiple of 64 bytes."""
    memory = np.empty(math.prod(shape) * np.dtype(dtype).itemsize + ALIGNMENT, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % ALIGNMENT)


@njit(nogil=True, cache=True)
def pad_rows(codes: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Copy codes (n, bytes) into the first bytes of the rows of ``out``, whose others are zero already."""
    for row in range(len(codes)):
        source, target = codes[row], out[row]
        for i in range(len(source)):
            target[i] = source[i]
