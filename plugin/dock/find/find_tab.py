"""The tab Find: a store, exemplars on the map, where and how is searched, and the places that are found."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Optional

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsPointXY,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QPoint, QTimer
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from qgis.PyQt.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QToolTip, QVBoxLayout, QWidget

from ...backend.resident import Resident
from ...canvas.exemplar_tool import ExemplarTool
from ...canvas.footprints import Footprints, rectangle
from ...canvas.hover import Hover
from ...layers.exemplar_layer import PLACES
from ...layers.find_picture import FindPicture, title_of
from ...layers.result_layer import ResultLayer
from ...translation import tr
from ..folding import folding
from ..imagery_panel import ImageryPanel
from ..project_entry import ProjectEntry
from ..session import Session
from ..text import wrapped
from .area_choice import AreaChoice
from .exemplar_panel import ExemplarPanel
from .find_loop import FAILED, NOTHING, OPENING, STOPPED, WORKING, FindLoop
from .find_view_panel import FindViewPanel
from .question import THRESHOLD, UNLIKE, Question
from .result_view import Result, described
from .results_panel import ResultsPanel
from .save_results import SaveResults
from .search import Search
from .store_panel import StorePanel, dropped_place
from .threshold_panel import ThresholdPanel
from .thumbnail_source import ThumbnailSource
from .thumbnails import Thumbnails

AROUND = 8.0
"""How many footprints wide the map is, at the least, where it flies to one."""


class FindTab(QWidget):
    """Puts search, loop, map tool and panels together. ``imagery_place`` and ``aoi_place`` take the panels that tabs
    share."""

    def __init__(
        self, session: Session, resident: Resident, imagery: ImageryPanel, iface: Any, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self.iface, self.canvas, self.session, self.imagery = iface, iface.mapCanvas(), session, imagery
        project = session.project
        self.search = Search(project, session.group, self)
        self.picture = FindPicture(project, session.group, self)
        self.layer = ResultLayer(project, session.group, self)
        self.loop = FindLoop(self.search, session, self.canvas, resident, self.picture.next_file, self)
        self.tool, self.footprints = ExemplarTool(self.canvas), Footprints(self.canvas, self)
        self.hover = Hover(self.canvas, self)
        self.thumbnails = Thumbnails(project, lambda: self.source.layers(), self._crs, self)
        self.source = ThumbnailSource(imagery, self.canvas, project)
        self.store = StorePanel(self.search, self.loop)
        self.exemplars = ExemplarPanel(self.search, self.loop)
        self.areas = AreaChoice(self.search, self.loop, session)
        self.view = FindViewPanel(self.search, self.loop)
        self.threshold = ThresholdPanel()
        self.results = ResultsPanel(self.search, session, self.thumbnails, self.source)
        self.save = SaveResults(self.search, session, self.loop, project, session.group)
        self.imagery_place, self.aoi_place = QVBoxLayout(), QVBoxLayout()
        self._found: list[Result] = []
        self._boxes: list[tuple[float, float, float, float]] = []
        self._shown_store = ""
        self._pointed: Optional[Result] = None
        self._moved_to = 0.0
        self._follow = QTimer(self)
        self._follow.setSingleShot(True)
        self._follow.timeout.connect(self._show_threshold)
        session.home = lambda: self.search.home
        self.setAcceptDrops(True)
        self._lay_out()
        self._connections: list[tuple[Any, Any]] = []
        self._connect()

    # Life

    def restore(self, entry: ProjectEntry) -> None:
        """Take up what a project remembers."""
        if entry.store:
            question = Question.of_json(entry.find)
            self.search.open(entry.store)
            self.search.take_up(question)
            self.source.choose(entry.thumbnails)

    def leave(self) -> None:
        """The tab is left, or the dock closed: give the canvas back to QGIS's own tools."""
        if self.canvas.mapTool() is self.tool:
            self.canvas.unsetMapTool(self.tool)
            self.iface.actionPan().trigger()

    def forget(self) -> None:
        """The project is another one. Files stay as they are."""
        self.leave()
        self.search.forget()

    def close_tab(self) -> None:
        """Before the dock goes: nothing runs any more, and nothing stays on the canvas."""
        self.leave()
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self.hover.set_active(False)
        self._follow.stop()
        self.loop.close()
        self.store.stop()
        self.save.stop()
        self.thumbnails.close()
        self.source.close_source()
        self.layer.forget()
        self.picture.sweep()
        self.picture.close()
        self.footprints.remove_from_canvas()
        self.search.close()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.loop.set_active(True)
        self.hover.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.loop.set_active(False)
        self.hover.set_active(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_place(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        place = dropped_place(event.mimeData())
        if place:
            event.acceptProposedAction()
            self.store.take(place)

    # Tool and keys

    def take_tool(self, on: bool) -> None:
        """Choose exemplars on the map, or stop."""
        if on and self.search.store:
            self.search.prepare()
            self.canvas.setMapTool(self.tool)
        else:
            self.leave()

    def act(self, name: str) -> None:
        """What a key of the tool means."""
        kind, _, what = name.partition(":")
        if kind == "sign":
            self.exemplars.set_sign(what == "positive")
            self.tool.set_sign(what == "positive")
        elif kind == "view":
            self.search.ask(view=what)
        elif kind == "imagery":
            {"previous": self.imagery.previous, "next": self.imagery.next, "swipe": self.imagery.toggle_swipe}[what]()
        elif kind in ("next", "previous"):
            self.fly_to(self.results.view.step(1 if kind == "next" else -1))
        elif kind == "label":
            self.results.label([self._pointed] if self._pointed is not None else self.results.view.selected)
        else:
            {"leave": self.leave, "undo": self.search.undo, "redo": self.search.redo}[kind]()

    def fly_to(self, result: Optional[Result]) -> None:
        """Show a result on the map: at the scale that is, unless it could not be seen."""
        if result is None:
            return
        self._stress(result)
        try:
            box = self._from_degrees().transformBoundingBox(rectangle(result["bbox"]))
        except QgsCsException:
            return
        view = self.canvas.extent()
        least = AROUND * max(box.width(), box.height())
        if max(box.width(), box.height()) * 40 < view.width() or view.width() < 1.5 * box.width():
            self.canvas.setExtent(QgsRectangle.fromCenterAndSize(
                box.center(), least, least * view.height() / view.width() if view.width() > 0 else least))
        else:
            self.canvas.setCenter(box.center())
        self.canvas.refresh()

    # Inside

    def _lay_out(self) -> None:
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Shards that are searched"))
        self.bar.setMaximumHeight(10)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.clicked.connect(lambda: self._cancel())
        self.words = wrapped()
        self.warnings = wrapped(small=True)
        progress = QHBoxLayout()
        progress.addWidget(self.bar, 1)
        progress.addWidget(self.cancel)
        self._threshold_box = folding(tr("Threshold"), self.threshold, False)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        for widget in (self.store, self.exemplars, self.areas, self.view):
            column.addWidget(widget)
        column.addLayout(progress)
        for widget in (self.words, self.warnings, self._threshold_box, self.results):
            column.addWidget(widget)
        column.addWidget(folding(tr("Save the results"), self.save, True))
        column.addLayout(self.imagery_place)
        column.addLayout(self.aoi_place)
        column.addStretch(1)

    def _connect(self) -> None:
        self._connections += [
            (self.search.said, self.session.said), (self.canvas.mapToolSet, self._on_tool),
            (self.tool.placed, self._place), (self.tool.removed, self._remove), (self.tool.pressed, self.act),
            (self.exemplars.choosing, self.take_tool), (self.exemplars.fly, self._fly_to_exemplar),
            (self.hover.moved, self._on_hover), (self.hover.left, self._on_left),
            (self.search.store_changed, self._on_store), (self.loop.answered, self._on_answer),
            (self.loop.state_changed, self._say), (self.threshold.moved, self._on_threshold),
            (self.results.fly, self.fly_to), (self.results.pointed, self._stress),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self.exemplars.chips[True].clicked.connect(lambda: self.tool.set_sign(True))
        self.exemplars.chips[False].clicked.connect(lambda: self.tool.set_sign(False))
        self._say()
        self._threshold_box.hide()

    def _crs(self) -> Any:
        return self.canvas.mapSettings().destinationCrs()

    def _from_degrees(self) -> QgsCoordinateTransform:
        return QgsCoordinateTransform(PLACES, self._crs(), self.session.project)

    def _place(self, point: QgsPointXY, other: bool) -> None:
        self.search.place([point], self._crs(), self.search.positive != other)

    def _remove(self, point: QgsPointXY, radius: float) -> None:
        self.search.remove_near(point, self._crs(), radius)

    def _fly_to_exemplar(self, key: str) -> None:
        place = self.search.position(key)
        if place is not None:
            self.canvas.setCenter(self._from_degrees().transform(place))
            self.canvas.refresh()

    def _on_tool(self, tool: Any, _: Any = None) -> None:
        self.exemplars.start.setChecked(tool is self.tool)

    def _cancel(self) -> None:
        if self.loop.state in (STOPPED, FAILED):
            self.loop.ask()
        else:
            self.loop.stop()

    def _on_store(self) -> None:
        home = self.search.home
        self.picture.set_folder(home.with_name(f"{home.name}.find") if home is not None else None)
        self.footprints.clear()
        if not self.search.store:
            self.leave()

    def _on_answer(self, answer: Mapping[str, Any]) -> None:
        """Everything that shows something of an answer."""
        view = self.search.question.view
        self._threshold_box.setVisible(view == THRESHOLD and bool(answer))
        if not answer:
            self._show_found({}, [])
            self.threshold.show_answer({}, view)
            self.layer.forget()
            self.picture.forget()
            self.footprints.clear()
            return
        self._go_there(answer["about"])
        self.footprints.show_exemplars(
            [one["bbox"] for one in answer["exemplars"] if one["bbox"] and one["positive"]],
            [one["bbox"] for one in answer["exemplars"] if one["bbox"] and not one["positive"]])
        if answer["complete"]:
            self.footprints.clear_searched()
        else:
            self.footprints.add_searched(answer["arrived"])
        if self.search.question.threshold is None or view != THRESHOLD or self.threshold.value is None:
            self.threshold.show_answer(answer, view)
        else:  # while it is dragged the line stays under the hand
            self.threshold.show_answer({**answer, "threshold": self.search.question.threshold}, view)
        scale = (answer["scale"]["low"], answer["scale"]["high"]) if answer["scale"] else None
        self.picture.show(answer["raster"], view, title_of(view), scale, answer["threshold"])
        self._show_found(answer, answer["results"])

    def _show_found(self, answer: Mapping[str, Any], found: list[Result]) -> None:
        self._found = found
        self._boxes = [tuple(one["bbox"]) for one in found]
        if answer:
            self.layer.show(found, self.search.question.view in UNLIKE)
        self.results.show_answer(answer, found)
        self._pointed = None
        self._stress(None)

    def _on_threshold(self, value: float) -> None:
        """What is known follows at once, without the backend; what is not, with its answer. Moves that come faster than
        they can be shown are shown as one."""
        self._moved_to = value
        self._follow.start()

    def _show_threshold(self) -> None:
        answer, value = self.loop.answer, self._moved_to
        if answer is None:
            return
        self.picture.set_threshold(value)
        within = bisect_right([one["score"] for one in answer["results"]], value)
        self._found = answer["results"][:within]
        self._boxes = [tuple(one["bbox"]) for one in self._found]
        self.layer.limit(within)
        self.results.limit(within)
        self._stress(None)
        self.search.ask(threshold=value)

    def _go_there(self, about: Mapping[str, Any]) -> None:
        """Show a new store if the map shows something else."""
        if self._shown_store == self.search.store or not about["bounds"]:
            return
        self._shown_store = self.search.store
        try:
            box = self._from_degrees().transformBoundingBox(rectangle(about["bounds"]))
        except QgsCsException:
            return
        if box.isFinite() and not box.isEmpty() and not box.intersects(self.canvas.extent()):
            box.scale(1.05)
            self.canvas.setExtent(box)
            self.canvas.refresh()

    def _on_hover(self, place: QgsPointXY, pixel: QPoint) -> None:
        found = self._pointed = self._at(place)
        self._stress(found)
        self.results.view.point(found)
        if found is None:
            QToolTip.hideText()
            return
        QToolTip.showText(pixel, described(found, self.results.view.results.unit), self.canvas)

    def _on_left(self) -> None:
        self._pointed = None
        self.results.view.point(None)
        self._stress(None)

    def _at(self, place: QgsPointXY) -> Optional[Result]:
        """The best result whose footprint holds a place of the map."""
        if not self._found:
            return None
        try:
            point = QgsCoordinateTransform(self._crs(), PLACES, self.session.project).transform(place)
        except QgsCsException:
            return None
        x, y = point.x(), point.y()
        for one, (west, south, east, north) in zip(self._found, self._boxes):
            across = west <= x <= east if west <= east else x >= west or x <= east
            if across and south <= y <= north \
                    and QgsGeometry.fromWkt(one["wkt"]).contains(QgsGeometry.fromPointXY(point)):
                return one
        return None

    def _stress(self, result: Optional[Result]) -> None:
        self.footprints.point_at(result["wkt"] if result is not None else "")

    def _say(self) -> None:
        state, progress = self.loop.state, self.loop.progress
        self.bar.setVisible(progress is not None or state == OPENING)
        self.bar.setRange(0, 0 if state == OPENING else 1000)
        if progress is not None:
            self.bar.setValue(round(1000 * progress))
        answer = self.loop.answer
        unfinished = answer is None or not answer["complete"]
        self.cancel.setVisible((state in (WORKING, OPENING) and unfinished) or state in (STOPPED, FAILED))
        self.cancel.setText(tr("Go on") if state == STOPPED else tr("Try again") if state == FAILED else tr("Cancel"))
        self.cancel.setToolTip({
            STOPPED: tr("Load the rest"), FAILED: tr("Ask the same once more"),
        }.get(state, tr("Load no more; what was found stays")))
        text = "" if state == NOTHING else self.loop.words()
        self.words.setText(f"⚠ {text}" if state == FAILED else text)
        self.words.setVisible(bool(text))
        lines = list(answer["warnings"]) if answer is not None else []
        if answer is not None and answer["failed"]:
            first = answer["failed"][0]
            lines.append(tr("{0} shards could not be read, and are left out: {1}: {2}").format(
                len(answer["failed"]), first["path"], first["why"]))
        self.warnings.setText("\n".join(f"⚠ {line}" for line in lines))
        self.warnings.setVisible(bool(lines))
