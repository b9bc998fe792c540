"""Small maps for the tests of polygons, and what is true of them, found with scipy and numpy alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from bitscape.processing.operations import run
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import write_raster
from numpy.typing import NDArray
from scipy import ndimage

FOUR, EIGHT = ndimage.generate_binary_structure(2, 1), ndimage.generate_binary_structure(2, 2)


class Said(Progress):
    """Progress that keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        super().__init__(log=lambda message, level: self.lines.append((level, message)))

    def of(self, level: str) -> str:
        """All lines of a level."""
        return "\n".join(text for kind, text in self.lines if kind == level)


def write_map(path: Path, values: NDArray, tags: dict[str, str] | None = None, **profile: object) -> Path:
    """A class map of (height, width); 0 is nodata unless ``profile`` says otherwise."""
    write_raster(path, values[None].astype(profile.get("dtype", "uint8")), **{"nodata": 0, **profile})
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**(tags or {}))
    return path


def write_score(path: Path, values: NDArray, name: str = "change", **tags: str) -> Path:
    """A score of (height, width) or (bands, height, width); 255 is nodata."""
    bands = values.astype(np.uint8) if values.ndim == 3 else values[None].astype(np.uint8)
    return write_tagged(write_raster(path, bands, nodata=255), SCORE_OF=name, **tags)


def write_tagged(path: Path, **tags: str) -> Path:
    """A raster with further tags."""
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**tags)
    return path


def polygons(
    folder: Path, *inputs: Path, progress: Progress | None = None, **request: Any
) -> tuple[dict[str, Any], NDArray, dict[str, NDArray]]:
    """Run the operation: its result, the polygons, and their fields by name."""
    output = folder / "polygons.gpkg"
    values = {"inputs": [str(path) for path in inputs], "output": str(output)}
    result = run("classpolygons", {**values, **request}, progress or Progress())
    return result, *read(output)


def read(path: Path, layer: str = "polygons") -> tuple[NDArray, dict[str, NDArray]]:
    """Geometries of a layer and its fields by name."""
    meta, _, wkb, data = pyogrio.raw.read(path, layer=layer)
    shapes = np.empty(0) if wkb is None else shapely.from_wkb(wkb)
    return shapes, dict(zip(meta["fields"], data, strict=True))


def cleaned(targets: NDArray, min_pixels: float, hole_pixels: float, eight: bool) -> tuple[NDArray, NDArray]:
    """Targets (0 unknown, 1 rest, from 2 on wanted) without small regions and holes, and region numbers, 0 for none:
    one region after the other, as the rules read."""
    inner, outer = (EIGHT, FOUR) if eight else (FOUR, EIGHT)
    clean = np.where(targets == 0, 0, 1)
    regions = np.zeros(targets.shape, int)
    count = 0
    for value in np.unique(targets[targets >= 2]):
        labels, found = ndimage.label(targets == value, inner)
        for one in range(1, found + 1):
            here = labels == one
            if here.sum() >= min_pixels:
                count += 1
                regions[here], clean[here] = count, value
    kept = regions.copy()
    for one in range(1, count + 1):
        labels, found = ndimage.label(kept != one, outer)
        for number in range(1, found + 1):
            hole = labels == number
            at_edge = hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any()
            if at_edge or hole.sum() >= hole_pixels or (targets[hole] == 0).any() or (kept[hole] > 0).any():
                continue
            regions[hole], clean[hole] = one, clean[kept == one][0]
    return clean, regions
