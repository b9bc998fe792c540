"""How many points a sample needs, how they are shared out over the strata, and how exact its estimates will be.

Throughout, ``weights`` (strata,) are shares of the area, which add up to 1; ``shares`` are what is expected to be found
in each stratum: the share of it that is mapped rightly (its user's accuracy), or that is of a certain class. Errors are
standard errors of shares of the area. Formulae: Cochran (1977), chapters 3 to 5; Olofsson et al. (2014), section 5.1;
Stehman (2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

LEAST = 2
"""Points a stratum needs for a variance to be estimated in it."""

Shares = NDArray[np.float64]
Counts = NDArray[np.int64]


def deviations(shares: Shares) -> Shares:
    """Standard deviation S of a yes or no whose share is known: √(p (1 − p))."""
    found: Shares = np.sqrt(shares * (1 - shares))
    return found


def stratified_size(weights: Shares, shares: Shares, error: float, pixels: int | None = None) -> int:
    """Points for a standard error of Σ W p with optimal allocation (Cochran 1977, eq. 5.25), rounded up.

    n = (Σ W S)² / (error² + Σ W S² / N), with N ``pixels`` (None: so many that they do not matter).
    """
    spread = deviations(shares)
    finite = 0.0 if pixels is None else float((weights * spread**2).sum()) / pixels
    return _up(float((weights * spread).sum()) ** 2 / (error**2 + finite))


def simple_size(share: float, error: float, pixels: int | None = None) -> int:
    """Points of a simple random sample for a standard error of a share (Cochran 1977, eq. 4.1 and 4.2), rounded up.

    n₀ = p (1 − p) / error², which is z² p (1 − p) / d² for a half-width d of z standard errors.
    """
    return stratified_size(np.ones(1), np.array([share]), error, pixels)


def design_effect(per_cluster: int, correlation: float) -> float:
    """How many times larger the variance is with clusters of points that are correlated (Cochran 1977, eq. 8.2)."""
    return max(1 + (per_cluster - 1) * correlation, 0.0)


def stratified_error(
    weights: Shares, shares: Shares, counts: NDArray[Any], pixels: NDArray[np.int64] | None = None
) -> float:
    """The standard error of Σ W p that a stratified sample of ``counts`` (strata,) points is expected to have.

    √ Σ W² p (1 − p) / n · (1 − n / N).
    """
    left = np.ones(len(counts)) if pixels is None else 1 - counts / pixels
    return math.sqrt(float((weights**2 * shares * (1 - shares) / counts * left).sum()))


def proportional(weights: Shares, size: int) -> Counts:
    """Points in proportion to area: the largest remainders are rounded up."""
    exact = size * weights / weights.sum()
    counts: Counts = np.floor(exact + 1e-9).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: size - int(counts.sum())]] += 1
    return counts


def equal(weights: Shares, size: int) -> Counts:
    """The same number for each stratum; what does not divide is left over."""
    return np.full(len(weights), size // len(weights), np.int64)


def neyman(weights: Shares, shares: Shares, size: int) -> Counts:
    """Points in proportion to W S: the most exact Σ W p for the size (Neyman 1934; Cochran 1977, eq. 5.26)."""
    spread = weights * deviations(shares)
    return proportional(spread if spread.sum() > 0 else weights, size)


def rare_first(weights: Shares, size: int, least: int) -> Counts:
    """At least ``least`` points for each stratum that area alone would give fewer, the rest in proportion to area
    (Olofsson et al. 2014, section 5.1.1). ``least`` shrinks to what the size allows."""
    least = min(least, size // len(weights))
    rare = np.zeros(len(weights), bool)
    counts = proportional(weights, size)
    while (short := ~rare & (counts < least)).any():
        rare |= short
        counts[rare] = least
        counts[~rare] = proportional(weights[~rare], size - least * int(rare.sum()))
    return counts


def require_points(names: Sequence[str], counts: Counts, pixels: NDArray[np.int64]) -> None:
    """Raise InputError, naming the stratum, where there are too few points for a variance or too few pixels."""
    for name, count, there in zip(names, counts.tolist(), pixels.tolist(), strict=True):
        if count < LEAST:
            raise InputError(
                f"The stratum {name} would get {count} {'point' if count == 1 else 'points'}, and each stratum needs "
                f"at least {LEAST}. Take more points in all, an allocation that gives rare strata a minimum, or your "
                "own numbers.")
        if count > there:
            raise InputError(
                f"The stratum {name} has {there} {'pixel' if there == 1 else 'pixels'}, but {count} points are to be "
                "drawn there. Take fewer points or a smaller minimum, or merge it with another stratum.")


def confused_shares(weights: Shares, accuracies: Shares) -> NDArray[np.float64]:
    """Expected shares of each class in each stratum, (strata, classes), where strata are the classes of a map: what is
    right in a stratum is its class, and what is wrong is of the other classes in proportion to their area."""
    others = np.tile(weights, (len(weights), 1))
    np.fill_diagonal(others, 0)
    wrong = others.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = (1 - accuracies)[:, None] * np.divide(
        others, wrong, out=np.zeros_like(others), where=wrong > 0)
    np.fill_diagonal(shares, accuracies)
    return shares


def _up(size: float) -> int:
    """Rounded up, but not for what only arithmetic adds."""
    return max(1, math.ceil(size - 1e-6))
