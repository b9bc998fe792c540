"""Bits against numpy's own and against plain Python, for any shape."""

from __future__ import annotations

from unittest import mock

import numpy as np
from bitscape.processing.compression import matmul
from bitscape.processing.compression.matmul import BLOCK_ROWS, FixedMatrix
from bitscape.processing.compression.packing import first_not_finite, pack, pack_above, row_bytes, unpack
from hypothesis import example, given, settings
from hypothesis import strategies as st


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 20), dimensions=st.integers(1, 70), seed=st.integers(0, 2**32 - 1))
def test_bits_above_a_threshold_equal_numpys(rows, dimensions, seed):
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, dimensions)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = 0
    values[random.random(values.shape) < 0.05] = np.nan
    thresholds = np.where(random.random(dimensions) < 0.5, 0, random.standard_normal(dimensions)).astype(np.float32)
    packed = pack_above(values, thresholds)
    assert packed.shape == (rows, row_bytes(dimensions, 1)) and packed.dtype == np.uint8
    np.testing.assert_array_equal(packed, np.packbits(values > thresholds, axis=1))


def test_dimension_zero_is_bit_seven_and_padding_is_zero():
    row = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 1, 1]], np.float32)
    assert pack_above(row, np.zeros(10, np.float32)).tolist() == [[0b10000000, 0b11000000]]


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(1, 8), rows=st.integers(0, 9), count=st.integers(1, 40), seed=st.integers(0, 2**32 - 1),
)
@example(bits=3, rows=2, count=8, seed=0)
def test_whole_numbers_are_a_big_endian_stream_of_bits(bits, rows, count, seed):
    numbers = np.random.default_rng(seed).integers(0, 1 << bits, (rows, count), dtype=np.uint8)
    packed = pack(numbers, bits)
    assert packed.shape == (rows, row_bytes(count, bits))
    for row, code in zip(numbers, packed, strict=True):
        text = "".join(f"{number:0{bits}b}" for number in row)
        text += "0" * (-len(text) % 8)
        assert "".join(f"{byte:08b}" for byte in code) == text
    np.testing.assert_array_equal(unpack(packed, bits, count), numbers)


def test_the_first_row_that_is_not_finite_is_found():
    rows = np.zeros((5, 9), np.float32)
    rows[0] = np.finfo(np.float32).max
    assert first_not_finite(rows) == -1 == first_not_finite(rows[:0])
    rows[4, 2] = -np.inf
    assert first_not_finite(rows) == 4
    rows[3, 8] = np.nan
    assert first_not_finite(rows) == 3


@settings(max_examples=30, deadline=None)
@given(
    rows=st.sampled_from([0, 1, 11, 12, 13, BLOCK_ROWS, 2 * BLOCK_ROWS + 5]), depth=st.integers(1, 70),
    columns=st.integers(1, 70), wide=st.booleans(), seed=st.integers(0, 2**32 - 1),
)
def test_products_equal_float64(rows, depth, columns, wide, seed):
    """By our own kernel, where the processor has what it needs, and by BLAS."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, depth), dtype=np.float32)
    matrix = random.standard_normal((depth, columns), dtype=np.float32)
    wanted = values.astype(np.float64) @ matrix
    bound = 1e-6 * (np.abs(values.astype(np.float64)) @ np.abs(matrix)) * np.sqrt(depth) + 1e-30
    with mock.patch.object(matmul, "WIDE", wide and matmul.WIDE):
        assert (np.abs(FixedMatrix(matrix).product(values) - wanted) <= bound).all()
