"""Recall against brute force in float64 and against FAISS, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from bitscape.processing.compression.neighbours import without_itself
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.indexing.measured_recall import FEWEST, Recall, measure, missed
from bitscape.processing.progress import Progress
from bitscape.tests.processing.indexing.made_tables import vectors

CLAY = "clay_geoparquet/clay_v0_03WVN_20220610_20220610_v001.gpq"
K = 10


def by_brute_force(rows: np.ndarray, found: np.ndarray) -> float:
    """Recall of neighbours (n, 10) against cosine in float64, by sets."""
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -np.inf)
    truth = np.argsort(-similar, axis=1, kind="stable")[:, :K]
    return float(np.mean([len(set(one) & set(other)) / K for one, other in zip(truth, found, strict=True)]))


def test_bits_as_faiss_finds_them() -> None:
    import faiss

    rows = vectors(700, 200)
    codec = Recipe.parse("binary-zero").fit(rows)
    index = faiss.IndexBinaryFlat(200)
    index.add(codec.encode(rows))
    _, near = index.search(codec.encode(rows), K + 1)
    wanted = by_brute_force(rows, without_itself(near.astype(np.int64), np.arange(700)))
    found, refined = measure(rows, codec, None, Progress())
    assert found is not None and refined is None
    assert found.value == pytest.approx(wanted, abs=0.01), "but for the order of equal distances"
    assert (found.k, found.n, found.candidates) == (10, 700, 0) and found.low < found.value < found.high


def test_finer_codes_of_the_best_hundred() -> None:
    rows = vectors(600, 150, seed=3)
    bits, fine = (Recipe.parse(text).fit(rows) for text in ("binary-zero", "int8"))
    plain, refined = measure(rows, bits, fine, Progress())
    codes = bits.encode(rows)
    distances = np.unpackbits(codes[:, None] ^ codes[None], axis=2).sum(axis=2).astype(np.int64)
    np.fill_diagonal(distances, 10_000)
    near = np.argsort(distances, axis=1, kind="stable")[:, :100]
    assert plain.value == pytest.approx(by_brute_force(rows, near[:, :K]))
    decoded = fine.decode(fine.encode(rows)).astype(np.float64)
    decoded /= np.linalg.norm(decoded, axis=1, keepdims=True)
    order = np.argsort(-np.einsum("qcd,qd->qc", decoded[near], decoded), axis=1)[:, :K]
    wanted = by_brute_force(rows, np.take_along_axis(near, order, axis=1))
    assert refined.value == pytest.approx(wanted, abs=0.002) and refined.candidates == 100
    assert refined.value > plain.value


def test_clay_is_the_reference(shared_data: Path) -> None:
    rows = np.stack(pq.read_table(shared_data / CLAY)["embeddings"].to_numpy()).astype(np.float32)
    for text, wanted in (("binary-zero", 0.637), ("binary-median", 0.623), ("int8", 0.991)):
        found, _ = measure(rows, Recipe.parse(text).fit(rows), None, Progress())
        assert found.value == pytest.approx(wanted, abs=0.0015), text
    bits, fine = (Recipe.parse(text).fit(rows) for text in ("binary-zero", "turbo4"))
    _, refined = measure(rows, bits, fine, Progress())
    assert 0.95 < refined.value < 0.97
    assert "about a third of the true neighbours are missed" in measure(rows, bits, None, Progress())[0].sentence("x")


def test_too_few_are_not_measured() -> None:
    rows = vectors(FEWEST, 150)
    codec = Recipe.parse("binary-zero").fit(rows)
    assert measure(rows[:-1], codec, None, Progress()) == (None, None)
    assert measure(rows, codec, codec, Progress())[1].candidates == FEWEST - 1


def test_itself_goes_even_where_others_are_as_near() -> None:
    found = np.array([[3, 0, 5], [7, 8, 9], [2, 4, 6]])
    assert without_itself(found, np.array([0, 1, 2])).tolist() == [[3, 5], [7, 8], [4, 6]]


@pytest.mark.parametrize(("value", "words"), [
    (1.0, "hardly"), (0.99, "in a hundred"), (0.95, "in twenty"), (0.9, "a tenth"), (0.8, "a fifth"), (0.75, "quarter"),
    (0.65, "a third"), (0.5, "half"), (0.34, "two thirds"), (0.1, "most of"),
])
def test_words_fit_the_figure(value: float, words: str) -> None:
    assert words in missed(value)
    assert words in Recall(10, value, value, value, 50).sentence("int8")
