"""Nearest neighbours, votes and recall against scikit-learn, and against recall that was measured on real vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.compression.neighbours import by_cosine, by_hamming, recall, vote
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.errors import Cancelled
from bitscape.processing.progress import Progress
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors


@pytest.mark.parametrize(("rows", "dimensions", "k"), [(7, 3, 5), (300, 64, 10), (1111, 33, 10), (64, 1, 3)])
def test_cosine_neighbours_are_scikit_learns(rows: int, dimensions: int, k: int) -> None:
    rng = np.random.default_rng(rows)
    base = rng.standard_normal((rows, dimensions)).astype(np.float32) + 0.5
    queries = rng.standard_normal((205, dimensions)).astype(np.float32)
    found = by_cosine(queries, base, k, Progress())
    reference = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(base.astype(np.float64))
    wanted, _ = reference.kneighbors(queries.astype(np.float64))
    unit = base / np.linalg.norm(base, axis=1, keepdims=True)
    ours = 1 - np.einsum("qkd,qd->qk", unit[found], queries / np.linalg.norm(queries, axis=1, keepdims=True))
    np.testing.assert_allclose(ours, wanted, atol=2e-6)
    assert all(len(set(row)) == k for row in found.tolist())


def test_hamming_neighbours_are_the_nearest_and_ties_go_to_the_lower_index() -> None:
    rng = np.random.default_rng(0)
    base, queries = (rng.integers(0, 256, (count, 3), np.uint8) for count in (500, 90))
    distance = np.bitwise_count(queries[:, None] ^ base[None]).sum(axis=2)
    found = by_hamming(queries, base, 10, Progress())
    np.testing.assert_array_equal(found, np.argsort(distance, axis=1, kind="stable")[:, :10])


def test_the_vote_is_scikit_learns_also_where_classes_are_even() -> None:
    rng = np.random.default_rng(3)
    base, queries = (rng.standard_normal((count, 4)).astype(np.float32) for count in (400, 300))
    classes = rng.integers(0, 4, 400)
    voted = vote(by_cosine(queries, base, 5, Progress()), classes, 4)
    model = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(base, classes)
    np.testing.assert_array_equal(voted, model.predict(queries))
    assert vote(np.array([[0, 1]]), np.array([2, 1]), 3).tolist() == [1]


def test_a_vector_of_zeros_is_at_a_right_angle_to_all() -> None:
    base = np.array([[-1, 0], [0, 0], [1, 0]], np.float32)
    assert by_cosine(np.array([[2, 0]], np.float32), base, 3, Progress()).tolist() == [[2, 1, 0]]
    assert by_cosine(np.zeros((1, 2), np.float32), base, 3, Progress()).tolist() == [[0, 1, 2]]


@given(st.integers(1, 6).flatmap(lambda k: st.tuples(
    st.permutations(range(9)).map(lambda p: p[:k]), st.permutations(range(9)).map(lambda p: p[:k]))))
def test_recall_is_the_share_of_the_intersection(pair: tuple[list[int], list[int]]) -> None:
    found, wanted = pair
    value = recall(np.array([found]), np.array([wanted]))[0]
    assert value == len(set(found) & set(wanted)) / len(wanted)


def test_cancel_is_heard() -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        by_cosine(np.ones((2, 2), np.float32), np.ones((3, 2), np.float32), 1, progress)


def test_recall_on_real_vectors_is_what_was_measured_before(shared_data: Path) -> None:
    """417 Clay vectors, each row searched among the others: figures of another implementation."""
    import pyarrow.parquet as pq

    path = shared_data / "clay_geoparquet" / "clay_v0_03WVN_20220610_20220610_v001.gpq"
    rows = np.array(pq.read_table(path, columns=["embeddings"])["embeddings"].to_pylist(), np.float32)

    def others(found: np.ndarray) -> np.ndarray:
        """The ten nearest that are not the row itself."""
        return np.array([[index for index in near if index != row][:10] for row, near in enumerate(found.tolist())])

    wanted = others(by_cosine(rows, rows, 11, Progress()))
    for text, figure in (("binary-zero", 0.637), ("binary-median", 0.623), ("int8", 0.991), ("int4", 0.842),
                         ("int2", 0.562)):
        codec = Recipe.parse(text).fit(rows, 0)
        codes = codec.encode(rows)
        decoded = codec.decode(codes)
        near = by_cosine(decoded, decoded, 11, Progress())
        if codec.is_binary:
            near = by_hamming(codes, codes, 11, Progress())
        assert recall(others(near), wanted).mean() == pytest.approx(figure, abs=0.012), text
