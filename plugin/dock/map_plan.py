"""What one map takes: the names of its files, and the parameters of the two algorithms that make it.

The panel runs these parameters, and the copied command is made of the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsFeature, QgsFields, QgsVectorLayer, QgsWkbTypes
from qgis.PyQt import sip

from ...processing.errors import InputError
from ..layers import direct_writing, label_file
from ..layers.aoi_layer import AOI
from ..layers.free_name import free_name
from ..layers.label_exchange import export_labels
from ..layers.whole_file import whole_file
from ..translation import tr
from .session import Session

TRAIN, APPLY = "bitscape:trainclassifier", "bitscape:applyclassifier"
CLASS_TARGET = 1
"""What the field of labels in the dock holds: classes, whatever they are called."""
SCORE, CLASSES, MODEL = "_score", "_classes", "_model"

Command = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class MapPlan:
    """Files in and out, as Processing takes them. ``positive``, the areas (of the labels that train, of the map) and
    ``classes`` may be empty."""

    tiles: Path
    labels: str
    field: str
    positive: str
    training_area: str
    area: str
    score: Path
    classes: Optional[Path]
    model: Path

    @property
    def outputs(self) -> list[Path]:
        """The files that are made."""
        return [path for path in (self.score, self.classes, self.model) if path is not None]

    def train(self) -> Command:
        """The algorithm that learns the model, and its parameters."""
        return TRAIN, _given(
            INPUT=self.tiles, LABELS=self.labels, CLASS_FIELD=self.field, TARGET=CLASS_TARGET,
            POSITIVE_CLASS=self.positive, AOI=self.training_area, OUTPUT=self.model)

    def apply(self) -> Command:
        """The algorithm that draws the map, and its parameters."""
        return APPLY, _given(
            INPUT=self.tiles, MODEL=self.model, AOI=self.area, OUTPUT=self.score, CLASSES=self.classes or "")


def plan(session: Session, score: Path, in_areas: bool, with_classes: bool = True) -> MapPlan:
    """What a map of the session as it is now takes. Labels and areas that no file holds as they are shown are written
    to one beside the score first. Raises InputError that says what is missing, OutputError."""
    if session.tiles is None:
        raise InputError(tr("Choose the data first: drop embedding tiles here, or open the sample."))
    classes = {label.code for label in session.training}
    if session.labels is None or len(classes) < 2:
        raise InputError(tr("Label places of at least two classes first; there are {0}.").format(len(classes)))
    labels, field = _labels_file(session, score)
    area = area_file(session, score) if in_areas or session.limit_to_aoi else ""
    class_map, model = names_of(score)
    return MapPlan(
        session.tiles.path, labels, field, session.table.positive, area if session.limit_to_aoi else "",
        area if in_areas else "", score, class_map if with_classes else None, model,
    )


def names_of(score: Path) -> tuple[Path, Path]:
    """The class map and the model that go with a score map."""
    stem = score.stem
    before, found, after = stem.rpartition(SCORE)
    if not found or not re.fullmatch(r"(_\d+)?", after):
        before, after = stem, ""
    return score.with_name(f"{before}{CLASSES}{after}{score.suffix}"), score.with_name(f"{before}{MODEL}{after}.json")


def free_score(tiles: Path) -> Path:
    """Beside the tiles: the first name for a score map that is free, also for what goes with it."""
    return free(tiles.with_name(f"{tiles.stem}{SCORE}.tif"))


def free(score: Path) -> Path:
    """The score map's path, or the first like it with a number that is free, also for what goes with it."""
    return free_name(score, taken)


def taken(score: Path) -> list[Path]:
    """Which files of a map are there already."""
    return [path for path in (score, *names_of(score)) if path.exists()]


def has_areas(session: Session) -> bool:
    """Whether there are areas of interest."""
    return session.aoi is not None and not sip.isdeleted(session.aoi.layer) and session.aoi.layer.featureCount() > 0


def _labels_file(session: Session, score: Path) -> tuple[str, str]:
    """The source of the labels, and the field of the class in it."""
    labels = session.labels
    assert labels is not None
    if labels.path and _is_as_stored(labels.layer):
        return labels.layer.source(), labels.field
    path = _beside(score, "_labels")
    export_labels(labels, path)
    return f"{path}|layername={label_file.LABELS}", label_file.CLASS_FIELD


def area_file(session: Session, score: Path) -> str:
    """The source of the areas of interest."""
    areas = session.aoi
    if areas is None or not has_areas(session):
        raise InputError(tr("There is no area of interest: draw one, or map the whole raster."))
    path, _ = areas.path_and_layer
    if path and _is_as_stored(areas.layer):
        return areas.source
    union = areas.union(areas.layer.crs())
    if union is None:
        raise InputError(tr("The areas of interest are empty: draw one, or map the whole raster."))
    union.convertToMultiType()
    feature = QgsFeature()
    feature.setGeometry(union)
    target = _beside(score, "_aoi")
    with whole_file(target) as partial:
        label_file.write_features(
            partial, AOI, QgsFields(), areas.layer.crs(), [feature], QgsWkbTypes.Type.MultiPolygon)
    return f"{target}|layername={AOI}"


def _is_as_stored(layer: QgsVectorLayer) -> bool:
    """Whether the file holds what QGIS shows: no unsaved edits, and no CRS that only the project knows."""
    unsaved = layer.isEditable() and layer.isModified()
    return bool(direct_writing.file_of(layer)) and not unsaved and layer.dataProvider().crs() == layer.crs()


def _beside(score: Path, ending: str) -> Path:
    """A free name for a copy that goes with a score map."""
    stem = names_of(score)[1].stem.replace(MODEL, ending)
    return free_name(score.with_name(f"{stem}.gpkg"))


def _given(**parameters: Any) -> dict[str, Any]:
    """What is not left empty, paths as text."""
    return {name: str(value) for name, value in parameters.items() if str(value)}
