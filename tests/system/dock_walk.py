"""Inside the real desktop: a new user walks the storyboard, from the demo's project to a map of everything.

The plan names ``project``, ``tiles``, ``truth``, ``first`` (where change and no change are plain to see). The robot
looks at the truth where a user looks at imagery, and clicks what the dock suggests. See test_dock.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from desktop_driver import (
    PLAN,
    REPORT,
    Watchdog,
    arrange,
    at,
    click,
    dock,
    drawn,
    mouse,
    play,
    press,
    screenshot,
    until,
    wait,
)
from osgeo import gdal
from qgis.core import QgsPointXY, QgsProject, QgsRectangle, QgsVectorLayer
from qgis.PyQt.QtCore import QEvent, QPoint, Qt
from qgis.PyQt.QtWidgets import QApplication
from qgis.utils import iface

FEW, MANY = {"change": 8, "nochange": 6}, {"change": 20, "nochange": 20}
KEYS = {"change": Qt.Key.Key_C, "nochange": Qt.Key.Key_N}


class Eyes:
    """What a user sees at a place."""

    def __init__(self) -> None:
        self._truth = gdal.Open(PLAN["truth"])
        self._inverse = gdal.InvGeoTransform(self._truth.GetGeoTransform())

    def see(self, point: QgsPointXY) -> str:
        """Change or not."""
        a = self._inverse
        column, row = int(a[0] + a[1] * point.x() + a[2] * point.y()), int(a[3] + a[4] * point.x() + a[5] * point.y())
        return "change" if self._truth.ReadAsArray(column, row, 1, 1)[0, 0] == 1 else "nochange"


def label(point: QgsPointXY, kind: str) -> None:
    """Choose the class by its key and click, and wait for the answer."""
    session = dock().session
    before = len(session.training)
    press(KEYS[kind])
    click(at(point))
    assert len(session.training) == before + 1, f"{kind} at {point.x()} {point.y()} was not placed"
    settle()


def settle() -> None:
    """Until the backend has answered everything and the map is drawn."""
    wait(30)
    until(lambda: not dock().label.status.text() and not iface.mapCanvas().isDrawing(), 60)
    wait(30)


def guided(eyes: Eyes, wanted: dict[str, int]) -> None:
    """Follow the dock's suggestions until there are enough of each class; a class that is full is skipped."""
    board = dock()
    skipped = 0
    while True:
        counts = board.session.labels.counts()
        missing = {kind for kind, number in wanted.items() if counts.get(kind, 0) < number}
        if not missing:
            return
        board.label.next_point.hide()
        press(Qt.Key.Key_Period)
        place = until(lambda: board.label.next_point.place, 60)
        drawn()
        kind = eyes.see(place)
        if kind in missing:
            label(place, kind)
        else:
            skipped += 1
            assert skipped < 400, "the suggestions never come to the class that is missing"


def record(name: str) -> None:
    """The model as it is now, and what the dock says of it."""
    board = dock()
    model = board.loop.answer["model"]
    REPORT[name] = {
        "weights": model["weights"][0], "bias": model["bias"][0], "positive": model["positive_class"], "c": model["c"],
        "counts": board.session.labels.counts(), "text": board.label.guidance.text,
    }


def open_demo() -> Any:
    """The demo's project and the dock with its tiles."""
    arrange()
    iface.addProject(PLAN["project"])
    drawn()
    board = dock()
    wait(500)
    until(lambda: "numpy" in board.backend.text, 60)
    screenshot("dock_nothing_loaded")
    project = QgsProject.instance()
    project.mapThemeCollection().applyTheme("2024", project.layerTreeRoot(), iface.layerTreeView().layerTreeModel())
    board.label.data.open(Path(PLAN["tiles"]))
    until(lambda: board.session.tiles, 60)
    settle()
    return board


def walk() -> None:
    """The storyboard's minutes 2 to 4."""
    eyes, canvas = Eyes(), iface.mapCanvas()
    board = open_demo()
    REPORT["imagery"] = [[one.date, one.licence] for one in board.imagery.dates.imagery]
    canvas.setExtent(board.session.tiles.extent)
    settle()
    screenshot("dock_loaded")
    board.label.labelling.click()
    REPORT["steps"].append("tool")
    for kind, place in PLAN["first"].items():
        label(QgsPointXY(*place), kind)
    guided(eyes, FEW)
    canvas.setExtent(board.session.tiles.extent)
    settle()
    record("few")
    screenshot("dock_14_clicks")
    REPORT["steps"].append("14 clicks")

    off = QgsPointXY(board.session.tiles.extent.xMaximum() - 15, board.session.tiles.extent.yMaximum() - 15)
    before = len(board.session.training)
    click(at(off))
    REPORT["off_coverage"] = len(board.session.training) - before
    settle()
    look_around(board)
    edit(board)
    with Watchdog() as watch:
        guided(eyes, MANY)
    REPORT["clicks_blocked"] = [watch.long, watch.where]
    canvas.setExtent(board.session.tiles.extent)
    settle()
    wait(1500)
    settle()
    record("many")
    screenshot("dock_40_clicks")
    charts(board)
    swipe(board)
    areas(board)
    everywhere(board)


def look_around(board: Any) -> None:
    """The views by their keys: symbology only."""
    answer = board.loop.answer
    for key, name in ((Qt.Key.Key_U, "unsure"), (Qt.Key.Key_T, "classes")):
        press(key)
        screenshot(f"dock_{name}")
    board.label.charts.slider.setValue(80)
    drawn()
    REPORT["threshold_computes_nothing"] = board.loop.answer is answer
    board.label.charts.slider.setValue(50)
    press(Qt.Key.Key_H)
    press(Qt.Key.Key_E)
    settle()
    screenshot("dock_extrapolated")
    press(Qt.Key.Key_E)
    settle()
    REPORT["steps"].append("views")


def edit(board: Any) -> None:
    """Undo and redo, a brush stroke, removing by right-click; in the end all is as before."""
    session, canvas = board.session, iface.mapCanvas()
    count = len(session.training)
    counts = []
    press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    counts.append(len(session.training) - count)
    press(Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    counts.append(len(session.training) - count)
    start = QPoint(canvas.width() // 2, canvas.height() // 2)
    left = Qt.MouseButton.LeftButton
    mouse(QEvent.Type.MouseButtonPress, start, left, left)
    for step in range(1, 8):
        mouse(QEvent.Type.MouseMove, start + QPoint(step * 15, 0), Qt.MouseButton.NoButton, left)
    mouse(QEvent.Type.MouseButtonRelease, start + QPoint(105, 0), left, Qt.MouseButton.NoButton)
    counts.append(len(session.training) - count)
    press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    counts.append(len(session.training) - count)
    last = session.positions(session.training)[-1]
    click(at(last), Qt.MouseButton.RightButton)
    counts.append(len(session.training) - count)
    press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    counts.append(len(session.training) - count)
    REPORT["edits"] = counts
    settle()


def charts(board: Any) -> None:
    """Every chart."""
    for index, name in enumerate(("scores", "pr", "learning", "classes", "weights")):
        board.label.charts._buttons.button(index).click()
        wait(150)
        board.label.charts.grab().save(str(Path(PLAN["screenshots"]) / f"dock_chart_{name}.png"))
    board.label.charts._buttons.button(0).click()


def swipe(board: Any) -> None:
    """A and D flick, S swipes."""
    dates = []
    for key in (Qt.Key.Key_A, Qt.Key.Key_D):
        press(key)
        settle()
        dates.append(board.imagery.current_date)
    REPORT["flicked"] = dates
    board.label.view.set_opacity(0.1)
    extent = board.session.tiles.extent
    side = 0.4 * extent.width()
    iface.mapCanvas().setExtent(QgsRectangle.fromCenterAndSize(QgsPointXY(*PLAN["first"]["change"]), side, side))
    press(Qt.Key.Key_S)
    until(lambda: board.imagery.swipe.is_drawn)
    screenshot("dock_swipe")
    press(Qt.Key.Key_S)
    board.label.view.set_opacity(0.75)
    iface.mapCanvas().setExtent(extent)
    settle()


def areas(board: Any) -> None:
    """Draw an area and limit the work to it, then take the limit away."""
    extent = board.session.tiles.extent
    board.label.aoi.drawing.click()
    for x, y in ((0.1, 0.1), (0.6, 0.15), (0.55, 0.7), (0.15, 0.6)):
        click(at(QgsPointXY(extent.xMinimum() + x * extent.width(), extent.yMinimum() + y * extent.height())))
    press(Qt.Key.Key_Return)
    settle()
    everything = len(board.session.training)
    board.session.set_limit(True)
    settle()
    REPORT["limited"] = [everything, len(board.session.training)]
    screenshot("dock_area")
    board.session.set_limit(False)
    settle()


def everywhere(board: Any) -> None:
    """Apply to the whole raster, and copy the command."""
    for box in board.findChildren(type(board.label.run.parent())):
        if hasattr(box, "setCollapsed"):
            box.setCollapsed(box.isAncestorOf(board.label.charts) or box.isAncestorOf(board.imagery))
    settle()
    until(lambda: "Mpx" in board.label.run.cost.text(), 30)
    REPORT["estimate"] = board.label.run.cost.text()
    screenshot("dock_before_run")
    with Watchdog() as watch:
        board.label.run.apply()
        until(lambda: board.label.run.run is None and board.label.run.score_path, 120)
        wait(500)
    REPORT["run_blocked"] = [watch.longest, watch.where]
    board.label.run.copy_command()
    REPORT["command"] = QApplication.clipboard().text()
    screenshot("dock_done")
    layers = [layer for layer in QgsProject.instance().mapLayers().values() if not isinstance(layer, QgsVectorLayer)]
    REPORT["made"] = [layer.source() for layer in layers]
    REPORT["labels"] = board.session.labels.path
    REPORT["steps"].append("everywhere")


play(walk)
