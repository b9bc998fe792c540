"""The operations livevalidation and learningcurve: how well clicks are agreed with where they did not train."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..classification.crossvalidation import Nested, shares
from ..classification.figures import Validation
from ..classification.folds import Folds, block_folds, random_folds
from ..classification.learning import NEEDED, LearningCurve, curve_of, no_curve
from ..classification.lesson import Lesson, validate
from ..classification.prevalence import PrecisionAt, precision_at
from ..errors import LabelError
from ..operations import Result
from ..progress import Progress
from .clicks import Clicks, lesson_of
from .opened import opened

RARE = 0.01
UNBALANCED = 5
"""Warn where a class has so many times the labels of another."""


class ValidationRequest(Clicks):
    """``block_size`` as in trainclassifier."""

    block_size: float = Field(0, ge=0, allow_inf_nan=False)


class Curve(Result):
    """Precision and recall on held-out clicks at each threshold 0…1, rising."""

    precision: list[float]
    recall: list[float]
    thresholds: list[float]


class ValidationResult(Result):
    """Agreement with the clicks; a figure that is None has its reason beside it. ``held_out``: score 0…1 of each
    training row by the model of the random fold that did not see it, with the row's class in ``classes``."""

    counts: dict[str, int]
    random: Validation | None
    random_reason: str
    spatial: Validation | None
    spatial_reason: str
    block_size: float | None
    rare: PrecisionAt | None
    curve: Curve | None
    held_out: list[float]
    classes: list[str]
    warnings: list[str]


def live_validation(request: ValidationRequest, progress: Progress) -> ValidationResult:
    """Validate as trainclassifier does, and say what the labels do not support instead of a figure."""
    open_tiles = opened(request.tiles)
    try:
        with progress.stage(0.0, 0.1, "Reading labels and their pixels"):
            lesson = lesson_of(request, open_tiles, progress)
    except LabelError as error:
        return ValidationResult(
            counts={}, random=None, random_reason=error.message, spatial=None, spatial_reason=error.message,
            block_size=None, rare=None, curve=None, held_out=[], classes=[], warnings=[])
    warnings = _balance(lesson.counts)
    few, name = min((count, name) for name, count in lesson.counts.items())
    reason = f"{few} of {name}: too few to judge, {NEEDED} of each class are needed" if few < NEEDED else ""
    pixel = min(open_tiles.tiles.grid.pixel_size)
    with progress.stage(0.1, 0.55, "Validating with random folds"):
        folds = reason or random_folds(lesson.rows, request.seed)
        random, random_reason, nested = _figures(lesson, folds, request, progress)
    with progress.stage(0.55, 1.0, "Validating in new places"):
        blocks = reason or block_folds(
            lesson.rows, lesson.sample.x, lesson.sample.y, request.block_size, pixel, request.seed)
        spatial, spatial_reason, _ = _figures(lesson, blocks, request, progress)
    held_out: list[float] = (
        [] if nested is None or lesson.positive is None else shares(nested.logits)[:, 0].tolist())
    return ValidationResult(
        counts=lesson.counts, random=random, random_reason=random_reason, spatial=spatial,
        spatial_reason=spatial_reason, block_size=blocks.block_size if isinstance(blocks, Folds) else None,
        rare=_rare(spatial or random, lesson.positive),
        curve=_curve(lesson, np.array(held_out)) if held_out else None, held_out=held_out,
        classes=[lesson.names[number] for number in lesson.sample.classes], warnings=warnings,
    )


def learning_curve(request: ValidationRequest, progress: Progress) -> LearningCurve:
    """Validate the first clicks, then more and more of them, in the order they were placed."""
    open_tiles = opened(request.tiles)
    try:
        with progress.stage(0.0, 0.05, "Reading labels and their pixels"):
            whole = lesson_of(request, open_tiles, progress)
    except LabelError as error:
        return no_curve(error.message)
    pixel = min(open_tiles.tiles.grid.pixel_size)
    with progress.stage(0.05, 1.0, "Learning curve"):
        return curve_of(whole, request.block_size, pixel, request.seed, request.threads, progress)


def _figures(
    lesson: Lesson, folds: Folds | str, request: ValidationRequest, progress: Progress
) -> tuple[Validation | None, str, Nested | None]:
    return validate(lesson.problem, lesson.sample, folds, lesson.positive, request.seed, request.threads, [], progress)


def _balance(counts: dict[str, int]) -> list[str]:
    most, least = max(counts.values()), min(counts.values())
    if most < UNBALANCED * least:
        return []
    many, few = (next(name for name, count in counts.items() if count == value) for value in (most, least))
    return [f"unbalanced: {most} of {many}, {least} of {few}"]


def _rare(validation: Validation | None, positive: int | None) -> PrecisionAt | None:
    """New places are what a map is made of, so their figures are taken where there are any."""
    return None if validation is None or positive is None else precision_at(validation, positive, RARE)


def _curve(lesson: Lesson, scores: NDArray[np.float64]) -> Curve:
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(lesson.sample.classes == lesson.positive, scores)
    return Curve(precision=precision[:-1].tolist(), recall=recall[:-1].tolist(), thresholds=thresholds.tolist())
