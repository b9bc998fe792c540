"""What a training run is told: bands, classes, steps and what the card says. One JSON file per shipped model."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """A misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RecipeClass(Strict):
    """A class of the model and the mask values that mean it."""

    name: str
    colour: str = Field(pattern="^#[0-9a-fA-F]{6}$")
    values: tuple[int, ...] = Field(min_length=1)


class RecipeIndex(Strict):
    """(a − b) / (a + b + 1e-10) of two bands, by name, on scaled values."""

    name: str
    a: str
    b: str


class TrainingRecipe(Strict):
    """``bands``: the images' bands in order, as their names go into the card; ``used``: those the model gets, all if
    empty. ``scale``: stored values are divided by it. ``named_values``: mask values whose recall is told by itself.
    ``spacing``: the least distance of a test image from the training images, in metres. ``places``: what a test image's
    name begins with → the place that scores are told of, with ``scores_note`` on what a place's figures are worth."""

    title: str
    description: str
    bands: tuple[str, ...] = Field(min_length=1)
    used: tuple[str, ...] = ()
    indices: tuple[RecipeIndex, ...] = ()
    scale: float = Field(gt=0)
    resolution: float = Field(gt=0)
    classes: tuple[RecipeClass, ...] = Field(min_length=2)
    named_values: dict[str, int] = {}
    spacing: float = Field(default=1000.0, ge=0)
    width: int = Field(default=12, ge=4, le=64)
    crop: int = Field(default=192, ge=64, multiple_of=16)
    batch: int = Field(default=8, ge=1)
    steps: int = Field(default=1500, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    brightness: float = Field(default=0.15, ge=0, lt=1)
    seed: int = 0
    tile: int = Field(default=512, ge=64, multiple_of=16)
    overlap: int = Field(default=64, ge=0)
    training_data: str
    places: dict[str, str]
    scores_note: dict[str, str] = {}
    caveat: str
    licence: str
    attribution: str

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        unknown = {*self.used, *(name for index in self.indices for name in (index.a, index.b))} - set(self.bands)
        if unknown:
            raise ValueError(f"bands has no {', '.join(sorted(unknown))}")
        if {name for index in self.indices for name in (index.a, index.b)} - set(self.inputs):
            raise ValueError("an index needs its bands among those that are used")
        values = [value for one in self.classes for value in one.values]
        if len(values) != len(set(values)):
            raise ValueError("a mask value belongs to two classes")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """The bands that the model gets, in its order."""
        return self.used or self.bands

    @staticmethod
    def load(path: Path) -> TrainingRecipe:
        """Read a recipe; raises pydantic's ValidationError, which names the key."""
        return TrainingRecipe.model_validate_json(path.read_text(encoding="utf-8"))
