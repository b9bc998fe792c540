"""Recall on 417 real Clay vectors of 768 dimensions, against published and independently computed figures.

recall@10 = mean share of a vector's ten nearest neighbours by cosine that are also its ten nearest codes, itself left
out. Codes are compared with codes: bits by Hamming distance, the rest by the cosine of what they stand for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from bitscape.processing.compression.distances import asymmetric, dequantised, hamming
from bitscape.processing.compression.recipe import Recipe

CLAY = "clay_geoparquet/clay_v0_03WVN_20220610_20220610_v001.gpq"
TOLERANCE = 0.01
REFERENCE = {
    "binary-zero": 0.637, "binary-median": 0.623, "int8": 0.991, "int4": 0.842, "int3": 0.673, "int2": 0.562,
    "turbo8": 0.999, "turbo4": 0.959, "turbo3": 0.895, "turbo2": 0.802,
}
K = 10


@pytest.fixture(scope="module")
def clay(shared_data: Path) -> np.ndarray:
    """The vectors, (417, 768) float32."""
    column = pq.read_table(shared_data / CLAY, columns=["embeddings"])["embeddings"]
    return np.stack(column.to_numpy()).astype(np.float32)


def nearest(distances: np.ndarray) -> np.ndarray:
    """The ten nearest of each row, itself left out."""
    distances = distances.astype(np.float64)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :K]


@pytest.fixture(scope="module")
def truth(clay: np.ndarray) -> np.ndarray:
    """Neighbours by cosine in float64."""
    unit = clay.astype(np.float64) / np.linalg.norm(clay.astype(np.float64), axis=1, keepdims=True)
    return nearest(1 - unit @ unit.T)


def recall(truth: np.ndarray, distances: np.ndarray) -> float:
    """Mean share of true neighbours found."""
    found = nearest(distances)
    return float(np.mean([len(set(one) & set(other)) / K for one, other in zip(truth, found, strict=True)]))


def between_codes(clay: np.ndarray, text: str) -> np.ndarray:
    """Distances between all codes of a recipe."""
    codec = Recipe.parse(text).fit(clay, seed=0)
    codes = codec.encode(clay)
    return hamming(codes, codes) if codec.is_binary else dequantised(codec.decode(codes), codec, codes)


@pytest.fixture(scope="module")
def found(clay: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """recall@10 by recipe."""
    return {text: recall(truth, between_codes(clay, text)) for text in REFERENCE}


@pytest.mark.parametrize("text", REFERENCE)
def test_recall_is_the_reference(found, text):
    assert found[text] == pytest.approx(REFERENCE[text], abs=TOLERANCE)


def test_two_bits_are_worse_than_one_and_rotation_pays_below_a_byte(found):
    assert found["int2"] < found["binary-zero"] and found["int2"] < found["binary-median"]
    for bits in (2, 3, 4):
        assert found[f"turbo{bits}"] > found[f"int{bits}"] + 0.1
    assert abs(found["turbo8"] - found["int8"]) < 0.02


def test_hamming_on_bits_beats_decoding_them(clay, truth, found):
    codec = Recipe.parse("binary-zero").fit(clay)
    codes = codec.encode(clay)
    assert found["binary-zero"] > recall(truth, dequantised(codec.decode(codes), codec, codes)) + 0.1


def test_queries_that_are_not_quantised_find_more(clay, truth, found):
    for text in ("int4", "int2", "turbo2"):
        codec = Recipe.parse(text).fit(clay)
        assert recall(truth, dequantised(clay, codec, codec.encode(clay))) > found[text] + 0.02


def test_product_quantisation_beats_bits_of_the_same_size(clay, truth, found):
    """96 bytes both; fitted on the vectors that are searched, as all figures here."""
    codec = Recipe.parse("pq-96x8").fit(clay)
    assert codec.bytes == 96
    assert recall(truth, asymmetric(clay, codec, codec.encode(clay))) > found["binary-zero"] + 0.2
