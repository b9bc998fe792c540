"""Distances and neighbours against FAISS and numpy: any length of code and number of rows, equal distances, threads."""

from __future__ import annotations

import ctypes
import mmap
import sys
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest
from bitscape.processing.hamming import Nearest, batch, distances, nearest, scores
from bitscape.processing.hamming.batch import between
from hypothesis import given, settings
from hypothesis import strategies as st

SIZES = [1, 7, 8, 13, 16, 96, 128, 131, 136, 257, 1024]


def random_codes(count: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)


def adversarial(size: int) -> np.ndarray:
    """All zeros, all ones, one bit, all bits but one, first and last bytes, and many of the same code."""
    codes = np.zeros((600, size), np.uint8)
    codes[1] = 255
    codes[2, -1] = 1
    codes[3] = 255
    codes[3, 0] = 127
    codes[4, 0], codes[5, -1] = 255, 255
    codes[6, : size // 2] = 255
    codes[300:] = np.arange(size, dtype=np.uint8)
    return codes


def by_faiss(queries: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """All distances (q, n)."""
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)
    found, rows = index.search(queries, len(codes))
    out = np.empty_like(found)
    np.put_along_axis(out, rows, found, axis=1)
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["random", "adversarial"])
def test_distances_are_faisss(size: int, kind: str) -> None:
    codes = random_codes(1000, size) if kind == "random" else adversarial(size)
    queries = np.concatenate([random_codes(7, size, 1), codes[:4]])
    wanted = by_faiss(queries, codes)
    assert wanted.max() > 0
    for query, expected in zip(queries, wanted, strict=True):
        found = distances(query, codes)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, expected)
    for few in (queries[:2], queries):
        np.testing.assert_array_equal(between(few, codes), wanted[: len(few)])
        near, rows = nearest(few, codes, 25)
        order = np.argsort(wanted[: len(few)], axis=1, kind="stable")[:, :25]
        assert near.dtype == np.int32 and rows.dtype == np.int64
        np.testing.assert_array_equal(rows, order)
        np.testing.assert_array_equal(near, np.take_along_axis(wanted[: len(few)], order, axis=1))


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 40), rows=st.integers(0, 700), queries=st.integers(1, 9), k=st.integers(0, 30),
    levels=st.integers(1, 255), seed=st.integers(0, 2**31))
def test_neighbours_are_a_stable_sort_of_all_distances(
    size: int, rows: int, queries: int, k: int, levels: int, seed: int
) -> None:
    """Few ``levels`` of bytes: most distances are equal to others."""
    rng = np.random.default_rng(seed)
    codes, asked = (rng.integers(0, levels + 1, (count, size), dtype=np.uint8) for count in (rows, queries))
    wanted = np.bitwise_count(asked[:, None] ^ codes[None]).sum(axis=2, dtype=np.int64)
    order = np.argsort(wanted, axis=1, kind="stable")[:, :k]
    near, found = nearest(asked, codes, k)
    assert near.shape == found.shape == (queries, k)
    held = order.shape[1]
    np.testing.assert_array_equal(found[:, :held], order)
    np.testing.assert_array_equal(near[:, :held], np.take_along_axis(wanted, order, axis=1))
    assert (found[:, held:] == -1).all() and (near[:, held:] == -1).all()


@pytest.mark.skipif(sys.platform != "linux", reason="protects a page of memory in Linux's way")
@pytest.mark.parametrize("size", [1, 8, 13, 16, 24, 96, 128])
def test_nothing_beyond_the_last_code_is_read(size: int) -> None:
    """Codes that end where memory ends: reading one byte further would end this process."""
    page = mmap.PAGESIZE
    pages = 24
    memory = mmap.mmap(-1, (pages + 1) * page)
    whole = np.frombuffer(memory, np.uint8)
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(whole.ctypes.data + pages * page), page, 0) == 0
    readable = whole[: pages * page]
    readable[:] = random_codes(1, len(readable))[0]
    for rows in (256, 512, 500, 520):
        codes = readable[len(readable) - rows * size :].reshape(rows, size)
        for count in (1, 9):
            queries = random_codes(count, size, 3)
            wanted = np.bitwise_count(queries[:, None] ^ codes[None]).sum(axis=2)
            np.testing.assert_array_equal(between(queries, codes), wanted)
            assert nearest(queries, codes, 1)[0][:, 0].tolist() == wanted.min(axis=1).tolist()
        expected = (wanted[:1] / 1).astype(np.float32)[0]
        np.testing.assert_array_equal(scores(codes, queries[:1]), expected)


def test_parts_in_any_order_and_in_threads_give_the_same(monkeypatch) -> None:
    codes, queries = adversarial(16), random_codes(6, 16, 2)
    wanted = nearest(queries, codes, 40)
    found = Nearest(queries, 40)
    for part in (slice(400, 600), slice(0, 100), slice(250, 400), slice(100, 250), slice(250, 250)):
        found.add(codes[part], part.start)
    for one, other in zip(found.result(), wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(batch, "PART_ROWS", 64)
    monkeypatch.setattr(batch, "cores", lambda: 5)
    with ThreadPoolExecutor(3) as executor:
        assert len(batch.row_parts(600)) == 5
        for one, other in zip(nearest(queries, codes, 40, executor), wanted, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(distances(queries[0], codes, executor), distances(queries[0], codes))
        assert distances(queries[0], codes[:0], executor).shape == (0,)


def test_more_queries_than_are_searched_at_once(monkeypatch) -> None:
    monkeypatch.setattr(batch, "QUERIES_AT_ONCE", 5)
    codes, queries = random_codes(900, 16), random_codes(13, 16, 4)
    wanted = np.argsort(by_faiss(queries, codes), axis=1, kind="stable")[:, :6]
    np.testing.assert_array_equal(nearest(queries, codes, 6)[1], wanted)


def test_what_is_not_codes_is_refused() -> None:
    codes = random_codes(5, 4)
    with pytest.raises(ValueError, match="codes of 4 bytes cannot be compared with codes of 3"):
        nearest(random_codes(2, 3), codes, 1)
    with pytest.raises(ValueError, match="int64"):
        nearest(codes.astype(np.int64), codes, 1)
    with pytest.raises(ValueError, match="1 to 8191 bytes, not 8192"):
        nearest(random_codes(1, 8192), random_codes(1, 8192), 1)
    with pytest.raises(ValueError, match="one query"):
        distances(codes, codes)
    with pytest.raises(ValueError, match="cannot be compared"):
        distances(codes[0, :3], codes)


def test_the_farthest_distance_there_is_still_counts() -> None:
    codes = np.zeros((3, 8191), np.uint8)
    codes[1] = 255
    near, rows = nearest(~codes[:1], codes, 3)
    assert near.tolist() == [[0, 65528, 65528]] and rows.tolist() == [[1, 0, 2]]
    assert distances(codes[1], codes).tolist() == [65528, 0, 65528]


def test_rows_that_are_not_contiguous_are_understood() -> None:
    codes = random_codes(500, 20)
    queries = random_codes(9, 40, 7)[:, ::2]
    np.testing.assert_array_equal(between(queries, codes[::3]), between(queries.copy(), codes[::3].copy()))
