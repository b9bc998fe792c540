"""Tables of patch embeddings that tests write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

GEO = '{"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}'
KINDS = {
    "variable": pa.list_(pa.float32()), "large": pa.large_list(pa.float32()), "fixed": pa.list_(pa.float32(), 160),
    "half": pa.list_(pa.float16(), 160), "double": pa.list_(pa.float64()),
}


def vectors(count: int, dimensions: int = 160, seed: int = 0) -> np.ndarray:
    """Vectors in a few clusters, so that neighbours mean something."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((20, dimensions))
    return (centres[random.integers(0, 20, count)] + 0.5 * random.standard_normal((count, dimensions))).astype("f4")


def places(count: int, seed: int = 0, west: float = 10.0, south: float = 50.0, size: float = 1.0) -> np.ndarray:
    """Longitudes and latitudes (n, 2) of centres in a square of degrees."""
    return np.random.default_rng(seed + 1000).uniform((west, south), (west + size, south + size), (count, 2))


def polygons(centres: np.ndarray, half: float = 0.002) -> np.ndarray:
    return shapely.box(*(centres - half).T, *(centres + half).T)


def write_table(
    path: Path, rows: Any, centres: np.ndarray, kind: str = "fixed", name: str = "embedding", group: int = 500,
    geo: str | None = GEO,
    **columns: Any,
) -> Path:
    """A GeoParquet table; a row of None is null. Without ``id`` in ``columns`` it has one of its own."""
    made = {"id": [f"p{number}" for number in range(len(centres))], **columns}
    kept = [None if row is None else list(np.asarray(row, np.float16) if kind == "half" else row) for row in rows]
    made[name] = pa.array(kept, KINDS[kind])
    made.setdefault("geometry", pa.array(list(shapely.to_wkb(polygons(centres))), pa.binary()))
    table = pa.table({key: value for key, value in made.items() if value is not None})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"geo": geo} if geo else None), path, row_group_size=group)
    return path
