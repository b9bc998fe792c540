"""What is looked for and what is not: exemplars as points in a GeoPackage of their own, each on disk at once.

They are labels of two classes, so that history, drawing and safety are those of labels; they are no training data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsProject, QgsVectorLayer

from ...processing.errors import InputError
from ..translation import tr
from . import direct_writing, label_file
from .class_table import ClassTable, LabelClass
from .label_layer import LabelLayer
from .live_layers import ROLE
from .styling import BLUE, ORANGE, SHAPES

EXEMPLARS = "exemplars"
"""The role, both of the layer and of each exemplar."""
POSITIVE, NEGATIVE = "positive", "negative"
PATCH, YEAR = "product_version", "when"
"""Fields of an exemplar that was a result: the patch's identifier and its year."""
PLACES = QgsCoordinateReferenceSystem("EPSG:4326")
"""Longitude and latitude: what a store is searched by."""


def exemplar_classes() -> ClassTable:
    """Like this, an orange triangle, and not like this, a blue circle."""
    return ClassTable((LabelClass(POSITIVE, tr("like this"), ORANGE, SHAPES[0]),
                       LabelClass(NEGATIVE, tr("not like this"), BLUE, SHAPES[1])), POSITIVE)


def open_exemplars(path: Path, project: QgsProject) -> LabelLayer:
    """The exemplars of a file, made where there is none; the project's layer where it has one. Raises InputError or
    OutputError in words."""
    layer = layer_of(path, project)
    if layer is None and path.exists():
        layer = QgsVectorLayer(f"{path.absolute()}|layername={label_file.LABELS}", tr("Exemplars"), "ogr")
        if not layer.isValid():
            raise InputError(tr("{0} cannot be read as exemplars. Move it away, and new ones are begun.").format(path))
    if layer is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return LabelLayer.create(path, PLACES, exemplar_classes())
    return LabelLayer(layer)


def layer_of(path: Path, project: QgsProject) -> Optional[QgsVectorLayer]:
    """The project's layer of these exemplars."""
    for layer in project.mapLayers().values():
        if isinstance(layer, QgsVectorLayer) and layer.isValid() and layer.customProperty(ROLE) == EXEMPLARS \
                and Path(direct_writing.file_of(layer)) == path:
            return layer
    return None
