"""Folds keep features and blocks together, hold every class, or say why they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.folds import Folds, Rows, block_folds, inner_folds, random_folds
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ("change", "nochange")


def together(numbers: np.ndarray, groups: np.ndarray) -> bool:
    return all(len(set(numbers[groups == group])) == 1 for group in np.unique(groups))


def holds_all(folds: Folds, classes: np.ndarray) -> bool:
    every = set(classes)
    return all(set(classes[folds.numbers == fold]) == every for fold in range(folds.count))


def test_random_folds_are_ten_and_stratified() -> None:
    classes = np.repeat([0, 1], [190, 146])
    folds = random_folds(Rows(classes, np.arange(336), NAMES), 0)
    assert isinstance(folds, Folds) and folds.count == 10 and holds_all(folds, classes)
    sizes = np.array([np.bincount(classes[folds.numbers == fold]) for fold in range(10)])
    assert np.ptp(sizes, axis=0).max() <= 1
    assert not np.array_equal(folds.numbers, random_folds(Rows(classes, np.arange(336), NAMES), 1).numbers)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(5, 14), st.integers(5, 14))
def test_pixels_of_a_polygon_share_a_fold(seed: int, first: int, second: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 40, first + second)
    features = np.repeat(np.arange(first + second), sizes)
    classes = (features >= first).astype(np.int64)
    folds = random_folds(Rows(classes, features, NAMES), seed)
    assert isinstance(folds, Folds)
    assert folds.count == (10 if min(first, second) >= 10 else 5)
    assert together(folds.numbers, features) and holds_all(folds, classes)


@pytest.mark.parametrize(("first", "expected"), [(9, 5), (10, 10), (5, 5)])
def test_fewer_labels_get_five_folds(first: int, expected: int) -> None:
    classes = np.repeat([0, 1], [first, 50])
    folds = random_folds(Rows(classes, np.arange(len(classes)), NAMES), 0)
    assert isinstance(folds, Folds) and folds.count == expected


def test_too_few_labels_are_said() -> None:
    classes = np.repeat([0, 1], [4, 50])
    reason = random_folds(Rows(classes, np.arange(54), NAMES), 0)
    assert reason == ("too few for cross-validation: 4 labels of class change, at least 5 are needed "
                      "(10 for ten folds)")


def test_many_pixels_of_few_polygons_are_few_labels() -> None:
    features = np.repeat(np.arange(8), 500)
    reason = random_folds(Rows((features >= 3).astype(np.int64), features, NAMES), 0)
    assert isinstance(reason, str) and "3 labels of class change" in reason


def test_blocks_stay_whole() -> None:
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 10_000, (2, 400))
    classes = random.integers(0, 2, 400)
    folds = block_folds(Rows(classes, np.arange(400), NAMES), x, y, 1000, 10, 0)
    assert isinstance(folds, Folds) and folds.block_size == 1000 and folds.count == 10 and holds_all(folds, classes)
    blocks = (x - x.min()) // 1000 * 100 + (y - y.min()) // 1000
    assert together(folds.numbers, blocks)


def test_the_automatic_block_is_the_largest_that_serves() -> None:
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 10_000, (2, 400))
    x[:2], y[:2] = (0, 10_000), (0, 10_000)
    folds = block_folds(Rows(random.integers(0, 2, 400), np.arange(400), NAMES), x, y, 0, 10, 0)
    assert isinstance(folds, Folds) and (folds.block_size, folds.count) == (2500, 10)


def test_a_class_in_one_place_cannot_be_validated_elsewhere() -> None:
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 10_000, (2, 200))
    classes = (np.hypot(x - 500, y - 500) < 300).astype(np.int64)
    x, y, classes = np.append(x, [500] * 20), np.append(y, np.arange(490, 510)), np.append(classes, [1] * 20)
    rows = Rows(classes, np.arange(220), ("nochange", "change"))
    reason = block_folds(rows, x, y, 1000, 10, 0)
    assert reason == ("too few places for spatial validation: class change lies in 1 of the blocks of 1000 CRS units, "
                      "at least 5 are needed")


def test_labels_close_together_have_no_blocks() -> None:
    reason = block_folds(Rows(np.arange(40) % 2, np.arange(40), NAMES), np.arange(40.0), np.zeros(40), 0, 10, 0)
    assert isinstance(reason, str) and "too close together" in reason


def test_inner_folds_need_two_labels_a_fold() -> None:
    classes = np.repeat([0, 1], [10, 30])
    folds = inner_folds(classes, np.arange(40), 0)
    assert folds is not None and set(folds[classes == 0]) == set(range(5))
    assert inner_folds(classes[1:], np.arange(39), 0) is None
