"""Runs in the backend's Python: a small store on the imagery of the scene. ``FOLDER ROWS``: patches a side.

Patches of eight kinds in 64 bits, with some bits of their own, in four shards. Prints the codes as hex by id.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from bitscape.processing.progress import Progress
from bitscape.processing.store.description import StoreInfo
from bitscape.processing.store.manifest import write_manifest
from bitscape.processing.store.shard_writer import ShardRows, write_shard
from rasterio.warp import transform

WEST, NORTH, SIZE = 500_000.0, 5_000_000.0, 640.0
BYTES, KINDS = 8, 8


def main(folder: Path, side: int) -> None:
    """Write the store."""
    random = np.random.default_rng(6)
    kinds = random.integers(0, 256, (KINDS, BYTES), np.uint8)
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    flips = random.random((side * side, 8 * BYTES)) < 0.06
    codes = kinds[(column + 3 * row) % KINDS] ^ np.packbits(flips, axis=1)
    step = SIZE / side
    x, y = WEST + column * step, NORTH - row * step
    west, south = transform("EPSG:32633", "EPSG:4326", x + 1, y - step + 1)
    east, north = transform("EPSG:32633", "EPSG:4326", x + step - 1, y - 1)
    bounds = np.stack([west, south, east, north], axis=1)
    ids = [f"p{number}" for number in range(side * side)]
    entries = []
    for shard in range(4):
        rows = np.flatnonzero((column >= side // 2) * 1 + (row >= side // 2) * 2 == shard)
        entries.append(write_shard(folder, f"tile_x={shard}/tile_y=0/year=2024/part-00000.parquet", ShardRows(
            [ids[one] for one in rows], codes[rows], bounds[rows], np.full(len(rows), 2024)), Progress(), shard))
    about = StoreInfo(model="Scene", dimensions=64, bits=64, bytes=BYTES, kind="binary", attributions=["the tests"])
    write_manifest(folder / "manifest.parquet", entries, about, Progress())
    print(json.dumps({name: code.tobytes().hex() for name, code in zip(ids, codes, strict=True)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
