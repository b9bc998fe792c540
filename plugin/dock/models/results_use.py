"""What a map of classes is used for: the regions of a class become areas of interest, or places in them labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProcessingUtils
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...layers.aoi_layer import AoiLayer
from ...layers.free_name import free_name
from ...layers.metadata import entries_in
from ...layers.styling import Entry
from ...translation import tr
from ..aoi_panel import AoiPanel
from ..background import BackgroundRun, Step
from ..map_chooser import MapChooser
from ..run_status import RunStatus, failed
from ..session import Session
from ..text import wrapped
from .map_labels import crs_of, steps_to_labels, write_places
from .resident_run import ResidentRun
from .turns import Turns

POLYGONS = "bitscape:classpolygons"
CHANNEL, URGENCY = "mappoints", 2
CONFIDENCE = "CONFIDENCE"
RANDOM, REGIONS = "random", "regions"
CALM = 80
"""Milliseconds after which a map's classes are read: not while one scrolls through maps."""


class ResultsUse(QWidget):
    """Below the run: a map of classes, a class of it, and what to make of it."""

    def __init__(
        self, session: Session, areas: AoiPanel, resident: Resident, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._session, self._areas, self._resident = session, areas, resident
        self._entries: list[Entry] = []
        self._read = QTimer(self)
        self._read.setSingleShot(True)
        self._read.setInterval(CALM)
        self._read.timeout.connect(self._show_classes)
        self._build()
        session.classes_changed.connect(self._show_labels)
        session.aoi_changed.connect(self._refresh)
        self._show_labels()
        self._refresh()

    @property
    def run(self) -> Any:
        """What goes on, None if nothing does."""
        return self.status.run or self.turns or None

    def show_map(self, path: Path, confidence: Optional[Path]) -> None:
        """A map was made: it is the one that is used next."""
        if confidence is not None:
            self._confidences[path] = confidence
        self.maps.set_path(path)

    def stop(self) -> None:
        """Before the dock goes."""
        self.forget()
        self.status.close_run()

    def forget(self) -> None:
        """The project is another one: what was begun in the one before is left."""
        self._read.stop()
        self.turns.stop()

    def make_areas(self) -> None:
        """Regions of the chosen class become areas of interest, which can be undone in the tab Label."""
        chosen = self._chosen()
        if chosen is None or self.run is not None:
            return
        path, entry = chosen
        self._with_regions(path, entry, lambda regions: self._add_areas(path, entry, regions))

    def make_labels(self) -> None:
        """Places of the chosen class become labels of the chosen label class, as one step of the history."""
        chosen = self._chosen()
        if chosen is None or self.run is not None:
            return
        path, entry = chosen
        if self.how.currentData() == REGIONS:
            self._with_regions(path, entry, lambda regions: self._ask(path, entry, regions))
        else:
            self._ask(path, entry, None)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.maps.refresh()

    # Building

    def _build(self) -> None:
        self._confidences: dict[Path, Path] = {}
        self.maps = MapChooser(self._session.project)
        self.maps.setToolTip(tr("A map of classes in the project: what a model made, or any other"))
        self.maps.chosen.connect(lambda _: self._read.start())
        self.classes, self.labels, self.how = QComboBox(), QComboBox(), QComboBox()
        for box, name, tip in (
            (self.classes, tr("Class of the map"), tr("What of the map is used")),
            (self.labels, tr("Class of the labels"), tr("What the places are labelled as in the tab Label")),
            (self.how, tr("Which places"), tr("Where the labels lie")),
        ):
            box.setAccessibleName(name)
            box.setToolTip(tip)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setMinimumContentsLength(8)
        self.how.addItem(tr("at random, where the model is sure"), RANDOM)
        self.how.addItem(tr("one inside each of the largest regions"), REGIONS)
        self.smallest = QDoubleSpinBox()
        self.smallest.setRange(0, 1e9)
        self.smallest.setDecimals(0)
        self.smallest.setSuffix(tr(" m²"))
        self.smallest.setGroupSeparatorShown(True)
        self.smallest.setValue(1000)
        self.smallest.setAccessibleName(tr("Smallest region"))
        self.smallest.setToolTip(tr("Smaller regions are left out"))
        self.count = QSpinBox()
        self.count.setRange(1, 5000)
        self.count.setValue(50)
        self.count.setAccessibleName(tr("Number of labels"))
        self.sure = QDoubleSpinBox()
        self.sure.setRange(0, 1)
        self.sure.setSingleStep(0.05)
        self.sure.setValue(0.8)
        self.sure.setAccessibleName(tr("Least confidence"))
        self.sure.setToolTip(tr("Margin between the best class and the next, 0 to 1. A network can be sure and wrong."))
        self.to_areas, self.to_labels = QPushButton(tr("Make areas of interest")), QPushButton(tr("Make labels"))
        self.to_areas.setToolTip(tr("The regions of this class become areas of the tab Label; Undo is there"))
        self.to_labels.setToolTip(tr("The places train as other labels do, and never judge a map; Undo is in the tab "
                                     "Label"))
        self.to_areas.clicked.connect(lambda: self.make_areas())
        self.to_labels.clicked.connect(lambda: self.make_labels())
        self.how.currentIndexChanged.connect(self._refresh)
        self.classes.currentIndexChanged.connect(self._refresh)
        self.note = wrapped()
        self.status = RunStatus()
        self.turns = Turns(self)
        self.turns.failed.connect(lambda text: self.status.end(failed(text)))
        for part in (self.status, self.turns):
            part.changed.connect(self._refresh)
        self._lay_out()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        regions, places = QHBoxLayout(), QHBoxLayout()
        for line, widgets in (
            (regions, (QLabel(tr("from")), self.smallest, QLabel(tr("on")))),
            (places, (self.count, QLabel(tr("confidence from")), self.sure)),
        ):
            for widget in widgets:
                line.addWidget(widget)
            line.addStretch(1)
        self._of_sure = places.itemAt(1).widget()
        rows: tuple[tuple[str, Any], ...] = (
            (tr("Map"), self.maps), (tr("Class"), self.classes), (tr("Regions"), regions), ("", self.to_areas),
            (tr("Places"), self.how), (tr("How many"), places), (tr("Label as"), self.labels), ("", self.to_labels),
        )
        for row, (text, item) in enumerate(rows):
            label = QLabel(text)
            grid.addWidget(label, row, 0)
            if isinstance(item, QWidget):
                label.setBuddy(item)
                grid.addWidget(item, row, 1)
            else:
                grid.addLayout(item, row, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.note)
        layout.addLayout(grid)
        layout.addWidget(self.status)

    # What there is

    def _show_classes(self) -> None:
        path = self.maps.path
        before = self.classes.currentText()
        self._entries = entries_in(path) if path is not None else []
        self.classes.blockSignals(True)
        self.classes.clear()
        for entry in self._entries:
            self.classes.addItem(entry.name, entry.value)
        found = self.classes.findText(before)
        self.classes.setCurrentIndex(max(found, min(1, self.classes.count() - 1)) if self.classes.count() else -1)
        self.classes.blockSignals(False)
        if path is not None and path not in self._confidences and (beside := _confidence_beside(path)) is not None:
            self._confidences[path] = beside
        self._refresh()

    def _show_labels(self) -> None:
        """The classes of the labels, and a new one named like the map's."""
        kept = self.labels.currentData()
        self.labels.clear()
        for one in self._session.table.classes:
            self.labels.addItem(one.name, one.code)
        self.labels.addItem(tr("a new class of this name"), "")
        found = self.labels.findData(kept)
        self.labels.setCurrentIndex(found if found >= 0 else self.labels.count() - 1)

    def _refresh(self, *_: Any) -> None:
        idle, ready = self.run is None, bool(self._entries)
        text = ""
        if self.maps.path is None:
            text = tr("No map of classes yet. Run a model above, or add a map to the project.")
        elif not ready:
            text = tr("{0} does not name its classes.").format(self.maps.path.name)
        self.note.setText(text)
        self.note.setVisible(bool(text))
        for widget in (self.to_areas, self.to_labels, self.classes, self.labels, self.how):
            widget.setEnabled(idle and ready)
        at_random = self.how.currentData() == RANDOM
        known = at_random and self.maps.path in self._confidences
        self.sure.setEnabled(known)
        self.sure.setVisible(at_random)
        self._of_sure.setVisible(at_random)
        self._of_sure.setToolTip("" if known else tr("No raster of confidence belongs to this map: write one with it."))

    def _chosen(self) -> Optional[tuple[Path, Entry]]:
        path, value = self.maps.path, self.classes.currentData()
        entry = next((one for one in self._entries if one.value == value), None)
        if path is None or entry is None:
            self.status.end(failed(tr("Choose a map and a class of it first.")))
            return None
        if not path.is_file():
            self.status.end(failed(tr("{0} is not there any more.").format(path.name)))
            return None
        return path, entry

    # Areas

    def _with_regions(self, path: Path, entry: Entry, then: Callable[[Path], None]) -> None:
        """Make polygons of one class in a temporary file, and go on with it."""
        target = Path(QgsProcessingUtils.generateTempFilename("regions.gpkg"))
        given = {"INPUT": [str(path)], "CLASSES": str(entry.value), "MIN_AREA": self.smallest.value(),
                 "OUTPUT": str(target)}
        run = BackgroundRun([Step(POLYGONS, given, tr("Making regions"))], self._session.project, None, [target])
        self.status.start(run, lambda _, closed: None if closed else then(target), tr("Cancelled; nothing was made."))

    def _add_areas(self, path: Path, entry: Entry, regions: Path) -> None:
        session = self._session
        steps: list[Callable[[], None]] = []
        if session.aoi is None and session.tiles is None and session.labels is None:
            place = free_name(path.with_name(f"{path.stem}_aoi.gpkg"))
            steps = [lambda: AoiLayer.write(place, crs_of(path)),
                     lambda: session.set_aoi(AoiLayer.create(place, crs_of(path)))]
        self.turns.start(*steps, lambda: self._import_areas(entry, regions))

    def _import_areas(self, entry: Entry, regions: Path) -> None:
        session = self._session
        before = _areas_in(session)
        self._areas.import_from(regions)
        added = _areas_in(session) - before
        if not added:
            self.status.end(failed(tr("Nothing was added; see the message bar.")))
            return
        said = tr("1 area of {1} is an area of interest now.") if added == 1 else tr(
            "{0} areas of {1} are areas of interest now.")
        self.status.end(said.format(added, entry.name) + " " + tr("Undo is in the tab Label, under Areas of interest."))

    # Labels

    def _ask(self, path: Path, entry: Entry, regions: Optional[Path]) -> None:
        request = {
            "map": str(path), "value": entry.value, "how": RANDOM if regions is None else REGIONS,
            "count": self.count.value(), "polygons": str(regions) if regions is not None else None,
        }
        confidence = self._confidences.get(path)
        if regions is None and confidence is not None and confidence.is_file():
            request.update(confidence=str(confidence), threshold=self.sure.value())
        try:
            request["aoi"] = self._area(path)
        except BitscapeError as error:
            self.status.end(failed(error.message))
            return
        run = ResidentRun(self._resident, CHANNEL, "mappoints", request, URGENCY)
        self.status.start(run, lambda found, _: self._place(path, entry, found), tr("Cancelled; nothing was placed."))

    def _area(self, path: Path) -> str:
        """Labels stay in the areas of interest, where work is limited to them."""
        session = self._session
        if not session.limit_to_aoi or session.aoi is None:
            return ""
        union = session.aoi.union(crs_of(path))
        return str(union.asWkt(6)) if union is not None else ""

    def _place(self, path: Path, entry: Entry, found: Mapping[str, Any]) -> None:
        code = str(self.labels.currentData() or "")
        self.turns.start(*steps_to_labels(self._session, path),
                         lambda: self._write(path, entry, code, found["points"]))

    def _write(self, path: Path, entry: Entry, code: str, points: Sequence[Mapping[str, Any]]) -> None:
        count, name = write_places(self._session, path, entry, code, points)
        text = tr("{0} labels of {1} placed. Undo is in the tab Label.").format(count, name)
        if count < self.count.value():
            text = f"{text} " + tr("There was room for no more.")
        self.status.end(text)


def _areas_in(session: Session) -> int:
    return session.aoi.layer.featureCount() if session.aoi is not None else 0


def _confidence_beside(path: Path) -> Optional[Path]:
    """The raster of confidence that was written with a map, by its name."""
    for ending in ("_classes", ""):
        stem = path.stem[: -len(ending)] if ending and path.stem.endswith(ending) else path.stem
        beside = path.with_name(f"{stem}_confidence{path.suffix}")
        if beside != path and beside.is_file():
            return beside
    return None
