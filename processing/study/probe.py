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

from ..compression.matmul import FixedMatrix
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
    variance = float(np.einsum("nd,nd->", rows, rows, dtype=np.float64) / rows.size)
    rows *= np.float32(1 / np.sqrt(variance) if variance > 0 else 1)
    variances, axes = np.linalg.eigh(rows.T @ rows / np.float32(len(rows)))
    progress.check()
    turn = FixedMatrix(axes)
    problem = _Problem(turn.product(rows), classes, variances.astype(np.float64).clip(0))
    chosen, start, scores = 1.0, None, np.empty(0)
    if inner is not None:
        rates, paths = [], []
        for fold in np.unique(inner):
            path: list[Solution] = []
            for c in GRID:
                path.append(problem.fit(c, inner != fold, path[-1] if path else None, progress))
            rates.append([problem.share_right(one, inner == fold) for one in path])
            paths.append(path)
        scores = np.mean(rates, axis=0)
        best = int(np.flatnonzero(scores >= scores.max() - 1e-12)[0])
        chosen, start = GRID[best], paths[0][best]
    solution = problem.fit(chosen, np.ones(len(rows), bool), start, progress)
    held_out = turn.product((test - mean) * np.float32(1 / np.sqrt(variance) if variance > 0 else 1))
    logits = held_out @ solution.weights.T.astype(np.float32) + solution.intercept.astype(np.float32)
    return Probe(_classes(logits.T), chosen, scores)


@dataclass(frozen=True)
class Solution:
    """``weights`` (outputs, d) and ``intercept`` (outputs,) for rows on their principal axes; one output for two
    classes."""

    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]


class _Problem:
    """Rows (n, d) on their principal axes, of ``variances`` (d,), and their classes: ready for many fits.

    Rows that a fit leaves out stay where they are, with no weight: what is laid out for fast products is laid out once.
    """

    def __init__(
        self, rows: NDArray[np.float32], classes: NDArray[np.int64], variances: NDArray[np.float64]
    ) -> None:
        self.variances = variances
        self.outputs = 1 if classes.max() == 1 else int(classes.max()) + 1
        self._classes = classes
        self._index = np.arange(len(rows))
        self._logits, self._gradient = FixedMatrix(rows.T), FixedMatrix(rows)

    def fit(self, c: float, kept: NDArray[np.bool_], start: Solution | None, progress: Progress) -> Solution:
        """The minimum for the ``kept`` (n,) rows, begun at ``start``."""
        from scipy.optimize import minimize

        count, dimensions, outputs = int(kept.sum()), len(self.variances), self.outputs
        begun = start or Solution(np.zeros((outputs, dimensions)), np.zeros(outputs))
        weight = kept.astype(np.float32)
        _, first = self._probabilities(begun.weights, begun.intercept, weight)
        curvature = np.maximum((first * (1 - first) * weight).sum(axis=1, dtype=np.float64) / count, 1e-4)
        scale = 1 / np.sqrt(count * curvature[:, None] * self.variances + 1 / c)
        free = 1 / np.sqrt(count * curvature)
        size = dimensions * outputs
        last = [np.inf, 0.0]

        def value(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            progress.check()
            weights = scale * point[:size].reshape(outputs, dimensions)
            loss, residuals = self._probabilities(weights, free * point[size:], weight)
            if outputs == 1:
                residuals[0] -= self._classes
            else:
                residuals[self._classes, self._index] -= 1
            residuals *= weight
            gradient = self._gradient.product(residuals).astype(np.float64) + weights / c
            slope = np.concatenate([(scale * gradient).ravel(), free * residuals.sum(axis=1, dtype=np.float64)])
            last[:] = [float(slope @ slope) / 2, loss + float((weights**2).sum()) / (2 * c)]
            return last[1], slope

        def near(_: Any) -> None:
            if last[0] < ENOUGH * last[1]:
                raise StopIteration

        found = minimize(
            value, np.concatenate([(begun.weights / scale).ravel(), begun.intercept / free]), jac=True,
            method="L-BFGS-B", callback=near, options={"maxiter": ITERATIONS, "maxcor": 10, "gtol": 0, "ftol": 1e-12})
        return Solution(scale * found.x[:size].reshape(outputs, dimensions), free * found.x[size:])

    def share_right(self, solution: Solution, which: NDArray[np.bool_]) -> float:
        """The share of some rows (a mask) whose class a solution predicts."""
        logits = self._logits.product(solution.weights.astype(np.float32))
        logits += solution.intercept.astype(np.float32)[:, None]
        return float(np.mean((_classes(logits) == self._classes)[which]))

    def _probabilities(
        self, weights: NDArray[np.float64], intercept: NDArray[np.float64], weight: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float32]]:
        """The loss of the rows that count, and the probabilities of all (outputs, n)."""
        logits = self._logits.product(weights.astype(np.float32))
        logits += intercept.astype(np.float32)[:, None]
        if self.outputs == 1:
            signed = np.where(self._classes == 1, -logits[0], logits[0])
            loss = float((np.logaddexp(np.float32(0), signed) * weight).sum(dtype=np.float64))
            return loss, 1 / (1 + np.exp(-logits.clip(-80, 80)))
        logits -= logits.max(axis=0)
        true = logits[self._classes, self._index]
        np.exp(logits, out=logits)
        sums = logits.sum(axis=0)
        loss = float(((np.log(sums) - true) * weight).sum(dtype=np.float64))
        logits /= sums
        return loss, logits


def _classes(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """(outputs, n) → (n,)"""
    found: NDArray[np.int64] = (logits[0] > 0).astype(np.int64) if len(logits) == 1 else logits.argmax(axis=0)
    return found
