"""Similar places as a temporary layer of footprints, changed in place while answers stream in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from qgis.core import NULL, QgsFeature, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ..translation import tr
from .find_views import outlines
from .live_layers import ROLE, Group, clean_project

RESULTS = "results"
SLICE = 300
"""Features that are made before QGIS gets its turn again."""
DEFINITION = ("Polygon?crs=EPSG:4326&field=rank:integer&field=score:double&field=similarity:double"
              "&field=id:string(80)&field=year:integer")
LOOK = "bitscape/unlike"


class ResultLayer(QObject):
    """One layer in the project; ``shown`` when all footprints of the newest answer are in it. An answer that comes
    while an older one is being drawn takes its place; the layer never holds a part of one."""

    shown = pyqtSignal()

    def __init__(self, project: QgsProject, group: Group, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._project, self._group = project, group
        self._waiting: list[Mapping[str, Any]] = []
        self._made: list[QgsFeature] = []
        self._every: list[QgsFeature] = []
        self._fids: list[int] = []
        self._unlike = False
        self._turn = QTimer(self)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._work)

    @property
    def layer(self) -> Optional[QgsVectorLayer]:
        """The layer, None while the project has none."""
        for layer in self._project.mapLayers().values():
            if isinstance(layer, QgsVectorLayer) and layer.customProperty(ROLE) == RESULTS and layer.isValid():
                return layer
        return None

    def show(self, results: Sequence[Mapping[str, Any]], unlike: bool = False) -> None:
        """Show these, and no others. ``unlike``: the first is the most unlike one."""
        self._turn.stop()
        self._waiting, self._made, self._unlike = list(results), [], unlike
        if self._waiting or self.layer is not None:
            self._work()
            if self._waiting:
                self._turn.start()

    def limit(self, count: int) -> None:
        """Show only so many of them, the first ones, and later perhaps more again: nothing is made anew."""
        layer = self.layer
        if layer is None or self._waiting or len(self._fids) == min(count, len(self._every)):
            return
        provider = layer.dataProvider()
        if count < len(self._fids):
            provider.deleteFeatures(self._fids[count:])
            del self._fids[count:]
        else:
            _, added = provider.addFeatures(self._every[len(self._fids) : count])
            self._fids += [feature.id() for feature in added]
        with clean_project():
            layer.dataChanged.emit()
            layer.triggerRepaint()

    def forget(self) -> None:
        """Take the layer away."""
        self._turn.stop()
        self._waiting, self._made, self._every, self._fids = [], [], [], []
        layer = self.layer
        if layer is not None:
            with clean_project():
                self._project.removeMapLayer(layer.id())

    def _work(self) -> None:
        """Some more features; with the last of them the layer is changed."""
        for one in self._waiting[:SLICE]:
            feature = QgsFeature()
            feature.setGeometry(QgsGeometry.fromWkt(one["wkt"]))
            feature.setAttributes([one["rank"], one["score"], one["similarity"], one["id"],
                                   NULL if one["year"] is None else one["year"]])
            self._made.append(feature)
        del self._waiting[:SLICE]
        if not self._waiting:
            self._turn.stop()
            made, self._made = self._made, []
            self._fill(made)

    def _fill(self, features: Sequence[QgsFeature]) -> None:
        with clean_project():
            layer = self._ready()
            provider = layer.dataProvider()
            provider.truncate()
            _, added = provider.addFeatures(list(features))
            self._every, self._fids = list(features), [feature.id() for feature in added]
            if layer.customProperty(LOOK) != str(self._unlike):
                layer.setRenderer(outlines(self._unlike))
                layer.setCustomProperty(LOOK, str(self._unlike))
                layer.emitStyleChanged()
            layer.updateExtents()
            layer.dataChanged.emit()
            layer.triggerRepaint()
        self.shown.emit()

    def _ready(self) -> QgsVectorLayer:
        layer = self.layer
        if layer is not None:
            return layer
        layer = QgsVectorLayer(DEFINITION, tr("Similar places"), "memory")
        layer.setCustomProperty(ROLE, RESULTS)
        # QGIS would ask whether to keep it; what it shows is computed again when the project is opened.
        layer.setCustomProperty("skipMemoryLayersCheck", 1)
        self._project.addMapLayer(layer, False)
        group = self._group()
        roles = [child.layer().customProperty(ROLE) if hasattr(child, "layer") and child.layer() else None
                 for child in group.children()]
        above = ("labels", "aoi", "exemplars")
        place = max((index + 1 for index, role in enumerate(roles) if role in above), default=0)
        group.insertLayer(place, layer)
        return layer
