"""Card: what a model is, what it wants to see and what it answers, with the place every value came from.

A card's JSON (the ONNX metadata key ``bitscape_card``, or the file ``<model>.card.json`` beside the model) has the
fields of ``CardFields`` under their names; any may be missing.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ModelType = Literal["Segmentor", "Regressor", "Detector", "Superresolution", "Recognition"]
Activation = Literal["softmax", "sigmoid", "none", "probabilities"]
Source = Literal["metadata", "sidecar", "form", "default"]
DetectorType = Literal[
    "YOLO_v5_or_v7_default", "YOLO_v6", "YOLO_v9",
    "YOLO_Ultralytics", "YOLO_Ultralytics_segmentation", "YOLO_Ultralytics_obb",
]  # fmt: skip

MAX_CARD = 2**20
MOST_CHANNELS = 512
MOST_CLASSES = 1000
DEFAULT_TILE = 512
LARGEST_TILE = 8192
DEFAULT_OVERLAP = 15.0
DEFAULT_SCALE = 255.0

Word = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1e12)]
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]


class Frozen(BaseModel):
    """Values of a card: no unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassEntry(Frozen):
    """A class of a head. ``colour`` is "#rrggbb", or "" for one of the palette."""

    id: int = Field(ge=0, lt=MOST_CLASSES)
    name: Annotated[str, Field(min_length=1, max_length=200)]
    colour: Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")] = ""


class HeadCard(Frozen):
    """One output of the model. ``activation`` is what is still to be done to it: softmax or sigmoid (it gives logits),
    or nothing, because it gives ``probabilities`` or plain numbers (``none``); None leaves that to a trial run.

    The classes are in the order of the output's channels; a sigmoid output of one channel may list its class alone
    or the background before it.
    """

    name: Word = ""
    classes: list[ClassEntry] = Field(default_factory=list, max_length=MOST_CLASSES)
    activation: Activation | None = None

    @field_validator("classes")
    @classmethod
    def _ids_differ(cls, classes: list[ClassEntry]) -> list[ClassEntry]:
        ids = [entry.id for entry in classes]
        if len(set(ids)) != len(ids):
            raise ValueError("two classes have the same id; each needs its own")
        return classes


class IndexChannel(Frozen):
    """A normalised difference of two bands as a channel: (first − second) / (first + second + 1e-10), on reflectance
    and not standardised."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    bands: tuple[Word, Word]


class AccuracyFigure(Frozen):
    """A measured figure: ``measure`` (such as "IoU road"), its ``value``, what it was measured ``on``, and how."""

    measure: Word
    value: Finite | None = None
    on: Text = ""
    note: Text = ""


class CardFields(Frozen):
    """What a card may say.

    ``resolution`` is metres a pixel, None where the model says nothing (then it runs at the raster's own).
    ``tile_size``
    is pixels of the model, 0 where unknown; ``overlap`` pixels between windows, None for ``overlap_percent`` of the
    tile. ``bands`` are the names of the channels in order ("B02", "red" …), followed by the channels ``indices``; a
    channel is (pixel / ``scale`` + ``offset`` − ``mean``) / ``std``. ``mean`` and ``std`` have one number a band, one
    a channel, one for all, or none at all (0 and 1). ``nodata`` is an input value that means nothing, besides the
    raster's own.
    ``layout`` settles the order of the input's axes where the shape leaves it open. ``small_segment`` is the size of
    a median filter in pixels (0: none). ``reg_output_scaling`` multiplies a regressor's numbers.
    """

    version: Literal[1] = 1
    name: Word = ""
    description: Text = ""
    model_type: ModelType | None = None
    heads: list[HeadCard] = Field(default_factory=list, max_length=16)
    resolution: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1e5)] | None = None
    tile_size: int = Field(0, ge=0, le=LARGEST_TILE)
    overlap: Annotated[int, Field(ge=0, le=LARGEST_TILE)] | None = None
    overlap_percent: float = Field(DEFAULT_OVERLAP, ge=0, le=90, allow_inf_nan=False)
    bands: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=MOST_CHANNELS
    )
    indices: list[IndexChannel] = Field(default_factory=list, max_length=64)
    scale: Positive = DEFAULT_SCALE
    offset: Finite = 0.0
    mean: list[Finite] = Field(default_factory=list, max_length=MOST_CHANNELS)
    std: list[Positive] = Field(default_factory=list, max_length=MOST_CHANNELS)
    nodata: Finite | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    threshold: Share = 0.5
    small_segment: int = Field(0, ge=0, le=999)
    reg_output_scaling: Finite = 1.0
    det_type: DetectorType | None = None
    det_conf: Share = 0.5
    det_iou_thresh: Share = 0.5
    training_data: Text = ""
    licence: Text = ""
    attribution: Text = ""
    accuracy: list[AccuracyFigure] = Field(default_factory=list, max_length=200)
    limits: Text = ""

    @field_validator("accuracy", mode="before")
    @classmethod
    def _sentence_as_figure(cls, value: Any) -> Any:
        return (
            [{"measure": value[:200], "note": value if len(value) > 200 else ""}] if isinstance(value, str) else value
        )

    @field_validator("heads", mode="before")
    @classmethod
    def _one_head(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


class Card(CardFields):
    """A whole card: what was said, over the defaults. ``sources`` tells where each field that was said came from."""

    sources: dict[str, Source] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _sources_are_fields(self) -> Self:
        unknown = self.sources.keys() - CardFields.model_fields.keys()
        if unknown:
            raise ValueError(f"sources of unknown fields {sorted(unknown)}")
        return self

    def source(self, field: str) -> Source:
        """Where a field's value came from."""
        return self.sources.get(field, "default")

    def overlap_pixels(self, tile: int) -> int:
        """The overlap of windows of ``tile`` pixels, in pixels, even, at most half of the tile."""
        wanted = self.overlap if self.overlap is not None else math.ceil(tile * self.overlap_percent / 100)
        return min(wanted + wanted % 2, tile // 2 - tile // 2 % 2)

    def changed(self, source: Source | None = None, /, **values: Any) -> Card:
        """The card with other values, checked; they count as coming from ``source`` (None: as before)."""
        said = {name: getattr(self, name) for name in CardFields.model_fields} | values
        sources = dict(self.sources)
        if source is not None:
            sources |= dict.fromkeys(values, source)
        return Card.model_validate({**said, "sources": sources})
