"""How stored numbers become vectors: AlphaEarth's power mapping, a linear one, or none; and how that is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Mapping = Literal["alphaearth", "linear", "none"]

POWER_UNIT = 127.5
NODATA = -128
LINEAR_INT8 = 1 / 127


def dequantise(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """AlphaEarth's power mapping v = sign(q) (q / 127.5)²: int8 codes of any shape → float32; −128 → NaN.

    Source: the product's public documentation (Google Satellite Embedding V1).
    """
    table = power_table().astype(np.float32)
    return table[codes.view(np.uint8)]


def quantise(vectors: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """The inverse: clip(round(sign(v) √|v| 127.5), −127, 127) as int8; NaN → −128."""
    values = np.asarray(vectors, np.float64)
    codes = np.rint(np.copysign(np.sqrt(np.abs(values)) * POWER_UNIT, values))
    return np.where(np.isnan(codes), NODATA, np.clip(codes, -127, 127)).astype(np.int8)


def power_table() -> NDArray[np.float64]:
    """Values of the power mapping by the code's byte (0…127, then −128…−1); NaN at −128."""
    codes = np.arange(256).astype(np.uint8).view(np.int8).astype(np.float64)
    values = np.sign(codes) * (codes / POWER_UNIT) ** 2
    values[codes == NODATA] = np.nan
    return values


@dataclass(frozen=True)
class ValueMapping:
    """The mapping in use. ``linear`` is value = code · scale + offset; ``reason`` says how it was chosen."""

    kind: Mapping
    scale: float
    offset: float
    reason: str

    def apply(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Stored numbers → float32 values of the same shape. Nodata is the caller's."""
        if self.kind == "alphaearth":
            values = codes.astype(np.float32)
            values *= np.abs(values)
            values *= np.float32(POWER_UNIT**-2)
            return values
        values = codes.astype(np.float32)
        if self.kind == "linear":
            values *= np.float32(self.scale)
            values += np.float32(self.offset)
        return values


def detect(sample: NDArray[Any], scale: float, offset: float) -> ValueMapping:
    """Which mapping the valid pixels ``sample`` (pixels, bands), as stored, are in.

    int8 whose vectors have unit length under the power mapping is AlphaEarth's; a scale or offset in the file is
    linear, and so is int8 of unit length under q / 127; anything else is taken as it is.
    """
    if sample.dtype == np.int8 and len(sample):
        powered = ValueMapping("alphaearth", 1.0, 0.0, "").apply(sample)
        share = _unit_share(powered)
        if share > 0.9:
            return ValueMapping("alphaearth", 1.0, 0.0, f"{share:.1%} of vectors have unit length under it")
    if (scale, offset) != (1.0, 0.0):
        return ValueMapping("linear", scale, offset, f"the file says value = code × {scale:g} + {offset:g}")
    if sample.dtype == np.int8 and len(sample):
        share = _unit_share(sample.astype(np.float32) * np.float32(LINEAR_INT8))
        if share > 0.9:
            return ValueMapping("linear", LINEAR_INT8, 0.0, f"{share:.1%} of vectors have unit length under code / 127")
    if sample.dtype.kind == "f":
        return ValueMapping("none", 1.0, 0.0, "floating-point values")
    return ValueMapping(
        "none", 1.0, 0.0, f"{sample.dtype} values without a scale in the file, and no known mapping fits"
    )


def chosen(kind: Mapping, dtype: np.dtype[Any], scale: float, offset: float) -> ValueMapping:
    """The mapping the user asked for. Raises ValueError where it cannot hold for ``dtype``."""
    if kind == "alphaearth" and dtype != np.int8:
        raise ValueError(f"the AlphaEarth mapping is for int8 rasters; these are {dtype}")
    if kind == "linear" and (scale, offset) == (1.0, 0.0) and dtype == np.int8:
        return ValueMapping("linear", LINEAR_INT8, 0.0, "chosen; the file names no scale, so code / 127")
    return ValueMapping(kind, scale, offset, "chosen")


def _unit_share(vectors: NDArray[np.float32]) -> float:
    """Share of rows whose length is within 2 % of one."""
    lengths = np.sqrt(np.einsum("pb,pb->p", vectors, vectors, dtype=np.float64))
    return float(np.mean(np.abs(lengths - 1) < 0.02))
