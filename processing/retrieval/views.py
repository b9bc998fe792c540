"""The views (TerraBit's definitions): one value a patch, and which patches come first."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..executors import in_order
from ..hamming import smallest
from ..progress import Progress
from .candidates import Candidates
from .query import UNLIKE, View
from .spaces import Scorer, Space

SAMPLED = 200
"""Candidates that an outlier is unlike."""
NEAREST = 8
"""Patches on the ground that a surprise is unlike."""
SLOPE = 6
"""Patches on the ground over which a gradient is taken."""
BLOCK_BYTES = 8 << 20


def score_all(candidates: Candidates, scorer: Scorer, executor: Executor, progress: Progress) -> None:
    """Write the scores of all candidates, whose codes are kept."""
    codes, scores = candidates.codes, candidates.scores
    step = max(1024, BLOCK_BYTES // max(1, codes.shape[1]))

    def block(start: int) -> None:
        scores[start : start + step] = scorer(codes[start : start + step])

    for _ in in_order(executor, block, range(0, len(codes), step), 4):
        progress.check()


def outlier_scorer(candidates: Candidates, space: Space) -> Scorer:
    """The mean distance to at most 200 evenly spaced candidates."""
    return space.mean_distance(candidates.codes[candidates.spread(SAMPLED)])


def surprise(
    candidates: Candidates, space: Space, near: NDArray[np.int32], executor: Executor, progress: Progress
) -> NDArray[np.float32]:
    """The mean distance of each code to those of its neighbours ``near`` (n, ≥ 8), −1 for none; NaN without any."""
    found = np.empty(len(candidates), np.float32)
    step = max(1024, BLOCK_BYTES // max(1, candidates.codes.shape[1] * NEAREST))

    def block(start: int) -> None:
        space.to_neighbours(candidates.codes, near[:, :NEAREST], start, found[start : start + step])

    for done, _ in enumerate(in_order(executor, block, range(0, len(candidates), step), 4), 1):
        progress.report(min(1.0, done * step / len(candidates)))
    return found


def gradient(scores: NDArray[np.float32], near: NDArray[np.int32]) -> NDArray[np.float32]:
    """The mean |difference of scores| to the 6 nearest of the neighbours ``near`` (n, ≥ 6); NaN without any. Exemplars
    have their true scores, so that nothing is drawn round them that is not there."""
    total, count = np.zeros(len(scores), np.float32), np.zeros(len(scores), np.float32)
    for column in near[:, :SLOPE].T:
        there = (column >= 0).astype(np.float32)
        total += np.abs(scores[column] - scores) * there
        count += there
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float32] = total / count
    return found


@dataclass(frozen=True)
class Ranking:
    """Which candidates come first: their ``places`` in order, and among how many (``count``) they were ranked."""

    places: NDArray[np.int64]
    count: int


def ranked(
    candidates: Candidates, values: NDArray[np.float32], view: View, excluded: NDArray[np.int64], most: int | None,
    threshold: float | None = None,
) -> Ranking:
    """The first ``most`` (None: all) by value, ascending, or descending in views of what is unlike; only those within
    ``threshold`` if there is one. Ties by shard, then row. Without the places ``excluded`` and what is no number."""
    keys = -values if view in UNLIKE else values
    unknown = int(np.count_nonzero(np.isnan(keys))) if len(keys) and np.isnan(keys.min()) else 0
    count = len(keys) - unknown - int(np.count_nonzero(np.isfinite(keys[excluded])))
    limit = np.inf if threshold is None else np.float32(-threshold if view in UNLIKE else threshold)
    wanted = count if most is None else min(most, count)
    if wanted == 0:
        return Ranking(np.empty(0, np.int64), count)
    if wanted < count:  # the largest that is wanted; who of several is, shard and row decide
        limit = min(limit, keys[smallest(keys, wanted, excluded)[-1]])
    inside = keys <= limit
    inside[excluded] = False
    places = np.flatnonzero(inside)
    return Ranking(candidates.ordered(places, keys[places])[:wanted], count)


def within(values: NDArray[np.float32], view: View, threshold: float, excluded: NDArray[np.int64]) -> int:
    """How many candidates lie within a threshold."""
    limit = np.float32(threshold)
    inside = values >= limit if view in UNLIKE else values <= limit
    return int(np.count_nonzero(inside)) - int(np.count_nonzero(inside[excluded]))
