"""The keys of a map tool: taken before QGIS's own actions take them, and only while the tool is active."""

from __future__ import annotations

from collections.abc import Callable, Collection

from qgis.gui import QgsMapCanvas, QgsMapTool
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, Qt
from qgis.PyQt.QtGui import QKeyEvent

NO_MODIFIER, CONTROL, SHIFT = (
    Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier)
KEYPAD = Qt.KeyboardModifier.KeypadModifier


class CanvasKeys(QObject):
    """Hears the keys that the canvas gets. ``meaning`` names what a key is for ("": not ours, QGIS has it), ``act`` is
    told the name; a key that is held down counts once, unless its name is among ``repeated``."""

    def __init__(
        self, tool: QgsMapTool, canvas: QgsMapCanvas, meaning: Callable[[QKeyEvent], str],
        act: Callable[[str], None], repeated: Collection[str] = (),
    ) -> None:
        super().__init__(tool)
        self._canvas, self._meaning, self._act, self._repeated = canvas, meaning, act, repeated
        self._listening = False

    def listen(self, on: bool) -> None:
        """Begin or end."""
        if sip.isdeleted(self._canvas):  # it ends the active tool when it goes itself
            return
        if on != self._listening:
            self._listening = on
            for widget in (self._canvas, self._canvas.viewport()):
                (widget.installEventFilter if on else widget.removeEventFilter)(self)
        if on:
            self._canvas.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt asks this first."""
        if event.type() not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            return False
        name = self._meaning(event)
        if not name:
            return False
        event.accept()
        if event.type() == QEvent.Type.KeyPress and (not event.isAutoRepeat() or name in self._repeated):
            self._act(name)
        return True
