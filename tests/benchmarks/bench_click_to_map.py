"""Click to repainted map in the real desktop: 1500 × 1000 pixels at native resolution, with live cross-validation.

The peer is the same chain in the same desktop, whose refit, nested validation and scoring are scikit-learn's
GridSearchCV and numpy (peer_worker.py); reading, folds, writing and painting are identical. Both must find the same C,
the same figures and the same picture. Sessions take turns; each click's chain ends when the map is painted and the
figures are there. The limit is QGIS's own repaint of the same layers when nothing is computed (``repaint``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from bitscape.scripts import headless_qgis
from bitscape.tests.system.desktop import Desktop

SIZE, SEED, WARM, CLICKS, PEER_CLICKS, ROUNDS = 2048, 7, 40, 40, 6, 2
HERE = Path(__file__).parent
TARGET_MS, TARGET_RATIO = 150, 10


def make_tiles(folder: Path) -> tuple[Path, Path]:
    """Tiles and truth of a sample landscape, made by the backend."""
    backend = headless_qgis.ROOT / "processing" / "__main__.py"

    def run(operation: str, **request: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-I", str(backend), operation, "-"], input=json.dumps(request, default=str),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    made = run("createsampledata", folder=folder / "data", size=SIZE, seed=SEED, years=[2020, 2024])
    run("buildembeddingtiles", inputs=made["embeddings"], output=folder / "tiles.tif")
    return folder / "tiles.tif", Path(made["truth"])


def choose_clicks(tiles: Path, truth: Path) -> list[list[Any]]:
    """Places in the middle of the tiles, change and no change in turn."""
    random = np.random.default_rng(SEED)
    with rasterio.open(tiles) as codes, rasterio.open(truth) as source:
        known, changed, place = codes.read(1) != -128, source.read(1), codes.xy
    shown = np.zeros_like(known)
    shown[SIZE // 2 - 450 : SIZE // 2 + 450, SIZE // 2 - 700 : SIZE // 2 + 700] = True
    clicks = []
    of = {name: np.argwhere((changed == value) & known & shown) for value, name in enumerate(("nochange", "change"))}
    for number in range(WARM + CLICKS):
        name = ("change", "nochange")[number % 2]
        row, column = of[name][random.integers(len(of[name]))]
        clicks.append([*place(row, column), name])
    return clicks


def session(folder: Path, tiles: Path, clicks: list[list[Any]], worker: str) -> dict[str, Any]:
    """One desktop, with a new label file."""
    for path in tiles.parent.glob("tiles_labels*"):
        path.unlink()
    shutil.rmtree(tiles.parent / "tiles.live", ignore_errors=True)
    environment = headless_qgis.profile(folder / "profile")
    found = Desktop(environment, folder, str(HERE / "click_desktop.py"), screen=(2400, 1300), tiles=tiles,
                    clicks=clicks, warm=WARM, worker=worker).finish(600)
    if found["exceptions"]:
        raise AssertionError(found["exceptions"][0])
    return found


def compare(own: list[dict[str, Any]], their: list[dict[str, Any]]) -> None:
    """Raise AssertionError if the two chains did not come to the same."""
    for number, (ours, theirs) in enumerate(zip(own, their)):
        if ours["c"] != theirs["c"] or not np.allclose(ours["weights"], theirs["weights"], rtol=0.02, atol=1e-3):
            raise AssertionError(f"click {number}: {ours['c']} {ours['weights']}, {theirs['c']} {theirs['weights']}")
        if not np.allclose(ours["f1"], theirs["f1"], atol=0.03):
            raise AssertionError(f"click {number}: F1 {ours['f1']} and {theirs['f1']}")
        apart = np.abs(np.array(ours["picture"], np.int64) - np.array(theirs["picture"], np.int64))
        if apart.max() > 2:
            raise AssertionError(f"click {number}: scores differ by {apart.max()}")


def milliseconds(clicks: list[dict[str, Any]], name: str) -> np.ndarray:
    """One time of all clicks; ``done`` is the end of the chain, ``paint`` from the answer to the repainted map."""
    times = [one["seconds"] for one in clicks]
    if name == "done":
        return np.array([1e3 * max(one["painted"], one["validated"]) for one in times])
    if name == "paint":
        return np.array([1e3 * (one["painted"] - one["answered"]) for one in times])
    return np.array([1e3 * one[name] for one in times])


def main() -> None:
    """Print one JSON line."""
    own: list[dict[str, Any]] = []
    their: list[dict[str, Any]] = []
    blocked: list[list[Any]] = []
    repaints: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bitscape-") as name:
        folder = Path(name)
        tiles, truth = make_tiles(folder)
        clicks = choose_clicks(tiles, truth)
        for _ in range(ROUNDS):
            ours = session(folder, tiles, clicks, "")
            theirs = session(folder, tiles, clicks[: WARM + PEER_CLICKS], str(HERE / "peer_worker.py"))
            compare(ours["clicks"], theirs["clicks"])
            own += ours["clicks"]
            their += theirs["clicks"]
            blocked.append(ours["blocked"])
            repaints += ours["repaints"]
    if os.environ.get("BITSCAPE_BENCH_VERBOSE"):
        print("\n".join(where for _, where in blocked), file=sys.stderr)
    shared = [one for number, one in enumerate(own) if number % CLICKS < PEER_CLICKS]
    painted, done = milliseconds(own, "painted"), milliseconds(own, "done")
    peer = float(np.median(milliseconds(their, "done")))
    parts = ("placed", "map sample", "map refit", "map read", "map score", "map write", "answered", "paint",
             "validated")
    print(json.dumps({
        "name": "click_to_map", "ratio": round(peer / float(np.median(milliseconds(shared, "done"))), 1),
        "direction": "higher", "target_ratio": TARGET_RATIO,
        "peer": "scikit-learn GridSearchCV and numpy in the same desktop; same reading, folds, writing, painting",
        "ours": round(float(np.median(milliseconds(shared, "done"))), 1), "theirs": round(peer, 1), "unit": "ms",
        "clicks": len(own), "peer_clicks": len(their), "labels": [WARM + 1, WARM + CLICKS],
        "painted_p50": round(float(np.median(painted)), 1), "painted_p95": round(float(np.quantile(painted, 0.95)), 1),
        "done_p50": round(float(np.median(done)), 1), "done_p95": round(float(np.quantile(done, 0.95)), 1),
        "target_p95": TARGET_MS, "blocked": round(max(longest for longest, _ in blocked), 1),
        "parts_p50": {part.removeprefix("map "): round(float(np.median(milliseconds(own, part))), 1) for part in parts},
        "repaint_p50": round(1e3 * float(np.median(repaints)), 1),
        "peer_painted_p50": round(float(np.median(milliseconds(their, "painted"))), 1),
    }))


if __name__ == "__main__":
    main()
