"""The ten nearest of 1,048,576 codes of 1,024 bits to one, by Hamming distance: against FAISS, one thread.

Interleaved, the least of many rounds; every distance must be FAISS's. ``limit_fraction``: the codes' bytes read a
second as a share of what summing the same bytes reaches in the same run. ``all_distances`` is that share for a scan
that writes every distance.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from bitscape.processing.environment import prepare

prepare()
sys.path.insert(0, str(Path(__file__).parent))

from bitscape.processing.hamming import distances, nearest  # noqa: E402
from memory import read_seconds  # noqa: E402
from without_avx512 import figures, is_child  # noqa: E402

ROWS, BITS, K, ROUNDS = 1 << 20, 1024, 10, 40


def timed(work: Callable[[], Any]) -> float:
    """Seconds of the processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print one JSON line."""
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (ROWS, BITS // 8), dtype=np.uint8)
    query = random.integers(0, 256, (1, BITS // 8), dtype=np.uint8)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(codes)
    words = codes.view(np.uint64).ravel()
    near, rows = nearest(query, codes, K)
    if not np.array_equal(near, index.search(query, K)[0]):
        raise AssertionError("the distances are not FAISS's")
    scanned = distances(query[0], codes)
    if not (np.array_equal(scanned[rows[0]], near[0]) and np.array_equal(np.sort(scanned)[:K], near[0])):
        raise AssertionError("the scan's distances are not FAISS's")
    read_seconds(words)
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, work in (
            ("own", lambda: nearest(query, codes, K)), ("their", lambda: index.search(query, K)),
            ("all", lambda: distances(query[0], codes)),
        ):
            best[name] = min(best.get(name, float("inf")), timed(work))
        best["read"] = min(best.get("read", float("inf")), read_seconds(words))
    line = {
        "name": "hamming_single", "ratio": round(best["their"] / best["own"], 2), "direction": "higher",
        "peer": f"FAISS {faiss.__version__} IndexBinaryFlat, {ROWS:,} × {BITS:,} bits, 1 query, k = {K}",
        "ours": round(1000 * best["own"], 2), "theirs": round(1000 * best["their"], 2), "unit": "ms",
        "limit_fraction": round(best["read"] / best["own"], 2),
        "limit": f"reading memory, 1 thread: {codes.nbytes / best['read'] / 1e9:.1f} GB/s",
        "all_distances": round(best["read"] / best["all"], 2),
    }
    if not is_child():
        del index, codes, words
        line["without_avx512"] = {
            kind: {name: found[name] for name in ("ratio", "ours", "limit_fraction", "all_distances")}
            for kind, found in figures(__file__).items()}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
