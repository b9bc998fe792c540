"""The score kernels against float64."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.scoring import count_values, score_classes, score_positive
from hypothesis import given, settings
from hypothesis import strategies as st


def codes_of(seed: int, k: int, pixels: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    codes = random.integers(-127, 128, (k, pixels)).astype(np.int8)
    codes[:, random.random(pixels) < 0.1] = -128
    return codes


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 70), st.integers(1, 9000), st.floats(-4, 1), st.floats(-5, 5))
def test_scores_are_within_one(seed: int, k: int, pixels: int, power: float, bias: float) -> None:
    codes = codes_of(seed, k, pixels)
    weights = np.random.default_rng(seed + 1).standard_normal(k) * 10**power
    out = np.zeros(pixels, np.uint8)
    score_positive(codes, weights, bias, out)
    logits = np.clip(weights @ codes.astype(np.float64) + bias, -700, 700)
    expected = np.where(codes[0] == -128, 255, np.rint(254 / (1 + np.exp(-logits))))
    assert np.abs(out - expected).max() <= 1
    assert ((out == 255) == (codes[0] == -128)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 9000), st.integers(3, 9), st.floats(-4, 0))
def test_class_scores_are_within_one(seed: int, k: int, pixels: int, total: int, power: float) -> None:
    codes = codes_of(seed, k, pixels)
    random = np.random.default_rng(seed + 1)
    weights, bias = random.standard_normal((total, k)) * 10**power, random.standard_normal(total)
    scores, classes = np.zeros((total, pixels), np.uint8), np.zeros(pixels, np.uint8)
    score_classes(codes, weights, bias, scores, classes)
    logits = weights @ codes.astype(np.float64) + bias[:, None]
    p = np.exp(logits - logits.max(axis=0))
    expected = np.where(codes[0] == -128, 255, np.rint(254 * p / p.sum(axis=0)))
    assert np.abs(scores - expected).max() <= 1
    assert ((classes == 0) == (codes[0] == -128)).all()
    covered = np.flatnonzero(classes)
    best = np.sort(logits, axis=0)[-2:, covered]
    clear = best[1] - best[0] > 1e-3 * (1 + np.abs(best[1]))
    assert (classes[covered][clear] == logits.argmax(axis=0)[covered][clear] + 1).all()
    assert (scores.max(axis=0)[covered] == scores[classes[covered] - 1, covered]).all()


@pytest.mark.parametrize("size", [0, 1, 7, 100_003])
def test_values_are_counted(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 256, size, np.uint8) // 3 * 3
    assert np.array_equal(count_values(values), np.bincount(values, minlength=256))


def test_the_score_never_falls_as_the_logit_rises() -> None:
    codes = np.arange(-127, 128, dtype=np.int8)[None]
    for weight in (0.01, 0.05, 0.08, 1.0):
        out = np.zeros(codes.shape[1], np.uint8)
        score_positive(codes, np.array([weight]), 0.0, out)
        assert (np.diff(out.astype(int)) >= 0).all()
        assert out[127] == 127
    assert (out[0], out[-1]) == (0, 254)


@pytest.mark.parametrize("k", [1, 8, 9])
def test_a_view_of_a_larger_array_is_scored_alike(k: int) -> None:
    codes = codes_of(0, k, 5000)
    weights = np.linspace(-0.05, 0.05, k)
    whole, part = np.zeros(5000, np.uint8), np.zeros(1000, np.uint8)
    score_positive(codes, weights, 0.1, whole)
    score_positive(codes[:, 1234:2234], weights, 0.1, part)
    np.testing.assert_array_equal(part, whole[1234:2234])
