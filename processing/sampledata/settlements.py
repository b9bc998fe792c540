"""Towns and what people build: streets and blocks, suburbs, sheds, parks, new quarters at the fringe, roads."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cover import DENSE, GARDEN, HALL, HOUSES, ROAD
from .noise import hash2, mix, unit

FRINGE = 0.42
"""How far out of town, as a share of its radius, new quarters are built."""


@njit(nogil=True, cache=True)
def draw_towns(
    before: NDArray[np.uint8], after: NDArray[np.uint8], instant: NDArray[np.uint8], parcel: NDArray[np.uint32],
    bend_x: NDArray[np.float32], bend_y: NDArray[np.float32], lobe: NDArray[np.float32],
    top: int, left: int, step: float, towns: NDArray[np.float64], stream: np.uint32,
) -> None:
    """Draw towns (n, 7) into codes; a quarter built between the years keeps what was there before in ``before``."""
    rows, columns = before.shape
    for index in range(towns.shape[0]):
        town_x, town_y, radius, angle, width, depth = towns[index, :6]
        local = hash2(stream, int(towns[index, 6]), 0)
        cosine, sine = math.cos(angle), math.sin(angle)
        reach = radius * 1.9
        ragged = 0.40 if radius < 40 else 0.10
        fringe = 0.25 if radius < 40 else FRINGE
        spread = 0 if radius < 40 else 1  # a quarter is one block, or two by two
        first_row = max(0, math.floor((town_y - reach) / step) - top)
        last_row = min(rows, math.ceil((town_y + reach) / step) - top)
        first_column = max(0, math.floor((town_x - reach) / step) - left)
        last_column = min(columns, math.ceil((town_x + reach) / step) - left)
        for row in range(first_row, last_row):
            for column in range(first_column, last_column):
                dx = (left + column + 0.5) * step - town_x
                dy = (top + row + 0.5) * step - town_y
                density = 1.0 - math.hypot(dx, dy) / radius + 0.16 * (bend_x[row, column] + bend_y[row, column])
                density += ragged * lobe[row, column]
                if density < -fringe:
                    continue
                p = cosine * dx + sine * dy + 1.2 * bend_y[row, column]
                q = cosine * dy - sine * dx + 1.2 * bend_x[row, column]
                block_x, block_y = math.floor(p / width), math.floor(q / depth)
                quarter = hash2(local, block_x >> spread, block_y >> spread)
                chance = unit(quarter)
                new = False
                if density < 0.0:
                    new = chance < 0.36
                    if not new and chance < 0.9 - 0.35 * density / -fringe:
                        continue
                code = _building(local, quarter, density, p, q, block_x, block_y, width, depth, step)
                if new:
                    after[row, column] = code
                    instant[row, column] = 1 + mix(quarter) % np.uint32(254)
                else:
                    before[row, column] = code
                    instant[row, column] = 0
                    parcel[row, column] = hash2(quarter, math.floor(p / 2), math.floor(q / 2))


@njit(nogil=True, cache=True)
def _building(
    local: np.uint32, quarter: np.uint32, density: float, p: float, q: float,
    block_x: int, block_y: int, width: float, depth: float, step: float,
) -> int:
    """What stands at (p, q) of a town's own grid."""
    street = max(1.0, 0.9 * step)
    inside_x, inside_y = p - block_x * width, q - block_y * depth
    avenue = (block_x % 4 == 0 and inside_x < street + 0.8) or (block_y % 5 == 0 and inside_y < street + 0.8)
    if avenue or inside_x < street or inside_y < street:
        return ROAD
    block = hash2(local, block_x, block_y)
    lot = hash2(block, math.floor(p / 1.5), math.floor(q / 1.5))
    kind, chance = unit(mix(np.uint32(quarter + np.uint32(11)))), unit(lot)
    if density > 0.62 + 0.2 * (unit(block) - 0.5):
        if unit(mix(block)) < 0.07:
            return GARDEN
        return DENSE if chance < 0.72 else (HALL if chance < 0.80 else HOUSES)
    if kind < 0.11 and density < 0.45:
        shed = unit(hash2(block, math.floor(p / 4), math.floor(q / 3)))
        return HALL if shed < 0.66 else (ROAD if shed < 0.86 else GARDEN)
    if unit(mix(block)) < 0.08:
        return GARDEN
    return HOUSES if chance < 0.60 + 0.25 * max(0.0, density) else GARDEN


@njit(nogil=True, cache=True)
def draw_roads(
    before: NDArray[np.uint8], instant: NDArray[np.uint8], top: int, left: int, step: float,
    roads: NDArray[np.float64],
) -> None:
    """Draw road segments (n, 5): x0, y0, x1, y1, half width."""
    rows, columns = before.shape
    for index in range(roads.shape[0]):
        x0, y0, x1, y1, half = roads[index]
        half = max(half, 0.55 * step)
        dx, dy = x1 - x0, y1 - y0
        square = max(dx * dx + dy * dy, 1e-9)
        for row in range(max(0, math.floor((min(y0, y1) - half) / step) - top),
                         min(rows, math.ceil((max(y0, y1) + half) / step) - top + 1)):
            for column in range(max(0, math.floor((min(x0, x1) - half) / step) - left),
                                min(columns, math.ceil((max(x0, x1) + half) / step) - left + 1)):
                x, y = (left + column + 0.5) * step - x0, (top + row + 0.5) * step - y0
                share = min(1.0, max(0.0, (x * dx + y * dy) / square))
                if math.hypot(x - share * dx, y - share * dy) < half:
                    before[row, column] = ROAD
                    instant[row, column] = 0
