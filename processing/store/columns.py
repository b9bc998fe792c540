"""The columns of a shard, whatever its producer calls them, and what is in them as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from .areas import Bounds
from .location import ShardError
from .manifest import SIDES

CODES = ("code", "embedding", "embeddings", "vector")
IDS = ("id", "chips_id", "unique_id", "index")
BBOX, GEOMETRY, YEAR = "bbox", "geometry", "year"
MOST_CODE_BYTES = 1 << 18


@dataclass(frozen=True)
class Columns:
    """Names of a shard's columns, "" where there is none, and the ``width`` of a code in bytes, 0 if rows say."""

    code: str
    width: int
    id: str
    bbox: str
    geometry: str
    year: str


def find_columns(schema: Any, path: str, empty: bool) -> Columns:
    """The columns of a pyarrow ``schema``. Raises ShardError if there are no codes or no places.

    A shard without rows may hold anything: it says nothing of how codes are kept.
    """
    names = schema.names
    once = {name for name in names if names.count(name) == 1}
    found = [name for name in CODES if name in once and is_code(schema.field(name).type)]
    if not found and not empty:
        floats = [name for name in CODES if name in once]
        if floats:
            raise ShardError(
                path, f"its column {floats[0]} holds {schema.field(floats[0]).type}, not packed codes. Make a store of "
                "it with “Build retrieval store”.")
        raise ShardError(path, f"it has no column of codes ({', '.join(CODES)}); it has {', '.join(names)[:300]}.")
    bbox = BBOX if BBOX in once and _is_box(schema.field(BBOX).type) else ""
    geometry = GEOMETRY if GEOMETRY in once and _is_binary(schema.field(GEOMETRY).type) else ""
    if not (bbox or geometry or empty):
        raise ShardError(path, "it does not say where its patches are: it has neither a bbox of xmin, ymin, xmax, "
                               "ymax nor a geometry in WKB.")
    year = YEAR if YEAR in once and pa.types.is_integer(schema.field(YEAR).type) else ""
    code = found[0] if found else ""
    return Columns(
        code, _width(schema.field(code).type) if code else 0, next((name for name in IDS if name in once), ""), bbox,
        geometry, year)


def is_code(kind: Any) -> bool:
    """Whether a pyarrow type holds bytes: fixed_size_binary, binary, or lists of uint8, fixed or not."""
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return _is_binary(kind) or pa.types.is_fixed_size_binary(kind) or (lists and kind.value_type == pa.uint8())


def codes_of(column: Any, width: int, path: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The codes (n, width) of a column, zeros where there is none, and where there is one (n,).

    Raises ShardError if one has another length. A list with a hole in it is no code.
    """
    codes = np.zeros((len(column), width), np.uint8)
    valid = np.zeros(len(column), np.bool_)
    first = 0
    for chunk in column.chunks:
        rows = slice(first, first + len(chunk))
        valid[rows] = np.asarray(chunk.is_valid())
        values, whole = _bytes_of(chunk.drop_null() if chunk.null_count else chunk, width, path)
        place = first + np.flatnonzero(valid[rows])
        codes[place] = values
        valid[place[~whole]] = False
        first += len(chunk)
    return codes, valid


def first_width(column: Any) -> int:
    """The length of the first code of a column whose type does not say it; 0 if there is none."""
    for chunk in column.chunks:
        present = chunk.drop_null()
        if len(present):
            return len(present[0].as_py())
    return 0


def bounds_of(table: Any, columns: Columns, path: str) -> Bounds:
    """Bounds (n, 4) as stored, NaN where there are none: from the bbox, else from the geometry."""
    if not columns.bbox:
        return np.asarray(shapely.bounds(footprints_of(table.column(columns.geometry), path)), np.float64)
    found = np.empty((len(table), 4))
    column = table.column(columns.bbox)
    for place, side in enumerate(SIDES):
        values = pc.struct_field(column, side)
        found[:, place] = np.asarray(pc.cast(values, pa.float64()).fill_null(float("nan")))
    return found


def footprints_of(column: Any, path: str) -> NDArray[Any]:
    """The geometries of a WKB column, None where there is none or it cannot be read."""
    try:
        found: NDArray[Any] = shapely.from_wkb(np.asarray(column.to_numpy(zero_copy_only=False)), on_invalid="ignore")
    except (TypeError, ValueError, shapely.errors.ShapelyError) as error:
        raise ShardError(path, "its geometries are not WKB.", str(error)) from error
    return found


def years_of(column: Any) -> NDArray[np.int16]:
    """The years, 0 where there is none or it is impossible."""
    values = np.asarray(column.fill_null(0)).astype(np.int64)
    return np.where((values > 0) & (values < 10_000), values, 0).astype(np.int16)


def _bytes_of(chunk: Any, width: int, path: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Bytes (n, width) of an array without nulls, and whether there is no hole in them (n,)."""
    whole = np.ones(len(chunk), np.bool_)
    if len(chunk) == 0:
        return np.empty((0, width), np.uint8), whole
    kind = chunk.type
    if pa.types.is_fixed_size_binary(kind):
        _require(np.array([kind.byte_width]), width, path)
        start = chunk.offset * width
        content = np.frombuffer(chunk.buffers()[1], np.uint8)[start : start + len(chunk) * width]
        return content.reshape(-1, width), whole
    if _is_binary(kind):
        _require(np.asarray(pc.binary_length(chunk)), width, path)
        offsets = np.frombuffer(chunk.buffers()[1], np.int64 if kind == pa.large_binary() else np.int32)
        start = int(offsets[chunk.offset])
        content = np.frombuffer(chunk.buffers()[2], np.uint8)[start : start + len(chunk) * width]
        return content.reshape(-1, width), whole
    _require(np.asarray(pc.list_value_length(chunk)), width, path)
    flat = chunk.flatten()
    if flat.null_count:
        whole &= np.asarray(flat.is_valid()).reshape(-1, width).all(axis=1)
        flat = flat.fill_null(0)
    return np.asarray(flat).reshape(-1, width), whole


def _require(lengths: NDArray[Any], width: int, path: str) -> None:
    wrong = lengths[lengths != width]
    if len(wrong):
        raise ShardError(
            path, f"it holds codes of {int(wrong[0])} bytes where the store's have {width}: it is of another model or "
            "recipe.")


def _width(kind: Any) -> int:
    if pa.types.is_fixed_size_binary(kind):
        return int(kind.byte_width)
    return int(kind.list_size) if pa.types.is_fixed_size_list(kind) else 0


def _is_binary(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_box(kind: Any) -> bool:
    if not pa.types.is_struct(kind):
        return False
    fields = [kind.field(index) for index in range(kind.num_fields)]
    names = [field.name for field in fields if pa.types.is_floating(field.type)]
    return all(names.count(side) == 1 for side in SIDES)
