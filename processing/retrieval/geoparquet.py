"""Results as GeoParquet 1.1: footprints with rank, score and code, so that they can be exemplars again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .results import Results

GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {
        "encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"],
        "covering": {"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}},
    }},
}
PROVENANCE = b"bitscape_provenance"


class GeoParquetWriter:
    """A context that writes results batch after batch; no CRS in the footer: GeoParquet's own, OGC:CRS84.

    ``footer``: further keys, such as the provenance and what the codes mean.
    """

    def __init__(self, path: Path, code_bytes: int, footer: Mapping[bytes, bytes]) -> None:
        box = pa.struct([(side, pa.float64()) for side in ("xmin", "ymin", "xmax", "ymax")])
        self._schema = pa.schema([
            ("id", pa.string()), ("rank", pa.int64()), ("score", pa.float64()), ("similarity", pa.float64()),
            ("year", pa.int32()), ("shard", pa.string()), ("row", pa.int64()), ("code", pa.binary(code_bytes)),
            ("bbox", box), ("geometry", pa.binary()),
        ], metadata={b"geo": json.dumps(GEO).encode(), **footer})
        self._box = box
        self._writer = pq.ParquetWriter(
            path, self._schema, compression="zstd",
            use_dictionary=["shard", "year"], write_statistics=True)

    def __enter__(self) -> GeoParquetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, results: Results) -> None:
        """Add a batch."""
        sides: Any = [np.ascontiguousarray(results.boxes[:, side]) for side in range(4)]
        codes = np.ascontiguousarray(results.codes)
        columns = [
            pa.array(results.ids, pa.string()), pa.array(results.ranks), pa.array(results.scores),
            pa.array(results.similarities), pa.array(results.years.astype(np.int32), mask=results.years == 0),
            pa.array(results.paths, pa.string()), pa.array(results.rows),
            pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(codes.shape[1]), len(codes), [None, pa.py_buffer(codes.tobytes())]),
            pa.StructArray.from_arrays([pa.array(side) for side in sides], fields=list(self._box)),
            pa.array(results.wkb.tolist(), pa.binary()),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=65_536)
