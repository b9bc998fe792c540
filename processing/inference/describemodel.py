"""The operation describemodel: everything a form shows of a model, and how it fits rasters, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from ..errors import BitscapeError
from ..grids.grid import crs_name
from ..operations import Request, Result
from ..progress import Progress
from .card import AccuracyFigure, CardFields, ClassEntry, Source
from .channels import ChannelMap, propose
from .model import Model
from .precision import unmeasured
from .providers import devices, machine, providers
from .raster_bands import RasterDescription, pixel_metres

MOST_RASTERS = 500


class DescribeModelRequest(Request):
    """``card``: a sidecar that is not beside the model; ``rasters``: to propose bands for; ``provider``: "automatic" or
    one of ``providers`` of the result; ``threads``: 0 for one a core."""

    model: Path
    card: Path | None = None
    rasters: list[str] = Field(default_factory=list, max_length=MOST_RASTERS)
    provider: str = "automatic"
    threads: int = Field(0, ge=0, le=1024)


class InputDescription(Result):
    """``batch`` and ``size`` are None where any will do; ``text`` says it all to people."""

    name: str
    dtype: str
    layout: str
    batch: int | None
    channels: int
    size: int | None
    text: str


class HeadDescription(Result):
    """As ``heads.Head``; ``reason`` says why this activation."""

    name: str
    output: str
    kind: str
    activation: str
    reason: str
    channels: int
    scale: float
    margin: int
    classes: list[ClassEntry]


class BandDescription(Result):
    """A raster's band, counted from 1; ``range``: 2 % and 98 % of the values seen."""

    number: int
    name: str
    colour: str
    wavelength: float | None
    range: tuple[float, float] | None


class ChannelDescription(Result):
    """A channel and the raster's band for it (0: none), or the two bands of an index."""

    name: str
    band: int
    index: tuple[int, int] | None
    reason: str
    certain: bool


class RasterFit(Result):
    """How a raster fits, and where it lies: ``bounds`` (west, south, east, north) and ``pixel`` in the units of ``crs``
    (an EPSG code or WKT, "": none). ``proposed``: the band for each of the model's ``needed`` names, to be edited and
    given back as ``bands``; ``problems``: why it does not fit. One that cannot be read has no bands."""

    path: str
    name: str
    dtype: str
    width: int = 0
    height: int = 0
    pixel: float = 0.0
    bounds: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    crs: str = ""
    bands: list[BandDescription]
    channels: list[ChannelDescription]
    proposed: list[int]
    problems: list[str]
    warnings: list[str]


class ProviderDescription(Result):
    """``offered``: onnxruntime as installed here has it."""

    key: str
    title: str
    about: str
    offered: bool


class ModelDescription(Result):
    """``size`` bytes (with ``external`` files), ``parameters`` and their ``precision``; ``needed``: names of the bands
    to choose; ``problems``: what must be mended in the card before the model runs; ``warnings`` and ``notes`` to read.

    ``card`` has every field of the card as it counts, ``sources`` where each came from (metadata, sidecar, form,
    default). ``overlap`` is in pixels. ``provider_used`` runs it; ``fallback`` says why it is another than was wanted.
    """

    model: Path
    name: str
    model_type: str
    description: str
    size: int
    parameters: int
    precision: str
    input: InputDescription
    heads: list[HeadDescription]
    resolution: float | None
    tile_size: int
    tile_fixed: bool
    overlap: int
    needed: list[str]
    rasters: list[RasterFit]
    problems: list[str]
    warnings: list[str]
    notes: list[str]
    providers: list[ProviderDescription]
    provider: str
    provider_used: str
    fallback: str
    threads: int
    machine: str
    devices: list[str]
    card: dict[str, Any]
    sources: dict[str, Source]
    sidecar: str
    training_data: str
    licence: str
    attribution: str
    accuracy: list[AccuracyFigure]
    limits: str


def describe_model(request: DescribeModelRequest, progress: Progress) -> ModelDescription:
    """Open the model, try it on small tiles, and look at the rasters.

    Raises ModelError where the model itself cannot be used; what is wrong with its card or with a raster is in the
    result.
    """
    problems: list[str] = []
    progress.report(0.0, f"Opening {request.model.name}")
    model = Model.open(request.model, request.provider, request.threads, request.card, progress, problems)
    fits = []
    for number, raster in enumerate(request.rasters):
        progress.report((number + 1) / (len(request.rasters) + 1), f"Looking at {Path(raster).name}")
        fits.append(_fit(model, raster))
    card, given = model.card, model.inputs
    shown = card.model_dump(mode="json")
    needed = fits_names(model)
    return ModelDescription(
        model=request.model, name=card.name or request.model.stem, model_type=str(card.model_type),
        description=card.description, size=model.file.size + model.file.external, parameters=model.file.parameters,
        precision=model.file.precision,
        input=InputDescription(name=given.name, dtype=given.dtype, layout=given.layout, batch=given.batch,
                               channels=given.channels, size=given.size, text=given.describe()),
        heads=[HeadDescription(name=head.name, output=head.output_name, kind=head.kind, activation=head.activation,
                               reason=head.reason, channels=head.channels, scale=head.scale, margin=head.margin,
                               classes=list(head.classes)) for head in model.heads],
        resolution=card.resolution, tile_size=card.tile_size, tile_fixed=given.size is not None,
        overlap=card.overlap_pixels(card.tile_size), needed=needed, rasters=fits, problems=problems,
        warnings=_warnings(model), notes=model.notes,
        providers=[ProviderDescription(key=one.key, title=one.title, about=one.about, offered=one.offered)
                   for one in providers()],
        provider=model.session.provider.key, provider_used=model.provider_used, fallback=model.fallback,
        threads=model.threads, machine=machine(), devices=devices(), card=shown,
        sources={name: card.source(name) for name in CardFields.model_fields if name != "version"},
        sidecar=str(model.sidecar or ""), training_data=card.training_data, licence=card.licence,
        attribution=card.attribution, accuracy=card.accuracy, limits=card.limits,
    )  # fmt: skip


def fits_names(model: Model) -> list[str]:
    """The names of the bands that a raster must have for the model, in the order of the request's ``bands``."""
    names = list(model.card.bands)
    if not names:
        names = [f"channel {number + 1}" for number in range(model.inputs.channels - len(model.card.indices))]
    return list(dict.fromkeys(names + [name for index in model.card.indices for name in index.bands]))


def _fit(model: Model, path: str) -> RasterFit:
    try:
        raster = RasterDescription.of(path)
    except BitscapeError as error:
        return RasterFit(path=path, name=Path(path).name, dtype="", bands=[], channels=[], proposed=[],
                         problems=[error.message], warnings=[])  # fmt: skip
    found, grid = propose(model.card, raster, model.inputs.channels), raster.grid
    return RasterFit(
        path=path, name=Path(path).name, dtype=raster.dtype, width=grid.width, height=grid.height,
        pixel=max(grid.pixel_size), bounds=grid.bounds, crs=_crs(grid.crs),
        bands=[BandDescription(number=one.number, name=one.name, colour=one.colour, wavelength=one.wavelength,
                               range=one.range) for one in raster.bands],
        channels=_channels(found), proposed=list(found.bands), problems=found.problems,
        warnings=found.warnings + _size_warnings(model, raster),
    )  # fmt: skip


def _crs(crs: Any) -> str:
    if crs is None:
        return ""
    name = crs_name(crs)
    return name if name.startswith("EPSG:") else str(crs.to_wkt())


def _channels(found: ChannelMap) -> list[ChannelDescription]:
    return [ChannelDescription(name=one.name, band=one.band, index=one.index, reason=one.reason, certain=one.certain)
            for one in found.channels]  # fmt: skip


def _size_warnings(model: Model, raster: RasterDescription) -> list[str]:
    wanted, pixel = model.card.resolution, pixel_metres(raster.grid)
    if wanted is None:
        return []
    if not pixel or 0.8 <= pixel / wanted <= 1.25:
        return []
    finer = "coarser" if pixel > wanted else "finer"
    return [
        f"The model was made for {wanted:g} m a pixel; the raster's pixels are {finer} ({pixel:.3g} m) and are "
        "resampled."
    ]


def _warnings(model: Model) -> list[str]:
    card = model.card
    found = []
    if not card.bands and model.inputs.channels > 1:
        found.append("The card does not say which bands the model wants, nor in which order.")
    if model.inputs.dtype != "uint8" and not {"scale", "mean", "std"} & card.sources.keys():
        found.append(f"The card says nothing of the values that the model wants; they are divided by {card.scale:g}.")
    if card.model_type in ("Segmentor", "Detector") and "heads" not in card.sources:
        found.append("The card does not name the classes.")
    if card.resolution is None:
        found.append("The card does not say for which pixel size the model was made; it runs at the raster's own.")
    if cost := unmeasured(model):
        found.append(cost)
    if not card.licence:
        found.append("The card names no licence: find out whether you may use and publish the model's maps.")
    if not card.accuracy:
        found.append("The card gives no measured accuracy.")
    return found
