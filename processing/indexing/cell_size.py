"""How large the cells are that cut a store's files: so large that files have tens of thousands of patches where the
input has as many. Tiny files cost a reader more than what is in them."""

from __future__ import annotations

import numpy as np

from ..progress import Progress
from .spill import Runs

AUTOMATIC = -1
FINEST = 4
"""Letters of the geohash by which patches are filed before it is known how dense they lie: 39 × 20 km at the equator.
Where these hold more than a file does they are cut further, by place."""
LETTER = 5
"""Bits."""
FEW = 20_000
"""Patches that most cells should have at least."""
DEGREES, GEOHASH = "0.25", "geohash-"


def name(letters: int) -> str:
    """What a store's description calls its cells."""
    return f"{GEOHASH}{letters}" if letters else DEGREES


def asked(geohash: int, existing: str) -> int:
    """The letters asked for; those of the store that is added to (what it calls its cells, or "") where automatic."""
    if geohash != AUTOMATIC or not existing:
        return geohash
    return 0 if existing == DEGREES else int(existing.removeprefix(GEOHASH))


def chosen(runs: Runs, letters: int, progress: Progress) -> int:
    """``letters``; where automatic the longest geohash with which most patches are in cells that hold, of one year,
    at least ``FEW``; one letter if none is."""
    if letters != AUTOMATIC:
        return letters
    cells, years, rows = runs.sizes(progress)
    for length in range(FINEST, 1, -1):
        coarse = cells >> LETTER * (FINEST - length)
        _, inverse = np.unique(np.stack([coarse, years]), axis=1, return_inverse=True)
        sizes = np.bincount(inverse.ravel(), weights=rows)
        if rows.sum() and sizes[sizes >= FEW].sum() >= rows.sum() / 2:
            return length
    return 1
