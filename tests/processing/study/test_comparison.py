"""The figures of a recipe against float32, the rule of the recommendation, and the Pareto front."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.embeddings.source import Product
from bitscape.processing.study.comparison import Agreement, Compared, compare, front, recommend
from bitscape.processing.study.evaluate import Evaluation
from bitscape.processing.study.labelled import Labelled
from bitscape.processing.study.significance import Interval, McNemar
from bitscape.processing.study.splits import random_split
from bitscape.processing.study.storage import Storage
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, r2_score


def one(recipe: str, size: int, knn: tuple[float, float], probe: tuple[float, float]) -> Compared:
    """A recipe whose changes are (value, low)."""
    def agreement(value: float, low: float) -> Agreement:
        return Agreement(0.9 + value, 0.9, np.array([0.9]), Interval(value, low, value + 0.01), np.array([0.0]),
                         McNemar(3, 2, 0.62), low)

    return Compared(recipe, Storage(size, size, 1, 1), agreement(*knn), agreement(*probe), 1.0, 0.9, None, None, None)


GRID = [
    one("float32", 256, (0, 0), (0, 0)), one("int8", 64, (0.001, -0.002), (-0.001, -0.004)),
    one("int4", 32, (-0.002, -0.006), (-0.004, -0.0099)), one("pca-32+int8", 32, (-0.001, -0.004), (-0.001, -0.005)),
    one("binary-median", 8, (-0.005, -0.012), (0, -0.002)), one("itq", 8, (-0.001, -0.002), (-0.03, -0.04)),
]


def test_the_smallest_recipe_that_rules_the_loss_out_by_both_is_taken() -> None:
    found = recommend(GRID, "spatial", 1.0)
    assert found.recipe == "pca-32+int8", "of equal bytes the one that loses less; smaller ones fail one of the two"
    for words in ("32 bytes", "8 × smaller", "spatial split", "loses 0.1 points", "p = 0.62",
                  "binary-median (8 bytes) may lose 1.2 points"):
        assert words in found.sentence, found.sentence


def test_the_loss_that_is_acceptable_decides() -> None:
    assert recommend(GRID, "random", 1.5).recipe == "binary-median"
    assert recommend(GRID, "random", 0.45).recipe == "int8"
    none = recommend(GRID, "random", 0.1)
    assert none.recipe == "float32" and "int8 (64 bytes), which may lose 0.4 points" in none.sentence
    assert recommend(GRID[:1], "random", 1).recipe == "float32"


@pytest.mark.parametrize(("rows", "recipe"), [(60, "float32"), (600, "int8")])
def test_few_rows_rule_no_small_loss_out_even_where_nothing_differs(rows: int, recipe: str) -> None:
    truth = np.arange(rows) % 2
    data = Labelled("m", "", np.zeros((rows, 2), np.float32), truth, ("a", "b"), Product("x"))
    split = random_split(truth, data.names, 0)
    assert not isinstance(split, str)

    def evaluation(name: str, size: int) -> Evaluation:
        same = truth[split.tested]
        return Evaluation(name, same, same, [1.0], np.zeros((rows, 2), np.int64), np.ones(rows), Storage(size, 1, 1, 1))

    before = evaluation("float32", 8)
    compared = [compare(data, split, one, before, 0) for one in (before, evaluation("int8", 2))]
    assert compared[1].knn.change.low == 0, "the bootstrap alone is sure"
    assert recommend(compared, "random", 1.0).recipe == recipe


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 30)), min_size=1, max_size=25))
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    sizes, scores = [size for size, _ in points], [float(score) for _, score in points]
    kept = front(sizes, scores)
    for index in range(len(points)):
        dominated = any(
            sizes[other] <= sizes[index] and scores[other] >= scores[index] and points[other] != points[index]
            for other in range(len(points)))
        assert (points[index] in [points[k] for k in kept]) == (not dominated)
    assert [sizes[k] for k in kept] == sorted({sizes[k] for k in kept})


def test_figures_are_those_of_the_libraries() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 500)
    rows = rng.standard_normal((500, 2)).astype(np.float32)
    values = rng.standard_normal(500)
    data = Labelled("m", "", rows, truth, ("a", "b", "c"), Product("x"), values=values)
    split = random_split(truth, data.names, 0)
    assert not isinstance(split, str)
    tested = split.tested

    def predicted(share: float) -> np.ndarray:
        wrong = rng.random(500) > share
        return np.where(wrong, (truth + 1) % 3, truth)[tested]

    def evaluation(name: str, share: float) -> Evaluation:
        return Evaluation(name, predicted(share), predicted(share), [1.0, 10.0, 10.0], np.zeros((500, 2), np.int64),
                          rng.random(500), Storage(4, 3.5, 1, 1), regressed=values[tested] + rng.standard_normal(500))

    before, after = evaluation("float32", 0.9), evaluation("int8", 0.8)
    found = compare(data, split, after, before, 0)
    y = truth[tested]
    assert found.knn.accuracy == pytest.approx(accuracy_score(y, after.knn))
    assert found.probe.macro_f1 == pytest.approx(f1_score(y, after.probe, average="macro"))
    np.testing.assert_allclose(found.knn.f1_drop, f1_score(y, before.knn, average=None) - f1_score(
        y, after.knn, average=None))
    lost, won = ((before.knn == y) & (after.knn != y)).sum(), ((before.knn != y) & (after.knn == y)).sum()
    assert found.knn.test == McNemar(lost, won, binomtest(int(lost), int(lost + won)).pvalue)
    assert found.knn.change.value == pytest.approx((won - lost) / 500)
    assert found.knn.change.low < found.knn.change.value < found.knn.change.high < 0
    assert found.regression is not None and before.regressed is not None and after.regressed is not None
    assert found.regression.r2 == pytest.approx(r2_score(values[tested], after.regressed))
    assert found.regression.change.value == pytest.approx(
        r2_score(values[tested], after.regressed) - r2_score(values[tested], before.regressed))
    assert found.knn.lowest == pytest.approx(found.knn.change.low, abs=0.01)
    assert found.recall == pytest.approx(after.recall.mean()) and found.c == 10
