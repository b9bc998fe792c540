"""Where the mouse rests on the map, whatever tool is chosen: for words beside the pointer."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsPointXY
from qgis.gui import QgsMapCanvas
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, Qt, pyqtSignal

NO_BUTTON = Qt.MouseButton.NoButton


class Hover(QObject):
    """``moved`` (place in the canvas's CRS, pixel on the screen) while no button is pressed; ``left`` the canvas."""

    moved = pyqtSignal(QgsPointXY, QPoint)
    left = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._on = False

    def set_active(self, on: bool) -> None:
        """Listen, or do not."""
        if on == self._on or sip.isdeleted(self._canvas):
            return
        self._on = on
        viewport = self._canvas.viewport()
        if on:
            viewport.installEventFilter(self)
        else:
            viewport.removeEventFilter(self)
            self.left.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt asks this first; nothing is taken from others."""
        if event.type() == QEvent.Type.MouseMove and event.buttons() == NO_BUTTON:
            place = self._canvas.getCoordinateTransform().toMapCoordinates(event.pos())
            self.moved.emit(place, self._canvas.viewport().mapToGlobal(event.pos()))
        elif event.type() == QEvent.Type.Leave:
            self.left.emit()
        return False
