"""A small map of change, its truth, and samples of it, as files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from affine import Affine
from bitscape.processing.progress import Progress
from bitscape.processing.statistics.assess import AssessRequest, AssessResult, assess_accuracy
from bitscape.tests.processing.rasters import write_raster
from numpy.typing import NDArray

TRANSFORM = Affine(10, 0, 500_000, 0, -10, 5_000_000)
NAMES = {"CLASS_1": "Change", "CLASS_2": "no change"}
SIDE = 200


def truth() -> NDArray[np.uint8]:
    """1 change in two squares, 2 elsewhere."""
    pixels = np.full((SIDE, SIDE), 2, np.uint8)
    pixels[20:60, 30:80] = 1
    pixels[120:150, 100:140] = 1
    return pixels


def mapped() -> NDArray[np.uint8]:
    """The truth moved by some pixels, a false square, and no data (0) in a corner."""
    pixels = np.roll(truth(), (4, 5), (0, 1))
    pixels[180:190, 20:40] = 1
    pixels[:10, 150:] = 0
    return pixels


def write_map(path: Path, pixels: NDArray[Any], tags: dict[str, str] = NAMES, **profile: Any) -> Path:
    """A class map with names; nodata 0."""
    import rasterio

    write_raster(path, pixels[np.newaxis], **{"nodata": 0, "transform": TRANSFORM, **profile})
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**tags)
    return path


def places(strata: NDArray[Any], counts: dict[int, int], seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random pixels (rows, columns), so many in each stratum, in random order."""
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.choice(np.flatnonzero(strata == number), count, replace=False)
                             for number, count in counts.items()])
    rng.shuffle(chosen)
    return np.unravel_index(chosen, strata.shape)


def write_points(
    path: Path, layer: str, rows: Sequence[int], columns: Sequence[int], fields: dict[str, Any],
    crs: str | None = "EPSG:32610",
) -> Path:
    """A layer of points in the middle of pixels; an existing GeoPackage gets one more layer."""
    x, y = TRANSFORM @ (np.asarray(columns) + 0.5, np.asarray(rows) + 0.5)
    columns_of = [np.array(values, object) if any(value is None for value in values) else np.array(values)
                  for values in fields.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a layer without a CRS is meant
        pyogrio.raw.write(str(path), shapely.to_wkb(shapely.points(x, y)), columns_of, list(fields), layer=layer,
                          driver="GPKG", geometry_type="Point", crs=crs, append=path.exists())
    return path


def labels_of(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[str]:
    """What an interpreter who makes no mistake says."""
    return [{1: "change", 2: "No_change"}[int(value)] for value in truth()[rows, columns]]


def write_sample(path: Path, counts: dict[int, int] | None = None, seed: int = 0, **changed: Any) -> Path:
    """A sample stratified by the map's classes, answered in its own layer; ``changed`` fields, None: left out."""
    rows, columns = places(mapped(), counts or {1: 60, 2: 140}, seed)
    strata = mapped()[rows, columns]
    sizes = {number: float((mapped() == number).sum()) * 100 for number in (1, 2)}
    fields = {
        "point": np.arange(1, len(rows) + 1), "stratum": [NAMES[f"CLASS_{one}"] for one in strata],
        "stratum_area": [sizes[int(one)] for one in strata], "design": ["stratified random"] * len(rows),
        "label": labels_of(rows, columns), **changed}
    return write_points(path, "sample", rows, columns,
                        {name: values for name, values in fields.items() if values is not None})


def assess(folder: Path, progress: Progress | None = None, **values: Any) -> AssessResult:
    """Assess with a report in the folder ``out``."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    return assess_accuracy(AssessRequest(report=out / "report.html", **values), progress or Progress())
