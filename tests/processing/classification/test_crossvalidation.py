"""Nested cross-validation against scikit-learn's GridSearchCV on the same folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bitscape.processing.classification.crossvalidation import (
    GRID,
    Problem,
    choose_c,
    f1,
    fit_chosen,
    held_out,
    nested,
    simplest,
)
from bitscape.processing.errors import Cancelled
from bitscape.processing.executors import open_executor
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def folds_of(classes: np.ndarray, count: int) -> np.ndarray:
    numbers = np.empty(len(classes), np.int64)
    for number, (_, test) in enumerate(StratifiedKFold(count, shuffle=True, random_state=1).split(classes, classes)):
        numbers[test] = number
    return numbers


def made(rows: int, features: int, total: int, balanced: bool) -> Problem:
    x, y = make_classification(
        rows, features, n_informative=5, n_redundant=0, n_classes=total, flip_y=0.1, n_clusters_per_class=1,
        weights=[0.7] + [0.3 / (total - 1)] * (total - 1), random_state=4)
    return Problem(np.rint(x * 20), y.astype(np.int64), total, balanced)


@pytest.mark.parametrize(("total", "features", "balanced"), [(2, 8, False), (2, 8, True), (3, 6, True), (3, 40, False)])
def test_inner_scores_are_grid_searchs(total: int, features: int, balanced: bool) -> None:
    problem = made(150, features, total, balanced)
    folds = folds_of(problem.classes, 5)
    grid = GRID[2:7]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=1000,
                                                           class_weight="balanced" if balanced else None)),
        {"logisticregression__C": grid}, scoring="f1" if total == 2 else "f1_macro", cv=PredefinedSplit(folds),
        refit=False,
    ).fit(problem.features, problem.classes)
    expected = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(5)])
    np.testing.assert_allclose(held_out(problem, folds, grid)[0], expected, atol=1e-12)
    means = expected.mean(axis=0)
    error = expected[:, means.argmax()].std(ddof=1) / np.sqrt(5)
    close = means >= means.max() - error - 1e-9
    assert choose_c(problem, folds, grid) == grid[close].min()


def test_the_simplest_of_what_cannot_be_told_apart_is_chosen() -> None:
    table = np.array([[0.1, 0.83, 0.90, 0.84], [0.1, 0.84, 0.80, 0.84], [0.1, 0.83, 0.85, 0.84]])
    assert simplest(table) == 1, "the best is the third, with a standard error of .029"
    assert simplest(np.array([[0.1, 0.9, 0.9], [0.1, 0.9, 0.9]])) == 1, "no spread: only ties"


def test_nested_predictions_do_not_depend_on_threads() -> None:
    problem = made(120, 6, 2, False)
    outer = folds_of(problem.classes, 4)
    inner = [folds_of(problem.classes[outer != fold], 5) for fold in range(4)]
    alone = nested(problem, outer, inner)
    with open_executor(3) as executor:
        together = nested(problem, outer, inner, executor)
    assert alone.c == together.c
    np.testing.assert_array_equal(alone.predicted, together.predicted)
    assert f1_score(problem.classes, alone.predicted) > 0.6


def test_a_held_out_row_teaches_nothing() -> None:
    """Wrong classes in one outer fold leave the predictions of that fold as they were."""
    problem = made(120, 6, 2, False)
    outer = folds_of(problem.classes, 4)
    inner = [folds_of(problem.classes[outer != fold], 5) for fold in range(4)]
    for rescale in (True, False):
        problem = replace(problem, rescale=rescale)
        spoiled = replace(problem, classes=np.where(outer == 2, 1 - problem.classes, problem.classes))
        before, after = nested(problem, outer, inner), nested(spoiled, outer, inner)
        for name in ("predicted", "logits"):
            here, there = getattr(before, name), getattr(after, name)
            np.testing.assert_array_equal(here[outer == 2], there[outer == 2])
            assert not np.array_equal(here[outer != 2], there[outer != 2]), "elsewhere they are learned from"


@pytest.mark.parametrize("total", [2, 3])
def test_held_out_logits_are_those_of_the_other_folds_model(total: int) -> None:
    """And -- without rescaling -- of scikit-learn's on features as they are; a fold that tests nothing stays NaN."""
    problem = replace(made(120, 6, total, True), rescale=False)
    problem = replace(problem, features=problem.features / 40)
    outer = folds_of(problem.classes, 4)
    outer[outer == 3] = -1
    inner = [folds_of(problem.classes[outer != fold], 5) for fold in range(3)]
    found = nested(problem, outer, inner)
    for fold in range(3):
        train, test = outer != fold, outer == fold
        model = LogisticRegression(solver="newton-cholesky", tol=1e-10, C=found.c[fold], class_weight="balanced")
        model.fit(problem.features[train], problem.classes[train])
        factor = fit_chosen(problem.take(train), inner[fold]).sharpness
        expected = factor * model.decision_function(problem.features[test]).reshape(test.sum(), -1)
        logits = found.logits[test]
        if total > 2:  # a shift of all of them is none
            expected, logits = (one - one.mean(axis=1, keepdims=True) for one in (expected, logits))
        np.testing.assert_allclose(logits, expected, atol=1e-6)
        np.testing.assert_array_equal(found.predicted[test], model.predict(problem.features[test]))
    assert np.isnan(found.logits[outer == -1]).all() and (found.predicted[outer == -1] == -1).all()


def test_without_rescaling_a_small_feature_stays_small() -> None:
    problem = made(150, 6, 2, False)
    folds = folds_of(problem.classes, 5)
    shrunk = replace(problem, features=problem.features * np.array([1e-3, 1, 1, 1, 1, 1]))
    table = held_out(problem, folds, GRID)[0]
    np.testing.assert_allclose(held_out(shrunk, folds, GRID)[0], table, atol=1e-12)
    kept = held_out(replace(shrunk, rescale=False), folds, GRID[:1])[0]
    without = held_out(replace(problem, features=problem.features[:, 1:], rescale=False), folds, GRID[:1])[0]
    np.testing.assert_allclose(kept, without, atol=1e-12)
    assert not np.allclose(held_out(replace(problem, rescale=False), folds, GRID[:1])[0], without)


def test_equal_scores_take_the_smallest_c() -> None:
    y = np.repeat([0, 1], 30)
    problem = Problem(np.column_stack([y * 200.0 - 100, np.arange(60) % 7]), y, 2, False)
    assert held_out(problem, folds_of(y, 5), GRID)[0].min() == 1.0
    assert choose_c(problem, folds_of(y, 5)) == GRID[0]
    assert choose_c(problem, None) == 1.0


def test_cancel_between_folds(heard: type) -> None:
    problem = made(120, 6, 2, False)
    outer = folds_of(problem.classes, 4)
    with pytest.raises(Cancelled):
        nested(problem, outer, [None] * 4, None, heard(cancel_at=1))


@given(st.integers(2, 5), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_f1_is_scikit_learns(total: int, pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(values) % total for values in zip(*pairs))
    expected = f1_score(truth, predicted, average="binary" if total == 2 else "macro", zero_division=0)
    assert f1(truth, predicted, total) == pytest.approx(expected)
