"""Folders of image and mask pairs: read whole, checked, and kept apart in space for the test.

A pair is <name>_image.tif and <name>_mask.tif in a folder or below it. Pairs may lie in different UTM zones: nothing is
warped, and distances are taken on the ellipsoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.warp import transform_bounds
from segmentation_recipe import TrainingRecipe

IMAGE, MASK = "_image.tif", "_mask.tif"
IGNORED = 255
"""The class of pixels that neither train nor count."""


@dataclass(frozen=True)
class Pair:
    """``pixels`` (bands, h, w) as stored; ``mask`` (h, w) as stored; ``classes`` (h, w) uint8, 255 where none;
    ``bounds`` west, south, east, north in degrees."""

    name: str
    pixels: NDArray[np.generic]
    mask: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    bounds: tuple[float, float, float, float]
    crs: str


def read_pairs(folders: Sequence[Path], recipe: TrainingRecipe) -> list[Pair]:
    """All pairs of the folders, by name. Exits with words where one does not fit the recipe."""
    images = sorted(path for folder in folders for path in folder.rglob(f"*{IMAGE}"))
    if not images:
        raise SystemExit(f"There is no *{IMAGE} in {', '.join(map(str, folders))}.")
    return [_read(path, recipe) for path in images]


def apart(training: Sequence[Pair], testing: Sequence[Pair]) -> float:
    """The least distance, in metres, between a training and a test image: 0 if any overlap."""
    return min(_distance(one.bounds, other.bounds) for one, other in product(training, testing))


def _read(path: Path, recipe: TrainingRecipe) -> Pair:
    mask_path = path.with_name(path.name.removesuffix(IMAGE) + MASK)
    if not mask_path.is_file():
        raise SystemExit(f"{path} has no {mask_path.name} beside it.")
    with rasterio.open(path) as image, rasterio.open(mask_path) as mask:
        if image.count != len(recipe.bands):
            raise SystemExit(f"{path} has {image.count} bands; the recipe names {len(recipe.bands)}.")
        if image.shape != mask.shape or not image.transform.almost_equals(mask.transform, 1e-3):
            raise SystemExit(f"{path} and its mask do not lie on the same pixels.")
        if image.crs is None:
            raise SystemExit(f"{path} has no CRS: how far it is from the others cannot be told.")
        pixels, values = image.read(), mask.read(1)
        valid = image.dataset_mask() > 0
        bounds = transform_bounds(image.crs, "OGC:CRS84", *image.bounds)
        crs = image.crs.to_string()
    classes = np.full(values.shape, IGNORED, np.uint8)
    for index, one in enumerate(recipe.classes):
        classes[np.isin(values, one.values)] = index
    classes[~valid] = IGNORED
    name = path.name.removesuffix(IMAGE)
    return Pair(name, pixels, values, classes, (bounds[0], bounds[1], bounds[2], bounds[3]), crs)


def _distance(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Between the nearest points of two boxes in degrees; images are small enough for that."""
    def gap(low: float, high: float, other_low: float, other_high: float) -> tuple[float, float]:
        if high < other_low:
            return high, other_low
        if other_high < low:
            return low, other_high
        return (middle := (max(low, other_low) + min(high, other_high)) / 2), middle

    (x, other_x), (y, other_y) = gap(one[0], one[2], other[0], other[2]), gap(one[1], one[3], other[1], other[3])
    return float(Geod(ellps="WGS84").inv(x, y, other_x, other_y)[2])
