"""From an exemplar to the places like it: asks the backend, goes on asking while shards are still to be loaded.

Nothing waits here. An answer carries the token of its question; those to older questions are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsGeometry, QgsPointXY, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...layers.exemplar_layer import PLACES
from ...translation import tr
from ..run_status import size
from ..session import Session
from .question import AREAS, EVERYWHERE, TOP, UNAIDED, WINDOW
from .search import Search

CHANNEL, URGENCY = "find", 1
PANNING = 120
"""Milliseconds that the map must rest before its picture is asked for anew."""
FIRST, NEXT = 0.25, 0.8
"""Seconds of loading before the first answer, and before each further one."""
SMALL = 48e6
"""Bytes of codes that are loaded before there is an exemplar, so that the first click is answered at once."""
MANY = 2_000_000
"""Patches above which not everything is searched unless the user says so."""
LARGEST_WINDOW = 4096
DENSE = 16
"""Pieces of each side of the window, whose sides are curves in degrees."""

NOTHING, OPENING, READY, WORKING, STOPPED, FAILED, DONE = (
    "nothing", "opening", "ready", "working", "stopped", "failed", "done")


class FindLoop(QObject):
    """Keeps the answer true to search, areas and map. ``answered`` (the result; {}: there is none any more) and
    ``state_changed``; ``state`` is one of the words above, ``failure`` says what went wrong."""

    answered = pyqtSignal(dict)
    state_changed = pyqtSignal()

    def __init__(
        self, search: Search, session: Session, canvas: QgsMapCanvas, resident: Resident,
        picture: Callable[[], Optional[Path]], parent: Optional[QObject] = None,
    ) -> None:
        """``picture`` gives the file for the next picture; None: it cannot be written."""
        super().__init__(parent)
        self.search, self.session, self.canvas, self.resident = search, session, canvas, resident
        self._picture = picture
        self.state, self.failure = NOTHING, ""
        self.about: Optional[dict[str, Any]] = None
        self.answer: Optional[dict[str, Any]] = None
        self._generation = 0
        self._token = -1
        self._active = False
        self._late = False
        self._panning = QTimer(self)
        self._panning.setSingleShot(True)
        self._panning.setInterval(PANNING)
        self._panning.timeout.connect(self._on_map)
        for signal, slot in self._connections():
            signal.connect(slot)

    # What it is asked

    def set_active(self, on: bool) -> None:
        """Whether anybody looks: while the tab is out of sight nothing new is asked; what runs goes on."""
        self._active = on
        if on and self._late:
            self.ask()

    def ask(self) -> None:
        """Exemplars, question, areas or map have changed: ask anew. What is loaded is not read again."""
        if not self.search.store:
            return
        self._late = not self._active
        if self._late:
            return
        self._generation += 1
        self.failure = ""
        self._submit(FIRST)
        self._be(WORKING if self.about is not None else OPENING)

    def stop(self) -> None:
        """Load no more; what there is stays. ``ask`` goes on where it ended."""
        self.resident.cancel(CHANNEL)
        self._generation += 1
        if self.state in (WORKING, OPENING):
            self._be(STOPPED)

    def take_window(self) -> tuple[str, str]:
        """The part of the world that the map shows now, as WKT in degrees and as an extent; "" where it has none."""
        corners = self.canvas.mapSettings().visiblePolygon()
        window = QgsGeometry.fromPolygonXY([[QgsPointXY(corner) for corner in corners]])
        box = window.boundingBox()
        window = window.densifyByDistance(max(box.width(), box.height()) / DENSE or 1.0)
        try:
            window.transform(self._to_degrees())
        except QgsCsException:
            return "", ""
        crs = self.canvas.mapSettings().destinationCrs().authid()
        extent = f"{box.xMinimum()},{box.xMaximum()},{box.yMinimum()},{box.yMaximum()} [{crs}]"
        return (window.asWkt(7), extent) if not window.isEmpty() else ("", "")

    def search_in(self, where: str) -> None:
        """Search everywhere, in what the map shows now, or in the areas of interest."""
        window, extent = self.take_window() if where == WINDOW else ("", "")
        self.search.ask(where=where, window=window, extent=extent)

    def close(self) -> None:
        """Ask and show no more."""
        self._panning.stop()
        self.resident.cancel(CHANNEL)
        self._generation += 1
        for signal, slot in self._connections():
            signal.disconnect(slot)

    # What is missing, or how far it is

    def words(self) -> str:
        """The state in words."""
        answer, about = self.answer, self.about
        if self.state == NOTHING:
            return tr("No store yet.")
        if self.state == FAILED:
            return self.failure
        if self.state == OPENING or about is None:
            return tr("Opening the store…") if self.state != STOPPED else tr("Stopped.")
        if answer is None:
            return tr("Loading…")
        parts = []
        if self._loads() or answer["loaded_shards"]:
            parts.append(_shards(answer))
            parts.append(tr("{0} patches").format(number(answer["rows"])))
            if answer["bytes_read"]:
                parts.append(tr("{0} read").format(size(answer["bytes_read"])))
        if self.state == STOPPED:
            parts.insert(0, tr("Stopped"))
        elif self.state == WORKING and not answer["complete"]:
            parts.insert(0, tr("Loading"))
        if answer["reason"]:
            parts.append(answer["reason"])
        return " · ".join(parts)

    @property
    def progress(self) -> Optional[float]:
        """0 … 1 of the shards while they are loaded; None otherwise."""
        if self.state != WORKING or self.answer is None or self.answer["complete"] or not self._loads():
            return None
        return self.answer["loaded_shards"] / self.answer["shards"] if self.answer["shards"] else None

    # Inside

    def _connections(self) -> list[tuple[Any, Any]]:
        return [
            (self.search.store_changed, self._on_store), (self.search.exemplars_changed, self._on_change),
            (self.search.question_changed, self._on_change), (self.session.aoi_changed, self._on_areas),
            (self.canvas.extentsChanged, self._panning.start),
            (self.canvas.destinationCrsChanged, self._panning.start),
            (self.resident.answered, self._on_answer), (self.resident.failed, self._on_failure),
        ]

    def _on_store(self) -> None:
        """Nothing of another store arrives any more."""
        self.resident.cancel(CHANNEL)
        self._generation += 1
        self.about = self.answer = None
        self.failure = ""
        self.answered.emit({})
        self._be(NOTHING)

    def _on_change(self) -> None:
        self.ask()

    def _on_areas(self) -> None:
        if self.search.question.where == AREAS:
            self.ask()

    def _on_map(self) -> None:
        """A picture is of what the map shows; lists are of the areas and need not be asked for again."""
        if self.answer is not None and self.search.question.view != TOP and self.state in (DONE, READY, WORKING):
            self.ask()

    def _loads(self) -> bool:
        """Whether codes are worth reading: there is something to look for, or little to read."""
        about, question = self.about, self.search.question
        if about is None or not question.where:
            return False
        if self.search.count(True) or self.search.count(False) or question.view in UNAIDED:
            return True
        return bool(about["patches"] * max(1, about["bits"] or 8 * about["dimensions"]) / 8 <= SMALL)

    def _submit(self, seconds: float) -> None:
        search, question = self.search, self.search.question
        loads = self._loads()
        draws = question.view != TOP
        path = self._picture() if draws and loads else None
        areas = [self._areas()] if question.where in (WINDOW, AREAS) else []
        if areas == [""]:
            self._fail(tr("There are no areas of interest yet: draw one below, or search elsewhere.")
                       if question.where == AREAS else tr("What the map shows has no longitude and latitude."))
            return
        self._token = self.resident.submit(CHANNEL, "livefind", {
            "store": search.store, "areas": areas, "years": list(question.years),
            "positives": search.places(True), "negatives": search.places(False),
            "combine": question.combine, "invert": question.invert, "view": question.view, "k": question.k,
            "threshold": question.threshold, "seconds": seconds if loads else 0.0,
            "raster": None if path is None else str(path), "window": self._window() if path is not None else None,
            "token": str(self._generation),
        }, URGENCY)

    def _areas(self) -> str:
        if self.search.question.where == WINDOW:
            return self.search.question.window
        union = self.session.aoi.union(PLACES) if self.session.aoi is not None else None
        return union.asWkt(7) if union is not None else ""

    def _window(self) -> Optional[dict[str, Any]]:
        """What the map shows, in degrees, and its size in pixels; None where that cannot be said."""
        settings = self.canvas.mapSettings()
        size, box = settings.outputSize(), settings.visibleExtent()
        if box.isEmpty() or min(size.width(), size.height()) < 2:
            return None
        try:
            box = self._to_degrees().transformBoundingBox(QgsRectangle(box))
        except QgsCsException:
            return None
        if not box.isFinite() or box.isEmpty():
            return None
        ratio = settings.devicePixelRatio()
        return {
            "west": box.xMinimum(), "south": max(-90.0, box.yMinimum()), "east": box.xMaximum(),
            "north": min(90.0, box.yMaximum()), "width": min(LARGEST_WINDOW, round(size.width() * ratio)),
            "height": min(LARGEST_WINDOW, round(size.height() * ratio)),
        }

    def _to_degrees(self) -> QgsCoordinateTransform:
        return QgsCoordinateTransform(self.canvas.mapSettings().destinationCrs(), PLACES, self.search.project)

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if channel != CHANNEL or token != self._token or result["token"] != str(self._generation):
            return
        fresh = self.about is None
        self.about, self.answer = result["about"], result
        if fresh and not self.search.question.where:
            self._be(WORKING)
            self.search_in(EVERYWHERE if self.about["patches"] <= MANY else WINDOW)
            return
        self.answered.emit(result)
        if token != self._token:  # whoever heard it has asked anew
            return
        if self._loads() and not result["complete"]:
            self._submit(NEXT)
            self._be(WORKING)
        else:
            self._be(READY if result["reason"] and not result["results"] else DONE)

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if channel == CHANNEL and token == self._token:
            self._fail(error.message)

    def _fail(self, message: str) -> None:
        self.failure = message
        self._be(FAILED)

    def _be(self, state: str) -> None:
        self.state = state
        self.state_changed.emit()


def number(count: int) -> str:
    """A number for people: 312, 41,200, 3.2 M."""
    return f"{count / 1e6:.3g} M" if count >= 1e6 else f"{count:,}"


def _shards(answer: dict[str, Any]) -> str:
    failed = len(answer["failed"])
    text = tr("{0} of {1} shards").format(f"{answer['loaded_shards']:,}", f"{answer['shards']:,}")
    return tr("{0}, {1} failed").format(text, failed) if failed else text
