"""Exemplars looked up in a store, all of it: the area of interest says where is searched, not what one may show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from ..store.description import StoreInfo
from ..store.location import ShardError
from ..store.store import Store
from .ground import boxes_of, centres, unit_vectors
from .places import Place


@dataclass(frozen=True)
class Exemplar:
    """A code (bytes,) with what is known of where it is from; of a bare code nothing is. ``key``: the asker's name."""

    positive: bool
    code: NDArray[np.uint8]
    key: str = ""
    id: str = ""
    shard: int | None = None
    row: int | None = None
    lon: float | None = None
    lat: float | None = None
    year: int | None = None
    bbox: tuple[float, float, float, float] | None = None

    @property
    def words(self) -> str:
        """Where it is, for people."""
        where = "" if self.lon is None else f" at {self.lon:.5f}, {self.lat:.5f}"
        when = "" if self.year is None else f" ({self.year})"
        return f"{self.id or self.key or 'a code'}{where}{when}"


@dataclass(frozen=True)
class Missing:
    """An exemplar that is none, and why."""

    place: Place
    positive: bool
    why: str


@dataclass
class Found:
    """Exemplars in the order asked for, those that hit nothing, and what the user should know."""

    exemplars: list[Exemplar] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def codes(self, positive: bool) -> NDArray[np.uint8] | None:
        """The codes (n, bytes) of one side; None of none."""
        chosen = [one.code for one in self.exemplars if one.positive == positive]
        return np.stack(chosen) if chosen else None

    def rows(self) -> list[tuple[int, int]]:
        """Shard and row of all that are patches of the store they were looked up in."""
        return [(one.shard, one.row) for one in self.exemplars if one.shard is not None and one.row is not None]


class Finder:
    """Looks exemplars up in one store and remembers what it found: dragging a slider reads nothing again."""

    def __init__(self, store: Store, years: frozenset[int] | None) -> None:
        self._store, self._years = store, years
        self._paths: dict[str, int] | None = None
        self._known: dict[Place, tuple[Exemplar | None, str, str]] = {}

    def find(self, positives: Sequence[Place], negatives: Sequence[Place], progress: Progress) -> Found:
        """All of them. Raises InputError for a code of another length, Cancelled."""
        found = Found()
        sides = [(place, True) for place in positives] + [(place, False) for place in negatives]
        new = {place.id for place, _ in sides if place.id is not None and _bare(place) not in self._known}
        if new:
            progress.report(0.0, "Looking for ids in all shards")
            at = self._store.find_ids(new, progress)
            for place, _ in sides:
                if place.id in new:
                    self._known[_bare(place)] = self._by_id(place, at)
        for number, (place, positive) in enumerate(sides):
            progress.report(number / len(sides), "Looking the exemplars up")
            if (bare := _bare(place)) not in self._known:
                self._known[bare] = self._look_up(place, progress)
            one, why, warning = self._known[bare]
            if one is None:
                found.missing.append(Missing(place, positive, why))
            else:
                found.exemplars.append(Exemplar(**{**vars(one), "positive": positive, "key": place.key}))
            if warning and warning not in found.warnings:
                found.warnings.append(warning)
        return found

    def _look_up(self, place: Place, progress: Progress) -> tuple[Exemplar | None, str, str]:
        if place.code is not None:
            one = self._bare_code(place.code)
            return self._own(place, one.code) or one, "", ""
        try:
            if place.lon is not None and place.lat is not None:
                return self._at(place, place.lon, place.lat, progress)
            shard, row = place.shard or 0, place.row or 0
            if shard >= len(self._store.shards) or row >= self._store.shards[shard].rows:
                return None, f"the store has no {place.words}", ""
            return self._patch(shard, row), "", ""
        except ShardError as error:
            return None, f"what holds it cannot be read: {error.message}", ""

    def _by_id(self, place: Place, at: dict[str, tuple[int, int]]) -> tuple[Exemplar | None, str, str]:
        if place.id not in at:
            return None, "the store has no such id", ""
        try:
            return self._patch(*at[place.id]), "", ""
        except ShardError as error:
            return None, f"what holds it cannot be read: {error.message}", ""

    def _bare_code(self, text: str) -> Exemplar:
        code = np.frombuffer(bytes.fromhex(text), np.uint8)
        about = self._store.about
        if len(code) != about.bytes:
            raise InputError(f"An exemplar's code has {len(code)} bytes, those of {self._store.name} have "
                             f"{about.bytes}: it is of another model or recipe than {describe(about)}.")
        if about.bits and np.unpackbits(code)[about.bits :].any():
            raise InputError(f"An exemplar's code has bits beyond the {about.bits} of {describe(about)}.")
        return Exemplar(True, code)

    def _own(self, place: Place, code: NDArray[np.uint8]) -> Exemplar | None:
        """The patch of this store that a code of an earlier result is of; None if it is of another."""
        if place.path is None or place.row is None:
            return None
        if self._paths is None:
            self._paths = {entry.path: entry.shard for entry in self._store.shards}
        shard = self._paths.get(place.path)
        if shard is None or place.row >= self._store.shards[shard].rows:
            return None
        try:
            same = np.array_equal(self._store.codes(shard, np.array([place.row]))[0], code)
            return self._patch(shard, place.row) if same else None
        except ShardError:
            return None

    def _patch(self, shard: int, row: int) -> Exemplar:
        rows = np.array([row])
        (name,), (wkb,) = self._store.details(shard, rows)
        bbox = _bounds(wkb)
        (lon,), (lat,) = centres(boxes_of(bbox[None]))
        year = self._store.shards[shard].year
        return Exemplar(True, self._store.codes(shard, rows)[0], "", name, shard, row, float(lon), float(lat), year,
                        _sides(bbox))

    def _at(
        self, place: Place, lon: float, lat: float, progress: Progress
    ) -> tuple[Exemplar | None, str, str]:
        """The patch whose footprint holds a point: of the year asked for, else of those searched in, else the newest;
        of several the one with the nearest centre."""
        lon = (lon + 180) % 360 - 180 if not -180 <= lon <= 180 else lon
        years = self._years if place.year is None else frozenset([place.year])
        hits = self._store.at(lon, lat, years, progress)
        if not hits:
            when = "" if years is None else f" of {', '.join(str(year) for year in sorted(years))}"
            return None, f"no footprint{when} holds it", ""
        shards = np.concatenate([np.full(len(hit), hit.shard) for hit in hits])
        rows = np.concatenate([hit.rows for hit in hits])
        bbox = np.concatenate([hit.bbox for hit in hits])
        when_ = np.concatenate([hit.years for hit in hits])
        codes = np.concatenate([hit.codes for hit in hits])
        apart = 1 - unit_vectors(*centres(boxes_of(bbox))) @ unit_vectors(np.array([lon]), np.array([lat]))[0]
        best = int(np.lexsort((rows, shards, apart.round(15), -when_.astype(np.int32)))[0])
        warning, several = "", sorted({int(year) for year in when_})
        if len(several) > 1:
            warning = (f"Some exemplars lie on patches of several years ({', '.join(str(year) for year in several)}): "
                       f"that of {several[-1]} was taken. Choose years to take another.")
        (name,), _ = self._store.details(int(shards[best]), rows[best : best + 1])
        (own_lon,), (own_lat,) = centres(boxes_of(bbox[best : best + 1]))
        return Exemplar(
            True, codes[best].copy(), "", name, int(shards[best]), int(rows[best]), float(own_lon), float(own_lat),
            int(when_[best]) or None, _sides(bbox[best])), "", warning


def describe(about: StoreInfo) -> str:
    """What a store's codes are, for messages: model, dimensions, kind and codec."""
    codec = "" if about.codec is None else f", {about.codec.recipe} ({about.codec.fingerprint[:8]})"
    kind = f"{about.bits} bits" if about.kind == "binary" else f"cosine of {about.bytes} bytes"
    return f"{about.model or 'an unnamed model'} ({about.dimensions} dimensions, {kind}{codec})"


def require_alike(one: Store, other: Store) -> None:
    """Raise InputError unless codes of both stores mean the same."""
    a, b = one.about, other.about
    named = a.model == b.model or not a.model or not b.model  # corpora like TerraBit's name no model
    codecs = [None if about.codec is None else about.codec.fingerprint for about in (a, b)]
    if not named or (a.dimensions, a.bits, a.bytes, a.kind) != (b.dimensions, b.bits, b.bytes, b.kind) or (
            codecs[0] != codecs[1]):
        raise InputError(
            f"Codes of {other.name} say nothing in {one.name}: they are of {describe(b)}, those searched are of "
            f"{describe(a)}. Exemplars must be of the same model, dimensions and codec.")


def _bare(place: Place) -> Place:
    return place.model_copy(update={"key": ""})


def _bounds(wkb: bytes) -> NDArray[np.float64]:
    import shapely

    from ..store.areas import footprint_bounds

    bounds: NDArray[np.float64] = footprint_bounds(shapely.bounds(np.array([shapely.from_wkb(wkb)])))[0]
    return bounds


def _sides(bbox: NDArray[Any]) -> tuple[float, float, float, float]:
    west, south, east, north = (float(side) for side in bbox)
    return west, south, east, north
