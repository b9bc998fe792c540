"""Agreement between those who label, beyond what chance would give: Cohen's kappa and Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .intervals import Z

RESAMPLES = 1000


@dataclass(frozen=True)
class Agreement:
    """A coefficient (1: always agree, 0: as often as chance would have it) with its standard error and 95 % interval;
    all None where it is undefined, and then why."""

    value: float | None
    error: float | None
    low: float | None
    high: float | None
    reason: str = ""


def cohen(first: Sequence[str], second: Sequence[str]) -> Agreement:
    """Kappa of two interpreters' labels of the same points (Cohen 1960), with its large-sample standard error (Fleiss,
    Cohen and Everitt 1969, Psychol. Bull. 72, 323–327)."""
    total = len(first)
    if total == 0:
        return _undefined("they have no point in common")
    names = sorted({*first, *second})
    if len(names) == 1:
        return _undefined(f"both said “{names[0]}” of every point: chance alone would do the same")
    table = np.zeros((len(names), len(names)))
    for one, other in zip(first, second, strict=True):
        table[names.index(one), names.index(other)] += 1 / total
    rows, columns, same = table.sum(axis=1), table.sum(axis=0), np.diag(table)
    observed, chance = float(same.sum()), float(rows @ columns)
    kappa = (observed - chance) / (1 - chance)
    crossed = table * (columns[:, None] + rows[None, :]) ** 2
    variance = (
        float(same @ (1 - (rows + columns) * (1 - kappa)) ** 2)
        + (1 - kappa) ** 2 * float(crossed.sum() - np.diag(crossed).sum())
        - (kappa - chance * (1 - kappa)) ** 2
    ) / (total * (1 - chance) ** 2)
    error = float(np.sqrt(max(variance, 0.0)))
    return Agreement(kappa, error, max(kappa - Z * error, -1.0), min(kappa + Z * error, 1.0))


def krippendorff(labels: Sequence[Sequence[str]]) -> Agreement:
    """Alpha for nominal labels (Krippendorff 2004, ch. 11) of any number of interpreters, of whom each may have left
    points out: ``labels`` holds, for each point, what was said of it. The interval is that of 1000 samples of the
    points, drawn with replacement."""
    paired = [said for said in labels if len(said) > 1]
    if not paired:
        return _undefined("no point has two answers")
    names = sorted({label for said in paired for label in said})
    if len(names) == 1:
        return _undefined(f"all said “{names[0]}” of every point: chance alone would do the same")
    counts = np.array([[said.count(name) for name in names] for said in paired], float)
    answers = counts.sum(axis=1)
    differing = (answers**2 - (counts**2).sum(axis=1)) / (answers - 1)
    alpha = float(_alpha(differing.sum(keepdims=True), counts.sum(axis=0)[None])[0])
    weights = np.random.default_rng(0).multinomial(len(paired), np.full(len(paired), 1 / len(paired)), RESAMPLES)
    drawn = _alpha(weights @ differing, weights @ counts)
    drawn = drawn[np.isfinite(drawn)]
    low, high = (float(limit) for limit in np.quantile(drawn, (0.025, 0.975)))
    return Agreement(alpha, float(drawn.std()), low, high)


def _alpha(differing: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 − observed / expected disagreement, from pairs of values that differ (samples,) and values by class (samples,
    classes); NaN where all values are one."""
    count = totals.sum(axis=1)
    by_chance = (count**2 - (totals**2).sum(axis=1)) / (count - 1)
    share = np.divide(differing, by_chance, out=np.full(len(count), np.nan), where=by_chance > 0)
    found: NDArray[np.float64] = 1 - share
    return found


def _undefined(reason: str) -> Agreement:
    return Agreement(None, None, None, None, reason)
