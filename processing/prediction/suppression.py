"""One object, one outline: of outlines that share most of their area the best is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WITHIN = 0.8
"""Of an object that a window cut off, this share within a better one means that it is a part of it."""


def suppress(
    outlines: NDArray[Any], classes: NDArray[np.int64], scores: NDArray[np.float32], threshold: float,
    cut: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Numbers of the outlines (n,) that stay, whole ones before those that are cut, best first: greedy non-maximum
    suppression, each class by itself.

    ``outlines`` are valid shapely polygons, turned ones too. One goes if its intersection with a better one that stays
    is more than ``threshold`` of their union; one that is ``cut`` (n,), also if most of it lies within the other, or
    most of the other within it: a window's edge has taken the rest. Ties go to the first.
    """
    import shapely

    partial = np.zeros(len(scores), np.bool_) if cut is None else cut
    order = np.lexsort((-scores, partial))
    outlines, classes, partial = outlines[order], classes[order], partial[order]
    tree = shapely.STRtree(outlines)
    one, other = tree.query(outlines, predicate="intersects")
    pairs = (one < other) & (classes[one] == classes[other])
    one, other = one[pairs], other[pairs]
    areas = shapely.area(outlines)
    both = shapely.area(shapely.intersection(outlines[one], outlines[other]))
    same = both > threshold * (areas[one] + areas[other] - both)
    smaller = np.minimum(areas[one], areas[other])
    same |= (partial[one] | partial[other]) & (both > WITHIN * smaller)
    one, other = one[same], other[same]
    by_best = np.argsort(one, kind="stable")
    one, other = one[by_best], other[by_best]
    ends = np.searchsorted(one, np.arange(len(order) + 1))
    gone = np.zeros(len(order), np.bool_)
    for best in np.unique(one):
        if not gone[best]:
            gone[other[ends[best] : ends[best + 1]]] = True
    return np.asarray(order[~gone])
