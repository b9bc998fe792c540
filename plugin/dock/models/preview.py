"""What the model would find in the part of the map that is seen: one picture, always of the newest question."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsProject
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ....processing.errors import BitscapeError, InputError
from ...backend.resident import Resident
from ...layers.model_layers import PreviewLayer
from ...layers.styling import Entry, style_classes, style_number
from ...translation import tr
from ..run_status import duration
from .model_choice import ModelChoice
from .model_plan import request_of
from .resident_run import ResidentRun

CHANNEL, URGENCY = "preview", 1
ESTIMATE, SEGMENT = "estimatesegment", "segmentraster"
TYPES = ("Segmentor", "Regressor")
LONG = 20.0
"""Seconds from which a preview is not begun without asking."""
PATIENT = 6.0
"""Seconds up to which the preview follows the map."""
SETTLING = 500
"""Milliseconds that the map stands still before it is previewed."""


class Preview(QObject):
    """``started`` (a ResidentRun, to be shown), ``told`` (words), ``too_long`` (seconds), ``shown``."""

    started = pyqtSignal(object)
    told = pyqtSignal(str)
    too_long = pyqtSignal(float)
    shown = pyqtSignal(dict)

    def __init__(
        self, choice: ModelChoice, canvas: QgsMapCanvas, resident: Resident, project: QgsProject,
        parent: Optional[QObject] = None,
    ) -> None:
        super().__init__(parent)
        self._choice, self._canvas, self._resident = choice, canvas, resident
        self._project = project
        self.layer = PreviewLayer(project)
        self.follows = False
        self._run: Optional[ResidentRun] = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING)
        self._settling.timeout.connect(lambda: self.start(by_itself=True))
        canvas.extentsChanged.connect(self._on_moved)
        choice.described.connect(self._on_choice)
        choice.tuned.connect(self._on_choice)

    @property
    def is_running(self) -> bool:
        """Whether a preview is on its way."""
        return self._run is not None and self._run.is_running

    @property
    def is_able(self) -> bool:
        """Whether models of the chosen one's type can be previewed; of none yet that is hoped."""
        info = self._choice.info
        return info is None or info.model_type in TYPES

    def hindrance(self) -> str:
        """Why there can be no preview, "" if there can."""
        hindrance = self._choice.hindrance()
        if hindrance:
            return hindrance
        assert self._choice.info is not None
        if self._choice.info.model_type not in TYPES:
            return tr("Models of this type have no preview; run it on what the map shows, below.")
        return ""

    def set_following(self, on: bool) -> None:
        """Preview again when the map has moved."""
        self.follows = on
        if on:
            self._on_moved()
        else:
            self._settling.stop()

    def start(self, by_itself: bool = False, anyway: bool = False) -> None:
        """Preview what is seen: first what it costs, then, if that is little or it was asked for ``anyway``, it. An
        older one that still runs is given up."""
        if self.hindrance():
            if not by_itself:
                self.told.emit(self.hindrance())
            return
        try:
            extent = self.extent()
        except BitscapeError as error:
            self._give_up()
            self.told.emit(error.message)
            return
        request = dict(request_of(self._choice, extent=extent))
        run = self._begin(ESTIMATE, request)
        limit = PATIENT if by_itself else LONG

        def measured(found: Mapping[str, Any]) -> None:
            if found["seconds"] > limit and not anyway:
                self._run = None
                self.too_long.emit(found["seconds"])
            else:
                self._segment(request)

        self.started.emit(run)  # whoever shows it hears of its end first, and so is ready for the next
        run.finished.connect(measured)

    def cancel(self) -> None:
        """Stop at once."""
        self._settling.stop()
        if self._run is not None and self._run.is_running:
            self._run.cancel()

    def forget(self) -> None:
        """Take the picture away, from the map too: QGIS draws nothing anew for a layer that is gone."""
        self._give_up()
        if self.layer.layer is not None:
            self.layer.forget()
            self._canvas.refresh()

    def close(self) -> None:
        """Before the dock goes."""
        self._canvas.extentsChanged.disconnect(self._on_moved)
        self.follows = False
        self._give_up()
        self.layer.forget()

    # Inside

    def _segment(self, request: dict[str, Any]) -> None:
        try:
            path = self.layer.next_file()
        except OSError as error:
            self.told.emit(tr("There is no place for the preview: {0}").format(error))
            return
        run = self._begin(SEGMENT, {**request, "classes": str(path)})
        self.started.emit(run)
        run.finished.connect(lambda found: self._on_done(path, found))

    def _begin(self, operation: str, request: dict[str, Any]) -> ResidentRun:
        if self._run is not None and self._run.is_running:
            self._run.supersede()
        self._run = ResidentRun(self._resident, CHANNEL, operation, request, URGENCY, self)
        return self._run

    def _give_up(self) -> None:
        self._settling.stop()
        if self._run is not None and self._run.is_running:
            self._run.close()
        self._run = None

    def _on_done(self, path: Path, found: Mapping[str, Any]) -> None:
        self._run = None
        head = found["heads"][0]
        path = Path(head["classes"] or head["numbers"] or path)  # of several outputs the first is shown
        style(path, head)
        if self.layer.show(path, tr("Preview: {0}").format(found["model_name"])) is None:
            self.told.emit(tr("The preview cannot be shown: its file cannot be read."))
        else:
            self.shown.emit(dict(found))

    def _on_moved(self) -> None:
        if self.follows and not self.hindrance():
            self._settling.start()

    def _on_choice(self) -> None:
        """What runs is of another question."""
        if self.is_running:
            self._give_up()
            self.told.emit("")
        self._on_moved()

    def extent(self) -> list[float]:
        """What is seen of the raster: west, south, east, north in its CRS. Raises InputError where it is elsewhere."""
        info = self._choice.info
        assert info is not None and info.raster is not None
        box = self._canvas.extent()
        if info.raster.crs.isValid():
            transform = QgsCoordinateTransform(
                self._canvas.mapSettings().destinationCrs(), info.raster.crs, self._project)
            try:
                box = transform.transformBoundingBox(box)
            except QgsCsException as error:
                raise InputError(tr("What the map shows cannot be expressed in the raster's CRS. Zoom in.")) from error
        seen = box.intersect(info.raster.extent)
        if seen.isEmpty() or seen.isNull():
            raise InputError(tr("The raster is not in the part of the map that is seen. Zoom to it first."))
        return [seen.xMinimum(), seen.yMinimum(), seen.xMaximum(), seen.yMaximum()]

    def extent_text(self) -> str:
        """What is seen, as Processing writes extents. Raises InputError."""
        west, south, east, north = self.extent()
        info = self._choice.info
        assert info is not None and info.raster is not None
        text, crs = f"{west!r},{east!r},{south!r},{north!r}", info.raster.crs
        if not crs.isValid():
            return text
        return f"{text} [{crs.authid() or 'WKT:' + crs.toWkt()}]"


def style(path: Path, head: Mapping[str, Any]) -> None:
    """The style beside a picture, from what the operation says of one output of the model."""
    if head["kind"] == "classes":
        faint = head["background"]
        style_classes(path, [Entry(one["value"], one["name"], one["colour"], 0 if one["value"] == faint else 255)
                             for one in head["shares"]])
    else:
        band = head["bands"][0]
        low, high = band["minimum"], band["maximum"]
        style_number(path, 0.0 if low is None else low, 1.0 if high is None else high, "")


def too_long_words(seconds: float) -> str:
    """Why a preview was not begun."""
    return tr("A preview of this view takes about {0}. Zoom in, or preview all the same.").format(duration(seconds))
