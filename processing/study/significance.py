"""Whether two classifiers tested on the same rows differ: McNemar's test and the bootstrap of the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
FEW_KINDS = 64
Z95 = 1.959964


@dataclass(frozen=True)
class Interval:
    """A difference and its 95 % percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class McNemar:
    """``lost`` rows only the first got right, ``won`` only the second; ``p`` of the exact two-sided test."""

    lost: int
    won: int
    p: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test of two classifiers' hits (rows,) on the same rows: under equality each row that only one of
    them got right is a fair coin (McNemar 1947; exact form: the binomial test). It takes rows as independent."""
    from scipy.stats import binomtest

    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0
    return McNemar(lost, won, p)


def adjusted_low(test: McNemar, rows: int) -> float:
    """The lower end of Bonett and Price's 95 % interval for the difference of two accuracies on the same ``rows``.

    With one row added to each kind of disagreement it keeps its width where classifiers agree on every row; a bootstrap
    sees nothing there that could vary, however few the rows (Bonett and Price 2012).
    """
    lost, won = (test.lost + 1) / (rows + 2), (test.won + 1) / (rows + 2)
    return won - lost - Z95 * float(np.sqrt((lost + won - (won - lost) ** 2) / (rows + 2)))


def difference_of_means(change: NDArray[Any], blocks: NDArray[np.int64], seed: int) -> Interval:
    """The mean of ``change`` (rows,) with its 95 % bootstrap interval, drawing whole blocks with replacement.

    ``blocks`` (rows,) is the block of each row; rows of one block stand or fall together (a block of ground), so the
    interval is as wide as the number of places allows. With a block for each row it is the ordinary bootstrap.
    """
    _, place = np.unique(blocks, return_inverse=True)
    total, size = np.bincount(place, change), np.bincount(place)
    # blocks alike in both are drawn as one kind: a handful of kinds where rows are blocks, and the same distribution
    kinds, count = np.unique(np.stack([total, size.astype(np.float64)]), axis=1, return_counts=True)
    random = np.random.default_rng(seed)
    if kinds.shape[1] <= FEW_KINDS:
        drawn = random.multinomial(len(total), count / len(total), RESAMPLES)
        means = (drawn @ kinds[0]) / (drawn @ kinds[1])
    else:
        means = np.empty(RESAMPLES)
        for number in range(RESAMPLES):
            which = random.integers(0, len(total), len(total))
            means[number] = total[which].sum() / size[which].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(change.mean()), float(low), float(high))


def f1_by_class(truth: NDArray[np.int64], predicted: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    """F1 of each class (total,): 2 TP / (labelled + predicted); NaN for a class that is neither."""
    hits = np.bincount(truth[truth == predicted], minlength=total)
    either = np.bincount(truth, minlength=total) + np.bincount(predicted, minlength=total)
    scores: NDArray[np.float64] = np.divide(2.0 * hits, either, out=np.full(total, np.nan), where=either > 0)
    return scores
