"""The operation enhanceresolution: a super-resolution model and a raster in, a finer raster out.

The s × s pixels that the model makes of one are blended as s² scores of that one, so that the flow of segmentation
serves: no seams, flat memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ModelError, OutputError
from ..grids.grid import Grid
from ..grids.writer import Layout, RasterWriter
from ..inference.model import Model
from ..operations import Result
from ..outputs import require_folder, whole_or_nothing
from ..progress import Progress
from ..provenance import tags
from ..sliding.network import ModelNetwork
from ..sliding.resolution import TOLERANCE, metres
from ..sliding.run import Finished, in_words, run, windows_said
from ..sliding.setup import ModelRequest, Setup, Task, record_of, set_up, tell
from .outputs import BlockWriter

LARGEST = 8
"""A finer model is not one for pixels."""


class EnhanceRequest(ModelRequest):
    """What ``ModelRequest`` says (``threshold`` plays no part). ``values``: "input": numbers as the raster has them, of
    its type, where the model's are scaled as its input is; "model": float32, as the model gives them."""

    values: Literal["input", "model"] = "input"
    output: Path


class EnhanceResult(Result):
    """``factor``: pixels along a side for one of the input."""

    model_name: str
    output: Path
    factor: int
    bands: int
    dtype: str
    pixels: int
    covered_pixels: int
    windows: int
    skipped: int
    provider_used: str
    fallback: str
    seconds: dict[str, float]


class FinerNetwork(ModelNetwork):
    """A window (channels, side, side) → (K · s², core, core): the K numbers of each of the s × s finer pixels."""

    def __init__(self, model: Model, flips: bool) -> None:
        super().__init__(model, flips)
        head = model.heads[0]
        self.factor = round(head.scale)
        if not 1 < self.factor <= LARGEST or self.factor != head.scale:
            raise ModelError(f"{model.path.name} makes pictures {head.scale:g} times as fine; expected 2 to {LARGEST} "
                             "times, a whole number.")
        self.margin = -(-head.margin // self.factor)
        self._cut = self.margin * self.factor - head.margin

    @property
    def scores(self) -> int:
        """Numbers of a pixel of the input."""
        return self.heads[0].channels * self.factor**2

    def _scores(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        picture = self._model.run(window[None])[0][0]
        core, factor, cut = window.shape[1] - 2 * self.margin, self.factor, self._cut
        picture = picture[:, cut : cut + core * factor, cut : cut + core * factor]
        parts = picture.reshape(len(picture), core, factor, core, factor).transpose(0, 2, 4, 1, 3)
        return np.ascontiguousarray(parts).reshape(-1, core, core)

    def mirrored_back(self, scores: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Scores of a mirrored window, mirrored again: the finer pixels within each pixel too."""
        factor = self.factor
        whole = scores.reshape(-1, factor, factor, *scores.shape[1:])
        for axis in axes:
            whole = np.flip(np.flip(whole, axis + 2), axis)
        return whole.reshape(scores.shape)


ENHANCE = Task("Enhance resolution with a model", ("image",), "that give a finer picture (Superresolution)",
               FinerNetwork, resampled=False)


@dataclass
class Finer:
    """Writes finished pixels as finer ones."""

    factor: int
    convert: Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[Any]]
    writer: BlockWriter
    asked: int = 0
    known: int = 0

    def __call__(self, finished: Finished) -> None:
        scores, factor = finished.scores, self.factor
        self.asked += finished.asked
        self.known += int(np.count_nonzero(finished.wanted))
        parts = scores.reshape(-1, factor, factor, *scores.shape[1:]).transpose(0, 3, 1, 4, 2)
        height, width = scores.shape[1:]
        picture = parts.reshape(-1, height * factor, width * factor)
        known = finished.wanted.repeat(factor, 0).repeat(factor, 1)
        self.writer.put(self.convert(picture, known), finished.top * factor, finished.left * factor)


def enhance_resolution(request: EnhanceRequest, progress: Progress) -> EnhanceResult:
    """Run the model over the raster's own pixels. Raises InputError, ModelError or OutputError, all that can be known
    before any work is done; Cancelled within a tenth of a second."""
    began = time.perf_counter()
    if request.output.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(f"{request.output.name} should end in .tif: the finer raster is a GeoTIFF.")
    require_folder(request.output)
    setup = set_up(request, request.output, progress, ENHANCE)
    network = cast(FinerNetwork, setup.network)
    tell(setup, progress)
    _compare(setup, progress)
    grid = finer_grid(setup.grid, network.factor)
    layout, convert = _layout(request, setup)
    record = record_of("enhanceresolution", request, setup)
    layout = replace(layout, tags={**tags(record), "MODEL": setup.model.card.name or request.model.stem})
    progress.info(f"{grid.width:,} × {grid.height:,} pixels, {network.factor} times as fine, {layout.count} bands of "
                  f"{layout.dtype}. What it adds is what the model has learned to expect, not what was measured.")
    with (
        whole_or_nothing(progress, request.output) as (partial,),
        progress.stage(0, 0.97, "Reading"),
        RasterWriter(partial, grid, layout, progress) as writer,
    ):
        finish = Finer(network.factor, convert, BlockWriter(writer))
        spent = run(setup.plan, network, finish, progress, setup.model.provider_used)
        if not finish.asked:
            raise InputError("The area of interest holds the centre of no pixel. Draw it larger.")
    total = time.perf_counter() - began
    progress.info(f"{windows_said(spent.windows)} on {setup.model.provider_used} in {in_words(total)}.")
    if setup.model.fallback:
        progress.warn(setup.model.fallback)
    return EnhanceResult(
        model_name=setup.model.card.name or request.model.stem, output=request.output, factor=network.factor,
        bands=layout.count, dtype=layout.dtype, pixels=finish.asked, covered_pixels=finish.known, windows=spent.windows,
        skipped=spent.skipped, provider_used=setup.model.provider_used, fallback=setup.model.fallback,
        seconds={"read": round(spent.read, 3), "model": round(spent.model, 3), "blend": round(spent.blend, 3),
                 "write": round(spent.write, 3), "total": round(total, 3)})


def finer_grid(grid: Grid, factor: int) -> Grid:
    """The same place with ``factor`` pixels along a side for one."""
    transform = grid.transform
    return Grid(grid.width * factor, grid.height * factor, transform @ transform.scale(1 / factor), grid.crs)


def _compare(setup: Setup, progress: Progress) -> None:
    """Warn where the raster's pixels are not of the size that the model was made for: it is not resampled, which would
    take away what is to be enhanced."""
    resolution, size = setup.model.card.resolution, metres(setup.plan.source.grid)
    if resolution is None or size is None:
        return
    if not all(1 / (1 + TOLERANCE) <= side / resolution <= 1 + TOLERANCE for side in size):
        progress.warn(f"The model was made for pixels of {resolution:g} m; those of this raster are {size[1]:.3g} × "
                      f"{size[0]:.3g} m. Do not expect details that are true.")


def _layout(
    request: EnhanceRequest, setup: Setup
) -> tuple[Layout, Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[Any]]]:
    """What the file is, and how the model's numbers become its. As in the input: back from the card's scale, rounded,
    and within the type's range, of which one number means no data."""
    head, card = setup.model.heads[0], setup.model.card
    bands = [channel.name for channel in setup.channels.channels if channel.index is None]
    names = bands if len(bands) == head.channels else [f"band {number + 1}" for number in range(head.channels)]
    kind = np.dtype(setup.plan.source.dtype)
    if request.values == "model" or kind.kind == "f":
        scale = card.scale if request.values == "input" else 1.0
        offset = card.offset if request.values == "input" else 0.0

        def plain(picture: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[Any]:
            return np.where(known, (picture - np.float32(offset)) * np.float32(scale), np.float32(np.nan))

        return Layout(head.channels, "float32", float("nan"), names, rgb=False), plain
    span = np.iinfo(kind)
    nodata = span.min if kind.kind == "i" else 0
    low = 1 if nodata == 0 else nodata + 1

    def whole(picture: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[Any]:
        numbers = np.rint((picture - np.float32(card.offset)) * np.float32(card.scale))
        return np.where(known, np.clip(numbers, low, span.max), nodata).astype(kind)

    return Layout(head.channels, kind.name, float(nodata), names), whole
