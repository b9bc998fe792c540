"""Outlines of regions as polygons, and their simplification that keeps shared borders shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from ..progress import Progress
from .ragged import Ragged
from .regions import Regions
from .tracing import trace

STEP_PIXELS = 1 << 22
LARGE_CORNERS = 1 << 20
"""Regions with more corners are dealt with one by one."""
BATCH_VERTICES = 1 << 18
"""Vertices that are simplified at once, where what touches is not more: it bounds the wait for a cancel."""


@dataclass(frozen=True)
class _Rings:
    """Rings of regions: ``corners`` (n, 2) int32, and by ring its length, its piece, and whether it is a hole."""

    corners: NDArray[np.int32]
    lengths: NDArray[np.int64]
    pieces: NDArray[np.int32]
    holes: NDArray[np.bool_]

    def part(self, chosen: NDArray[np.bool_]) -> _Rings:
        """The rings chosen (rings,)."""
        if chosen.all():
            return self
        return _Rings(self.corners[np.repeat(chosen, self.lengths)], self.lengths[chosen], self.pieces[chosen],
                      self.holes[chosen])

    @staticmethod
    def joined(parts: Sequence[_Rings]) -> _Rings:
        """The rings of all parts."""
        corners = [one.corners for one in parts]
        return _Rings(np.concatenate(corners), np.concatenate([one.lengths for one in parts]),
                      np.concatenate([one.pieces for one in parts]), np.concatenate([one.holes for one in parts]))


def outlines(
    ids: NDArray[np.int32], regions: Regions, transform: Affine, release: Callable[[], None], progress: Progress,
) -> Iterator[tuple[NDArray[np.int32], Ragged]]:
    """The regions' numbers and multipolygons along the edges of pixels, a batch for each row band in which some end.

    ``ids`` (height, width): elements; their signs are used up. ``transform``: of corners to the CRS. What is held are
    the rings of regions that go on below.
    """
    height, width = ids.shape
    waiting: list[_Rings] = []
    step = max(1, min(512, STEP_PIXELS // width))
    for top in range(0, height, step):
        bottom = min(height, top + step)
        corners, ends, pieces, holes = trace(ids, regions.root, top, bottom)
        release()
        progress.report(bottom / height)
        waiting.append(_Rings(corners, np.diff(ends, prepend=0), pieces, holes))
        del corners
        ended = [regions.last_row[regions.region[one.pieces]] < bottom for one in waiting]
        done = [one.part(those) for one, those in zip(waiting, ended, strict=True) if those.any()]
        waiting = [one.part(~those) for one, those in zip(waiting, ended, strict=True) if not those.all()]
        for some in _portions(done, regions):
            yield _multipolygons(some, regions, transform)


def _portions(done: list[_Rings], regions: Regions) -> Iterator[_Rings]:
    """Rings of complete regions, together but for the largest: of a map that is mostly one class, one of them may be
    most of what there is."""
    if not done:
        return
    region = [regions.region[one.pieces] for one in done]
    corners = np.bincount(np.concatenate(region), np.concatenate([one.lengths for one in done]))
    large = np.flatnonzero(corners > LARGE_CORNERS)
    rest = [one.part(~np.isin(of, large)) for one, of in zip(done, region, strict=True)]
    if any(len(one.lengths) for one in rest):
        yield _Rings.joined(rest)
    del rest
    for number in large:
        yield _Rings.joined([one.part(of == number) for one, of in zip(done, region, strict=True)])


def _multipolygons(rings: _Rings, regions: Regions, transform: Affine) -> tuple[NDArray[np.int32], Ragged]:
    """Rings of complete regions as one multipolygon a region: shells first, each with its own holes."""
    order = np.lexsort((rings.holes, rings.pieces, regions.region[rings.pieces]))
    lengths = rings.lengths[order]
    starts = (np.cumsum(rings.lengths) - rings.lengths)[order]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    index = np.repeat(starts - offsets[:-1], lengths)
    index += np.arange(offsets[-1])
    xy = np.empty((len(index), 2))
    for begin in range(0, len(index), LARGE_CORNERS):
        column, row = rings.corners[index[begin : begin + LARGE_CORNERS]].T
        xy[begin : begin + LARGE_CORNERS, 0] = transform.a * column + transform.b * row + transform.c
        xy[begin : begin + LARGE_CORNERS, 1] = transform.d * column + transform.e * row + transform.f
    del index
    shells = np.flatnonzero(~rings.holes[order])
    of_region = regions.region[rings.pieces[order[shells]]]
    numbers, first = np.unique(of_region, return_index=True)
    return numbers.astype(np.int32), Ragged(xy, offsets, np.append(shells, len(order)), np.append(first, len(shells)))


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
