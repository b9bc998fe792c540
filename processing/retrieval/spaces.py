"""What a distance of two codes is: Hamming of bits, or cosine of the vectors that codes stand for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..compression.recipe import Codec
from ..errors import InputError
from ..hamming import BitWeights, combine, majority
from ..store.description import StoreInfo
from .neighbour_distances import mean_hamming
from .query import Query

Codes = NDArray[np.uint8]
Scorer = Callable[[Codes], NDArray[np.float32]]
"""Codes (n, bytes) → scores (n,)."""
DECODED = 8192
"""Codes decoded at a time."""


class Space(ABC):
    """Distances of codes of ``bytes`` bytes. ``scale``: the distance at which nothing is alike any more; ``step``:
    whole multiples of which the distances of two codes are, 0 for none."""

    binary: bool
    unit: str
    bytes: int
    scale: float
    step: float

    @abstractmethod
    def scorer(self, query: Query) -> Scorer:
        """score(c) = mean distance to the positives − mean distance to the negatives (with none: just the former);
        turned round: the largest distance there is − the score, or − the score with negatives. Folded: one positive."""

    @abstractmethod
    def mean_distance(self, codes: Codes) -> Scorer:
        """The mean distance to codes (m, bytes)."""

    @abstractmethod
    def to_neighbours(self, codes: Codes, near: NDArray[np.int32], first: int, out: NDArray[np.float32]) -> None:
        """Mean distances of codes[first + i] to codes[near[first + i, :]] (−1: none; NaN without any) into out[i]."""

    @abstractmethod
    def typical(self, codes: Codes) -> Codes:
        """The code (1, bytes) of what codes (n, bytes) have in common."""

    def similarity(self, scores: NDArray[np.float32], query: Query | None) -> NDArray[np.float64]:
        """Scores in a unit to read: 1 is the same, 0 nothing alike; with negatives 0.5 is as near to these as to the
        positives. Without a query: distances as shares of ``scale``."""
        shares = scores.astype(np.float64) / self.scale
        if query is None:
            return shares
        return 0.5 - shares / 2 if query.contrast else 1 - shares

    def steps(self, query: Query | None, count: int = 1) -> float:
        """Whole multiples of which scores are: of the query, or of a mean over ``count``."""
        if query is None:
            return self.step / max(1, count)
        positives = 1 if query.combine != "mean" else len(query.positives)
        return self.step / math.lcm(max(1, positives), max(1, len(query.negatives)))


def space_of(about: StoreInfo) -> Space:
    """The space of a store's codes. Raises InputError if its codec is damaged."""
    if about.kind == "binary":
        return Hamming(about.bits, about.bytes)
    codec = about.decoder()
    if codec is None:
        raise InputError("The store compares vectors, and has no codec that makes them of its codes. Build it again.")
    return Cosine(codec)


class Hamming(Space):
    """Differing bits."""

    binary = True
    unit = "differing bits"
    step = 1.0

    def __init__(self, bits: int, code_bytes: int) -> None:
        self.bits, self.bytes, self.scale = bits, code_bytes, float(bits)

    def scorer(self, query: Query) -> Scorer:
        positives = query.positives if query.combine == "mean" else combine(query.positives, query.combine)
        weights = BitWeights(positives, query.negatives)
        if not query.invert:
            return weights.scores
        whole = np.float32(0 if query.contrast else self.bits)

        def turned(codes: Codes) -> NDArray[np.float32]:
            return whole - weights.scores(codes)

        return turned

    def mean_distance(self, codes: Codes) -> Scorer:
        return BitWeights(codes).scores

    def to_neighbours(self, codes: Codes, near: NDArray[np.int32], first: int, out: NDArray[np.float32]) -> None:
        mean_hamming(codes, near, first, out)

    def typical(self, codes: Codes) -> Codes:
        return majority(codes, self.bits)


class Cosine(Space):
    """1 − the cosine of the vectors that codes stand for; means are of these, so that a score is 1 − the cosine with
    each exemplar on average. Turned round: the same to the opposite vectors."""

    binary = False
    unit = "1 − cosine"
    scale = 1.0
    step = 0.0

    def __init__(self, codec: Codec) -> None:
        self.codec, self.bytes = codec, codec.bytes

    def unit_vectors(self, codes: Codes) -> NDArray[np.float32]:
        """Vectors of length 1 (n, dimensions); a code that stands for none has only zeros."""
        vectors = self.codec.decode(codes)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
        found: NDArray[np.float32] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        return found

    def scorer(self, query: Query) -> Scorer:
        wanted = self._mean(query.positives)
        whole = 0.0 if query.contrast else 1.0
        if query.contrast:
            wanted = wanted - self._mean(query.negatives)
        return self._linear(-wanted if query.invert else wanted, whole)

    def mean_distance(self, codes: Codes) -> Scorer:
        return self._linear(self._mean(codes), 1.0)

    def to_neighbours(self, codes: Codes, near: NDArray[np.int32], first: int, out: NDArray[np.float32]) -> None:
        step = max(64, DECODED // near.shape[1])
        for start in range(0, len(out), step):
            part = slice(start, min(start + step, len(out)))
            own = slice(first + part.start, first + part.stop)
            rows = near[own]
            there = rows >= 0
            others = self.unit_vectors(codes[np.maximum(rows, 0).ravel()]).reshape(*rows.shape, -1)
            cosines = np.einsum("id,ijd->ij", self.unit_vectors(codes[own]), others)
            with np.errstate(invalid="ignore"):
                out[part] = 1 - (cosines * there).sum(axis=1) / there.sum(axis=1)

    def typical(self, codes: Codes) -> Codes:
        mean = self._mean(codes)  # of a length that vectors have here: the quantiser's range is theirs
        lengths = np.linalg.norm(self.codec.decode(codes[:: max(1, len(codes) // DECODED)]), axis=1)
        direction = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return self.codec.encode((direction * lengths.mean()).astype(np.float32)[None])

    def _mean(self, codes: Codes) -> NDArray[np.float64]:
        total = np.zeros(self.codec.dimensions)
        for start in range(0, len(codes), DECODED):
            total += self.unit_vectors(codes[start : start + DECODED]).sum(axis=0, dtype=np.float64)
        return total / max(1, len(codes))

    def _linear(self, wanted: NDArray[np.float64], whole: float) -> Scorer:
        weights = wanted.astype(np.float32)

        def score(codes: Codes) -> NDArray[np.float32]:
            out = np.empty(len(codes), np.float32)
            for start in range(0, len(codes), DECODED):
                vectors = self.codec.decode(codes[start : start + DECODED])
                lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
                cosines = np.divide(vectors @ weights, lengths, out=np.zeros_like(lengths), where=lengths > 0)
                out[start : start + len(cosines)] = np.float32(whole) - cosines
            return out

        return score
