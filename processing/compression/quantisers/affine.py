"""Whole numbers of 8, 4, 3 or 2 bits: each dimension's range cut into equal steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..packing import quantise_and_pack, row_bytes, unpack
from .quantiser import Arrays, Codes, Options, Quantiser, Rows

SMALLEST_STEP = 1e-37
"""A range of less counts as constant: its inverse would not be a float32."""


@dataclass(frozen=True)
class Affine(Quantiser):
    """code = clip(rint((x − low) / scale), 0, 2^bits − 1), per dimension; value = low + code · scale.

    low is the minimum of the training rows and scale their range / (2^bits − 1): inside that range the error is at most
    scale / 2; values outside are clipped to it. A constant dimension has scale 0 and comes back as that constant.
    ``low`` and ``scale`` are (d,) float32.
    """

    PATTERN = "int([8432])"
    dimensions: int
    bits: int
    low: NDArray[np.float32] = field(repr=False)
    scale: NDArray[np.float32] = field(repr=False)

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Affine:
        bits = int(options[0])
        low, high = rows.min(axis=0), rows.max(axis=0)
        step = (high.astype(np.float64) - low) / (2**bits - 1)
        return cls(rows.shape[1], bits, low, np.where(step > SMALLEST_STEP, step, 0).astype(np.float32))

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"low": (dimensions,), "scale": (dimensions,)}

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Affine:
        scale = arrays["scale"]
        if ((scale < 0) | ((scale > 0) & (scale < np.float32(SMALLEST_STEP / 2)))).any():
            raise ValueError("a scale is negative, or too small to divide by")
        return cls(dimensions, int(options[0]), arrays["low"], scale)

    def arrays(self) -> Arrays:
        return {"low": self.low, "scale": self.scale}

    @property
    def bytes(self) -> int:
        return row_bytes(self.dimensions, self.bits)

    def encode(self, rows: Rows) -> Codes:
        out = np.empty((len(rows), self.bytes), np.uint8)
        self.encode_into(rows, out)
        return out

    def encode_into(self, rows: Rows, out: Codes) -> None:
        """Write the codes of ``rows`` to ``out`` (n, bytes)."""
        quantise_and_pack(rows, self.low, self._inverse, self.bits, out)

    def decode(self, codes: Codes) -> Rows:
        values = unpack(codes, self.bits, self.dimensions).astype(np.float32)
        values *= self.scale
        values += self.low
        return values

    @cached_property
    def _inverse(self) -> NDArray[np.float32]:
        return np.divide(1, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)
