"""Small rasters and label layers for the system tests, written and read with QGIS's own GDAL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr

gdal.UseExceptions()
ogr.UseExceptions()

UTM = "EPSG:32633"


@dataclass(frozen=True)
class Placement:
    """What pixel-aligned means: size, transform and CRS of a raster."""

    width: int
    height: int
    transform: tuple[float, ...]
    crs: osr.SpatialReference

    @classmethod
    def of(cls, path: Path | str) -> Placement:
        """Read it from a file."""
        data = gdal.Open(str(path))
        return cls(data.RasterXSize, data.RasterYSize, tuple(data.GetGeoTransform()), data.GetSpatialRef())

    def same_as(self, other: Placement) -> bool:
        """Whether both are one grid."""
        shapes = (self.width, self.height, self.transform) == (other.width, other.height, other.transform)
        return shapes and self.crs is not None and other.crs is not None and bool(self.crs.IsSame(other.crs))


def pixels(path: Path | str) -> NDArray[np.generic]:
    """All bands of a raster, (bands, height, width)."""
    values: NDArray[np.generic] = gdal.Open(str(path)).ReadAsArray()
    return values if values.ndim == 3 else values[np.newaxis]


def write_raster(
    path: Path, values: NDArray[np.float32], left: float = 500000.0, pixel: float = 10.0, nodata: float | None = -9999.0
) -> Path:
    """A float32 GeoTIFF of ``values`` (bands, height, width) in UTM zone 33 N."""
    bands, height, width = values.shape
    data = gdal.GetDriverByName("GTiff").Create(str(path), width, height, bands, gdal.GDT_Float32)
    data.SetGeoTransform((left, pixel, 0.0, 5100000.0, 0.0, -pixel))
    reference = osr.SpatialReference()
    reference.SetFromUserInput(UTM)
    data.SetSpatialRef(reference)
    for index in range(bands):
        band = data.GetRasterBand(index + 1)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        band.WriteArray(values[index])
    data.FlushCache()
    return path


def noise(bands: int = 6, size: int = 64, seed: int = 0) -> NDArray[np.float32]:
    """Values to fill a raster with."""
    return np.random.default_rng(seed).normal(size=(bands, size, size)).astype(np.float32)


def write_labels(path: Path, points: list[tuple[float, float, str]], crs: str = UTM, field: str = "label") -> Path:
    """A GeoPackage of points (x, y, class)."""
    reference = osr.SpatialReference()
    reference.SetFromUserInput(crs)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("labels", reference, ogr.wkbPoint)
    layer.CreateField(ogr.FieldDefn(field, ogr.OFTString))
    for x, y, name in points:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField(field, name)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({x} {y})"))
        layer.CreateFeature(feature)
    return path


def points_on(path: Path, classes: tuple[str, ...], count: int, seed: int = 0) -> list[tuple[float, float, str]]:
    """``count`` random places on the raster ``path``, its classes in turn."""
    placement = Placement.of(path)
    left, dx, _, top, _, dy = placement.transform
    places = np.random.default_rng(seed).random((count, 2)) * (placement.width, placement.height)
    return [(left + x * dx, top + y * dy, classes[index % len(classes)]) for index, (x, y) in enumerate(places)]
