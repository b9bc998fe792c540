"""The operation livemap: clicks and a map window in, a fitted model and the picture of that window out.

Called by the dock at every click, in a worker that stays: what was read of the tiles for the last call is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..classification.crossvalidation import Fit, shares
from ..classification.folds import inner_folds
from ..classification.lesson import Lesson, fit_codes
from ..classification.scoring import CODE_NODATA, NODATA, count_values, score_classes, score_positive
from ..errors import LabelError
from ..grids.grid import Grid
from ..grids.snapshot import write_snapshot
from ..operations import Result
from ..progress import Progress
from .clicks import Clicks, lesson_of
from .hatching import hatch
from .opened import OpenTiles, opened
from .view import Seen, View

SCORES = 255


class LiveRequest(Clicks):
    """``view``: the map window (None: only fit). ``score`` and ``hatching``: where its pictures go. ``shown``: of more
    than two classes the one whose score is drawn. ``area``: polygons as WKT in the tiles' CRS; outside nothing is
    drawn. ``extrapolated``: hatch also what is unlike every label."""

    view: View | None = None
    score: Path | None = None
    hatching: Path | None = None
    shown: str = ""
    area: str = ""
    extrapolated: bool = False


class Fitted(Result):
    """A model as in model files: logit = weights @ codes + bias; ``importance``: weights times the codes' deviation
    over the area. ``scores``: of each training row, in sample, 0…1 of the positive or shown class; ``classes``: its
    class."""

    class_names: list[str]
    positive_class: str | None
    counts: dict[str, int]
    weights: list[list[float]]
    bias: list[float]
    c: float
    importance: list[list[float]]
    scores: list[float]
    classes: list[str]


class Drawn(Result):
    """The picture of a view. ``histogram``: its pixels by score 0…254, of ``shown``; ``level`` 0 is native resolution,
    ``pixel`` the side of its pixels in CRS units."""

    score: Path | None
    hatching: Path | None
    shown: str
    level: int
    pixel: float
    histogram: list[int]
    class_pixels: dict[str, int]
    covered: int
    unknown: int
    extrapolated: int | None


class LiveResult(Result):
    """``model`` is None while there is none, and ``reason`` says why. ``seconds`` spent by step."""

    model: Fitted | None
    reason: str
    warnings: list[str]
    drawn: Drawn | None
    seconds: dict[str, float]


@dataclass
class Stopwatch:
    """Seconds by step."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        """The time since the last lap belongs to ``name``."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def live_map(request: LiveRequest, progress: Progress) -> LiveResult:
    """Fit on the clicks and draw the view. Raises InputError if the tiles or the area cannot be used, OutputError if
    the pictures cannot be written; too few labels are no error but a reason."""
    watch = Stopwatch()
    open_tiles = opened(request.tiles)
    lesson: Lesson | None = None
    reason = ""
    try:
        lesson = lesson_of(request, open_tiles, progress)
    except LabelError as error:
        reason = error.message
    watch.lap("sample")
    model = None if lesson is None else _fit(lesson, request, open_tiles)
    watch.lap("refit")
    progress.check()
    drawn = None
    if request.view is not None:
        seen = open_tiles.views.read(request.view)
        watch.lap("read")
        progress.check()
        if seen is not None:
            drawn = _draw(request, request.view, open_tiles, seen, lesson, model, watch, progress)
    warnings = list(lesson.sample.warnings) if lesson else []
    return LiveResult(model=model, reason=reason, warnings=warnings, drawn=drawn, seconds=watch.seconds)


def fit_lesson(lesson: Lesson, seed: int, deviation: Sequence[float]) -> Fit:
    """The model on codes, as trainclassifier fits it."""
    return fit_codes(lesson.problem, inner_folds(lesson.problem.classes, lesson.sample.features, seed), deviation)


def _fit(lesson: Lesson, request: LiveRequest, open_tiles: OpenTiles) -> Fitted:
    deviation = open_tiles.tiles.basis.deviation
    weights, bias, c, _ = fit_lesson(lesson, request.seed, deviation)
    probabilities = shares(lesson.sample.codes @ weights.T + bias)
    shown = 0 if len(bias) == 1 else _shown(lesson.names, request.shown)
    positive = None if lesson.positive is None else lesson.names[lesson.positive]
    return Fitted(
        class_names=list(lesson.names), positive_class=positive, counts=lesson.counts, weights=weights.tolist(),
        bias=bias.tolist(), c=c, importance=(weights * np.array(deviation)).tolist(),
        scores=probabilities[:, shown].tolist(), classes=[lesson.names[number] for number in lesson.sample.classes],
    )


def _draw(
    request: LiveRequest, view: View, open_tiles: OpenTiles, seen: Seen, lesson: Lesson | None, model: Fitted | None,
    watch: Stopwatch, progress: Progress,
) -> Drawn:
    inside = _inside(request.area, seen.grid)
    unknown = seen.codes[0] == CODE_NODATA
    bands, names = _scores(seen, model, request.shown) if model else (None, [])
    if bands is not None and inside is not None:
        bands[:, ~inside] = NODATA
    watch.lap("score")
    far = None
    if request.extrapolated and lesson is not None and model is not None:
        from ..classification.extrapolation import Reach, beyond

        reach = Reach.of(lesson.sample.codes, np.array(open_tiles.tiles.basis.deviation))
        far = np.empty(unknown.size, np.uint8)
        beyond(seen.codes.reshape(len(seen.codes), -1), reach, far)
        far = far.reshape(unknown.shape) == 1
        if inside is not None:
            far &= inside
        watch.lap("extrapolate")
    if request.score is not None and bands is not None:
        write_snapshot(request.score, seen.grid, bands, NODATA, names, progress)
    if request.hatching is not None:
        screen, pattern = hatch(view, seen.grid, unknown if inside is None else unknown & inside, far)
        write_snapshot(request.hatching, screen, pattern[None], 0, ["hatching"], progress)
    watch.lap("write")
    histogram = np.zeros(256, np.int64) if bands is None else count_values(bands[0].ravel())
    counted = unknown.size if inside is None else int(np.count_nonzero(inside))
    not_known = int(np.count_nonzero(unknown if inside is None else unknown & inside))
    result = Drawn(
        score=request.score if bands is not None else None, hatching=request.hatching,
        shown="" if model is None else model.positive_class or _shown_name(model, request.shown), level=seen.level,
        pixel=min(seen.grid.pixel_size), histogram=histogram[:SCORES].tolist(),
        class_pixels={} if bands is None or model is None else _class_pixels(bands, model),
        covered=counted - not_known, unknown=not_known,
        extrapolated=None if far is None else int(np.count_nonzero(far)),
    )
    watch.lap("count")
    return result


def _scores(seen: Seen, model: Fitted, shown: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Bands to write: of two classes the score; of more the score of the one shown, the class number, and the
    uncertainty, 254 · (1 − (largest − second largest share))."""
    planes = seen.codes.reshape(len(seen.codes), -1)
    shape = seen.codes.shape[1:]
    weights, bias = np.array(model.weights), np.array(model.bias)
    if len(bias) == 1:
        score = np.empty((1, planes.shape[1]), np.uint8)
        score_positive(planes, weights[0], float(bias[0]), score[0])
        return score.reshape(1, *shape), [f"score of {model.positive_class}"]
    scores, classes = np.empty((len(bias), planes.shape[1]), np.uint8), np.empty(planes.shape[1], np.uint8)
    score_classes(planes, weights, bias, scores, classes)
    number = _shown(tuple(model.class_names), shown)
    known = classes > 0
    uncertainty = np.where(known, NODATA - 1 - lead(scores), NODATA).astype(np.uint8)
    bands = np.stack([scores[number], np.where(known, classes, NODATA).astype(np.uint8), uncertainty])
    return bands.reshape(3, *shape), [f"score of {model.class_names[number]}", "class", "uncertainty"]


def lead(scores: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """By how much the largest of the scores (classes, pixels) exceeds the second largest, (pixels,)."""
    largest, second = np.maximum(scores[0], scores[1]), np.minimum(scores[0], scores[1])
    for plane in scores[2:]:  # np.partition along this axis takes sixty times as long
        np.maximum(second, np.minimum(largest, plane), out=second)
        np.maximum(largest, plane, out=largest)
    ahead: NDArray[np.uint8] = largest - second
    return ahead


def _class_pixels(bands: NDArray[np.uint8], model: Fitted) -> dict[str, int]:
    """Pixels by class of more than two; of two the histogram tells, at any threshold."""
    if len(bands) == 1:
        return {}
    counts = count_values(bands[1].ravel())
    return {name: int(counts[number]) for number, name in enumerate(model.class_names, 1)}


def _shown(names: tuple[str, ...], shown: str) -> int:
    return names.index(shown) if shown in names else 0


def _shown_name(model: Fitted, shown: str) -> str:
    return model.class_names[_shown(tuple(model.class_names), shown)]


def _inside(area: str, grid: Grid) -> NDArray[np.bool_] | None:
    """Pixels inside the polygons, (height, width); None without polygons."""
    if not area:
        return None
    from rasterio.windows import Window

    from ..grids.area import area_from_wkt

    return area_from_wkt(area).mask(grid, Window(0, 0, grid.width, grid.height))
