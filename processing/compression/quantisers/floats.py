"""Floating-point numbers as they are, or with half the bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .quantiser import Arrays, Codes, Options, Quantiser, Rows

LARGEST_HALF = 65504.0


@dataclass(frozen=True)
class Floats(Quantiser):
    """IEEE 754 numbers, little-endian. float16 keeps 11 bits of precision; what it cannot hold is clipped to ±65504."""

    PATTERN = "float(32|16)"
    dimensions: int
    bits: int

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Floats:
        return cls(rows.shape[1], int(options[0]))

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {}

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Floats:
        return cls(dimensions, int(options[0]))

    def arrays(self) -> Arrays:
        return {}

    @property
    def bytes(self) -> int:
        return self.dimensions * self.bits // 8

    def encode(self, rows: Rows) -> Codes:
        if self.bits == 16:
            rows = np.clip(rows, -LARGEST_HALF, LARGEST_HALF)
        return np.ascontiguousarray(rows, f"<f{self.bits // 8}").view(np.uint8)

    def decode(self, codes: Codes) -> Rows:
        return np.ascontiguousarray(codes).view(f"<f{self.bits // 8}").astype(np.float32)
