"""Labels from a vector file: points and polygons with a class, in the tiles' CRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from ..errors import LabelError
from ..grids.area import AreaOfInterest
from ..grids.grid import crs_name

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

    A feature without a class or geometry, with an unusable geometry, or whose role is "validate" is left out and
    counted in ``warnings``. Raises LabelError if the file, layer or field is missing, the CRS is unknown (neither in
    the file nor given as ``label_crs``), or nothing is left.
    """
    import shapely

    info = _open_layer(path, layer, class_field)
    values, roles, wkb = _read_columns(path, info, class_field)
    if len(wkb) == 0:
        raise LabelError(f"The label layer {info['layer_name']} of {path} is empty. Place some labels first.")
    warnings: list[str] = []
    texts = np.array([class_text(value) for value in values], object)
    held_back = np.array([class_text(role).lower() == VALIDATE for role in roles], bool)
    _say(warnings, held_back, "label is for validation", "labels are for validation", "and did not train")
    nameless = ~held_back & (texts == "")
    _say(warnings, nameless, "label has", "labels have", f"no value in the field {class_field}")
    keep = ~held_back & ~nameless
    geometries = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    geometries, usable = _usable(geometries, keep, warnings)
    keep &= usable
    if not keep.any():
        raise LabelError(f"No label of {path} can train: {'; '.join(warnings)}.")
    names = tuple(sorted(set(texts[keep])))
    classes = np.array([names.index(text) for text in texts[keep]], np.int64)
    moved = _moved(geometries[keep], _crs_of(path, info, label_crs), crs, path)
    return Labels(moved, classes, names, warnings)


def only_inside(labels: Labels, area: AreaOfInterest) -> Labels:
    """The labels inside an area, polygons cut to it; the warnings say how many are not.

    Raises LabelError if none is.
    """
    import shapely

    shapely.prepare(area.polygons)
    inside = shapely.intersects(area.polygons, labels.geometries)
    cut = labels.geometries.copy()
    for index in np.flatnonzero(inside & ~shapely.covers(area.polygons, labels.geometries)):
        parts = shapely.get_parts(shapely.intersection(cut[index], area.polygons))
        parts = parts[shapely.get_dimensions(parts) == shapely.get_dimensions(cut[index])]
        cut[index] = shapely.union_all(parts)  # nothing, where a polygon only touches the area
        inside[index] = len(parts) > 0
    warnings = list(labels.warnings)
    _say(warnings, ~inside, "label lies", "labels lie", "outside the area of interest and did not train")
    if not inside.any():
        raise LabelError(f"The area of interest holds none of the {len(inside)} labels. Draw it larger, label places "
                         "inside it, or leave it out.")
    return Labels(cut[inside], labels.classes[inside], labels.names, warnings)


def class_text(value: Any) -> str:
    """A class value as a name: 1, 1.0 and "1 " are all "1"; None and NaN are ""."""
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def _open_layer(path: Path, layer: str, class_field: str) -> dict[str, Any]:
    """pyogrio's description of the layer to read, found by its name or by the class field."""
    import pyogrio

    if not path.is_file():
        raise LabelError(f"The label file {path} does not exist.")
    try:
        layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
        wanted = [name for name, _ in layers if name == layer] if layer else [name for name, kind in layers if kind]
        if not wanted:
            what = f"no layer named {layer}" if layer else "no layer with geometries"
            raise LabelError(f"{path} has {what}; it has {_listed([name for name, _ in layers])}.")
        found = [dict(pyogrio.read_info(path, layer=name), layer_name=name) for name in wanted]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise LabelError(f"{path} cannot be read as labels (GeoPackage, GeoJSON or Shapefile).", str(error)) from error
    for info in found:
        if class_field in list(info["fields"]):
            return info
    raise LabelError(f"The labels have no field named {class_field}; there are "
                     f"{_listed([str(name) for info in found for name in info['fields']])}.")


def _read_columns(
    path: Path, info: dict[str, Any], class_field: str
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Class values, roles (None where there is no such field) and WKB geometries of all features."""
    import pyogrio

    columns = [class_field] + ([ROLE] if ROLE in list(info["fields"]) and class_field != ROLE else [])
    try:
        meta, _, wkb, data = pyogrio.raw.read(path, layer=info["layer_name"], columns=columns, force_2d=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise LabelError(f"The labels in {path} cannot be read; the file may be damaged.", str(error)) from error
    by_name = dict(zip(meta["fields"], data, strict=True))
    if wkb is None:
        raise LabelError(f"The layer {info['layer_name']} of {path} has no geometries.")
    return by_name[class_field], by_name.get(ROLE, np.full(len(wkb), None)), wkb


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


def _crs_of(path: Path, info: dict[str, Any], label_crs: str) -> CRS | None:
    text = info["crs"] or label_crs
    if not text:
        return None
    try:
        return CRS.from_user_input(text)
    except (RasterioError, ValueError) as error:
        raise LabelError(f"The CRS of {path} is not one that is understood: {text[:80]}.", str(error)) from error


def _moved(geometries: NDArray[Any], source: CRS | None, target: CRS | None, path: Path) -> NDArray[Any]:
    """Geometries, vertex by vertex, from one CRS to the other; None on both sides is taken as one and the same."""
    import shapely
    from rasterio.warp import transform

    if source == target:
        return geometries
    if source is None:
        raise LabelError(f"{path} does not say which CRS its labels are in. Choose it, or save the labels with one "
                         f"(the tiles are in {crs_name(target)}).")
    if target is None:
        raise LabelError(f"The tiles have no CRS, so labels in {crs_name(source)} cannot be placed on them.")

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = transform(source, target, xy[:, 0], xy[:, 1])
        return np.column_stack([np.asarray(x, np.float64), np.asarray(y, np.float64)])

    try:
        moved: NDArray[Any] = shapely.transform(geometries, move)
    except RasterioError as error:
        raise LabelError(f"The labels of {path} cannot be moved from {crs_name(source)} to {crs_name(target)}.",
                         str(error)) from error
    return moved


def _say(warnings: list[str], which: NDArray[np.bool_], one: str, many: str, what: str) -> None:
    count = int(np.count_nonzero(which))
    if count:
        warnings.append(f"{count} {one if count == 1 else many} {what}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
