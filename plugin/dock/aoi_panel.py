"""The panel of areas of interest: draw, edit, import and remove them, and limit everything to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsGeometry, QgsMapLayer, QgsMapLayerProxyModel, QgsPointXY, QgsVectorLayer
from qgis.gui import QgsMapCanvas, QgsMapLayerComboBox, QgsMapTool
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...processing.errors import InputError, OutputError
from ..canvas.aoi_tool import AoiTool
from ..layers import direct_writing, label_file
from ..layers.aoi_history import AoiHistory
from ..layers.aoi_layer import AoiLayer
from ..layers.live_layers import ROLE
from ..translation import tr
from .aoi_words import describe
from .session import INFO, WARNING, Session
from .text import wrapped

CALM = 60
"""Milliseconds without a change before areas and labels are counted anew."""


class AoiPanel(QWidget):
    """Areas are written at once, beside the labels or the tiles, and the layer is made with the first of them. Corners
    are moved with QGIS's own vertex tool: ``iface`` gives it, and may be None where there is none."""

    def __init__(
        self, session: Session, canvas: QgsMapCanvas, iface: Any = None, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._session, self._canvas, self._iface = session, canvas, iface
        self._aoi: Optional[AoiLayer] = None
        self._history: Optional[AoiHistory] = None
        self._tools: dict[str, Optional[QgsMapTool]] = {}
        self.tool = AoiTool(canvas)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(CALM)
        self._calm.timeout.connect(self._count)
        self._build()
        for signal, slot in self._connections():
            signal.connect(slot)
        self._on_session()

    def draw(self, on: bool = True) -> None:
        """Draw areas on the map, or stop."""
        if on and self._canvas.mapTool() is not self.tool:
            with self._session.told():
                self._place()
                self._require_writable()
                self._tools["draw"] = self._canvas.mapTool()
                self._canvas.setMapTool(self.tool)
        elif not on:
            self._give_back("draw", self.tool)
        self._show_buttons()

    def add(self, area: QgsGeometry) -> None:
        """Keep an area given in the canvas's CRS."""
        with self._session.told():
            history = self._made()
            history.add(area, self._canvas.mapSettings().destinationCrs())
            self._done(tr("Added; Undo takes it back."))

    def add_view(self) -> None:
        """The part of the map that is seen is an area."""
        corners = self._canvas.mapSettings().visiblePolygon()
        self.add(QgsGeometry.fromPolygonXY([[QgsPointXY(corner) for corner in corners]]))

    def import_from(self, source: QgsVectorLayer | str | Path) -> None:
        """Copy the polygons of a layer (those selected, if some are) or of a file."""
        with self._session.told():
            selected = isinstance(source, QgsVectorLayer) and source.selectedFeatureCount() > 0
            name = source.name() if isinstance(source, QgsVectorLayer) else Path(source).name
            history = self._made()
            count = history.import_polygons(source, selected)
            said = tr("{0} selected areas imported from {1}.") if selected else tr("{0} areas imported from {1}.")
            self._done(" ".join([said.format(count, name), *(f"{note}." for note in history.aoi.notes)]))

    def remove(self, fids: Optional[list[int]] = None) -> None:
        """Remove areas, by default all."""
        with self._session.told():
            if self._history is not None:
                count = self._history.remove(fids)
                self._done(tr("Areas removed: {0}. Undo brings them back.").format(count))

    def undo(self) -> None:
        """Take back what was added or removed last."""
        with self._session.told():
            if self._history is not None and (text := self._history.undo()):
                self._done(tr("Undone: {0}").format(text))

    def edit(self) -> None:
        """Put the layer into edit mode and take QGIS's vertex tool."""
        with self._session.told():
            if self._aoi is None:
                raise InputError(tr("There are no areas yet: draw or import one first."))
            self.draw(False)
            self._note("")
            layer = self._aoi.layer
            if not layer.isEditable() and not layer.startEditing():
                raise OutputError(tr("{0} cannot be edited: its file cannot be written.").format(layer.name()))
            if self._iface is not None:
                self._tools["edit"] = self._canvas.mapTool()
                self._iface.setActiveLayer(layer)
                self._iface.actionVertexTool().trigger()
                self._tools["vertex"] = self._canvas.mapTool()

    def end_edit(self, save: bool) -> None:
        """Save or discard the edits, and give the canvas back its tool."""
        with self._session.told():
            layer = self._aoi.layer if self._aoi is not None else None
            if layer is None or sip.isdeleted(layer) or not layer.isEditable():
                return
            if save and not layer.commitChanges():
                said = "; ".join(layer.commitErrors())
                raise OutputError(tr("The edits could not be saved: {0}").format(said), said)
            if not save:
                layer.rollBack()
            crossing = sum(not feature.geometry().isGeosValid() for feature in layer.getFeatures())
            text = tr("Edits saved.") if save else tr("Edits discarded.")
            if crossing:
                repaired = tr("Areas whose outline crosses itself now, and is read as if repaired: {0}.")
                text = f"{text} {repaired.format(crossing)}"
            self._done(text)
            vertex = self._tools.pop("vertex", None)
            if vertex is not None:
                self._give_back("edit", vertex)

    def close_panel(self) -> None:
        """Before the panel goes: nothing of it stays on the canvas, and it hears no more."""
        self._calm.stop()
        self.draw(False)
        for signal, slot in self._connections():
            signal.disconnect(slot)
        self._follow(None)
        self.tool.remove_from_canvas()

    # Building

    def _build(self) -> None:
        self.drawing, self.view = QPushButton(tr("Draw")), QPushButton(tr("Map view"))
        self.editing, self.undoing = QPushButton(tr("Edit")), QPushButton(tr("Undo"))
        self.drawing.setCheckable(True)
        self.layers = QgsMapLayerComboBox()
        self.layers.setFilters(QgsMapLayerProxyModel.Filter.PolygonLayer)
        self.layers.setAllowEmptyLayer(True, tr("Polygon layer…"))
        self.layers.setMinimumContentsLength(8)
        self.layers.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.layers.setAccessibleName(tr("Polygon layer to import"))
        self.importing, self.opening = QToolButton(), QToolButton()
        self.importing.setText(tr("Import"))
        self.opening.setText(tr("File…"))
        self.removing, self.clearing = QPushButton(tr("Remove selected")), QPushButton(tr("Remove all"))
        self.saving, self.discarding = QPushButton(tr("Save edits")), QPushButton(tr("Discard"))
        self.limiting = QCheckBox(tr("Limit figures, map and export"))
        self.words, self.note = wrapped(), wrapped(small=True)
        for widget, tip in (
            (self.drawing, tr("Click corners on the map; right-click or Enter closes, Backspace takes a corner back, "
                              "Esc leaves. Drag with Shift for a rectangle. Delete removes the area at the pointer.")),
            (self.view, tr("Add what the map shows now as an area")),
            (self.editing, tr("Move corners with QGIS's vertex tool")),
            (self.undoing, tr("Take back what was added or removed last (Ctrl+Z while drawing)")),
            (self.layers, tr("A polygon layer of the project; if some of it is selected, that is imported")),
            (self.importing, tr("Copy the polygons of this layer")),
            (self.opening, tr("Copy the polygons of a file")),
            (self.removing, tr("Remove the areas that are selected on the map")),
            (self.clearing, tr("Remove all areas; Undo brings them back")),
            (self.limiting, tr("Only labels inside the areas count, and maps and exports end at them")),
            (self.saving, tr("Write the moved corners to disk")),
            (self.discarding, tr("Leave the areas as they were before Edit")),
        ):
            widget.setToolTip(tip)
        for button, act in (
            (self.drawing, lambda: self.draw(self.drawing.isChecked())), (self.view, self.add_view),
            (self.editing, self.edit), (self.undoing, self.undo), (self.importing, self._on_import),
            (self.opening, self._on_open), (self.removing, self._on_remove), (self.clearing, self.remove),
            (self.saving, lambda: self.end_edit(True)), (self.discarding, lambda: self.end_edit(False)),
        ):
            button.clicked.connect(lambda _=False, act=act: act())
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 16)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row in ((self.drawing, self.view, self.editing, self.undoing), (self.saving, self.discarding),
                    (self.layers, self.importing, self.opening), (self.removing, self.clearing)):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget)
            layout.addLayout(line)
        for widget in (self.limiting, self.words, self.note):
            layout.addWidget(widget)

    def _connections(self) -> list[tuple[Any, Any]]:
        """What is heard of others, and of what they would else be told after the end."""
        tool, session = self.tool, self._session
        return [
            (self.limiting.toggled, session.set_limit), (self.layers.layerChanged, self._show_buttons),
            (tool.finished, self.add), (tool.left, self._on_left), (tool.refused, self._refuse),
            (tool.removed, self._remove_at), (tool.undone, self.undo), (tool.corners, self._guide),
            (self._canvas.mapToolSet, self._on_tool),
            (session.aoi_changed, self._on_session), (session.labels_changed, self._calm.start),
            (session.tiles_changed, self._on_session),
        ]

    # What happens

    def _on_import(self) -> None:
        layer = self.layers.currentLayer()
        if isinstance(layer, QgsVectorLayer):
            self.import_from(layer)

    def _on_open(self) -> None:
        start = str(self._session.tiles.path.parent) if self._session.tiles is not None else ""
        kinds = tr("Polygons (*.gpkg *.geojson *.json *.shp *.fgb *.kml *.sqlite);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, tr("Areas to import"), start, kinds)
        if path:
            self.import_from(path)

    def _on_remove(self) -> None:
        if self._aoi is not None:
            self.remove(self._aoi.layer.selectedFeatureIds())

    def _on_left(self) -> None:
        self.draw(False)

    def _refuse(self, text: str) -> None:
        self._note(text)
        self._session.said.emit(text, WARNING)

    def _remove_at(self, point: QgsPointXY) -> None:
        with self._session.told():
            if self._aoi is None or self._history is None:
                return
            fid = self._aoi.at(point, self._canvas.mapSettings().destinationCrs())
            if fid is not None:
                self._history.remove([fid])
                self._done(tr("Removed; Undo brings it back."))

    def _on_tool(self, new: Optional[QgsMapTool], old: Optional[QgsMapTool] = None) -> None:
        if self.tool in (new, old):
            self._note("")
            self._guide(0)
        self._show_buttons()

    def _guide(self, corners: int) -> None:
        if self._canvas.mapTool() is self.tool:
            self._note(
                tr("Click corners, or drag a rectangle with Shift. Esc leaves.") if corners == 0 else
                tr("{0} corners. Right-click or Enter closes, Backspace takes one back.").format(corners))

    def _on_session(self) -> None:
        """Other areas, another limit, or other tiles."""
        aoi = self._session.aoi
        if aoi is not self._aoi:
            self._follow(aoi)
            self._note("")
        self.limiting.blockSignals(True)
        self.limiting.setChecked(self._session.limit_to_aoi)
        self.limiting.blockSignals(False)
        self.layers.setExceptedLayerList([] if aoi is None else [aoi.layer])
        self._show_buttons()
        self._calm.start()

    def _follow(self, aoi: Optional[AoiLayer]) -> None:
        """Hear of every change of these areas, and no more of the others'."""
        old, self._aoi = self._aoi, aoi
        self._history = AoiHistory(aoi) if aoi is not None else None
        for one, connect in ((old, False), (aoi, True)):
            if one is None or sip.isdeleted(one.layer):
                continue
            layer = one.layer
            for signal, slot in (
                (one.changed, self._on_areas), (layer.selectionChanged, self._show_buttons),
                (layer.editingStarted, self._show_buttons), (layer.editingStopped, self._show_buttons),
            ):
                (signal.connect if connect else signal.disconnect)(slot)

    def _on_areas(self) -> None:
        self._calm.start()
        self._show_buttons()
        self._session.aoi_changed.emit()

    def _show_buttons(self, *_: Any) -> None:
        """Only what can be done now can be pressed; while QGIS edits the layer, only ending that can."""
        layer = self._aoi.layer if self._aoi is not None and not sip.isdeleted(self._aoi.layer) else None
        edited = layer is not None and layer.isEditable()
        some = layer is not None and layer.featureCount() != 0
        self.drawing.setChecked(self._canvas.mapTool() is self.tool)
        for button, enabled in (
            (self.drawing, not edited), (self.view, not edited), (self.editing, some and not edited),
            (self.undoing, bool(self._history and self._history.undo_text) and not edited),
            (self.importing, not edited and self.layers.currentLayer() is not None), (self.opening, not edited),
            (self.removing, layer is not None and layer.selectedFeatureCount() > 0 and not edited),
            (self.clearing, some and not edited), (self.limiting, some or self.limiting.isChecked()),
        ):
            button.setEnabled(enabled)
        for button in (self.saving, self.discarding):
            button.setVisible(edited)
        self._calm.start()

    def _count(self) -> None:
        text = describe(self._aoi, self._session.labels, self._session.project)
        if not text:
            text = tr("No areas yet, so nothing is limited.") if self._session.limit_to_aoi else tr("No areas yet.")
        elif self._aoi is not None and self._aoi.layer.isEditable():
            text = tr("{0}. Being edited: move corners on the map, then save or discard.").format(text)
        self.words.setText(text)

    def _made(self) -> AoiHistory:
        """The areas, ready to be written; their layer is made or opened where there is none yet."""
        self._require_writable()
        if self._history is None:
            path = self._place()
            tiles, labels = self._session.tiles, self._session.labels
            crs = (tiles.crs if tiles is not None else labels.crs if labels is not None
                   else self._canvas.mapSettings().destinationCrs())
            aoi = self._in_project(path) or AoiLayer.create(path, crs)
            known = aoi.layer.featureCount()
            self._session.set_aoi(aoi)
            if known:
                self._session.said.emit(tr("{0} holds {1} areas from before; they are shown again.").format(
                    path.name, known), INFO)
        assert self._history is not None
        return self._history

    def _require_writable(self) -> None:
        if self._aoi is not None:
            self._aoi.check_writable()

    def _place(self) -> Path:
        """Where areas are kept: in the labels' GeoPackage if it is ours, else beside the tiles or the store."""
        labels, tiles = self._session.labels, self._session.tiles
        if labels is not None and labels.path.lower().endswith(".gpkg") and label_file.has_classes(labels.path):
            return Path(labels.path)
        if tiles is not None:
            return tiles.path.with_name(f"{tiles.path.stem}_aoi.gpkg")
        home = self._session.home()
        if home is None:
            raise InputError(tr("Choose the data first: areas take its CRS and are kept beside it."))
        home.parent.mkdir(parents=True, exist_ok=True)
        return home.with_name(f"{home.name}_aoi.gpkg")

    def _in_project(self, path: Path) -> Optional[AoiLayer]:
        """The layer of these areas that the project has already."""
        for layer in self._session.project.mapLayers().values():
            if _is_areas(layer) and Path(direct_writing.file_of(layer)) == path:
                return AoiLayer(layer)
        return None

    def _give_back(self, key: str, ours: QgsMapTool) -> None:
        """If our tool is the canvas's, the one from before takes its place."""
        before = self._tools.pop(key, None)
        if self._canvas.mapTool() is not ours:
            return
        if before is not None and not sip.isdeleted(before) and before is not ours:
            self._canvas.setMapTool(before)
        else:
            self._canvas.unsetMapTool(ours)

    def _done(self, text: str) -> None:
        self._note(text)
        self._show_buttons()

    def _note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))


def _is_areas(layer: QgsMapLayer) -> bool:
    return isinstance(layer, QgsVectorLayer) and layer.isValid() and layer.customProperty(ROLE) == "aoi"
