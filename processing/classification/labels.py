"""Labels from a vector file: points and polygons with a class, in the tiles' CRS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from ..errors import LabelError
from ..grids.area import AreaOfInterest
from ..grids.features import class_text, crs_of, listed, moved, open_layer, read_columns
from ..statistics.origin import VERSION, is_of
from ..statistics.reference import STRATUM_AREA

ROLE = "role"
VALIDATE = "validate"
POINT, POLYGON, MULTIPOINT, MULTIPOLYGON = 0, 3, 4, 6


@dataclass(frozen=True)
class Labels:
    """``geometries`` (features,) shapely points and polygons in the tiles' CRS, ``classes`` (features,) indices into
    ``names`` (sorted), and what had to be left out, in words."""

    geometries: NDArray[Any]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    warnings: list[str] = field(default_factory=list)


def read_labels(path: Path, layer: str, class_field: str, crs: CRS | None, label_crs: str = "") -> Labels:
    """The labels of a layer (empty: the first that has the class field), moved to ``crs``.

    A feature without a class or geometry, with an unusable geometry, whose role is "validate", or in a validation
    sample is left out and counted in ``warnings``. Raises LabelError if the file, layer or field is missing, the CRS is
    unknown (neither in the file nor given as ``label_crs``), or nothing is left.
    """
    texts, geometries, warnings = read_features(path, layer, class_field, _class_texts, crs, label_crs)
    names = tuple(sorted(set(texts)))
    classes = np.array([names.index(text) for text in texts], np.int64)
    return Labels(geometries, classes, names, warnings)


def read_features(
    path: Path, layer: str, field: str, convert: Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[np.bool_]]],
    crs: CRS | None, label_crs: str,
) -> tuple[NDArray[Any], NDArray[Any], list[str]]:
    """What labels hold and where, (features,) each, of those that can train, and what was left out, in words.

    ``convert`` makes of the values of ``field`` what labels hold, and says which have no value. Raises LabelError as
    ``read_labels`` does.
    """
    import shapely

    info = open_layer(path, layer, field)
    columns, wkb = read_columns(path, info, [field, ROLE, STRATUM_AREA])
    roles = columns[ROLE] if ROLE in columns and field != ROLE else np.full(len(wkb), None)
    if len(wkb) == 0:
        raise LabelError(f"The label layer {info['layer_name']} of {path} is empty. Place some labels first.")
    warnings: list[str] = []
    values, missing = convert(columns[field])
    held_back = np.array([class_text(role).lower() == VALIDATE for role in roles], bool) | (STRATUM_AREA in columns)
    _say(warnings, held_back, "label is for validation", "labels are for validation", "and did not train")
    nameless = ~held_back & missing
    _say(warnings, nameless, "label has", "labels have", f"no value in the field {field}")
    keep = ~held_back & ~nameless
    geometries = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    geometries, usable = _usable(geometries, keep, warnings)
    keep &= usable
    if not keep.any():
        raise LabelError(f"No label of {path} can train: {'; '.join(warnings)}.")
    return values[keep], moved(geometries[keep], crs_of(path, info, label_crs), crs, path), warnings


def _class_texts(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    texts = np.array([class_text(value) for value in values], object)
    return texts, texts == ""


def only_inside(labels: Labels, area: AreaOfInterest) -> Labels:
    """The labels inside an area, polygons cut to it; the warnings say how many are not.

    Raises LabelError if none is.
    """
    cut, inside, warnings = cut_to(area, labels.geometries, labels.warnings)
    return Labels(cut, labels.classes[inside], labels.names, warnings)


def cut_to(
    area: AreaOfInterest, geometries: NDArray[Any], warnings: Sequence[str]
) -> tuple[NDArray[Any], NDArray[np.bool_], list[str]]:
    """The geometries inside an area, polygons cut to it; which of all (features,) these are; and the warnings with how
    many are not. Raises LabelError if none is."""
    import shapely

    shapely.prepare(area.polygons)
    inside = shapely.intersects(area.polygons, geometries)
    cut = geometries.copy()
    for index in np.flatnonzero(inside & ~shapely.covers(area.polygons, geometries)):
        parts = shapely.get_parts(shapely.intersection(cut[index], area.polygons))
        parts = parts[shapely.get_dimensions(parts) == shapely.get_dimensions(cut[index])]
        cut[index] = shapely.union_all(parts)  # nothing, where a polygon only touches the area
        inside[index] = len(parts) > 0
    said = list(warnings)
    _say(said, ~inside, "label lies", "labels lie", "outside the area of interest and did not train")
    if not inside.any():
        raise LabelError(f"The area of interest holds none of the {len(inside)} labels. Draw it larger, label places "
                         "inside it, or leave it out.")
    return cut[inside], inside, said


def other_products(path: Path, layer: str, class_field: str, products: Sequence[str]) -> list[str]:
    """A warning where labels say that they are of another product, or version, than those of the tiles; none where
    either says nothing. Raises LabelError as ``read_labels`` does."""
    columns, _ = read_columns(path, open_layer(path, layer, class_field), [VERSION])
    said = Counter(class_text(value) for value in columns.get(VERSION, ()))
    strange = {version: count for version, count in said.items() if version and not is_of(version, products)}
    if not strange or not products:
        return []
    count = sum(strange.values())
    return [f"{count} {'label says that it is' if count == 1 else 'labels say that they are'} of another product or "
            f"version ({listed(sorted(strange))}) than the tiles ({listed(products)}): what was seen there may not be "
            "so here"]


def _usable(
    geometries: NDArray[Any], keep: NDArray[np.bool_], warnings: list[str]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Geometries with invalid polygons repaired, and which can be sampled."""
    import shapely

    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    _say(warnings, keep & missing, "label has", "labels have", "no geometry that can be read")
    kinds = shapely.get_type_id(geometries)
    points, polygons = np.isin(kinds, (POINT, MULTIPOINT)), np.isin(kinds, (POLYGON, MULTIPOLYGON))
    other = ~missing & ~points & ~polygons
    _say(warnings, keep & other, "label is", "labels are", "neither point nor polygon and was left out")
    broken = polygons & ~shapely.is_valid(geometries)
    geometries = geometries.copy()
    geometries[broken] = shapely.make_valid(geometries[broken])
    flat = broken & ~(shapely.area(geometries) > 0)
    _say(warnings, keep & broken & ~flat, "polygon crosses", "polygons cross", "its own outline and was repaired")
    _say(warnings, keep & flat, "polygon has", "polygons have", "no area and was left out")
    infinite = ~missing & ~np.isfinite(shapely.bounds(geometries)).all(axis=1)
    _say(warnings, keep & infinite, "label has", "labels have", "a position that is not a number")
    return geometries, ~missing & ~other & ~flat & ~infinite


def _say(warnings: list[str], which: NDArray[np.bool_], one: str, many: str, what: str) -> None:
    count = int(np.count_nonzero(which))
    if count:
        warnings.append(f"{count} {one if count == 1 else many} {what}")
