"""From a click to the map: asks the backend for the answer to the labels as they are, and shows it when it comes.

Nothing waits here. Answers carry the token of what was asked; those to older questions never arrive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsPointXY, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...layers.live_layers import LiveLayers
from ...layers.score_views import SCORE
from ...settings import threads
from ...translation import tr
from ..session import WARNING, Session
from ..tiles_info import TilesInfo

PANNING = 80
"""Milliseconds that the map must rest before a new window is asked for."""
STILL = 700
"""Milliseconds without a click before the learning curve, which takes longest, is asked for."""
MAP, VALIDATION, CURVE, SUGGESTION, TILES, WARM = "map", "validation", "curve", "suggestion", "tiles", "warm"
URGENCY = {TILES: 0, MAP: 0, SUGGESTION: 1, VALIDATION: 2, CURVE: 3, WARM: 4}
SUGGESTED = 1
MOST_PASSED_OVER = 1000


class LiveLoop(QObject):
    """Keeps the live layers true to the session and the canvas. ``answered``, ``validated`` and ``curve_ready`` give
    the backend's results; ``suggested`` a list of points in the tiles' CRS; ``working`` what is done now, "" for
    nothing."""

    answered = pyqtSignal(dict)
    validated = pyqtSignal(dict)
    curve_ready = pyqtSignal(dict)
    suggested = pyqtSignal(list)
    working = pyqtSignal(str)
    backend_failed = pyqtSignal(str)

    def __init__(self, session: Session, canvas: QgsMapCanvas, resident: Resident, parent: Optional[QObject] = None):
        super().__init__(parent)
        self.session, self.canvas, self.resident = session, canvas, resident
        self.layers: Optional[LiveLayers] = None
        self.answer: Optional[dict[str, Any]] = None
        self.extrapolated = False
        self.shown_class = ""
        self.with_curve = True
        self._paused = False
        self._look = (SCORE, 0.5, 0.75)
        self._tokens: dict[str, int] = {}
        self._suggestion: list[tuple[float, float]] = []
        self._passed_over: list[tuple[float, float]] = []
        self._hatched: Any = None
        self._asked_hatching: Any = None
        self._panning = self._timer(PANNING, self.ask_map)
        self._still = self._timer(STILL, self._ask_curve)
        session.tiles_changed.connect(self._on_tiles)
        session.labels_changed.connect(self.ask)
        session.classes_changed.connect(self.ask)
        session.aoi_changed.connect(self.ask)
        canvas.extentsChanged.connect(self._panning.start)
        resident.answered.connect(self._on_answer)
        resident.failed.connect(self._on_failure)
        resident.died.connect(self._on_death)
        resident.busy.connect(self._on_busy)

    def open_tiles(self, path: Path) -> None:
        """Have the backend look at tiles; the session gets them when it has."""
        self._submit(TILES, "describetiles", {"tiles": str(path)})

    def ask(self) -> None:
        """The labels, classes or areas have changed: ask for everything anew."""
        self._suggestion = []
        self._still.stop()
        self.resident.cancel(CURVE)
        self.ask_map()
        if self.session.tiles is not None and self.session.training:
            self._submit(VALIDATION, "livevalidation", {**self._clicks(), "threads": spare_threads()})
            if self.with_curve:
                self._still.start()
        else:
            self.resident.cancel(VALIDATION)
            self.validated.emit({})
            self.curve_ready.emit({})

    def ask_map(self) -> None:
        """Ask for the map window as it is now."""
        view = self._view()
        if self.layers is None or view is None or self._paused:
            return
        with self.session.told():
            try:
                score, hatching = self.layers.next_files()
            except OSError as error:
                raise BitscapeError(tr("The live map cannot be written to {0}: {1}").format(
                    self.layers.folder, error.strerror)) from error
            area = self._area()
            # Where data is missing does not depend on labels: what hangs on the screen already need not be drawn again.
            hatched = None if self.extrapolated else (tuple(view.values()), area)
            hangs = hatched is not None and hatched == self._hatched and self.layers.layer("hatching") is not None
            self._submit(MAP, "livemap", {
                **self._clicks(), "view": view, "score": str(score), "area": area, "shown": self.shown_class,
                "hatching": None if hangs else str(hatching),
                "extrapolated": self.extrapolated,
            })
            self._asked_hatching = hatched

    def suggest(self) -> None:
        """Ask for the most informative next point; one that was suggested and not labelled is passed over for good."""
        if self.session.tiles is None:
            return
        self._passed_over += self._suggestion
        self._suggestion = []
        self._submit(SUGGESTION, "nextpoint", {
            **self._clicks(), "count": SUGGESTED, "area": self._area(), "avoid": self._passed_over[-MOST_PASSED_OVER:],
        })

    def set_look(self, view: str, threshold: float, opacity: float) -> None:
        """Another look at the answer; nothing is computed."""
        self._look = (view, threshold, opacity)
        if self.layers is not None:
            self.layers.set_look(view, threshold, opacity)

    def set_extrapolated(self, on: bool) -> None:
        """Hatch what is unlike every label, or not."""
        if on != self.extrapolated:
            self.extrapolated = on
            self.ask_map()

    def set_paused(self, on: bool) -> None:
        """Draw nothing while nobody may see it; afterwards the map as it is then."""
        self._paused = on
        if not on:
            self.ask_map()

    def close(self) -> None:
        """Ask and show no more; ``sweep`` when the backend has ended."""
        self._panning.stop()
        self._still.stop()
        for channel in URGENCY:
            self.resident.cancel(channel)
        self._tokens.clear()
        for signal, slot in (
            (self.canvas.extentsChanged, self._panning.start), (self.session.tiles_changed, self._on_tiles),
            (self.session.labels_changed, self.ask), (self.session.classes_changed, self.ask),
            (self.session.aoi_changed, self.ask),
        ):
            signal.disconnect(slot)

    def sweep(self) -> None:
        """Remove pictures that nobody shows."""
        if self.layers is not None:
            self.layers.sweep()

    def _timer(self, milliseconds: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _submit(self, channel: str, operation: str, request: dict[str, Any]) -> None:
        self._tokens[channel] = self.resident.submit(channel, operation, request, URGENCY[channel])

    def _on_tiles(self) -> None:
        tiles = self.session.tiles
        for channel in (MAP, VALIDATION, CURVE, SUGGESTION):  # nothing of the old tiles arrives any more
            self.resident.cancel(channel)
        self.answer = self._hatched = None
        self._passed_over = []
        if self.layers is not None:
            self.layers.forget()
            self.layers.deleteLater()
        self.layers = None if tiles is None else LiveLayers(folder_for(tiles), self.session.group, self)
        if self.layers is not None:
            self.layers.view, self.layers.threshold, self.layers.opacity = self._look
        self.ask()

    def _ask_curve(self) -> None:
        if self.session.tiles is not None:
            self._submit(CURVE, "learningcurve", self._clicks())

    def _clicks(self) -> dict[str, Any]:
        session = self.session
        training = session.training
        points: list[QgsPointXY] = []
        with session.told():
            points = session.positions(training)
        names = [one.code for one in session.table.classes]
        names += sorted({label.code for label in training} - set(names))
        assert session.tiles is not None
        return {
            "tiles": str(session.tiles.path), "x": [point.x() for point in points],
            "y": [point.y() for point in points],
            "classes": [names.index(label.code) for label in training[: len(points)]], "names": names,
            "positive": session.table.positive,
        }

    def _view(self) -> Optional[dict[str, Any]]:
        """The map window in the tiles' CRS; None where there is none."""
        tiles, settings = self.session.tiles, self.canvas.mapSettings()
        box, size = settings.visibleExtent(), settings.outputSize()
        if tiles is None or box.isEmpty() or size.width() < 2 or size.height() < 2:
            return None
        box = self._on_tiles_crs(box, settings.destinationCrs(), tiles)
        if box is None:
            return None
        ratio = settings.devicePixelRatio()
        return {
            "west": box.xMinimum(), "south": box.yMinimum(), "east": box.xMaximum(), "north": box.yMaximum(),
            "width": round(size.width() * ratio), "height": round(size.height() * ratio),
        }

    def _on_tiles_crs(self, box: QgsRectangle, crs: Any, tiles: TilesInfo) -> Optional[QgsRectangle]:
        if crs == tiles.crs or not crs.isValid() or not tiles.crs.isValid():
            return box
        try:
            return QgsCoordinateTransform(crs, tiles.crs, self.session.project).transformBoundingBox(box)
        except QgsCsException:
            return None

    def _area(self) -> str:
        session = self.session
        if not session.limit_to_aoi or session.aoi is None or session.tiles is None:
            return ""
        union = session.aoi.union(session.tiles.crs)
        return union.asWkt(6) if union is not None else ""

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if token != self._tokens.get(channel):
            return
        if channel == TILES:
            self.session.set_tiles(TilesInfo.of(result))
            self._submit(WARM, "warmlive", {"tiles": result["tiles"]})
        elif channel == MAP:
            self._show(result)
        elif channel == VALIDATION:
            self.validated.emit(result)
        elif channel == CURVE:
            self.curve_ready.emit(result)
        elif channel == SUGGESTION:
            self._suggestion = [(point["x"], point["y"]) for point in result["points"]]
            self.suggested.emit(result["points"])

    def _show(self, result: dict[str, Any]) -> None:
        if self.layers is None or self.session.tiles is None:
            return
        model, drawn = result["model"], result["drawn"]
        if drawn is not None:
            table = self.session.table
            found = table.by_code(drawn["shown"])
            title = tr("Score of {0} {1}").format(found.name if found else drawn["shown"], self.session.tiles.period)
            if drawn["hatching"] is not None:
                self._hatched = self._asked_hatching
            self.layers.show(
                drawn["score"], drawn["hatching"], model["class_names"] if model else (), drawn["shown"], table, title)
        self.answer = result
        self.answered.emit(result)

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if token != self._tokens.get(channel):
            return
        if error.kind == "backend":
            self.backend_failed.emit(error.message)
        else:
            self.session.said.emit(error.message, WARNING)

    def _on_death(self, error: BitscapeError) -> None:
        self.session.said.emit(
            tr("The backend ended and is started again; no label is lost. {0}").format(error.message), WARNING)

    def _on_busy(self, channel: str) -> None:
        words = {
            TILES: tr("Opening the tiles…"), MAP: tr("Scoring the map…"), VALIDATION: tr("Validating…"),
            CURVE: tr("Learning curve…"), SUGGESTION: tr("Looking for the next point…"), WARM: tr("Getting ready…"),
        }
        self.working.emit(words.get(channel, ""))


def spare_threads() -> int:
    """Threads for what goes on while QGIS draws the map: all but one, within what the settings allow."""
    return max(1, min(threads() or (os.cpu_count() or 1), (os.cpu_count() or 1) - 1))


def folder_for(tiles: TilesInfo) -> Path:
    """Where the live pictures of tiles are: beside them, so that a project finds them again."""
    return tiles.path.with_name(f"{tiles.path.stem}.live")
