"""How results come into the project: named for what they show, with style and metadata, and in good order."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Optional

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingUtils,
    QgsProject,
)
from qgis.PyQt import sip

HINTS = {".tif": QgsProcessingUtils.LayerHint.Raster, ".gpkg": QgsProcessingUtils.LayerHint.Vector}
"""What a file holds: without it QGIS tries a raster as a vector first, and complains in its log."""


class Results:
    """The layers of one run of an algorithm. Those of a higher rank come to lie above those of a lower one."""

    def __init__(self, context: QgsProcessingContext) -> None:
        self._context = context
        self._ranks: dict[str, int] = {}

    def show(self, path: str, name: str, rank: int = 0) -> None:
        """If Processing will load ``path``, load it by this name, with its sidecars."""
        if not self._context.willLoadLayerOnCompletion(path):
            return
        layers = self._context.layersToLoadOnCompletion()
        details = layers[path]
        details.name = name
        details.setPostProcessor(FromSidecars.new(self._ranks, rank))
        layers[path] = details
        self._context.setLayersToLoadOnCompletion(layers)

    def show_instead(self, planned: str, made: list[tuple[str, str]], output: str, rank: int = 0) -> None:
        """If Processing would load ``planned``, load ``made`` (path, name; the last on top) in its place."""
        if not self._context.willLoadLayerOnCompletion(planned):
            return
        layers = self._context.layersToLoadOnCompletion()
        project = layers.pop(planned).project
        self._context.setLayersToLoadOnCompletion(layers)
        for number, (path, name) in enumerate(made):
            self.add(path, name, rank + number, output, project)

    def add(
        self, path: str, name: str, rank: int = 0, output: str = "", project: Optional[QgsProject] = None
    ) -> None:
        """Have Processing load ``path`` too; nothing where there is no project to load it into."""
        project = project or self._context.project()
        if project is None:
            return
        details = QgsProcessingContext.LayerDetails(name, project, output)
        details.layerTypeHint = HINTS.get(Path(path).suffix.lower(), QgsProcessingUtils.LayerHint.UnknownType)
        details.setPostProcessor(FromSidecars.new(self._ranks, rank))
        self._context.addLayerToLoadOnCompletion(path, details)


class FromSidecars(QgsProcessingLayerPostProcessorInterface):
    """Processing loads layers without their default style; this loads it, and the metadata, after all.

    One for each layer: the Processing context owns the C++ object and deletes it. Its Python half has to be kept here
    until then, or the call would go nowhere.
    """

    _kept: ClassVar[list[FromSidecars]] = []

    @classmethod
    def new(cls, ranks: dict[str, int], rank: int) -> FromSidecars:
        """One that lives as long as the context wants it. ``ranks`` (layer id → rank) is shared by a run's layers."""
        one = cls()
        one._ranks, one._rank = ranks, rank
        cls._kept[:] = [other for other in cls._kept if not sip.isdeleted(other)]
        cls._kept.append(one)
        return one

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        layer.loadDefaultStyle()
        layer.loadDefaultMetadata()
        layer.triggerRepaint()
        self._ranks[layer.id()] = self._rank
        if context.project() is not None:
            self._sink(layer.id(), context.project())

    def _sink(self, layer_id: str, project: QgsProject) -> None:
        """Move the layer, which QGIS puts on top, below those of its run that are to lie above it."""
        root = project.layerTreeRoot()
        node = root.findLayer(layer_id)
        above = [root.findLayer(other) for other, rank in self._ranks.items() if rank > self._rank]
        above = [other for other in above if other is not None and node is not None and other.parent() == node.parent()]
        if not above:
            return
        parent = node.parent()
        lowest = max(parent.children().index(other) for other in above)
        parent.insertChildNode(lowest + 1, node.clone())
        parent.removeChildNode(node)
