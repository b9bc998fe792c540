"""The point that is interpreted, on the canvas: the outline of its pixel, and a ring around it that covers nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

from qgis.core import QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QWidget

RING, MARGIN, TICK = 26.0, 12.0, 12.0
"""Pixels: the ring's least radius, its distance from the pixel's outline, and the length of its four ticks."""
AWAY = 3.5
"""Pixels that the outline's corners lie outside the pixel, so that its line covers nothing of it."""
LARGEST = 0.4
"""A ring larger than this part of the canvas is left out: the pixel itself is plain to see."""
DARK, LIGHT = QColor(0, 0, 0, 170), QColor("#ffe94a")
ABOVE_SWIPE = 10


class SampleMark(QgsMapCanvasItem):
    """Nothing is drawn inside the outline, and nothing between it and the ring. Coordinates are the canvas's."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._centre: Optional[QgsPointXY] = None
        self._outline: list[QgsPointXY] = []
        self.setZValue(ABOVE_SWIPE)

    @property
    def centre(self) -> Optional[QgsPointXY]:
        """Where the point is; None where none is shown."""
        return self._centre

    @property
    def outline(self) -> list[QgsPointXY]:
        """The corners of its pixel; none where the map's pixels are not known."""
        return list(self._outline)

    def show_at(self, centre: Optional[QgsPointXY], outline: Sequence[QgsPointXY] = ()) -> None:
        """Show a point and its pixel, or none."""
        self._centre, self._outline = centre, list(outline)
        self.updatePosition()

    def boundingRect(self) -> QRectF:
        size = self._canvas.viewport().size()
        return QRectF(-2 * size.width(), -2 * size.height(), 5 * size.width(), 5 * size.height())

    def updatePosition(self) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, option: object = None, widget: Optional[QWidget] = None) -> None:
        if self._centre is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        middle = self.toCanvasCoordinates(self._centre)
        corners = [_outwards(self.toCanvasCoordinates(corner), middle) for corner in self._outline]
        reach = max((math.hypot(one.x() - middle.x(), one.y() - middle.y()) for one in corners), default=0.0)
        radius = max(RING, reach + MARGIN)
        size = self._canvas.viewport().size()
        for colour, width in ((DARK, 4.0), (LIGHT, 1.8)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap,
                                Qt.PenJoinStyle.MiterJoin))
            if corners:
                painter.drawPolygon(QPolygonF(corners))
            if radius > LARGEST * min(size.width(), size.height()):
                continue
            painter.drawEllipse(middle, radius, radius)
            for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                inner = QPointF(middle.x() + x * radius, middle.y() + y * radius)
                painter.drawLine(inner, inner + QPointF(x * TICK, y * TICK))


def _outwards(corner: QPointF, middle: QPointF) -> QPointF:
    way = corner - middle
    length = math.hypot(way.x(), way.y())
    return corner + way * (AWAY / length) if length > 0 else corner
