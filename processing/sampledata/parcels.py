"""Open country and forest: districts of fields in jittered, rotated grids, woods with natural and straight edges."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cover import BROADLEAF, CONIFER, FALLOW, HALL, MEADOW, ORCHARD, ROTATION, ROTATIONS
from .noise import hash2, mix, unit

DISTRICT = 140.0
"""Ground units between the centres of neighbouring districts of fields."""


@njit(nogil=True, cache=True)
def _nearest_district(stream: np.uint32, x: float, y: float) -> tuple[int, int, float, float, float]:
    """Row and column of the nearest jittered lattice point, the offset from it, and the distance to its border."""
    row, column = math.floor(y / DISTRICT), math.floor(x / DISTRICT)
    best, second = 1e30, 1e30
    best_row, best_column, best_x, best_y = 0, 0, 0.0, 0.0
    for r in range(row - 1, row + 2):
        for c in range(column - 1, column + 2):
            draw = hash2(stream, r, c)
            dx = x - (c + 0.12 + 0.76 * unit(draw)) * DISTRICT
            dy = y - (r + 0.12 + 0.76 * unit(mix(draw))) * DISTRICT
            distance = dx * dx + dy * dy
            if distance < best:
                second = best
                best, best_row, best_column, best_x, best_y = distance, r, c, dx, dy
            elif distance < second:
                second = distance
    return best_row, best_column, best_x, best_y, math.sqrt(second) - math.sqrt(best)


@njit(nogil=True, cache=True)
def _strip(stream: np.uint32, place: float, width: float, line: int) -> tuple[int, float]:
    """Which of a row of strips with jittered borders holds ``place``, and how far inside its lower border it is."""
    number = math.floor(place / width)
    lower = (number + 0.55 * (unit(hash2(stream, number, line)) - 0.5)) * width
    if place < lower:
        number -= 1
        lower = (number + 0.55 * (unit(hash2(stream, number, line)) - 0.5)) * width
    else:
        upper = (number + 1 + 0.55 * (unit(hash2(stream, number + 1, line)) - 0.5)) * width
        if place >= upper:
            number += 1
            lower = upper
    return number, place - lower


@njit(nogil=True, cache=True)
def draw_country(
    before: NDArray[np.uint8], after: NDArray[np.uint8], instant: NDArray[np.uint8], parcel: NDArray[np.uint32],
    woods: NDArray[np.float32], stand: NDArray[np.float32], rough: NDArray[np.float32],
    bend_x: NDArray[np.float32], bend_y: NDArray[np.float32],
    top: int, left: int, step: float, forest_line: float, stream: np.uint32,
) -> None:
    """Draw forest and fields into codes, and the few parcels that a hall (barn, greenhouse, warehouse) will cover."""
    rows, columns = before.shape
    thin = max(1.0, step)
    for row in range(rows):
        for column in range(columns):
            x = (left + column + 0.5) * step + 5.0 * bend_x[row, column]
            y = (top + row + 0.5) * step + 5.0 * bend_y[row, column]
            district_row, district_column, dx, dy, border = _nearest_district(stream, x, y)
            district = hash2(np.uint32(stream ^ np.uint32(0x51ED270B)), district_row, district_column)
            angle = math.pi * unit(district)
            along = dx * math.cos(angle) + dy * math.sin(angle)
            across = dy * math.cos(angle) - dx * math.sin(angle)
            style = mix(district)
            depth, length = 10.0 + 10.0 * unit(style), 20.0 + 26.0 * unit(mix(style))
            strip, inside = _strip(style, across, depth, 0)
            field, inside_along = _strip(style, along, length, strip + 1000)
            if field % 2 == 1 and unit(hash2(style, field + 77, strip)) < 0.3:
                field -= 1
                inside_along = 9.0
            number = hash2(district, strip, field)
            parcel[row, column] = number
            after[row, column] = 0
            instant[row, column] = 0
            chance = unit(mix(np.uint32(number + np.uint32(1))))
            wooded = woods[row, column] + 0.26 * (chance - 0.5) > forest_line
            if wooded:
                needles = stand[row, column] * 0.5 + (woods[row, column] - forest_line) * 1.5 > 0.35
                before[row, column] = CONIFER if needles else BROADLEAF
                continue
            hedge = inside < thin and unit(hash2(style, strip, 5)) < 0.22
            if border < 1.1 * thin or (border < 2.6 * thin and rough[row, column] > 0.9):
                track = unit(mix(np.uint32(district ^ np.uint32(9)))) < 0.5
                before[row, column] = FALLOW if track else BROADLEAF
                continue
            if hedge and rough[row, column] > -0.8:
                before[row, column] = BROADLEAF
                continue
            kind = unit(mix(np.uint32(number + np.uint32(2))))
            grass = 0.16 + 0.5 * max(0.0, woods[row, column] - forest_line + 0.25)
            if kind < grass:
                before[row, column] = MEADOW
            elif kind > 0.97:
                before[row, column] = ORCHARD
            else:
                before[row, column] = ROTATION + number % np.uint32(ROTATIONS)
                if unit(mix(np.uint32(number + np.uint32(3)))) < 0.012 and inside > thin and inside_along > thin:
                    after[row, column] = HALL
                    instant[row, column] = 1 + mix(np.uint32(number + np.uint32(4))) % np.uint32(254)
