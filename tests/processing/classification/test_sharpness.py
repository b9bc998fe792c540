"""The factor that makes held-out labels likeliest."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.crossvalidation import GRID, Problem, choose_c, fit_chosen, held_out
from bitscape.processing.classification.logistic import fit
from bitscape.processing.classification.sharpness import LEAST, MOST, sharpness
from bitscape.processing.classification.stratified import stratified
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict


def made(total: int, rows: int = 120, apart: float = 1.0) -> tuple[Problem, np.ndarray]:
    x, y = make_classification(rows, 6, n_informative=4, n_redundant=0, n_classes=total, flip_y=0.05, class_sep=apart,
                               n_clusters_per_class=1, random_state=2)
    return Problem(x, y.astype(np.int64), total, False, rescale=False), stratified(y, 5, 0)


@pytest.mark.parametrize("total", [2, 3])
@pytest.mark.parametrize("factor", [1.5, 7.0, 300.0])
def test_a_factor_that_was_put_in_is_found_again(total: int, factor: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (200_000, total))
    if total == 2:
        logits[:, 0] = 0
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = np.cumsum(powers / powers.sum(axis=1, keepdims=True), axis=1)
    classes = (random.random((len(logits), 1)) > shares).sum(axis=1)
    given = (logits[:, 1:] if total == 2 else logits) / factor
    assert sharpness(given, classes) == pytest.approx(factor, rel=0.02)


def test_it_is_the_slope_of_a_logistic_regression_on_the_held_out_logits() -> None:
    """Without an intercept, on Platt's targets given as weighted labels."""
    problem, folds = made(2)
    logits = held_out(problem, folds, GRID)[1][1]
    counts = np.bincount(problem.classes)[problem.classes]
    sure = (counts + 1) / (counts + 2)
    twice = np.concatenate([logits, logits])
    labels, weights = np.concatenate([problem.classes, 1 - problem.classes]), np.concatenate([sure, 1 - sure])
    model = LogisticRegression(C=1e10, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(twice, labels, weights)
    assert sharpness(logits, problem.classes) == pytest.approx(float(model.coef_[0, 0]), rel=5e-3)


@pytest.mark.parametrize("total", [2, 3])
def test_held_out_logits_are_scikit_learns(total: int) -> None:
    problem, folds = made(total)
    expected = cross_val_predict(
        LogisticRegression(C=GRID[4], tol=1e-10, max_iter=10_000), problem.features, problem.classes,
        cv=PredefinedSplit(folds), method="decision_function")
    np.testing.assert_allclose(
        held_out(problem, folds, GRID)[1][4], expected[:, None] if total == 2 else expected, atol=1e-3)


@pytest.mark.parametrize("total", [2, 3])
def test_order_and_boundary_stay_and_scores_spread(total: int) -> None:
    problem, folds = made(total, apart=2.0)
    found = fit_chosen(problem, folds)
    weights, bias = fit(problem.features, problem.classes, total, found.c, False, False)
    assert found.c == choose_c(problem, folds) and found.c < GRID[5] and found.sharpness > 1
    np.testing.assert_allclose(found.weights, found.sharpness * weights)
    np.testing.assert_allclose(found.bias, found.sharpness * bias)
    assert fit_chosen(problem, None).sharpness == 1


def test_classes_that_are_told_apart_give_no_infinite_factor() -> None:
    classes = np.repeat([0, 1], 20)
    factor = sharpness((classes * 2.0 - 1)[:, None] * 0.01, classes)
    assert factor == pytest.approx(np.log(21) / 0.01, rel=0.01), "as sure as 21 of 22"
    assert sharpness(np.zeros((40, 1)), classes) >= LEAST
    assert sharpness((classes * 2.0 - 1)[:, None] * 1e-9, classes) <= MOST
    assert sharpness((1 - classes * 2.0)[:, None], classes) == pytest.approx(LEAST, rel=0.05), "never softer"
