"""A map against a probability sample: points, their classes and strata, and the estimates they support."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, LabelError
from ..grids.class_map import ClassMap
from ..grids.features import listed
from ..progress import Progress
from .class_areas import ClassAreas, class_areas, classes_at
from .correspondence import NO_DATA, Legend, legend
from .estimation import Answers, Estimates, estimate, single_units, unseen_share
from .origin import Origin
from .reference import Reference

Design = Literal["sample", "random", "map"]
WHOLE = "whole map"
DIFFERS = 0.01
"""Areas of map and sample that differ by more than this share are not of the same place."""


@dataclass(frozen=True)
class Stratum:
    """A stratum: its ``area``, the ``points`` drawn in it, how many have a label that counts (``answered``), in how
    many primary units, and how many of them the map is right about."""

    name: str
    area: float
    points: int
    answered: int
    units: int
    right: int


@dataclass(frozen=True)
class SampleAssessment:
    """``names``: the map's classes, those of the reference only, and last, where points have none, ``NO_DATA``.
    ``counts`` (mapped, reference) and ``seen`` (strata, reference): points. ``areas`` is what the map holds, ``mapped``
    that of each name, ``total`` the area that the sample stands for, in m², or pixels where ``areas.on_ground`` is
    false."""

    names: list[str]
    counts: NDArray[np.int64]
    seen: NDArray[np.int64]
    estimates: Estimates
    strata: list[Stratum]
    areas: ClassAreas
    mapped: list[float]
    total: float
    clustered: bool
    origin: Origin
    warnings: list[str]


@dataclass(frozen=True)
class _Strata:
    """``of`` (points,): the stratum of each point, ``used`` (points,): those that belong to the population."""

    of: NDArray[Any]
    areas: dict[str, float]
    used: NDArray[np.bool_]


def assess_by_sample(
    classes: ClassMap, sample: Reference, origin: Origin, strata: Path | None, design: Design, progress: Progress
) -> SampleAssessment:
    """Estimate accuracy and areas. Raises InputError or LabelError that says what is missing."""
    warnings = [f"{text[0].upper()}{text[1:]}." for text in sample.warnings] + origin.warnings(classes)
    values, inside, known = classes_at(classes, sample.x, sample.y, progress)
    if not inside.any():
        raise LabelError(f"None of the {len(inside)} points of the sample lies on {classes.path} "
                         f"({classes.grid.describe()}). Is the sample of another place, or its CRS wrong?")
    labelled = sample.labels != ""
    if not labelled.any():
        raise LabelError(f"None of the {len(labelled)} points of the sample has a label yet. Interpret them first.")
    with progress.stage(0, 0.6, "Counting the map's pixels"):
        areas = class_areas(classes, progress)
    with progress.stage(0.6, 0.95, "Placing the points in their strata"):
        placed = _strata(classes, sample, strata, design, areas, values, known, warnings, progress)
    found = legend(classes, areas.pixels, sorted(set(sample.labels[labelled & placed.used].tolist())), "the sample")
    if found.only_reference:
        warnings.append(f"No class of the map is {listed(found.only_reference)}: of the sample's labels, these count "
                        "as classes that the map does not have.")
    _tell_places(inside, known, placed.used, warnings)
    used = labelled & placed.used
    names, answers = _answers(sample, found, placed, used, values, known)
    listing = _listing(placed, answers, labelled, sorted(placed.areas))
    _tell_strata(listing, answers, warnings)
    counts, seen = (np.zeros((rows, len(names)), np.int64) for rows in (len(names), len(listing)))
    np.add.at(counts, (answers.mapped, answers.reference), 1)
    np.add.at(seen, (answers.strata, answers.reference), 1)
    mapped = [areas.areas.get(value, 0.0) for value in found.of_map] + [0.0] * len(found.only_reference)
    if len(names) > len(mapped):
        mapped.append(areas.unknown)
    total = float(answers.areas.sum())
    _tell_extent(total, areas, warnings)
    if not origin.design and not sample.areas:
        warnings.append("The file does not say how its points were chosen. The figures hold if they were drawn at "
                        "random; points that somebody clicked or chose to be easy to reach show the map at its best.")
    return SampleAssessment(
        names, counts, seen, estimate(answers), listing, areas, mapped, total, bool((answers.clusters >= 0).any()),
        origin, warnings)


def unseen(found: SampleAssessment, name: str) -> str:
    """What strata without a point of a class do and do not say; "" if there are none."""
    empty = [stratum for stratum, seen in zip(found.strata, found.seen[:, found.names.index(name)], strict=True)
             if seen == 0]
    if not empty:
        return ""
    which = listed([f"{one.name} (0 of {one.answered} points: up to {unseen_share(one.units):.1%})" for one in empty])
    return (f"No answered point is {name} in {'the stratum' if len(empty) == 1 else 'the strata'} {which}. There the "
            "estimate is 0 with a standard error of 0, although as much as the share in brackets may be of the class "
            "(one-sided 95 %, exact binomial). The intervals allow for that; ± 1.96 standard errors does not.")


def _strata(
    classes: ClassMap, sample: Reference, strata: Path | None, design: Design, areas: ClassAreas,
    values: NDArray[np.int64], known: NDArray[np.bool_], warnings: list[str], progress: Progress,
) -> _Strata:
    """The strata that the design means."""
    count = len(values)
    if design != "sample" and len(sample.areas) > 1:
        raise InputError(f"The sample says that it was drawn in the strata {listed(sorted(sample.areas))}. To take it "
                         "for another design would bias every figure. Choose “As the sample says”.")
    if design == "random" and not sample.areas:
        return _Strata(np.full(count, WHOLE, object), {WHOLE: areas.total}, known)
    if design == "map":
        if (sample.clusters >= 0).any():
            raise InputError("The sample has primary units (the field cluster), which lie across the map's classes. It "
                             "cannot be taken as stratified by them.")
        named = np.array([classes.name(value) for value in values.tolist()], object)
        return _Strata(named, _by_name(classes, areas), known)
    if sample.areas:
        if strata is not None:
            warnings.append(f"The sample says itself which strata it has; {strata.name} is not used.")
        named = np.array([stratum or WHOLE for stratum in sample.strata.tolist()], object)
        return _Strata(named, {stratum or WHOLE: area for stratum, area in sample.areas.items()}, np.ones(count, bool))
    if strata is None:
        raise InputError(
            "The sample does not say how it was drawn: it has no fields stratum and stratum_area. Give the raster of "
            "its strata, or say what it is: “Simple random” if every place of the map was equally likely, “Stratified "
            "by the map's classes” if a number of points was drawn at random in each class of this very map.")
    raster = ClassMap.open(strata)
    if raster.grid.crs != classes.grid.crs:
        raise InputError(f"The strata {strata} and the map {classes.path} are in different CRSs. Reproject the strata.")
    found, _, known_stratum = classes_at(raster, sample.x, sample.y, progress)
    if not known_stratum.any():
        raise InputError(f"None of the points lies in a stratum of {strata}. Is it of another place?")
    held = class_areas(raster, progress)
    lost = int((~known_stratum).sum())
    if lost:
        warnings.append(f"{_points(lost)} in no stratum of {strata.name}: left out.")
    named = np.array([raster.name(value) for value in found.tolist()], object)
    return _Strata(named, _by_name(raster, held), known_stratum)


def _by_name(classes: ClassMap, areas: ClassAreas) -> dict[str, float]:
    """Areas by name; numbers of one name are one stratum."""
    named: dict[str, float] = {}
    for value, area in areas.areas.items():
        named[classes.name(value)] = named.get(classes.name(value), 0.0) + area
    return named


def _answers(
    sample: Reference, found: Legend, placed: _Strata, used: NDArray[np.bool_], values: NDArray[np.int64],
    known: NDArray[np.bool_],
) -> tuple[list[str], Answers]:
    """The answered points, and the names of the classes they are of. Raises LabelError for a stratum without any."""
    order = sorted(placed.areas)
    number = {name: index for index, name in enumerate(order)}
    strata = np.array([number[name] for name in placed.of[used].tolist()], np.int64)
    empty = [name for index, name in enumerate(order) if not (strata == index).any()]
    if empty:
        total = sum(placed.areas.values())
        share = sum(placed.areas[name] for name in empty) / total
        raise LabelError(
            f"No point of {'the stratum' if len(empty) == 1 else 'the strata'} {listed(empty)} has a label, so nothing "
            f"is known of {share:.2%} of the area. Interpret some of its points, or draw the sample again without it.")
    nothing = len(found.names)
    mapped = np.array([found.of_map.get(value, nothing) if there else nothing
                       for value, there in zip(values[used].tolist(), known[used].tolist(), strict=True)], np.int64)
    names = found.names + ([NO_DATA] if (mapped == nothing).any() else [])
    reference = np.array([found.of_reference[label] for label in sample.labels[used].tolist()], np.int64)
    areas = np.array([placed.areas[name] for name in order])
    return names, Answers(strata, areas, sample.clusters[used], mapped, reference, len(names))


def _listing(placed: _Strata, answers: Answers, labelled: NDArray[np.bool_], order: list[str]) -> list[Stratum]:
    listing = []
    for index, name in enumerate(order):
        drawn, inside = placed.used & (placed.of == name), answers.strata == index
        clusters = answers.clusters[inside]
        units = len(set(clusters[clusters >= 0].tolist())) + int((clusters < 0).sum())
        right = int((answers.mapped[inside] == answers.reference[inside]).sum())
        listing.append(Stratum(name, placed.areas[name], int(drawn.sum()), int((drawn & labelled).sum()), units, right))
    return listing


def _tell_places(
    inside: NDArray[np.bool_], known: NDArray[np.bool_], used: NDArray[np.bool_], warnings: list[str]
) -> None:
    """Points where the map says nothing."""
    for lost, where in ((~inside, "outside the map"), (inside & ~known, "where the map has no data")):
        if count := int(lost.sum()):
            what = (f"counted in a row of their own, {NO_DATA}: the areas stay whole, the map is not right there"
                    if used[~known].any()
                    else "left out, so the figures are of the places that the map covers")
            warnings.append(f"{_points(count)} {where}: {what}.")


def _tell_strata(listing: list[Stratum], answers: Answers, warnings: list[str]) -> None:
    """Points without an answer, and strata of a single one."""
    missing = [(one.name, one.points - one.answered, one.points) for one in listing if one.answered < one.points]
    if missing:
        which = listed([f"{name} {lost} of {points}" for name, lost, points in missing])
        total, drawn = sum(lost for _, lost, _ in missing), sum(one.points for one in listing)
        warnings.append(f"{total} of {drawn} points have no label that counts (not interpreted, skipped, or in "
                        f"conflict) and are left out: {which}. The others of their stratum are taken to stand for "
                        "them, which flatters the map if it was the difficult ones that were left.")
    for one in (listing[index] for index in single_units(answers)):
        what = "primary unit" if one.answered > 1 else "point"
        warnings.append(f"The stratum {one.name} has a single answered {what}, which says nothing about spread: there "
                        "are no standard errors and no intervals. Interpret at least one more.")


def _tell_extent(total: float, areas: ClassAreas, warnings: list[str]) -> None:
    """Mapped areas are of the whole map, estimates of what the sample stands for."""
    whole = areas.total
    if abs(total / whole - 1) > DIFFERS and abs(total / (whole + areas.unknown) - 1) > DIFFERS:
        warnings.append(f"The sample stands for {total / whole:.1%} of the area that the map covers. Mapped areas are "
                        "of the whole map and cannot be compared with the estimates; shares can.")


def _points(count: int) -> str:
    return f"{count} {'point of the sample lies' if count == 1 else 'points of the sample lie'}"
