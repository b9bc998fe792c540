"""The dock: what its tabs share, and their life with project and canvas. What each does is in its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProject
from qgis.gui import QgsDockWidget, QgsMessageBarItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from ..backend.environment import backend_python
from ..backend.resident import Resident
from ..layers.live_layers import clean_project
from ..translation import tr
from .backend_panel import BackendPanel
from .find.find_tab import FindTab
from .folding import WIDTH, folding, scrolling
from .imagery_panel import ImageryPanel
from .label.label_tab import LabelTab
from .label.live_loop import LiveLoop
from .models.models_tab import ModelsTab
from .project_entry import ProjectEntry
from .session import Session
from .validate.validate_tab import ValidateTab

OBJECT_NAME = "BitscapeDock"
SECONDS = 6
"""How long words stay in the message bar."""


class BitscapeDock(QgsDockWidget):
    """One screen tall, on the right. ``close_session`` ends everything that runs."""

    def __init__(self, iface: Any) -> None:
        super().__init__(tr("Bitscape"), iface.mainWindow())
        self.setObjectName(OBJECT_NAME)
        self.iface = iface
        self.project = QgsProject.instance()
        self.session = Session(self.project, self)
        self.resident = Resident(backend_python, self)
        self.loop = LiveLoop(self.session, iface.mapCanvas(), self.resident, self)
        self._said: Optional[QgsMessageBarItem] = None
        self.backend = BackendPanel(self.resident, self)
        self.imagery = ImageryPanel(iface.mapCanvas(), self)
        self._imagery_box = folding(tr("Imagery"), self.imagery, False)
        self.label = LabelTab(self.session, self.loop, self.resident, self.imagery, iface)
        self.validate = ValidateTab(self.session, self.resident, self.imagery, iface)
        self.find = FindTab(self.session, self.resident, self.imagery, iface)
        self.models = ModelsTab(self.session, self.label.aoi, iface)
        self._lay_out()
        self._connect()
        self.restore()

    # Life

    def restore(self) -> None:
        """Take up the session of the project that is open, if it holds one."""
        entry = ProjectEntry.read(self.project)
        if entry is None:
            return
        with clean_project():
            self.imagery.from_json(entry.imagery)
            self.label.restore(entry)
            self.validate.restore(entry)
            self.find.restore(entry)
            self.models.restore(entry)
        if entry.tiles:
            self.loop.open_tiles(Path(entry.tiles))
        else:
            self.tabs.setCurrentIndex(1 if entry.sample else 2 if entry.store else 3)

    def remember(self, *_: Any) -> None:
        """Write the session into the project; QGIS asks when it saves one."""
        session, label, validation = self.session, self.label, self.validate.validation
        ProjectEntry(
            tiles=str(session.tiles.path) if session.tiles is not None else "",
            labels=session.labels.layer.id() if session.labels is not None else "",
            field=session.labels.field if session.labels is not None else "label",
            aoi=session.aoi.layer.id() if session.aoi is not None else "", limit=session.limit_to_aoi,
            view=label.view.view, threshold=label.charts.threshold, opacity=label.view.opacity,
            extrapolated=label.view.extrapolated, imagery=self.imagery.to_json(),
            sample=str(validation.sample.path) if validation.sample is not None else "",
            map=str(validation.map_path) if validation.sample is not None and validation.map_path is not None else "",
            interpreter=validation.interpreter if validation.sample is not None else "",
            store=self.find.search.store, find=self.find.search.question.to_json(),
            thumbnails=self.find.source.layer_id,
            **self.models.entry(),
        ).write(self.project)

    def start_anew(self) -> None:
        """Another project: forget the old one's session and take up the new one's."""
        self._cleared()
        self.restore()

    def close_session(self) -> None:
        """End everything: QGIS is closing, or the plugin is switched off."""
        self.project.writeProject.disconnect(self.remember)
        self.project.cleared.disconnect(self._cleared)
        self.project.readProject.disconnect(self._read)
        self.visibilityChanged.disconnect(self._on_visibility)
        self.models.close_tab()
        self.validate.close_tab()
        self.find.close_tab()
        self.label.close_tab()
        self.backend.close_checks()
        self.imagery.close_imagery()
        self.loop.close()
        self.resident.close()
        self.loop.sweep()
        self.session.close()

    # Inside

    def _lay_out(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.addTab(scrolling(self.label), tr("Label"))
        self._validating = scrolling(self.validate)
        self.tabs.addTab(self._validating, tr("Validate"))
        self.tabs.addTab(scrolling(self.find), tr("Find"))
        self._models = scrolling(self.models)
        self.tabs.addTab(self._models, tr("Models"))
        self.tabs.setTabToolTip(0, tr("Click, and the whole map answers"))
        self.tabs.setTabToolTip(1, tr("Interpret random points, and know how good the map is"))
        self.tabs.setTabToolTip(2, tr("Click a place, and find all that are like it"))
        inside = QWidget()
        inside.setMinimumWidth(WIDTH)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        above = QVBoxLayout()
        above.setContentsMargins(6, 6, 6, 0)
        above.addWidget(self.backend)
        column.addLayout(above)
        column.addWidget(self.tabs, 1)
        self.setWidget(inside)
        self._show_tab(0)

    def _connect(self) -> None:
        self.session.said.connect(self._say)
        self.tabs.currentChanged.connect(self._show_tab)
        self.validate.serving.toggled.connect(self.loop.set_paused)
        self.validate.serving.toggled.connect(lambda _: self._validating.ensureVisible(0, 0))
        self.visibilityChanged.connect(self._on_visibility)
        self.project.writeProject.connect(self.remember)
        self.project.cleared.connect(self._cleared)
        self.project.readProject.connect(self._read)

    def _show_tab(self, index: int) -> None:
        """One tab is left, and another gets the panels that they share."""
        tabs = (self.label, self.validate, self.find, self.models)
        for tab in tabs:
            if tab is not tabs[index]:
                tab.leave()
        shown = tabs[index]
        self.label.lend_areas(self.find.aoi_place if shown is self.find else self.label.aoi_place)
        if isinstance(shown, ModelsTab):
            return
        shown.imagery_place.addWidget(self._imagery_box)
        self.imagery.hint.setText((
            tr("Each label records the date of the imagery that was on screen."),
            tr("Each answer records the date of the imagery that was on screen."),
            tr("Thumbnails can show any of these."))[index])

    def _on_visibility(self, visible: bool) -> None:
        """A dock that is closed asks nothing more; one that lies behind another goes on."""
        if not visible and self.isHidden():
            self.validate.leave()

    def _say(self, text: str, level: int) -> None:
        """In the message bar, in the place of what was said before."""
        bar = self.iface.messageBar()
        if self._said is not None and not sip.isdeleted(self._said):
            bar.popWidget(self._said)
        self._said = QgsMessageBarItem("Bitscape", text, level, SECONDS)
        bar.pushItem(self._said)

    def _cleared(self) -> None:
        self.label.leave()
        self.validate.forget()
        self.find.forget()
        self.models.forget()
        self.session.forget()

    def _read(self, *_: Any) -> None:
        QTimer.singleShot(0, self.start_anew)
