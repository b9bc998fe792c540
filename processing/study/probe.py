"""The linear probe: multinomial logistic regression whose C is chosen by inner folds, fast where vectors are wide.

The objective is scikit-learn's: C Σ loss + ½ ‖W‖², the intercept free, one logit for two classes. It is minimised by
L-BFGS in coordinates in which the problem is nearly round: the principal axes of the training rows, each scaled by its
expected curvature q λ + 1 / C. The values of C are walked from the strongest regularisation to the weakest, each fit
beginning where the one before it ended. Neither changes the minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

GRID = tuple(10.0**power for power in range(-4, 3))
"""Values of C, for vectors whose variance is one on average over their dimensions."""
ENOUGH = 1e-4
"""A fit is done when the Newton step would gain less than this share of what is left of the objective."""
ITERATIONS = 300


@dataclass(frozen=True)
class Probe:
    """Classes predicted for the test rows, the C chosen, and how right each C was on the inner folds (C,)."""

    predicted: NDArray[np.int64]
    c: float
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """``weights`` (d, outputs) and ``intercept`` (outputs,) of centred, scaled vectors; one output for two classes."""

    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """The class of each row (n,)."""
        logits = rows @ self.weights.astype(np.float32) + self.intercept.astype(np.float32)
        if logits.shape[1] == 1:
            return (logits[:, 0] > 0).astype(np.int64)
        classes: NDArray[np.int64] = logits.argmax(axis=1)
        return classes


def linear_probe(
    train: NDArray[np.float32],
    classes: NDArray[np.int64],
    inner: NDArray[np.int64] | None,
    test: NDArray[np.float32],
    progress: Progress,
) -> Probe:
    """Fit on ``train`` (n, d) with ``classes`` (n,) 0 … total − 1, all of which occur, and predict ``test`` (m, d).

    ``inner`` (n,) is the inner fold that tests each row; the smallest C of those that are right most often over all
    folds is taken. Without inner folds C = 1. Vectors are centred and scaled by one number, learned on ``train``.
    """
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = train - mean
    scale = float(np.sqrt(np.einsum("nd,nd->", rows, rows, dtype=np.float64) / rows.size))
    scale = 1 / scale if scale > 0 else 1.0
    rows *= np.float32(scale)
    held_out = (test - mean) * np.float32(scale)
    total = int(classes.max()) + 1
    axes = _principal_axes(rows)
    progress.check()
    chosen, start, scores = 1.0, None, np.empty(0)
    if inner is not None:
        rates, paths = [], []
        for fold in np.unique(inner):
            kept, tested = inner != fold, inner == fold
            path = _path(rows[kept], classes[kept], total, axes, GRID, None, progress)
            rates.append([float(np.mean(one.predict(rows[tested]) == classes[tested])) for one in path])
            paths.append(path)
        scores = np.mean(rates, axis=0)
        best = int(np.flatnonzero(scores >= scores.max() - 1e-12)[0])
        chosen, start = GRID[best], paths[0][best]
    (solution,) = _path(rows, classes, total, axes, (chosen,), start, progress)
    return Probe(solution.predict(held_out), chosen, scores)


@dataclass(frozen=True)
class _Axes:
    """Principal axes (d, d) in columns and their variances (d,)."""

    vectors: NDArray[np.float32]
    variances: NDArray[np.float64]


def _principal_axes(rows: NDArray[np.float32]) -> _Axes:
    variances, vectors = np.linalg.eigh(rows.T @ rows / np.float32(len(rows)))
    return _Axes(vectors.astype(np.float32), variances.astype(np.float64).clip(0))


def _path(
    rows: NDArray[np.float32],
    classes: NDArray[np.int64],
    total: int,
    axes: _Axes,
    values: tuple[float, ...],
    start: Solution | None,
    progress: Progress,
) -> list[Solution]:
    """The solution for each C, each begun at the one before, the first at ``start``."""
    solutions: list[Solution] = []
    for c in values:
        start = _fit(_Objective(rows, classes, total), axes, c, start, progress)
        solutions.append(start)
    return solutions


class _Objective:
    """Σ loss of the rows, and its gradient, without the penalty."""

    def __init__(self, rows: NDArray[np.float32], classes: NDArray[np.int64], total: int) -> None:
        self.rows, self.classes = rows, classes
        self.outputs = 1 if total == 2 else total
        self._index = np.arange(len(rows))

    def probabilities(self, weights: NDArray[Any], intercept: NDArray[Any]) -> tuple[float, NDArray[np.float32]]:
        """The loss, and the probabilities (n, outputs)."""
        logits = self.rows @ weights.astype(np.float32)
        logits += intercept.astype(np.float32)
        if self.outputs == 1:
            signed = np.where(self.classes == 1, logits[:, 0], -logits[:, 0])
            loss = float(np.logaddexp(np.float32(0), -signed).sum(dtype=np.float64))
            return loss, (1 / (1 + np.exp(-logits.clip(-80, 80)))).astype(np.float32, copy=False)
        logits -= logits.max(axis=1, keepdims=True)
        true = logits[self._index, self.classes].astype(np.float64)
        np.exp(logits, out=logits)
        sums = logits.sum(axis=1)
        loss = float((np.log(sums.astype(np.float64)) - true).sum())
        logits /= sums[:, None]
        return loss, logits

    def residuals(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities less the truth, in place."""
        if self.outputs == 1:
            probabilities[:, 0] -= self.classes
        else:
            probabilities[self._index, self.classes] -= 1
        return probabilities


def _fit(objective: _Objective, axes: _Axes, c: float, start: Solution | None, progress: Progress) -> Solution:
    from scipy.optimize import minimize

    count, dimensions = objective.rows.shape
    outputs = objective.outputs
    begun = start or Solution(np.zeros((dimensions, outputs)), np.zeros(outputs))
    _, first = objective.probabilities(begun.weights, begun.intercept)
    curvature = np.maximum((first * (1 - first)).mean(axis=0, dtype=np.float64), 1e-4)
    scale = 1 / np.sqrt(count * axes.variances[:, None] * curvature + 1 / c)
    free = 1 / np.sqrt(count * curvature)
    turned = axes.vectors.T.astype(np.float64) @ begun.weights / scale
    size = dimensions * outputs
    last = [np.inf, 0.0]

    def weights(point: NDArray[np.float64]) -> NDArray[np.float32]:
        turned = scale * point[:size].reshape(dimensions, outputs)
        found: NDArray[np.float32] = axes.vectors @ turned.astype(np.float32)
        return found

    def value(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        progress.check()
        coordinates = scale * point[:size].reshape(dimensions, outputs)
        loss, probabilities = objective.probabilities(weights(point), free * point[size:])
        residuals = objective.residuals(probabilities)
        gradient = (axes.vectors.T @ (objective.rows.T @ residuals)).astype(np.float64) + coordinates / c
        slope = np.concatenate([(scale * gradient).ravel(), free * residuals.sum(axis=0, dtype=np.float64)])
        last[:] = [float(slope @ slope) / 2, loss + float((coordinates**2).sum()) / (2 * c)]
        return last[1], slope

    def near(_: Any) -> None:
        if last[0] < ENOUGH * last[1]:
            raise StopIteration

    found = minimize(
        value, np.concatenate([turned.ravel(), begun.intercept / free]), jac=True, method="L-BFGS-B", callback=near,
        options={"maxiter": ITERATIONS, "maxcor": 10, "gtol": 0, "ftol": 1e-12})
    return Solution(weights(found.x).astype(np.float64), free * found.x[size:])
