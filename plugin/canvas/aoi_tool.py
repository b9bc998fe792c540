"""The map tool that draws areas: click corners, or drag a rectangle; its keys hold while it is active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from qgis.core import QgsGeometry, QgsPointXY, QgsWkbTypes
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint, QRect, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QKeyEvent

from ..translation import tr
from .keys import CONTROL, KEYPAD, NO_MODIFIER, SHIFT, CanvasKeys

LEAST = 4
"""Pixels that a rectangle must be wide and high; less is a slip of the hand."""

KEYS = {
    Qt.Key.Key_Return: "close", Qt.Key.Key_Enter: "close", Qt.Key.Key_Backspace: "back", Qt.Key.Key_Escape: "leave",
    Qt.Key.Key_Delete: "remove",
}
INK, WRONG = QColor(20, 20, 20), QColor(200, 0, 30)


class AoiTool(QgsMapTool):
    """Click sets a corner; right-click, Enter or a double click closes; Backspace takes the last corner back; Esc gives
    the area up, and leaves if none was begun. Dragging with Shift draws a rectangle.

    ``finished`` is a polygon that does not cross itself, ``removed`` where Delete was pressed, both in the canvas's
    CRS; ``refused`` says why an area cannot be closed as it is; ``corners`` how many there are; ``undone`` is Ctrl+Z
    with nothing begun.
    """

    finished = pyqtSignal(QgsGeometry)
    left = pyqtSignal()
    refused = pyqtSignal(str)
    removed = pyqtSignal(QgsPointXY)
    undone = pyqtSignal()
    corners = pyqtSignal(int)

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._corners: list[QgsPointXY] = []
        self._from: Optional[QPoint] = None
        self._pointer: Optional[QgsPointXY] = None
        self._band = QgsRubberBand(canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
        self._band.setSecondaryStrokeColor(QColor(255, 255, 255, 220))
        self._band.setFillColor(QColor(255, 255, 255, 45))
        self._band.setWidth(2)
        self._keys = CanvasKeys(self, canvas, _meaning, self.act, repeated=("back", "undo"))
        self.setCursor(Qt.CursorShape.CrossCursor)
        canvas.destinationCrsChanged.connect(self.abandon)

    def flags(self) -> QgsMapTool.Flags:
        """None: right-click closes the area, it opens no menu, and Shift draws, it does not zoom."""
        return QgsMapTool.Flags()

    @property
    def is_drawing(self) -> bool:
        """Whether an area is begun."""
        return bool(self._corners) or self._from is not None

    def activate(self) -> None:
        """QGIS calls this when the tool is chosen."""
        super().activate()
        self._keys.listen(True)

    def deactivate(self) -> None:
        """QGIS calls this when another tool is."""
        self._keys.listen(False)
        if not sip.isdeleted(self._canvas):
            self.abandon()
        super().deactivate()

    def remove_from_canvas(self) -> None:
        """Before the tool goes: nothing of it stays on the canvas."""
        self._canvas.destinationCrsChanged.disconnect(self.abandon)
        self._canvas.unsetMapTool(self)
        self._canvas.scene().removeItem(self._band)

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        """Set a corner, begin a rectangle, or close."""
        if event.button() == Qt.MouseButton.RightButton and self._corners:
            self._close()
        elif event.button() == Qt.MouseButton.LeftButton and event.modifiers() & SHIFT and not self._corners:
            self._from = event.pos()
        elif event.button() == Qt.MouseButton.LeftButton:
            self._add(self.toMapCoordinates(event.pos()))

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        """Show what a click here would make."""
        if self._from is not None:
            self._draw(self._rectangle(event.pos()))
        elif self._corners:
            self._pointer = self.toMapCoordinates(event.pos())
            self._draw([*self._corners, self._pointer])

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        """The end of a rectangle."""
        if self._from is None or event.button() != Qt.MouseButton.LeftButton:
            return
        size, corners = QRect(self._from, event.pos()).normalized().size(), self._rectangle(event.pos())
        self.abandon()
        if min(size.width(), size.height()) > LEAST:
            self.finished.emit(QgsGeometry.fromPolygonXY([corners]))

    def canvasDoubleClickEvent(self, event: QgsMapMouseEvent) -> None:
        """Close: the first click of the two has set the last corner."""
        if event.button() == Qt.MouseButton.LeftButton and self._corners:
            self._close()

    def act(self, name: str) -> None:
        """One of the tool's own keys."""
        if name == "close":
            self._close()
        elif name == "back" or (name == "undo" and self.is_drawing):
            self._take_back()
        elif name == "undo":
            self.undone.emit()
        elif name == "remove" and not self.is_drawing:
            self.removed.emit(self.toMapCoordinates(self._canvas.mouseLastXY()))
        elif name == "leave" and self.is_drawing:
            self.abandon()
        elif name == "leave":
            self.left.emit()

    def abandon(self) -> None:
        """Forget the area that was begun."""
        self._corners, self._from, self._pointer = [], None, None
        self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        self.corners.emit(0)

    def _add(self, point: QgsPointXY) -> None:
        if not self._corners or self._corners[-1] != point:
            self._corners.append(point)
        self._draw(self._corners)
        self.corners.emit(len(self._corners))

    def _take_back(self) -> None:
        if len(self._corners) > 1:
            self._corners.pop()
            self._draw([*self._corners, self._pointer] if self._pointer is not None else self._corners)
            self.corners.emit(len(self._corners))
        else:
            self.abandon()

    def _close(self) -> None:
        if not self.is_drawing:
            return
        area = QgsGeometry.fromPolygonXY([self._corners]) if len(self._corners) > 2 else QgsGeometry()
        if area.isNull():
            self.refused.emit(tr("An area needs three corners at least: click more, or begin anew with Esc."))
        elif _is_flat(area):
            self.refused.emit(tr("All corners lie on one line: click one beside it, or begin anew with Esc."))
        elif not area.isGeosValid():
            self.refused.emit(tr(
                "The outline crosses itself, so it is not clear what is inside: take corners back with Backspace, or "
                "begin anew with Esc."))
        else:
            self.abandon()
            self.finished.emit(area)

    def _rectangle(self, to: QPoint) -> list[QgsPointXY]:
        """Upright on the screen, also where the map is turned."""
        assert self._from is not None
        here = self._from
        places = (here, QPoint(to.x(), here.y()), to, QPoint(here.x(), to.y()))
        return [self.toMapCoordinates(place) for place in places]

    def _draw(self, corners: Sequence[QgsPointXY]) -> None:
        """An outline that crosses itself is red and dashed."""
        crosses = len(corners) > 3 and not QgsGeometry.fromPolygonXY([list(corners)]).isGeosValid()
        self._band.setStrokeColor(WRONG if crosses else INK)
        self._band.setLineStyle(Qt.PenStyle.DashLine if crosses else Qt.PenStyle.SolidLine)
        self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        for number, corner in enumerate(corners, 1):
            self._band.addPoint(corner, number == len(corners))


def _is_flat(area: QgsGeometry) -> bool:
    """Whether it is a line to the eye; its own area may be nothing also where it crosses itself."""
    box = area.boundingBox()
    return bool(area.convexHull().area() <= 1e-9 * (box.width() ** 2 + box.height() ** 2))


def _meaning(event: QKeyEvent) -> str:
    modifiers = event.modifiers() & ~KEYPAD
    if modifiers == NO_MODIFIER:
        return KEYS.get(event.key(), "")
    return "undo" if event.key() == Qt.Key.Key_Z and modifiers == CONTROL else ""
