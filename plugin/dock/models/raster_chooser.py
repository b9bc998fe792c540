"""Which raster a model runs on: a layer of the project, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QSizePolicy, QWidget

from ...layers.live_layers import ROLE
from ...translation import tr


class RasterChooser(QComboBox):
    """``chosen`` (a path or GDAL source, "" for none) when the user, or the project, has made it another."""

    chosen = pyqtSignal(str)

    def __init__(self, project: QgsProject, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._project = project
        self._wanted = self._last = ""
        self.setAccessibleName(tr("Raster"))
        self.setToolTip(tr("The raster that the model runs on: a layer of the project, or a file dropped here"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(10)
        self.activated.connect(self._on_activated)
        self.refresh()

    @property
    def source(self) -> str:
        """What GDAL opens; "" where none is chosen."""
        return str(self.currentData() or "")

    def set_source(self, source: str) -> None:
        """Choose this one, in the project or not; "": the first of the project."""
        self._wanted = source
        self.refresh()

    def refresh(self) -> None:
        """Look again what the project has."""
        rasters = project_rasters(self._project)
        wanted = self._wanted
        if wanted and wanted not in rasters.values() and (Path(wanted).exists() or not Path(wanted).is_absolute()):
            rasters[_free(Path(wanted).name, rasters)] = wanted
        self.clear()
        for name, source in rasters.items():
            self.addItem(name, source)
        if wanted and wanted not in rasters.values():
            self.addItem(tr("{0}: not there any more").format(Path(wanted).name), "")
            self.setCurrentIndex(self.count() - 1)
        elif not rasters:
            self.addItem(tr("No raster in the project"), "")
        elif wanted:
            self.setCurrentIndex(self.findData(wanted))
        self.setEnabled(bool(rasters))
        self._tell()

    def _on_activated(self, _: int) -> None:
        self._wanted = self.source
        self._tell()

    def _tell(self) -> None:
        if self.source != self._last:
            self._last = self.source
            self.chosen.emit(self.source)


def project_rasters(project: QgsProject) -> dict[str, str]:
    """Name → source of the project's rasters on disk, in the order of the layer tree, those of several bands first:
    imagery has them, maps of classes do not. What the dock draws itself is left out."""
    nodes = project.layerTreeRoot().findLayers()
    ordered = [node.layer() for node in nodes if isinstance(node.layer(), QgsRasterLayer)]
    usable = [layer for layer in ordered if layer.providerType() == "gdal" and layer.isValid()
              and not layer.customProperty(ROLE)]
    found: dict[str, str] = {}
    for layer in sorted(usable, key=lambda one: one.bandCount() < 2):  # stable
        source = layer.source().split("|option:")[0]
        if source not in found.values():
            found[_free(layer.name(), found)] = source
    return found


def _free(name: str, taken: dict[str, str]) -> str:
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name} ({number})"
    return made
