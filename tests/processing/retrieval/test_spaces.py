"""Distances and scores of both kinds of codes, against numpy loops on unpacked bits and on decoded vectors."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.retrieval.query import Query
from bitscape.processing.retrieval.spaces import Cosine, Hamming
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Codes = NDArray[np.uint8]


def random_codes(rng: np.random.Generator, rows: int, bits: int) -> Codes:
    return np.packbits(rng.integers(0, 2, (rows, bits), dtype=np.uint8), axis=1)


def bits_of(codes: Codes, bits: int) -> NDArray[np.int64]:
    return np.unpackbits(codes, axis=1)[:, :bits].astype(np.int64)


def mean_difference(one: Codes, others: Codes, bits: int) -> NDArray[np.float64]:
    """By definition: mean over the others of the number of differing bits."""
    a, b = bits_of(one, bits), bits_of(others, bits)
    return np.array([[np.sum(x != y) for y in b] for x in a], np.float64).mean(axis=1)


@pytest.mark.parametrize("bits", [1024, 768, 130, 7])
@pytest.mark.parametrize(("positives", "negatives"), [(1, 0), (3, 0), (3, 2), (1, 4)])
def test_scores_are_differences_of_mean_distances(bits: int, positives: int, negatives: int) -> None:
    rng = np.random.default_rng(bits + positives)
    codes, wanted, unwanted = (random_codes(rng, rows, bits) for rows in (40, positives, negatives))
    space = Hamming(bits, codes.shape[1])
    expected = mean_difference(codes, wanted, bits)
    if negatives:
        expected = expected - mean_difference(codes, unwanted, bits)
    np.testing.assert_allclose(space.scorer(Query(wanted, unwanted))(codes), expected, rtol=1e-6, atol=1e-4)
    turned = space.scorer(Query(wanted, unwanted, invert=True))(codes)
    np.testing.assert_allclose(turned, -expected if negatives else bits - expected, rtol=1e-6, atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.sampled_from(["and", "or", "xor"]), st.integers(1, 70))
@settings(max_examples=40, deadline=None)
def test_folds_are_those_of_the_bits(seed: int, positives: int, how: str, bits: int) -> None:
    rng = np.random.default_rng(seed)
    codes, wanted = random_codes(rng, 12, bits), random_codes(rng, positives, bits)
    unpacked = bits_of(wanted, bits)
    folded = {"and": unpacked.all(axis=0), "or": unpacked.any(axis=0), "xor": unpacked.sum(axis=0) % 2 == 1}[how]
    expected = (bits_of(codes, bits) != folded).sum(axis=1)
    space, nothing = Hamming(bits, codes.shape[1]), np.empty((0, codes.shape[1]), np.uint8)
    np.testing.assert_array_equal(space.scorer(Query(wanted, nothing, how))(codes), expected)  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_not_turns_the_order_round_and_twice_is_nothing(seed: int, bits: int, positives: int, negatives: int) -> None:
    rng = np.random.default_rng(seed)
    codes, wanted, unwanted = (random_codes(rng, rows, bits) for rows in (20, positives, negatives))
    space = Hamming(bits, codes.shape[1])
    plain = space.scorer(Query(wanted, unwanted))(codes)
    turned = space.scorer(Query(wanted, unwanted, invert=True))(codes)
    np.testing.assert_allclose(plain + turned, 0 if negatives else bits, atol=1e-4)
    # NOT of one code is the distance to the code with every bit turned over
    if positives == 1 and not negatives:
        other = np.packbits(1 - bits_of(wanted, bits).astype(np.uint8), axis=1)
        np.testing.assert_array_equal(turned, mean_difference(codes, other, bits))


def test_similarity_is_the_share_of_equal_bits() -> None:
    space, codes = Hamming(16, 2), np.array([[0xFF, 0xFF], [0xFF, 0x00], [0x00, 0x00]], np.uint8)
    query = Query(codes[:1], codes[:0])
    np.testing.assert_allclose(space.similarity(space.scorer(query)(codes), query), [1, 0.5, 0])
    contrast = Query(codes[:1], codes[2:])
    np.testing.assert_allclose(space.similarity(space.scorer(contrast)(codes), contrast), [1, 0.5, 0])


@pytest.mark.parametrize("bits", [1024, 100])
def test_neighbours_distances_leave_out_those_that_are_not_there(bits: int) -> None:
    rng = np.random.default_rng(2)
    codes = random_codes(rng, 60, bits)
    near = rng.integers(-1, 60, (60, 8)).astype(np.int32)
    near[5] = -1
    out = np.empty(30, np.float32)
    Hamming(bits, codes.shape[1]).to_neighbours(codes, near, 20, out)
    for i in range(30):
        own = near[20 + i][near[20 + i] >= 0]
        expected = mean_difference(codes[20 + i : 21 + i], codes[own], bits)[0]
        assert out[i] == pytest.approx(expected, rel=1e-6)
    Hamming(bits, codes.shape[1]).to_neighbours(codes, near, 5, out[:1])
    assert np.isnan(out[0])


def test_typical_is_the_majority() -> None:
    codes = np.array([[0b11100000], [0b11000000], [0b10010000], [0b10010000]], np.uint8)
    assert Hamming(5, 1).typical(codes).tolist() == [[0b10000000]]  # two of four is a tie, and a tie is 0


@pytest.fixture(scope="module")
def cosine() -> tuple[Cosine, Codes, NDArray[np.float64]]:
    """An int8 space, codes, and the unit vectors that they stand for."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(300, 24)).astype(np.float32) + 1
    codec = Recipe.parse("int8").fit(vectors)
    codes = codec.encode(vectors)
    decoded = codec.decode(codes).astype(np.float64)
    return Cosine(codec), codes, decoded / np.linalg.norm(decoded, axis=1, keepdims=True)


def test_cosine_scores_are_means_over_exemplars(cosine: tuple[Cosine, Codes, NDArray[np.float64]]) -> None:
    space, codes, unit = cosine
    wanted, unwanted = slice(0, 3), slice(3, 5)
    near = (1 - unit @ unit[wanted].T).mean(axis=1)
    far = (1 - unit @ unit[unwanted].T).mean(axis=1)
    alone, both = Query(codes[wanted], codes[:0]), Query(codes[wanted], codes[unwanted])
    np.testing.assert_allclose(space.scorer(alone)(codes), near, atol=1e-5)
    np.testing.assert_allclose(space.scorer(both)(codes), near - far, atol=1e-5)
    turned = Query(codes[wanted], codes[:0], invert=True)
    np.testing.assert_allclose(space.scorer(turned)(codes), (1 + unit @ unit[wanted].T).mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(space.similarity(space.scorer(alone)(codes), alone), 1 - near, atol=1e-5)
    assert Query(codes[wanted], codes[:0], "xor").lack(space.binary).startswith("XOR folds bits")


def test_cosine_of_neighbours_and_typical(cosine: tuple[Cosine, Codes, NDArray[np.float64]]) -> None:
    space, codes, unit = cosine
    near = np.random.default_rng(1).integers(-1, 300, (300, 8)).astype(np.int32)
    out = np.empty(300, np.float32)
    space.to_neighbours(codes, near, 0, out)
    for i in (0, 7, 299):
        own = near[i][near[i] >= 0]
        assert out[i] == pytest.approx(np.mean([1 - unit[i] @ unit[j] for j in own]), abs=1e-5)
    typical = space.unit_vectors(space.typical(codes))[0]
    mean = unit.mean(axis=0)
    assert typical @ mean / np.linalg.norm(mean) > 0.999
