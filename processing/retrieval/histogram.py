"""Scores in bins: what the charts and the report draw, and where a threshold is dragged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 100
BLOCK = 1 << 20


@dataclass(frozen=True)
class Histogram:
    """``counts`` (bins,) of the scores between ``edges`` (bins + 1,), evenly spaced."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    @staticmethod
    def of(values: NDArray[np.float32], without: NDArray[np.int64], step: float) -> Histogram | None:
        """Of all finite values but those at the places ``without``; None of none.

        ``step``: scores are whole multiples of it (0: of nothing), and so are the bins, or some would get twice as many
        values as their neighbours.
        """
        low, high = np.inf, -np.inf
        for start in range(0, len(values), BLOCK):
            part = values[start : start + BLOCK]
            part = part if np.isfinite(part).all() else part[np.isfinite(part)]
            if len(part):
                low, high = min(low, float(part.min())), max(high, float(part.max()))
        if low > high:
            return None
        width = (high - low) / BINS
        if step > 0 and width < 32 * step:
            width = max(1, int(np.ceil(width / step - 1e-9))) * step
            low -= step / 2
            bins = int(np.floor((high - low) / width)) + 1
        else:
            width, bins = width or 1.0, BINS if width else 1
        counts = np.zeros(bins, np.int64)
        for start in range(0, len(values), BLOCK):
            counts += _count(values[start : start + BLOCK], low, width, bins)
        counts -= _count(values[without], low, width, bins)
        return Histogram((low + width * np.arange(bins + 1)).astype(np.float64), counts) if counts.any() else None


def _count(values: NDArray[np.float32], low: float, width: float, bins: int) -> NDArray[np.int64]:
    places = (values - np.float32(low)) * np.float32(1 / width)
    if not np.isfinite(places).all():
        places = places[np.isfinite(places)]
    return np.bincount(np.clip(places.astype(np.int32), 0, bins - 1), minlength=bins)
