"""The plan of a sample: how many points of each stratum, from what is asked for and expected, and with what errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .numbers_by_name import index_of, numbers_by_name
from .sample_size import (
    LEAST,
    confused_shares,
    design_effect,
    equal,
    neyman,
    proportional,
    rare_first,
    require_points,
    simple_size,
    stratified_error,
    stratified_size,
)

Floats = NDArray[np.float64]
MISSED = 1.1
"""So many times the error asked for is more than rounding and a few rare points explain: worth a warning."""


@dataclass(frozen=True)
class Question:
    """What is asked for: of the classes ``names``, ``numbers`` (as text), ``pixels`` and ``sizes`` (classes,); the rest
    is as in the request. ``own_map``: the classes are those of the map that is assessed."""

    names: list[str]
    numbers: list[str]
    pixels: NDArray[np.int64]
    sizes: Floats
    design: Literal["simple", "stratified", "cluster"]
    size: int
    target_error: float
    target_class: str
    expected_accuracy: str
    expected_shares: str
    allocation: Literal["proportional", "equal", "neyman", "rare", "own"]
    min_points: int
    points: str
    per_cluster: int
    correlation: float
    own_map: bool
    most: int

    @cached_property
    def weights(self) -> Floats:
        """Shares of the area, (classes,)."""
        found: Floats = self.sizes / self.sizes.sum()
        return found


@dataclass(frozen=True)
class Plan:
    """``counts`` (classes,) of points, whole numbers where strata are drawn from, else what is to be expected;
    ``accuracies`` (classes,) expected; standard errors expected of them, of area shares, of the overall accuracy and of
    the area share of the target class (None: there is none); what there is to say."""

    question: Question
    counts: Floats
    clusters: int
    accuracies: Floats
    accuracy_errors: list[float | None]
    share_errors: list[float | None]
    expected_error: float
    target_error: float | None
    remarks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_sample(question: Question) -> Plan:
    """Sizes, allocation and expected errors. Raises InputError for what cannot be planned."""
    accuracies = _shares(question, question.expected_accuracy, "The expected accuracy")
    target = _target_shares(question, accuracies)
    aim = accuracies if target is None else target
    remarks: list[str] = []
    warnings: list[str] = []
    size = question.size or _size(question, aim)
    if size > question.most:
        raise InputError(f"A standard error of {question.target_error:g} would need {size:,} points; {question.most:,} "
                         "are possible. Choose a larger error, or give the number of points.")
    if question.design == "stratified":
        counts, clusters = _allocated(question, aim, size, remarks).astype(np.float64), 0
    else:
        counts, clusters = _unstratified(question, size)
    error = _errors(question, counts, clusters)
    expected = error(accuracies)
    reached = expected if target is None else error(target)
    if not question.size and question.allocation != "own" and reached > question.target_error * 1.005:
        more = _enough(question, aim, int(counts.sum())) if question.design == "stratified" else None
        (warnings if reached > MISSED * question.target_error else remarks).append(
            f"The standard error asked for, {question.target_error:g}, is that of optimal allocation; with this one it "
            f"is expected to be {reached:.4f}." + (f" {more:,} points would reach it." if more else ""))
    shares = confused_shares(question.weights, accuracies) if question.own_map else None
    return Plan(
        question, counts, clusters, accuracies, _accuracy_errors(question, counts, clusters, accuracies),
        [None if shares is None else error(shares[:, index]) for index in range(len(question.names))],
        expected, None if target is None else reached, remarks, warnings)


def _shares(question: Question, text: str, what: str) -> Floats:
    values = np.array(numbers_by_name(text, question.names, question.numbers, what))
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{what} of {question.names[index]} is {values[index]:g}; it must lie between 0 and 1.")
    return values


def _target_shares(question: Question, accuracies: Floats) -> Floats | None:
    """Expected shares of the target class in the strata; None without one."""
    if not question.target_class:
        if question.expected_shares:
            raise InputError("Expected shares are those of the class whose area is to be estimated. Name that class, "
                             "or leave them out.")
        return None
    if question.expected_shares:
        return _shares(question, question.expected_shares, f"The expected share of {question.target_class}")
    index = index_of(question.target_class, question.names, question.numbers)
    if index is None:
        raise InputError(f"The class {question.target_class} is not in the strata; there are "
                         f"{', '.join(question.names[:20])}. Choose one of them, or give its expected share in each.")
    found: Floats = confused_shares(question.weights, accuracies)[:, index]
    return found


def _size(question: Question, aim: Floats) -> int:
    """Points that the target error needs."""
    pixels = int(question.pixels.sum())
    if float((question.weights * aim * (1 - aim)).sum()) == 0:
        raise InputError("What is expected leaves nothing to estimate: every share is 0 or 1. Give the number of "
                         "points, or expectations between 0 and 1.")
    if question.design == "stratified":
        if question.allocation == "own":
            return 1
        return max(stratified_size(question.weights, aim, question.target_error, pixels), LEAST * len(question.names))
    share = float((question.weights * aim).sum())
    if question.design == "simple":
        return max(simple_size(share, question.target_error, pixels), LEAST)
    effect = design_effect(question.per_cluster, question.correlation)
    return math.ceil(effect * share * (1 - share) / question.target_error**2 - 1e-6)


def _allocated(question: Question, aim: Floats, size: int, remarks: list[str]) -> NDArray[np.int64]:
    """Points of each stratum. Raises InputError where one has too few points or pixels."""
    if question.allocation == "own":
        if not question.points.strip():
            raise InputError("The allocation is by your own numbers, but there are none. Write them like "
                             f"{question.names[0]}=50, for each stratum.")
        values = np.array(numbers_by_name(question.points, question.names, question.numbers, "The number of points"))
        if not (np.isfinite(values) & (values == np.floor(values)) & (values >= 0)).all():
            raise InputError(f"The numbers of points must be whole: {question.points.strip()[:80]}.")
        if values.sum() > question.most:
            raise InputError(f"{values.sum():,.0f} points are asked for; {question.most:,} are possible.")
        counts = values.astype(np.int64)
    else:
        counts = _by_rule(question, aim, size)
        if (left := size - int(counts.sum())) > 0:
            remarks.append(f"{left} of {size:,} points {'is' if left == 1 else 'are'} left over: the strata get the "
                           "same number each.")
        if question.allocation == "rare" and int(counts.min()) < question.min_points:
            remarks.append(f"{size:,} points do not allow {question.min_points} in each rare stratum; there are "
                           f"{int(counts.min())}.")
    require_points(question.names, counts, question.pixels)
    return counts


def _by_rule(question: Question, aim: Floats, size: int) -> NDArray[np.int64]:
    if question.allocation == "proportional":
        return proportional(question.weights, size)
    if question.allocation == "equal":
        return equal(question.weights, size)
    if question.allocation == "neyman":
        return neyman(question.weights, aim, size)
    return rare_first(question.weights, size, question.min_points)


def _enough(question: Question, aim: Floats, size: int) -> int | None:
    """Points with which the allocation reaches the target error, by bisection; None if there is no such number."""
    low, high = size, size
    pixels = int(question.pixels.sum())

    def error(count: int) -> float:
        counts = np.minimum(_by_rule(question, aim, count), question.pixels)
        return stratified_error(question.weights, aim, np.maximum(counts, 1), question.pixels)

    while error(high) > question.target_error:
        if high >= min(pixels, question.most):
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= question.target_error else (middle, high)
    return high if high <= question.most else None


def _errors(question: Question, counts: Floats, clusters: int) -> Callable[[Floats], float]:
    """What gives the standard error of Σ W p for shares p (classes,)."""
    weights, size = question.weights, float(counts.sum())

    def stratified(shares: Floats) -> float:
        return stratified_error(weights, shares, counts, question.pixels)

    def simple(shares: Floats) -> float:
        share = float((weights * shares).sum())
        return math.sqrt(share * (1 - share) / size * _left(question, size, clusters))

    return stratified if question.design == "stratified" else simple


def _accuracy_errors(question: Question, counts: Floats, clusters: int, accuracies: Floats) -> list[float | None]:
    """Standard errors of the accuracies, by the points there are or are to be expected; None with less than one."""
    if question.design == "stratified":
        left = 1 - counts / question.pixels
    else:
        left = np.full(len(counts), _left(question, float(counts.sum()), clusters))
    found = np.sqrt(accuracies * (1 - accuracies) / np.maximum(counts, 1) * left)
    return [float(error) if count >= 1 else None for error, count in zip(found, counts, strict=True)]


def _left(question: Question, size: float, clusters: int) -> float:
    """By what a variance differs from that of as many independent points: it is less as the population is finite, and
    more in clusters."""
    if clusters:
        return design_effect(question.per_cluster, question.correlation)
    return 1 - size / float(question.pixels.sum())


def _unstratified(question: Question, size: int) -> tuple[Floats, int]:
    """Points to be expected of each class, and clusters (0: none)."""
    pixels = int(question.pixels.sum())
    if question.design == "simple":
        require_points(["all"], np.array([size]), np.array([pixels]))
        return size * question.weights, 0
    clusters = max(math.ceil(size / question.per_cluster), LEAST)
    if clusters * question.per_cluster > question.most:
        raise InputError(f"{clusters:,} clusters of {question.per_cluster} points are more than {question.most:,} "
                         "points. Take fewer points.")
    return clusters * question.per_cluster * question.weights, clusters
