"""What changes from map to map: the first period in which a pixel has changed, and how much of what became what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .labelling import FIRST, REST, UNKNOWN
from .selection import Entry, Maps

MAX_TARGETS = 255 - FIRST


@dataclass(frozen=True)
class Target:
    """One kind of polygons: the class (None: any that differs from the first known one), by its place in the legend
    from 0 on, and the map it is of, from 0 on."""

    entry: int | None
    map: int


def targets_of(maps: Maps) -> list[Target]:
    """The kinds of polygons, in the order of their numbers. Raises InputError if there are too many to tell apart."""
    several = len(maps.maps) > 1
    if several and maps.chosen is None:
        found = [Target(None, number) for number in range(1, len(maps.maps))]
    else:
        chosen = maps.chosen or range(1, len(maps.legend) + 1)
        found = [Target(code - 1, number) for number in range(len(maps.maps)) for code in chosen]
    if len(found) > MAX_TARGETS:
        raise InputError(f"{len(maps.maps)} maps with {len(maps.legend)} classes make {len(found)} kinds of polygons; "
                         f"at most {MAX_TARGETS} can be told apart. Choose fewer classes, or fewer maps.")
    return found


def select(codes: Sequence[NDArray[np.uint8]], maps: Maps) -> NDArray[np.uint8]:
    """What polygons are made of: for each pixel UNKNOWN, REST, or FIRST + the number of its target.

    ``codes``: of each map (height, width). A pixel belongs to the first map in which it has a chosen class; without
    chosen classes, to the first one in which it has another class than in the first map that knows it. Where that did
    not happen, and one of the maps does not know the pixel, it is unknown: it may have happened then.
    """
    count = len(maps.legend)
    if len(codes) > 1 and maps.chosen is None:
        return _first_difference(codes)
    chosen = maps.chosen or list(range(1, count + 1))
    found = np.full(codes[0].shape, REST, np.uint8)
    for number in range(len(codes) - 1, -1, -1):
        table = np.zeros(256, np.uint8)
        table[chosen] = FIRST + number * len(chosen) + np.arange(len(chosen))
        hit = table[codes[number]]
        found[(codes[number] == UNKNOWN) & (found == REST)] = UNKNOWN
        np.copyto(found, hit, where=hit != 0)
    return found


def _first_difference(codes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    first = codes[0].copy()
    found = np.full(first.shape, REST, np.uint8)
    unknown = first == UNKNOWN
    for number, now in enumerate(codes[1:]):
        known = now != UNKNOWN
        changed = known & (first != UNKNOWN) & (now != first) & (found == REST)
        found[changed] = FIRST + number
        np.copyto(first, now, where=first == UNKNOWN)
        unknown |= ~known
    found[unknown & (found == REST)] = UNKNOWN
    return found


@dataclass(frozen=True)
class Transition:
    """How much of one map's class is another's in a later map. ``area``: in m², or in the units of the grid."""

    from_period: str
    from_class: str
    to_period: str
    to_class: str
    pixels: int
    area: float


class Transitions:
    """Counts pixels and areas by class in one map and in another: for each pair of maps that follow each other, and
    from the first to the last. Unknown is a class of its own."""

    def __init__(self, maps: int, entries: int) -> None:
        self.pairs = [(number, number + 1) for number in range(maps - 1)]
        if maps > 2:
            self.pairs.append((0, maps - 1))
        self._side = entries + 1
        self.pixels = np.zeros((len(self.pairs), self._side, self._side), np.int64)
        self.areas = np.zeros(self.pixels.shape)

    def add(
        self, codes: Sequence[NDArray[np.uint8]], areas: NDArray[np.float64], inside: NDArray[np.bool_] | None
    ) -> None:
        """Add a band: the codes of each map and the area of each pixel, (height, width), of those ``inside``."""
        part = np.s_[...] if inside is None else inside
        weights = areas[part].ravel()
        for number, (one, other) in enumerate(self.pairs):
            pair = codes[one][part].ravel().astype(np.intp) * self._side + codes[other][part].ravel()
            size = self._side**2
            self.pixels[number] += np.bincount(pair, minlength=size).reshape(self._side, -1)
            self.areas[number] += np.bincount(pair, weights, size).reshape(self._side, -1)

    def rows(self, periods: Sequence[str], legend: Sequence[Entry], unknown: str) -> list[Transition]:
        """The cells that are not empty, in the order of the legend; last, and called ``unknown``, what is not known."""
        names = [unknown, *(entry.name for entry in legend)]
        order = [*range(1, self._side), 0]
        return [
            Transition(periods[one], names[before], periods[other], names[after],
                       int(self.pixels[number, before, after]), float(self.areas[number, before, after]))
            for number, (one, other) in enumerate(self.pairs)
            for before in order for after in order
            if self.pixels[number, before, after]
        ]
