"""How many of a vector's true nearest neighbours its code finds: recall@k of a recipe, and how fast it is searched.

Every query is one of the vectors that are searched, and is left out of its own neighbours. The truth is float32.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..compression.distances import asymmetric
from ..compression.neighbours import by_cosine, by_euclidean, by_hamming, recall, without_itself
from ..compression.quantisers.product import Product
from ..compression.recipe import Codec
from ..hamming import nearest, smallest
from ..progress import Progress
from ..retrieval.rerank import Metric

Asked = Literal["code", "vector"]
"""What a query is: a code, as all that a store holds, or a vector that was never compressed."""
ASKED: tuple[Asked, ...] = ("code", "vector")
METRICS: tuple[Metric, ...] = ("cosine", "euclidean")
Z = 1.959964
"""Of 95 %."""
TIMED_QUERIES = 96


@dataclass(frozen=True)
class Share:
    """The mean of shares over queries, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Searched:
    """What a recipe finds: ``recalls`` by metric of the truth and kind of query; bytes of a code; queries a second."""

    recipe: str
    bytes: int
    binary: bool
    recalls: dict[tuple[Metric, Asked], Share]
    speed: float
    """Queries a second, 1 thread, in batches, all vectors searched."""


@dataclass(frozen=True)
class Truth:
    """Vectors (n, d), which of them are ``queries`` (q,), and their true ``neighbours`` (q, k) by metric."""

    vectors: NDArray[np.float32]
    queries: NDArray[np.int64]
    k: int
    neighbours: dict[Metric, NDArray[np.int64]]

    @staticmethod
    def of(vectors: NDArray[np.float32], queries: NDArray[np.int64], k: int, progress: Progress) -> Truth:
        """Search by brute force."""
        asked = vectors[queries]
        found: dict[Metric, NDArray[np.int64]] = {
            metric: without_itself(_by(metric)(asked, vectors, k + 1, progress), queries) for metric in METRICS}
        return Truth(vectors, queries, k, found)


def search(codec: Codec, truth: Truth, progress: Progress) -> Searched:
    """Measure a codec on the vectors it was fitted on. Raises Cancelled."""
    codes = codec.encode(truth.vectors)
    progress.check()
    wanted, queries = truth.k + 1, truth.queries
    recalls: dict[tuple[Metric, Asked], Share] = {}
    if codec.is_binary:  # one order for both truths: bits have one distance, and a query is bits too
        found = without_itself(by_hamming(codes[queries], codes, wanted, progress), queries)
        for metric in METRICS:
            recalls[metric, "code"] = share(recall(found, truth.neighbours[metric]))
    else:
        decoded = codec.decode(codes)
        for metric in METRICS:
            for asked, rows in (("code", decoded[queries]), ("vector", truth.vectors[queries])):
                found = without_itself(_by(metric)(rows, decoded, wanted, progress), queries)
                kind: Asked = "code" if asked == "code" else "vector"
                recalls[metric, kind] = share(recall(found, truth.neighbours[metric]))
    return Searched(str(codec.recipe), codec.bytes, codec.is_binary, recalls,
                    _speed(codec, codes, truth.vectors[queries[:TIMED_QUERIES]], truth.k, progress))


def share(shares: NDArray[np.float64]) -> Share:
    """Mean and interval of shares (q,) of independent queries; where all are equal, Wilson's, which keeps a width."""
    count, mean = len(shares), float(shares.mean())
    spread = float(shares.std(ddof=1)) if count > 1 else 0.0
    if spread > 0:
        half = Z * spread / math.sqrt(count)
        return Share(mean, max(0.0, mean - half), min(1.0, mean + half))
    middle = (mean + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(mean * (1 - mean) / count + Z**2 / (4 * count**2))
    return Share(mean, max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half)))


def _by(metric: Metric) -> Callable[..., NDArray[np.int64]]:
    return by_cosine if metric == "cosine" else by_euclidean


def _speed(
    codec: Codec, codes: NDArray[np.uint8], queries: NDArray[np.float32], k: int, progress: Progress
) -> float:
    """Queries a second of the best search there is for the codes; the second of two runs."""
    def once() -> float:
        start = time.process_time()
        if codec.is_binary:
            nearest(codec.encode(queries), codes, k)
        elif isinstance(codec.quantiser, Product):
            for distances in asymmetric(queries, codec, codes):
                smallest(distances, k)
        else:
            by_cosine(queries, codec.decode(codes), k, progress)
        return time.process_time() - start

    once()
    progress.check()
    return len(queries) / max(once(), 1e-9)
