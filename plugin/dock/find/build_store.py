"""Building a store from embeddings that were dropped: in the background, as a command, or in the Toolbox."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProject
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ....processing.errors import BitscapeError, InputError
from ...layers.free_name import free_name
from ...translation import tr
from ..background import BackgroundRun, Step
from ..run_status import RunStatus, failed
from ..text import wrapped

ALGORITHM = "bitscape:buildretrievalstore"


class BuildStore(QWidget):
    """``built`` (place): the store is there."""

    built = pyqtSignal(str)

    def __init__(self, project: QgsProject, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._project = project
        self._source: Optional[Path] = None
        self._dialog: Any = None
        self.words = wrapped(rich=True)
        self.target = QgsFileWidget()
        self.target.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.target.setDialogTitle(tr("Folder for the store"))
        self.target.setToolTip(tr("The folder that the store will be; it must not be there yet, or be empty"))
        self.start, self.copy = QPushButton(tr("Build the store")), QPushButton(tr("Copy as command"))
        self.options, self.dismiss = QPushButton(tr("Options…")), QPushButton(tr("Not now"))
        self.start.clicked.connect(lambda: self.build())
        self.copy.clicked.connect(lambda: self.copy_command())
        self.options.clicked.connect(lambda: self.open_dialog())
        self.dismiss.clicked.connect(self.hide)
        self.copy.setToolTip(tr("The same as a line for the shell (qgis_process)"))
        self.options.setToolTip(tr("Open the algorithm's own dialog, where everything can be chosen"))
        self.status = RunStatus()
        self.status.changed.connect(self._refresh)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.start, 1)
        first.addWidget(self.options)
        second.addWidget(self.copy, 1)
        second.addWidget(self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self.target)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.status)

    def offer(self, source: Path) -> None:
        """Offer to build a store from these embeddings; nothing while a run goes on."""
        if self.status.run is not None:
            return
        self._source = source
        self.words.setText(tr(
            "{0} holds embeddings, not a store. Build one, once, and it is searched in moments.").format(
            f"<b>{escape(source.name)}</b>"))
        self.target.setDefaultRoot(str(source.parent))
        self.target.setFilePath(str(free_name(source.with_name(f"{source.stem}_store"))))
        self.status.hide()
        self._refresh()
        self.show()

    def parameters(self) -> dict[str, Any]:
        """What the algorithm gets. Raises InputError for what cannot be built."""
        if self._source is None or not self._source.is_file():
            raise InputError(tr("The embeddings are not there any more."))
        text = self.target.filePath().strip().strip('"')
        if not text:
            raise InputError(tr("Choose the folder that the store will be."))
        return {"INPUT": str(self._source), "OUTPUT": str(Path(text).expanduser().absolute())}

    def build(self) -> None:
        """Build it in the background, and open it."""
        if self.status.run is not None:
            return
        try:
            given = self.parameters()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        run = BackgroundRun([Step(ALGORITHM, given, tr("Building the store"))], self._project, None)
        # No file is named as made: a build that was cancelled goes on where it ended.
        self.status.start(run, lambda results, _: self._on_built(given, results),
                          tr("Cancelled; what was built is kept, and the next build goes on from there."))

    def copy_command(self) -> None:
        """Put the command on the clipboard."""
        self.status.copy_command(
            lambda: [(ALGORITHM, self.parameters())],
            tr("Copied: paste it into a terminal. It builds the store as this button does."))

    def open_dialog(self) -> None:
        """The Toolbox's dialog, filled in; it is not modal."""
        try:
            import processing

            self._dialog = processing.createAlgorithmDialog(ALGORITHM, self.parameters())  # or Python's half of it dies
            self._dialog.show()
        except (ImportError, AttributeError, BitscapeError) as error:
            message = error.message if isinstance(error, BitscapeError) else tr(
                "The Toolbox is not there: switch on QGIS's Processing plugin.")
            self.status.end(failed(message))

    def stop(self) -> None:
        """Before the dock goes: cancel, and wait for the end."""
        self.status.close_run()

    def _on_built(self, given: Mapping[str, Any], results: Mapping[str, Any]) -> None:
        place = str(results.get("OUTPUT") or given["OUTPUT"])
        self.status.end(tr("Built: {0}").format(escape(Path(place).name)))
        self.hide()
        self.built.emit(place)

    def _refresh(self) -> None:
        idle = self.status.run is None
        for widget in (self.start, self.copy, self.options, self.dismiss, self.target):
            widget.setEnabled(idle)
