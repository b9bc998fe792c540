"""Put the best candidates of a search in order by finer codes: binary codes miss a third of the true neighbours among
their ten nearest, but hardly any among their hundreds.

A candidate's score is its mean distance to the positives minus its mean distance to the negatives, as it is for binary
codes; distances are of what the finer codes stand for. Exemplars are vectors: a model's own, float32 ("asymmetric"),
or what a code stands for, fine or, where there is nothing better, binary (``exemplar_vectors``). A vector of bits is
the vector of signs: with it the order of candidates is better than by Hamming distance, since only they are precise
then, but not as good as with fine exemplars; those that lie in the store have fine codes beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..compression.recipe import Codec

Metric = Literal["cosine", "euclidean"]
DECODED = 8192
"""Codes decoded at a time."""


class FineCodes(Protocol):
    """A store that has finer codes beside its shards."""

    def fine(self, shard: int, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The finer codes (n, bytes) of rows (n,) of a shard."""
        ...


@dataclass(frozen=True)
class Reranked:
    """``order`` (n,) of the candidates, the nearest first, and their ``scores`` (n,) float32 in that order."""

    order: NDArray[np.int64]
    scores: NDArray[np.float32]


def exemplar_vectors(codes: NDArray[np.uint8], codec: Codec | None, bits: int = 0) -> NDArray[np.float32]:
    """Codes (n, bytes) as vectors (n, d): what ``codec`` decodes them to, or ±1 of ``bits`` plain sign bits."""
    if codec is not None:
        return codec.decode(codes)
    return np.unpackbits(codes, axis=1, count=bits).astype(np.float32) * 2 - 1


def rerank(
    store: FineCodes, codec: Codec, shards: NDArray[np.int64], rows: NDArray[np.int64], wanted: NDArray[np.float32],
    unwanted: NDArray[np.float32] | None = None, metric: Metric = "cosine",
) -> Reranked:
    """Order candidates, rows (n,) of shards (n,) of a store, by its finer codes, which ``codec`` decodes.

    ``wanted`` (p, d) and ``unwanted`` (m, d) as in ``fine_scores``. Each candidate costs one code's bytes. Candidates
    come nearest first by the coarse codes: of equal scores the first stays first.
    """
    fine = np.empty((len(rows), codec.bytes), np.uint8)
    for shard in np.unique(shards):
        here = np.flatnonzero(shards == shard)
        fine[here] = store.fine(int(shard), rows[here])
    return ordered(fine_scores(codec, fine, wanted, unwanted, metric))


def fine_scores(
    codec: Codec, codes: NDArray[np.uint8], wanted: NDArray[np.float32], unwanted: NDArray[np.float32] | None = None,
    metric: Metric = "cosine",
) -> NDArray[np.float32]:
    """Scores (n,) of codes (n, bytes): mean distance to ``wanted`` (p, d) − mean distance to ``unwanted`` (m, d).

    One of the two may be empty, and is left out then. A distance is 1 − cosine or Euclidean.
    """
    out = np.empty(len(codes), np.float32)
    for start in range(0, len(codes), DECODED):
        part = slice(start, start + DECODED)
        out[part] = vector_scores(codec.decode(codes[part]), wanted, unwanted, metric)
    return out


def vector_scores(
    vectors: NDArray[np.float32], wanted: NDArray[np.float32], unwanted: NDArray[np.float32] | None = None,
    metric: Metric = "cosine",
) -> NDArray[np.float32]:
    """The same of vectors (n, d)."""
    sides = [(side, sign) for side, sign in ((wanted, 1), (unwanted, -1)) if side is not None and len(side)]
    if not sides:
        raise ValueError("there are no exemplars")
    total = np.zeros(len(vectors), np.float32)
    for side, sign in sides:
        if metric == "cosine":  # the mean of cosines is one product with the mean of unit vectors
            direction = _unit(np.asarray(side, np.float32)).mean(axis=0)
            total += sign * (1 - _divided(vectors @ direction, np.linalg.norm(vectors, axis=1)))
        else:
            for exemplar in side:
                total += np.float32(sign / len(side)) * np.linalg.norm(vectors - exemplar, axis=1)
    return total


def ordered(scores: NDArray[np.float32]) -> Reranked:
    """Ascending; of equal scores the first stays first."""
    order = np.argsort(scores, kind="stable")
    return Reranked(order, scores[order])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return _divided(rows, np.linalg.norm(rows, axis=1, keepdims=True))


def _divided(values: NDArray[np.float32], lengths: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0))
