"""project: PCA 64 → 8 with requantising to int8 of AlphaEarth vectors, against vectorised numpy, one thread."""

from __future__ import annotations

import json
from time import perf_counter

import numpy as np
from bitscape.processing.compression.projection import project
from threadpoolctl import threadpool_limits

PIXELS, BANDS, COMPONENTS, ROUNDS = 1 << 20, 64, 8, 15


def with_numpy(codes: np.ndarray, weights: np.ndarray, offset: np.ndarray, strip: int = 1 << 15) -> np.ndarray:
    """De-quantise, multiply, round, clip and mask in strips that fit the cache."""
    out = np.empty((len(weights), codes.shape[1]), np.int8)
    for start in range(0, codes.shape[1], strip):
        part = codes[:, start : start + strip]
        values = part.astype(np.float32)
        values *= np.abs(values)
        scores = weights @ values
        scores -= offset[:, None]
        np.rint(scores, out=scores)
        out[:, start : start + strip] = np.clip(scores, -127, 127, out=scores)
        out[:, start : start + strip][:, part.min(axis=0) == -128] = -128
    return out


def main() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-90, 91, (BANDS, PIXELS), dtype=np.int8)
    codes[:, rng.random(PIXELS) < 0.04] = -128
    weights = (rng.standard_normal((COMPONENTS, BANDS)) / 900).astype(np.float32)
    offset = rng.standard_normal(COMPONENTS).astype(np.float32)
    plus, minus = np.arange(BANDS), np.full(BANDS, -1)
    out = np.empty((COMPONENTS, PIXELS), np.int8)

    exact = weights.astype(np.float64) @ (codes.astype(np.float64) * np.abs(codes.astype(np.float64))) - offset[:, None]
    reference = np.clip(np.rint(exact), -127, 127)
    reference[:, codes[0] == -128] = -128
    covered = project(codes, True, plus, minus, weights, offset, -128, out)
    assert covered == int((codes[0] != -128).sum())
    assert np.abs(out - reference).max() <= 1, "our codes differ from the float64 reference by more than 1"
    assert np.abs(with_numpy(codes, weights, offset) - reference).max() <= 1

    ours, theirs = [], []
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            begin = perf_counter()
            project(codes, True, plus, minus, weights, offset, -128, out)
            middle = perf_counter()
            with_numpy(codes, weights, offset)
            ours.append(middle - begin)
            theirs.append(perf_counter() - middle)
        size = np.empty((1536, 1536), np.float32)
        size[:] = rng.standard_normal(size.shape)
        peak = 0.0
        for _ in range(5):
            begin = perf_counter()
            size @ size
            peak = max(peak, 2 * 1536**3 / (perf_counter() - begin))
    reached = 2 * PIXELS * BANDS * COMPONENTS / min(ours)
    print(
        json.dumps(
            {
                "name": "project",
                "ratio": round(min(theirs) / min(ours), 2),
                "direction": "higher",
                "peer": "numpy float32, vectorised in strips",
                "ours": round(PIXELS / min(ours) / 1e6, 1),
                "theirs": round(PIXELS / min(theirs) / 1e6, 1),
                "unit": "Mpx/s",
                "limit_fraction": round(reached / peak, 3),
                "limit": "fp32 matrix product, 1 thread",
            }
        )
    )


if __name__ == "__main__":
    main()
