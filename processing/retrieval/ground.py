"""Where patches are on the ground, and which are their neighbours there: right at the antimeridian and at the poles."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from ..executors import in_order
from ..progress import Progress

BLOCK = 16_384
NONE = -1
UNIT = 1e-7
"""Degrees of a whole number in a box: about a centimetre."""


def boxes_of(bbox: NDArray[np.float64]) -> NDArray[np.int32]:
    """Boxes (n, 4) in degrees as whole numbers of 1e-7 degrees, (n, 4): half the memory, exact to a centimetre.

    A box over the antimeridian has xmin > xmax, as GeoParquet writes it; longitudes beyond ±180 are brought back.
    """
    degrees = np.array(bbox, np.float64)
    beyond = (degrees[:, 0] < -180) | (degrees[:, 2] > 180)
    if beyond.any():
        degrees[beyond, 0::2] = (degrees[beyond, 0::2] + 180) % 360 - 180
    boxes: NDArray[np.int32] = np.round(degrees / UNIT).astype(np.int32)
    return boxes


def centres(boxes: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes, degrees, of the centres of boxes (n, 4) as ``boxes_of`` makes them."""
    west, south, east, north = (boxes[:, side].astype(np.float64) for side in range(4))
    east = np.where(east < west, east + 360 / UNIT, east)
    lon = (west + east) * (UNIT / 2)
    return np.where(lon > 180, lon - 360, lon), (south + north) * (UNIT / 2)


def unit_vectors(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on the unit sphere, (n, 3): chords between them grow as distances on the ground do, everywhere."""
    across, up = np.radians(lon), np.radians(lat)
    flat = np.cos(up)
    return np.column_stack([flat * np.cos(across), flat * np.sin(across), np.sin(up)])


def neighbours(
    lon: NDArray[np.float64], lat: NDArray[np.float64], years: NDArray[np.int16], count: int, executor: Executor,
    progress: Progress,
) -> NDArray[np.int32]:
    """The ``count`` nearest others of the same year by distance on the ground, (n, count), nearest first; −1 where a
    year has fewer. Positions in degrees."""
    found = np.full((len(lon), count), NONE, np.int32)
    distinct = np.unique(years)
    for number, year in enumerate(distinct):
        rows = np.flatnonzero(years == year)
        with progress.stage(number / len(distinct), (number + 1) / len(distinct), "Finding neighbours on the ground"):
            _within(rows, unit_vectors(lon[rows], lat[rows]), found, executor, progress)
    return found


def _within(
    rows: NDArray[np.int64], places: NDArray[np.float64], found: NDArray[np.int32], executor: Executor,
    progress: Progress,
) -> None:
    """Fill in the neighbours of patches of one year: ``rows`` of all, at ``places``."""
    from scipy.spatial import cKDTree

    count = min(found.shape[1], len(rows) - 1)
    if count < 1:
        return
    tree = cKDTree(places, balanced_tree=False, compact_nodes=True)
    progress.check()

    def block(start: int) -> None:
        own = np.arange(start, min(start + BLOCK, len(rows)))
        near = tree.query(places[own], k=count + 1)[1].reshape(len(own), count + 1)
        # where many lie at one place, a patch need not be the first of those nearest to it, nor among them
        other = near != own[:, None]
        other[other.all(axis=1), -1] = False
        found[rows[own], :count] = rows[near[other].reshape(len(own), count)]

    for done, _ in enumerate(in_order(executor, block, range(0, len(rows), BLOCK), 4), 1):
        progress.report(min(1.0, done * BLOCK / len(rows)))
