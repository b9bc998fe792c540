"""The manifest of a store: one row a shard, checked before any of it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..errors import InputError
from ..outputs import whole_or_nothing
from ..progress import Progress
from .areas import Bounds, in_degrees, placed
from .description import StoreInfo
from .location import LONGEST_PATH, Location, ShardError, wrong_path

MOST_SHARDS = 4_000_000
MOST_ROWS = 1 << 40
MOST_BYTES = 1 << 50
LARGEST = 2**30
"""Bytes of a manifest, as stored and unpacked."""
PLAIN = r"\A[\w=][\w=.-]*(/[\w=][\w=.-]*)*\z"
"""Paths that need no closer look (RE2: ASCII letters). A corpus has hundreds of thousands."""
SIDES = ("xmin", "ymin", "xmax", "ymax")
NEEDED = ("path", "rows", *SIDES)
SCHEMA = pa.schema([
    pa.field("path", pa.string(), nullable=False), pa.field("rows", pa.int64(), nullable=False),
    *(pa.field(side, pa.float64(), nullable=False) for side in SIDES),
    pa.field("tile_x", pa.int32()), pa.field("tile_y", pa.int32()), pa.field("year", pa.int32()),
    pa.field("bytes", pa.int64()), pa.field("fingerprint", pa.string()),
])
REPEATED = ["tile_x", "tile_y", "year"]
"""Columns that a dictionary makes smaller; the others differ in every row, and are read faster without one."""


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A row of the manifest; ``shard`` is its number.

    ``bounds`` are xmin, ymin, xmax, ymax in degrees of all footprints (xmin > xmax: over the antimeridian), NaN of a
    shard without rows. ``year`` None: undated, or of several years. ``bytes`` and ``fingerprint`` (BLAKE2b, 16 bytes,
    hex) of the file are None in manifests that do not say.
    """

    shard: int
    path: str
    rows: int
    bounds: tuple[float, float, float, float]
    tile: tuple[int, int] | None = None
    year: int | None = None
    bytes: int | None = None
    fingerprint: str | None = None


class Manifest(Sequence[ShardEntry]):
    """The entries of a manifest, as columns: a corpus has hundreds of thousands."""

    def __init__(self, table: Any) -> None:
        self._paths = table.column("path").combine_chunks() if len(table) else pa.array([], pa.string())
        self.rows: NDArray[np.int64] = np.asarray(table.column("rows"), np.int64)
        self.bounds: Bounds = np.column_stack([np.asarray(table.column(side), np.float64) for side in SIDES])
        self.years: NDArray[np.int32] = _filled(table, "year", 0)
        self.bytes: NDArray[np.int64] = _filled(table, "bytes", -1, np.int64)
        self._tiles = np.column_stack([_filled(table, "tile_x", -1), _filled(table, "tile_y", -1)])
        self._fingerprints = table.column("fingerprint") if "fingerprint" in table.schema.names else None

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> ShardEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[ShardEntry]: ...
    def __getitem__(self, index: int | slice) -> ShardEntry | list[ShardEntry]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        x, y = (int(value) for value in self._tiles[row])
        west, south, east, north = (float(side) for side in self.bounds[row])
        return ShardEntry(
            row, self._paths[row].as_py(), int(self.rows[row]), (west, south, east, north),
            (x, y) if x >= 0 and y >= 0 else None, int(self.years[row]) or None,
            int(self.bytes[row]) if self.bytes[row] >= 0 else None,
            None if self._fingerprints is None else self._fingerprints[row].as_py())

    def __iter__(self) -> Iterator[ShardEntry]:
        return (self[row] for row in range(len(self)))


def read_manifest(location: Location) -> tuple[Manifest, StoreInfo | None]:
    """The manifest and what it says of the store (None: it is not one of Bitscape's).

    Raises InputError, naming the first wrong row, if anything in it cannot be.
    """
    origin = f"{location.name.rstrip('/')}/{location.manifest}"
    try:
        with location.open(location.manifest) as file:
            if file.size > LARGEST:
                raise InputError(f"{origin} has {file.size:,} bytes, which is too large for a manifest.")
            file.want([(0, file.size)])
            with pq.ParquetFile(file.arrow(), pre_buffer=False) as parquet:
                info = StoreInfo.from_footer(parquet.metadata.metadata, origin)
                names = _columns(parquet, origin)
                table = parquet.read(names, use_threads=False)
    except ShardError as error:
        raise InputError(_unreadable(location, origin, error), error.detail) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{origin} is not a Parquet file that can be read; it may be damaged.", str(error)) from error
    return Manifest(_checked(table, origin)), info


def write_manifest(path: str | Path, entries: Sequence[ShardEntry], about: StoreInfo, progress: Progress) -> None:
    """Write a manifest, whole or not at all. Raises InputError if an entry cannot be, OutputError, Cancelled."""
    bounds = np.array([entry.bounds for entry in entries], np.float64).reshape(-1, 4)
    tiles = [entry.tile or (None, None) for entry in entries]
    columns = [
        [entry.path for entry in entries], [entry.rows for entry in entries], *bounds.T,
        [tile[0] for tile in tiles], [tile[1] for tile in tiles],
        *([getattr(entry, name) for entry in entries] for name in ("year", "bytes", "fingerprint")),
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    _checked(table, str(path))
    with (
        whole_or_nothing(progress, path) as (partial,),
        pq.ParquetWriter(partial, SCHEMA, compression="zstd", use_dictionary=REPEATED) as writer,
    ):
        writer.write_table(table)
        writer.add_key_value_metadata(about.to_footer())  # as the schema's metadata it would be there twice


def _columns(parquet: Any, origin: str) -> list[str]:
    """The columns that are read. Raises InputError where one is missing, or there is too much of it."""
    names = parquet.schema_arrow.names
    missing = [name for name in NEEDED if names.count(name) != 1]
    if missing:
        raise InputError(
            f"{origin} is not a manifest of a retrieval store: it should have the columns {', '.join(NEEDED)}; wrong "
            f"or missing are {', '.join(missing)}. Build one with “Build retrieval store”.")
    metadata = parquet.metadata
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if metadata.num_rows > MOST_SHARDS or unpacked > LARGEST:
        raise InputError(f"{origin} lists {metadata.num_rows:,} shards ({unpacked / 1e9:.1f} GB); that is too many.")
    return [field.name for field in SCHEMA if names.count(field.name) == 1]


def _checked(table: Any, origin: str) -> Any:
    """The table in the types of SCHEMA. Raises InputError that names the first wrong row."""
    columns, fields = [], []
    for field in SCHEMA:
        if field.name not in table.schema.names:
            continue
        column = table.column(field.name)
        try:
            column = column if column.type == field.type else column.cast(field.type)
        except (pa.ArrowException, ValueError) as error:
            if field.name in NEEDED:
                raise InputError(
                    f"{origin}: the column {field.name} holds {column.type}, which is not {field.type}.",
                    str(error)[:500]) from error
            column = pa.chunked_array([pa.nulls(len(column), field.type)])
        if field.name in ("path", "rows") and column.null_count:
            raise InputError(f"{origin}: the column {field.name} has missing values.")
        columns.append(column)
        fields.append(field.with_nullable(True))
    checked = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    rows = np.asarray(checked.column("rows"))
    bounds = np.column_stack([np.asarray(checked.column(side)) for side in SIDES])
    sane = placed(bounds) & in_degrees(bounds) & (bounds[:, 1] <= bounds[:, 3])
    _refuse(checked, (rows < 0) | (rows > MOST_ROWS), origin, "its number of rows cannot be")
    _refuse(checked, ~sane & (rows > 0), origin, "its bounds are not longitudes and latitudes in degrees")
    if "bytes" in checked.schema.names:
        size = np.asarray(checked.column("bytes").fill_null(0))
        _refuse(checked, (size < 0) | (size > MOST_BYTES), origin, "its size cannot be")
    paths = checked.column("path")
    plain = pc.and_(pc.match_substring_regex(paths, PLAIN), pc.less_equal(pc.utf8_length(paths), LONGEST_PATH))
    for row in np.flatnonzero(~np.asarray(plain)):
        path = paths[int(row)].as_py()
        if why := wrong_path(path):
            raise InputError(
                f"{origin}: shard {row} has the path “{path[:200]}”: {why}. It is not read; get the store from a "
                "source you trust.")
    if pc.count_distinct(paths).as_py() != len(paths):
        twice = pc.value_counts(paths)
        first = twice.field("values")[int(np.argmax(np.asarray(twice.field("counts"))))]
        raise InputError(f"{origin} lists {first} twice. Build the store again.")
    return checked


def _refuse(table: Any, bad: NDArray[np.bool_], origin: str, why: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"{origin}: shard {row} ({table.column('path')[row].as_py()[:200]!s}): {why}.")


def _filled(table: Any, name: str, missing: int, kind: Any = np.int32) -> NDArray[Any]:
    if name not in table.schema.names:
        return np.full(len(table), missing, kind)
    return np.asarray(table.column(name).fill_null(missing)).astype(kind)


def _unreadable(location: Location, origin: str, error: ShardError) -> str:
    if isinstance(error.__cause__, FileNotFoundError) or "(404)" in error.why:
        return (
            f"{location.name} has no {location.manifest}, so it is not a retrieval store. Build one from the "
            "embeddings with “Build retrieval store”.")
    return f"{origin}: {error.why}"
