"""A raster cut into panels: as many windows side by side as memory allows, worked through from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .resolution import ModelGrid
from .windows import Axis

BUDGET = 64 * 2**20
"""Bytes that the rows of a panel may take. Small, and the same for rasters of any width: memory stays flat."""
STRIPED_BUDGET = 512 * 2**20
"""The same where the file's blocks are as wide as the raster: each panel would decode all of them again."""


@dataclass(frozen=True)
class Panel:
    """Columns ``left`` … ``right`` (exclusive) of the raster that are finished together.

    ``windows`` are run for it, in the model's columns from ``start`` to ``end``. Those from ``carry`` on belong to the
    next panel too, and what these windows say of them is handed over.
    """

    left: int
    right: int
    windows: range
    start: int
    end: int
    carry: int

    @property
    def carried(self) -> int:
        """Columns of the model that are handed over to the next panel."""
        return max(0, self.end - self.carry)


def panels(axis: Axis, grid: ModelGrid, left: int, right: int, widest: int, block: int) -> Iterator[Panel]:
    """Cut the columns ``left`` … ``right`` of the raster at multiples of ``block`` from its left one, into panels of at
    most ``widest`` columns (or one block), where few columns have to be handed over."""
    back = grid.back_across
    first = axis.touching(*back.reach(left, right, grid.width))
    run, start = first.start, int(axis.starts[first.start])
    end = start
    while left < right:
        cut = right if right - left <= max(widest, block) else _cut(axis, grid, left, widest, block)
        last = first.stop if cut >= right else axis.touching(0, back.reach(left, cut, grid.width)[1]).stop
        windows = range(run, max(run, last))
        if windows:
            end = min(grid.width, int(axis.starts[windows[-1]]) + axis.tile)
        carry = end if cut >= right else back.reach(cut, right, grid.width)[0]
        yield Panel(left, min(cut, right), windows, start, end, carry)
        left, run, start = cut, windows.stop, carry


def _cut(axis: Axis, grid: ModelGrid, left: int, widest: int, block: int) -> int:
    """Where to end a panel that begins at ``left``."""
    most = max(1, widest // block)
    candidates = [left + block * count for count in range(max(1, most // 2), most + 1)]

    def carried(cut: int) -> int:
        needed = grid.back_across.reach(left, cut, grid.width)[1]
        last = axis.touching(0, needed)[-1]
        return int(axis.starts[last]) + axis.tile - grid.back_across.reach(cut, cut + 1, grid.width)[0]

    return min(reversed(candidates), key=carried)


def widest(pixel_bytes: int, channels: int, tile: int, scale: float, striped: bool) -> int:
    """Columns of the raster for which the rows of a panel stay within the budget: ``pixel_bytes`` of what is read,
    ``channels`` of the model's scores, ``scale`` pixels of the raster for one of the model along each side."""
    rows = tile * scale + tile
    column = rows * (pixel_bytes + 3) + 4 * channels * (tile / scale + tile)
    return int((STRIPED_BUDGET if striped else BUDGET) / column)
