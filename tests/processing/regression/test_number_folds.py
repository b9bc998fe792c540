"""Folds of labels that hold numbers keep labels and blocks together, or say why they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.folds import Folds
from bitscape.processing.regression.folds import (
    block_number_folds,
    inner_number_folds,
    random_number_folds,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def together(numbers: np.ndarray, groups: np.ndarray) -> bool:
    return all(len(set(numbers[groups == group])) == 1 for group in np.unique(groups))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(10, 60))
def test_every_fold_has_as_many_labels_whatever_their_pixels(seed: int, labels: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 60, labels)
    groups = np.repeat(np.arange(labels) * 7 + 3, sizes)
    folds = random_number_folds(groups, seed)
    assert isinstance(folds, Folds) and folds.count == (10 if labels >= 20 else 5)
    inner = inner_number_folds(groups, seed)
    assert inner is not None
    for numbers, count in ((folds.numbers, folds.count), (inner, 5)):
        assert together(numbers, groups)
        held = [len(np.unique(groups[numbers == fold])) for fold in range(count)]
        assert max(held) - min(held) <= 1


def test_few_labels_are_said_however_many_pixels_they_have() -> None:
    for reason in (random_number_folds(np.repeat(np.arange(9), 100), 0),
                   block_number_folds(np.repeat(np.arange(9), 100), *np.random.rand(2, 900) * 1e4, 0, 10, 0)):
        assert reason == "too few for cross-validation: 9 labels, at least 10 are needed"


def test_blocks_stay_whole_and_an_automatic_block_is_coarse() -> None:
    x, y = np.random.default_rng(0).uniform(0, 10_000, (2, 400))
    folds = block_number_folds(np.arange(400), x, y, 0, 10, 0)
    assert isinstance(folds, Folds) and folds.count == 10 and folds.block_size == pytest.approx(2500, rel=0.02)
    blocks = (x - x.min()) // folds.block_size * 100 + (y - y.min()) // folds.block_size
    assert together(folds.numbers, blocks)
    fixed = block_number_folds(np.arange(400), x, y, 1000, 10, 0)
    assert isinstance(fixed, Folds) and fixed.block_size == 1000


@pytest.mark.parametrize(("size", "count"), [(5001, 4), (7000, 4), (2501, 10)])
def test_large_blocks_make_as_many_folds_as_there_are(size: float, count: int) -> None:
    x, y = np.meshgrid(np.linspace(0, 10_000, 12), np.linspace(0, 10_000, 12))
    folds = block_number_folds(np.arange(144), x.ravel(), y.ravel(), size, 10, 0)
    assert isinstance(folds, Folds) and folds.count == count


def test_one_block_is_none() -> None:
    x, y = np.random.default_rng(0).uniform(0, 1000, (2, 50))
    reason = block_number_folds(np.arange(50), x, y, 5000, 10, 0)
    assert isinstance(reason, str) and "all labels lie in one block of 5000 CRS units" in reason
    near = block_number_folds(np.arange(50), x / 100, y / 100, 0, 10, 0)
    assert isinstance(near, str) and "too close together" in near


def test_two_far_places_are_two_folds() -> None:
    x = np.r_[np.zeros(10), np.full(10, 1e5)] + np.arange(20) % 3
    folds = block_number_folds(np.arange(20), x, np.zeros(20), 30_000, 10, 0)
    assert isinstance(folds, Folds) and folds.count == 2
    assert set(folds.numbers[:10]) != set(folds.numbers[10:])
