"""Folds test each row once, never train on what they test, and keep blocks of ground together."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.study import splits
from bitscape.processing.study.splits import random_split, spatial_split

NAMES = ("a", "b", "c")


def scene(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 1000, (rows, 2))
    return rng.integers(0, 3, rows), xy


def test_random_folds_test_every_row_once_with_the_classes_shares() -> None:
    classes, _ = scene()
    split = random_split(classes, NAMES, 1)
    assert not isinstance(split, str)
    assert sorted(split.tested.tolist()) == list(range(600)) and len(split.folds) == 5
    for fold in split.folds:
        assert not set(fold.train) & set(fold.test) and len(fold.train) + len(fold.test) == 600
        shares = np.bincount(classes[fold.test]) / len(fold.test) - np.bincount(classes) / 600
        assert np.abs(shares).max() < 0.02
        assert fold.inner is not None and set(fold.inner.tolist()) == {0, 1, 2}


def test_spatial_folds_share_no_block_inside_or_out() -> None:
    classes, xy = scene()
    split = spatial_split(classes, NAMES, xy, 0, 1)
    assert not isinstance(split, str)
    assert split.block_size == pytest.approx(np.ptp(xy, axis=0).max() / 8), "the largest with at least twenty blocks"
    assert split.tested_blocks == 64
    assert sorted(split.tested.tolist()) == list(range(600))
    for fold in split.folds:
        assert not set(split.blocks[fold.train]) & set(split.blocks[fold.test])
        assert fold.inner is not None
        for number in range(3):
            inside = split.blocks[fold.train]
            assert not set(inside[fold.inner == number]) & set(inside[fold.inner != number])


def test_few_places_are_better_than_tiny_blocks() -> None:
    """Ten places far apart: more blocks would only cut the places up."""
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 1000, (10, 2))
    xy = places[np.arange(300) % 10] + rng.uniform(0, 1, (300, 2))
    split = spatial_split(rng.integers(0, 3, 300), NAMES, xy, 0, 1)
    assert not isinstance(split, str) and split.block_size is not None
    assert split.tested_blocks <= 12 and split.block_size > 200


def test_a_given_block_is_kept_to() -> None:
    classes, xy = scene()
    split = spatial_split(classes, NAMES, xy, 100, 1)
    assert not isinstance(split, str) and split.block_size == 100
    assert len(np.unique(split.blocks)) == 100


def test_of_many_rows_one_fold_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "ALL_FOLDS", 500)
    classes, xy = scene()
    for split in (random_split(classes, NAMES, 0), spatial_split(classes, NAMES, xy, 0, 0)):
        assert not isinstance(split, str) and len(split.folds) == 1 and 60 < len(split.tested) < 240
    spatial = spatial_split(classes, NAMES, xy, 0, 0)
    assert not isinstance(spatial, str) and spatial.tested_blocks >= 20


def test_why_there_is_no_split() -> None:
    classes, xy = scene()
    assert "one class (a)" in str(random_split(np.zeros(50, np.int64), ("a",), 0))
    rare = np.r_[np.zeros(50, np.int64), 1, 1]
    assert "class b has 2 rows" in str(random_split(rare, ("a", "b"), 0))
    assert "one place" in str(spatial_split(classes, NAMES, np.ones((600, 2)), 0, 0))
    assert "cannot be shared out" in str(spatial_split(classes, NAMES, xy, 5000, 0))
    corner = (xy < 20).all(axis=1).astype(np.int64)
    corner[np.argsort(xy.sum(axis=1))[:8]] = 1
    assert "every class" in str(spatial_split(corner, ("a", "b"), xy, 250, 0)), "one class lies in one block"


def test_rare_classes_leave_no_inner_folds() -> None:
    classes = np.r_[np.zeros(60, np.int64), np.ones(5, np.int64)]
    split = random_split(classes, ("a", "b"), 0)
    assert not isinstance(split, str)
    assert all(fold.inner is not None for fold in split.folds), "four rows are enough for three"
    blocks = np.r_[np.arange(60), np.zeros(5, np.int64)]
    assert splits._inner(classes, blocks, 0) is None, "all of a class in one block"
