"""Random points: pixels drawn with probability proportional to their area, and clusters of them.

Within a stratum pixels are drawn one after the other, none twice (successive sampling, which for areas that hardly
differ within a stratum is what inclusion probabilities proportional to area are). Two-stage clusters: blocks are drawn
with probability proportional to their area, with replacement (Hansen & Hurwitz 1943), and in each draw an equal number
of pixels; so the mean of the cluster means is unbiased, and its variance is that between clusters (Cochran 1977,
section 11.9). A block that is drawn twice gives two clusters, each with pixels of its own draw.

With a distance points are taken in a random order over all strata, and one too near to an earlier point is passed over
(simple sequential inhibition).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..executors import cores, in_order, open_executor
from ..progress import Progress
from .spacing import Ground, Spacing
from .strata import Blocks, Masked, Population, Tally, locate

TRIES, TRIES_EACH = 2000, 100
"""Pixels that are tried for a stratum: so many, and so many more for each point."""
BATCH = 200_000
MORE = 1.4
"""Pixels that are found at once, in parts of what is expected to be needed: each further turn reads the map again."""
_ORDER, _STRATUM, _BLOCK, _CLUSTER, _SERVING = range(5)
"""Streams of random numbers of one seed."""


@dataclass(frozen=True)
class Drawn:
    """Points in the order in which they are served: pixels' ``rows`` and ``columns``, ``strata`` (indices) and
    ``clusters`` (1 …; 0: none), all (n,)."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    strata: NDArray[np.int64]
    clusters: NDArray[np.int64]


class _Stream:
    """The pixels drawn for one stratum, one after the other: the same however many are asked for at once."""

    def __init__(self, seed: int, stratum: int, count: int) -> None:
        self._random = np.random.default_rng((seed, _STRATUM, stratum))
        self.count, self.tried, self.taken = count, 0, 0
        self.waiting: list[tuple[int, int, NDArray[np.float64]]] = []

    @property
    def exhausted(self) -> bool:
        return self.tried >= TRIES + TRIES_EACH * self.count

    def more(self) -> NDArray[np.float64]:
        """Lots that should be enough, by how often one was taken so far."""
        missing = self.count - self.taken
        if missing <= len(self.waiting) or self.exhausted:
            return np.empty(0)
        rate = (self.taken + 1) / (self.tried + 1)
        left = TRIES + TRIES_EACH * self.count - self.tried - len(self.waiting)
        return self._random.random(min(int(MORE * missing / rate) + 16, left, BATCH))


def draw_points(
    population: Population, counted: Tally, stratum_of: NDArray[np.int64], names: list[str], counts: NDArray[np.int64],
    distance: float, seed: int, threads: int, progress: Progress,
) -> Drawn:
    """Draw ``counts`` (strata,) pixels, at least ``distance`` m apart (0: any distance).

    ``stratum_of`` (classes,) is the stratum of each class of ``counted``. The same seed gives the same points. Raises
    InputError, naming the strata (``names``), where there is no room for all of them.
    """
    order = np.random.default_rng((seed, _ORDER)).permutation(np.repeat(np.arange(len(counts)), counts))
    streams = [_Stream(seed, stratum, int(count)) for stratum, count in enumerate(counts)]
    ground, spacing = Ground.of(population.map.grid), Spacing(distance)
    used: set[tuple[int, int]] = set()
    found: list[tuple[int, int, int]] = []
    position = 0
    while position < len(order):
        _refill(population, counted, stratum_of, streams, ground, distance > 0, threads, progress)
        while position < len(order):
            stratum = int(order[position])
            stream = streams[stratum]
            if stream.exhausted:
                position += 1
                continue
            if not stream.waiting:
                break
            row, column, place = stream.waiting.pop()
            stream.tried += 1
            if stream.tried % 4096 == 0:
                progress.check()
            if (row, column) in used or not spacing.take(place):
                continue
            used.add((row, column))
            found.append((row, column, stratum))
            stream.taken += 1
            position += 1
    _require_room(streams, names, distance, ground.unit)
    rows, columns, strata = (np.array(part, np.int64) for part in zip(*found, strict=True))
    return Drawn(rows, columns, strata, np.zeros(len(found), np.int64))


def _refill(
    population: Population, counted: Tally, stratum_of: NDArray[np.int64], streams: list[_Stream], ground: Ground,
    placed: bool, threads: int, progress: Progress,
) -> None:
    """Find further pixels for the streams that run dry; their places on the ground only if they are needed."""
    lots = [stream.more() for stream in streams]
    strata = np.repeat(np.arange(len(streams)), [len(one) for one in lots])
    rows, columns = locate(population, counted, stratum_of, strata, np.concatenate(lots), threads, progress)
    places = ground.places(rows, columns) if placed else np.zeros((len(rows), 3))
    for number, stream in enumerate(streams):
        mine = np.flatnonzero(strata == number)
        fresh = list(zip(rows[mine].tolist(), columns[mine].tolist(), places[mine], strict=True))
        stream.waiting = fresh[::-1] + stream.waiting  # the last is the next


def _require_room(streams: list[_Stream], names: list[str], distance: float, unit: str) -> None:
    short = [(stream, name) for stream, name in zip(streams, names, strict=True) if stream.taken < stream.count]
    if not short:
        return
    lines = "; ".join(f"{name}: {stream.taken} of {stream.count} ({stream.count - stream.taken} missing)"
                      for stream, name in short)
    if distance > 0:
        raise InputError(f"With {distance:g} {unit} between points there is no room for all of them. It fits, in the "
                         f"stratum {lines}. Choose a shorter distance or fewer points there.")
    raise InputError(f"Nearly all pixels would be drawn, and no further ones were found in the stratum {lines}. Take "
                     "fewer points there.")


def draw_clusters(
    population: Population, counted: Tally, blocks: Blocks, clusters: int, per_cluster: int, distance: float, seed: int,
    threads: int, progress: Progress,
) -> Drawn:
    """Draw blocks with replacement, and ``per_cluster`` pixels in each, ``distance`` m apart within a cluster.

    In a block with fewer pixels than that, pixels repeat. Raises InputError if a block has no room.
    """
    assert counted.block_sizes is not None
    ends = np.cumsum(counted.block_sizes.ravel())
    lots = np.random.default_rng((seed, _BLOCK)).random(clusters) * ends[-1]
    last = int(np.flatnonzero(counted.block_sizes.ravel())[-1])
    chosen = np.minimum(np.searchsorted(ends, lots, side="right"), last)
    wide = counted.block_sizes.shape[1]
    windows = [blocks.window(population, int(one) // wide, int(one) % wide) for one in chosen]
    ground = Ground.of(population.map.grid)
    work = partial(_draw_cluster, population, ground, per_cluster, distance, seed)
    items = enumerate(population.masked(windows))
    rows, columns = [], []
    with open_executor(threads) as executor:
        for number, (row, column) in enumerate(in_order(executor, work, items, 2 * (threads or cores())), 1):
            if len(row) < per_cluster:
                raise InputError(
                    f"With {distance:g} {ground.unit} between points only {len(row)} of {per_cluster} fit into a block "
                    f"that was drawn. Choose a shorter distance, larger blocks or fewer points in each.")
            rows.append(row)
            columns.append(column)
            progress.report(number / clusters)
    order = np.random.default_rng((seed, _SERVING)).permutation(clusters * per_cluster)
    number_of = np.repeat(np.arange(1, clusters + 1), per_cluster)
    return Drawn(np.concatenate(rows)[order], np.concatenate(columns)[order],
                 np.zeros(len(order), np.int64), number_of[order])


def _draw_cluster(
    population: Population, ground: Ground, count: int, distance: float, seed: int, item: tuple[int, Masked]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pixels of one draw.

    The order of exponential lots divided by area is that of successive sampling (Efraimidis & Spirakis 2006).
    """
    number, masked = item
    _, sizes, known = population.read(masked)
    there = np.flatnonzero(known)
    lots = np.random.default_rng((seed, _CLUSTER, number)).exponential(size=len(there))
    if sizes is not None:
        lots /= sizes.ravel()[there]
    there = there[np.argsort(lots, kind="stable")]
    width = int(masked[0].width)
    rows, columns = there // width + int(masked[0].row_off), there % width + int(masked[0].col_off)
    if distance > 0:
        spacing = Spacing(distance)
        places = ground.places(rows, columns)
        kept: list[int] = []
        for index, place in enumerate(places):
            if len(kept) == count:
                break
            if spacing.take(place):
                kept.append(index)
        return rows[kept], columns[kept]
    repeated = np.arange(count) % len(there)
    return rows[repeated], columns[repeated]
