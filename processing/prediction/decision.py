"""What blended scores say of a pixel: the class, how sure it is, and the scores as bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

TOP, NO_SCORE = 254, 255
"""What stands for a score of 1, and for no score."""
NO_CLASS = 255
"""What stands for no class in a class map, where 0 is often a class of the model."""


@dataclass(frozen=True)
class Decision:
    """How the scores of one head become classes.

    ``values`` are the class numbers of its channels, in order. ``exclusive``: the scores add up to 1, and the largest
    decides. Otherwise each says yes or no by itself: the largest decides among those of at least ``threshold``, and
    ``other`` is the class where none is. With exclusive classes ``threshold`` (0: none) may also ask for a least score.
    """

    values: tuple[int, ...]
    exclusive: bool
    threshold: float
    other: int

    def __call__(
        self, scores: NDArray[np.float32], wanted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Classes (height, width), confidence (height, width) and scores (channels, height, width), as bytes: 0 … 254
        for 0 … 1, and 255 where nothing is wanted.

        Confidence is the margin between the most likely class and the next one: 0 undecided, 1 sure, whatever the
        number of classes. Where classes do not exclude each other, "none of them" takes part, as 1 − the largest score.
        """
        shape = scores.shape[1:]
        classes, confidence = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        quantised = np.empty(scores.shape, np.uint8)
        _decide(scores, wanted, np.array(self.values, np.uint8), self.exclusive, np.float32(self.threshold),
                np.uint8(self.other), classes, confidence, quantised)
        return classes, confidence, quantised


@njit(nogil=True, cache=True, error_model="numpy")
def _decide(
    scores: NDArray[np.float32], wanted: NDArray[np.bool_], values: NDArray[np.uint8], exclusive: bool,
    threshold: np.float32, other: np.uint8, classes: NDArray[np.uint8], confidence: NDArray[np.uint8],
    quantised: NDArray[np.uint8],
) -> None:
    channels, height, width = scores.shape
    best, second = np.empty(width, np.float32), np.empty(width, np.float32)
    which = np.empty(width, np.int32)
    one, zero = np.float32(1), np.float32(0)
    for row in range(height):
        best[:] = scores[0, row]
        second[:] = zero
        which[:] = 0
        for channel in range(1, channels):
            line = scores[channel, row]
            for column in range(width):
                value, top = line[column], best[column]
                larger = value > top
                second[column] = top if larger else max(second[column], value)
                which[column] = channel if larger else which[column]
                best[column] = value if larger else top
        for column in range(width):
            top, next_one = best[column], second[column]
            said = values[which[column]]
            if top < threshold:
                said = other
            margin = top - next_one if exclusive else max(top, one - top) - max(next_one, min(top, one - top))
            known = wanted[row, column]
            classes[row, column] = said if known else NO_CLASS
            confidence[row, column] = _byte(margin) if known else np.uint8(NO_SCORE)
        for channel in range(channels):
            line, written = scores[channel, row], quantised[channel, row]
            for column in range(width):
                written[column] = _byte(line[column]) if wanted[row, column] else np.uint8(NO_SCORE)


@njit(nogil=True, cache=True, error_model="numpy")
def _byte(share: np.float32) -> np.uint8:
    """0 … 1 as 0 … 254."""
    return np.uint8(min(max(share, np.float32(0)), np.float32(1)) * np.float32(TOP) + np.float32(0.5))
