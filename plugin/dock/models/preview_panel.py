"""The buttons and the words of the preview: what is under way, what it cost and where it ran."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Optional

from qgis.PyQt.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ...translation import tr
from ..run_status import RunStatus, duration, failed
from ..text import wrapped
from .model_choice import WARNING, ModelChoice
from .preview import Preview, too_long_words


class PreviewPanel(QWidget):
    """One click: what the model finds in what is seen."""

    def __init__(self, preview: Preview, choice: ModelChoice, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._preview, self._choice = preview, choice
        self.start = QPushButton(tr("Preview this view"))
        self.start.setToolTip(tr("Runs the model on the part of the raster that the map shows, into a temporary layer"))
        self.start.clicked.connect(lambda: preview.start())
        self.clear = QPushButton(tr("Remove"))
        self.clear.setToolTip(tr("Take the preview off the map"))
        self.clear.clicked.connect(lambda: self._on_clear())
        self.follow = QCheckBox(tr("Keep previewing as I move the map"))
        self.follow.toggled.connect(preview.set_following)
        self.anyway = QPushButton(tr("Preview all the same"))
        self.anyway.clicked.connect(lambda: preview.start(anyway=True))
        self.anyway.hide()
        self.none = wrapped()
        self.none.setText(tr("Models of this type have no preview; run it on what the map shows, below."))
        self.status = RunStatus()
        row = QHBoxLayout()
        row.addWidget(self.start, 1)
        row.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.none)
        layout.addLayout(row)
        layout.addWidget(self.follow)
        layout.addWidget(self.status)
        layout.addWidget(self.anyway)
        preview.started.connect(self._on_started)
        preview.told.connect(self._on_told)
        preview.too_long.connect(self._on_too_long)
        preview.shown.connect(self._on_shown)
        choice.described.connect(self.refresh)
        self.status.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Only what can be done now can be pressed."""
        hindrance = self._preview.hindrance()
        for widget in (self.start, self.follow):
            widget.setEnabled(not hindrance)
        self.start.setToolTip(hindrance or tr(
            "Runs the model on the part of the raster that the map shows, into a temporary layer"))
        self.clear.setVisible(self._preview.layer.layer is not None)
        able = self._preview.is_able
        self.none.setVisible(not able)
        for part in (self.start, self.follow):
            part.setVisible(able)

    def _on_started(self, run: Any) -> None:
        self.anyway.hide()
        run.logged.connect(self._on_logged)
        self.status.start(run, lambda *_: None, tr("Cancelled."))

    def _on_told(self, text: str) -> None:
        self._ended()
        self.status.end(failed(text) if text else "")
        self.status.setVisible(bool(text))

    def _on_too_long(self, seconds: float) -> None:
        self._ended()
        self.status.end(escape(too_long_words(seconds)))
        self.anyway.show()

    def _on_shown(self, found: Mapping[str, Any]) -> None:
        self._ended()
        text = tr("Shown in {0}. {1}").format(duration(self.status.seconds), ran_on(found))
        if len(found["heads"]) > 1:
            first = found["heads"][0]["name"] or "1"
            text = f"{text} " + tr("It is the output {0} of {1}.").format(first, len(found["heads"]))
        self.status.end(escape(text))
        self.refresh()

    def _on_clear(self) -> None:
        self.follow.setChecked(False)
        self._preview.forget()
        self._ended()
        self.status.hide()
        self.refresh()

    def _ended(self) -> None:
        """What was shown as running is over, however it ended."""
        self.status.drop_run()

    def _on_logged(self, text: str, level: int) -> None:
        if level == WARNING:
            self._choice.said.emit(text, level)


def ran_on(found: Mapping[str, Any]) -> str:
    """Where it ran, from what an operation or algorithm reports."""
    provider = str(found.get("provider_used") or found.get("PROVIDER_USED") or "")
    return tr("It ran on {0}.").format(provider) if provider else ""
