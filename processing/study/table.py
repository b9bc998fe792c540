"""Labelled embeddings from a Parquet file: a column of lists, a column of classes, and where the rows are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embeddings.mapping import detect
from ..embeddings.source import ALPHAEARTH, Product
from ..embeddings.vector_column import vector_column
from ..errors import InputError
from ..grids.features import class_text, listed
from ..progress import Progress
from .labelled import Labelled, gathered, number, only, require_memory

PLACES = (("centroid_lon", "centroid_lat"), ("centre_lon", "centre_lat"), ("lon", "lat"), ("longitude", "latitude"),
          ("x", "y"))
WIDEST = 1 << 16
"""Numbers in one embedding, at most."""
GROUP_BYTES = 4 * 2**30
"""Uncompressed bytes of a column in one row group, at most."""
BATCH, SCALARS = 1024, 16_384
"""Rows of vectors, and of single values, that are in memory at once."""
BUFFER_BYTES = 2**20
"""Read at once of each column, so that a row group of any size does not come into memory as a whole."""
CODES = 10_000
"""Rows by which the value mapping is told."""


def read_table(
    path: Path, class_field: str, value_field: str, columns: tuple[str, str], most: int, seed: int, progress: Progress
) -> Labelled:
    """The labelled embeddings of a file. ``columns`` are those of the embeddings and of the second date's ("": found
    by its name or kind, and none). Raises InputError for a file, column or content that cannot be used."""
    with _opened(path) as file:
        schema = file.schema_arrow
        wanted = [vector_column(schema, columns[0], path)]
        if columns[1]:
            wanted.append(vector_column(schema, columns[1], path))
        for name in wanted:
            _check(path, file, name)
        if class_field not in schema.names:
            raise InputError(f"{path} has no column named {class_field}; there are {listed(schema.names)}.")
        if value_field and value_field not in schema.names:
            raise InputError(f"{path} has no column named {value_field}; there are {listed(schema.names)}.")
        if file.metadata.num_rows == 0:
            raise InputError(f"{path} is a valid table without rows. Choose one that holds embeddings.")
        notes: list[str] = []
        texts = np.array([class_text(value) for value in _scalars(path, file, class_field, progress)], object)
        kept = only(texts, most, seed, notes)
        if len(kept) == 0:
            raise InputError(f"No row of {path} has a class in the column {class_field}.")
        xy = _positions(path, file, progress)
        values = None
        if value_field:
            values = np.array([number(value) for value in _scalars(path, file, value_field, progress)])[kept]
        parts = [_vectors(path, file, name, kept, notes, progress) for name in wanted]
    if len(parts) == 2 and parts[0].shape != parts[1].shape:
        raise InputError(f"{path}: the columns {wanted[0]} and {wanted[1]} hold {parts[0].shape[1]} and "
                         f"{parts[1].shape[1]} numbers a row; they are not one model at two dates.")
    text = (file.schema_arrow.metadata or {}).get(b"aef_dequantization")
    product = ALPHAEARTH if text is not None else Product("unknown")
    return gathered(Path(path).stem, str(path), product, texts[kept], parts[0], parts[1] if len(parts) == 2 else None,
                    None if xy is None else xy[kept], values, notes)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"There is no file {path}. Check the path.")
    try:
        with pq.ParquetFile(
            path, buffer_size=BUFFER_BYTES, pre_buffer=False, thrift_string_size_limit=1 << 26,
            thrift_container_size_limit=1 << 22,
        ) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as a Parquet table; it may be damaged or of another format.",
                         str(error)) from error


def _check(path: Path, file: Any, name: str) -> None:
    """Raise InputError unless the lists of a column can be unpacked."""
    import pyarrow as pa

    kind = file.schema_arrow.field(name).type
    if pa.types.is_fixed_size_list(kind) and not 0 < kind.list_size <= WIDEST:
        raise InputError(f"{path}: the column {name} holds {kind.list_size} numbers a row; 1 to {WIDEST} are "
                         "understood.")
    for group in range(file.metadata.num_row_groups):
        part = file.metadata.row_group(group)
        for index in range(part.num_columns):
            column = part.column(index)
            if column.path_in_schema.split(".")[0] == name and column.total_uncompressed_size > GROUP_BYTES:
                raise InputError(f"{path}: a row group of the column {name} takes "
                                 f"{column.total_uncompressed_size / 1e9:.1f} GB unpacked. Write the table in smaller "
                                 "row groups.")


def _scalars(path: Path, file: Any, name: str, progress: Progress) -> list[Any]:
    if "list" in str(file.schema_arrow.field(name).type):
        raise InputError(f"{path}: the column {name} holds lists, not one value a row.")
    found: list[Any] = []
    for batch in file.iter_batches(SCALARS, columns=[name]):
        progress.check()
        found += batch.column(0).to_pylist()
    return found


def _positions(path: Path, file: Any, progress: Progress) -> NDArray[np.float64] | None:
    """Where the rows are (rows, 2): the middle of their geometry or box, or columns of coordinates; None without."""
    import pyarrow as pa
    import shapely

    schema = file.schema_arrow
    if "geometry" in schema.names and pa.types.is_binary(schema.field("geometry").type):
        shapes = shapely.from_wkb(_scalars(path, file, "geometry", progress), on_invalid="ignore")
        return np.asarray(shapely.get_coordinates(shapely.centroid(_filled(shapes))), np.float64)
    if "bbox" in schema.names and pa.types.is_struct(schema.field("bbox").type):
        boxes = [box or {} for box in _scalars(path, file, "bbox", progress)]
        sides = [[number(box.get(side)) for side in ("xmin", "ymin", "xmax", "ymax")] for box in boxes]
        corners = np.array(sides, np.float64).reshape(-1, 4)
        return (corners[:, :2] + corners[:, 2:]) / 2
    for pair in PLACES:
        if all(name in schema.names for name in pair):
            both = [[number(value) for value in _scalars(path, file, name, progress)] for name in pair]
            return np.array(both, np.float64).T
    return None


def _filled(shapes: NDArray[Any]) -> NDArray[Any]:
    """Shapes with a point that is nowhere for each that is missing: every row keeps its place."""
    import shapely

    filled: NDArray[Any] = shapes.copy()
    filled[shapely.is_missing(shapes) | shapely.is_empty(shapes)] = shapely.Point(np.inf, np.inf)
    return filled


def _vectors(
    path: Path, file: Any, name: str, kept: NDArray[np.int64], notes: list[str], progress: Progress
) -> NDArray[np.float32]:
    """The vectors (kept, d) of some rows, their stored numbers mapped; NaN where a row has none."""
    import pyarrow as pa

    rows: NDArray[Any] | None = None
    start = filled = 0
    for batch in file.iter_batches(BATCH, columns=[name]):
        progress.report(start / file.metadata.num_rows)
        column = batch.column(0)
        here = kept[(kept >= start) & (kept < start + len(column))] - start
        start += len(column)
        if len(here) == 0:
            continue
        taken = column.take(pa.array(here))
        valid = np.asarray(taken.is_valid())
        lists = taken.filter(pa.array(valid))
        flat = lists.flatten()
        numbers = flat.fill_null(np.nan) if pa.types.is_floating(flat.type) else flat
        if numbers.null_count:
            raise InputError(f"{path}: embeddings in the column {name} have gaps. Leave those rows out.")
        if len(lists):
            width = len(flat) // len(lists)
            lengths = np.full(len(lists), width)
            if not pa.types.is_fixed_size_list(lists.type):
                lengths = np.asarray(lists.value_lengths())
            if rows is None:
                if not 0 < width <= WIDEST:
                    raise InputError(f"{path}: the column {name} holds {width} numbers a row; 1 to {WIDEST} are "
                                     "understood.")
                require_memory(str(path), len(kept), width)
                kind = np.dtype(np.int8) if flat.type == pa.int8() else np.dtype(np.float32)
                rows = np.zeros((len(kept), width), kind)
                missing = np.ones(len(kept), bool)
            if (lengths != rows.shape[1]).any():
                other = int(lengths[lengths != rows.shape[1]][0])
                raise InputError(f"{path}: the column {name} holds embeddings of {rows.shape[1]} and of {other} "
                                 "numbers: they are of different models. Separate them.")
            where = filled + np.flatnonzero(valid)
            rows[where] = numbers.to_numpy(zero_copy_only=False).reshape(len(lists), -1)
            missing[where] = False
        filled += len(here)
    if rows is None:
        raise InputError(f"{path}: no labelled row has an embedding in the column {name}.")
    if rows.dtype == np.int8:
        missing |= (rows == -128).any(axis=1)
    mapping = detect(rows[~missing][:CODES], 1.0, 0.0)
    notes.append(f"column {name}: value mapping {mapping.kind} ({mapping.reason})")
    vectors = mapping.apply(rows)
    vectors[missing] = np.nan
    return vectors
