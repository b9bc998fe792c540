"""Distances of one query to all codes, at the speed at which memory is read."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..executors import cores, in_order
from .batch import row_parts
from .distance import row_scratch, scan_rows
from .vectors import WORD
from .words import as_words, checked, pad_rows


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
    padded, totals = row_scratch(codes.shape[1])
    _distances(words, codes, padded, totals, out)
    return out


@njit(nogil=True, cache=True)
def _distances(
    query: NDArray[np.uint64], codes: NDArray[np.uint8], padded: NDArray[np.uint8], totals: NDArray[np.uint64],
    out: NDArray[np.uint16],
) -> None:
    words = query.shape[1]
    for start in range(0, len(codes), len(totals)):
        part, found = codes[start : start + len(totals)], out[start : start + len(totals)]
        base = part.ctypes.data
        if len(padded) > 0:
            pad_rows(part, padded)
            base = padded.ctypes.data
        scan_rows(base, words * WORD, query.ctypes.data, len(part), words, totals)
        for i in range(len(found)):
            found[i] = totals[i]
