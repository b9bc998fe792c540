"""One recipe on one split: fitted on training rows, then neighbours, probe and size measured on the rows held out.

A recipe is taken apart: its reduction is fitted once for all recipes that share it (``spaces``), its quantiser on what
that leaves. That is what ``Recipe.fit`` does, and the codes are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..compression.neighbours import by_cosine, by_hamming, recall, vote
from ..compression.recipe import Codec, Recipe
from ..progress import Progress
from .labelled import Labelled
from .probe import linear_probe
from .ridge import ridge
from .spaces import Space, Spaces
from .splits import Fold, Split
from .storage import Storage, bit_balance, storage

K, RECALL_K = 5, 10
BASELINE = "float32"


@dataclass(frozen=True)
class Evaluation:
    """What one recipe did on the tested rows of a split, fold after fold, all (tested,).

    ``knn`` and ``probe`` are predicted classes; ``knn_decoded`` those of cosine on decoded vectors where ``knn`` is by
    Hamming distance on bits; ``neighbours`` (tested, ≤ 10) row numbers of the nearest training rows; ``recall`` the
    share of the baseline's; ``regressed`` predicted values; ``balance`` the share of ones of each bit.
    """

    recipe: str
    knn: NDArray[np.int64]
    probe: NDArray[np.int64]
    c: list[float]
    neighbours: NDArray[np.int64]
    recall: NDArray[np.float64]
    storage: Storage
    knn_decoded: NDArray[np.int64] | None = None
    regressed: NDArray[np.float64] | None = None
    balance: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class _Tested:
    """One fold's part of an evaluation."""

    knn: NDArray[np.int64]
    probe: NDArray[np.int64]
    c: float
    neighbours: NDArray[np.int64]
    decoded: NDArray[np.int64] | None
    regressed: NDArray[np.float64] | None


def evaluate(
    data: Labelled,
    split: Split,
    recipe: Recipe,
    spaces: Spaces,
    baseline: Evaluation | None,
    seed: int,
    progress: Progress,
) -> Evaluation:
    """Measure a recipe; ``baseline`` is float32 on the same split (None: this is it). Raises InputError where the
    recipe cannot be fitted on these rows, and Cancelled."""
    quantiser, near = Recipe("", 0, recipe.quantiser), min(RECALL_K, split.fewest)
    parts, stored, balance = [], None, None
    for number, fold in enumerate(split.folds):
        space = spaces.of(number, recipe)
        codec = quantiser.fit(space.rows[fold.train], seed)
        progress.check()
        codes = codec.encode(space.rows)
        if stored is None:  # sizes are of all rows, coded as the first fold's codec codes them
            stored = storage(codes)
            balance = bit_balance(codes, codec.dimensions) if codec.is_binary else None
        progress.check()
        parts.append(_test(data, fold, space, codec, codes, near, progress))
    assert stored is not None
    neighbours = np.concatenate([part.neighbours for part in parts])
    decoded = [part.decoded for part in parts if part.decoded is not None]
    regressed = [part.regressed for part in parts if part.regressed is not None]
    return Evaluation(
        recipe=str(recipe), knn=np.concatenate([part.knn for part in parts]),
        probe=np.concatenate([part.probe for part in parts]), c=[part.c for part in parts], neighbours=neighbours,
        recall=recall(neighbours, neighbours if baseline is None else baseline.neighbours), storage=stored,
        knn_decoded=np.concatenate(decoded) if decoded else None,
        regressed=np.concatenate(regressed) if regressed else None, balance=balance,
    )


def evaluate_dates(data: Labelled, split: Split, recipe: Recipe, seed: int, progress: Progress) -> Evaluation:
    """The same where both dates are stored and what is told from is the difference of the decoded vectors.

    One codec serves both dates, fitted on the training rows of both: with two, the difference would hold their
    difference.
    """
    assert data.after is not None
    parts, stored = [], None
    for fold in split.folds:
        both = np.concatenate([data.rows[fold.train], data.after[fold.train]])
        codec = recipe.fit(both, seed, labels=np.tile(data.classes[fold.train], 2))
        progress.check()
        first, second = codec.encode(data.rows), codec.encode(data.after)
        if stored is None:
            stored = storage(np.concatenate([first, second], axis=1))
        progress.check()
        change = codec.decode(second) - codec.decode(first)
        parts.append(_told_apart(data, fold, change, change, min(RECALL_K, split.fewest), progress))
    assert stored is not None
    neighbours = np.concatenate([part.neighbours for part in parts])
    return Evaluation(
        recipe=str(recipe), knn=np.concatenate([part.knn for part in parts]),
        probe=np.concatenate([part.probe for part in parts]), c=[part.c for part in parts], neighbours=neighbours,
        recall=np.full(len(neighbours), np.nan), storage=stored,
    )


def _test(
    data: Labelled, fold: Fold, space: Space, codec: Codec, codes: NDArray[np.uint8], near: int, progress: Progress
) -> _Tested:
    decoded = codec.decode(codes)
    progress.check()
    found = _told_apart(data, fold, space.coordinates(decoded), decoded, near, progress)
    if not codec.is_binary:
        return found
    nearest = by_hamming(codes[fold.test], codes[fold.train], near, progress)
    return _Tested(vote(nearest[:, :K], data.classes[fold.train], len(data.names)), found.probe, found.c,
                   fold.train[nearest], found.knn, found.regressed)


def _told_apart(
    data: Labelled,
    fold: Fold,
    vectors: NDArray[np.float32],
    reduced: NDArray[np.float32],
    near: int,
    progress: Progress,
) -> _Tested:
    """The ``near`` nearest by cosine on ``vectors``, and the linear models on ``reduced``: there they are the same, and
    faster."""
    classes = data.classes[fold.train]
    nearest = by_cosine(vectors[fold.test], vectors[fold.train], near, progress)
    probe = linear_probe(reduced[fold.train], classes, fold.inner, reduced[fold.test], progress)
    regressed = None
    if data.values is not None:
        regressed = ridge(reduced[fold.train], data.values[fold.train], reduced[fold.test])
    return _Tested(vote(nearest[:, :K], classes, len(data.names)), probe.predicted, probe.c, fold.train[nearest], None,
                   regressed)

