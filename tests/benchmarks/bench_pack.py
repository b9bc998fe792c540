"""Thresholds and bits of 1,048,576 × 1,024 float32, against numpy.packbits(x > t, axis=1), one thread.

Both get one block of 131,072 rows (512 MiB), and the seconds are eight times its own: all of it at once would not fit
beside other work, and either is far larger than any cache. ``limit_fraction`` is the memory traffic of ours as a share
of what numpy's copy reaches.
"""

from __future__ import annotations

import json
import time

import numpy as np
from bitscape.processing.environment import prepare

prepare()

from bitscape.processing.compression.packing import pack_above  # noqa: E402

ROWS, DIMENSIONS, TIMES, ROUNDS = 131_072, 1024, 8, 12


def copied_per_second(source: np.ndarray) -> float:
    """Bytes read and written a second by a large copy."""
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        np.copyto(target, source)
        best = min(best, time.process_time() - start)
    return 2 * source.nbytes / best


def main() -> None:
    """Print one JSON line."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((ROWS, DIMENSIONS), dtype=np.float32)
    thresholds = (random.standard_normal(DIMENSIONS) * 0.1).astype(np.float32)
    pack_above(rows[:2], thresholds)  # compiles
    own, their = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        ours = pack_above(rows, thresholds)
        own.append(time.process_time() - start)
        start = time.process_time()
        theirs = np.packbits(rows > thresholds, axis=1)
        their.append(time.process_time() - start)
        if not np.array_equal(ours, theirs):
            raise AssertionError("the bits differ from numpy's")
    seconds, their_seconds = TIMES * min(own), TIMES * min(their)
    bandwidth = copied_per_second(rows[: ROWS // 4])
    print(json.dumps({
        "name": "pack", "ratio": round(their_seconds / seconds, 2), "direction": "higher",
        "peer": f"numpy.packbits(x > t, axis=1), {TIMES} × {ROWS:,} × {DIMENSIONS:,} float32, the same block",
        "ours": round(seconds, 3), "theirs": round(their_seconds, 3), "unit": "s",
        "limit_fraction": round(TIMES * (rows.nbytes + ours.nbytes) / seconds / bandwidth, 2),
        "limit": "memory copy, 1 thread",
    }))


if __name__ == "__main__":
    main()
