"""The operation buildembeddingtiles: rasters of one or several dates → int8 tiles, their basis, a picture, coverage."""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .. import provenance
from ..embeddings.mapping import Mapping, ValueMapping
from ..embeddings.source import EmbeddingSource, date_names, mapping_of
from ..embeddings.stack import Stack, aligned
from ..environment import versions
from ..errors import BasisMismatch, InputError
from ..executors import cores, in_order, open_executor
from ..grids.area import window_of
from ..operations import Request, Result
from ..outputs import require_folder, require_space
from ..progress import Progress
from .basis import Basis, Features, MappingRecord, SourceRecord, basis_path, feature_count, feature_planes, fit
from .encoder import Encoder, Kept, draw_sample
from .tile_outputs import TileOutputs

COMPRESSED_SHARE = 0.5
"""Of the raw size: tiles of real embeddings reach .56 with ZSTD and predictor 2."""


class BuildRequest(Request):
    """Rasters in, tiles out; see the contract of each field in the algorithm's help."""

    inputs: list[str] = Field(min_length=1, max_length=50)
    output: Path
    picture: Path | None = None
    coverage: Path | None = None
    features: Features = "difference"
    mapping: Mapping | Literal["auto"] = "auto"
    components: int = Field(8, ge=0, le=4096)
    dates: list[str] = Field(default_factory=list)
    extent: tuple[float, float, float, float] | None = None
    extent_crs: str = ""
    warp: bool = False
    basis: Path | None = None
    seed: int = Field(0, ge=0)
    threads: int = Field(0, ge=0, le=1024)
    scheduler: str = ""


class BuildResult(Result):
    """What was written and what was found."""

    tiles: Path
    basis: Path
    picture: Path | None
    coverage: Path | None
    mapping: str
    mapping_reason: str
    dates: list[str]
    components: int
    explained_variance: list[float]
    pixels: int
    covered_pixels: int
    fingerprint: str


def build_embedding_tiles(request: BuildRequest, progress: Progress) -> BuildResult:
    """Build tiles block by block. Raises InputError, GridMismatch, BasisMismatch, OutputError or Cancelled."""
    for target in (request.output, request.picture, request.coverage):
        if target is not None:
            require_folder(target)
    sources = [EmbeddingSource.open(path) for path in request.inputs]
    dates = date_names(sources, request.dates)
    try:
        dimensions = feature_count(request.features, sources[0].bands, len(sources))
    except ValueError as error:
        raise InputError(f"{str(error)[0].upper()}{str(error)[1:]}. Choose other rasters or other features.") from error
    aligned(sources, request.warp)
    window = window_of(sources[0].grid, sources[0].path, None, request.extent, request.extent_crs)
    stack = Stack(sources, window, request.warp)
    progress.info(
        f"{len(sources)} × {sources[0].bands} bands of {sources[0].dtype} ({', '.join(dates)}), {stack.grid.describe()}"
    )
    try:
        return _build(request, stack, dates, dimensions, progress)
    finally:
        stack.close()


def _build(request: BuildRequest, stack: Stack, dates: list[str], dimensions: int, progress: Progress) -> BuildResult:
    known = Basis.load(request.basis) if request.basis is not None else None
    with open_executor(request.threads, request.scheduler) as executor:
        with progress.stage(0.0, 0.12, "Sampling pixels"):
            sample, kept = draw_sample(stack, executor, request.seed, progress)
            bands = stack.sources[0].bands
            mappings = [
                mapping_of(source, request.mapping, sample[:, index * bands : (index + 1) * bands])
                for index, source in enumerate(stack.sources)
            ]
        for date, mapping in zip(dates, mappings, strict=True):
            progress.info(f"{date}: value mapping {mapping.kind} ({mapping.reason})")
        progress.report(0.12, "Fitting the basis")
        if known is None:
            components = min(request.components or dimensions, dimensions)
            if components < request.components:
                progress.info(f"{request.components} components were asked for; these features have only {dimensions}.")
            found = _fit(stack, sample, mappings, request.features, components)
        else:
            _compatible(known, request, stack, mappings)
            found = known.model_dump(
                include={"mean", "components", "scale", "deviation", "explained_variance", "stretch"})
        basis = Basis.model_validate(
            {
                **found,
                "features": request.features,
                "bands": stack.sources[0].bands,
                "sources": _records(stack, dates),
                "mappings": [
                    MappingRecord(kind=m.kind, scale=m.scale, offset=m.offset, reason=m.reason) for m in mappings
                ],
                "sample_pixels": known.sample_pixels if known else len(sample),
                "seed": known.seed if known else request.seed,
                "software": known.software if known else f"Bitscape {versions()['bitscape']}",
            }
        )
        shares = basis.explained_variance
        progress.info(f"{len(shares)} components hold {sum(shares):.1%} of the variance; mapping {mappings[0].kind}")
        encoder = Encoder.of(stack, mappings, basis, request.coverage is not None)
        covered = _write(request, stack, encoder, basis, kept, executor, progress)
    if covered == 0:
        raise AssertionError("a sample was found, but no covered pixel")
    progress.info(
        f"{covered:,} of {stack.grid.width * stack.grid.height:,} pixels have data at all dates "
        f"({covered / (stack.grid.width * stack.grid.height):.1%}); the rest is unknown, not unchanged."
    )
    return BuildResult(
        tiles=request.output,
        basis=basis_path(request.output),
        picture=request.picture,
        coverage=request.coverage,
        mapping=mappings[0].kind,
        mapping_reason=mappings[0].reason,
        dates=dates,
        components=len(shares),
        explained_variance=shares,
        pixels=stack.grid.width * stack.grid.height,
        covered_pixels=covered,
        fingerprint=basis.fingerprint,
    )


def _fit(
    stack: Stack, sample: NDArray[np.generic], mappings: list[ValueMapping], features: Features, components: int
) -> dict[str, list[float] | list[list[float]]]:
    bands = stack.sources[0].bands
    plus, minus = feature_planes(features, bands, len(stack.sources))
    values = np.concatenate([m.apply(sample[:, i * bands : (i + 1) * bands]) for i, m in enumerate(mappings)], axis=1)
    vectors = values[:, plus]
    subtracts = minus >= 0
    vectors[:, subtracts] -= values[:, minus[subtracts]]
    if not np.ptp(vectors, axis=0).any():
        what = " and ".join(source.path for source in stack.sources)
        raise InputError(
            f"All sampled pixels of {what} have the same features: there is nothing to tell apart. "
            "Was the same file chosen twice?"
        )
    return fit(vectors, components)


def _compatible(known: Basis, request: BuildRequest, stack: Stack, mappings: list[ValueMapping]) -> None:
    """Raise BasisMismatch if an existing basis cannot project these rasters."""
    wanted = (request.features, stack.sources[0].bands, len(stack.sources))
    has = (known.features, known.bands, len(known.sources))
    if wanted != has:
        raise BasisMismatch(
            f"{request.basis} is a basis for {has[0]} of {has[2]} × {has[1]} bands, but these rasters are "
            f"{wanted[0]} of {wanted[2]} × {wanted[1]} bands. Choose another basis, or none."
        )
    if [m.kind for m in mappings] != [m.kind for m in known.mappings]:
        raise BasisMismatch(
            f"{request.basis} was fitted on values mapped by {known.mappings[0].kind}, these rasters are "
            f"mapped by {mappings[0].kind}. Choose the same mapping."
        )


def _records(stack: Stack, dates: list[str]) -> list[SourceRecord]:
    return [
        SourceRecord(
            name=Path(source.path).name,
            date=date,
            product=source.product.name,
            licence=source.product.licence,
            attribution=source.product.attribution,
            fingerprint=provenance.fingerprint(source.path),
        )
        for source, date in zip(stack.sources, dates, strict=True)
    ]


def _write(
    request: BuildRequest,
    stack: Stack,
    encoder: Encoder,
    basis: Basis,
    kept: Kept,
    executor: Executor,
    progress: Progress,
) -> int:
    """Write all outputs; returns the number of covered pixels."""
    pixels, threads = stack.grid.width * stack.grid.height, request.threads or cores()
    outputs = TileOutputs(request.output, request.picture, request.coverage)
    require_space(request.output, int(pixels * (len(basis.components) + 3) * 4 / 3 * COMPRESSED_SHARE))
    record = provenance.provenance(
        "buildembeddingtiles",
        request.model_dump(mode="json", include={"features", "mapping", "components", "extent", "warp", "seed"}),
        request.inputs,
        basis.licences,
        basis.attributions,
    )
    bands = list(stack.windows())
    items = ((window, kept.pop((window.row_off, window.col_off), None)) for band in bands for window in band)
    encoded = in_order(executor, encoder, items, 2 * threads)
    covered, done = 0, 0
    with outputs.writer(stack.grid, basis, provenance.tags(record), progress, threads) as writer:
        with progress.stage(0.15, 0.85, "Projecting pixels"), closing(encoded):
            for band in bands:
                height = band[-1].row_off + band[-1].height - band[0].row_off
                codes = np.empty((len(basis.components), height, stack.grid.width), np.int8)
                dates = np.empty((1, height, stack.grid.width), np.uint8)
                for window in band:
                    part = next(encoded)
                    top = window.row_off - band[0].row_off
                    place = np.s_[:, top : top + window.height, window.col_off : window.col_off + window.width]
                    codes[place] = part.codes
                    if part.dates is not None:
                        dates[place] = part.dates
                    covered += part.covered
                    done += window.width * window.height
                    progress.report(done / pixels)
                writer.write(codes, dates)
        with progress.stage(0.85, 1.0, "Building overviews"):
            writer.close()
    return covered
