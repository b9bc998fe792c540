"""AND, OR, XOR, NOT and the typical code, against numpy on single bits."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.hamming import combine, distances, invert, majority
from hypothesis import given, settings
from hypothesis import strategies as st


def packed(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits, axis=-1)


@st.composite
def vectors(draw, fewest: int = 1) -> np.ndarray:
    """Bits (n, d) bool."""
    count, dimensions = draw(st.integers(fewest, 9)), draw(st.integers(1, 150))
    return np.random.default_rng(draw(st.integers(0, 2**31))).random((count, dimensions)) < draw(st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(vectors())
def test_an_inverted_code_is_as_far_as_the_other_is_near(bits: np.ndarray) -> None:
    codes, dimensions = packed(bits), bits.shape[1]
    turned = invert(codes, dimensions)
    np.testing.assert_array_equal(np.unpackbits(turned, axis=1)[:, dimensions:], 0)
    np.testing.assert_array_equal(turned, packed(~bits))
    np.testing.assert_array_equal(invert(turned, dimensions), codes)
    for code, other in zip(codes, turned, strict=True):
        one = distances(code, codes).astype(int)
        np.testing.assert_array_equal(distances(other, codes), dimensions - one)


@settings(max_examples=60, deadline=None)
@given(vectors())
def test_folds_are_those_of_bits_and_obey_their_laws(bits: np.ndarray) -> None:
    codes, dimensions = packed(bits), bits.shape[1]
    both, either, odd = (combine(codes, how) for how in ("and", "or", "xor"))
    np.testing.assert_array_equal(both, packed(bits.all(axis=0))[None])
    np.testing.assert_array_equal(either, packed(bits.any(axis=0))[None])
    np.testing.assert_array_equal(odd, packed(bits.sum(axis=0) % 2 == 1)[None])
    np.testing.assert_array_equal(  # De Morgan
        invert(both, dimensions), combine(invert(codes, dimensions), "or"))
    np.testing.assert_array_equal(combine(codes[::-1].copy(), "xor"), odd)
    np.testing.assert_array_equal(combine(np.concatenate([odd, codes]), "xor"), np.zeros_like(odd))
    np.testing.assert_array_equal(combine(np.concatenate([both, either]), "and"), both)


@settings(max_examples=60, deadline=None)
@given(vectors())
def test_the_typical_code_has_what_more_than_half_have(bits: np.ndarray) -> None:
    found = majority(packed(bits), bits.shape[1])
    np.testing.assert_array_equal(found, packed(bits.mean(axis=0) > 0.5)[None])


def test_a_tie_is_zero_and_the_typical_code_has_the_least_sum_of_distances() -> None:
    assert majority(np.array([[0b10100000], [0b11000000]], np.uint8), 3).tolist() == [[0b10000000]]
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (21, 2), dtype=np.uint8)
    everything = np.arange(2**16, dtype=">u2").view(np.uint8).reshape(-1, 2)
    sums = sum(distances(code, everything).astype(int) for code in codes)
    assert distances(majority(codes, 16)[0], codes).sum(dtype=int) == sums.min()


def test_what_cannot_be_combined() -> None:
    none = np.empty((0, 3), np.uint8)
    with pytest.raises(ValueError, match="no codes"):
        combine(none, "and")
    with pytest.raises(ValueError, match="no codes"):
        majority(none, 24)
    with pytest.raises(ValueError, match="'nand'"):
        combine(np.zeros((1, 3), np.uint8), "nand")
    for bits in (16, 25):
        with pytest.raises(ValueError, match="17 to 24 bits"):
            invert(np.zeros((1, 3), np.uint8), bits)
