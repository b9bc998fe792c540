"""Labels: a point layer of the user's, or a GeoPackage of ours, whose every change is on disk at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional
from uuid import uuid4

from qgis.core import (
    NULL,
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsMarkerSymbol,
    QgsPointXY,
    QgsRendererCategory,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, QVariant, pyqtSignal

from ...processing.errors import InputError
from ..translation import tr
from . import class_field, direct_writing, label_file, styling
from .class_table import ClassTable, is_whole_number
from .held_back import require_trainable
from .label_file import CLASS_FIELD
from .label_index import Label, LabelIndex
from .whole_file import whole_file

CLASSES_PROPERTY = "bitscape/classes"
GREY = "#7f7f7f"


class LabelLayer(QObject):
    """A layer of points with a class each, and its class table. Writing is direct, never through the edit buffer.

    A multipoint counts as one label at each of its points, which are removed and relabelled together. Fields that the
    layer has are filled, its schema is never altered. ``edited_elsewhere`` is emitted when features changed otherwise
    than through this object.
    """

    edited_elsewhere = pyqtSignal()

    def __init__(self, layer: QgsVectorLayer, field: str = CLASS_FIELD) -> None:
        """Adopt a layer. Raises InputError if it has no points, no such field of text or numbers, no CRS, more than 200
        classes, belongs to a validation sample, or cannot be written to."""
        super().__init__()
        if not isinstance(layer, QgsVectorLayer) or not layer.isValid():
            raise InputError(tr("The label layer cannot be read. Is its file still there?"))
        if layer.geometryType() != QgsWkbTypes.GeometryType.PointGeometry:
            raise InputError(tr("{0} has no points. Labels are points; choose or make a point layer.").format(
                layer.name()))
        require_trainable(layer)
        direct_writing.require_capable(layer, tr("labels"))
        if not layer.crs().isValid():
            message = tr("{0} does not say where on Earth it lies: it has no CRS. Set it in the layer's properties.")
            raise InputError(message.format(layer.name()))
        self.layer = layer
        self.field = class_field.resolved(layer, field)
        self._index = LabelIndex()
        self._stale = True
        self._writing = False
        self._fresh()
        self._table = self._stored_table()
        for signal in (layer.featureAdded, layer.featureDeleted, layer.geometryChanged, layer.attributeValueChanged,
                       layer.afterCommitChanges, layer.afterRollBack, layer.dataChanged, layer.subsetStringChanged):
            signal.connect(self._on_edited)
        layer.willBeDeleted.connect(self._on_removed)

    @classmethod
    def create(cls, path: str | Path, crs: QgsCoordinateReferenceSystem, table: ClassTable) -> LabelLayer:
        """A new GeoPackage with an empty layer ``labels`` and the class table. Raises InputError without a CRS,
        OutputError if the file exists already or cannot be written."""
        cls.write(Path(path), crs, table)
        labels = cls(cls.layer_of(Path(path)))
        labels.draw_by_class()
        return labels

    @staticmethod
    def write(path: Path, crs: QgsCoordinateReferenceSystem, table: ClassTable) -> None:
        """The file of ``create`` alone."""
        if not crs.isValid():
            raise InputError(tr("Labels need a CRS. Choose the one of the data."))
        with whole_file(path, replace=False) as partial:
            label_file.write_features(partial, label_file.LABELS, label_file.label_fields(), crs, ())
            label_file.write_classes(partial, table)

    @staticmethod
    def layer_of(path: Path) -> QgsVectorLayer:
        """The layer of labels in a GeoPackage of ours, not valid where there is none."""
        return QgsVectorLayer(f"{path.absolute()}|layername={label_file.LABELS}", path.stem, "ogr")

    @staticmethod
    def candidate_field(layer: QgsVectorLayer) -> Optional[str]:
        """The field that most likely holds the classes: by its name, else the first of text; None if there is none."""
        return class_field.candidate(layer)

    @property
    def crs(self) -> QgsCoordinateReferenceSystem:
        """What the labels' coordinates are in; invalid if the layer was removed."""
        return QgsCoordinateReferenceSystem() if sip.isdeleted(self.layer) else self.layer.crs()

    @property
    def path(self) -> str:
        """The file that holds the labels; "" where it is none."""
        return direct_writing.file_of(self.layer)

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self._table

    def set_table(self, table: ClassTable) -> None:
        """Keep the classes with the layer and, where the GeoPackage is ours, in its file, and draw labels by them.
        Raises OutputError if the file cannot be written, InputError if the layer was removed."""
        direct_writing.require_present(self.layer, tr("labels"))
        if self._has_own_classes():
            label_file.write_classes(self.path, table)
        self._table = table
        self.draw_by_class()

    def draw_by_class(self) -> None:
        """Draw labels by their classes, which the layer remembers in the project too."""
        self.layer.setCustomProperty(CLASSES_PROPERTY, self._table.to_json())
        self.layer.setRenderer(self._renderer())
        self.layer.emitStyleChanged()
        self.layer.triggerRepaint()

    def check_writable(self) -> None:
        """Raise InputError, in words, if labels cannot be written now: edit mode, a layer or file that is gone."""
        direct_writing.require_writable(self.layer, tr("labels"))

    def add(
        self, points: Sequence[QgsPointXY], code: str, attributes: Optional[Mapping[str, str]] = None
    ) -> list[Label]:
        """Write labels of one class at points in the layer's CRS, all or none; they are on disk when this returns.

        ``attributes`` go to the fields of these names that there are. Raises InputError or OutputError in words.
        """
        self.check_writable()
        features = [self.feature_at(point, code, attributes) for point in points]
        fids = self.restore(features)
        return [label for fid in fids for label in self._index.of(fid)]

    def feature_at(
        self, point: QgsPointXY, code: str, attributes: Optional[Mapping[str, str]] = None
    ) -> QgsFeature:
        """A label that is not written yet. ``uuid``, ``created`` and ``role`` are filled unless they are given.
        Raises InputError if the class field cannot hold the code or the point is nowhere."""
        if not code:
            raise InputError(tr("Choose a class first."))
        if not (math.isfinite(point.x()) and math.isfinite(point.y())):
            raise InputError(tr("This point lies nowhere in {0}.").format(self.crs.authid() or self.layer.name()))
        feature = direct_writing.blank(self.layer)
        geometry = QgsGeometry.fromPointXY(point)
        if QgsWkbTypes.isMultiType(self.layer.wkbType()):
            geometry.convertToMultiType()
        feature.setGeometry(geometry)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        values = {"role": "train", "uuid": str(uuid4()), "created": now, **(attributes or {})}
        known = {field.name().lower(): field for field in feature.fields()}
        for name, value in values.items():
            field = known.get(name.lower())
            if field is None or field.name() == self.field or value is None or value == NULL:
                continue
            try:
                feature.setAttribute(field.name(), field.convertCompatible(value))
            except ValueError as error:
                message = tr("The field {0} of {1} cannot hold {2}.")
                said = message.format(field.name(), self.layer.name(), str(value)[:80])
                raise InputError(said, str(error)) from error
        feature.setAttribute(self.field, class_field.stored(self.layer, self.field, code))
        return feature

    def remove(self, fids: Iterable[int]) -> list[QgsFeature]:
        """Delete features; those that were there, whole, so that ``restore`` can bring them back."""
        self.check_writable()
        self._fresh()
        gone = [fid for fid in dict.fromkeys(fids) if self._index.of(fid)]
        if not gone:
            return []
        found = {feature.id(): QgsFeature(feature)
                 for feature in self.layer.dataProvider().getFeatures(QgsFeatureRequest().setFilterFids(gone))}
        with self._own_write():
            direct_writing.delete_features(self.layer, gone)
            self._index.remove(gone)
            self._stale = not direct_writing.keeps_fids(self.layer)
        return [found[fid] for fid in gone if fid in found]

    def restore(self, features: Sequence[QgsFeature], uuids: Optional[Sequence[str]] = None) -> list[int]:
        """Write features that have the provider's fields, all or none; the fids they get. ``uuids`` are what their
        labels were known by where the layer has no field for that."""
        self.check_writable()
        if not features:
            return []
        self._fresh()
        with self._own_write():
            written = direct_writing.add_features(self.layer, features)
            groups = [list(self._labels_of(feature)) for feature in written]
            names = self._names_for(groups, uuids)
            labels = [replace(label, uuid=name) for group, name in zip(groups, names) for label in group]
            if direct_writing.keeps_fids(self.layer):
                self._index.add(labels)
                self._stale = False
            else:
                self._read(labels)
        return [fid for fid in map(self._index.fid_of, names) if fid is not None]

    def relabel(self, fids: Iterable[int], code: str) -> dict[int, str]:
        """Give features another class; fid → the class before, of those that were there."""
        return self.recode(dict.fromkeys(fids, code))

    def recode(self, codes: Mapping[int, str]) -> dict[int, str]:
        """Give each feature (fid → code) a class of its own, in one write; fid → the class before."""
        self.check_writable()
        self._fresh()
        before = {fid: self._index.of(fid)[0].code for fid in codes if self._index.of(fid)}
        if before:
            index = self.layer.dataProvider().fields().indexFromName(self.field)
            values = {fid: class_field.stored(self.layer, self.field, codes[fid]) for fid in before}
            with self._own_write():
                direct_writing.change_values(self.layer, index, values)
                self._index.recode({fid: codes[fid] for fid in before})
                self._stale = not direct_writing.keeps_fids(self.layer)
        return before

    def labels(self, trainable_only: bool = True) -> list[Label]:
        """The labels that may train, or all, as the layer shows them now (its filter counts)."""
        self._fresh()
        return self._index.labels(trainable_only)

    def of(self, fid: int) -> Sequence[Label]:
        """The label, or the labels of a multipoint, with this fid; none if it is not there."""
        self._fresh()
        return self._index.of(fid)

    def fid_of(self, uuid: str) -> Optional[int]:
        """The fid that a label has now; None if it is not there."""
        self._fresh()
        return self._index.fid_of(uuid)

    def nearest(self, point: QgsPointXY, radius: float) -> Optional[Label]:
        """The nearest label that may train, within ``radius`` in the units of the layer's CRS."""
        self._fresh()
        return self._index.nearest(point.x(), point.y(), radius)

    def counts(self) -> dict[str, int]:
        """Code → number of labels that may train; classes of the table without any are 0."""
        counted = Counter(label.code for label in self.labels())
        return {**{one.code: 0 for one in self._table.classes}, **counted}

    def _fresh(self) -> None:
        """Read the layer again if it changed otherwise than through us."""
        if self._stale:
            self._read()

    def _read(self, written: Sequence[Label] = ()) -> None:
        fields = self.layer.fields()
        wanted = [self.field, *(fields.at(index).name() for index in self._extra(fields).values())]
        request = QgsFeatureRequest().setSubsetOfAttributes(wanted, fields)
        found = (label for feature in self.layer.getFeatures(request) for label in self._labels_of(feature))
        self._index.replace(found, written)
        self._stale = False

    def _names_for(self, groups: Sequence[Sequence[Label]], uuids: Optional[Sequence[str]]) -> list[str]:
        """What features that were written will be known by: the uuid in the file where it is theirs alone."""
        names: dict[str, None] = {}
        for number, group in enumerate(groups):
            name = group[0].uuid if group else ""
            if not name or name in names or self._index.fid_of(name) is not None:
                name = uuids[number] if uuids else str(uuid4())
            names[name] = None
        return list(names)

    def _labels_of(self, feature: QgsFeature) -> Iterator[Label]:
        geometry = feature.geometry()
        if geometry.isNull() or geometry.isEmpty():
            return
        fields = feature.fields()
        code = class_field.text_of(feature.attribute(self.field))
        extra = {name: class_field.text_of(feature.attribute(index)) for name, index in self._extra(fields).items()}
        points = geometry.asMultiPoint() if geometry.isMultipart() else [geometry.asPoint()]
        for point in points:
            if math.isfinite(point.x()) and math.isfinite(point.y()):
                yield Label(feature.id(), point.x(), point.y(), code, **extra)

    @staticmethod
    def _extra(fields: Any) -> dict[str, int]:
        found = {name: fields.lookupField(name) for name in ("role", "uuid", "created")}
        return {name: index for name, index in found.items() if index >= 0}

    def _stored_table(self) -> ClassTable:
        codes = sorted(self._index.codes(), key=class_field.order)
        table = label_file.read_classes(self.path) if self._has_own_classes() else None
        try:
            if table is None:
                table = _kept_table(self.layer)
            if table is not None and table.classes:
                return table.extended(codes)
            if not codes and class_field.is_number(self.layer.fields().field(self.field)):
                return ClassTable.change_detection("1", "0")
            return ClassTable.of_codes(codes)
        except InputError as error:
            message = tr("The field {0} of {1} does not look like classes. {2}")
            raise InputError(message.format(self.field, self.layer.name(), error.message)) from error

    def _has_own_classes(self) -> bool:
        return self.path.lower().endswith(".gpkg") and label_file.has_classes(self.path)

    def _renderer(self) -> QgsCategorizedSymbolRenderer:
        number = class_field.is_number(self.layer.fields().field(self.field))
        categories = [
            QgsRendererCategory(int(one.code) if number and is_whole_number(one.code) else one.code,
                                _symbol(one.shape, one.colour), one.name)
            for one in self._table.classes
        ]
        categories.append(QgsRendererCategory(QVariant(), _symbol("circle", GREY), tr("not in the class table")))
        return QgsCategorizedSymbolRenderer(self.field, categories)

    @contextmanager
    def _own_write(self) -> Iterator[None]:
        self._writing = True
        self._stale = True  # until the write is known to have succeeded
        try:
            yield
            direct_writing.announce(self.layer)
        finally:
            self._writing = False

    def _on_edited(self, *_: Any) -> None:
        if not self._writing:
            self._stale = True
            self.edited_elsewhere.emit()

    def _on_removed(self) -> None:
        self._index = LabelIndex()
        self._stale = False


def _kept_table(layer: QgsVectorLayer) -> Optional[ClassTable]:
    """The classes in the layer's properties, as the project keeps them."""
    try:
        return ClassTable.from_json(str(layer.customProperty(CLASSES_PROPERTY, "")))
    except InputError:
        return None


def _symbol(shape: str, colour: str) -> QgsMarkerSymbol:
    return QgsMarkerSymbol.createSimple(styling.marker(shape, colour))
