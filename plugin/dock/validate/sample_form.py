"""Drawing a validation sample: how many points, how, and into which file; in the background, and as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProject
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ....processing.errors import BitscapeError, InputError
from ...layers.free_name import free_name
from ...translation import tr
from ..background import BackgroundRun, Step
from ..run_status import RunStatus, failed, link
from ..text import wrapped

ALGORITHM = "bitscape:designsample"
STRATIFIED, SIMPLE = 0, 1
"""Numbers of the algorithm's parameter DESIGN."""
POINTS, MOST = 50, 20_000
LARGEST_SEED = 2**31 - 1
GPKG = "GeoPackage (*.gpkg)"


class SampleForm(QWidget):
    """``drawn`` (path): a sample was drawn and is on the disk."""

    drawn = pyqtSignal(object)
    dismissed = pyqtSignal()

    def __init__(self, project: QgsProject, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._project = project
        self._map: Optional[Path] = None
        self._build()
        self.set_map(None)

    @property
    def run(self) -> Optional[BackgroundRun]:
        """The run that goes on, None if there is none."""
        return self.status.run

    @property
    def target_path(self) -> Path:
        """Where the sample is to go."""
        path = Path(self.target.filePath().strip().strip('"')).expanduser()
        if not path.name:
            return free_sample(self._map) if self._map is not None else Path("sample.gpkg")
        return path if path.suffix.lower() == ".gpkg" else path.with_name(f"{path.name}.gpkg")

    def set_map(self, path: Optional[Path]) -> None:
        """Draw from this class map."""
        self._map = path
        if path is not None:
            self.target.setDefaultRoot(str(path.parent))
            self.target.setFilePath(str(free_sample(path)))
        self._refresh()

    def parameters(self) -> dict[str, Any]:
        """What the algorithm gets. Raises InputError for what cannot be drawn."""
        if self._map is None:
            raise InputError(tr("There is no class map in the project. Make one under Label → Run it everywhere, or "
                                "add one, and choose it above."))
        target = self.target_path.absolute()
        if target.exists():
            raise InputError(tr("{0} exists already; nothing is overwritten. Choose another name.").format(target.name))
        return {"INPUT": str(self._map), "DESIGN": self.design.currentData(), "SIZE": self.points.value(),
                "SEED": self.seed.value(), "OUTPUT": str(target)}

    def draw(self) -> None:
        """Draw the sample; nothing while a run goes on."""
        if self.run is not None:
            return
        try:
            given = self.parameters()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        path = Path(given["OUTPUT"])
        run = BackgroundRun([Step(ALGORITHM, given, tr("Drawing the sample"))], self._project, None, [path])
        self.status.start(run, lambda _, closed: self._on_finished(path, closed))

    def copy_command(self) -> None:
        """Put the command on the clipboard."""
        self.status.copy_command(
            lambda: [(ALGORITHM, self.parameters())],
            tr("Copied: paste it into a terminal. It draws the same sample, point for point."))

    def stop(self) -> None:
        """Before the dock goes: cancel, and wait for the end."""
        self.status.close_run()

    # Inside

    def _build(self) -> None:
        self.points, self.seed = QSpinBox(), QSpinBox()
        self.points.setRange(2, MOST)
        self.points.setValue(POINTS)
        self.points.setAccessibleName(tr("Number of points"))
        self.points.setToolTip(tr("More points make the intervals narrower: four times as many halve them"))
        self.seed.setRange(0, LARGEST_SEED)
        self.seed.setValue(1)
        self.seed.setAccessibleName(tr("Seed"))
        self.seed.setToolTip(tr("The same seed draws the same points again"))
        self.design = QComboBox()
        self.design.addItem(tr("Stratified by class"), STRATIFIED)
        self.design.addItem(tr("Simple random"), SIMPLE)
        self.design.setAccessibleName(tr("Design"))
        self.design.setToolTip(tr("Stratified: every class of the map gets its points, rare ones too"))
        self.target = QgsFileWidget()
        self.target.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.target.setConfirmOverwrite(False)  # what is there is never overwritten: no use in asking
        self.target.setFilter(GPKG)
        self.target.setToolTip(tr("The file of the sample; answers go into it too"))
        self.target.lineEdit().setAccessibleName(tr("File of the sample"))
        self.target.fileChanged.connect(self._refresh)
        self.words = wrapped()
        self.start = QPushButton(tr("Draw"))
        self.start.setToolTip(tr("Draw the points at random from the map above"))
        self.start.clicked.connect(lambda: self.draw())
        self.copy = QPushButton(tr("Copy as command"))
        self.copy.setToolTip(tr("The same draw as a line for the shell (qgis_process)"))
        self.copy.clicked.connect(lambda: self.copy_command())
        self.dismiss = QPushButton(tr("Close"))
        self.dismiss.setToolTip(tr("Close this form"))
        self.dismiss.clicked.connect(self.dismissed)
        self.status = RunStatus()
        self.status.changed.connect(self._refresh)
        grid = QGridLayout()
        for row, (text, widget) in enumerate((
            (tr("Points"), self.points), (tr("Design"), self.design), (tr("Seed"), self.seed), (tr("File"), self.target)
        )):
            label = QLabel(text)
            label.setBuddy(widget)
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        layout.addWidget(self.status)

    def _refresh(self, *_: Any) -> None:
        idle = self.run is None
        try:
            self.parameters()
            hindrance = ""
        except BitscapeError as error:
            hindrance = error.message
        self.words.setText(hindrance)
        self.words.setVisible(bool(hindrance) and idle)
        for widget in (self.points, self.design, self.seed, self.target, self.dismiss):
            widget.setEnabled(idle)
        for button in (self.start, self.copy):
            button.setEnabled(idle and not hindrance)

    def _on_finished(self, path: Path, closed: bool) -> None:
        self.status.end(tr("Drawn: {0}.").format(link(path)))
        if self._map is not None:
            self.target.setFilePath(str(free_sample(self._map)))
        if not closed:
            self.drawn.emit(path)


def free_sample(class_map: Path) -> Path:
    """Beside the map: the first name for a sample that is free."""
    return free_name(class_map.with_name(f"{class_map.stem}_sample.gpkg"))
