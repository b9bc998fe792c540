"""Rotate before quantising: after a random rotation no dimension has most of the range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..matmul import BLOCK_ROWS, FixedMatrix
from .affine import Affine
from .quantiser import Arrays, Codes, Options, Quantiser, Rows
from .rotation import check_rotatable, haar_rotation, rotation_hash


@dataclass(frozen=True)
class Turbo(Quantiser):
    """A Haar rotation of the seed, then the affine quantiser, fitted on rotated rows (TurboQuant as TerraBit has it).

    The rotation (d, d) is stored, or with ``-seeded`` made again from the seed; then its hash is checked, since another
    version of numpy may draw other numbers.
    """

    PATTERN = "turbo([8432])(-seeded)?"
    dimensions: int
    rotation: NDArray[np.float32] = field(repr=False)
    levels: Affine
    origin: tuple[int, str] | None
    """Seed and hash of a rotation that is not stored."""

    @classmethod
    def check(cls, options: Options, dimensions: int) -> None:
        check_rotatable(dimensions)

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Turbo:
        exact = haar_rotation(rows.shape[1], seed)
        rotation = exact.astype(np.float32)
        levels = Affine.fit(options[:1], FixedMatrix(rotation).product(rows), seed)
        return cls(rows.shape[1], rotation, levels, (seed, rotation_hash(exact)) if options[1] else None)

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        stored = {} if options[1] else {"rotation": (dimensions, dimensions)}
        return {**stored, **Affine.shapes(options[:1], dimensions)}

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Turbo:
        levels = Affine.restore(options[:1], dimensions, arrays, {})
        if not options[1]:
            return cls(dimensions, arrays["rotation"], levels, None)
        seed, known = facts.get("rotation_seed"), facts.get("rotation_hash")
        if not isinstance(seed, int) or seed < 0 or not isinstance(known, str):
            raise ValueError("the seed of the rotation, or its hash, is missing")
        rotation = haar_rotation(dimensions, seed)
        if rotation_hash(rotation) != known:
            raise ValueError(
                f"seed {seed} gives another rotation here than where the codec was made (numpy draws other numbers); "
                "only a codec that stores its rotation can be read with this version")
        return cls(dimensions, rotation.astype(np.float32), levels, (seed, known))

    def arrays(self) -> Arrays:
        stored: Arrays = {"rotation": self.rotation} if self.origin is None else {}
        return {**stored, **self.levels.arrays()}

    def facts(self) -> dict[str, Any]:
        return {} if self.origin is None else dict(zip(("rotation_seed", "rotation_hash"), self.origin, strict=True))

    @property
    def bytes(self) -> int:
        return self.levels.bytes

    def encode(self, rows: Rows) -> Codes:
        out = np.empty((len(rows), self.bytes), np.uint8)
        buffer = self._forward.buffer()
        for start in range(0, len(rows), BLOCK_ROWS):
            part = rows[start : start + BLOCK_ROWS]
            self.levels.encode_into(self._forward.multiply(part, buffer), out[start : start + len(part)])
        return out

    def decode(self, codes: Codes) -> Rows:
        return self._backward.product(self.levels.decode(codes))

    @cached_property
    def _forward(self) -> FixedMatrix:
        return FixedMatrix(self.rotation)

    @cached_property
    def _backward(self) -> FixedMatrix:
        return FixedMatrix(self.rotation.T)
