"""Places of a class in a map become labels: which class, in which file, and what each says of where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsPointXY, QgsProject, QgsVectorLayer

from ....processing.errors import InputError
from ...layers.free_name import free_name
from ...layers.label_layer import LabelLayer
from ...layers.metadata import open_raster, tags_of
from ...layers.styling import Entry
from ...translation import tr
from ..session import Session


def write_places(
    session: Session, path: Path, entry: Entry, code: str, points: Sequence[Mapping[str, Any]]
) -> tuple[int, str]:
    """Label ``points`` (x, y, confidence) of the map at ``path`` as one step that can be undone; their number and the
    name of their class. ``code`` "": a class named like the map's, new where there is none. They say which model they
    come from, and train. There is a label file (``steps_to_labels``). Raises InputError or OutputError in words."""
    labels, history = session.labels, session.history
    if labels is None or history is None:
        raise InputError(tr("Labels cannot be written; see the message bar."))
    table = session.table
    if not code:
        code = table.code_for(entry.name) or ""
        if not code:
            table = table.adding(entry.name)
            code = table.classes[-1].code
            table = table.changed(code, colour=entry.colour)
    tags, tiles = tags_of(path), session.tiles
    about = {
        "interpreter": tr("model {0}").format(tags.get("MODEL") or path.stem),
        "when": tiles.period if tiles is not None else tags.get("PERIOD", ""),
        "product_version": ", ".join(tiles.products) if tiles is not None else "",
    }
    features = []
    for point, sure in _moved(points, crs_of(path), labels.crs, session.project):
        certainty = {} if sure is None else {"certainty": round(100 * sure)}
        features.append(labels.feature_at(point, code, {**about, **certainty}))
    count = history.insert(features, table, tr("Labels from {0}").format(path.stem))
    found = table.by_code(code)
    return count, found.name if found is not None else code


def crs_of(path: Path) -> QgsCoordinateReferenceSystem:
    """The CRS of a raster; not valid where it has none."""
    dataset = open_raster(path)
    return QgsCoordinateReferenceSystem.fromWkt((dataset.GetProjection() or "") if dataset is not None else "")


def steps_to_labels(session: Session, path: Path) -> list[Callable[[], None]]:
    """What makes a label file, if there is none yet: beside the tiles, else beside the map. Each step raises InputError
    or OutputError in words."""
    if session.labels is not None:
        return []
    if session.tiles is not None:
        return [lambda: session.create_labels(session.free_labels_path())]
    place = free_name(path.with_name(f"{path.stem}_labels.gpkg"))
    opened: list[QgsVectorLayer] = []

    def open_layer() -> None:
        opened.append(LabelLayer.layer_of(place))
        opened[0].setName(tr("Labels"))

    return [lambda: LabelLayer.write(place, crs_of(path), session.table), open_layer,
            lambda: session.adopt_labels(opened[0])]


def _moved(
    points: Sequence[Mapping[str, Any]], source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem,
    project: QgsProject,
) -> list[tuple[QgsPointXY, Optional[float]]]:
    placed = [(QgsPointXY(one["x"], one["y"]), one["confidence"]) for one in points]
    if source == target or not source.isValid() or not target.isValid():
        return placed
    transform = QgsCoordinateTransform(source, target, project)
    return [(transform.transform(point), sure) for point, sure in placed]
