"""Distances of queries to codes, in blocks: Hamming, float queries against codes, and on decoded vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import ArrayLike, NDArray

from .quantisers.product import Product
from .recipe import Codec

BLOCK_FLOATS = 1 << 22
"""Numbers decoded at once."""
WORD = 8


def hamming(queries: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Bits that differ between codes (q, bytes) and codes (n, bytes): (q, n) int32. For codecs that are binary."""
    out = np.empty((len(queries), len(codes)), np.int32)
    _hamming(_words(queries), _words(codes), out)
    return out


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


def _words(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Codes as 64-bit words, padded with zeros: (n, words)."""
    count, size = codes.shape
    if size % WORD == 0:
        return np.ascontiguousarray(codes).view(np.uint64)
    padded = np.zeros((count, -(-size // WORD) * WORD), np.uint8)
    padded[:, :size] = codes
    return padded.view(np.uint64)


def _typed_count_ones(_context: Any, _word: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


_count_ones: Callable[..., Any] = intrinsic(_typed_count_ones)


@njit(nogil=True, cache=True)
def _hamming(queries: NDArray[np.uint64], codes: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
    words = queries.shape[1]
    for start in range(0, len(codes), 1024):  # a block of codes stays in the cache for all queries
        end = min(start + 1024, len(codes))
        for query in range(len(queries)):
            asked = queries[query]
            for row in range(start, end):
                code = codes[row]
                total = np.uint64(0)
                for word in range(words):
                    total += _count_ones(asked[word] ^ code[word])
                out[query, row] = total


@njit(nogil=True, cache=True)
def _sum_tables(tables: NDArray[np.float32], chosen: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    for query in range(len(tables)):
        for row in range(len(chosen)):
            total = np.float32(0)
            for group in range(chosen.shape[1]):
                total += tables[query, group, chosen[row, group]]
            out[query, row] = total
