"""The operation similarityraster: how alike each pixel's embedding is to that of some points, without training.

The score is cos(x, m⁺), or cos(x, m⁺) − cos(x, m⁻) with negatives; m⁺ and m⁻ are the means of the points' vectors, each
of length 1 first. It puts pixels in the same order as the cosine with the difference of the two directions would, but
stays in units that can be read: 0 is as near to both, and a difference of two directions that are nearly the same is
not blown up.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field
from rasterio.windows import Window

from .. import provenance
from ..errors import InputError, LabelError
from ..executors import cores, in_order, open_executor
from ..grids.area import AreaOfInterest, read_area, window_of
from ..grids.writer import Layout, RasterWriter
from ..operations import Request, Result
from ..outputs import require_folder, require_space, whole_or_nothing
from ..progress import Progress
from .mapping import Mapping, ValueMapping
from .sampling import sampled
from .similarity_points import Layer, read_layer, vectors_of
from .source import EmbeddingSource, mapping_of
from .stack import Stack

CHUNK = 1 << 14
"""Pixels whose numbers are mapped at once."""
STEPS = 1 << 12
"""Histogram bins for each 1 of score, which runs from −2 to 2."""


class SimilarityRequest(Request):
    """An embedding raster ``input`` and points of what is looked for (``positives``) and what is not (``negatives``).

    With ``class_field`` the positives' layer holds both: ``positive_class`` is looked for, other classes are not.
    ``aoi``, ``extent`` and ``mapping`` as for other maps.
    """

    input: str
    positives: Path
    positives_layer: str = ""
    positives_crs: str = ""
    class_field: str = ""
    positive_class: str = ""
    negatives: Path | None = None
    negatives_layer: str = ""
    negatives_crs: str = ""
    mapping: Mapping | Literal["auto"] = "auto"
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    extent: tuple[float, float, float, float] | None = None
    extent_crs: str = ""
    output: Path
    threads: int = Field(0, ge=0, le=1024)
    scheduler: str = ""


class SimilarityResult(Result):
    """``positives`` and ``negatives`` are pixels that counted. Quantiles of the score over pixels with data: ``low``
    and ``high`` leave 2 % and .1 % outside, for colours."""

    output: Path
    positives: int
    negatives: int
    mapping: str
    pixels: int
    covered_pixels: int
    median: float
    p99: float
    low: float
    high: float


@dataclass(frozen=True)
class Scorer:
    """Work on one window; can be pickled. The score is the product of ``weights`` (bands,) and a vector of length 1."""

    stack: Stack
    mapping: ValueMapping
    weights: NDArray[np.float32]

    def __call__(self, window: Window) -> NDArray[np.float32]:
        """Scores (height, width), NaN where nothing is known."""
        planes = self.stack.read(window)
        out = np.empty(window.height * window.width, np.float32)
        for start in range(0, len(out), CHUNK):
            values = self.mapping.apply(planes.values[:, start : start + CHUNK])
            _score(values, self.weights, out[start : start + CHUNK])
        out[planes.missing()[0]] = np.nan
        return out.reshape(window.height, window.width)


def similarity_raster(request: SimilarityRequest, progress: Progress) -> SimilarityResult:
    """Score every pixel, block by block. Raises InputError, LabelError, OutputError or Cancelled."""
    require_folder(request.output)
    read = [request.positives, request.negatives, request.aoi, Path(request.input)]
    if request.output.resolve() in {path.resolve() for path in read if path is not None}:
        raise InputError(f"{request.output} is an input of this run; the map would overwrite it. Choose another name.")
    if request.class_field and request.negatives is not None:
        raise InputError("Negatives were given twice: as a layer of their own, and as other classes of the positives' "
                         "layer. Leave the field of the class or the second layer out.")
    source = EmbeddingSource.open(request.input)
    progress.report(0, "Reading points")
    pixels, wanted = _points(request, source, progress)
    area = read_area(request.aoi, request.aoi_layer, source.grid.crs, request.aoi_crs) if request.aoi else None
    window = window_of(source.grid, source.path, area, request.extent, request.extent_crs)
    with ExitStack() as files, open_executor(request.threads, request.scheduler) as executor:
        stack = Stack([source], window, False)
        files.callback(stack.close)
        size = stack.grid.width * stack.grid.height
        require_space(request.output, size * 4 * 4 // 3)
        progress.info(f"{source.bands} bands of {source.dtype}, {stack.grid.describe()}: {size:,} pixels, "
                      f"{size * source.bands * source.dtype.itemsize / 1e9:.2f} GB to read")
        stored, held = vectors_of(pixels, source, progress)
        if lost := int((~held).sum()):
            progress.warn(f"{lost:,} of {len(held):,} pixels under points have no data and do not count")
        if not (held & wanted).any():
            raise LabelError(f"No positive lies on data of {source.path}: nothing says what is looked for. Choose "
                             "points on it.")
        if (~wanted).any() and not (held & ~wanted).any():
            raise LabelError(f"No negative lies on data of {source.path}. Choose others, or leave negatives out.")
        sample = sampled(stack, progress) if request.mapping == "auto" else stored[held]
        if len(sample) == 0:
            raise InputError(f"No pixel of {source.path} has data there: everything is nodata.")
        mapping = mapping_of(source, request.mapping, sample)
        vectors = mapping.apply(stored[held])
        weights = _direction(vectors[wanted[held]])
        if (~wanted[held]).any():
            weights = weights - _direction(vectors[~wanted[held]])
        counted = int((held & wanted).sum()), int((held & ~wanted).sum())
        progress.info(f"Value mapping {mapping.kind} ({mapping.reason}); {counted[0]:,} positive and {counted[1]:,} "
                      "negative pixels")
        layout = _layout(request, source, mapping, counted)
        with whole_or_nothing(progress, request.output) as (partial,), progress.stage(0.05, 1, "Scoring pixels"):
            threads = request.threads or cores()
            scorer = Scorer(stack, mapping, weights.astype(np.float32))
            with RasterWriter(partial, stack.grid, layout, progress, threads) as writer:
                bins = _write(scorer, writer, area, executor, threads, progress)
                if bins.sum() == 0:
                    raise InputError(f"No pixel of {source.path} has data there: everything is nodata. Choose another "
                                     "area.")
    result = SimilarityResult(
        output=request.output, positives=counted[0], negatives=counted[1], mapping=mapping.kind, pixels=size,
        covered_pixels=int(bins.sum()), median=_quantile(bins, 0.5), p99=_quantile(bins, 0.99),
        low=_quantile(bins, 0.02), high=_quantile(bins, 0.999))
    progress.info(f"{result.covered_pixels / size:.1%} of the pixels have data. Score: median {result.median:.3f}, "
                  f"99 % up to {result.p99:.3f}")
    return result


def _points(
    request: SimilarityRequest, source: EmbeddingSource, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Pixel numbers (n,), each once, and which of them are wanted."""
    layers = [(Layer(request.positives, request.positives_layer, request.positives_crs, request.class_field,
                     request.positive_class), True)]
    if request.negatives is not None:
        layers.append((Layer(request.negatives, request.negatives_layer, request.negatives_crs), False))
    pixels, wanted = [], []
    for layer, positive in layers:
        found, is_wanted = read_layer(layer, source, progress)
        pixels.append(found)
        wanted.append(is_wanted if positive else ~is_wanted)
    both, sides = np.concatenate(pixels), np.concatenate(wanted)
    if len(both) == 0:
        raise LabelError(f"No point lies on {source.path} ({source.grid.describe()}). Are they of another place, or is "
                         "their CRS wrong?")
    unclear = np.intersect1d(both[sides], both[~sides])
    if len(unclear):
        progress.warn(f"{len(unclear):,} pixels hold positives and negatives; they do not count")
    positives, negatives = (np.setdiff1d(both[side], unclear) for side in (sides, ~sides))
    together = len(positives) + len(negatives) + len(unclear)
    if together < len(both):
        progress.info(f"{len(both):,} points lie in {together:,} pixels; each pixel counts once")
    return np.concatenate([positives, negatives]), np.arange(len(positives) + len(negatives)) < len(positives)


def _direction(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of vectors (n, d), each of length 1 first, made as long again. Raises LabelError where they cancel."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    mean = (vectors / lengths).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not length > 1e-6:
        raise LabelError("The points' vectors cancel each other: their mean has no direction. Choose points of one "
                         "kind.")
    return np.asarray(mean / length, np.float64)


def _write(
    scorer: Scorer, writer: RasterWriter, area: AreaOfInterest | None, executor: Any, threads: int, progress: Progress
) -> NDArray[np.int64]:
    """Write all row bands; how many pixels have which score."""
    stack, bins = scorer.stack, np.zeros(4 * STEPS + 1, np.int64)
    bands: Sequence[list[Window]] = list(stack.windows())
    found = in_order(executor, scorer, (window for band in bands for window in band), 2 * threads)
    pixels, done, began = stack.grid.width * stack.grid.height, 0, time.monotonic()
    with closing(found):
        for number, band in enumerate(bands):
            top, height = band[0].row_off, band[-1].row_off + band[-1].height - band[0].row_off
            rows = np.empty((1, height, stack.grid.width), np.float32)
            for window in band:
                upper = window.row_off - top
                part = rows[0, upper : upper + window.height, window.col_off : window.col_off + window.width]
                part[:] = next(found)
                done += window.width * window.height
                progress.report(0.95 * done / pixels)
            if area is not None:
                rows[0, ~area.mask(stack.grid, Window(0, top, stack.grid.width, height))] = np.nan
            scores = rows[np.isfinite(rows)]
            places = np.rint((scores + 2) * STEPS).astype(np.int64).clip(0, 4 * STEPS)
            bins += np.bincount(places, minlength=len(bins))
            writer.write(rows)
            if number == 0 and len(bands) > 3:
                spent = time.monotonic() - began
                progress.info(f"About {max(1, round(spent * (pixels - done) / done))} seconds more")
    return bins


def _quantile(bins: NDArray[np.int64], share: float) -> float:
    return int(np.searchsorted(bins.cumsum(), share * bins.sum())) / STEPS - 2


def _layout(
    request: SimilarityRequest, source: EmbeddingSource, mapping: ValueMapping, counted: tuple[int, int]
) -> Layout:
    said = request.model_dump(mode="json", exclude={"output", "threads", "scheduler"})
    inputs: list[str | Path] = [source.path, request.positives]
    inputs += [path for path in (request.negatives, request.aoi) if path is not None]
    record = provenance.provenance(
        "similarityraster", {**said, "mapping_used": mapping.kind, "positives": counted[0], "negatives": counted[1]},
        inputs, [source.product.licence], [source.product.attribution])
    what = "cosine with the mean of the positives" + (" − with that of the negatives" if counted[1] else "")
    tags = {**provenance.tags(record), "SCORE": what, "PERIOD": source.date, "PRODUCT": source.product.name}
    return Layout(1, "float32", float("nan"), [what], tags)


@njit(nogil=True, cache=True, error_model="numpy")
def _score(values: NDArray[np.float32], weights: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """``values`` (bands, pixels) → their direction's product with ``weights``; NaN for a vector of zeros."""
    squares = np.zeros(len(out), np.float32)
    out[:] = 0
    for band in range(len(values)):
        line, weight = values[band], weights[band]
        for i in range(len(out)):
            out[i] += weight * line[i]
            squares[i] += line[i] * line[i]
    for i in range(len(out)):
        out[i] = out[i] / np.sqrt(squares[i]) if squares[i] > 0 else np.nan
