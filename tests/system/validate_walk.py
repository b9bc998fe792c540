"""Inside the real desktop: an interpreter goes through a sample with the keyboard alone, and a second one after her.

The plan names ``project``, where the ``sample`` goes, its ``points``, ``truth``, ``size`` of the window and ``prefix``
of the pictures. The robot looks at the truth where people look at imagery. See test_validate_desktop.py.
"""

from __future__ import annotations

from typing import Any, Optional

import qgis.utils
from desktop_driver import PLAN, REPORT, Watchdog, arrange, dock, drawn, play, press, screenshot, until, wait
from osgeo import gdal
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDockWidget
from qgis.utils import iface

Key = Qt.Key


def picture(name: str) -> None:
    """Of the whole window."""
    screenshot(f"{PLAN['prefix']}_{name}")


def visible(flicked: Optional[set[str]] = None) -> dict[str, bool]:
    """Which layers are switched on in the layer tree, but for the imagery: that is flicked."""
    if flicked is None:
        flicked = {one.layer_id for one in dock().imagery.dates.imagery}
    nodes = QgsProject.instance().layerTreeRoot().findLayers()
    return {f"{node.name()} {node.layerId()}": node.itemVisibilityChecked() for node in nodes
            if node.layerId() not in flicked}


def has_focus(widget: Any) -> bool:
    """Whether keys would go there; without a window manager no window is active."""
    return iface.mainWindow().focusWidget() is widget


def truth_at(x: float, y: float) -> Any:
    """The key of the class that is really there."""
    data = gdal.Open(PLAN["truth"])
    a = gdal.InvGeoTransform(data.GetGeoTransform())
    column, row = (int(value) for value in gdal.ApplyGeoTransform(a, x, y))
    return Key.Key_C if data.ReadAsArray(column, row, 1, 1)[0, 0] == 1 else Key.Key_N


def walk() -> None:
    """From the demo's project to conflicts that are settled."""
    arrange(*PLAN["size"])
    iface.addProject(PLAN["project"])
    board = dock()
    for other in iface.mainWindow().findChildren(QDockWidget):
        if other.objectName() == "ProcessingToolbox":
            other.hide()
    drawn()
    until(lambda: "numpy" in board.backend.text, 60)
    tab = board.validate
    board.tabs.setCurrentIndex(1)
    wait(300)
    picture("nothing")
    tab.sample.draw.click()
    wait(200)
    form = tab.sample.form
    form.points.setValue(PLAN["points"])
    form.target.setFilePath(PLAN["sample"])
    picture("form")
    form.start.click()
    until(lambda: tab.validation.sample is not None, 120)
    tab.validation.set_interpreter("Ada")
    wait(200)
    before, everything = visible(), visible(set())
    picture("opened")
    tab.pad.start.click()
    drawn()
    REPORT["hidden"] = tab.serving.hidden.names
    REPORT["seen"] = [name for name, is_on in visible().items() if is_on]
    REPORT["focused"] = has_focus(iface.mapCanvas())
    REPORT["imagery_at_once"] = board.imagery.dates.current
    picture("first")
    answer(board)
    press(Key.Key_Escape)
    drawn()
    REPORT["restored"] = visible(set()) == everything
    REPORT["counts"] = tab.agreement.counts.text()
    picture("paused")
    second(board, before)
    REPORT["steps"].append("second")


def answer(board: Any) -> None:
    """Twelve points: one with a note, one skipped, one said otherwise afterwards."""
    tab = board.validate
    for number in range(1, 13):
        point = tab.validation.point
        REPORT.setdefault("served", []).append(point.number)
        if number == 3:
            press(Key.Key_S)
            until(lambda: board.imagery.swipe.is_drawn)
            picture("swipe")
            press(Key.Key_S)
        if number == 4:
            press(Key.Key_X)
            wait(100)
            picture("skip")
            press(Key.Key_1)
            continue
        if number == 5:
            press(Key.Key_W)
            press(Key.Key_Return)
            wait(50)
            REPORT["in_note"] = has_focus(tab.pad.note)
            QTest.keyClicks(tab.pad.note, "clear-cut, maybe 2023")
            QTest.keyClick(tab.pad.note, Key.Key_Return)
            wait(50)
            REPORT["back_on_map"] = has_focus(iface.mapCanvas())
            picture("note")
        press(Key.Key_A if number % 2 else Key.Key_D)
        press(truth_at(point.x, point.y))
        drawn()
    press(Key.Key_Backspace)
    wait(100)
    picture("back")
    press(Key.Key_Q)
    press(Key.Key_Period)
    drawn()


def second(board: Any, before: dict[str, bool]) -> None:
    """Ben answers all, some otherwise; they settle what they do not agree on, and the map is assessed. In the end the
    plugin is switched off while Eve is being asked."""
    tab = board.validate
    tab.validation.set_interpreter("Ben")
    tab.pad.start.click()
    number = 0
    with Watchdog() as watch:
        while tab.validation.point is not None:
            number += 1
            point = tab.validation.point
            key = truth_at(point.x, point.y)
            if number in (2, 6):
                key = Key.Key_N if key == Key.Key_C else Key.Key_C
            press(key)
            drawn()
    REPORT["blocked"] = [watch.long, watch.where]
    picture("done")
    press(Key.Key_Escape)
    for box in board.findChildren(type(tab.agreement.parent())):
        if hasattr(box, "setCollapsed") and box.isAncestorOf(tab.agreement):
            box.setCollapsed(False)
    panel = tab.agreement
    panel.compare.click()
    until(lambda: panel.list.count() > 0, 60)
    REPORT["agreement"] = panel.figures.text()
    panel.list.itemClicked.emit(panel.list.item(0))
    drawn()
    scroll = board.tabs.currentWidget()
    scroll.ensureWidgetVisible(panel.list)
    wait(200)
    picture("conflict")
    scroll.verticalScrollBar().setValue(0)
    picture("settling")
    press(Key.Key_C)
    press(Key.Key_N)
    wait(100)
    press(Key.Key_Escape)
    drawn()
    scroll.ensureWidgetVisible(tab.assess)
    tab.assess.start.click()
    until(lambda: tab.assess.report is not None, 120)
    REPORT["headline"] = tab.assess.status.words.text()
    scroll.ensureWidgetVisible(tab.assess)
    wait(200)
    picture("assess")
    board.tabs.setCurrentIndex(0)
    wait(300)
    REPORT["imagery_in_label"] = board.label.isAncestorOf(board.imagery)
    picture("label")
    board.tabs.setCurrentIndex(1)
    tab.validation.set_interpreter("Eve")
    tab.pad.start.click()
    press(Key.Key_W)
    QgsApplication.setUITheme("Night Mapping")  # last: QGIS does not find the way back while it runs
    wait(600)
    picture("dark")
    press(Key.Key_Escape)
    picture("dark_paused")
    tab.pad.start.click()
    drawn()
    REPORT["hidden_again"] = tab.serving.hidden.names
    flicked = {one.layer_id for one in board.imagery.dates.imagery}
    qgis.utils.unloadPlugin("bitscape")
    wait(300)
    REPORT["after_unload"] = visible(flicked) == before
    REPORT["steps"].append("unloaded")


play(walk)
