"""Results as they are handed out: batches of ranked patches with what the store knows of them, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..executors import in_order
from ..progress import Progress
from ..store.store import Store
from .candidates import Candidates
from .ground import UNIT, centres

BATCH = 20_000
"""Results up to so many are in the order of their ranks; more are in the order of the shards, in batches of so many."""


@dataclass(frozen=True)
class Results:
    """Columns (n,) of ranked patches; ``wkb`` their footprints, ``paths`` of their shards, ``codes`` (n, bytes),
    ``boxes`` (n, 4) in degrees."""

    ids: Sequence[str]
    wkb: NDArray[Any]
    codes: NDArray[np.uint8]
    paths: Sequence[str]
    rows: NDArray[np.int64]
    ranks: NDArray[np.int64]
    scores: NDArray[np.float64]
    similarities: NDArray[np.float64]
    years: NDArray[np.int16]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    boxes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Ranked:
    """What is handed out: ``places`` among the candidates from rank 1 on, with ``scores`` and ``similarities``."""

    places: NDArray[np.int64]
    scores: NDArray[np.float64]
    similarities: NDArray[np.float64]


def batches(
    store: Store, candidates: Candidates, ranked: Ranked, executor: Executor, progress: Progress
) -> Iterator[Results]:
    """Results with their footprints, identifiers and codes, read from the store again, shard by shard in parallel.

    Raises ShardError where a shard that could be read before no longer can.
    """
    ranks = np.arange(1, len(ranked.places) + 1)
    if len(ranks) > BATCH:
        shards = candidates.shards_of(ranked.places)
        ranks = ranks[np.lexsort((candidates.rows[ranked.places], shards))]
    for start in range(0, len(ranks), BATCH):
        yield _batch(store, candidates, ranked, ranks[start : start + BATCH], executor, progress)
        progress.report(min(1.0, (start + BATCH) / len(ranks)))


def _batch(
    store: Store, candidates: Candidates, ranked: Ranked, ranks: NDArray[np.int64], executor: Executor,
    progress: Progress,
) -> Results:
    places = ranked.places[ranks - 1]
    shards, rows = candidates.shards_of(places), candidates.rows[places].astype(np.int64)
    order = np.lexsort((rows, shards))
    groups = np.split(order, np.flatnonzero(np.diff(shards[order])) + 1) if len(order) else []
    ids: list[str] = [""] * len(places)
    wkb = np.empty(len(places), object)
    codes = np.empty((len(places), store.about.bytes), np.uint8)

    def read(group: NDArray[np.int64]) -> None:
        shard, wanted = int(shards[group[0]]), rows[group]
        names, shapes = store.details(shard, wanted)
        for place, name, shape in zip(group.tolist(), names, shapes, strict=True):
            ids[place], wkb[place] = name, shape
        codes[group] = (candidates.codes[places[group]] if candidates.codes.shape[1]
                        else store.codes(shard, wanted))

    for _ in in_order(executor, read, groups, 16):
        progress.check()
    named = {shard: store.shards[shard].path for shard in set(shards.tolist())}
    paths = [named[shard] for shard in shards.tolist()]
    boxes = candidates.boxes[places]
    lon, lat = centres(boxes)
    return Results(
        ids, wkb, codes, paths, rows, ranks, ranked.scores[ranks - 1], ranked.similarities[ranks - 1],
        candidates.years[places], lon, lat, (boxes * UNIT).astype(np.float64))
