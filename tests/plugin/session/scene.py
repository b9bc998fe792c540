"""Tiles and clicks that the tests of the session share."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.dock.session import INFO
from bitscape.plugin.dock.tiles_info import TilesInfo
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsPointXY,
    QgsVectorLayer,
)

EVERY_CRS = pytest.mark.parametrize("epsg", [32610, 3857, 4326])
REMOVED = (INFO, "The label layer was removed from the project; its file is untouched.")


def crs(epsg: int) -> QgsCoordinateReferenceSystem:
    return QgsCoordinateReferenceSystem(f"EPSG:{epsg}")


def clicks(tiles: TilesInfo, epsg: int, *pixels: tuple[float, float]) -> list[QgsPointXY]:
    """The middles of pixels (column, row) of the tiles, in another CRS: without QGIS's own transformation."""
    systems = [osr.SpatialReference(), osr.SpatialReference()]
    for system, code in zip(systems, (32610, epsg)):
        system.ImportFromEPSG(code)
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    move = osr.CoordinateTransformation(*systems)
    west, north = tiles.extent.xMinimum(), tiles.extent.yMaximum()
    return [QgsPointXY(*move.TransformPoint(west + 10 * (column + 0.5), north - 10 * (row + 0.5))[:2])
            for column, row in pixels]


def covered(tiles: TilesInfo, wanted: bool = True) -> list[tuple[int, int]]:
    """Pixels (column, row) with data, or without, in no order that means something."""
    dataset = gdal.Open(str(tiles.path))
    rows, columns = np.nonzero((dataset.GetRasterBand(1).ReadAsArray().view(np.int8) != -128) == wanted)
    pixels = list(zip(columns.tolist(), rows.tolist()))
    random.Random(7).shuffle(pixels)
    return pixels


def on_disk(path: Path) -> list[dict[str, Any]]:
    """What another program would read: the attributes of every label, with ``x`` and ``y``."""
    dataset = ogr.Open(str(path))
    layer = dataset.GetLayerByName("labels") or dataset.GetLayer(0)
    return [{**feature.items(), "x": feature.GetGeometryRef().GetX(), "y": feature.GetGeometryRef().GetY()}
            for feature in layer]


def theirs(path: Path, driver: str, epsg: int, field: str) -> QgsVectorLayer:
    """A layer of points of the user's, made without our code."""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    data = ogr.GetDriverByName(driver).CreateDataSource(str(path))
    data.CreateLayer(path.stem, reference, ogr.wkbPoint).CreateField(ogr.FieldDefn(field, ogr.OFTString))
    data = None
    return QgsVectorLayer(str(path), path.stem, "ogr")


LAYERS: dict[str, tuple[Callable[[Path], QgsVectorLayer], str, int]] = {
    "shapefile": (lambda folder: theirs(folder / "s.shp", "ESRI Shapefile", 4326, "klass"), "klass", 4326),
    "geopackage": (lambda folder: theirs(folder / "g.gpkg", "GPKG", 3857, "Category"), "Category", 3857),
    "memory": (lambda folder: QgsVectorLayer("Point?crs=EPSG:32611&field=n:int&field=what:string", "m", "memory"),
               "what", 32611),
}
