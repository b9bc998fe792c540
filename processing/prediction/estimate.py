"""The operation estimatesegment: what running a model will cost, measured on a few real windows, before it is begun."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import Field
from rasterio.windows import Window

from ..grids.writer import RasterWriter
from ..operations import Result
from ..progress import Progress
from ..sliding.reading import Plan
from ..sliding.run import Finished, run
from ..sliding.setup import ModelRequest, Setup, set_up
from ..sliding.windows import Axis
from .drawing import HeadMaps, head_maps
from .outputs import BlockWriter
from .segment_files import OUTPUTS

SAMPLE = 3
"""Windows that are run, if the raster has as many."""


class EstimateRequest(ModelRequest):
    """What ``ModelRequest`` says; ``outputs``: which of classes, scores, confidence and polygons are wanted;
    ``output``: where one of them would go."""

    outputs: list[str] = Field(default_factory=lambda: ["classes"], max_length=len(OUTPUTS))
    output: Path | None = None


class SegmentEstimate(Result):
    """About what it will cost. ``windows`` that hold something asked for as far as the area says, of ``tile`` pixels;
    ``seconds`` in all, at ``window_seconds`` each, of which ``model_share`` is the model; ``bytes`` of the rasters with
    their overviews; ``memory`` at most, in bytes; ``free_bytes`` on the disk of the output, if one is given."""

    width: int
    height: int
    pixels: int
    windows: int
    tile: int
    overlap: int
    seconds: float
    window_seconds: float
    model_share: float
    bytes: int
    memory: int
    free_bytes: int | None
    provider_used: str
    fallback: str
    threads: int
    resampled: bool


def estimate_segment(request: EstimateRequest, progress: Progress) -> SegmentEstimate:
    """Run the model on up to three windows from the middle of the part, writing what comes out to a temporary folder.

    Raises InputError or ModelError as the run itself would.
    """
    setup = set_up(request, Path(), progress)
    plan = setup.plan
    with TemporaryDirectory(prefix="bitscape-") as folder:
        sample = replace(plan, part=_middle(plan), area=None, beside=Path(folder) / "x")
        maps = head_maps(setup.model.heads, setup.model.card, request.threshold, plan.source.grid.crop(sample.part),
                         request.model.name)
        progress.report(0.3, "Measuring")
        setup.network(np.zeros((len(setup.channels.channels), *(setup.model.tile_size,) * 2) if not request.tile else
                               (len(setup.channels.channels), request.tile, request.tile), np.float32), "the first")
        seconds, model, windows, size = _measure(setup, sample, maps, request.outputs, Path(folder), progress)
    count = _windows(plan)
    pixels = int(plan.part.width * plan.part.height)
    inside = pixels if plan.area is None else plan.area.pixels(plan.source.grid, plan.part)
    sampled = int(sample.part.width * sample.part.height)
    return SegmentEstimate(
        width=int(plan.part.width), height=int(plan.part.height), pixels=inside, windows=count,
        tile=plan.rows.tile + 2 * plan.margin, overlap=plan.rows.overlap, seconds=seconds * count,
        window_seconds=seconds, model_share=min(1.0, model / (seconds * windows)) if windows else 0.0,
        bytes=round(size / sampled * inside), memory=_memory(plan),
        free_bytes=None if request.output is None else _free(request.output), provider_used=setup.model.provider_used,
        fallback=setup.model.fallback, threads=setup.model.threads, resampled=not plan.grid.same,
    )


def _measure(
    setup: Setup, sample: Plan, maps: Sequence[HeadMaps], outputs: Sequence[str], folder: Path, progress: Progress
) -> tuple[float, float, int, int]:
    """Seconds a window, those of the model in all, the number of windows, and the bytes that came out."""
    began = time.perf_counter()
    files = []
    with ExitStack() as stack:
        for number, one in enumerate(maps):
            names = ["numbers"] if one.decision is None else [name for name in outputs if name in OUTPUTS[:3]]
            for name in names:
                files.append(folder / f"{name}_{number}.tif")
                writer = RasterWriter(
                    files[-1], setup.plan.source.grid.crop(sample.part), one.layout(name, {}), Progress()
                )
                one.targets[name] = BlockWriter(stack.enter_context(writer))

        def finish(finished: Finished) -> None:
            for one in maps:
                one.draw(finished)

        with progress.stage(0.4, 1.0, "Measuring"):
            spent = run(sample, setup.network, finish, progress, setup.model.provider_used)
    ran = max(spent.windows, 1)
    return (time.perf_counter() - began) / ran, spent.model, ran, sum(path.stat().st_size for path in files)


def _middle(plan: Plan) -> Window:
    """The pixels that up to three windows side by side in the middle of the part finish alone."""
    rows, columns = plan.window_rows, plan.columns.touching(*plan.grid.back_across.reach(
        int(plan.part.col_off), int(plan.part.col_off + plan.part.width), plan.grid.width))
    row = rows[len(rows) // 2]
    first = columns[max(0, min(len(columns) - SAMPLE, (len(columns) - SAMPLE) // 2))]
    last = min(first + SAMPLE, columns.stop) - 1
    top, bottom = _own(plan.rows, row, row, plan.grid.down.factor, plan.part.row_off, plan.part.height)
    left, right = _own(plan.columns, first, last, plan.grid.across.factor, plan.part.col_off, plan.part.width)
    return Window(left, top, right - left, bottom - top)


def _own(axis: Axis, first: int, last: int, factor: float, offset: int, length: int) -> tuple[int, int]:
    """The raster's pixels of the part that no window besides ``first`` … ``last`` touches, if there are such."""
    low = int(axis.starts[first]) + (axis.overlap + 2 if first else 0)
    high = int(axis.starts[last]) + axis.tile - (axis.overlap + 2 if last + 1 < len(axis.starts) else 0)
    begin = min(max(round(low * factor), int(offset)), int(offset + length) - 1)
    return begin, max(begin + 1, min(round(high * factor), int(offset + length)))


def _windows(plan: Plan) -> int:
    """Windows that the part, and the polygons in it, touch."""
    columns = [column for panel in plan.panels() for column in panel.windows]
    if plan.area is None:
        return len(plan.window_rows) * len(columns)
    import shapely

    grid, t = plan.grid, plan.source.grid.transform
    parts = shapely.get_parts(plan.area.polygons)
    tree = shapely.STRtree(parts)
    left = np.minimum(plan.columns.starts[columns], grid.width) * grid.across.factor
    right = np.minimum(plan.columns.starts[columns] + plan.columns.tile, grid.width) * grid.across.factor
    count = 0
    for row in plan.window_rows:
        top = int(plan.rows.starts[row]) * grid.down.factor
        bottom = min(int(plan.rows.starts[row]) + plan.rows.tile, grid.height) * grid.down.factor
        corners = np.array(
            [[(x0, top), (x1, top), (x1, bottom), (x0, bottom)] for x0, x1 in zip(left, right, strict=True)]
        )
        on_ground = corners @ np.array([[t.a, t.d], [t.b, t.e]]) + (t.c, t.f)
        count += len(np.unique(tree.query(shapely.polygons(on_ground), "intersects")[0]))
    return count


def _memory(plan: Plan) -> int:
    """What the process holds after some windows, and the rows of the widest panel."""
    panels = plan.panels()
    widest = max(panel.right - panel.left for panel in panels)
    rows = plan.rows.tile * plan.grid.down.factor + plan.rows.tile
    return _resident() + int(widest * (rows * (plan.source.pixel_bytes + 3) + 4 * plan.scores * 3 * plan.rows.tile))


def _resident() -> int:
    """Bytes of memory that this process had at most; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _free(output: Path) -> int:
    """Bytes left on the disk that holds a path, or the nearest folder above it that exists."""
    folder = next(parent for parent in output.absolute().parents if parent.is_dir())
    return shutil.disk_usage(folder).free
