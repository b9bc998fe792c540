"""What a raster says of its bands: names, colours, wavelengths, types, nodata; and the values a look at it finds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..errors import InputError
from ..grids.grid import Grid
from ..grids.reader import open_raster

LOOK = 256
"""Side in pixels of the picture from which the range of values is taken."""

SMALL = 2048 * 2048
"""Pixels that are read as a whole to reduce them."""

METRES_PER_DEGREE = 111_320
THIRDS = (0.15, 0.5, 0.85)
"""Where windows lie, of the raster's width and height."""

WAVELENGTH_TAGS = ("CENTRAL_WAVELENGTH_UM", "center_wavelength", "central_wavelength", "wavelength", "cwl")
NAME_TAGS = ("common_name", "BANDNAME", "band_name", "name", "long_name")


@dataclass(frozen=True)
class RasterBand:
    """``number`` counts from 1; ``name`` "" where there is none; ``colour`` is GDAL's interpretation ("red", "gray" …);
    ``wavelength`` µm or None; ``range``: 2 % and 98 % of the valid values seen, or None."""

    number: int
    name: str = ""
    colour: str = ""
    wavelength: float | None = None
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class RasterDescription:
    """A raster by its bands."""

    path: str
    bands: tuple[RasterBand, ...]
    dtype: str
    grid: Grid

    @staticmethod
    def of(raster: str | Path | DatasetReader, look: bool = True) -> RasterDescription:
        """Describe a raster (a path, or an open one); ``look``: read a small overview for the range of values.

        Raises InputError where it cannot be opened or looked at.
        """
        if isinstance(raster, (str, Path)):
            with open_raster(raster) as dataset:
                return RasterDescription.of(dataset, look)
        ranges = _ranges(raster) if look else [None] * raster.count
        bands = tuple(
            RasterBand(
                number, _name(raster, number), raster.colorinterp[number - 1].name, _wavelength(raster, number),
                raster.nodatavals[number - 1], raster.scales[number - 1], raster.offsets[number - 1], ranges[number -
                1],
            )
            for number in range(1, raster.count + 1)
        )  # fmt: skip
        return RasterDescription(raster.name, bands, raster.dtypes[0], Grid.of(raster))

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.bands)


def has_mask(raster: DatasetReader, bands: Sequence[int]) -> bool:
    """Whether the raster's own mask or alpha says which pixels of some bands (counted from 1) are known.

    A band that the model reads holds values, whatever its colour interpretation says: as four-band pictures are often
    written, their infrared is marked as alpha, and its zeros would become holes.
    """
    flags = raster.mask_flag_enums[bands[0] - 1]
    if MaskFlags.alpha in flags:
        return not any(raster.colorinterp[band - 1] == ColorInterp.alpha for band in bands)
    return MaskFlags.per_dataset in flags


def pixel_metres(grid: Grid) -> float:
    """The larger side of a pixel in the middle of the grid, about, in metres; 0 where that cannot be told."""
    if grid.crs is None:
        return 0.0
    side = max(grid.pixel_size)
    if not grid.crs.is_geographic:
        return side * float(grid.crs.linear_units_factor[1])
    _, south, _, north = grid.bounds
    return side * METRES_PER_DEGREE * math.cos(math.radians(min(abs(south + north) / 2, 89.0)))


def _name(raster: DatasetReader, number: int) -> str:
    text = raster.descriptions[number - 1] or ""
    if not text.strip():
        tags = {key.lower(): value for key, value in raster.tags(number).items()}
        text = next((tags[key.lower()] for key in NAME_TAGS if tags.get(key.lower())), "")
    return text.strip()[:200]


def _wavelength(raster: DatasetReader, number: int) -> float | None:
    tags: dict[str, str] = {}
    for namespace in (None, "IMAGERY"):
        tags |= {key.lower(): value for key, value in raster.tags(number, ns=namespace).items()}
    for key in WAVELENGTH_TAGS:
        found = re.match(r"\s*(\d+(?:\.\d+)?)", tags.get(key.lower(), ""))
        if found:
            value = float(found.group(1))
            return value / 1000 if value > 100 else value
    return None


def _ranges(raster: DatasetReader) -> list[tuple[float, float] | None]:
    """2 % and 98 % of each band's valid values in a reduced picture, or in nine small windows where that would mean
    reading all of a large file; None for a band without."""
    try:
        pixels = _picture(raster)
    except RasterioError as error:
        raise InputError(
            f"{raster.name} cannot be read: it is truncated or damaged. Download or make it again.", str(error)
        ) from error
    found: list[tuple[float, float] | None] = []
    for band, nodata in zip(pixels, raster.nodatavals, strict=True):
        values = band[np.isfinite(band)] if band.dtype.kind == "f" else band.ravel()
        if nodata is not None and not math.isnan(nodata):
            values = values[values != nodata]
        low, high = np.percentile(values, (2, 98)) if len(values) else (math.nan, math.nan)
        found.append((float(low), float(high)) if len(values) else None)
    return found


def _picture(raster: DatasetReader) -> NDArray[Any]:
    """Some of the pixels, (bands, rows, columns)."""
    height, width = raster.height, raster.width
    if raster.overviews(1) or height * width <= SMALL:
        shrink = max(1.0, max(height, width) / LOOK)
        shape = (raster.count, max(1, math.ceil(height / shrink)), max(1, math.ceil(width / shrink)))
        pixels: NDArray[Any] = raster.read(out_shape=shape)
        return pixels
    high, wide = min(LOOK // 2, height), min(LOOK // 2, width)
    tall, broad = raster.block_shapes[0]
    places = [(_within((width - wide) * x, wide, broad), _within((height - high) * y, high, tall))
              for y in THIRDS for x in THIRDS]  # fmt: skip
    parts = [raster.read(window=Window(left, top, wide, high)) for left, top in places]
    return np.concatenate([part.reshape(raster.count, 1, -1) for part in parts], axis=2)


def _within(start: float, length: int, block: int) -> int:
    """Where a stretch that should begin at ``start`` begins so that it lies in one block, if blocks are as long."""
    first = int(start)
    return first if length > block else min(first, first // block * block + block - length)
