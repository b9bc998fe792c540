"""Design-based estimates of accuracy and area from a probability sample: pure numbers, no files.

Means and ratios are those of Stehman (2014, Int. J. Remote Sensing 35, 4923–4939) for strata that need not be the map's
classes; where they are, they are those of Olofsson et al. (2014, Remote Sens. Environ. 148, 42–57). A simple random
sample is one stratum. In a two-stage sample the primary units of a stratum are drawn with probability proportional to
their size and with replacement, with equal shares of points: the mean of their means, and the variance between them
(Hansen and Hurwitz 1943; Cochran 1977, ch. 11). The finite population correction is neglected: it matters only where
a sample is a large part of its population, and without it errors are on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .intervals import Spread, Z, odds_limits, share_limits


@dataclass(frozen=True)
class Answers:
    """The answered points of a sample: ``strata`` (points,) are indexes of ``areas`` (strata,), ``clusters`` (points,)
    numbers of primary units (−1: the point is its own), ``mapped`` and ``reference`` (points,) indexes of ``classes``
    classes. Each stratum has a point."""

    strata: NDArray[np.int64]
    areas: NDArray[np.float64]
    clusters: NDArray[np.int64]
    mapped: NDArray[np.int64]
    reference: NDArray[np.int64]
    classes: int


@dataclass(frozen=True)
class Estimate:
    """A share, from 0 to 1. ``error`` is its standard error and ``low`` to ``high`` its 95 % confidence interval
    (``intervals``); None where a stratum has a single unit, which says nothing about spread."""

    value: float
    error: float | None
    low: float | None
    high: float | None

    @property
    def margin(self) -> float | None:
        """1.96 standard errors: the ± that is customary, for comparison with published figures."""
        return None if self.error is None else Z * self.error


@dataclass(frozen=True)
class Estimates:
    """``confusion`` (mapped, reference): shares of the area; ``overall`` accuracy; and for each class user's and
    producer's accuracy, F1 and intersection over union (None where no point supports it), and the shares of the area
    that are ``mapped`` as it and that are of it by the ``reference``."""

    confusion: NDArray[np.float64]
    overall: Estimate
    users: list[Estimate | None]
    producers: list[Estimate | None]
    f1: list[Estimate | None]
    iou: list[Estimate | None]
    mapped: list[Estimate]
    reference: list[Estimate]


def estimate(answers: Answers) -> Estimates:
    """All estimates of a sample."""
    sample = _Sample(answers)
    mapped, reference = answers.mapped, answers.reference
    numbers = range(answers.classes)
    confusion = np.zeros((answers.classes, answers.classes))
    np.add.at(confusion, (mapped, reference), sample.stands_for)
    everywhere = np.ones(len(answers.areas), bool)
    users, producers, f1, iou = [], [], [], []
    for number in numbers:
        is_mapped, is_true = mapped == number, reference == number
        may_be, may_not_be = (sample.kind == -1) | (sample.kind == number), sample.kind != number
        right = is_mapped & is_true, may_be
        wrong = is_mapped ^ is_true, everywhere
        users.append(sample.ratio(right, (is_mapped & ~is_true, may_be), 1))
        producers.append(sample.ratio(right, (is_true & ~is_mapped, may_not_be), 1))
        f1.append(sample.ratio(right, wrong, 0.5))
        iou.append(sample.ratio(right, wrong, 1))
    return Estimates(
        confusion, sample.share(mapped == reference, everywhere), users, producers, f1, iou,
        [sample.share(mapped == number, sample.kind == -1) for number in numbers],
        [sample.share(reference == number, everywhere) for number in numbers],
    )


class _Sample:
    """A sample as units (points, or primary units of several) in strata of known weight."""

    def __init__(self, answers: Answers) -> None:
        self.weights = answers.areas / answers.areas.sum()
        self._strata, strata = answers.strata, len(answers.areas)
        own = np.arange(len(answers.strata)) + answers.clusters.max(initial=-1) + 1
        keys = np.column_stack([answers.strata, np.where(answers.clusters >= 0, answers.clusters, own)])
        found, self._unit = np.unique(keys, axis=0, return_inverse=True)
        self._unit = self._unit.reshape(-1)
        self._unit_stratum = found[:, 0]
        self._size = np.bincount(self._unit)
        self.units = np.bincount(self._unit_stratum, minlength=strata)
        self.points = np.bincount(answers.strata, minlength=strata)
        self._mapped = answers.mapped
        self.stands_for = self.weights[self._strata] / self.units[self._strata] / self._size[self._unit]
        """The share of the population (points,) that each point stands for."""

    @cached_property
    def kind(self) -> NDArray[np.int64]:
        """The class (strata,) that all points of a stratum are mapped as, −1 where they differ. It is taken to be that
        of the whole stratum: no point of it can then be mapped as another class."""
        first = np.full(len(self.weights), -1)
        first[self._strata] = self._mapped
        mixed = np.bincount(self._strata, self._mapped != first[self._strata], len(self.weights)) > 0
        first[mixed] = -1
        return first

    def mean(self, values: NDArray[np.bool_] | NDArray[np.float64]) -> float:
        """The mean over the population."""
        return float(self.stands_for @ values)

    def share(self, indicator: NDArray[np.bool_], uncertain: NDArray[np.bool_]) -> Estimate:
        """The share of the area of which ``indicator`` (points,) is true. In strata (strata,) that are not
        ``uncertain`` it is known to be all or nothing."""
        value = self.mean(indicator)
        variance = self._variance(indicator.astype(float))
        if variance is None:
            return Estimate(value, None, None, None)
        return Estimate(value, float(np.sqrt(variance)), *share_limits(self._spread(indicator, uncertain)))

    def ratio(
        self, hits: tuple[NDArray[np.bool_], NDArray[np.bool_]], misses: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        weight: float,
    ) -> Estimate | None:
        """hits / (hits + weight · misses), of two indicators that are never true together, each with the strata where
        it can be true at all; None where neither ever is.

        User's and producer's accuracy are such ratios, and so is F1 = 2·hits / (2·hits + misses): Stehman's combined
        ratio of y = 2·I(mapped and true) and x = I(mapped) + I(true).
        """
        of_hits, of_misses = self.mean(hits[0]), self.mean(misses[0])
        below = of_hits + weight * of_misses
        if below == 0:
            return None
        value = of_hits / below
        variance = self._variance(hits[0] - value * (hits[0] + weight * misses[0]))
        if variance is None:
            return Estimate(value, None, None, None)
        low, high = odds_limits(self._spread(*hits), self._spread(*misses))
        return Estimate(value, float(np.sqrt(variance)) / below, 1 / (1 + weight * high), 1 / (1 + weight * low))

    def _unit_means(self, values: NDArray[np.bool_] | NDArray[np.float64]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = np.bincount(self._unit, values.astype(float), len(self._size)) / self._size
        return means

    def _stratum_means(self, unit_means: NDArray[np.float64]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = np.bincount(self._unit_stratum, unit_means, len(self.weights)) / self.units
        return means

    def _stratum_variances(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the means of the strata; those of a single unit have none."""
        means = self._unit_means(values)
        deviations = means - self._stratum_means(means)[self._unit_stratum]
        squares = np.bincount(self._unit_stratum, deviations**2, len(self.weights))
        variances: NDArray[np.float64] = squares / np.maximum(self.units - 1, 1) / self.units
        return variances

    def _variance(self, values: NDArray[np.float64]) -> float | None:
        """Of the mean over the population; None where a stratum has a single unit."""
        if (self.units < 2).any():
            return None
        return float(self.weights**2 @ self._stratum_variances(values))

    def _spread(self, indicator: NDArray[np.bool_], uncertain: NDArray[np.bool_]) -> Spread:
        shares = self._stratum_means(self._unit_means(indicator))
        variances = self._stratum_variances(indicator.astype(float))
        return Spread.of(self.weights, shares, variances, self.points, self.units, uncertain)


def unseen_share(points: int, confidence: float = 0.95) -> float:
    """The share of a stratum that a class can have, with one-sided confidence, where none of ``points`` points was of
    it (Clopper and Pearson 1934); about 3 / points."""
    return float(1 - (1 - confidence) ** (1 / points))


def single_units(answers: Answers) -> Sequence[int]:
    """Strata that have a single unit: they leave every standard error undefined."""
    return [int(stratum) for stratum in np.flatnonzero(_Sample(answers).units < 2)]
