"""Where a model's windows lie on a grid: on one lattice from the grid's own corner, whatever part of it is asked
for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Blend = Literal["hann", "crop", "average"]
STRIDE = 32
"""Networks halve their input up to five times: windows that start at multiples of this see the same halving grid."""


@dataclass(frozen=True)
class Axis:
    """The windows along one side of a grid of ``length`` pixels: ``tile`` pixels each, ``overlap`` or more in common.

    They start at the grid's first pixel and follow each other by one step. The last one is moved inwards so that it
    ends where the grid does: a window sees the grid's edge only where the grid ends, as the whole of it in one window
    would. Only a grid smaller than one window is padded. ``ignored``: pixels along an edge within the grid that do not
    count (None: a quarter of the overlap).
    """

    length: int
    tile: int
    overlap: int
    ignored: int | None = None

    @property
    def step(self) -> int:
        """From the start of one window to the next, in pixels."""
        return self.tile - self.overlap

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first pixel of each window, ascending."""
        last = self.length - self.tile
        if last <= 0:
            return np.zeros(1, np.int64)
        regular = np.arange(0, last + 1, self.step, dtype=np.int64)
        return regular if regular[-1] == last else np.append(regular, last)

    def weights(self, blend: Blend) -> NDArray[np.float32]:
        """How much each window counts at each of its pixels, (windows, tile): all weights at a pixel add up to 1.

        At the ends of the grid windows count fully to their edge. Elsewhere, within the overlap: ``hann`` leaves out
        the pixels that are ``ignored``, where a network sees too little around them, and rises over the middle as sin²
        (half a Hann window); ``crop`` takes the pixel from the window in which it lies deeper; ``average`` counts
        windows alike.
        """
        starts = self.starts
        raw = np.ones((len(starts), self.tile))
        for number, start in enumerate(starts):
            ramp = _ramp(self.tile, self.overlap, self.overlap // 4 if self.ignored is None else self.ignored, blend)
            if start > 0:
                raw[number] *= ramp
            if start + self.tile < self.length:
                raw[number] *= ramp[::-1]
        total = np.zeros(max(self.length, self.tile))
        for number, start in enumerate(starts):
            total[start : start + self.tile] += raw[number]
        for number, start in enumerate(starts):
            raw[number] /= total[start : start + self.tile]
        return raw.astype(np.float32)

    def touching(self, low: int, high: int) -> range:
        """The windows that have pixels in ``low`` … ``high`` (exclusive)."""
        first = int(np.searchsorted(self.starts, low - self.tile, "right"))
        return range(first, int(np.searchsorted(self.starts, high, "left")))


def _ramp(tile: int, overlap: int, ignored: int, blend: Blend) -> NDArray[np.float64]:
    """The weight of a window by the distance from an edge beyond which the grid goes on, (tile,)."""
    ramp = np.ones(tile)
    if overlap <= 0 or blend == "average":
        return ramp
    if blend == "crop":
        ramp[: overlap // 2] = 0
        return ramp
    ignored = min(ignored, overlap // 2)
    width = overlap - 2 * ignored
    ramp[:ignored] = 0
    ramp[ignored : ignored + width] = np.sin(np.pi / 2 * (np.arange(width) + 0.5) / width) ** 2
    return ramp


def left_out(overlap: int, reach: int | None) -> int:
    """How many pixels along a window's edge are best left out: as far as the edge reaches into what the network says
    (None: not known, or too far), so that nothing of it is left in the result; a quarter of the overlap at least."""
    least = overlap // 4
    return max(least, reach) if reach is not None and reach <= overlap // 2 else least


def placed_overlap(tile: int, overlap: int) -> int:
    """An overlap of at least so many pixels, with which windows start at multiples of 32 where that is possible.

    Raises InputError if the overlap leaves nothing to step by.
    """
    if overlap < 0 or 2 * overlap > 1.5 * tile:
        raise InputError(f"An overlap of {overlap} pixels does not fit windows of {tile} pixels: it may be three "
                         "quarters of a window at most.")
    step = tile - overlap
    return tile - (step // STRIDE * STRIDE if step >= STRIDE and tile % STRIDE == 0 else step)
