"""Extrapolation: pixels that are unlike every label, after the area of applicability of Meyer & Pebesma (2021).

Features are codes divided by their deviation over the area. A pixel's dissimilarity is its distance to the nearest
label over the mean distance between labels; it is extrapolated where that exceeds what labels have among themselves
when each in turn is left out. The paper weights features by their importance to the model. Without ``weights`` all
count alike, and that is the better choice for few clicks: a weight is then small also where the labels merely do not
differ, which is where something unlike them would show.

Distances are taken from differences, not from ‖a‖² + ‖b‖² − 2ab: in float32 a label is then at distance 0 of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

CODE_NODATA = -128
NODATA = 255
REPRESENTATIVES = 256
"""Labels that pixels are compared with, at most: those that cover the others best."""
COMPARED = 4096
"""Label pixels that are compared with each other, at most: evenly taken from the rows."""
BLOCK = 1024
GROUP = 8
CHECKED = 8
"""Labels after which the pixels of a block that are within reach of one are left out."""

FAST = {"contract", "nsz", "nnan", "reassoc"}
F = np.float32


@dataclass(frozen=True)
class Reach:
    """Where the labels are in feature space and how far they speak for others.

    ``points`` (m, k) float32, labels in scaled features; ``scale`` (k,) float32: feature = code · scale; ``radius``:
    the distance up to which a pixel is like a label; ``spacing``: the mean distance between labels, by which a distance
    becomes a dissimilarity. Of one label, and of labels all alike, both are 0: they say nothing of what is near.
    """

    points: NDArray[np.float32]
    scale: NDArray[np.float32]
    radius: float
    spacing: float

    @staticmethod
    def of(
        label_codes: NDArray[np.int8],
        deviation: NDArray[np.float64],
        weights: NDArray[np.float64] | None = None,
        features: NDArray[np.int64] | None = None,
        folds: NDArray[np.int64] | None = None,
        representatives: int = REPRESENTATIVES,
    ) -> Reach:
        """The reach of labels (n, k) int8, n > 0, with the codes' ``deviation`` (k,).

        ``weights`` (k,) or (classes, k): a model's weights on codes; a feature then counts by the share of its
        standardised weight, so that the mean is 1. ``features`` (n,): label features, whose rows are left out together;
        ``folds`` (n,): the same for places. The radius is the upper whisker (third quartile + 1.5 interquartile ranges,
        not above the largest) of the distances to the nearest label that stays. Where there are more labels than
        ``representatives``, these distances are to representatives too, as those of pixels will be.
        """
        scale = (_importance(weights, deviation) / np.asarray(deviation)).astype(F)
        apart = np.arange(len(label_codes)) if features is None else np.unique(features, return_inverse=True)[1]
        places = np.full(len(label_codes), -1) if folds is None else np.asarray(folds)
        rows = np.unique(np.linspace(0, len(label_codes) - 1, min(len(label_codes), COMPARED)).astype(np.int64))
        points = label_codes[rows].astype(F) * scale
        chosen = np.arange(len(points)) if len(points) <= representatives else spread_out(points, representatives)
        nearest = np.empty(len(points), F)
        _nearest_other(points, chosen, apart[rows].astype(np.int64), places[rows].astype(np.int64), nearest)
        known = nearest[np.isfinite(nearest)].astype(np.float64)
        radius = 0.0
        if len(known):
            first, third = np.quantile(known, [0.25, 0.75])
            radius = float(min(third + 1.5 * (third - first), known.max()))
        return Reach(np.ascontiguousarray(points[chosen]), scale, radius, float(_mean_distance(points)))

    def dissimilarity(self, distance: NDArray[np.float32]) -> NDArray[np.float64]:
        """Distances in units of the labels' mean distance; as they are where labels have none."""
        return np.asarray(distance, np.float64) / (self.spacing or 1.0)


def beyond(codes: NDArray[np.int8], reach: Reach, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` (pixels,): 1 where a pixel is farther than the radius from every label, else 0; 255 without data.

    ``codes`` (k, pixels); a pixel whose first code is −128 has no data.
    """
    scale, points = _padded(reach)
    _beyond(codes, scale, points, F(reach.radius) * F(reach.radius), out)


def distances(codes: NDArray[np.int8], reach: Reach) -> NDArray[np.float32]:
    """Distance of each pixel of ``codes`` (k, pixels) to its nearest label, (pixels,); NaN without data."""
    scale, points = _padded(reach)
    out = np.empty(codes.shape[1], F)
    _distances(codes, scale, points, out)
    out[codes[0] == CODE_NODATA] = np.nan
    return out


def spread_out(points: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Indices of at most ``most`` of the points (n, k) that cover the others: from the one nearest to the mean on,
    always the one farthest from those taken (Gonzalez 1985). Fewer where points coincide."""
    start = int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())
    chosen = [start]
    nearest = ((points - points[start]) ** 2).sum(axis=1)
    while len(chosen) < min(most, len(points)):
        farthest = int(nearest.argmax())
        if nearest[farthest] == 0:
            break
        chosen.append(farthest)
        np.minimum(nearest, ((points - points[farthest]) ** 2).sum(axis=1), out=nearest)
    return np.array(chosen, np.int64)


def _importance(weights: NDArray[np.float64] | None, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each feature counts, with a mean of 1; all alike without weights or where all of them are 0."""
    if weights is None:
        return np.ones(len(deviation))
    size = (np.abs(np.atleast_2d(weights)) * deviation).mean(axis=0)
    return size / size.mean() if size.any() else np.ones(len(deviation))


def _padded(reach: Reach) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale and points with zeros up to a multiple of eight features."""
    count = len(reach.scale)
    size = -(-count // GROUP) * GROUP
    scale, points = np.zeros(size, F), np.zeros((len(reach.points), size), F)
    scale[:count], points[:, :count] = reach.scale, reach.points
    return scale, points


@njit(nogil=True, cache=True, error_model="numpy")
def _nearest_other(points: Any, chosen: Any, apart: Any, places: Any, nearest: Any) -> None:
    """Distance of each point to the nearest of those ``chosen`` that is of another label feature and place, inf where
    there is none, into ``nearest``."""
    for i in range(points.shape[0]):
        least = F(np.inf)
        for j in chosen:
            if apart[i] != apart[j] and (places[i] < 0 or places[i] != places[j]):
                least = min(least, _square(points[i], points[j]))
        nearest[i] = np.sqrt(least)


@njit(nogil=True, cache=True, error_model="numpy")
def _mean_distance(points: Any) -> float:
    """Of all pairs; 0 without pairs."""
    count, total = points.shape[0], 0.0
    for i in range(count):
        for j in range(i):
            total += np.sqrt(_square(points[i], points[j]))
    return total / (0.5 * count * (count - 1)) if count > 1 else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _square(a: Any, b: Any) -> Any:
    total = F(0.0)
    for d in range(a.size):
        total += (a[d] - b[d]) * (a[d] - b[d])
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _beyond(codes: Any, scale: Any, points: Any, limit: Any, out: Any) -> None:
    scaled, best, square = np.empty((scale.size, BLOCK), F), np.empty(BLOCK, F), np.empty(BLOCK, F)
    pixels = np.empty(BLOCK, np.int64)
    for low in range(0, out.size, BLOCK):
        part, target = codes[:, low : low + BLOCK], out[low : low + BLOCK]
        _start(part, scale, scaled, best[: target.size])
        size = _with_data(part[0], target, pixels, scaled)
        for label in range(points.shape[0]):
            _approach(scaled, points[label], best[:size], square[:size])
            if label % CHECKED == CHECKED - 1:
                far = _far(best[:size], limit)
                if far == 0:
                    break
                if 2 * far <= size:
                    size = _keep_far(scaled, best, pixels, size, limit)
        for i in range(size):
            target[pixels[i]] = np.uint8(1 if best[i] > limit else 0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _distances(codes: Any, scale: Any, points: Any, out: Any) -> None:
    scaled, square = np.empty((scale.size, BLOCK), F), np.empty(BLOCK, F)
    for low in range(0, out.size, BLOCK):
        best = out[low : low + BLOCK]
        _start(codes[:, low : low + BLOCK], scale, scaled, best)
        for label in range(points.shape[0]):
            _approach(scaled, points[label], best, square[: best.size])
        for i in range(best.size):
            best[i] = np.sqrt(best[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _start(part: Any, scale: Any, scaled: Any, best: Any) -> None:
    """Scaled features of a block of pixels, 0 for padding, and the largest float as the square distance so far."""
    for j in range(scale.size):
        plane, target, factor = part[min(j, part.shape[0] - 1)], scaled[j], scale[j]
        for i in range(plane.size):
            target[i] = F(plane[i]) * factor
    best[:] = F(3.4e38)


@njit(nogil=True, cache=True, error_model="numpy")
def _with_data(first: Any, target: Any, pixels: Any, scaled: Any) -> int:
    """Move the pixels of a block that have data to the front of ``scaled`` and keep their numbers; how many they are.
    In ``target`` the others are marked, and these are within reach until they turn out not to be."""
    size = 0
    for i in range(first.size):
        pixels[size] = i
        size += first[i] != CODE_NODATA
    if size == first.size:
        target[:] = np.uint8(0)
        return size
    for i in range(first.size):
        target[i] = np.uint8(NODATA) if first[i] == CODE_NODATA else np.uint8(0)
    for plane in scaled:
        for i in range(size):
            plane[i] = plane[pixels[i]]
    return size


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _far(best: Any, limit: Any) -> int:
    far = 0
    for i in range(best.size):
        far += best[i] > limit
    return far


@njit(nogil=True, cache=True, error_model="numpy")
def _keep_far(scaled: Any, best: Any, pixels: Any, size: int, limit: Any) -> int:
    """Move the pixels that no label has reached yet to the front; how many they are."""
    far, kept = 0, np.empty(size, np.int64)
    for i in range(size):
        kept[far] = i
        far += best[i] > limit
    for plane in scaled:
        for i in range(far):
            plane[i] = plane[kept[i]]
    for i in range(far):
        best[i], pixels[i] = best[kept[i]], pixels[kept[i]]
    return far


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _approach(scaled: Any, point: Any, best: Any, square: Any) -> None:
    """The smaller of ``best`` and the square distance to ``point``, into ``best``; ``square`` is room to work in."""
    if point.size == GROUP:
        _approach_eight(scaled, point, best)
        return
    square[:] = F(0.0)
    for low in range(0, point.size, GROUP):
        _add_eight(scaled[low : low + GROUP], point[low : low + GROUP], square)
    for i in range(best.size):
        best[i] = min(best[i], square[i])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _approach_eight(x: Any, p: Any, best: Any) -> None:
    a, b, c, d, e, f, g, h = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
    p0, p1, p2, p3, p4, p5, p6, p7 = p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]
    for i in range(best.size):
        d0, d1, d2, d3 = a[i] - p0, b[i] - p1, c[i] - p2, d[i] - p3
        d4, d5, d6, d7 = e[i] - p4, f[i] - p5, g[i] - p6, h[i] - p7
        square = (d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3) + (d4 * d4 + d5 * d5 + d6 * d6 + d7 * d7)
        best[i] = min(best[i], square)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add_eight(x: Any, p: Any, square: Any) -> None:
    a, b, c, d, e, f, g, h = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
    p0, p1, p2, p3, p4, p5, p6, p7 = p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]
    for i in range(square.size):
        d0, d1, d2, d3 = a[i] - p0, b[i] - p1, c[i] - p2, d[i] - p3
        d4, d5, d6, d7 = e[i] - p4, f[i] - p5, g[i] - p6, h[i] - p7
        square[i] += (d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3) + (d4 * d4 + d5 * d5 + d6 * d6 + d7 * d7)
