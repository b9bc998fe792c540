"""Run the whole chain once on a tiny landscape, so that its kernels are compiled before anyone waits for them.

Imports the backend by the path of its folder, as QGIS starts it: numba keeps compiled code by that path, in the user's
own cache. A change of a kernel's source has it compiled again at its next use.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

BACKEND = Path(__file__).resolve().parent.parent / "processing"
SIZE = 640
"""More than one block, so that overviews are averaged too."""


def backend() -> Callable[..., dict[str, Any]]:
    """What runs an operation by its name and parameters; the result is as JSON has it."""
    spec = importlib.util.spec_from_file_location("bitscape_worker", BACKEND / "worker.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{BACKEND} is not Bitscape's processing folder")
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    worker.register_package()
    from bitscape.processing.environment import prepare

    prepare()
    from bitscape.processing import operations
    from bitscape.processing.progress import Progress

    def run(operation: str, **request: Any) -> dict[str, Any]:
        values = json.loads(json.dumps(request, default=str))
        return json.loads(json.dumps(operations.run(operation, values, Progress())))

    return run


def main() -> None:
    """Sample data, tiles, model, map; and what the dock asks for at a click, of two classes and of three."""
    run = backend()
    with tempfile.TemporaryDirectory(prefix="bitscape-") as name:
        folder = Path(name)
        tiles, model = folder / "tiles.tif", folder / "model.json"
        made = run("createsampledata", folder=folder / "data", size=SIZE, years=[2020, 2024])
        pictures = {"picture": folder / "picture.tif", "coverage": folder / "coverage.tif"}
        for recipe in ("int8", "turbo4", "pq-16x8", "binary-zero"):
            run("compressembeddings", input=str(made["embeddings"][0]), output=folder / "codes.tif", recipe=recipe)
            run("decompressembeddings", input=str(folder / "codes.tif"), output=folder / "vectors.tif")
        run("changemagnitude", inputs=made["embeddings"], output=folder / "magnitude.tif")
        run("buildembeddingtiles", inputs=made["embeddings"], output=tiles, **pictures)
        run("trainclassifier", tiles=tiles, labels=made["labels"], model=model)
        run("applyclassifier", tiles=[tiles], model=model, score=folder / "score.tif", classes=folder / "classes.tif")
        run("buildretrievalstore", input=[str(made["embeddings"][0])], output=folder / "store", pixels=8, kind="binary")
        polygons = {"output": folder / "polygons.gpkg", "max_hole": 1000, "connectivity": 8}
        run("classpolygons", inputs=[folder / "score.tif"], **polygons)
        (west, south, east, north) = run("describetiles", tiles=tiles)["bounds"]
        view = {"west": west, "south": south, "east": east, "north": north, "width": SIZE, "height": SIZE}
        nothing: dict[str, Any] = {"x": [], "y": [], "classes": [], "names": []}
        run("livemap", tiles=tiles, **nothing, view=view, hatching=folder / "hatching.tif")
        for classes in (2, 3):
            run("warmlive", tiles=tiles, classes=classes)
    numbers()
    codes()
    channels()
    segmentation()


def codes() -> None:
    """The kernels of binary codes: nothing above searches among any."""
    import numpy as np
    from bitscape.processing import hamming
    from bitscape.processing.hamming.batch import between
    from bitscape.processing.retrieval.neighbour_distances import mean_hamming
    from bitscape.processing.retrieval.picture import paint

    rows = np.zeros((8, 131), np.uint8)
    hamming.nearest(rows, rows, 1)
    between(rows, rows)
    hamming.distances(rows[0], rows)
    hamming.smallest(np.zeros(64, np.float32), 1)
    hamming.smallest(np.zeros(64, np.uint16), 1)
    hamming.scores(rows, rows, rows[:1])
    hamming.majority(rows, 1048)
    paint(np.zeros((1, 4), np.int32), np.zeros(1, np.uint8), 0.0, 0.0, 1.0, 1.0, 0, np.zeros((1, 1), np.uint8))
    for size in (131, 128):
        mean_hamming(np.zeros((8, size), np.uint8), np.zeros((8, 8), np.int32), 0, np.zeros(8, np.float32))


def numbers() -> None:
    """The kernels of maps of numbers: the sample has no labels that hold any."""
    import numpy as np
    from bitscape.processing.classification.scoring import predict_numbers
    from bitscape.processing.grids.averaging import halve

    out = np.empty(4, np.float32)
    predict_numbers(np.zeros((8, 4), np.int8), np.ones(8), 0.0, out)
    halve(out.reshape(1, 2, 2), 1, 1, float("nan"))


def channels() -> None:
    """The kernels that make a raster's pixels a model's channels, for each type of pixel."""
    import numpy as np
    from bitscape.processing.inference.channels import KERNEL_TYPES, linear, normalised_difference

    one, valid, out = np.float32(1), np.ones((2, 2), np.bool_), np.empty((2, 2), np.float32)
    for name in KERNEL_TYPES:
        pixels = np.ones((2, 2), name)
        linear(pixels, one, one, valid, out)
        normalised_difference(pixels, pixels, one, one, valid, out)


def segmentation() -> None:
    """The kernels between a model's windows and its maps: the sample has no model."""
    import numpy as np
    from bitscape.processing.prediction.decision import Decision
    from bitscape.processing.prediction.smoothing import smoothed
    from bitscape.processing.sliding.blending import add_weighted
    from bitscape.processing.sliding.resolution import Scale, resample

    scores, weights = np.zeros((2, 8, 8), np.float32), np.ones(8, np.float32)
    add_weighted(scores, weights, weights, np.zeros((2, 16, 16), np.float32)[:, :8, :8])
    Decision((0, 1), True, 0.0, 255)(scores, np.ones((8, 8), np.bool_))
    taps = Scale(2.0).taps(0, 4, 8)
    for kind in (np.uint8, np.int16, np.uint16, np.float32):
        resample(scores.astype(kind), np.ones((8, 8), np.bool_), taps, taps)
    list(smoothed(np.zeros((8, 8), np.uint8), 3))


if __name__ == "__main__":
    main()
