"""The points of a sample on the canvas: what would tell the answer is hidden, the map flies there, keys answer."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsMapLayer,
    QgsPointXY,
    QgsRectangle,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, QPoint, pyqtSignal

from ...canvas.hidden_layers import HiddenLayers
from ...canvas.sample_mark import SampleMark
from ...canvas.swipe import HANDLE, LOW_HANDLE
from ...canvas.telltale import tells
from ...canvas.validate_tool import ValidateTool
from ...layers.pixel_grid import PixelGrid
from ...translation import tr
from ..imagery_panel import ImageryPanel
from ..session import Session
from ..telling import INFO
from .validation import Validation

ACROSS = 75
"""Pixels of the map that the canvas shows across at the first point; after that the user's own zoom."""


class Serving(QObject):
    """Begins and ends the serving. ``toggled`` (whether it goes on); ``keys_toggled`` (whether keys are heard: not
    while another map tool is chosen); ``pressed`` is a key that is for others."""

    toggled = pyqtSignal(bool)
    keys_toggled = pyqtSignal(bool)
    pressed = pyqtSignal(str)

    def __init__(
        self, validation: Validation, session: Session, imagery: ImageryPanel, iface: Any,
        parent: Optional[QObject] = None,
    ) -> None:
        super().__init__(parent)
        self._validation, self._session, self._imagery = validation, session, imagery
        self._iface, self._canvas = iface, iface.mapCanvas()
        self.is_on = False
        self.hidden = HiddenLayers(session.project, self._tells, self)
        self.tool = ValidateTool(self._canvas)
        self.mark: Optional[SampleMark] = None
        self._grid: Optional[PixelGrid] = None
        self._width = 0.0
        self._looked_at: Optional[int] = None
        self._opened = False
        self.hidden.kept.connect(self._say_kept)
        self.tool.pressed.connect(self._on_key)
        self._canvas.mapToolSet.connect(self._on_tool)
        self._canvas.destinationCrsChanged.connect(self._on_crs)
        validation.point_changed.connect(self._show)
        validation.map_changed.connect(self._on_map)
        validation.image_date = self._image_date

    @property
    def hears_keys(self) -> bool:
        """Whether the tool with the keys is the canvas's."""
        return self._canvas.mapTool() is self.tool

    def start(self) -> bool:
        """Hide what tells, and ask the first open point; whether answers can be written."""
        if not self.is_on:
            self.hidden.hide()  # before the first point is asked
            self.is_on = True
            if not self._validation.begin():
                self.stop()
                return False
            self._opened = self._imagery.dates.current is None
            if self._opened:
                self._imagery.next()  # or the map could be white
            self.take_keys()
            self._imagery.swipe.handle = LOW_HANDLE
            self.toggled.emit(True)
        return True

    def stop(self) -> None:
        """Ask nothing more, and give every layer back as it was."""
        if not self.is_on:
            return
        self.is_on = False
        self._width = self._canvas.extent().width() if self._looked_at is not None else self._width
        self._validation.pause()
        self._leave_tool()
        self._imagery.swipe.handle = HANDLE
        if self._opened:
            self._opened = False
            self._imagery.dates.release()
        self.hidden.restore()
        self.toggled.emit(False)

    def take_keys(self) -> None:
        """Have the tool with the keys chosen, and the canvas hear them."""
        if self.is_on:
            if not self.hears_keys:
                self._canvas.setMapTool(self.tool)
            self._canvas.setFocus()

    def fly(self) -> None:
        """Show the point that is asked, in its surroundings."""
        place = self.mark.centre if self.mark is not None else None
        if place is None:
            return
        width = self._width
        if self._looked_at is not None:
            width = self._canvas.extent().width()
        elif width <= 0:
            width = self._first_width()
        box = self._canvas.extent()
        height = width * box.height() / box.width() if box.width() > 0 else width
        if width > 0:
            self._canvas.setExtent(QgsRectangle.fromCenterAndSize(place, width, height))
        else:
            self._canvas.setCenter(place)
        self._canvas.refresh()

    def close(self) -> None:
        """Before the dock goes: nothing stays on the canvas or in the layer tree."""
        self.stop()
        self._canvas.mapToolSet.disconnect(self._on_tool)
        self._canvas.destinationCrsChanged.disconnect(self._on_crs)
        self._canvas.unsetMapTool(self.tool)

    # Inside

    def _tells(self, layer: QgsMapLayer) -> bool:
        if layer.id() in {one.layer_id for one in self._imagery.dates.imagery}:
            return False
        sample = self._validation.sample
        is_result = any(node.layerId() == layer.id() for group in self._session.groups() for node in group.findLayers())
        return tells(layer, self._validation.map_path, sample.path if sample is not None else None, is_result)

    def _show(self) -> None:
        """Mark the point that is asked, and fly there; or take the mark away."""
        point, sample = self._validation.point, self._validation.sample
        if not self.is_on or point is None or sample is None:
            self._remove_mark()
            return
        centre = self._on_canvas(QgsPointXY(point.x, point.y), sample.crs)
        if self.mark is None:
            self.mark = SampleMark(self._canvas)
        self.mark.show_at(centre, self._outline() if centre is not None else ())
        if centre is None:
            self._validation.said.emit(tr("Point {0} cannot be expressed in the CRS of the map.").format(
                point.number), INFO)
            return
        if self._looked_at != point.number:
            self.fly()
            self._looked_at = point.number

    def _remove_mark(self) -> None:
        if self.mark is not None and not sip.isdeleted(self.mark):
            self._canvas.scene().removeItem(self.mark)
        self.mark = None
        if not self.is_on:
            self._looked_at = None

    def _outline(self) -> list[QgsPointXY]:
        """The mapped pixel at the point, in the canvas's CRS."""
        point, sample, grid = self._validation.point, self._validation.sample, self._grid
        if point is None or sample is None or grid is None:
            return []
        try:
            inside = self._moved(QgsPointXY(point.x, point.y), sample.crs, grid.crs)
            return [self._moved(corner, grid.crs, self._crs()) for corner in grid.corners(inside)]
        except QgsCsException:
            return []

    def _first_width(self) -> float:
        """ACROSS pixels of the map, in units of the canvas; 0 where its pixels are not known."""
        outline = self.mark.outline if self.mark is not None else []
        return ACROSS * outline[0].distance(outline[1]) if outline else 0.0

    def _crs(self) -> QgsCoordinateReferenceSystem:
        return self._canvas.mapSettings().destinationCrs()

    def _on_canvas(self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem) -> Optional[QgsPointXY]:
        try:
            return self._moved(point, crs, self._crs())
        except QgsCsException:
            return None

    def _moved(
        self, point: QgsPointXY, source: QgsCoordinateReferenceSystem, target: QgsCoordinateReferenceSystem
    ) -> QgsPointXY:
        if source == target or not source.isValid() or not target.isValid():
            return point
        return QgsCoordinateTransform(source, target, self._session.project).transform(point)

    def _image_date(self) -> str:
        """Of the imagery that is seen at the point."""
        place = self.mark.centre if self.mark is not None else None
        if place is None:
            return self._imagery.current_date
        pixel = self._canvas.getCoordinateTransform().transform(place)
        return self._imagery.date_at(QPoint(round(pixel.x()), round(pixel.y())))

    def _on_map(self) -> None:
        path = self._validation.map_path
        self._grid = PixelGrid.of(path) if path is not None else None
        self._show()

    def _on_crs(self) -> None:
        self._looked_at, self._width = None, 0.0
        self._show()

    def _on_tool(self, tool: Any, _: Any = None) -> None:
        if self.is_on:
            self.keys_toggled.emit(tool is self.tool)

    def _on_key(self, name: str) -> None:
        kind, _, what = name.partition(":")
        if kind == "imagery":
            {"previous": self._imagery.previous, "next": self._imagery.next,
             "swipe": self._imagery.toggle_swipe}[what]()
        elif kind == "fly":
            self.fly()
        else:
            self.pressed.emit(name)

    def _leave_tool(self) -> None:
        if self._canvas.mapTool() is self.tool:
            self._canvas.unsetMapTool(self.tool)
            self._iface.actionPan().trigger()

    def _say_kept(self, name: str) -> None:
        self._validation.said.emit(
            tr("{0} stays hidden while points are interpreted: it would tell the answer. Leave with Esc to see it.")
            .format(name), INFO)
