"""About how long a study takes on this machine."""

from __future__ import annotations

import time

import numpy as np

from ..compression.matmul import TILE_ROWS
from ..compression.recipe import Recipe
from .findings import Study
from .probe import GRID
from .splits import INNER_FOLDS, Fold

STEPS = 12
"""Of one fit of the probe, about: for the estimate of the time."""


def seconds_of(study: Study, fold: Fold, recipe: Recipe, speed: float) -> float:
    """About how long a recipe takes on one fold: products of matrices at ``speed``, and what steps cost besides."""
    dimensions, train, test = study.data.vectors.shape[1], len(fold.train), len(fold.test)
    inner = int(recipe.kept or dimensions)
    outputs = 1 if len(study.data.names) == 2 else len(study.data.names)
    tiles = -(-outputs // TILE_ROWS) * TILE_ROWS
    steps = (len(GRID) * INNER_FOLDS + 1) * STEPS
    probe = steps * (2e-4 + 1e-8 * train * outputs + 2 * train * inner * tiles / speed)
    return float(0.03 + probe + train * (test * inner + 3 * dimensions * inner + 2 * inner**2) / speed)


def multiplications_a_second() -> float:
    """Of one thread's product of float32 matrices, measured here and now."""
    block = np.ones((512, 512), np.float32)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        block @ block
        best = min(best, time.perf_counter() - start)
    return 512**3 / best


def duration(seconds: float) -> str:
    """A time for people, coarse: what is told is never exact."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
