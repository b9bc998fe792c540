"""How many dimensions embeddings really have: three estimates of the intrinsic dimension, and the variance PCA
keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

NEIGHBOURS = 20
"""K of Levina and Bickel's estimate."""
LOCAL, LOCAL_POINTS = 100, 500
"""Neighbours of a local PCA, and how many points have one."""
ROWS = 5_000
"""Rows that estimates look at, at most: they compare all with all."""
TAIL = 0.1
"""Share of the largest ratios that TwoNN leaves out: there the density is not constant."""
ABOVE = 0.05
"""Local PCA counts the eigenvalues above this share of the largest (Fukunaga and Olsen 1971)."""
BLOCK = 512


@dataclass(frozen=True)
class Dimension:
    """Intrinsic dimension by maximum likelihood, by TwoNN and by local PCA; None where there are too few rows."""

    mle: float | None
    twonn: float | None
    local_pca: float | None


def intrinsic(rows: NDArray[Any], seed: int, progress: Progress) -> Dimension:
    """Estimates for ``rows`` (n, d) by Euclidean distance; of more than 5,000 rows a random 5,000. Copies of a row
    count once. Sources: Levina and Bickel 2004 with MacKay and Ghahramani's averaging; Facco et al. 2017."""
    if len(rows) > ROWS:
        rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), ROWS, replace=False))]
    values = np.unique(np.asarray(rows, np.float64), axis=0)
    if len(values) < 3:
        return Dimension(None, None, None)
    values -= values.mean(axis=0)
    index, distance = _neighbours(values, min(LOCAL, len(values) - 1), progress)
    k = min(NEIGHBOURS, distance.shape[1])
    return Dimension(
        _likelihood(distance[:, :k]) if k > 2 else None, _two_nearest(distance),
        _local_pca(values, index, seed, progress) if index.shape[1] >= NEIGHBOURS else None,
    )


def cumulative_variance(rows: NDArray[Any]) -> NDArray[np.float64]:
    """The share of the variance of ``rows`` (n, d) that the first 1 … d principal components hold; zeros if there is no
    variance."""
    centred = np.asarray(rows, np.float32) - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    variance = np.linalg.eigvalsh((centred.T @ centred).astype(np.float64))[::-1].clip(0)
    total = variance.sum()
    shares: NDArray[np.float64] = np.cumsum(variance) / total if total > 0 else np.zeros(len(variance))
    return shares


def _neighbours(
    values: NDArray[np.float64], k: int, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest others of each row, nearest first, and their distances, computed without cancellation."""
    squares = np.einsum("nd,nd->n", values, values)
    index = np.empty((len(values), k), np.int64)
    distance = np.empty((len(values), k))
    for start in range(0, len(values), BLOCK):
        progress.check()
        block = values[start : start + BLOCK]
        apart = squares - 2 * (block @ values.T)
        apart[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        nearest = np.argpartition(apart, k - 1, axis=1)[:, :k] if k < len(values) else np.argsort(apart, axis=1)[:, :k]
        for row, which in enumerate(nearest):
            exact = np.sqrt(((values[which] - block[row]) ** 2).sum(axis=1))
            order = np.argsort(exact, kind="stable")
            index[start + row], distance[start + row] = which[order], exact[order]
    return index, distance


def _likelihood(distance: NDArray[np.float64]) -> float:
    """(n, K) sorted distances → the inverse of the mean of log(T_K / T_j) over rows and j < K."""
    return float(1 / np.mean(np.log(distance[:, -1:] / distance[:, :-1])))


def _two_nearest(distance: NDArray[np.float64]) -> float:
    """The slope through the origin of −log(1 − F(μ)) on log μ, μ = r₂ / r₁, without the largest tenth."""
    ratio = np.sort(np.log(distance[:, 1] / distance[:, 0]))
    kept = max(1, int(len(ratio) * (1 - TAIL)))
    empirical = -np.log(1 - np.arange(1, len(ratio) + 1) / (len(ratio) + 1))
    x, y = ratio[:kept], empirical[:kept]
    return float((x @ y) / (x @ x))


def _local_pca(values: NDArray[np.float64], index: NDArray[np.int64], seed: int, progress: Progress) -> float:
    """The mean over points of how many eigenvalues of their neighbourhood's covariance are above 5 % of the largest."""
    random = np.random.default_rng(seed)
    points = random.permutation(len(values))[:LOCAL_POINTS]
    counts = []
    for point in points:
        progress.check()
        near = values[np.append(index[point], point)]
        spread = np.linalg.svd(near - near.mean(axis=0), compute_uv=False) ** 2
        counts.append(int((spread > ABOVE * spread[0]).sum()))
    return float(np.mean(counts))
