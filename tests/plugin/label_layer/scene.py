"""Files of points that the tests of the label layer share."""

from __future__ import annotations

from pathlib import Path

from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsPointXY,
    QgsVectorLayer,
)

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
KINDS = {".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".sqlite": "SQLite"}


def at(*xs: float) -> list[QgsPointXY]:
    return [QgsPointXY(x, x / 10) for x in xs]


def make(
    path: Path, kind: int = ogr.OFTString, codes: tuple[object, ...] = ("a", "b", "a"), field: str = "class",
    geometry: int = ogr.wkbPoint, extra: tuple[str, ...] = (), width: int = 0,
) -> QgsVectorLayer:
    """A vector file of the user's, made without our code: points at x = 0, 1, 2…"""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    data = ogr.GetDriverByName(KINDS[path.suffix]).CreateDataSource(str(path))
    layer = data.CreateLayer(path.stem, reference, geometry)
    definition = ogr.FieldDefn(field, kind)
    definition.SetWidth(width)
    layer.CreateField(definition)
    for name in extra:
        layer.CreateField(ogr.FieldDefn(name, ogr.OFTString))
    for number, code in enumerate(codes):
        feature = ogr.Feature(layer.GetLayerDefn())
        if code is not None:
            feature.SetField(0, code)
        shape = f"({number} {number / 10})"
        feature.SetGeometry(ogr.CreateGeometryFromWkt(
            f"MULTIPOINT ({shape}, ({number + 0.5} 9))" if geometry == ogr.wkbMultiPoint else f"POINT {shape}"))
        layer.CreateFeature(feature)
    layer = data = None
    return QgsVectorLayer(str(path), path.stem, "ogr")


def on_disk(path: Path, field: str = "label") -> list[tuple[float, str]]:
    """What another process would read: (x, class) of every label."""
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    layer = dataset.GetLayerByName("labels") or dataset.GetLayer(0)
    return sorted((feature.GetGeometryRef().GetX(), feature.GetFieldAsString(field)) for feature in layer)


def seconds_of(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


CHILD = """
import os, signal, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import QgsApplication, QgsPointXY, QgsVectorLayer
application = QgsApplication([], True)
application.initQgis()
from bitscape.plugin.layers.label_layer import LabelLayer
path, field = sys.argv[1:]
labels = LabelLayer(QgsVectorLayer(path, "x", "ogr"), field)
for number in range(100, 140):
    labels.add([QgsPointXY(number, 0)], "a")
labels.remove([labels.nearest(QgsPointXY(120, 0), 0.1).fid])
labels.relabel([labels.nearest(QgsPointXY(121, 0), 0.1).fid], "b")
labels.add([QgsPointXY(200, 0), QgsPointXY(201, 0)], "b")
print("added", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
