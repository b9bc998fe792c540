"""Scores from bit planes equal the loop over exemplars, bit for bit; also the order of equal scores."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest
from bitscape.processing.hamming import BitWeights, batch, scores, smallest
from hypothesis import given, settings
from hypothesis import strategies as st


def by_loop(codes: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Sums of FAISS's distances, one exemplar after another; integers until the one division."""
    def total(exemplars: np.ndarray) -> np.ndarray:
        out = np.zeros(len(codes), np.int64)
        if len(exemplars) == 0 or len(codes) == 0:
            return out
        index = faiss.IndexBinaryFlat(8 * codes.shape[1])
        index.add(codes)
        for exemplar in exemplars:
            found, rows = index.search(exemplar[None], len(codes))
            out[rows[0]] += found[0]
        return out

    wanted, unwanted = len(positives) or 1, len(negatives) or 1
    whole = math.lcm(wanted, unwanted)
    difference = whole // wanted * total(positives) - whole // unwanted * total(negatives)
    return (difference / whole).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 40), rows=st.integers(0, 400), positives=st.integers(0, 20), negatives=st.integers(0, 20),
    ones=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_scores_are_the_loops(size: int, rows: int, positives: int, negatives: int, ones: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes, wanted, unwanted = (
        np.packbits(rng.random((count, 8 * size)) < ones, axis=1) for count in (rows, positives, negatives))
    if positives + negatives == 0:
        with pytest.raises(ValueError, match="no exemplars"):
            scores(codes, wanted, unwanted)
        return
    found = scores(codes, wanted, unwanted)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, by_loop(codes, wanted, unwanted))


@pytest.mark.parametrize("size", [1, 7, 8, 13, 16, 96, 128, 131, 300])
@pytest.mark.parametrize(("positives", "negatives"), [(1, 0), (0, 1), (2, 0), (50, 50), (49, 50), (255, 3), (97, 101)])
def test_many_exemplars_of_any_length(size: int, positives: int, negatives: int) -> None:
    rng = np.random.default_rng(size)
    lean = rng.random(8 * size)  # as of one kind of place: most bits agree
    codes = rng.integers(0, 256, (600, size), dtype=np.uint8)
    wanted = np.packbits(rng.random((positives, 8 * size)) < lean, axis=1)
    unwanted = np.packbits(rng.random((negatives, 8 * size)) < 1 - lean, axis=1)
    np.testing.assert_array_equal(scores(codes, wanted, unwanted), by_loop(codes, wanted, unwanted))


def test_codes_that_are_all_ones_or_zeros_and_exemplars_that_cancel() -> None:
    codes = np.array([[0] * 5, [255] * 5, [1, 2, 3, 4, 5]], np.uint8)
    np.testing.assert_array_equal(scores(codes, codes[:1]), [0, 40, 7])
    np.testing.assert_array_equal(scores(codes, codes[:1], codes[:1]), [0, 0, 0])
    np.testing.assert_array_equal(scores(codes, codes[:2]), [20, 20, 20])
    np.testing.assert_array_equal(scores(codes, codes[:1], codes[1:2]), [-40, 40, -26])


def test_a_hundred_exemplars_are_few_planes() -> None:
    rng = np.random.default_rng(0)
    weights = BitWeights(*(rng.integers(0, 256, (50, 128), dtype=np.uint8) for _ in range(2)))
    assert sum(len(side.planes) for side in weights._sides) <= 6


def test_threads_read_parts_and_find_the_same(monkeypatch) -> None:
    monkeypatch.setattr(batch, "PART_ROWS", 64)
    monkeypatch.setattr(batch, "cores", lambda: 7)
    rng = np.random.default_rng(5)
    codes, wanted, unwanted = (rng.integers(0, 256, (count, 13), dtype=np.uint8) for count in (1000, 5, 4))
    with ThreadPoolExecutor(3) as executor:
        found = scores(codes, wanted, unwanted, executor)
        assert scores(codes[:0], wanted, None, executor).shape == (0,)
    np.testing.assert_array_equal(found, scores(codes, wanted, unwanted))


def test_exemplars_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        BitWeights(np.zeros((1, 4), np.uint8), np.zeros((1, 5), np.uint8))
    with pytest.raises(ValueError, match="cannot be compared"):
        BitWeights(np.zeros((1, 4), np.uint8)).scores(np.zeros((1, 5), np.uint8))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0, np.inf, -np.inf, np.nan]), max_size=900), st.integers(-1, 1000),
    st.lists(st.integers(-2, 950), max_size=20))
def test_the_smallest_are_a_stable_sort_without_what_is_excluded(
    values: list[float], k: int, exclude: list[int]
) -> None:
    line = np.array(values, np.float32)
    rows = [row for row in np.argsort(line, kind="stable") if row not in exclude and not np.isnan(line[row])]
    assert smallest(line, k, exclude).tolist() == rows[: max(k, 0)]


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.int64])
def test_few_of_many_are_the_first_of_a_stable_sort(kind: type) -> None:
    line = np.random.default_rng(1).integers(0, 50, 20_000).astype(kind)
    wanted = np.argsort(line, kind="stable")[:300]
    np.testing.assert_array_equal(smallest(line, 300), wanted)
    np.testing.assert_array_equal(smallest(line, 200, wanted[:50]), wanted[50:250])
