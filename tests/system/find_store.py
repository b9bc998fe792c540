"""Runs in the backend's Python: a store of the sample's embeddings, pooled. ``FOLDER RASTER YEAR [RASTER YEAR …]``.

A patch is 8 × 8 pixels; its code 256 bits: on which side of random planes the mean embedding lies. One shard for each
quarter of each year. Its recall is measured on the last year.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rasterio
from bitscape.processing.progress import Progress
from bitscape.processing.store.description import RecallInfo, StoreInfo
from bitscape.processing.store.manifest import write_manifest
from bitscape.processing.store.shard_writer import ShardRows, write_shard
from rasterio.warp import transform

PATCH, BITS = 8, 256


def main(folder: Path, rasters: list[tuple[Path, int]]) -> None:
    """Write the store."""
    planes = np.random.default_rng(1).normal(size=(64, BITS))
    entries = []
    for path, year in rasters:
        with rasterio.open(path) as source:
            pixels, crs, place = source.read().astype(np.float32), source.crs, source.transform
        pixels = np.where(pixels == -128, np.nan, pixels)
        side = pixels.shape[1] // PATCH
        whole = pixels[:, : side * PATCH, : side * PATCH].reshape(64, side, PATCH, side, PATCH)
        pooled = np.nanmean(whole, axis=(2, 4)).reshape(64, -1)
        row, column = (axis.ravel() for axis in np.indices((side, side)))
        known = ~np.isnan(pooled).any(axis=0)
        codes = np.packbits((pooled.T @ planes) > 0, axis=1)
        west, north = place * (column * PATCH, row * PATCH)
        east, south = place * ((column + 1) * PATCH, (row + 1) * PATCH)
        boxes = [transform(crs, "EPSG:4326", *pair) for pair in ((west, south), (east, north))]
        bounds = np.stack([boxes[0][0], boxes[0][1], boxes[1][0], boxes[1][1]], axis=1)
        for quarter in range(4):
            inside = (column * 2 // side) + 2 * (row * 2 // side) == quarter
            rows = np.flatnonzero(known & inside)
            entries.append(write_shard(
                folder, f"tile_x={quarter}/tile_y=0/year={year}/part-00000.parquet", ShardRows(
                    [f"{year}-{one:05}" for one in rows], codes[rows], bounds[rows], np.full(len(rows), year)),
                Progress(), len(entries)))
    about = StoreInfo(
        model="Synthetic sample", dimensions=64, bits=BITS, bytes=BITS // 8, kind="binary",
        recall=recall(pooled.T[known], codes[known]), licences=["CC0"], attributions=["Bitscape"])
    write_manifest(folder / "manifest.parquet", entries, about, Progress())


def recall(vectors: np.ndarray, codes: np.ndarray, k: int = 10) -> RecallInfo:
    """The share of the k nearest by cosine that are among the k nearest by bits."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    bits = np.unpackbits(codes, axis=1).astype(np.float32)
    near = [np.argsort(distance + np.diag(np.full(len(units), np.inf)), axis=1)[:, :k]
            for distance in (-units @ units.T, bits @ (1 - bits).T + (1 - bits) @ bits.T)]
    shared = [len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)]
    return RecallInfo(k=k, value=float(np.mean(shared)), of="cosine", n=len(units))


if __name__ == "__main__":
    dated = zip(sys.argv[2::2], sys.argv[3::2], strict=True)
    main(Path(sys.argv[1]), [(Path(path), int(year)) for path, year in dated])
