"""Small stores of which everything is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from bitscape.processing.progress import Progress
from bitscape.processing.store.description import StoreInfo
from bitscape.processing.store.manifest import ShardEntry, write_manifest
from bitscape.processing.store.shard_writer import ShardRows, write_shard

BYTES = 16
ABOUT = StoreInfo(model="Test", dimensions=8 * BYTES, bits=8 * BYTES, bytes=BYTES, kind="binary",
                  licences=["CC-BY 4.0"], attributions=["Made up."])


def make_rows(
    seed: int, count: int, west: float = 10.0, south: float = 45.0, span: float = 1.0, size: float = 0.01,
    year: int | None = 2020, width: int = BYTES, name: str = "p",
) -> ShardRows:
    """Square patches scattered over ``span`` degrees."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(west, west + span, count), random.uniform(south, south + span, count)
    return ShardRows(
        ids=[f"{name}{row}" for row in range(count)],
        codes=random.integers(0, 256, (count, width), np.uint8),
        bounds=np.column_stack([x, y, x + size, y + size]),
        years=None if year is None else np.full(count, year),
    )


def make_store(
    folder: Path, shards: Mapping[str, ShardRows], about: StoreInfo = ABOUT, row_group: int = 64
) -> list[ShardEntry]:
    """Write shards by their paths, and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [
        write_shard(folder, path, rows, Progress(), number, row_group=row_group)
        for number, (path, rows) in enumerate(shards.items())
    ]
    write_manifest(folder / "manifest.parquet", entries, about, Progress())
    return entries


def by_id(rows: ShardRows) -> dict[str, int]:
    """Where each id is in the rows as they were given."""
    return {name: place for place, name in enumerate(rows.ids)}


def meeting(bounds: np.ndarray, west: float, south: float, east: float, north: float) -> np.ndarray:
    """Which bounds meet a rectangle, written out."""
    return (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
