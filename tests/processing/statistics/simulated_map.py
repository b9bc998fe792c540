"""A map with known truth, from which samples are drawn again and again as users would: how often do intervals hold?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from bitscape.processing.statistics.estimation import Answers, Estimate, Estimates, estimate
from numpy.typing import NDArray

SIDE, BLOCK = 600, 20
CHANGE = 1


@dataclass(frozen=True)
class Landscape:
    """Classes (0 no change, 1 change) of every pixel, flat: the ``truth``, the ``mapped``, an ``older`` map of the same
    place whose classes served as strata, and the ``block`` of 20 × 20 pixels it lies in."""

    truth: NDArray[np.int64]
    mapped: NDArray[np.int64]
    older: NDArray[np.int64]
    block: NDArray[np.int64]

    @property
    def change(self) -> float:
        """The true share of change."""
        return float((self.truth == CHANGE).mean())

    @property
    def accuracy(self) -> float:
        """The true overall accuracy."""
        return float((self.truth == self.mapped).mean())

    @property
    def producers(self) -> float:
        """The true producer's accuracy of change."""
        return float((self.mapped[self.truth == CHANGE] == CHANGE).mean())

    @property
    def f1(self) -> float:
        """The true F1 of change."""
        both = ((self.mapped == CHANGE) & (self.truth == CHANGE)).sum()
        return float(2 * both / ((self.mapped == CHANGE).sum() + (self.truth == CHANGE).sum()))


def landscape(seed: int = 1) -> Landscape:
    """Patches of change on 6 % of the land; the map sees most of each and adds false ones, the older map fewer."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    truth = np.zeros((SIDE, SIDE), bool)
    mapped, older = truth.copy(), truth.copy()
    for _ in range(140):
        row, column = rng.uniform(0, SIDE, 2)
        radius, kind = rng.uniform(4, 13), rng.random()
        distance = np.hypot(rows - row, columns - column)
        truth |= (distance < radius) & (kind < 0.88)
        mapped |= (distance < 0.94 * radius) & (kind > 0.07)
        older |= (distance < 0.85 * radius) & (kind > 0.25)
    block = (rows // BLOCK) * (SIDE // BLOCK) + columns // BLOCK
    return Landscape(*(one.reshape(-1).astype(np.int64) for one in (truth, mapped, older, block)))


Draw = Callable[[Landscape, np.random.Generator], Answers]


def by_strata(land: Landscape, strata: NDArray[np.int64], counts: tuple[int, ...], rng: np.random.Generator) -> Answers:
    """A stratified random sample, with ``counts`` points a stratum."""
    places = [np.flatnonzero(strata == number) for number in range(len(counts))]
    drawn = [rng.choice(place, count, replace=False) for place, count in zip(places, counts, strict=True)]
    chosen = np.concatenate(drawn)
    return answers(land, chosen, np.repeat(np.arange(len(counts)), counts), [len(place) for place in places])


def answers(
    land: Landscape, chosen: NDArray[np.int64], strata: NDArray[np.int64], areas: list[int],
    clusters: NDArray[np.int64] | None = None,
) -> Answers:
    """What interpreters who make no mistake say of the chosen pixels."""
    alone = np.full(len(chosen), -1) if clusters is None else clusters
    return Answers(strata, np.array(areas, float), alone, land.mapped[chosen], land.truth[chosen], 2)


def simple(land: Landscape, rng: np.random.Generator) -> Answers:
    """A simple random sample."""
    return by_strata(land, np.zeros(len(land.truth), np.int64), (400,), rng)


def by_map(land: Landscape, rng: np.random.Generator) -> Answers:
    """Stratified by the map's classes, as is custom."""
    return by_strata(land, land.mapped, (350, 150), rng)


def by_older_map(land: Landscape, rng: np.random.Generator) -> Answers:
    """Stratified by the classes of another map."""
    return by_strata(land, land.older, (350, 150), rng)


def two_stage(land: Landscape, rng: np.random.Generator) -> Answers:
    """Two strata of blocks, those with mapped change and those without; in each, blocks are drawn with probability
    proportional to their size and with replacement, and 8 pixels in each draw."""
    touched = np.bincount(land.block, land.mapped) > 0
    pixels = np.argsort(land.block, kind="stable").reshape(len(touched), -1)  # blocks are of one size
    blocks = np.concatenate([rng.choice(np.flatnonzero(touched == bool(stratum)), draws)
                             for stratum, draws in ((0, 40), (1, 80))])
    chosen = np.concatenate([rng.choice(pixels[block], 8, replace=False) for block in blocks])
    areas = np.bincount(touched) * pixels.shape[1]
    return answers(land, chosen, np.repeat(touched[blocks].astype(np.int64), 8), areas.tolist(),
                   np.repeat(np.arange(len(blocks)), 8))


DESIGNS: dict[str, Draw] = {"by_map": by_map, "by_older_map": by_older_map, "simple": simple, "two_stage": two_stage}


@dataclass(frozen=True)
class Coverage:
    """The share of samples whose interval holds the truth: ours, and estimate ± 1.96 standard errors; and the mean of
    the estimates."""

    ours: float
    custom: float
    mean: float


def coverage(land: Landscape, draw: Draw, samples: int, seed: int = 0) -> dict[str, Coverage]:
    """The coverage of 95 % intervals over many samples: of the area of change, overall and producer's accuracy, F1."""
    rng = np.random.default_rng(seed)
    found = [estimate(draw(land, rng)) for _ in range(samples)]
    truths: dict[str, tuple[float, Callable[[Estimates], Estimate | None]]] = {
        "area": (land.change, lambda one: one.reference[CHANGE]),
        "overall": (land.accuracy, lambda one: one.overall),
        "producers": (land.producers, lambda one: one.producers[CHANGE]),
        "f1": (land.f1, lambda one: one.f1[CHANGE]),
    }
    return {name: _held(truth, (take(one) for one in found)) for name, (truth, take) in truths.items()}


def _held(truth: float, estimates: Iterator[Estimate | None]) -> Coverage:
    given = [one for one in estimates if one is not None and one.low is not None]
    return Coverage(
        float(np.mean([one.low <= truth <= one.high for one in given])),
        float(np.mean([abs(one.value - truth) <= one.margin for one in given])),
        float(np.mean([one.value for one in given])),
    )
