"""Small segments of a class map give way to what surrounds them: the most frequent class of a square around a pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .decision import NO_CLASS

WORK = 1 << 26
"""Pixels looked at in one step, about: a cancelled run does not wait long."""


def smoothed(classes: NDArray[np.uint8], side: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Row bands (first row, classes) of a class map (height, width) in which each pixel has the class that is the most
    frequent among the ``side`` × ``side`` pixels around it (even: one more).

    Of two classes this is the median filter. Of more it is what a median is meant to do: the middle of class numbers
    means nothing. Pixels without a class stay so and do not count; of equally frequent classes the pixel's own wins,
    else the smaller number. The map's edge cuts the square.
    """
    height, width = classes.shape
    rows = max(1, min(512, WORK // (width * (2 * (side | 1) + 16))))
    half = side // 2
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first, last = max(0, top - half), min(height, bottom + half)
        out = np.empty((bottom - top, width), np.uint8)
        _most_frequent(np.ascontiguousarray(classes[first:last]), top - first, half, out)
        yield top, out


@njit(nogil=True, cache=True, error_model="numpy")
def _most_frequent(classes: NDArray[np.uint8], skip: int, half: int, out: NDArray[np.uint8]) -> None:
    height, width = classes.shape
    present = np.zeros(256, np.bool_)
    for row in range(height):
        for column in range(width):
            present[classes[row, column]] = True
    present[NO_CLASS] = False
    known = np.flatnonzero(present)
    counts = np.empty(256, np.int32)
    for row in range(out.shape[0]):
        counts[:] = 0
        first, last = max(0, skip + row - half), min(height, skip + row + half + 1)
        for column in range(min(half, width)):
            for line in range(first, last):
                counts[classes[line, column]] += 1
        for column in range(width):
            if column + half < width:
                for line in range(first, last):
                    counts[classes[line, column + half]] += 1
            if column - half - 1 >= 0:
                for line in range(first, last):
                    counts[classes[line, column - half - 1]] -= 1
            own = classes[skip + row, column]
            if own != NO_CLASS:
                most = counts[own]
                for one in known:
                    if counts[one] > most:
                        most, own = counts[one], np.uint8(one)
            out[row, column] = own
