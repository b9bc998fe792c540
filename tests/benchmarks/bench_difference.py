"""difference: two 64-band rasters → PCA-8 change tiles with overviews, against the frozen peer, 2 threads."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
import rasterio
import rasterio.windows
from bitscape.processing.environment import prepare

prepare()

from bitscape.processing.compression import build, encoder  # noqa: E402
from bitscape.processing.compression.basis import Basis  # noqa: E402
from bitscape.processing.grids import reader, writer  # noqa: E402
from bitscape.processing.progress import Progress  # noqa: E402

BASELINE = Path(__file__).resolve().parents[3] / "shared" / "baselines" / "difference_baseline.py"
SIZE = int(os.environ.get("SIZE", "4096"))
ROUNDS, THREADS = 5, 2


def load_baseline() -> ModuleType:
    """The frozen peer, unchanged."""
    if not BASELINE.exists():
        sys.exit(f"the frozen baseline is not at {BASELINE}")
    spec = importlib.util.spec_from_file_location("difference_baseline", BASELINE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["difference_baseline"] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def phases() -> Iterator[Counter[str]]:
    """Thread seconds spent in reading, computing and writing; they overlap, so their sum exceeds the wall time."""
    spent: Counter[str] = Counter()
    places = [
        (reader.RasterReader, "read", "read"),
        (encoder, "project", "compute"),
        (build, "fit", "fit"),
        (writer.RasterWriter, "write", "write"),
        (writer.RasterWriter, "_build_level", "overviews"),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in places]

    def timed(function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begin = perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                spent[phase] += perf_counter() - begin

        return call

    try:
        for owner, name, phase in places:
            setattr(owner, name, timed(getattr(owner, name), phase))
        yield spent
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def ours(before: Path, after: Path, out: Path, basis: Path | None = None) -> float:
    """Seconds of one run."""
    request = build.BuildRequest(inputs=[str(before), str(after)], output=out, threads=THREADS, basis=basis)
    begin = perf_counter()
    build.build_embedding_tiles(request, Progress())
    return perf_counter() - begin


def peers_basis(theirs: dict[str, Any], own: Path, path: Path) -> Path:
    """The peer's basis in our format, so that both project alike: ours divides where theirs multiplies."""
    known = Basis.load(own)
    known.model_copy(
        update={
            "mean": theirs["mean"].tolist(),
            "components": theirs["components"].tolist(),
            "scale": (1 / theirs["scale"]).tolist(),
        }
    ).save(path)
    return path


def greatest_difference(one: Path, other: Path) -> int:
    """Largest difference of codes, in LSB; nodata must coincide."""
    with rasterio.open(one) as a, rasterio.open(other) as b:
        worst = 0
        for row in range(0, a.height, 512):
            window = ((row, min(row + 512, a.height)), (0, a.width))
            first, second = a.read(window=window).astype(np.int16), b.read(window=window).astype(np.int16)
            assert ((first == -128) == (second == -128)).all(), "nodata differs"
            worst = max(worst, int(np.abs(first - second).max()))
    return worst


def main() -> None:
    baseline = load_baseline()
    with tempfile.TemporaryDirectory(prefix="bench-difference-", dir=os.environ.get("BENCH_DIR")) as folder:
        here = Path(folder)
        before, after = here / "before.tif", here / "after.tif"
        baseline.make_input(before, after, size=SIZE, seed=0)
        result = baseline.change_tiles(before, after, here / "theirs.tif", threads=THREADS)
        ours(before, after, here / "ours.tif")
        ours(before, after, here / "same.tif", peers_basis(result, here / "ours.basis.json", here / "peer.basis.json"))
        worst = greatest_difference(here / "same.tif", here / "theirs.tif")
        assert worst <= 1, f"codes differ by {worst}"
        mine, theirs = [], []
        for _ in range(ROUNDS):
            mine.append(ours(before, after, here / "ours.tif"))
            theirs.append(baseline.change_tiles(before, after, here / "theirs.tif", threads=THREADS)["wall"])
        with phases() as spent:
            ours(before, after, here / "ours.tif")
        begin = perf_counter()
        with reader.RasterReader(before) as one, reader.RasterReader(after) as two:
            read_all(one)
            read_all(two)
        limit = (perf_counter() - begin) / THREADS
    peer = min(theirs, key=lambda wall: wall["total"])
    print(
        json.dumps(
            {
                "name": "difference",
                "ratio": round(peer["total"] / min(mine), 2),
                "direction": "higher",
                "peer": f"frozen difference_baseline.py, {SIZE}², {THREADS} threads",
                "ours": round(min(mine), 2),
                "theirs": round(peer["total"], 2),
                "unit": "s",
                "limit_fraction": round(limit / min(mine), 2),
                "limit": "decoding both inputs on all threads",
                "our_thread_seconds": {phase: round(seconds, 2) for phase, seconds in spent.items()},
                "their_wall_seconds": {phase: round(seconds, 2) for phase, seconds in peer.items()},
                "largest_difference_lsb": worst,
            }
        )
    )


def read_all(raster: reader.RasterReader) -> None:
    """Decode a whole raster in windows of 512², one thread."""
    for row in range(0, SIZE, 512):
        for column in range(0, SIZE, 512):
            raster.read(rasterio.windows.Window(column, row, min(512, SIZE - column), min(512, SIZE - row)))


if __name__ == "__main__":
    main()
