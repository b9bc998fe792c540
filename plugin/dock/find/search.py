"""What one looks for: a store, exemplars with their history, and the question. Nothing here computes or draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeature,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ....processing.errors import InputError
from ...layers import direct_writing
from ...layers.exemplar_layer import EXEMPLARS, NEGATIVE, PATCH, PLACES, POSITIVE, YEAR, open_exemplars
from ...layers.label_history import LabelHistory
from ...layers.label_layer import LabelLayer
from ...layers.live_layers import ROLE, Group, clean_project
from ...translation import tr
from ..telling import INFO, telling
from . import store_place
from .question import Question

MOST_FEATURES = 1000
"""So many features are taken as exemplars at once."""


class Search(QObject):
    """The state of the tab Find. ``group`` gives the place of its layers. ``said`` (text, level) is for the user."""

    store_changed = pyqtSignal()
    exemplars_changed = pyqtSignal()
    question_changed = pyqtSignal()
    said = pyqtSignal(str, int)

    def __init__(self, project: QgsProject, group: Group, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.project, self._group = project, group
        self.store = ""
        self.question = Question()
        self.positive = True
        """What the next click is: like this, or not like this."""
        self.layer: Optional[LabelLayer] = None
        self.history: Optional[LabelHistory] = None
        self._patches: dict[str, dict[str, int]] = {}
        self._years: dict[str, int] = {}
        self._named: set[str] = set()
        project.layersWillBeRemoved.connect(self._on_layers_removed)

    # The store

    def open(self, place: str) -> None:
        """Look in a store, or in none (""). Its exemplars from before are taken up."""
        self._drop()
        self.store, self._patches = place, {}
        self.question = replace(self.question, threshold=None, years=(), where="", window="", extent="")
        if place:
            path = self.exemplars_path()
            if path.is_file():
                with self.told():
                    self._use(open_exemplars(path, self.project))
        self.store_changed.emit()
        self.exemplars_changed.emit()

    @property
    def home(self) -> Optional[Path]:
        """What names of files about the store begin with; None without a store."""
        return store_place.home_of(self.store) if self.store else None

    def exemplars_path(self) -> Path:
        """Where the exemplars are kept."""
        assert self.home is not None
        return self.home.with_name(f"{self.home.name}_exemplars.gpkg")

    # The question

    def ask(self, **changes: Any) -> None:
        """Another question. A threshold holds for the exemplars and the view for which it was chosen."""
        if "threshold" not in changes and changes.keys() & {"view", "combine", "invert"}:
            changes["threshold"] = None
        asked = replace(self.question, **changes)
        if asked != self.question:
            self.question = asked
            self.question_changed.emit()

    def take_up(self, question: Question) -> None:
        """The question that a project remembers, as it is."""
        self.question = question
        self.question_changed.emit()

    # Exemplars

    def count(self, positive: bool) -> int:
        """How many there are."""
        code = POSITIVE if positive else NEGATIVE
        return sum(one.code == code for one in self.layer.labels()) if self.layer is not None else 0

    def places(self, positive: bool) -> list[dict[str, Any]]:
        """The exemplars as the backend takes them, in the order they were placed."""
        if self.layer is None:
            return []
        code = POSITIVE if positive else NEGATIVE
        found = sorted((one for one in self.layer.labels() if one.code == code), key=lambda one: one.created)
        points = self._moved([QgsPointXY(one.x, one.y) for one in found], self.layer.crs, PLACES)
        made = []
        for one, point in zip(found, points):
            place: dict[str, Any] = self._patches.get(one.uuid) or {"lon": point.x(), "lat": point.y()}
            if "lon" in place and one.uuid in self._years:
                place["year"] = self._years[one.uuid]
            made.append({**place, "key": one.uuid})
        return made

    def place(
        self, points: Sequence[QgsPointXY], crs: QgsCoordinateReferenceSystem, positive: Optional[bool] = None
    ) -> int:
        """Take the patches at points as exemplars of the chosen sign, or of this one; how many were placed."""
        positive = self.positive if positive is None else positive
        with self.told():
            history = self._ready()
            assert self.layer is not None
            code = POSITIVE if positive else NEGATIVE
            features = [self.layer.feature_at(point, code, {"role": EXEMPLARS})
                        for point in self._moved(points, crs, self.layer.crs)]
            return history.insert(features, name=_added(len(features)))
        return 0

    def take(self, results: Sequence[Mapping[str, Any]], positive: bool) -> int:
        """Take results as exemplars: those very patches, also where others overlap them."""
        with self.told():
            history = self._ready()
            assert self.layer is not None
            points = self._moved([QgsPointXY(one["lon"], one["lat"]) for one in results], PLACES, self.layer.crs)
            code, features = POSITIVE if positive else NEGATIVE, []
            for one, point in zip(results, points):
                year = "" if one["year"] is None else str(one["year"])
                feature = self.layer.feature_at(point, code, {"role": EXEMPLARS, YEAR: year, PATCH: str(one["id"])})
                self._patches[str(feature.attribute("uuid"))] = {"shard": one["shard"], "row": one["row"]}
                self._remember(feature)
                features.append(feature)
            return history.insert(features, name=_added(len(features)))
        return 0

    def take_features(self, layer: QgsVectorLayer, positive: bool) -> int:
        """Take the selected features of a layer, else all: points as they are, of others a point inside."""
        with self.told():
            selected = layer.selectedFeatureCount() > 0
            count = layer.selectedFeatureCount() if selected else layer.featureCount()
            if not 0 < count <= MOST_FEATURES:
                raise InputError(tr("{0} has no features.").format(layer.name()) if not count else tr(
                    "{0} has {1} features: select up to {2}.").format(layer.name(), count, MOST_FEATURES))
            features = layer.getSelectedFeatures() if selected else layer.getFeatures()
            points = [point for feature in features for point in _points(feature)]
            if not points:
                raise InputError(tr("The features of {0} have no place on the map.").format(layer.name()))
            return self.place(points, layer.crs(), positive)
        return 0

    def remove_near(self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem, radius: float) -> bool:
        """Remove the exemplar nearest to a point of the map, within ``radius`` of its units. Whether there was one."""
        with self.told():
            if self.layer is None or self.history is None:
                return False
            here, edge = self._moved([point, QgsPointXY(point.x() + radius, point.y())], crs, self.layer.crs)
            found = self.layer.nearest(here, here.distance(edge))
            if found is not None:
                self._remove([found.fid])
                return True
        return False

    def remove(self, key: str) -> None:
        """Remove one exemplar."""
        with self.told():
            fid = self.layer.fid_of(key) if self.layer is not None else None
            if fid is not None:
                self._remove([fid])

    def turn(self, key: str) -> None:
        """Make a positive exemplar a negative one, or the other way round."""
        with self.told():
            fid = self.layer.fid_of(key) if self.layer is not None else None
            if fid is not None and self.layer is not None and self.history is not None:
                code = self.layer.of(fid)[0].code
                self.history.begin_stroke(tr("Turn an exemplar round"))
                self.history.relabel([fid], NEGATIVE if code == POSITIVE else POSITIVE)
                self.history.end_stroke()

    def clear(self) -> None:
        """Remove all exemplars; undo brings them back."""
        with self.told():
            if self.layer is not None:
                self._remove([one.fid for one in self.layer.labels()])

    def undo(self) -> None:
        """Take back what was done to exemplars last."""
        with self.told():
            if self.history is not None and (text := self.history.undo()):
                self.said.emit(tr("Undone: {0}").format(text), INFO)

    def redo(self) -> None:
        """Do again what was taken back."""
        with self.told():
            if self.history is not None and (text := self.history.redo()):
                self.said.emit(tr("Done again: {0}").format(text), INFO)

    def is_patch(self, key: str) -> bool:
        """Whether an exemplar was a result, so that it is this patch and no other one there."""
        return key in self._named

    def prepare(self) -> None:
        """Have the exemplars' file, ready for writing, before the first click needs it."""
        if self.store:
            with self.told():
                self._ready()

    def position(self, key: str) -> Optional[QgsPointXY]:
        """Where an exemplar is, in degrees."""
        fid = self.layer.fid_of(key) if self.layer is not None else None
        if fid is None or self.layer is None:
            return None
        one = self.layer.of(fid)[0]
        return self._moved([QgsPointXY(one.x, one.y)], self.layer.crs, PLACES)[0]

    def forget(self) -> None:
        """The project is another one. Files stay as they are."""
        self._drop()
        self.store, self.question, self._patches, self.positive = "", Question(), {}, True
        self.store_changed.emit()
        self.exemplars_changed.emit()

    def close(self) -> None:
        """Listen to the project no more."""
        self.project.layersWillBeRemoved.disconnect(self._on_layers_removed)
        self._drop()

    @contextmanager
    def told(self) -> Iterator[None]:
        """What goes wrong inside is said to the user; the work goes on."""
        with telling(self.said.emit):
            yield

    # Inside

    def _ready(self) -> LabelHistory:
        """The history; the exemplars' file is made with the first of them. Raises InputError or OutputError."""
        if not self.store:
            raise InputError(tr("Choose a store first: drop its folder here, or paste its address."))
        if self.layer is None:
            self._use(open_exemplars(self.exemplars_path(), self.project))
        assert self.history is not None
        return self.history

    def _remove(self, fids: Sequence[int]) -> None:
        if self.history is not None:
            self.history.begin_stroke(tr("Remove an exemplar") if len(fids) == 1 else tr("Remove {0} exemplars").format(
                len(fids)))
            try:
                self.history.remove(fids)
            finally:
                self.history.end_stroke()

    def _use(self, layer: LabelLayer) -> None:
        self._drop()
        self.layer, self.history = layer, LabelHistory(layer, self)
        self.history.changed.connect(self.exemplars_changed)
        layer.edited_elsewhere.connect(self.exemplars_changed)
        layer.draw_by_class()
        self._years, self._named = {}, set()
        for feature in layer.layer.getFeatures():
            self._remember(feature)
        if self.project.mapLayer(layer.layer.id()) is None:
            layer.layer.setName(tr("Exemplars"))
            layer.layer.setCustomProperty(ROLE, EXEMPLARS)
            with clean_project():
                self.project.addMapLayer(layer.layer, False)
                self._group().insertLayer(0, layer.layer)
        direct_writing.rehearse(layer.layer)

    def _remember(self, feature: QgsFeature) -> None:
        """What an exemplar says that was a result."""
        names = feature.fields().names()
        if not {PATCH, YEAR, "uuid"} <= set(names) or not feature[PATCH]:  # a null is no true value either
            return
        self._named.add(str(feature["uuid"]))
        if str(feature[YEAR] or "").isdigit():
            self._years[str(feature["uuid"])] = int(feature[YEAR])

    def _drop(self) -> None:
        if self.history is not None:
            self.history.deleteLater()
        self.layer = self.history = None

    def _on_layers_removed(self, ids: Sequence[str]) -> None:
        if self.layer is not None and (sip.isdeleted(self.layer.layer) or self.layer.layer.id() in ids):
            self._drop()
            self.exemplars_changed.emit()

    def _moved(
        self, points: Sequence[QgsPointXY], source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem
    ) -> list[QgsPointXY]:
        if source == target or not source.isValid() or not target.isValid():
            return list(points)
        transform = QgsCoordinateTransform(source, target, self.project)
        try:
            return [transform.transform(point) for point in points]
        except QgsCsException as error:
            raise InputError(tr("This place has no longitude and latitude.")) from error


def _points(feature: QgsFeature) -> list[QgsPointXY]:
    geometry = feature.geometry()
    if geometry.isNull() or geometry.isEmpty():
        return []
    if geometry.type() == QgsWkbTypes.GeometryType.PointGeometry:
        return [QgsPointXY(one) for one in geometry.vertices()]
    inside = geometry.centroid()
    if not geometry.contains(inside):
        inside = geometry.pointOnSurface()
    return [inside.asPoint()] if not inside.isNull() else []


def _added(count: int) -> str:
    return tr("Add an exemplar") if count == 1 else tr("Add {0} exemplars").format(count)
