"""Suppression against the textbook's double loop, on boxes and on turned ones, and what a window's edge cuts off."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from bitscape.processing.prediction.suppression import suppress
from shapely.affinity import rotate


def by_loop(shapes: np.ndarray, classes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for one in np.argsort(-scores, kind="stable"):
        same = [other for other in kept if classes[other] == classes[one]]
        if all(shapes[one].intersection(shapes[other]).area <= threshold * shapes[one].union(shapes[other]).area
               for other in same):
            kept.append(int(one))
    return kept


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_as_the_double_loop(turned: bool, threshold: float) -> None:
    random = np.random.default_rng(3)
    corner, size = random.uniform(0, 60, (200, 2)), random.uniform(5, 25, (200, 2))
    shapes = shapely.box(*corner.T, *(corner + size).T)
    if turned:
        shapes = np.array([rotate(one, angle) for one, angle in zip(shapes, random.uniform(0, 180, 200), strict=True)])
    classes, scores = random.integers(0, 3, 200), random.random(200).astype(np.float32)
    assert suppress(shapes, classes, scores, threshold).tolist() == by_loop(shapes, classes, scores, threshold)


def test_of_equal_scores_the_first_stays() -> None:
    shapes = shapely.box([0, 0, 0], [0, 0, 0], [10, 10, 10], [10, 10, 10])
    assert suppress(shapes, np.zeros(3, np.int64), np.ones(3, np.float32), 0.5).tolist() == [0]


def test_what_a_window_cut_off_gives_way_to_the_whole_even_with_a_better_score() -> None:
    whole, half, other = shapely.box(0, 0, 30, 10), shapely.box(0, 0, 10, 10), shapely.box(60, 0, 70, 10)
    shapes = np.array([half, whole, other])
    classes, scores = np.zeros(3, np.int64), np.array([0.9, 0.6, 0.7], np.float32)
    assert suppress(shapes, classes, scores, 0.5).tolist() == [0, 2, 1]
    assert suppress(shapes, classes, scores, 0.5, np.array([True, False, False])).tolist() == [2, 1]


def test_nothing_is_nothing() -> None:
    assert len(suppress(np.empty(0, object), np.empty(0, np.int64), np.empty(0, np.float32), 0.5)) == 0
