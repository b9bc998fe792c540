"""From candidates to an answer: the values of a view, which come first, the histogram, the threshold, the picture's
scale. The same for a run and for the dock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from . import views
from .candidates import Candidates
from .histogram import Histogram
from .picture import Scale, levels_by_rank
from .query import UNLIKE, WITHOUT_EXEMPLARS, Query, View
from .results import Ranked
from .spaces import Codes, Space

Near = Callable[[], NDArray[np.int32]]
"""The eight nearest patches on the ground of each candidate, worked out when they are wanted."""
TAIL = 0.005
"""Of views of what is unlike, the share of patches beyond either end of the picture's scale."""


@dataclass(frozen=True)
class Answer:
    """``values`` (n,) of all candidates; ``ranked``: those that are handed out, ``count`` of how many candidates.

    ``threshold``: the one asked for, else the value of the k-th; None of none; ``within`` it are so many candidates.
    ``scale`` of the picture; None: by rank. ``typical`` code (1, bytes), of that view.
    """

    values: NDArray[np.float32]
    ranked: Ranked
    count: int
    threshold: float | None
    within: int
    histogram: Histogram | None
    scale: Scale | None
    typical: Codes | None = None

    def levels(self) -> NDArray[np.uint8]:
        """The values as levels of a picture, 0 … 254; 255 for none."""
        return levels_by_rank(self.values) if self.scale is None else self.scale.levels(self.values)


def values_of(
    view: View, candidates: Candidates, space: Space, near: Near, executor: Executor, progress: Progress
) -> tuple[NDArray[np.float32], Codes | None]:
    """The values of a view and, of the view typical, the code. Scores of the query are in the candidates already."""
    if view == "outlier":
        views.score_all(candidates, views.outlier_scorer(candidates, space), executor, progress)
    elif view == "typical":
        typical = space.typical(candidates.codes)
        query = Query(typical, typical[:0])
        views.score_all(candidates, space.scorer(query), executor, progress)
        return candidates.scores, typical
    elif view == "surprise":
        return views.surprise(candidates, space, near(), executor, progress), None
    elif view == "gradient":
        return views.gradient(candidates.scores, near()), None
    return candidates.scores, None


def answer(
    view: View, candidates: Candidates, values: NDArray[np.float32], typical: Codes | None, space: Space,
    query: Query | None, excluded: NDArray[np.int64], k: int, threshold: float | None, most: int | None,
    progress: Progress,
) -> Answer:
    """From the ``values_of`` a view. ``query`` is None in views without exemplars. ``excluded``: places of the
    exemplars. ``most``: of the views that hand out more than k (heat, threshold, gradient), so many at most; None: all.
    """
    first = views.ranked(candidates, values, view, excluded, k)
    limit = threshold
    if limit is None and len(first.places):
        limit = float(values[first.places[-1]])
    within = 0 if limit is None else views.within(values, view, limit, excluded)
    if view == "threshold":
        wanted = within if most is None else min(most, within)
        chosen = views.ranked(candidates, values, view, excluded, wanted, limit) if limit is not None else first
    elif view in ("heat", "gradient") and (most is None or most > k):
        chosen = views.ranked(candidates, values, view, excluded, most)
    else:
        chosen = first
    progress.check()
    scored = query if view not in UNLIKE else None
    alone = view in WITHOUT_EXEMPLARS or view == "gradient"
    step = 0.0 if alone and view != "typical" else space.steps(scored)
    histogram = Histogram.of(values, excluded, step)
    shown = values[chosen.places]
    like = Query(typical, typical[:0]) if typical is not None else scored
    ranked = Ranked(chosen.places, shown.astype(np.float64), space.similarity(shown, like))
    scale = None if view == "heat" or histogram is None else _scale(values, view, histogram)
    return Answer(values, ranked, first.count, limit, within, histogram, scale, typical)


def _scale(values: NDArray[np.float32], view: View, histogram: Histogram) -> Scale:
    if view not in UNLIKE:
        return Scale(float(np.nanmax(values)), float(np.nanmin(values)))
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    first, last = int(np.searchsorted(share, TAIL)), int(np.searchsorted(share, 1 - TAIL))
    return Scale(float(histogram.edges[first]), float(histogram.edges[last + 1]))
