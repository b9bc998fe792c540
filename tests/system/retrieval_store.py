"""A small retrieval store for tests in QGIS, written by the backend's own Python: QGIS's has no Parquet."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bitscape.plugin.backend.environment import ROOT, backend_python

SCRIPT = """
import sys
import numpy as np
from bitscape.processing.progress import Progress
from bitscape.processing.store.cells import tiles
from bitscape.processing.store.description import RecallInfo, StoreInfo
from bitscape.processing.store.manifest import write_manifest
from bitscape.processing.store.shard_writer import ShardRows, write_shard

folder, side, bits = sys.argv[1], 0.01, 128
column, row = (part.ravel() for part in np.meshgrid(np.arange(60), np.arange(40)))
west, south = 10 + column * side, 45 + row * side
rng = np.random.default_rng(0)
waves, phase = rng.normal(size=(bits, 2)) * 9, rng.uniform(0, 6.3, bits)
codes = np.packbits(np.sin(np.column_stack([west, south]) @ waves.T + phase) > 0, axis=1)
bounds = np.column_stack([west, south, west + side, south + side]).round(9)
x, y = tiles(west + side / 2, south + side / 2)
entries = []
for cell in sorted(set(zip(x.tolist(), y.tolist()))):
    own = np.flatnonzero((x == cell[0]) & (y == cell[1]))
    path = f"tile_x={cell[0]}/tile_y={cell[1]}/year=2023/part-00000.parquet"
    rows = ShardRows([f"patch {place}" for place in own], codes[own], bounds[own], np.full(len(own), 2023))
    entries.append(write_shard(folder, path, rows, Progress(), len(entries), cell))
recall = RecallInfo(k=10, value=0.65, of="random codes", n=100)
write_manifest(f"{folder}/manifest.parquet", entries, StoreInfo(
    model="test/town", dimensions=bits, bits=bits, bytes=bits // 8, kind="binary", recall=recall,
    licences=["CC-BY 4.0"], attributions=["Made by nobody."]), Progress())
"""


def write_store(folder: Path) -> Path:
    """60 × 40 patches of 0.01° from 10 E, 45 N on, named by their number; codes are alike where places are near."""
    start = f"import sys; sys.path.insert(0, {str(ROOT / 'build' / 'plugins')!r})\n"
    subprocess.run([str(backend_python()), "-c", start + SCRIPT, str(folder)], check=True)
    return folder
