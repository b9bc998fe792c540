"""The operation segmentraster: a model and a raster in; classes, scores, confidence, polygons or numbers out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pydantic import Field

from ..errors import InputError, OutputError
from ..grids.grid import Grid
from ..grids.writer import RasterWriter
from ..outputs import explained, require_folder, whole_or_nothing
from ..polygons.classpolygons import PolygonRequest, PolygonResult, class_polygons
from ..polygons.scratch import Scratch
from ..progress import Progress
from ..provenance import tags
from ..sliding.run import Finished, run
from ..sliding.setup import ModelRequest, record_of, set_up, tell
from .drawing import HeadMaps, head_maps
from .outputs import BlockWriter, ScratchTarget
from .segment_files import OUTPUTS, Beside, File, planned_files
from .segment_result import SegmentResult, head_result, say
from .smoothing import smoothed

GDAL_CACHE = 24 * 2**20
"""Bytes of blocks that GDAL keeps: each is read and written once, so that more would only fill the memory."""


class SegmentRequest(ModelRequest):
    """What ``ModelRequest`` says, and where the results go: at least one of them.

    ``classes`` (class numbers of the card, 255: none), ``scores`` (a band a class, 0 … 254 for 0 … 1), ``confidence``
    (the margin between the best class and the next, 0 … 254) and ``polygons`` (a GeoPackage). A regressor's numbers go
    to ``classes``, or to ``scores`` where that alone is given. Of a model with several heads each has its own files:
    ``map_<head>.tif``. ``small_segment``: side in pixels of the filter that takes away small segments (0: none, −1: the
    card's). ``min_area``: of polygons, m².
    """

    small_segment: int = Field(-1, ge=-1, le=999)
    min_area: float = Field(0, ge=0, allow_inf_nan=False)
    classes: Path | None = None
    scores: Path | None = None
    confidence: Path | None = None
    polygons: Path | None = None


@dataclass
class Count:
    """Pixels asked for, and with data."""

    asked: int = 0
    known: int = 0


def segment_raster(request: SegmentRequest, progress: Progress) -> SegmentResult:
    """Run the model over the raster; all files appear, or none.

    Memory is that of a few rows of windows, whatever the size of the raster. Raises InputError, ModelError or
    OutputError, all that can be known before any work is done; Cancelled within a tenth of a second.
    """
    began = time.perf_counter()
    asked = _check(request)
    setup = set_up(request, next(iter(asked.values())), progress)
    tell(setup, progress)
    maps = head_maps(setup.model.heads, setup.model.card, request.threshold, setup.grid, request.model.name)
    record = record_of("segmentraster", request, setup)
    more = {**tags(record), "MODEL": setup.model.card.name or request.model.stem, "PROVIDER": setup.model.provider_used}
    planned = planned_files(asked, maps, progress)
    side = setup.model.card.small_segment if request.small_segment < 0 else request.small_segment
    count, made, seconds = Count(), dict[int, PolygonResult](), dict[str, float]()

    def finish(finished: Finished) -> None:
        count.asked += finished.asked
        count.known += int(np.count_nonzero(finished.wanted))
        for one in maps:
            one.draw(finished)

    share = 0.85 if request.polygons else 0.95
    with whole_or_nothing(progress, *(path for _, _, path in planned)) as partials:
        files = [File(*one, partial) for one, partial in zip(planned, partials, strict=True)]
        with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), Beside(files, progress) as beside, explained(files[0].path):
            with _opened(beside.rasters, setup.grid, more, side, share, seconds, progress):
                with progress.stage(0, share, "Reading"):
                    found = run(setup.plan, setup.network, finish, progress, setup.model.provider_used)
                if not count.asked:
                    raise InputError("The area of interest holds the centre of no pixel of "
                                     f"{Path(request.input).name}. Draw it larger.")
                setup.model.close()
                seconds.update(read=found.read, model=found.model, blend=found.blend, write=found.write)
            with timed(seconds, "polygons"), progress.stage(0.95, 1, "Drawing polygons"):
                for number, head in enumerate(beside.heads):
                    if "polygons" in head:
                        made[number] = _polygons(head, beside, request, record, progress)
            beside.give()
    seconds["total"] = time.perf_counter() - began
    result = SegmentResult(
        model_name=setup.model.card.name or request.model.stem, model_type=setup.kind,
        heads=[head_result(one, {file.output: file.path for file in files if file.maps is one}, made.get(number))
               for number, one in enumerate(maps)],
        pixels=count.asked, covered_pixels=count.known, windows=found.windows, skipped=found.skipped,
        tile=setup.plan.rows.tile + 2 * setup.plan.margin, overlap=setup.plan.rows.overlap,
        resampled=not setup.plan.grid.same, provider_used=setup.model.provider_used, fallback=setup.model.fallback,
        seconds={name: round(value, 3) for name, value in seconds.items()})
    say(result, request.aoi is not None, progress)
    return result


def _check(request: SegmentRequest) -> dict[str, Path]:
    """Paths of the outputs that are asked for. Raises InputError or OutputError for what can be told before work."""
    given = {name: path for name in OUTPUTS if (path := getattr(request, name)) is not None}
    if not given:
        raise InputError("No output was chosen: ask for classes, scores, confidence or polygons, at least one of them.")
    for name, path in given.items():
        wanted = (".gpkg",) if name == "polygons" else (".tif", ".tiff")
        if path.suffix.lower() not in wanted:
            raise OutputError(f"{path.name} should end in {wanted[0]}: {name} are written as "
                              f"{'GeoPackage' if name == 'polygons' else 'GeoTIFF'}.")
        require_folder(path)
    inputs = {
        one.resolve() for one in (request.model, Path(request.input), request.aoi, request.card) if one is not None
    }
    for path in given.values():
        if path.resolve() in inputs:
            raise InputError(f"{path} is an input of this run; the result would overwrite it. Choose another name.")
    return given



@contextmanager
def _opened(
    rasters: Sequence[tuple[HeadMaps, str, Path]], grid: Grid, more: dict[str, str], side: int, share: float,
    seconds: dict[str, float], progress: Progress,
) -> Iterator[None]:
    """Open what takes the pixels; after the block smooth classes and close the rasters: that builds overviews."""
    raw: list[tuple[HeadMaps, Scratch, BlockWriter]] = []
    with ExitStack() as stack:
        for maps, output, place in rasters:
            writer = BlockWriter(stack.enter_context(RasterWriter(place, grid, maps.layout(output, more), progress)))
            maps.targets[output] = writer
            if output == "classes" and side > 1:
                scratch = stack.enter_context(Scratch(rasters[0][2], grid.height, grid.width, np.uint8))
                maps.targets[output] = ScratchTarget(scratch.array)
                raw.append((maps, scratch, writer))
        yield
        with timed(seconds, "smooth"):
            for maps, scratch, writer in raw:
                with progress.stage(share, share + 0.05, "Removing small segments"):
                    _smooth(maps, scratch, writer, side, grid, progress)
        began = time.perf_counter()
        stack.enter_context(progress.stage(share + 0.02, 0.95 if share < 0.9 else 1, "Building overviews"))
    seconds["overviews"] = time.perf_counter() - began


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage takes."""
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


def _smooth(maps: HeadMaps, scratch: Scratch, writer: BlockWriter, side: int, grid: Grid, progress: Progress) -> None:
    """Write classes without small segments, and count them anew."""
    maps.tally.clear()
    for top, classes in smoothed(scratch.array, side):
        progress.report(top / grid.height)
        writer.put(classes[None], top, 0)
        maps.tally.add(classes, top, 0)
        scratch.release()
    maps.targets.clear()


def _polygons(
    head: dict[str, File], beside: Beside, request: SegmentRequest, record: dict[str, Any], progress: Progress
) -> PolygonResult:
    """Polygons of the classes of one head, without its background."""
    maps = head["polygons"].maps
    shown = [str(one.value) for one in maps.classes if one.value != maps.background]
    scores = head["scores"].partial if "scores" in head else None
    return class_polygons(
        PolygonRequest(inputs=[beside.classes(head)], classes=shown, threshold=0.5, min_area=request.min_area,
                       max_hole=0, tolerance=0, score=scores, output=head["polygons"].partial),
        progress, record)
