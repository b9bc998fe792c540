"""Estimates: the published examples to their printed digits, independent formulas, and what cannot be known."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.statistics.estimation import Answers, Estimate, estimate, single_units, unseen_share
from bitscape.tests.processing.statistics.simulated_map import DESIGNS, coverage, landscape
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta


def by_class(counts: list[list[int]], areas: list[float]) -> Answers:
    """A sample stratified by the map's classes, from its table of counts (mapped, reference)."""
    table = np.array(counts)
    mapped, reference = (np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape))
    return Answers(mapped, np.array(areas, float), np.full(len(mapped), -1), mapped, reference, len(table))


def letters(text: str) -> NDArray[np.int64]:
    return np.array(["ABCD".index(letter) for letter in text])


def shown(estimates: list[Estimate | None], digits: int = 2) -> list[tuple[float, float]]:
    """Value and 1.96 standard errors, rounded as printed."""
    return [(round(one.value, digits), round(one.margin, digits)) for one in estimates]


def test_the_worked_example_of_olofsson_2014() -> None:
    """Olofsson et al. (2014), Remote Sens. Environ. 148, section 5 and Tables 8 and 9: deforestation, forest gain,
    stable forest, stable non-forest. Two of the printed ± of producer's accuracy, 0.23 (forest gain) and 0.01 (stable
    non-forest), do not follow from the paper's own equation 7, which gives 0.254 and 0.018."""
    counts = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
    pixels = [200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0]
    found = estimate(by_class(counts, pixels))
    assert shown([found.overall]) == [(0.95, 0.02)]
    assert shown(found.users) == [(0.88, 0.07), (0.73, 0.10), (0.93, 0.04), (0.96, 0.02)]
    assert [value for value, _ in shown(found.producers)] == [0.75, 0.85, 0.93, 0.96]
    assert [margin for _, margin in shown(found.producers, 3)] == [0.213, 0.254, 0.034, 0.018]
    hectares = sum(pixels) * 0.09
    assert [round(one.value * hectares) for one in found.reference] == [21_158, 11_686, 285_770, 581_386]
    margins = [one.margin * hectares for one in found.reference]
    assert np.allclose(margins, [6_158, 3_756, 15_510, 16_282], atol=0.6)
    assert round(found.reference[0].value * sum(pixels)) in (235_086, 235_087)  # 235,086.2
    assert found.confusion.round(4).tolist() == [
        [0.0176, 0, 0.0013, 0.0011], [0, 0.0110, 0.0016, 0.0024], [0.0019, 0, 0.2967, 0.0213],
        [0.0040, 0.0020, 0.0179, 0.6212]]
    assert [one.value for one in found.mapped] == pytest.approx([0.02, 0.015, 0.32, 0.645])
    assert [one.error for one in found.mapped] == pytest.approx([0] * 4, abs=1e-12)  # the map is known everywhere


def test_the_first_example_of_olofsson_2013() -> None:
    """Olofsson et al. (2013), Remote Sens. Environ. 129, 122–131, Tables 1 to 4: 45,112 pixels of deforestation where
    22,353 were mapped. Its margin follows from unrounded shares; the paper rounds on the way."""
    pixels = [22_353.0, 1_122_543.0, 610_228.0]
    found = estimate(by_class([[97, 0, 3], [3, 279, 18], [2, 1, 97]], pixels))
    assert round(found.reference[0].value * sum(pixels)) == 45_112
    assert found.reference[0].margin * sum(pixels) == pytest.approx(21_073, abs=1)
    assert [round(one.value, 2) for one in found.users] == [0.97, 0.93, 0.97]
    assert [round(one.value, 2) for one in found.producers] == [0.48, 0.99, 0.90]
    assert round(found.overall.value, 2) == 0.94


STRATA, PIXELS = letters("A" * 10 + "B" * 10 + "C" * 10 + "D" * 10), np.array([40_000.0, 30_000, 20_000, 10_000])
MAPPED = letters("A" * 7 + "B" * 3 + "A" + "B" * 11 + "C" * 6 + "BB" + "D" * 10)
REFERENCE = letters("A" * 5 + "CBABCA" + "B" * 5 + "AABB" + "C" * 5 + "DDBBA" + "D" * 7 + "CCB")


def test_the_example_of_stehman_2014_with_strata_that_are_not_the_classes() -> None:
    """Stehman (2014), Int. J. Remote Sensing 35, Table 2 and pp. 4932–4936; without its finite population correction,
    which is 1 in 1000 here. One printed figure, 0.114 for the standard error of producer's accuracy of B, does not
    follow from the paper's own equation 28 and Table 2, which give 0.1166 (and 0.1165 with the correction)."""
    found = estimate(Answers(STRATA, PIXELS, np.full(40, -1), MAPPED, REFERENCE, 4))
    assert round(found.reference[0].value, 3) == 0.35 and round(found.reference[2].value, 3) == 0.20
    assert round(found.reference[0].error, 3) == 0.082 and round(found.reference[2].error, 3) == 0.064
    assert round(found.overall.value, 3) == 0.63 and round(found.overall.error, 3) == 0.085
    assert round(found.users[1].value, 3) == 0.574 and round(found.users[1].error, 3) == 0.125
    assert round(found.producers[1].value, 3) == 0.794 and round(found.producers[1].error, 3) == 0.117
    assert round(found.confusion[1, 2], 3) == 0.08


def test_f1_is_the_combined_ratio_of_stehman() -> None:
    """Against equation 28 written out: y = 2·I(mapped and true), x = I(mapped) + I(true)."""
    found = estimate(Answers(STRATA, PIXELS, np.full(40, -1), MAPPED, REFERENCE, 4))
    y, x = 2.0 * ((MAPPED == 1) & (REFERENCE == 1)), 1.0 * (MAPPED == 1) + (REFERENCE == 1)
    total_y, total_x, variance = 0.0, 0.0, 0.0
    for stratum, size in enumerate(PIXELS):
        inside = stratum == STRATA
        total_y, total_x = total_y + size * y[inside].mean(), total_x + size * x[inside].mean()
    ratio = total_y / total_x
    for stratum, size in enumerate(PIXELS):
        inside = stratum == STRATA
        table = np.cov(y[inside], x[inside])
        variance += size**2 * (table[0, 0] + ratio**2 * table[1, 1] - 2 * ratio * table[0, 1]) / inside.sum()
    assert found.f1[1].value == pytest.approx(ratio)
    assert found.f1[1].error == pytest.approx(np.sqrt(variance) / total_x)
    precision, recall = found.users[1].value, found.producers[1].value
    assert found.f1[1].value == pytest.approx(2 * precision * recall / (precision + recall))
    assert found.iou[1].value == pytest.approx(ratio / (2 - ratio))


def test_points_of_a_primary_unit_count_as_one_draw() -> None:
    """Hansen and Hurwitz: with equal shares, the mean of the means of the draws, and the variance between them."""
    reference = np.array([1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
    clusters = np.repeat([4, 7, 9], 4)
    zeros = np.zeros(12, np.int64)
    found = estimate(Answers(zeros, np.array([5.0]), clusters, zeros, reference, 2)).reference[1]
    means = [0.5, 1.0, 0.0]
    assert found.value == pytest.approx(0.5)
    assert found.error == pytest.approx(np.std(means, ddof=1) / np.sqrt(3))
    alone = estimate(Answers(zeros, np.array([5.0]), np.full(12, -1), zeros, reference, 2)).reference[1]
    assert found.error > 1.8 * alone.error and found.low < alone.low and found.high > alone.high


def test_units_of_the_same_number_in_two_strata_are_two_units() -> None:
    strata, clusters = np.repeat([0, 1], 4), np.tile([1, 1, 2, 2], 2)
    answers = Answers(strata, np.ones(2), clusters, strata, np.array([0, 0, 0, 1, 1, 1, 0, 1]), 2)
    assert estimate(answers).overall.error == pytest.approx(np.sqrt(2 * 0.25 * 0.125 / 2))


def test_a_single_point_in_a_stratum_leaves_no_standard_error() -> None:
    answers = by_class([[1, 0], [2, 8]], [10.0, 90.0])
    found = estimate(answers)
    assert single_units(answers) == [0]
    assert found.overall.value == pytest.approx(0.1 + 0.9 * 0.8)
    for one in (found.overall, *found.users, *found.producers, *found.f1, *found.reference):
        assert (one.error, one.low, one.high, one.margin) == (None, None, None, None)
    assert single_units(by_class([[2, 0], [2, 8]], [10.0, 90.0])) == []


def test_no_point_of_a_class_leaves_room_for_some() -> None:
    strata = np.repeat([0, 1], [20, 30])
    found = estimate(Answers(strata, np.array([10.0, 90.0]), np.full(50, -1), strata, strata, 3))
    assert found.overall.value == 1 and found.overall.error == 0
    assert found.overall.low < 0.93 and found.overall.high == 1  # not 1 ± 0
    assert found.reference[2].value == 0 and 0.05 < found.reference[2].high < 0.13
    assert found.users[2] is None and found.producers[2] is None and found.f1[2] is None


@pytest.mark.parametrize("points", [1, 30, 400])
def test_the_bound_of_an_unseen_class_is_clopper_and_pearsons(points: int) -> None:
    assert unseen_share(points) == pytest.approx(beta.ppf(0.95, 1, points))
    assert unseen_share(points) <= 3 / points


def test_users_accuracy_in_its_own_stratum_has_wilsons_interval() -> None:
    found = estimate(by_class([[45, 5], [3, 97]], [10.0, 90.0])).users[0]
    z, n, p = 1.96, 50, 0.9
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (found.low, found.high) == pytest.approx(
        ((centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)), abs=0.01)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_estimates_lie_in_their_intervals_and_areas_add_up(seed: int, strata: int, classes: int, paired: bool) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2 * strata, 60))
    of = np.concatenate([np.arange(strata), rng.integers(0, strata, count - strata)])
    clusters = rng.integers(0, 8, count) if paired else np.full(count, -1)
    mapped, reference = rng.integers(0, classes, (2, count))
    found = estimate(Answers(of, rng.random(strata) + 0.01, clusters, mapped, reference, classes))
    assert found.confusion.sum() == pytest.approx(1)
    assert np.trace(found.confusion) == pytest.approx(found.overall.value)
    assert sum(one.value for one in found.reference) == pytest.approx(1)
    assert [one.value for one in found.mapped] == pytest.approx(found.confusion.sum(axis=1))
    for one in (found.overall, *found.users, *found.producers, *found.f1, *found.iou, *found.mapped, *found.reference):
        if one is not None and one.error is not None:
            assert -1e-9 <= one.low <= one.value + 1e-9 and one.value - 1e-9 <= one.high <= 1 + 1e-9
            assert np.isfinite([one.error, one.low, one.high]).all() and one.error >= 0


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """In 1000 samples stratified by a map with known truth, about 950 times."""
    found = coverage(landscape(), DESIGNS["by_map"], 1000)
    for name, one in found.items():
        assert 0.93 <= one.ours <= 0.97, (name, one)
        assert one.custom < one.ours, (name, one)
    assert found["area"].mean == pytest.approx(landscape().change, rel=0.01)  # no bias


@pytest.mark.parametrize("design", [name for name in DESIGNS if name != "by_map"])
def test_intervals_hold_the_truth_in_other_designs(design: str) -> None:
    """In 400 samples; three standard errors of the count are 3 %."""
    found = coverage(landscape(), DESIGNS[design], 400)
    for name, one in found.items():
        assert 0.92 <= one.ours <= 0.98, (name, one)
    assert found["area"].mean == pytest.approx(landscape().change, rel=0.02)
