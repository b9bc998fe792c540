"""The solver against scikit-learn's, and against the condition every optimum fulfils."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.logistic import fit, newton_is_faster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


def by_library(features: np.ndarray, classes: np.ndarray, c: float, balanced: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias on raw features by scikit-learn, fully converged."""
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000,
                               class_weight="balanced" if balanced else None)
    model.fit(scaler.transform(features), classes)
    weights = model.coef_ / scaler.scale_
    return weights, model.intercept_ - weights @ scaler.mean_


def made(rows: int, features: int, total: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_classification(
        rows, features, n_informative=min(features, 8), n_redundant=0, n_classes=total, n_clusters_per_class=1,
        weights=[0.6] + [0.4 / (total - 1)] * (total - 1), random_state=seed)
    return np.rint(x * 20), y.astype(np.int64)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("c", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("rows", "features", "total"), [
    (14, 8, 2), (336, 8, 2), (336, 8, 4), (300, 4, 6), (400, 64, 2), (5000, 40, 2), (400, 40, 3)])
def test_coefficients_are_scikit_learns(rows: int, features: int, total: int, c: float, balanced: bool) -> None:
    x, y = made(rows, features, total)
    weights, bias = fit(x, y, total, c, balanced)
    expected, expected_bias = by_library(x, y, c, balanced)
    np.testing.assert_allclose(weights * x.std(axis=0), expected * x.std(axis=0), atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(bias, expected_bias, atol=1e-6, rtol=1e-6)


def test_both_ways_of_solving_are_among_those_tested() -> None:
    assert newton_is_faster(336, 9)
    assert newton_is_faster(400, 65)
    assert not newton_is_faster(5000, 41)
    assert not newton_is_faster(400, 123)


@pytest.mark.parametrize("c", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("total", [2, 3])
def test_separable_classes_converge(total: int, c: float) -> None:
    y = np.repeat(np.arange(total), 40)
    x = np.rint(np.random.default_rng(0).normal(y[:, None] * np.array([60, -40, 30, 0]), 4))
    weights, bias = fit(x, y, total, c, False)
    expected, expected_bias = by_library(x, y, c, False)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(bias, expected_bias, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 6), st.integers(6, 60), st.floats(-3, 3), st.booleans())
def test_the_gradient_vanishes(seed: int, total: int, features: int, rows: int, power: float, balanced: bool) -> None:
    """At the optimum C Σ s (p − y) x + w = 0 for standardised x, and Σ s (p − y) = 0."""
    random = np.random.default_rng(seed)
    x = random.integers(-127, 128, (rows, features)).astype(np.float64)
    y = np.concatenate([np.arange(total), random.integers(0, total, rows - total)]).astype(np.int64)
    c = 10.0**power
    weights, bias = fit(x, y, total, c, balanced)
    deviation = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    z = (x - x.mean(axis=0)) / deviation
    logits = x @ weights.T + bias
    if total == 2:
        logits = np.hstack([np.zeros_like(logits), logits])
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    s = rows / (total * np.bincount(y, minlength=total))[y] if balanced else np.ones(rows)
    residual = (s[:, None] * (p - np.eye(total)[y]))[:, 1 if total == 2 else 0 :]
    gradient = c * residual.T @ z + weights * deviation
    assert np.abs(gradient).max() < 1e-6 * max(1, c * rows)
    assert np.abs(residual.sum(axis=0)).max() < 1e-7 * rows


def test_a_constant_feature_gets_no_weight() -> None:
    x, y = made(100, 4, 2)
    x[:, 2] = 17
    weights, _ = fit(x, y, 2, 10.0, False)
    assert abs(weights[0, 2]) < 1e-12
    np.testing.assert_allclose(weights, by_library(x, y, 10.0, False)[0], atol=1e-7)
