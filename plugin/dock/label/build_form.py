"""The form for building tiles from embedding rasters: which, of what dates, what is seen in them, and what it costs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsApplication
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QResizeEvent
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...translation import tr
from ..run_status import duration, failed, size
from ..text import wrapped
from . import build_plan
from .build_plan import BuildPlan
from .raster_headers import HeaderReader, RasterHeader

RASTERS = "GeoTIFF (*.tif *.tiff);;{}"


class BuildForm(QWidget):
    """``wanted`` (a BuildPlan): the user agreed to it. ``dismissed``: not now."""

    wanted = pyqtSignal(object)
    dismissed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.speed = 1.0
        """Of this computer against the stated rates, from the last build."""
        self._rows: list[_Row] = []
        self._reader: Optional[HeaderReader] = None
        self._pending: list[Path] = []
        self._named = False
        self._build()

    # What it is asked ------------------------------------------------------------------------------------------------

    @property
    def headers(self) -> list[RasterHeader]:
        """The rasters, in the order of their dates."""
        return [row.header for row in self._rows]

    @property
    def dates(self) -> list[str]:
        """The names of their dates."""
        return [row.date.text().strip() for row in self._rows]

    @property
    def is_reading(self) -> bool:
        """Whether rasters are being looked at."""
        return bool(self._pending)

    def add(self, paths: Sequence[Path]) -> None:
        """Look at more rasters; they are listed when their headers have been read."""
        known = {row.header.path for row in self._rows} | set(self._pending)
        fresh = [path for path in dict.fromkeys(path.absolute() for path in paths) if path not in known]
        if fresh:
            self._pending += fresh
            self._read()

    def clear(self) -> None:
        """Forget all rasters."""
        if self._reader is not None:
            self._reader.found.disconnect(self._on_found)
            self._reader = None
        self._pending = []
        for row in self._rows:
            self._list.removeWidget(row)
            row.deleteLater()
        self._rows = []
        self._named = False
        self.reference.setFilePath("")
        self.warp.setChecked(False)
        self._refresh()

    def plan(self) -> Optional[BuildPlan]:
        """What would be built; None as long as something hinders it."""
        return None if not self._rows or self._hindrance() else self._plan()

    # Building --------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        self.seen, self.cost = wrapped(rich=True), wrapped(rich=True)
        self.more = QPushButton(tr("Add a raster…"))
        self.more.setToolTip(tr("One raster for each date"))
        self.more.clicked.connect(self._choose)
        self.magnitude = QCheckBox(tr("Also the change magnitude"))
        self.magnitude.setChecked(True)
        self.magnitude.setToolTip(tr("How different first and last date are: the picture before the first click"))
        self.reference = QgsFileWidget()
        self.reference.setStorageMode(QgsFileWidget.StorageMode.GetMultipleFiles)
        self.reference.setFilter(RASTERS.format(tr("All files (*)")))
        self.reference.lineEdit().setPlaceholderText(tr("none"))
        self.reference.lineEdit().setAccessibleName(tr("A year without change"))
        self.reference.setToolTip(tr(
            "Optional: a raster of another year that is compared with the nearest date above, or two that are compared "
            "with each other. Between them nothing should have changed: what differs there is weather."))
        self._of_reference = QLabel(tr("Year without change"))
        self.warp = QCheckBox(tr("Warp later dates onto the first"))
        self.warp.setToolTip(tr("The rasters lie on different grids: the nearest pixel is taken"))
        self.target = QgsFileWidget()
        self.target.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.target.setConfirmOverwrite(False)  # what is there is never overwritten: no use in asking
        self.target.setFilter("GeoTIFF (*.tif)")
        self.target.lineEdit().setAccessibleName(tr("Tiles"))
        self.target.lineEdit().textEdited.connect(self._on_named)
        self.start = QPushButton(tr("Build"))
        self.start.setToolTip(tr("Build embedding tiles from these rasters"))
        self.start.clicked.connect(self._on_start)
        self.leave = QPushButton(tr("Not now"))
        self.leave.clicked.connect(self.dismissed)
        for signal in (self.magnitude.toggled, self.reference.fileChanged, self.warp.toggled, self.target.fileChanged):
            signal.connect(self._refresh)
        grid = QGridLayout()
        grid.addWidget(self._of_reference, 0, 0)
        grid.addWidget(self.reference, 0, 1)
        grid.addWidget(QLabel(tr("Tiles")), 1, 0)
        grid.addWidget(self.target, 1, 1)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.leave)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._list)
        layout.addWidget(self.more, alignment=Qt.AlignmentFlag.AlignLeft)
        for widget in (self.seen, self.warp, self.magnitude):
            layout.addWidget(widget)
        layout.addLayout(grid)
        layout.addWidget(self.cost)
        layout.addLayout(buttons)

    # What happens ----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self._reader is None and self._pending:
            self._reader = HeaderReader(self._pending)
            self._reader.found.connect(self._on_found)
            QgsApplication.taskManager().addTask(self._reader)
        self._refresh()

    def _on_found(self, headers: list[RasterHeader]) -> None:
        self._reader = None
        done = {header.path for header in headers}
        self._pending = [path for path in self._pending if path not in done]
        for header in headers:
            row = _Row(header)
            row.edited.connect(self._sort)
            row.removed.connect(lambda row=row: self._remove(row))
            self._rows.append(row)
        self._sort()
        self._read()

    def _remove(self, row: _Row) -> None:
        self._rows.remove(row)
        self._list.removeWidget(row)
        row.deleteLater()
        self._sort()

    def _sort(self) -> None:
        """Earliest first; those without a date last, as they came."""
        for row in self._rows:
            self._list.removeWidget(row)
        self._rows.sort(key=lambda row: (not row.date.text().strip(), row.date.text().strip()))
        for row in self._rows:
            self._list.addWidget(row)
        if self._rows and not self._named and not self._without_date():
            self.target.setFilePath(str(build_plan.free_tiles([one.path for one in self.headers], self.dates)))
        self._refresh()

    def _on_named(self, text: str) -> None:
        self._named = bool(text.strip())

    def _on_start(self) -> None:
        plan = self.plan()
        if plan is not None:
            self.wanted.emit(plan)

    def _choose(self) -> None:
        folder = str(self._rows[0].header.path.parent) if self._rows else ""
        kinds = RASTERS.format(tr("All files (*)"))
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Add embedding rasters"), folder, kinds)
        self.add([Path(path) for path in paths])

    def _plan(self) -> BuildPlan:
        headers, dates, tiles = self.headers, self.dates, self._tiles()
        compared = self.magnitude.isChecked() and len(headers) > 1
        chosen = [Path(path) for path in QgsFileWidget.splitFilePaths(self.reference.filePath()) if path]
        return BuildPlan(
            tuple(one.path for one in headers), tuple(dates), tiles,
            build_plan.magnitude_beside(tiles) if compared else None,
            build_plan.reference_pair(chosen, headers, dates) if compared else (),
            self.warp.isChecked() and self._grids_differ(),
        )

    def _tiles(self) -> Path:
        path = Path(self.target.filePath().strip().strip('"') or "tiles.tif").expanduser().absolute()
        return path if path.suffix.lower() in (".tif", ".tiff") else path.with_name(f"{path.name}.tif")

    def _refresh(self, *_: Any) -> None:
        many, hindrance = len(self._rows) > 1, self._hindrance()
        self.seen.setText(self._seen())
        self.warp.setVisible(self._grids_differ())
        for widget in (self.magnitude, self.reference, self._of_reference):
            widget.setVisible(many)
        for widget in (self.reference, self._of_reference):
            widget.setEnabled(self.magnitude.isChecked())
        self.cost.setText(failed(hindrance) if hindrance else self._cost() if self._rows else "")
        self.start.setEnabled(bool(self._rows) and not hindrance and not self._pending)

    def _seen(self) -> str:
        """What is seen in the rasters."""
        if self._pending:
            return tr("Looking at {0}…").format(escape(", ".join(path.name for path in self._pending)))
        good = [header for header in self.headers if not header.error]
        if not good:
            return ""
        first = good[0]
        text = tr("{0}, {1} bands of {2}, {3}, {4}, {5:.3g} Mpx.").format(
            first.product or tr("Unknown product"), first.bands, first.kind, _listed(self.dates), first.crs,
            first.width * first.height / 1e6)
        if len(self._rows) == 1:
            return escape(text) + " " + tr(
                "One date tells what is there; for what has changed, drop or add a raster of another date.")
        return escape(text)

    def _hindrance(self) -> str:
        """Why nothing can be built, "" if it can."""
        headers = self.headers
        broken = next((header for header in headers if header.error), None)
        if broken is not None:
            return broken.error
        odd = next((header for header in headers if header.bands != headers[0].bands), None)
        if odd is not None:
            return tr("{0} has {1} bands and {2} {3}: not of one product.").format(
                headers[0].path.name, headers[0].bands, odd.path.name, odd.bands)
        dates = self.dates
        if self._without_date():
            return tr("Type the date of each raster, such as 2024.")
        if len(set(dates)) < len(dates):
            return tr("Two rasters have the same date. Correct one, or remove it.")
        if any("," in date or ";" in date for date in dates):
            return tr("A date has no comma or semicolon.")
        if self._grids_differ() and not self.warp.isChecked():
            return tr("The rasters lie on different grids. Tick below them to warp, or choose others.")
        if len([path for path in QgsFileWidget.splitFilePaths(self.reference.filePath()) if path]) > 2:
            return tr("Without change are one raster or two, not more.")
        there = build_plan.taken(self._tiles()) if headers else []
        if there:
            proposed = build_plan.free(self._tiles())
            return tr("{0} exists already; nothing is overwritten. {1} is free.").format(there[0].name, proposed.name)
        return ""

    def _without_date(self) -> bool:
        return not all(self.dates)

    def _grids_differ(self) -> bool:
        return len({header.grid for header in self.headers if not header.error}) > 1

    def _cost(self) -> str:
        plan, first = self._plan(), self.headers[0]
        pixels = first.width * first.height
        needed = plan.bytes(pixels)
        text = tr("About {0} and {1}.").format(size(needed), duration(plan.seconds(pixels, first.bands, self.speed)))
        try:
            left = shutil.disk_usage(plan.tiles.parent).free
        except OSError:
            return f"{text} " + tr("The folder {0} is not there.").format(escape(str(plan.tiles.parent)))
        enough = tr("{0} are free.") if left > needed else tr("Only {0} are free: choose another disk.")
        return f"{text} {enough.format(size(left))}"


class _Row(QWidget):
    """One raster: its date, its name, and a button that leaves it out."""

    edited = pyqtSignal()
    removed = pyqtSignal()

    def __init__(self, header: RasterHeader) -> None:
        super().__init__()
        self.header = header
        self.date = QLineEdit(header.date)
        self.date.setPlaceholderText(tr("date"))
        self.date.setToolTip(tr("The date of this raster: 2024, 2024-06 or 2024-06-15"))
        self.date.setAccessibleName(tr("Date of {0}").format(header.path.name))
        self.date.setFixedWidth(self.date.fontMetrics().horizontalAdvance("0000-00-00") + 18)
        self.date.editingFinished.connect(self.edited)
        self._name = QLabel(header.path.name)
        self._name.setToolTip(header.error or str(header.path))
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        remove = QToolButton()
        remove.setText("✕")
        remove.setAutoRaise(True)
        remove.setToolTip(tr("Leave this raster out"))
        remove.setAccessibleName(tr("Leave {0} out").format(header.path.name))
        remove.clicked.connect(lambda: self.removed.emit())
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.date)
        line.addWidget(self._name, 1)
        line.addWidget(remove)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        """Where the name is too long, its middle goes: beginning and end tell files apart."""
        self.layout().activate()
        metrics, middle = self._name.fontMetrics(), Qt.TextElideMode.ElideMiddle
        self._name.setText(metrics.elidedText(self.header.path.name, middle, self._name.width()))


def _listed(dates: Sequence[str]) -> str:
    known = [date for date in dates if date]
    if len(known) < 2:
        return known[0] if known else tr("no date")
    return tr("{0} and {1}").format(", ".join(known[:-1]), known[-1])
