"""What precision becomes where the class is rare, against closed forms and SciPy's exact intervals."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.figures import Validation, validation_of
from bitscape.processing.classification.prevalence import precision_at
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest


def validated(hits: int, missed: int, alarms: int, quiet: int, positive: int = 1) -> Validation:
    """Figures of labels of which so many were recognised."""
    truth = np.repeat([1, 1, 0, 0], [hits, missed, alarms, quiet])
    predicted = np.repeat([1, 0, 1, 0], [hits, missed, alarms, quiet])
    if positive == 0:
        truth, predicted = 1 - truth, 1 - predicted
    return validation_of(truth, predicted, np.arange(len(truth)) % 2, 2, positive)


COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)).filter(
    lambda counts: counts[0] + counts[1] > 0 and counts[2] + counts[3] > 0 and sum(counts) > 1)


@given(COUNTS, st.integers(0, 1), st.sampled_from([0.001, 0.01, 0.1, 0.5, 0.99]))
def test_by_bayes_rule_with_exact_bounds(counts: tuple[int, int, int, int], positive: int, prevalence: float) -> None:
    hits, missed, alarms, quiet = counts
    found = precision_at(validated(*counts, positive), positive, prevalence)
    recall, false = hits / (hits + missed), alarms / (alarms + quiet)
    # the ends of a two-sided 90 % interval are one-sided 95 % bounds
    low = binomtest(hits, hits + missed).proportion_ci(0.9, "exact").low
    high = binomtest(alarms, alarms + quiet).proportion_ci(0.9, "exact").high
    for value, r, f in ((found.precision, recall, false), (found.at_least, low, high)):
        named = prevalence * r + (1 - prevalence) * f
        assert value == pytest.approx(prevalence * r / named if named else 0.0, rel=1e-6, abs=1e-12)
    assert 0 <= found.at_least <= found.precision <= 1 and found.prevalence == prevalence


@given(COUNTS.filter(lambda counts: counts[0] + counts[2] > 0))
def test_at_the_labels_own_share_it_is_the_labels_precision(counts: tuple[int, int, int, int]) -> None:
    validation = validated(*counts)
    share = (counts[0] + counts[1]) / sum(counts)
    assert precision_at(validation, 1, share).precision == pytest.approx(counts[0] / (counts[0] + counts[2]))


def test_figures_one_can_check_by_hand() -> None:
    found = precision_at(validated(45, 5, 5, 45), 1, 0.01)
    assert found.precision == pytest.approx(0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.1)), "of .9 among the labels, .08"
    clean = precision_at(validated(50, 0, 0, 50), 1, 0.01)
    # of n without a failure the bound is 0.05^(1/n)
    recall, alarms = 0.05 ** (1 / 50), 1 - 0.05 ** (1 / 50)
    assert clean.precision == 1.0
    assert clean.at_least == pytest.approx(0.01 * recall / (0.01 * recall + 0.99 * alarms)) and clean.at_least < 0.2
    assert precision_at(validated(0, 50, 0, 50), 1, 0.01).precision == 0.0
    nothing = precision_at(validated(0, 50, 50, 0), 1, 0.01)
    assert nothing.precision == nothing.at_least == 0.0
    always = precision_at(validated(50, 0, 50, 0), 1, 0.01)
    assert always.precision == pytest.approx(0.01) and always.at_least < 0.01
    assert precision_at(validated(5000, 0, 0, 5000), 1, 0.01).at_least > clean.at_least, "more labels allow more"
