"""Classes, confidence and scores as bytes, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.prediction.decision import NO_CLASS, Decision
from bitscape.processing.prediction.smoothing import smoothed
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter

EVERYWHERE = np.ones((1, 4), bool)


def decide(scores: list[list[float]], **rules: object) -> tuple[list[int], list[int]]:
    """Classes and confidence of a row of pixels."""
    rules = {"values": tuple(range(len(scores))), "exclusive": True, "threshold": 0.0, "other": NO_CLASS} | rules
    planes = np.array(scores, np.float32)[:, None]
    classes, confidence, _ = Decision(**rules)(planes, np.ones(planes.shape[1:], bool))  # type: ignore[arg-type]
    return classes[0].tolist(), confidence[0].tolist()


def test_the_largest_of_classes_that_exclude_each_other() -> None:
    classes, confidence = decide([[0.7, 0.2, 0.4], [0.2, 0.5, 0.4], [0.1, 0.3, 0.2]], values=(3, 7, 9))
    assert classes == [3, 7, 3]
    assert confidence == [127, round(0.2 * 254), 0], "the margin to the next class"


def test_a_least_score_only_where_it_is_asked_for() -> None:
    scores = [[0.7, 0.4], [0.2, 0.35], [0.1, 0.25]]
    assert decide(scores)[0] == [0, 0]
    assert decide(scores, threshold=0.5)[0] == [0, NO_CLASS]
    assert decide(scores, threshold=0.5, other=2)[0] == [0, 2]


def test_yes_or_no() -> None:
    classes, confidence = decide([[0.9, 0.5, 0.49, 0.1]], values=(1,), exclusive=False, threshold=0.5, other=0)
    assert classes == [1, 1, 0, 0]
    assert confidence == [round(0.8 * 254), 0, round(0.02 * 254), round(0.8 * 254)]
    assert decide([[0.3]], values=(1,), exclusive=False, threshold=0.25, other=0)[0] == [1]


def test_several_that_do_not_exclude_each_other() -> None:
    classes, confidence = decide(
        [[0.9, 0.2, 0.6], [0.8, 0.3, 0.1]], values=(1, 2), exclusive=False, threshold=0.5, other=0
    )
    assert classes == [1, 0, 1]
    assert confidence == [round(0.1 * 254), round(0.4 * 254), round(0.2 * 254)]


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_against_numpy(channels: int, seed: int, exclusive: bool) -> None:
    random = np.random.default_rng(seed)
    scores = random.uniform(0, 1, (channels, 9, 17)).astype(np.float32)
    scores /= scores.sum(axis=0) if exclusive and channels > 1 else 1
    wanted = random.uniform(size=(9, 17)) < 0.8
    values = tuple(int(value) for value in random.permutation(200)[:channels])
    threshold = 0.0 if exclusive else 0.5
    classes, confidence, quantised = Decision(values, exclusive, threshold, 201)(scores, wanted)
    best = np.sort(scores, axis=0)[::-1]
    second = best[1] if channels > 1 else np.zeros_like(best[0])
    expected = np.where(best[0] >= threshold, np.array(values)[scores.argmax(axis=0)], 201)
    margin = best[0] - second
    if not exclusive:
        margin = np.maximum(best[0], 1 - best[0]) - np.maximum(second, np.minimum(best[0], 1 - best[0]))
    assert (classes[wanted] == expected[wanted]).all() and (classes[~wanted] == NO_CLASS).all()
    assert (
        np.abs(confidence[wanted] - margin[wanted] * 254).max(initial=0) <= 0.51 and (confidence[~wanted] == 255).all()
    )
    assert np.abs(quantised[:, wanted] - scores[:, wanted] * 254).max(initial=0) <= 0.51
    assert (quantised[:, ~wanted] == 255).all()


@pytest.mark.parametrize("side", [3, 5, 9])
def test_of_two_classes_the_filter_is_the_median(side: int) -> None:
    random = np.random.default_rng(0)
    classes = (random.uniform(size=(70, 90)) < 0.4).astype(np.uint8)
    found = np.concatenate([rows for _, rows in smoothed(classes, side)])
    inner = np.s_[side:-side, side:-side]  # at the edge scipy reflects, we cut
    assert (found[inner] == median_filter(classes, side)[inner]).all()


def test_the_most_frequent_of_many_classes_pixel_by_pixel() -> None:
    random = np.random.default_rng(1)
    classes = random.choice(np.array([0, 3, 200, NO_CLASS], np.uint8), (40, 50))
    found = np.concatenate([rows for _, rows in smoothed(classes, 5)])
    for row in range(40):
        for column in range(50):
            own = classes[row, column]
            if own == NO_CLASS:
                assert found[row, column] == NO_CLASS, "what is unknown stays so"
                continue
            square = classes[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
            counts = {value: int((square == value).sum()) for value in (0, 3, 200)}
            most = max(counts.values())
            expected = own if counts[own] == most else min(value for value, count in counts.items() if count == most)
            assert found[row, column] == expected


def test_bands_of_rows_are_cut_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    from bitscape.processing.prediction import smoothing

    classes = np.random.default_rng(2).integers(0, 3, (300, 64)).astype(np.uint8)
    whole = np.concatenate([rows for _, rows in smoothed(classes, 9)])
    monkeypatch.setattr(smoothing, "WORK", 64 * 34 * 7)
    bands = list(smoothed(classes, 9))
    assert len(bands) > 40 and (np.concatenate([rows for _, rows in bands]) == whole).all()
