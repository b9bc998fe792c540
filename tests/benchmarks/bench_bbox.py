"""Patches of a bounding box out of 1,000,000 Morton-sorted rows of 128-byte codes, against duckdb, one thread each.

Both read the same files with the same predicate and give codes, bounds and years as arrays: from one file with all
rows, and from shards of quarter degrees, of which both get those that the manifest names for the box. In "single" and
"sharded" both keep the footers they have read (``parquet_metadata_cache``); in "… reopened" neither does, and both read
the manifest for each box too. The cache is warm. ``ratio`` is the least of the four, ``case`` which that is.
``limit_fraction``: what a plain read of the codes and bounds of the row groups that hold a result would take, as a
share of ours, in one file.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import shapely
from bitscape.processing.environment import prepare

prepare()

from bitscape.processing.progress import Progress  # noqa: E402
from bitscape.processing.store.cells import tiles  # noqa: E402
from bitscape.processing.store.description import StoreInfo  # noqa: E402
from bitscape.processing.store.manifest import ShardEntry, write_manifest  # noqa: E402
from bitscape.processing.store.shard_writer import ShardRows, write_shard  # noqa: E402
from bitscape.processing.store.store import Store  # noqa: E402

ROWS, BYTES, BOXES, ROUNDS, SIDE = 1_000_000, 128, 20, 7, 0.3
WEST, SOUTH, SPAN = 5.0, 44.0, 8.0
ABOUT = StoreInfo(model="synthetic", dimensions=8 * BYTES, bits=8 * BYTES, bytes=BYTES, kind="binary")
SQL = (
    "select code, bbox, year from read_parquet({files}, hive_partitioning=false) where bbox.xmin <= {xmax} and "
    "bbox.xmax >= {xmin} and bbox.ymin <= {ymax} and bbox.ymax >= {ymin}")

MANIFEST = "select path from '{file}' where xmin <= {xmax} and xmax >= {xmin} and ymin <= {ymax} and ymax >= {ymin}"


def write(folder: Path, sharded: bool) -> Store:
    """The same patches in one file, or one a quarter degree."""
    random = np.random.default_rng(0)
    x, y = random.uniform(WEST, WEST + SPAN, ROWS), random.uniform(SOUTH, SOUTH + SPAN, ROWS)
    bounds = np.column_stack([x, y, x + 0.012, y + 0.009])
    codes = random.integers(0, 256, (ROWS, BYTES), np.uint8)
    ids = np.char.add("patch-", np.arange(ROWS).astype(str))
    a, b = tiles(x + 0.006, y + 0.0045)
    groups = a.astype(np.int64) * 720 + b if sharded else np.zeros(ROWS, np.int64)
    entries: list[ShardEntry] = []
    for number, group in enumerate(np.unique(groups)):
        mine = np.flatnonzero(groups == group)
        path = f"tile_x={group // 720}/tile_y={group % 720}/year=2024/part-00000.parquet"
        rows = ShardRows(ids[mine], codes[mine], bounds[mine], np.full(len(mine), 2024))
        entries.append(write_shard(folder, path, rows, Progress(), number))
    write_manifest(folder / "manifest.parquet", entries, ABOUT, Progress())
    return Store.open(folder)


def boxes() -> list[tuple[float, float, float, float]]:
    """Where is asked, inside the patches' extent."""
    random = np.random.default_rng(1)
    corners = random.uniform([WEST, SOUTH], [WEST + SPAN - SIDE, SOUTH + SPAN - SIDE], (BOXES, 2))
    return [(float(x), float(y), float(x) + SIDE, float(y) + SIDE) for x, y in corners]


def ours(store: Store, box: tuple[float, ...]) -> list[np.ndarray]:
    """Codes, shard by shard."""
    selection = store.select([shapely.box(*box)])
    return [store.patches(entry, selection.area).codes for entry in selection.entries]


def theirs(
    connection: duckdb.DuckDBPyConnection, folder: Path, store: Store | None, box: tuple[float, ...]
) -> np.ndarray:
    """Codes, of the shards that the manifest names for the box; without a store it is read too."""
    sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    if store is None:
        found = connection.sql(MANIFEST.format(file=folder / "manifest.parquet", **sides)).fetchall()
        files = [str(folder / path) for (path,) in found]
    else:
        files = [str(folder / entry.path) for entry in store.select([shapely.box(*box)]).entries]
    table = connection.sql(SQL.format(files=files, **sides)).to_arrow_table()
    return codes_of(table.column("code"))


def codes_of(column: object) -> np.ndarray:
    """A column of blobs, of one length, as an array."""
    parts = [np.empty((0, BYTES), np.uint8)]
    for chunk in column.chunks:  # type: ignore[attr-defined]
        offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        content = np.frombuffer(chunk.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        parts.append(content.reshape(-1, BYTES))
    return np.concatenate(parts)


def seconds(work: Callable[[], object]) -> float:
    """Of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def same(mine: list[np.ndarray], other: np.ndarray) -> bool:
    """Whether the rows are equal, in whatever order."""
    found = np.concatenate(mine)
    return len(found) == len(other) and sorted(map(bytes, found)) == sorted(map(bytes, other))


def compare(folder: Path, store: Store, cached: bool) -> tuple[float, float]:
    """Seconds of ours and theirs for all boxes, the least of some rounds."""
    connection = duckdb.connect(config={"threads": 1})
    connection.load_extension("parquet")
    connection.sql(f"set parquet_metadata_cache = {str(cached).lower()}")
    own, other = [], []
    for _ in range(ROUNDS):
        own.append(seconds(lambda: [
            ours(store if cached else Store.open(folder), box) for box in boxes()]))
        other.append(seconds(lambda: [
            theirs(connection, folder, store if cached else None, box) for box in boxes()]))
    return min(own), min(other)


def plain_read(folder: Path, store: Store) -> float:
    """Seconds to read as many bytes as the results' row groups have, in such pieces."""
    before = store.bytes_read
    for box in boxes():
        ours(store, box)
    size = store.bytes_read - before
    target = np.empty(4096 * BYTES, np.uint8)

    def read() -> None:
        left = size
        with (folder / store.shards[0].path).open("rb", buffering=0) as stream:
            while left > 0:
                left -= stream.readinto(target.data) or left

    return min(seconds(read) for _ in range(5))


def main() -> None:
    """Print one JSON line."""
    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bitscape-bench-") as name:
        for layout in ("single", "sharded"):
            folder = Path(name) / layout
            folder.mkdir()
            store = write(folder, layout == "sharded")
            connection = duckdb.connect(config={"threads": 1})
            for box in boxes():
                if not same(ours(store, box), theirs(connection, folder, store, box)):
                    raise AssertionError(f"other rows than duckdb's for {box}, {layout}")
            found[layout] = compare(folder, store, True)
            found[f"{layout} reopened"] = compare(folder, store, False)
            if layout == "single":
                limit = plain_read(folder, store)
    ratios = {layout: their_time / own_time for layout, (own_time, their_time) in found.items()}
    worst = min(ratios, key=lambda layout: ratios[layout])
    print(json.dumps({
        "name": "bbox", "ratio": round(ratios[worst], 2), "direction": "higher",
        "peer": f"duckdb, {BOXES} boxes of {SIDE}° in {ROWS:,} rows, the same files and predicate",
        "case": worst,
        "ours": round(1e3 * found[worst][0] / BOXES, 2), "theirs": round(1e3 * found[worst][1] / BOXES, 2),
        "unit": "ms",
        "limit_fraction": round(limit / found["single"][0], 2), "limit": "plain read of the row groups, 1 thread",
        "ratios": {layout: round(ratio, 2) for layout, ratio in ratios.items()},
    }))


if __name__ == "__main__":
    main()
