"""The field that holds the class of each label: of text or of numbers, and classes as text whatever it holds."""

from __future__ import annotations

import math
from typing import Any, Optional

from qgis.core import NULL, QgsField, QgsVectorLayer
from qgis.PyQt.QtCore import QVariant

from ...processing.errors import InputError
from ..translation import tr
from .class_table import is_whole_number
from .label_file import METADATA

USUAL_NAMES = ("label", "class", "klass", "klasse", "classe", "clase", "category", "code")


def candidate(layer: QgsVectorLayer) -> Optional[str]:
    """The field that most likely holds the classes: by its name, else the first of text; None if there is none."""
    usable = [field for field in layer.fields() if is_text(field) or is_number(field)]
    for wanted in USUAL_NAMES:
        for field in usable:
            if field.name().lower() == wanted:
                return str(field.name())
    texts = [field.name() for field in usable if is_text(field) and field.name().lower() not in METADATA]
    return str(texts[0]) if texts else None


def resolved(layer: QgsVectorLayer, name: str) -> str:
    """The field's name as the layer writes it. Raises InputError if it is missing, or holds neither text nor numbers,
    or is not one of the provider."""
    fields = layer.fields()
    index = fields.lookupField(name)
    usable = [field.name() for field in fields if is_text(field) or is_number(field)]
    if index < 0 or fields.at(index).name() not in usable:
        message = tr("{0} has no field {1} of text or whole numbers for the class; there are {2}.")
        raise InputError(message.format(layer.name(), name, ", ".join(usable) or tr("none")))
    if layer.dataProvider().fields().indexFromName(fields.at(index).name()) < 0:
        message = tr("The field {0} of {1} is computed or joined, so no class can be written to it.")
        raise InputError(message.format(name, layer.name()))
    return str(fields.at(index).name())


def stored(layer: QgsVectorLayer, name: str, code: str) -> Any:
    """A code as the field ``name`` holds it; "" is NULL. Raises InputError if it cannot."""
    field = layer.fields().field(name)
    if not code:
        return NULL
    if is_number(field):
        if not is_whole_number(code):
            message = tr("The field {0} of {1} holds numbers, so it cannot take the class {2}. Use numbers as "
                         "codes, or another field.")
            raise InputError(message.format(name, layer.name(), code))
        return int(code)
    if 0 < field.length() < len(code):
        message = tr("The field {0} of {1} holds {2} letters, too few for the class {3}.")
        raise InputError(message.format(name, layer.name(), field.length(), code))
    return code


def text_of(value: Any) -> str:
    """An attribute as a class name, as the backend reads it: 1, 1.0 and "1 " are "1"; NULL and NaN are ""."""
    if value is None or value == NULL or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def order(code: str) -> tuple[bool, int, str]:
    """Sorts numbers by their value, before names."""
    number = is_whole_number(code)
    return not number, int(code) if number else 0, code


def is_text(field: QgsField) -> bool:
    """Whether it holds text."""
    return field.type() == QVariant.Type.String


def is_number(field: QgsField) -> bool:
    """Whether it holds numbers, whole or not."""
    return bool(field.isNumeric())
