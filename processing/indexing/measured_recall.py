"""What codes lose, measured: how many of a vector's true nearest neighbours are also the nearest by its code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compression.neighbours import by_cosine, recall, without_itself
from ..compression.recipe import Codec
from ..hamming.batch import nearest
from ..progress import Progress

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
    rows = np.arange(count)
    progress.report(0.0)
    truth = without_itself(by_cosine(vectors, vectors, K + 1, progress), rows)
    progress.report(0.4)
    wanted = min(max(K, CANDIDATES if fine is not None else 0) + 1, count)
    codes = codec.encode(vectors)
    progress.check()
    if codec.is_binary:
        found = np.concatenate([_by_bits(codes[part], codes, wanted, progress) for part in _parts(count)])
    else:
        decoded = codec.decode(codes)
        found = by_cosine(decoded, decoded, wanted, progress)
    near = without_itself(found, rows)
    plain = _of(recall(near[:, :K], truth), 0)
    if fine is None:
        return plain, None
    progress.report(0.8)
    encoded = fine.encode(vectors)
    progress.check()
    finer = _unit(fine.decode(encoded))
    best = np.concatenate([_in_order(finer, part, near[part], progress) for part in _parts(count)])
    return plain, _of(recall(best, truth), wanted - 1)


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


def _parts(count: int) -> list[slice]:
    return [slice(start, min(start + QUERIES, count)) for start in range(0, count, QUERIES)]


def _by_bits(
    queries: NDArray[np.uint8], codes: NDArray[np.uint8], count: int, progress: Progress
) -> NDArray[np.int64]:
    progress.check()
    return nearest(queries, codes, count)[1]


def _in_order(
    finer: NDArray[np.float32], rows: slice, near: NDArray[np.int64], progress: Progress
) -> NDArray[np.int64]:
    """The best of candidates ``near`` (q, c) of some rows by the cosine of finer codes: (q, 10); of equals the lower
    row."""
    progress.check()
    candidates = np.sort(near, axis=1)
    similar = np.einsum("qcd,qd->qc", finer[candidates], finer[rows])
    best = np.argsort(-similar, axis=1, kind="stable")[:, :K]
    return np.take_along_axis(candidates, best, axis=1)


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
