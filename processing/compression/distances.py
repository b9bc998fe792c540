"""Distances of queries to codes, in blocks: Hamming, float queries against codes, and on decoded vectors."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..hamming.batch import between
from .quantisers.product import Product
from .recipe import Codec

BLOCK_FLOATS = 1 << 22
"""Numbers decoded at once."""


def hamming(queries: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Bits that differ between codes (q, bytes) and codes (n, bytes): (q, n) int32. For codecs that are binary."""
    return between(queries, codes).astype(np.int32)


def asymmetric(queries: ArrayLike, codec: Codec, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Euclidean distances of vectors (q, d) float32, not quantised, to what codes (n, bytes) stand for: (q, n).

    Measured in the dimensions that the reduction left. Product quantisation: sums over tables of the query's distances
    to all centroids (Jégou, Douze and Schmid, 2011). Other methods decode their steps or side means block by block.
    """
    reduced = codec.reduce(queries)
    if isinstance(codec.quantiser, Product):
        return _by_tables(reduced, codec.quantiser, codes)
    out = np.empty((len(reduced), len(codes)), np.float32)
    for part in _blocks(len(codes), reduced.shape[1]):
        out[:, part] = _euclidean(reduced, codec.decode_reduced(codes[part]))
    return out


def dequantised(
    queries: ArrayLike, codec: Codec, codes: NDArray[np.uint8], metric: Literal["cosine", "euclidean"] = "cosine"
) -> NDArray[np.float32]:
    """Distances of vectors (q, d) float32 to decoded codes, in the vectors' own dimensions: (q, n) float32.

    cosine is 1 − cosine, 1 to a vector of zeros. The queries are taken as they are; for distances between codes decode
    theirs first.
    """
    vectors = np.asarray(queries, np.float32)
    if metric == "cosine":
        vectors = _unit(vectors)
    out = np.empty((len(vectors), len(codes)), np.float32)
    for part in _blocks(len(codes), codec.dimensions):
        decoded = codec.decode(codes[part])
        out[:, part] = 1 - vectors @ _unit(decoded).T if metric == "cosine" else _euclidean(vectors, decoded)
    return out


def _by_tables(reduced: NDArray[np.float32], quantiser: Product, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    tables = np.empty((len(reduced), quantiser.groups, 1 << quantiser.bits), np.float32)
    for group, columns in enumerate(quantiser.columns):
        tables[:, group] = _euclidean(reduced[:, columns], quantiser.codebooks[:, columns]) ** 2
    out = np.empty((len(reduced), len(codes)), np.float32)
    for part in _blocks(len(codes), quantiser.groups):
        _sum_tables(tables, quantiser.centroids_of(codes[part]), out[:, part])
    return np.sqrt(out, out=out)


def _euclidean(queries: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centred on the rows' mean, so that the difference of squares loses little."""
    middle = rows.mean(axis=0, dtype=np.float64).astype(np.float32) if len(rows) else np.float32(0)
    one, other = queries - middle, rows - middle
    squares = np.einsum("qd,qd->q", one, one)[:, None] + np.einsum("nd,nd->n", other, other) - 2 * (one @ other.T)
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0))


def _blocks(rows: int, width: int) -> list[slice]:
    step = max(64, BLOCK_FLOATS // width)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


@njit(nogil=True, cache=True)
def _sum_tables(tables: NDArray[np.float32], chosen: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    for query in range(len(tables)):
        for row in range(len(chosen)):
            total = np.float32(0)
            for group in range(chosen.shape[1]):
                total += tables[query, group, chosen[row, group]]
            out[query, row] = total
