"""Rings around 4-connected components of a raster of any size: one kernel that follows their edges."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

SEEN = np.int32(-(2**31))
"""Marks, in the sign of a pixel, that the edge above it has been walked."""
MASK = np.int32(2**31 - 1)
EAST, SOUTH, WEST, NORTH = 0, 1, 2, 3


@njit(nogil=True, cache=True)
def _at(ids: NDArray[np.int32], root: NDArray[np.int32], r: int, c: int) -> int:
    """The component at a pixel; 0 for none, and outside."""
    height, width = ids.shape
    if 0 <= r < height and 0 <= c < width:
        return int(root[ids[r, c] & MASK])
    return 0


@njit(nogil=True, cache=True)
def _grown(values: NDArray[np.int32]) -> NDArray[np.int32]:
    larger = np.empty((2 * values.shape[0], values.shape[1]), np.int32)
    larger[: values.shape[0]] = values
    return larger


@njit(nogil=True, cache=True)
def _walk(
    ids: NDArray[np.int32], root: NDArray[np.int32], row: int, column: int, ring: NDArray[np.int32]
) -> tuple[NDArray[np.int32], int, int]:
    """Walk the ring whose first edge is the one above a pixel, the component on the right hand.

    Returns the corners where it turns, or meets the corner of another component, as (column, row, whether the component
    goes on across the corner), how many they are, and how many of them are such crossings.
    """
    one = root[ids[row, column] & MASK]
    r, c, heading = row, column, EAST
    count, crossings = 0, 0
    while True:
        if heading == EAST:
            if count > 0 and r == row and c == column:
                break
            ids[r, c] |= SEEN
            c += 1
            ahead, left, behind = _at(ids, root, r, c), _at(ids, root, r - 1, c), _at(ids, root, r - 1, c - 1)
        elif heading == SOUTH:
            r += 1
            ahead, left, behind = _at(ids, root, r, c - 1), _at(ids, root, r, c), _at(ids, root, r - 1, c)
        elif heading == WEST:
            c -= 1
            ahead, left, behind = _at(ids, root, r - 1, c - 1), _at(ids, root, r, c - 1), _at(ids, root, r, c)
        else:
            r -= 1
            ahead, left, behind = _at(ids, root, r - 1, c), _at(ids, root, r - 1, c - 1), _at(ids, root, r, c - 1)
        straight = ahead == one and left != one
        if straight and left == behind:
            continue
        if count == ring.shape[0]:
            ring = _grown(ring)
        ring[count, 0], ring[count, 1] = c, r
        ring[count, 2] = 1 if left == one and ahead != one else 0
        crossings += ring[count, 2]
        count += 1
        if not straight:
            heading = (heading + 1) % 4 if ahead != one else (heading + 3) % 4
    return ring, count, crossings


@njit(nogil=True, cache=True)
def _partners(ring: NDArray[np.int32], count: int, width: int) -> NDArray[np.int64]:
    """For each corner the earlier one at the same place, −1 where there is none. A place is passed twice at most, and
    only where the component goes on across the corner."""
    partner = np.full(count, -1, np.int64)
    places = np.flatnonzero(ring[:count, 2])
    keys = ring[places, 1].astype(np.int64) * (width + 1) + ring[places, 0]
    order = np.argsort(keys, kind="mergesort")
    for i in range(1, len(order)):
        if keys[order[i]] == keys[order[i - 1]]:
            partner[places[order[i]]] = places[order[i - 1]]
    return partner


@njit(nogil=True, cache=True)
def trace(
    ids: NDArray[np.int32], root: NDArray[np.int32], top: int, bottom: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]:
    """All rings that begin in rows ``top`` … ``bottom`` − 1, wherever they go.

    ``ids`` (height, width): elements, 0 for none; the sign becomes the mark that an edge was walked. ``root``
    (elements + 1,): the component of each. Returns corners (n, 2) as column and row, closed; where each ring ends in
    them (rings,); the component of each ring; and whether it is a hole.

    Where three components meet, all have a corner, also one that goes straight on: together they are a valid coverage.
    A ring that touches itself at a corner is parted there, so that polygons are valid: their holes may touch them, and
    each other, at points only.
    """
    width = ids.shape[1]
    corners = np.empty((1024, 2), np.int32)
    ends = np.empty((256, 1), np.int64)
    owners = np.empty((256, 1), np.int32)
    ring = np.empty((1024, 3), np.int32)
    stack = np.empty(1024, np.int64)
    used, rings = 0, 0
    for row in range(top, bottom):
        for column in range(width):
            value = ids[row, column]
            if value <= 0:
                continue
            one = root[value]
            if one == 0 or _at(ids, root, row - 1, column) == one:
                continue
            ring, count, crossings = _walk(ids, root, row, column, ring)
            while used + 2 * count + 2 > corners.shape[0]:
                corners = _grown(corners)
            while rings + crossings + 2 > ends.shape[0]:
                longer = np.empty((2 * ends.shape[0], 1), np.int64)
                longer[: ends.shape[0]] = ends
                ends = longer
                owners = _grown(owners)
            if len(stack) < count:
                stack = np.empty(2 * count, np.int64)
            height = 0
            if crossings > 1:
                partner = _partners(ring, count, width)
                for i in range(count):
                    if partner[i] >= 0:
                        bottom_of_loop = height - 1
                        while stack[bottom_of_loop] != partner[i]:
                            bottom_of_loop -= 1
                        for j in range(bottom_of_loop, height):
                            corners[used, 0], corners[used, 1] = ring[stack[j], 0], ring[stack[j], 1]
                            used += 1
                        corners[used, 0], corners[used, 1] = ring[partner[i], 0], ring[partner[i], 1]
                        used += 1
                        ends[rings, 0], owners[rings, 0] = used, one
                        rings += 1
                        height = bottom_of_loop + 1
                    else:
                        stack[height] = i
                        height += 1
            else:
                for i in range(count):
                    stack[i] = i
                height = count
            for j in range(height):
                corners[used, 0], corners[used, 1] = ring[stack[j], 0], ring[stack[j], 1]
                used += 1
            corners[used, 0], corners[used, 1] = ring[stack[0], 0], ring[stack[0], 1]
            used += 1
            ends[rings, 0], owners[rings, 0] = used, one
            rings += 1
    holes = np.empty(rings, np.bool_)
    begin = 0
    for i in range(rings):
        twice = np.int64(0)
        for j in range(begin, ends[i, 0] - 1):
            twice += np.int64(corners[j, 0]) * corners[j + 1, 1] - np.int64(corners[j + 1, 0]) * corners[j, 1]
        holes[i] = twice < 0
        begin = ends[i, 0]
    return corners[:used].copy(), ends[:rings, 0].copy(), owners[:rings, 0].copy(), holes
