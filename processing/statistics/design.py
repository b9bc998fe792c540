"""The operation designsample: a class map in, the random sample that its accuracy and areas are estimated from out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from ..errors import InputError, OutputError
from ..grids.area import read_area
from ..grids.class_map import ClassMap
from ..operations import Request, Result
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..provenance import provenance
from .drawing import Drawn, draw_clusters, draw_points
from .planning import Plan, Question, plan_sample
from .sample_file import class_names, require_no_answers, sample_classes, write_sample
from .sample_size import LEAST
from .spacing import Ground
from .strata import MAX_SIDE, Blocks, Population, Tally, tally

MOST = 100_000
DESIGNS = {"simple": "simple random", "stratified": "stratified random", "cluster": "two-stage cluster"}
ALL = "all"
"""The one stratum of samples that are not stratified."""


class DesignRequest(Request):
    """What to draw. ``strata`` is a raster of classes; ``map`` the map to be assessed, if that is another one, for its
    class names. ``size`` 0: what ``target_error`` needs, the standard error of the overall accuracy, or of the area
    share of ``target_class``. ``expected_accuracy``, ``expected_shares`` (of the target class in each stratum; "": from
    the accuracies) and ``points`` (of the allocation own) are numbers by class. ``min_distance`` and ``block_size``
    (0: automatic) in m on the ground; ``correlation`` of points in one cluster. ``output``: a GeoPackage."""

    strata: Path
    map: Path | None = None
    design: Literal["simple", "stratified", "cluster"] = "stratified"
    size: int = Field(0, ge=0, le=MOST)
    target_error: float = Field(0.015, gt=0, lt=1, allow_inf_nan=False)
    target_class: str = ""
    expected_accuracy: str = Field("0.9", max_length=1 << 16)
    expected_shares: str = Field("", max_length=1 << 16)
    allocation: Literal["proportional", "equal", "neyman", "rare", "own"] = "rare"
    min_points: int = Field(50, ge=LEAST, le=MOST)
    points: str = Field("", max_length=1 << 16)
    min_distance: float = Field(0, ge=0, allow_inf_nan=False)
    block_size: float = Field(0, ge=0, allow_inf_nan=False)
    points_per_block: int = Field(10, ge=1, le=1000)
    correlation: float = Field(0.1, ge=0, le=1)
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    seed: int = Field(0, ge=0, lt=2**31)
    output: Path
    threads: int = Field(0, ge=0)


class ExpectedClass(Result):
    """What is expected of one class of the strata raster: ``size`` in m² or pixels, ``weight`` its share; ``points``
    there (where the design does not fix them: how many are to be expected); standard errors of its user's accuracy and
    of its share of the area (None: strata are not the map's classes)."""

    name: str
    pixels: int
    size: float
    weight: float
    points: float
    accuracy: float
    accuracy_error: float | None
    share_error: float | None


class DesignResult(Result):
    """The sample. Errors are standard errors that were expected before drawing: ``expected_error`` of the overall
    accuracy, ``target_class_error`` of the area share of the target class (None without one). ``clusters``: 0 unless
    two-stage; ``block_size`` in pixels (rows, columns), None unless two-stage."""

    output: Path
    design: str
    count: int
    clusters: int
    block_size: tuple[int, int] | None
    unit: str
    size: float
    expected_error: float
    target_class_error: float | None
    classes: list[ExpectedClass]


def design_sample(request: DesignRequest, progress: Progress) -> DesignResult:
    """Draw a sample and write it. The same seed and inputs give the same points, whatever the number of threads.

    Raises InputError if raster, area or parameters cannot be used or there is no room for the points, OutputError for
    the file.
    """
    inputs = [path for path in (request.strata, request.map, request.aoi) if path is not None]
    if request.output.suffix.lower() != ".gpkg":
        raise OutputError(f"A sample is written as GeoPackage: {request.output.name} should end in .gpkg.")
    if request.output.resolve() in {path.resolve() for path in inputs}:
        raise InputError("The sample would overwrite one of the inputs. Choose another name.")
    require_no_answers(request.output)
    strata = ClassMap.open(request.strata)
    labelled = strata if request.map is None else ClassMap.open(request.map)
    area = None if request.aoi is None else read_area(request.aoi, request.aoi_layer, strata.grid.crs, request.aoi_crs)
    population = Population.of(strata, area)
    blocks = _blocks(request, population) if request.design == "cluster" else None
    with progress.stage(0.0, 0.5, "Measuring the classes"):
        counted = tally(population, blocks, request.threads, progress)
    own_map = request.map is None or request.map.resolve() == request.strata.resolve()
    plan = plan_sample(_question(request, counted, class_names(strata, counted.values.tolist()), own_map))
    _tell(plan, request, population, progress)
    with progress.stage(0.5, 0.9, "Drawing points"):
        drawn = _draw(request, population, counted, plan, blocks, progress)
    with progress.stage(0.9, 1.0, "Writing the sample"):
        values = counted.values.tolist() if own_map else _values(labelled, request.threads, progress)
        classes = sample_classes(labelled, values)
        result = _result(request, population, plan, blocks, len(drawn.rows))
        record = provenance(
            "designsample", request.model_dump(mode="json"), inputs,
            [one.tags.get("LICENSE", "") for one in (strata, labelled)],
            [one.tags.get("ATTRIBUTION", "") for one in (strata, labelled)])
        stratified = request.design == "stratified"
        names = plan.question.names if stratified else [ALL]
        sizes = plan.question.sizes if stratified else plan.question.sizes.sum(keepdims=True)
        with whole_or_nothing(progress, request.output) as (partial,):
            write_sample(partial, strata.grid, drawn, names, sizes.tolist(), DESIGNS[request.design], classes,
                         _facts(request, result, record), record)
    progress.info("Look at the points in their order, without looking at the map, on imagery of its dates. They are "
                  "for validation: they never train.")
    return result


def _question(request: DesignRequest, counted: Tally, names: list[str], own_map: bool) -> Question:
    return Question(
        names=names, numbers=[str(value) for value in counted.values.tolist()], pixels=counted.pixels.sum(axis=0),
        sizes=counted.sizes.sum(axis=0), design=request.design, size=request.size, target_error=request.target_error,
        target_class=request.target_class.strip(), expected_accuracy=request.expected_accuracy,
        expected_shares=request.expected_shares.strip(), allocation=request.allocation, min_points=request.min_points,
        points=request.points, per_cluster=request.points_per_block, correlation=request.correlation, own_map=own_map,
        most=MOST)


def _blocks(request: DesignRequest, population: Population) -> Blocks:
    """Blocks of the side asked for, in whole pixels at the middle of the population; by default about a thousand of
    them, with a side of 4 to 100 pixels."""
    window = population.window
    if request.block_size == 0:
        side = max(4, min(100, int(np.sqrt(window.height * window.width / 1000))))
        return Blocks(side, side)
    ground = Ground.of(population.map.grid)
    middle = window.row_off + window.height / 2, window.col_off + window.width / 2
    pixel = ground.pixel_size(*middle)
    if not np.isfinite(pixel).all():
        raise InputError(f"{population.map.path.name} has no position at its middle, so a block of "
                         f"{request.block_size:g} m cannot be measured there. Leave its size at 0.")
    rows, columns = (round(request.block_size / one) for one in pixel)
    if min(rows, columns) < 1 or max(rows, columns) > MAX_SIDE:
        raise InputError(
            f"A block of {request.block_size:g} {ground.unit} has {rows} × {columns} pixels of "
            f"{population.map.path.name}; its sides may have 1 to {MAX_SIDE}.")
    return Blocks(rows, columns)


def _draw(
    request: DesignRequest, population: Population, counted: Tally, plan: Plan, blocks: Blocks | None,
    progress: Progress,
) -> Drawn:
    if blocks is not None:
        return draw_clusters(population, counted, blocks, plan.clusters, request.points_per_block, request.min_distance,
                             request.seed, request.threads, progress)
    stratified = request.design == "stratified"
    stratum_of = np.arange(len(counted.values)) * int(stratified)
    names = plan.question.names if stratified else [ALL]
    counts = plan.counts if stratified else plan.counts.sum(keepdims=True)
    return draw_points(population, counted, stratum_of, names, counts.round().astype(np.int64), request.min_distance,
                       request.seed, request.threads, progress)


def _values(class_map: ClassMap, threads: int, progress: Progress) -> list[int]:
    """The class numbers of a map: those it names, or else those that it has."""
    if class_map.names:
        return sorted(value for value in class_map.names if value != class_map.nodata)
    values: list[int] = tally(Population.of(class_map, None), None, threads, progress).values.tolist()
    return values


def _result(
    request: DesignRequest, population: Population, plan: Plan, blocks: Blocks | None, count: int
) -> DesignResult:
    question = plan.question
    classes = [
        ExpectedClass(
            name=name, pixels=int(question.pixels[index]), size=float(question.sizes[index]),
            weight=float(question.weights[index]), points=float(plan.counts[index]),
            accuracy=float(plan.accuracies[index]), accuracy_error=plan.accuracy_errors[index],
            share_error=plan.share_errors[index])
        for index, name in enumerate(question.names)
    ]
    return DesignResult(
        output=request.output, design=DESIGNS[request.design], count=count, clusters=plan.clusters,
        block_size=None if blocks is None else (blocks.rows, blocks.columns), unit=population.unit,
        size=float(question.sizes.sum()), expected_error=plan.expected_error, target_class_error=plan.target_error,
        classes=classes)


def _facts(request: DesignRequest, result: DesignResult, record: dict[str, object]) -> dict[str, object]:
    """What the table of the design says."""
    return {
        "design": result.design, "points": result.count, "clusters": result.clusters, "seed": request.seed,
        "unit": result.unit, "population": result.size,
        "pixels_drawn": "in proportion to their area" if result.unit == "m²" else "with equal probability",
        "block_pixels": result.block_size, "points_per_block": request.points_per_block if result.clusters else None,
        "min_distance": request.min_distance, "allocation": request.allocation,
        "expected_standard_error_of_overall_accuracy": result.expected_error,
        "target_class": request.target_class, "expected_standard_error_of_its_area_share": result.target_class_error,
        "strata": [one.model_dump() for one in result.classes],
        "licences": record["licences"], "attributions": record["attributions"],
    }


def _tell(plan: Plan, request: DesignRequest, population: Population, progress: Progress) -> None:
    """What is expected of the design, in the log."""
    question, total = plan.question, float(plan.question.sizes.sum())
    for index, name in enumerate(question.names):
        points = plan.counts[index]
        count = f"{round(points):,} points" if request.design == "stratified" else f"about {points:,.1f} points"
        errors = []
        if (error := plan.accuracy_errors[index]) is not None:
            errors.append(f"accuracy {plan.accuracies[index]:.2f} ± {error:.3f}")
        if (share := plan.share_errors[index]) is not None:
            errors.append(f"area ± {_amount(share * total, population.unit)}")
        told = ", ".join([count, *errors])
        size = _amount(float(question.sizes[index]), population.unit)
        progress.info(f"{name}: {size} ({question.weights[index]:.2%} of the area), {told}.")
    for line in plan.remarks:
        progress.info(line)
    for line in plan.warnings:
        progress.warn(line)
    clusters = f" in {plan.clusters:,} clusters of {request.points_per_block}" if plan.clusters else ""
    progress.info(f"{DESIGNS[request.design][0].upper()}{DESIGNS[request.design][1:]} sample of "
                  f"{round(float(plan.counts.sum())):,} points{clusters}. Expected standard error of the overall "
                  f"accuracy: {plan.expected_error:.4f}.")
    if plan.target_error is not None:
        progress.info(f"Expected standard error of the area of {question.target_class}: {plan.target_error:.4f} of "
                      f"all, {_amount(plan.target_error * total, population.unit)}.")
    if population.unit == "pixels":
        progress.info(f"{population.map.path.name} has no place on the Earth: areas are counted in pixels, and each "
                      "pixel is as likely as any other.")


def _amount(size: float, unit: str) -> str:
    """An area for people."""
    return f"{size / 10_000:,.1f} ha" if unit == "m²" else f"{size:,.0f} pixels"
