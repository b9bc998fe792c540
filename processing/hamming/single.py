"""Distances of one query to all codes, at the speed at which memory is read."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..executors import cores, in_order
from .batch import row_parts
from .distance import MOST_ROWS, ask_for, differing
from .vectors import WORD
from .words import aligned, as_words, checked, pad_rows, words_of


def distances(
    query: NDArray[np.uint8], codes: NDArray[np.uint8], executor: Executor | None = None
) -> NDArray[np.uint16]:
    """Bits that differ between a query (bytes,) and codes (n, bytes): (n,) uint16.

    With an executor parts of the codes are read side by side. Raises ValueError for what is not codes, or of another
    length.
    """
    asked = checked(np.asarray(query)[None] if np.ndim(query) == 1 else query)
    if len(asked) != 1:
        raise ValueError(f"one query is asked for, not {len(asked)}")
    values = checked(codes, asked.shape[1])
    words = as_words(asked)
    if executor is None:
        return _distances_of(words, values)
    parts = [values[part] for part in row_parts(len(values))]
    found = list(in_order(executor, lambda part: _distances_of(words, part), parts, cores()))
    return np.concatenate(found) if found else np.empty(0, np.uint16)


def _distances_of(words: NDArray[np.uint64], codes: NDArray[np.uint8]) -> NDArray[np.uint16]:
    out = np.empty(len(codes), np.uint16)
    padded = aligned((MOST_ROWS if codes.shape[1] % WORD else 0, words_of(codes.shape[1]) * WORD), np.uint8)
    padded[:] = 0
    _distances(words, codes, padded, out)
    return out


@njit(nogil=True, cache=True)
def _distances(
    query: NDArray[np.uint64], codes: NDArray[np.uint8], padded: NDArray[np.uint8], out: NDArray[np.uint16]
) -> None:
    size, words, asked = codes.shape[1], query.shape[1], query.ctypes.data
    if len(padded) == 0:
        base = codes.ctypes.data
        for row in range(len(codes)):
            ask_for(base + row * size, size)
            out[row] = differing(base + row * size, asked, words)
        return
    for start in range(0, len(codes), len(padded)):
        part = codes[start : start + len(padded)]
        pad_rows(part, padded)
        for row in range(len(part)):
            out[start + row] = differing(padded.ctypes.data + row * words * WORD, asked, words)
