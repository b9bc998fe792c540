"""The dock: puts session, live loop, map tool and panels together. What each does is in its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProject, QgsVectorLayer
from qgis.gui import QgsCollapsibleGroupBox, QgsDockWidget, QgsMessageBarItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from ..backend.environment import backend_python
from ..backend.resident import Resident
from ..canvas.label_tool import LabelTool
from ..layers.aoi_layer import AoiLayer
from ..layers.live_layers import clean_project
from ..translation import tr
from .answers import Answers
from .aoi_panel import AoiPanel
from .backend_panel import BackendPanel
from .charts import ChartsPanel
from .class_panel import ClassPanel
from .data_panel import DataPanel
from .guidance_panel import GuidancePanel
from .imagery_panel import ImageryPanel
from .label_menu import LabelMenu
from .live_loop import LiveLoop
from .next_point import NextPoint
from .project_entry import ProjectEntry
from .run_panel import RunPanel
from .session import Session
from .text import wrapped
from .view_panel import ViewPanel

OBJECT_NAME = "BitscapeDock"
SECONDS = 6
"""How long words stay in the message bar."""
WIDTH = 360
"""Pixels below which words and charts would be cut off."""


class BitscapeDock(QgsDockWidget):
    """One screen tall, on the right. ``close_session`` ends everything that runs."""

    def __init__(self, iface: Any) -> None:
        super().__init__(tr("Bitscape"), iface.mainWindow())
        self.setObjectName(OBJECT_NAME)
        self.iface, self.canvas = iface, iface.mapCanvas()
        self.project = QgsProject.instance()
        self.session = Session(self.project, self)
        self.resident = Resident(backend_python, self)
        self.loop = LiveLoop(self.session, self.canvas, self.resident, self)
        self.tool = LabelTool(self.canvas)
        self._said: Optional[QgsMessageBarItem] = None
        self._make_panels()
        self._lay_out()
        self._connect()
        self.restore()

    # Life

    def restore(self) -> None:
        """Take up the session of the project that is open, if it holds one."""
        entry = ProjectEntry.read(self.project)
        if entry is None:
            return
        with clean_project():
            self.view.set_view(entry.view)
            self.view.set_opacity(entry.opacity)
            self.charts.set_threshold(entry.threshold)
            self._look()
            self.loop.extrapolated = entry.extrapolated
            self.view.set_extrapolated(entry.extrapolated)
            self.imagery.from_json(entry.imagery)
            with self.session.told():
                labels = self.project.mapLayer(entry.labels)
                if isinstance(labels, QgsVectorLayer) and labels.isValid():
                    self.session.adopt_labels(labels, entry.field)
                areas = self.project.mapLayer(entry.aoi)
                if isinstance(areas, QgsVectorLayer) and areas.isValid():
                    self.session.set_aoi(AoiLayer(areas))
                    self.session.set_limit(entry.limit)
        self.loop.open_tiles(Path(entry.tiles))

    def remember(self, *_: Any) -> None:
        """Write the session into the project; QGIS asks when it saves one."""
        session = self.session
        ProjectEntry(
            tiles=str(session.tiles.path) if session.tiles is not None else "",
            labels=session.labels.layer.id() if session.labels is not None else "",
            field=session.labels.field if session.labels is not None else "label",
            aoi=session.aoi.layer.id() if session.aoi is not None else "", limit=session.limit_to_aoi,
            view=self.view.view, threshold=self.charts.threshold, opacity=self.view.opacity,
            extrapolated=self.view.extrapolated, imagery=self.imagery.to_json(),
        ).write(self.project)

    def start_anew(self) -> None:
        """Another project: forget the old one's session and take up the new one's."""
        self.leave_tool()
        self.session.forget()
        self.restore()

    def close_session(self) -> None:
        """End everything: QGIS is closing, or the plugin is switched off."""
        self.project.writeProject.disconnect(self.remember)
        self.project.cleared.disconnect(self._cleared)
        self.project.readProject.disconnect(self._read)
        self.leave_tool()
        self.run.stop()
        self.data.stop()
        self.backend.close_checks()
        self.aoi.close_panel()
        self.imagery.close_imagery()
        self.next_point.hide()
        self.loop.close()
        self.resident.close()
        self.loop.sweep()
        self.session.close()

    # Tool and keys

    def take_tool(self, on: bool) -> None:
        """Label on the map, or stop."""
        if on:
            self.session.prepare_labels()
            self.canvas.setMapTool(self.tool)
        else:
            self.leave_tool()

    def leave_tool(self) -> None:
        """Give the canvas back to QGIS's own tools."""
        if self.canvas.mapTool() is self.tool:
            self.canvas.unsetMapTool(self.tool)
            self.iface.actionPan().trigger()

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
                "next": self.loop.suggest, "leave": self.leave_tool, "undo": self.session.undo,
                "redo": self.session.redo,
            }[kind]()

    # Inside

    def _make_panels(self) -> None:
        session = self.session
        self.backend = BackendPanel(self.resident, self)
        self.data = DataPanel(session, self.loop.open_tiles, self)
        self.classes = ClassPanel(session, self)
        self.view = ViewPanel(self)
        self.guidance = GuidancePanel(self)
        self.charts = ChartsPanel(self)
        self.imagery = ImageryPanel(self.canvas, self)
        self.aoi = AoiPanel(session, self.canvas, self.iface, self)
        self.run = RunPanel(session, self.resident, self)
        self.answers = Answers(session, self.loop, self.guidance, self.charts, self.view, self)
        self.next_point = NextPoint(self.canvas, session, self)
        session.image_date = self._image_date

    def _lay_out(self) -> None:
        self._label = QPushButton(tr("Label on the map"))
        self._label.setCheckable(True)
        self._label.setToolTip(tr(
            "Click places the chosen class, dragging brushes, right-click or Delete removes, Ctrl+Z takes back, Esc "
            "leaves, the space bar pans. C and N or 1–9 choose a class."))
        self._undo, self._redo = self._arrow("↶", tr("Undo (Ctrl+Z)")), self._arrow("↷", tr("Redo (Ctrl+Y)"))
        self._menu = LabelMenu(self.session, self)
        row = QHBoxLayout()
        row.addWidget(self._label, 1)
        for button in (self._undo, self._redo, self._menu):
            row.addWidget(button)
        self._status = wrapped()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addWidget(self.backend)
        column.addWidget(self.data)
        column.addLayout(row)
        column.addWidget(self.classes)
        column.addWidget(self.guidance)
        column.addWidget(self.view)
        for title, panel, folded in (
            (tr("Charts and threshold"), self.charts, False), (tr("Imagery"), self.imagery, False),
            (tr("Areas of interest"), self.aoi, True), (tr("Run it everywhere"), self.run, True),
        ):
            column.addWidget(_folding(title, panel, folded))
        column.addStretch(1)
        column.addWidget(self._status)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setMinimumWidth(WIDTH)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(scroll)

    def _arrow(self, sign: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(sign)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setEnabled(False)
        return button

    def _connect(self) -> None:
        session, tool, loop = self.session, self.tool, self.loop
        session.said.connect(self._say)
        session.class_chosen.connect(self._show_class)
        session.labels_changed.connect(self._enable)
        session.tiles_changed.connect(self._enable)
        session.tiles_changed.connect(self._go_there)
        self._undo.clicked.connect(session.undo)
        self._redo.clicked.connect(session.redo)
        self._label.clicked.connect(self.take_tool)
        self.canvas.mapToolSet.connect(self._tool_set)
        tool.placed.connect(self._place)
        tool.removed.connect(self._remove)
        tool.stroke_began.connect(session.begin_stroke)
        tool.stroke_ended.connect(session.end_stroke)
        tool.pressed.connect(self.act)
        loop.working.connect(self._status.setText)
        loop.suggested.connect(self.next_point.fly_to)
        loop.backend_failed.connect(self.data.show_failure)
        self.guidance.next_wanted.connect(loop.suggest)
        self.charts.thresholdChanged.connect(lambda _: self._look())
        self.view.look_changed.connect(lambda *_: self._look())
        self.view.extrapolated_toggled.connect(loop.set_extrapolated)
        self.view.class_shown.connect(self._show_score_of)
        self.project.writeProject.connect(self.remember)
        self.project.cleared.connect(self._cleared)
        self.project.readProject.connect(self._read)
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
        self._label.setEnabled(self.session.tiles is not None)
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
        self._label.setChecked(tool is self.tool)

    def _say(self, text: str, level: int) -> None:
        """In the message bar, in the place of what was said before."""
        bar = self.iface.messageBar()
        if self._said is not None and not sip.isdeleted(self._said):
            bar.popWidget(self._said)
        self._said = QgsMessageBarItem("Bitscape", text, level, SECONDS)
        bar.pushItem(self._said)

    def _cleared(self) -> None:
        self.leave_tool()
        self.session.forget()

    def _read(self, *_: Any) -> None:
        QTimer.singleShot(0, self.start_anew)


def _folding(title: str, panel: QWidget, folded: bool) -> Optional[QWidget]:
    box = QgsCollapsibleGroupBox(title)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(4, 4, 4, 4)
    layout.addWidget(panel)
    box.setCollapsed(folded)
    return box
