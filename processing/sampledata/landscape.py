"""One block of the landscape: what covers each pixel before and after, when it changes, and its parcel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cover import class_table, kind_table
from .noise import Frame, field, key
from .parcels import draw_country
from .plan import Plan, Table
from .settlements import draw_roads, draw_towns
from .terrain import terrain
from .waters import draw_fellings, draw_lakes, draw_rivers

HALO = 2
"""Pixels around a block that its own pixels' mixtures and neighbourhoods need."""


@dataclass(frozen=True)
class Block:
    """A block of pixels and its halo; arrays are (rows + 2 HALO, columns + 2 HALO).

    ``before`` and ``after``: codes of cover.py, uint8; ``instant``: when before becomes after, 1 to 254 of the time
    between first and last year, 0 never, uint8; ``parcel``: a number for what is managed together, uint32;
    ``height``: for the light on the hills, float32. ``top``, ``left``, ``rows``, ``columns`` are without the halo.
    """

    top: int
    left: int
    rows: int
    columns: int
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    instant: NDArray[np.uint8]
    parcel: NDArray[np.uint32]
    height: NDArray[np.float32]

    def codes(self, share: float) -> NDArray[np.uint8]:
        """Codes at a share (0 to 1) of the time between the first and the last year, with the halo."""
        return np.where((self.instant > 0) & (self.instant < 255 * share), self.after, self.before)

    def inner(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An array of the block without its halo."""
        return array[HALO:-HALO, HALO:-HALO]

    def changed(self) -> NDArray[np.bool_]:
        """The true change between first and last year, with the halo."""
        return self.instant > 0

    def classes(self) -> NDArray[np.uint8]:
        """Land-cover classes of the first year, without the halo."""
        return class_table()[self.inner(self.before)]


def make_block(plan: Plan, top: int, left: int, rows: int, columns: int) -> Block:
    """Draw a block of the landscape. A pixel is the same in every block (and halo) that holds it."""
    frame = Frame(top - HALO, left - HALO, rows + 2 * HALO, columns + 2 * HALO, plan.step)
    # One more pixel around: slopes at the halo's rim need their neighbours.
    wide = Frame(frame.top - 1, frame.left - 1, frame.rows + 2, frame.columns + 2, plan.step)
    ground = terrain(plan.seed, plan.valley, wide)
    shape = (wide.rows, wide.columns)
    before, after = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    instant, parcel = np.empty(shape, np.uint8), np.empty(shape, np.uint32)
    place = (wide.top, wide.left, wide.step)
    draw_country(before, after, instant, parcel, ground.woods, ground.stand, ground.rough, ground.bend_x,
                 ground.bend_y, *place, plan.forest_line, key(plan.seed, "parcels"))
    draw_fellings(before, after, instant, parcel, ground.rough, ground.bend_x, *place,
                  _near(plan.fellings, wide, 1.5 * plan.fellings[:, 2] + 3), key(plan.seed, "fellings"))
    draw_towns(before, after, instant, parcel, ground.bend_x, ground.bend_y, ground.lobe, *place,
               _near(plan.towns, wide, 1.9 * plan.towns[:, 2]), key(plan.seed, "towns"))
    draw_rivers(before, instant, ground.river, ground.stream, ground.woods, ground.rough, ground.bend_x, plan.step)
    draw_roads(before, instant, *place, _near(plan.roads, wide, 60.0))
    draw_lakes(before, after, instant, ground.stream, ground.rough, ground.lobe, ground.bend_x, *place,
               _near(plan.lakes, wide, 1.8 * plan.lakes[:, 2]))
    kinds = kind_table()
    instant[kinds[before] == kinds[after]] = 0
    height = ground.height + np.float32(0.006) * field(("ground",), plan.seed, 9, 2, wide)
    return Block(top, left, rows, columns, *(
        np.ascontiguousarray(array[1:-1, 1:-1]) for array in (before, after, instant, parcel, height)
    ))


def _near(table: Table, frame: Frame, reach: NDArray[np.float64] | float) -> Table:
    """The rows of a table (x, y first) that may touch a frame, given how far each reaches."""
    x, y = table[:, 0], table[:, 1]
    west, north = frame.left * frame.step, frame.top * frame.step
    east, south = west + frame.columns * frame.step, north + frame.rows * frame.step
    touches = (x + reach > west) & (x - reach < east) & (y + reach > north) & (y - reach < south)
    return np.ascontiguousarray(table[touches])
