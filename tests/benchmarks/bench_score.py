"""Scores from int8 codes: eight planes → uint8, against numpy float32, one thread, in blocks of 512 × 512 pixels.

Both get the same 16 blocks in memory, as they come from the tiles. The peer is the direct vectorised expression.
``limit_fraction`` is the memory traffic of ours (8 bytes in, 1 out a pixel) as a share of what numpy's copy reaches.
"""

from __future__ import annotations

import json
import time

import numpy as np
from bitscape.processing.classification.scoring import score_positive
from threadpoolctl import threadpool_limits

BLOCKS, PIXELS, CODES, ROUNDS = 16, 512 * 512, 8, 40


def by_numpy(codes: np.ndarray, weights: np.ndarray, bias: np.float32) -> np.ndarray:
    """The same in float32."""
    logits = weights @ codes.astype(np.float32) + bias
    scores = np.rint(np.float32(254) / (np.float32(1) + np.exp(-logits))).astype(np.uint8)
    scores[codes[0] == -128] = 255
    return scores


def exact(codes: np.ndarray, weights: np.ndarray, bias: np.float32) -> np.ndarray:
    """The same in float64."""
    logits = weights.astype(np.float64) @ codes.astype(np.float64) + float(bias)
    return np.where(codes[0] == -128, 255, np.rint(254 / (1 + np.exp(-logits))))


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
    weights = (random.standard_normal(CODES) * 0.05).astype(np.float32)
    bias = np.float32(0.3)
    blocks = [np.clip(random.standard_normal((CODES, PIXELS)) * 30, -127, 127).astype(np.int8) for _ in range(BLOCKS)]
    for block in blocks:
        block[:, random.random(PIXELS) < 0.05] = -128
    outs = [np.empty(PIXELS, np.uint8) for _ in blocks]
    own, their = [], []
    with threadpool_limits(1):
        score_positive(blocks[0], weights, float(bias), outs[0])  # compiles
        for _ in range(ROUNDS):
            start = time.process_time()
            for block, out in zip(blocks, outs):
                score_positive(block, weights, float(bias), out)
            own.append(time.process_time() - start)
            start = time.process_time()
            theirs = [by_numpy(block, weights, bias) for block in blocks]
            their.append(time.process_time() - start)
        bandwidth = copied_per_second(random)
    for block, out, peer in zip(blocks, outs, theirs):
        reference = exact(block, weights, bias)
        if np.abs(out - reference).max() > 1 or np.abs(peer - reference).max() > 1:
            raise AssertionError("scores differ from the float64 reference by more than 1")
        if not np.array_equal(out == 255, reference == 255):
            raise AssertionError("no-data pixels differ")
    rate, their_rate = (BLOCKS * PIXELS / min(times) for times in (own, their))
    print(json.dumps({
        "name": "score", "ratio": round(rate / their_rate, 2), "direction": "higher", "peer": "numpy float32, planar",
        "ours": round(rate / 1e6), "theirs": round(their_rate / 1e6), "unit": "Mpx/s",
        "limit_fraction": round(rate * (CODES + 1) / bandwidth, 2), "limit": "memory copy, 1 thread",
    }))


if __name__ == "__main__":
    main()
