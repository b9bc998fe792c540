"""The plan of a landscape: its towns, roads, lakes, reservoirs and felling areas as short tables, made once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Frame, key
from .terrain import Terrain, Valley, terrain

FOREST_SHARE = 0.40
"""Share of the land above the forest line, before towns, waters and fellings."""

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """What a landscape holds, in ground units (x to the east, y to the south).

    ``towns`` (n, 7): x, y, radius, street angle, block width, block depth, key. ``roads`` (n, 5): x0, y0, x1, y1,
    half width. ``lakes`` (n, 4): x, y, radius, instant. ``fellings`` (n, 7): x, y, half length, half width, angle,
    instant, key. ``holes`` (n, 3): x, y, radius of gaps in coverage. An instant is when something comes to be: 1 to 254
    of the time between first and last year, 0 before the first.
    """

    seed: int
    size: int
    step: float
    valley: Valley
    forest_line: float
    towns: Table
    roads: Table
    lakes: Table
    fellings: Table
    holes: Table

    @property
    def extent(self) -> float:
        """Width and height of the landscape in ground units."""
        return self.size * self.step


@dataclass(frozen=True)
class Survey:
    """The terrain looked at coarsely, for siting things."""

    terrain: Terrain
    pace: float

    def index(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the survey's cell nearest to each point."""
        limit = self.terrain.height.shape[0] - 1
        row = np.clip((y / self.pace).astype(np.int64), 0, limit)
        return row, np.clip((x / self.pace).astype(np.int64), 0, limit)


def make_plan(seed: int, size: int) -> Plan:
    """The plan of a landscape of ``size`` × ``size`` pixels. Below 768 it is drawn smaller, to have all it has."""
    step = 1 / min(max(size / 768, 0.25), 1.0)
    extent = size * step
    valley = Valley.of(seed, extent)
    pace = 8.0 if extent <= 4096 else 16.0
    cells = math.ceil(extent / pace)
    survey = Survey(terrain(seed, valley, Frame(0, 0, cells, cells, pace)), pace)
    forest_line = float(np.quantile(survey.terrain.woods, 1 - FOREST_SHARE))
    towns = _towns(seed, extent, survey, forest_line)
    return Plan(
        seed=seed, size=size, step=step, valley=valley, forest_line=forest_line, towns=towns,
        roads=_roads(seed, towns),
        lakes=_lakes(seed, extent, survey, towns),
        fellings=_fellings(seed, extent, survey, forest_line),
        holes=_holes(seed, extent),
    )


def _draws(seed: int, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) of a stream of their own. RandomState: its stream is frozen for good."""
    return np.random.RandomState(int(key(seed, name))).random_sample(shape)


def _scatter(seed: int, name: str, extent: float, spacing: float, count: int) -> NDArray[np.float64]:
    """One jittered point a lattice cell, with ``count`` further uniform numbers: (n, 2 + count)."""
    side = max(1, round(extent / spacing))
    draws = _draws(seed, name, (side * side, 2 + count))
    rows, columns = np.divmod(np.arange(side * side), side)
    draws[:, 0] = (columns + 0.1 + 0.8 * draws[:, 0]) * extent / side
    draws[:, 1] = (rows + 0.1 + 0.8 * draws[:, 1]) * extent / side
    return draws


def _towns(seed: int, extent: float, survey: Survey, forest_line: float) -> Table:
    candidates = _draws(seed, "main town", (64, 2)) * 0.5 * extent + 0.25 * extent
    distance = np.abs(survey.terrain.river[survey.index(candidates[:, 0], candidates[:, 1])])
    best = candidates[np.argmin(np.abs(distance - 70))]
    main = np.array([[*best, 0.0, 0.9, 0.5, 0.5, 0.5]])
    small = _scatter(seed, "town", extent, 640, 5)
    small = small[small[:, 2] < 0.7]
    villages = _scatter(seed, "village", extent, 190, 5)
    villages = villages[villages[:, 2] < 0.6]
    found: list[NDArray[np.float64]] = []
    for index, (group, least, most) in enumerate(((main, 90.0, 130.0), (small, 45.0, 85.0), (villages, 14.0, 26.0))):
        radius = least + (most - least) * group[:, 3]
        row, column = survey.index(group[:, 0], group[:, 1])
        dry = np.abs(survey.terrain.river[row, column]) > 0.4 * radius + 8
        farmed = survey.terrain.woods[row, column] < forest_line + 0.1
        for member, r, fits in zip(group, radius, dry & farmed, strict=True):
            gap = [math.hypot(member[0] - t[0], member[1] - t[1]) - t[2] - r for t in found]
            if index == 0 or (fits and (not gap or min(gap) > (40 if index == 2 else 110))):
                block = (11 + 4 * member[5], 7.5 + 2.5 * member[6]) if r > 40 else (8.0, 6.0)
                found.append(np.array([member[0], member[1], r, math.pi * member[4], *block, len(found)]))
    return np.array(found)


def _roads(seed: int, towns: Table) -> Table:
    segments: list[tuple[float, float, float, float, float]] = []
    joined: set[tuple[int, int]] = set()
    for index, town in enumerate(towns):
        distance = np.hypot(towns[:, 0] - town[0], towns[:, 1] - town[1])
        larger = np.flatnonzero(towns[:, 2] > town[2])
        near = [int(other) for other in np.argsort(distance, kind="stable")[1:3]]
        if larger.size:
            near.append(int(larger[np.argmin(distance[larger])]))
        for other in near:
            pair = (min(index, other), max(index, other))
            if pair not in joined:
                joined.add(pair)
                wide = min(town[2], towns[other, 2]) > 40
                segments += _winding(seed, pair, towns[pair[0], :2], towns[pair[1], :2], 1.0 if wide else 0.55)
    return np.array(segments).reshape(-1, 5)


def _winding(
    seed: int, pair: tuple[int, int], start: NDArray[np.float64], end: NDArray[np.float64], half_width: float
) -> list[tuple[float, float, float, float, float]]:
    length = float(np.hypot(*(end - start)))
    count = max(2, round(length / 18))
    along = np.linspace(0, 1, count + 1)
    draws = _draws(seed, f"road {pair[0]} {pair[1]}", (3, 2))
    bow = sum(
        (a - 0.5) * 0.16 / (n + 1) * np.sin(math.pi * (n + 1) * along + math.tau * b * (n > 0))
        for n, (a, b) in enumerate(draws)
    ) * np.sin(math.pi * along) ** 0.5
    across = np.array([-(end - start)[1], (end - start)[0]])
    points = start + along[:, None] * (end - start) + bow[:, None] * across
    return [(float(a[0]), float(a[1]), float(b[0]), float(b[1]), half_width) for a, b in zip(points, points[1:])]


def _lakes(seed: int, extent: float, survey: Survey, towns: Table) -> Table:
    """Old lakes in low places and, of about the same number, reservoirs that fill between the first and last year."""
    side = max(1, round(extent / 900))
    found: list[tuple[float, float, float, float]] = []
    for cell in range(2 * side * side):
        new, place = divmod(cell, side * side)
        draws = _draws(seed, f"lake {cell}", (60, 2))
        x = (place % side + 0.06 + 0.88 * draws[:, 0]) * extent / side
        y = (place // side + 0.06 + 0.88 * draws[:, 1]) * extent / side
        row, column = survey.index(x, y)
        free = np.min(np.hypot(x[:, None] - towns[:, 0], y[:, None] - towns[:, 1]) - towns[:, 2], axis=1)
        others = [np.hypot(x - lake[0], y - lake[1]) - lake[2] for lake in found]
        free = np.minimum(free, np.min(others, axis=0)) if others else free
        height, stream = survey.terrain.height[row, column], np.abs(survey.terrain.stream[row, column])
        cost = np.abs(height - (0.55 if new else 0.25)) + (2.0 if new else 0.3) * stream + 4 * (free < 75)
        best = int(np.argmin(cost))
        radius = (36 + 14 * draws[0, 0]) if new else (20 + 24 * draws[1, 0])
        found.append((float(x[best]), float(y[best]), float(radius), 20 + round(200 * draws[2, 0]) if new else 0))
    return np.array(found, np.float64)


def _fellings(seed: int, extent: float, survey: Survey, forest_line: float) -> Table:
    """Felling areas on a jittered lattice inside the forest, denser in some regions than in others."""
    draws = _scatter(seed, "felling", extent, 38, 7)
    row, column = survey.index(draws[:, 0], draws[:, 1])
    regional = 0.55 + 0.45 * np.tanh(2 * survey.terrain.bend_x[row, column])
    wooded = survey.terrain.woods[row, column] > forest_line + 0.05
    new = wooded & (draws[:, 2] < 0.42 * regional)
    old = wooded & ~new & (draws[:, 2] > 1 - 0.16 * regional)
    instant = np.where(new, 1 + np.floor(253.99 * draws[:, 3]), 0)
    angle = math.pi * (0.3 * draws[:, 6] + survey.terrain.bend_y[row, column] * 0.2)
    table = np.column_stack([
        draws[:, 0], draws[:, 1], 8 + 9 * draws[:, 4], 5 + 6 * draws[:, 5], angle, instant,
        np.arange(len(draws), dtype=np.float64),
    ])
    return table[new | old]


def _holes(seed: int, extent: float) -> Table:
    draws = _scatter(seed, "hole", extent, 1500, 1)
    return np.column_stack([draws[:, 0], draws[:, 1], np.minimum(20 + 18 * draws[:, 2], 0.06 * extent)])
