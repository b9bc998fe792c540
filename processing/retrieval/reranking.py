"""The best candidates of a search, ordered anew by the finer codes of their store."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..compression.recipe import Codec
from ..errors import InputError
from ..store.store import Store
from .answer import Answer
from .candidates import Candidates
from .exemplars import Exemplar, Found
from .query import Query
from .rerank import exemplar_vectors, rerank
from .results import Ranked
from .views import within


def require_fine(store: Store, query: Query | None) -> Codec:
    """The codec of the finer codes. Raises InputError if there is nothing to re-rank with, or no way to."""
    codec = store.about.fine_decoder()
    if codec is None:
        raise InputError(f"{store.name} has no finer codes to re-rank with. Build it with some, or set RERANK to 0.")
    if query is None or query.combine != "mean":
        raise InputError("Finer codes are compared with the mean of the exemplars: AND, OR and XOR fold bits, which "
                         "they do not have. Use the mean, or set RERANK to 0.")
    return codec


def reranked(
    store: Store, codec: Codec, candidates: Candidates, given: Answer, query: Query, found: Found,
    excluded: NDArray[np.int64], k: int,
) -> Answer:
    """The first ``k`` of those that are ranked, by 1 − cosine of finer codes (turned round as the query is). Values,
    histogram and threshold remain those of the codes that were searched.

    Raises ShardError if finer codes cannot be read.
    """
    places = given.ranked.places
    wanted, unwanted = _vectors(store, codec, found, True), _vectors(store, codec, found, False)
    if query.invert:  # NOT: far from the positives, near the negatives
        wanted, unwanted = unwanted, wanted
    rows = candidates.rows[places].astype(np.int64)
    done = rerank(store, codec, candidates.shards_of(places), rows, wanted, unwanted)
    scores = done.scores[:k].astype(np.float64)
    if query.contrast:
        similarities = 0.5 - scores / 2
    elif query.invert:
        scores = scores + 2  # 2 − the distance, as of the other codes
        similarities = 1 - scores
    else:
        similarities = 1 - scores
    limit = float(given.values[places[min(k, len(places)) - 1]])
    return replace(given, ranked=Ranked(places[done.order[:k]], scores, similarities), threshold=limit,
                   within=within(given.values, "top", limit, excluded))


def _vectors(store: Store, codec: Codec, found: Found, positive: bool) -> NDArray[np.float32]:
    """Exemplars (n, d): by their finer codes where they are patches of the store, else by what they have."""
    chosen = [one for one in found.exemplars if one.positive == positive]
    if not chosen:
        return np.empty((0, codec.dimensions), np.float32)
    return np.concatenate([_vector(store, codec, one) for one in chosen])


def _vector(store: Store, codec: Codec, one: Exemplar) -> NDArray[np.float32]:
    if one.shard is not None and one.row is not None:
        return codec.decode(store.fine(one.shard, np.array([one.row])))
    return exemplar_vectors(one.code[None], store.about.decoder(), store.about.bits)
