"""From blended scores to the files of a run: which heads there are, what each file is, and who takes finished rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..grids.grid import Grid
from ..grids.writer import Layout
from ..inference.card import Card
from ..inference.heads import Head
from ..inference.palette import BACKGROUND_NAMES
from ..sliding.run import Finished
from .decision import NO_CLASS, Decision
from .outputs import (
    ClassName,
    Tally,
    Target,
    class_layout,
    confidence_layout,
    number_layout,
    score_layout,
)


@dataclass
class Numbers:
    """What the numbers of one band are like."""

    count: int = 0
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: NDArray[np.float32]) -> None:
        """Look at the values that are wanted."""
        if len(values):
            self.count += len(values)
            self.total += float(values.sum(dtype=np.float64))
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))


@dataclass
class HeadMaps:
    """The maps of one head. ``bands`` are those of its scores among all; ``targets`` take what is drawn, by the name of
    the output ("classes", "scores", "confidence", "numbers")."""

    head: Head
    bands: slice
    classes: list[ClassName]
    decision: Decision | None
    tally: Tally
    targets: dict[str, Target] = field(default_factory=dict)
    numbers: list[Numbers] = field(default_factory=list)

    @property
    def scored(self) -> list[ClassName]:
        """The classes that have a band of scores, in the order of the bands."""
        by_value = {one.value: one for one in self.classes}
        return [by_value[value] for value in self.head.channel_ids]

    @property
    def number_names(self) -> list[str]:
        """Names of the bands of a regressor; none of a segmentor."""
        return number_names(self.head) if self.decision is None else []

    @property
    def background(self) -> int | None:
        """The number of the class that means nothing is there, None without one."""
        return background(self.head)

    def layout(self, output: str, more: Mapping[str, str]) -> Layout:
        """What the file of an output is."""
        tagged = dict(more)
        if self.head.name:
            tagged["HEAD"] = self.head.name
        others = [one.name for one in self.classes if one.value != self.background]
        if self.background is not None and len(others) == 1:
            tagged["POSITIVE_CLASS"] = others[0]
        if output == "classes":
            return class_layout(self.classes, "class", tagged)
        if output == "scores":
            return score_layout(self.scored, tagged)
        if output == "confidence":
            return confidence_layout(tagged)
        return number_layout(number_names(self.head), tagged)

    def draw(self, finished: Finished) -> None:
        """Hand finished pixels to the targets, and count them."""
        scores, wanted = finished.scores[self.bands], finished.wanted
        if self.decision is None:
            drawn = np.where(wanted, scores, np.float32(np.nan))
            for band, seen in zip(scores, self.numbers, strict=True):
                seen.add(band[wanted])
            self.targets["numbers"].put(drawn, finished.top, finished.left)
            return
        classes, confidence, quantised = self.decision(scores, wanted)
        if "classes" in self.targets:
            self.targets["classes"].put(classes[None], finished.top, finished.left)
        if "confidence" in self.targets:
            self.targets["confidence"].put(confidence[None], finished.top, finished.left)
        if "scores" in self.targets:
            self.targets["scores"].put(quantised, finished.top, finished.left)
        self.tally.add(classes, finished.top, finished.left)


def head_maps(heads: tuple[Head, ...], card: Card, threshold: float | None, grid: Grid, model: str) -> list[HeadMaps]:
    """The maps of each head, on ``grid``; ``threshold`` None: the card's.

    A yes-or-no head always has a threshold. Classes that exclude each other have one only where it was given, or the
    card says one: pixels below it go to the background, if the card names a class so, else they get no class.
    """
    found, first = [], 0
    for head in heads:
        bands = slice(first, first + head.channels)
        first += head.channels
        if head.kind == "numbers":
            found.append(
                HeadMaps(head, bands, [], None, Tally(grid), numbers=[Numbers() for _ in range(head.channels)])
            )
            continue
        if max(entry.id for entry in head.classes) >= NO_CLASS:
            raise InputError(f"The card of {model} has the class number {max(entry.id for entry in head.classes)}; "
                             f"class maps hold 0 to {NO_CLASS - 1}. Number its classes anew.")
        classes = [ClassName(entry.id, entry.name, entry.colour) for entry in head.classes]
        exclusive = head.kind == "classes"
        least = card.threshold if threshold is None else threshold
        if exclusive and threshold is None and card.source("threshold") == "default":
            least = 0.0
        other = background(head)
        found.append(HeadMaps(
            head, bands, classes, Decision(head.channel_ids, exclusive, least, NO_CLASS if other is None else other),
            Tally(grid)))
    return found


def background(head: Head) -> int | None:
    """The number of the class that means nothing is there: that without a channel, or one of such a name."""
    if head.kind in ("binary", "several"):
        return head.classes[0].id
    return next((entry.id for entry in head.classes if entry.name.strip().lower() in BACKGROUND_NAMES), None)


def number_names(head: Head) -> list[str]:
    """Names of the bands of a regressor."""
    if head.classes:
        return [entry.name for entry in head.classes]
    name = head.name or "number"
    return [name] if head.channels == 1 else [f"{name} {band}" for band in range(1, head.channels + 1)]


def file_of(path: Path | None, name: str, several: bool) -> Path | None:
    """The file of one of several heads: ``map.tif`` becomes ``map_<head>.tif``."""
    if path is None or not several:
        return path
    safe = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name).strip("._") or "head"
    return path.with_name(f"{path.stem}_{safe}{path.suffix}")
