"""Outlines of regions as polygons, and their simplification that keeps shared borders shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from ..progress import Progress
from .regions import Regions
from .tracing import trace

STEP_PIXELS = 1 << 22
BATCH_VERTICES = 1 << 18
"""Vertices that are simplified at once, where what touches is not more: it bounds the wait for a cancel."""


class _Rings:
    """Rings of regions that are not complete yet: ``corners`` (n, 2) int32, and by ring its length, piece, and whether
    it is a hole."""

    def __init__(self) -> None:
        self.corners = np.empty((0, 2), np.int32)
        self.lengths = np.empty(0, np.int64)
        self.pieces = np.empty(0, np.int32)
        self.holes = np.empty(0, np.bool_)

    def add(self, corners: Any, ends: Any, pieces: Any, holes: Any) -> None:
        """Add what ``trace`` returns."""
        self.corners = np.concatenate([self.corners, corners])
        self.lengths = np.concatenate([self.lengths, np.diff(ends, prepend=0)])
        self.pieces = np.concatenate([self.pieces, pieces])
        self.holes = np.concatenate([self.holes, holes])

    def take(self, chosen: NDArray[np.bool_]) -> _Rings:
        """Take out the rings chosen (rings,)."""
        taken = _Rings()
        of_vertices = np.repeat(chosen, self.lengths)
        for into, which, vertices in ((taken, chosen, of_vertices), (self, ~chosen, ~of_vertices)):
            into.corners, into.lengths = self.corners[vertices], self.lengths[which]
            into.pieces, into.holes = self.pieces[which], self.holes[which]
        return taken


def outlines(
    ids: NDArray[np.int32], regions: Regions, transform: Affine, release: Callable[[], None], progress: Progress,
) -> Iterator[tuple[NDArray[np.int32], NDArray[Any]]]:
    """The regions' numbers and multipolygons along the edges of pixels, a batch for each row band in which some end.

    ``ids`` (height, width): elements; their signs are used up. ``transform``: of corners to the CRS. What is held are
    the rings of regions that go on below.
    """
    height, width = ids.shape
    rings = _Rings()
    step = max(1, min(512, STEP_PIXELS // width))
    for top in range(0, height, step):
        bottom = min(height, top + step)
        rings.add(*trace(ids, regions.root, top, bottom))
        release()
        progress.report(bottom / height)
        done = rings.take(regions.last_row[regions.region[rings.pieces]] < bottom)
        if len(done.lengths):
            yield _multipolygons(done, regions, transform)


def _multipolygons(rings: _Rings, regions: Regions, transform: Affine) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Rings of complete regions as one multipolygon a region: shells first, each with its own holes."""
    order = np.lexsort((rings.holes, rings.pieces, regions.region[rings.pieces]))
    lengths = rings.lengths[order]
    starts = (np.cumsum(rings.lengths) - rings.lengths)[order]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    index = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    column, row = rings.corners[index, 0].astype(np.float64), rings.corners[index, 1].astype(np.float64)
    xy = np.column_stack([transform.a * column + transform.b * row + transform.c,
                          transform.d * column + transform.e * row + transform.f])
    shells = np.flatnonzero(~rings.holes[order])
    of_region = regions.region[rings.pieces[order[shells]]]
    numbers, first = np.unique(of_region, return_index=True)
    found = shapely.from_ragged_array(
        shapely.GeometryType.MULTIPOLYGON, xy, (offsets, np.append(shells, len(order)), np.append(first, len(shells))))
    return numbers.astype(np.int32), found


def simplified(polygons: NDArray[Any], tolerance: float, progress: Progress) -> NDArray[Any]:
    """Polygons of a coverage, simplified (Visvalingam–Whyatt on shared edges, Harten & Devillers; JTS
    CoverageSimplifier): borders that are shared stay shared, and none comes to cross another.

    Corners that remain are corners of the original, so a polygon stays within its bounding box: what does not touch by
    its bounding boxes is simplified apart, in steps after which the work can be cancelled.
    """
    result = polygons.copy()
    for chosen in _apart(polygons):
        part = shapely.coverage_simplify(polygons[chosen], tolerance)
        sound = shapely.is_valid(part) & ~shapely.is_empty(part)
        result[chosen] = part if sound.all() else polygons[chosen]
        progress.report(float(chosen[-1] + 1) / len(polygons))
    return result


def _apart(polygons: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """Indexes of polygons, of groups whose bounding boxes do not meet those of others; small groups together."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    boxes = shapely.box(*shapely.bounds(polygons).T)
    one, other = shapely.STRtree(boxes).query(boxes)
    graph = coo_matrix((np.ones(len(one), np.bool_), (one, other)), shape=(len(boxes), len(boxes)))
    _, group = connected_components(graph, directed=False)
    size = np.bincount(group, shapely.get_num_coordinates(polygons))
    batch = (np.cumsum(size) // BATCH_VERTICES)[group]
    order = np.argsort(batch, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(batch[order])) + 1)
