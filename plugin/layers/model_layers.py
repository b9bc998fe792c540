"""Where results of models lie in the layer tree, and the layer of the preview, whose picture is a temporary file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from qgis.core import (
    QgsDataProvider,
    QgsLayerTreeGroup,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
)

from ..translation import tr
from .live_layers import ROLE, clean_project

GROUP = "bitscape/models"
RESULTS, PREVIEW = "results", "preview"
SKIP = "skipMemoryLayersCheck"
"""QGIS asks before it drops temporary layers; not for those with this property."""
SLOTS = 3
ENDINGS = (".tif", ".tif.aux.xml", ".qml", ".qmd", ".gpkg")


def results_group(project: QgsProject) -> QgsLayerTreeGroup:
    """The group of what models made; made where there is none."""
    return _group(project, RESULTS, tr("Model results"))


class PreviewLayer:
    """One layer that shows the newest preview. Each is written to the next of three files, so that what QGIS is reading
    is never replaced; ``forget`` takes layer, group and files away."""

    def __init__(self, project: QgsProject) -> None:
        self._project = project
        self._folder: Optional[Path] = None
        self._slot = 0

    @property
    def layer(self) -> Optional[QgsRasterLayer]:
        """The layer, where there is one."""
        return next((layer for layer in self._project.mapLayers().values() if layer.customProperty(ROLE) == PREVIEW),
                    None)

    def next_file(self) -> Path:
        """Where the next preview is to be written. Raises OSError where there is no temporary folder."""
        if self._folder is None or not self._folder.is_dir():
            self._folder = Path(QgsProcessingUtils.generateTempFilename("preview"))
            self._folder.mkdir(parents=True)
        shown = Path(self.layer.source()) if self.layer is not None else None
        self._slot = (self._slot + 1) % SLOTS
        path = self._folder / f"preview-{self._slot}.tif"
        if path == shown:
            return self.next_file()
        self._unlink(path)
        return path

    def show(self, path: Path, name: str) -> Optional[QgsRasterLayer]:
        """Show a picture, with the style beside it; None where it cannot be read. An opacity that the user gave it, and
        where they moved it in the layer tree, stay."""
        layer = self.layer
        with clean_project():
            if layer is not None and not layer.isValid():
                self._project.removeMapLayer(layer.id())
                layer = None
            if layer is None:
                layer = QgsRasterLayer(str(path), name, "gdal")
                if not layer.isValid():
                    return None
                layer.setCustomProperty(ROLE, PREVIEW)
                layer.setCustomProperty(SKIP, 1)
                layer.loadDefaultStyle()
                self._project.addMapLayer(layer, False)
                _group(self._project, PREVIEW, tr("Model preview (temporary)")).insertLayer(0, layer)
            else:
                opacity = layer.renderer().opacity() if layer.renderer() is not None else None
                layer.setDataSource(str(path), name, "gdal", QgsDataProvider.ProviderOptions(), False)
                if not layer.isValid():
                    return None
                layer.loadDefaultStyle()
                if opacity is not None and layer.renderer() is not None:
                    layer.renderer().setOpacity(opacity)
                layer.emitStyleChanged()
        layer.triggerRepaint()
        return layer

    def forget(self) -> None:
        """Take away what is shown, and the files."""
        with clean_project():
            for layer in [one for one in self._project.mapLayers().values() if one.customProperty(ROLE) == PREVIEW]:
                self._project.removeMapLayer(layer.id())
            for group in _groups(self._project, PREVIEW):
                if not group.children():
                    group.parent().removeChildNode(group)
        if self._folder is not None:
            for slot in range(SLOTS):
                self._unlink(self._folder / f"preview-{slot}.tif")
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    @staticmethod
    def _unlink(path: Path) -> None:
        for ending in ENDINGS:
            other = path.with_name(f"{path.stem}{ending}")
            with contextlib.suppress(OSError):
                other.unlink()


def _group(project: QgsProject, kind: str, title: str) -> QgsLayerTreeGroup:
    found = _groups(project, kind)
    if found:
        return found[0]
    made = project.layerTreeRoot().insertGroup(0, title)
    made.setCustomProperty(GROUP, kind)
    return made


def _groups(project: QgsProject, kind: str) -> Sequence[QgsLayerTreeGroup]:
    return [node for node in project.layerTreeRoot().findGroups(True) if node.customProperty(GROUP) == kind]
