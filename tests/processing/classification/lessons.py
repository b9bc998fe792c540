"""Lessons from files, as training makes them."""

from __future__ import annotations

from pathlib import Path

from bitscape.processing.classification.folds import Folds, block_folds, random_folds
from bitscape.processing.classification.labels import read_labels
from bitscape.processing.classification.lesson import Lesson, only_present, positive_of, problem_of
from bitscape.processing.classification.sampling import sample_labels
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.progress import Progress


def lesson_of(tiles: Tiles, labels: Path) -> Lesson:
    """What a label file teaches."""
    read = read_labels(labels, "", "label", tiles.grid.crs)
    sample, names = only_present(sample_labels(tiles, read, 0, 1, Progress()), read.names)
    positive = positive_of(names, "")
    return Lesson(sample, names, positive, problem_of(sample, len(names), positive, False, tiles.basis.deviation))


def folds_of(lesson: Lesson, tiles: Tiles) -> tuple[Folds | str, Folds | str]:
    """Random folds and new places."""
    pixel = min(tiles.grid.pixel_size)
    return random_folds(lesson.rows, 0), block_folds(lesson.rows, lesson.sample.x, lesson.sample.y, 0, pixel, 0)
