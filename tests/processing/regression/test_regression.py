"""Ridge regression, the choice of its strength and nested validation, against scikit-learn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bitscape.processing.errors import Cancelled
from bitscape.processing.progress import Progress
from bitscape.processing.regression.figures import number_validation_of
from bitscape.processing.regression.folds import inner_number_folds, random_number_folds
from bitscape.processing.regression.ridge import (
    ALPHAS,
    HeldOut,
    NumberProblem,
    choose_alpha,
    fit_ridge,
    nested_ridge,
    ridge_path,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit


def problem_of(rows: int, d: int, scale: float = 1.0, seed: int = 0, noise: float = 0.5) -> NumberProblem:
    random = np.random.default_rng(seed)
    features = random.standard_normal((rows, d)) * random.uniform(0.3, 2, d) + random.normal(size=d)
    values = scale * (features @ random.normal(size=d) + 3 + noise * random.standard_normal(rows))
    return NumberProblem(features, values, random.uniform(0.1, 1, rows))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(1, 40), st.sampled_from([1e-6, 1.0, 1e6]), st.integers(0, 1000))
def test_weights_are_those_of_scikit_learn(rows: int, d: int, scale: float, seed: int) -> None:
    """Also with fewer labels than dimensions, and with very large and small numbers."""
    problem = problem_of(rows, d, scale, seed)
    for found, alpha in zip(ridge_path(problem, np.array([1e4, 1.0, 1e-2])), (1e4, 1.0, 1e-2), strict=True):
        peer = Ridge(alpha=alpha, solver="svd").fit(problem.features, problem.values, sample_weight=problem.weights)
        np.testing.assert_allclose(found.weights, peer.coef_, rtol=1e-7, atol=1e-9 * scale)
        np.testing.assert_allclose(found.bias, peer.intercept_, rtol=1e-7, atol=1e-8 * scale)


def test_a_feature_that_never_changes_is_not_used() -> None:
    problem = problem_of(30, 4)
    problem.features[:, 2] = 7
    assert abs(ridge_path(problem, np.array([1.0]))[0].weights[2]) < 1e-12


def test_nested_validation_is_that_of_an_independent_pipeline() -> None:
    """Ten folds of ten, inner folds of equal size: a grid search over the same folds chooses and predicts the same."""
    problem = problem_of(100, 6, noise=2.0)
    problem = NumberProblem(problem.features, problem.values, np.ones(100))
    folds = random_number_folds(np.arange(100), 3)
    assert not isinstance(folds, str) and folds.count == 10
    inner = [inner_number_folds(np.arange(100)[folds.numbers != fold], 3) for fold in range(10)]
    assert all((np.bincount(one) == 18).all() for one in inner)
    with ThreadPoolExecutor(2) as executor:
        held_out = nested_ridge(problem, folds.numbers, inner, executor, Progress())
    predicted = np.empty(100)
    for fold in range(10):
        train, test = folds.numbers != fold, folds.numbers == fold
        search = GridSearchCV(
            Ridge(solver="svd"), {"alpha": ALPHAS}, scoring="neg_mean_squared_error", cv=PredefinedSplit(inner[fold]))
        search.fit(problem.features[train], problem.values[train])
        assert held_out.alphas[fold] == search.best_params_["alpha"]
        predicted[test] = search.predict(problem.features[test])
    np.testing.assert_allclose(held_out.predicted, predicted, rtol=1e-9)
    assert len(set(held_out.alphas)) > 1 or held_out.alphas[0] not in (ALPHAS[0], ALPHAS[-1])

    found = number_validation_of(problem.values, held_out, problem.weights, np.arange(100), folds.numbers)
    assert found.rmse == pytest.approx(np.sqrt(np.mean((predicted - problem.values) ** 2)))
    assert found.mae == pytest.approx(mean_absolute_error(problem.values, predicted))
    assert found.bias == pytest.approx(np.mean(predicted - problem.values))
    assert found.labels == found.pixels == 100 and found.folds == len(found.per_fold) == 10
    means = np.array([problem.values[folds.numbers != fold].mean() for fold in folds.numbers])
    baseline = np.mean((problem.values - means) ** 2)
    assert found.baseline_rmse == pytest.approx(np.sqrt(baseline))
    assert found.r2 == pytest.approx(1 - found.rmse**2 / baseline)
    assert found.r2 == pytest.approx(r2_score(problem.values, predicted), abs=0.02), "of its own mean, much the same"
    assert found.rmse**2 == pytest.approx(np.mean([one.rmse**2 for one in found.per_fold]))


def test_noise_is_not_learned() -> None:
    """Numbers that have nothing to do with the codes: the strongest model, no better than the mean, and it is said."""
    random = np.random.default_rng(0)
    problem = NumberProblem(random.standard_normal((200, 8)), random.standard_normal(200), np.ones(200))
    folds = random_number_folds(np.arange(200), 0)
    assert not isinstance(folds, str)
    inner = [inner_number_folds(np.flatnonzero(folds.numbers != fold), 0) for fold in range(10)]
    with ThreadPoolExecutor(1) as executor:
        held_out = nested_ridge(problem, folds.numbers, inner, executor, Progress())
    found = number_validation_of(problem.values, held_out, problem.weights, np.arange(200), folds.numbers)
    assert found.r2 is not None and -0.1 < found.r2 < 0.05
    assert found.relative_rmse is None, "the mean of numbers of both signs is no measure"
    assert np.median(held_out.alphas) >= 100


def test_a_weight_is_a_number_of_rows() -> None:
    problem = problem_of(40, 3)
    times = np.random.default_rng(1).integers(1, 4, 40)
    weighted = NumberProblem(problem.features, problem.values, times.astype(float))
    repeated = NumberProblem(problem.features.repeat(times, 0), problem.values.repeat(times), np.ones(times.sum()))
    a, b = (ridge_path(one, np.array([5.0]))[0] for one in (weighted, repeated))
    np.testing.assert_allclose(a.weights, b.weights)
    folds = np.arange(40) % 5
    assert choose_alpha(weighted, folds) == choose_alpha(repeated, folds.repeat(times))
    held_out = [HeldOut(one.values + 1, one.values * 0, [1.0] * 5) for one in (weighted, repeated)]
    figures = [number_validation_of(one.values, out, one.weights, groups, numbers) for one, out, groups, numbers in (
        (weighted, held_out[0], np.arange(40), folds),
        (repeated, held_out[1], np.arange(40).repeat(times), folds.repeat(times)))]
    assert figures[0].pixels == 40 and figures[1].pixels == times.sum()
    for one in figures:
        assert one.rmse == pytest.approx(1) and one.bias == pytest.approx(1) and one.labels == 40
    assert figures[0].baseline_rmse == pytest.approx(figures[1].baseline_rmse)


def test_without_enough_labels_the_strength_is_the_number_of_features() -> None:
    assert fit_ridge(problem_of(6, 12), None).alpha == 12
    assert inner_number_folds(np.repeat(np.arange(9), 50), 0) is None


def test_it_can_be_cancelled() -> None:
    progress = Progress()
    progress.cancel()
    problem, outer = problem_of(40, 3), np.arange(40) % 10
    with ThreadPoolExecutor(1) as executor, pytest.raises(Cancelled):
        nested_ridge(problem, outer, [None] * 10, executor, progress)
