"""A tab, a map, and a backend that answers when the test does: what the tests of finding share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from bitscape.plugin.dock.find.find_tab import FindTab
from bitscape.plugin.dock.folding import folding
from bitscape.plugin.dock.imagery_panel import ImageryPanel
from bitscape.plugin.dock.session import Session
from bitscape.tests.plugin.imagery.scene import Scene
from bitscape.tests.plugin.validate.scene import Iface
from osgeo import osr
from qgis.core import QgsApplication, QgsPointXY, QgsProject
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, QPointF, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent, QMouseEvent
from qgis.PyQt.QtWidgets import QVBoxLayout, QWidget

WEST, NORTH, PATCH, SIDE = 500_000.0, 5_000_000.0, 80.0, 8
"""Patches of 80 m on the imagery of the scene, in EPSG:32633."""
NO_MODIFIER = Qt.KeyboardModifier.NoModifier
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place on the map, without QGIS's own transformation."""
    systems = [osr.SpatialReference(), osr.SpatialReference()]
    for system, code in zip(systems, (32633, 4326)):
        system.ImportFromEPSG(code)
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return osr.CoordinateTransformation(*systems).TransformPoint(x, y)[:2]


def middle(number: int) -> QgsPointXY:
    """The middle of patch ``number`` on the map."""
    column, row = number % SIDE, number // SIDE
    return QgsPointXY(WEST + (column + 0.5) * PATCH, NORTH - (row + 0.5) * PATCH)


def result(number: int, rank: int, score: float = 0.0) -> dict[str, Any]:
    """Patch ``number`` as livefind lists it."""
    centre = middle(number)
    half = 0.48 * PATCH
    corners = [degrees(centre.x() + x * half, centre.y() + y * half) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    lon, lat = degrees(centre.x(), centre.y())
    ring = ", ".join(f"{x} {y}" for x, y in [*corners, corners[0]])
    return {
        "rank": rank, "score": score, "similarity": 1 - score / 64, "shard": number % 2, "row": number,
        "id": f"p{number}", "year": 2024, "lon": lon, "lat": lat, "wkt": f"POLYGON (({ring}))",
        "bbox": [min(x for x, _ in corners), min(y for _, y in corners),
                 max(x for x, _ in corners), max(y for _, y in corners)],
    }


ABOUT = {
    "model": "Clay v1.5", "dimensions": 1024, "bits": 1024, "kind": "binary", "unit": "differing bits",
    "sentence": "recall@10 .65: about a third of true neighbours are missed", "licences": ["CC-BY-4.0"],
    "attributions": ["Clay"], "patches": 64, "years": [2023, 2024], "bounds": [14.9, 45.1, 15.1, 45.2],
    "streamed": False,
}


def answer(request: dict[str, Any], numbers: Iterable[int] = (), **others: Any) -> dict[str, Any]:
    """An answer to a request, as the contract has it: patches with these numbers, score 4 · rank."""
    found = [result(number, rank, 4.0 * rank) for rank, number in enumerate(numbers, 1)]
    counts = [sum(one["score"] <= 8 * (i + 1) and one["score"] > 8 * i for one in found) for i in range(8)]
    return {
        "token": request["token"], "loaded_shards": 2, "shards": 2, "rows": 64, "complete": True, "failed": [],
        "arrived": [], "results": found, "reason": "" if found else "Click a place that is like what you look for.",
        "histogram": {"edges": [8.0 * i for i in range(9)], "counts": counts} if found else None,
        "threshold": found[-1]["score"] if found else None, "within": len(found),
        "scale": {"low": 64.0, "high": 0.0} if found else None, "raster": None, "exemplars": [], "missing": [],
        "typical": "", "about": dict(ABOUT), "bytes_read": 8192, "seconds": {"total": 0.01}, "warnings": [], **others,
    }


class Backend(QObject):
    """Stands in for the resident backend: remembers what it was asked, and answers when the test does."""

    answered = pyqtSignal(str, int, dict)
    failed = pyqtSignal(str, int, object)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []
        self.cancelled = 0

    def submit(self, channel: str, operation: str, request: dict[str, Any], urgency: int = 0) -> int:
        assert (channel, operation) == ("find", "livefind")
        self.asked.append(request)
        return len(self.asked)

    def cancel(self, channel: str) -> None:
        self.cancelled += 1

    def answer(self, numbers: Iterable[int] = (), of: Optional[int] = None, **others: Any) -> None:
        """Answer the newest question, or question ``of``."""
        token = len(self.asked) if of is None else of
        self.answered.emit("find", token, answer(self.asked[token - 1], numbers, **others))
        QgsApplication.processEvents()


class Window:
    """The tab on a project with imagery of two dates."""

    def __init__(self, project: QgsProject, folder: Path, backend: Any = None) -> None:
        self.folder, self.project, self._closed = folder, project, False
        self.scene = Scene(project, folder)
        self.canvas, self.root = self.scene.canvas, self.scene.root
        self.session = Session(project)
        self.backend: Any = Backend() if backend is None else backend
        self.imagery = ImageryPanel(self.canvas)
        self.imagery.find()
        self.tab = FindTab(self.session, self.backend, self.imagery, Iface(self.canvas))
        self.tab.imagery_place.addWidget(folding("Imagery", self.imagery, True))
        self.search, self.loop, self.results = self.tab.search, self.tab.loop, self.tab.results
        self.words: list[str] = []
        self.session.said.connect(lambda text, _: self.words.append(text))
        self.holder = QWidget()
        QVBoxLayout(self.holder).addWidget(self.tab)
        self.holder.resize(380, 1000)
        self.holder.show()
        QgsApplication.processEvents()

    def store(self, name: str = "store") -> Path:
        """A folder that looks like a store."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "manifest.parquet").touch()
        return folder

    def open(self, name: str = "store") -> Path:
        """Open one, and be told what it holds."""
        folder = self.store(name)
        self.tab.store.take(str(folder))
        self.backend.answer(complete=False, loaded_shards=0, rows=0)
        self.backend.answer()
        assert self.loop.about is not None
        return folder

    def mouse(self, kind: Any, place: QPoint, button: Any, modifiers: Any = NO_MODIFIER) -> None:
        """One mouse event on the canvas."""
        surface = self.canvas.viewport()
        down = Qt.MouseButton.NoButton if kind != QEvent.Type.MouseButtonPress else button
        event = QMouseEvent(kind, QPointF(place), QPointF(surface.mapToGlobal(place)), button, down, modifiers)
        QgsApplication.sendEvent(surface, event)
        QgsApplication.processEvents()

    def at(self, point: QgsPointXY) -> QPoint:
        """The pixel of the canvas where a place of the map is."""
        place = self.canvas.getCoordinateTransform().transform(point)
        return QPoint(round(place.x()), round(place.y()))

    def click(self, number: int, button: Any = Qt.MouseButton.LeftButton, modifiers: Any = NO_MODIFIER) -> None:
        """Click the middle of a patch."""
        for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
            self.mouse(kind, self.at(middle(number)), button, modifiers)

    def press(self, key: Any, modifiers: Any = NO_MODIFIER) -> None:
        """A key on the canvas, as Qt sends it."""
        override = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers)
        override.ignore()
        QgsApplication.sendEvent(self.canvas, override)
        assert override.isAccepted(), f"{key} would go to QGIS's own actions"
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QgsApplication.sendEvent(self.canvas, QKeyEvent(kind, key, modifiers))
        QgsApplication.processEvents()

    @property
    def listed(self) -> list[str]:
        """The results in the list, by id."""
        return [one["id"] for one in self.results.view.results.results]

    @property
    def drawn(self) -> list[str]:
        """The results on the map, by id, in the order of ranks."""
        layer = self.tab.layer.layer
        if layer is None:
            return []
        return [one["id"] for one in sorted(layer.getFeatures(), key=lambda one: one["rank"])]

    def close_tab(self) -> None:
        """As when the plugin is switched off."""
        if not self._closed:
            self._closed = True
            self.tab.close_tab()

    def close(self) -> None:
        self.close_tab()
        self.imagery.close_imagery()
        self.session.close()
        self.holder.deleteLater()
        self.scene.close()
