"""The operation nextpoint: the places whose labels would teach the dock's model most, from candidates that are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..classification.candidates import draw_candidates
from ..classification.sampling import Sample
from ..classification.suggestion import Kind, suggest
from ..errors import LabelError
from ..grids.area import area_from_wkt
from ..grids.grid import Grid
from ..operations import Result
from ..progress import Progress
from .clicks import Clicks, lesson_from, sample_of
from .live import fit_lesson
from .opened import opened


class NextPointRequest(Clicks):
    """``area``: polygons as WKT in the tiles' CRS to stay inside of; ``avoid``: places (x, y) not to suggest again."""

    count: int = Field(1, ge=1, le=100)
    area: str = ""
    avoid: list[tuple[float, float]] = Field(default=[], max_length=1000)


class NextPoint(Result):
    """A pixel's centre in the tiles' CRS; see ``Suggestion``."""

    x: float
    y: float
    kind: Kind
    score: float | None
    uncertainty: float | None
    dissimilarity: float | None


class NextPoints(Result):
    """The most useful first; empty where there is no place left."""

    points: list[NextPoint]


def next_point(request: NextPointRequest, progress: Progress) -> NextPoints:
    """Suggest places. Candidates are drawn once for tiles and area. Raises InputError where there is no data."""
    open_tiles = opened(request.tiles)
    tiles = open_tiles.tiles
    key = (request.area, request.seed)
    if key not in open_tiles.candidates:
        area = area_from_wkt(request.area) if request.area else None
        drawn = draw_candidates(tiles, area, None, request.seed, request.threads, progress)
        open_tiles.candidates = {key: drawn}
    sample: Sample | None = None
    weights = bias = None
    try:
        sample = sample_of(request, open_tiles, progress)
        weights, bias, _, _ = fit_lesson(lesson_from(request, sample, tiles), request.seed, tiles.basis.deviation)
    except LabelError:
        pass  # too few labels for a model: places are spread over what is unlike those that there are
    found = suggest(
        open_tiles.candidates[key], weights, bias, np.array(tiles.basis.deviation),
        np.empty((0, tiles.count), np.int8) if sample is None else sample.codes,
        _centres(tiles.grid, np.column_stack([request.x, request.y])), request.count,
        avoid_xy=_centres(tiles.grid, np.array(request.avoid, np.float64).reshape(-1, 2)),
        label_features=None if sample is None else sample.features)
    return NextPoints(points=[NextPoint(**vars(one)) for one in found])


def _centres(grid: Grid, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres (pixels, 2) of the pixels that hold the places (n, 2), each once: candidates are pixels too, and in a
    small area the next one is not far off. Places outside are left out."""
    with np.errstate(invalid="ignore"):
        rows, columns = grid.pixels(xy[:, 0], xy[:, 1])
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    row, column = np.unique(np.stack([rows[inside], columns[inside]]), axis=1) + 0.5
    t = grid.transform
    return np.column_stack([t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f])
