"""The operation classpolygons: class or score maps in; polygons, first changes and transitions out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.windows import Window

from ..errors import GridMismatch, InputError, OutputError
from ..grids.area import read_area, window_of
from ..grids.features import listed
from ..grids.grid import Grid
from ..operations import Request, Result
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..provenance import provenance, tags
from .attributes import CHANGED, HECTARE, columns
from .changes import Target, Transition, Transitions, select, targets_of
from .labelling import FIRST, UNKNOWN
from .outlines import outlines, simplified
from .perimeter import perimeters_of
from .ragged import Ragged
from .regions import Areas, Regions, Rules, Scores, ahead, areas_of, find_regions
from .scratch import Scratch
from .selection import (
    CodedScores,
    Maps,
    Part,
    ScoreMap,
    choose_classes,
    choose_scores,
    open_maps,
    periods_of,
    years_in,
)
from .writing import PolygonWriter, write_csv, write_transitions

MOST_MAPS = 100
NOT_AN_ESTIMATE = (
    "Mapped area, not an estimate: pixels of a map counted, with all its errors. An area to report needs a validation "
    "sample of the map (“Design a validation sample”, “Assess accuracy and estimate areas”)."
)


class PolygonRequest(Request):
    """Maps of one grid, in order of time, and what polygons to make of them.

    ``classes``: names or numbers; none: the positive class where the maps name one, else all, or of several maps any
    change. ``threshold``: of scores, 0 … 1. ``min_area`` and ``max_hole`` in m² (square units of the grid where it has
    no place on the Earth), ``tolerance`` in map units. ``score``: a score on the same grid, for the field mean_score.
    ``aoi``: a file of polygons (``aoi_crs``: for one that names no CRS). ``output``: a GeoPackage.
    """

    inputs: list[Path] = Field(min_length=1, max_length=MOST_MAPS)
    classes: list[str] = Field(default_factory=list)
    threshold: float = Field(0.5, ge=0, le=1)
    periods: list[str] = Field(default_factory=list)
    min_area: float = Field(0, ge=0, allow_inf_nan=False)
    max_hole: float = Field(0, ge=0, allow_inf_nan=False)
    connectivity: Literal[4, 8] = 4
    tolerance: float = Field(0, ge=0, allow_inf_nan=False)
    score: Path | None = None
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    output: Path
    transitions: Path | None = None


class Kind(Result):
    """The polygons of one class, or of one class and first period. ``area`` in hectares, or square units."""

    name: str
    value: int | None
    period: str
    colour: str
    count: int
    area: float


class PolygonResult(Result):
    """``area_ha`` is None where the maps have no place on the Earth. ``field``: what the kinds differ by. ``score_of``:
    what mean_score is the score of, None without. ``description``: of the layer."""

    output: Path
    transitions: Path | None
    count: int
    area_ha: float | None
    periods: list[str]
    kinds: list[Kind]
    field: str
    fields: list[str]
    score_of: str | None
    description: str


@dataclass(frozen=True)
class Work:
    """What all steps share."""

    maps: Maps
    targets: list[Target]
    periods: list[str]
    part: Part
    areas: Areas
    on_earth: bool


@dataclass
class Seen:
    """What the pixels turned out to be: asked for, known, of what polygons are made of."""

    asked: int = 0
    known: int = 0
    selected: int = 0


def class_polygons(
    request: PolygonRequest, progress: Progress, origin: dict[str, Any] | None = None
) -> PolygonResult:
    """Write the polygons, and of several maps the transitions; all files appear, or none.

    ``origin``: the provenance record of an operation that makes polygons of its own map; None: one of this operation.

    The raster is worked on in row bands and lies in an unnamed temporary file beside the output (five bytes a pixel).
    Memory is that of a band, of what is kept (some hundred bytes a region), of the outlines that are not finished (ten
    bytes a corner), and of the largest polygon while it is written (some seventy bytes a corner); with a tolerance that
    of all outlines. Raises InputError, GridMismatch or OutputError.
    """
    _check(request)
    opened = open_maps(request.inputs)
    _same_grid([one.path for one in opened], [one.grid for one in opened])
    part = _part(request, opened[0].grid)
    with progress.stage(0, 0.1, "Looking at the maps"):
        if isinstance(opened[0], ScoreMap):
            maps = choose_scores([one for one in opened if isinstance(one, ScoreMap)], request.classes,
                                 request.threshold)
        else:
            maps = choose_classes([one for one in opened if not isinstance(one, ScoreMap)], request.classes, part,
                                  progress)
    periods = periods_of(maps.maps, request.periods)
    _warn_of_order(periods, progress)
    areas, on_earth = areas_of(part.grid)
    work = Work(maps, targets_of(maps), periods, part, areas, on_earth)
    scores, score_of = _scores(request, work)
    inputs = [path for path in (*request.inputs, request.score, request.aoi) if path is not None]
    record = origin or provenance(
        "classpolygons", request.model_dump(mode="json"), inputs,
        [one.tags.get("LICENSE", "") for one in maps.maps], [one.tags.get("ATTRIBUTION", "") for one in maps.maps])
    description = f"{_title(work)}. {NOT_AN_ESTIMATE}"
    outputs = [request.output, *([request.transitions] if request.transitions else [])]
    with whole_or_nothing(progress, *outputs) as partials:
        writer = PolygonWriter(partials[0], part.grid.crs, _title(work), description, tags(record))
        regions, seen, changed, fields = _make(request, work, scores, writer, progress)
        if changed is not None:
            progress.report(1, "Writing the transitions")
            write_transitions(partials[0], changed, on_earth, f"Pixels by class in two maps. {NOT_AN_ESTIMATE}")
            if request.transitions:
                write_csv(partials[1], changed, on_earth)
    kinds = _kinds(work, regions)
    _tell(request, work, regions, seen, kinds, progress)
    total = float(regions.area.sum())
    several = len(periods) > 1
    return PolygonResult(
        output=request.output, transitions=request.transitions, count=len(regions),
        area_ha=total / HECTARE if on_earth else None, periods=periods, kinds=kinds,
        field="first_period" if several else "class", fields=fields, score_of=score_of, description=description)


def _check(request: PolygonRequest) -> None:
    """Raise InputError or OutputError for what can be said before anything is read."""
    if request.output.suffix.lower() != ".gpkg":
        raise OutputError(f"Polygons are written as GeoPackage: {request.output.name} should end in .gpkg.")
    if request.transitions is not None and request.transitions.suffix.lower() != ".csv":
        raise OutputError(f"Transitions are written as CSV: {request.transitions.name} should end in .csv.")
    if request.transitions is not None and len(request.inputs) < 2:
        raise InputError("Transitions are between two maps or more; one was given. Add maps of other times, or leave "
                         "the table out.")
    given = [path.resolve() for path in request.inputs]
    if len(set(given)) != len(given):
        twice = next(path for path in request.inputs if given.count(path.resolve()) > 1)
        raise InputError(f"{twice.name} was given twice. Each map is of a time of its own.")
    inputs = {*given, *(path.resolve() for path in (request.score, request.aoi) if path is not None)}
    for target in (request.output, request.transitions):
        if target is not None and target.resolve() in inputs:
            raise InputError(f"{target} is an input of this run; the result would overwrite it. Choose another name.")


def _same_grid(paths: Sequence[Path], grids: Sequence[Grid]) -> None:
    for path, grid in zip(paths, grids, strict=True):
        if not grid.same_as(grids[0]):
            raise GridMismatch(f"{paths[0].name} and {path.name} are not on one grid: {grids[0].describe()}; "
                               f"{grid.describe()}. Warp one onto the other first, with nearest neighbour.")


def _part(request: PolygonRequest, grid: Grid) -> Part:
    area = None
    if request.aoi is not None:
        area = read_area(request.aoi, request.aoi_layer, grid.crs, request.aoi_crs)
    return Part(grid, window_of(grid, str(request.inputs[0]), area), area)


def _warn_of_order(periods: Sequence[str], progress: Progress) -> None:
    years = [years_in(text) for text in periods]
    if all(years) and (found := [int(some[-1]) for some in years]) != sorted(found):
        progress.warn(f"The maps are not in order of time: {listed(periods)}. They are taken in the order given.")


def _scores(request: PolygonRequest, work: Work) -> tuple[Scores | None, str | None]:
    """What reads the score of each pixel: in the raster given, else in the maps if they are scores; and of what."""
    sources: list[tuple[ScoreMap, int]] = []
    if request.score is not None:
        score = ScoreMap.open(request.score)
        _same_grid([request.inputs[0], request.score], [work.part.grid, score.grid])
        for target in work.targets:
            name = "" if target.entry is None else work.maps.legend[target.entry].name
            if len(score.names) > 1 and name not in score.names:
                raise InputError(f"{score.path.name} has scores of {listed(score.names)}, none of "
                                 f"{name or 'any change'}. Choose one of these classes, or a score of one.")
            sources.append((score, score.names.index(name) if len(score.names) > 1 else 0))
    else:
        for target in work.targets:
            of_map = work.maps.maps[target.map]
            if isinstance(of_map, CodedScores) and target.entry is not None:
                sources.append((of_map.scores, of_map.bands[target.entry]))
    if not sources:
        return None, None
    names = list(dict.fromkeys(score.names[band] for score, band in sources))

    def read(window: Window, kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found = np.full(kinds.shape, 255, np.uint8)
        for score in {id(one): one for one, _ in sources}.values():
            rows = score.read(window)
            for number, (of_score, band) in enumerate(sources):
                if of_score is score:
                    np.copyto(found, rows[band], where=kinds == FIRST + number)
        return found

    return read, names[0] if len(names) == 1 else "its class"


def _title(work: Work) -> str:
    chosen = [work.maps.legend[code - 1].name for code in work.maps.chosen or []]
    what = f"Polygons of {listed(chosen)}" if chosen else (
        "Polygons of all classes" if len(work.periods) == 1 else "Polygons of change")
    when = f"{work.periods[0]} to {work.periods[-1]}" if len(work.periods) > 1 else work.periods[0]
    return f"{what}, {when}" if when else what


def _make(
    request: PolygonRequest, work: Work, scores: Scores | None, writer: PolygonWriter, progress: Progress
) -> tuple[Regions, Seen, list[Transition] | None, list[str]]:
    """Find regions, and write their polygons."""
    part, seen = work.part, Seen()
    changed = Transitions(len(work.maps.maps), len(work.maps.legend)) if len(work.maps.maps) > 1 else None
    rules = Rules(request.min_area, request.max_hole, request.connectivity == 8)
    with (
        Scratch(request.output, part.height, part.width, np.int32) as ids,
        Scratch(request.output, part.height, part.width, np.uint8) as targets,
    ):

        def release() -> None:
            ids.release()
            targets.release()

        with progress.stage(0.1, 0.6, "Finding regions"):
            regions = find_regions(part, ids.array, targets.array, _selected(work, seen, changed), rules, work.areas,
                                   scores, release, progress)
        with progress.stage(0.6, 1, "Drawing outlines"):
            fields = _draw(request, work, regions, ids, scores is not None, writer, progress)
    names = [entry.name for entry in work.maps.legend]
    unknown = "unknown" if "unknown" not in names else "no data"
    rows = None if changed is None else changed.rows(work.periods, work.maps.legend, unknown)
    return regions, seen, rows, fields


def _selected(work: Work, seen: Seen, changed: Transitions | None) -> Iterator[tuple[int, Window, NDArray[np.uint8]]]:
    """Row bands of what polygons are made of; what is seen on the way is counted."""

    def read(window: Window) -> tuple[NDArray[np.uint8], int]:
        codes = [one.read(window) for one in work.maps.maps]
        inside = work.part.inside(window)
        if changed is not None:
            changed.add(codes, work.areas(window), inside)
        found = select(codes, work.maps)
        if inside is not None:
            found[~inside] = UNKNOWN
        return found, found.size if inside is None else int(np.count_nonzero(inside))

    for top, window, (values, asked) in ahead(work.part, read):
        seen.asked += asked
        seen.known += int(np.count_nonzero(values))
        seen.selected += int(np.count_nonzero(values >= FIRST))
        yield top, window, values
    if seen.asked == 0:
        raise InputError(f"The area of interest holds the centre of no pixel of {work.maps.maps[0].path.name}. Draw "
                         "it larger.")


def _draw(
    request: PolygonRequest, work: Work, regions: Regions, ids: Scratch, scored: bool, writer: PolygonWriter,
    progress: Progress,
) -> list[str]:
    """Write the polygons of all regions; returns the names of their fields."""
    grid = work.part.grid.crop(work.part.window)
    perimeters = perimeters_of(grid, work.on_earth)
    fields: list[str] = []

    def write(numbers: NDArray[np.int32], polygons: Ragged) -> None:
        found = columns(numbers, perimeters(polygons), regions, work.targets, work.maps.legend, work.periods,
                        work.on_earth, scored)
        fields[:] = list(found)
        writer.add(polygons, found)

    drawn = outlines(ids.array, regions, grid.transform, ids.release, progress)
    write(np.empty(0, np.int32), Ragged.of(np.empty(0, object)))
    if request.tolerance == 0:
        for numbers, outline in drawn:
            write(numbers, outline)
    else:
        with progress.stage(0, 0.4, "Drawing outlines"):
            batches = [(numbers, outline.shapes()) for numbers, outline in drawn]
        if batches:
            numbers = np.concatenate([numbers for numbers, _ in batches])
            polygons = np.concatenate([shapes for _, shapes in batches])
            batches.clear()
            with progress.stage(0.4, 0.8, "Simplifying outlines"):
                polygons = simplified(polygons, request.tolerance, progress)
            with progress.stage(0.8, 1, "Writing polygons"):
                for begin in range(0, len(numbers), 5000):
                    write(numbers[begin : begin + 5000], Ragged.of(polygons[begin : begin + 5000]))
                    progress.report(begin / len(numbers))
    writer.flush()
    return fields


def _kinds(work: Work, regions: Regions) -> list[Kind]:
    """Polygons by class, or by first period and class, in the order of the legend and of time."""
    found = []
    for number, target in enumerate(work.targets):
        here = regions.target[1:] == FIRST + number
        entry = None if target.entry is None else work.maps.legend[target.entry]
        found.append(Kind(
            name=CHANGED if entry is None else entry.name, value=None if entry is None else entry.value,
            period=work.periods[target.map], colour="" if entry is None else entry.colour,
            count=int(here.sum()), area=float(regions.area[1:][here].sum()) / (HECTARE if work.on_earth else 1)))
    return found


def _tell(
    request: PolygonRequest, work: Work, regions: Regions, seen: Seen, kinds: Sequence[Kind], progress: Progress
) -> None:
    """What was made, in the log."""
    unit = "ha" if work.on_earth else "square units of the grid"
    if not work.on_earth:
        progress.warn(f"{request.inputs[0].name} has no CRS on the Earth: areas, minimum area and holes are in square "
                      "units of its grid, not in hectares.")
    unknown = 1 - seen.known / seen.asked
    if unknown > 0:
        progress.info(f"{unknown:.1%} of the pixels are unknown: they are neither in polygons nor unchanged.")
    if len(regions) == 0:
        where = "in the area of interest" if request.aoi else "in the map"
        named = listed(list(dict.fromkeys(kind.name for kind in kinds)))
        progress.warn(f"No pixel {where} is {named}: the layer is empty." if seen.selected == 0 else
                      f"All regions of {named} are smaller than {request.min_area:g} "
                      f"{'m²' if work.on_earth else unit}: the layer is empty. Choose a smaller minimum area.")
        return
    several = len(work.periods) > 1
    parts = [f"{kind.count:,} of {kind.name}{f' first in {kind.period}' if several else ''} ({kind.area:,.1f} {unit})"
             for kind in kinds if kind.count]
    progress.info(f"{len(regions):,} polygons: {'; '.join(parts)}.")
    progress.info(NOT_AN_ESTIMATE)
