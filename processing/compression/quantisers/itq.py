"""Iterative quantisation: the rotation whose signs lose least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..basis import principal_axes
from ..matmul import FixedMatrix
from .binary import Binary
from .quantiser import Arrays, Codes, Options, Quantiser, Rows
from .rotation import check_rotatable, haar_rotation

ITERATIONS = 50
MOST_ROWS = 10_000
"""The rotation is learned from at most so many training rows, drawn by the seed."""
SETTLED = 1e-4
"""Share of bits that still change, below which the search ends early."""


@dataclass(frozen=True)
class Itq(Quantiser):
    """Centre, rotate, take the signs: ITQ (Gong and Lazebnik, Iterative quantization, CVPR 2011).

    The rotation begins with the principal axes and a random one of the seed, then takes turns, up to 50 times: the
    signs of the rotated rows; the rotation nearest to them (orthogonal Procrustes). One bit a dimension; for fewer bits
    reduce first, as ITQ does itself: ``pca-64+itq``. Value: means of the training rows on either side, rotated back.
    ``mean`` (d,), ``rotation`` (d, d): rotated = (rows − mean) @ rotation. Time grows with d³: a minute for 768.
    """

    PATTERN = "itq"
    is_binary: ClassVar[bool] = True
    dimensions: int
    mean: NDArray[np.float32] = field(repr=False)
    rotation: NDArray[np.float32] = field(repr=False)
    signs: Binary

    @classmethod
    def check(cls, options: Options, dimensions: int) -> None:
        check_rotatable(dimensions)

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Itq:
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        chosen = rows
        if len(rows) > MOST_ROWS:
            chosen = rows[np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False)]
        rotation = _learn(chosen - mean, seed)
        rotated = FixedMatrix(rotation).product(rows - mean)
        signs = Binary.at(np.zeros(rows.shape[1], np.float32), rotated)
        return cls(rows.shape[1], mean, rotation, signs)

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {
            "mean": (dimensions,), "rotation": (dimensions, dimensions), "below": (dimensions,), "above": (dimensions,),
        }

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Itq:
        signs = Binary(dimensions, np.zeros(dimensions, np.float32), arrays["below"], arrays["above"])
        return cls(dimensions, arrays["mean"], arrays["rotation"], signs)

    def arrays(self) -> Arrays:
        return {
            "mean": self.mean, "rotation": self.rotation, "below": self.signs.below, "above": self.signs.above,
        }

    @property
    def bytes(self) -> int:
        return self.signs.bytes

    def encode(self, rows: Rows) -> Codes:
        return self.signs.encode(self._forward.product(rows - self.mean))

    def decode(self, codes: Codes) -> Rows:
        return self._backward.product(self.signs.decode(codes)) + self.mean

    @cached_property
    def _forward(self) -> FixedMatrix:
        return FixedMatrix(self.rotation)

    @cached_property
    def _backward(self) -> FixedMatrix:
        return FixedMatrix(self.rotation.T)


def _learn(centred: Rows, seed: int) -> NDArray[np.float32]:
    _, axes = principal_axes(centred)
    scores = centred @ axes.T.astype(np.float32)
    turn = haar_rotation(scores.shape[1], seed).astype(np.float32)
    before: NDArray[np.bool_] | None = None
    for _ in range(ITERATIONS):
        positive = scores @ turn > 0
        if before is not None and (positive != before).mean() < SETTLED:
            break
        before = positive
        signs = np.where(positive, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd(signs.T @ scores)
        turn = right.T @ left.T
    return (axes.T @ turn).astype(np.float32)
