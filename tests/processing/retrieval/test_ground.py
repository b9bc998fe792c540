"""Neighbours on the ground, against great-circle distances of all pairs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bitscape.processing.progress import Progress
from bitscape.processing.retrieval.ground import boxes_of, centres, neighbours
from numpy.typing import NDArray


def great_circle(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Haversine angles of all pairs."""
    x, y = np.radians(lon), np.radians(lat)
    half = np.sin((y[:, None] - y) / 2) ** 2 + np.cos(y[:, None]) * np.cos(y) * np.sin((x[:, None] - x) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(half))


@pytest.mark.parametrize(("west", "east", "south", "north"), [
    (10, 11, 45, 46), (179, 181, -5, 5), (-180, 180, 85, 90), (-180, 180, -90, -88), (0, 0.01, 70, 70.01),
])
def test_neighbours_are_the_nearest_on_the_sphere(west: float, east: float, south: float, north: float) -> None:
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform(west, east, 300), rng.uniform(south, north, 300)
    lon = (lon + 180) % 360 - 180
    with ThreadPoolExecutor(2) as pool:
        found = neighbours(lon, lat, np.zeros(300, np.int16), 8, pool, Progress())
    apart = great_circle(lon, lat)
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_array_equal(found, np.argsort(apart, axis=1, kind="stable")[:, :8])


def test_only_of_the_same_year_and_no_more_than_there_are() -> None:
    lon, lat = np.arange(10.0), np.zeros(10)
    years = np.array([2020] * 7 + [2021] * 2 + [2022], np.int16)
    with ThreadPoolExecutor(1) as pool:
        found = neighbours(lon, lat, years, 8, pool, Progress())
    assert set(found[0][found[0] >= 0]) == set(range(1, 7))
    assert found[7].tolist() == [8, *[-1] * 7]
    assert (found[9] == -1).all()


def test_many_at_one_place_are_neighbours_of_each_other_and_not_of_themselves() -> None:
    lon = lat = np.zeros(30)
    with ThreadPoolExecutor(1) as pool:
        found = neighbours(lon, lat, np.zeros(30, np.int16), 8, pool, Progress())
    assert (found >= 0).all()
    assert not (found == np.arange(30)[:, None]).any()
    assert all(len(set(row)) == 8 for row in found.tolist())


def test_boxes_over_the_antimeridian_have_their_centre_there() -> None:
    boxes = boxes_of(np.array([[179.9, 0, -179.9, 1], [179.8, 0, 180.2, 1], [10, -5, 11, -4], [-180, 0, 180, 1.0]]))
    lon, lat = centres(boxes)
    assert np.abs(lon[:2]) == pytest.approx([180, 180])
    assert lon[2:] == pytest.approx([10.5, 0]) and lat == pytest.approx([0.5, 0.5, -4.5, 0.5])
