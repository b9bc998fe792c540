"""Validation figures of numbers, from truth and held-out prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from .ridge import HeldOut, rmse


class NumberFold(BaseModel):
    """Figures of one fold, or of all: see NumberValidation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    labels: int
    pixels: int
    rmse: float
    mae: float
    bias: float
    r2: float | None
    relative_rmse: float | None
    baseline_rmse: float


class NumberValidation(NumberFold):
    """Agreement with held-out labels, all folds pooled; in ``per_fold`` those of each fold.

    Each label weighs the same, however many pixels it has. ``bias``: mean of predicted − observed. ``r2``: 1 − squared
    errors over those of the ``baseline``, which predicts the mean of the training folds; None where that makes no
    error. ``relative_rmse``: % of the mean of the labels' values; None where these are not all of one sign.
    ``rmse_std``, ``r2_std``: standard deviation over folds.
    """

    folds: int = Field(ge=2)
    rmse_std: float
    r2_std: float | None
    per_fold: list[NumberFold]

    def line(self, unit: str) -> str:
        """One line for people; ``unit`` may be empty."""
        of = f" {unit}" if unit else ""
        r2 = "–" if self.r2 is None else f"{self.r2:.3f}"
        relative = "" if self.relative_rmse is None else f" ({self.relative_rmse:.1f} % of the mean)"
        return (f"RMSE {self.rmse:.4g}{of}{relative}, R² {r2}, mean error {self.bias:+.3g}{of}, {self.folds} folds; "
                f"the mean of the labels alone: RMSE {self.baseline_rmse:.4g}{of}")


def number_validation_of(
    values: NDArray[np.float64], held_out: HeldOut, weights: NDArray[np.float64], groups: NDArray[np.int64],
    folds: NDArray[np.int64],
) -> NumberValidation:
    """Figures of predictions made fold by fold; all (rows,)."""
    every = np.ones(len(values), bool)
    pooled = _figures(values, held_out, weights, groups, every)
    per_fold = [_figures(values, held_out, weights, groups, folds == fold) for fold in range(int(folds.max()) + 1)]
    shares = [one.r2 for one in per_fold if one.r2 is not None]
    return NumberValidation(
        **pooled.model_dump(), folds=len(per_fold), rmse_std=float(np.std([one.rmse for one in per_fold])),
        r2_std=float(np.std(shares)) if len(shares) == len(per_fold) else None, per_fold=per_fold)


def _figures(
    values: NDArray[np.float64], held_out: HeldOut, weights: NDArray[np.float64], groups: NDArray[np.int64],
    rows: NDArray[np.bool_],
) -> NumberFold:
    """Figures of some rows."""
    observed, weight = values[rows], weights[rows]
    errors = held_out.predicted[rows] - observed
    own, theirs = rmse(errors, weight), rmse(held_out.baseline[rows] - observed, weight)
    mean = float(np.average(observed, weights=weight))
    one_sign = mean != 0 and (values.min() >= 0 or values.max() <= 0)
    return NumberFold(
        labels=len(np.unique(groups[rows])), pixels=len(observed), rmse=own,
        mae=float(np.average(np.abs(errors), weights=weight)), bias=float(np.average(errors, weights=weight)),
        r2=1 - (own / theirs) ** 2 if theirs > 0 else None, relative_rmse=100 * own / abs(mean) if one_sign else None,
        baseline_rmse=theirs)
