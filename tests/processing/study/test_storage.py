"""Bytes, price and balance of bits: the post's figures, and files that are really written."""

from __future__ import annotations

import io

import numpy as np
import pytest
from bitscape.processing.study.storage import bit_balance, on_disk, storage


@pytest.mark.parametrize(("size", "petabytes", "dollars"), [
    (4096, 6.1, 1.7e6), (1024, 1.5, 424e3), (2048, 3.1, 847e3), (128, 0.192, 53e3), (512, 0.768, 212e3),
    (64, 0.096, 26e3),
])
def test_the_posts_table_of_storage(size: int, petabytes: float, dollars: float) -> None:
    found = storage(np.zeros((2, size), np.uint8))
    assert found.size == size
    assert found.petabytes == pytest.approx(petabytes, rel=0.03)
    assert found.dollars == pytest.approx(dollars, rel=0.02)


def test_bytes_on_disk_are_those_of_a_parquet_file_with_zstd() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3000, 32), np.uint8)
    assert on_disk(noise) / len(noise) == pytest.approx(32, rel=0.02), "noise cannot be made smaller"
    lumpy = rng.integers(0, 4, (3000, 32)).astype(np.uint8)
    assert 32 * 2 / 8 < on_disk(lumpy) / len(lumpy) < 32 / 2, "two bits of eight are used"
    column = pa.array([row.tobytes() for row in lumpy], pa.binary(32))
    stream = io.BytesIO()
    pq.write_table(pa.table({"code": column}), stream, compression="zstd", use_dictionary=False)
    assert 0 < len(stream.getvalue()) - on_disk(lumpy) < 1500, "but for the footer"
    assert storage(lumpy).disk == on_disk(lumpy) / 3000


def test_bit_balance_counts_ones_and_no_padding() -> None:
    bits = np.array([[1, 0, 1, 1, 0, 0, 0, 1, 1, 0], [1, 0, 0, 1, 0, 0, 0, 1, 1, 1]], np.uint8)
    np.testing.assert_array_equal(bit_balance(np.packbits(bits, axis=1), 10), bits.mean(axis=0))
