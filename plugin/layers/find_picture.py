"""The picture of all candidates (heat map, threshold, outliers, …) as one raster layer, exchanged at every answer.

Pictures take turns over a few files: what QGIS is reading is never replaced under it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Optional

from qgis.core import QgsDataProvider, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QObject

from ..translation import tr
from .find_views import picture_renderer
from .live_layers import ROLE, Group, clean_project
from .score_views import TOP

PICTURE = "similarity"
SLOTS = 4
OPACITY = 0.75


class FindPicture(QObject):
    """``set_folder`` says where its files are; the threshold is symbology alone."""

    def __init__(self, project: QgsProject, group: Group, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._project, self._group = project, group
        self.folder: Optional[Path] = None
        self._slot = 0
        self._kept = False
        self._look: Optional[tuple[str, str, Optional[float]]] = None
        self._scale: Optional[tuple[float, float]] = None
        project.projectSaved.connect(self._keep)

    @property
    def layer(self) -> Optional[QgsRasterLayer]:
        """The layer, None while the project has none."""
        for layer in self._project.mapLayers().values():
            if isinstance(layer, QgsRasterLayer) and layer.customProperty(ROLE) == PICTURE:
                return layer
        return None

    def set_folder(self, folder: Optional[Path]) -> None:
        """Another store's: the old one's picture goes."""
        if folder != self.folder:
            self.forget()
            self.sweep()
            self.folder, self._kept = folder, bool(folder is not None and folder.exists())

    def next_file(self) -> Optional[Path]:
        """Where the next picture is to be written; None where that cannot be."""
        if self.folder is None:
            return None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        layer = self.layer
        shown = Path(layer.source()) if layer is not None else None
        while True:
            self._slot = (self._slot + 1) % SLOTS
            file = self.folder / f"similarity-{self._slot}.tif"
            if file != shown:
                return file

    def show(
        self, path: Optional[str], view: str, title: str, scale: Optional[tuple[float, float]],
        threshold: Optional[float],
    ) -> None:
        """Show a file, or none. ``scale``: the scores that are 0 and 254 in it."""
        self._scale = scale
        if path is None:
            self.forget()
            return
        layer = self.layer
        with clean_project():
            if layer is None:
                layer = QgsRasterLayer(path, title, "gdal")
                if not layer.isValid():
                    return
                layer.setCustomProperty(ROLE, PICTURE)
                self._project.addMapLayer(layer, False)
                self._group().insertLayer(self._place(), layer)
                self._look = None
            else:
                layer.setDataSource(path, title, "gdal", QgsDataProvider.ProviderOptions(), False)
            if layer.isValid():
                self._style(layer, view, threshold)
                layer.triggerRepaint()

    def set_threshold(self, threshold: float) -> None:
        """Move the threshold; nothing is computed."""
        layer = self.layer
        if layer is not None and layer.isValid() and self._look is not None:
            with clean_project():
                self._style(layer, self._look[1], threshold)
                layer.triggerRepaint()

    def forget(self) -> None:
        """Take the layer away."""
        self._look = None
        layer = self.layer
        if layer is not None:
            with clean_project():
                self._project.removeMapLayer(layer.id())

    def sweep(self) -> None:
        """Remove files that no layer shows, unless a saved project may ask for them."""
        if self.folder is None or self._kept or self._project.fileName():
            return
        shown = {Path(layer.source()) for layer in self._project.mapLayers().values()}
        for path in self.folder.glob("similarity-[0-9].tif*"):
            if path.with_name(path.name.split(".")[0] + ".tif") not in shown:
                with contextlib.suppress(OSError):
                    path.unlink()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def close(self) -> None:
        """Hear no more."""
        self._project.projectSaved.disconnect(self._keep)

    def _keep(self) -> None:
        self._kept = True

    def _place(self) -> int:
        roles = [child.layer().customProperty(ROLE) if hasattr(child, "layer") and child.layer() else None
                 for child in self._group().children()]
        above = ("labels", "aoi", "exemplars", "results", "hatching")
        return max((index + 1 for index, role in enumerate(roles) if role in above), default=0)

    def _style(self, layer: QgsRasterLayer, view: str, threshold: Optional[float]) -> None:
        cut = None
        if view == "threshold" and threshold is not None and self._scale is not None:
            low, high = self._scale
            cut = TOP * (threshold - low) / (high - low) if high != low else 0.0
        look = (layer.id(), view, cut)
        if look == self._look:
            return
        made = picture_renderer(layer.dataProvider(), view, cut, OPACITY)
        if layer.renderer() is not None:
            made.setOpacity(layer.renderer().opacity())
        layer.setRenderer(made)
        layer.emitStyleChanged()
        self._look = look


def title_of(view: str) -> str:
    """What the picture of a view is called."""
    return {
        "heat": tr("Similarity (heat map)"), "threshold": tr("Within the threshold"), "outlier": tr("Outliers"),
        "surprise": tr("Unlike its neighbours"), "gradient": tr("Edges of similarity"),
        "typical": tr("Similarity to the typical place"),
    }.get(view, tr("Similarity"))
