"""Stratified folds against scikit-learn's own."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from bitscape.processing.classification.stratified import stratified, stratified_groups
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold


def of_library(splitter: Any, classes: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold of each row by scikit-learn."""
    numbers = np.empty(len(classes), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (_, test) in enumerate(splitter.split(classes, classes, groups)):
            numbers[test] = number
    return numbers


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 10), st.integers(2, 5), st.integers(0, 300))
def test_rows_are_shared_out_as_scikit_learn_does(seed: int, count: int, kinds: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    classes = np.concatenate([np.resize(np.arange(kinds), kinds * count), random.integers(0, kinds, rows)])
    random.shuffle(classes)
    expected = of_library(StratifiedKFold(count, shuffle=True, random_state=seed), classes)
    assert np.array_equal(stratified(classes, count, seed), expected)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 10), st.integers(2, 5), st.integers(50, 200), st.integers(12, 60))
def test_groups_are_shared_out_as_scikit_learn_does(
    seed: int, count: int, kinds: int, rows: int, blocks: int
) -> None:
    random = np.random.default_rng(seed)
    classes, groups = np.resize(np.arange(kinds), rows), random.integers(0, blocks, rows) * 7 - 20
    groups[:12] = np.arange(12) * 1000
    expected = of_library(StratifiedGroupKFold(count, shuffle=True, random_state=seed), classes, groups)
    found = stratified_groups(classes, groups, count, seed)
    assert np.array_equal(found, expected)
    assert all(len(set(found[groups == group])) == 1 for group in np.unique(groups))
