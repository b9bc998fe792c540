"""Assess the map by the answers: accuracy and areas with their intervals, as one sentence and a report."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProject
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ....processing.errors import BitscapeError, InputError
from ...layers.held_back import SAMPLE
from ...layers.sample_file import ENOUGH
from ...translation import tr
from ..background import BackgroundRun, Step
from ..run_status import RunStatus, failed
from ..text import wrapped
from .validation import Validation

ALGORITHM = "bitscape:assessaccuracy"
HEADLINE = "HEADLINE"
ENDING = ".accuracy.html"


class AssessPanel(QWidget):
    """Runs in the background; the report lies beside the sample, and is written anew each time."""

    def __init__(self, validation: Validation, project: QgsProject, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._validation, self._project = validation, project
        self._report: Optional[Path] = None
        self.words = wrapped()
        self.start = QPushButton(tr("Assess the map"))
        self.start.setToolTip(tr("Accuracy and areas of the classes from the answers, with confidence intervals"))
        self.start.clicked.connect(lambda: self.assess())
        self.copy = QPushButton(tr("Copy as command"))
        self.copy.setToolTip(tr("The same assessment as a line for the shell (qgis_process)"))
        self.copy.clicked.connect(lambda: self.copy_command())
        self.status = RunStatus()
        self.open = QPushButton(tr("Open the report"))
        self.open.clicked.connect(lambda: self.open_report())
        self.open.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        layout.addWidget(self.open)
        self.status.changed.connect(self._refresh)
        validation.sample_changed.connect(self._forget)
        validation.answers_changed.connect(self._refresh)
        validation.map_changed.connect(self._refresh)
        validation.conflicts_changed.connect(self._refresh)
        self._refresh()

    @property
    def run(self) -> Optional[BackgroundRun]:
        """The run that goes on, None if there is none."""
        return self.status.run

    @property
    def report(self) -> Optional[Path]:
        """The report that was made last."""
        return self._report

    def parameters(self) -> dict[str, Any]:
        """What the algorithm gets. Raises InputError for what cannot be assessed yet."""
        sample, class_map = self._validation.sample, self._validation.map_path
        if sample is None:
            raise InputError(tr("Draw or open a sample, and interpret its points, first."))
        if class_map is None or not class_map.is_file():
            raise InputError(tr("Choose the class map that the sample judges, above."))
        short, strata = sample.short_of()
        if short and strata > 1:
            raise InputError(tr("Strata with fewer than {2} answered points: {0} of {1}. Without these no interval can "
                                "be told.").format(short, strata, ENOUGH))
        if short:
            raise InputError(tr("Answer {0} points at least.").format(ENOUGH))
        report = sample.path.with_name(f"{sample.path.stem}{ENDING}")
        return {"SAMPLE": f"{sample.path}|layername={SAMPLE}", "INPUT": str(class_map), "OUTPUT": str(report)}

    def assess(self) -> None:
        """Assess; nothing while a run goes on."""
        if self.run is not None:
            return
        try:
            given = self.parameters()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        report = Path(given["OUTPUT"])
        self.open.hide()
        run = BackgroundRun([Step(ALGORITHM, given, tr("Assessing the map"))], self._project, None, [report])
        self.status.start(run, lambda results, _: self._on_finished(report, results))

    def copy_command(self) -> None:
        """Put the command on the clipboard."""
        self.status.copy_command(
            lambda: [(ALGORITHM, self.parameters())],
            tr("Copied: paste it into a terminal. It assesses the map as this button does."))

    def open_report(self) -> None:
        """Show the report in the user's browser."""
        if self._report is not None and self._report.is_file():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report)))
        elif self._report is not None:
            self.status.end(failed(tr("{0} is not there any more.").format(self._report.name)))

    def stop(self) -> None:
        """Before the dock goes: cancel, and wait for the end."""
        self.status.close_run()

    # Inside

    def _forget(self) -> None:
        self._report = None
        self.open.hide()
        if self.run is None:
            self.status.hide()
        self._refresh()

    def _refresh(self) -> None:
        try:
            self.parameters()
            hindrance = ""
        except BitscapeError as error:
            hindrance = error.message
        idle = self.run is None
        self.words.setText(hindrance)
        self.words.setVisible(bool(hindrance) and idle)
        for button in (self.start, self.copy):
            button.setEnabled(idle and not hindrance)

    def _on_finished(self, report: Path, results: Mapping[str, Any]) -> None:
        headline = str(results.get(HEADLINE) or "").strip()
        text = f"<b>{escape(headline)}</b>" if headline else tr("Done.")
        self.status.end(text)
        sample = self._validation.sample
        if sample is not None and report.parent == sample.path.parent and report.is_file():
            self._report = report
            self.open.setToolTip(str(report))
            self.open.show()
