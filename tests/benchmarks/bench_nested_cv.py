"""Nested cross-validation of logistic regression, 336 × 8, 10 × 5 folds × 10 values of C, against scikit-learn.

The peer is GridSearchCV over a pipeline of StandardScaler and LogisticRegression, once for each outer fold, with the
very same inner and outer folds, one thread. In every fold ours must choose the C, and predict the classes, that
scikit-learn does once it is made to converge (tolerance 1e-9); the timed peer keeps its faster default tolerance.
"""

from __future__ import annotations

import json
import time
import warnings

import numpy as np
from bitscape.processing.classification.crossvalidation import GRID, Nested, Problem, nested
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

ROUNDS, REPEATS = 3, 20


def fold_numbers(classes: np.ndarray, folds: int) -> np.ndarray:
    """The fold that tests each row."""
    numbers = np.empty(len(classes), np.int64)
    for number, (_, test) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=0).split(classes, classes)):
        numbers[test] = number
    return numbers


def one_standard_error(results: dict[str, np.ndarray]) -> int:
    """The smallest C within one standard error of the best: GridSearchCV's own way to choose otherwise."""
    scores = np.array([results[f"split{fold}_test_score"] for fold in range(5)])
    means = scores.mean(axis=0)
    error = scores[:, means.argmax()].std(ddof=1) / np.sqrt(len(scores))
    return int(np.flatnonzero(means >= means.max() - error - 1e-12)[0])


def by_library(problem: Problem, outer: np.ndarray, inner: list[np.ndarray], tolerance: float = 1e-4) -> Nested:
    """The same by scikit-learn, to its own default tolerance or a finer one."""
    predicted = np.empty(len(outer), np.int64)
    chosen = []
    for fold, numbers in enumerate(inner):
        train, test = outer != fold, outer == fold
        search = GridSearchCV(
            make_pipeline(StandardScaler(), LogisticRegression(tol=tolerance, max_iter=10_000)),
            {"logisticregression__C": GRID},
            scoring="f1",
            cv=PredefinedSplit(numbers),
            refit=one_standard_error,
        ).fit(problem.features[train], problem.classes[train])
        chosen.append(float(search.best_params_["logisticregression__C"]))
        predicted[test] = search.predict(problem.features[test])
    return Nested(predicted, chosen)


def main() -> None:
    """Print one JSON line."""
    features, classes = make_classification(
        336, 8, n_informative=6, n_redundant=1, class_sep=1.2, flip_y=0.04, weights=[0.43], random_state=1
    )
    problem = Problem(np.rint(features * 20), classes.astype(np.int64), 2, balanced=False)
    outer = fold_numbers(classes, 10)
    inner = [fold_numbers(classes[outer != fold], 5) for fold in range(10)]
    own, their = [], []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = nested(problem, outer, inner)  # compiles
        for _ in range(ROUNDS):
            for _ in range(REPEATS):
                start = time.process_time()
                ours = nested(problem, outer, inner)
                own.append(time.process_time() - start)
            start = time.process_time()
            theirs = by_library(problem, outer, inner)
            their.append(time.process_time() - start)
        exact = by_library(problem, outer, inner, 1e-9)
    if ours.c != exact.c or not np.array_equal(ours.predicted, exact.predicted):
        raise AssertionError(
            f"not what converged scikit-learn finds: C {ours.c} and {exact.c}, "
            f"{(ours.predicted != exact.predicted).sum()} predictions differ"
        )
    if (ours.predicted != theirs.predicted).sum() > 2:
        raise AssertionError("more than two predictions differ from the peer's")
    print(
        json.dumps(
            {
                "name": "nested_cv",
                "ratio": round(min(their) / min(own), 1),
                "direction": "higher",
                "peer": "scikit-learn GridSearchCV (L-BFGS, default tolerance), same folds",
                "ours": round(min(own) * 1e3, 2),
                "theirs": round(min(their) * 1e3, 1),
                "unit": "ms",
                "limit_fraction": None,
            }
        )
    )


if __name__ == "__main__":
    main()
