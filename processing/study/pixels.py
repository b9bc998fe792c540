"""Labelled embeddings from rasters: the vectors of the pixels that points with a class lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..embeddings.mapping import Mapping
from ..embeddings.sampling import pixels_at
from ..embeddings.source import EmbeddingSource, mapping_of
from ..errors import InputError, LabelError
from ..grids.features import class_text, crs_of, listed, moved, open_layer, read_columns
from ..progress import Progress
from .labelled import Labelled, counted, gathered, number, only, require_memory

ROLE, VALIDATE = "role", "validate"


@dataclass(frozen=True)
class Points:
    """Points with a class: ``shapes`` (n,) shapely points in the CRS ``crs``, ``texts`` (n,), ``values`` (n,) or
    None."""

    path: Path
    shapes: NDArray[Any]
    crs: Any
    texts: NDArray[Any]
    values: NDArray[np.float64] | None
    notes: list[str]


def read_points(
    path: Path, layer: str, class_field: str, value_field: str, label_crs: str, most: int, seed: int
) -> Points:
    """The points of a layer that have a class and are not kept for validation, at random ``most`` of them.

    Raises LabelError for a file, layer or field that is missing, geometries other than points, or nothing left.
    """
    import shapely

    info = open_layer(path, layer, class_field)
    if value_field and value_field not in list(info["fields"]):
        raise LabelError(f"The labels have no field named {value_field}; there are {listed(list(info['fields']))}.")
    columns, wkb = read_columns(path, info, [class_field, ROLE, *([value_field] if value_field else [])])
    notes: list[str] = []
    texts = np.array([class_text(value) for value in columns[class_field]], object)
    if ROLE in columns and class_field != ROLE:
        held_back = np.array([class_text(role).lower() == VALIDATE for role in columns[ROLE]], bool)
        if held_back.any():
            held = counted(int(held_back.sum()), "label is", "labels are")
            notes.append(f"{held} for validation and left out")
            texts[held_back] = ""
    shapes = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    kinds = shapely.get_type_id(shapes)
    if ((texts != "") & (kinds > 0) & (kinds != 4)).any():
        raise LabelError(f"{path} holds lines or polygons; points are compared, each with the pixel it lies in. Draw "
                         "points, or make some inside the polygons.")
    single = (kinds == 0) | ((kinds == 4) & (shapely.get_num_geometries(shapes) == 1))
    texts[~single | shapely.is_empty(shapes)] = ""
    kept = only(texts, most, seed, notes)
    if len(kept) == 0:
        raise LabelError(f"No point of {path} has a class in the field {class_field}. {'; '.join(notes)}")
    values = np.array([number(value) for value in columns[value_field]])[kept] if value_field else None
    points = shapely.centroid(shapes[kept])
    return Points(path, points, crs_of(path, info, label_crs), texts[kept], values, notes)


def read_pixels(
    rasters: Sequence[str], after: Sequence[str], points: Points, mapping: Mapping | Literal["auto"], progress: Progress
) -> list[Labelled]:
    """The labelled embeddings of each raster; ``after`` is the second date of each, or nothing.

    Points in one pixel count once if they agree, else not at all. Where the rasters cover the same points, all keep
    those that every one has data at, so that models are compared on the same rows. Raises InputError or LabelError.
    """
    found = []
    for index, name in enumerate(rasters):
        with progress.stage(index / len(rasters), (index + 1) / len(rasters), f"Reading {Path(name).name}"):
            found.append(_sampled(name, after[index] if after else "", points, mapping, progress))
    common = np.logical_and.reduce([np.isfinite(one.rows).all(axis=1) for one in found])
    fewest = min(int(np.isfinite(one.rows).all(axis=1).sum()) for one in found)
    together = len(found) > 1 and common.sum() >= fewest / 2
    labelled = []
    for one in found:
        kept = common if together else np.isfinite(one.rows).all(axis=1)
        notes = list(one.notes)
        if together:
            notes.append(f"all {len(found)} rasters are compared on the {int(common.sum())} points that each has data "
                         "at")
        labelled.append(gathered(
            one.model, one.path, one.product, points.texts[kept], one.rows[kept],
            None if one.after is None else one.after[kept], None if one.xy is None else one.xy[kept],
            None if points.values is None else points.values[kept], notes))
    return labelled


def _sampled(
    name: str, after: str, points: Points, mapping: Mapping | Literal["auto"], progress: Progress
) -> Labelled:
    """Every point's vector, NaN where it has none or another point has its pixel."""
    source = EmbeddingSource.open(name)
    notes = list(points.notes)
    rows, xy = _vectors(source, points, mapping, notes, progress)
    second = None
    if after:
        other = EmbeddingSource.open(after)
        if other.bands != source.bands:
            raise InputError(f"{name} has {source.bands} bands and {after} has {other.bands}: they are not one model "
                             "at two dates.")
        second, _ = _vectors(other, points, mapping, notes, progress)
        rows[~np.isfinite(second).all(axis=1)] = np.nan
    classes = np.zeros(len(rows), np.int64)
    return Labelled(Path(name).stem, name, rows, classes, ("",), source.product, second, xy, None, notes)


def _vectors(
    source: EmbeddingSource, points: Points, asked: Mapping | Literal["auto"], notes: list[str], progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    import shapely

    grid = source.grid
    xy = shapely.get_coordinates(moved(points.shapes, points.crs, grid.crs, points.path))
    with np.errstate(invalid="ignore"):
        rows, columns = grid.pixels(xy[:, 0], xy[:, 1])
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    if not inside.any():
        raise LabelError(f"None of the {len(xy)} labels lies on {source.path} ({grid.describe()}). Are they of "
                         "another place, or is their CRS wrong?")
    if not inside.all():
        outside = counted(int((~inside).sum()), "label lies", "labels lie")
        notes.append(f"{outside} outside {Path(source.path).name}")
    inside[np.flatnonzero(inside)] = _once(rows[inside] * grid.width + columns[inside], points.texts[inside], notes)
    require_memory(source.path, len(rows), source.bands)
    codes = pixels_at(source, rows[inside], columns[inside], progress)
    held = np.isfinite(codes.astype(np.float32)).all(axis=1)
    if source.nodata is not None and source.nodata == source.nodata:
        held &= ~(codes == source.nodata).any(axis=1)
    if not held.any():
        raise LabelError(f"No label lies on data of {source.path}: all {len(codes)} pixels under labels are nodata.")
    lost = int((~held).sum())
    if lost:
        empty = counted(lost, "labelled pixel has", "labelled pixels have")
        notes.append(f"{empty} no data in {Path(source.path).name}")
    mapping = mapping_of(source, asked, codes[held])
    notes.append(f"{Path(source.path).name}: value mapping {mapping.kind} ({mapping.reason})")
    vectors = np.full((len(xy), source.bands), np.nan, np.float32)
    vectors[np.flatnonzero(inside)[held]] = mapping.apply(codes[held])
    return vectors, xy


def _once(position: NDArray[np.int64], texts: NDArray[Any], notes: list[str]) -> NDArray[np.bool_]:
    """Which points stand for their pixel: the first of those that agree, none where they do not."""
    _, first, pixel = np.unique(position, return_index=True, return_inverse=True)
    _, number_of = np.unique(texts.astype(str), return_inverse=True)
    low, high = np.full(len(first), len(texts)), np.full(len(first), -1)
    np.minimum.at(low, pixel, number_of)
    np.maximum.at(high, pixel, number_of)
    kept = np.zeros(len(position), bool)
    kept[first[low == high]] = True
    lost = len(kept) - int(kept.sum())
    if lost:
        notes.append(f"{counted(lost, 'label shares its', 'labels share their')} pixel with another: those that agree "
                     "count once, those that do not are left out")
    return kept
