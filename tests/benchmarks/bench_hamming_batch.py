"""The ten nearest of 1,048,576 codes of 1,024 bits to each of 1,000, by Hamming distance: against FAISS, one thread.

Interleaved, the least of some rounds; every distance must be FAISS's. ``limit_fraction``: codes compared a second as a
share of what exclusive or and counting of ones reach on words that stay in the first-level cache. ``by_queries`` are
the ratios with fewer queries; ``without_avx512`` the same where kernels are compiled for lesser processors (FAISS is
not restricted there).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import faiss
import numpy as np
from bitscape.processing.environment import prepare

prepare()
sys.path.insert(0, str(Path(__file__).parent))

from bitscape.processing.hamming import nearest  # noqa: E402
from bitscape.processing.hamming.distance import scan_columns  # noqa: E402
from bitscape.processing.hamming.words import aligned  # noqa: E402
from numba import njit  # noqa: E402
from without_avx512 import figures, is_child  # noqa: E402

ROWS, BITS, QUERIES, K, ROUNDS = 1 << 20, 1024, 1000, 10, 3
FEWER = (1, 4, 16, 64)


@njit
def _again(columns: int, query: int, totals: np.ndarray, times: int) -> int:
    found = 0
    for _ in range(times):
        found += scan_columns(columns, 256 * 8, query, 256, 16, totals)
    return found


def counted_per_second() -> float:
    """Bytes a second of one block of codes that stays in the first-level cache."""
    columns, query, totals = aligned((16, 256), np.uint64), aligned((16,), np.uint64), aligned((256,), np.uint64)
    columns[:], query[:] = 3, 5
    _again(columns.ctypes.data, query.ctypes.data, totals, 1)
    best, times = float("inf"), 50_000
    for _ in range(5):
        start = time.process_time()
        _again(columns.ctypes.data, query.ctypes.data, totals, times)
        best = min(best, time.process_time() - start)
    return times * columns.nbytes / best


def compared(index: faiss.IndexBinaryFlat, queries: np.ndarray, codes: np.ndarray, rounds: int) -> tuple[float, float]:
    """Seconds of ours and of FAISS."""
    own, their = float("inf"), float("inf")
    for _ in range(rounds):
        start = time.process_time()
        distances, rows = nearest(queries, codes, K)
        own = min(own, time.process_time() - start)
        start = time.process_time()
        wanted, _ = index.search(queries, K)
        their = min(their, time.process_time() - start)
        if not np.array_equal(distances, wanted):
            raise AssertionError("the distances are not FAISS's")
        again = np.bitwise_count(queries[:, None] ^ codes[rows]).sum(axis=2)
        if not np.array_equal(distances, again):
            raise AssertionError("the rows are not at these distances")
    return own, their


def main() -> None:
    """Print one JSON line."""
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (ROWS, BITS // 8), dtype=np.uint8)
    queries = random.integers(0, 256, (QUERIES, BITS // 8), dtype=np.uint8)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(codes)
    nearest(queries[:8], codes[:512], K)  # compiles
    nearest(queries[:1], codes[:512], K)
    own, their = compared(index, queries, codes, 1 if is_child() else ROUNDS)
    line = {
        "name": "hamming_batch", "ratio": round(their / own, 2), "direction": "higher",
        "peer": f"FAISS {faiss.__version__} IndexBinaryFlat, {ROWS:,} × {BITS:,} bits, {QUERIES:,} queries, k = {K}",
        "ours": round(QUERIES / own), "theirs": round(QUERIES / their), "unit": "queries/s",
        "limit_fraction": round(QUERIES * codes.nbytes / own / counted_per_second(), 2),
        "limit": "XOR and counting in the first-level cache, 1 thread",
    }
    if not is_child():
        fewer = {str(count): compared(index, queries[:count], codes, 5) for count in FEWER}
        line["by_queries"] = {count: round(theirs / ours, 2) for count, (ours, theirs) in fewer.items()}
        del index, codes
        line["without_avx512"] = {
            kind: {name: found[name] for name in ("ratio", "ours", "limit_fraction")}
            for kind, found in figures(__file__).items()}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
