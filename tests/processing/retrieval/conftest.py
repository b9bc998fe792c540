"""Small stores written with the store's own writer: a landscape of codes, of one or two years."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.progress import Progress
from bitscape.processing.store.cells import tiles
from bitscape.processing.store.description import StoreInfo
from bitscape.processing.store.manifest import write_manifest
from bitscape.processing.store.shard_writer import ShardRows, write_shard
from numpy.typing import NDArray

BITS = 128
SIDE = 0.01


@dataclass(frozen=True)
class Written:
    """A store and what is in it, row by row as it lies in the shards: shard, row, code, bounds, year, id."""

    path: Path
    shards: NDArray[np.int64]
    rows: NDArray[np.int64]
    codes: NDArray[np.uint8]
    bounds: NDArray[np.float64]
    years: NDArray[np.int64]
    ids: list[str]

    @property
    def bits(self) -> NDArray[np.int64]:
        return np.unpackbits(self.codes, axis=1).astype(np.int64)


Make = Callable[..., Written]


def landscape(lon: NDArray[np.float64], lat: NDArray[np.float64], year: int, seed: int = 0) -> NDArray[np.uint8]:
    """Codes that are alike where places are near: signs of smooth random waves."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(BITS, 3)) * [9, 9, 0.4]
    phase = rng.uniform(0, 2 * np.pi, BITS)
    values = np.sin(np.column_stack([lon, lat, np.full(len(lon), year)]) @ waves.T + phase)
    return np.packbits(values > 0, axis=1)


def write_store(
    folder: Path, west: float, south: float, columns: int, rows: int, years: tuple[int, ...] = (2023,),
    info: StoreInfo | None = None, codes: NDArray[np.uint8] | None = None, fine: NDArray[np.uint8] | None = None,
) -> Written:
    """A store of columns × rows patches of 0.01° for each year, in TerraBit's cells."""
    column, row = (part.ravel() for part in np.meshgrid(np.arange(columns), np.arange(rows)))
    x, y = west + column * SIDE, south + row * SIDE
    wrapped = (x + 180) % 360 - 180
    east = np.round(wrapped + SIDE, 9)
    bounds = np.column_stack([wrapped, y, np.where(east > 180, east - 360, east), y + SIDE]).round(9)
    tile_x, tile_y = tiles(((x + SIDE / 2) + 180) % 360 - 180, y + SIDE / 2)
    entries, kept = [], []
    for year in years:
        made = landscape(x, y, year) if codes is None else codes
        for cell in sorted(set(zip(tile_x.tolist(), tile_y.tolist(), strict=True))):
            own = np.flatnonzero((tile_x == cell[0]) & (tile_y == cell[1]))
            names = [f"p{year}-{place}" for place in own]
            path = f"tile_x={cell[0]}/tile_y={cell[1]}/year={year}/part-00000.parquet"
            rows_ = ShardRows(names, made[own], bounds[own], np.full(len(own), year),
                              fine=None if fine is None else fine[own])
            entries.append(write_shard(folder, path, rows_, Progress(), len(entries), cell, row_group=64))
            kept.append((path, year))
    about = info or StoreInfo(model="test/one", dimensions=BITS, bits=BITS, bytes=BITS // 8, kind="binary")
    write_manifest(folder / "manifest.parquet", entries, about, Progress())
    return read_back(folder)


def read_back(folder: Path) -> Written:
    """What is in a store, by pyarrow alone."""
    import pyarrow.parquet as pq

    manifest = pq.read_table(folder / "manifest.parquet")
    shards, rows, codes, bounds, years, ids = [], [], [], [], [], []
    for shard, path in enumerate(manifest.column("path").to_pylist()):
        table = pq.ParquetFile(folder / path).read()
        for row, one in enumerate(table.to_pylist()):
            shards.append(shard)
            rows.append(row)
            codes.append(np.frombuffer(one["code"], np.uint8))
            bounds.append([one["bbox"][side] for side in ("xmin", "ymin", "xmax", "ymax")])
            years.append(one["year"] or 0)
            ids.append(one["id"])
    return Written(folder, np.array(shards), np.array(rows), np.array(codes), np.array(bounds), np.array(years), ids)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """60 × 40 patches of one year in several shards."""
    return write_store(tmp_path_factory.mktemp("town"), 10.0, 45.0, 60, 40)


@pytest.fixture(scope="session")
def two_years(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """30 × 30 patches in each of two years."""
    return write_store(tmp_path_factory.mktemp("years"), 10.0, 45.0, 30, 30, (2021, 2023))
