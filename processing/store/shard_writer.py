"""Writing shards: rows in Morton order as GeoParquet, with finer codes beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from ..errors import InputError
from ..outputs import whole_or_nothing
from ..progress import Progress
from .areas import Bounds, footprint_bounds, polygons_of, union_bounds
from .columns import BBOX, GEOMETRY, YEAR
from .location import wrong_path
from .manifest import SIDES, ShardEntry
from .morton import morton_order

ROW_GROUP = 4096
MOST_ROWS = 1 << 24
BOX = pa.struct([pa.field(side, pa.float64(), nullable=False) for side in SIDES])
BOX_WKB = np.dtype([("order", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("corners", "<f8", 10)])
LEVEL = 3
CHUNK = 1 << 22
FINE = ".fine"


@dataclass(frozen=True)
class ShardRows:
    """Rows of a shard in any order: ``ids`` (n,) texts, ``codes`` uint8 (n, bytes), ``bounds`` float64 (n, 4) in
    degrees (xmin > xmax: over the antimeridian), ``years`` (n,) integers, 0 = undated, or None: all undated;
    ``geometry`` (n,) WKB polygons or None: the bounds' boxes; ``fine`` uint8 (n, bytes) or None."""

    ids: Sequence[str] | NDArray[Any] | Any
    codes: NDArray[np.uint8]
    bounds: Bounds
    years: NDArray[np.integer[Any]] | None = None
    geometry: Sequence[bytes] | Any | None = None
    fine: NDArray[np.uint8] | None = None

    def check(self) -> None:
        """Raise InputError, in words, if the parts do not belong together or a place is none."""
        count = len(self.codes)
        parts = (self.ids, self.bounds, self.years, self.geometry, self.fine)
        if count > MOST_ROWS:
            raise InputError(f"A shard of {count:,} rows is too large; {MOST_ROWS:,} is the most. Take smaller cells.")
        if any(part is not None and len(part) != count for part in parts):
            raise InputError(f"A shard's columns have different numbers of rows; there are {count:,} codes.")
        if self.codes.dtype != np.uint8 or self.codes.ndim != 2 or self.bounds.shape != (count, 4):
            raise InputError("A shard needs codes of uint8 (n, bytes) and bounds (n, 4).")
        west, south, east, north = self.bounds.T
        good = np.isfinite(self.bounds).all(axis=1) & (south <= north) & (south >= -90) & (north <= 90)
        good &= (np.abs(west) <= 180) & (np.abs(east) <= 180)
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise InputError(
                f"Patch {self.ids[row]} has the bounds {self.bounds[row].tolist()}, which are not degrees of longitude "
                "and latitude (OGC:CRS84).")


def write_shard(
    store: str | Path, path: str, rows: ShardRows, progress: Progress, shard: int = 0,
    tile: tuple[int, int] | None = None, row_group: int = ROW_GROUP,
) -> ShardEntry:
    """Write ``path`` below the folder ``store``, whole or not at all, and give its row of the manifest.

    Rows are sorted by Morton key; folders are made. Codes and bounds are not compressed, so that they can be read
    where they lie: codes are random to a compressor, and coordinates nearly so. Finer codes go to ``fine_path``.
    Raises InputError, OutputError or Cancelled.
    """
    rows.check()
    if why := wrong_path(path):
        raise InputError(f"A shard cannot have the path “{path[:200]}”: {why}.")
    target = Path(store) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    order = morton_order(rows.bounds)
    bounds = footprint_bounds(np.ascontiguousarray(rows.bounds[order]))
    years = np.zeros(len(order), np.int32) if rows.years is None else np.asarray(rows.years, np.int32)[order]
    whole = union_bounds(bounds) if len(bounds) else (float("nan"),) * 4
    targets = [target] if rows.fine is None else [target.with_name(fine_path(target.name)), target]
    with whole_or_nothing(progress, *targets) as partials:
        if rows.fine is not None:
            np.ascontiguousarray(rows.fine, np.uint8)[order].tofile(partials[0])
        _write(partials[-1], rows, order, bounds, years, whole, row_group)
        size, name = partials[-1].stat().st_size, file_fingerprint(partials[-1])
    same = len(years) > 0 and years[0] != 0 and bool((years == years[0]).all())
    return ShardEntry(shard, path, len(order), whole, tile, int(years[0]) if same else None, size, name)


def fine_path(path: str) -> str:
    """Where the finer codes of a shard are: the same name, ending in .fine."""
    stem = path[: -len(".parquet")] if path.endswith(".parquet") else path
    return stem + FINE


def file_fingerprint(path: Path) -> str:
    """BLAKE2b of a whole file, 16 bytes, hex."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while content := stream.read(CHUNK):
            digest.update(content)
    return digest.hexdigest()


def geoparquet(bounds: tuple[float, float, float, float]) -> bytes:
    """The footer key ``geo`` of GeoParquet 1.1: polygons in OGC:CRS84, with the bbox column as their covering."""
    column: dict[str, Any] = {
        "encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"],
        "covering": {"bbox": {side: [BBOX, side] for side in SIDES}},
    }
    if np.isfinite(bounds).all():
        column["bbox"] = list(bounds)
    return json.dumps({"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}).encode()


def boxes_wkb(bounds: Bounds) -> Any:
    """The boxes of footprints as a pyarrow array of WKB, the bytes that shapely would write."""
    if (bounds[:, 0] > bounds[:, 2]).any():
        return pa.array(shapely.to_wkb(polygons_of(bounds)), pa.binary())
    made = np.empty(len(bounds), BOX_WKB)
    made["order"], made["kind"], made["rings"], made["points"] = 1, 3, 1, 5
    made["corners"] = bounds[:, [2, 1, 2, 3, 0, 3, 0, 1, 2, 1]]
    offsets = np.arange(len(bounds) + 1, dtype=np.int32) * BOX_WKB.itemsize
    return pa.Array.from_buffers(pa.binary(), len(bounds), [None, pa.py_buffer(offsets), pa.py_buffer(made)])


def _write(
    path: Path, rows: ShardRows, order: NDArray[np.int64], bounds: Bounds, years: NDArray[np.int32],
    whole: tuple[float, float, float, float], row_group: int,
) -> None:
    count, width = len(order), rows.codes.shape[1]
    codes = pa.Array.from_buffers(
        pa.binary(width), count, [None, pa.py_buffer(np.ascontiguousarray(rows.codes)[order])])
    sides = [pa.array(np.ascontiguousarray(side)) for side in bounds.T]
    geometry = boxes_wkb(bounds) if rows.geometry is None else _taken(rows.geometry, pa.binary(), order)
    schema = pa.schema([
        pa.field("id", pa.string(), nullable=False), pa.field("code", pa.binary(width), nullable=False),
        pa.field(BBOX, BOX, nullable=False), pa.field(YEAR, pa.int32()), pa.field(GEOMETRY, pa.binary()),
    ], metadata={b"geo": geoparquet(whole)})
    table = pa.Table.from_arrays([
        _taken(rows.ids, pa.string(), order), codes, pa.StructArray.from_arrays(sides, fields=list(BOX)),
        pa.array(years, pa.int32(), mask=years == 0), geometry,
    ], schema=schema)
    bare = ["code", *(f"{BBOX}.{side}" for side in SIDES)]
    packed = ["id", YEAR, GEOMETRY]
    with pq.ParquetWriter(
        path, schema, use_dictionary=[YEAR], write_statistics=["id", YEAR, *bare[1:]],
        compression={**dict.fromkeys(bare, "NONE"), **dict.fromkeys(packed, "ZSTD")},
        compression_level=dict.fromkeys(packed, LEVEL), data_page_size=max(1 << 20, 2 * width * row_group),
        max_rows_per_page=max(row_group, 1),
    ) as writer:
        writer.write_table(table, row_group_size=row_group)


def _taken(values: Any, kind: Any, order: NDArray[np.int64]) -> Any:
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)
    taken = array.cast(kind).take(pa.array(order))
    return taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken
