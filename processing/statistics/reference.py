"""Reference data: the points of a probability sample, what interpreters said of each, and what they agreed on.

A sample file is a GeoPackage. Its layer ``sample`` has a row a point: ``point`` (1 … n in random order, in which points
are served), ``stratum``, ``stratum_area`` (m², or pixels where there is no CRS; the same in all rows of a stratum),
``cluster`` (primary unit of a two-stage sample, else NULL), ``design``, and the fields of a label, empty. Its layer
``interpretations`` has a row for each answer: ``point``, the fields of a label, ``note``, ``skipped`` (why no label was
given). Labels that were typed into the layer ``sample`` count as interpretations too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from ..errors import LabelError
from ..grids.features import class_text, crs_of, moved, open_layer, read_columns

SAMPLE, INTERPRETATIONS = "sample", "interpretations"
POINT, STRATUM, STRATUM_AREA, CLUSTER, LABEL = "point", "stratum", "stratum_area", "cluster", "label"
INTERPRETER, CREATED = "interpreter", "created"
AGREED = "agreed"
"""The interpreter of a row that settles a conflict: it outweighs all others."""


@dataclass(frozen=True)
class Vote:
    """What one interpreter says of a point, last."""

    point: int
    interpreter: str
    label: str


@dataclass(frozen=True)
class Reference:
    """Points of a sample, interpreted or not: ``x``, ``y`` (points,) in the CRS asked for, ``points`` (points,) their
    numbers, ``labels`` (points,) what was agreed ("": nothing yet), ``strata`` (points,) ("" where the file has none),
    ``areas`` by stratum (empty where the file has none), ``clusters`` (points,) (−1: none), all ``votes``, and what
    was left out, in words."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    points: NDArray[np.int64]
    labels: NDArray[Any]
    strata: NDArray[Any]
    areas: dict[str, float]
    clusters: NDArray[np.int64]
    votes: list[Vote]
    warnings: list[str] = field(default_factory=list)


def read_reference(
    path: Path, layer: str, class_field: str, crs: CRS | None, sample_crs: str = "",
    interpretations: Path | None = None, interpretations_layer: str = INTERPRETATIONS,
) -> Reference:
    """The sample in a layer ("": the first with the class field), moved to ``crs``, with the labels typed into it and
    the votes of a layer of interpretations.

    Raises LabelError if a file, layer or field is missing, a geometry is no point, a stratum has two areas, or point
    numbers are repeated.
    """
    import shapely

    info = open_layer(path, layer, class_field)
    columns, wkb = read_columns(path, info, [class_field, POINT, STRATUM, STRATUM_AREA, CLUSTER, INTERPRETER, CREATED])
    if len(wkb) == 0:
        raise LabelError(f"The sample {info['layer_name']} of {path} is empty.")
    geometries = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    single = np.array([_single_point(geometry) for geometry in geometries], object)
    usable = np.array([one is not None for one in single], bool)
    if not usable.any():
        raise LabelError(f"The sample {info['layer_name']} of {path} has no points.")
    warnings: list[str] = []
    if not usable.all():
        lost = int((~usable).sum())
        warnings.append(f"{lost} {'feature of the sample is' if lost == 1 else 'features of the sample are'} no point "
                        "that can be read and left out")
    columns = {name: values[usable] for name, values in columns.items()}
    placed = moved(single[usable], crs_of(path, info, sample_crs), crs, path)
    count = len(placed)
    points = _numbers(columns, POINT, np.arange(1, count + 1))
    if len(np.unique(points)) < count:
        raise LabelError(f"The sample {info['layer_name']} of {path} has a point number twice; each point needs its "
                         "own.")
    strata = np.array([class_text(value) for value in columns.get(STRATUM, np.full(count, None))], object)
    votes = _votes(columns, points, class_field)
    if interpretations is not None:
        votes += _interpretations(interpretations, interpretations_layer, warnings, set(points.tolist()))
    return Reference(
        x=shapely.get_x(placed), y=shapely.get_y(placed), points=points, labels=_agreed(votes, points), strata=strata,
        areas=_areas(columns, strata, path), clusters=_numbers(columns, CLUSTER, np.full(count, -1)),
        votes=votes, warnings=warnings,
    )


def agreed_label(votes: list[Vote]) -> str:
    """The label that interpreters of one point agree on: what was settled as agreed, else what more than half of them
    say; "" where there is none."""
    settled = [vote.label for vote in votes if vote.interpreter == AGREED]
    if settled:
        return settled[-1]
    said = Counter(vote.label for vote in votes)
    if not said:
        return ""
    label, most = said.most_common(1)[0]
    return label if 2 * most > len(votes) else ""


def _agreed(votes: list[Vote], points: NDArray[np.int64]) -> NDArray[Any]:
    by_point: dict[int, list[Vote]] = {}
    for vote in votes:
        by_point.setdefault(vote.point, []).append(vote)
    return np.array([agreed_label(by_point.get(point, [])) for point in points.tolist()], object)


def _votes(columns: dict[str, NDArray[Any]], points: NDArray[np.int64], class_field: str) -> list[Vote]:
    """One vote for each point and interpreter: the one made last, in the order of the file where none says when."""
    count = len(points)
    labels = [class_text(value) for value in columns[class_field]]
    who = [class_text(value) for value in columns.get(INTERPRETER, np.full(count, None))]
    when = [str(value) if value is not None else "" for value in columns.get(CREATED, np.full(count, None))]
    last: dict[tuple[int, str], Vote] = {}
    for index in sorted(range(count), key=lambda index: when[index]):
        key = (int(points[index]), who[index])
        last.pop(key, None)
        if labels[index]:
            last[key] = Vote(*key, labels[index])
    return list(last.values())


def _interpretations(path: Path, layer: str, warnings: list[str], known: set[int]) -> list[Vote]:
    info = open_layer(path, layer, LABEL)
    columns, _ = read_columns(path, info, [LABEL, POINT, INTERPRETER, CREATED])
    if POINT not in columns:
        raise LabelError(f"The layer {layer} of {path} has no field {POINT} that says which point of the sample an "
                         "answer is for.")
    points = _numbers(columns, POINT, np.empty(0))
    strange = sum(point not in known for point in points.tolist())
    if strange:
        warnings.append(f"{strange} {'answer is' if strange == 1 else 'answers are'} for points that are not in the "
                        "sample")
    return [vote for vote in _votes(columns, points, LABEL) if vote.point in known]


def _areas(columns: dict[str, NDArray[Any]], strata: NDArray[Any], path: Path) -> dict[str, float]:
    if STRATUM_AREA not in columns:
        return {}
    try:
        values = columns[STRATUM_AREA].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise LabelError(f"The field {STRATUM_AREA} of {path} holds something that is no number.",
                         str(error)) from error
    areas: dict[str, float] = {}
    for stratum, area in zip(strata.tolist(), values.tolist(), strict=True):
        if not (np.isfinite(area) and area > 0):
            raise LabelError(f"The stratum {stratum} of {path} has the area {area:g}; it must be a positive number.")
        if abs(areas.setdefault(stratum, area) - area) > 1e-6 * area:
            raise LabelError(f"The stratum {stratum} of {path} has two areas, {areas[stratum]:g} and {area:g}.")
    return areas


def _numbers(columns: dict[str, NDArray[Any]], name: str, otherwise: NDArray[Any]) -> NDArray[np.int64]:
    """A column of whole numbers; −1 for what is missing in it."""
    if name not in columns:
        return otherwise.astype(np.int64)
    try:
        values = np.array([np.nan if value is None else float(value) for value in columns[name]])
        whole = np.where(np.isfinite(values), values, -1)
        return whole.astype(np.int64)
    except (TypeError, ValueError) as error:
        raise LabelError(f"The field {name} holds something that is no number.", str(error)) from error


def _single_point(geometry: Any) -> Any:
    """A point, also from a multipoint of one; None for everything else."""
    import shapely

    if geometry is None or shapely.is_empty(geometry):
        return None
    parts = shapely.get_parts(geometry)
    if len(parts) != 1 or shapely.get_type_id(parts[0]) != 0:
        return None
    return parts[0] if np.isfinite(shapely.get_coordinates(parts[0])).all() else None
