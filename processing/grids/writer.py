"""Writes rasters of any size with bounded memory: row band after row band, then overviews level after level."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.windows import Window

from ..errors import OutputError
from ..executors import in_order, open_executor
from ..progress import Progress
from .averaging import halve, halve_nearest
from .grid import Grid

WORDS = 1 << 64
STEP_BYTES = 64 * 2**20
"""Written or averaged at once: keeps memory flat, and a cancelled run from waiting."""
BLOCK = 512
"""Tile side of the rasters we write, and the rows of a row band."""


@dataclass(frozen=True)
class Layout:
    """What the bands of a raster are. Unless ``averaged``, overviews take one of the pixels: right for
    classes, and for embeddings as a product stores them.

    ``plain_overviews`` leaves the overviews uncompressed: worth it where the base hardly compresses, since GDAL would
    compress them at its slowest usual level, and reading them is what panning a map waits for. ``alpha``: the last band
    says where there is data (255) and where not (0), for bands in which every number means something.
    """

    count: int
    dtype: str
    nodata: float | None
    descriptions: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    averaged: bool = True
    colors: Mapping[int, tuple[int, int, int, int]] | None = None
    rgb: bool = False
    plain_overviews: bool = False
    alpha: bool = False

    @property
    def block(self) -> int:
        """Side of the tiles: 512, or less where pixels have so many bytes that a tile would take more than one step."""
        side = BLOCK
        while side > 64 and self.count * np.dtype(self.dtype).itemsize * side**2 > STEP_BYTES:
            side //= 2
        return side


class RasterWriter:
    """A tiled GeoTIFF (ZSTD, band-interleaved, 512 blocks) on ``grid``; use as a context manager.

    ``write`` takes row bands of 512 rows from top to bottom (the last may be shorter); ``write_part`` takes pieces of
    them, where whole row bands would be too large. Leaving the context without an error builds overviews: averages of
    valid pixels, rounded half to even at each level. Raises OutputError where GDAL could not write, also where it would
    only have logged it.
    """

    def __init__(self, path: str | Path, grid: Grid, layout: Layout, progress: Progress, threads: int = 1) -> None:
        self.path, self.grid, self.layout = Path(path), grid, layout
        self._progress = progress
        self._threads = threads
        self._dataset: Any = None
        self._rows = 0
        self._written = 0
        self._sum = 0

    def __enter__(self) -> Self:
        layout, grid = self.layout, self.grid
        floating = np.dtype(layout.dtype).kind == "f"
        compression = "NONE" if layout.plain_overviews else "ZSTD"
        with errors_raised(self.path), rasterio.Env(SPARSE_OK_OVERVIEW="YES", COMPRESS_OVERVIEW=compression):
            self._dataset = rasterio.open(
                self.path,
                "w",
                driver="GTiff",
                width=grid.width,
                height=grid.height,
                count=layout.count,
                dtype=layout.dtype,
                crs=grid.crs,
                transform=grid.transform,
                nodata=layout.nodata,
                tiled=True,
                blockxsize=layout.block,
                blockysize=layout.block,
                interleave="band",
                compress="zstd",
                zstd_level=1,
                predictor=3 if floating else 2,
                bigtiff="if_safer",
                num_threads=self._threads,
                sparse_ok=True,
                **({"photometric": "rgb"} if layout.rgb else {}),
            )
            for band, text in enumerate(layout.descriptions, 1):
                self._dataset.set_band_description(band, text)
            if layout.tags:
                self._dataset.update_tags(**layout.tags)
            if layout.colors is not None:
                self._dataset.write_colormap(1, dict(layout.colors))
            if layout.rgb:
                self._dataset.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
            if layout.alpha:
                self._dataset.colorinterp = [*self._dataset.colorinterp[:-1], ColorInterp.alpha]
            factors = [2**level for level in range(1, 16) if max(grid.width, grid.height) > 256 * 2 ** (level - 1)]
            if factors:
                self._dataset.build_overviews(factors, Resampling.nearest)
            self._levels = len(factors)
        return self

    def write(self, rows: NDArray[Any]) -> None:
        """Write the next row band: (count, a multiple of 512 unless it is the last, width)."""
        columns = self._columns(rows.shape[1])
        for left in range(0, self.grid.width, columns):
            self.write_part(rows[:, :, left : left + columns], self._rows, left)
        self._rows += rows.shape[1]

    def write_part(self, part: NDArray[Any], top: int, left: int) -> None:
        """Write pixels (count, rows, columns) whose corner lies on that of a tile; they end on a tile's edge or the
        raster's. Each pixel is written once."""
        self._progress.check()
        with errors_raised(self.path):
            self._dataset.write(part, window=Window(left, top, part.shape[2], part.shape[1]))
        self._written += part.shape[1] * part.shape[2]
        self._sum += _sum(part, self.grid.width)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with suppress(rasterio.errors.RasterioError, OSError):
                self._dataset.close()
            return
        if self._written != self.grid.width * self.grid.height:
            raise AssertionError(
                f"{self._written // self.grid.width} of {self.grid.height} rows were written, or as many pixels")
        with errors_raised(self.path):
            self._dataset.close()
            for level in range(self._levels):
                self._build_level(level)
            self._verify()

    def _build_level(self, level: int) -> None:
        options = {"overview_level": level - 1} if level else {}
        halved = halve if self.layout.averaged else halve_nearest
        expected, self._sum, found = self._sum, 0, 0
        with (
            rasterio.open(self.path, **options) as source,
            rasterio.open(self.path, "r+", overview_level=level, num_threads=self._threads) as target,
            open_executor(1) as ahead,
        ):
            block = self.layout.block
            columns = self._columns(4 * block)
            places = [
                Window(left, top, min(columns, target.width - left), min(block, target.height - top))
                for top in range(0, target.height, block)
                for left in range(0, target.width, columns)
            ]

            def read(place: Window) -> tuple[NDArray[Any], int]:
                left, top = 2 * place.col_off, 2 * place.row_off
                width, height = min(2 * place.width, source.width - left), min(2 * place.height, source.height - top)
                rows = source.read(window=Window(left, top, width, height))
                return halved(rows, place.height, place.width, self.layout.nodata), _sum(rows, source.width)

            for done, (place, (rows, total)) in enumerate(zip(places, in_order(ahead, read, places, 2), strict=True)):
                self._progress.report((level + done / len(places)) / self._levels)
                target.write(rows, window=place)
                found += total
                self._sum += _sum(rows, target.width)
        if found % WORDS != expected % WORDS:
            raise OutputError(_unwritten(self.path), f"level {level} does not hold what was written to it")

    def _columns(self, rows: int) -> int:
        """Columns, whole blocks, whose pixels of that many rows stay within the budget of one step."""
        column = self.layout.count * np.dtype(self.layout.dtype).itemsize * rows
        return max(1, STEP_BYTES // (column * self.layout.block)) * self.layout.block

    def _verify(self) -> None:
        """Read the last level back: GDAL does not say when a disk fills up while it closes a file."""
        options = {"overview_level": self._levels - 1} if self._levels else {}
        with rasterio.open(self.path, **options) as dataset:
            if _sum(dataset.read(), dataset.width) % WORDS != self._sum % WORDS:
                raise OutputError(_unwritten(self.path), "the last level does not hold what was written to it")


def _sum(pixels: NDArray[Any], width: int) -> int:
    """A sum over the bytes of a part of a raster of that width, modulo 2⁶⁴: the same however the parts are cut."""
    words = np.uint64 if width * pixels.itemsize % 8 == 0 else np.uint8
    return int(np.ascontiguousarray(pixels).view(words).sum(dtype=np.uint64))


@contextmanager
def errors_raised(path: Path) -> Iterator[None]:
    """Raise OutputError also for errors that GDAL only logs, such as a disk that fills while a file is closed."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    ear = Ear(logging.ERROR)
    logger = logging.getLogger("rasterio")
    logger.addHandler(ear)
    try:
        yield
    except (rasterio.errors.RasterioError, rasterio.errors.RasterioIOError) as error:
        raise OutputError(_unwritten(path), "; ".join([str(error), *heard])) from error
    finally:
        logger.removeHandler(ear)
    if heard:
        raise OutputError(_unwritten(path), "; ".join(heard))


def _unwritten(path: Path) -> str:
    return (
        f"{path.parent} did not take the whole result, most likely because the disk is full; nothing was kept. "
        "Free space or choose another folder."
    )
