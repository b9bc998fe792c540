"""Features of vector files: which layer is meant, its CRS, its columns, and positions moved to another CRS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from ..errors import LabelError
from .grid import crs_name


def open_layer(path: Path, layer: str, field: str) -> dict[str, Any]:
    """pyogrio's description of the layer to read, found by its name or by a field it must have ("": any); its name is
    ``layer_name``. Raises LabelError, naming what there is, if the file, layer or field is missing."""
    import pyogrio

    if not path.is_file():
        raise LabelError(f"The label file {path} does not exist.")
    try:
        layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
        wanted = [name for name, _ in layers if name == layer] if layer else [name for name, kind in layers if kind]
        if not wanted:
            what = f"no layer named {layer}" if layer else "no layer with geometries"
            raise LabelError(f"{path} has {what}; it has {listed([name for name, _ in layers])}.")
        found = [dict(pyogrio.read_info(path, layer=name), layer_name=name) for name in wanted]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise LabelError(f"{path} cannot be read as labels (GeoPackage, GeoJSON or Shapefile).", str(error)) from error
    for info in found:
        if not field or field in list(info["fields"]):
            return info
    raise LabelError(f"The labels have no field named {field}; there are "
                     f"{listed([str(name) for info in found for name in info['fields']])}.")


def read_columns(
    path: Path, info: dict[str, Any], columns: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Columns (features,) by name, those that are there, and WKB geometries. Raises LabelError."""
    import pyogrio

    there = [name for name in dict.fromkeys(columns) if name in list(info["fields"])]
    try:
        meta, _, wkb, data = pyogrio.raw.read(path, layer=info["layer_name"], columns=there, force_2d=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise LabelError(f"The labels in {path} cannot be read; the file may be damaged.", str(error)) from error
    if wkb is None:
        raise LabelError(f"The layer {info['layer_name']} of {path} has no geometries.")
    return dict(zip(meta["fields"], data, strict=True)), wkb


def crs_of(path: Path, info: dict[str, Any], label_crs: str) -> CRS | None:
    """The CRS a layer states, else ``label_crs``; None without both. Raises LabelError if it is not understood."""
    text = info["crs"] or label_crs
    if not text:
        return None
    try:
        return CRS.from_user_input(text)
    except (RasterioError, ValueError) as error:
        raise LabelError(f"The CRS of {path} is not one that is understood: {text[:80]}.", str(error)) from error


def moved(geometries: NDArray[Any], source: CRS | None, target: CRS | None, path: Path) -> NDArray[Any]:
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
        placed: NDArray[Any] = shapely.transform(geometries, move)
    except RasterioError as error:
        raise LabelError(f"The labels of {path} cannot be moved from {crs_name(source)} to {crs_name(target)}.",
                         str(error)) from error
    return placed


def class_text(value: Any) -> str:
    """A class value as a name: 1, 1.0 and "1 " are all "1"; None and NaN are ""."""
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def listed(names: Sequence[str]) -> str:
    """Names for a sentence."""
    return ", ".join(names) if names else "none"
