"""The operation estimateapply: what applying a classifier will cost, measured on a few blocks, before it is begun."""

from __future__ import annotations

import shutil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.io import MemoryFile
from rasterio.windows import Window

from ..classification.model import BasisReference, Model
from ..compression.tiles import Tiles
from ..errors import InputError
from ..executors import cores
from ..grids.area import AreaOfInterest, area_from_wkt, window_of
from ..grids.grid import Grid
from ..grids.writer import BLOCK, Layout, RasterWriter
from ..operations import Request, Result
from ..progress import Progress
from ..regression.model import RegressionModel, load_any_model
from .apply import band_scorer, layouts
from .bands import Limits, Scorer
from .numbers import number_layout, number_scorer

BLOCKS = 4


class EstimateRequest(Request):
    """Tiles, and the area to be mapped: ``aoi``, polygons as WKT ("": none), and ``extent``, west, south, east, north,
    both in the tiles' CRS. Without a ``model`` one of two classes is assumed. ``output``: where the maps would go."""

    tiles: Path
    model: Path | None = None
    aoi: str = ""
    extent: tuple[float, float, float, float] | None = None
    classes: bool = True
    threads: int = Field(0, ge=0, le=1024)
    output: Path | None = None


class Estimate(Result):
    """About what it will cost. ``pixels_read`` are decoded and scored, ``pixels_inside`` asked for; ``rate`` is Mpx/s
    of those read; ``bytes`` of all maps with their overviews; ``free_bytes`` on the disk of the output, if one is
    given."""

    width: int
    height: int
    pixels_read: int
    pixels_inside: int
    seconds: float
    rate: float
    bytes: int
    free_bytes: int | None


def estimate_apply(request: EstimateRequest, progress: Progress) -> Estimate:
    """Score and compress up to four blocks spread over the area, in memory, and count the pixels.

    Raises BasisMismatch or InputError as the application itself would.
    """
    tiles = Tiles.open(request.tiles)
    model = load_any_model(request.model) if request.model is not None else _plain_model(tiles)
    model.require_basis(tiles.fingerprint, tiles.dates, tiles.count, tiles.path)
    area = area_from_wkt(request.aoi) if request.aoi else None
    window = window_of(tiles.grid, str(tiles.path), area, request.extent)
    threads = request.threads or cores()
    touched = _touched(tiles, window, area)
    pixels = int(window.width * window.height)
    read = sum(int(part.width * part.height) for part in touched)
    inside = pixels if area is None else area.pixels(tiles.grid, window)
    if not touched or not inside:
        raise InputError(f"The area of interest holds the centre of no pixel of {tiles.path.name}. Draw it larger.")
    blocks = _spread(touched)
    progress.report(0.2, "Measuring")
    scorer, made = _drawing(tiles, model, request.classes)
    scoring, parts = _score(scorer, blocks)
    tiles.reader.close()
    progress.report(0.6)
    writing, size = _write(tiles.grid, made, parts, threads)
    seconds = read * scoring / threads + pixels * writing
    return Estimate(
        width=int(window.width), height=int(window.height), pixels_read=read, pixels_inside=inside, seconds=seconds,
        rate=read / seconds / 1e6, bytes=round(inside * size),
        free_bytes=None if request.output is None else _free(request.output),
    )


def _drawing(tiles: Tiles, model: Model | RegressionModel, classes: bool) -> tuple[Scorer, list[Layout]]:
    """What draws the bands, and what the files are that its first bands go to."""
    if isinstance(model, RegressionModel):
        return number_scorer(tiles, model), [number_layout(model, "", {})]
    return band_scorer(tiles, model), list(layouts(model, "", {}))[: 1 + classes]


def _touched(tiles: Tiles, window: Window, area: AreaOfInterest | None) -> list[Window]:
    """What is read of each row band: the columns that the area touches."""
    bands = [band for band, _ in Limits(window, None).bands(tiles.grid, tiles.block_rows)]
    if area is None:
        return bands
    return [part for band in bands if (part := area.columns(tiles.grid, band)) is not None]


def _spread(touched: list[Window]) -> list[Window]:
    """Up to four blocks, one from each of four equal runs of bands, from left to right and so across the area."""
    count = min(BLOCKS, sum(-(-int(part.width) // BLOCK) for part in touched))
    blocks = []
    for index in range(count):
        share = (index + 0.5) / count
        band = touched[int(share * len(touched))]
        columns = -(-int(band.width) // BLOCK)
        left = int(share * columns) * BLOCK
        blocks.append(Window(band.col_off + left, band.row_off, min(BLOCK, band.width - left), band.height))
    return list({(block.col_off, block.row_off): block for block in blocks}.values())


def _score(scorer: Scorer, blocks: list[Window]) -> tuple[float, list[NDArray[Any]]]:
    """Seconds a pixel of one thread that decodes and scores, and what came out of each block."""
    parts, times = [], []
    for block in blocks:
        begin = perf_counter()
        parts.append(np.concatenate(scorer(block)))
        times.append((perf_counter() - begin) / parts[-1][0].size)
    # the first has opened the file and loaded the kernel
    return float(np.median(times[1:] or times)), parts


def _write(
    place: Grid, files: list[Layout], parts: list[NDArray[Any]], threads: int
) -> tuple[float, float]:
    """Seconds and bytes a pixel of maps and their overviews, written in memory with the blocks side by side."""
    height = max(part.shape[1] for part in parts)
    padded = [np.pad(part, ((0, 0), (0, height - part.shape[1]), (0, 0)), "edge") for part in parts]
    rows = np.concatenate(padded, axis=2)
    grid = Grid(rows.shape[2], height, place.transform, place.crs)
    ends = np.cumsum([layout.count for layout in files])
    times, size = [], 0
    for _ in range(2):  # the first loads the kernels of overviews
        begin, size = perf_counter(), 0
        for layout, end in zip(files, ends, strict=True):
            with MemoryFile(ext=".tif") as file:
                with RasterWriter(file.name, grid, layout, Progress(), threads) as writer:
                    writer.write(rows[end - layout.count : end])
                size += len(file.getbuffer())
        times.append(perf_counter() - begin)
    return min(times) / rows[0].size, size / rows[0].size


def _plain_model(tiles: Tiles) -> Model:
    """Two classes told apart by the first component: stands in where there is no model yet."""
    weights = [1 / tiles.basis.deviation[0]] + [0.0] * (tiles.count - 1)
    reference = BasisReference(fingerprint=tiles.fingerprint, features=tiles.basis.features, dates=tiles.dates)
    return Model(
        classes=["a", "b"], positive_class="b", weights=[weights], bias=[0.0], basis=reference, c=1.0,
        class_weights="none", counts={}, random=None, spatial=None, random_reason="", spatial_reason="",
        block_size=None, warnings=[], provenance={})


def _free(output: Path) -> int:
    """Bytes left on the disk that holds a path, or the nearest folder above it that exists."""
    folder = next(parent for parent in output.absolute().parents if parent.is_dir())
    return shutil.disk_usage(folder).free
