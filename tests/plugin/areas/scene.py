"""Clicks and files that the tests of areas of interest share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitscape.plugin.dock.tiles_info import TilesInfo
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMapToolPan
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QMouseEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAction, QApplication

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
MERCATOR = QgsCoordinateReferenceSystem("EPSG:3857")
LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
TRIANGLE = ((50, 50), (250, 60), (150, 250))
X, Y = 500_000.0, 5_000_000.0


def collect() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


def tiles_at(folder: Path, crs: QgsCoordinateReferenceSystem = UTM) -> TilesInfo:
    return TilesInfo(
        folder / "change.tif", 300, 300, 8, QgsRectangle(X, Y - 3000, X + 3000, Y), crs, crs.authid(), 10.0,
        "difference", ("2020", "2024"), ("AlphaEarth",), (), "f", (0.5,),
    )


def click(canvas: QgsMapCanvas, x: int, y: int, button: Any = LEFT) -> None:
    QTest.mouseClick(canvas.viewport(), button, PLAIN, QPoint(x, y))


def click_all(canvas: QgsMapCanvas, places: Any = TRIANGLE) -> None:
    for x, y in places:
        click(canvas, x, y)


def move(canvas: QgsMapCanvas, x: int, y: int, buttons: Any = NONE, modifiers: Any = PLAIN) -> None:
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(x, y), NONE, buttons, modifiers)
    QApplication.sendEvent(canvas.viewport(), event)


def drag(canvas: QgsMapCanvas, start: tuple[int, int], end: tuple[int, int], modifiers: Any = SHIFT) -> None:
    QTest.mousePress(canvas.viewport(), LEFT, modifiers, QPoint(*start))
    move(canvas, *end, buttons=LEFT, modifiers=modifiers)
    QTest.mouseRelease(canvas.viewport(), LEFT, modifiers, QPoint(*end))


def key(canvas: QgsMapCanvas, which: Any, modifiers: Any = PLAIN) -> None:
    QTest.keyClick(canvas, which, modifiers)


def on_disk(path: Path) -> list[float]:
    """What another process would read: the sizes of all areas, sorted."""
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    return sorted(round(feature.GetGeometryRef().GetArea()) for feature in dataset.GetLayerByName("aoi"))


def polygons(path: Path, boxes: tuple[tuple[float, float, float], ...], epsg: int = 32633) -> Path:
    """A user's file, made without our code: squares at (x, y) of a size."""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer(path.stem, reference, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("name", ogr.OFTString))
    for number, (x, y, size) in enumerate(boxes):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("name", f"box {number}")
        feature.SetGeometry(ogr.CreateGeometryFromWkt(
            f"POLYGON (({x} {y}, {x + size} {y}, {x + size} {y + size}, {x} {y + size}, {x} {y}))"))
        layer.CreateFeature(feature)
    layer = data = None
    return path


def expected(canvas: QgsMapCanvas, places: Any) -> QgsGeometry:
    transform = canvas.getCoordinateTransform()
    return QgsGeometry.fromPolygonXY([[transform.toMapCoordinates(x, y) for x, y in places]])


class Desktop:
    """As much of QGIS's interface as the panel uses."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self.active: Any = None
        self.vertex = QgsMapToolPan(canvas)
        self.action = QAction("Vertex tool")
        self.action.triggered.connect(lambda: canvas.setMapTool(self.vertex))

    def setActiveLayer(self, layer: QgsVectorLayer) -> None:  # noqa: N802
        self.active = layer

    def actionVertexTool(self) -> QAction:  # noqa: N802
        return self.action
