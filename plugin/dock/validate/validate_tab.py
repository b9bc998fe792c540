"""The tab Validate: a sample, its points one after another, agreement of interpreters, and the map's assessment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsMimeDataUtils
from qgis.PyQt.QtCore import QMimeData
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qgis.PyQt.QtWidgets import QVBoxLayout, QWidget

from ...backend.resident import Resident
from ...translation import tr
from ..folding import folding
from ..imagery_panel import ImageryPanel
from ..project_entry import ProjectEntry
from ..session import Session
from ..telling import INFO
from .agreement_panel import AgreementPanel
from .answer_pad import AnswerPad
from .assess_panel import AssessPanel
from .sample_panel import SamplePanel
from .serving import Serving
from .validation import Validation


class ValidateTab(QWidget):
    """Puts the parts together. ``imagery_place`` takes the panel that tabs share."""

    def __init__(
        self, session: Session, resident: Resident, imagery: ImageryPanel, iface: Any, parent: Optional[QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._project, self._imagery = session.project, imagery
        self.validation = Validation(self)
        self.serving = Serving(self.validation, session, imagery, iface, self)
        self.sample = SamplePanel(self.validation, session.project)
        self.pad = AnswerPad(self.validation, self.serving)
        self.agreement = AgreementPanel(self.validation, resident)
        self.assess = AssessPanel(self.validation, session.project)
        self.imagery_place = QVBoxLayout()
        self.setAcceptDrops(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addWidget(self.sample)
        column.addWidget(self.pad)
        column.addLayout(self.imagery_place)
        self._agreement_box = folding(tr("Agreement of interpreters"), self.agreement, True)
        column.addWidget(self._agreement_box)
        column.addWidget(folding(tr("Assess the map"), self.assess, False))
        column.addStretch(1)
        self.agreement.conflict_chosen.connect(self.settle)
        self.serving.toggled.connect(self.sample.set_serving)
        self.validation.said.connect(session.said)
        self.validation.sample_changed.connect(self._on_sample)
        for signal in (self._project.layersAdded, self._project.layersRemoved):
            signal.connect(self._on_layers)

    def settle(self, number: int) -> None:
        """Fly to a conflict; the next answer is what was agreed."""
        if self.serving.start():
            self.validation.settle(number)
            self.serving.take_keys()
            self.validation.said.emit(
                tr("Point {0}: choose what you agreed on. That answer counts for all.").format(number), INFO)

    def leave(self) -> None:
        """The tab is left, or the dock closed."""
        self.serving.stop()

    def forget(self) -> None:
        """The project is another one. Files stay as they are."""
        self.serving.stop()
        self.validation.close()
        self.sample.maps.set_path(None)

    def restore(self, entry: ProjectEntry) -> None:
        """Take up what a project remembers."""
        if entry.map:
            self.sample.maps.set_path(Path(entry.map))
        self.validation.recall(entry.interpreter)
        if entry.sample:
            self.validation.open(Path(entry.sample))

    def close_tab(self) -> None:
        """Before the dock goes: nothing runs any more, and nothing stays on the canvas."""
        for signal in (self._project.layersAdded, self._project.layersRemoved):
            signal.disconnect(self._on_layers)
        self.sample.stop()
        self.assess.stop()
        self.agreement.stop()
        self.serving.close()
        self.validation.close()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.sample.maps.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_samples(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = dropped_samples(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.sample.take(paths[0])

    def _on_sample(self) -> None:
        """Propose imagery, where none is chosen yet, and show how far the interpreters are, where there are several."""
        sample = self.validation.sample
        if sample is not None and not self._imagery.dates.imagery:
            self._imagery.find()
        if sample is not None and len(sample.interpreters) > 1:
            self._agreement_box.setCollapsed(False)

    def _on_layers(self, *_: Any) -> None:
        if self.isVisible():
            self.sample.maps.refresh()


def dropped_samples(data: QMimeData) -> list[Path]:
    """The GeoPackages in what is dropped, from a file manager or from QGIS's own browser."""
    found = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    if not found and QgsMimeDataUtils.isUriList(data):
        uris = QgsMimeDataUtils.decodeUriList(data)
        found = [Path(uri.uri.split("|")[0]) for uri in uris if uri.layerType == "vector"]
    return [path for path in found if path.suffix.lower() == ".gpkg" and path.is_file()]
