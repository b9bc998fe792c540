"""The map tool that chooses exemplars: click takes the patch there, right-click removes; its keys hold while it is
active."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool
from qgis.PyQt.QtCore import QPoint, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent

from ..layers.styling import BLUE, ORANGE
from .keys import CONTROL, KEYPAD, NO_MODIFIER, SHIFT, CanvasKeys
from .label_tool import REACH, sign_cursor

KEYS = {
    Qt.Key.Key_P: "sign:positive", Qt.Key.Key_N: "sign:negative", Qt.Key.Key_Plus: "sign:positive",
    Qt.Key.Key_Minus: "sign:negative", Qt.Key.Key_A: "imagery:previous", Qt.Key.Key_D: "imagery:next",
    Qt.Key.Key_S: "imagery:swipe", Qt.Key.Key_Escape: "leave", Qt.Key.Key_Delete: "remove",
    Qt.Key.Key_Backspace: "remove", Qt.Key.Key_Return: "place", Qt.Key.Key_Enter: "place",
    Qt.Key.Key_Period: "next", Qt.Key.Key_Comma: "previous", Qt.Key.Key_L: "label", Qt.Key.Key_T: "view:threshold",
    Qt.Key.Key_H: "view:heat", Qt.Key.Key_K: "view:top",
}


class ExemplarTool(QgsMapTool):
    """``placed`` (a place in the canvas's CRS; True: Shift was held, which means the other sign), ``removed`` (place,
    reach), ``pressed`` (name) is one of its keys: "sign:positive", "view:heat", "undo", …"""

    placed = pyqtSignal(QgsPointXY, bool)
    removed = pyqtSignal(QgsPointXY, float)
    pressed = pyqtSignal(str)

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._keys = CanvasKeys(self, canvas, _meaning, self.act, repeated=("undo", "redo", "next", "previous"))
        self.set_sign(True)

    def flags(self) -> QgsMapTool.Flags:
        """None: right-click removes exemplars, it opens no menu."""
        return QgsMapTool.Flags()

    def set_sign(self, positive: bool) -> None:
        """Show at the pointer what a click takes."""
        self.setCursor(sign_cursor(ORANGE if positive else BLUE, positive))

    def activate(self) -> None:
        """QGIS calls this when the tool is chosen."""
        super().activate()
        self._keys.listen(True)

    def deactivate(self) -> None:
        """QGIS calls this when another tool is."""
        self._keys.listen(False)
        super().deactivate()

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        """Take an exemplar, or remove one."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.placed.emit(self.toMapCoordinates(event.pos()), bool(event.modifiers() & SHIFT))
        elif event.button() == Qt.MouseButton.RightButton:
            self._remove(event.pos())

    def act(self, name: str) -> None:
        """One of the tool's own keys."""
        if name == "remove":
            self._remove(self._canvas.mouseLastXY())
        elif name == "place":
            self.placed.emit(self._canvas.center(), False)
        else:
            self.pressed.emit(name)

    def _remove(self, place: QPoint) -> None:
        self.removed.emit(self.toMapCoordinates(place), REACH * self._canvas.mapUnitsPerPixel())


def _meaning(event: QKeyEvent) -> str:
    modifiers: Any = event.modifiers() & ~KEYPAD
    key = event.key()
    if modifiers == NO_MODIFIER or (modifiers == SHIFT and key == Qt.Key.Key_Plus):
        return KEYS.get(key, "")
    if key == Qt.Key.Key_Z and modifiers in (CONTROL, CONTROL | SHIFT):
        return "undo" if modifiers == CONTROL else "redo"
    return "redo" if key == Qt.Key.Key_Y and modifiers == CONTROL else ""
