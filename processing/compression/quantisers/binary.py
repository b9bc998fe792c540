"""One bit a dimension: whether the value exceeds a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..packing import pack_above, row_bytes
from .quantiser import Arrays, Codes, Options, Quantiser, Rows

COLUMNS = 64
"""Dimensions whose thresholds are fitted at once: bounds the memory of their sorted copies."""


@dataclass(frozen=True)
class Binary(Quantiser):
    """Bit 1 iff x > threshold, dimension 0 in bit 7 of byte 0. Value: the mean of the training rows on that side.

    Thresholds, per dimension: zero · the training rows' median · their mean · ``fitted``: Otsu's, the cut whose two
    means leave the least squared error (Otsu, 1979; the best quantiser of one bit). A side without training rows has
    the threshold itself as its value. ``thresholds``, ``below`` and ``above`` are (d,) float32.
    """

    PATTERN = "binary-(zero|median|mean|fitted)"
    is_binary: ClassVar[bool] = True
    dimensions: int
    thresholds: NDArray[np.float32] = field(repr=False)
    below: NDArray[np.float32] = field(repr=False)
    above: NDArray[np.float32] = field(repr=False)

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Binary:
        return cls.at(_thresholds(options[0], rows), rows)

    @classmethod
    def at(cls, thresholds: NDArray[np.float32], rows: Rows) -> Binary:
        """With given thresholds, and values fitted on ``rows``."""
        upper = np.zeros(rows.shape[1], np.int64)
        sums = np.zeros((2, rows.shape[1]))
        for start in range(0, len(rows), 8192):
            part = rows[start : start + 8192].astype(np.float64)
            above = part > thresholds
            upper += above.sum(axis=0)
            sums[1] += np.where(above, part, 0).sum(axis=0)
            sums[0] += np.where(above, 0, part).sum(axis=0)
        counts = np.stack([len(rows) - upper, upper])
        means = np.where(counts > 0, sums / np.maximum(counts, 1), thresholds).astype(np.float32)
        return cls(rows.shape[1], thresholds, means[0], means[1])

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("thresholds", "below", "above"), (dimensions,))

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Binary:
        return cls(dimensions, arrays["thresholds"], arrays["below"], arrays["above"])

    def arrays(self) -> Arrays:
        return {"thresholds": self.thresholds, "below": self.below, "above": self.above}

    @property
    def bytes(self) -> int:
        return row_bytes(self.dimensions, 1)

    def encode(self, rows: Rows) -> Codes:
        return pack_above(rows, self.thresholds)

    def decode(self, codes: Codes) -> Rows:
        bits = np.unpackbits(codes, axis=1, count=self.dimensions)
        return np.asarray(np.where(bits.view(np.bool_), self.above, self.below))


def _thresholds(kind: str, rows: Rows) -> NDArray[np.float32]:
    if kind == "zero":
        return np.zeros(rows.shape[1], np.float32)
    if kind == "mean":
        return np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)
    found = np.empty(rows.shape[1], np.float32)
    for start in range(0, len(found), COLUMNS):
        part = rows[:, start : start + COLUMNS]
        found[start : start + COLUMNS] = np.median(part, axis=0) if kind == "median" else _otsu(part)
    return found


def _otsu(rows: Rows) -> NDArray[np.float32]:
    """The cut of each column with the greatest variance between its sides, (d,); the value itself if it is constant."""
    ordered = np.sort(rows, axis=0)
    values = ordered.astype(np.float64) - ordered.mean(axis=0, dtype=np.float64)
    count = len(values)
    if count < 2:
        return np.asarray(ordered[0])
    lower = np.cumsum(values, axis=0)[:-1]
    total = values.sum(axis=0)
    size = np.arange(1, count)[:, None]
    between = lower**2 / size + (total - lower) ** 2 / (count - size)
    between[ordered[1:] <= ordered[:-1]] = -1.0  # equal values stay on one side
    cut = between.argmax(axis=0)
    columns = np.arange(rows.shape[1])
    low, high = ordered[cut, columns], ordered[cut + 1, columns]
    middle = low / 2 + high / 2
    return np.asarray(np.where((middle >= low) & (middle < high), middle, low))
