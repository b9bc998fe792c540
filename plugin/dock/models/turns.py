"""Work in several turns of the event loop: making a file, opening it and filling it each take tens of milliseconds of
the main thread, and between them the window answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ....processing.errors import BitscapeError


class Turns(QObject):
    """Steps, one after the other. ``failed`` (words): a step raised a BitscapeError, and those after it were left out;
    ``changed``: begun, or over."""

    failed = pyqtSignal(str)
    changed = pyqtSignal()

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._steps: list[Callable[[], None]] = []
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.setInterval(0)
        self._next.timeout.connect(self._take)

    def __bool__(self) -> bool:
        """Whether something is left to be done."""
        return bool(self._steps)

    def start(self, *steps: Callable[[], None]) -> None:
        """Take the first step in the next turn."""
        self._steps = list(steps)
        self._next.start()
        self.changed.emit()

    def stop(self) -> None:
        """Take no further step."""
        self._next.stop()
        self._steps = []

    def _take(self) -> None:
        step = self._steps[0]
        try:
            step()
        except BitscapeError as error:
            self.stop()
            self.failed.emit(error.message)
        self._steps = self._steps[1:]
        if self._steps:
            self._next.start()
        else:
            self.changed.emit()
