"""Reduced vectors of each fold, shared by all recipes that begin with the same reduction.

Components of PCA and truncated SVD are nested: the first 32 of 256 are those of a fit to 32. So each is fitted once a
fold, at the largest size asked for, and all rows are projected once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..compression.recipe import Recipe
from ..compression.reductions import REDUCTIONS, Reduction
from ..progress import Progress
from .labelled import Labelled
from .splits import Fold, Split

NESTED = ("pca", "svd")


@dataclass(frozen=True)
class Space:
    """What a reduction leaves of all rows, (n, k) float32, and the way back: v = z ``axes`` + ``origin``, (k, d) and
    (d,).

    Without a reduction ``axes`` is None: vectors are what they are.
    """

    rows: NDArray[np.float32]
    axes: NDArray[np.float64] | None
    origin: NDArray[np.float64] | None

    def first(self, kept: int) -> Space:
        """The space of the first components alone."""
        if self.axes is None or kept == len(self.axes):
            return self
        return Space(np.ascontiguousarray(self.rows[:, :kept]), self.axes[:kept], self.origin)

    def coordinates(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decoded rows (n, k) in k + 1 coordinates with the lengths and angles that they have once back in all d
        dimensions: neighbours are the same, and found in k / d of the time."""
        if self.axes is None:
            return decoded
        turn = self._turn.astype(np.float32)
        placed: NDArray[np.float32] = decoded @ turn[:-1] + turn[-1]
        return placed

    @cached_property
    def _turn(self) -> NDArray[np.float64]:
        """(k + 1, k + 1): a square root of the products of the axes and the origin with each other."""
        assert self.axes is not None and self.origin is not None
        spanned = np.vstack([self.axes, self.origin])
        values, vectors = np.linalg.eigh(spanned @ spanned.T)
        root: NDArray[np.float64] = vectors * np.sqrt(values.clip(0))
        return root


class Spaces:
    """The spaces of one split for the recipes of a grid."""

    def __init__(
        self, data: Labelled, split: Split, grid: Sequence[Recipe], seed: int, progress: Progress
    ) -> None:
        whole = Space(data.vectors, None, None)
        wanted: dict[str, set[int]] = {}
        for recipe in grid:
            if recipe.reduction and recipe.kept <= whole.rows.shape[1]:
                wanted.setdefault(recipe.reduction, set()).add(recipe.kept)
        self._folds: list[dict[tuple[str, int], Space]] = []
        for fold in split.folds:
            found = {("", 0): whole}
            for kind, sizes in wanted.items():
                for kept in [max(sizes)] if kind in NESTED else sorted(sizes):
                    progress.check()
                    space = _fitted(kind, kept, whole.rows, data.classes, fold, seed)
                    found.update({(kind, size): space.first(size) for size in (sizes if kind in NESTED else [kept])})
            self._folds.append(found)

    def of(self, fold: int, recipe: Recipe) -> Space:
        """The space that a recipe's quantiser works in. Raises InputError where there are too few dimensions for it."""
        recipe.check(self._folds[fold]["", 0].rows.shape[1])
        return self._folds[fold][recipe.reduction, recipe.kept]


def _fitted(
    kind: str, kept: int, rows: NDArray[np.float32], classes: NDArray[np.int64], fold: Fold, seed: int
) -> Space:
    reduction: Reduction = REDUCTIONS[kind].fit(kept, rows[fold.train], seed, classes[fold.train])
    origin = reduction.invert(np.zeros((1, kept), np.float32))[0].astype(np.float64)
    axes = reduction.invert(np.eye(kept, dtype=np.float32)).astype(np.float64) - origin
    return Space(np.ascontiguousarray(reduction.apply(rows)), axes, origin)
