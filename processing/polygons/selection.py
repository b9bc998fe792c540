"""What a map says of each pixel, as codes of one legend: class maps by their numbers, scores by a threshold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from ..grids.area import AreaOfInterest
from ..grids.class_map import INTEGERS, MAX_CLASSES, ClassMap
from ..grids.features import listed
from ..grids.grid import Grid
from ..grids.reader import RasterReader, open_raster
from ..progress import Progress

NO_SCORE, TOP = 255, 254
"""What a score has where nothing is known, and what stands for a score of 1."""
BAND_PIXELS = 1 << 22
"""Pixels of the row bands that are worked on at once."""
POSITIVE = "POSITIVE_CLASS"
"""The tag that names the class a map of two classes is about."""


@dataclass(frozen=True)
class Entry:
    """A class: its name, its number in the map (None: it has none), and its colour ("#rrggbb", "": none)."""

    name: str
    value: int | None
    colour: str = ""


class CodedMap(Protocol):
    """A map as codes: 0 unknown, i + 1 for the entry i of its legend."""

    @property
    def path(self) -> Path: ...

    @property
    def grid(self) -> Grid: ...

    @property
    def tags(self) -> dict[str, str]: ...

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Codes of a window (height, width)."""
        ...


@dataclass(frozen=True)
class ScoreMap:
    """A score that “Apply classifier” writes: uint8 0 … 254, one band for each of ``names``; 255 is unknown."""

    path: Path
    grid: Grid
    names: list[str]
    tags: dict[str, str] = field(repr=False)
    reader: RasterReader = field(repr=False, compare=False)

    def number(self, name: str) -> int | None:
        """The number that a class of this score has in the class map of the same run; None if it is not known."""
        return next((int(tag[6:]) for tag, text in self.tags.items()
                     if tag.startswith("CLASS_") and tag[6:].isdigit() and text == name), None)

    @staticmethod
    def open(path: Path) -> ScoreMap:
        """Open a score. Raises InputError for any other raster."""
        with open_raster(path) as dataset:
            grid, kinds, nodata, count = Grid.of(dataset), dataset.dtypes, dataset.nodata, dataset.count
            tags: dict[str, str] = dict(dataset.tags())
        if "SCORE_OF" not in tags or kinds[0] != "uint8" or nodata != NO_SCORE:
            raise InputError(f"{path} is not a score: one has bytes 0 to 254, 255 for no data, and the tag SCORE_OF, "
                             "as “Apply classifier to tiles” writes it.")
        names = [tags["SCORE_OF"]] if count == 1 else [name.strip() for name in tags["SCORE_OF"].split(", ")]
        if len(names) != count:
            raise InputError(f"{path} has {count} bands, but its tag SCORE_OF names {len(names)} classes: "
                             f"{listed(names)}.")
        return ScoreMap(path, grid, names, tags, RasterReader(path))

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Scores of a window (bands, height, width)."""
        return self.reader.read(window)


@dataclass(frozen=True)
class CodedClasses:
    """A class map, its numbers looked up in a legend."""

    map: ClassMap
    values: NDArray[np.int64]
    codes: NDArray[np.uint8]

    @property
    def path(self) -> Path:
        return self.map.path

    @property
    def grid(self) -> Grid:
        return self.map.grid

    @property
    def tags(self) -> dict[str, str]:
        return self.map.tags

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Codes of a window (height, width)."""
        rows = self.map.read(window)
        place = np.searchsorted(self.values, rows.ravel()) if rows.itemsize > 2 else self._table(rows.dtype)[
            rows.view(f"u{rows.itemsize}").ravel()]
        found: NDArray[np.uint8] = self.codes[np.minimum(place, len(self.values) - 1)].reshape(rows.shape)
        found[~self.map.known(rows)] = 0
        return found

    def _table(self, kind: Any) -> NDArray[np.uint8]:
        table = np.zeros(256**kind.itemsize, np.uint8)
        table[self.values.astype(kind).view(f"u{kind.itemsize}")] = np.arange(len(self.values))
        return table


@dataclass(frozen=True)
class CodedScores:
    """A score, cut at a threshold: the code of a pixel is that of the largest of ``bands`` if it reaches the threshold,
    else that of the last entry, none of them. Unknown is what any band does not know."""

    scores: ScoreMap
    bands: Sequence[int]
    least: int

    @property
    def path(self) -> Path:
        return self.scores.path

    @property
    def grid(self) -> Grid:
        return self.scores.grid

    @property
    def tags(self) -> dict[str, str]:
        return self.scores.tags

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Codes of a window (height, width)."""
        rows = self.scores.read(window)[list(self.bands)]
        best = rows.argmax(axis=0) if len(rows) > 1 else np.zeros(rows.shape[1:], np.int64)
        codes = np.where(rows.max(axis=0) >= self.least, best + 1, len(self.bands) + 1).astype(np.uint8)
        codes[(rows == NO_SCORE).any(axis=0)] = 0
        return codes


@dataclass(frozen=True)
class Maps:
    """Maps on one grid with one legend, and the codes that were chosen of it (None: none were, all are looked at)."""

    maps: list[CodedMap]
    legend: list[Entry]
    chosen: list[int] | None
    is_score: bool

    @property
    def grid(self) -> Grid:
        """The grid of all of them."""
        return self.maps[0].grid


@dataclass(frozen=True)
class Part:
    """The window of a grid that is looked at, and the polygons that hold the pixels that are (None: all are)."""

    grid: Grid
    window: Window
    area: AreaOfInterest | None

    @property
    def height(self) -> int:
        return int(self.window.height)

    @property
    def width(self) -> int:
        return int(self.window.width)

    def bands(self) -> Iterator[tuple[int, Window]]:
        """Row bands from top to bottom: their first row within the window, and their place in the grid."""
        rows = max(1, min(512, BAND_PIXELS // self.width))
        for top in range(0, self.height, rows):
            yield top, Window(self.window.col_off, self.window.row_off + top, self.width, min(rows, self.height - top))

    def inside(self, window: Window) -> NDArray[np.bool_] | None:
        """Which pixels of a row band are looked at; None for all."""
        return None if self.area is None else self.area.mask(self.grid, window)


def open_maps(paths: Sequence[Path]) -> list[ClassMap] | list[ScoreMap]:
    """Class maps, or scores: all of one kind. Raises InputError that names the file and says what is wrong."""
    with_score = []
    for path in paths:
        with open_raster(path) as dataset:
            kind, is_score = dataset.dtypes[0], "SCORE_OF" in dataset.tags()
        if not is_score and kind not in INTEGERS:
            raise InputError(f"{path} holds {kind} numbers: neither classes, which are whole numbers, nor a score of "
                             "“Apply classifier to tiles” (bytes 0 to 254). Classify it first.")
        with_score.append(is_score)
    if len(set(with_score)) > 1:
        score, classes = paths[with_score.index(True)], paths[with_score.index(False)]
        raise InputError(f"{score.name} is a score and {classes.name} a class map. Give maps of one kind.")
    if with_score[0]:
        return [ScoreMap.open(path) for path in paths]
    return [ClassMap.open(path) for path in paths]


def choose_scores(maps: Sequence[ScoreMap], classes: Sequence[str], threshold: float) -> Maps:
    """Scores as codes. Raises InputError if they are not of the same classes, or a class is not one of theirs."""
    names = maps[0].names
    for one in maps[1:]:
        if one.names != names:
            raise InputError(f"{maps[0].path.name} is a score of {listed(names)}, {one.path.name} of "
                             f"{listed(one.names)}. Scores of the same classes can be compared.")
    bands = [_among(name, maps[0]) for name in classes] or list(range(len(names)))
    bands = list(dict.fromkeys(bands))
    least = math.ceil(threshold * TOP - 1e-9)
    legend = [Entry(names[band], maps[0].number(names[band])) for band in bands]
    legend.append(Entry(f"not {names[bands[0]]}" if len(bands) == 1 else "none of them", None))
    coded: list[CodedMap] = [CodedScores(one, bands, least) for one in maps]
    return Maps(coded, legend, list(range(1, len(bands) + 1)), True)


def choose_classes(
    maps: Sequence[ClassMap], classes: Sequence[str], part: Part, progress: Progress
) -> Maps:
    """Class maps as codes. Reads all pixels once, since a map need not name all its classes.

    Classes of several maps are the same if their names are. Raises InputError if a class is in none of the maps.
    """
    counts = []
    for number, one in enumerate(maps):
        with progress.stage(number / len(maps), (number + 1) / len(maps), f"Counting the classes of {one.path.name}"):
            counts.append(_count(one, part, progress))
    legend: list[Entry] = []
    codes: dict[str, int] = {}
    coded: list[CodedMap] = []
    for one, found in zip(maps, counts, strict=True):
        colours, limits = _colours(one.path)
        values = sorted(value for value in {*found, *one.names} - {one.nodata} if limits.min <= value <= limits.max)
        for value in values:
            name = one.name(value)
            if name not in codes:
                legend.append(Entry(name, value, colours.get(value, "")))
                codes[name] = len(legend)
                if len(legend) > MAX_CLASSES:
                    raise _too_many(one.path)
        known = np.array(values or [0], np.int64)
        coded.append(CodedClasses(one, known, np.array([codes.get(one.name(v), 0) for v in known], np.uint8)))
    chosen = [_wanted(text, legend, maps) for text in classes]
    if not chosen and all(POSITIVE in one.tags for one in maps):
        named = {one.tags[POSITIVE] for one in maps}
        chosen = [codes[name] for name in sorted(named) if name in codes]
    return Maps(coded, legend, sorted(set(chosen)) or None, False)


def _count(one: ClassMap, part: Part, progress: Progress) -> dict[int, int]:
    """Pixels by class number. Raises InputError if these are too many to be classes."""
    found: dict[int, int] = {}
    for top, window in part.bands():
        rows = one.read(window)
        inside = part.inside(window)
        if rows.itemsize <= 2 and inside is None:
            numbers = np.bincount(rows.view(f"u{rows.itemsize}").ravel(), minlength=256**rows.itemsize)
            values = np.flatnonzero(numbers)
            pairs = zip(values.astype(f"u{rows.itemsize}").view(rows.dtype), numbers[values], strict=True)
        else:
            pairs = zip(*np.unique(rows if inside is None else rows[inside], return_counts=True), strict=True)
        for value, number in pairs:
            if int(value) != one.nodata:
                found[int(value)] = found.get(int(value), 0) + int(number)
        if len(found) > MAX_CLASSES:
            raise _too_many(one.path)
        progress.report((top + int(window.height)) / part.height)
    return found


def _too_many(path: Path) -> InputError:
    return InputError(f"{path} has more than {MAX_CLASSES} different numbers. Is it a map of classes? Measurements "
                      "have to be classified first.")


def _wanted(text: str, legend: Sequence[Entry], maps: Sequence[ClassMap]) -> int:
    """The code of a class by its name or its number."""
    wanted = text.strip().casefold()
    for code, entry in enumerate(legend, 1):
        if entry.name.strip().casefold() == wanted:
            return code
    for one in maps:
        value = one.value(text)
        for code, entry in enumerate(legend, 1):
            if value is not None and entry.name == one.name(value):
                return code
    there = [entry.name if entry.name == str(entry.value) else f"{entry.name} ({entry.value})" for entry in legend]
    where = maps[0].path.name if len(maps) == 1 else "the maps"
    raise InputError(f"There is no class {text.strip()} in {where}; there are {listed(there)}.")


def _among(text: str, score: ScoreMap) -> int:
    """The band of a class of a score, by name or number."""
    wanted = text.strip().casefold()
    for band, name in enumerate(score.names):
        if name.casefold() == wanted or str(score.number(name)) == wanted:
            return band
    raise InputError(f"There is no class {text.strip()} in {score.path.name}; it is a score of {listed(score.names)}.")


def _colours(path: Path) -> tuple[dict[int, str], Any]:
    """Colours by class number, of the file's colour table, and the limits of its numbers."""
    with open_raster(path) as dataset:
        limits = np.iinfo(dataset.dtypes[0])
        try:
            table = dataset.colormap(1)
        except ValueError:
            return {}, limits
    colours = {value: f"#{red:02x}{green:02x}{blue:02x}" for value, (red, green, blue, alpha) in table.items() if alpha}
    return colours, limits


def periods_of(maps: Sequence[CodedMap], given: Sequence[str]) -> list[str]:
    """What each map is of: as given, else its tag PERIOD, the years in its file's name, or of several
    maps their files' names; "" if nothing says it.

    Raises InputError if too few or too many are given, or two are the same.
    """
    if given:
        if len(given) != len(maps):
            raise InputError(f"{len(maps)} {'map was' if len(maps) == 1 else 'maps were'} given, but {len(given)} "
                             f"{'period' if len(given) == 1 else 'periods'}: {listed(given)}. Name one for each map.")
        if len(set(given)) != len(given):
            raise InputError(f"Two periods have the same name: {listed(given)}. Name each map differently.")
        return list(given)
    for found in ([one.tags.get("PERIOD", "") for one in maps], ["-".join(years_in(one.path.stem)) for one in maps]):
        if all(found) and len(set(found)) == len(found):
            return found
    stems = [one.path.stem for one in maps]
    if len(maps) == 1:
        return [""]
    return stems if len(set(stems)) == len(stems) else [f"map {number}" for number in range(1, len(maps) + 1)]


def years_in(text: str) -> list[str]:
    """The years that a text names."""
    return re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", text)
