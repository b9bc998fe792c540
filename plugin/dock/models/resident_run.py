"""One call of a resident backend that looks like a run in the background: RunStatus shows both alike."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import Qgis
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ....processing.errors import BitscapeError
from ...backend.resident import Resident

INFO, WARNING = Qgis.MessageLevel.Info, Qgis.MessageLevel.Warning


class ResidentRun(QObject):
    """An operation with its request, in a channel of which only the newest call counts. Signals as BackgroundRun's:
    ``progressed``, ``logged``, and one of ``finished`` (the result), ``failed`` (words), ``cancelled``."""

    progressed = pyqtSignal(float, str)
    logged = pyqtSignal(str, int)
    finished = pyqtSignal(dict)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()

    project_closed = False

    def __init__(
        self, resident: Resident, channel: str, operation: str, request: dict[str, Any], urgency: int,
        parent: Optional[QObject] = None,
    ) -> None:
        super().__init__(parent)
        self._resident, self._channel, self._urgency = resident, channel, urgency
        self._operation, self._request = operation, request
        self._token = 0
        self.is_running = False

    def start(self) -> None:
        """Ask; what was asked in this channel before never answers."""
        self.is_running = True
        resident = self._resident
        resident.answered.connect(self._on_answer)
        resident.failed.connect(self._on_failure)
        resident.progressed.connect(self._on_progress)
        resident.logged.connect(self._on_log)
        self._token = resident.submit(self._channel, self._operation, self._request, self._urgency)

    def cancel(self) -> None:
        """Stop; ``cancelled`` follows at once, and no answer."""
        if self.is_running:
            self._resident.cancel(self._channel)
            self._end()
            self.cancelled.emit()

    def close(self) -> None:
        """Stop, and say nothing any more."""
        self.blockSignals(True)
        if self.is_running:
            self._resident.cancel(self._channel)
            self._end()

    def supersede(self) -> None:
        """Another call of this channel follows: say nothing any more."""
        self.blockSignals(True)
        if self.is_running:
            self._end()
        self.deleteLater()

    def _end(self) -> None:
        self.is_running = False
        resident = self._resident
        for signal, slot in ((resident.answered, self._on_answer), (resident.failed, self._on_failure),
                             (resident.progressed, self._on_progress), (resident.logged, self._on_log)):
            signal.disconnect(slot)

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if (channel, token) == (self._channel, self._token):
            self._end()
            self.finished.emit(result)

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if (channel, token) == (self._channel, self._token):
            self._end()
            if error.detail:
                self.logged.emit(error.detail, INFO)
            self.failed.emit(error.message)

    def _on_progress(self, channel: str, fraction: float, text: str) -> None:
        if channel == self._channel:
            self.progressed.emit(fraction, text)

    def _on_log(self, channel: str, text: str, level: str) -> None:
        if channel == self._channel:
            self.logged.emit(text, WARNING if level == "warning" else INFO)
