"""Where the pixels of a raster lie, from its header alone: no value is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsPointXY

from .metadata import open_raster


@dataclass(frozen=True)
class PixelGrid:
    """``transform``: GDAL's six numbers from (column, row) to (x, y) in ``crs``."""

    transform: tuple[float, ...]
    crs: QgsCoordinateReferenceSystem
    width: int
    height: int

    @classmethod
    def of(cls, path: Path) -> Optional[PixelGrid]:
        """The grid of a raster file; None for what cannot be opened."""
        dataset = open_raster(path) if path.is_file() else None
        if dataset is None:
            return None
        crs = QgsCoordinateReferenceSystem.fromWkt(dataset.GetProjection())
        return cls(tuple(dataset.GetGeoTransform()), crs, dataset.RasterXSize, dataset.RasterYSize)

    def corners(self, point: QgsPointXY) -> list[QgsPointXY]:
        """The four corners of the pixel at a point in the raster's CRS, in order; none off the raster."""
        inverse = gdal.InvGeoTransform(self.transform)
        if inverse is None:
            return []
        column, row = (math.floor(value) for value in gdal.ApplyGeoTransform(inverse, point.x(), point.y()))
        if not (0 <= column < self.width and 0 <= row < self.height):
            return []
        around = ((column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1))
        return [QgsPointXY(*gdal.ApplyGeoTransform(self.transform, *one)) for one in around]
