"""What may never train: the points of a validation sample, and what interpreters said of them."""

from __future__ import annotations

from qgis.core import QgsProviderRegistry, QgsVectorLayer

from ...processing.errors import InputError
from ..translation import tr

SAMPLE, INTERPRETATIONS = "sample", "interpretations"
"""The two layers of a sample's file."""
POINT, STRATUM, SKIPPED = "point", "stratum", "skipped"


def is_held_back(layer: QgsVectorLayer) -> bool:
    """Whether a layer is the sample, or the interpretations, of a validation: by its name and its fields."""
    names = {field.name().lower() for field in layer.fields()}
    if POINT not in names:
        return False
    if STRATUM in names or SKIPPED in names:
        return True
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    return parts.get("layerName") in (SAMPLE, INTERPRETATIONS)


def require_trainable(layer: QgsVectorLayer) -> None:
    """Raise InputError for a layer that validates."""
    if is_held_back(layer):
        message = tr("{0} belongs to a validation sample: a map that had trained on it could not be judged by it. Open "
                     "it in the tab Validate, and label other places here.")
        raise InputError(message.format(layer.name()))
