"""The operation comparecompression: labelled embeddings → how far they can be compressed, as a report, a table and a
line."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from .. import provenance
from ..compression.recipe import Recipe
from ..embeddings.mapping import Mapping
from ..errors import InputError
from ..executors import cores, in_order, open_executor
from ..operations import Request, Result
from ..outputs import require_folder, whole_or_nothing
from ..progress import Progress
from .comparison import compare, recommend
from .cost import duration, multiplications_a_second, seconds_of
from .dimension import cumulative_variance, intrinsic
from .evaluate import Evaluation, evaluate, evaluate_dates
from .figures import write_figures
from .findings import Study
from .grid import recipes
from .labelled import Labelled
from .pixels import read_pixels, read_points
from .spaces import Spaces
from .splits import Split, random_split, spatial_split
from .study_report import report_page
from .table import read_table

DATES_WITH = ("int8", "int4", "int2", "binary-median")
"""Recipes of whole vectors by which storing both dates is compared with storing their difference."""
MOST_ROWS = 20_000
MEMORY, COPIES = 4 * 2**30, 8
"""Bytes for recipes that are measured at once, each of which holds so many copies of the vectors."""


class CompareRequest(Request):
    """Rasters with points, or tables, or both.

    ``after`` is the second date of each raster, ``after_column`` that of tables: then classes are told from
    differences. ``value_field`` is a number to be predicted beside the class. ``recipes`` "": a grid that suits the
    dimensions. ``loss`` is the loss of accuracy, in percentage points, that the recommended recipe must rule out.
    ``block_size`` in CRS units, 0: chosen.
    """

    rasters: list[str] = Field(default_factory=list, max_length=20)
    after: list[str] = Field(default_factory=list, max_length=20)
    labels: Path | None = None
    layer: str = ""
    label_crs: str = ""
    tables: list[Path] = Field(default_factory=list, max_length=20)
    embedding_column: str = ""
    after_column: str = ""
    class_field: str = "label"
    value_field: str = ""
    recipes: str = Field("", max_length=5000)
    loss: float = Field(1.0, gt=0, le=100)
    block_size: float = Field(0.0, ge=0, allow_inf_nan=False)
    mapping: Mapping | Literal["auto"] = "auto"
    max_rows: int = Field(MOST_ROWS, ge=50, le=1_000_000)
    seed: int = Field(0, ge=0, lt=2**31)
    report: Path
    table: Path | None = None
    threads: int = Field(0, ge=0, le=1024)


class CompareResult(Result):
    """``recommendation`` is one line for each input; the figures are the first input's recommended recipe's, on the
    spatial split if there is one: changes of accuracy in percentage points."""

    report: Path
    table: Path | None
    recommendation: str
    recipe: str
    bytes: int
    ratio: float
    knn_change: float
    probe_change: float
    recall: float | None
    rows: int
    recipes: int
    intrinsic_dimension: float | None


def compare_compression(request: CompareRequest, progress: Progress) -> CompareResult:
    """Read, measure, recommend, write. Raises InputError, LabelError, OutputError or Cancelled."""
    _check(request)
    with progress.stage(0, 0.05, "Reading labelled embeddings"):
        inputs = _read(request, progress)
    with progress.stage(0.05, 0.1, "Splitting and counting dimensions"):
        studies = [_prepared(data, request, progress) for data in inputs]
    grids = [recipes(request.recipes, one.data.vectors.shape[1], _training_rows(one)) for one in studies]
    _say_cost(studies, grids, request, progress)
    with progress.stage(0.1, 0.97, "Comparing"), open_executor(request.threads) as executor:
        for number, (study, grid) in enumerate(zip(studies, grids, strict=True)):
            with progress.stage(number / len(studies), (number + 1) / len(studies), f"Comparing {study.data.model}"):
                _measure(study, grid, request, executor, progress)
    for study in studies:
        study.recommendation = recommend(study.compared[study.decisive], study.decisive, request.loss)
        progress.info(f"{study.data.model}: {study.advice.sentence}")
    record = provenance.provenance(
        "comparecompression", request.model_dump(mode="json", exclude={"report", "table", "threads"}),
        [*request.rasters, *request.after, *([request.labels] if request.labels else []), *request.tables],
        [one.data.product.licence for one in studies], [one.data.product.attribution for one in studies])
    targets = [request.report, *([request.table] if request.table else [])]
    with whole_or_nothing(progress, *targets) as partials:
        progress.report(0.98, "Writing the report")
        report_page(studies, request.loss, record, partials[0])
        if request.table:
            write_figures(studies, partials[1])
    return _result(request, studies, grids)


def _check(request: CompareRequest) -> None:
    if not request.rasters and not request.tables:
        raise InputError("Nothing to compare was given. Choose embedding rasters with labels, or Parquet tables.")
    if request.rasters and request.labels is None:
        raise InputError("Embedding rasters were given without labels. Choose a layer of points with a class.")
    if request.after and not request.rasters:
        raise InputError("Rasters of a second date were given, but none of the first.")
    if request.after and len(request.after) != len(request.rasters):
        raise InputError(f"{len(request.rasters)} rasters of the first date and {len(request.after)} of the second "
                         "were given: each needs its partner, in the same order.")
    for target in (request.report, request.table):
        if target is not None:
            require_folder(target)
            inputs = [*map(Path, request.rasters), *map(Path, request.after), *request.tables]
            if target.resolve() in {path.resolve() for path in [*inputs, request.labels] if path}:
                raise InputError(f"{target} is an input of this run and would be overwritten. Choose another name.")


def _read(request: CompareRequest, progress: Progress) -> list[Labelled]:
    inputs: list[Labelled] = []
    if request.rasters and request.labels is not None:
        points = read_points(request.labels, request.layer, request.class_field, request.value_field, request.label_crs,
                             request.max_rows, request.seed)
        inputs += read_pixels(request.rasters, request.after, points, request.mapping, progress)
    columns = (request.embedding_column, request.after_column)
    inputs += [
        read_table(path, request.class_field, request.value_field, columns, request.max_rows, request.seed, progress)
        for path in request.tables]
    return _named_apart(inputs)


def _named_apart(inputs: list[Labelled]) -> list[Labelled]:
    """Models by file names; by their folders too where these are the same."""
    from dataclasses import replace

    names = [one.model for one in inputs]
    return [replace(one, model=f"{Path(one.path).parent.name}/{one.model}") if names.count(one.model) > 1 else one
            for one in inputs]


def _prepared(data: Labelled, request: CompareRequest, progress: Progress) -> Study:
    random = random_split(data.classes, data.names, request.seed)
    if isinstance(random, str):
        raise InputError(f"{data.path} cannot be split into rows that train and rows that test: {random}.")
    splits, warnings = {"random": random}, []
    if data.xy is None:
        warnings.append("there is no spatial split: the table has no geometry and no coordinates")
    else:
        spatial = spatial_split(data.classes, data.names, data.xy, request.block_size, request.seed)
        if isinstance(spatial, str):
            warnings.append(f"there is no spatial split: {spatial}")
        else:
            splits["spatial"] = spatial
    constant = int((np.ptp(data.vectors, axis=0) == 0).sum())
    if constant:
        warnings.append(f"{constant} of {data.vectors.shape[1]} dimensions are the same number in every row")
    for note in data.notes:
        progress.info(f"{data.model}: {note}")
    for warning in warnings:
        progress.warn(f"{data.model}: {warning}")
    vectors = data.vectors
    return Study(
        data=data, splits=splits, dimension=intrinsic(vectors, request.seed, progress),
        variance=cumulative_variance(vectors), warnings=warnings,
        date_variance=None if data.after is None else cumulative_variance(data.rows))


def _training_rows(study: Study) -> int:
    return min(split.fewest for split in study.splits.values())


def _measure(
    study: Study, grid: Sequence[Recipe], request: CompareRequest, executor: Executor, progress: Progress
) -> None:
    """Fill in ``compared``, ``dates`` and ``balances``. A recipe that these rows do not allow is left out with a
    note."""
    data, seed = study.data, request.seed
    pairs = [recipe for recipe in grid if str(recipe) in DATES_WITH] if data.after is not None else []
    steps = len(study.splits) * (len(grid) + len(pairs))
    done = 0
    ahead = max(1, min(request.threads or cores(), MEMORY // (COPIES * data.rows.nbytes)))
    for kind, split in study.splits.items():
        spaces = Spaces(data, split, grid, seed, progress)
        baseline = evaluate(data, split, grid[0], spaces, None, seed, progress)
        study.compared[kind] = [compare(data, split, baseline, baseline, seed)]

        def attempt(
            recipe: Recipe, split: Split = split, spaces: Spaces = spaces, baseline: Evaluation = baseline
        ) -> Evaluation | InputError:
            try:
                return evaluate(data, split, recipe, spaces, baseline, seed, progress)
            except InputError as error:
                return error

        for recipe, found in zip(grid[1:], in_order(executor, attempt, grid[1:], ahead), strict=True):
            done += 1
            progress.report(done / steps, f"{data.model}: {recipe}, {kind} split")
            if isinstance(found, InputError):
                note = f"the recipe {recipe} is left out: {found.message}"
                if note not in study.warnings:
                    study.warnings.append(note)
                    progress.warn(f"{data.model}: {note}")
                continue
            study.compared[kind].append(compare(data, split, found, baseline, seed))
            if found.balance is not None:
                study.balances[found.recipe] = found.balance
        study.dates[kind] = []

        def both(recipe: Recipe, split: Split = split) -> Evaluation:
            return evaluate_dates(data, split, recipe, seed, progress)

        for found_pair in in_order(executor, both, pairs, ahead):
            done += 1
            progress.report(done / steps)
            study.dates[kind].append(compare(data, split, found_pair, baseline, seed))
    if request.recipes and all(len(found) == 1 for found in study.compared.values()) and len(grid) > 1:
        raise InputError(f"None of the recipes can be used for {data.path}. {study.warnings[-1]}")


def _say_cost(
    studies: Sequence[Study], grids: Sequence[Sequence[Recipe]], request: CompareRequest, progress: Progress
) -> None:
    """What will be done, and about how long it takes on this machine, by a short measurement of its speed."""
    speed = multiplications_a_second()
    seconds = 0.0
    for study, grid in zip(studies, grids, strict=True):
        for split in study.splits.values():
            seconds += sum(seconds_of(study, fold, recipe, speed) for recipe in grid for fold in split.folds)
    seconds /= min(request.threads or cores(), cores())
    for study, grid in zip(studies, grids, strict=True):
        rows, dimensions = study.data.vectors.shape
        kinds = " and ".join(study.splits)
        progress.info(f"{study.data.model}: {len(grid)} recipes on {rows:,} rows of {dimensions} dimensions and "
                      f"{len(study.data.names)} classes, {kinds} split")
    progress.info(f"This takes about {duration(seconds)} here. Fewer recipes or rows take less.")


def _result(request: CompareRequest, studies: Sequence[Study], grids: Sequence[Sequence[Recipe]]) -> CompareResult:
    first = studies[0]
    compared = first.compared[first.decisive]
    chosen = next(one for one in compared if one.recipe == first.advice.recipe)
    lines = [one.advice.sentence if len(studies) == 1 else f"{one.data.model}: {one.advice.sentence}"
             for one in studies]
    return CompareResult(
        report=request.report, table=request.table, recommendation="\n".join(lines), recipe=chosen.recipe,
        bytes=chosen.storage.size, ratio=compared[0].storage.size / chosen.storage.size,
        knn_change=100 * chosen.knn.change.value, probe_change=100 * chosen.probe.change.value, recall=chosen.recall,
        rows=len(first.data.rows), recipes=len(grids[0]), intrinsic_dimension=first.dimension.twonn)
