"""The tab Models: a model, a raster, a preview of what is seen, a run over everything, and the use of its result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qgis.PyQt.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...backend.environment import backend_python
from ...backend.resident import Resident
from ...translation import tr
from ..aoi_panel import AoiPanel
from ..folding import folding
from ..project_entry import ProjectEntry
from ..session import Session
from .channel_table import ChannelTable
from .model_choice import ModelChoice
from .model_files import dropped_models, dropped_rasters
from .model_panel import ModelPanel
from .model_run_panel import ModelRunPanel
from .preview import Preview
from .preview_panel import PreviewPanel
from .provider_choice import ProviderChoice
from .raster_chooser import RasterChooser
from .results_use import ResultsUse


class ModelsTab(QWidget):
    """Puts the parts together. Models run in a backend process of their own: a click in the tab Label never waits for
    them, and one that is too large for this computer takes nothing else with it."""

    def __init__(self, session: Session, areas: AoiPanel, iface: Any, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._project = session.project
        self.resident = Resident(backend_python, self)
        self.choice = ModelChoice(self.resident, self)
        self.model = ModelPanel(self.choice)
        self.rasters = RasterChooser(self._project)
        self.channels = ChannelTable(self.choice)
        self.providers = ProviderChoice(self.choice)
        self.preview = Preview(self.choice, iface.mapCanvas(), self.resident, self._project, self)
        self.previews = PreviewPanel(self.preview, self.choice)
        self.run = ModelRunPanel(self.choice, session, self.preview, self.resident)
        self.use = ResultsUse(session, areas, self.resident)
        self.setAcceptDrops(True)
        self._lay_out()
        self.choice.said.connect(session.said)
        self.rasters.chosen.connect(self.choice.set_raster)
        self.run.made.connect(self._on_made)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(0)
        self._calm.timeout.connect(self.rasters.refresh)
        for signal in (self._project.layersAdded, self._project.layersRemoved):
            signal.connect(self._on_layers)
        self.choice.set_raster(self.rasters.source)

    # Life

    def leave(self) -> None:
        """Another tab is shown: nothing is previewed by itself."""
        self.previews.follow.setChecked(False)

    def forget(self) -> None:
        """The project is another one."""
        self.leave()
        self.preview.forget()
        self.use.forget()
        self.choice.forget()
        self._set_raster("")
        self.model.refresh()

    def restore(self, entry: ProjectEntry) -> None:
        """Take up what a project remembers; a preview that it holds lost its file with the session it was made in."""
        self.preview.layer.forget()
        if not entry.model:
            return
        if entry.raster:
            self._set_raster(entry.raster)
        self.choice.provider_chosen = entry.provider
        bands = [int(text) for text in entry.bands.split(",") if text.strip().isdigit()]
        self.choice.set_model(Path(entry.model), bands or None)
        self.model.refresh()

    def entry(self) -> dict[str, str]:
        """What the project is to remember."""
        choice = self.choice
        if choice.model is None:
            return {}
        bands = ",".join(str(band) for band in choice.bands) if choice.bands is not None else ""
        return {"model": str(choice.model), "raster": choice.raster, "bands": bands, "provider": choice.provider_chosen}

    def close_tab(self) -> None:
        """Before the dock goes: nothing runs any more, and no preview stays on the map."""
        for signal in (self._project.layersAdded, self._project.layersRemoved):
            signal.disconnect(self._on_layers)
        self._calm.stop()
        self.preview.close()
        self.choice.close()
        self.run.stop()
        self.use.stop()
        self.resident.close()

    # Dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_models(event.mimeData()) or dropped_rasters(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        models, rasters = dropped_models(event.mimeData()), dropped_rasters(event.mimeData())
        if models or rasters:
            event.acceptProposedAction()
        if models:
            self.model.take(models[0])
        if rasters:
            self.rasters.set_source(rasters[0])

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.model.refresh()
        self.rasters.refresh()

    # Inside

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addWidget(self.model)
        grid = QGridLayout()
        name = QLabel(tr("Raster"))
        name.setBuddy(self.rasters)
        self.file = QPushButton(tr("File…"))
        self.file.setToolTip(tr("A raster that is not in the project"))
        self.file.clicked.connect(lambda: self._choose_raster())
        for place, widget in enumerate((name, self.rasters, self.file)):
            grid.addWidget(widget, 0, place)
        grid.setColumnStretch(1, 1)
        column.addLayout(grid)
        column.addWidget(self.channels)
        column.addWidget(self.previews)
        column.addWidget(self.providers)
        column.addWidget(folding(tr("Run it"), self.run, False))
        column.addWidget(folding(tr("Use the result"), self.use, True))
        column.addStretch(1)

    def _set_raster(self, source: str) -> None:
        """Also where the chooser shows it already, and so has nothing to tell."""
        self.rasters.set_source(source)
        self.choice.set_raster(self.rasters.source)

    def _choose_raster(self) -> None:
        near = str(Path(self.choice.raster).parent) if self.choice.raster else ""
        kinds = tr("Rasters (*.tif *.tiff *.vrt *.jp2 *.img *.png *.jpg);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, tr("The raster that the model is to see"), near, kinds)
        if path:
            self.rasters.set_source(path)

    def _on_layers(self, *_: Any) -> None:
        """Once the layer tree has them too."""
        if self.isVisible():
            self._calm.start()

    def _on_made(self, results: Mapping[str, str]) -> None:
        """The map that was just made is the one to be used."""
        made, confidence = results.get("OUTPUT"), results.get("CONFIDENCE")
        if made and Path(made).suffix.lower() in (".tif", ".tiff"):
            self.use.show_map(Path(made), Path(confidence) if confidence else None)
