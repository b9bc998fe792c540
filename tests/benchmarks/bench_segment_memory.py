"""segment_memory: peak resident memory of segmentraster over 8192² × 6 bands, over that at 2048². Lower is better.

The U-Net, windows and outputs (classes, scores and confidence) of the other benchmark of segmentation. Each run is a
process
of its own, as QGIS starts it; the figure is the kernel's account of its peak. Needs torch, to make the model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bitscape.tests.benchmarks.segment_scene import make_model, make_raster

MAIN = Path(__file__).resolve().parents[2] / "processing" / "__main__.py"
SIZES = (2048, 8192)
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def peak_megabytes(folder: Path, model: Path, size: int) -> tuple[float, float]:
    """Peak resident memory in MB and wall seconds of one run."""
    source = make_raster(folder / f"{size}.tif", size)
    request = folder / "request.json"
    request.write_text(json.dumps({
        "model": str(model), "input": str(source), "threads": 2, "classes": str(folder / "classes.tif"),
        "scores": str(folder / "scores.tif"), "confidence": str(folder / "confidence.tif")}))
    command = [sys.executable, "-c", MEASURE, sys.executable, "-I", str(MAIN), "segmentraster", str(request)]
    begin = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024, perf_counter() - begin


def main() -> None:
    """Print one JSON line."""
    with tempfile.TemporaryDirectory(prefix="bench-segment-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        make_model(folder / "unet.onnx")
        peak_megabytes(folder, folder / "unet.onnx", 1024)  # compiles the kernels: that takes memory too
        (small, small_seconds), (large, large_seconds) = (
            peak_megabytes(folder, folder / "unet.onnx", size) for size in SIZES)
    print(
        json.dumps(
            {
                "name": "segment_memory",
                "ratio": round(large / small, 3),
                "direction": "lower",
                "peer": f"itself at {SIZES[0]}²",
                "ours": round(large),
                "theirs": round(small),
                "unit": "MB",
                "limit_fraction": round(small / large, 2),
                "limit": "memory that does not grow",
                "wall_seconds": [round(small_seconds, 1), round(large_seconds, 1)],
            }
        )
    )


if __name__ == "__main__":
    main()
