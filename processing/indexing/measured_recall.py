"""What codes lose, measured: how many of a vector's true nearest neighbours are also the nearest by its code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compression.distances import hamming
from ..compression.recipe import Codec
from ..progress import Progress
from ..study.neighbours import by_cosine, recall

K = 10
"""Neighbours."""
FEWEST = 2 * K + 1
"""Vectors below which the figure means nothing."""
CANDIDATES = 100
"""Best by the codes that are looked at again with finer ones."""
QUERIES = 128
"""Queries at once: work of less than half a second."""
Z = 1.959964
"""Of 95 %."""


@dataclass(frozen=True)
class Recall:
    """Mean share of the ``k`` nearest by float32 cosine that are among the ``k`` nearest by code, itself excluded.

    ``low`` and ``high``: 95 % interval of the mean over the ``n`` vectors as queries, among which it was measured.
    ``candidates`` > 0: the best so many by code were put in order by finer codes.
    """

    k: int
    value: float
    low: float
    high: float
    n: int
    candidates: int = 0

    def about(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def sentence(self, recipe: str, fine: str = "") -> str:
        """What it means, in words."""
        again = f" after {fine} codes put the best {self.candidates} by {recipe} in order" if self.candidates else ""
        return (f"recall@{self.k} {_short(self.value)} ({_short(self.low)} to {_short(self.high)}) of {recipe} codes"
                f"{again}: {missed(self.value)}. Measured among {self.n:,} patches of the input against cosine of the "
                "vectors; among more patches it is lower.")


def measure(
    vectors: NDArray[np.float32], codec: Codec, fine: Codec | None, progress: Progress
) -> tuple[Recall | None, Recall | None]:
    """Recall of the codes of ``vectors`` (n, d), and with finer ones (None without ``fine``); None of fewer than 21.

    Binary codes are compared by Hamming distance, others by the cosine of what they stand for; of equal distances the
    lower row is first.
    """
    count = len(vectors)
    if count < FEWEST:
        return None, None
    truth = np.empty((count, K), np.int64)
    plain, again = np.empty((2, count, K), np.int64)
    codes = codec.encode(vectors)
    decoded = codes if codec.is_binary else codec.decode(codes)
    finer = None if fine is None else _unit(fine.decode(fine.encode(vectors)))
    for start in range(0, count, QUERIES):
        rows = np.arange(start, min(start + QUERIES, count))
        truth[rows] = without_itself(by_cosine(vectors[rows], vectors, K + 1, progress), rows)
        wanted = min(max(K, CANDIDATES if fine is not None else 0) + 1, count)
        if codec.is_binary:
            distances = hamming(codes[rows], codes)
            near = np.argsort(distances, axis=1, kind="stable")[:, :wanted]
        else:
            near = by_cosine(decoded[rows], decoded, wanted, progress)
        near = without_itself(near, rows)
        plain[rows] = near[:, :K]
        if finer is not None:
            near = np.sort(near, axis=1)
            similar = np.einsum("qcd,qd->qc", finer[near], finer[rows])
            best = np.argsort(-similar, axis=1, kind="stable")[:, :K]
            again[rows] = np.take_along_axis(near, best, axis=1)
        progress.report((start + len(rows)) / count)
    candidates = min(CANDIDATES, count - 1)
    return _of(recall(plain, truth), 0), None if finer is None else _of(recall(again, truth), candidates)


def without_itself(found: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Neighbours (q, k + 1) of vectors that are themselves number ``rows`` (q,), without these: (q, k).

    Where as many others are at no distance, so that a vector is not among its own, the last one goes.
    """
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    rest: NDArray[np.int64] = found[~own].reshape(len(found), -1)
    return rest


def missed(value: float) -> str:
    """The share of true neighbours that is missed, in words."""
    share = 1 - value
    for limit, words in (
        (0.003, "hardly a true neighbour is missed"), (0.013, "about one true neighbour in a hundred is missed"),
        (0.03, "about one true neighbour in fifty is missed"),
        (0.075, "about one true neighbour in twenty is missed"),
        (0.15, "about a tenth of the true neighbours are missed"),
        (0.225, "about a fifth of the true neighbours are missed"),
        (0.29, "about a quarter of the true neighbours are missed"),
        (0.40, "about a third of the true neighbours are missed"),
        (0.60, "about half of the true neighbours are missed"),
        (0.72, "about two thirds of the true neighbours are missed"),
    ):
        if share < limit:
            return words
    return "most of the true neighbours are missed"


def _of(shares: NDArray[np.float64], candidates: int) -> Recall:
    mean = float(shares.mean())
    half = Z * float(shares.std(ddof=1)) / len(shares) ** 0.5
    return Recall(K, mean, max(0.0, mean - half), min(1.0, mean + half), len(shares), candidates)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0), np.float32)


def _short(value: float) -> str:
    """.64, as recall is written."""
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.3f}".removeprefix("0")
