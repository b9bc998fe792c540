"""Rotation and int4 of 1,048,576 × 1,024 float32, against straightforward numpy in float32, one thread.

Both get one block of 32,768 rows; the seconds are 32 times its own. The peer is the direct expression, all of it
float32: (x @ R − low) / scale, rint, clip, two numbers a byte. The same rotation, ranges and codes: at most one number
in 100,000 may be a step off, where sums of products rounded in another order fall on the other side of a half.

``limit_fraction`` is the rate of our whole encoding as a share of the processor's float32 multiply-adds, measured with
a tile that stays in the first-level cache. ``their_product_alone`` is numpy's x @ R without any quantising.
"""

from __future__ import annotations

import json
import time

import numpy as np
from bitscape.processing.environment import prepare

prepare()

from bitscape.processing.compression import matmul, packing  # noqa: E402
from bitscape.processing.compression.recipe import Codec, Recipe  # noqa: E402
from numba import njit  # noqa: E402
from threadpoolctl import threadpool_info, threadpool_limits  # noqa: E402

ROWS, DIMENSIONS, TIMES, ROUNDS, FITTED = 32_768, 1024, 32, 5, 8192
OFF_BY_ONE = 1e-5


def by_numpy(rows: np.ndarray, rotation: np.ndarray, low: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The same as people write it."""
    levels = np.clip(np.rint((rows @ rotation - low) / scale), 0, 15).astype(np.uint8)
    return (levels[:, 0::2] << 4) | levels[:, 1::2]


@njit
def _tiles(rows: np.ndarray, panel: np.ndarray, out: np.ndarray, times: int) -> None:
    for _ in range(times):
        matmul._tile(rows.ctypes.data, panel.ctypes.data, out.ctypes.data, len(rows), out.shape[1] * 4)


def multiply_adds_per_second() -> float:
    """Floating-point operations a second of one tile whose inputs stay in the first-level cache."""
    rows, panel = np.ones((128, matmul.TILE_ROWS), np.float32), np.ones((128, matmul.COLUMNS), np.float32)
    out = np.empty((matmul.TILE_ROWS, matmul.COLUMNS), np.float32)
    _tiles(rows, panel, out, 1)
    best, times = float("inf"), 100_000
    for _ in range(5):
        start = time.process_time()
        _tiles(rows, panel, out, times)
        best = min(best, time.process_time() - start)
    return times * 2 * len(rows) * out.size / best


def main() -> None:
    """Print one JSON line."""
    random = np.random.default_rng(0)
    spread = random.uniform(0.1, 3, DIMENSIONS).astype(np.float32)
    rows = random.standard_normal((ROWS, DIMENSIONS), dtype=np.float32) * spread
    codec: Codec = Recipe.parse("turbo4").fit(rows[:FITTED], 0)
    arrays = codec.quantiser.arrays()
    rotation, low, scale = arrays["rotation"], arrays["low"], arrays["scale"]
    codec.encode(rows[:2])  # compiles
    own, their, products = [], [], []
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            start = time.process_time()
            ours = codec.encode(rows)
            own.append(time.process_time() - start)
            start = time.process_time()
            theirs = by_numpy(rows, rotation, low, scale)
            their.append(time.process_time() - start)
            start = time.process_time()
            np.matmul(rows, rotation)
            products.append(time.process_time() - start)
    one, other = (packing.unpack(codes, 4, DIMENSIONS).astype(np.int8) for codes in (ours, theirs))
    differing = np.abs(one - other)
    if differing.max() > 1 or (differing > 0).mean() > OFF_BY_ONE:
        raise AssertionError(f"codes differ by {differing.max()}, {(differing > 0).mean():.1e} of them")
    seconds, their_seconds = TIMES * min(own), TIMES * min(their)
    work = 2 * TIMES * ROWS * DIMENSIONS**2
    blas = next(one["architecture"] for one in threadpool_info() if one["internal_api"] == "openblas")
    print(json.dumps({
        "name": "turbo", "ratio": round(their_seconds / seconds, 2), "direction": "higher",
        "peer": f"numpy float32, its OpenBLAS with kernels for {blas}; {TIMES} × {ROWS:,} × {DIMENSIONS:,}, one block",
        "ours": round(seconds, 2), "theirs": round(their_seconds, 2), "unit": "s",
        "limit_fraction": round(work / seconds / multiply_adds_per_second(), 2),
        "limit": "float32 multiply-adds in the first-level cache, 1 thread",
        "their_product_alone": round(TIMES * min(products), 2), "codes_off_by_one": float((differing > 0).mean()),
    }))


if __name__ == "__main__":
    main()
