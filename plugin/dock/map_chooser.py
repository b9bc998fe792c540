"""Which class map a sample is drawn from and judges: one of the project's, the newest of ours first."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QSizePolicy, QWidget

from ..layers.live_layers import ROLE
from ..layers.metadata import PROVENANCE, tags_of
from ..layers.model_layers import PREVIEW
from ..translation import tr

OURS = ('"applyclassifier"', '"segmentraster"')


class MapChooser(QComboBox):
    """``chosen`` (a path, or None) when the user, or the project, has made it another."""

    chosen = pyqtSignal(object)

    def __init__(self, project: QgsProject, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._project = project
        self._wanted: Optional[Path] = None
        self._last: Optional[Path] = None
        self.setAccessibleName(tr("Class map"))
        self.setToolTip(tr("The class map that is judged: a raster of classes in the project"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(10)
        self.activated.connect(self._on_activated)
        self.refresh()

    @property
    def path(self) -> Optional[Path]:
        """The file of the map; None where the project has none."""
        found = self.currentData()
        return Path(found) if found else None

    def set_path(self, path: Optional[Path]) -> None:
        """Choose this map, in the project or not; None: the newest of ours."""
        self._wanted = path
        self.refresh()

    def pin(self) -> None:
        """Stay with the map that is chosen now, whatever maps come into the project later."""
        self._wanted = self.path

    def refresh(self) -> None:
        """Look again what the project has."""
        maps = class_maps(self._project)
        wanted = self._wanted
        if wanted is not None and wanted not in maps.values() and wanted.is_file():
            maps[wanted.name] = wanted
        self.clear()
        for name, path in maps.items():
            self.addItem(name, str(path))
        if wanted is not None and wanted not in maps.values():
            self.addItem(tr("{0}: not there any more").format(wanted.name), "")
            self.setCurrentIndex(self.count() - 1)
        elif not maps:
            self.addItem(tr("No class map in the project"), "")
        elif wanted is not None:
            self.setCurrentIndex(self.findData(str(wanted)))
        self.setEnabled(bool(maps))
        self._tell()

    def _on_activated(self, _: int) -> None:
        self._wanted = self.path
        self._tell()

    def _tell(self) -> None:
        if self.path != self._last:
            self._last = self.path
            self.chosen.emit(self.path)


def class_maps(project: QgsProject) -> dict[str, Path]:
    """Name → file of the project's rasters of classes: maps that were made here first, the newest before older ones."""
    found: list[tuple[bool, float, str, Path]] = []
    for layer in project.mapLayers().values():
        if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal" or layer.bandCount() != 1:
            continue
        path = Path(layer.source().split("|")[0]).absolute()
        if not path.is_file() or layer.customProperty(ROLE) == PREVIEW:
            continue
        tags = tags_of(path)
        named = any(tag.startswith("CLASS_") for tag in tags)
        kind = layer.renderer().type() if layer.renderer() is not None else ""
        if "SCORE_OF" in tags or not (named or kind == "paletted"):
            continue
        ours = any(one in tags.get(PROVENANCE, "")[:80] for one in OURS)
        found.append((not ours, -path.stat().st_mtime if ours else 0.0, layer.name(), path))
    maps: dict[str, Path] = {}
    for _, _, name, path in sorted(found):
        if path not in maps.values():
            maps[name if name not in maps else f"{name} ({path.name})"] = path
    return maps
