"""Training of a classifier: labels and embedding tiles in, a model and its validation out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from ..classification.crossvalidation import DEFAULT_C
from ..classification.figures import Validation
from ..classification.folds import LABELS_TO_CHOOSE_C, Folds, Rows, block_folds, inner_folds, random_folds
from ..classification.labels import only_inside, other_products, read_labels
from ..classification.lesson import Lesson, fit_codes, only_present, positive_of, problem_of, validate
from ..classification.model import BasisReference, Model, save_model
from ..classification.sampling import sample_labels
from ..compression.tiles import Tiles
from ..errors import InputError
from ..grids.area import read_area
from ..operations import Request, Result
from ..outputs import require_folder
from ..progress import Progress
from ..provenance import provenance
from .training_report import Evidence, Training, save_with_report

WITH_REPORT = 0.35
"""How much of the progress is training's, where a report is made too."""


class TrainRequest(Request):
    """What to train on and how. ``block_size``: CRS units, 0 chooses one. ``label_crs`` is for files without a CRS.

    ``target``: whether the field holds classes or numbers, in ``unit``; see training.py, which decides.
    ``aoi`` is a file of polygons outside of which no label trains or counts; ``aoi_crs`` as ``label_crs``.
    ``report``: a page about the training, written with the model. It alone uses ``embeddings``, the rasters the tiles
    were made from in their order, and ``validation``, a random sample with its interpretations.
    """

    tiles: Path
    labels: Path
    layer: str = ""
    class_field: str = "label"
    target: Literal["automatic", "classes", "numbers"] = "automatic"
    unit: str = Field("", max_length=40)
    positive_class: str = ""
    class_weights: Literal["none", "balanced"] = "none"
    block_size: float = Field(0, ge=0, allow_inf_nan=False)
    seed: int = Field(0, ge=0, lt=2**31)
    model: Path
    label_crs: str = ""
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    report: Path | None = None
    embeddings: list[str] = Field(default=[], max_length=50)
    validation: Path | None = None
    validation_layer: str = ""
    validation_crs: str = ""
    validation_original: Path | None = None
    threads: int = Field(0, ge=0)


class TrainResult(Result):
    """The model's path and figures; a validation that is None has its reason beside it."""

    target: Literal["classes"] = "classes"
    model: Path
    report: Path | None
    classes: list[str]
    positive_class: str | None
    counts: dict[str, int]
    random: Validation | None
    spatial: Validation | None
    random_reason: str
    spatial_reason: str
    block_size: float | None
    c: float
    warnings: list[str]


def train_classifier(request: TrainRequest, progress: Progress) -> TrainResult:
    """Train on the pixels under the labels, validate at random and in new places, and write the model.

    Raises LabelError where the labels cannot train, InputError where the tiles cannot be read.
    """
    inputs = inputs_of(request)
    tiles = Tiles.open(request.tiles)
    evidence = None if request.report is None else Evidence.open(
        request.embeddings, request.validation, request.validation_layer, request.validation_crs,
        request.validation_original, request.class_field, tiles)
    part = 1.0 if evidence is None else WITH_REPORT
    if evidence is None and (request.embeddings or request.validation):
        progress.warn("Embedding rasters and a random sample are for the report only; choose where to write one.")
    with progress.stage(0.0, 0.3 * part, "Reading labels and their pixels"):
        labels = read_labels(request.labels, request.layer, request.class_field, tiles.grid.crs, request.label_crs)
        if request.aoi is not None:
            labels = only_inside(labels, read_area(request.aoi, request.aoi_layer, tiles.grid.crs, request.aoi_crs))
        sample = sample_labels(tiles, labels, request.seed, request.threads, progress)
    sample, names = only_present(sample, labels.names)
    positive = positive_of(names, request.positive_class)
    problem = problem_of(sample, len(names), positive, request.class_weights == "balanced", tiles.basis.deviation)
    counts = {name: int(np.count_nonzero(sample.classes == index)) for index, name in enumerate(names)}
    progress.info("Labelled pixels: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")
    if positive is not None:
        progress.info(f"The score is the score of class {names[positive]}.")

    warnings = sample.warnings + other_products(
        request.labels, request.layer, request.class_field, tiles.basis.products)
    rows = Rows(sample.classes, sample.features, names)
    with progress.stage(0.3 * part, 0.6 * part, "Validating with random folds"):
        folds = random_folds(rows, request.seed)
        random, random_reason, at_random = validate(
            problem, sample, folds, positive, request.seed, request.threads, warnings, progress)
    with progress.stage(0.6 * part, 0.9 * part, "Validating in new places"):
        pixel = min(tiles.grid.pixel_size)
        blocks = block_folds(rows, sample.x, sample.y, request.block_size, pixel, request.seed)
        spatial, spatial_reason, in_places = validate(
            problem, sample, blocks, positive, request.seed, request.threads, warnings, progress)
    block_size = blocks.block_size if isinstance(blocks, Folds) else request.block_size or None

    with progress.stage(0.9 * part, part, "Training on all labels"):
        inner = inner_folds(problem.classes, sample.features, request.seed)
        if inner is None:
            warnings.append(f"too few labels to choose C: a class has less than {LABELS_TO_CHOOSE_C}, so "
                            f"C = {DEFAULT_C:g}")
        found = fit_codes(problem, inner, tiles.basis.deviation)
        model = Model(
            classes=list(names), positive_class=None if positive is None else names[positive],
            weights=found.weights.tolist(), bias=found.bias.tolist(),
            basis=BasisReference(fingerprint=tiles.fingerprint, features=tiles.basis.features, dates=tiles.dates),
            c=found.c, sharpness=found.sharpness, class_weights=request.class_weights, counts=counts, random=random,
            spatial=spatial, random_reason=random_reason, spatial_reason=spatial_reason, block_size=block_size,
            warnings=warnings, provenance=provenance(
                "trainclassifier", request.model_dump(mode="json"), inputs,
                tiles.basis.licences, tiles.basis.attributions),
        )
        if request.report is None:
            save_model(model, request.model, progress)
    if request.report is not None and evidence is not None:
        training = Training(
            labels=request.labels, tiles=tiles, lesson=Lesson(sample, names, positive, problem), model=model,
            folds=(folds, blocks), nested=(at_random, in_places), block_size=request.block_size, seed=request.seed,
            threads=request.threads)
        with progress.stage(part, 1.0, "Making the report"):
            save_with_report(training, evidence, request.model, request.report, progress)
    _tell(model, progress)
    return TrainResult(
        model=request.model, report=request.report, classes=model.classes, positive_class=model.positive_class,
        counts=counts, random=random, spatial=spatial, random_reason=random_reason, spatial_reason=spatial_reason,
        block_size=block_size, c=found.c, warnings=warnings,
    )


def inputs_of(request: TrainRequest) -> list[str | Path]:
    """The files that are read. Raises InputError if an output would overwrite one of them, or the other output, and
    OutputError if one cannot be written."""
    others = [path for path in (request.aoi, request.validation) if path is not None]
    inputs: list[str | Path] = [request.tiles, request.labels, *others, *request.embeddings]
    used = {Path(path).resolve() for path in inputs}
    if request.model.resolve() in used:
        raise InputError("The model would overwrite one of the inputs. Choose another name.")
    if request.report is not None and request.report.resolve() in {*used, request.model.resolve()}:
        raise InputError("The report would overwrite an input or the model. Choose another name.")
    for path in (request.model, request.report):
        if path is not None:
            require_folder(path)
    return inputs


def _tell(model: Model, progress: Progress) -> None:
    """What came out, in the log."""
    for warning in model.warnings:
        progress.warn(warning[0].upper() + warning[1:] + ".")
    kind = f"of class {model.positive_class}" if model.positive_class else "averaged over classes"
    if model.random:
        progress.info(f"Agreement with your labels ({kind}): {model.random.line()}.")
    else:
        progress.warn(f"No figure for agreement with your labels: {model.random_reason}.")
    if model.spatial:
        progress.info(f"In new places (blocks of {model.block_size:g} CRS units): {model.spatial.line()}.")
    else:
        progress.warn(f"No figure for new places: {model.spatial_reason}.")
