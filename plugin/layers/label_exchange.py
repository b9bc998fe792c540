"""Labels in and out: import from GeoPackage, GeoJSON and Shapefile, export to GeoPackage and GeoJSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from osgeo import gdal, ogr
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeature,
    QgsField,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QDate, QDateTime, Qt

from ...processing.errors import InputError, OutputError
from ..translation import tr
from . import direct_writing, label_file
from .class_field import text_of
from .held_back import require_trainable
from .label_file import CLASS_FIELD, METADATA
from .label_history import LabelHistory
from .label_index import VALIDATE
from .label_layer import LabelLayer
from .whole_file import whole_file

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp")
MAX_BYTES = 512 << 20
MAX_LABELS = 100_000
WGS84 = "EPSG:4326"
DEGREE = 111_320
"""Metres, on the equator."""

NEAR = 1e-7
"""Two positions are one if they differ by less than this many degrees (1 cm): what GeoJSON's decimals leave open."""


@dataclass(frozen=True)
class ImportReport:
    """What became of the labels of a file: numbers of labels, and the classes that were new."""

    added: int
    skipped_duplicates: int
    """Labels with the uuid, or the place and class, of one that was there."""
    without_class: int
    without_position: int
    disagreeing: int
    """Labels that were added where one of another class was."""
    new_codes: tuple[str, ...]
    held_back: int = 0
    """Labels that are for validation: they are left out, since what is imported trains."""


@dataclass(frozen=True)
class Found:
    """A label in some layer: its place in another CRS, its class as text and its METADATA as far as there are."""

    point: QgsPointXY
    code: str
    attributes: dict[str, Any]

    @property
    def is_held_back(self) -> bool:
        """Whether it is for validation, and must not train."""
        return str(self.attributes.get("role", "")).strip().lower() == VALIDATE


def import_labels(
    source: str | Path | QgsVectorLayer, target: LabelLayer, history: LabelHistory, field: Optional[str] = None
) -> ImportReport:
    """Copy the labels of a file or layer into ``target``, in its CRS, as one step of ``history``.

    ``field`` holds the class; by default the one that most likely does. Classes that the table has under another
    spelling get its code; others are added to it. Labels that are there already are left out, and those held back for
    validation. Raises InputError for what is no layer of labels, belongs to a validation sample, is too large or lies
    nowhere, OutputError if the labels cannot be written.
    """
    target.check_writable()
    layer = source if isinstance(source, QgsVectorLayer) else open_labels(source, field)
    require_trainable(layer)
    name = layer.name()
    field = field or LabelLayer.candidate_field(layer)
    if field is None or layer.fields().lookupField(field) < 0:
        names = ", ".join(layer.fields().names()) or tr("none")
        raise InputError(tr("{0} has no field {1} for the class; there are {2}.").format(name, field or "label", names))
    there = target.labels(trainable_only=False)
    known, seen = {label.uuid for label in there}, set()
    places = _Places(NEAR if target.crs.isGeographic() else NEAR * DEGREE)
    for label in there:
        places.put(label.x, label.y, label.code)
    table, features = target.table, []
    duplicates = nameless = lost = disagreeing = held_back = 0
    for found in read_labels(layer, field, target.crs):
        if found is None:
            lost += 1
            continue
        if not found.code:
            nameless += 1
            continue
        if found.is_held_back:
            held_back += 1
            continue
        code = table.code_for(found.code)
        if code is None:
            code = found.code
            table = table.extended([code])
        x, y, uuid = found.point.x(), found.point.y(), found.attributes.get("uuid")
        others = places.codes_at(x, y)
        if uuid in known or code in others:
            duplicates += 1
            continue
        disagreeing += bool(others)
        places.put(x, y, code)
        if uuid in seen:  # features copied in QGIS keep their uuid
            del found.attributes["uuid"]
        seen.update([uuid] if uuid else [])
        features.append(target.feature_at(found.point, code, found.attributes))
    new = tuple(one.code for one in table.classes if target.table.by_code(one.code) is None)
    added = history.insert(features, table if new else None, tr("Import {0} labels").format(len(features)))
    return ImportReport(added, duplicates, nameless, lost, disagreeing, new, held_back)


def open_labels(path: str | Path, field: Optional[str] = None) -> QgsVectorLayer:
    """The layer of points in a file: the only one, else the one named labels, else the first that has ``field`` or one
    that looks like classes. Raises InputError in words; the file's size is checked first."""
    file = Path(path)
    if not file.is_file():
        raise InputError(tr("The file {0} does not exist.").format(file))
    if file.suffix.lower() not in SUFFIXES:
        message = tr("{0} is not a file of labels that can be read; these are: {1}.")
        raise InputError(message.format(file.name, ", ".join(SUFFIXES)))
    size = file.stat().st_size
    if size > MAX_BYTES:
        message = tr("{0} has {1:.0f} MB; labels of up to {2} MB can be imported.")
        raise InputError(message.format(file.name, size / 2**20, MAX_BYTES >> 20))
    layers = []
    options = "|option:DATE_AS_STRING=YES" if file.suffix.lower() in (".geojson", ".json") else ""  # keeps time zones
    for name in _point_layers(file):
        layer = QgsVectorLayer(f"{file.absolute()}|layername={name}{options}", file.stem, "ogr")
        wanted = field if field else LabelLayer.candidate_field(layer) if layer.isValid() else None
        if wanted is not None and layer.isValid() and layer.fields().lookupField(wanted) >= 0:
            layers.append((name != label_file.LABELS, len(layers), layer))
    if not layers:
        message = tr("{0} holds no points with a field {1} for the class.")
        raise InputError(message.format(file.name, field or CLASS_FIELD))
    return min(layers)[2]


def read_labels(
    layer: QgsVectorLayer, field: str, crs: QgsCoordinateReferenceSystem
) -> Iterator[Optional[Found]]:
    """The labels of a layer of points, moved to ``crs``; None for one without a position there. Of a multipoint each
    point is a label. Raises InputError for other geometries, no CRS, or more than 100,000 labels."""
    if layer.geometryType() != QgsWkbTypes.GeometryType.PointGeometry:
        raise InputError(tr("{0} has no points, so it holds no labels.").format(layer.name()))
    if not layer.crs().isValid():
        message = tr("{0} does not say where on Earth it lies: it has no CRS. Set it in the layer's properties.")
        raise InputError(message.format(layer.name()))
    transform = QgsCoordinateTransform(layer.crs(), crs, QgsProject.instance())
    fields = layer.fields()
    metadata = {name: fields.lookupField(name) for name in METADATA}
    count = 0
    for feature in layer.getFeatures():
        attributes = {name: _plain(feature.attribute(index)) for name, index in metadata.items() if index >= 0}
        attributes = {name: value for name, value in attributes.items() if value not in (None, "")}
        code = text_of(feature.attribute(fields.lookupField(field)))
        points = _points_of(feature.geometry()) or [None]
        for point in points:
            count += 1
            if count > MAX_LABELS:
                message = tr("{0} has more than {1} points; that is no layer of labels. Choose another, or filter it.")
                raise InputError(message.format(layer.name(), MAX_LABELS))
            moved = _moved(point, transform) if point is not None else None
            yield None if moved is None else Found(moved, code, dict(attributes))
            attributes.pop("uuid", None)


def export_labels(labels: LabelLayer, path: str | Path) -> int:
    """Write all labels, validation labels too, to a new GeoPackage (in their CRS, with the class table) or GeoJSON
    (longitude and latitude), whole or not at all; their number. The class is in the field ``label``, as text.

    Raises InputError for another kind of file, OutputError if it cannot be written or holds the labels themselves.
    """
    direct_writing.require_present(labels.layer, tr("labels"))
    path = Path(path)
    driver = label_file.DRIVERS.get(path.suffix.lower())
    if driver is None:
        message = tr("{0} names no kind of file that labels can be exported to; these are: {1}.")
        raise InputError(message.format(path.name, ", ".join(label_file.DRIVERS)))
    if labels.path and path.exists() and path.samefile(labels.path):
        raise OutputError(tr("{0} is the file of these labels. Choose another name.").format(path))
    crs = labels.crs if driver == "GPKG" else QgsCoordinateReferenceSystem(WGS84)
    with whole_file(path) as partial:
        found = read_labels(labels.layer, labels.field, crs)
        count = label_file.write_features(
            partial, label_file.LABELS, label_file.label_fields(), crs, features_of(found), driver=driver
        )
        if driver == "GPKG":
            label_file.write_classes(partial, labels.table)
    return count


def features_of(labels: Iterable[Optional[Found]]) -> Iterator[QgsFeature]:
    """Labels as features of our own files; those without a position are left out."""
    fields = label_file.label_fields()
    for label in labels:
        if label is None:
            continue
        feature = QgsFeature(fields)
        feature.setGeometry(QgsGeometry.fromPointXY(label.point))
        feature.setAttribute(CLASS_FIELD, label.code or NULL)
        for name, value in label.attributes.items():
            feature.setAttribute(name, _converted(fields.field(name), value))
        yield feature


def _point_layers(file: Path) -> list[str]:
    """The names of the layers of points in a file."""
    try:
        dataset = gdal.OpenEx(str(file), gdal.OF_VECTOR)
        said = gdal.GetLastErrorMsg()
    except RuntimeError as error:
        dataset, said = None, str(error)
    if dataset is None:
        message = tr("{0} cannot be read as labels; it is damaged, or no GeoPackage, GeoJSON or Shapefile.")
        raise InputError(message.format(file.name), said)
    layers = [dataset.GetLayer(number) for number in range(dataset.GetLayerCount())]
    kinds = (ogr.wkbPoint, ogr.wkbMultiPoint)
    return [layer.GetName() for layer in layers if ogr.GT_Flatten(layer.GetGeomType()) in kinds]


def _points_of(geometry: QgsGeometry) -> list[QgsPointXY]:
    if geometry.isNull() or geometry.isEmpty():
        return []
    return geometry.asMultiPoint() if geometry.isMultipart() else [geometry.asPoint()]


def _moved(point: QgsPointXY, transform: QgsCoordinateTransform) -> Optional[QgsPointXY]:
    try:
        moved = transform.transform(point) if math.isfinite(point.x()) and math.isfinite(point.y()) else None
    except QgsCsException:
        return None
    return moved if moved is not None and math.isfinite(moved.x()) and math.isfinite(moved.y()) else None


def _converted(field: QgsField, value: Any) -> Any:
    try:
        return field.convertCompatible(value)
    except ValueError:  # a certainty in words, say: ours is a number
        return NULL


def _plain(value: Any) -> Any:
    """An attribute as one of our fields takes it: dates as ISO 8601, NULL as None."""
    if value is None or value == NULL:
        return None
    if isinstance(value, (QDate, QDateTime)):
        return value.toString(Qt.DateFormat.ISODate)
    return value if isinstance(value, (int, float, str)) else str(value)


class _Places:
    """The classes at each place; places closer than ``side`` are one."""

    def __init__(self, side: float) -> None:
        self._side = side
        self._cells: dict[tuple[int, int], list[tuple[float, float, str]]] = {}

    def put(self, x: float, y: float, code: str) -> None:
        """One label."""
        self._cells.setdefault(self._cell(x, y), []).append((x, y, code))

    def codes_at(self, x: float, y: float) -> set[str]:
        """The classes of the labels there."""
        column, row = self._cell(x, y)
        around = [self._cells.get((column + i, row + j), ()) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return {code for cell in around for u, v, code in cell if math.hypot(u - x, v - y) < self._side}

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        return math.floor(x / self._side), math.floor(y / self._side)
