"""Objects on the ground: outlines of what windows held, put together, and their layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.features
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from ..errors import OutputError
from ..inference.card import ClassEntry
from .suppression import suppress
from .yolo import Objects, mask_of

LAYER = "objects"


@dataclass(frozen=True)
class Outlines:
    """Objects (n,) as shapely polygons: ``boxes`` in the model's pixels, by which they are compared, and ``shapes``,
    what is drawn: masks, else the same boxes. ``cut``: whether the object reaches a window's edge that is not the
    raster's."""

    boxes: NDArray[Any]
    shapes: NDArray[Any]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    angles: NDArray[np.float32]
    cut: NDArray[np.bool_]

    @staticmethod
    def joined(parts: Sequence[Outlines]) -> Outlines:
        """One after the other."""
        names = ("boxes", "shapes", "classes", "scores", "angles", "cut")
        empty = (np.empty(0, object), np.empty(0, object), np.empty(0, np.int64), np.empty(0, np.float32),
                 np.empty(0, np.float32), np.empty(0, np.bool_))
        return Outlines(*(np.concatenate([one, *(getattr(part, name) for part in parts)])
                          for name, one in zip(names, empty, strict=True)))

    def chosen(self, which: NDArray[Any]) -> Outlines:
        """Some of them."""
        return Outlines(self.boxes[which], self.shapes[which], self.classes[which], self.scores[which],
                        self.angles[which], self.cut[which])

    def distinct(self, threshold: float) -> Outlines:
        """Each object once, best first."""
        return self.chosen(suppress(self.boxes, self.classes, self.scores, threshold, self.cut))


def outlined(
    found: Objects, prototypes: NDArray[np.float32] | None, side: int, top: int, left: int, height: int, width: int
) -> Outlines:
    """Objects of a window of ``side`` pixels whose corner is at ``top`` and ``left`` of a grid of ``height`` and
    ``width``.

    Shapes are cut at the window's and the grid's edges. An object whose mask is empty keeps its box.
    """
    import shapely

    room = shapely.box(0, 0, min(side, width - left), min(side, height - top))
    boxes = shapely.intersection(shapely.polygons(found.corners), room)
    real = shapely.area(boxes) > 0
    found, boxes = found.chosen(real), boxes[real]
    low, high = found.corners.min(axis=1), found.corners.max(axis=1)
    cut = np.zeros(len(boxes), np.bool_)
    for axis, (start, length) in enumerate(((left, width), (top, height))):
        cut |= (low[:, axis] < 1) & (start > 0)
        cut |= (high[:, axis] > side - 1) & (start + side < length)
    shapes = boxes
    if prototypes is not None and len(boxes):
        shapes = np.array([_masked(prototypes, one, corners, side, box) for one, corners, box in zip(
            found.coefficients, found.corners, boxes, strict=True)], object)
        shapes = shapely.intersection(shapes, room)
    there = np.array([left, top], np.float64)
    return Outlines(shapely.transform(boxes, lambda xy: xy + there), shapely.transform(shapes, lambda xy: xy + there),
                    found.classes, found.scores, found.angles, cut)


def write_objects(
    path: Path, found: Outlines, place: Affine, crs: CRS | None, classes: Sequence[ClassEntry], turned: bool,
    title: str, metadata: Mapping[str, str],
) -> None:
    """A GeoPackage with the layer ``objects``: polygons with class, class_id, score (and angle, in degrees clockwise
    from the columns' direction). ``place`` takes the model's pixels to the CRS. Raises OutputError."""
    import pyogrio
    import shapely

    def placed(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = place @ (xy[:, 0], xy[:, 1])
        return np.column_stack([x, y])

    shapes = shapely.transform(found.shapes, placed) if len(found.shapes) else found.shapes
    shapes = np.array([shapely.multipolygons([one]) if one.geom_type == "Polygon" else one for one in shapes], object)
    names = np.array([one.name for one in classes], object)
    ids = np.array([one.id for one in classes], np.int32)
    columns: dict[str, NDArray[Any]] = {
        "class": names[found.classes], "class_id": ids[found.classes], "score": found.scores.astype(np.float64)}
    if turned:
        columns["angle"] = np.degrees(found.angles.astype(np.float64))
    try:
        pyogrio.raw.write(
            str(path), shapely.to_wkb(shapes), list(columns.values()), list(columns), driver="GPKG", layer=LAYER,
            geometry_type="MultiPolygon", crs=None if crs is None else crs.to_wkt(), dataset_metadata=dict(metadata),
            dataset_options={"VERSION": "1.2"}, layer_options={"IDENTIFIER": title})
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        raise OutputError(f"The objects could not be written to {path.parent}: is the disk full?",
                          str(error)) from error


def _masked(
    prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], corners: NDArray[np.float64], side: int,
    box: Any,
) -> Any:
    """The outline of an object's mask in the window's pixels; the box where the mask is empty."""
    import shapely

    mask = mask_of(coefficients, prototypes, corners, side)
    if not mask.any():
        return box
    scale = Affine.scale(side / mask.shape[1], side / mask.shape[0])
    parts = [shapely.geometry.shape(shape) for shape, value in rasterio.features.shapes(
        mask.view(np.uint8), mask=mask, transform=scale) if value]
    return shapely.union_all(parts)
