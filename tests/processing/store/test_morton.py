"""Morton keys against interleaving bit by bit; geohashes and tiles against published and worked-out ones."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.store.cells import (
    geohash_bounds,
    geohash_numbers,
    geohash_text,
    geohashes,
    tile_bounds,
    tiles,
)
from bitscape.processing.store.morton import morton_keys, morton_order
from hypothesis import given
from hypothesis import strategies as st

LONGITUDES = st.floats(-180, 180)
LATITUDES = st.floats(-90, 90)
ROUNDING = 1e-12
"""Of adding 180 in the definitions."""


def bit_by_bit(longitude: float, latitude: float, bits: int) -> int:
    x = min(int((longitude + 180) / 360 * 2**bits), 2**bits - 1)
    y = min(int((latitude + 90) / 180 * 2**bits), 2**bits - 1)
    key = 0
    for place in range(bits):
        key |= (x >> place & 1) << (2 * place + 1) | (y >> place & 1) << (2 * place)
    return key


@given(LONGITUDES, LATITUDES, st.sampled_from([1, 7, 16, 31, 32]))
def test_keys_interleave_bits(longitude: float, latitude: float, bits: int) -> None:
    assert int(morton_keys([longitude], [latitude], bits)[0]) == bit_by_bit(longitude, latitude, bits)


def test_what_is_no_place_goes_to_the_edge() -> None:
    assert morton_keys([np.nan, -np.inf, -500], [np.nan, -90, -95]).tolist() == [0, 0, 0]
    assert morton_keys([180, 1e9, np.inf], [90, 1e9, np.inf]).tolist() == [2**64 - 1] * 3
    with pytest.raises(ValueError, match="1 to 32"):
        morton_keys([0], [0], 33)


def test_order_brings_near_places_together() -> None:
    """Steps between neighbours in the order are much shorter than in the order of longitudes."""
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 10, 5000), random.uniform(40, 50, 5000)
    bounds = np.column_stack([x, y, x + 0.01, y + 0.01])

    def steps(order: np.ndarray) -> float:
        return float(np.hypot(np.diff(x[order]), np.diff(y[order])).mean())

    assert steps(morton_order(bounds)) < steps(np.argsort(x)) / 10


def test_footprints_over_the_antimeridian_are_ordered_by_their_real_centre() -> None:
    """Centres at 179.95 and −179.85: the first sorts to the far east, the second to the far west, neither to 0°."""
    bounds = np.array([[179.8, 0, -179.9, 0.1], [0, 0, 0.1, 0.1], [179.95, 0, -179.65, 0.1]])
    assert morton_order(bounds).tolist() == [2, 1, 0]


def test_equal_places_keep_their_order() -> None:
    assert morton_order(np.tile([1.0, 2.0, 1.1, 2.1], (50, 1))).tolist() == list(range(50))


def test_published_geohashes() -> None:
    """From the description of the system, geohash.org: a place in Jutland, and ezs42 in Spain."""
    assert geohashes([10.40744], [57.64911], 11) == ["u4pruydqqvj"]
    assert geohashes([-5.603], [42.605], 5) == ["ezs42"]
    west, south, east, north = geohash_bounds("ezs42")
    assert (round(west, 3), round(south, 3), round(east, 3), round(north, 3)) == (-5.625, 42.583, -5.581, 42.627)


@given(LONGITUDES, LATITUDES, st.integers(1, 12))
def test_a_geohash_holds_its_place(longitude: float, latitude: float, length: int) -> None:
    (name,) = geohashes([longitude], [latitude], length)
    west, south, east, north = geohash_bounds(name)
    assert west - ROUNDING <= longitude <= east + ROUNDING
    assert south - ROUNDING <= latitude <= north + ROUNDING
    assert geohash_text(int(geohash_numbers([longitude], [latitude], length)[0]), length) == name


@pytest.mark.parametrize("text", ["", "a", "ezs4I", "u" * 13, "éz"])
def test_what_is_no_geohash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a geohash"):
        geohash_bounds(text)


@given(LONGITUDES, LATITUDES)
def test_a_tile_holds_its_place(longitude: float, latitude: float) -> None:
    (x,), (y,) = tiles([longitude], [latitude])
    west, south, east, north = tile_bounds(int(x), int(y))
    assert west - ROUNDING <= longitude <= east + ROUNDING
    assert south - ROUNDING <= latitude <= north + ROUNDING
    assert (0 <= x < 1440) and (0 <= y < 720)
    assert x == min(np.floor((longitude + 180) / 0.25), 1439)
    assert y == min(np.floor((latitude + 90) / 0.25), 719)
