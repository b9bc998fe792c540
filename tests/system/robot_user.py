"""What a user sees with their eyes, for the scripted one: where change is plain, and how well a map agrees with it.

Runs in the backend's Python. ``first TRUTH TILES``: where to click first. ``f1 TRUTH TILES WEIGHTS BIAS``: F1 of a
model on every covered pixel at one half, and at the threshold that maps as much change as there is.
``map TRUTH CLASSES``: F1 of a class map. Each prints one JSON line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import distance_transform_edt, label


def first(truth: Path, tiles: Path) -> dict[str, list[float]]:
    """The middle of the largest changed patch, and the middle of the widest land without change, in CRS units."""
    with rasterio.open(truth) as source, rasterio.open(tiles) as codes:
        known, place = codes.read(1) != -128, source.xy
        changed = source.read(1)
    patches, _ = label(changed == 1)
    sizes = np.bincount(patches.ravel())
    largest = patches == 1 + int(np.argmax(sizes[1:]))
    found = {}
    for name, mask in (("change", largest), ("nochange", (changed == 0) & known)):
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(np.argmax(depth)), mask.shape)
        found[name] = list(place(row, column))
    return found


def f1(predicted: np.ndarray, changed: np.ndarray) -> float:
    """2 · hits / (predicted + changed)."""
    return float(2 * (predicted & changed).sum() / (predicted.sum() + changed.sum()))


def of_model(truth: Path, tiles: Path, weights: list[float], bias: float) -> dict[str, float]:
    """F1 of a model on all pixels with data, by the definition."""
    with rasterio.open(truth) as source, rasterio.open(tiles) as codes:
        planes, changed = codes.read(), source.read(1)
    known = (planes[0] != -128) & (changed != 255)
    logits = np.tensordot(np.array(weights), planes[:, known].astype(np.float64), 1) + bias
    changed = changed[known] == 1
    matching = float(np.quantile(logits, 1 - changed.mean()))
    return {"half": f1(logits > 0, changed), "matching": f1(logits > matching, changed),
            "threshold": float(1 / (1 + np.exp(-matching))), "share": float(changed.mean())}


def of_map(truth: Path, classes: Path) -> dict[str, float]:
    """F1 of a class map."""
    with rasterio.open(truth) as source, rasterio.open(classes) as mapped:
        changed, found, tags = source.read(1), mapped.read(1), mapped.tags()
    change = next(int(name[6:]) for name, value in tags.items() if name.startswith("CLASS_") and value == "change")
    known = (found != 0) & (changed != 255)
    return {"f1": f1(found[known] == change, changed[known] == 1)}


if __name__ == "__main__":
    command, paths, rest = sys.argv[1], [Path(name) for name in sys.argv[2:4]], sys.argv[4:]
    if command == "first":
        print(json.dumps(first(*paths)))
    elif command == "map":
        print(json.dumps(of_map(*paths)))
    else:
        print(json.dumps(of_model(*paths, json.loads(rest[0]), json.loads(rest[1]))))
