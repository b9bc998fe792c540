"""Areas of interest: polygons beside the labels, or in any polygon layer, that training, maps and export keep to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeature,
    QgsFeatureRequest,
    QgsField,
    QgsFields,
    QgsFillSymbol,
    QgsGeometry,
    QgsPoint,
    QgsPointXY,
    QgsProject,
    QgsProviderRegistry,
    QgsSimpleFillSymbolLayer,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, QVariant, pyqtSignal

from ...processing.errors import InputError
from ..translation import tr
from . import direct_writing, label_file
from .whole_file import whole_file

AOI = "aoi"
NAME = "name"
HALO = {"style": "no", "outline_color": "255,255,255,200", "outline_style": "solid", "outline_width": "1.0",
        "outline_width_unit": "MM"}
DASHES = {**HALO, "outline_color": "20,20,20,255", "outline_style": "dash", "outline_width": "0.6"}
"""Dark dashes on white, to be seen on dark forest and on bright soil."""

STEPS = 256
"""A polygon that moves to another CRS gets corners at least every so many parts of its size: its edges bend there."""

MAX_POLYGONS = 10_000


class AoiLayer(QObject):
    """A layer of polygons, written directly through the provider. ``changed`` follows every change of the polygons,
    here or elsewhere."""

    changed = pyqtSignal()

    def __init__(self, layer: QgsVectorLayer) -> None:
        """Adopt a layer. Raises InputError if it has no polygons, no CRS, or cannot be written to."""
        super().__init__()
        if not isinstance(layer, QgsVectorLayer) or not layer.isValid():
            raise InputError(tr("The AOI layer cannot be read. Is its file still there?"))
        if layer.geometryType() != QgsWkbTypes.GeometryType.PolygonGeometry:
            message = tr("{0} has no polygons. Areas are polygons; choose a polygon layer.")
            raise InputError(message.format(layer.name()))
        direct_writing.require_capable(layer, tr("areas"))
        if not layer.crs().isValid():
            message = tr("{0} does not say where on Earth it lies: it has no CRS. Set it in the layer's properties.")
            raise InputError(message.format(layer.name()))
        self.layer = layer
        self.notes: list[str] = []
        """What the last import had to repair or leave out, in words."""
        self._writing = False
        self._union: Optional[QgsGeometry] = None
        self._engine: Any = None
        self._fresh = False
        for signal in (layer.featureAdded, layer.featureDeleted, layer.geometryChanged, layer.afterCommitChanges,
                       layer.afterRollBack, layer.dataChanged, layer.subsetStringChanged):
            signal.connect(self._on_edited)

    @classmethod
    def create(cls, path: str | Path, crs: QgsCoordinateReferenceSystem) -> AoiLayer:
        """The layer ``aoi`` of a GeoPackage: the one that is there, in its own CRS, else a new one, in a new file if
        need be; other layers stay. Raises InputError without a CRS, for a file that is no GeoPackage, or if ``aoi`` is
        something else there, OutputError if it cannot be written."""
        path = Path(path).absolute()
        if path.suffix.lower() != ".gpkg":
            raise InputError(tr("{0} is no GeoPackage; areas are kept in one.").format(path.name))
        source = f"{path}|layername={AOI}"
        layer = QgsVectorLayer(source, tr("Areas of interest"), "ogr") if path.exists() else None
        if layer is None or not layer.isValid():
            cls.write(path, crs)
            layer = QgsVectorLayer(source, tr("Areas of interest"), "ogr")
        areas = cls(layer)
        symbol = QgsFillSymbol.createSimple(HALO)
        symbol.appendSymbolLayer(QgsSimpleFillSymbolLayer.create(DASHES))
        layer.setRenderer(QgsSingleSymbolRenderer(symbol))
        return areas

    @staticmethod
    def write(path: Path, crs: QgsCoordinateReferenceSystem) -> None:
        """An empty layer ``aoi`` in a GeoPackage that has none, or in a new one. Raises as ``create`` does."""
        if not crs.isValid():
            raise InputError(tr("Areas need a CRS. Choose the one of the data."))
        if path.exists():
            _add_table(path, crs)
        else:
            with whole_file(path, replace=False) as partial:
                _add_table(partial, crs)

    @property
    def source(self) -> str:
        """What Processing takes as a vector layer: file and layer, or the id of a layer that is no file."""
        if sip.isdeleted(self.layer):
            return ""
        return self.layer.source() if direct_writing.file_of(self.layer) else self.layer.id()

    @property
    def path_and_layer(self) -> tuple[str, str]:
        """The file, and the layer in it ("": the only one); ("", "") for a layer that is no file."""
        path = direct_writing.file_of(self.layer)
        if not path:
            return "", ""
        parts = QgsProviderRegistry.instance().decodeUri("ogr", self.layer.source())
        return path, str(parts.get("layerName") or "")

    def check_writable(self) -> None:
        """Raise InputError, in words, if areas cannot be written now: edit mode, a layer or file that is gone."""
        direct_writing.require_writable(self.layer, tr("areas"))

    def add(
        self, geometry: QgsGeometry, name: str = "", crs: Optional[QgsCoordinateReferenceSystem] = None
    ) -> list[int]:
        """Write a polygon, given in ``crs`` (by default the layer's); the fids, of which there are several if a layer
        of single polygons gets a multipolygon. An outline that crosses itself is repaired. Raises InputError for what
        has no area, OutputError if it cannot be written."""
        self.check_writable()
        polygons, _ = polygons_of(geometry)
        if polygons is None:
            raise InputError(tr("The area is empty. Draw at least three corners that do not lie on one line."))
        features = self._features(_moved(polygons, crs or self.layer.crs(), self.layer.crs()), name)
        with self._own_write():
            return [feature.id() for feature in direct_writing.add_features(self.layer, features)]

    def remove(self, fid: int) -> bool:
        """Delete a polygon; whether it was there. Raises OutputError if it cannot be written."""
        self.check_writable()
        if not self.layer.getFeature(fid).isValid():
            return False
        with self._own_write():
            direct_writing.delete_features(self.layer, [fid])
        return True

    def import_polygons(self, source: QgsVectorLayer | str | Path, selected_only: bool = False) -> int:
        """Copy the polygons of a layer or file, all or none; their number. ``notes`` says what was repaired or left
        out. Raises InputError for what cannot be read, has no CRS, or more than 10,000 polygons."""
        self.check_writable()
        layer = source if isinstance(source, QgsVectorLayer) else _open(Path(source))
        if not layer.isValid() or layer.geometryType() != QgsWkbTypes.GeometryType.PolygonGeometry:
            raise InputError(tr("{0} holds no polygons that can be read.").format(layer.name()))
        if not layer.crs().isValid():
            raise InputError(tr("{0} has no CRS. Set it in the layer's properties.").format(layer.name()))
        if selected_only and not layer.selectedFeatureCount():
            raise InputError(tr("Nothing is selected in {0}.").format(layer.name()))
        features: list[QgsFeature] = []
        repaired = empty = 0
        name_index = layer.fields().lookupField(NAME)
        for feature in layer.getSelectedFeatures() if selected_only else layer.getFeatures():
            polygons, mended = polygons_of(feature.geometry())
            if polygons is None:
                empty += 1
                continue
            repaired += mended
            name = feature.attribute(name_index) if name_index >= 0 else ""
            moved = _moved(polygons, layer.crs(), self.layer.crs())
            features.extend(self._features(moved, str(name) if isinstance(name, str) else ""))
            if len(features) > MAX_POLYGONS:
                message = tr("{0} has more than {1} polygons. Select those that matter, or dissolve them first.")
                raise InputError(message.format(layer.name(), MAX_POLYGONS))
        if features:
            with self._own_write():
                direct_writing.add_features(self.layer, features)
        self.notes = [text.format(count) for count, text in (
            (repaired, tr("polygons that cross their own outline and were repaired: {0}")),
            (empty, tr("features without an area that were left out: {0}")),
        ) if count]
        return len(features)

    def at(self, point: QgsPointXY, crs: Optional[QgsCoordinateReferenceSystem] = None) -> Optional[int]:
        """The fid of the smallest polygon at a point in ``crs`` (by default the layer's); None if there is none."""
        if sip.isdeleted(self.layer):
            return None
        placed = _placed(point, _transform(crs or self.layer.crs(), self.layer.crs()))
        if placed is None:
            return None
        place = QgsGeometry.fromPointXY(placed)
        request = QgsFeatureRequest().setFilterRect(place.boundingBox())
        found = [(feature.geometry().area(), feature.id()) for feature in self.layer.getFeatures(request)
                 if feature.geometry().intersects(place)]
        return min(found)[1] if found else None

    def union(self, crs: QgsCoordinateReferenceSystem) -> Optional[QgsGeometry]:
        """All polygons as one geometry in ``crs``; None if there are none. Its edges are those of the layer's CRS:
        where they bend in ``crs``, corners are put in."""
        self._read()
        if self._union is None:
            return None
        return _moved(self._union, self.layer.crs(), crs)

    def inside(self, points: Sequence[QgsPointXY], crs: QgsCoordinateReferenceSystem) -> list[bool]:
        """Which points, in ``crs``, lie in a polygon or on its outline. Without polygons there is no limit: all do."""
        self._read()
        if self._union is None:
            return [True] * len(points)
        transform = _transform(crs, self.layer.crs())
        box = self._union.boundingBox()
        return [self._holds(_placed(point, transform), box) for point in points]

    def _holds(self, point: Optional[QgsPointXY], box: Any) -> bool:
        return point is not None and box.contains(point) and bool(self._engine.intersects(QgsPoint(point)))

    def _read(self) -> None:
        """Join the polygons again if they changed."""
        if self._fresh:
            return
        self._union = self._engine = None
        if not sip.isdeleted(self.layer):
            request = QgsFeatureRequest().setNoAttributes()
            found = [polygons_of(feature.geometry())[0] for feature in self.layer.getFeatures(request)]
            polygons = [one for one in found if one is not None]
            if polygons:
                self._union = QgsGeometry.unaryUnion(polygons)
                self._engine = QgsGeometry.createGeometryEngine(self._union.constGet())
                self._engine.prepareGeometry()
        self._fresh = True

    def _features(self, polygons: QgsGeometry, name: str) -> list[QgsFeature]:
        multi = QgsWkbTypes.isMultiType(self.layer.wkbType())
        features = []
        for part in [polygons] if multi else polygons.asGeometryCollection():
            feature = direct_writing.blank(self.layer)
            if multi:
                part.convertToMultiType()
            feature.setGeometry(part)
            index = feature.fields().lookupField(NAME)
            if name and index >= 0 and feature.fields().at(index).type() == QVariant.Type.String:
                feature.setAttribute(index, name)
            features.append(feature)
        return features

    @contextmanager
    def _own_write(self) -> Iterator[None]:
        self._writing, self._fresh = True, False
        try:
            yield
            direct_writing.announce(self.layer)
        finally:
            self._writing, self._fresh = False, False
        self.changed.emit()

    def _on_edited(self, *_: Any) -> None:
        self._fresh = False
        if not self._writing:
            self.changed.emit()


def polygons_of(geometry: QgsGeometry) -> tuple[Optional[QgsGeometry], bool]:
    """The valid polygons in a geometry, flat and straight-edged, and whether they had to be repaired; None if it has no
    area."""
    if geometry.isNull() or geometry.isEmpty() or geometry.type() != QgsWkbTypes.GeometryType.PolygonGeometry:
        return None, False
    flat = geometry.constGet().segmentize()
    flat.dropZValue()
    flat.dropMValue()
    made = QgsGeometry(flat)
    box = made.boundingBox()
    if not all(math.isfinite(value) for value in (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())):
        return None, False
    repaired = not made.isGeosValid()
    if repaired:
        made = made.makeValid()
    parts = [part for part in made.asGeometryCollection()
             if part.type() == QgsWkbTypes.GeometryType.PolygonGeometry and part.area() > 0]
    return (QgsGeometry.collectGeometry(parts), repaired) if parts else (None, False)


def _moved(
    polygons: QgsGeometry, source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem
) -> QgsGeometry:
    if source == target:
        return QgsGeometry(polygons)
    parts = []
    for part in polygons.asGeometryCollection():
        box = part.boundingBox()
        dense = part.densifyByDistance(max(box.width(), box.height()) / STEPS)
        try:
            dense.transform(_transform(source, target))
        except QgsCsException as error:
            message = tr("The area lies, in part, nowhere in {0}. Draw it within the data.")
            raise InputError(message.format(target.authid() or target.description()), str(error)) from error
        parts.append(dense)
    joined = QgsGeometry.collectGeometry(parts)
    moved, _ = polygons_of(joined)
    if moved is None:
        raise InputError(tr("The area is empty in {0}.").format(target.authid() or target.description()))
    return moved


def _transform(source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem) -> QgsCoordinateTransform:
    return QgsCoordinateTransform(source, target, QgsProject.instance())


def _placed(point: QgsPointXY, transform: QgsCoordinateTransform) -> Optional[QgsPointXY]:
    try:
        return transform.transform(point)
    except QgsCsException:
        return None


def _open(path: Path) -> QgsVectorLayer:
    if not path.is_file():
        raise InputError(tr("The file {0} does not exist.").format(path))
    return QgsVectorLayer(str(path), path.name, "ogr")


def _add_table(path: Path, crs: QgsCoordinateReferenceSystem) -> None:
    fields = QgsFields()
    fields.append(QgsField(NAME, QVariant.Type.String))
    label_file.write_features(path, AOI, fields, crs, (), QgsWkbTypes.Type.MultiPolygon)
