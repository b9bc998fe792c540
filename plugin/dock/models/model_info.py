"""What the dock knows of a model, and of it beside a raster: as the backend described them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsRectangle, QgsUnitTypes

from ...translation import tr


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
    certain: bool = True
    """Whether nobody need look at the bands that were proposed."""


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
    tile_fixed: bool = False
    bytes: int = 0
    parameters: int = 0
    precision: str = ""
    threads: int = 0
    machine: str = ""
    providers: tuple[ProviderEntry, ...] = ()
    provider_key: str = "cpu"
    provider_used: str = "CPU"
    fallback: str = ""
    asked: tuple[str, ...] = ()
    card_notes: tuple[str, ...] = ()
    card_problems: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    raster: Optional[RasterInfo] = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> ModelInfo:
        """From the answer of the operation describemodel, about a model and at most one raster."""
        card, sources = found["card"], found["sources"]
        fit = found["rasters"][0] if found["rasters"] else None
        said = sources.get("heads") not in (None, "default")
        heads = tuple(
            {"name": head["name"], "classes": head["classes"], "activation": head["activation"] if said else ""}
            for head in found["heads"] if head["classes"] or found["model_type"] == "Segmentor")
        return cls(
            path=Path(found["model"]), model_type=found["model_type"], card={**card, "heads": list(heads)},
            sources=sources, heads=heads, channel_count=found["input"]["channels"], tile_fixed=found["tile_fixed"],
            channels=(*card["bands"], *(one["name"] for one in card["indices"])) if card["bands"] else (),
            bytes=found["size"], parameters=found["parameters"], precision=found["precision"],
            threads=found["threads"], machine=found["machine"],
            providers=tuple(ProviderEntry(one["key"], one["title"], one["about"])
                            for one in found["providers"] if one["offered"]),
            provider_key=found["provider"], provider_used=found["provider_used"], fallback=found["fallback"],
            asked=_asked(found), card_notes=tuple(found["notes"]), card_problems=tuple(found["problems"]),
            slots=_slots(found["needed"], fit), raster=_raster(fit) if fit is not None else None,
            problems=(*found["problems"], *(fit["problems"] if fit is not None else ())),
            warnings=tuple(fit["warnings"]) if fit is not None else (),
        )


def _asked(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What nothing says, and what one has to know for a run to mean something."""
    sources, card = found["sources"], found["card"]

    def unsaid(*names: str) -> bool:
        return all(sources.get(name, "default") == "default" for name in names)

    asked = []
    if found["model_type"] in ("Segmentor", "Detector") and unsaid("heads"):
        asked.append("heads")
    if found["input"]["channels"] > 1 and not card["bands"]:
        asked.append("bands")
    if found["input"]["dtype"] != "uint8" and unsaid("scale", "mean", "std"):
        asked.append("scale")
    if found["model_type"] == "Detector" and unsaid("det_type"):
        asked.append("det_type")
    if unsaid("resolution"):
        asked.append("resolution")
    return tuple(asked)


def _slots(needed: Sequence[str], fit: Optional[Mapping[str, Any]]) -> tuple[Slot, ...]:
    if fit is None:
        return tuple(Slot(name) for name in needed)
    reasons = {one["name"]: one["reason"] for one in fit["channels"] if one["index"] is None}
    bands = fit["proposed"] or [0] * len(needed)
    return tuple(Slot(name, band or None, reasons.get(name, "")) for name, band in zip(needed, bands))


def _raster(fit: Mapping[str, Any]) -> Optional[RasterInfo]:
    """None where it cannot be read: the problems say so."""
    if not fit["bands"]:
        return None
    crs = QgsCoordinateReferenceSystem()
    if fit["crs"].startswith("EPSG:"):
        crs = QgsCoordinateReferenceSystem(fit["crs"])
    elif fit["crs"]:
        crs = QgsCoordinateReferenceSystem.fromWkt(fit["crs"])
    unit = QgsUnitTypes.toAbbreviatedString(crs.mapUnits()) if crs.isValid() else tr("units, without a CRS")
    count = len(fit["bands"])
    held = tr("1 band of {0}").format(fit["dtype"]) if count == 1 else tr("{0} bands of {1}").format(
        count, fit["dtype"])
    words = tr("{0:,} × {1:,} pixels of {2:.4g} {3}, {4}").format(
        fit["width"], fit["height"], fit["pixel"], unit, held)
    bands = tuple((one["number"], one["name"]) for one in fit["bands"])
    certain = all(one["certain"] for one in fit["channels"])
    return RasterInfo(bands, QgsRectangle(*fit["bounds"]), crs, words, certain)
