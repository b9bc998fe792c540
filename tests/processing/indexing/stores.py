"""Building stores in tests, and reading all of what is in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bitscape.processing import operations
from bitscape.processing.progress import Progress
from bitscape.processing.store.store import Store


def build(source: Any, output: Path, progress: Progress | None = None, **options: Any) -> dict[str, Any]:
    """Run buildretrievalstore."""
    inputs = source if isinstance(source, list) else [source]
    values = json.loads(json.dumps({"input": inputs, "output": output, **options}, default=str))
    return operations.run("buildretrievalstore", values, progress or Progress())


def rows_of(store: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """(id, year) → code, bbox, geometry and shard of every patch, straight from the Parquet files of the manifest."""
    found = {}
    for entry in Store.open(store).shards:
        table = pq.ParquetFile(store / entry.path).read()
        assert table.num_rows == entry.rows
        for row in table.to_pylist():
            key = (row["id"], row["year"] or 0)
            assert key not in found, key
            found[key] = {**row, "bbox": tuple(row["bbox"].values()), "shard": entry.path}
    return found


def codes_of(rows: dict[tuple[str, int], dict[str, Any]], ids: list[str], year: int = 0) -> np.ndarray:
    """The codes (n, bytes) of some patches."""
    return np.stack([np.frombuffer(rows[name, year]["code"], np.uint8) for name in ids])


def digests(folder: Path) -> dict[str, str]:
    """Every file of a store but its manifest, by its content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.parquet"
    }
