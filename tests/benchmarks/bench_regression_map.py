"""Numbers from int8 codes: eight planes → float32, against numpy's ``codes.T @ w`` in float32, one thread, in blocks.

Both get the same 16 blocks of 512 × 512 pixels in memory, as they come from the tiles. The peer is the direct
vectorised expression. ``limit_fraction`` is the memory traffic of ours (8 bytes in, 4 out a pixel) as a share of what
numpy's copy reaches.
"""

from __future__ import annotations

import json
import time

import numpy as np
from bitscape.processing.classification.scoring import predict_numbers
from threadpoolctl import threadpool_limits

BLOCKS, PIXELS, CODES, ROUNDS = 16, 512 * 512, 8, 30


def by_numpy(codes: np.ndarray, weights: np.ndarray, bias: np.float32) -> np.ndarray:
    """The same in float32."""
    numbers = codes.T.astype(np.float32) @ weights + bias
    numbers[codes[0] == -128] = np.nan
    return numbers


def copied_per_second(random: np.random.Generator) -> float:
    """Bytes read and written a second by a large copy."""
    source = random.integers(0, 255, 64 << 20, np.uint8)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        np.copyto(target, source)
        best = min(best, time.process_time() - start)
    return 2 * len(source) / best


def main() -> None:
    """Print one JSON line."""
    random = np.random.default_rng(0)
    weights = (random.standard_normal(CODES) * 0.4).astype(np.float32)
    bias = np.float32(120)
    blocks = [np.clip(random.standard_normal((CODES, PIXELS)) * 30, -127, 127).astype(np.int8) for _ in range(BLOCKS)]
    for block in blocks:
        block[:, random.random(PIXELS) < 0.05] = -128
    outs = [np.empty(PIXELS, np.float32) for _ in blocks]
    own, their = [], []
    with threadpool_limits(1):
        predict_numbers(blocks[0], weights, float(bias), outs[0])  # compiles
        for _ in range(ROUNDS):
            start = time.process_time()
            for block, out in zip(blocks, outs):
                predict_numbers(block, weights, float(bias), out)
            own.append(time.process_time() - start)
            start = time.process_time()
            theirs = [by_numpy(block, weights, bias) for block in blocks]
            their.append(time.process_time() - start)
        bandwidth = copied_per_second(random)
    for block, out, peer in zip(blocks, outs, theirs):
        reference = weights.astype(np.float64) @ block.astype(np.float64) + float(bias)
        reference[block[0] == -128] = np.nan
        for found in (out, peer):
            # relative to the size of what is added up: sums near zero have no relative accuracy of their own
            if np.nanmax(np.abs(found - reference)) > 1e-4 * np.nanmax(np.abs(reference)) or not np.array_equal(
                    np.isnan(found), np.isnan(reference)):
                raise AssertionError("numbers differ from the float64 reference")
    rate, their_rate = (BLOCKS * PIXELS / min(times) for times in (own, their))
    print(json.dumps({
        "name": "regression_map", "ratio": round(rate / their_rate, 2), "direction": "higher",
        "peer": "numpy float32, codes.T @ w", "ours": round(rate / 1e6), "theirs": round(their_rate / 1e6),
        "unit": "Mpx/s", "limit_fraction": round(rate * (CODES + 4) / bandwidth, 2), "limit": "memory copy, 1 thread",
    }))


if __name__ == "__main__":
    main()
