"""The classifier's file: weights on raw codes, the basis they belong to, and how well it did. JSON, never pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import BasisMismatch, InputError
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..reports.page import Page, write_page
from .figures import Validation

MAX_FILE = 16 * 2**20
MAX_CLASSES = 250
LARGEST = 1e9
"""Bound of weights: float32 holds the logit of any codes below it."""
REGRESSION = "bitscape-regression"
"""The format of models of numbers, see regression_model.py."""
M = TypeVar("M", bound=BaseModel)


class BasisReference(BaseModel):
    """The basis whose codes a model understands."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fingerprint: str = Field(min_length=1, max_length=200)
    features: str = Field(max_length=100)
    dates: list[str] = Field(max_length=1000)

    def require(self, own_codes: int, fingerprint: str, dates: list[str], codes: int, tiles: Path) -> None:
        """Raise BasisMismatch, naming both, if tiles of this basis are not what a model of ``own_codes`` was trained
        on."""
        if fingerprint != self.fingerprint or codes != own_codes:
            raise BasisMismatch(
                f"The model was trained on tiles of the basis {self.fingerprint} ({own_codes} components, "
                f"{', '.join(self.dates)}), but {tiles.name} is of the basis {fingerprint} ({codes} components, "
                f"{', '.join(dates)}). Build these tiles with the model's basis file, or train a model on them.")


class Model(BaseModel):
    """Logistic regression on int8 codes, scaling folded in: logit = weights @ codes + bias.

    Two classes: one row of weights, the logit of ``positive_class``. More: one row a class, softmax.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    format: Literal["bitscape-classifier"] = "bitscape-classifier"
    version: Literal[1] = 1
    classes: list[str] = Field(min_length=2, max_length=MAX_CLASSES)
    positive_class: str | None
    weights: list[list[float]] = Field(min_length=1, max_length=MAX_CLASSES)
    bias: list[float] = Field(min_length=1, max_length=MAX_CLASSES)
    basis: BasisReference
    c: float = Field(gt=0)
    sharpness: float = Field(default=1.0, gt=0)
    """The factor in weights and bias that spreads the score; 1 in models that were made without one."""
    class_weights: Literal["none", "balanced"]
    counts: dict[str, int]
    random: Validation | None
    spatial: Validation | None
    random_reason: str
    spatial_reason: str
    block_size: float | None
    warnings: list[str]
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        binary = len(self.classes) == 2
        rows = 1 if binary else len(self.classes)
        if len(set(self.classes)) != len(self.classes) or not all(self.classes):
            raise ValueError("class names must be different and not empty")
        if (self.positive_class in self.classes) != binary or (not binary and self.positive_class is not None):
            raise ValueError("two classes need one of them as the positive class, more have none")
        if len(self.weights) != rows or len(self.bias) != rows:
            raise ValueError(f"{len(self.classes)} classes need {rows} rows of weights and as many biases")
        if len({len(row) for row in self.weights}) != 1 or not self.weights[0]:
            raise ValueError("all rows of weights must have the same length")
        if max(abs(value) for row in [*self.weights, self.bias] for value in row) > LARGEST:
            raise ValueError(f"weights must not exceed {LARGEST:g}")
        return self

    @property
    def codes(self) -> int:
        """Codes a pixel that the model expects."""
        return len(self.weights[0])

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (1 or classes, codes) and bias (1 or classes,)."""
        return np.array(self.weights, np.float64), np.array(self.bias, np.float64)

    def require_basis(self, fingerprint: str, dates: list[str], codes: int, tiles: Path) -> None:
        """Raise BasisMismatch, naming both, if tiles of this basis are not what the model was trained on."""
        self.basis.require(self.codes, fingerprint, dates, codes, tiles)


def save_model(model: BaseModel, path: Path, progress: Progress, report: tuple[Page, Path] | None = None) -> None:
    """Write a model, and the page of a report on it to its own path: both whole, or neither."""
    targets = [path] if report is None else [path, report[1]]
    with whole_or_nothing(progress, *targets) as partials:
        partials[0].write_text(model.model_dump_json(indent=1), encoding="utf-8")
        if report is not None:
            write_page(report[0], partials[1])


def load_model(path: Path) -> Model:
    """Read a classifier that anyone may have written. Raises InputError that says what is wrong with it."""
    text = read_model(path)
    if format_of(text) == REGRESSION:
        raise InputError(f"{path} is a regression model: it predicts numbers, but here a classifier is needed. Choose "
                         "one, or train one on labels that hold classes.")
    return checked(Model, text, path, "classifier model")


def read_model(path: Path) -> bytes:
    """What a model's file holds. Raises InputError if it is missing, too large or cannot be read."""
    try:
        if not path.is_file():
            raise InputError(f"The model file {path} does not exist.")
        if path.stat().st_size > MAX_FILE:
            raise InputError(f"{path} is larger than {MAX_FILE >> 20} MiB, too large to be a model.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The model file {path} cannot be read.", str(error)) from error


def format_of(text: bytes) -> str:
    """The format a model's file states; "" where it states none, or is no JSON."""
    try:
        return _Stated.model_validate_json(text).format
    except ValidationError:
        return ""


def checked(kind: type[M], text: bytes, path: Path, name: str) -> M:
    """A model of a kind from what its file holds. Raises InputError that says what is wrong with it."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        what = problem["msg"].removeprefix("Value error, ")
        raise InputError(f"{path} is not a {name} of Bitscape, or it is damaged: "
                         f"{f'{where}: ' if where else ''}{what}.", str(error)) from error


class _Stated(BaseModel):
    """The one field that tells models apart."""

    format: str = ""
