"""The tab Label: data, classes, what the labels are worth, the live map, areas, and the map of everything."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsVectorLayer
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from ...backend.resident import Resident
from ...canvas.label_tool import LabelTool
from ...layers.aoi_layer import AoiLayer
from ...translation import tr
from ..aoi_panel import AoiPanel
from ..charts import ChartsPanel
from ..class_panel import ClassPanel
from ..folding import folding
from ..imagery_panel import ImageryPanel
from ..project_entry import ProjectEntry
from ..session import Session
from ..text import wrapped
from .answers import Answers
from .data_panel import DataPanel
from .guidance_panel import GuidancePanel
from .label_menu import LabelMenu
from .live_loop import LiveLoop
from .next_point import NextPoint
from .run_panel import RunPanel
from .view_panel import ViewPanel


class LabelTab(QWidget):
    """Puts live loop, map tool and panels together. ``imagery_place`` takes the panel that tabs share."""

    def __init__(
        self, session: Session, loop: LiveLoop, resident: Resident, imagery: ImageryPanel, iface: Any,
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self.iface, self.canvas = iface, iface.mapCanvas()
        self.session, self.loop, self.imagery = session, loop, imagery
        self.tool = LabelTool(self.canvas)
        self.imagery_place, self.aoi_place = QVBoxLayout(), QVBoxLayout()
        self.data = DataPanel(session, loop.open_tiles, self)
        self.classes = ClassPanel(session, self)
        self.view = ViewPanel(self)
        self.guidance = GuidancePanel(self)
        self.charts = ChartsPanel(self)
        self.aoi = AoiPanel(session, self.canvas, iface, self)
        self.run = RunPanel(session, resident, self)
        self.answers = Answers(session, loop, self.guidance, self.charts, self.view, self)
        self.next_point = NextPoint(self.canvas, session, self)
        self.status = wrapped()
        session.image_date = self._image_date
        self._lay_out()
        self._connect()

    # Life

    def restore(self, entry: ProjectEntry) -> None:
        """Take up what a project remembers; its tiles are asked for last."""
        project = self.session.project
        self.view.set_view(entry.view)
        self.view.set_opacity(entry.opacity)
        self.charts.set_threshold(entry.threshold)
        self._look()
        self.loop.extrapolated = entry.extrapolated
        self.view.set_extrapolated(entry.extrapolated)
        with self.session.told():
            labels = project.mapLayer(entry.labels)
            if isinstance(labels, QgsVectorLayer) and labels.isValid():
                self.session.adopt_labels(labels, entry.field)
            areas = project.mapLayer(entry.aoi)
            if isinstance(areas, QgsVectorLayer) and areas.isValid():
                self.session.set_aoi(AoiLayer(areas))
                self.session.set_limit(entry.limit)

    def leave(self) -> None:
        """Give the canvas back to QGIS's own tools."""
        if self.canvas.mapTool() is self.tool:
            self.canvas.unsetMapTool(self.tool)
            self.iface.actionPan().trigger()

    def close_tab(self) -> None:
        """Before the dock goes: nothing runs any more, and nothing stays on the canvas."""
        self.leave()
        self.run.stop()
        self.data.stop()
        self.aoi.close_panel()
        self.next_point.hide()

    def lend_areas(self, place: QVBoxLayout) -> None:
        """Put the panel of areas into another tab, where they limit what is searched, or back into this one."""
        self.aoi.draw(False)
        self.aoi.limiting.setVisible(place is self.aoi_place)
        place.addWidget(self._aoi_box)

    # Tool and keys

    def take_tool(self, on: bool) -> None:
        """Label on the map, or stop."""
        if on:
            self.session.prepare_labels()
            self.canvas.setMapTool(self.tool)
        else:
            self.leave()

    def act(self, name: str) -> None:
        """What a key of the tool means."""
        kind, _, what = name.partition(":")
        if kind == "class":
            found = self.session.table.by_key(what)
            if found is not None:
                self.session.choose(found.code)
        elif kind == "view":
            self.view.set_view(what)
        elif kind == "imagery":
            {"previous": self.imagery.previous, "next": self.imagery.next, "swipe": self.imagery.toggle_swipe}[what]()
        else:
            {
                "extrapolated": lambda: self.view.set_extrapolated(not self.view.extrapolated),
                "next": self.loop.suggest, "leave": self.leave, "undo": self.session.undo, "redo": self.session.redo,
            }[kind]()

    # Inside

    def _lay_out(self) -> None:
        self.labelling = QPushButton(tr("Label on the map"))
        self.labelling.setCheckable(True)
        self.labelling.setToolTip(tr(
            "Click places the chosen class, dragging brushes, right-click or Delete removes, Ctrl+Z takes back, Esc "
            "leaves, the space bar pans. C and N or 1–9 choose a class."))
        self._undo, self._redo = self._arrow("↶", tr("Undo (Ctrl+Z)")), self._arrow("↷", tr("Redo (Ctrl+Y)"))
        row = QHBoxLayout()
        row.addWidget(self.labelling, 1)
        for button in (self._undo, self._redo, LabelMenu(self.session, self)):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addWidget(self.data)
        column.addLayout(row)
        for panel in (self.classes, self.guidance, self.view):
            column.addWidget(panel)
        column.addWidget(folding(tr("Charts and threshold"), self.charts, False))
        column.addLayout(self.imagery_place)
        self._aoi_box = folding(tr("Areas of interest"), self.aoi, True)
        self.aoi_place.addWidget(self._aoi_box)
        column.addLayout(self.aoi_place)
        column.addWidget(folding(tr("Run it everywhere"), self.run, True))
        column.addStretch(1)
        column.addWidget(self.status)

    def _arrow(self, sign: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(sign)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setEnabled(False)
        return button

    def _connect(self) -> None:
        session, tool, loop = self.session, self.tool, self.loop
        session.class_chosen.connect(self._show_class)
        session.labels_changed.connect(self._enable)
        session.tiles_changed.connect(self._enable)
        session.tiles_changed.connect(self._go_there)
        self._undo.clicked.connect(session.undo)
        self._redo.clicked.connect(session.redo)
        self.labelling.clicked.connect(self.take_tool)
        self.canvas.mapToolSet.connect(self._tool_set)
        tool.placed.connect(self._place)
        tool.removed.connect(self._remove)
        tool.stroke_began.connect(session.begin_stroke)
        tool.stroke_ended.connect(session.end_stroke)
        tool.pressed.connect(self.act)
        loop.working.connect(self.status.setText)
        loop.suggested.connect(self.next_point.fly_to)
        loop.backend_failed.connect(self.data.show_failure)
        self.guidance.next_wanted.connect(loop.suggest)
        self.charts.thresholdChanged.connect(lambda _: self._look())
        self.view.look_changed.connect(lambda *_: self._look())
        self.view.extrapolated_toggled.connect(loop.set_extrapolated)
        self.view.class_shown.connect(self._show_score_of)
        self._enable()
        self._show_class(session.chosen)

    def _place(self, points: list[Any]) -> None:
        if self.session.place(points, self._crs()):
            self.next_point.hide()

    def _remove(self, point: Any, radius: float) -> None:
        self.session.remove_near(point, self._crs(), radius)

    def _crs(self) -> Any:
        return self.canvas.mapSettings().destinationCrs()

    def _image_date(self) -> str:
        return self.imagery.date_at(self.canvas.mouseLastXY())

    def _look(self) -> None:
        self.loop.set_look(self.view.view, self.charts.threshold, self.view.opacity)

    def _show_score_of(self, code: str) -> None:
        self.loop.shown_class = code
        self.loop.ask_map()

    def _show_class(self, code: str) -> None:
        found = self.session.table.by_code(code)
        if found is not None:
            self.tool.set_colour(found.colour, found.shape)

    def _enable(self) -> None:
        history = self.session.history
        self.labelling.setEnabled(self.session.tiles is not None)
        for button, what, tip in (
            (self._undo, history.undo_text if history is not None else "", tr("Undo (Ctrl+Z)")),
            (self._redo, history.redo_text if history is not None else "", tr("Redo (Ctrl+Y)")),
        ):
            button.setEnabled(bool(what))
            button.setToolTip(f"{tip}: {what}" if what else tip)

    def _go_there(self) -> None:
        """Show new tiles if the map shows something else."""
        tiles = self.session.tiles
        if tiles is not None:
            self.next_point.show_tiles(tiles)
            QTimer.singleShot(0, self._find_imagery)

    def _find_imagery(self) -> None:
        """Propose imagery, where none is chosen yet."""
        if not self.imagery.dates.imagery:
            self.imagery.find()

    def _tool_set(self, tool: Any, _: Any = None) -> None:
        self.labelling.setChecked(tool is self.tool)

