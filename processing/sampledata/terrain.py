"""The lie of the land: relief, valleys, streams, and where woods like to stand, for any frame of pixels.

Ground units are pixels of 10 m of a landscape drawn at full scale; a small sample is the same landscape in miniature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Frame, field, key, unit

RIVER_SPACING = 1500.0
"""Ground units between neighbouring main rivers."""


@dataclass(frozen=True)
class Valley:
    """The main rivers' course: along the zeros of ``x·cos + y·sin − offset + meanders`` (modulo the spacing)."""

    cosine: float
    sine: float
    offset: float

    @staticmethod
    def of(seed: int, extent: float) -> Valley:
        """The rivers of a landscape ``extent`` units wide: one of them passes through its middle third."""
        angle = math.tau * unit(key(seed, "river angle"))
        cosine, sine = math.cos(angle), math.sin(angle)
        shift = (unit(key(seed, "river shift")) - 0.5) * 0.3 * extent
        return Valley(cosine, sine, (cosine + sine) * extent / 2 + shift)


@dataclass(frozen=True)
class Terrain:
    """Fields of a frame, each float32 (rows, columns).

    ``river``: signed course function, 0 in mid-stream (units, before division by its slope); ``height``: 0 in the
    valley to about 1.5; ``stream``: zero along streams; ``woods``: higher where forest is likelier; ``rough``: fine
    noise for natural edges; ``lobe``: the same a little coarser; ``bend_x`` and ``bend_y``: what keeps straight
    things from being quite straight; ``stand``: conifers or broadleaved trees.
    """

    river: NDArray[np.float32]
    height: NDArray[np.float32]
    stream: NDArray[np.float32]
    woods: NDArray[np.float32]
    rough: NDArray[np.float32]
    lobe: NDArray[np.float32]
    bend_x: NDArray[np.float32]
    bend_y: NDArray[np.float32]
    stand: NDArray[np.float32]


def terrain(seed: int, valley: Valley, frame: Frame) -> Terrain:
    """The terrain of a frame; the same pixel has the same values in every frame that holds it."""
    relief = field(("relief",), seed, 190, 5, frame)
    stream = field(("stream",), seed, 120, 3, frame, gain=0.45)
    x = (frame.left + np.arange(frame.columns) + 0.5) * frame.step
    y = (frame.top + np.arange(frame.rows) + 0.5) * frame.step
    course = x[None, :] * valley.cosine + y[:, None] * valley.sine - valley.offset
    course += 70 * field(("meander", "wide"), seed, 210, 1, frame)
    course += 26 * field(("meander", "narrow"), seed, 62, 2, frame, gain=0.35)
    river = (course - RIVER_SPACING * np.round(course / RIVER_SPACING)).astype(np.float32)
    away = np.abs(river) / np.float32(RIVER_SPACING / 2)
    height = (1.1 * away**0.8 + 0.27 * relief * np.minimum(1, 0.25 + 4 * away)).astype(np.float32)
    height += 0.05 * np.minimum(1, np.abs(stream) * 2)
    woods = height + 0.30 * field(("woods",), seed, 75, 5, frame, gain=0.68)
    return Terrain(
        river=river, height=height, stream=stream, woods=woods.astype(np.float32),
        rough=field(("rough",), seed, 7, 2, frame),
        lobe=field(("lobe",), seed, 19, 2, frame),
        bend_x=field(("bend", "x"), seed, 60, 2, frame),
        bend_y=field(("bend", "y"), seed, 60, 2, frame),
        stand=field(("stand",), seed, 48, 3, frame),
    )
