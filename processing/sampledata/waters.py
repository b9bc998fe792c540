"""Rivers with banks and riparian woods, streams, lakes, new reservoirs, and the felling areas of the forest."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cover import BANK, BROADLEAF, CLEARED, CONIFER, GARDEN, REGROWTH, ROAD, WATER
from .noise import hash2, unit


@njit(nogil=True, cache=True)
def _distance(field: NDArray[np.float32], row: int, column: int, step: float, flattest: float) -> float:
    """Distance in ground units to a field's zero: its value by its slope, the slope being at least ``flattest``."""
    rows, columns = field.shape
    up, down = max(row - 1, 0), min(row + 1, rows - 1)
    west, east = max(column - 1, 0), min(column + 1, columns - 1)
    slope_y = (field[down, column] - field[up, column]) / ((down - up) * step)
    slope_x = (field[row, east] - field[row, west]) / ((east - west) * step)
    return float(abs(field[row, column]) / max(math.hypot(slope_x, slope_y), flattest))


@njit(nogil=True, cache=True)
def draw_rivers(
    before: NDArray[np.uint8], instant: NDArray[np.uint8], river: NDArray[np.float32], stream: NDArray[np.float32],
    woods: NDArray[np.float32], rough: NDArray[np.float32], bend: NDArray[np.float32], step: float,
) -> None:
    """Draw the main rivers and, outside towns, streams with their strip of trees."""
    rows, columns = before.shape
    thin = max(1.0, 0.8 * step)
    for row in range(rows):
        for column in range(columns):
            ragged = rough[row, column]
            if abs(river[row, column]) < 60.0:
                away = _distance(river, row, column, step, 0.45)
                half = 4.6 + 1.1 * bend[row, column] + 0.25 * ragged
                code = before[row, column]
                town = GARDEN <= code <= ROAD
                if away < half:
                    before[row, column] = WATER
                elif away < half + 0.9 * thin + 0.5 * ragged and not town:
                    before[row, column] = BANK
                elif away < half + 3.5 + 2.5 * ragged + 4 * woods[row, column] and not town:
                    before[row, column] = BROADLEAF
                else:
                    continue
                instant[row, column] = 0
            elif abs(stream[row, column]) < 0.12 and before[row, column] >= CONIFER:
                code = before[row, column]
                if GARDEN <= code <= ROAD:
                    continue
                away = _distance(stream, row, column, step, 0.008)
                if away < 0.55 * thin:
                    before[row, column] = WATER
                elif away < thin * (1.6 + 0.7 * ragged):
                    before[row, column] = BROADLEAF
                else:
                    continue
                instant[row, column] = 0


@njit(nogil=True, cache=True)
def draw_lakes(
    before: NDArray[np.uint8], after: NDArray[np.uint8], instant: NDArray[np.uint8], stream: NDArray[np.float32],
    rough: NDArray[np.float32], lobe: NDArray[np.float32], bend: NDArray[np.float32],
    top: int, left: int, step: float, lakes: NDArray[np.float64],
) -> None:
    """Draw lakes (n, 4) with a bank; one with an instant is a reservoir that floods a valley and everything in it."""
    rows, columns = before.shape
    for index in range(lakes.shape[0]):
        lake_x, lake_y, radius, moment = lakes[index]
        reach = radius * 1.8
        for row in range(max(0, math.floor((lake_y - reach) / step) - top),
                         min(rows, math.ceil((lake_y + reach) / step) - top)):
            for column in range(max(0, math.floor((lake_x - reach) / step) - left),
                                min(columns, math.ceil((lake_x + reach) / step) - left)):
                dx, dy = (left + column + 0.5) * step - lake_x, (top + row + 0.5) * step - lake_y
                shore = math.hypot(dx, dy) / radius + 0.02 * rough[row, column]
                shore += 0.20 * bend[row, column] + 0.13 * lobe[row, column]
                if moment > 0:
                    if shore + 0.9 * min(abs(stream[row, column]), 1.0) < 1.1 and before[row, column] != WATER:
                        after[row, column] = WATER
                        instant[row, column] = np.uint8(moment)
                elif shore < 1.0:
                    before[row, column] = WATER
                    instant[row, column] = 0
                elif shore < 1.0 + 1.3 * max(1.0, step) / radius and before[row, column] != ROAD:
                    before[row, column] = BANK
                    instant[row, column] = 0


@njit(nogil=True, cache=True)
def draw_fellings(
    before: NDArray[np.uint8], after: NDArray[np.uint8], instant: NDArray[np.uint8], parcel: NDArray[np.uint32],
    rough: NDArray[np.float32], bend: NDArray[np.float32],
    top: int, left: int, step: float, fellings: NDArray[np.float64], stream: np.uint32,
) -> None:
    """Draw felling areas (n, 7) inside the forest: skewed quadrilaterals, rounded, with trees left standing."""
    rows, columns = before.shape
    for index in range(fellings.shape[0]):
        centre_x, centre_y, length, width, angle, moment, number = fellings[index]
        own = hash2(stream, int(number), 0)
        skew, taper = 0.7 * (unit(own) - 0.5), 0.5 * (unit(hash2(own, 1, 1)) - 0.5)
        cosine, sine = math.cos(angle), math.sin(angle)
        reach = 1.5 * length + 3
        for row in range(max(0, math.floor((centre_y - reach) / step) - top),
                         min(rows, math.ceil((centre_y + reach) / step) - top)):
            for column in range(max(0, math.floor((centre_x - reach) / step) - left),
                                min(columns, math.ceil((centre_x + reach) / step) - left)):
                code = before[row, column]
                if code != CONIFER and code != BROADLEAF:
                    continue
                dx, dy = (left + column + 0.5) * step - centre_x, (top + row + 0.5) * step - centre_y
                p = (cosine * dx + sine * dy) / length
                q = (cosine * dy - sine * dx) / width
                p += skew * q
                q *= 1.0 + taper * p
                inside = (p**6 + q**6) ** (1 / 6) + 0.5 * rough[row, column] / length + 0.06 * bend[row, column]
                if inside > 1.0 or (rough[row, column] > 2.1 and inside < 0.8):
                    continue
                if moment > 0:
                    after[row, column] = CLEARED
                    instant[row, column] = np.uint8(moment)
                else:
                    before[row, column] = REGROWTH
                    parcel[row, column] = own
                    instant[row, column] = 0
