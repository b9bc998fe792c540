"""The map tool that labels: click to place, drag to brush, right-click to remove; its keys hold while it is active."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool
from qgis.PyQt.QtCore import QPoint, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QCursor, QKeyEvent, QPainter, QPainterPath, QPen, QPixmap

from .keys import CONTROL, KEYPAD, NO_MODIFIER, SHIFT, CanvasKeys

BRUSH_STEP = 14
"""Pixels between the points of a stroke."""
REACH = 12
"""Pixels around the pointer within which a label is meant."""

KEYS = {
    Qt.Key.Key_C: "class:C", Qt.Key.Key_N: "class:N", Qt.Key.Key_H: "view:score", Qt.Key.Key_T: "view:classes",
    Qt.Key.Key_U: "view:uncertainty", Qt.Key.Key_E: "extrapolated", Qt.Key.Key_Period: "next",
    Qt.Key.Key_A: "imagery:previous", Qt.Key.Key_D: "imagery:next", Qt.Key.Key_S: "imagery:swipe",
    Qt.Key.Key_Escape: "leave", Qt.Key.Key_Delete: "remove", Qt.Key.Key_Backspace: "remove",
    Qt.Key.Key_Return: "place", Qt.Key.Key_Enter: "place",
    **{getattr(Qt.Key, f"Key_{digit}"): f"class:{digit}" for digit in range(1, 10)},
}


class LabelTool(QgsMapTool):
    """Signals are in the canvas's CRS. ``pressed`` (name) is one of its keys: "class:C", "view:score", "undo", …"""

    placed = pyqtSignal(list)
    removed = pyqtSignal(QgsPointXY, float)
    stroke_began = pyqtSignal()
    stroke_ended = pyqtSignal()
    pressed = pyqtSignal(str)

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._last: Optional[QPoint] = None
        self._keys = CanvasKeys(self, canvas, _meaning, self.act, repeated=("undo", "redo"))
        self.set_colour("#7f7f7f", "circle")

    def flags(self) -> QgsMapTool.Flags:
        """None: right-click removes labels, it opens no menu."""
        return QgsMapTool.Flags()

    def set_colour(self, colour: str, shape: str) -> None:
        """Show the chosen class at the pointer."""
        self.setCursor(sign_cursor(colour, shape == "triangle"))

    def activate(self) -> None:
        """QGIS calls this when the tool is chosen."""
        super().activate()
        self._keys.listen(True)

    def deactivate(self) -> None:
        """QGIS calls this when another tool is."""
        self._keys.listen(False)
        self._end()
        super().deactivate()

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        """Place a label, or remove one."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._last = event.pos()
            self.stroke_began.emit()
            self.placed.emit([self.toMapCoordinates(event.pos())])
        elif event.button() == Qt.MouseButton.RightButton:
            self._remove(event.pos())

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        """Brush: a point every few pixels."""
        if self._last is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        way = event.pos() - self._last
        length = (way.x() ** 2 + way.y() ** 2) ** 0.5
        steps = int(length // BRUSH_STEP)
        if steps == 0:
            return
        start = self._last
        along = [start + QPoint(round(way.x() * k * BRUSH_STEP / length), round(way.y() * k * BRUSH_STEP / length))
                 for k in range(1, steps + 1)]
        self._last = along[-1]
        self.placed.emit([self.toMapCoordinates(one) for one in along])

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        """The end of a click or stroke."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._end()

    def act(self, name: str) -> None:
        """One of the tool's own keys."""
        if name == "remove":
            self._remove(self._canvas.mouseLastXY())
        elif name == "place":
            self.placed.emit([self._canvas.center()])
        else:
            self.pressed.emit(name)

    def _remove(self, place: QPoint) -> None:
        self.removed.emit(self.toMapCoordinates(place), REACH * self._canvas.mapUnitsPerPixel())

    def _end(self) -> None:
        if self._last is not None:
            self._last = None
            self.stroke_ended.emit()


def _meaning(event: QKeyEvent) -> str:
    modifiers = event.modifiers() & ~KEYPAD
    if modifiers == NO_MODIFIER:
        return KEYS.get(event.key(), "")
    if event.key() == Qt.Key.Key_Z and modifiers in (CONTROL, CONTROL | SHIFT):
        return "undo" if modifiers == CONTROL else "redo"
    return "redo" if event.key() == Qt.Key.Key_Y and modifiers == CONTROL else ""


def sign_cursor(colour: str, triangle: bool) -> QCursor:
    """A cross with the sign of what a click places beside it."""
    picture = QPixmap(32, 32)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for width, shade in ((3.0, QColor("white")), (1.0, QColor("black"))):
        painter.setPen(QPen(shade, width))
        for x0, y0, x1, y1 in ((10, 1, 10, 7), (10, 13, 10, 19), (1, 10, 7, 10), (13, 10, 19, 10)):
            painter.drawLine(x0, y0, x1, y1)
    painter.setPen(QPen(QColor("white"), 1.2))
    painter.setBrush(QColor(colour))
    sign = QPainterPath()
    if triangle:
        sign.moveTo(23, 17)
        sign.lineTo(29, 28)
        sign.lineTo(17, 28)
        sign.closeSubpath()
    else:
        sign.addEllipse(18.0, 18.0, 10.0, 10.0)
    painter.drawPath(sign)
    painter.end()
    return QCursor(picture, 10, 10)
