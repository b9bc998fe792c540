"""Product quantisation: groups of dimensions, each replaced by the nearest of a few vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..packing import pack, row_bytes, unpack
from .quantiser import Arrays, Codes, Options, Quantiser, Rows

ITERATIONS = 25
ROWS_PER_CENTROID = 64
"""Training rows that Lloyd's algorithm sees, per centroid; further ones change the centroids little."""

LANES = 128
"""Rows whose nearest centroids are looked for together."""


@dataclass(frozen=True)
class Product(Quantiser):
    """M groups of neighbouring dimensions with 2^B centroids each (Jégou, Douze and Schmid, TPAMI 2011).

    Where M does not divide d, the first d mod M groups have a dimension more. Centroids are found by Lloyd's algorithm
    from random training rows (25 rounds at most, a centroid that nobody is near to moves to the row worst served). The
    code is M numbers of B bits, packed. With fewer different training rows than centroids some are repeated.
    ``codebooks`` is (2^B, d) float32: the centroids of a group are its columns.
    """

    PATTERN = "pq-([1-9][0-9]*)x([1-9][0-9]*)"
    dimensions: int
    groups: int
    bits: int
    codebooks: NDArray[np.float32] = field(repr=False)

    @classmethod
    def check(cls, options: Options, dimensions: int) -> None:
        groups, bits = int(options[0]), int(options[1])
        if bits > 8:
            raise ValueError(f"pq-{groups}x{bits} asks for {bits} bits; from 1 to 8 can be had")
        if groups > dimensions:
            raise ValueError(f"pq-{groups}x{bits} cuts {dimensions} dimensions into {groups} groups; there are too few")

    @classmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Product:
        groups, bits = int(options[0]), int(options[1])
        random = np.random.default_rng(seed)
        most = ROWS_PER_CENTROID << bits
        seen = rows[random.choice(len(rows), most, replace=False)] if len(rows) > most else rows
        codebooks = np.empty((1 << bits, rows.shape[1]), np.float32)
        for columns in _split(rows.shape[1], groups):
            codebooks[:, columns] = _lloyd(np.ascontiguousarray(seen[:, columns]), 1 << bits, random)
        return cls(rows.shape[1], groups, bits, codebooks)

    @classmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        return {"codebooks": (1 << int(options[1]), dimensions)}

    @classmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Product:
        return cls(dimensions, int(options[0]), int(options[1]), arrays["codebooks"])

    def arrays(self) -> Arrays:
        return {"codebooks": self.codebooks}

    @property
    def bytes(self) -> int:
        return row_bytes(self.groups, self.bits)

    def encode(self, rows: Rows) -> Codes:
        chosen = np.empty((len(rows), self.groups), np.uint8)
        squares = np.empty(len(rows), np.float32)
        for group, columns in enumerate(self.columns):
            nearest(np.ascontiguousarray(rows[:, columns]), self._centroids[group], chosen[:, group], squares)
        return pack(chosen, self.bits)

    def decode(self, codes: Codes) -> Rows:
        chosen = self.centroids_of(codes)
        out = np.empty((len(codes), self.dimensions), np.float32)
        for group, columns in enumerate(self.columns):
            out[:, columns] = self.codebooks[chosen[:, group], columns]
        return out

    def centroids_of(self, codes: Codes) -> NDArray[np.uint8]:
        """The number of each group's centroid, (n, M)."""
        return unpack(codes, self.bits, self.groups)

    @cached_property
    def columns(self) -> list[slice]:
        """The dimensions of each group."""
        return _split(self.dimensions, self.groups)

    @cached_property
    def _centroids(self) -> list[NDArray[np.float32]]:
        return [np.ascontiguousarray(self.codebooks[:, columns]) for columns in self.columns]


def _split(dimensions: int, groups: int) -> list[slice]:
    sizes = [dimensions // groups + (group < dimensions % groups) for group in range(groups)]
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _lloyd(rows: Rows, count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """``count`` centroids of ``rows`` (n, w), (count, w)."""
    different = np.unique(rows, axis=0)
    if len(different) <= count:
        return different[np.minimum(np.arange(count), len(different) - 1)]
    centroids = different[random.choice(len(different), count, replace=False)]
    chosen, before = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8)
    squares = np.empty(len(rows), np.float32)
    for _ in range(ITERATIONS):
        nearest(rows, centroids, chosen, squares)
        if np.array_equal(chosen, before):
            break
        before, chosen = chosen, before
        sizes = np.bincount(before, minlength=count)
        for column in range(rows.shape[1]):
            sums = np.bincount(before, rows[:, column], minlength=count)
            centroids[:, column] = sums / np.maximum(sizes, 1)
        empty = np.flatnonzero(sizes == 0)
        centroids[empty] = rows[np.argsort(squares)[len(rows) - len(empty) :]]
    return centroids


@njit(nogil=True, cache=True, error_model="numpy")
def nearest(
    rows: NDArray[np.float32],
    centroids: NDArray[np.float32],
    chosen: NDArray[np.uint8],
    squares: NDArray[np.float32],
) -> None:
    """The nearest of ``centroids`` (c, w) to each of ``rows`` (n, w), the first of equals, and the squared distance.

    Rows lie side by side in the processor's lanes, so that the comparison is vectorised too.
    """
    width = rows.shape[1]
    turned = np.zeros((width, LANES), np.float32)
    distances, least = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    best = np.empty(LANES, np.int32)
    for start in range(0, len(rows), LANES):
        count = min(LANES, len(rows) - start)
        for row in range(count):
            for dimension in range(width):
                turned[dimension, row] = rows[start + row, dimension]
        least[:] = np.inf
        best[:] = 0
        for number in range(len(centroids)):
            distances[:] = 0
            for dimension in range(width):
                _add_squares(turned[dimension], centroids[number, dimension], distances)
            _keep_less(distances, np.int32(number), least, best)
        for row in range(count):
            chosen[start + row] = best[row]
            squares[start + row] = least[row]


@njit(nogil=True, cache=True, error_model="numpy")
def _add_squares(values: NDArray[np.float32], place: np.float32, out: NDArray[np.float32]) -> None:
    for lane in range(LANES):
        away = values[lane] - place
        out[lane] += away * away


@njit(nogil=True, cache=True, error_model="numpy")
def _keep_less(
    distances: NDArray[np.float32], number: np.int32, least: NDArray[np.float32], best: NDArray[np.int32]
) -> None:
    for lane in range(LANES):
        less = distances[lane] < least[lane]
        least[lane] = distances[lane] if less else least[lane]
        best[lane] = number if less else best[lane]
