"""Validation figures from truth and prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

MEASURES = ("f1", "precision", "recall", "accuracy")


class Validation(BaseModel):
    """Agreement with held-out labels: mean and standard deviation over folds, and all folds pooled.

    Two classes: precision, recall and F1 are of the positive class; more: means over the classes (macro).
    ``confusion``: rows truth, columns predicted, in the order of the classes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    folds: int = Field(ge=2)
    f1: float
    f1_std: float
    precision: float
    precision_std: float
    recall: float
    recall_std: float
    accuracy: float
    accuracy_std: float
    pooled_f1: float
    confusion: list[list[int]]
    per_fold: list[dict[str, float]]

    def line(self) -> str:
        """One line for people."""
        return f"F1 {self.f1:.3f} ± {self.f1_std:.3f}, pooled {self.pooled_f1:.3f}, {self.folds} folds"


def validation_of(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], folds: NDArray[np.int64], total: int, positive: int | None
) -> Validation:
    """Figures of predictions (rows,) made fold by fold. ``positive`` is the class index of two classes, else None."""
    per_fold = [
        measures(confusion(truth[folds == fold], predicted[folds == fold], total), positive)
        for fold in range(int(folds.max()) + 1)
    ]
    pooled = confusion(truth, predicted, total)
    figures: dict[str, Any] = {}
    for name in MEASURES:
        values = [one[name] for one in per_fold]
        figures[name], figures[f"{name}_std"] = float(np.mean(values)), float(np.std(values))
    return Validation(
        folds=len(per_fold), pooled_f1=measures(pooled, positive)["f1"], confusion=pooled.tolist(), per_fold=per_fold,
        **figures,
    )


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Counts (total, total): rows truth, columns predicted."""
    table = np.zeros((total, total), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return table


def measures(table: NDArray[np.int64], positive: int | None) -> dict[str, float]:
    """F1, precision, recall and accuracy of a confusion table; 0 where a denominator is 0.

    Macro averages run over classes that occur in truth or prediction, as in scikit-learn.
    """
    hits, named, present = np.diag(table).astype(float), table.sum(axis=0), table.sum(axis=1)
    which = np.flatnonzero(named + present) if positive is None else np.array([positive])

    def share(numerator: NDArray[np.float64], denominator: NDArray[Any]) -> float:
        values = np.divide(numerator, denominator, out=np.zeros(len(hits)), where=denominator > 0)
        return float(values[which].mean())

    return {
        "f1": share(2 * hits, named + present),
        "precision": share(hits, named),
        "recall": share(hits, present),
        "accuracy": float(hits.sum() / max(table.sum(), 1)),
    }
