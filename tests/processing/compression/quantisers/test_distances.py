"""Distances against plain numpy on whatever the codes stand for."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.compression.distances import asymmetric, dequantised, hamming
from bitscape.processing.compression.recipe import Recipe

RECIPES = ["int8", "int2", "binary-median", "itq", "pq-4x4", "turbo3", "pca-6+pq-3x5", "svd-5+int4", "ternary"]


def rows(count, dimensions=18, seed=0):
    random = np.random.default_rng(seed)
    return (random.standard_normal((count, dimensions)) + random.standard_normal(dimensions)).astype(np.float32)


@pytest.mark.parametrize(("queries", "codes", "size"), [(3, 2500, 8), (0, 5, 3), (4, 0, 9), (7, 30, 17), (2, 5, 1)])
def test_hamming_counts_differing_bits(queries, codes, size):
    random = np.random.default_rng(1)
    one, other = (random.integers(0, 256, (count, size), dtype=np.uint8) for count in (queries, codes))
    found = hamming(one, other)
    assert found.dtype == np.int32 and found.shape == (queries, codes)
    np.testing.assert_array_equal(found, np.unpackbits(one[:, None] ^ other[None], axis=2).sum(axis=2))


@pytest.mark.parametrize("text", RECIPES)
def test_float_queries_against_codes(text):
    training, queries = rows(400), rows(7, seed=5)
    codec = Recipe.parse(text).fit(training)
    codes = codec.encode(training)
    reduced = codec.reduce(queries).astype(np.float64)
    wanted = np.linalg.norm(reduced[:, None] - codec.decode_reduced(codes)[None], axis=2)
    found = asymmetric(queries, codec, codes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-3)
    decoded = codec.decode(codes).astype(np.float64)
    distances = np.linalg.norm(queries[:, None].astype(np.float64) - decoded[None], axis=2)
    np.testing.assert_allclose(dequantised(queries, codec, codes, "euclidean"), distances, rtol=1e-4, atol=2e-3)
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(decoded, axis=1)
    cosine = dequantised(queries, codec, codes)
    np.testing.assert_allclose(cosine, 1 - queries.astype(np.float64) @ decoded.T / lengths, atol=1e-5)


def test_nothing_asked_and_nothing_there():
    codec = Recipe.parse("pq-3x4").fit(rows(50))
    codes = codec.encode(rows(50))
    for distance in (asymmetric, dequantised):
        assert distance(rows(0), codec, codes).shape == (0, 50)
        assert distance(rows(4), codec, codes[:0]).shape == (4, 0)
    zeros = np.zeros((1, 18), np.float32)
    np.testing.assert_allclose(dequantised(zeros, codec, codes), 1)
