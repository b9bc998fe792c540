"""The search as files: GeoPackage and GeoParquet with score and rank, by the algorithm that does it headless too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProject
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ....processing.errors import BitscapeError, InputError
from ...layers.free_name import free_name
from ...translation import tr
from ..background import BackgroundRun, Group, Step
from ..run_status import RunStatus, failed, link
from ..session import Session
from .find_loop import FindLoop
from .find_parameters import ALGORITHM, find_parameters
from .search import Search
from .store_place import results_of

KINDS = "GeoPackage (*.gpkg)"


class SaveResults(QWidget):
    """Runs in the background; the file lies where the user says, and is loaded where QGIS can read it."""

    def __init__(
        self, search: Search, session: Session, loop: FindLoop, project: QgsProject, group: Group,
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._search, self._session, self._loop = search, session, loop
        self._project, self._group = project, group
        self.target = QgsFileWidget()
        self.target.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.target.setFilter(KINDS)
        self.target.setConfirmOverwrite(False)
        self.target.setDialogTitle(tr("Where results go"))
        self.target.setToolTip(tr("A GeoPackage; its layer is loaded and styled"))
        self.parquet = QCheckBox(tr("GeoParquet beside it"))
        self.parquet.setToolTip(tr("The same places as a Parquet table, with their codes, for other tools"))
        self.parquet.setChecked(True)
        self.save, self.copy = QPushButton(tr("Save results")), QPushButton(tr("Copy as command"))
        self.save.setToolTip(tr("Search the same places again, without the dock, and write them with rank and score"))
        self.copy.setToolTip(tr("The same search as a line for the shell (qgis_process)"))
        self.save.clicked.connect(lambda: self.run())
        self.copy.clicked.connect(lambda: self.copy_command())
        self.status = RunStatus()
        self.status.changed.connect(self._refresh)
        buttons = QHBoxLayout()
        buttons.addWidget(self.save, 1)
        buttons.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.target)
        layout.addWidget(self.parquet)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        search.store_changed.connect(self._propose)
        loop.answered.connect(lambda _: self._refresh())
        self._propose()

    def parameters(self) -> dict[str, Any]:
        """What the algorithm gets. Raises InputError for what cannot be saved."""
        answer = self._loop.answer
        if answer is None or not answer["results"]:
            raise InputError(tr("There are no results yet."))
        text = self.target.filePath().strip().strip('"')
        target = Path(text).expanduser().absolute()
        if not text:
            raise InputError(tr("Choose the file that the results go to."))
        if target.suffix.lower() != ".gpkg":
            target = target.with_name(f"{target.name}.gpkg")
        for one in (target, target.with_suffix(".parquet")) if self.parquet.isChecked() else (target,):
            if one.exists():
                message = tr("{0} exists already; nothing is overwritten. Choose another name.")
                raise InputError(message.format(one.name))
        return find_parameters(self._search, self._session, answer, target, self.parquet.isChecked())

    def run(self) -> None:
        """Save; nothing while a run goes on."""
        if self.status.run is not None:
            return
        try:
            given = self.parameters()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        target = Path(given["OUTPUT"])
        made = [target, target.with_suffix(".parquet")]
        run = BackgroundRun([Step(ALGORITHM, given, tr("Saving the results"))], self._project, self._group, made)
        self.status.start(run, lambda results, _: self._on_saved(target, results))

    def copy_command(self) -> None:
        """Put the command on the clipboard."""
        self.status.copy_command(
            lambda: [(ALGORITHM, self.parameters())],
            tr("Copied: paste it into a terminal. It searches as this tab does."))

    def stop(self) -> None:
        """Before the dock goes: cancel, and wait for the end."""
        self.status.close_run()

    def _on_saved(self, target: Path, results: Mapping[str, Any]) -> None:
        self.status.end(tr("Saved: {0}").format(link(target)))
        self._propose()

    def _propose(self) -> None:
        if self._search.store:
            proposed = results_of(self._search.store, self._project.homePath())
            self.target.setDefaultRoot(str(proposed.parent))
            self.target.setFilePath(str(free_name(proposed)))
        self._refresh()

    def _refresh(self) -> None:
        answer = self._loop.answer
        able = self.status.run is None and answer is not None and bool(answer["results"])
        for button in (self.save, self.copy):
            button.setEnabled(able)
