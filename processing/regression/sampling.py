"""From labels that hold numbers to training rows: pixels, their codes, their values and how much each weighs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..classification.sampling import CodeSource, Pixels, centres, pixels_of, with_data
from ..progress import Progress
from .labels import NumberLabels


@dataclass(frozen=True)
class NumberSample:
    """Training rows: ``codes`` (rows, count) int8, ``values`` float64, ``groups`` int64 (the label feature, or features
    that share pixels), ``weights`` float64 (one over the pixels of the label feature), pixel centres ``x``, ``y`` in
    CRS units, all (rows,), and what was left out, in words."""

    codes: NDArray[np.int8]
    values: NDArray[np.float64]
    groups: NDArray[np.int64]
    weights: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    warnings: list[str]


def sample_numbers(
    tiles: CodeSource, labels: NumberLabels, seed: int, threads: int, progress: Progress
) -> NumberSample:
    """Codes under the labels, each pixel once, taken as ``sampling.sample_labels`` takes them.

    Every label weighs the same, a polygon of a thousand pixels as much as a point: each of its pixels weighs a
    thousandth. A pixel with several labels has the mean of their values, and these labels are one group: they are never
    on both sides of a validation. Raises LabelError if nothing is left.
    """
    warnings = list(labels.warnings)
    pixels = pixels_of(tiles.grid, labels.geometries, np.random.default_rng(seed), warnings, progress)
    pixels, values, groups = _each_once(pixels, labels.values, tiles.grid.width, warnings)
    numbered = Pixels(pixels.rows, pixels.columns, np.arange(len(values)))
    kept, codes = with_data(tiles, numbered, threads, progress, {}, warnings)
    features = pixels.features[kept.features]
    x, y = centres(tiles.grid, kept)
    return NumberSample(codes, values[kept.features], groups[kept.features], 1 / np.bincount(features)[features], x, y,
                        warnings)


def _each_once(
    pixels: Pixels, values: NDArray[np.float64], width: int, warnings: list[str]
) -> tuple[Pixels, NDArray[np.float64], NDArray[np.int64]]:
    """Each pixel once, by position, its value, the mean of its labels', and its group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, first, place = np.unique(pixels.rows * width + pixels.columns, return_index=True, return_inverse=True)
    claimed = values[pixels.features]
    low, high = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    np.minimum.at(low, place, claimed)
    np.maximum.at(high, place, claimed)
    means = np.where(low == high, low, np.bincount(place, claimed) / np.bincount(place))
    disputed = int(np.count_nonzero(low != high))
    if disputed:
        warnings.append(f"{disputed} {'pixel has' if disputed == 1 else 'pixels have'} labels of different values and "
                        f"{'trains' if disputed == 1 else 'train'} with their mean")
    twice = len(place) - len(first) - int((np.bincount(place)[low != high] - 1).sum())
    if twice:
        warnings.append(f"{twice} repeated {'pixel' if twice == 1 else 'pixels'} of the same value counted once")
    features = len(values)
    nodes = features + len(first)
    meet = coo_array((np.ones(len(place), np.int8), (pixels.features, features + place)), shape=(nodes, nodes))
    component = connected_components(meet, directed=False)[1].astype(np.int64)
    once = pixels.take(first)
    return once, means, component[once.features]
