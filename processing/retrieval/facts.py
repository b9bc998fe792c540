"""What a store is, in a form to be shown: model, unit of its scores, measured recall, rights."""

from __future__ import annotations

import numpy as np

from ..operations import Result
from ..store.areas import union_bounds
from ..store.store import Store
from .spaces import Space


class StoreFacts(Result):
    """``unit`` of a score; ``sentence``: what the codes miss, "" where nobody measured it; ``patches``, ``years`` and
    ``bounds`` (xmin > xmax: over the antimeridian) of the whole store; ``streamed``: more than the memory holds."""

    model: str
    dimensions: int
    bits: int
    kind: str
    unit: str
    sentence: str
    licences: list[str]
    attributions: list[str]
    patches: int
    years: list[int]
    bounds: tuple[float, float, float, float] | None
    streamed: bool


def facts_of(store: Store, space: Space, streamed: bool) -> StoreFacts:
    """The facts of an open store."""
    about = store.about
    there = np.isfinite(store.shards.bounds).all(axis=1) & (store.shards.rows > 0)
    return StoreFacts(
        model=about.model, dimensions=about.dimensions, bits=about.bits, kind=about.kind, unit=space.unit,
        sentence=recall_sentence(store), licences=about.licences, attributions=about.attributions,
        patches=int(store.shards.rows.sum()),
        years=sorted({int(year) for year in np.unique(store.shards.years) if year > 0}),
        bounds=union_bounds(store.shards.bounds[there]) if there.any() else None, streamed=streamed)


def recall_sentence(store: Store) -> str:
    """What the codes miss, as it was measured when the store was built."""
    recall = store.about.recall
    if recall is None:
        return ""
    missed = 1 - recall.value
    return (f"{_share(missed)} of the true {recall.k} nearest neighbours are missed: the codes find {recall.value:.1%} "
            f"of them (recall@{recall.k}, measured on {recall.n:,} vectors of {recall.of}).")


def _share(value: float) -> str:
    """A share as people say it."""
    named = [(0.005, "Almost none"), (0.015, "About one in a hundred"), (0.03, "About one in forty"),
             (0.075, "About one in twenty"), (0.14, "About a tenth"), (0.225, "About a fifth"),
             (0.29, "About a quarter"), (0.42, "About a third"), (0.58, "About half")]
    return next((text for limit, text in named if value < limit), "Most")
