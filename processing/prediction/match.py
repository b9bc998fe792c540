"""The operation matchexample: a recognition model, a raster and places on it in; how alike every place is, out.

A recognition model makes a vector of a window. The likeness of a window is the cosine of its vector and the mean of the
examples'; windows overlap, and a pixel gets the blend of those it lies in.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, OutputError
from ..grids.features import crs_of, moved, open_layer, read_columns
from ..grids.writer import Layout, RasterWriter
from ..inference.model import Model
from ..operations import Result
from ..outputs import require_folder, whole_or_nothing
from ..progress import Progress
from ..provenance import tags
from ..sliding.network import ModelNetwork
from ..sliding.reading import Plan, lone_window
from ..sliding.run import Finished, in_words, run, windows_said
from ..sliding.setup import ModelRequest, Setup, Task, record_of, set_up, tell
from .outputs import BlockWriter

MATCH = Task("Match an example with a model", ("vector",), "that make a vector of a window (Recognition)",
             overlap=0.5, blended=False)
MOST_EXAMPLES = 1000
"""Windows that are looked at before the work begins."""


class MatchRequest(ModelRequest):
    """What ``ModelRequest`` says (``overlap`` −1: half a window; ``threshold`` plays no part); ``examples``: a file of
    points on the raster, in the layer ``examples_layer`` ("": the first)."""

    examples: Path
    examples_layer: str = ""
    examples_crs: str = ""
    output: Path


class MatchResult(Result):
    """``examples`` count; ``missing`` more lie where the raster has no data. ``highest`` and ``lowest``: of the map."""

    model_name: str
    output: Path
    examples: int
    missing: int
    lowest: float | None
    highest: float | None
    pixels: int
    covered_pixels: int
    windows: int
    skipped: int
    provider_used: str
    fallback: str
    seconds: dict[str, float]


class LikenessNetwork(ModelNetwork):
    """A window → its likeness to the examples, −1 … 1, at all of its pixels (1, side, side)."""

    def __init__(self, model: Model, flips: bool, wanted: NDArray[np.float32]) -> None:
        super().__init__(model, flips)
        self._wanted = wanted

    @property
    def scores(self) -> int:
        """One number of a pixel."""
        return 1

    def _scores(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        vector = unit(self._model.run(window[None])[0][0])
        return np.full((1, *window.shape[1:]), vector @ self._wanted, np.float32)


class Likeness:
    """Writes finished pixels, and looks at what they are."""

    def __init__(self, writer: BlockWriter) -> None:
        self._writer = writer
        self.asked = self.known = 0
        self.low, self.high = math.inf, -math.inf

    def __call__(self, finished: Finished) -> None:
        self.asked += finished.asked
        values = finished.scores[0][finished.wanted]
        if len(values):
            self.known += len(values)
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        drawn = np.where(finished.wanted, finished.scores, np.float32(np.nan))
        self._writer.put(drawn, finished.top, finished.left)


def match_example(request: MatchRequest, progress: Progress) -> MatchResult:
    """Map the likeness to the examples. Raises InputError, LabelError, ModelError or OutputError, all that can be known
    before any work is done; Cancelled within a tenth of a second."""
    began = time.perf_counter()
    if request.output.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(f"{request.output.name} should end in .tif: the map is a GeoTIFF.")
    require_folder(request.output)
    setup = set_up(request, request.output, progress, MATCH)
    tell(setup, progress)
    plan = replace(setup.plan, scores=1)
    with setup.model.stopping(progress):
        wanted, count, missing = _examples(request, setup, plan, progress)
    record = record_of("matchexample", request, setup, request.examples)
    layout = Layout(1, "float32", float("nan"), ["likeness"], {
        **tags(record), "MODEL": setup.model.card.name or request.model.stem})
    network = LikenessNetwork(setup.model, request.flips, wanted)
    with (
        whole_or_nothing(progress, request.output) as (partial,),
        progress.stage(0, 0.97, "Reading"),
        RasterWriter(partial, setup.grid, layout, progress) as writer,
    ):
        seen = Likeness(BlockWriter(writer))
        spent = run(plan, network, seen, progress, setup.model.provider_used)
        if not seen.asked:
            raise InputError("The area of interest holds the centre of no pixel. Draw it larger.")
    total = time.perf_counter() - began
    if seen.known:
        progress.info(f"Likeness from {seen.low:.3f} to {seen.high:.3f}. It is a ranking, not a probability: compare "
                      "places with each other.")
    progress.info(f"{windows_said(spent.windows)} on {setup.model.provider_used} in {in_words(total)}.")
    if setup.model.fallback:
        progress.warn(setup.model.fallback)
    return MatchResult(
        model_name=setup.model.card.name or request.model.stem, output=request.output, examples=count, missing=missing,
        lowest=seen.low if seen.known else None, highest=seen.high if seen.known else None, pixels=seen.asked,
        covered_pixels=seen.known, windows=spent.windows, skipped=spent.skipped,
        provider_used=setup.model.provider_used, fallback=setup.model.fallback,
        seconds={"read": round(spent.read, 3), "model": round(spent.model, 3), "total": round(total, 3)})


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1; zeros stay zeros."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 0 else vector


def _examples(
    request: MatchRequest, setup: Setup, plan: Plan, progress: Progress
) -> tuple[NDArray[np.float32], int, int]:
    """The mean of the examples' unit vectors, at length 1, how many count, and how many have no data."""
    import shapely

    source, name = plan.source.grid, Path(request.input).name
    info = open_layer(request.examples, request.examples_layer, "")
    _, wkb = read_columns(request.examples, info, [])
    points = shapely.centroid(shapely.from_wkb(wkb, on_invalid="ignore"))
    points = points[~(shapely.is_missing(points) | shapely.is_empty(points))]
    points = moved(points, crs_of(request.examples, info, request.examples_crs), source.crs, request.examples)
    columns, rows = ~source.transform @ (shapely.get_x(points), shapely.get_y(points))
    on = (columns >= 0) & (columns < source.width) & (rows >= 0) & (rows < source.height)
    if not on.any():
        raise InputError(f"None of the {len(points)} examples lies on {name}. Choose points on the raster.")
    if on.sum() > MOST_EXAMPLES:
        raise InputError(f"{int(on.sum()):,} examples are too many; up to {MOST_EXAMPLES:,} are looked at.")
    if not on.all():
        progress.warn(f"{int((~on).sum())} of {len(points)} examples lie outside {name} and do not count.")
    grid, vectors, missing = plan.grid, [], 0
    for number, (x, y) in enumerate(zip(np.asarray(columns)[on], np.asarray(rows)[on], strict=True)):
        progress.report(0.0, f"Looking at example {number + 1} of {int(on.sum())}")
        seen = window_at(plan, float(y) / grid.down.factor, float(x) / grid.across.factor)
        if seen is None:
            missing += 1
        else:
            vectors.append(unit(setup.model.run(seen[None])[0][0]))
    if not vectors:
        raise InputError(f"{name} has no data at the examples. Choose other points.")
    if missing:
        progress.warn(f"{missing} examples lie where {name} has no data and do not count.")
    return unit(np.mean(vectors, axis=0)), len(vectors), missing


def window_at(plan: Plan, row: float, column: float) -> NDArray[np.float32] | None:
    """What the model sees of the window round a place of its grid, moved inwards at the raster's ends; None where its
    middle has no data."""
    tile = plan.rows.tile
    top = max(0, min(round(row - tile / 2), plan.grid.height - tile))
    left = max(0, min(round(column - tile / 2), plan.grid.width - tile))
    pixels, known = lone_window(plan, top, left)
    there = known[min(int(row) - top, known.shape[0] - 1), min(int(column) - left, known.shape[1] - 1)]
    return pixels if there else None
