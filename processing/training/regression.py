"""Training of a regression: labels that hold numbers and embedding tiles in, a model and its validation out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ..classification.folds import LABELS_TO_CHOOSE_C, Folds
from ..classification.labels import other_products
from ..classification.model import BasisReference, save_model
from ..compression.tiles import Tiles
from ..errors import LabelError
from ..executors import open_executor
from ..grids.area import read_area
from ..operations import Result
from ..progress import Progress
from ..provenance import provenance
from ..regression.figures import NumberValidation, number_validation_of
from ..regression.folds import block_number_folds, inner_number_folds, random_number_folds
from ..regression.labels import numbers_inside, read_numbers
from ..regression.model import LabelRange, RegressionModel
from ..regression.ridge import HeldOut, NumberProblem, default_alpha, fit_ridge, nested_ridge
from ..regression.sampling import NumberSample, sample_numbers
from .classifier import TrainRequest, inputs_of
from .regression_report import regression_page

LOW, HIGH = 2, 98
"""Percentiles of the labels between which a map is coloured."""


class RegressionResult(Result):
    """The model's path and figures; a validation that is None has its reason beside it. ``field`` and ``unit`` are what
    is predicted."""

    target: Literal["numbers"] = "numbers"
    model: Path
    report: Path | None
    field: str
    unit: str
    title: str
    labels: LabelRange
    random: NumberValidation | None
    spatial: NumberValidation | None
    random_reason: str
    spatial_reason: str
    block_size: float | None
    alpha: float
    warnings: list[str]


def train_regression(request: TrainRequest, progress: Progress) -> RegressionResult:
    """Train on the pixels under the labels, validate at random and in new places, and write the model.

    Raises LabelError where the labels cannot train, InputError where the tiles cannot be read.
    """
    inputs = inputs_of(request)
    if request.embeddings or request.validation:
        progress.warn("Embedding rasters and a random sample are for reports on classes; for numbers they are not "
                      "used.")
    tiles = Tiles.open(request.tiles)
    with progress.stage(0.0, 0.3, "Reading labels and their pixels"):
        labels = read_numbers(request.labels, request.layer, request.class_field, tiles.grid.crs, request.label_crs)
        if request.aoi is not None:
            labels = numbers_inside(labels, read_area(request.aoi, request.aoi_layer, tiles.grid.crs, request.aoi_crs))
        sample = sample_numbers(tiles, labels, request.seed, request.threads, progress)
    seen = range_of(sample, request.class_field)
    deviation = np.array(tiles.basis.deviation)
    problem = NumberProblem(sample.codes / deviation, sample.values, sample.weights)
    progress.info(f"{seen.labels} labels on {seen.pixels} pixels; {request.class_field} from {seen.minimum:.4g} to "
                  f"{seen.maximum:.4g}{f' {request.unit}' if request.unit else ''}, mean {seen.mean:.4g}.")

    warnings = sample.warnings + other_products(
        request.labels, request.layer, request.class_field, tiles.basis.products)
    with progress.stage(0.3, 0.6, "Validating with random folds"):
        folds = random_number_folds(sample.groups, request.seed)
        random, random_reason, at_random = validate_numbers(problem, sample, folds, request, warnings, progress)
    with progress.stage(0.6, 0.9, "Validating in new places"):
        blocks = block_number_folds(
            sample.groups, sample.x, sample.y, request.block_size, min(tiles.grid.pixel_size), request.seed)
        spatial, spatial_reason, in_places = validate_numbers(problem, sample, blocks, request, warnings, progress)
    block_size = blocks.block_size if isinstance(blocks, Folds) else request.block_size or None

    with progress.stage(0.9, 1.0, "Training on all labels"):
        inner = inner_number_folds(sample.groups, request.seed)
        if inner is None:
            warnings.append(f"too few labels to choose the strength of regularisation: less than {LABELS_TO_CHOOSE_C}, "
                            f"so alpha = {default_alpha(problem):g}")
        found = fit_ridge(problem, inner, progress.check)
        model = RegressionModel(
            target=request.class_field, unit=request.unit, weights=(found.weights / deviation).tolist(),
            bias=found.bias,
            basis=BasisReference(fingerprint=tiles.fingerprint, features=tiles.basis.features, dates=tiles.dates),
            alpha=found.alpha, labels=seen, random=random, spatial=spatial, random_reason=random_reason,
            spatial_reason=spatial_reason, block_size=block_size, warnings=warnings, provenance=provenance(
                "trainclassifier", request.model_dump(mode="json"), inputs,
                tiles.basis.licences, tiles.basis.attributions),
        )
        report = None if request.report is None else (
            regression_page(model, sample, at_random, in_places), request.report)
        save_model(model, request.model, progress, report)
    _tell(model, progress)
    return RegressionResult(
        model=request.model, report=request.report, field=model.target, unit=model.unit, title=model.title, labels=seen,
        random=random, spatial=spatial, random_reason=random_reason, spatial_reason=spatial_reason,
        block_size=block_size, alpha=model.alpha, warnings=warnings,
    )


def range_of(sample: NumberSample, name: str) -> LabelRange:
    """What values the labels have, each label weighing the same. Raises LabelError if they have only one."""
    low, high = np.quantile(
        sample.values, [LOW / 100, HIGH / 100], weights=sample.weights, method="inverted_cdf").tolist()
    if sample.values.min() == sample.values.max():
        raise LabelError(f"All labels that can train have the same {name}, {sample.values[0]:g}: there is nothing to "
                         "learn. Place some labels with another.")
    return LabelRange(
        minimum=float(sample.values.min()), low=low, mean=float(np.average(sample.values, weights=sample.weights)),
        high=high, maximum=float(sample.values.max()), labels=len(np.unique(sample.groups)), pixels=len(sample.values))


def validate_numbers(
    problem: NumberProblem, sample: NumberSample, folds: Folds | str, request: TrainRequest, warnings: list[str],
    progress: Progress,
) -> tuple[NumberValidation | None, str, HeldOut | None]:
    """Figures of nested cross-validation on the folds and what they are made of, or None and the reason."""
    if isinstance(folds, str):
        return None, folds, None
    numbers = folds.numbers
    inner = [inner_number_folds(sample.groups[numbers != fold], request.seed) for fold in range(folds.count)]
    without = sum(one is None for one in inner)
    if without:
        where = "spatial" if folds.block_size else "random"
        warnings.append(f"too few labels to choose the strength of regularisation in {without} of {folds.count} folds "
                        f"of the {where} validation: alpha = {default_alpha(problem):g} there")
    with open_executor(request.threads) as executor:
        held_out = nested_ridge(problem, numbers, inner, executor, progress)
    figures = number_validation_of(sample.values, held_out, sample.weights, sample.groups, numbers)
    return figures, "", held_out


def _tell(model: RegressionModel, progress: Progress) -> None:
    """What came out, in the log."""
    for warning in model.warnings:
        progress.warn(warning[0].upper() + warning[1:] + ".")
    if model.random:
        progress.info(f"Agreement with your labels ({model.title}): {model.random.line(model.unit)}.")
    else:
        progress.warn(f"No figure for agreement with your labels: {model.random_reason}.")
    if model.spatial:
        progress.info(f"In new places (blocks of {model.block_size:g} CRS units): {model.spatial.line(model.unit)}.")
    else:
        progress.warn(f"No figure for new places: {model.spatial_reason}.")
