"""The data one works on: tiles are opened or dropped, or built from dropped rasters, or the sample is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsMimeDataUtils
from qgis.PyQt.QtCore import QMimeData
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from ....processing.errors import BitscapeError, InputError
from ...translation import tr
from ..background import BackgroundRun, Step, load_rasters
from ..run_status import RunStatus, failed
from ..session import WARNING, Session
from ..text import wrapped
from . import build_plan
from .build_form import BuildForm
from .build_plan import BuildPlan, is_tiles
from .sample import Sample

SHORTEST = 10.0
"""Seconds from which a build tells how fast this computer is."""


class DataPanel(QWidget):
    """What is loaded, and the ways to load something. ``open_tiles`` is asked to open a file of tiles; when the session
    has it, or says why not, the panel does too."""

    def __init__(self, session: Session, open_tiles: Callable[[Path], None], parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._session, self._open = session, open_tiles
        self._loading: Optional[Path] = None
        self.setAcceptDrops(True)
        self.state = wrapped(rich=True)
        self.form = BuildForm()
        self.form.wanted.connect(self.build)
        self.form.dismissed.connect(self._dismiss)
        self.form.hide()
        self.status = RunStatus()
        self.status.changed.connect(self._say)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.state)
        layout.addLayout(self._add_buttons())
        layout.addWidget(self.form)
        layout.addWidget(self.status)
        session.tiles_changed.connect(self._on_tiles)
        session.said.connect(self._on_said)
        self._say()

    # What it is asked ------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Optional[BackgroundRun]:
        """The run that goes on, None if there is none."""
        return self.status.run

    def take(self, paths: Sequence[Path]) -> None:
        """What was dropped or chosen: one file of tiles is opened; rasters go into the form for building."""
        paths = [path for path in dict.fromkeys(paths) if not path.name.endswith(".basis.json")]
        if not paths:
            return
        if self.run is not None:
            self._fail(tr("Wait for the run to end, or cancel it, before you drop something."))
            return
        try:
            tiles = [path for path in paths if is_tiles(path)]
            if tiles and len(paths) == 1:
                self.open(tiles[0])
                return
            self._check(paths, tiles)
        except BitscapeError as error:
            self._fail(error.message)
            return
        self.status.hide()
        self.form.show()
        self.form.add(paths)
        self._say()

    def open(self, path: Path) -> None:
        """Open tiles."""
        self._dismiss()
        self.status.hide()
        self._loading = path
        self._say()
        self._open(path)

    def open_sample(self, sample: Optional[Sample] = None) -> None:
        """Open the sample; make it where it is not there yet. Nothing while a run goes on."""
        if self.run is not None:
            return
        sample = sample or Sample.default()
        if sample.is_built:
            self._show_sample(sample)
            return
        self._start(sample.steps(self._session.project), sample.made, False, lambda _: self._show_sample(sample))

    def build(self, plan: BuildPlan) -> None:
        """Build tiles, and then open them; nothing while a run goes on."""
        if self.run is not None:
            return
        there = build_plan.taken(plan.tiles)
        if there:
            self._fail(tr("{0} exists already; nothing is overwritten.").format(there[0].name))
            return
        header = self.form.headers[0] if self.form.headers else None

        def finish(results: Mapping[str, Any]) -> None:
            if header is not None and self.status.seconds >= SHORTEST:
                stated = plan.seconds(header.width * header.height, header.bands)
                self.form.speed = stated / self.status.seconds
            self.form.clear()
            self.open(plan.tiles)
            if found := build_plan.compared(results):
                self.status.end(found)

        self._start(plan.steps(self._session.project), plan.outputs, True, finish)

    def show_failure(self, message: str) -> None:
        """What was to be opened could not be, and why: the backend has failed."""
        self._loading = None
        self._fail(message)

    def stop(self) -> None:
        """Before the dock goes: cancel, and wait for the end."""
        self.form.clear()
        self.status.close_run()

    # Dropping --------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = dropped_files(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.take(paths)

    # Inside ----------------------------------------------------------------------------------------------------------

    def _add_buttons(self) -> QHBoxLayout:
        self.tiles = QPushButton(tr("Open tiles…"))
        self.tiles.setToolTip(tr("Embedding tiles (.tif with its .basis.json), or rasters to build them from"))
        self.tiles.clicked.connect(self._choose_tiles)
        self.sample = QToolButton()
        self.sample.setText(tr("Open the sample"))
        self.sample.setToolTip(tr("An invented landscape of two years, to try everything on; made once, 170 MB"))
        self.sample.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.sample.clicked.connect(lambda: self.open_sample())
        menu = QMenu(self.sample)
        menu.addAction(tr("In a folder…"), self._choose_folder)
        self.sample.setMenu(menu)
        row = QHBoxLayout()
        row.addWidget(self.tiles)
        row.addWidget(self.sample)
        row.addStretch(1)
        return row

    def _choose_tiles(self) -> None:
        tiles = self._session.tiles
        folder = str(tiles.path.parent) if tiles is not None else ""
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Open embedding tiles"), folder, "GeoTIFF (*.tif *.tiff)")
        self.take([Path(path) for path in paths])

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Where the sample goes"))
        if folder:
            self.open_sample(Sample(Path(folder) / "bitscape_sample"))

    def _check(self, paths: Sequence[Path], tiles: Sequence[Path]) -> None:
        """Raise InputError for what can neither be opened nor built from."""
        if tiles:
            names = ", ".join(path.name for path in tiles)
            raise InputError(tr("{0}: tiles are opened one at a time, and none are built from tiles.").format(names))
        folder = next((path for path in paths if path.is_dir()), None)
        if folder is not None:
            raise InputError(tr("{0} is a folder. Drop the rasters in it.").format(folder.name))
        vector = next((path for path in paths if path.suffix.lower() in (".gpkg", ".geojson", ".json", ".shp")), None)
        if vector is not None:
            raise InputError(tr("{0} is no raster. Drop embedding tiles, or embedding rasters of two dates.").format(
                vector.name))

    def _dismiss(self) -> None:
        self.form.hide()
        self.form.clear()
        self._say()

    def _start(
        self, steps: list[Step], made: list[Path], loads: bool, then: Callable[[Mapping[str, Any]], None]
    ) -> None:
        group = self._session.group if loads else None
        run = BackgroundRun(steps, self._session.project, group, made)
        self.status.start(run, lambda results, closed: self._on_finished(then, results, closed),
                          tr("Cancelled; nothing was left behind."))

    def _on_finished(
        self, then: Callable[[Mapping[str, Any]], None], results: Mapping[str, Any], closed: bool
    ) -> None:
        if closed:
            self._dismiss()
            self.status.end(tr("The project was closed meanwhile. What was made is on the disk: open the tiles."))
        else:
            then(results)

    def _show_sample(self, sample: Sample) -> None:
        load_rasters(sample.shown, self._session.project, self._session.group())
        self.open(sample.plan.tiles)

    def _on_tiles(self) -> None:
        self._loading = None
        self._say()

    def _on_said(self, text: str, level: int) -> None:
        if self._loading is not None and level == WARNING:
            self.show_failure(text)

    def _fail(self, message: str) -> None:
        if self.run is not None:  # its progress stays in sight
            self._session.said.emit(message, WARNING)
            return
        self.status.end(failed(message))
        self._say()

    def _say(self) -> None:
        tiles = self._session.tiles
        if self._loading is not None:
            text = tr("Opening {0}…").format(escape(self._loading.name))
        elif tiles is None:
            text = tr("Nothing loaded. Drop embedding tiles or two embedding rasters here, or open the sample.")
        else:
            attributions = "".join(f"<br><small>{escape(one)}</small>" for one in tiles.attributions)
            text = f"<b>{escape(tiles.path.name)}</b><br>{escape(tiles.sentence())}.{attributions}"
        self.state.setText(text)
        idle = self.run is None
        self.form.setVisible(idle and bool(self.form.headers or self.form.is_reading))
        for widget in (self.tiles, self.sample):
            widget.setEnabled(idle)


def dropped_files(data: QMimeData) -> list[Path]:
    """The files in what is dropped, from a file manager or from QGIS's own browser."""
    found = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    if not found and QgsMimeDataUtils.isUriList(data):
        uris = QgsMimeDataUtils.decodeUriList(data)
        found = [Path(uri.uri.split("|")[0]) for uri in uris if uri.layerType == "raster"]
    return [path for path in found if path.exists()]
