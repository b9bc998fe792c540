"""Clicks on made-up tiles, as the dock sends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bitscape.processing import operations
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress


def ask(operation: str, request: dict[str, Any], progress: Progress | None = None, **more: Any) -> dict[str, Any]:
    """What an operation answers, through the table of operations."""
    return operations.run(operation, {**request, **more}, progress or Progress())


def centres(grid: Grid, rows: Any, columns: Any) -> tuple[np.ndarray, np.ndarray]:
    """x and y of pixel centres."""
    t = grid.transform
    return t.c + (np.asarray(columns) + 0.5) * t.a, t.f + (np.asarray(rows) + 0.5) * t.e


def clicks_at(tiles: Path, grid: Grid, rows: Any, columns: Any, named: Any) -> dict[str, Any]:
    """A request's clicks on pixels, each with the name of its class."""
    x, y = centres(grid, rows, columns)
    names = sorted(set(named), reverse=True)  # the dock's class table has an order of its own
    return {"tiles": str(tiles), "x": x.tolist(), "y": y.tolist(), "names": names,
            "classes": [names.index(name) for name in named]}


def scene_clicks(
    tiles: Path, grid: Grid, truth: np.ndarray, count: int, names: tuple[str, str, str], seed: int = 5
) -> dict[str, Any]:
    """``count`` clicks at random on a scene of three kinds of patches, named after them."""
    random = np.random.default_rng(seed)
    rows, columns = random.integers(0, grid.height, count), random.integers(0, grid.width, count)
    return clicks_at(tiles, grid, rows, columns, [names[kind] for kind in truth[rows, columns]])


def reordered(request: dict[str, Any], order: Any) -> dict[str, Any]:
    """The same clicks in another order, or some of them."""
    return {**request, **{key: [request[key][index] for index in order] for key in ("x", "y", "classes")}}


def view_of(
    grid: Grid, left: float, top: float, width: float, height: float, pixels: tuple[int, int]
) -> dict[str, Any]:
    """A map window over columns from ``left`` and rows from ``top`` of the file, shown on so many screen pixels."""
    t = grid.transform
    y = sorted([t.f + top * t.e, t.f + (top + height) * t.e])
    return {"west": t.c + left * t.a, "east": t.c + (left + width) * t.a, "south": y[0], "north": y[1],
            "width": pixels[0], "height": pixels[1]}
