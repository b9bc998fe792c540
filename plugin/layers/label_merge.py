"""Two or more labellers' labels merged: where they agree, where they do not, and how well beyond chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
)
from qgis.PyQt.QtCore import QVariant

from ...processing.errors import InputError
from ..translation import tr
from . import direct_writing, label_file
from .class_table import ClassTable
from .label_exchange import WGS84, Found, features_of, read_labels
from .label_layer import LabelLayer
from .whole_file import whole_file

CONFLICTS = "conflicts"
EARTH_AXIS = 6378137.0
EARTH_ECCENTRICITY2 = 6.69437999014e-3
"""WGS 84: semi-major axis in metres, and eccentricity squared."""

Position = tuple[float, float, float]


@dataclass(frozen=True)
class Conflict:
    """A place where labellers disagree: in the merged layer's CRS, and what each of them says (labeller → code)."""

    x: float
    y: float
    codes: dict[str, str]


@dataclass(frozen=True)
class MergeReport:
    """``merged`` labels were written: of the ``shared`` places, labelled by more than one, the ``agreeing`` once, and
    those that one alone has labelled. ``kappa`` is Cohen's, of two labellers' shared places; None where it is not
    defined: other numbers of labellers, no shared place, or one class only."""

    merged: int
    shared: int
    agreeing: int
    conflicts: list[Conflict]
    kappa: Optional[float]
    without_class: int
    held_back: int = 0
    """Places that one of them holds back for validation: they are left out, since what is merged trains."""


@dataclass
class _Place:
    """Where the first label lies, and one label at most of each labeller (number → label)."""

    position: Position
    labels: dict[int, Found] = field(default_factory=dict)

    @property
    def codes(self) -> set[str]:
        return {label.code for label in self.labels.values()}


def merge_labels(layers: Sequence[LabelLayer], path: str | Path, tolerance: float = 5.0) -> MergeReport:
    """Merge labellers' layers into a new GeoPackage, in the first one's CRS, with the layers ``labels`` and
    ``conflicts`` and the class tables joined.

    Labels of different labellers are of one place if they are at most ``tolerance`` metres on the ground apart,
    whatever the CRS; the nearest are paired first, and a label belongs to one place only, so that neighbours of one
    labeller stay apart. Where labellers agree, the first one's label stays; where they do not, none. What one of them
    holds back for validation is left out, with what others say of that place. Raises InputError for fewer than two
    layers, OutputError if the file exists or cannot be written.
    """
    if len(layers) < 2:
        raise InputError(tr("Choose two or more label layers to merge."))
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise InputError(tr("The tolerance is to be 0 metres or more, not {0}.").format(tolerance))
    for layer in layers:
        direct_writing.require_present(layer.layer, tr("labels"))
    crs = layers[0].crs
    table = layers[0].table
    places: list[_Place] = []
    nameless = 0
    for number, layer in enumerate(layers):
        found, missing, table = _labels_of(layer, crs, table)
        nameless += missing
        _match(places, number, found, tolerance, crs)
    every = len(places)
    places = [place for place in places if not any(label.is_held_back for label in place.labels.values())]
    names = _names(layers, places)
    shared = [place for place in places if len(place.labels) > 1]
    disputed = [place for place in shared if len(place.codes) > 1]
    kept = [place.labels[min(place.labels)] for place in places if len(place.codes) == 1]
    conflicts = [_conflict(place, names) for place in disputed]
    with whole_file(path, replace=False) as partial:
        label_file.write_features(partial, label_file.LABELS, label_file.label_fields(), crs, features_of(kept))
        label_file.write_features(
            partial, CONFLICTS, _conflict_fields(len(layers)), crs, _conflict_features(disputed, names)
        )
        label_file.write_classes(partial, table)
    return MergeReport(
        merged=len(kept), shared=len(shared), agreeing=len(shared) - len(disputed), conflicts=conflicts,
        kappa=cohens_kappa([(place.labels[0].code, place.labels[1].code) for place in shared])
        if len(layers) == 2 else None,
        without_class=nameless, held_back=every - len(places),
    )


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> Optional[float]:
    """Agreement of two labellers beyond chance (Cohen 1960): 1 is perfect, 0 is chance; None where chance alone gives
    perfect agreement, or there are no pairs."""
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(one == other for one, other in pairs) / total
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    expected = sum(first[code] * second[code] for code in first) / total**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def _labels_of(
    layer: LabelLayer, crs: QgsCoordinateReferenceSystem, table: ClassTable
) -> tuple[list[Found], int, ClassTable]:
    """The labels in ``crs`` with the codes of ``table``, how many had no class or place, and the table with theirs."""
    found, missing = [], 0
    for label in read_labels(layer.layer, layer.field, crs):
        if label is None or not label.code:
            missing += 1
            continue
        code = table.code_for(label.code)
        if code is None:
            code = label.code
            own = layer.table.by_code(code)
            table = table.extended([code])
            if own is not None:
                table = table.changed(code, name=own.name)
        found.append(replace(label, code=code))
    return found, missing, table


def _match(
    places: list[_Place], number: int, labels: Sequence[Found], tolerance: float, crs: QgsCoordinateReferenceSystem
) -> None:
    """Give each label of one labeller the nearest place that no label of theirs has, or a new place."""
    positions = _on_earth([label.point for label in labels], crs)
    side = max(tolerance, 0.01)
    cells: dict[tuple[int, ...], list[int]] = {}
    for index, place in enumerate(places):
        cells.setdefault(_cell(place.position, side), []).append(index)
    near = []
    for index, position in enumerate(positions):
        x, y, z = _cell(position, side)
        around = ((x + i, y + j, z + k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1))
        for place in (one for cell in around for one in cells.get(cell, ())):
            distance = math.dist(position, places[place].position)
            if distance <= tolerance + 1e-6:  # a micrometre for the rounding of the transformation
                near.append((distance, index, place))
    placed: set[int] = set()
    for _, index, place in sorted(near):
        if index not in placed and number not in places[place].labels:
            places[place].labels[number] = labels[index]
            placed.add(index)
    places.extend(
        _Place(position, {number: label})
        for index, (label, position) in enumerate(zip(labels, positions)) if index not in placed
    )


def _on_earth(points: Sequence[QgsPointXY], crs: QgsCoordinateReferenceSystem) -> list[Position]:
    """Metres from the Earth's centre, where a short distance is the one on the ground in every CRS and everywhere."""
    transform = QgsCoordinateTransform(crs, QgsCoordinateReferenceSystem(WGS84), QgsProject.instance())
    found = []
    for point in points:
        try:
            place = transform.transform(point)
        except QgsCsException as error:
            message = tr("A label at {0} lies nowhere on Earth in {1}.")
            raise InputError(message.format(point.toString(), crs.authid()), str(error)) from error
        longitude, latitude = math.radians(place.x()), math.radians(place.y())
        normal = EARTH_AXIS / math.sqrt(1 - EARTH_ECCENTRICITY2 * math.sin(latitude) ** 2)
        found.append((normal * math.cos(latitude) * math.cos(longitude),
                      normal * math.cos(latitude) * math.sin(longitude),
                      normal * (1 - EARTH_ECCENTRICITY2) * math.sin(latitude)))
    return found


def _cell(position: Position, side: float) -> tuple[int, ...]:
    return tuple(math.floor(value / side) for value in position)


def _names(layers: Sequence[LabelLayer], places: Sequence[_Place]) -> list[str]:
    """Who made each layer: the one interpreter it names, else its name; numbered where two are the same."""
    names: list[str] = []
    for number, layer in enumerate(layers):
        said = {str(place.labels[number].attributes.get("interpreter", "")) for place in places
                if number in place.labels}
        name = said.pop() if len(said) == 1 else ""
        name = name or layer.layer.name()
        alike = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({alike + 1})" if alike else name)
    return names


def _conflict(place: _Place, names: Sequence[str]) -> Conflict:
    point = place.labels[min(place.labels)].point
    return Conflict(point.x(), point.y(), {names[number]: label.code for number, label in sorted(place.labels.items())})


def _conflict_fields(count: int) -> QgsFields:
    fields = QgsFields()
    for number in range(1, count + 1):
        fields.append(QgsField(f"labeller_{number}", QVariant.Type.String))
        fields.append(QgsField(f"label_{number}", QVariant.Type.String))
    return fields


def _conflict_features(places: Sequence[_Place], names: Sequence[str]) -> list[QgsFeature]:
    fields, features = _conflict_fields(len(names)), []
    for place in places:
        feature = QgsFeature(fields)
        feature.setGeometry(QgsGeometry.fromPointXY(place.labels[min(place.labels)].point))
        for number, name in enumerate(names):
            feature.setAttribute(f"labeller_{number + 1}", name)
            if number in place.labels:
                feature.setAttribute(f"label_{number + 1}", place.labels[number].code)
        features.append(feature)
    return features
