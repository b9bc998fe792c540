"""Inside the real desktop: clicks on a map of 1500 × 1000 pixels, each timed until the map shows its answer.

The plan: ``tiles``; ``clicks`` as [x, y, class] in their CRS; ``warm`` of them are placed before the clock is looked
at; ``worker``, the backend's script, "" for its own. See bench_click_to_map.py.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from desktop_driver import PLAN, REPORT, Watchdog, arrange, at, click, dock, play, press, screenshot, until, wait
from osgeo import gdal
from qgis.core import QgsPointXY, QgsProject, QgsRectangle
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.utils import iface

WIDTH, HEIGHT = 1500, 1000
PACE = 1.0
"""Seconds from one click to the next: a person's, and long enough for the learning curve to begin in between."""
KEYS = {"change": Qt.Key.Key_C, "nochange": Qt.Key.Key_N}


class Times:
    """When the parts of the answer to a click came, in seconds after it."""

    def __init__(self, board: Any) -> None:
        self.seconds: dict[str, float] = {}
        self.result: dict[str, Any] = {}
        self._start, self._state = 0.0, ""
        canvas = iface.mapCanvas()
        board.loop.answered.connect(self._on_answer)
        board.loop.validated.connect(self._on_validation)
        canvas.renderStarting.connect(self._on_render)
        canvas.mapCanvasRefreshed.connect(self._on_refreshed)

    def start(self) -> None:
        """The click happens now."""
        self.seconds, self.result, self._state = {}, {}, "asked"
        self._start = time.perf_counter()

    def lap(self, name: str) -> None:
        """A part is there."""
        self.seconds[name] = time.perf_counter() - self._start

    @property
    def is_done(self) -> bool:
        """Whether the map is painted and the figures are there."""
        return {"painted", "validated"} <= set(self.seconds)

    def repaint(self, layers: Any) -> float:
        """Seconds that QGIS takes to draw the same layers once more."""
        wait(300)
        self.start()
        self._state = "answered"
        for role in ("score", "hatching"):
            layers.layer(role).triggerRepaint()
        until(lambda: "painted" in self.seconds, 60)
        return self.seconds["painted"]

    def _on_answer(self, result: dict[str, Any]) -> None:
        self.result["map"] = result
        self._state = "answered"
        self.lap("answered")

    def _on_validation(self, result: dict[str, Any]) -> None:
        self.result["validation"] = result
        self.lap("validated")

    def _on_render(self) -> None:
        if self._state == "answered":
            self._state = "painting"

    def _on_refreshed(self) -> None:
        if self._state == "painting":
            self._state = ""
            QTimer.singleShot(0, lambda: self.lap("painted"))


def fit_canvas() -> None:
    """Make the map as large as it shall be."""
    window, canvas = iface.mainWindow(), iface.mapCanvas()
    arrange(WIDTH + 700, HEIGHT + 150)
    for _ in range(5):
        window.resize(window.width() + WIDTH - canvas.width(), window.height() + HEIGHT - canvas.height())
        wait(200)
    assert (canvas.width(), canvas.height()) == (WIDTH, HEIGHT), (canvas.width(), canvas.height())


def place(one: list[Any]) -> None:
    """One click with its class chosen."""
    press(KEYS[one[2]])
    click(at(QgsPointXY(one[0], one[1])))


def outcome(times: Times) -> dict[str, Any]:
    """What a click gave, to be compared."""
    answer, validation = times.result["map"], times.result["validation"]
    model = answer["model"]
    return {
        "seconds": {**times.seconds, **{f"map {name}": value for name, value in answer["seconds"].items()}},
        "c": model["c"], "weights": model["weights"][0], "bias": model["bias"][0],
        "f1": [validation[name] and validation[name]["f1"] for name in ("random", "spatial")],
        "picture": gdal.Open(answer["drawn"]["score"]).ReadAsArray().ravel()[:: 97].tolist(),
    }


def session() -> None:
    """All clicks."""
    if PLAN["worker"]:
        from bitscape.plugin.backend import resident

        resident.Client = partial(resident.Client, worker=Path(PLAN["worker"]))
    iface.newProject(False)  # no welcome page over the map
    board = dock()
    fit_canvas()
    board.label.data.open(Path(PLAN["tiles"]))
    tiles = until(lambda: board.session.tiles, 120)
    canvas = iface.mapCanvas()
    QgsProject.instance().setCrs(tiles.crs)
    middle = tiles.extent.center()
    canvas.setExtent(QgsRectangle.fromCenterAndSize(middle, WIDTH * tiles.pixel, HEIGHT * tiles.pixel))
    wait(500)
    fit_canvas()
    canvas.setExtent(QgsRectangle.fromCenterAndSize(middle, WIDTH * tiles.pixel, HEIGHT * tiles.pixel))
    wait(500)
    board.label.labelling.click()
    times = Times(board)
    warm, rest = PLAN["clicks"][: PLAN["warm"]], PLAN["clicks"][PLAN["warm"] :]
    for one in warm:
        place(one)
        wait(50)
    until(lambda: not board.label.status.text() and board.loop.answer and board.loop.answer["model"], 300)
    wait(2000)
    until(lambda: not board.label.status.text(), 300)
    REPORT["clicks"] = []
    with Watchdog() as watch:
        for one in rest:
            press(KEYS[one[2]])
            wait(50)
            pixel = at(QgsPointXY(one[0], one[1]))
            times.start()
            click(pixel)
            times.lap("placed")
            began = time.perf_counter()
            until(lambda: times.is_done, 300)
            REPORT["clicks"].append(outcome(times))
            wait(max(100, round(1000 * (PACE - time.perf_counter() + began))))
    REPORT["blocked"] = [watch.longest, watch.where]
    REPORT["repaints"] = [times.repaint(board.loop.layers) for _ in range(10)]
    screenshot("click_to_map")


play(session)
