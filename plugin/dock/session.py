"""One piece of labelling work: tiles, labels with their classes and history, areas of interest, and the chosen class.

What the user does comes in here as plain calls, from the map tool, the panels and the keys alike; what has changed goes
out as signals. Nothing here computes or draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsLayerTreeGroup,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ...processing.errors import InputError
from ..layers.aoi_layer import AoiLayer
from ..layers.class_table import ClassTable
from ..layers.coverage import Coverage
from ..layers.direct_writing import rehearse
from ..layers.free_name import free_name
from ..layers.label_history import LabelHistory
from ..layers.label_index import Label
from ..layers.label_layer import LabelLayer
from ..layers.live_layers import ROLE
from ..translation import tr
from .telling import INFO, WARNING, telling
from .tiles_info import TilesInfo

GROUP = "bitscape/group"


class Session(QObject):
    """The state of the dock. ``said`` (text, level) is for the message bar."""

    tiles_changed = pyqtSignal()
    labels_changed = pyqtSignal()
    classes_changed = pyqtSignal()
    class_chosen = pyqtSignal(str)
    aoi_changed = pyqtSignal()
    said = pyqtSignal(str, int)

    def __init__(self, project: QgsProject, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.project = project
        self.tiles: Optional[TilesInfo] = None
        self.labels: Optional[LabelLayer] = None
        self.history: Optional[LabelHistory] = None
        self.aoi: Optional[AoiLayer] = None
        self.limit_to_aoi = False
        self.chosen = ""
        self.image_date: Callable[[], str] = lambda: ""
        self.home: Callable[[], Optional[Path]] = lambda: None
        """What names of files begin with where there are neither tiles nor labels."""
        self._coverage: Optional[Coverage] = None
        self._removed = self._in_stroke = False
        self._table = ClassTable.change_detection()
        project.layersWillBeRemoved.connect(self._on_layers_removed)

    # What there is

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self.labels.table if self.labels is not None else self._table

    @property
    def training(self) -> list[Label]:
        """Labels that train, in the order they were placed; with a limit to areas only those inside."""
        if self.labels is None:
            return []
        found = sorted(self.labels.labels(), key=lambda label: label.created)
        if self.limit_to_aoi and self.aoi is not None:
            points = [QgsPointXY(label.x, label.y) for label in found]
            found = [label for label, inside in zip(found, self.aoi.inside(points, self.labels.crs)) if inside]
        return found

    def positions(self, labels: Sequence[Label]) -> list[QgsPointXY]:
        """Where labels are, in the tiles' CRS."""
        if self.labels is None or self.tiles is None:
            return []
        points = [QgsPointXY(label.x, label.y) for label in labels]
        if self.labels.crs == self.tiles.crs:
            return points
        transform = self._transform(self.labels.crs, self.tiles.crs)
        return [transform.transform(point) for point in points]

    def group(self) -> QgsLayerTreeGroup:
        """The group that keeps what belongs together; made where there is none."""
        found = self.groups()
        if found:
            return found[0]
        made = self.project.layerTreeRoot().insertGroup(0, tr("Labelling"))
        made.setCustomProperty(GROUP, "1")
        return made

    def groups(self) -> list[QgsLayerTreeGroup]:
        """The groups of that kind that there are."""
        return [node for node in self.project.layerTreeRoot().findGroups(True) if node.customProperty(GROUP)]

    # Setting out

    def set_tiles(self, tiles: Optional[TilesInfo]) -> None:
        """Work on tiles, or on none. Labels that are open stay; else those beside the tiles are opened, if any."""
        self.tiles = tiles
        if self._coverage is not None:
            self._coverage.close()
        self._coverage = Coverage(tiles.path) if tiles is not None else None
        if tiles is not None and self.labels is None:
            self._table = ClassTable.change_detection() if tiles.is_change else ClassTable()
            if tiles.labels_path.is_file():
                with self.told():
                    self.open_labels(tiles.labels_path)
        self._choose_first()
        self.tiles_changed.emit()

    def open_labels(self, path: Path) -> None:
        """Use the labels of a GeoPackage that we made. Raises InputError."""
        for layer in self.project.mapLayers().values():
            if isinstance(layer, QgsVectorLayer) and layer.customProperty(ROLE) == "labels" and _file(layer) == path:
                self.adopt_labels(layer)
                return
        layer = QgsVectorLayer(f"{path}|layername=labels", tr("Labels"), "ogr")
        if not layer.isValid() and QgsVectorLayer(str(path), "", "ogr").isValid():
            raise InputError(tr(
                "{0} holds no labels that were placed here. Import it, or add it to the project and use its layer of "
                "points.").format(path.name))
        self.adopt_labels(layer)

    def adopt_labels(self, layer: QgsVectorLayer, field: str = "") -> None:
        """Use any point layer. Raises InputError that says why it cannot be."""
        if not field:
            field = (LabelLayer.candidate_field(layer) if layer.isValid() else None) or "label"
        self._use(LabelLayer(layer, field))

    def prepare_labels(self) -> None:
        """Have a label file, ready for writing, before the first click needs it."""
        with self.told():
            if self.labels is None and self.tiles is not None and self._table.classes:
                self.create_labels(self.free_labels_path())
            if self.labels is not None:
                rehearse(self.labels.layer)

    def create_labels(self, path: Path) -> None:
        """Begin a new GeoPackage of labels, in the tiles' CRS. Raises InputError or OutputError."""
        if self.tiles is None:
            raise InputError(tr("Choose the data first: labels take its CRS."))
        self._use(LabelLayer.create(path, self.tiles.crs, self._table))

    def free_labels_path(self) -> Path:
        """Where new labels can go: beside the tiles, with a number where there are some."""
        if self.tiles is None:
            return Path("labels.gpkg")
        return free_name(self.tiles.labels_path)

    def set_aoi(self, aoi: Optional[AoiLayer]) -> None:
        """Use polygons as areas of interest, or none."""
        self.aoi = aoi
        if aoi is not None:
            self._show(aoi.layer, "aoi", tr("Areas of interest"))
        self.limit_to_aoi = aoi is not None and self.limit_to_aoi
        self.aoi_changed.emit()

    def set_limit(self, on: bool) -> None:
        """Whether figures, maps and exports are limited to the areas of interest."""
        if on != self.limit_to_aoi:
            self.limit_to_aoi = on
            self.aoi_changed.emit()

    def set_table(self, table: ClassTable) -> None:
        """Other classes; undone like every edit once there are labels. Classes of labels that are there stay."""
        with self.told():
            if self.history is not None and self.labels is not None:
                every = self.labels.labels(trainable_only=False)
                self.history.set_table(table.extended(label.code for label in every if label.code))
            else:
                self._table = table
                self.classes_changed.emit()
        self._choose_first()

    def choose(self, code: str) -> None:
        """The class that the next click gets."""
        if self.table.by_code(code) is not None and code != self.chosen:
            self.chosen = code
            self.class_chosen.emit(code)

    def forget(self) -> None:
        """Let go of everything: the project is another one. Files stay as they are."""
        self._drop_labels()
        self._removed = self._in_stroke = False
        self.aoi, self.limit_to_aoi = None, False
        self._table = ClassTable.change_detection()
        self.set_tiles(None)
        self.labels_changed.emit()
        self.aoi_changed.emit()

    def close(self) -> None:
        """Listen to the project no more."""
        self.project.layersWillBeRemoved.disconnect(self._on_layers_removed)
        self._drop_labels()
        if self._coverage is not None:
            self._coverage.close()

    # Labelling

    def place(
        self, points: Sequence[QgsPointXY], crs: QgsCoordinateReferenceSystem, image_date: Optional[str] = None
    ) -> int:
        """Label points of a map in ``crs`` with the chosen class; those off the data are not placed, and it is said.
        ``image_date``: of the imagery they were seen in, where that is not what is on screen. The number of labels
        placed, which are on disk when this returns."""
        with self.told():
            if self.tiles is None:
                raise InputError(tr("Choose the data first: drop embedding tiles here, or open the sample."))
            if not self.chosen:
                raise InputError(tr("Choose or add a class first."))
            if self.labels is None:
                self.create_labels(self.free_labels_path())
            assert self.labels is not None and self.history is not None
            on_tiles = self._moved(points, crs, self.tiles.crs)
            covered = [point for point in on_tiles if self._has_data(point)]
            if len(covered) < len(points):
                self.said.emit(
                    tr("No data here: nothing was placed.") if len(points) == 1 else
                    tr("{0} of {1} points lie where there is no data and were not placed.").format(
                        len(points) - len(covered), len(points)), WARNING)
            if covered:
                date, period = self.image_date() if image_date is None else image_date, self.tiles.period
                self.history.add(self._moved(covered, self.tiles.crs, self.labels.crs), self.chosen, {
                    "image_date": date, "when": period, "product_version": ", ".join(self.tiles.products),
                })
            return len(covered)
        return 0

    def remove_near(self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem, radius: float) -> bool:
        """Remove the label nearest to a point of the map, within ``radius`` of its units. Whether there was one."""
        with self.told():
            if self.labels is None or self.history is None:
                return False
            here = self._moved([point], crs, self.labels.crs)[0]
            edge = self._moved([QgsPointXY(point.x() + radius, point.y())], crs, self.labels.crs)[0]
            found = self.labels.nearest(here, here.distance(edge))
            if found is not None:
                self.history.remove([found.fid])
                return True
        return False

    def begin_stroke(self) -> None:
        """What is placed until ``end_stroke`` is undone as one, also where it begins the label file."""
        self._in_stroke = True
        if self.history is not None:
            self.history.begin_stroke()

    def end_stroke(self) -> None:
        """The end of a click or of a brush stroke."""
        self._in_stroke = False
        if self.history is not None:
            self.history.end_stroke()

    def undo(self) -> None:
        """Take back the last edit."""
        with self.told():
            if self.history is not None and (text := self.history.undo()):
                self.said.emit(tr("Undone: {0}").format(text), INFO)

    def redo(self) -> None:
        """Do again what was taken back."""
        with self.told():
            if self.history is not None and (text := self.history.redo()):
                self.said.emit(tr("Done again: {0}").format(text), INFO)

    @contextmanager
    def told(self) -> Iterator[None]:
        """What goes wrong inside is said to the user; the work goes on."""
        with telling(self.said.emit):
            yield

    # Inside

    def _use(self, labels: LabelLayer) -> None:
        self._drop_labels()
        self.labels = labels
        self.history = LabelHistory(labels, self)
        if self._in_stroke:
            self.history.begin_stroke()
        self.history.changed.connect(self._on_history)
        labels.edited_elsewhere.connect(self.labels_changed)
        labels.draw_by_class()
        self._table = labels.table
        self._show(labels.layer, "labels", labels.layer.name() or tr("Labels"))
        self._choose_first()
        self.classes_changed.emit()
        self.labels_changed.emit()

    def _on_history(self) -> None:
        if self.labels is not None and self.labels.table != self._table:
            self._table = self.labels.table
            self._choose_first()
            self.classes_changed.emit()
        self.labels_changed.emit()

    def _show(self, layer: QgsVectorLayer, role: str, name: str) -> None:
        """Put a layer into the project, at the top of the group, unless it is there."""
        layer.setCustomProperty(ROLE, role)
        if self.project.mapLayer(layer.id()) is None:
            layer.setName(name)
            self.project.addMapLayer(layer, False)
            self.group().insertLayer(0, layer)

    def _drop_labels(self) -> None:
        if self.history is not None:
            self.history.deleteLater()
        self.labels = self.history = None

    def _on_layers_removed(self, ids: Sequence[str]) -> None:
        """The user removed a layer in use: its file stays, and another can be chosen."""
        if self.labels is not None and (sip.isdeleted(self.labels.layer) or self.labels.layer.id() in ids):
            self._table = self.labels.table
            self._drop_labels()
            self._removed = True
            QTimer.singleShot(0, self._say_removed)
            self.labels_changed.emit()
        if self.aoi is not None and (sip.isdeleted(self.aoi.layer) or self.aoi.layer.id() in ids):
            self.set_aoi(None)

    def _say_removed(self) -> None:
        """Unless all layers went because the project did."""
        if self._removed:
            self._removed = False
            self.said.emit(tr("The label layer was removed from the project; its file is untouched."), INFO)

    def _choose_first(self) -> None:
        if self.table.by_code(self.chosen) is None:
            classes = self.table.classes
            self.chosen = classes[0].code if classes else ""
        self.class_chosen.emit(self.chosen)

    def _has_data(self, point: QgsPointXY) -> bool:
        return self._coverage is None or self._coverage.has_data(point.x(), point.y()) is not False

    def _moved(
        self, points: Sequence[QgsPointXY], source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem
    ) -> list[QgsPointXY]:
        if source == target or not source.isValid() or not target.isValid():
            return list(points)
        transform = self._transform(source, target)
        return [transform.transform(point) for point in points]

    def _transform(
        self, source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem
    ) -> QgsCoordinateTransform:
        return QgsCoordinateTransform(source, target, self.project)


def _file(layer: QgsVectorLayer) -> Path:
    return Path(layer.source().split("|")[0])
