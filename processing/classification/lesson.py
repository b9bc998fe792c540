"""What labels teach: training rows, the learning problem they make, its model, and its figures on held-out labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelError
from ..executors import open_executor
from ..progress import Progress
from .crossvalidation import DEFAULT_C, Fit, Nested, Problem, fit_chosen, nested
from .figures import Validation, validation_of
from .folds import Folds, Rows, inner_folds
from .sampling import Sample

NEGATIVE = {"nochange", "unchanged", "stable", "background", "other", "negative", "false", "no", "none", "0"}
"""Names, without spaces, "-" and "_", of the class that is not the one looked for."""


@dataclass(frozen=True)
class Lesson:
    """What labels teach: training rows, the class names they are numbered by, the positive one of two (None of more),
    the problem, and how each row counts for folds."""

    sample: Sample
    names: tuple[str, ...]
    positive: int | None
    problem: Problem

    @property
    def rows(self) -> Rows:
        """For making folds."""
        return Rows(self.sample.classes, self.sample.features, self.names)

    @property
    def counts(self) -> dict[str, int]:
        """Labelled pixels by class."""
        return {name: int(np.count_nonzero(self.sample.classes == index)) for index, name in enumerate(self.names)}

    def take(self, which: NDArray[Any]) -> Lesson:
        """What some of the rows teach (indices or a mask)."""
        return Lesson(self.sample.take(which), self.names, self.positive, self.problem.take(which))

    def renumbered(self, features: NDArray[np.int64]) -> Lesson:
        """The same with other numbers (rows,) for the label features."""
        return replace(self, sample=replace(self.sample, features=features))


def positive_of(names: tuple[str, ...], wanted: str) -> int | None:
    """Which of two classes the score is of; None for more classes.

    The one asked for; else the one beside a class that sounds negative (no change, background, other, 0 …); else the
    second in sorted order. Raises LabelError if the one asked for is not there.
    """
    if wanted and wanted not in names:
        raise LabelError(f"There are no labels of class {wanted} to be the positive class; there are "
                         f"{', '.join(names)}.")
    if len(names) != 2:
        return None
    if wanted:
        return names.index(wanted)
    sounds = [name.lower().translate({ord(mark): None for mark in " -_"}) in NEGATIVE for name in names]
    return 0 if sounds == [False, True] else 1


def only_present(sample: Sample, names: tuple[str, ...]) -> tuple[Sample, tuple[str, ...]]:
    """The sample numbered without the classes that have no pixel. Raises LabelError if fewer than two are."""
    present = np.unique(sample.classes)
    for index, name in enumerate(names):
        if index not in present:
            sample.warnings.append(f"class {name} has no labelled pixel on the tiles and was left out")
    if len(present) < 2:
        said = f" ({'; '.join(sample.warnings)})" if sample.warnings else ""
        raise LabelError(f"All labels that can train are of one class, {names[present[0]]}{said}. At least two classes "
                         "are needed: place some labels of another.")
    classes = np.searchsorted(present, sample.classes).astype(np.int64)
    kept = Sample(sample.codes, classes, sample.features, sample.x, sample.y, sample.warnings)
    return kept, tuple(names[index] for index in present)


def problem_of(
    sample: Sample, total: int, positive: int | None, balanced: bool, deviation: Sequence[float]
) -> Problem:
    """The learning problem; of two classes the positive one is number 1.

    Codes are divided by their ``deviation`` over the whole area, not over the labels: so a few clicks decide where the
    classes differ, but not what counts as a large difference.
    """
    classes = sample.classes if positive != 0 else 1 - sample.classes
    return Problem(sample.codes / np.array(deviation), classes, total, balanced, rescale=False)


def fit_codes(problem: Problem, inner: NDArray[np.int64] | None, deviation: Sequence[float]) -> Fit:
    """The model, for codes, of a problem that ``problem_of`` made; ``inner`` (rows,) as ``inner_folds`` gives them."""
    found = fit_chosen(problem, inner)
    return found._replace(weights=found.weights / np.array(deviation))


def validate(
    problem: Problem, sample: Sample, folds: Folds | str, positive: int | None, seed: int, threads: int,
    warnings: list[str], progress: Progress,
) -> tuple[Validation | None, str, Nested | None]:
    """Figures of nested cross-validation on the folds and what they are made of, or None and the reason."""
    if isinstance(folds, str):
        return None, folds, None
    numbers = folds.numbers
    inner = [
        inner_folds(problem.classes[numbers != fold], sample.features[numbers != fold], seed)
        for fold in range(folds.count)
    ]
    without = sum(one is None for one in inner)
    if without:
        where = "spatial" if folds.block_size else "random"
        warnings.append(f"too few labels to choose C in {without} of {folds.count} folds of the {where} validation: "
                        f"C = {DEFAULT_C:g} there")
    with open_executor(threads) as executor:
        held_out = nested(problem, numbers, inner, executor, progress)
    predicted = 1 - held_out.predicted if positive == 0 else held_out.predicted
    return validation_of(sample.classes, predicted, numbers, problem.total, positive), "", held_out
