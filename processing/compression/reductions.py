"""Fewer dimensions: principal components, truncated SVD, random projection, feature selection; and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .basis import principal_axes
from .matmul import FixedMatrix
from .quantisers.quantiser import Arrays, Rows

Labels = NDArray[Any]


class Reduction(ABC):
    """A fitted map from d dimensions to ``kept`` and the best way back. Rows are float32 and finite."""

    NAME: ClassVar[str]
    kept: int

    @classmethod
    @abstractmethod
    def fit(cls, kept: int, rows: Rows, seed: int, labels: Labels | None) -> Self:
        """Fit on training rows (n, d), n ≥ 1, d ≥ ``kept``."""

    @classmethod
    @abstractmethod
    def shapes(cls, kept: int, dimensions: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays it consists of; float32 but for ``indices``, which is int32."""

    @classmethod
    @abstractmethod
    def restore(cls, kept: int, dimensions: int, arrays: Arrays) -> Self:
        """From what ``arrays`` gave. Raises ValueError where these cannot be."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """Its parameters, to be kept."""

    @abstractmethod
    def apply(self, rows: Rows) -> Rows:
        """(n, d) → (n, kept)."""

    @abstractmethod
    def invert(self, reduced: Rows) -> Rows:
        """(n, kept) → (n, d)."""


@dataclass(frozen=True)
class PrincipalComponents(Reduction):
    """Centred, onto the axes of greatest variance. ``mean`` (d,), ``components`` (k, d), orthonormal."""

    NAME = "pca"
    kept: int
    mean: NDArray[np.float32] = field(repr=False)
    components: NDArray[np.float32] = field(repr=False)

    @classmethod
    def fit(cls, kept: int, rows: Rows, seed: int, labels: Labels | None) -> PrincipalComponents:
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        _, axes = principal_axes(rows - mean)
        return cls(kept, mean, axes[:kept].astype(np.float32))

    @classmethod
    def shapes(cls, kept: int, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"mean": (dimensions,), "components": (kept, dimensions)}

    @classmethod
    def restore(cls, kept: int, dimensions: int, arrays: Arrays) -> PrincipalComponents:
        return cls(kept, arrays["mean"], arrays["components"])

    def arrays(self) -> Arrays:
        return {"mean": self.mean, "components": self.components}

    def apply(self, rows: Rows) -> Rows:
        return self._forward.product(rows - self.mean)

    def invert(self, reduced: Rows) -> Rows:
        return self._backward.product(reduced) + self.mean

    @cached_property
    def _forward(self) -> FixedMatrix:
        return FixedMatrix(self.components.T)

    @cached_property
    def _backward(self) -> FixedMatrix:
        return FixedMatrix(self.components)


class TruncatedSvd(PrincipalComponents):
    """Onto the first right singular vectors of the rows as they are, not centred: ``mean`` is zero."""

    NAME = "svd"

    @classmethod
    def fit(cls, kept: int, rows: Rows, seed: int, labels: Labels | None) -> TruncatedSvd:
        _, axes = principal_axes(rows)
        return cls(kept, np.zeros(rows.shape[1], np.float32), axes[:kept].astype(np.float32))


@dataclass(frozen=True)
class RandomProjection(Reduction):
    """Onto Gaussian random directions, N(0, 1/k), of the seed (Johnson and Lindenstrauss, 1984).

    ``components`` (k, d) are stored. The way back is the pseudo-inverse: the shortest vector with these projections.
    """

    NAME = "random"
    kept: int
    components: NDArray[np.float32] = field(repr=False)

    @classmethod
    def fit(cls, kept: int, rows: Rows, seed: int, labels: Labels | None) -> RandomProjection:
        drawn = np.random.default_rng(seed).standard_normal((kept, rows.shape[1])) / np.sqrt(kept)
        return cls(kept, drawn.astype(np.float32))

    @classmethod
    def shapes(cls, kept: int, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"components": (kept, dimensions)}

    @classmethod
    def restore(cls, kept: int, dimensions: int, arrays: Arrays) -> RandomProjection:
        return cls(kept, arrays["components"])

    def arrays(self) -> Arrays:
        return {"components": self.components}

    def apply(self, rows: Rows) -> Rows:
        return self._forward.product(rows)

    def invert(self, reduced: Rows) -> Rows:
        return self._backward.product(reduced)

    @cached_property
    def _forward(self) -> FixedMatrix:
        return FixedMatrix(self.components.T)

    @cached_property
    def _backward(self) -> FixedMatrix:
        return FixedMatrix(np.linalg.pinv(self.components.astype(np.float64)).T.astype(np.float32))


@dataclass(frozen=True)
class Selection(Reduction):
    """The dimensions that differ most: by variance, or with labels by the F of an analysis of variance (ANOVA).

    ``indices`` (k,), ascending. The way back fills the others with their ``mean`` (d,) of the training rows.
    """

    NAME = "select"
    kept: int
    indices: NDArray[np.int32] = field(repr=False)
    mean: NDArray[np.float32] = field(repr=False)

    @classmethod
    def fit(cls, kept: int, rows: Rows, seed: int, labels: Labels | None) -> Selection:
        worth = rows.var(axis=0, dtype=np.float64) if labels is None else _analysis_of_variance(rows, labels)
        best = np.argsort(-worth, kind="stable")[:kept]
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        return cls(kept, np.sort(best).astype(np.int32), mean)

    @classmethod
    def shapes(cls, kept: int, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"indices": (kept,), "mean": (dimensions,)}

    @classmethod
    def restore(cls, kept: int, dimensions: int, arrays: Arrays) -> Selection:
        indices = arrays["indices"]
        if indices[0] < 0 or indices[-1] >= dimensions or (np.diff(indices) <= 0).any():
            raise ValueError(f"the selected dimensions are not ascending numbers below {dimensions}")
        return cls(kept, indices, arrays["mean"])

    def arrays(self) -> Arrays:
        return {"indices": self.indices, "mean": self.mean}

    def apply(self, rows: Rows) -> Rows:
        return rows[:, self.indices]

    def invert(self, reduced: Rows) -> Rows:
        out = np.tile(self.mean, (len(reduced), 1))
        out[:, self.indices] = reduced
        return out


REDUCTIONS: dict[str, type[Reduction]] = {
    kind.NAME: kind for kind in (PrincipalComponents, TruncatedSvd, RandomProjection, Selection)
}


def _analysis_of_variance(rows: Rows, labels: Labels) -> NDArray[np.float64]:
    """F of each dimension between the classes (d,); −1 where it is not defined, as for a constant dimension."""
    from sklearn.feature_selection import f_classif

    if len(np.unique(labels)) < 2:
        raise InputError("Selecting dimensions by labels needs at least two classes; there is one.")
    worth = np.full(rows.shape[1], -1.0)
    varying = np.ptp(rows, axis=0) > 0
    if varying.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            found, _ = f_classif(rows[:, varying].astype(np.float64), labels)
        worth[varying] = np.nan_to_num(found, nan=-1.0)
    return worth
