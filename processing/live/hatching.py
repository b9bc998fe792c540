"""Lines over what a map cannot know: no data, or unlike every label. Drawn on the screen's pixels, so that they stay
lines at every scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..grids.grid import Grid
from .view import View

UNKNOWN, EXTRAPOLATED = 1, 2
SPACING = 8
"""Screen pixels from one line to the next."""


def hatch(
    view: View, grid: Grid, unknown: NDArray[np.bool_], far: NDArray[np.bool_] | None
) -> tuple[Grid, NDArray[np.uint8]]:
    """The screen's grid and what is drawn on it, (height, width) uint8: 1 on lines over ``unknown``, 2 on lines the
    other way over ``far``, else 0. Both masks are (height, width) of ``grid``."""
    screen = view.grid(grid)
    pattern = np.zeros((screen.height, screen.width), np.uint8)
    t = ~grid.transform @ screen.transform
    steps = np.array([t.a, t.b, t.c, t.d, t.e, t.f])
    _draw(unknown, UNKNOWN, 1, steps, pattern)
    if far is not None:
        _draw(far, EXTRAPOLATED, -1, steps, pattern)
    return screen, pattern


@njit(nogil=True, cache=True, error_model="numpy")
def _draw(mask: Any, value: int, slope: int, steps: Any, out: Any) -> None:
    """Lines of ``value`` where x + slope · y is a multiple of the spacing and the pixel of ``mask`` there is true.
    ``steps``: from a place on the screen to columns and rows of the mask, as an affine transform."""
    height, width = mask.shape
    for y in range(out.shape[0]):
        for x in range(-slope * y % SPACING, out.shape[1], SPACING):
            column = np.floor(steps[0] * (x + 0.5) + steps[1] * (y + 0.5) + steps[2])
            row = np.floor(steps[3] * (x + 0.5) + steps[4] * (y + 0.5) + steps[5])
            if 0 <= row < height and 0 <= column < width and mask[int(row), int(column)]:
                out[y, x] = value
