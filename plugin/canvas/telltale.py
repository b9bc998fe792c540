"""Which layers of a project would tell an interpreter what the map says, or what was labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

from qgis.core import QgsMapLayer, QgsRasterLayer, QgsVectorLayer

from ..layers import direct_writing
from ..layers.held_back import is_held_back
from ..layers.label_file import CLASS_FIELD
from ..layers.label_layer import CLASSES_PROPERTY
from ..layers.live_layers import ROLE
from ..layers.metadata import PROVENANCE, tags_of
from .imagery import IMAGERY_RENDERERS

OF_MAPS = ("labels", "score", "hatching")
"""Roles of layers that the dock puts into the project."""
AREAS = "aoi"


def tells(layer: QgsMapLayer, map_path: Optional[Path], sample_path: Optional[Path], is_result: bool = False) -> bool:
    """Whether a layer shows scores, classes, predictions or labels of ours, the map that is judged, or the sample.
    ``is_result``: it lies among our results; then only areas of interest and pictures show nothing."""
    role = layer.customProperty(ROLE)
    if role in OF_MAPS:
        return True
    if role == AREAS:
        return False
    if isinstance(layer, QgsVectorLayer):
        return _vector_tells(layer, sample_path) or is_result
    if isinstance(layer, QgsRasterLayer) and layer.providerType() == "gdal":
        return _raster_tells(layer, map_path, is_result)
    return False


def _vector_tells(layer: QgsVectorLayer, sample_path: Optional[Path]) -> bool:
    path = direct_writing.file_of(layer)
    if path and sample_path is not None and Path(path).absolute() == sample_path:
        return True
    names = {field.name().lower() for field in layer.fields()}
    return is_held_back(layer) or {CLASS_FIELD, "role"} <= names or bool(layer.customProperty(CLASSES_PROPERTY))


def _raster_tells(layer: QgsRasterLayer, map_path: Optional[Path], is_result: bool) -> bool:
    path = Path(layer.source().split("|")[0])
    if map_path is not None and path.absolute() == map_path:
        return True
    kind = layer.renderer().type() if layer.renderer() is not None else ""
    if kind == "multibandcolor" or not path.is_file():
        return False
    tags = tags_of(path)
    if any(tag.startswith("CLASS_") for tag in tags) or "SCORE_OF" in tags:
        return True
    ours = is_result or _operation(tags.get(PROVENANCE, "")) != ""
    return ours and kind not in IMAGERY_RENDERERS


def _operation(text: str) -> str:
    try:
        return str(json.loads(text)["operation"])
    except (ValueError, KeyError, TypeError):
        return ""
