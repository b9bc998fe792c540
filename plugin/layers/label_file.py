"""Files of labels: their fields, how points are written to GeoPackage and GeoJSON, and the class table inside one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from osgeo import gdal, ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsVectorFileWriter,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from ...processing.errors import InputError, OutputError
from ..translation import tr
from .class_table import MAX_CLASSES, ClassTable, LabelClass

LABELS = "labels"
CLASSES = "classes"
CLASS_FIELD = "label"
METADATA = ("role", "when", "image_date", "interpreter", "certainty", "product_version", "uuid", "created")
"""What a label says besides its class. ``certainty`` is a percentage, all others are text; dates are ISO 8601."""

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON"}
_OPTIONS = {"GPKG": [], "GeoJSON": ["RFC7946=YES", "COORDINATE_PRECISION=9"]}
_COLUMNS = ("code", "name", "colour", "shape", "key")


def label_fields() -> QgsFields:
    """The fields of our label layers."""
    fields = QgsFields()
    for name in (CLASS_FIELD, *METADATA):
        fields.append(QgsField(name, QVariant.Type.Int if name == "certainty" else QVariant.Type.String))
    return fields


def write_features(
    path: Path, layer: str, fields: QgsFields, crs: QgsCoordinateReferenceSystem, features: Iterable[QgsFeature],
    kind: Any = QgsWkbTypes.Type.Point, driver: str = "GPKG",
) -> int:
    """Write a layer of points, or another ``kind``, into a new file, or as a further one into a GeoPackage; the number
    of features. Raises OutputError in the driver's words."""
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName, options.layerOptions = driver, layer, _OPTIONS[driver]
    if path.exists():
        options.actionOnExistingFile = QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteLayer
    writer = QgsVectorFileWriter.create(str(path), fields, kind, crs, QgsCoordinateTransformContext(), options)
    count = 0
    try:
        fine = writer.hasError() == QgsVectorFileWriter.WriterError.NoError
        for feature in features if fine else ():
            fine = writer.addFeature(feature)
            if not fine:
                break
            count += 1
        fine = fine and writer.flushBuffer()
        said = writer.errorMessage()
    finally:
        del writer  # closes the file
    if not fine:
        raise OutputError(tr("The {0} could not be written: {1}").format(layer, said or tr("is the disk full?")), said)
    return count


def has_classes(path: str | Path) -> bool:
    """Whether a GeoPackage has a class table of ours."""
    dataset = _open(path, gdal.OF_VECTOR)
    return dataset is not None and _classes_of(dataset) is not None


def read_classes(path: str | Path) -> Optional[ClassTable]:
    """The class table in a GeoPackage; None if there is none of ours, or it cannot be believed."""
    dataset = _open(path, gdal.OF_VECTOR)
    layer = _classes_of(dataset) if dataset is not None else None
    if layer is None or not 0 < layer.GetFeatureCount() <= MAX_CLASSES:
        return None
    classes, positive = [], ""
    try:
        for row in layer:
            classes.append(LabelClass(*(row.GetFieldAsString(column) for column in _COLUMNS)))
            if row.GetFieldAsInteger("positive") == 1:
                positive = classes[-1].code
        return ClassTable(tuple(classes), positive)
    except (InputError, RuntimeError):
        return None


def write_classes(path: str | Path, table: ClassTable) -> None:
    """Write the class table into a GeoPackage, in place of an older one, wholly or not at all. Raises OutputError.

    Through GDAL, not sqlite3: a second SQLite library in the process would drop the first one's locks on closing.
    """
    dataset = _open(path, gdal.OF_VECTOR | gdal.OF_UPDATE)
    try:
        _check(dataset.StartTransaction() if dataset is not None else ogr.OGRERR_FAILURE)
        _replace_rows(dataset, table)
        _check(dataset.CommitTransaction())
    except RuntimeError as error:
        said = str(error)
        if dataset is not None:
            dataset.RollbackTransaction()
        message = tr("The class table could not be written into {0}: {1}")
        said = said or tr("is the file locked or read-only?")
        raise OutputError(message.format(path, said), said) from error
    finally:
        dataset = None  # or the traceback of the error keeps the file open, and locked


def _replace_rows(dataset: gdal.Dataset, table: ClassTable) -> None:
    layer = _classes_of(dataset) or _new_classes(dataset)
    for number in [row.GetFID() for row in layer]:
        _check(layer.DeleteFeature(number))
    for one in table.classes:
        row = ogr.Feature(layer.GetLayerDefn())
        for column in _COLUMNS:
            row.SetField(column, getattr(one, column))
        row.SetField("positive", int(one.code == table.positive))
        _check(layer.CreateFeature(row))


def _open(path: str | Path, flags: int) -> Optional[gdal.Dataset]:
    """The GeoPackage, whether GDAL raises or returns None; None for what is no GeoPackage."""
    try:
        return gdal.OpenEx(str(path), flags, ["GPKG"])
    except RuntimeError:
        return None


def _classes_of(dataset: gdal.Dataset) -> Optional[ogr.Layer]:
    layer = dataset.GetLayerByName(CLASSES)
    wanted = {*_COLUMNS, "positive"}
    if layer is None or not wanted <= {field.GetName() for field in layer.schema}:
        return None
    return layer


def _new_classes(dataset: gdal.Dataset) -> ogr.Layer:
    if dataset.GetLayerByName(CLASSES) is not None:
        raise RuntimeError(tr("it has another table named {0}").format(CLASSES))
    layer = dataset.CreateLayer(CLASSES, None, ogr.wkbNone)
    for column in _COLUMNS:
        _check(layer.CreateField(ogr.FieldDefn(column, ogr.OFTString)))
    _check(layer.CreateField(ogr.FieldDefn("positive", ogr.OFTInteger)))
    return layer


def _check(code: int) -> None:
    if code != ogr.OGRERR_NONE:
        raise RuntimeError(gdal.GetLastErrorMsg())
