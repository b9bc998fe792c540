"""Run it everywhere: the whole map, or that of the areas, with its cost first; export; and all of it as a command."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsApplication, QgsProcessingOutputLayerDefinition
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QRadioButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...layers.label_exchange import export_labels
from ...settings import threads
from ...translation import tr
from .. import map_plan
from ..background import BackgroundRun, Step
from ..command import command
from ..map_plan import MapPlan
from ..run_status import RunStatus, duration, failed, link, size
from ..session import INFO, Session
from ..text import wrapped

CHANNEL, URGENCY = "estimate", 4
"""Of the resident backend: after everything that answers clicks."""
SETTLING = 300
"""Milliseconds without a change before the cost is asked for."""
STARTING = 3.0
"""Seconds for two backends to start and for the training, which the estimate of the map does not know of."""
TIF, JSON, CSV = "GeoTIFF (*.tif)", "JSON (*.json)", "CSV (*.csv)"
VECTOR = "GeoPackage (*.gpkg);;GeoJSON (*.geojson)"


class RunPanel(QWidget):
    """Train on the labels and map the whole raster, in the background, into files beside the tiles."""

    def __init__(self, session: Session, resident: Resident, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._session, self._resident = session, resident
        self._token = -1
        self._asked: Optional[dict[str, Any]] = None
        self._limited = session.limit_to_aoi
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING)
        self._settling.timeout.connect(self._ask_cost)
        self._build()
        session.tiles_changed.connect(self._on_tiles)
        session.labels_changed.connect(self._refresh)
        session.aoi_changed.connect(self._on_areas)
        resident.answered.connect(self._on_answer)
        resident.failed.connect(self._on_failure)
        self._on_tiles()

    # What it is asked ------------------------------------------------------------------------------------------------

    @property
    def score_path(self) -> Path:
        """Where the score map is to go; without a name beside the tiles."""
        path = Path(self.target.filePath().strip().strip('"')).expanduser()
        if not path.name:
            tiles = self._session.tiles
            return map_plan.free_score(tiles.path) if tiles is not None else Path("score.tif")
        return path if path.suffix.lower() in (".tif", ".tiff") else path.with_name(f"{path.name}.tif")

    @property
    def run(self) -> Optional[BackgroundRun]:
        """The run that goes on, None if there is none."""
        return self.status.run

    def apply(self) -> None:
        """Train, then map; nothing while a run goes on."""
        if self.run is not None:
            return
        try:
            self._refuse_taken()
            plan = self._plan()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        name, given = plan.apply()
        for output in ("OUTPUT", "CLASSES"):
            if output in given:
                given[output] = QgsProcessingOutputLayerDefinition(given[output], self._session.project)
        steps = [Step(*plan.train(), tr("Training"), 0.15), Step(name, given, tr("Mapping"), 0.85)]
        self._start(steps, plan.outputs, lambda _, closed: self._tell_map(plan, closed))

    def export_model(self, path: Path) -> None:
        """Train, and keep the model only; nothing while a run goes on."""
        if self.run is not None:
            return
        try:
            plan = self._plan()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        name, given = plan.train()
        given["OUTPUT"] = str(path)
        self._start([Step(name, given, tr("Training"))], [path], lambda *_: self.status.end(
            tr("The model is in {0}. Next: apply it to other tiles of the same basis, from the Toolbox.").format(
                link(path))))

    def export_labels(self, path: Path) -> None:
        """Write all labels to a GeoPackage or GeoJSON."""
        labels = self._session.labels
        if labels is not None:
            self._write(lambda: tr("{0} labels are in {1}.").format(export_labels(labels, path), link(path)))

    def export_classes(self, path: Path) -> None:
        """Write the classes to a CSV file."""

        def write() -> str:
            self._session.table.write_csv(path)
            return tr("The classes are in {0}.").format(link(path))

        self._write(write)

    def command_text(self) -> str:
        """What ``apply`` would do, as a command for the shell. Raises BitscapeError where it would do nothing."""
        plan = self._plan()
        return command([plan.train(), plan.apply()])

    def copy_command(self) -> None:
        """Put the command on the clipboard."""
        try:
            text = self.command_text()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        QgsApplication.clipboard().setText(text)
        self.status.end(tr("Copied: paste it into a terminal. It trains and maps as Apply does, also tonight, and also "
                           "where there is no window."))

    def stop(self) -> None:
        """Before the dock goes: cancel, wait for the end, ask nothing more."""
        self._settling.stop()
        self._resident.cancel(CHANNEL)
        self.status.close_run()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    # Building --------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.whole, self.areas = QRadioButton(tr("Whole raster")), QRadioButton(tr("Areas of interest"))
        self.whole.setChecked(True)
        self._where = QButtonGroup(self)
        where = QHBoxLayout()
        for button in (self.whole, self.areas):
            self._where.addButton(button)
            where.addWidget(button)
        where.addStretch(1)
        self.areas.toggled.connect(self._refresh)
        self.target = QgsFileWidget()
        self.target.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.target.setConfirmOverwrite(False)  # what is there is never overwritten: no use in asking
        self.target.setFilter(TIF)
        self.target.setToolTip(tr("Where the score map goes"))
        self.target.lineEdit().setAccessibleName(tr("Score map"))
        self.target.fileChanged.connect(self._refresh)
        self.classes = QCheckBox(tr("Class map too"))
        self.classes.setChecked(True)
        self.classes.setToolTip(tr("The class with the largest score; of two classes, a threshold of one half"))
        self.classes.toggled.connect(self._refresh)
        self.names, self.cost = wrapped(rich=True), wrapped(rich=True)
        self.other = QPushButton(tr("Use a free name"))
        self.other.clicked.connect(lambda: self.target.setFilePath(str(map_plan.free(self.score_path))))
        self.start = QPushButton(tr("Apply"))
        self.start.setToolTip(tr("Train on all labels and map every pixel; you can go on labelling meanwhile"))
        self.start.clicked.connect(lambda: self.apply())
        self.export = self._export_button()
        self.copy = QPushButton(tr("Copy as qgis_process command"))
        self.copy.setToolTip(tr("The same run as a line for the shell"))
        self.copy.clicked.connect(lambda: self.copy_command())
        self.status = RunStatus()
        self.status.changed.connect(self._on_run)
        grid = QGridLayout()
        grid.addWidget(QLabel(tr("Where")), 0, 0)
        grid.addLayout(where, 0, 1)
        grid.addWidget(QLabel(tr("Score map")), 1, 0)
        grid.addWidget(self.target, 1, 1)
        grid.addWidget(self.classes, 2, 1)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        for widget in (self.names, self.other, self.cost):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.copy)
        layout.addWidget(self.status)

    def _export_button(self) -> QToolButton:
        button = QToolButton()
        button.setText(tr("Export"))
        button.setToolTip(tr("Write the model, the labels or the classes to a file"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        self._of_model = menu.addAction(tr("Model (trains)…"), lambda: self._choose(
            tr("Export the model"), "_model.json", JSON, self.export_model))
        self._of_labels = menu.addAction(tr("Labels…"), lambda: self._choose(
            tr("Export the labels"), "_labels_copy.gpkg", VECTOR, self.export_labels))
        self._of_classes = menu.addAction(tr("Classes…"), lambda: self._choose(
            tr("Export the classes"), "_classes.csv", CSV, self.export_classes))
        menu.addSeparator()
        menu.addAction(tr("The map: Apply writes it; the live picture is of the window only")).setEnabled(False)
        button.setMenu(menu)
        return button

    # What has changed ------------------------------------------------------------------------------------------------

    def _on_tiles(self) -> None:
        tiles = self._session.tiles
        if tiles is not None:
            self.target.setDefaultRoot(str(tiles.path.parent))
            self.target.setFilePath(str(map_plan.free_score(tiles.path)))
        self._refresh()

    def _on_areas(self) -> None:
        if self._session.limit_to_aoi != self._limited:
            self._limited = self._session.limit_to_aoi
            (self.areas if self._limited else self.whole).setChecked(True)
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        """Say what would be made, what hinders it, and ask what it costs."""
        with_areas = map_plan.has_areas(self._session)
        self.areas.setEnabled(with_areas)
        if not with_areas:
            self.whole.setChecked(True)
        there = map_plan.taken(self.score_path) if self._session.tiles is not None else []
        hindrance, idle = self._hindrance(), self.run is None
        self.other.setVisible(bool(there) and idle)
        self.names.setText(hindrance or self._names(there))
        self.names.setVisible(idle)
        self.cost.setVisible(idle and not hindrance)
        for widget in (self.whole, self.target, self.classes):
            widget.setEnabled(idle and self._session.tiles is not None)
        self.areas.setEnabled(with_areas and idle)
        self.start.setEnabled(idle and not hindrance and not there)
        self.copy.setEnabled(idle and not hindrance)
        self.export.setEnabled(idle)
        self._of_model.setEnabled(not hindrance)
        self._of_labels.setEnabled(self._session.labels is not None)
        self._of_classes.setEnabled(bool(self._session.table.classes))
        if idle and not hindrance:
            self._settling.start()

    def _hindrance(self) -> str:
        """What is missing, "" if nothing is."""
        if self._session.tiles is None:
            return tr("Choose the data first.")
        if len({label.code for label in self._session.training}) < 2:
            return tr("Label places of at least two classes first.")
        return ""

    def _names(self, there: list[Path]) -> str:
        if there:
            return tr("{0} exists already; nothing is overwritten.").format(
                ", ".join(escape(path.name) for path in there))
        class_map, model = map_plan.names_of(self.score_path)
        made = [class_map.name, model.name] if self.classes.isChecked() else [model.name]
        return tr("With {0} beside it.").format(escape(", ".join(made)))

    # The cost --------------------------------------------------------------------------------------------------------

    def _ask_cost(self) -> None:
        tiles = self._session.tiles
        if tiles is None or self._hindrance() or not self.isVisible():
            return
        area = ""
        try:
            if self.areas.isChecked() and self._session.aoi is not None:
                union = self._session.aoi.union(tiles.crs)
                area = union.asWkt(6) if union is not None else ""
        except BitscapeError as error:
            self.cost.setText(escape(error.message))
            return
        request = {
            "tiles": str(tiles.path), "aoi": area, "classes": self.classes.isChecked(), "threads": threads(),
            "output": str(self.score_path.absolute()),
        }
        if request != self._asked:  # labels do not change the cost
            self._asked = request
            self.cost.setText(tr("Estimating the cost…"))
            self._token = self._resident.submit(CHANNEL, "estimateapply", request, URGENCY)

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if (channel, token) == (CHANNEL, self._token):
            self.cost.setText(self._cost(result))

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if (channel, token) == (CHANNEL, self._token):
            self._asked = None
            self.cost.setText(escape(error.message))

    def _cost(self, found: dict[str, Any]) -> str:
        asked, whole = found["pixels_inside"], found["width"] * found["height"]
        pixels = tr("{0:.3g} Mpx").format(asked / 1e6)
        if asked < whole:
            pixels = tr("{0:.3g} Mpx in {1} × {2}").format(asked / 1e6, found["width"], found["height"])
        text = tr("{0}, about {1}, about {2}").format(
            pixels, duration(found["seconds"] + STARTING), size(found["bytes"]))
        free = found["free_bytes"]
        if free is not None:
            text = tr("{0}; {1} free").format(text, size(free))
            if free < found["bytes"]:
                text = tr("{0}: not enough, choose another disk").format(text)
        return text

    # Running ---------------------------------------------------------------------------------------------------------

    def _plan(self) -> MapPlan:
        return map_plan.plan(
            self._session, self.score_path.absolute(), self.areas.isChecked(), self.classes.isChecked())

    def _refuse_taken(self) -> None:
        """Raise BitscapeError for files that have come to be since the name was chosen."""
        there = map_plan.taken(self.score_path)
        if there:
            self._refresh()
            names = ", ".join(path.name for path in there)
            raise BitscapeError(tr("{0} exists already; nothing is overwritten. Choose another name.").format(names))

    def _start(self, steps: list[Step], made: list[Path], tell: Any) -> None:
        """Start a run, at whose success ``tell`` is called."""
        self.status.start(BackgroundRun(steps, self._session.project, self._session.group, made), tell)

    def _on_run(self) -> None:
        """A run has begun, or is over: then the next map gets a name that is free."""
        if self.run is None:
            self._asked = None
            if self._session.tiles is not None and map_plan.taken(self.score_path):
                self.target.setFilePath(str(map_plan.free(self.score_path)))
        self._refresh()

    def _tell_map(self, plan: MapPlan, closed: bool) -> None:
        """Where the map is, and what to do with it."""
        files = ", ".join(link(path) for path in plan.outputs)
        lines = [tr("Done in {0}: {1}.").format(duration(self.status.seconds), files)]
        if closed:
            lines.append(tr("The project was closed meanwhile, so nothing was added to the one that is open."))
        else:
            lines.append(tr("The layers are in the group {0}.").format(escape(self._session.group().name())))
        if plan.classes is not None and len(self._session.table.classes) == 2:
            lines.append(tr("The class map is cut at one half; another threshold is a matter of the score's style."))
        lines.append(tr("Next: draw a sample in the tab Validate, and know how good it is."))
        self.status.end(" ".join(lines))
        self._session.said.emit(tr("The map is done: {0}").format(plan.score), INFO)

    def _write(self, write: Any) -> None:
        try:
            self.status.end(write())
        except BitscapeError as error:
            self.status.end(failed(error.message))

    def _choose(self, title: str, ending: str, kinds: str, then: Any) -> None:
        """Ask for a file, the name proposed after the tiles'."""
        tiles = self._session.tiles
        proposed = str(tiles.path.with_name(f"{tiles.path.stem}{ending}")) if tiles is not None else ending.strip("_")
        path, kind = QFileDialog.getSaveFileName(self, title, proposed, kinds)
        if path:
            suffix = kind[kind.find("(*") + 2 : -1]
            then(Path(path) if os.path.splitext(path)[1] else Path(path + suffix))  # noqa: PTH122
