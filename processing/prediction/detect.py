"""The operation detectobjects: a detector and a raster in, a layer of objects out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import Field
from rasterio.transform import Affine

from ..errors import InputError, OutputError
from ..inference.card import DetectorType
from ..operations import Result
from ..outputs import require_folder, whole_or_nothing
from ..progress import Progress
from ..provenance import tags
from ..sliding.reading import Plan, Seconds
from ..sliding.run import in_words, windows_said
from ..sliding.setup import ModelRequest, Setup, Task, record_of, set_up, tell
from ..sliding.views import View, views
from .objects import Outlines, outlined, write_objects
from .suppression import suppress
from .yolo import decode

DETECT = Task("Detect objects with a model", ("boxes", "prototypes"), "that find objects (Detector)", blended=False)
MOST = 2_000_000
"""Objects of a raster; more would fill the memory, and no model that works finds them."""


class DetectRequest(ModelRequest):
    """What ``ModelRequest`` says (``threshold``: the least score; ``blend`` and ``flips`` play no part); ``iou``: from
    which share of their union two boxes are one object (None: the card's); ``output``: a GeoPackage."""

    iou: float | None = Field(None, gt=0, le=1)
    output: Path


class ClassCount(Result):
    """Objects of a class."""

    name: str
    value: int
    colour: str
    count: int


class DetectResult(Result):
    """``cut``: objects that reach the edge of every window they lie in. ``seconds`` by stage and in total."""

    model_name: str
    output: Path
    objects: int
    cut: int
    classes: list[ClassCount]
    turned: bool
    windows: int
    skipped: int
    tile: int
    overlap: int
    resampled: bool
    provider_used: str
    fallback: str
    seconds: dict[str, float]


def detect_objects(request: DetectRequest, progress: Progress) -> DetectResult:
    """Run the detector over the raster's windows. An object counts where its centre lies in what is asked for; of the
    same object in several windows the best is kept. Raises InputError, ModelError, OutputError; Cancelled at once."""
    began = time.perf_counter()
    if request.output.suffix.lower() != ".gpkg":
        raise OutputError(f"{request.output.name} should end in .gpkg: objects are written as GeoPackage.")
    require_folder(request.output)
    setup = set_up(request, request.output, progress, DETECT)
    tell(setup, progress)
    card, plan = setup.model.card, replace(setup.plan, scores=1)
    threshold = card.det_conf if request.threshold is None else request.threshold
    iou = card.det_iou_thresh if request.iou is None else request.iou
    progress.info(f"Objects of a score of {threshold:g} or more; boxes that share more than {iou:g} of their union are "
                  "one.")
    seconds, parts, count = Seconds(), list[Outlines](), 0
    with whole_or_nothing(progress, request.output) as (partial,), progress.stage(0, 0.95, "Reading"):
        with setup.model.stopping(progress):
            for view in views(plan, progress, seconds, setup.model.provider_used):
                start = time.perf_counter()
                parts.append(_window(view, setup, plan, threshold, iou))
                seconds.model += time.perf_counter() - start
                count += len(parts[-1].scores)
                if count > MOST:
                    raise InputError(f"There are more than {MOST:,} objects: raise the least score, or check the scale "
                                     "of the model's input.")
        progress.report(1.0, "Putting objects together")
        found = _asked(Outlines.joined(parts).distinct(iou), plan)
        record = record_of("detectobjects", request, setup)
        turned = _kind(setup) == "YOLO_Ultralytics_obb"
        write_objects(partial, found, _place(plan), plan.source.grid.crs, setup.model.heads[0].classes, turned,
                      f"Objects ({card.name or request.model.stem})", tags(record))
    result = _result(request, setup, found, seconds, time.perf_counter() - began)
    _say(result, progress)
    return result


def _window(view: View, setup: Setup, plan: Plan, threshold: float, iou: float) -> Outlines:
    """The objects of one window, each once."""
    import shapely

    results = setup.model.run(view.pixels[None])
    head, side = setup.model.heads[0], view.pixels.shape[1]
    found = decode(results[0][0], _kind(setup), len(head.classes), threshold)
    found = found.chosen(suppress(shapely.polygons(found.corners), found.classes, found.scores, iou))
    prototypes = results[1][0] if len(results) > 1 else None
    return outlined(found, prototypes, side, view.top, view.left, plan.grid.height, plan.grid.width)


def _asked(found: Outlines, plan: Plan) -> Outlines:
    """Those whose centre lies in the part and the area asked for."""
    import shapely

    if not len(found.boxes):
        return found
    middle = shapely.centroid(found.boxes)
    x = shapely.get_x(middle) * plan.grid.across.factor
    y = shapely.get_y(middle) * plan.grid.down.factor
    part = plan.part
    inside = (x >= part.col_off) & (x < part.col_off + part.width)
    inside &= (y >= part.row_off) & (y < part.row_off + part.height)
    if plan.area is not None:
        place = plan.source.grid.transform @ (x, y)
        inside &= plan.area.contains(np.asarray(place[0]), np.asarray(place[1]))
    return found.chosen(inside)


def _kind(setup: Setup) -> DetectorType:
    """Which detector it is: what the card says, else what its output was taken for."""
    return setup.model.card.det_type or cast(DetectorType, setup.model.heads[0].reason)


def _place(plan: Plan) -> Affine:
    """From the model's pixels to the raster's CRS."""
    return plan.source.grid.transform @ Affine.scale(plan.grid.across.factor, plan.grid.down.factor)



def _result(request: DetectRequest, setup: Setup, found: Outlines, seconds: Seconds, total: float) -> DetectResult:
    counts = np.bincount(found.classes, minlength=len(setup.model.heads[0].classes))
    plan, model = setup.plan, setup.model
    return DetectResult(
        model_name=model.card.name or request.model.stem, output=request.output, objects=len(found.scores),
        cut=int(found.cut.sum()), turned=_kind(setup) == "YOLO_Ultralytics_obb",
        classes=[ClassCount(name=one.name, value=one.id, colour=one.colour, count=int(count))
                 for one, count in zip(model.heads[0].classes, counts, strict=True)],
        windows=seconds.windows, skipped=seconds.skipped, tile=plan.rows.tile, overlap=plan.rows.overlap,
        resampled=not plan.grid.same, provider_used=model.provider_used, fallback=model.fallback,
        seconds={"read": round(seconds.read, 3), "model": round(seconds.model, 3), "total": round(total, 3)})


def _say(result: DetectResult, progress: Progress) -> None:
    found = ", ".join(f"{one.count:,} {one.name}" for one in result.classes if one.count) or "none"
    progress.info(f"Objects found: {found}. {windows_said(result.windows)} on {result.provider_used} in "
                  f"{in_words(result.seconds['total'])}.")
    if result.cut:
        progress.warn(f"{result.cut:,} objects reach the edge of a window: they are larger than what windows have in "
                      f"common ({result.overlap} pixels). A larger overlap finds them whole.")
    if result.fallback:
        progress.warn(result.fallback)
