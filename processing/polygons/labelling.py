"""Connected components of a row band, and how those of neighbouring bands grow together: kernels on union-find."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

UNKNOWN = 0
"""No data, or outside the area of interest."""
REST = 1
"""Known, and not what polygons are made of."""
FIRST = 2
"""From here on values are targets: what polygons are made of, one number for each kind."""
NO_REGION, FORBIDDEN = 0, -1
"""What surrounds a hole: nothing yet, or more than one region, unknown pixels, or the edge of the raster."""


@njit(nogil=True, cache=True)
def find(parent: NDArray[np.int32], one: int) -> int:
    """The root of an element, with path halving."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one


@njit(nogil=True, cache=True)
def join(parent: NDArray[np.int32], one: int, other: int) -> int:
    """Unite two elements; the root is the smaller one."""
    one, other = find(parent, one), find(parent, other)
    if one < other:
        parent[other] = one
        return one
    parent[one] = other
    return other


@njit(nogil=True, cache=True)
def resolve(parent: NDArray[np.int32]) -> None:
    """Make every element point at its root. Roots are the smallest of their sets, so one pass does."""
    for i in range(len(parent)):
        parent[i] = parent[parent[i]]


@njit(nogil=True, cache=True)
def label(values: NDArray[np.uint8], least: int, diagonal: bool, labels: NDArray[np.int32]) -> int:
    """Number the connected components of equal values ≥ ``least`` from 1 on in ``labels`` (height, width), 0 elsewhere;
    through edges, and if ``diagonal`` through corners too. Returns how many there are."""
    height, width = values.shape
    parent = np.empty(height * width // (1 if least > 1 else 2) + width + 2, np.int32)
    parent[0] = 0
    last = 0
    for r in range(height):
        for c in range(width):
            value = values[r, c]
            if value < least:
                labels[r, c] = 0
                continue
            found = 0
            if c > 0 and values[r, c - 1] == value:
                found = labels[r, c - 1]
            if r > 0:
                if values[r - 1, c] == value:
                    above = labels[r - 1, c]
                    found = above if found == 0 or found == above else join(parent, found, above)
                elif diagonal and c > 0 and values[r - 1, c - 1] == value:
                    above = labels[r - 1, c - 1]
                    found = above if found == 0 or found == above else join(parent, found, above)
                if diagonal and c + 1 < width and values[r - 1, c + 1] == value:
                    above = labels[r - 1, c + 1]
                    found = above if found == 0 or found == above else join(parent, found, above)
            if found == 0:
                last += 1
                parent[last] = last
                found = last
            labels[r, c] = found
    count = 0
    for i in range(1, last + 1):
        if parent[i] == i:
            count += 1
            parent[i] = -count
        else:
            parent[i] = parent[parent[i]]
    for r in range(height):
        for c in range(width):
            labels[r, c] = -parent[labels[r, c]]
    return count


@njit(nogil=True, cache=True)
def join_corners(values: NDArray[np.uint8], labels: NDArray[np.int32], parent: NDArray[np.int32]) -> None:
    """Unite the components of a band that touch at corners and have equal values."""
    height, width = values.shape
    for r in range(1, height):
        for c in range(1, width):
            one, other = labels[r, c], labels[r - 1, c - 1]
            if one != other and one > 0 and other > 0 and values[r, c] == values[r - 1, c - 1]:
                join(parent, one, other)
            one, other = labels[r, c - 1], labels[r - 1, c]
            if one != other and one > 0 and other > 0 and values[r, c - 1] == values[r - 1, c]:
                join(parent, one, other)


@njit(nogil=True, cache=True)
def measure(
    values: NDArray[np.uint8], labels: NDArray[np.int32], areas: NDArray[np.float64], code: NDArray[np.uint8],
    area: NDArray[np.float64],
) -> None:
    """The value and the area of each component of a band, into ``code`` and ``area`` (components + 1,)."""
    height, width = labels.shape
    for r in range(height):
        for c in range(width):
            one = labels[r, c]
            if one > 0:
                code[one] = values[r, c]
                area[one] += areas[r, c]


@njit(nogil=True, cache=True)
def join_rows(
    above: NDArray[np.int32], above_values: NDArray[np.uint8], below: NDArray[np.int32],
    below_values: NDArray[np.uint8], pieces: NDArray[np.int32], regions: NDArray[np.int32], diagonal: bool,
) -> None:
    """Unite what touches across two rows: in ``pieces`` and ``regions`` through edges, in ``regions`` through corners
    too if ``diagonal``."""
    width = len(above)
    for c in range(width):
        one = below[c]
        if one == 0:
            continue
        if above[c] > 0 and above_values[c] == below_values[c]:
            join(pieces, one, above[c])
            join(regions, one, above[c])
        if diagonal:
            for d in (c - 1, c + 1):
                if 0 <= d < width and above[d] > 0 and above_values[d] == below_values[c]:
                    join(regions, one, above[d])


@njit(nogil=True, cache=True)
def surround(around: int, region: int) -> int:
    """What surrounds a hole, after one more of its neighbours was seen."""
    if around == NO_REGION:
        return region
    return around if around == region else FORBIDDEN


@njit(nogil=True, cache=True)
def measure_holes(
    labels: NDArray[np.int32], regions: NDArray[np.int32], areas: NDArray[np.float64], diagonal: bool, top: bool,
    bottom: bool, area: NDArray[np.float64], around: NDArray[np.int32],
) -> None:
    """The area of each component of the rest, and what surrounds it in this band.

    ``regions`` (height, width) has the region of each pixel, FORBIDDEN where it is unknown. ``diagonal``: whether the
    rest connects, and so is surrounded, through corners too. ``top`` and ``bottom``: the raster ends there.
    """
    height, width = labels.shape
    for r in range(height):
        for c in range(width):
            one = labels[r, c]
            if one == 0:
                continue
            area[one] += areas[r, c]
            if around[one] == FORBIDDEN:
                continue
            if c == 0 or c == width - 1 or (top and r == 0) or (bottom and r == height - 1):
                around[one] = FORBIDDEN
                continue
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    if (dr == 0 and dc == 0) or (dr != 0 and dc != 0 and not diagonal):
                        continue
                    if 0 <= r + dr < height and labels[r + dr, c + dc] == 0:
                        around[one] = surround(around[one], regions[r + dr, c + dc])


@njit(nogil=True, cache=True)
def join_hole_rows(
    above: NDArray[np.int32], below: NDArray[np.int32], region_of: NDArray[np.int32], parent: NDArray[np.int32],
    around: NDArray[np.int32], diagonal: bool,
) -> None:
    """Unite holes across two rows, and tell each what is on the other side.

    Pixels are pieces (> 0, of ``region_of``), holes (< 0) or unknown (0).
    """
    width = len(above)
    for c in range(width):
        for d in (c - 1, c, c + 1):
            if not 0 <= d < width or (d != c and not diagonal):
                continue
            one, other = above[c], below[d]
            if one < 0 and other < 0:
                join(parent, -one, -other)
            elif one < 0:
                around[-one] = surround(around[-one], region_of[other] if other > 0 else FORBIDDEN)
            elif other < 0:
                around[-other] = surround(around[-other], region_of[one] if one > 0 else FORBIDDEN)


@njit(nogil=True, cache=True)
def combine_holes(
    parent: NDArray[np.int32], area: NDArray[np.float64], around: NDArray[np.int32],
) -> None:
    """Gather area and surroundings of holes that grew together at their roots; ``parent`` is resolved."""
    for i in range(1, len(parent)):
        root = parent[i]
        if root != i:
            area[root] += area[i]
            if around[i] != NO_REGION:
                around[root] = surround(around[root], around[i])


@njit(nogil=True, cache=True)
def join_filled(rows: NDArray[np.int32], last: NDArray[np.int32], pieces: int, parent: NDArray[np.int32]) -> None:
    """Unite filled holes (numbers above ``pieces``) with the pieces they share an edge with; ``last`` is the row above
    the band."""
    height, width = rows.shape
    for r in range(height):
        for c in range(width):
            one = rows[r, c]
            if one == 0:
                continue
            above = last[c] if r == 0 else rows[r - 1, c]
            if above != one and above > 0 and (one > pieces or above > pieces):
                join(parent, one, above)
            if c > 0:
                left = rows[r, c - 1]
                if left != one and left > 0 and (one > pieces or left > pieces):
                    join(parent, one, left)


@njit(nogil=True, cache=True)
def total(
    rows: NDArray[np.int32], first_row: int, areas: NDArray[np.float64], scores: NDArray[np.uint8], nodata: int,
    pixels: NDArray[np.int64], area: NDArray[np.float64], last_row: NDArray[np.int32], score: NDArray[np.float64],
    scored: NDArray[np.int64],
) -> None:
    """Add a band to the sums of its elements: pixels, area, the last row each is in, and the scores that are known.
    ``scores`` may be empty."""
    height, width = rows.shape
    has_scores = scores.size > 0
    for r in range(height):
        for c in range(width):
            one = rows[r, c]
            if one > 0:
                pixels[one] += 1
                area[one] += areas[r, c]
                last_row[one] = first_row + r
                if has_scores and scores[r, c] != nodata:
                    score[one] += scores[r, c]
                    scored[one] += 1


