"""Layers that are out of sight for a time: shut in the layer tree, and given back exactly as they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

from qgis.core import QgsLayerTreeGroup, QgsLayerTreeLayer, QgsLayerTreeNode, QgsMapLayer, QgsProject
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtXml import QDomDocument

from ..layers.live_layers import clean_project


class HiddenLayers(QObject):
    """Hides what ``tells`` says; also what comes into the tree meanwhile, and what is switched on again (``kept``).

    A project that is saved in between has the layers as they were. Groups are left alone.
    """

    kept = pyqtSignal(str)
    """A layer (its name) was switched on and is shut again."""

    def __init__(
        self, project: QgsProject, tells: Callable[[QgsMapLayer], bool], parent: Optional[QObject] = None
    ) -> None:
        super().__init__(parent)
        self._project, self._tells = project, tells
        self._found: dict[str, list[bool]] = {}
        self._on = self._switching = False

    @property
    def is_on(self) -> bool:
        """Whether layers are hidden now."""
        return self._on

    @property
    def names(self) -> list[str]:
        """The layers that are hidden, by name."""
        layers = (self._project.mapLayer(layer_id) for layer_id in self._found)
        return sorted(layer.name() for layer in layers if layer is not None)

    def hide(self) -> None:
        """Shut the layers."""
        if self._on:
            return
        self._on = True
        root = self._project.layerTreeRoot()
        self._take(root.findLayers())
        root.addedChildren.connect(self._on_added)
        root.visibilityChanged.connect(self._on_visibility)
        self._project.writeProject.connect(self._on_write)
        self._project.layersWillBeRemoved.connect(self._forget)
        self._project.cleared.connect(self._let_go)

    def restore(self) -> None:
        """Give every layer the state in which it was found."""
        if not self._on:
            return
        found = dict(self._found)
        self._let_go()
        with clean_project():
            for wanted in (False, True):  # in a group of which one layer shows, the one that did comes last
                for node, is_open in self._nodes(found):
                    if is_open is wanted:
                        node.setItemVisibilityChecked(is_open)

    def _let_go(self) -> None:
        """Hear nothing any more."""
        if self._on and not sip.isdeleted(self._project):
            root = self._project.layerTreeRoot()
            root.addedChildren.disconnect(self._on_added)
            root.visibilityChanged.disconnect(self._on_visibility)
            self._project.writeProject.disconnect(self._on_write)
            self._project.layersWillBeRemoved.disconnect(self._forget)
            self._project.cleared.disconnect(self._let_go)
        self._on, self._found = False, {}

    def _take(self, nodes: Sequence[QgsLayerTreeLayer]) -> None:
        fresh = [node for node in nodes if node.layer() is not None and node.layerId() not in self._found
                 and self._tells(node.layer())]
        for node in fresh:
            self._found.setdefault(node.layerId(), []).append(node.itemVisibilityChecked())
        self._shut(fresh)

    def _shut(self, nodes: Sequence[QgsLayerTreeNode]) -> None:
        self._switching = True
        with clean_project():
            for node in nodes:
                node.setItemVisibilityChecked(False)
        self._switching = False

    def _nodes(self, found: dict[str, list[bool]]) -> list[tuple[QgsLayerTreeLayer, bool]]:
        seen: dict[str, int] = {}
        pairs = []
        for node in self._project.layerTreeRoot().findLayers():
            states = found.get(node.layerId())
            if states:
                number = seen.get(node.layerId(), 0)
                seen[node.layerId()] = number + 1
                pairs.append((node, states[min(number, len(states) - 1)]))
        return pairs

    def _on_added(self, parent: QgsLayerTreeNode, first: int, last: int) -> None:
        nodes: list[QgsLayerTreeLayer] = []
        for node in parent.children()[first : last + 1]:
            nodes += node.findLayers() if isinstance(node, QgsLayerTreeGroup) else [node]
        again = [node for node in nodes if node.layerId() in self._found]  # moved: QGIS makes another node for it
        self._take(nodes)
        self._shut(again)

    def _on_visibility(self, node: QgsLayerTreeNode) -> None:
        if self._switching or not isinstance(node, QgsLayerTreeLayer):
            return
        if node.layerId() in self._found and node.itemVisibilityChecked():
            self._shut([node])
            self.kept.emit(node.name())

    def _on_write(self, document: QDomDocument) -> None:
        """The tree has been written into the document already, as it is: correct it there."""
        written = document.elementsByTagName("layer-tree-layer")
        seen: dict[str, int] = {}
        for index in range(written.count()):
            element = written.item(index).toElement()
            layer_id = element.attribute("id")
            states = self._found.get(layer_id)
            if states:
                number = seen.get(layer_id, 0)
                seen[layer_id] = number + 1
                is_open = states[min(number, len(states) - 1)]
                element.setAttribute("checked", "Qt::Checked" if is_open else "Qt::Unchecked")

    def _forget(self, layer_ids: Sequence[Any]) -> None:
        for layer_id in layer_ids:
            self._found.pop(layer_id, None)
