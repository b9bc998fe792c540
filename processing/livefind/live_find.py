"""The operation livefind: exemplars, a view and areas in; the places that are like them, as far as is loaded, out.

Called by the dock again and again, in a worker that stays: what was read for the last call is kept, and more is loaded
between calls. The contract is in the docstrings of the request and the result.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..executors import open_executor
from ..grids.grid import Grid
from ..grids.snapshot import write_snapshot
from ..operations import Request, Result
from ..progress import Progress
from ..retrieval import views
from ..retrieval.answer import Answer, answer, values_of
from ..retrieval.exemplars import Exemplar, Found
from ..retrieval.facts import StoreFacts, facts_of
from ..retrieval.picture import NODATA, Window, grid_of, painted
from ..retrieval.places import MOST, Place
from ..retrieval.query import WITHOUT_EXEMPLARS, Combine, Query, View
from .hits import Hits, details_of, merged
from .region import Region
from .regions import opened

DETAILED = 0.03
"""Seconds after which identifiers and outlines are left for the next call."""
PICTURE_SIDE = 2048
MOST_ARRIVED = 2000

class LiveFindRequest(Request):
    """``areas``: WKT polygons in longitude and latitude; [] is the whole store. ``seconds``: load for about so long.

    ``raster``: where the picture goes; ``window``: the part of it that is seen. ``threshold`` None: the k-th score.
    ``listed``: results of the threshold view at most. ``memory``: bytes that patches may take. ``token`` is sent back.
    """

    store: str = Field(min_length=1, max_length=4096)
    areas: list[str] = Field(default_factory=list, max_length=10_000)
    years: list[int] = Field(default_factory=list, max_length=1000)
    positives: list[Place] = Field(default_factory=list, max_length=MOST)
    negatives: list[Place] = Field(default_factory=list, max_length=MOST)
    combine: Combine = "mean"
    invert: bool = False
    view: View = "top"
    k: int = Field(50, ge=1, le=10_000)
    threshold: float | None = Field(None, allow_inf_nan=False)
    listed: int = Field(1000, ge=1, le=20_000)
    seconds: float = Field(0.5, ge=0, le=60)
    raster: Path | None = None
    window: Window | None = None
    memory: int = Field(1_500_000_000, ge=1_000_000, le=64_000_000_000)
    token: str = Field("", max_length=200)

class Failed(Result):
    """A shard that could not be read, and why."""

    path: str
    why: str

class Hit(Result):
    """A result: ``rank`` from 1; ``score`` in the store's unit; ``similarity`` 0 … 1; ``year`` None: undated; ``lon``,
    ``lat`` of the centre; ``bbox`` xmin, ymin, xmax, ymax in degrees (xmin > xmax: over the antimeridian)."""

    rank: int
    score: float
    similarity: float
    shard: int
    row: int
    id: str
    year: int | None
    lon: float
    lat: float
    bbox: tuple[float, float, float, float]
    wkt: str

class ShownExemplar(Result):
    """An exemplar that was found; shard, row and place are None of a bare code."""

    key: str
    positive: bool
    id: str
    lon: float | None
    lat: float | None
    year: int | None
    shard: int | None
    row: int | None
    bbox: tuple[float, float, float, float] | None

class MissingExemplar(Result):
    """An exemplar that is none, and why."""

    key: str
    positive: bool
    why: str

class Bins(Result):
    """Scores of all candidates without the exemplars: ``counts`` between ``edges``."""

    edges: list[float]
    counts: list[int]

class PictureScale(Result):
    """The scores that are 0 and 254 in the picture."""

    low: float
    high: float

class LiveFindResult(Result):
    """``loaded_shards``: those that were read, or failed. ``complete``: nothing is left to load, and identifiers and
    outlines are there. ``arrived``: bounds of the shards that this call loaded. ``reason``: why there are no results,
    "" if there are. ``within``: candidates within the threshold. ``typical``: hex code."""

    token: str
    loaded_shards: int
    shards: int
    rows: int
    complete: bool
    failed: list[Failed]
    arrived: list[tuple[float, float, float, float]]
    results: list[Hit]
    reason: str
    histogram: Bins | None
    threshold: float | None
    within: int
    scale: PictureScale | None
    raster: Path | None
    exemplars: list[ShownExemplar]
    missing: list[MissingExemplar]
    typical: str
    about: StoreFacts
    bytes_read: int
    seconds: dict[str, float]
    warnings: list[str]

class _Watch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._first = self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def total(self) -> dict[str, float]:
        return {**self.seconds, "total": time.perf_counter() - self._first}

def live_find(request: LiveFindRequest, progress: Progress) -> LiveFindResult:
    """Load on, score what is there, answer. Raises InputError if the store or the areas cannot be used, Cancelled."""
    watch = _Watch()
    region = opened(request.store, request.areas, request.years, request.memory)
    watch.lap("open")
    found = region.finder.find(request.positives, request.negatives, progress)
    watch.lap("resolve")
    query, reason = _query(request, region, found)
    arrived = region.load(request.seconds, progress)
    streamed = len(region.overflow.entries) > 0
    if streamed and not reason and request.view != "top":
        reason = (f"{region.selection.rows:,} patches are more than the memory set aside for them: only the view of "
                  "the most similar is shown. Choose a smaller area.")
    if streamed and query is not None and not reason:
        arrived += _overflow(request, region, query, found, request.seconds - watch.total()["total"], progress)
    watch.lap("load")
    hits, given, painted_to, detailed = None, None, None, True
    with open_executor() as executor:
        if not reason and len(region.candidates):
            values, typical = _values(request, region, query, executor, progress)
            watch.lap("score")
            excluded = _excluded(region, found)
            most = request.listed if request.view == "threshold" else request.k
            given = answer(request.view, region.candidates, values, typical, region.space, query, excluded, request.k,
                           request.threshold, most, progress)
            watch.lap("rank")
        if given is not None or (region.overflow.best and not reason):
            hits = merged(region, given, query, request.k if request.view == "top" else None)
            texts, detailed = details_of(region, hits, DETAILED, executor, progress)
            watch.lap("details")
    if given is not None and request.raster is not None:
        painted_to = _draw(request, region, given, progress)
        watch.lap("picture")
    if not reason and hits is None:
        reason = _nothing(region)
    return LiveFindResult(
        token=request.token, loaded_shards=region.loaded + region.overflow.done, shards=region.shards,
        rows=len(region.candidates) + region.overflow.rows,
        complete=region.complete and (query is None or region.overflow.finished) and detailed,
        failed=[Failed(path=error.path, why=error.why) for error in region.failures()],
        arrived=[entry.bounds for entry in arrived if entry.rows][:MOST_ARRIVED],
        results=[] if hits is None else _listed(hits, texts), reason=reason,
        histogram=None if given is None or given.histogram is None else Bins(
            edges=given.histogram.edges.tolist(), counts=given.histogram.counts.tolist()),
        threshold=None if given is None else given.threshold, within=0 if given is None else given.within,
        scale=None if given is None or given.scale is None else PictureScale(
            low=given.scale.low, high=given.scale.high),
        raster=painted_to, exemplars=[_shown(one) for one in found.exemplars],
        missing=[MissingExemplar(key=one.place.key, positive=one.positive, why=one.why) for one in found.missing],
        typical="" if given is None or given.typical is None else given.typical.tobytes().hex(),
        about=facts_of(region.store, region.space, streamed), bytes_read=region.store.bytes_read - region.started,
        seconds=watch.total(), warnings=found.warnings)

def _query(request: LiveFindRequest, region: Region, found: Found) -> tuple[Query | None, str]:
    """The query, or why there is none."""
    if request.view in WITHOUT_EXEMPLARS:
        return None, ""
    nothing = np.empty((0, region.store.about.bytes), np.uint8)
    positives, negatives = found.codes(True), found.codes(False)
    query = Query(nothing if positives is None else positives, nothing if negatives is None else negatives,
                  request.combine, request.invert)
    if lack := query.lack(region.space.binary):
        missed = [one for one in found.missing if one.positive]
        where = f" None of those given lies on a patch: {missed[0].place.words}: {missed[0].why}." if missed else ""
        return None, lack + where if positives is None else lack
    return query, ""

def _overflow(
    request: LiveFindRequest, region: Region, query: Query, found: Found, seconds: float, progress: Progress
) -> list[Any]:
    """Go on through the shards that are not kept."""
    excluded = frozenset(found.rows())
    region.overflow.ask((query.key, request.k, excluded))
    if region.overflow.finished or not region.complete:
        return []
    return region.overflow.read(
        region.selection, region.space.scorer(query), request.k, excluded, max(0.0, seconds), progress)

def _values(
    request: LiveFindRequest, region: Region, query: Query | None, executor: Any, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Values of the view; those of the last question are kept, so that a threshold moves at once."""
    key = (request.view, None if query is None else query.key, len(region.candidates))
    if region.kept is None or region.kept[0] != key:
        region.kept = None
        if query is not None:
            views.score_all(region.candidates, region.space.scorer(query), executor, progress)
        near = region.neighbours(executor, progress)
        values, typical = values_of(request.view, region.candidates, region.space, near, executor, progress)
        region.kept = (key, values.copy(), typical)
    return region.kept[1], region.kept[2]

def _excluded(region: Region, found: Found) -> NDArray[np.int64]:
    places = {region.candidates.find(shard, row) for shard, row in found.rows()}
    return np.array(sorted(place for place in places if place is not None), np.int64)

def _draw(request: LiveFindRequest, region: Region, given: Answer, progress: Progress) -> Path | None:
    boxes = region.candidates.boxes
    grid: Grid = grid_of(boxes, PICTURE_SIDE) if request.window is None else request.window.grid()
    picture = painted(boxes, given.levels(), grid, 0, grid.height)
    if request.raster is None or (picture == NODATA).all():
        return None
    write_snapshot(request.raster, grid, picture[None], NODATA, [request.view], progress)
    return request.raster

def _nothing(region: Region) -> str:
    if not region.shards:
        return "The store has nothing in the area and the years chosen."
    if not region.complete:
        return "Nothing is loaded yet."
    if region.failed and region.loaded == len(region.failed):
        return f"None of the {region.loaded} shards could be read: {next(iter(region.failed.values())).message}"
    return "There is no patch in the area besides the exemplars."

def _listed(hits: Hits, texts: list[tuple[str, str]]) -> list[Hit]:
    return [
        Hit(rank=number + 1, score=float(hits.scores[number]), similarity=float(hits.similarities[number]),
            shard=int(hits.shards[number]), row=int(hits.rows[number]), id=name, year=int(hits.years[number]) or None,
            lon=float(hits.lon[number]), lat=float(hits.lat[number]), bbox=tuple(hits.boxes[number].tolist()), wkt=wkt)
        for number, (name, wkt) in enumerate(texts)
    ]

def _shown(one: Exemplar) -> ShownExemplar:
    return ShownExemplar(
        key=one.key, positive=one.positive, id=one.id, lon=one.lon, lat=one.lat, year=one.year, shard=one.shard,
        row=one.row, bbox=one.bbox)

