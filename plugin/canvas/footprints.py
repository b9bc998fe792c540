"""Outlines on the canvas: the patches that exemplars hit, the result that is pointed at, and where was searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from qgis.core import QgsGeometry, QgsRectangle, QgsWkbTypes
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, Qt
from qgis.PyQt.QtGui import QColor

from ..layers.exemplar_layer import PLACES
from ..layers.styling import BLUE, ORANGE

POLYGON = QgsWkbTypes.GeometryType.PolygonGeometry

POINTED = QColor("#ffffff")
CASING = QColor(0, 0, 0, 190)
SEARCHED = QColor(90, 160, 255, 40)
Box = Sequence[float]


class Footprints(QObject):
    """Everything is given in degrees, and drawn in the canvas's CRS as it is then."""

    def __init__(self, canvas: QgsMapCanvas, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._searched = _band(canvas, QColor(90, 160, 255, 90), 1, SEARCHED)
        self._positive = _band(canvas, QColor(ORANGE), 3)
        self._negative = _band(canvas, QColor(BLUE), 3)
        self._negative.setLineStyle(Qt.PenStyle.DashLine)
        self._pointed = _band(canvas, POINTED, 3, QColor(255, 255, 255, 50))
        self._boxes: list[list[QgsGeometry]] = [[], [], [], []]
        canvas.destinationCrsChanged.connect(self._draw_all)

    def show_exemplars(self, positive: Sequence[Box], negative: Sequence[Box]) -> None:
        """The boxes (xmin, ymin, xmax, ymax) of the patches that were hit."""
        self._set(1, [_of(box) for box in positive])
        self._set(2, [_of(box) for box in negative])

    def point_at(self, wkt: str) -> None:
        """Stress one footprint; "": none."""
        self._set(3, [QgsGeometry.fromWkt(wkt)] if wkt else [])

    def add_searched(self, boxes: Sequence[Box]) -> None:
        """Parts that were searched just now."""
        added = [_of(box) for box in boxes]
        self._boxes[0] += added
        for one in added:
            self._searched.addGeometry(one, PLACES)

    def clear_searched(self) -> None:
        """The search is complete, or another one."""
        self._set(0, [])

    def clear(self) -> None:
        """Nothing any more."""
        for index in range(4):
            self._set(index, [])

    def remove_from_canvas(self) -> None:
        """Before it goes: nothing stays on the canvas."""
        if sip.isdeleted(self._canvas):
            return
        self._canvas.destinationCrsChanged.disconnect(self._draw_all)
        for band in self._bands():
            self._canvas.scene().removeItem(band)

    def _bands(self) -> list[QgsRubberBand]:
        return [self._searched, self._positive, self._negative, self._pointed]

    def _set(self, index: int, geometries: list[QgsGeometry]) -> None:
        if geometries or self._boxes[index]:
            self._boxes[index] = geometries
            self._draw(index)

    def _draw(self, index: int) -> None:
        band = self._bands()[index]
        band.reset(POLYGON)
        for one in self._boxes[index]:
            band.addGeometry(one, PLACES)

    def _draw_all(self) -> None:
        for index in range(4):
            self._draw(index)


def rectangle(box: Box) -> QgsRectangle:
    """A box of the backend's: west is greater than east where it lies over the antimeridian."""
    west, south, east, north = box
    return QgsRectangle(west, south, east + 360 if west > east else east, north)


def _of(box: Box) -> QgsGeometry:
    return QgsGeometry.fromRect(rectangle(box))


def _band(canvas: QgsMapCanvas, stroke: QColor, width: int, fill: Optional[QColor] = None) -> QgsRubberBand:
    band = QgsRubberBand(canvas, POLYGON)
    band.setStrokeColor(stroke)
    band.setWidth(width)
    band.setFillColor(fill or QColor(0, 0, 0, 0))
    if width > 1:
        band.setSecondaryStrokeColor(CASING)
    return band
