"""Which pixels a year covers: all but a slanted swath edge and some holes, which differ a little between years."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .landscape import Block
from .noise import Frame, field, key, unit
from .plan import Plan

SWATH = 0.045
"""How far the swath edge reaches into the landscape at its foot, as a share of its width."""


def covered(plan: Plan, block: Block, year: int) -> NDArray[np.bool_]:
    """Covered pixels of a block in a year: bool (rows, columns)."""
    frame = Frame(block.top, block.left, block.rows, block.columns, plan.step)
    x = ((block.left + np.arange(block.columns) + 0.5) * plan.step)[None, :]
    y = ((block.top + np.arange(block.rows) + 0.5) * plan.step)[:, None]
    jitter = unit(key(plan.seed, "swath", year)) - 0.5
    edge = plan.extent * (SWATH * (1.35 - y / plan.extent) + 0.008 * jitter)
    out = x > edge if key(plan.seed, "side") % 2 else plan.extent - x > edge
    near = [hole for hole in plan.holes if _near(hole, frame)]
    if near:
        shape = field(("hole",), plan.seed, 16, 3, frame)
        for hole_x, hole_y, radius in near:
            angle = math.tau * unit(key(plan.seed, "hole angle", year, hole_x))
            size = radius * (0.9 + 0.2 * unit(key(plan.seed, "hole size", year, hole_x)))
            dx, dy = x - hole_x - 0.15 * radius * math.cos(angle), y - hole_y - 0.15 * radius * math.sin(angle)
            out = out & (np.hypot(dx, dy) / size + 0.18 * shape > 1)
    return np.asarray(out)


def _near(hole: NDArray[np.float64], frame: Frame) -> bool:
    reach = 2.5 * hole[2]
    left, top = frame.left * frame.step, frame.top * frame.step
    return bool(
        hole[0] + reach > left and hole[0] - reach < left + frame.columns * frame.step
        and hole[1] + reach > top and hole[1] - reach < top + frame.rows * frame.step
    )
