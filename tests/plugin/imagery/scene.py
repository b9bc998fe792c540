"""Layers, canvas and pictures that the tests of imagery share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal, osr
from qgis.core import (
    QgsApplication,
    QgsDateTimeRange,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsMapCanvas
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QDate, QDateTime, QEvent, QPoint, QPointF, Qt, QTime
from qgis.PyQt.QtGui import QColor, QMouseEvent

RED, BLUE, GREEN, YELLOW = (200, 30, 30), (30, 30, 200), (30, 160, 30), (230, 220, 40)
SIZE = 64


def raster(path: Path, colour: tuple[int, int, int], left: int = 0, right: int = SIZE) -> str:
    """A picture of 64 × 64 pixels of 10 m; columns outside left … right are nodata."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), SIZE, SIZE, 3, gdal.GDT_Byte)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((500000, 10, 0, 5000000, 0, -10))
    for band, value in enumerate(colour, 1):
        values = np.zeros((SIZE, SIZE), np.uint8)
        values[:, left:right] = value
        data.GetRasterBand(band).SetNoDataValue(0)
        data.GetRasterBand(band).WriteArray(values)
    return str(path)


def collect() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QgsApplication.processEvents()


def add(
    project: QgsProject, folder: Path, name: str, colour: tuple[int, int, int], file: str = "", **columns: int
) -> QgsRasterLayer:
    """A layer of one colour, uppermost in the tree."""
    layer = QgsRasterLayer(raster(folder / f"{file or len(project.mapLayers())}.tif", colour, **columns), name)
    assert layer.isValid()
    layer.renderer().setOpacity(1)
    for channel in range(3):
        enhancement = layer.dataProvider() and layer.renderer()
        getattr(enhancement, ("setRedContrastEnhancement", "setGreenContrastEnhancement",
                              "setBlueContrastEnhancement")[channel])(None)
    project.addMapLayer(layer)
    return layer


class Scene:
    """A project with imagery of two dates below an overlay that covers the upper quarter of the columns 24 … 40."""

    def __init__(self, project: QgsProject, folder: Path) -> None:
        self.project = project
        self.old = add(project, folder, "Imagery 2020", RED)
        self.new = add(project, folder, "Imagery 2024", BLUE)
        self.overlay = add(project, folder, "Change score", GREEN, left=24, right=40)
        self.root = project.layerTreeRoot()
        self.canvas = QgsMapCanvas()
        self.canvas.setFrameStyle(0)  # as in the application
        self.canvas.setCanvasColor(QColor("white"))
        self.canvas.resize(400, 300)
        self.bridge = QgsLayerTreeMapCanvasBridge(self.root, self.canvas)
        self.bridge.setCanvasLayers()
        self.canvas.setDestinationCrs(self.old.crs())
        self.canvas.show()
        QgsApplication.processEvents()
        # The map is wider than the canvas: every pixel shows imagery.
        self.canvas.setExtent(QgsRectangle(500020, 4999480, 500620, 4999920))
        self.settle()

    def settle(self) -> None:
        assert eventually(lambda: not self.canvas.isDrawing())
        self.canvas.waitWhileRendering()
        QgsApplication.processEvents()

    def visible(self) -> dict[str, bool]:
        return {node.layer().name(): node.isVisible() for node in self.root.findLayers()}

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        image = self.canvas.grab().toImage()
        return image.pixelColor(x, y).getRgb()[:3]

    def close(self) -> None:
        if not sip.isdeleted(self.canvas):
            self.canvas.stopRendering()
            self.canvas.close()
            sip.delete(self.bridge)
            sip.delete(self.canvas)


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(one, other))


def range_of(*days: tuple[int, int, int]) -> QgsDateTimeRange:
    return QgsDateTimeRange(*(QDateTime(QDate(*day), QTime(0, 0)) for day in days))


def style_of_classes(folder: Path) -> Path:
    from bitscape.plugin.layers import styling

    styling.style_classes(folder / "classes.tif", [styling.Entry(1, "a", "#ff0000")])
    return folder / "classes.qml"


def mouse(canvas: QgsMapCanvas, kind: QEvent.Type, x: int, y: int, down: bool) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    surface = canvas.viewport()
    button = none if kind == QEvent.Type.MouseMove else left
    at, on_screen = QPointF(x, y), QPointF(surface.mapToGlobal(QPoint(x, y)))
    event = QMouseEvent(kind, at, on_screen, button, left if down else none, Qt.KeyboardModifier.NoModifier)
    QgsApplication.sendEvent(surface, event)
    QgsApplication.processEvents()
