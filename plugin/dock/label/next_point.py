"""The most informative next point on the canvas: fly there, and mark it until it is labelled."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsVertexMarker
from qgis.PyQt.QtCore import QObject
from qgis.PyQt.QtGui import QColor

from ...translation import tr
from ..session import INFO, Session
from ..tiles_info import TilesInfo

ACROSS = 250
"""Pixels of the tiles that the map shows across when it flies to a point from farther away."""
MARK = QColor("#762a83")


class NextPoint(QObject):
    """Moves the canvas and its marker."""

    def __init__(self, canvas: QgsMapCanvas, session: Session, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._canvas, self._session = canvas, session
        self._marker: Optional[QgsVertexMarker] = None
        session.tiles_changed.connect(self.hide)
        canvas.destinationCrsChanged.connect(self.hide)

    @property
    def place(self) -> Optional[QgsPointXY]:
        """Where the marker is, in the canvas's CRS; None where there is none."""
        return QgsPointXY(self._marker.center()) if self._marker is not None else None

    def fly_to(self, points: list[dict[str, Any]]) -> None:
        """Show the first of the suggested points, in the tiles' CRS."""
        if not points:
            self._session.said.emit(tr("There is no place left whose label would teach more."), INFO)
            return
        found = points[0]
        place = self._on_map(QgsPointXY(found["x"], found["y"]))
        tiles = self._session.tiles
        if place is None or tiles is None:
            return
        self.hide()
        self._marker = QgsVertexMarker(self._canvas)
        self._marker.setIconType(QgsVertexMarker.IconType.ICON_CIRCLE)
        self._marker.setColor(MARK)
        self._marker.setIconSize(22)
        self._marker.setPenWidth(3)
        self._marker.setCenter(place)
        widest = self._across(found, place)
        if self._canvas.extent().width() > 2 * widest > 0:
            self._canvas.zoomByFactor(widest / self._canvas.extent().width())
        self._canvas.setCenter(place)
        self._canvas.refresh()
        reasons = {
            "uncertain": tr("The model cannot decide here: what is it?"),
            "extrapolated": tr("Nothing like this is labelled yet: what is it?"),
        }
        self._session.said.emit(reasons.get(found["kind"], tr("What is here?")), INFO)

    def hide(self) -> None:
        """Take the marker away."""
        if self._marker is not None:
            self._canvas.scene().removeItem(self._marker)
            self._marker = None

    def show_tiles(self, tiles: TilesInfo) -> None:
        """Move the map to tiles if it shows nothing of them."""
        project_crs = self._canvas.mapSettings().destinationCrs()
        try:
            box = QgsCoordinateTransform(tiles.crs, project_crs, self._session.project).transformBoundingBox(
                tiles.extent) if tiles.crs.isValid() and project_crs.isValid() else tiles.extent
        except QgsCsException:
            return
        if not self._canvas.extent().intersects(box):
            self._canvas.setExtent(box)
            self._canvas.refresh()

    def _across(self, found: dict[str, Any], place: QgsPointXY) -> float:
        """ACROSS pixels of the tiles at a point, in units of the map; 0 where that cannot be said."""
        tiles = self._session.tiles
        beside = self._on_map(QgsPointXY(found["x"] + tiles.pixel, found["y"])) if tiles is not None else None
        return ACROSS * place.distance(beside) if beside is not None else 0

    def _on_map(self, point: QgsPointXY) -> Optional[QgsPointXY]:
        tiles, crs = self._session.tiles, self._canvas.mapSettings().destinationCrs()
        if tiles is None:
            return None
        if tiles.crs == crs or not tiles.crs.isValid() or not crs.isValid():
            return point
        try:
            return QgsCoordinateTransform(tiles.crs, crs, self._session.project).transform(point)
        except QgsCsException:
            return None
