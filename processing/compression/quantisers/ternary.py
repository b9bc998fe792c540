"""Three values a dimension, five of them a byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantiser import Arrays, Codes, Options, Quantiser, Rows

SHARE = 0.7
"""Of the mean deviation: Li and Liu's threshold (Ternary weight networks, 2016)."""
DIGITS = 5
"""3⁵ = 243 ≤ 256: 1.6 bits a dimension."""
WEIGHTS = np.array([81, 27, 9, 3, 1], np.uint8)


@dataclass(frozen=True)
class Ternary(Quantiser):
    """0, 1 or 2: below, within or above mean ± 0.7 · mean deviation of the training rows.

    Five numbers make a byte, the first one the most significant digit to base 3; the last byte is padded with zeros.
    The values (3, d) are the means of the training rows of each kind; where there are none, the nearer end of the band,
    or its middle. ``low`` and ``high`` (d,) are the ends of the band, which belong to it.
    """

    PATTERN = "ternary"
    dimensions: int
    low: NDArray[np.float32] = field(repr=False)
    high: NDArray[np.float32] = field(repr=False)
    values: NDArray[np.float32] = field(repr=False)

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Ternary:
        mean = rows.mean(axis=0, dtype=np.float64)
        deviation = np.add.reduce([np.abs(part - mean).sum(axis=0) for part in _parts(rows)]) / len(rows)
        margin = SHARE * deviation
        low, high = (mean - margin).astype(np.float32), (mean + margin).astype(np.float32)
        sums, counts = np.zeros((3, rows.shape[1])), np.zeros((3, rows.shape[1]))
        for part in _parts(rows):
            for kind, chosen in enumerate((part < low, (part >= low) & (part <= high), part > high)):
                counts[kind] += chosen.sum(axis=0)
                sums[kind] += np.where(chosen, part, 0).sum(axis=0)
        fallback = np.stack([low, mean, high])
        values = np.where(counts > 0, sums / np.maximum(counts, 1), fallback).astype(np.float32)
        return cls(rows.shape[1], low, high, values)

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"low": (dimensions,), "high": (dimensions,), "values": (3, dimensions)}

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Ternary:
        if (arrays["low"] > arrays["high"]).any():
            raise ValueError("a band of ternary values ends before it begins")
        return cls(dimensions, arrays["low"], arrays["high"], arrays["values"])

    def arrays(self) -> Arrays:
        return {"low": self.low, "high": self.high, "values": self.values}

    @property
    def bytes(self) -> int:
        return -(-self.dimensions // DIGITS)

    def encode(self, rows: Rows) -> Codes:
        digits = np.zeros((len(rows), self.bytes * DIGITS), np.uint8)
        np.add(rows >= self.low, rows > self.high, out=digits[:, : self.dimensions], dtype=np.uint8)
        return np.asarray((digits.reshape(len(rows), self.bytes, DIGITS) * WEIGHTS).sum(axis=2, dtype=np.uint8))

    def decode(self, codes: Codes) -> Rows:
        digits = (codes[:, :, None] // WEIGHTS % 3).reshape(len(codes), -1)[:, : self.dimensions]
        return np.asarray(np.where(digits == 0, self.values[0], np.where(digits == 1, self.values[1], self.values[2])))


def _parts(rows: Rows) -> Iterator[NDArray[np.float64]]:
    """The rows in float64, some at a time."""
    return (rows[start : start + 8192].astype(np.float64) for start in range(0, len(rows), 8192))
