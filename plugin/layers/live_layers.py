"""The live answer as two normal raster layers, score and hatching, drawn anew at every click.

Each answer is written to the next of a few files beside the labels: what QGIS is reading is never replaced under it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsDataProvider, QgsLayerTreeGroup, QgsProject, QgsRasterLayer
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject

from ..translation import tr
from .class_table import ClassTable
from .score_views import SCORE, hatching_renderer, renderer

SLOTS = 4
ROLE, STYLED = "bitscape/role", "bitscape/styled"
OPACITY = 0.75

Group = Callable[[], QgsLayerTreeGroup]


class LiveLayers(QObject):
    """The two layers, in the group that ``group`` gives when one is needed. Their look is symbology only."""

    def __init__(self, folder: Path, group: Group, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self._group = group
        self._kept = folder.exists()
        QgsProject.instance().projectSaved.connect(self._keep)
        self._slot = 0
        self.view, self.threshold, self.opacity = SCORE, 0.5, OPACITY
        self._look: Optional[tuple[Any, ...]] = None
        self._names: Sequence[str] = ()
        self._shown = ""
        self._table = ClassTable.change_detection()
        self._title = tr("Score")

    def next_files(self) -> tuple[Path, Path]:
        """Where the next answer is to be written: score and hatching. Raises OSError if the folder cannot be made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shown = {Path(layer.source()) for role in ("score", "hatching") if (layer := self.layer(role)) is not None}
        while True:
            self._slot = (self._slot + 1) % SLOTS  # two layers show two of the four at most
            files = self.folder / f"score-{self._slot}.tif", self.folder / f"hatching-{self._slot}.tif"
            if shown.isdisjoint(files):
                return files

    def show(
        self, score: Optional[str], hatching: Optional[str], names: Sequence[str], shown: str, table: ClassTable,
        title: str,
    ) -> list[QgsRasterLayer]:
        """Show files as the answer; None leaves no answer. The layers that will be repainted."""
        self._names, self._shown, self._table, self._title = names, shown, table, title
        repainted = []
        if hatching is not None:
            layer = self._put("hatching", hatching, tr("Unknown and extrapolated (hatched)"))
            if layer is not None:
                if layer.customProperty(STYLED) is None:
                    layer.setRenderer(hatching_renderer(layer.dataProvider()))
                    layer.setCustomProperty(STYLED, "1")
                repainted.append(layer)
        if score is None:
            self.forget_score()
        else:
            layer = self._put("score", score, title)
            if layer is not None:
                self._style(layer)
                repainted.append(layer)
        for layer in repainted:
            layer.triggerRepaint()
        return repainted

    def set_look(self, view: str, threshold: float, opacity: float) -> None:
        """Another look at the same answer; nothing is computed."""
        self.view, self.threshold, self.opacity = view, threshold, opacity
        layer = self.layer("score")
        if layer is not None and self._names:
            self._style(layer)
            layer.triggerRepaint()

    def forget_score(self) -> None:
        """Take the score away: there is no model (any more)."""
        self._look = None
        self._remove("score")

    def forget(self) -> None:
        """Take both layers away, and their pictures: the tiles are others."""
        self.forget_score()
        self._remove("hatching")
        self.sweep()

    def layer(self, role: str) -> Optional[QgsRasterLayer]:
        """The project's layer of a role, "score" or "hatching", that belongs to this folder."""
        for layer in QgsProject.instance().mapLayers().values():
            if layer.customProperty(ROLE) == role and Path(layer.source()).parent == self.folder:
                return layer
        return None

    def sweep(self) -> None:
        """Remove files that no layer shows, unless a saved project may: it would ask for them when it is opened."""
        if self._kept or QgsProject.instance().fileName():
            return
        shown = {Path(layer.source()) for layer in QgsProject.instance().mapLayers().values()}
        for path in self.folder.glob("*-[0-9].tif*"):  # with .aux.xml
            if path.with_name(path.name.split(".")[0] + ".tif") not in shown:
                with contextlib.suppress(OSError):
                    path.unlink()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _keep(self) -> None:
        """A saved project will look for the pictures, also after it was closed and its name forgotten."""
        self._kept = True

    def _remove(self, role: str) -> None:
        layer = self.layer(role)
        if layer is not None:
            with clean_project():
                QgsProject.instance().removeMapLayer(layer.id())

    def _put(self, role: str, path: str, name: str) -> Optional[QgsRasterLayer]:
        """The layer of a role with another file as its source; made where there is none."""
        layer = self.layer(role)
        if layer is not None:
            with clean_project():
                if not layer.isValid():  # a project whose live pictures were deleted: how they looked is lost with them
                    layer.removeCustomProperty(STYLED)
                    self._look = None if role == "score" else self._look
                layer.setDataSource(path, name, "gdal", QgsDataProvider.ProviderOptions(), False)
            return layer if layer.isValid() else None
        made = QgsRasterLayer(path, name, "gdal")
        if not made.isValid():
            return None
        made.setCustomProperty(ROLE, role)
        self._look = None if role == "score" else self._look
        QgsProject.instance().addMapLayer(made, False)
        position = 0 if role == "hatching" else self._place_of_score()
        self._group().insertLayer(position, made)
        return made

    def _place_of_score(self) -> int:
        """Below the labels and the hatching, above everything else of the group."""
        roles = [child.layer().customProperty(ROLE) if hasattr(child, "layer") and child.layer() else None
                 for child in self._group().children()]
        return max((place + 1 for place, role in enumerate(roles) if role in ("labels", "aoi", "hatching")), default=0)

    def _style(self, layer: QgsRasterLayer) -> None:
        """Set the renderer where the look has changed; what the user changed by hand stays until then."""
        look = (layer.id(), self.view, self.threshold if self.view == "classes" else None, tuple(self._names),
                self._shown, self._table, self.opacity)
        if look != self._look:
            made = renderer(
                self.view, layer.dataProvider(), self._table, self._names, self._shown, self.threshold, self.opacity)
            if layer.renderer() is not None:
                made.setOpacity(layer.renderer().opacity())
            layer.setRenderer(made)
            layer.emitStyleChanged()
            self._look = look


@contextlib.contextmanager
def clean_project() -> Any:
    """What the program does by itself is no unsaved change of the user's."""
    project = QgsProject.instance()
    dirty = project.isDirty()
    try:
        yield
    finally:
        if not dirty and not sip.isdeleted(project):
            project.setDirty(False)
