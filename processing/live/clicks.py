"""Clicks as the dock sends them, and the learning problem they make: the same as training on their layer would be."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ..classification.labels import Labels
from ..classification.lesson import Lesson, only_present, positive_of, problem_of
from ..classification.sampling import Sample, sample_labels
from ..compression.tiles import Tiles
from ..errors import LabelError
from ..operations import Request
from ..progress import Progress
from .opened import OpenTiles

MOST = 100_000


class Clicks(Request):
    """Points in the tiles' CRS in the order they were placed, each with the index of its class in ``names``."""

    tiles: Path
    x: list[float] = Field(max_length=MOST)
    y: list[float] = Field(max_length=MOST)
    classes: list[int] = Field(max_length=MOST)
    names: list[str] = Field(max_length=250)
    positive: str = ""
    class_weights: Literal["none", "balanced"] = "none"
    seed: int = Field(0, ge=0, lt=2**31)
    threads: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not len(self.x) == len(self.y) == len(self.classes):
            raise ValueError("x, y and classes must have one entry for each click")
        if self.classes and not 0 <= min(self.classes) <= max(self.classes) < len(self.names):
            raise ValueError("classes must be indices into names")
        return self

    def labels(self) -> Labels:
        """As labels read from a file would be: only classes that occur, sorted by name."""
        import shapely

        used = sorted({self.names[number] for number in self.classes})
        classes = np.array([used.index(self.names[number]) for number in self.classes], np.int64)
        return Labels(shapely.points(self.x, self.y), classes, tuple(used))


def sample_of(clicks: Clicks, open_tiles: OpenTiles, progress: Progress) -> Sample:
    """Sample the clicks' pixels at native resolution. Raises LabelError where none has data."""
    if not clicks.x:
        raise LabelError("No labels yet.")
    return sample_labels(
        open_tiles.tiles, clicks.labels(), clicks.seed, clicks.threads, progress, open_tiles.known)


def lesson_of(clicks: Clicks, open_tiles: OpenTiles, progress: Progress) -> Lesson:
    """What the clicks teach. Raises LabelError where fewer than two classes have data."""
    return lesson_from(clicks, sample_of(clicks, open_tiles, progress), open_tiles.tiles)


def lesson_from(clicks: Clicks, sample: Sample, tiles: Tiles) -> Lesson:
    """The same from the clicks' sample."""
    sample, names = only_present(sample, clicks.labels().names)
    positive = positive_of(names, clicks.positive if clicks.positive in names else "")
    problem = problem_of(sample, len(names), positive, clicks.class_weights == "balanced", tiles.basis.deviation)
    return Lesson(sample, names, positive, problem)
