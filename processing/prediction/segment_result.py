"""What a run of segmentraster tells of itself: shares of classes, ranges of numbers, and the times it took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ..operations import Result
from ..polygons.classpolygons import PolygonResult
from ..progress import Progress
from ..sliding.run import in_words, windows_said
from .drawing import HeadMaps

HECTARE = 10_000.0


class ClassShare(Result):
    """A class in a map. ``area``: hectares on the ellipsoid, None where the raster has no place on the Earth."""

    value: int
    name: str
    colour: str
    pixels: int
    area: float | None


class PolygonKind(Result):
    """The polygons of a class."""

    name: str
    value: int | None
    colour: str
    count: int


class NumberBand(Result):
    """A band of numbers; None where there are none."""

    name: str
    minimum: float | None
    mean: float | None
    maximum: float | None


class HeadResult(Result):
    """The maps of one head. ``score_names`` are the classes of the bands of scores."""

    name: str
    kind: Literal["classes", "numbers"]
    classes: Path | None
    scores: Path | None
    confidence: Path | None
    polygons: Path | None
    numbers: Path | None
    shares: list[ClassShare]
    score_names: list[str]
    background: int | None
    bands: list[NumberBand]
    polygon_kinds: list[PolygonKind]
    polygon_fields: list[str]
    polygon_description: str


class SegmentResult(Result):
    """``pixels`` were asked for, of which ``covered_pixels`` have data. ``seconds`` by stage (read, model, blend,
    write: in threads side by side; smooth, overviews, polygons: after them) and in total. ``resampled``: to the model's
    pixels and back."""

    model_name: str
    model_type: str
    heads: list[HeadResult]
    pixels: int
    covered_pixels: int
    windows: int
    skipped: int
    tile: int
    overlap: int
    resampled: bool
    provider_used: str
    fallback: str
    seconds: dict[str, float]


def head_result(maps: HeadMaps, paths: Mapping[str, Path], made: PolygonResult | None) -> HeadResult:
    """What there is of a head: its files by output, and the polygons that were ``made`` of it."""
    tally = maps.tally
    return HeadResult(
        name=maps.head.name, kind="numbers" if maps.decision is None else "classes", classes=paths.get("classes"),
        scores=paths.get("scores"), confidence=paths.get("confidence"), polygons=paths.get("polygons"),
        numbers=paths.get("numbers"), background=maps.background if maps.decision else None,
        shares=[
            ClassShare(value=one.value, name=one.name, colour=one.colour, pixels=int(tally.pixels[one.value]),
                       area=float(tally.areas[one.value]) / HECTARE if tally.on_earth else None)
            for one in maps.classes],
        score_names=[one.name for one in maps.scored] if maps.decision else [],
        bands=[
            NumberBand(name=name, minimum=seen.low if seen.count else None,
                       mean=seen.total / seen.count if seen.count else None, maximum=seen.high if seen.count else None)
            for name, seen in zip(maps.number_names, maps.numbers, strict=True)],
        polygon_kinds=[PolygonKind(name=kind.name, value=kind.value, colour=kind.colour, count=kind.count)
                       for kind in (made.kinds if made else [])],
        polygon_fields=made.fields if made else [], polygon_description=made.description if made else "")


def say(result: SegmentResult, limited: bool, progress: Progress) -> None:
    """What came out, for the log; ``limited``: to an area of interest."""
    where = " inside the area of interest" if limited else ""
    share = result.covered_pixels / max(result.pixels, 1)
    progress.info(f"{share:.1%} of the pixels{where} have data.")
    for head in result.heads:
        name = f"{head.name}: " if head.name and len(result.heads) > 1 else ""
        total = max(sum(one.pixels for one in head.shares), 1)
        if head.shares:
            progress.info(name + ", ".join(
                f"{one.pixels / total:.1%} {one.name}" + (f" ({one.area:,.4g} ha)" if one.area is not None else "")
                for one in head.shares) + ". Pixels counted: no estimate of areas.")
        for band in head.bands:
            if band.minimum is not None:
                progress.info(f"{name}{band.name} from {band.minimum:.4g} to {band.maximum:.4g}, mean {band.mean:.4g}.")
    spent = result.seconds
    windows = windows_said(result.windows)
    progress.info(f"{windows} on {result.provider_used} in {in_words(spent['total'])}"
                  + (f"; {result.skipped:,} held nothing that was asked for" if result.skipped else "")
                  + f". Reading {spent['read']:.1f} s, model {spent['model']:.1f} s, blending {spent['blend']:.1f} s, "
                  f"writing {spent['write'] + spent['overviews']:.1f} s, side by side.")
    if result.fallback:
        progress.warn(result.fallback)
