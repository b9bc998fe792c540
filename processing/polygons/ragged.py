"""Multipolygons as flat arrays: a region with millions of holes costs what its corners do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

MULTIPOLYGON, POLYGON = 6, 3
LITTLE_ENDIAN = 1


@dataclass(frozen=True)
class Ragged:
    """Multipolygons as shapely.to_ragged_array has them: ``xy`` (corners, 2), rings closed; where in it each ring
    begins, in ``rings`` each part, in ``parts`` each multipolygon, each with one entry more, the end."""

    xy: NDArray[np.float64]
    rings: NDArray[np.int64]
    parts: NDArray[np.int64]
    wholes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.wholes) - 1

    @staticmethod
    def of(polygons: NDArray[Any]) -> Ragged:
        """From shapely's multipolygons."""
        if len(polygons) == 0:
            return Ragged(np.empty((0, 2)), *(np.zeros(1, np.int64) for _ in range(3)))
        kind, xy, offsets = shapely.to_ragged_array(polygons)
        assert kind == shapely.GeometryType.MULTIPOLYGON
        return Ragged(xy, *(np.asarray(part, np.int64) for part in offsets))

    def shapes(self) -> NDArray[Any]:
        """As shapely's multipolygons."""
        found: NDArray[Any] = shapely.from_ragged_array(
            shapely.GeometryType.MULTIPOLYGON, self.xy, (self.rings, self.parts, self.wholes))
        return found

    def wkb(self) -> NDArray[Any]:
        """As well-known binary, an array of bytes."""
        found = np.empty(len(self), object)
        first_ring = self.parts[self.wholes]
        corners, rings = np.diff(self.rings[first_ring]), np.diff(first_ring)
        sizes = 9 + 9 * np.diff(self.wholes) + 4 * rings + 16 * corners
        xy = np.ascontiguousarray(self.xy, "<f8").view(np.uint8)
        for number, size in enumerate(sizes):
            out = np.empty(size, np.uint8)
            _fill(xy, self.rings, self.parts, self.wholes[number], self.wholes[number + 1], out)
            found[number] = out.tobytes()
        return found


@njit(nogil=True, cache=True)
def _put(out: NDArray[np.uint8], at: int, value: int) -> int:
    """A number of four bytes; returns where the next thing goes."""
    for byte in range(4):
        out[at + byte] = (value >> (8 * byte)) & 255
    return at + 4


@njit(nogil=True, cache=True)
def _fill(
    xy: NDArray[np.uint8], rings: NDArray[np.int64], parts: NDArray[np.int64], first: int, end: int,
    out: NDArray[np.uint8],
) -> None:
    """One multipolygon, of the parts from ``first`` to ``end``, as OGC 06-103r4 lays it out; ``xy``: (corners, 16)."""
    out[0] = LITTLE_ENDIAN
    at = _put(out, _put(out, 1, MULTIPOLYGON), end - first)
    for part in range(first, end):
        out[at] = LITTLE_ENDIAN
        at = _put(out, _put(out, at + 1, POLYGON), parts[part + 1] - parts[part])
        for ring in range(parts[part], parts[part + 1]):
            at = _put(out, at, rings[ring + 1] - rings[ring])
            for corner in range(rings[ring], rings[ring + 1]):
                for byte in range(16):
                    out[at + byte] = xy[corner, byte]
                at += 16
