"""What the windows of some rows have said so far: scores added up by their weights, handed on when they are
complete."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Blend:
    """Blended scores (channels, height, width) of the model's columns ``left`` … ``right``, for rows that move down.

    ``carried`` holds what windows of the panel to the left have said of the first columns, and takes what these windows
    say of the columns from ``carry`` on, for the panel to the right: an array (rows, numbers) or None where nothing is
    handed over, its row 0 being the model's row ``carried_top``.
    """

    def __init__(
        self, channels: int, height: int, columns: tuple[int, int], top: int, received: int, carry: int,
        carried: NDArray[np.float32] | None, carried_top: int,
    ) -> None:
        self._left, right = columns
        self._scores = np.zeros((channels, height, right - self._left), np.float32)
        self._top, self._filled = top, top
        self._received, self._carry = received, carry
        self._carried, self._carried_top = carried, carried_top
        self.move(top)

    def add(
        self, scores: NDArray[np.float32], top: int, left: int, down: NDArray[np.float32], right: NDArray[np.float32]
    ) -> None:
        """Add a window's scores (channels, height, width) with its weights down the rows and along the columns."""
        height, width = scores.shape[1:]
        row, column = top - self._top, left - self._left
        add_weighted(scores, down, right, self._scores[:, row : row + height, column : column + width])

    def rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        """A copy of the rows ``top`` … ``bottom`` (exclusive)."""
        return self._scores[:, top - self._top : bottom - self._top].copy()

    def move(self, top: int) -> None:
        """Let go of the rows above ``top``, and make room for as many below."""
        height = self._scores.shape[1]
        gone = min(top - self._top, height)
        if gone:
            self._hand_over(gone)
            for plane in self._scores:
                plane[: height - gone] = plane[gone:]
                plane[height - gone :] = 0
        self._top = top
        self._receive(max(self._filled, top), top + height)

    def _hand_over(self, rows: int) -> None:
        columns = self._scores[:, :rows, self._carry - self._left :]
        if self._carried is None or columns.shape[2] == 0:
            return
        first = self._top - self._carried_top
        last = min(first + rows, len(self._carried))
        if first < last:
            kept = columns[:, : last - first].transpose(1, 0, 2).reshape(last - first, -1)
            self._carried[first:last, : kept.shape[1]] = kept

    def _receive(self, top: int, bottom: int) -> None:
        """Fill new rows with what the panel to the left has handed over."""
        self._filled = max(self._filled, bottom)
        if self._carried is None or not self._received:
            return
        first, last = top - self._carried_top, min(bottom - self._carried_top, len(self._carried))
        if first < last:
            channels = len(self._scores)
            found: NDArray[Any] = self._carried[first:last, : channels * self._received]
            rows = slice(top - self._top, top - self._top + last - first)
            self._scores[:, rows, : self._received] = found.reshape(last - first, channels, -1).transpose(1, 0, 2)


@njit(nogil=True, cache=True, error_model="numpy")
def add_weighted(
    values: NDArray[np.float32], down: NDArray[np.float32], right: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Add ``values`` (channels, height, width), times ``down`` (height,) and ``right`` (width,), to ``out`` of the
    same shape."""
    for channel in range(values.shape[0]):
        for row in range(values.shape[1]):
            weight = down[row]
            if weight == 0:
                continue
            source, target = values[channel, row], out[channel, row]
            for column in range(len(target)):
                target[column] += weight * right[column] * source[column]
