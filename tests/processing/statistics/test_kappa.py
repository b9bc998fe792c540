"""Agreement between interpreters: against scikit-learn, published examples, and where it has no meaning."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.statistics.kappa import cohen, krippendorff
from sklearn.metrics import cohen_kappa_score


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.choice(["a", "b", "c"], 80)
    second = np.where(rng.random(80) < 0.6, first, rng.choice(["a", "b", "d"], 80))
    found = cohen(first.tolist(), second.tolist())
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.low < found.value < found.high


def test_the_standard_error_is_that_of_the_textbook() -> None:
    """Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, ch. 18, Tables 18.1 to 18.4: 100
    patients, three diagnoses; kappa 0.68, standard error 0.087 or 0.088 by rounding on the way."""
    table = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    first, second = (np.repeat(index.ravel(), table.ravel()).astype(str).tolist() for index in np.indices(table.shape))
    found = cohen(first, second)
    assert round(found.value, 2) == 0.68 and found.error == pytest.approx(0.0875, abs=0.001)


def test_the_standard_error_is_what_repetition_shows() -> None:
    rng = np.random.default_rng(3)
    values, errors = [], []
    for _ in range(800):
        first = rng.choice(["a", "b"], 200, p=[0.3, 0.7])
        found = cohen(first.tolist(), np.where(rng.random(200) < 0.8, first, rng.choice(["a", "b"], 200)).tolist())
        values.append(found.value)
        errors.append(found.error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)


def test_kappa_of_one_class_or_no_common_point_is_undefined() -> None:
    found = cohen(["change"] * 4, ["change"] * 4)
    assert found.value is None and found.error is None and "“change”" in found.reason
    assert "no point in common" in cohen([], []).reason
    assert cohen(["a", "b"], ["a", "b"]).value == pytest.approx(1)


def test_alpha_of_krippendorffs_example_with_gaps() -> None:
    """Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C: four observers, twelve units, nominal
    alpha 0.743."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    labels = [[row[unit] for row in observers if row[unit] != "."] for unit in range(12)]
    found = krippendorff(labels)
    assert round(found.value, 3) == 0.743
    assert 0.4 < found.low < 0.743 < found.high <= 1


def test_alpha_of_two_without_gaps_is_close_to_scotts_pi() -> None:
    rng = np.random.default_rng(1)
    first = rng.choice(["a", "b"], 400)
    second = np.where(rng.random(400) < 0.7, first, rng.choice(["a", "b"], 400))
    found = krippendorff(list(zip(first.tolist(), second.tolist(), strict=True)))
    share = np.mean(np.concatenate([first, second]) == "a")
    chance = share**2 + (1 - share) ** 2
    assert found.value == pytest.approx((np.mean(first == second) - chance) / (1 - chance), abs=0.003)
    assert found.low < found.value < found.high


def test_alpha_needs_two_answers_and_two_classes() -> None:
    assert "no point has two" in krippendorff([["a"], ["b"]]).reason
    assert "chance alone" in krippendorff([["a", "a"], ["a", "a", "a"]]).reason
