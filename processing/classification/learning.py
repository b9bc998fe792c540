"""The learning curve: how well held-out labels are agreed with after the first so many labels, and after more."""

from __future__ import annotations

import numpy as np

from ..operations import Result
from ..progress import Progress
from .figures import Validation
from .folds import block_folds, random_folds
from .lesson import Lesson, validate

NEEDED = 10
"""Labelled pixels of each class below which no figure is given: five folds then test two of each."""
STEPS = 8


class LearningCurve(Result):
    """F1 after the first so many labels, mean and deviation over folds; None where folds were impossible."""

    clicks: list[int]
    random: list[tuple[float, float] | None]
    spatial: list[tuple[float, float] | None]
    reason: str


def no_curve(reason: str) -> LearningCurve:
    """Why there is none."""
    return LearningCurve(clicks=[], random=[], spatial=[], reason=reason)


def curve_of(
    whole: Lesson, block_size: float, pixel: float, seed: int, threads: int, progress: Progress
) -> LearningCurve:
    """Validate the first labels, then more and more of them, in the order of their feature numbers.

    All pixels of a label come at once. ``block_size`` and ``pixel`` as for ``block_folds``.
    """
    least = _enough(whole)
    if least is None:
        return no_curve(f"needs {NEEDED} clicks of each class")
    total = int(whole.sample.features.max()) + 1
    sizes = sorted({round(size) for size in np.geomspace(least, total, STEPS)}) if total > least else [total]
    random: list[tuple[float, float] | None] = []
    spatial: list[tuple[float, float] | None] = []
    for done, size in enumerate(sizes):
        lesson = whole.take(whole.sample.features < size)
        folds = random_folds(lesson.rows, seed)
        blocks = block_folds(lesson.rows, lesson.sample.x, lesson.sample.y, block_size, pixel, seed)
        for part, (kind, figures) in enumerate(((folds, random), (blocks, spatial))):
            begin = (done + part / 2) / len(sizes)
            with progress.stage(begin, begin + 0.5 / len(sizes), "Learning curve"):
                validation, _, _ = validate(
                    lesson.problem, lesson.sample, kind, lesson.positive, seed, threads, [], progress)
            figures.append(_spread(validation))
    return LearningCurve(clicks=sizes, random=random, spatial=spatial, reason="")


def in_random_order(lesson: Lesson, seed: int) -> Lesson:
    """The lesson with its label features numbered 0, 1, 2 … in random order: that of a file may say nothing, or be the
    order of the classes. The same whatever the file's order was."""
    _, first, group = np.unique(lesson.sample.features, return_index=True, return_inverse=True)
    placed = np.argsort(np.argsort(first))
    order = np.random.default_rng(seed).permutation(len(first))
    return lesson.renumbered(order[placed][group])


def _enough(lesson: Lesson) -> int | None:
    """The number of first labels with enough pixels of every class; None if all of them are not."""
    order = np.argsort(lesson.sample.features, kind="stable")
    classes, features = lesson.sample.classes[order], lesson.sample.features[order]
    last: list[int] = []
    for number in range(len(lesson.names)):
        of_class = np.flatnonzero(classes == number)
        if len(of_class) < NEEDED:
            return None
        last.append(int(features[of_class[NEEDED - 1]]))
    return max(last) + 1


def _spread(validation: Validation | None) -> tuple[float, float] | None:
    return None if validation is None else (validation.f1, validation.f1_std)
