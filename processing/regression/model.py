"""The regression's file: weights on raw codes, the numbers they predict, and how well. JSON, never pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..classification.model import REGRESSION, BasisReference, Model, checked, format_of, read_model
from .figures import NumberValidation
from .labels import LARGEST

MAX_CODES = 4096
LARGEST_WEIGHT = 1e32
"""Bound of weights: float32 holds what they predict from any codes."""


class LabelRange(BaseModel):
    """The values a model has seen: ``low`` and ``high`` are their 2nd and 98th percentile; ``labels`` and the
    ``pixels`` they cover."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    minimum: float
    low: float
    mean: float
    high: float
    maximum: float
    labels: int = Field(ge=1)
    pixels: int = Field(ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.minimum <= self.low <= self.high <= self.maximum or self.minimum == self.maximum:
            raise ValueError("minimum, low, high and maximum must rise")
        if max(-self.minimum, self.maximum) > LARGEST:
            raise ValueError(f"values must not exceed {LARGEST:g}")
        return self


class RegressionModel(BaseModel):
    """Ridge regression on int8 codes, scaling folded in: number = weights @ codes + bias, in ``unit``.

    ``target`` is the field that held the numbers; ``alpha`` as in scikit-learn's Ridge on codes divided by their
    deviations, with labels that weigh 1 each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    format: Literal["bitscape-regression"] = "bitscape-regression"
    version: Literal[1] = 1
    target: str = Field(min_length=1, max_length=1000)
    unit: str = Field(max_length=40)
    weights: list[float] = Field(min_length=1, max_length=MAX_CODES)
    bias: float
    basis: BasisReference
    alpha: float = Field(ge=0)
    labels: LabelRange
    random: NumberValidation | None
    spatial: NumberValidation | None
    random_reason: str
    spatial_reason: str
    block_size: float | None
    warnings: list[str]
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if max(abs(value) for value in [*self.weights, self.bias]) > LARGEST_WEIGHT:
            raise ValueError(f"weights must not exceed {LARGEST_WEIGHT:g}")
        return self

    @property
    def title(self) -> str:
        """What is predicted, and its unit: "height (m)"."""
        return f"{self.target} ({self.unit})" if self.unit else self.target

    @property
    def codes(self) -> int:
        """Codes a pixel that the model expects."""
        return len(self.weights)

    def arrays(self) -> tuple[NDArray[np.float64], float]:
        """Weights (codes,) and bias."""
        return np.array(self.weights, np.float64), self.bias

    def require_basis(self, fingerprint: str, dates: list[str], codes: int, tiles: Path) -> None:
        """Raise BasisMismatch, naming both, if tiles of this basis are not what the model was trained on."""
        self.basis.require(self.codes, fingerprint, dates, codes, tiles)


def load_any_model(path: Path) -> Model | RegressionModel:
    """Read a classifier or a regression model that anyone may have written. Raises InputError that says what is wrong
    with it."""
    text = read_model(path)
    if format_of(text) == REGRESSION:
        return checked(RegressionModel, text, path, "regression model")
    return checked(Model, text, path, "classifier model")
