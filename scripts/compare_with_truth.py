"""The demo's classes against the known truth, on every covered pixel that holds no click. Runs in .venv.

Usage: compare_with_truth.py DEMO_FILES_JSON. Prints figures as JSON and writes agreement.tif: 1 unchanged and seen so,
2 change found, 3 change missed, 4 false alarm, 0 no data.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from demo_files import DemoFiles
from numpy.typing import NDArray

NODATA = 255
LAYER = "labels"
DETAIL = 0.22
"""Side of the detail that the map shows at larger scale, as a share of the whole."""
BORDER = 0.1
"""Share at each side where it does not lie."""
NAMES = {1: "unchanged, and seen so", 2: "change found", 3: "change missed", 4: "false alarm"}
COLOURS = {1: (236, 240, 243, 255), 2: (230, 97, 1, 255), 3: (94, 60, 153, 255), 4: (253, 204, 92, 255)}


def main(files: DemoFiles) -> None:
    """Compare, write the raster, print the figures."""
    with rasterio.open(files.result("classes.tif")) as source:
        classes, profile, transform, tags = source.read(1), source.profile, source.transform, source.tags()
    with rasterio.open(files.truth) as source:
        truth = source.read(1)
        if source.transform != transform or truth.shape != classes.shape:
            raise SystemExit("the truth is on another grid than the classes")
    change = next(int(name[6:]) for name, value in tags.items() if name.startswith("CLASS_") and value == "change")
    known = (classes != 0) & (truth != NODATA)
    said, true = classes == change, truth == 1
    agreement = np.where(known, np.select([said & true, true, said], [2, 3, 4], 1), 0).astype(np.uint8)
    write(files.result("agreement.tif"), agreement, profile)

    clicks = clicked(files.labels, transform, classes.shape)
    counted = known & ~clicks
    hits, missed, alarms = (int((counted & (agreement == kind)).sum()) for kind in (2, 3, 4))
    precision, recall = hits / max(hits + alarms, 1), hits / max(hits + missed, 1)
    print(json.dumps({
        "pixels": int(counted.sum()),
        "changed": hits + missed,
        "uncovered": int((~known).sum()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / max(2 * hits + alarms + missed, 1),
        "detail": detail(agreement, visible_change(files), transform),
        "clicks": int((known & clicks).sum()),
        "changed_clicks": int((known & clicks & true).sum()),
    }))


def clicked(labels: Path, transform: rasterio.Affine, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels that hold a click."""
    points = shapely.get_coordinates(shapely.from_wkb(pyogrio.raw.read(labels, layer=LAYER)[2]))
    columns, rows = ~transform * (points[:, 0], points[:, 1])
    mask = np.zeros(shape, bool)
    mask[np.floor(rows).astype(int), np.floor(columns).astype(int)] = True
    return mask


def visible_change(files: DemoFiles) -> NDArray[np.float64]:
    """How much a pixel's colour differs between the two pictures (mean of blue, green and red)."""
    pictures = []
    for path in files.pictures:
        with rasterio.open(path) as source:
            pictures.append(source.read((2, 3, 4)).astype(np.float64))
    difference: NDArray[np.float64] = np.abs(pictures[1] - pictures[0]).mean(axis=0)
    return difference


def detail(agreement: NDArray[np.uint8], visible: NDArray[np.float64], transform: rasterio.Affine) -> list[float]:
    """West, south, east, north of the square with the most change that was found and can be seen, all of it covered."""
    side = round(DETAIL * min(agreement.shape))
    worth = np.where(agreement == 2, visible, 0.0) - visible.max() * (agreement == 0)
    sums = np.pad(worth.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    boxes = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    border = round(BORDER * min(agreement.shape))
    inner = boxes[border:-border, border:-border]
    row, column = (int(at) + border for at in np.unravel_index(inner.argmax(), inner.shape))
    west, north = transform * (column, row)
    east, south = transform * (column + side, row + side)
    return [west, south, east, north]


def write(path: Path, agreement: NDArray[np.uint8], profile: dict[str, object]) -> None:
    """A paletted raster on the grid of the classes."""
    options = {**profile, "count": 1, "dtype": "uint8", "nodata": 0, "photometric": "palette"}
    with rasterio.open(path, "w", **options) as target:
        target.write(agreement, 1)
        target.write_colormap(1, {0: (0, 0, 0, 0), **COLOURS})
        target.update_tags(**{f"CLASS_{value}": name for value, name in NAMES.items()})


if __name__ == "__main__":
    main(DemoFiles.from_json(sys.argv[1]))
