"""The operation findsimilar: exemplars and a store → the patches that are like them, as a layer, a table, a picture and
a report. Shards are scored as they arrive; of a patch there stay a score and its place, and its code only where a view
needs it again."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..executors import open_executor
from ..outputs import require_folder
from ..progress import Progress
from ..provenance import provenance
from ..store.location import ShardError
from ..store.reading import read_all
from ..store.store import Selection, Store
from .answer import Answer, answer, values_of
from .areas import area_of_extent, areas_from_wkt, meet, read_areas
from .candidates import Candidates
from .exemplars import Finder, Found, require_alike
from .facts import facts_of
from .ground import centres, neighbours
from .places import read_places
from .query import KEEPS_CODES, WITHOUT_EXEMPLARS, Query, View
from .requests import FailedShard, FindRequest, FindResult
from .reranking import require_fine, reranked
from .spaces import Space, space_of
from .views import NEAREST, SAMPLED
from .writing import Outputs, write_outputs

NEIGHBOUR_BYTES = 8 * 4 + 3 * 8 + 120
"""Memory of a patch while its neighbours on the ground are looked for: these, its place on the sphere, the tree."""
VALUE_BYTES = 12
"""Of a patch while values are ranked."""
TITLES: dict[View, str] = {
    "top": "Similar places", "heat": "Similarity of all places", "threshold": "Places within the threshold",
    "outlier": "Outliers", "surprise": "Places unlike their neighbours", "gradient": "Edges of similarity",
    "typical": "Typical places",
}


@dataclass(frozen=True)
class Searched:
    """What was read: candidates with their scores, and the shards that could not be."""

    candidates: Candidates
    failed: list[ShardError]


def find_similar(request: FindRequest, progress: Progress) -> FindResult:
    """Search and write. Raises InputError (what cannot be, mostly before anything is read), OutputError, Cancelled."""
    started = time.perf_counter()
    for path in request.outputs():
        require_folder(path)
    store = Store.open(request.store)
    space = space_of(store.about)
    selection = store.select(_areas(request), request.years or None)
    _require_something(request, store, selection)
    _tell_cost(store, selection, progress)
    with progress.stage(0.0, 0.1, "Looking the exemplars up"):
        found = _exemplars(request, store, progress)
        query = _query(request, store, space, found, progress)
    fine = require_fine(store, query) if request.rerank else None
    _require_memory(request, store, selection, progress)
    with progress.stage(0.1, 0.7, "Reading and scoring"):
        searched = _search(request, store, selection, space, query, progress)
    candidates = searched.candidates
    with open_executor(request.threads) as executor:
        excluded = _excluded(candidates, found)
        with progress.stage(0.7, 0.8, "Ranking"):
            given = _answer(request, candidates, space, query, excluded, executor, progress)
        if len(given.ranked.places) == 0:
            raise InputError(_no_results(request, candidates, given))
        among = len(given.ranked.places) if fine is not None else 0
        if fine is not None and query is not None:
            progress.report(0.8, f"Re-ranking {among:,} candidates by finer codes")
            given = reranked(store, fine, candidates, given, query, found, excluded, request.k)
        title, description = TITLES[request.view], _description(request, store, space, given, among)
        record = _record(request, store, found, given, searched)
        outputs = Outputs(request, store, space, candidates, given, found, searched.failed, title, description, record)
        with progress.stage(0.8, 1.0, "Writing"):
            write_outputs(outputs, executor, progress)
    progress.info(description)
    scores = given.ranked.scores
    return FindResult(
        output=request.output, parquet=request.parquet, raster=request.raster, report=request.report, title=title,
        description=description, view=request.view, count=len(scores), candidates=len(candidates),
        shards=len(selection.entries), failed=[FailedShard(path=one.path, why=one.why) for one in searched.failed],
        exemplars=len(found.exemplars), missing=[f"{one.place.words}: {one.why}" for one in found.missing],
        best=float(scores[0]), last=float(scores[-1]), threshold=given.threshold, within=given.within,
        low=None if given.scale is None else given.scale.low, high=None if given.scale is None else given.scale.high,
        typical="" if given.typical is None else given.typical.tobytes().hex(), reranked=among,
        unit="1 − cosine" if among else space.unit,
        about=facts_of(store, space, False), bytes_read=store.bytes_read, seconds=time.perf_counter() - started)


def _areas(request: FindRequest) -> list[Any] | None:
    """Where is searched; None: everywhere."""
    areas = areas_from_wkt(request.areas)
    if request.aoi is not None:
        areas = meet(areas, read_areas(request.aoi, request.aoi_layer, request.aoi_crs))
    if request.extent is not None:
        areas = meet(areas, area_of_extent(request.extent, request.extent_crs))
    return areas


def _require_something(request: FindRequest, store: Store, selection: Selection) -> None:
    if selection.entries:
        return
    about = facts_of(store, space_of(store.about), False)
    if about.patches == 0:
        raise InputError(f"{store.name} has no patches: there is nothing to search.")
    where = "" if about.bounds is None else " It reaches from {:.4g}, {:.4g} to {:.4g}, {:.4g}".format(*about.bounds)
    when = f" and has the years {', '.join(map(str, about.years))}" if request.years and about.years else ""
    raise InputError(f"{store.name} has nothing in the area and the years asked for.{where}{when}.")


def _tell_cost(store: Store, selection: Selection, progress: Progress) -> None:
    """What will be read, before it is."""
    size = f", about {selection.bytes / 1e6:,.0f} MB in files" if selection.bytes else ""
    whole = "" if selection.area is not None else " No area was given, so that is the whole store."
    over = " over the network" if store.remote else ""
    progress.info(f"To be searched{over}: up to {selection.rows:,} patches in {len(selection.entries):,} of "
                  f"{len(store.shards):,} shards{size}.{whole}")


def _exemplars(request: FindRequest, store: Store, progress: Progress) -> Found:
    """The exemplars; those that hit nothing are told. Raises InputError if there are none at all where a view needs
    them, or if they are of another kind of codes."""
    positives, negatives = list(request.positives), list(request.negatives)
    if request.positive_file is not None:
        positives += read_places(request.positive_file, request.positive_layer, request.positive_crs)
    if request.negative_file is not None:
        negatives += read_places(request.negative_file, request.negative_layer, request.negative_crs)
    if not positives and request.view not in WITHOUT_EXEMPLARS:
        raise InputError(f"The view {request.view} needs positive exemplars: points, ids or patches that are like what "
                         "is looked for. Without any there are the views outlier, surprise and typical.")
    there = Store.open(request.exemplar_store) if request.exemplar_store else store
    other = there is not store and there.name != store.name
    if other:
        require_alike(store, there)
    # a filter of years is of what is searched; in another store the newest patch is as good as any
    found = Finder(there, frozenset(request.years) if request.years and not other else None).find(
        positives, negatives, progress)
    for warning in found.warnings:
        progress.warn(warning)
    for missing in found.missing:
        side = "positive" if missing.positive else "negative"
        progress.warn(f"The {side} exemplar {missing.place.words} is left out: {missing.why}.")
    if other:  # rows of another store are none of this one
        found.exemplars = [replace(one, shard=None, row=None) for one in found.exemplars]
    return found


def _query(request: FindRequest, store: Store, space: Space, found: Found, progress: Progress) -> Query | None:
    """The query; None where the view needs none. Raises InputError if it cannot be asked."""
    if request.view in WITHOUT_EXEMPLARS:
        if found.exemplars:
            progress.info(f"The view {request.view} needs no exemplars; those given are only left out of the results.")
        return None
    nothing = np.empty((0, store.about.bytes), np.uint8)
    positives, negatives = found.codes(True), found.codes(False)
    query = Query(nothing if positives is None else positives, nothing if negatives is None else negatives,
                  request.combine, request.invert)
    if lack := query.lack(space.binary):
        why = f" {found.missing[0].place.words}: {found.missing[0].why}." if found.missing and positives is None else ""
        raise InputError(f"None of the positive exemplars is on a patch of the store.{why}" if positives is None
                          else lack)
    return query


def _require_memory(request: FindRequest, store: Store, selection: Selection, progress: Progress) -> None:
    """Say what memory is needed. Raises InputError if that is more than is allowed."""
    keeps = store.about.bytes if request.view in KEEPS_CODES else 0
    ground = NEIGHBOUR_BYTES if request.view in ("surprise", "gradient") else 0
    needed = selection.rows * (Candidates.row_bytes(keeps, True) + ground + VALUE_BYTES)
    if needed > request.memory:
        most = request.memory * selection.rows // needed
        raise InputError(
            f"The view {request.view} would take {needed / 1e9:,.1f} GB of memory for {selection.rows:,} patches; "
            f"{request.memory / 1e9:,.1f} GB are allowed, enough for {most:,}. Choose a smaller area or fewer years, "
            "or allow more memory.")
    if needed > 2e8:
        progress.info(f"Up to {needed / 1e9:,.2f} GB of memory for the patches.")


def _search(
    request: FindRequest, store: Store, selection: Selection, space: Space, query: Query | None, progress: Progress
) -> Searched:
    """Read and score all shards. Raises InputError if none can be read, or if none has a patch in the area."""
    keeps = store.about.bytes if request.view in KEEPS_CODES else 0
    candidates = Candidates(selection.rows, keeps, True)
    scorer = None if query is None else space.scorer(query)
    failed: list[ShardError] = []
    workers = 0 if store.remote else request.threads  # over a network they mostly wait
    for done, (entry, patches) in enumerate(read_all(store, selection, workers, progress), 1):
        if isinstance(patches, ShardError):
            failed.append(patches)
            progress.warn(f"A shard is left out: {patches.message}")
        elif len(patches):
            scores = None if scorer is None else scorer(patches.codes)
            candidates.add(entry.shard, patches.rows, patches.codes, patches.bbox, patches.years, scores)
        progress.report(done / len(selection.entries), f"{len(candidates):,} patches scored")
    if len(failed) == len(selection.entries):
        raise InputError(f"None of the {len(failed):,} shards could be read. {failed[0].message}", failed[0].detail)
    if failed:
        progress.warn(f"{len(failed):,} of {len(selection.entries):,} shards could not be read; what they hold is not "
                      "among the results.")
    if len(candidates) == 0:
        raise InputError("No patch lies in the area and the years asked for.")
    return Searched(candidates, sorted(failed, key=lambda one: one.path))


def _excluded(candidates: Candidates, found: Found) -> NDArray[np.int64]:
    places = {candidates.find(shard, row) for shard, row in found.rows()}
    return np.array(sorted(place for place in places if place is not None), np.int64)


def _answer(
    request: FindRequest, candidates: Candidates, space: Space, query: Query | None, excluded: NDArray[np.int64],
    executor: Executor, progress: Progress,
) -> Answer:
    def near() -> NDArray[np.int32]:
        lon, lat = centres(candidates.boxes)
        return neighbours(lon, lat, candidates.years, NEAREST, executor, progress)

    values, typical = values_of(request.view, candidates, space, near, executor, progress)
    given = answer(request.view, candidates, values, typical, space, query, excluded, max(request.k, request.rerank),
                   request.threshold, request.most, progress)
    if request.view in ("heat", "gradient", "threshold"):
        wanted = given.within if request.view == "threshold" else given.count
        if wanted > len(given.ranked.places):
            progress.warn(f"The layer and the table hold the first {len(given.ranked.places):,} of {wanted:,} patches. "
                          "A raster holds all of them; or allow more results.")
    return given


def _no_results(request: FindRequest, candidates: Candidates, given: Answer) -> str:
    if request.view == "threshold" and request.threshold is not None and given.count:
        return (f"No patch has a score within the threshold {request.threshold:g}: the scores lie between "
                f"{np.nanmin(given.values):g} and {np.nanmax(given.values):g}.")
    if given.count == 0 and request.view in ("surprise", "gradient"):
        return "No patch has a neighbour on the ground in the area: choose a larger one."
    return (f"All {len(candidates):,} patches in the area are exemplars themselves, and these are not among the "
            "results. Choose a larger area.")


def _description(request: FindRequest, store: Store, space: Space, given: Answer, among: int) -> str:
    """What the layer shows, in a sentence or two."""
    scores, unit = given.ranked.scores, "1 − cosine" if among else space.unit
    span = f"{scores[0]:.4g} to {scores[-1]:.4g} {unit}"
    what = {
        "top": f"The {len(scores):,} most similar of {given.count:,} patches, scores {span}"
        + (f" of finer codes, by which the best {among:,} were ordered anew." if among else "."),
        "heat": f"{given.count:,} patches in order of their similarity, scores {span}.",
        "threshold": f"{given.within:,} of {given.count:,} patches within the threshold {given.threshold:.4g} {unit}.",
        "outlier": f"The {len(scores):,} patches least like {min(SAMPLED, given.count)} others of the area: {span}.",
        "surprise": f"The {len(scores):,} patches least like the {NEAREST} nearest on the ground: {span}.",
        "gradient": f"Where similarity changes most from patch to patch: {span}.",
        "typical": f"The {len(scores):,} patches nearest to the typical code of the area: {span}.",
    }[request.view]
    recall = facts_of(store, space, False).sentence
    return f"{what} {recall}".strip()


def _record(
    request: FindRequest, store: Store, found: Found, given: Answer, searched: Searched
) -> dict[str, Any]:
    """The provenance of the results."""
    about = store.about
    parameters = {
        "store": store.name, "model": about.model, "view": request.view, "combine": request.combine,
        "invert": request.invert, "k": request.k, "threshold": given.threshold, "years": request.years,
        "positives": [one.words for one in found.exemplars if one.positive],
        "negatives": [one.words for one in found.exemplars if not one.positive],
        "extent": request.extent, "extent_crs": request.extent_crs, "areas": len(request.areas),
        "candidates": len(searched.candidates), "failed_shards": [one.path for one in searched.failed],
    }
    files = [path for path in (request.positive_file, request.negative_file, request.aoi) if path is not None]
    record = provenance("findsimilar", parameters, files, about.licences, about.attributions)
    return {**record, "store": about.record}
