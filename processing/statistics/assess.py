"""The operation assessaccuracy: a class map against a probability sample, or against a raster of the truth."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from ..errors import InputError
from ..grids.area import read_area
from ..grids.class_map import ClassMap
from ..grids.features import listed
from ..operations import Request, Result
from ..outputs import require_folder, whole_or_nothing
from ..progress import Progress
from ..provenance import provenance
from ..reports.page import write_page
from .accuracy_report import Interpreters, raster_page, sample_page
from .accuracy_table import write_table
from .accuracy_text import HECTARE, area_sentence, percent, share_sentence
from .correspondence import NO_DATA, folded
from .estimation import Estimate
from .from_raster import RasterAssessment, assess_by_raster
from .from_sample import Design, SampleAssessment, assess_by_sample, unseen
from .interpreters import alpha, conflicts, interpretations_of, interpreters, pairs, sample_layer, skips
from .origin import Origin
from .reference import LABEL, read_reference

CHANGE = "change"


class AssessRequest(Request):
    """A ``map`` of classes and either a ``sample`` or a ``reference`` raster to hold it against.

    ``design``: "sample", as the file says or as the raster ``strata`` shows; "random", every place was equally likely;
    "map", so many points at random in each of the map's classes. ``positive_class``: the one of the headline.
    ``interpretations``: answers in another file than the sample's; without them, those in the sample's own file, or in
    the ``original`` where the sample is a copy of a part of it. ``aoi``: only for a reference raster.
    """

    map: Path
    sample: Path | None = None
    layer: str = ""
    class_field: str = Field(LABEL, min_length=1)
    sample_crs: str = ""
    interpretations: Path | None = None
    interpretations_layer: str = ""
    original: Path | None = None
    strata: Path | None = None
    design: Design = "sample"
    reference: Path | None = None
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    positive_class: str = ""
    report: Path
    table: Path | None = None


class Figure(Result):
    """A figure with its standard error and 95 % interval; None where it has none, as in a comparison of all pixels."""

    value: float
    error: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None


class ClassFigures(Result):
    """Figures of one class, None where nothing supports them; areas in the result's ``unit``. ``area``: estimated, or
    that of the reference raster."""

    name: str
    mapped_area: float
    area: Figure
    users: Figure | None
    producers: Figure | None
    f1: Figure | None
    iou: Figure | None


class AssessResult(Result):
    """``headline``: the result in a sentence. ``mode``: against a "sample" or a "raster". ``unit``: ha or pixels.
    ``count``: answered points, or compared pixels. ``positive_class`` is None where no class stands out."""

    headline: str
    mode: str
    unit: str
    count: int
    overall: Figure
    mean_iou: float | None
    positive_class: str | None
    classes: list[ClassFigures]
    warnings: list[str]
    report: Path
    table: Path | None


@dataclass(frozen=True)
class _Told:
    """What both ways of assessing end in."""

    found: SampleAssessment | RasterAssessment
    positive: str | None
    headline: str
    people: Interpreters | None = None


def assess_accuracy(request: AssessRequest, progress: Progress) -> AssessResult:
    """Assess a map. Raises InputError, LabelError, GridMismatch, OutputError or Cancelled."""
    _check(request)
    classes = ClassMap.open(request.map)
    with ExitStack() as files:
        files.callback(classes.reader.close)
        with progress.stage(0, 0.9, "Assessing the map"):
            if request.sample is not None:
                told = _by_sample(request, request.sample, classes, progress)
            else:
                told = _by_raster(request, classes, files, progress)
    for line in told.found.warnings:
        progress.warn(line)
    progress.info(told.headline)
    progress.report(0.92, "Writing the report")
    record = _record(request)
    with whole_or_nothing(progress, *(path for path in (request.report, request.table) if path)) as partials:
        if isinstance(told.found, SampleAssessment):
            page = sample_page(told.found, request.map.name, told.headline, told.positive, told.people, record)
        else:
            page = raster_page(told.found, request.map.name, told.headline, told.positive, record)
        write_page(page, partials[0])
        if request.table:
            write_table(told.found, partials[1])
    return _result(request, told)


def _check(request: AssessRequest) -> None:
    """Raise InputError or OutputError for what can be said before anything is read."""
    if (request.sample is None) == (request.reference is None):
        both = "both were" if request.sample else "neither was"
        raise InputError("The map is held against a sample of points, or against a reference raster; "
                         f"{both} given. Give one of them.")
    if request.sample is not None and request.aoi is not None:
        raise InputError("The area of interest is for a reference raster. A sample says itself what it stands for: cut "
                         "to another area it would not.")
    if request.reference is not None:
        for given, what in ((request.strata, "Strata are"), (request.interpretations, "Interpretations are")):
            if given is not None:
                raise InputError(f"{what} for a sample, but a reference raster was given: leave one of them out.")
    if request.reference is not None and request.reference.resolve() == request.map.resolve():
        raise InputError(f"{request.map} is held against itself. Choose another reference.")
    inputs = {path.resolve() for path in (request.map, request.sample, request.original, request.reference,
                                          request.strata, request.interpretations, request.aoi) if path}
    for target in (request.report, request.table):
        if target is not None:
            require_folder(target)
            if target.resolve() in inputs:
                raise InputError(f"{target} is an input of this run; it would be overwritten. Choose another name.")


def _by_sample(request: AssessRequest, path: Path, classes: ClassMap, progress: Progress) -> _Told:
    progress.report(0, "Reading the sample")
    layer = sample_layer(path, request.layer)
    answers = interpretations_of(request.original or path, request.interpretations, request.interpretations_layer)
    sample = read_reference(path, layer, request.class_field, classes.grid.crs, request.sample_crs, *answers)
    origin = Origin.read(path, layer, request.class_field, *answers)
    found = assess_by_sample(classes, sample, origin, request.strata, request.design, progress)
    positive = _positive(request.positive_class, found.names, found.mapped)
    if positive is not None and (line := unseen(found, positive)):
        found.warnings.append(line)
    people = Interpreters(interpreters(sample, skips(*answers)), pairs(sample), alpha(sample),
                          conflicts(sample))
    said = [share_sentence("overall accuracy", found.estimates.overall)]
    if positive is not None:
        share = found.estimates.reference[found.names.index(positive)]
        said.insert(0, area_sentence(positive, share, found.total, found.areas.on_ground))
    return _Told(found, positive, _sentence(said), people)


def _by_raster(request: AssessRequest, classes: ClassMap, files: ExitStack, progress: Progress) -> _Told:
    reference = ClassMap.open(request.reference or "")
    files.callback(reference.reader.close)
    area = read_area(request.aoi, request.aoi_layer, classes.grid.crs, request.aoi_crs) if request.aoi else None
    found = assess_by_raster(classes, reference, area, progress)
    positive = _positive(request.positive_class, found.names, found.areas.sum(axis=1).tolist())
    said = [f"overall accuracy {percent(found.overall)} % of {int(found.counts.sum()):,} pixels",
            f"mean IoU {found.mean_iou:.3f}"]
    if positive is not None:
        figures = found.measures(found.names.index(positive))
        measured = [f"{name} {figures[key]:.3f}" for key, name in (("iou", "IoU"), ("f1", "F1"))
                    if figures[key] is not None]
        if measured:
            said.insert(0, f"{positive}: {', '.join(measured)}")
    return _Told(found, positive, _sentence(said))


def _positive(asked: str, names: list[str], mapped: list[float]) -> str | None:
    """The class of the headline: the one asked for, else change, else the rarer of two. Raises InputError."""
    own = [name for name in names if name != NO_DATA]
    for name in own:
        if folded(name) == folded(asked or CHANGE):
            return name
    if asked:
        raise InputError(f"There is no class {asked}; there are {listed(own)}.")
    return min(own, key=lambda name: mapped[names.index(name)]) if len(own) == 2 else None


def _sentence(parts: list[str]) -> str:
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}"


def _record(request: AssessRequest) -> dict[str, Any]:
    inputs = [path for path in (request.map, request.sample, request.interpretations, request.reference, request.strata,
                                request.aoi) if path is not None]
    return provenance("assessaccuracy", request.model_dump(mode="json"), inputs)


def _result(request: AssessRequest, told: _Told) -> AssessResult:
    found = told.found
    if isinstance(found, SampleAssessment):
        on_ground, overall, mean_iou = found.areas.on_ground, _figure(found.estimates.overall), None
        count, classes, mode = int(found.counts.sum()), _sample_classes(found), "sample"
    else:
        on_ground, overall, mean_iou = found.on_ground, Figure(value=found.overall), found.mean_iou
        count, classes, mode = int(found.counts.sum()), _raster_classes(found), "raster"
    return AssessResult(
        headline=told.headline, mode=mode, unit="ha" if on_ground else "pixels", count=count, overall=overall,
        mean_iou=mean_iou, positive_class=told.positive, classes=classes, warnings=found.warnings,
        report=request.report, table=request.table)


def _sample_classes(found: SampleAssessment) -> list[ClassFigures]:
    one, factor = found.estimates, 1 / HECTARE if found.areas.on_ground else 1.0
    return [
        ClassFigures(name=name, mapped_area=found.mapped[index] * factor,
                     area=_figure(one.reference[index], found.total * factor),
                     users=_maybe(one.users[index]), producers=_maybe(one.producers[index]), f1=_maybe(one.f1[index]),
                     iou=_maybe(one.iou[index]))
        for index, name in enumerate(found.names) if name != NO_DATA
    ]


def _raster_classes(found: RasterAssessment) -> list[ClassFigures]:
    factor = 1 / HECTARE if found.on_ground else 1.0
    classes = []
    for index, name in enumerate(found.names):
        users, producers, f1, iou = (None if value is None else Figure(value=value)
                                     for value in found.measures(index).values())
        classes.append(ClassFigures(
            name=name, mapped_area=float(found.areas[index].sum()) * factor,
            area=Figure(value=float(found.areas[:, index].sum()) * factor), users=users, producers=producers, f1=f1,
            iou=iou))
    return classes


def _figure(one: Estimate, factor: float = 1.0) -> Figure:
    error, low, high, margin = (None if value is None else value * factor
                                for value in (one.error, one.low, one.high, one.margin))
    return Figure(value=one.value * factor, error=error, low=low, high=high, margin=margin)


def _maybe(one: Estimate | None) -> Figure | None:
    return None if one is None else _figure(one)
