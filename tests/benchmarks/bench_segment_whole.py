"""segment_whole: a U-Net over 4096² × 6 bands, from GeoTIFF to GeoTIFF with overviews, against the tutorials' way.

The peer: torch eager, the same weights, windows of 512 pixels every 448 as a grid sampler gives them, read one by one
with rasterio, probabilities summed in an array of the whole raster and divided by their counts, the largest written as
deflate GeoTIFF with overviews. Ours blends the same windows by the same weights ("average"), so that both have to
agree:
probabilities to 1e-3 (before they are written as classes) and classes but for ties. Both on one core with one thread,
alternating, minimum of each; the clock is processor time of all threads. Needs torch.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from bitscape.processing.environment import prepare

prepare()
from bitscape.processing import operations  # noqa: E402
from bitscape.processing.prediction.segment import SegmentRequest  # noqa: E402
from bitscape.processing.progress import Progress  # noqa: E402
from bitscape.processing.sliding import reading  # noqa: E402
from bitscape.processing.sliding.run import Finished, run  # noqa: E402
from bitscape.processing.sliding.setup import set_up  # noqa: E402
from bitscape.tests.benchmarks.segment_scene import (  # noqa: E402
    CLASSES,
    MEAN,
    OVERLAP,
    STD,
    TILE,
    make_model,
    make_raster,
    need_torch,
)
from rasterio.enums import Resampling  # noqa: E402
from rasterio.windows import Window  # noqa: E402

SIZE, ROUNDS = 4096, 3


def by_torch(network: Any, source: Path, target: Path) -> np.ndarray:
    """The tutorials' way. Returns the probabilities."""
    torch = need_torch()
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    with rasterio.open(source) as dataset, torch.inference_mode():
        total = np.zeros((CLASSES, dataset.height, dataset.width), np.float32)
        count = np.zeros((dataset.height, dataset.width), np.float32)
        step = TILE - OVERLAP
        for top in range(0, dataset.height - TILE + 1, step):
            for left in range(0, dataset.width - TILE + 1, step):
                pixels = dataset.read(window=Window(left, top, TILE, TILE)).astype(np.float32)
                image = (torch.from_numpy(pixels) / 10_000 - mean) / std
                scores = torch.softmax(network(image[None]), dim=1)[0].numpy()
                total[:, top : top + TILE, left : left + TILE] += scores
                count[top : top + TILE, left : left + TILE] += 1
        total /= np.maximum(count, 1)
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": dataset.height, "width": dataset.width,
                   "crs": dataset.crs, "transform": dataset.transform, "nodata": 255, "tiled": True, "blockxsize": 512,
                   "blockysize": 512, "compress": "deflate"}
    with rasterio.open(target, "w", **profile) as dataset:
        dataset.write(total.argmax(axis=0).astype(np.uint8), 1)
        dataset.build_overviews([2, 4, 8, 16], Resampling.nearest)
    return total


def ours(model: Path, source: Path, target: Path) -> dict[str, Any]:
    """segmentraster; its result."""
    return operations.run(
        "segmentraster",
        {"model": str(model), "input": str(source), "classes": str(target), "blend": "average", "threads": 1},
        Progress(),
    )


def agree(model: Path, source: Path, theirs: np.ndarray, part: Window) -> float:
    """The largest difference of probabilities in a part of the raster."""
    extent = (part.col_off, part.row_off, part.width, part.height)
    with rasterio.open(source) as dataset:
        west, north = dataset.transform @ extent[:2]
        east, south = dataset.transform @ (extent[0] + extent[2], extent[1] + extent[3])
    request = SegmentRequest(model=model, input=str(source), blend="average", threads=1, classes=source,
                             extent=(west, south, east, north))
    setup = set_up(request, source, Progress())
    found = np.empty((CLASSES, part.height, part.width), np.float32)

    def keep(finished: Finished) -> None:
        rows, columns = finished.wanted.shape
        found[:, finished.top : finished.top + rows, finished.left : finished.left + columns] = finished.scores

    run(setup.plan, setup.network, keep, Progress())
    rows, columns = slice(part.row_off, part.row_off + part.height), slice(part.col_off, part.col_off + part.width)
    return float(np.abs(found - theirs[:, rows, columns]).max())


def main() -> None:
    """Print one JSON line."""
    torch = need_torch()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    reading.clock = time.thread_time  # on one core, stages wait for each other
    with tempfile.TemporaryDirectory(prefix="bench-segment-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        small, large = make_raster(folder / "small.tif", 1024), make_raster(folder / "large.tif", SIZE)
        network = make_model(folder / "unet.onnx")
        ours(folder / "unet.onnx", small, folder / "warm.tif")  # loads the kernels
        by_torch(network, small, folder / "warm_peer.tif")
        own, their, results = [], [], []
        for _ in range(ROUNDS):
            begin = time.process_time()
            results.append(ours(folder / "unet.onnx", large, folder / "ours.tif"))
            own.append(time.process_time() - begin)
            begin = time.process_time()
            theirs = by_torch(network, large, folder / "theirs.tif")
            their.append(time.process_time() - begin)
        difference = agree(folder / "unet.onnx", large, theirs, Window(300, 400, 1100, 900))
        if difference > 1e-3:
            raise AssertionError(f"probabilities differ by {difference}")
        with rasterio.open(folder / "ours.tif") as one, rasterio.open(folder / "theirs.tif") as other:
            unlike = float((one.read(1) != other.read(1)).mean())
            assert len(one.overviews(1)) >= 4 and one.transform == other.transform
        if unlike > 1e-4:
            raise AssertionError(f"{unlike:.2%} of the classes differ")
    spent = results[int(np.argmin(own))]["seconds"]
    stages = {"read": spent["read"], "model": spent["model"], "blend": spent["blend"],
              "write": spent["write"] + spent["overviews"]}
    whole = sum(stages.values())
    parameters = sum(weights.numel() for weights in network.parameters())
    print(
        json.dumps(
            {
                "name": "segment_whole",
                "ratio": round(min(their) / min(own), 2),
                "direction": "higher",
                "peer": f"torch {torch.__version__} eager, windows one by one, rasterio",
                "ours": round(min(own), 2),
                "theirs": round(min(their), 2),
                "unit": "s (processor)",
                "limit_fraction": round(stages["model"] / whole, 2),
                "limit": "the model alone",
                "shares": {name: round(value / whole, 3) for name, value in stages.items()},
                "raster": f"{SIZE}² × 6 uint16, deflate",
                "parameters": parameters,
                "tile": TILE,
                "overlap": OVERLAP,
                "threads": 1,
                "largest_difference": difference,
                "classes_unlike": unlike,
            }
        )
    )


if __name__ == "__main__":
    main()
