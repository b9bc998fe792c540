"""The operation suggestpoints: tiles and what is labelled so far in, the most useful places to label next out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.crs import CRS

from ..compression.tiles import Tiles
from ..errors import InputError, OutputError
from ..grids.area import read_area
from ..operations import Request, Result
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..provenance import provenance, tags
from .candidates import Candidates, draw_candidates
from .extrapolation import Reach, beyond
from .folds import inner_folds
from .labels import read_labels
from .lesson import fit_codes, only_present, positive_of, problem_of
from .model import load_model
from .sampling import Sample, sample_labels
from .suggestion import Suggestion, suggest

LAYER = "suggestions"
FIELDS = ("order", "kind", "score", "uncertainty", "dissimilarity")
MOST = 1000


class SuggestRequest(Request):
    """What to suggest from. ``labels`` None: none yet. ``model`` None: one is trained on the labels. Points lie within
    the polygons of ``aoi``; labels outside of it teach all the same. ``points``: a GeoPackage. ``label_crs`` and
    ``aoi_crs`` are for files without a CRS."""

    tiles: Path
    labels: Path | None = None
    layer: str = ""
    class_field: str = "label"
    positive_class: str = ""
    label_crs: str = ""
    model: Path | None = None
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    count: int = Field(10, ge=1, le=MOST)
    seed: int = Field(0, ge=0, lt=2**31)
    points: Path
    threads: int = Field(0, ge=0)


class SuggestResult(Result):
    """The points, how many of each kind, and what was looked at. ``extrapolated``: the share of the candidates that is
    unlike every label, None without labels. ``score_of``: the class the score is of ("": likeliest, or no model)."""

    points: Path
    counts: dict[str, int]
    candidates: int
    extrapolated: float | None
    score_of: str


def suggest_points(request: SuggestRequest, progress: Progress) -> SuggestResult:
    """Write the places to label next as points, to be filled in and used as labels.

    Raises InputError if tiles, model or area cannot be used, LabelError for labels, OutputError for the result.
    """
    inputs = [path for path in (request.tiles, request.labels, request.model, request.aoi) if path is not None]
    if request.points.suffix.lower() != ".gpkg":
        raise OutputError(f"Points are written as GeoPackage: {request.points.name} should end in .gpkg.")
    if request.points.resolve() in {path.resolve() for path in inputs}:
        raise InputError("The points would overwrite one of the inputs. Choose another name.")
    tiles = Tiles.open(request.tiles)
    deviation = np.array(tiles.basis.deviation)
    area = None if request.aoi is None else read_area(
        request.aoi, request.aoi_layer, tiles.grid.crs, request.aoi_crs)
    with progress.stage(0.0, 0.2, "Reading labels and their pixels"):
        sample, names = _labelled(request, tiles, progress)
        weights, bias, score_of = _model(request, tiles, sample, names, progress)
    with progress.stage(0.2, 0.8, "Looking at the map"):
        candidates = draw_candidates(tiles, area, None, request.seed, request.threads, progress)
    with progress.stage(0.8, 1.0, "Choosing places"):
        found = suggest(
            candidates, weights, bias, deviation, sample.codes, np.column_stack([sample.x, sample.y]), request.count,
            label_features=sample.features, progress=progress)
    share = _extrapolated(candidates, sample, deviation)
    counts = {kind: sum(one.kind == kind for one in found) for kind in ("uncertain", "extrapolated", "spread")}
    record = provenance("suggestpoints", request.model_dump(mode="json"), inputs, tiles.basis.licences,
                        tiles.basis.attributions)
    field = request.class_field if request.class_field not in (*FIELDS, "fid", "geom", "") else "label"
    with whole_or_nothing(progress, request.points) as (partial,):
        _write(partial, found, field, tiles.grid.crs, tags(record))
    _tell(found, counts, share, request, field, len(names), progress)
    return SuggestResult(points=request.points, counts=counts, candidates=len(candidates), extrapolated=share,
                         score_of=score_of)


def _labelled(request: SuggestRequest, tiles: Tiles, progress: Progress) -> tuple[Sample, tuple[str, ...]]:
    """Rows under the labels and the names of their classes that have pixels; no rows where there are no labels."""
    if request.labels is None or _is_empty(request.labels, request.layer):
        nothing = np.empty(0, np.int64)
        return Sample(np.empty((0, tiles.count), np.int8), nothing, nothing, np.empty(0), np.empty(0), []), ()
    labels = read_labels(request.labels, request.layer, request.class_field, tiles.grid.crs, request.label_crs)
    sample = sample_labels(tiles, labels, request.seed, request.threads, progress)
    present = np.unique(sample.classes)
    if len(present) > 1:
        sample, names = only_present(sample, labels.names)
    else:
        names = (labels.names[present[0]],)
    for warning in sample.warnings:
        progress.warn(warning[0].upper() + warning[1:] + ".")
    return sample, names


def _is_empty(path: Path, layer: str) -> bool:
    """Whether a label layer is there and has no label yet. What cannot be read, ``read_labels`` will explain."""
    import pyogrio

    if not path.is_file():
        return False
    try:
        layers = [layer] if layer else [str(name) for name, kind in pyogrio.list_layers(path) if kind]
        counts = [int(pyogrio.read_info(path, layer=name, force_feature_count=True)["features"]) for name in layers]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        return False
    return bool(counts) and not any(counts)


def _model(
    request: SuggestRequest, tiles: Tiles, sample: Sample, names: tuple[str, ...], progress: Progress
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, str]:
    """Weights and bias on codes and the class the score is of: of the model given, or else of one trained as
    trainclassifier does; None, None where fewer than two classes are labelled."""
    if request.model is not None:
        model = load_model(request.model)
        model.require_basis(tiles.fingerprint, tiles.dates, tiles.count, tiles.path)
        return *model.arrays(), model.positive_class or ""
    if len(names) < 2:
        return None, None, ""
    progress.report(1.0, "Training on the labels")
    positive = positive_of(names, request.positive_class)
    problem = problem_of(sample, len(names), positive, False, tiles.basis.deviation)
    inner = inner_folds(problem.classes, sample.features, request.seed)
    found = fit_codes(problem, inner, tiles.basis.deviation)
    return found.weights, found.bias, "" if positive is None else names[positive]


def _extrapolated(candidates: Candidates, sample: Sample, deviation: NDArray[np.float64]) -> float | None:
    """The share of the candidates that is unlike every label; None without labels."""
    if len(sample.codes) == 0:
        return None
    out = np.empty(len(candidates), np.uint8)
    beyond(np.ascontiguousarray(candidates.codes.T), Reach.of(sample.codes, deviation, features=sample.features), out)
    return float((out == 1).mean())


def _write(
    path: Path, found: Sequence[Suggestion], class_field: str, crs: CRS | None, metadata: dict[str, str]
) -> None:
    """The points in the tiles' CRS, numbered from 1, with a class field to be filled in."""
    import pyogrio
    import shapely

    def real(values: list[float | None]) -> NDArray[np.float64]:
        return np.array([np.nan if value is None else round(value, 4) for value in values])

    columns: dict[str, NDArray[Any]] = {
        "order": np.arange(1, len(found) + 1, dtype=np.int32),
        "kind": np.array([one.kind for one in found], object),
        "score": real([one.score for one in found]),
        "uncertainty": real([one.uncertainty for one in found]),
        "dissimilarity": real([one.dissimilarity for one in found]),
        class_field: np.full(len(found), None, object),
    }
    points = shapely.points([one.x for one in found], [one.y for one in found])
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided")
            pyogrio.raw.write(
                str(path), shapely.to_wkb(points), list(columns.values()), list(columns), layer=LAYER, driver="GPKG",
                geometry_type="Point", crs=None if crs is None else crs.to_wkt(), nan_as_null=True,
                dataset_metadata={name: text for name, text in metadata.items() if not name.startswith("TIFFTAG")},
                dataset_options={"VERSION": "1.2"},  # GDAL before 3.7 warns about newer ones
            )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        raise OutputError(f"The points could not be written to {path.parent}: is the disk full?", str(error)) from error


def _tell(
    found: Sequence[Suggestion], counts: dict[str, int], share: float | None, request: SuggestRequest, field: str,
    classes: int, progress: Progress,
) -> None:
    """What the points are for, in the log."""
    if counts["spread"]:
        why = "there are no labels" if classes == 0 else "all labels are of one class"
        progress.info(f"{_points(counts['spread'])} spread over what the map has to offer, as {why} so far: each is "
                      "least like those before it. Once two classes are labelled, they are where a model is unsure.")
    if counts["uncertain"]:
        progress.info(f"{_points(counts['uncertain'])} where the model is unsure and a label teaches it most.")
    if counts["extrapolated"]:
        progress.info(f"{_points(counts['extrapolated'])} unlike every label so far: there the model can only guess.")
    if share is not None:
        progress.info(f"{share:.1%} of the pixels looked at are unlike every label.")
    if len(found) < request.count:
        progress.warn(f"Only {_points(len(found))}: the part that is looked at has no room for {request.count}.")
    progress.info(f"Look at each on imagery of the dates, write its class into the field {field}, and use the points "
                  "as labels, together with those you have. They are chosen where it is difficult: no accuracy of the "
                  "map can be computed from them.")


def _points(count: int) -> str:
    return f"{count} {'point' if count == 1 else 'points'}"
