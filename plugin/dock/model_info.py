"""What the dock knows of a model, and of it beside a raster: as the backend described them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsRectangle


@dataclass(frozen=True)
class Slot:
    """A band that the model needs: what it is called, the raster's band proposed for it (from 1; None: none), why."""

    name: str
    band: Optional[int] = None
    reason: str = ""


@dataclass(frozen=True)
class ProviderEntry:
    """Something that can run the model here."""

    key: str
    title: str
    about: str = ""


@dataclass(frozen=True)
class RasterInfo:
    """The raster: its bands (number, name), where it lies, and a line about it."""

    bands: tuple[tuple[int, str], ...]
    extent: QgsRectangle
    crs: QgsCoordinateReferenceSystem
    words: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """``card`` and ``sources``: the card's fields and where each comes from. ``asked``: fields that nothing says.
    ``problems`` hinder a run, ``warnings`` do not; both are of model and raster together."""

    path: Path
    model_type: str
    card: Mapping[str, Any]
    sources: Mapping[str, str]
    heads: tuple[Mapping[str, Any], ...] = ()
    channel_count: int = 0
    channels: tuple[str, ...] = ()
    bytes: int = 0
    parameters: int = 0
    cores: int = 0
    providers: tuple[ProviderEntry, ...] = ()
    provider_key: str = "cpu"
    asked: tuple[str, ...] = ()
    card_notes: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    raster: Optional[RasterInfo] = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
