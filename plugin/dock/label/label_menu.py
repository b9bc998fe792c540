"""What is done with whole layers of labels: begin, open, adopt, import, merge."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from qgis.core import QgsProject, QgsVectorLayer, QgsWkbTypes
from qgis.PyQt.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from ....processing.errors import InputError
from ...layers.label_exchange import import_labels, open_labels
from ...layers.label_layer import LabelLayer
from ...layers.label_merge import merge_labels
from ...translation import tr
from ..session import INFO, WARNING, Session

GPKG = "GeoPackage (*.gpkg)"
VECTORS = "Labels (*.geojson *.json *.gpkg *.shp)"


class LabelMenu(QToolButton):
    """A menu; its submenu of point layers is made when it opens."""

    def __init__(self, session: Session, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setText(tr("Labels…"))
        self.setToolTip(tr("New, open, adopt, import and merge labels"))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.addAction(tr("New label file…"), self._new)
        menu.addAction(tr("Open label file…"), self._open)
        self._adopt = menu.addMenu(tr("Use a point layer of the project"))
        self._adopt.aboutToShow.connect(self._list_layers)
        menu.addSeparator()
        menu.addAction(tr("Import labels (GeoJSON, GeoPackage, Shapefile)…"), self._import)
        menu.addAction(tr("Merge with another labeller's file…"), self._merge)
        self.setMenu(menu)

    def import_file(self, path: Path) -> None:
        """Add the labels of a file to these; undone as one."""
        session = self._session
        with session.told():
            if session.labels is None:
                if session.tiles is None:
                    raise InputError(tr("Choose the data first: labels take its CRS."))
                session.create_labels(session.free_labels_path())
            assert session.labels is not None and session.history is not None
            report = import_labels(path, session.labels, session.history)
            text = tr("{0} labels imported from {1}; {2} were there already, {3} have no class or place.").format(
                report.added, path.name, report.skipped_duplicates, report.without_class + report.without_position)
            if report.held_back:
                text += " " + tr("{0} are for validation and were left out: they must not train.").format(
                    report.held_back)
            if report.disagreeing:
                text += " " + tr("{0} lie where a label of another class was: such places do not train.").format(
                    report.disagreeing)
            session.said.emit(text, WARNING if report.disagreeing else INFO)

    def merge_file(self, other: Path, merged: Path) -> None:
        """Merge these labels with another file's into a new one, and open that."""
        session = self._session
        with session.told():
            if session.labels is None:
                raise InputError(tr("There are no labels to merge with. Open a label file first."))
            layer = open_labels(other)
            theirs = LabelLayer(layer, LabelLayer.candidate_field(layer) or "label")
            report = merge_labels([session.labels, theirs], merged)
            session.open_labels(merged)
            text = tr("{0} labels merged, {1} places labelled alike, {2} in conflict.").format(
                report.merged, report.agreeing, len(report.conflicts))
            if report.held_back:
                text += " " + tr("{0} places are for validation and were left out: they must not train.").format(
                    report.held_back)
            if report.conflicts:
                conflicts = QgsVectorLayer(f"{merged}|layername=conflicts", tr("Conflicts"), "ogr")
                session.project.addMapLayer(conflicts, False)
                session.group().insertLayer(0, conflicts)
                text += " " + tr("Look at the layer Conflicts and label these places anew.")
            session.said.emit(text, WARNING if report.conflicts else INFO)

    def _new(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("New label file"), str(self._session.free_labels_path()), GPKG)
        if path:
            with self._session.told():
                self._session.create_labels(_geopackage(path))

    def _open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Open labels"), "", GPKG)
        if path:
            with self._session.told():
                self._session.open_labels(Path(path))

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Import labels"), "", VECTORS)
        if path:
            self.import_file(Path(path))

    def _merge(self) -> None:
        other, _ = QFileDialog.getOpenFileName(self, tr("The other labeller's file"), "", VECTORS)
        if not other:
            return
        merged, _ = QFileDialog.getSaveFileName(self, tr("Merged labels"), "", GPKG)
        if merged:
            self.merge_file(Path(other), _geopackage(merged))

    def _list_layers(self) -> None:
        self._adopt.clear()
        for layer in QgsProject.instance().mapLayers().values():
            if isinstance(layer, QgsVectorLayer) and layer.geometryType() == QgsWkbTypes.GeometryType.PointGeometry:
                self._adopt.addAction(layer.name(), lambda one=layer: self._take(one))
        if self._adopt.isEmpty():
            self._adopt.addAction(tr("There is no point layer")).setEnabled(False)

    def _take(self, layer: QgsVectorLayer) -> None:
        with self._session.told():
            self._session.adopt_labels(layer)


def _geopackage(path: str) -> Path:
    """The name with the suffix of a GeoPackage; a name may have dots of its own."""
    return Path(path if path.lower().endswith(".gpkg") else f"{path}.gpkg")
