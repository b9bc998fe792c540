"""Whether there is data under a click: one pixel of the tiles, read at once, so that a click off it places nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Optional

from .metadata import open_raster

NODATA_BYTE = b"\x80"
"""−128 as a byte: GDAL before 3.7 takes int8 for unsigned, so that only the byte itself can be relied on."""


class Coverage:
    """The first band of embedding tiles at single pixels. Reading one takes about a millisecond."""

    def __init__(self, tiles: Path) -> None:
        self._dataset: Any = open_raster(tiles)
        self._inverse: Optional[tuple[float, ...]] = None
        if self._dataset is not None:
            from osgeo import gdal

            self._inverse = gdal.InvGeoTransform(self._dataset.GetGeoTransform())

    def has_data(self, x: float, y: float) -> Optional[bool]:
        """Whether the pixel at a position in the tiles' CRS has data; None if this GDAL cannot read the tiles (the
        backend will say then which labels have none)."""
        if self._dataset is None or self._inverse is None:
            return None
        a = self._inverse
        column, row = math.floor(a[0] + a[1] * x + a[2] * y), math.floor(a[3] + a[4] * x + a[5] * y)
        if not (0 <= column < self._dataset.RasterXSize and 0 <= row < self._dataset.RasterYSize):
            return False
        found = self._dataset.GetRasterBand(1).ReadRaster(column, row, 1, 1)
        return None if not found else bytes(found[:1]) != NODATA_BYTE

    def close(self) -> None:
        """Let go of the file."""
        self._dataset = None
