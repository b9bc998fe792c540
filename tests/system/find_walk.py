"""Inside the real desktop: somebody looks for places like one, and makes labels of what is found.

The plan names ``project``, ``tiles``, ``store`` and its address ``url``, ``table`` (embeddings that are no store),
``first`` (where change is plain), ``size`` of the window and ``prefix`` of the pictures. See test_find_desktop.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qgis.utils
from desktop_driver import (
    NO_MODIFIER,
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
from qgis.core import QgsApplication, QgsCoordinateTransform, QgsPointXY, QgsProject
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QToolTip
from qgis.utils import iface

Key = Qt.Key


def picture(name: str) -> None:
    """Of the whole window."""
    screenshot(f"{PLAN['prefix']}_{name}")


def place_of(result: Any) -> QgsPointXY:
    """Where a result is on the map."""
    crs = iface.mapCanvas().mapSettings().destinationCrs()
    move = QgsCoordinateTransform(PLAN_CRS, crs, QgsProject.instance())
    return move.transform(QgsPointXY(result["lon"], result["lat"]))


def settle(tab: Any) -> None:
    """Until everything is answered, drawn and rendered."""
    until(lambda: tab.loop.state in ("done", "ready"), 60)
    until(lambda: tab.thumbnails.running == 0 and not tab.thumbnails._wishes, 60)
    drawn()


def show(board: Any, widget: Any) -> None:
    """Scroll the dock so that a part of it is seen."""
    board.tabs.currentWidget().ensureWidgetVisible(widget)
    wait(100)


def walk() -> None:
    """From the demo's project to labels made of results."""
    global PLAN_CRS
    from qgis.core import QgsCoordinateReferenceSystem

    PLAN_CRS = QgsCoordinateReferenceSystem("EPSG:4326")
    arrange(*PLAN["size"])
    iface.addProject(PLAN["project"])
    board = dock()
    for other in iface.mainWindow().findChildren(QDockWidget):
        if other.objectName() == "ProcessingToolbox":
            other.hide()
    drawn()
    until(lambda: "numpy" in board.backend.text, 60)
    board.label.data.take([Path(PLAN["tiles"])])
    until(lambda: board.session.tiles is not None, 60)
    until(lambda: len(board.imagery.dates.imagery) > 1, 60)
    board.imagery.dates.show(1)
    for node in QgsProject.instance().layerTreeRoot().findLayers():
        if node.layerId() not in {one.layer_id for one in board.imagery.dates.imagery}:
            node.setItemVisibilityChecked(False)
    tab = board.find
    board.tabs.setCurrentIndex(2)
    wait(300)
    picture("nothing")
    tab.store.take(PLAN["table"])
    wait(200)
    picture("offer")
    build = tab.store.build
    build.options.click()
    dialog = until(lambda: next((one for one in QApplication.topLevelWidgets() if one.isVisible()
                                 and type(one).__name__ == "AlgorithmDialog"), None), 20)
    REPORT["dialog"] = [dialog.windowTitle(), dialog.isModal()]
    dialog.close()
    build.target.setFilePath(str(Path(PLAN["folder"]) / "built store"))
    build.start.click()
    until(lambda: tab.loop.about is not None or "⚠" in build.status.words.text(), 200)
    REPORT["built"] = [tab.search.store, tab.store.facts.text(), build.status.words.text()]
    settle(tab)
    picture("built")
    tab.store.take(PLAN["store"])
    until(lambda: tab.loop.about is not None, 60)
    settle(tab)
    REPORT["facts"] = tab.store.facts.text()
    picture("opened")
    tab.exemplars.start.click()
    REPORT["tool"] = iface.mapCanvas().mapTool() is tab.tool
    spot = QgsPointXY(*PLAN["first"])
    with Watchdog() as watch:
        click(at(spot))
        until(lambda: tab.results.view.results.results, 60)
        settle(tab)
        press(Key.Key_N)
        other = tab.results.view.results.results[40]
        click(at(place_of(other)))
        settle(tab)
        press(Key.Key_P)
        for _ in range(6):
            press(Key.Key_Period)
            settle(tab)
    REPORT["blocked"] = [watch.long, watch.where]
    REPORT["found"] = len(tab.results.view.results.results)
    picture("found")
    hovered = tab.results.view.results.results[6]
    tab.fly_to(hovered)
    settle(tab)
    mouse(QEvent.Type.MouseMove, at(place_of(hovered)), Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)
    wait(200)
    REPORT["told"] = QToolTip.text()
    picture("hover")
    iface.mapCanvas().zoomToFullExtent()
    drawn()
    for view, key in (("heat", Key.Key_H), ("threshold", Key.Key_T)):
        press(key)
        until(lambda: tab.picture.layer is not None, 60)
        settle(tab)
        picture(view)
    with Watchdog() as watch:
        start = tab.threshold.value
        edges = tab.loop.answer["histogram"]["edges"]
        for share in range(1, 15):
            tab.threshold.chart.dragged.emit(start + (edges[len(edges) // 2] - start) * share / 14)
            wait(40)
        settle(tab)
    REPORT["dragged"] = [watch.long, watch.where]
    REPORT["within"] = tab.loop.answer["within"]
    show(board, tab.threshold)
    picture("dragged")
    press(Key.Key_K)
    settle(tab)
    for view in ("outlier", "surprise", "gradient", "typical"):
        tab.search.ask(view=view)
        until(lambda: tab.picture.layer is not None, 60)
        settle(tab)
        picture(view)
    press(Key.Key_K)
    settle(tab)
    label(board, tab)
    save(board, tab)
    areas(board, tab)
    REPORT["steps"].append("areas")
    remote(board, tab)
    REPORT["steps"].append("remote")
    QgsApplication.setUITheme("Night Mapping")  # last: QGIS does not find the way back while it runs
    wait(600)
    tab.search.ask(view="threshold")
    settle(tab)
    picture("dark")
    show(board, tab.results)
    picture("dark_results")
    QgsProject.instance().write(str(Path(PLAN["folder"]) / "found.qgz"))
    iface.newProject(False)
    wait(300)
    REPORT["forgotten"] = [tab.search.store, tab.results.view.isVisible()]
    iface.addProject(str(Path(PLAN["folder"]) / "found.qgz"))
    drawn()
    board.tabs.setCurrentIndex(2)
    until(lambda: tab.loop.state == "done", 60)
    settle(tab)
    REPORT["again"] = [tab.search.store, tab.search.count(True), tab.search.count(False), tab.search.question.view,
                       len(tab.results.view.results.results)]
    qgis.utils.unloadPlugin("bitscape")
    wait(300)
    REPORT["steps"].append("unloaded")


def label(board: Any, tab: Any) -> None:
    """Two results by the keyboard alone, then all, then undone."""
    board.session.prepare_labels()
    before = len(board.session.training)
    view = tab.results.view
    show(board, view)
    view.setFocus()
    view.setCurrentIndex(view.results.index(0))
    for key, modifiers in ((Key.Key_Right, Qt.KeyboardModifier.ShiftModifier), (Key.Key_L, NO_MODIFIER)):
        QgsApplication.sendEvent(view, QKeyEvent(QEvent.Type.KeyPress, key, modifiers))
        wait(50)
    REPORT["labelled"] = [len(board.session.training) - before]
    with Watchdog() as watch:
        tab.results.every.click()
        wait(100)
    REPORT["labelling"] = [watch.long, watch.where]
    REPORT["labelled"].append(len(board.session.training) - before)
    picture("labelled")
    tab.results.note.linkActivated.emit("undo")
    wait(100)
    REPORT["labelled"].append(len(board.session.training) - before)


def save(board: Any, tab: Any) -> None:
    """The results as files, by the algorithm."""
    panel = tab.save
    for box in board.findChildren(type(board.label._aoi_box)):
        if box.isAncestorOf(panel):
            box.setCollapsed(False)
    panel.target.setFilePath(str(Path(PLAN["folder"]) / "saved.gpkg"))
    panel.copy.click()
    wait(50)
    REPORT["command"] = QgsApplication.clipboard().text()
    REPORT["saved"] = save_as(tab, "saved")
    show(board, panel)
    picture("saved")


def save_as(tab: Any, name: str) -> list[Any]:
    """Save what is found: what the panel says, the file, and identifiers and scores of what is seen."""
    panel = tab.save
    target = Path(PLAN["folder"]) / f"{name}.gpkg"
    panel.target.setFilePath(str(target))
    panel.save.click()
    until(lambda: panel.status.run is None, 120)
    wait(300)
    return [panel.status.words.text(), str(target),
            [[one["id"], one["score"]] for one in tab.results.view.results.results]]


def areas(board: Any, tab: Any) -> None:
    """Only in what the map shows, only in areas of interest; what is found there is saved."""
    canvas = iface.mapCanvas()
    everywhere = tab.loop.answer["rows"]
    canvas.zoomByFactor(0.5)
    drawn()
    tab.areas.buttons["window"].click()
    settle(tab)
    REPORT["rows"] = [everywhere, tab.loop.answer["rows"]]
    board.tabs.currentWidget().verticalScrollBar().setValue(0)
    picture("window")
    REPORT["saved_window"] = save_as(tab, "saved_window")
    REPORT["aoi_in_find"] = tab.isAncestorOf(board.label.aoi)
    board.label.aoi.add_view()
    tab.areas.buttons["areas"].click()
    settle(tab)
    show(board, board.label.aoi)
    picture("areas")
    REPORT["saved_areas"] = save_as(tab, "saved_areas")


def remote(board: Any, tab: Any) -> None:
    """The same store over http: opened by its address, searched in what the map shows, and saved."""
    here, store = len(tab.results.view.results.results), tab.search.store
    board.tabs.currentWidget().verticalScrollBar().setValue(0)
    tab.store.take(PLAN["url"])
    until(lambda: tab.loop.about is not None and tab.search.store != store, 60)
    settle(tab)
    picture("remote_opened")
    if not tab.exemplars.start.isChecked():
        tab.exemplars.start.click()
    tab.areas.buttons["window"].click()
    settle(tab)
    iface.mapCanvas().setCenter(QgsPointXY(*PLAN["first"]))
    drawn()
    tab.act("sign:positive")
    click(at(QgsPointXY(*PLAN["first"])))
    until(lambda: tab.results.view.results.results, 60)
    settle(tab)
    picture("remote")
    REPORT["remote"] = [tab.search.store, tab.store.facts.text(), here, tab.loop.answer["failed"], tab.loop.words()]
    REPORT["saved_remote"] = save_as(tab, "saved_remote")
    show(board, tab.save)
    picture("remote_saved")
    tab.store.take(store)
    until(lambda: tab.loop.about is not None and tab.search.store == store, 60)
    settle(tab)
    REPORT["back"] = [tab.search.count(True), tab.search.count(False)]


play(walk)
