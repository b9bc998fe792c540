"""The real worker, whose fit, validation and scoring are scikit-learn's and numpy's. Run by path, as the worker is.

Reading, folds, figures, writing and everything else stay as they are. bench_click_to_map.py compares the two.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def load_worker() -> ModuleType:
    """processing/worker.py, as the plugin starts it: by its path."""
    spec = importlib.util.spec_from_file_location("bitscape_worker", ROOT / "processing" / "worker.py")
    assert spec is not None and spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    worker.register_package()
    return worker


def use_libraries() -> None:
    """Put scikit-learn and numpy in the places of the kernels."""
    from bitscape.processing.environment import prepare

    prepare()
    from bitscape.processing.classification import crossvalidation, lesson
    from bitscape.processing.live import live
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score, make_scorer
    from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_predict

    warnings.simplefilter("ignore")

    def simplest(results: dict[str, np.ndarray]) -> int:
        """The smallest C within one standard error of the best: GridSearchCV's own way to choose otherwise."""
        splits = [results[name] for name in sorted(results) if name.startswith("split")]
        return crossvalidation.simplest(np.array(splits))

    def regression(problem: Any, c: float = 1.0) -> Any:
        weight = "balanced" if problem.balanced else None
        return LogisticRegression(C=c, class_weight=weight, max_iter=10_000)

    def chosen(problem: Any, folds: Any) -> Any:
        """A fitted model, of the C that cross-validation chooses."""
        if folds is None:
            return regression(problem).fit(problem.features, problem.classes)
        return GridSearchCV(
            regression(problem), {"C": crossvalidation.GRID}, scoring=make_scorer(f1_score, zero_division=0.0),
            cv=PredefinedSplit(folds), refit=simplest,
        ).fit(problem.features, problem.classes).best_estimator_

    def steepness(problem: Any, folds: Any, c: float) -> float:
        """The factor that makes held-out labels likeliest."""
        if folds is None:
            return 1.0
        logits = cross_val_predict(
            regression(problem, c), problem.features, problem.classes, cv=PredefinedSplit(folds),
            method="decision_function")
        return float(crossvalidation.sharpness(logits[:, None], problem.classes))

    def fit_lesson(one: Any, seed: int, deviation: Any) -> Any:
        inner = live.inner_folds(one.problem.classes, one.sample.features, seed)
        model = chosen(one.problem, inner)
        factor = steepness(one.problem, inner, model.C)
        return crossvalidation.Fit(
            factor * model.coef_ / np.array(deviation), factor * model.intercept_, float(model.C), factor)

    def nested(problem: Any, outer: Any, inner: Any, executor: Any = None, progress: Any = None) -> Any:
        predicted, logits, c = np.full(len(outer), -1, np.int64), np.full((len(outer), 1), np.nan), []
        for fold, numbers in enumerate(inner):
            train = problem.take(outer != fold)
            model = chosen(train, numbers)
            logits[outer == fold, 0] = steepness(train, numbers, model.C) * model.decision_function(
                problem.features[outer == fold])
            predicted[outer == fold] = logits[outer == fold, 0] > 0
            c.append(float(model.C))
            if progress:
                progress.report((fold + 1) / len(inner))
        return crossvalidation.Nested(predicted, c, logits)

    def score_positive(planes: Any, weights: Any, bias: float, out: Any) -> None:
        logits = weights.astype(np.float32) @ planes.astype(np.float32) + np.float32(bias)
        out[:] = np.rint(np.float32(254) / (1 + np.exp(-logits)))
        out[planes[0] == live.CODE_NODATA] = live.NODATA

    live.fit_lesson, live.score_positive, lesson.nested = fit_lesson, score_positive, nested


if __name__ == "__main__":
    worker = load_worker()
    use_libraries()
    worker.main()
