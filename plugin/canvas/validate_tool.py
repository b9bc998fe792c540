"""The map tool while points of a sample are interpreted: dragging pans, and its keys answer."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapToolPan
from qgis.PyQt.QtCore import QPoint, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent

from .keys import KEYPAD, NO_MODIFIER, CanvasKeys

STILL = 3
"""Pixels that the mouse may slip during a click."""

KEYS = {
    Qt.Key.Key_C: "class:C", Qt.Key.Key_N: "class:N",
    **{getattr(Qt.Key, f"Key_{digit}"): f"class:{digit}" for digit in range(1, 10)},
    Qt.Key.Key_A: "imagery:previous", Qt.Key.Key_D: "imagery:next", Qt.Key.Key_S: "imagery:swipe",
    Qt.Key.Key_Q: "certainty:Q", Qt.Key.Key_W: "certainty:W", Qt.Key.Key_E: "certainty:E",
    Qt.Key.Key_X: "skip", Qt.Key.Key_Return: "note", Qt.Key.Key_Enter: "note", Qt.Key.Key_Backspace: "back",
    Qt.Key.Key_Period: "next", Qt.Key.Key_F: "fly", Qt.Key.Key_Escape: "leave",
}


class ValidateTool(QgsMapToolPan):
    """``pressed`` (name) is one of its keys: "class:C", "certainty:Q", "skip", "imagery:swipe", …"""

    pressed = pyqtSignal(str)

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._from: Optional[QPoint] = None
        self._moved = False
        self._keys = CanvasKeys(self, canvas, _meaning, self.pressed.emit)

    def activate(self) -> None:
        """QGIS calls this when the tool is chosen."""
        super().activate()
        self._keys.listen(True)

    def deactivate(self) -> None:
        """QGIS calls this when another tool is."""
        self._keys.listen(False)
        super().deactivate()

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        """The beginning of a drag, perhaps."""
        self._from, self._moved = event.pos(), False
        super().canvasPressEvent(event)

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        """Pan."""
        if self._from is not None and (event.pos() - self._from).manhattanLength() > STILL:
            self._moved = True
        if self._moved:
            super().canvasMoveEvent(event)

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        """The end of a drag. A mere click stays without effect: QGIS's own tool would move the map there."""
        if self._moved:
            super().canvasReleaseEvent(event)
        self._from, self._moved = None, False


def _meaning(event: QKeyEvent) -> str:
    return KEYS.get(event.key(), "") if event.modifiers() & ~KEYPAD == NO_MODIFIER else ""
