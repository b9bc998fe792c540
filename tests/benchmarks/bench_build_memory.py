"""build_memory: peak memory of building change tiles of 2 × 64 bands at 12288² over that at 8192².

Lower is better. Each run is a process of its own, as QGIS starts it; the figure is the kernel's account of its peak.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

MAIN = Path(__file__).resolve().parents[2] / "processing" / "__main__.py"
SIZES = (8192, 12288)
LIMIT_MB = 1500
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def make_input(path: Path, size: int, seed: int) -> None:
    """64 bands of int8 made of one smooth block that repeats: the content does not matter for memory."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(-80, 81, (64, 16, 16), dtype=np.int8)
    block = np.kron(coarse, np.ones((1, 32, 32), np.int8)) + rng.integers(0, 3, (64, 512, 512), dtype=np.int8)
    profile = {
        "driver": "GTiff",
        "dtype": "int8",
        "count": 64,
        "height": size,
        "width": size,
        "crs": "EPSG:32610",
        "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000),
        "nodata": -128,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 1,
        "num_threads": 2,
        "bigtiff": "if_safer",
    }
    with rasterio.open(path, "w", **profile) as dataset:
        for row in range(0, size, 512):
            for column in range(0, size, 512):
                dataset.write(block, window=Window(column, row, 512, 512))


def peak_megabytes(folder: Path, size: int) -> tuple[float, float]:
    """Peak resident memory in MB and wall seconds of one build."""
    paths = [folder / f"embeddings_{year}.tif" for year in (2020, 2024)]
    for seed, path in enumerate(paths):
        make_input(path, size, seed)
    request = folder / "request.json"
    request.write_text(
        json.dumps(
            {
                "inputs": [str(path) for path in paths],
                "output": str(folder / "tiles.tif"),
                "picture": str(folder / "picture.tif"),
                "coverage": str(folder / "coverage.tif"),
            }
        )
    )
    command = [sys.executable, "-c", MEASURE, sys.executable, "-I", str(MAIN), "buildembeddingtiles", str(request)]
    begin = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = perf_counter() - begin
    for path in folder.iterdir():
        path.unlink()
    return int(done.stdout) / 1024, seconds


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-memory-", dir=os.environ.get("BENCH_DIR")) as folder:
        (small, small_seconds), (large, large_seconds) = (peak_megabytes(Path(folder), size) for size in SIZES)
    assert small <= LIMIT_MB, f"{small:.0f} MB at {SIZES[0]}²; at most {LIMIT_MB} are allowed"
    print(
        json.dumps(
            {
                "name": "build_memory",
                "ratio": round(large / small, 3),
                "direction": "lower",
                "peer": f"itself at {SIZES[0]}²",
                "ours": round(large),
                "theirs": round(small),
                "unit": "MB",
                "limit_fraction": round(small / LIMIT_MB, 2),
                "limit": f"{LIMIT_MB} MB at 2 × 64 × {SIZES[0]}²",
                "wall_seconds": [round(small_seconds, 1), round(large_seconds, 1)],
            }
        )
    )


if __name__ == "__main__":
    main()
