"""Points that say what is looked for, and what is not: the vectors of the pixels they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelError
from ..grids.features import class_text, crs_of, listed, moved, open_layer, read_columns
from ..progress import Progress
from .sampling import pixels_at
from .source import EmbeddingSource

ROLE, VALIDATE = "role", "validate"
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Layer:
    """A layer of points: ``field`` ("": none) has classes, of which ``wanted`` is looked for and all others are not."""

    path: Path
    layer: str = ""
    crs: str = ""
    field: str = ""
    wanted: str = ""


def read_layer(points: Layer, source: EmbeddingSource, progress: Progress) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Pixel numbers (n,) of points on the raster, and which are wanted (n,) bool. What is left out is said in the log.

    Raises LabelError for a file, layer or field that is missing, or geometries other than points.
    """
    import shapely

    info = open_layer(points.path, points.layer, points.field)
    if int(info.get("features", 0)) > MOST_POINTS:
        raise LabelError(f"{points.path} has {info['features']:,} points; at most {MOST_POINTS:,} are used.")
    columns, wkb = read_columns(points.path, info, [name for name in (points.field, ROLE) if name])
    shapes = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    kinds = shapely.get_type_id(shapes)
    if np.isin(kinds, (1, 2, 3, 5, 6, 7)).any():
        raise LabelError(f"{points.path} holds lines or polygons. Choose points: each stands for the pixel it lies in.")
    kept = np.isin(kinds, (0, 4)) & ~shapely.is_empty(shapes)
    if ROLE in columns and points.field != ROLE:
        held_back = np.array([class_text(role).lower() == VALIDATE for role in columns[ROLE]], bool)
        if (held_back & kept).any():
            progress.info(f"{points.path.name}: {int((held_back & kept).sum()):,} points are for validation and left "
                          "out")
        kept &= ~held_back
    wanted = np.ones(len(shapes), bool)
    if points.field:
        texts = np.array([class_text(value) for value in columns[points.field]], object)
        kept &= texts != ""
        classes = sorted(set(texts[kept]))
        if points.wanted not in classes:
            raise LabelError(f"No point of {points.path} has the class “{points.wanted}” in the field {points.field}; "
                             f"there are {listed(classes)}. Say which of them is looked for.")
        wanted = texts == points.wanted
    shapes, wanted = shapes[kept], wanted[kept]
    parts, owner = shapely.get_parts(shapes, return_index=True)
    xy = shapely.get_coordinates(moved(parts, crs_of(points.path, info, points.crs), source.grid.crs, points.path))
    with np.errstate(invalid="ignore"):
        rows, cols = source.grid.pixels(xy[:, 0], xy[:, 1])
    inside = (rows >= 0) & (rows < source.grid.height) & (cols >= 0) & (cols < source.grid.width)
    if outside := int((~inside).sum()):
        progress.warn(f"{points.path.name}: {outside:,} of {len(xy):,} points lie outside {Path(source.path).name} "
                      "and do not count")
    return (rows * source.grid.width + cols)[inside], wanted[owner][inside]


def vectors_of(
    pixels: NDArray[np.int64], source: EmbeddingSource, progress: Progress
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Stored numbers (n, bands) of pixels, and which of them have data (n,)."""
    stored = pixels_at(source, pixels // source.grid.width, pixels % source.grid.width, progress)
    held = np.isfinite(stored.astype(np.float32)).all(axis=1)
    if source.nodata is not None and source.nodata == source.nodata:
        held &= ~(stored == source.nodata).any(axis=1)
    return stored, held & (stored != 0).any(axis=1)
