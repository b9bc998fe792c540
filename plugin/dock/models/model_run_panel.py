"""Run the model on what is seen, the areas, or all of it, with the cost first; as a command, or on many rasters."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsApplication
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QTimer, pyqtSignal
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...layers.model_layers import results_group
from ...translation import tr
from ..background import BackgroundRun, Step
from ..command import command
from ..map_plan import has_areas
from ..run_status import RunStatus, duration, failed, link, size
from ..session import Session
from ..text import wrapped
from . import model_plan
from .model_choice import WARNING, ModelChoice
from .model_plan import AREAS, VIEW, WHOLE, ModelPlan, Output
from .preview import Preview
from .preview_panel import ran_on
from .provider_choice import runs_on
from .toolbox import open_batch, open_dialog

CHANNEL, URGENCY = "modelcost", 3
ESTIMATED = {"OUTPUT": "classes", "SCORES": "scores", "CONFIDENCE": "confidence"}
"""Outputs whose size the estimate knows, as it calls them."""
HIDDEN = ("SCORES", "CONFIDENCE")
"""Results that are loaded but not switched on."""
SETTLING = 300
"""Milliseconds without a change before the cost is asked for."""


class ModelRunPanel(QWidget):
    """``made`` (files by parameter): a run has ended well."""

    made = pyqtSignal(dict)

    def __init__(
        self, choice: ModelChoice, session: Session, preview: Preview, resident: Resident,
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._choice, self._session, self._preview, self._resident = choice, session, preview, resident
        self._token = -1
        self._asked: Optional[dict[str, Any]] = None
        self._outputs: list[Output] = []
        self._kind = ""
        self._boxes: dict[str, QCheckBox] = {}
        self._named = False
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING)
        self._settling.timeout.connect(self._ask_cost)
        self._build()
        choice.described.connect(self._on_choice)
        choice.tuned.connect(self._refresh)
        session.aoi_changed.connect(self._refresh)
        resident.answered.connect(self._on_answer)
        resident.failed.connect(self._on_failure)
        self._on_choice()

    @property
    def run(self) -> Any:
        """The run that goes on, None if there is none."""
        return self.status.run

    @property
    def where(self) -> str:
        """What it is to run on."""
        return str(self.places.currentData())

    def choose_where(self, kind: str) -> None:
        """Run on all of it, what is seen, or the areas."""
        self.places.setCurrentIndex(self.places.findData(kind))

    def start(self) -> None:
        """Run; nothing while a run goes on."""
        if self.run is not None:
            return
        try:
            plan = self.plan()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        self._preview.cancel()
        step = Step(plan.algorithm, plan.loading(self._session.project), runs_on(self._choice))
        run = BackgroundRun([step], self._session.project, lambda: results_group(self._session.project),
                            plan.outputs.values())
        run.logged.connect(self._on_logged)
        self.status.start(run, lambda results, closed: self._tell(plan, results, closed))

    def plan(self) -> ModelPlan:
        """What a run takes now. Raises BitscapeError that says what is missing."""
        where = self.where
        extent = self._preview.extent_text() if where == VIEW else ""
        wanted = {name for name, box in self._boxes.items() if box.isChecked()}
        return model_plan.plan(self._choice, self._session, where, extent, self._target(), wanted)

    def copy_command(self) -> None:
        """Put the command on the clipboard."""
        try:
            plan = self.plan()
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        QgsApplication.clipboard().setText(command([(plan.algorithm, plan.parameters)]))
        self.status.end(tr("Copied: paste it into a terminal. It runs the model as this button does, also tonight, and "
                           "also where there is no window."))

    def stop(self) -> None:
        """Before the dock goes: cancel, wait for the end, ask nothing more."""
        self._settling.stop()
        self._resident.cancel(CHANNEL)
        self.status.close_run()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    # Building

    def _build(self) -> None:
        self.places = QComboBox()
        for kind, text in ((VIEW, tr("What the map shows")), (AREAS, tr("Areas of interest (tab Label)")),
                           (WHOLE, tr("The whole raster"))):
            self.places.addItem(text, kind)
        self.choose_where(WHOLE)
        self.places.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.places.setAccessibleName(tr("Run on"))
        self.places.currentIndexChanged.connect(self._refresh)
        self.target = QgsFileWidget()
        self.target.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.target.setConfirmOverwrite(False)  # what is there is never overwritten: no use in asking
        self.target.lineEdit().setAccessibleName(tr("Result"))
        self.target.lineEdit().setPlaceholderText(tr("temporary, gone when QGIS closes"))
        self.target.setToolTip(tr("Where the result goes; empty: a temporary file"))
        self.target.lineEdit().textEdited.connect(self._on_named)
        self.target.fileChanged.connect(self._refresh)
        self._kinds = QGridLayout()
        self.names, self.cost = wrapped(rich=True), wrapped(rich=True)
        self.go = QPushButton(tr("Run"))
        self.go.setToolTip(tr("Runs in the background; you can go on working meanwhile"))
        self.go.clicked.connect(lambda: self.start())
        self.copy = QPushButton(tr("Copy as command"))
        self.copy.setToolTip(tr("The same run as a line for the shell (qgis_process)"))
        self.copy.clicked.connect(lambda: self.copy_command())
        self.options, self.many = QPushButton(tr("More options…")), QPushButton(tr("Many rasters…"))
        self.options.setToolTip(tr("The Toolbox's own form, filled in as above: blending, windows, flips, threads"))
        self.many.setToolTip(tr("The Toolbox's batch form, with this model"))
        self.options.clicked.connect(lambda: self._open(False))
        self.many.clicked.connect(lambda: self._open(True))
        self.status = RunStatus()
        self.status.changed.connect(self._on_run)
        grid = QGridLayout()
        place = QLabel(tr("On"))
        place.setBuddy(self.places)
        grid.addWidget(place, 0, 0)
        grid.addWidget(self.places, 0, 1)
        name = QLabel(tr("Result"))
        name.setBuddy(self.target.lineEdit())
        grid.addWidget(name, 1, 0)
        grid.addWidget(self.target, 1, 1)
        grid.addLayout(self._kinds, 2, 1)
        grid.setColumnStretch(1, 1)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.go, 1)
        first.addWidget(self.copy)
        for button in (self.options, self.many):
            second.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        for widget in (self.names, self.cost):
            layout.addWidget(widget)
        layout.addLayout(first)
        layout.addWidget(self.status)
        layout.addLayout(second)

    # What has changed

    def _on_choice(self) -> None:
        """Another model or raster: other outputs, another name."""
        info = self._choice.info
        algorithm = model_plan.algorithm_of(info.model_type) if info is not None else None
        kind = info.model_type if info is not None else ""
        outputs = model_plan.outputs_of(algorithm, kind) if algorithm is not None else []
        if (outputs, kind) != (self._outputs, self._kind):
            self._outputs, self._kind = outputs, kind
            self._show_outputs()
        if not self._named and self.run is None:
            self._propose()
        self._refresh()

    def _show_outputs(self) -> None:
        before = {name: box.isChecked() for name, box in self._boxes.items()}
        for box in self._boxes.values():
            self._kinds.removeWidget(box)
            box.deleteLater()
        self._boxes = {}
        for number, output in enumerate(one for one in self._outputs if one.optional):
            box = QCheckBox(model_plan.output_words(output, self._kind))
            box.setToolTip(output.title)
            box.setChecked(before.get(output.name, output.usual))
            box.toggled.connect(self._refresh)
            self._kinds.addWidget(box, number // 2, number % 2)
            self._boxes[output.name] = box

    def _propose(self) -> None:
        target = model_plan.free_target(self._choice, self._outputs)
        self.target.blockSignals(True)
        self.target.setFilePath(str(target) if target is not None else "")
        self.target.blockSignals(False)

    def _on_named(self, text: str) -> None:
        self._named = bool(text.strip())

    def _target(self) -> Optional[Path]:
        text = self.target.filePath().strip().strip('"')
        if not text:
            return None
        path = Path(text).expanduser().absolute()
        ending = self._outputs[0].ending if self._outputs else ".tif"
        return path if path.suffix else path.with_name(f"{path.name}{ending}")

    def _refresh(self, *_: Any) -> None:
        idle, hindrance = self.run is None, self._hindrance()
        areas = has_areas(self._session)
        if not areas and self.where == AREAS:
            self.choose_where(WHOLE)
        there = self._taken()
        self.places.model().item(self.places.findData(AREAS)).setEnabled(areas)
        for widget in (self.places, self.target, *self._boxes.values()):
            widget.setEnabled(idle)
        text = escape(hindrance)
        if not hindrance and there:
            text = escape(tr("{0} exists already; nothing is overwritten.").format(", ".join(there)))
        self.names.setText(text)
        self.names.setVisible(bool(text) and idle)
        self.cost.setVisible(idle and not hindrance)
        for button in (self.go, self.copy):
            button.setEnabled(idle and not hindrance and not there)
        known = self._choice.info is not None and bool(self._outputs)
        for button in (self.options, self.many):
            button.setEnabled(known)
        if idle and not hindrance:
            self._settling.start()

    def _hindrance(self) -> str:
        hindrance = self._choice.hindrance()
        info = self._choice.info
        if info is not None and not self._outputs:
            return tr("The Toolbox has no algorithm for models of this type yet: {0}.").format(
                model_plan.ALGORITHMS.get(info.model_type, info.model_type))
        algorithm = model_plan.algorithm_of(info.model_type) if info is not None else None
        more = model_plan.lacking(algorithm) if algorithm is not None else []
        if more and not hindrance:
            return tr("It also needs {0}: “More options…” asks for that, filled in as above.").format(", ".join(more))
        return hindrance

    def _taken(self) -> list[str]:
        target = self._target()
        if target is None:
            return []
        wanted = [one for one in self._outputs if not one.optional or self._boxes[one.name].isChecked()]
        return [path.name for path in model_plan.names_of(target, wanted).values() if path.exists()]

    # The cost

    def _ask_cost(self) -> None:
        info = self._choice.info
        operation = model_plan.estimate_of(info.model_type) if info is not None else None
        if self._hindrance() or not self.isVisible() or self.run is not None:
            return
        if operation is None:
            self.cost.setText(escape(runs_on(self._choice)))
            return
        try:
            request = self._cost_request()
        except BitscapeError as error:
            self.cost.setText(escape(error.message))
            return
        if request != self._asked:
            self._asked = request
            self.cost.setText(escape(tr("Estimating the cost… {0}").format(runs_on(self._choice))))
            self._token = self._resident.submit(CHANNEL, operation, request, URGENCY)

    def _cost_request(self) -> dict[str, Any]:
        wanted = [name for name, box in self._boxes.items() if box.isChecked() and name in ESTIMATED]
        target = self._target()
        more: dict[str, Any] = {"outputs": [ESTIMATED[name] for name in wanted],
                                "output": str(target) if target is not None else None}
        info = self._choice.info
        assert info is not None and info.raster is not None
        if self.where == VIEW:
            more["extent"] = self._preview.extent()
        elif self.where == AREAS and self._session.aoi is not None:
            path, layer = self._session.aoi.path_and_layer
            union = self._session.aoi.union(info.raster.crs)
            if path:
                more.update(aoi=path, aoi_layer=layer)
            elif union is not None:
                box = union.boundingBox()
                more["extent"] = [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()]
        return dict(model_plan.request_of(self._choice, **more))

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if (channel, token) == (CHANNEL, self._token):
            self.cost.setText(self._cost(result))

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if (channel, token) == (CHANNEL, self._token):
            self._asked = None
            self.cost.setText(escape(error.message))

    def _cost(self, found: Mapping[str, Any]) -> str:
        windows = tr("1 window") if found["windows"] == 1 else tr("{0:,} windows").format(found["windows"])
        text = tr("{0}, about {1}, about {2}.").format(
            windows, duration(found["seconds"]), size(found["bytes"]))
        free = found.get("free_bytes")
        if free is not None and free < found["bytes"]:
            text = tr("{0} Only {1} are free: choose another disk.").format(text, size(free))
        return escape(f"{text} {runs_on(self._choice)}")

    # Running

    def _on_logged(self, text: str, level: int) -> None:
        if level == WARNING:
            self._choice.said.emit(text, level)

    def _on_run(self) -> None:
        """A run has begun, or is over: then the next one gets a name that is free."""
        if self.run is None:
            self._asked = None
            self._named = False
            self._propose()
        self._refresh()

    def _tell(self, plan: ModelPlan, results: Mapping[str, Any], closed: bool) -> None:
        """Where the result is, where it ran, and what to do with it."""
        files = ", ".join(link(path) for path in plan.outputs.values())
        lines = [tr("Done in {0}: {1}.").format(duration(self.status.seconds), files) if files
                 else tr("Done in {0}; the files are temporary.").format(duration(self.status.seconds))]
        lines.append(escape(ran_on(results)))
        if closed:
            lines.append(tr("The project was closed meanwhile, so nothing was added to the one that is open."))
        else:
            lines.append(tr("The layers are in the group {0}.").format(
                escape(results_group(self._session.project).name())))
            if self._kind == "Segmentor" and results.get("OUTPUT"):
                lines.append(tr("Next: make areas or labels of it below, or draw a sample in the tab Validate."))
        self.status.end(" ".join(line for line in lines if line))
        if not closed:
            self._fold_away([str(results[name]) for name in HIDDEN if results.get(name)])
            self.made.emit({name: str(value) for name, value in results.items()})

    def _fold_away(self, paths: list[str]) -> None:
        """Show what was made in the layer tree, and switch off what would lie over the main result."""
        group = results_group(self._session.project)
        group.setExpanded(False)  # the view folded it while it was empty, and only hears of changes
        group.setExpanded(True)
        for node in group.findLayers():
            if node.layer() is not None and node.layer().source().split("|")[0] in paths:
                node.setItemVisibilityChecked(False)
                node.setExpanded(False)

    def _open(self, batch: bool) -> None:
        """The Toolbox's forms, beside the window one works in."""
        info = self._choice.info
        algorithm = model_plan.algorithm_of(info.model_type) if info is not None else None
        if algorithm is None:
            return
        given = model_plan.common_parameters(self._choice)
        known = {one.name() for one in algorithm.parameterDefinitions()}
        given = {name: value for name, value in given.items() if name in known and value}
        if not (open_batch if batch else open_dialog)(algorithm.id(), given):
            self.status.end(failed(tr("Switch on the plugin Processing: its Toolbox holds this form.")))
