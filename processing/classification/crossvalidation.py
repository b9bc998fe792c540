"""The choice of C by inner cross-validation, and nested cross-validation around it.

Everything that learns (means, deviations, class weights, C) is fitted inside its fold. Folds are given as one number a
row, so that the same folds can go to scikit-learn. One call of a kernel is one outer fold: they run beside each other
without the GIL, and the work can be cancelled between them.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..executors import in_order
from ..progress import Progress
from .logistic import (
    fill_designs,
    fit,
    fit_library,
    linear,
    newton_binary,
    newton_is_faster,
    newton_multinomial,
    sample_weights,
)
from .sharpness import sharpness

GRID = np.logspace(-3, 3, 10)
"""The values of C that are tried."""
DEFAULT_C = 1.0
"""C where there are too few labels to choose one."""
CLOSE = 1e-4
"""How far Newton goes while C is chosen: the next step would be about the square of this."""


@dataclass(frozen=True)
class Problem:
    """Rows to learn from: ``features`` (rows, d) float64, ``classes`` (rows,) 0 … total − 1.

    With two classes, class 1 is the positive one. Without ``rescale`` the features have a common scale already, and are
    not divided by the deviation of the rows that train.
    """

    features: NDArray[np.float64]
    classes: NDArray[np.int64]
    total: int
    balanced: bool
    rescale: bool = True

    def take(self, rows: NDArray[Any]) -> Problem:
        """The problem of some rows (indices or a mask)."""
        return Problem(self.features[rows], self.classes[rows], self.total, self.balanced, self.rescale)


class Fit(NamedTuple):
    """Weights (1 of two classes, else one a class, d) and bias, for the problem's features, the C they are regularised
    with, and the factor that is in them."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    c: float
    sharpness: float


@dataclass(frozen=True)
class Nested:
    """Predicted class of each row (−1 where no fold tested it), the C of each outer fold, and the held-out logits
    (rows, 1 of two classes, else one a class; NaN where no fold tested the row)."""

    predicted: NDArray[np.int64]
    c: list[float]
    logits: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 1)))


def choose_c(problem: Problem, folds: NDArray[np.int64] | None, grid: NDArray[np.float64] = GRID) -> float:
    """The smallest C whose mean F1 over the inner folds (two classes: of class 1; more: macro) is within one standard
    error of the best (Breiman et al. 1984): what a few labels cannot tell apart is decided for the simpler model.

    ``folds`` (rows,) numbers the inner fold that tests a row; None, where there are too few labels, gives C = 1.
    """
    return DEFAULT_C if folds is None else float(grid[simplest(held_out(problem, folds, grid)[0])])


def fit_chosen(problem: Problem, folds: NDArray[np.int64] | None) -> Fit:
    """The model of all rows with the C and the sharpness that the inner ``folds`` (rows,) give; None as for
    ``choose_c``, then with sharpness 1."""
    c, factor = DEFAULT_C, 1.0
    if folds is not None:
        table, logits = held_out(problem, folds, GRID)
        index = simplest(table)
        c, factor = float(GRID[index]), sharpness(logits[index], problem.classes)
    weights, bias = fit(problem.features, problem.classes, problem.total, c, problem.balanced, problem.rescale)
    return Fit(factor * weights, factor * bias, c, factor)


def simplest(table: NDArray[np.float64]) -> int:
    """The first column of (folds, grid) whose mean is within one standard error of the best mean."""
    means = table.mean(axis=0)
    best = int(means.argmax())
    error = table[:, best].std(ddof=1) / np.sqrt(len(table))
    return int(np.flatnonzero(means >= means[best] - error - 1e-12)[0])


def held_out(
    problem: Problem, folds: NDArray[np.int64], grid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 on each inner fold of the model of all the others, (folds, grid), and the logits they gave, (grid, rows, 1 of
    two classes, else one a class)."""
    table = np.empty((int(folds.max()) + 1, len(grid)))
    every = np.empty((len(grid), len(folds), 1 if problem.total == 2 else problem.total))
    size = (problem.features.shape[1] + 1) * (1 if problem.total == 2 else problem.total)
    newton = newton_is_faster(len(folds), size)
    planes = np.ascontiguousarray(problem.features.T)
    for fold in range(len(table)):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        known, truth = problem.classes[train], problem.classes[test]
        weights = sample_weights(known, problem.total, problem.balanced)
        logits = np.empty((len(grid), len(test), every.shape[2]))
        if not newton:
            table[fold] = _by_library(problem, train, test, weights, grid, logits)
        elif problem.total == 2:
            _held_out_of_two(
                planes, train, test, problem.rescale, known.astype(np.float64), truth, weights, grid, table[fold],
                logits)
        else:
            _held_out_of_more(
                planes, train, test, problem.rescale, known, truth, problem.total, weights, grid, table[fold],
                logits)
        every[:, test] = logits
    return table, every


def nested(
    problem: Problem,
    outer: NDArray[np.int64],
    inner: list[NDArray[np.int64] | None],
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Nested:
    """Predict each outer fold by a model whose C was chosen inside the others.

    ``outer`` (rows,) numbers the fold that tests a row; ``inner[f]`` the inner folds of the rows outside fold f, in
    their order.
    """
    predicted = np.full(len(outer), -1, np.int64)
    logits = np.full((len(outer), 1 if problem.total == 2 else problem.total), np.nan)
    chosen = []
    work = partial(_one_fold, problem, outer, inner)
    numbers = range(len(inner))
    results = in_order(executor, work, numbers, 4) if executor else map(work, numbers)
    for fold, (c, held_out) in enumerate(results):
        if progress:
            progress.report((fold + 1) / len(inner))
        logits[outer == fold], predicted[outer == fold] = held_out, likeliest(held_out)
        chosen.append(c)
    return Nested(predicted, chosen, logits)


def predict(
    features: NDArray[np.float64], weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Classes of (rows, d) by weights (1 or K, d) and bias (1 or K,)."""
    return likeliest(features @ weights.T + bias)


def likeliest(logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Classes (rows,) by logits (rows, 1 of two classes, else one a class)."""
    return (logits[:, 0] > 0).astype(np.int64) if logits.shape[1] == 1 else logits.argmax(axis=1).astype(np.int64)


def shares(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (rows, 1 of two classes, else one a class) by logits of the same shape."""
    if logits.shape[1] == 1:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _one_fold(
    problem: Problem, outer: NDArray[np.int64], inner: list[NDArray[np.int64] | None], fold: int
) -> tuple[float, NDArray[np.float64]]:
    """The C of an outer fold and the logits of its rows."""
    found = fit_chosen(problem.take(outer != fold), inner[fold])
    return found.c, problem.features[outer == fold] @ found.weights.T + found.bias


def _by_library(
    problem: Problem, train: NDArray[np.int64], test: NDArray[np.int64], weights: NDArray[np.float64],
    grid: NDArray[np.float64], logits: NDArray[np.float64],
) -> list[float]:
    """The same by scikit-learn's L-BFGS; fills ``logits`` (grid, tested rows, 1 or classes)."""
    planes = np.ascontiguousarray(problem.features.T)
    design, held = np.empty((len(planes) + 1, len(train))), np.empty((len(planes) + 1, len(test)))
    fill_designs(planes, train, test, problem.rescale, design, held)
    path = fit_library(design, problem.classes[train], problem.total, weights, grid)
    truth, rows = problem.classes[test], held[:-1].T
    for index, beta in enumerate(path):
        logits[index] = rows @ beta[:, :-1].T + beta[:, -1]
    return [float(f1(truth, likeliest(one), problem.total)) for one in logits]


@njit(nogil=True, cache=True, error_model="numpy")
def _held_out_of_two(
    planes: Any, train: Any, test: Any, rescale: bool, known: Any, truth: Any, weights: Any, grid: Any, out: Any,
    every: Any,
) -> None:
    """F1 and logits (grid, rows, 1) on the rows ``test`` by models of the rows ``train``, for each C; their classes:
    ``known`` float64, ``truth`` int64."""
    design, held = np.empty((planes.shape[0] + 1, train.size)), np.empty((planes.shape[0] + 1, test.size))
    fill_designs(planes, train, test, rescale, design, held)
    beta, logits, predicted = np.zeros(design.shape[0]), np.empty(test.size), np.empty(test.size, np.int64)
    for index in range(grid.size):
        newton_binary(design, known, weights, grid[index], beta, CLOSE)
        linear(held, beta, logits)
        for i in range(test.size):
            predicted[i] = 1 if logits[i] > 0 else 0
            every[index, i, 0] = logits[i]
        out[index] = f1(truth, predicted, 2)


@njit(nogil=True, cache=True, error_model="numpy")
def _held_out_of_more(
    planes: Any, train: Any, test: Any, rescale: bool, known: Any, truth: Any, total: int, weights: Any, grid: Any,
    out: Any, every: Any,
) -> None:
    """The same for more than two classes; ``known`` int64."""
    design, held = np.empty((planes.shape[0] + 1, train.size)), np.empty((planes.shape[0] + 1, test.size))
    fill_designs(planes, train, test, rescale, design, held)
    beta, logits = np.zeros((total, design.shape[0])), np.empty((total, test.size))
    predicted = np.empty(test.size, np.int64)
    for index in range(grid.size):
        newton_multinomial(design, known, weights, grid[index], beta, CLOSE)
        for k in range(total):
            linear(held, beta[k], logits[k])
        for i in range(test.size):
            best = 0
            for k in range(total):
                every[index, i, k] = logits[k, i]
                if logits[k, i] > logits[best, i]:
                    best = k
            predicted[i] = best
        out[index] = f1(truth, predicted, total)


@njit(nogil=True, cache=True, error_model="numpy")
def f1(truth: Any, predicted: Any, total: int) -> float:
    """F1 of class 1 of two; of more classes the mean over those that occur in either array. 0 where undefined."""
    hits, named, present = np.zeros(total), np.zeros(total), np.zeros(total)
    for i in range(truth.size):
        present[truth[i]] += 1.0
        named[predicted[i]] += 1.0
        if truth[i] == predicted[i]:
            hits[truth[i]] += 1.0
    summed, occurring = 0.0, 0
    for k in range(1 if total == 2 else 0, total):
        both = present[k] + named[k]
        if both > 0:
            occurring += 1
            summed += 2.0 * hits[k] / both
    return summed / occurring if occurring else 0.0
