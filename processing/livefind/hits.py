"""The first results as the dock shows them, with identifiers and outlines, from what is kept and what is not."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..executors import cores, in_order
from ..progress import Progress
from ..retrieval.answer import Answer
from ..retrieval.ground import UNIT, boxes_of, centres
from ..retrieval.query import Query
from ..store.location import ShardError
from .region import Region


@dataclass(frozen=True)
class Hits:
    """Columns (n,) of results in order; ``boxes`` (n, 4) in degrees."""

    scores: NDArray[np.float64]
    similarities: NDArray[np.float64]
    shards: NDArray[np.int64]
    rows: NDArray[np.int64]
    years: NDArray[np.int16]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    boxes: NDArray[np.float64]


def merged(region: Region, given: Answer | None, query: Query | None, k: int | None) -> Hits:
    """The results among what is kept, with the best of what is not, the first ``k`` (None: all) of both."""
    candidates, best = region.candidates, region.overflow.best
    places = np.empty(0, np.int64) if given is None else given.ranked.places
    parts = [one.patches for one in best]
    scores = np.concatenate(
        [np.empty(0) if given is None else given.ranked.scores, *(one.scores.astype(np.float64) for one in best)])
    shards = np.concatenate([candidates.shards_of(places) if len(places) else np.empty(0, np.int64),
                             *(np.full(len(part), part.shard, np.int64) for part in parts)])
    rows = np.concatenate([candidates.rows[places].astype(np.int64), *(part.rows for part in parts)])
    boxes = np.concatenate([candidates.boxes[places], *(boxes_of(part.bbox) for part in parts)])
    years = np.concatenate([candidates.years[places], *(part.years for part in parts)])
    order = np.arange(len(scores))
    if best:
        order = np.lexsort((rows, shards, scores))[:k]
    lon, lat = centres(boxes[order])
    similarities = (given.ranked.similarities if given is not None and not best
                    else region.space.similarity(scores[order].astype(np.float32), query))
    return Hits(scores[order], similarities, shards[order], rows[order], years[order], lon, lat,
                boxes[order] * UNIT)


def details_of(
    region: Region, hits: Hits, seconds: float, executor: Executor, progress: Progress
) -> tuple[list[tuple[str, str]], bool]:
    """Id and WKT outline of each result, and whether these are all that there will be.

    What was asked for once is kept. After so many seconds, or where a shard no longer answers, it is the row and the
    box: the next call has more.
    """
    import shapely

    end = time.perf_counter() + seconds
    names = list(zip(hits.shards.tolist(), hits.rows.tolist(), strict=True))
    by_shard: dict[int, list[int]] = {}
    for shard, row in names:
        if (shard, row) not in region.known:
            by_shard.setdefault(shard, []).append(row)

    def read(shard: int) -> tuple[int, list[str], list[bytes]]:
        try:
            return (shard, *region.store.details(shard, np.array(by_shard[shard])))
        except ShardError:
            return shard, [], []

    late = False
    for shard, ids, shapes in in_order(executor, read, list(by_shard), cores() + 1):
        texts = shapely.to_wkt(shapely.from_wkb(shapes), rounding_precision=7, trim=True) if shapes else []
        for row, name, text in zip(by_shard[shard], ids, texts, strict=False):
            region.known[shard, row] = (name, str(text))
        by_shard[shard] = []
        progress.check()
        if time.perf_counter() > end and any(by_shard.values()):
            late = True
            break
    boxes = shapely.to_wkt(shapely.box(*hits.boxes.T)) if len(hits.boxes) else []
    found = [region.known.get(name, (str(name[1]), str(box))) for name, box in zip(names, boxes, strict=True)]
    return found, not late
