"""The kernel of "unlike its neighbours": mean Hamming distances of codes to those of other rows, not copying them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..hamming.vectors import popcount


def mean_hamming(
    codes: NDArray[np.uint8], near: NDArray[np.int32], first: int, out: NDArray[np.float32]
) -> None:
    """Mean differing bits of codes[first + i] and codes[near[first + i, :]] (n, k; −1: none) into out[i]; NaN without
    any."""
    rows = near[first : first + len(out)]
    if codes.shape[1] % 8 == 0:
        _mean(codes.view(np.uint64), rows, first, out)
    else:
        _mean(codes, rows, first, out)  # type: ignore[arg-type]  # bytes instead of words


@njit(nogil=True, cache=True)
def _mean(codes: NDArray[np.uint64], near: NDArray[np.int32], first: int, out: NDArray[np.float32]) -> None:
    for i in range(len(out)):
        own = codes[first + i]
        total, count = 0, 0
        for row in near[i]:
            if row >= 0:
                other = codes[row]
                for word in range(len(own)):
                    total += popcount(np.uint64(own[word] ^ other[word]))
                count += 1
        out[i] = total / count if count else np.nan
