"""Cells of the ground that name a shard: TerraBit's quarter degrees, and geohashes."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .morton import morton_keys

DEGREES = 0.25
ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz"
LONGEST_GEOHASH = 12
CELLS = re.compile(r"0\.25|geohash-([1-9]|1[0-2])")
"""What a store's ``cells`` may be."""

_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def tiles(longitude: ArrayLike, latitude: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """TerraBit's tile_x, tile_y: floor((lon + 180) / 0.25) and floor((lat + 90) / 0.25) of footprints' centres.

    180° E and 90° N belong to the last tile, so that there are 1,440 × 720.
    """
    x = np.floor((np.asarray(longitude, np.float64) + 180.0) / DEGREES)
    y = np.floor((np.asarray(latitude, np.float64) + 90.0) / DEGREES)
    return (np.clip(x, 0, 360 / DEGREES - 1).astype(np.int32), np.clip(y, 0, 180 / DEGREES - 1).astype(np.int32))


def tile_bounds(x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east and north of a tile, in degrees."""
    return (x * DEGREES - 180, y * DEGREES - 90, (x + 1) * DEGREES - 180, (y + 1) * DEGREES - 90)


def geohashes(longitude: ArrayLike, latitude: ArrayLike, length: int) -> list[str]:
    """The geohash of each place, of ``length`` letters (1 to 12)."""
    return [_text(int(number), length) for number in geohash_numbers(longitude, latitude, length)]


def geohash_numbers(longitude: ArrayLike, latitude: ArrayLike, length: int) -> NDArray[np.uint64]:
    """Geohashes as numbers of 5 · length bits, for grouping and sorting many; ``geohash_text`` names one."""
    if not 1 <= length <= LONGEST_GEOHASH:
        raise ValueError(f"a geohash has 1 to {LONGEST_GEOHASH} letters, not {length}")
    return morton_keys(longitude, latitude, 32) >> np.uint64(64 - 5 * length)


def geohash_text(number: int, length: int) -> str:
    """The letters of a number of ``geohash_numbers``."""
    return _text(number, length)


def geohash_bounds(geohash: str) -> tuple[float, float, float, float]:
    """West, south, east and north of a geohash, in degrees. Raises ValueError if it is none."""
    if not geohash or len(geohash) > LONGEST_GEOHASH or any(letter not in _VALUES for letter in geohash):
        raise ValueError(f"“{geohash[:40]}” is not a geohash")
    low, high = [-180.0, -90.0], [180.0, 90.0]
    bits = [_VALUES[letter] >> shift & 1 for letter in geohash for shift in (4, 3, 2, 1, 0)]
    for index, bit in enumerate(bits):
        axis = index % 2
        middle = (low[axis] + high[axis]) / 2
        (low if bit else high)[axis] = middle
    return (low[0], low[1], high[0], high[1])


def _text(number: int, length: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(length - 1, -1, -1))
