"""Results that become labels: of the class that is chosen in the tab Label, and undone as any label is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsPointXY

from ....processing.errors import InputError
from ...layers.exemplar_layer import PLACES
from ...translation import tr
from ..session import Session

STEP = 1e-6
"""Degrees, 0.1 m: a label so near to a result's middle was made from it."""


class LabelledPlaces:
    """Where the session has labels, as it is now, for asking of many results whether they are among them."""

    def __init__(self, session: Session) -> None:
        self._codes: dict[tuple[int, int], set[str]] = {}
        labels = session.labels
        if labels is None or not labels.crs.isValid():
            return
        transform = QgsCoordinateTransform(labels.crs, PLACES, session.project)
        for one in labels.labels():
            try:
                point = transform.transform(QgsPointXY(one.x, one.y))
            except QgsCsException:
                continue
            self._codes.setdefault(_cell(point.x(), point.y()), set()).add(one.code)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._codes)

    def codes(self, result: Mapping[str, Any]) -> set[str]:
        """The classes of the labels in the middle of a result."""
        x, y = _cell(result["lon"], result["lat"])
        near = ((x + i, y + j) for i in (0, -1, 1) for j in (0, -1, 1))  # it may lie on a cell's edge
        return set().union(*(self._codes.get(cell, ()) for cell in near))


def promote(session: Session, results: Sequence[Mapping[str, Any]], model: str, image_date: str) -> int:
    """Label the middles of results with the chosen class, as one step; those that have that label already are passed
    over. How many were placed; what goes wrong is said. They have the role of what trains: a sample is never filled so.
    """
    with session.told():
        if session.labels is None and session.tiles is None:
            raise InputError(tr("There are no labels to add to: open tiles or labels in the tab Label first."))
        code = session.chosen
        if not code:
            raise InputError(tr("Choose or add a class in the tab Label first."))
        known = LabelledPlaces(session)
        places = {_cell(one["lon"], one["lat"]): one for one in reversed(results) if code not in known.codes(one)}
        fresh = list(places.values())[::-1]  # a patch of another year, at the same place, is the same label
        if not fresh:
            raise InputError(tr("These places are labels of this class already."))
        points = [QgsPointXY(one["lon"], one["lat"]) for one in fresh]
        if session.tiles is not None:
            return session.place(points, PLACES, image_date)
        labels, history = session.labels, session.history
        assert labels is not None and history is not None
        transform = QgsCoordinateTransform(PLACES, labels.crs, session.project)
        features = [
            labels.feature_at(transform.transform(point), code, {
                "image_date": image_date, "when": "" if one["year"] is None else str(one["year"]),
                "product_version": model})
            for one, point in zip(fresh, points)
        ]
        return history.insert(features, name=tr("Label {0} results").format(len(features)))
    return 0


def _cell(lon: float, lat: float) -> tuple[int, int]:
    return round(lon / STEP), round(lat / STEP)
