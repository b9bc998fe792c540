"""All that can be said of a run before any work: the model, the bands, the windows and the part of the raster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from ..errors import InputError, ModelError
from ..grids.area import read_area, window_of
from ..grids.grid import Grid
from ..grids.reader import open_raster
from ..inference.channels import ChannelMap, propose
from ..inference.model import Model
from ..inference.precision import measured, unmeasured
from ..inference.raster_bands import RasterDescription
from ..operations import Request
from ..progress import Progress
from ..provenance import provenance
from .network import PICTURES, ModelNetwork
from .reading import Plan
from .resolution import metres, model_grid, spread
from .run import windows_said
from .source import Source
from .windows import Axis, Blend, left_out, placed_overlap

UNEVEN = 1.25
"""Pixels that differ more than by this between places of a raster are told of."""


class ModelRequest(Request):
    """A model, a raster, and how to run the one over the other.

    ``card``: a sidecar that is not beside the model. ``bands``: the raster's bands (from 1) for what the card needs, in
    its order; None: as proposed from their names. ``provider``: "automatic" or one that describemodel lists.
    ``overlap`` and ``tile`` in the model's pixels; −1 and 0: the card's. ``overlap_percent`` of a window, instead.
    ``flips``: the mean of four mirrored windows. ``aoi``: a file of polygons (``aoi_crs``: for one that names no CRS);
    ``extent``: west, south, east, north in ``extent_crs`` ("": the raster's own). ``threshold``: None: the card's.
    """

    model: Path
    input: str
    card: Path | None = None
    bands: list[int] | None = Field(None, max_length=512)
    provider: str = "automatic"
    threads: int = Field(0, ge=0, le=1024)
    tile: int = Field(0, ge=0, le=8192)
    overlap: int = Field(-1, ge=-1, le=8192)
    overlap_percent: float | None = Field(None, ge=0, le=75)
    blend: Blend = "hann"
    flips: bool = False
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    extent: tuple[float, float, float, float] | None = None
    extent_crs: str = ""
    threshold: float | None = Field(None, ge=0, le=1)


@dataclass(frozen=True)
class Task:
    """What an algorithm makes of a model: its ``title``, the ``kinds`` of heads it can use, and which models those are,
    in words. ``resampled``: whether the model gets pixels of the size that it was made for; ``overlap``: of windows, as
    a share, instead of the card's. ``blended``: what windows say is joined pixel by pixel."""

    title: str
    kinds: tuple[str, ...]
    takes: str
    network: Callable[[Model, bool], ModelNetwork] = ModelNetwork
    resampled: bool = True
    overlap: float | None = None
    blended: bool = True


SEGMENT = Task("Segment raster with a model", PICTURES,
               "that give classes (Segmentor) or numbers (Regressor) for each pixel")


@dataclass(frozen=True)
class Setup:
    """What a run needs. ``reach``: pixels that a window's edge reaches into what the model says (None: not known).
    ``licences`` and ``attributions`` are those of the model and the raster."""

    model: Model
    network: ModelNetwork
    channels: ChannelMap
    plan: Plan
    reach: int | None
    task: Task
    licences: list[str]
    attributions: list[str]

    @property
    def kind(self) -> str:
        """What the model is: Segmentor, Regressor …"""
        return self.model.card.model_type or "Segmentor"

    @property
    def grid(self) -> Grid:
        """The grid of the results."""
        return self.plan.source.grid.crop(self.plan.part)

    @property
    def windows(self) -> int:
        """How many windows there are; some of them may hold nothing that is asked for."""
        return len(self.plan.window_rows) * sum(len(panel.windows) for panel in self.plan.panels())


def record_of(operation: str, request: ModelRequest, setup: Setup, *others: Path) -> dict[str, Any]:
    """The provenance of a result of ``operation``; ``others``: inputs besides raster, model, card and area."""
    given: list[str | Path | None] = [request.model, request.input, request.card, request.aoi, *others]
    parameters = {**request.model_dump(mode="json"), "bands_used": list(setup.channels.bands),
                  "provider_used": setup.model.provider_used}
    return provenance(operation, parameters, [path for path in given if path is not None], setup.licences,
                      setup.attributions)


def set_up(request: ModelRequest, beside: Path, progress: Progress, task: Task = SEGMENT) -> Setup:
    """Open the model and the raster, and plan. Raises ModelError or InputError with what was expected and found."""
    progress.report(0, f"Opening {request.model.name}")
    model = Model.open(request.model, request.provider, request.threads, request.card, progress)
    name = model.card.name or request.model.stem
    if any(head.kind not in task.kinds for head in model.heads):
        raise ModelError(f"{name} is a {model.card.model_type}; “{task.title}” takes models {task.takes}.")
    described = RasterDescription.of(request.input)
    channels = propose(model.card, described, model.inputs.channels, request.bands).require()
    source = Source.open(request.input, channels.raster_bands, channels.valid)
    network = task.network(model, request.flips)
    area = None
    if request.aoi is not None:
        area = read_area(request.aoi, request.aoi_layer, source.grid.crs, request.aoi_crs)
    part = window_of(source.grid, str(request.input), area, request.extent, request.extent_crs)
    grid = model_grid(source.grid, model.card.resolution if task.resampled else None)
    tile, overlap = _tile(request, model, network.margin, task.overlap)
    core = tile - 2 * network.margin
    with open_raster(request.input) as dataset:
        tags = dict(dataset.tags())
    progress.report(0, "Trying the model")
    with model.stopping(progress):
        reach = network.reach(tile) if task.blended and request.blend == "hann" and overlap else None
    ignored = left_out(overlap, reach)
    plan = Plan(
        source, grid, Axis(grid.height, core, overlap, ignored), Axis(grid.width, core, overlap, ignored),
        request.blend, part, area, channels.apply, network.scores, network.margin, beside,
    )
    return Setup(
        model, network, channels, plan, reach, task, [model.card.licence, tags.get("LICENSE", "")],
        [model.card.attribution, tags.get("ATTRIBUTION", "")])


def tell(setup: Setup, progress: Progress) -> None:
    """What will be done, for the log, before it is begun."""
    model, plan, card = setup.model, setup.plan, setup.model.card
    progress.info(f"{card.name or model.path.stem} ({setup.kind}) runs on {model.provider_used}"
                  + (f" with {model.threads} threads." if model.threads > 1 else "."))
    if text := unmeasured(model):
        progress.warn(text)
    for text in filter(None, (measured(model), *model.notes)):
        progress.info(text)
    progress.info(
        "Bands: "
        + "; ".join(
            f"{one.name} = {f'band {one.band}, ' if one.index is None else ''}{one.reason}"
            for one in setup.channels.channels
        )
        + "."
    )
    for text in setup.channels.warnings:
        progress.warn(text)
    size = metres(plan.source.grid)
    if card.resolution is not None and size is None:
        progress.warn(f"The model was made for {card.resolution:g} m a pixel, but the raster does not say where on "
                      "Earth it is: the model is run on its pixels as they are.")
    elif card.resolution is not None and size is not None and not plan.grid.same:
        progress.info(f"The raster's pixels of {size[1]:.3g} × {size[0]:.3g} m are resampled to the model's "
                      f"{card.resolution:g} m, and its scores back.")
        if (uneven := spread(plan.source.grid)) > UNEVEN:
            progress.warn(f"Pixels of this raster differ in size by a factor of {uneven:.2g} from place to place; the "
                          "size in its middle is used. Warp it to a CRS that suits the place for better results.")
    if setup.task.blended:
        _tell_of_seams(setup, progress)
    progress.info(f"{windows_said(setup.windows)} of {plan.rows.tile + 2 * plan.margin} pixels, {plan.rows.overlap} in "
                  f"common ({plan.blend}){', each mirrored four ways' if setup.network.mirrored else ''}.")


def _tell_of_seams(setup: Setup, progress: Progress) -> None:
    axis, reach = setup.plan.rows, setup.reach
    if setup.plan.blend != "hann" or not axis.overlap or setup.windows < 2:
        return
    if reach is not None and reach <= axis.overlap // 2:
        progress.info(f"The edge of a window reaches {reach} pixels into what the model says: these are left out, and "
                      "there are no seams.")
        return
    far = "too far to be told" if reach is None else f"{reach} pixels"
    progress.info(f"The edge of a window reaches {far} into what the model says, and windows have {axis.overlap} "
                  "pixels in common: they are blended, and may still differ a little"
                  + (f". With {2 * reach} in common there would be no trace of them." if reach is not None else "."))


def _tile(request: ModelRequest, model: Model, margin: int, share: float | None) -> tuple[int, int]:
    """Side of a window and the overlap of what it says, in the model's pixels."""
    tile = request.tile or model.tile_size
    fixed = model.inputs.size
    if fixed is not None and tile != fixed:
        raise ModelError(f"{model.path.name} takes tiles of {fixed} pixels only; {tile} were asked for. Leave the size "
                         "of windows at 0.")
    core = tile - 2 * margin
    if core < 16:
        raise InputError(f"Windows of {tile} pixels are too small for {model.path.name}, which says nothing of the "
                         f"outer {margin} on each side. Make them larger.")
    if request.overlap >= 0 or request.overlap_percent is not None:
        wanted = request.overlap if request.overlap_percent is None else round(core * request.overlap_percent / 100)
    else:
        usual = model.card.overlap_pixels(tile) if share is None else round(tile * share)
        wanted = min(usual, core // 2)
    return tile, placed_overlap(core, wanted)
