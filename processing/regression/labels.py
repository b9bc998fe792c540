"""Labels that hold numbers, such as a height or a biomass, and how a field of numbers is told from one of classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from ..classification.labels import cut_to, read_features
from ..errors import LabelError
from ..grids.area import AreaOfInterest
from ..grids.features import class_text, open_layer, read_columns

Target = Literal["classes", "numbers"]

MOST_CLASSES = 20
"""A field of numbers with more different values is taken for a measurement, not for classes that have numbers."""
LARGEST = 1e30
"""Bound of numbers: float32 holds what is predicted from any codes below it."""
SHOWN = 5


@dataclass(frozen=True)
class NumberLabels:
    """``geometries`` (features,) shapely points and polygons in the tiles' CRS, ``values`` (features,) float64, and
    what had to be left out, in words."""

    geometries: NDArray[Any]
    values: NDArray[np.float64]
    warnings: list[str] = field(default_factory=list)


def target_of(path: Path, layer: str, name: str) -> tuple[Target, str]:
    """Whether the field ``name`` holds classes or numbers, and why, to follow "the field … holds".

    Numbers are real numbers that are not all whole, or more than 20 different ones; everything else are classes.
    Raises LabelError if the file, layer or field is missing.
    """
    values = read_columns(path, open_layer(path, layer, name), [name])[0][name]
    if values.dtype.kind not in "iuf":
        kind = {"b": "true and false", "M": "dates"}.get(values.dtype.kind, "text")
        return "classes", kind
    known = np.unique(values[np.isfinite(values)])
    if len(known) and (known % 1 != 0).any():
        return "numbers", "real numbers that are not all whole"
    if len(known) > MOST_CLASSES:
        return "numbers", f"{len(known)} different numbers"
    return "classes", f"{len(known)} different whole {'number' if len(known) == 1 else 'numbers'}"


def read_numbers(path: Path, layer: str, name: str, crs: CRS | None, label_crs: str = "") -> NumberLabels:
    """The labels of a layer with the number in the field ``name``, as ``labels.read_labels`` reads classes.

    Text that is a number counts as one. Raises LabelError as that does, and where a value is no number.
    """
    values, geometries, warnings = read_features(path, layer, name, partial(_numbers, name), crs, label_crs)
    return NumberLabels(geometries, values, warnings)


def numbers_inside(labels: NumberLabels, area: AreaOfInterest) -> NumberLabels:
    """The labels inside an area, polygons cut to it; the warnings say how many are not.

    Raises LabelError if none is.
    """
    cut, inside, warnings = cut_to(area, labels.geometries, labels.warnings)
    return NumberLabels(cut, labels.values[inside], warnings)


def _numbers(name: str, values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values as float64 (NaN where there is none), and which are missing."""
    if values.dtype.kind in "iuf":
        found = values.astype(np.float64)
    elif values.dtype.kind == "O":
        found = _parsed(name, [class_text(value) for value in values])
    else:
        raise LabelError(f"The field {name} holds {'dates' if values.dtype.kind == 'M' else 'true and false'}, not "
                         "numbers. Choose another field, or that it holds classes.")
    missing = np.isnan(found)
    if np.abs(found[~missing]).max(initial=0.0) > LARGEST:
        raise LabelError(f"The field {name} has values beyond ±{LARGEST:g}, or infinite ones. Correct them.")
    return found, missing


def _parsed(name: str, texts: list[str]) -> NDArray[np.float64]:
    found = [_number(text) for text in texts]
    wrong = list(dict.fromkeys(text for text, number in zip(texts, found, strict=True) if number is None))
    if wrong:
        shown = ", ".join(f"“{text[:40]}”" for text in wrong[:SHOWN])
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise LabelError(f"The field {name} is to hold numbers, but has values that are none: {shown}{more}. Correct "
                         "them (the decimal mark is a point), or choose that the field holds classes.")
    return np.array(found, np.float64)


def _number(text: str) -> float | None:
    """The number that a text is, NaN for an empty one, None for any other text."""
    try:
        # digit groups such as 1_000 are Python's alone
        return float(text or "nan") if "_" not in text else None
    except ValueError:
        return None
