"""Confidence intervals for shares and ratios of stratified samples that hold also where a class is rare.

An estimate ± 1.96 standard errors is the custom, but covers the truth in 78 to 92 % of samples, not 95 %, where few
points are of the class: the interval is symmetric and may be of no width at all. Here each stratum has its Wilson score
interval (Wilson 1927), also where none or all of its points are of the class, and these are combined by recovering
variances from the limits: for sums Newcombe (1998) and Zou and Donner (2008), for ratios Donner and Zou (2012, Stat.
Methods Med. Res. 21, 347–359). For large samples both are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054
"""95 % of a standard normal distribution lie within ± Z."""


@dataclass(frozen=True)
class Spread:
    """What is known of an indicator in each stratum (strata,): the stratum's ``weights``, its ``shares`` of true, and
    the ``sizes`` of simple random samples that would say as much; 0 where there is nothing uncertain."""

    weights: NDArray[np.float64]
    shares: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @staticmethod
    def of(
        weights: NDArray[np.float64], shares: NDArray[np.float64], variances: NDArray[np.float64],
        points: NDArray[np.int64], units: NDArray[np.int64], uncertain: NDArray[np.bool_],
    ) -> Spread:
        """From the variances of the shares, with ``points`` in ``units`` primary units (strata,).

        Points that share primary units count for less, by the design effect and by the few degrees of freedom that
        units leave (Korn and Graubard 1998); where all are alike, by no more than there are units.
        """
        from scipy.stats import t

        plain = shares * (1 - shares) / np.maximum(points - 1, 1)
        effect = np.divide(variances, plain, out=np.full(len(plain), np.inf), where=plain > 0)
        sizes = np.clip(points / np.maximum(effect, 1e-9), 0, points)
        sizes = np.where(plain > 0, sizes, units) * (Z / t.ppf(0.975, np.maximum(units - 1, 1))) ** 2
        return Spread(weights, shares, np.where(uncertain, np.where(units == points, points, sizes), 0))

    @property
    def mean(self) -> float:
        """The share of the population."""
        return float(self.weights @ self.shares)

    def distances(self) -> tuple[float, float]:
        """From the mean down to its lower limit, and up to its upper limit."""
        n = np.maximum(self.sizes, 1e-9)
        centre = (self.shares + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * np.sqrt(self.shares * (1 - self.shares) / n + Z**2 / (4 * n**2))
        below, above = (self.weights * np.where(self.sizes > 0, distance, 0)
                        for distance in (self.shares - centre + half, centre + half - self.shares))
        return float(np.sqrt(below @ below)), float(np.sqrt(above @ above))

    def shrunken(self) -> NDArray[np.float64]:
        """Shares drawn towards a half, as in the middle of Wilson's interval, so that none is 0 or 1; 0 where nothing
        is uncertain."""
        centre = (self.shares * self.sizes + Z**2 / 2) / (self.sizes + Z**2)
        return np.where(self.sizes > 0, centre, 0)


def share_limits(spread: Spread) -> tuple[float, float]:
    """95 % limits of the share of an indicator in the population."""
    below, above = spread.distances()
    return max(spread.mean - below, 0.0), min(spread.mean + above, 1.0)


def odds_limits(hits: Spread, misses: Spread) -> tuple[float, float]:
    """95 % limits of misses / hits, from 0 to infinity, for indicators that are never true together."""
    a, d = hits.mean, misses.mean
    (a_below, a_above), (d_below, d_above) = hits.distances(), misses.distances()
    a_low, a_high = max(a - a_below, 0.0), a + a_above
    d_low, d_high = max(d - d_below, 0.0), d + d_above
    correlation = _correlation(hits, misses)
    product = a * d - correlation * (d - d_low) * (a_high - a)
    constant, square = d_low * (2 * d - d_low), a_high * (2 * a - a_high)
    below = product + np.sqrt(max(product**2 - constant * square, 0.0))
    low = constant / below if below > 0 else 0.0
    product = a * d - correlation * (d_high - d) * (a - a_low)
    constant, square = d_high * (2 * d - d_high), a_low * (2 * a - a_low)
    above = product + np.sqrt(max(product**2 - constant * square, 0.0))
    return float(low), float(above / square) if square > 0 else np.inf


def _correlation(hits: Spread, misses: Spread) -> float:
    """Of the two means, ≤ 0: within a stratum a point is one thing or the other."""
    p, q = hits.shrunken(), misses.shrunken()
    n = np.maximum(np.minimum(hits.sizes, misses.sizes), 1e-9)
    weights = hits.weights**2
    together = float(weights @ np.where(p * q > 0, p * q / n, 0))
    alone = [float(weights @ np.where(share > 0, share * (1 - share) / np.maximum(spread.sizes, 1e-9), 0))
             for share, spread in ((p, hits), (q, misses))]
    return -min(together / np.sqrt(alone[0] * alone[1]), 1.0) if min(alone) > 0 else 0.0
