"""The page on a regression: its figures are those of the model, and what is missing is said."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bitscape.processing.classification.model import BasisReference
from bitscape.processing.regression.figures import number_validation_of
from bitscape.processing.regression.model import LabelRange, RegressionModel
from bitscape.processing.regression.ridge import HeldOut
from bitscape.processing.regression.sampling import NumberSample
from bitscape.processing.reports.page import render
from bitscape.processing.training.regression_report import MOST_POINTS, regression_page

EVIL = "<b>h</b>"


def made(rows: int = 60, worse: float = 1.0, **changes: Any) -> tuple[RegressionModel, NumberSample, HeldOut, HeldOut]:
    """A model, its rows and what was held out at random and, with errors ``worse`` times as large, in new places."""
    random = np.random.default_rng(0)
    values = random.uniform(0, 40, rows)
    sample = NumberSample(np.zeros((rows, 2), np.int8), values, np.arange(rows), np.ones(rows), values, values, [])
    errors, folds = random.normal(0, 2, rows), np.arange(rows) % 10
    near, far = (HeldOut(values + factor * errors, np.full(rows, values.mean()), [1.0] * 10) for factor in (1, worse))
    figures = [number_validation_of(values, one, sample.weights, sample.groups, folds) for one in (near, far)]
    model = RegressionModel(**{
        "target": EVIL, "unit": "m", "weights": [0.1, 0.2], "bias": 3.0,
        "basis": BasisReference(fingerprint="x", features="single", dates=["2024"]), "alpha": 1.0,
        "labels": LabelRange(minimum=0, low=1, mean=20, high=39, maximum=40, labels=rows, pixels=rows),
        "random": figures[0], "spatial": figures[1], "random_reason": "", "spatial_reason": "", "block_size": 500.0,
        "warnings": [], "provenance": {"operation": "trainclassifier"}, **changes})
    return model, sample, near, far


def words(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", re.sub("<(style|svg).*?</\\1>", "", page, flags=re.S)).split())


def test_random_and_new_places_stand_side_by_side() -> None:
    model, sample, near, far = made(worse=2)
    page = render(regression_page(model, sample, near, far))
    assert EVIL not in page and "&lt;b&gt;h&lt;/b&gt; (m)" in page
    text = words(page)
    assert model.random is not None and model.spatial is not None
    assert f"RMSE {model.random.rmse:.4g} m {model.spatial.rmse:.4g} m" in text
    assert f"RMSE of the labels' mean alone {model.random.baseline_rmse:.4g} m" in text.replace("&#39;", "'")
    assert "In new places the error is 2.0 times that of random folds" in text
    assert len(re.findall("<svg", page)) == 2 and text.count("R² of a fold compares") == 2
    assert "Blocks of 500 CRS units" in text
    assert regression_page(model, sample, near, far) == regression_page(model, sample, near, far)


def test_worse_than_the_mean_is_said() -> None:
    model, sample, near, far = made(worse=9)
    assert "away from the labels the map says nothing" in words(render(regression_page(model, sample, near, far)))


@pytest.mark.parametrize("only_random", [True, False])
def test_a_figure_that_is_missing_has_its_reason(only_random: bool) -> None:
    without = {"spatial": None, "spatial_reason": "all in one block"}
    if not only_random:
        without |= {"random": None, "random_reason": "9 labels"}
    model, sample, near, _ = made(**without)
    page = render(regression_page(model, sample, near if only_random else None, None))
    assert "No figure for new places: all in one block." in words(page)
    assert ("No figure for random folds: 9 labels." in words(page)) != only_random
    assert len(re.findall("<svg", page)) == (2 if only_random else 0)


def test_a_hundred_thousand_pixels_make_a_page_that_opens() -> None:
    model, sample, near, far = made(rows=100_000)
    page = render(regression_page(model, sample, near, far))
    assert len(page) < 2_000_000 and f"{MOST_POINTS} pixels, drawn at random, are shown" in page
