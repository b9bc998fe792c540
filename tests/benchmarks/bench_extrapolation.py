"""Pixels unlike every label: 1.5 Mpx of eight codes against 100 labels, one thread, against scipy's k-d tree.

Both say for each pixel whether it is farther than the radius from every label, from int8 codes in memory. The peer gets
its easiest question: is there a label within the radius (``distance_upper_bound``), in float32-exact scaled features.
"""

from __future__ import annotations

import json
import time

import numpy as np
from bitscape.processing.classification.extrapolation import NODATA, Reach, beyond
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits

PIXELS, CODES, LABELS, ROUNDS, PEER_ROUNDS = 1_500_000, 8, 100, 15, 3


def scene(random: np.random.Generator) -> np.ndarray:
    """Codes (k, pixels) int8 in a hundred clusters, 5 % without data: neighbours are alike, as on a map."""
    means = random.normal(0, 30, (100, CODES))
    cluster = np.repeat(random.integers(0, 100, PIXELS // 250), 250)
    codes = np.clip(np.rint(means[cluster] + random.normal(0, 12, (PIXELS, CODES))), -127, 127).astype(np.int8).T.copy()
    codes[:, np.repeat(random.random(PIXELS // 250) < 0.05, 250)] = -128
    return codes


def by_tree(codes: np.ndarray, tree: cKDTree, scale: np.ndarray, radius: float) -> np.ndarray:
    """The same by scipy."""
    out = np.full(codes.shape[1], NODATA, np.uint8)
    valid = codes[0] != -128
    distance, _ = tree.query(codes[:, valid].T.astype(np.float32) * scale, distance_upper_bound=radius)
    out[valid] = ~np.isfinite(distance)
    return out


def main() -> None:
    """Print one JSON line."""
    random = np.random.default_rng(0)
    codes = scene(random)
    valid = np.flatnonzero(codes[0] != -128)
    deviation = codes[:, valid].std(axis=1).astype(np.float64)
    labels = codes[:, random.choice(valid, LABELS, replace=False)].T.copy()
    reach = Reach.of(labels, deviation)
    tree, out = cKDTree(reach.points), np.empty(PIXELS, np.uint8)
    own, their = [], []
    with threadpool_limits(1):
        beyond(codes, reach, out)  # compiles
        for _ in range(ROUNDS):
            start = time.process_time()
            beyond(codes, reach, out)
            own.append(time.process_time() - start)
        for _ in range(PEER_ROUNDS):
            start = time.process_time()
            theirs = by_tree(codes, tree, reach.scale, reach.radius)
            their.append(time.process_time() - start)
    exact = cKDTree(labels / deviation).query(codes.T / deviation)[0]
    sure = (codes[0] == -128) | (np.abs(exact - reach.radius) > 1e-4)
    expected = np.where(codes[0] == -128, NODATA, exact > reach.radius)
    if not np.array_equal(out[sure], expected[sure]) or not np.array_equal(theirs[sure], expected[sure]):
        raise AssertionError("pixels beyond every label differ from the float64 reference")
    if not 0.01 < (out == 1).mean() < 0.5 or sure.mean() < 0.999:
        raise AssertionError("the scene does not test anything")
    print(json.dumps({
        "name": "extrapolation", "ratio": round(min(their) / min(own), 2), "direction": "higher",
        "peer": "scipy cKDTree", "ours": round(1e3 * min(own), 1), "theirs": round(1e3 * min(their), 1), "unit": "ms",
        "target": 100, "share_beyond": round(float((out == 1).mean()), 3),
    }))


if __name__ == "__main__":
    main()
