"""Which imagery thumbnails show: what the map shows, or one of the dated imageries that the dock knows."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QSizePolicy, QWidget

from ...canvas.imagery import IMAGERY_RENDERERS
from ...layers.live_layers import ROLE
from ...translation import tr
from ..imagery_panel import ImageryPanel

AS_MAP = ""


class ThumbnailSource(QComboBox):
    """``changed``: other imagery, so that pictures are old."""

    changed = pyqtSignal()

    def __init__(
        self, imagery: ImageryPanel, canvas: QgsMapCanvas, project: QgsProject, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._imagery, self._canvas, self._project = imagery, canvas, project
        self._last: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(tr("The imagery that the thumbnails show; dates are chosen under Imagery"))
        self.setAccessibleName(self.toolTip())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.installEventFilter(self)
        self.activated.connect(lambda _: self._tell())
        imagery.imageryChanged.connect(self.refresh)
        imagery.dateChanged.connect(lambda _: self._tell())
        canvas.layersChanged.connect(self._tell)
        self.refresh()

    @property
    def layer_id(self) -> str:
        """The chosen layer; "": as the map."""
        return str(self.currentData() or AS_MAP)

    @property
    def date(self) -> str:
        """The date of what thumbnails show; "" if it is not known."""
        if self.layer_id == AS_MAP:
            return self._imagery.current_date
        return next((one.date for one in self._imagery.dates.imagery if one.layer_id == self.layer_id), "")

    def choose(self, layer_id: str) -> None:
        """Choose imagery; what is not there is the map's."""
        self.setCurrentIndex(max(0, self.findData(layer_id)))
        self._tell()

    def layers(self) -> list[QgsMapLayer]:
        """What is drawn."""
        chosen = self._project.mapLayer(self.layer_id) if self.layer_id else None
        if chosen is not None:
            return [chosen]
        return [layer for layer in self._canvas.layers() if not sip.isdeleted(layer) and _is_imagery(layer)]

    def refresh(self) -> None:
        """Look again which imagery there is."""
        kept = self.layer_id
        self.blockSignals(True)
        self.clear()
        self.addItem(tr("Imagery as on the map"), AS_MAP)
        for one in self._imagery.dates.imagery:
            layer = self._project.mapLayer(one.layer_id)
            if layer is not None:
                self.addItem(f"{one.date} · {layer.name()}" if one.date else layer.name(), one.layer_id)
        self.setCurrentIndex(max(0, self.findData(kept)))
        self.blockSignals(False)
        self._tell()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the dock, unless this was clicked first."""
        if event.type() == QEvent.Type.Wheel and not self.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    def close_source(self) -> None:
        """Hear no more."""
        self._canvas.layersChanged.disconnect(self._tell)

    def _tell(self, *_: Any) -> None:
        shown = [layer.id() for layer in self.layers()]
        if shown != self._last:
            self._last = shown
            self.changed.emit()


def _is_imagery(layer: QgsMapLayer) -> bool:
    """Pictures and maps of the ground, no answers of ours."""
    if layer.customProperty(ROLE) is not None or not isinstance(layer, QgsRasterLayer) or layer.renderer() is None:
        return False
    return layer.providerType() != "gdal" or layer.renderer().type() in IMAGERY_RENDERERS
