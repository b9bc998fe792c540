"""Rasters of codes: embedding rasters to bands of bytes on the same grid, and back.

A file of codes is a uint8 GeoTIFF: one band for each byte of the code, then a band ``coverage``, its alpha band: 255
where there is a code, 0 where there is none. Every byte means something in a code, so no value could stand for no data.
The tag BITSCAPE_CODEC names the codec, whose file lies beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from .. import provenance
from ..embeddings.mapping import NODATA, ValueMapping, quantise
from ..embeddings.source import EmbeddingSource, mapping_of
from ..embeddings.stack import Stack
from ..errors import InputError
from ..executors import cores, in_order, open_executor
from ..grids.grid import Grid
from ..grids.reader import RasterReader, open_raster
from ..grids.writer import Layout, RasterWriter
from ..outputs import require_space, whole_or_nothing
from ..progress import Progress
from .code_source import CodeSource, about
from .codec_file import codec_path
from .encoder import draw_sample
from .fitting import find_codec, sample_size
from .recipe import Codec
from .requests import CompressRequest, CompressResult, DecompressRequest, DecompressResult

TAG = "BITSCAPE_CODEC"
COVERAGE = "coverage"
COVERED = 255
WINDOW_BYTES = 24 * 2**20
STEP_FLOATS = 1 << 18
"""Numbers of vectors that are floats at once: 1 MiB, which stay in a cache."""
Work = Callable[[Window], NDArray[Any]]


def compress_raster(request: CompressRequest, progress: Progress) -> CompressResult:
    """Codes of a raster of embeddings. Raises InputError, OutputError or Cancelled."""
    raster = EmbeddingSource.open(request.input)
    stack = Stack([raster], Window(0, 0, raster.grid.width, raster.grid.height), warp=False)
    progress.info(f"{raster.bands} bands of {raster.dtype}, {raster.grid.describe()}")
    try:
        with open_executor(request.threads, request.scheduler) as executor:
            with progress.stage(0.0, 0.12, "Sampling pixels"):
                sample = draw_sample(stack, executor, request.seed, progress)[0]
            mapping = mapping_of(raster, request.mapping, sample)
            progress.info(f"Value mapping {mapping.kind} ({mapping.reason})")
            source = CodeSource.of(raster.product, raster.date, mapping, _band_names(request.input))
            progress.report(0.12, "Fitting the codec")
            drawn = np.random.default_rng(request.seed).permutation(len(sample))[: sample_size(request.sample)]
            vectors = mapping.apply(sample[np.sort(drawn)])
            fitted = find_codec(request, vectors, raster.dtype.itemsize, source, progress)
            record = provenance.provenance(
                "compressembeddings", request.parameters(fitted.codec, mapping.kind), [request.input],
                [source.licence], [source.attribution])
            codec = fitted.about(about(record, source))
            layout = Layout(
                codec.bytes + 1, "uint8", None, [*(f"byte {byte}" for byte in range(codec.bytes)), COVERAGE],
                {**source.tags(), **provenance.tags(record), TAG: codec.fingerprint}, averaged=False, alpha=True)
            threads = request.threads or cores()
            require_space(request.output, raster.grid.width * raster.grid.height * codec.bytes // 2)
            raw = raster.bands * raster.dtype.itemsize
            places = windows(raster.grid, layout.block, raster.block, raw + codec.bytes + 1)
            encoded = in_order(executor, _Encode(stack, mapping, codec), places, threads + 1)
            covered = 0
            with (
                whole_or_nothing(progress, codec_path(request.output), request.output) as (beside, partial),
                ExitStack() as files,
            ):
                writer = files.enter_context(RasterWriter(partial, raster.grid, layout, progress, threads))
                codec.save(beside)
                with progress.stage(0.2, 0.85, "Encoding pixels"), closing(encoded):
                    for number, (place, part) in enumerate(zip(places, encoded, strict=True), 1):
                        writer.write_part(part, place.row_off, place.col_off)
                        covered += int(np.count_nonzero(part[-1]))
                        progress.report(number / len(places))
                with progress.stage(0.85, 1.0, "Building overviews"):
                    files.close()
    finally:
        stack.close()
    pixels = raster.grid.width * raster.grid.height
    return CompressResult(
        output=request.output, codec=codec_path(request.output), recipe=str(codec.recipe), bytes=codec.bytes,
        dimensions=codec.dimensions, vectors=covered, missing=pixels - covered, mapping=mapping.kind,
        ratio=raw / codec.bytes, similarity=fitted.similarity, held_out=fitted.held_out, fingerprint=codec.fingerprint)


def decompress_raster(request: DecompressRequest, progress: Progress) -> DecompressResult:
    """The vectors that a raster of codes stands for. Raises InputError, OutputError or Cancelled."""
    with open_raster(request.input) as dataset:
        grid, tags, count, kinds = Grid.of(dataset), dataset.tags(), dataset.count, set(dataset.dtypes)
        block = (int(dataset.block_shapes[0][0]), int(dataset.block_shapes[0][1]))
    if TAG not in tags or kinds != {"uint8"}:
        raise InputError(f"{request.input} is not a raster of codes. Make one with “Compress embeddings”.")
    codec = Codec.load(request.codec or codec_path(Path(request.input)))
    if codec.fingerprint != tags[TAG] or codec.bytes + 1 != count:
        raise InputError(
            f"The codec ({codec.recipe}, {codec.fingerprint}) is not the one that {request.input} was made with "
            f"({tags[TAG]}). Name the right one.")
    source = CodeSource.in_codec(codec)
    kind = source.stored_type(request.values)
    record = provenance.provenance(
        "decompressembeddings", {"recipe": str(codec.recipe), "values": request.values}, [request.input],
        [source.licence], [source.attribution])
    names = source.names if len(source.names) == codec.dimensions else []
    nodata = float("nan") if kind == "float32" else float(NODATA)
    layout = Layout(
        codec.dimensions, kind, nodata, names, {**source.tags(), **provenance.tags(record)}, averaged=False)
    threads = request.threads or cores()
    itemsize = np.dtype(kind).itemsize
    require_space(request.output, grid.width * grid.height * codec.dimensions * itemsize // 2)
    places = windows(grid, layout.block, block, codec.bytes + 1 + codec.dimensions * itemsize)
    covered = 0
    with (
        RasterReader(request.input) as reader,
        open_executor(request.threads, request.scheduler) as executor,
        whole_or_nothing(progress, request.output) as (partial,),
        ExitStack() as files,
    ):
        writer = files.enter_context(RasterWriter(partial, grid, layout, progress, threads))
        decoded = in_order(executor, _Decode(reader, codec, kind), places, threads + 1)
        with progress.stage(0.0, 0.8, "Decoding pixels"), closing(decoded):
            for number, (place, part) in enumerate(zip(places, decoded, strict=True), 1):
                writer.write_part(part, place.row_off, place.col_off)
                covered += int(np.count_nonzero(~np.isnan(part[0]) if kind == "float32" else part[0] != NODATA))
                progress.report(number / len(places))
        with progress.stage(0.8, 1.0, "Building overviews"):
            files.close()
    return DecompressResult(
        output=request.output, recipe=str(codec.recipe), dimensions=codec.dimensions, vectors=covered,
        missing=grid.width * grid.height - covered, values=kind)


def windows(grid: Grid, side: int, source_block: tuple[int, int], pixel: int) -> list[Window]:
    """Pieces of a raster, whole tiles of ``side``, top to bottom, of some 24 MiB at ``pixel`` bytes a pixel.

    Of a source in strips as wide as itself, pieces are wider: for each of them all strips it meets are decoded.
    """
    budget = WINDOW_BYTES * (4 if source_block[1] >= grid.width else 1)
    columns = max(1, budget // (pixel * side**2)) * side
    return [
        Window(left, top, min(columns, grid.width - left), min(side, grid.height - top))
        for top in range(0, grid.height, side)
        for left in range(0, grid.width, columns)
    ]


@dataclass(frozen=True)
class _Encode:
    """Work on one window; can be pickled. Gives (bytes + 1, height, width)."""

    stack: Stack
    mapping: ValueMapping
    codec: Codec

    def __call__(self, window: Window) -> NDArray[np.uint8]:
        planes = self.stack.read(window)
        stored = planes.date(0)
        covered = ~planes.missing()[0]
        out = np.zeros((self.codec.bytes + 1, stored.shape[1]), np.uint8)
        for part in _steps(covered, self.codec.dimensions):
            values, blank = self.mapping.apply(stored[:, part]), ~covered[part]
            values[:, blank] = 0
            codes = self.codec.encode(values.T)
            codes[blank] = 0
            out[:-1, part] = codes.T
        out[-1] = np.where(covered, np.uint8(COVERED), np.uint8(0))
        return out.reshape(-1, window.height, window.width)


@dataclass(frozen=True)
class _Decode:
    """Work on one window; can be pickled. Gives (dimensions, height, width)."""

    reader: RasterReader
    codec: Codec
    kind: str

    def __call__(self, window: Window) -> NDArray[Any]:
        codes = self.reader.read(window).reshape(self.codec.bytes + 1, -1)
        blank = np.nan if self.kind == "float32" else NODATA
        out = np.full((self.codec.dimensions, codes.shape[1]), blank, self.kind)
        covered = codes[-1] > 0
        for part in _steps(covered, self.codec.dimensions):
            values = self.codec.decode(np.ascontiguousarray(codes[:-1, part].T))
            values[~covered[part]] = np.nan
            out[:, part] = values.T if self.kind == "float32" else quantise(values).T
        return out.reshape(-1, window.height, window.width)


def _steps(covered: NDArray[np.bool_], dimensions: int) -> Iterator[slice]:
    """Runs of pixels that have some with data."""
    step = max(96, STEP_FLOATS // dimensions)
    for start in range(0, len(covered), step):
        if covered[start : start + step].any():
            yield slice(start, start + step)


def _band_names(path: str) -> list[str]:
    with open_raster(path) as dataset:
        return [text or "" for text in dataset.descriptions] if any(dataset.descriptions) else []

