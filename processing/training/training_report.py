"""The training report: finds out what training does not need to know, and writes it with the model, both or neither."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..classification.crossvalidation import Nested
from ..classification.folds import Folds
from ..classification.learning import curve_of, in_random_order
from ..classification.lesson import Lesson
from ..classification.model import Model, save_model
from ..compression.tiles import Tiles
from ..embeddings.stack import Stack
from ..progress import Progress
from ..statistics.reference import Reference
from .calibration import calibrate, open_sample
from .feature_sets import compare, open_embeddings, thinned
from .findings import Findings
from .report_page import page_of


@dataclass(frozen=True)
class Evidence:
    """What a report draws on besides the labels: the tiles' own rasters, and a random sample; None where not given."""

    stack: Stack | None
    reference: Reference | None

    @staticmethod
    def open(
        embeddings: Sequence[str], validation: Path | None, layer: str, crs: str, original: Path | None,
        class_field: str, tiles: Tiles,
    ) -> Evidence:
        """Open and check it all, so that what cannot be used is said before the work begins. ``original``: the file of
        which ``validation`` is a copy.

        Raises InputError, GridMismatch or LabelError.
        """
        return Evidence(
            open_embeddings(embeddings, tiles) if embeddings else None,
            open_sample(validation, layer, class_field, tiles, crs, original) if validation else None)


@dataclass(frozen=True)
class Training:
    """What training knows when it is done. ``folds`` and ``nested``: of random folds and of new places.
    ``block_size`` as asked for, 0 where it was chosen."""

    labels: Path
    tiles: Tiles
    lesson: Lesson
    model: Model
    folds: tuple[Folds | str, Folds | str]
    nested: tuple[Nested | None, Nested | None]
    block_size: float
    seed: int
    threads: int


def save_with_report(training: Training, evidence: Evidence, model: Path, report: Path, progress: Progress) -> None:
    """Find out what the report says, and write model and report, both or neither.

    Raises InputError if the rasters are not those of the tiles, OutputError if a file cannot be written.
    """
    found = _findings(training, evidence, progress)
    with progress.stage(0.75, 1.0, "Drawing the report"):
        page = page_of(found, progress)
    save_model(training.model, model, progress, (page, report))


def _findings(training: Training, evidence: Evidence, progress: Progress) -> Findings:
    lesson, seed, threads = training.lesson, training.seed, training.threads
    with progress.stage(0.0, 0.05, "Scoring the random sample"):
        calibration = None if evidence.reference is None else calibrate(
            training.model, training.tiles, lesson.sample, evidence.reference, seed, threads, progress)
    set_warnings: list[str] = []
    with progress.stage(0.05, 0.65 if evidence.stack else 0.4, "Comparing feature sets"):
        if evidence.stack is None:
            sets = compare(lesson, training.tiles, None, training.folds, seed, threads, set_warnings, progress)
        else:
            with closing(evidence.stack) as stack:
                sets = compare(lesson, training.tiles, stack, training.folds, seed, threads, set_warnings, progress)
    with progress.stage(0.65 if evidence.stack else 0.4, 0.75, "Learning curve"):
        few = in_random_order(lesson.take(thinned(lesson, seed)), seed)
        pixel = min(training.tiles.grid.pixel_size)
        curve = curve_of(few, training.block_size, pixel, seed, threads, progress)
    return Findings(
        labels=training.labels.name, tiles=training.tiles, lesson=lesson, model=training.model, folds=training.folds,
        nested=training.nested, curve=curve, sets=sets, set_warnings=set_warnings,
        with_rasters=evidence.stack is not None, calibration=calibration)
