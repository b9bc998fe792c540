"""What the user chose, as files the backend can open: layers, paths, labels with edits or selections, extents."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureRequest,
    QgsFields,
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProperty,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication

_WKT2 = QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED
VECTOR_FORMATS = (".gpkg", ".geojson", ".json", ".shp")
"""What the backend reads."""


class Labels(NamedTuple):
    """A vector file, its layer ("": the only one), and the CRS that QGIS knows and the file does not ("": none)."""

    path: str
    layer: str
    crs: str


def files(parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> list[str]:
    """The files of a parameter that takes several layers or paths, in the order given.

    A layer of the project (by object, id or name) is its source; anything else is a path as it stands, also one that is
    missing: the backend says so by its name. Raises QgsProcessingException for a layer that is no file.
    """
    return [_file(value, context) for value in _flat(parameters.get(name), context)]


def labels(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> Labels:
    """The file of a feature source. What no file holds as QGIS shows it (a selection, a filter, a memory layer, unsaved
    edits, a CRS that the user corrected) is written to a temporary GeoPackage first."""
    value = parameters.get(name)
    definition = value if isinstance(value, QgsProcessingFeatureSourceDefinition) else None
    source = definition.source if definition else value
    layer: Optional[QgsVectorLayer] = algorithm.parameterAsVectorLayer({name: source}, name, context)
    if layer is None:
        path = source.staticValue() if isinstance(source, QgsProperty) else source
        return Labels(absolute(str(path or "")), "", "")
    request = QgsFeatureRequest()
    if definition and definition.selectedFeaturesOnly:
        request.setFilterFids(layer.selectedFeatureIds())
    if definition and definition.featureLimit > 0:
        request.setLimit(definition.featureLimit)
    limited = definition is not None and (definition.selectedFeaturesOnly or definition.featureLimit > 0)
    if not limited and (stored := _stored(layer)) is not None:
        return Labels(*stored, "" if layer.dataProvider().crs().isValid() else definition_of(layer.crs()))
    return Labels(_export(layer, request, context), "", "")


def file_behind(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> str:
    """The file that a feature source was read from, whatever has become of it in QGIS since; "" where there is none."""
    value = parameters.get(name)
    source = value.source if isinstance(value, QgsProcessingFeatureSourceDefinition) else value
    layer: Optional[QgsVectorLayer] = algorithm.parameterAsVectorLayer({name: source}, name, context)
    if layer is None or layer.providerType() != "ogr":
        return ""
    path = str(QgsProviderRegistry.instance().decodeUri("ogr", layer.source()).get("path") or "")
    return "" if is_virtual(path) else absolute(path)


def labels_and_classes(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, Any]:
    """LABELS, CLASS_FIELD and POSITIVE_CLASS as parts of a request; without labels their path is ""."""
    found = labels(algorithm, parameters, "LABELS", context)
    return {
        "labels": found.path, "layer": found.layer, "label_crs": found.crs,
        "class_field": algorithm.parameterAsString(parameters, "CLASS_FIELD", context) or "label",
        "positive_class": algorithm.parameterAsString(parameters, "POSITIVE_CLASS", context),
    }


def area(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, Any]:
    """AOI as parts of a request."""
    found = labels(algorithm, parameters, "AOI", context)
    return {"aoi": found.path or None, "aoi_layer": found.layer, "aoi_crs": found.crs}


def validation(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, Any]:
    """VALIDATION as parts of a request."""
    found = labels(algorithm, parameters, "VALIDATION", context)
    return {
        "validation": found.path or None, "validation_layer": found.layer, "validation_crs": found.crs,
        "validation_original": file_behind(algorithm, parameters, "VALIDATION", context) or None,
    }


def _stored(layer: QgsVectorLayer) -> Optional[tuple[str, str]]:
    """The file and its layer that hold exactly what QGIS shows; None where there is none."""
    own_crs = layer.dataProvider().crs()
    if (
        layer.providerType() != "ogr"
        or layer.subsetString()
        or (layer.isEditable() and layer.isModified())
        or (own_crs.isValid() and own_crs != layer.crs())
    ):
        return None
    parts = QgsProviderRegistry.instance().decodeUri("ogr", layer.source())
    path = str(parts.get("path") or "")
    if is_virtual(path) or Path(path).suffix.lower() not in VECTOR_FORMATS:
        return None
    return absolute(path), str(parts.get("layerName") or "")


def _export(layer: QgsVectorLayer, request: QgsFeatureRequest, context: QgsProcessingContext) -> str:
    """Write features to a temporary GeoPackage; the path. Without the field fid: GeoPackage makes its own, and would
    drop features whose number is taken, such as those that are not saved yet."""
    kept = [index for index, field in enumerate(layer.fields()) if field.name().lower() != "fid"]
    fields = QgsFields()
    for index in kept:
        fields.append(layer.fields().at(index))
    path = QgsProcessingUtils.generateTempFilename("labels.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerName = "labels"
    writer = QgsVectorFileWriter.create(path, fields, layer.wkbType(), layer.crs(), context.transformContext(), options)
    for feature in layer.getFeatures(request):
        copy = QgsFeature(fields)
        copy.setGeometry(feature.geometry())
        copy.setAttributes([feature.attribute(index) for index in kept])
        writer.addFeature(copy)
    writer.flushBuffer()
    if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
        message = QCoreApplication.translate("Bitscape", "The labels of {0} could not be copied: {1}")
        raise QgsProcessingException(message.format(layer.name(), writer.errorMessage()))
    return str(path)


def extent(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> tuple[Optional[list[float]], str]:
    """West, south, east, north and their CRS; (None, "") if there is no extent."""
    if parameters.get(name) in (None, ""):
        return None, ""
    box = algorithm.parameterAsExtent(parameters, name, context)
    if box.isNull() or box.isEmpty():
        message = QCoreApplication.translate("Bitscape", "The extent is empty: {0}. Draw it again or leave it out.")
        raise QgsProcessingException(message.format(parameters[name]))
    crs = algorithm.parameterAsExtentCrs(parameters, name, context)
    return [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()], definition_of(crs)


def definition_of(crs: QgsCoordinateReferenceSystem) -> str:
    """The EPSG code, else the CRS in full, so that one without a code survives; "" where there is none."""
    if not crs.isValid():
        return ""
    return crs.authid() if crs.authid().startswith("EPSG:") else crs.toWkt(_WKT2)


def absolute(path: str) -> str:
    """A path on disk made absolute; a virtual path of GDAL stays as it is."""
    return str(Path(path).absolute()) if path and not is_virtual(path) else path


def is_virtual(path: str) -> bool:
    """Whether GDAL opens ``path`` although it is no file: /vsi…, NETCDF:…, a URL; a Windows drive is a file."""
    return path.startswith("/vsi") or ":" in path[2:]


def _flat(value: Any, context: QgsProcessingContext) -> Iterable[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item, context)
    elif isinstance(value, QgsProperty):
        yield from _flat(value.value(context.expressionContext(), "")[0], context)
    elif isinstance(value, QgsProcessingOutputLayerDefinition):
        yield from _flat(value.sink, context)
    elif value not in (None, ""):
        yield value


def _file(value: Any, context: QgsProcessingContext) -> str:
    layer = value
    if isinstance(value, str):
        if os.path.exists(value):  # noqa: PTH110 (false also for what cannot be a path)
            return absolute(value)
        layer = QgsProcessingUtils.mapLayerFromString(value, context, False)
        if layer is None:
            return absolute(value)
    if isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal":
        return absolute(layer.source().split("|option:")[0])
    name = layer.name() if isinstance(layer, QgsMapLayer) else str(layer)
    message = QCoreApplication.translate("Bitscape", "{0} is not a raster file. Export it to a GeoTIFF first.")
    raise QgsProcessingException(message.format(name))
