"""The linear probe against scikit-learn's logistic regression, converged: the same C, the same predictions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from bitscape.processing.errors import Cancelled
from bitscape.processing.progress import Progress
from bitscape.processing.study import probe as module
from bitscape.processing.study.probe import GRID, linear_probe
from bitscape.processing.study.ridge import r_squared, ridge
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedKFold


def scene(rows: int, dimensions: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of unequal variance off the origin, their classes, and inner folds of the first four fifths."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, dimensions + 1) ** -0.7
    truth = rng.integers(0, classes, rows)
    vectors = rng.standard_normal((classes, dimensions))[truth] + 1.8 * rng.standard_normal((rows, dimensions))
    vectors *= spread
    turn = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0]
    train = rows * 4 // 5
    inner = np.empty(train, np.int64)
    for number, (_, test) in enumerate(StratifiedKFold(3, shuffle=True, random_state=0).split(
            truth[:train], truth[:train])):
        inner[test] = number
    return (vectors @ turn + 3).astype(np.float32), truth, inner


def by_library(rows: np.ndarray, truth: np.ndarray, inner: np.ndarray) -> GridSearchCV:
    train = rows[: len(inner)].astype(np.float64)
    scale = np.sqrt(((train - train.mean(axis=0)) ** 2).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(LogisticRegression(tol=1e-7, max_iter=5000), {"C": list(GRID)}, cv=PredefinedSplit(inner))
        search.fit((train - train.mean(axis=0)) / scale, truth[: len(inner)])
    search.test = (rows[len(inner) :] - train.mean(axis=0)) / scale
    return search


@pytest.mark.parametrize(("rows", "dimensions", "classes"), [(600, 8, 2), (900, 24, 5), (500, 130, 3), (160, 200, 2)])
def test_probe_is_converged_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, rows: int, dimensions: int, classes: int
) -> None:
    monkeypatch.setattr(module, "ENOUGH", 1e-7)
    vectors, truth, inner = scene(rows, dimensions, classes)
    train = len(inner)
    found = linear_probe(vectors[:train], truth[:train], inner, vectors[train:], Progress())
    wanted = by_library(vectors, truth, inner)
    np.testing.assert_allclose(found.scores, wanted.cv_results_["mean_test_score"], atol=0.006)
    best = wanted.cv_results_["mean_test_score"][GRID.index(found.c)]
    assert best >= wanted.best_score_ - 0.006
    if found.c == wanted.best_params_["C"]:
        assert (found.predicted == wanted.predict(wanted.test)).mean() > 0.99


def test_the_usual_tolerance_predicts_nearly_the_same() -> None:
    vectors, truth, inner = scene(1500, 40, 6)
    train = len(inner)
    found = linear_probe(vectors[:train], truth[:train], inner, vectors[train:], Progress())
    wanted = by_library(vectors, truth, inner)
    ours, theirs = (np.mean(one == truth[train:]) for one in (found.predicted, wanted.predict(wanted.test)))
    assert abs(ours - theirs) <= 0.01


def test_scale_and_position_of_vectors_do_not_matter() -> None:
    vectors, truth, inner = scene(400, 12, 3)
    train = len(inner)
    first = linear_probe(vectors[:train], truth[:train], inner, vectors[train:], Progress())
    moved = 1000 * vectors - 500
    second = linear_probe(moved[:train], truth[:train], inner, moved[train:], Progress())
    assert first.c == second.c
    assert (first.predicted == second.predicted).mean() > 0.99


def test_without_inner_folds_c_is_one_and_constant_vectors_are_no_error() -> None:
    vectors, truth, inner = scene(300, 6, 2)
    train = len(inner)
    found = linear_probe(vectors[:train], truth[:train], None, vectors[train:], Progress())
    assert found.c == 1 and len(found.scores) == 0
    vectors[:, 2:] = 7
    assert len(linear_probe(vectors[:train], truth[:train], inner, vectors[train:], Progress()).predicted) == 60
    same = np.full_like(vectors, 4)
    constant = linear_probe(same[:train], truth[:train], inner, same[train:], Progress()).predicted
    assert (constant == np.bincount(truth[:train]).argmax()).all()


def test_cancel_is_heard_between_steps() -> None:
    vectors, truth, inner = scene(300, 6, 2)
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        linear_probe(vectors[: len(inner)], truth[: len(inner)], inner, vectors, progress)


def test_ridge_is_scikit_learns_and_learns_nothing_from_what_is_tested() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((300, 20)).astype(np.float32) * 5 + 2
    values = rows @ rng.standard_normal(20) + 3 * rng.standard_normal(300)
    predicted = ridge(rows[:200], values[:200], rows[200:])
    centred = (rows - rows[:200].mean(axis=0)) / rows[:200].std()
    reference = RidgeCV(np.logspace(-3, 5, 9)).fit(centred[:200], values[:200]).predict(centred[200:])
    assert r2_score(reference, predicted) > 0.9999
    assert r_squared(values[200:], predicted) == pytest.approx(r2_score(values[200:], predicted))
    assert r_squared(np.ones(4), np.arange(4.0)) == 0
