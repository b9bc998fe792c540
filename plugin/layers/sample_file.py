"""The file of a validation sample: its points in the order of serving, and the answers, each on disk at once.

A GeoPackage with the layer ``sample`` (a row a point), the layer ``interpretations`` (a row an answer, never changed:
another mind is another row, and the last counts) and the table ``classes``. The strata stay in here: who interprets
must not know what the map says.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional
from uuid import uuid4

from osgeo import gdal
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsPointXY,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from ...processing.errors import InputError
from ..translation import tr
from . import class_field, direct_writing, label_file
from .class_table import ClassTable
from .held_back import INTERPRETATIONS, POINT, SAMPLE, SKIPPED, STRATUM
from .label_file import CLASS_FIELD
from .label_index import VALIDATE

NOTE, INTERPRETER, CREATED, CERTAINTY, DESIGN = "note", "interpreter", "created", "certainty", "design"
AGREED = "agreed"
"""The interpreter of a row that settles a conflict: it outweighs all others."""
MAX_BYTES = 512 << 20
MAX_POINTS = 20_000
"""More are no sample that people interpret."""
ENOUGH = 2
"""Answered points that every stratum needs, or its variance cannot be estimated."""


@dataclass(frozen=True)
class SamplePoint:
    """A point by its number; ``x`` and ``y`` are in the file's CRS."""

    number: int
    x: float
    y: float


@dataclass(frozen=True)
class Answer:
    """What one interpreter says of a point: a class, or why none is given. ``certainty``: percent, None if not said."""

    point: int
    interpreter: str
    label: str = ""
    skipped: str = ""
    certainty: Optional[int] = None
    note: str = ""
    created: str = ""


class SampleFile:
    """A sample that is open. Nothing is written before ``prepare``."""

    def __init__(self, path: Path) -> None:
        """Open a file. Raises InputError, in words, for what holds no sample that can be believed."""
        self.path = path.absolute()
        _check_file(self.path)
        layer = _opened(self.path, SAMPLE)
        if not layer.isValid() or layer.geometryType() != QgsWkbTypes.GeometryType.PointGeometry:
            message = tr("{0} has no layer {1} of points, so it is no sample. Draw one, or open another.")
            raise InputError(message.format(self.path.name, SAMPLE))
        if layer.fields().lookupField(POINT) < 0:
            raise InputError(tr("The points of {0} have no field {1} with their number, so it is no sample.").format(
                self.path.name, POINT))
        self.crs = _crs_of(layer)
        self.points: list[SamplePoint] = []
        self.design = ""
        self._strata: dict[int, str] = {}
        self._typed: list[Answer] = []
        self._read_points(layer)
        self._latest: dict[tuple[int, str], Answer] = {}
        self._layer: Optional[QgsVectorLayer] = None
        self.reload()
        self.table = self._classes()

    @property
    def count(self) -> int:
        """How many points there are."""
        return len(self.points)

    def point(self, number: int) -> Optional[SamplePoint]:
        """The point of a number."""
        return next((one for one in self.points if one.number == number), None)

    # Answers

    def answers_of(self, interpreter: str) -> dict[int, Answer]:
        """What an interpreter says of each point, last."""
        return {one.point: one for one in self._latest.values() if one.interpreter == interpreter}

    @property
    def interpreters(self) -> list[str]:
        """Who answered something, in the order of their names."""
        return sorted({one.interpreter for one in self._latest.values()} - {AGREED, ""})

    def prepare(self) -> None:
        """Have the layer of answers, ready for writing, before the first needs it. Raises InputError or OutputError."""
        self.check_writable()
        direct_writing.require_unlocked(self.path)
        if self._layer is None:
            layer = _open_answers(self.path)
            if layer is None:
                label_file.write_features(self.path, INTERPRETATIONS, answer_fields(), self.crs, ())
                layer = _open_answers(self.path)
            if layer is None:
                raise InputError(tr("The layer {0} of {1} cannot be read.").format(INTERPRETATIONS, self.path.name))
            missing = [name for name in (POINT, CLASS_FIELD, INTERPRETER) if layer.fields().lookupField(name) < 0]
            if missing:
                message = tr("The layer {0} of {1} has no field {2}, so it cannot take answers.")
                raise InputError(message.format(INTERPRETATIONS, self.path.name, ", ".join(missing)))
            direct_writing.require_capable(layer, tr("answers"))
            self._layer = layer
        direct_writing.rehearse(self._layer)

    def check_writable(self) -> None:
        """Raise InputError if the file has gone."""
        if not self.path.is_file():
            message = tr("{0} is not there any more. Put the file back, or open another sample; answers that were "
                         "given are in it.")
            raise InputError(message.format(self.path))

    def write(self, answer: Answer, **origin: str) -> Answer:
        """Add a row, which is on disk when this returns; the answer as it was written. ``origin`` goes to further
        fields of a label (``when``, ``image_date``, ``product_version``). Raises InputError or OutputError."""
        place = self.point(answer.point)
        if place is None:
            raise InputError(tr("There is no point {0} in {1}.").format(answer.point, self.path.name))
        if self._layer is None:
            self.prepare()
        assert self._layer is not None
        direct_writing.require_writable(self._layer, tr("answers"))
        before = self._latest.get((answer.point, answer.interpreter))
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")  # or, where a clock was set back, as before
        answer = replace(answer, created=max(now, before.created) if before is not None else now)
        feature = direct_writing.blank(self._layer)
        if self._layer.isSpatial():
            feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(place.x, place.y)))
        values = {
            **origin, POINT: answer.point, CLASS_FIELD: answer.label, SKIPPED: answer.skipped, NOTE: answer.note,
            INTERPRETER: answer.interpreter, CERTAINTY: answer.certainty, CREATED: answer.created, "role": VALIDATE,
            "uuid": str(uuid4()),
        }
        for name, value in values.items():
            index = feature.fields().lookupField(name)
            if index >= 0 and value not in ("", None):
                feature.setAttribute(index, value)
        direct_writing.require_unlocked(self.path)
        direct_writing.add_features(self._layer, [feature])
        self._latest[answer.point, answer.interpreter] = answer
        return answer

    def reload(self) -> None:
        """Read the answers again: others may write into the file too. Of each point and interpreter the one made last
        counts, in the order of the file where two were made at once."""
        layer = self._layer if self._layer is not None else _open_answers(self.path)
        every = [*self._typed, *(_read_answers(layer) if layer is not None else ())]
        every.sort(key=lambda one: one.created)
        self._latest = {(one.point, one.interpreter): one for one in every}

    def release(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        self._layer = None

    # For the assessment

    def short_of(self) -> tuple[int, int]:
        """How many strata have fewer than ENOUGH points with a label that is agreed on, and how many strata there are.
        """
        votes: dict[int, list[Answer]] = defaultdict(list)
        for one in self._latest.values():
            if one.label:
                votes[one.point].append(one)
        done = Counter(self._strata[number] for number, said in votes.items()
                       if number in self._strata and agreed_label(said))
        strata = set(self._strata.values())
        return sum(done[stratum] < ENOUGH for stratum in strata), len(strata)

    # Inside

    def _read_points(self, layer: QgsVectorLayer) -> None:
        name = self.path.name
        for feature in layer.getFeatures():
            geometry, number = feature.geometry(), _number(feature, POINT)
            if number is None or geometry.isNull() or geometry.isEmpty():
                continue
            place = geometry.asMultiPoint()[0] if geometry.isMultipart() else geometry.asPoint()
            if not (math.isfinite(place.x()) and math.isfinite(place.y())):
                continue
            if number in self._strata:
                raise InputError(tr("{0} has the point {1} twice; each point needs its own number.").format(
                    name, number))
            if len(self.points) == MAX_POINTS:
                raise InputError(tr("{0} has more than {1} points; that is no sample to be interpreted.").format(
                    name, MAX_POINTS))
            self.points.append(SamplePoint(number, place.x(), place.y()))
            self._strata[number] = _text(feature, STRATUM)
            self.design = self.design or _text(feature, DESIGN)
            if _text(feature, CLASS_FIELD):
                self._typed.append(_answer(feature, number))
        if not self.points:
            raise InputError(tr("The sample {0} is empty: it has no points.").format(name))
        self.points.sort(key=lambda one: one.number)

    def _classes(self) -> ClassTable:
        """The table in the file, else the strata's; with every class that was answered."""
        said = sorted({one.label for one in self._latest.values()} - {""}, key=class_field.order)
        table = label_file.read_classes(self.path)
        if table is None:
            strata = sorted(set(self._strata.values()) - {""}, key=class_field.order)
            table = ClassTable.of_codes(strata or said) if strata or said else ClassTable.change_detection()
        return table.extended(said)


def agreed_label(said: Iterable[Answer]) -> str:
    """The label that was settled, else the one that more than half of the interpreters give; "" without either."""
    labels = [(one.interpreter, one.label) for one in said]
    settled = [label for interpreter, label in labels if interpreter == AGREED]
    if settled:
        return settled[-1]
    label, most = Counter(label for _, label in labels).most_common(1)[0]
    return label if 2 * most > len(labels) else ""


def answer_fields() -> QgsFields:
    """The fields of the layer of answers."""
    fields = QgsFields()
    fields.append(QgsField(POINT, QVariant.Type.Int))
    for field in label_file.label_fields():
        fields.append(field)
    for name in (NOTE, SKIPPED):
        fields.append(QgsField(name, QVariant.Type.String))
    return fields


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(tr("The file {0} does not exist.").format(path))
    size = path.stat().st_size
    if size > MAX_BYTES:
        message = tr("{0} has {1:.0f} MB; samples of up to {2} MB can be opened.")
        raise InputError(message.format(path.name, size / 2**20, MAX_BYTES >> 20))
    try:
        dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR, ["GPKG"])
    except RuntimeError:  # where GDAL is set to raise
        dataset = None
    if dataset is None:
        raise InputError(tr("{0} is no GeoPackage that can be read; a sample is kept in one.").format(path.name))


def _crs_of(layer: QgsVectorLayer) -> QgsCoordinateReferenceSystem:
    """The layer's CRS; invalid where a GeoPackage says that it is undefined, which QGIS takes for one."""
    crs = layer.crs()
    undefined = not crs.authid() and crs.description().startswith("Undefined ")
    return QgsCoordinateReferenceSystem() if undefined else crs


def _open_answers(path: Path) -> Optional[QgsVectorLayer]:
    layer = _opened(path, INTERPRETATIONS)
    return layer if layer.isValid() else None


def _opened(path: Path, name: str) -> QgsVectorLayer:
    return QgsVectorLayer(f"{path}|layername={name}", path.stem, "ogr")


def _read_answers(layer: QgsVectorLayer) -> Iterator[Answer]:
    for feature in layer.getFeatures():
        number = _number(feature, POINT)
        if number is not None:
            yield _answer(feature, number)


def _answer(feature: QgsFeature, number: int) -> Answer:
    return Answer(
        number, _text(feature, INTERPRETER), _text(feature, CLASS_FIELD), _text(feature, SKIPPED),
        _number(feature, CERTAINTY), _text(feature, NOTE), _text(feature, CREATED))


def _text(feature: QgsFeature, name: str) -> str:
    index = feature.fields().lookupField(name)
    return class_field.text_of(feature.attribute(index)) if index >= 0 else ""


def _number(feature: QgsFeature, name: str) -> Optional[int]:
    index = feature.fields().lookupField(name)
    value: Any = feature.attribute(index) if index >= 0 else None
    if value is None or value == NULL:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
