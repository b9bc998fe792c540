"""Inside the real desktop: everything that can happen to somebody who labels. ``PLAN["case"]`` says what happens.

Nothing is asserted about what is right, except what the next step needs; test_dock_mishaps.py reads the report.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import qgis.utils
from desktop_driver import (
    PLAN,
    REPORT,
    arrange,
    at,
    click,
    dock,
    play,
    press,
    report,
    screenshot,
    until,
    wait,
)
from qgis.core import QgsPointXY, QgsProject, QgsRectangle
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtWidgets import QAction
from qgis.utils import iface

FOLDER = Path(PLAN["folder"])
PLACES = (
    (0.31, 0.37), (0.62, 0.55), (0.45, 0.71), (0.27, 0.62), (0.71, 0.33), (0.52, 0.24), (0.38, 0.48), (0.66, 0.68))


def said() -> list[str]:
    """What the session has said since the last time this was asked."""
    words, REPORT["said"] = REPORT.get("said", []), []
    return words


def listen() -> Any:
    """The dock, with what it says written down."""
    board = dock()
    board.session.said.connect(lambda text, level: REPORT.setdefault("said", []).append(text))
    return board


def open_tiles() -> Any:
    """The dock on the sample's tiles, the tool taken, and its map answered."""
    arrange(1600, 1000)
    board = listen()
    board.label.data.open(Path(PLAN["tiles"]))
    until(lambda: board.session.tiles, 60)
    iface.mapCanvas().setDestinationCrs(board.session.tiles.crs)
    QgsProject.instance().setCrs(board.session.tiles.crs)
    iface.mapCanvas().setExtent(board.session.tiles.extent)
    settle()
    board.label.labelling.click()
    return board


def settle() -> None:
    """Until the backend is idle and the map drawn."""
    wait(40)
    until(lambda: not dock().label.status.text() and not iface.mapCanvas().isDrawing(), 60)
    wait(40)


def place(number: int) -> None:
    """Label the place of a number, change and no change in turn, and do not wait."""
    box: QgsRectangle = dock().session.tiles.extent
    x, y = PLACES[number % len(PLACES)]
    press((Qt.Key.Key_C, Qt.Key.Key_N)[number % 2])
    shift = 0.004 * (number // len(PLACES))
    click(at(QgsPointXY(box.xMinimum() + (x + shift) * box.width(), box.yMinimum() + y * box.height())))


def count() -> int:
    """Labels that the session has."""
    return len(dock().session.training)


def killed() -> None:
    """Labels, reports that they are placed, and labels on until it is killed from outside."""
    board = open_tiles()
    for number in range(6):
        place(number)
    REPORT["placed"], REPORT["labels"] = count(), board.session.labels.path
    REPORT["backend"] = board.resident.pid
    report()
    for number in range(6, 10_000):
        place(number)
        wait(20)


def removed_in_use() -> None:
    """The user removes each layer that the dock uses, and goes on."""
    board = open_tiles()
    for number in range(4):
        place(number)
    settle()
    first = board.session.labels.path
    project = QgsProject.instance()
    project.removeMapLayer(board.session.labels.layer.id())
    settle()
    REPORT["after_labels"] = {"said": said(), "count": count(), "file": Path(first).is_file()}
    press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    place(4)
    place(5)
    settle()
    REPORT["after_new"] = {
        "count": count(), "other": board.session.labels.path != first, "model": bool(board.loop.answer["model"])}
    for role in ("score", "hatching"):
        place(6)
        project.removeMapLayer(board.loop.layers.layer(role).id())
        settle()
        place(7)
        settle()
        REPORT[f"after_{role}"] = board.loop.layers.layer(role) is not None
    board.label.aoi.add_view()
    settle()
    board.session.set_limit(True)
    board.label.aoi.draw(True)
    click(at(board.session.tiles.extent.center()))
    project.removeMapLayer(board.session.aoi.layer.id())
    settle()
    REPORT["after_aoi"] = {"aoi": board.session.aoi is None, "limit": board.session.limit_to_aoi}
    board.label.labelling.click()
    said()
    board.session.labels.layer.startEditing()
    before = count()
    place(8)
    REPORT["edit_mode"] = {"placed": count() - before, "said": said()}
    board.session.labels.layer.rollBack()
    place(8)
    settle()
    REPORT["after_edit_mode"] = count() - before
    project.removeAllMapLayers()
    settle()
    place(9)
    settle()
    REPORT["after_all"] = count()


def backend_killed() -> None:
    """The backend is killed in mid-click, again and again, until the dock gives up, and is started by hand."""
    board = open_tiles()
    place(0)
    place(1)
    settle()
    said()
    before, old = count(), board.resident.pid
    place(2)
    os.kill(old, signal.SIGKILL)
    place(3)
    settle()
    until(lambda: board.resident.pid not in (None, old) and board.loop.answer, 60)
    settle()
    REPORT["mid_click"] = {
        "placed": count() - before, "said": said(), "clicks": len(board.loop.answer["model"]["classes"])}
    for number in range(4, 8):
        pid = until(lambda: board.resident.pid, 30)
        place(number)
        os.kill(pid, signal.SIGKILL)
        wait(300)
    wait(1000)
    REPORT["again"] = {"placed": count() - before, "said": said(), "backend": board.backend.text}
    board.resident.restart()
    board.loop.ask()
    settle()
    until(lambda: len(board.loop.answer["model"]["classes"]) == count(), 60)
    REPORT["restarted"] = len(board.loop.answer["model"]["classes"])


def projects() -> None:
    """Other projects come and go; the plugin is switched off and on; at last QGIS is closed in the orderly way."""
    board = open_tiles()
    for number in range(6):
        place(number)
    settle()
    board.label.view.set_view("classes")
    board.label.view.set_opacity(0.4)
    board.label.charts.set_threshold(0.62)
    board.label.aoi.add_view()
    board.session.set_limit(True)
    settle()
    project = QgsProject.instance()
    labels = board.session.labels.path
    project.setFileName(str(FOLDER / "mine.qgz"))
    assert project.write()
    REPORT["dirty_after_save"] = project.isDirty()
    place(6)
    said()
    iface.newProject(False)
    wait(300)
    REPORT["new_project"] = {
        "said": said(),
        "tiles": board.session.tiles is None, "labels": board.session.labels is None, "text": board.label.guidance.text}
    place_nowhere(board)
    iface.addProject(str(FOLDER / "mine.qgz"))
    until(lambda: board.session.tiles and board.session.labels, 60)
    settle()
    REPORT["reopened"] = state(board)
    REPORT["reopened"]["same"] = board.session.labels.path == labels
    for _ in range(2):
        board.label.labelling.click()
        place(7)
        qgis.utils.unloadPlugin("bitscape")
        wait(200)
        REPORT["after_unload"] = {
            "docks": [one.objectName() for one in iface.mainWindow().findChildren(type(board))
                      if one.objectName() == "BitscapeDock"],
            "actions": [one.objectName() for one in iface.mainWindow().findChildren(QAction)
                        if one.objectName() == "BitscapeShowDock"],
            "tool": iface.mapCanvas().mapTool() is not None}
        qgis.utils.loadPlugin("bitscape")
        qgis.utils.startPlugin("bitscape")
        listen()
        until(lambda: dock().session.tiles and dock().session.labels, 60)
        settle()
        board = dock()
    REPORT["reloaded"] = state(board)
    REPORT["labels"] = board.session.labels.path
    place(8)
    REPORT["count"] = count()
    project.setDirty(False)
    report()
    leave()


def state(board: Any) -> dict[str, Any]:
    """What a project brings back."""
    return {
        "view": board.label.view.view, "opacity": board.label.view.opacity, "threshold": board.label.charts.threshold,
        "limit": board.session.limit_to_aoi, "count": len(board.session.labels.labels()),
        "model": bool(board.loop.answer and board.loop.answer["model"]),
        "layers": sorted(str(layer.customProperty("bitscape/role")) for layer in
                         QgsProject.instance().mapLayers().values() if layer.isValid()),
        "dirty": QgsProject.instance().isDirty(),
    }


def place_nowhere(board: Any) -> None:
    """A click when there is nothing to label."""
    said()
    iface.mapCanvas().setMapTool(board.label.tool)
    click(at(iface.mapCanvas().extent().center()))
    REPORT["nowhere"] = said()


def restored() -> None:
    """A saved project is opened: by itself, and once more after the live pictures were deleted."""
    arrange(1600, 1000)
    iface.addProject(PLAN["project"])
    board = listen()
    until(lambda: board.session.tiles and board.loop.answer, 60)
    settle()
    REPORT["restored"] = state(board)
    order = [layer.customProperty("bitscape/role") for layer in QgsProject.instance().layerTreeRoot().layerOrder()]
    screenshot("dock_restored")
    iface.newProject(False)
    settle()
    shutil.rmtree(Path(PLAN["tiles"]).with_name(f"{Path(PLAN['tiles']).stem}.live"))
    answer_questions()
    iface.addProject(PLAN["project"])
    until(lambda: board.session.tiles and board.loop.answer and board.loop.layers.layer("score"), 60)
    settle()
    REPORT["rebuilt"] = state(board)
    screenshot("dock_rebuilt")
    REPORT["same_order"] = order == [
        layer.customProperty("bitscape/role") for layer in QgsProject.instance().layerTreeRoot().layerOrder()]


def answer_questions() -> None:
    """QGIS asks what to do about layers whose files are gone: keep them as they are."""
    from qgis.PyQt.QtWidgets import QApplication, QDialog

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            REPORT.setdefault("asked", []).append(type(dialog).__name__)
            dialog.accept() if not hasattr(dialog, "apply") else dialog.reject()
        QTimer.singleShot(100, answer)

    QTimer.singleShot(100, answer)


def bare() -> None:
    """No backend and no pyqtgraph: what a newcomer sees first."""
    arrange(1600, 1000)
    board = listen()
    until(lambda: board.backend.line.text(), 30)
    wait(1500)
    REPORT["backend"] = board.backend.text
    REPORT["charts"] = [label.text() for label in board.label.charts.findChildren(type(board.backend.line))]
    board.label.data.open(Path(PLAN["tiles"]))
    wait(1500)
    REPORT["data"] = board.label.data.state.text()
    screenshot("dock_first_run")


def leave() -> None:
    """Close QGIS as its menu does; what runs is ended by that alone."""
    QTimer.singleShot(0, iface.actionExit().trigger)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        wait(100)


play({
    "killed": killed, "removed": removed_in_use, "backend": backend_killed, "projects": projects, "restored": restored,
    "bare": bare,
}[PLAN["case"]])
