"""What a training report is made of: what training knows, and what was found out for the report."""

from __future__ import annotations

from dataclasses import dataclass

from ..classification.crossvalidation import Nested
from ..classification.figures import Validation
from ..classification.folds import Folds
from ..classification.learning import LearningCurve
from ..classification.lesson import Lesson
from ..classification.model import Model
from ..compression.tiles import Tiles
from .calibration import Calibration
from .feature_sets import Compared


@dataclass(frozen=True)
class Findings:
    """What training knows, and what was found out for the report. ``folds``, ``nested`` and ``validations`` are of
    random folds and of new places; a calibration that is a text is the reason for its absence."""

    labels: str
    tiles: Tiles
    lesson: Lesson
    model: Model
    folds: tuple[Folds | str, Folds | str]
    nested: tuple[Nested | None, Nested | None]
    curve: LearningCurve
    sets: list[Compared]
    set_warnings: list[str]
    with_rasters: bool
    calibration: Calibration | str | None

    @property
    def validations(self) -> tuple[Validation | None, Validation | None]:
        """Of random folds and of new places."""
        return self.model.random, self.model.spatial

    @property
    def reasons(self) -> tuple[str, str]:
        """Why there is none."""
        return self.model.random_reason, self.model.spatial_reason

    @property
    def what(self) -> str:
        """Whose figures they are."""
        return f"of {self.model.positive_class}" if self.model.positive_class else "averaged over the classes"
