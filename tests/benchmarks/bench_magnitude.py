"""magnitude: 1 − cosine of two dates of AlphaEarth vectors as a byte a pixel, against vectorised numpy, one thread."""

from __future__ import annotations

import json
from time import perf_counter

import numpy as np
from bitscape.processing.embeddings.cosine import BINS, cosine_magnitude
from threadpoolctl import threadpool_limits

PIXELS, BANDS, ROUNDS = 1 << 20, 64, 9


def with_numpy(first: np.ndarray, second: np.ndarray, strip: int = 1 << 15) -> np.ndarray:
    """De-quantise, three sums of products, divide, round and mask, in strips that fit the cache."""
    out = np.empty(first.shape[1], np.uint8)
    for start in range(0, first.shape[1], strip):
        codes = first[:, start : start + strip], second[:, start : start + strip]
        a, b = (part.astype(np.float32) for part in codes)
        a *= np.abs(a)
        b *= np.abs(b)
        dot, one, two = (np.einsum("bp,bp->p", x, y) for x, y in ((a, b), (a, a), (b, b)))
        with np.errstate(invalid="ignore", divide="ignore"):
            magnitude = np.clip(1 - dot / np.sqrt(one * two), 0, 1)
            part = np.rint(254 * np.nan_to_num(magnitude)).astype(np.uint8)
        part[(codes[0].min(axis=0) == -128) | (codes[1].min(axis=0) == -128) | (one * two == 0)] = 255
        out[start : start + strip] = part
    return out


def main() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(-90, 91, (BANDS, PIXELS), dtype=np.int8)
    moved = first + rng.integers(-60, 61, first.shape, dtype=np.int16)
    second = np.clip(moved, -127, 127).astype(np.int8)
    first[:, rng.random(PIXELS) < 0.04] = -128
    out, histogram = np.empty(PIXELS, np.uint8), np.zeros(BINS, np.int64)

    cosine_magnitude(first, second, True, -128, out, histogram)
    theirs_out = with_numpy(first, second)
    exact = np.empty(PIXELS)
    for start in range(0, PIXELS, 1 << 16):
        part = np.s_[:, start : start + (1 << 16)]
        a, b = (codes[part].astype(np.float64) * np.abs(codes[part].astype(np.float64)) for codes in (first, second))
        exact[part[1]] = 1 - (a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    known = first[0] != -128
    for found in (out, theirs_out):
        assert ((found != 255) == known).all(), "no data is not where it is"
        assert np.abs(found[known] - 254 * np.minimum(exact[known], 1)).max() <= 1, "more than a step from float64"
    assert histogram.sum() == known.sum()

    ours, theirs = [], []
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            begin = perf_counter()
            cosine_magnitude(first, second, True, -128, out, histogram)
            middle = perf_counter()
            with_numpy(first, second)
            ours.append(middle - begin)
            theirs.append(perf_counter() - middle)
        reads = []
        for _ in range(5):
            begin = perf_counter()
            first.view(np.int64).max()
            second.view(np.int64).max()
            reads.append(perf_counter() - begin)
    print(
        json.dumps(
            {
                "name": "magnitude",
                "ratio": round(min(theirs) / min(ours), 2),
                "direction": "higher",
                "peer": "numpy float32, vectorised in strips",
                "ours": round(PIXELS / min(ours) / 1e6, 1),
                "theirs": round(PIXELS / min(theirs) / 1e6, 1),
                "unit": "Mpx/s",
                "limit_fraction": round(min(reads) / min(ours), 3),
                "limit": "reading both dates once from memory, 1 thread",
            }
        )
    )


if __name__ == "__main__":
    main()
