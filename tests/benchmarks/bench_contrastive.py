"""Mean Hamming distance to 55 positives minus that to 45 negatives, of 1,048,576 codes of 1,024 bits, one thread.

The peer is the loop over the exemplars, done as well as this project can: the kernel of ``hamming_batch``, blocks of
codes turned once and kept in the first-level cache for all exemplars. FAISS, which can only give a query all distances
sorted, would take far longer. Scores must be equal, all of them. ``limit_fraction``: bytes of codes a second as a share
of what summing the same bytes reaches.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from bitscape.processing.environment import prepare

prepare()
sys.path.insert(0, str(Path(__file__).parent))

from bitscape.processing.hamming import BitWeights  # noqa: E402
from bitscape.processing.hamming.distance import scan_columns, turn  # noqa: E402
from bitscape.processing.hamming.words import aligned, as_words  # noqa: E402
from memory import read_seconds  # noqa: E402
from numba import njit  # noqa: E402
from without_avx512 import figures, is_child  # noqa: E402

ROWS, BITS, POSITIVES, NEGATIVES, ROUNDS = 1 << 20, 1024, 55, 45, 7
BLOCK = 256


@njit
def _loop(
    codes: np.ndarray, exemplars: np.ndarray, positives: int, columns: np.ndarray, totals: np.ndarray, out: np.ndarray
) -> None:
    """``out`` (n,) float32; rows are a multiple of the block."""
    negatives = len(exemplars) - positives
    near, far = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    for start in range(0, len(codes), BLOCK):
        turn(codes[start:].ctypes.data, BLOCK, 16, columns)
        near[:], far[:] = 0, 0
        for number in range(len(exemplars)):
            scan_columns(columns.ctypes.data, BLOCK * 8, exemplars[number].ctypes.data, BLOCK, 16, totals)
            side = near if number < positives else far
            for i in range(BLOCK):
                side[i] += np.int64(totals[i])
        scores = out[start : start + BLOCK]
        for i in range(BLOCK):
            scores[i] = np.float64(negatives * near[i] - positives * far[i]) / np.float64(positives * negatives)


def main() -> None:
    """Print one JSON line."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (ROWS, BITS // 8), dtype=np.uint8)
    lean = random.random(BITS)  # exemplars of one kind agree in many bits
    positives = np.packbits(random.random((POSITIVES, BITS)) < lean, axis=1)
    negatives = np.packbits(random.random((NEGATIVES, BITS)) < 1 - lean, axis=1)
    exemplars, words = as_words(np.concatenate([positives, negatives])), codes.view(np.uint64)
    columns, totals, looped = aligned((16, BLOCK), np.uint64), aligned((BLOCK,), np.uint64), np.empty(ROWS, np.float32)
    _loop(words[:BLOCK], exemplars, POSITIVES, columns, totals, looped)
    BitWeights(positives, negatives).scores(codes[:8])  # compiles
    read_seconds(words.ravel())
    own, their, read = [], [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        scores = BitWeights(positives, negatives).scores(codes)
        own.append(time.process_time() - start)
        start = time.process_time()
        _loop(words, exemplars, POSITIVES, columns, totals, looped)
        their.append(time.process_time() - start)
        read.append(read_seconds(words.ravel()))
        if not np.array_equal(scores, looped):
            raise AssertionError("the scores are not the loop's")
    sample = random.choice(ROWS, 2000, replace=False)
    bits = [np.bitwise_count(codes[sample][:, None] ^ side[None]).sum(axis=2).mean(axis=1, dtype=np.float64)
            for side in (positives, negatives)]
    if not np.allclose(scores[sample], bits[0] - bits[1], atol=1e-4):
        raise AssertionError("the scores are not mean distances")
    line = {
        "name": "contrastive", "ratio": round(min(their) / min(own), 2), "direction": "higher",
        "peer": f"loop over {POSITIVES} positives and {NEGATIVES} negatives, our fastest; {ROWS:,} × {BITS:,} bits",
        "ours": round(1000 * min(own), 2), "theirs": round(1000 * min(their), 2), "unit": "ms",
        "limit_fraction": round(min(read) / min(own), 2), "limit": "reading memory, 1 thread",
        "planes": sum(len(side.planes) for side in BitWeights(positives, negatives)._sides),
    }
    if not is_child():
        del codes, words
        line["without_avx512"] = {
            kind: {name: found[name] for name in ("ratio", "ours", "limit_fraction")}
            for kind, found in figures(__file__).items()}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
