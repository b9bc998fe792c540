"""McNemar, bootstrap and F1 against the binomial test, closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.study.significance import (
    McNemar,
    adjusted_low,
    difference_of_means,
    f1_by_class,
    mcnemar,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 30))
def test_mcnemar_is_the_binomial_test_of_the_discordant(lost: int, won: int, agreed: int) -> None:
    first = np.array([True] * lost + [False] * won + [True] * agreed, bool)
    second = np.array([False] * lost + [True] * won + [True] * agreed, bool)
    found = mcnemar(first, second)
    assert (found.lost, found.won) == (lost, won)
    assert found.p == pytest.approx(binomtest(lost, lost + won).pvalue if lost + won else 1)
    assert mcnemar(second, first).p == pytest.approx(found.p)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 500))
def test_the_adjusted_end_is_bonett_and_prices(lost: int, won: int, agreed: int) -> None:
    rows = lost + won + agreed + 1
    p12, p21 = (won + 1) / (rows + 2), (lost + 1) / (rows + 2)
    error = np.sqrt((p12 + p21 - (p12 - p21) ** 2) / (rows + 2))
    found = adjusted_low(McNemar(lost, won, 0.5), rows)
    assert found == pytest.approx(p12 - p21 - 1.959964 * error)
    assert found < (won - lost) / rows


def test_the_adjusted_end_is_near_the_bootstraps_where_there_is_much_to_draw() -> None:
    rng = np.random.default_rng(0)
    change = rng.choice([-1.0, 0.0, 1.0], 3000, p=[0.05, 0.92, 0.03])
    test = McNemar(int((change < 0).sum()), int((change > 0).sum()), 0.5)
    low = difference_of_means(change, np.arange(3000), 0).low
    assert adjusted_low(test, 3000) == pytest.approx(low, abs=0.001)


def test_the_interval_of_independent_rows_is_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    change = rng.choice([-1.0, 0.0, 1.0], 4000, p=[0.06, 0.9, 0.04])
    found = difference_of_means(change, np.arange(4000), 1)
    half = 1.96 * change.std() / np.sqrt(4000)
    assert found.value == pytest.approx(change.mean())
    assert found.low == pytest.approx(change.mean() - half, abs=0.0006)
    assert found.high == pytest.approx(change.mean() + half, abs=0.0006)


def test_rows_that_hang_together_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(40), 50)
    change = rng.choice([-1.0, 0.0, 1.0], 40)[blocks]  # whole blocks win or lose
    alone = difference_of_means(change, np.arange(2000), 0)
    together = difference_of_means(change, blocks, 0)
    assert together.value == alone.value
    expected = np.sqrt(50) * (alone.high - alone.low)
    assert together.high - together.low == pytest.approx(expected, rel=0.1)


def test_many_kinds_of_blocks_are_drawn_one_by_one() -> None:
    """Sums that are all different: the other way to draw, the same distribution."""
    rng = np.random.default_rng(2)
    change = rng.standard_normal(900)
    found = difference_of_means(change, np.arange(900), 0)
    half = 1.96 * change.std() / 30
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(part) for part in zip(*pairs, strict=True))
    found = f1_by_class(truth, predicted, 5)
    wanted = f1_score(truth, predicted, labels=range(5), average=None, zero_division=np.nan)
    np.testing.assert_allclose(found, wanted)
