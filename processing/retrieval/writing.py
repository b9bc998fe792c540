"""The outputs of findsimilar, whole or not at all: layer, table, picture and report."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..grids.writer import BLOCK, Layout, RasterWriter
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..provenance import tags
from ..reports.page import write_page
from ..store.location import ShardError
from ..store.store import Store
from .answer import Answer
from .candidates import Candidates
from .exemplars import Found
from .find_report import find_page
from .geoparquet import PROVENANCE, GeoParquetWriter
from .layer import LayerWriter
from .picture import NODATA, grid_of, painted
from .requests import FindRequest
from .results import batches
from .spaces import Space

LARGEST_SIDE = 30_000
"""Cells of a raster along a side."""
CODES = b"bitscape_codes"


@dataclass(frozen=True)
class Outputs:
    """All that is known of a search once it is done."""

    request: FindRequest
    store: Store
    space: Space
    candidates: Candidates
    given: Answer
    found: Found
    failed: Sequence[ShardError]
    title: str
    description: str
    record: dict[str, Any]


def write_outputs(of: Outputs, executor: Executor, progress: Progress) -> None:
    """Write what the request names. Raises OutputError, Cancelled; ShardError if the store can no longer be read."""
    request = of.request
    targets = [path for path in (request.output, request.parquet) if path is not None]
    others = [path for path in (request.raster, request.report) if path is not None]
    with whole_or_nothing(progress, *targets, *others) as partials:
        names = dict(zip([*targets, *others], partials, strict=True))
        if targets:
            with progress.stage(0.0, 0.7, "Writing the results"):
                _results(of, names, executor, progress)
        if request.raster is not None:
            with progress.stage(0.7, 0.95, "Drawing the raster"):
                _raster(of, names[request.raster], progress)
        if request.report is not None:
            progress.report(0.95, "Writing the report")
            write_page(find_page(of.request.view, of.store, of.space, of.given, of.found, of.failed, of.title,
                                 of.description, of.record), names[request.report])


def _results(of: Outputs, names: dict[Path, Path], executor: Executor, progress: Progress) -> None:
    request, about = of.request, of.store.about
    with ExitStack() as files:
        layer = table = None
        if request.output is not None:
            layer = LayerWriter(names[request.output], of.title, of.description, tags(of.record))
        if request.parquet is not None:
            codes = {"model": about.model, "dimensions": about.dimensions, "bits": about.bits, "bytes": about.bytes,
                     "kind": about.kind, "codec": None if about.codec is None else about.codec.fingerprint}
            footer = {PROVENANCE: json.dumps(of.record, ensure_ascii=False).encode(), CODES: json.dumps(codes).encode()}
            table = files.enter_context(GeoParquetWriter(names[request.parquet], about.bytes, footer))
        for results in batches(of.store, of.candidates, of.given.ranked, executor, progress):
            if layer is not None:
                layer.add(results)
            if table is not None:
                table.add(results)
            progress.check()


def _raster(of: Outputs, path: Path, progress: Progress) -> None:
    """The values of all candidates as a picture: 0 … 254, 255 where no patch is."""
    boxes, levels, scale = of.candidates.boxes, of.given.levels(), of.given.scale
    grid = grid_of(boxes, LARGEST_SIDE)
    said = tags(of.record) | {"VIEW": of.request.view, "UNIT": of.space.unit}
    if scale is not None:
        said |= {"SCORE_AT_0": repr(scale.low), "SCORE_AT_254": repr(scale.high)}
    layout = Layout(1, "uint8", NODATA, [of.title], said, averaged=False)
    bands = math.ceil(grid.height / BLOCK)
    with RasterWriter(path, grid, layout, progress) as writer:
        for number in range(bands):
            top = number * BLOCK
            height = min(BLOCK, grid.height - top)
            writer.write(painted(boxes, levels, grid, top, height)[None])
            progress.report((number + 1) / bands)
