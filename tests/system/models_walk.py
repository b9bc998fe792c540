"""Inside the real desktop: a user picks a model, sees what it would find, runs it, and makes areas and labels of it.

The plan names the ``raster``, the ``models`` (a folder), ``size`` of the window and ``prefix`` of the pictures. See
test_models_desktop.py.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import qgis.utils
from desktop_driver import PLAN, REPORT, Watchdog, arrange, dock, drawn, play, screenshot, until, wait
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QMimeData, QPoint, Qt, QUrl
from qgis.PyQt.QtGui import QDropEvent
from qgis.PyQt.QtWidgets import QDialog, QDockWidget
from qgis.utils import iface

WATCH = Watchdog()


def picture(name: str) -> None:
    """Of the whole window. What the camera takes is no pause of ours."""
    screenshot(f"{PLAN['prefix']}_{name}")
    WATCH._last, WATCH._worked = time.perf_counter(), time.thread_time()


def drop(tab: Any, path: Path) -> None:
    """A file from a file manager onto the tab."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    tab.dropEvent(QDropEvent(QPoint(20, 20), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton,
                             Qt.KeyboardModifier.NoModifier))


def layers() -> list[str]:
    """Names in the layer tree, groups before what is in them."""
    found = []
    for group in QgsProject.instance().layerTreeRoot().findGroups():
        found += [group.name(), *(f"  {node.name()}" for node in group.findLayers())]
    return found


def walk() -> None:
    """From an empty project with one picture to labels."""
    arrange(*PLAN["size"])
    for other in iface.mainWindow().findChildren(QDockWidget):
        if other.objectName() == "ProcessingToolbox":
            other.hide()
    board = dock()
    until(lambda: "numpy" in board.backend.text, 60)
    tab = board.models
    board.tabs.setCurrentWidget(board._models)
    wait(300)
    picture("nothing")
    layer = QgsRasterLayer(PLAN["raster"], "Sentinel-2")
    QgsProject.instance().addMapLayer(layer)
    iface.mapCanvas().setDestinationCrs(layer.crs())
    iface.mapCanvas().setExtent(layer.extent())
    drawn()
    models = Path(PLAN["models"])
    with WATCH:
        choose(board, tab, models)
        preview(tab, layer)
        run(board, tab)
    REPORT["blocked"] = [WATCH.long, WATCH.where]
    REPORT["steps"].append("used")
    finish(board, tab)


def choose(board: Any, tab: Any, models: Path) -> None:
    """A model that says nothing, with its form, and one that says all."""
    drop(tab, models / "bare.onnx")
    until(lambda: tab.choice.info is not None and not tab.choice.is_reading, 60)
    REPORT["asked"] = tab.model.form.isVisible()
    wait(200)
    picture("form")
    scroll = board._models
    scroll.ensureWidgetVisible(tab.model.form.save)
    wait(100)
    picture("form_below")
    tab.model.form.leave.click()
    drop(tab, models / "cover.onnx")
    until(lambda: tab.choice.info is not None and not tab.choice.is_reading, 60)
    scroll.verticalScrollBar().setValue(0)
    REPORT["asked_again"] = tab.model.form.isVisible()
    REPORT["runs_on"] = tab.providers.words.text()
    wait(200)
    picture("card")
    tab.channels.summary.click()
    tab.model.more.click()
    wait(200)
    picture("card_whole")
    tab.model.more.click()
    tab.channels.summary.click()


def preview(tab: Any, layer: Any) -> None:
    """What is seen; then a part of it, which follows by itself."""
    tab.previews.start.click()
    REPORT["cancel_visible"] = tab.previews.status.cancel.isVisible()
    until(lambda: tab.preview.layer.layer is not None, 60)
    until(lambda: tab.previews.status.run is None)
    REPORT["preview_words"] = tab.previews.status.words.text()
    picture("preview")
    seen: list[Any] = []
    tab.preview.shown.connect(seen.append)
    tab.previews.follow.click()
    box = layer.extent()
    box.scale(0.4)
    iface.mapCanvas().setExtent(box)
    iface.mapCanvas().refresh()
    until(lambda: len(seen) >= 1, 60)
    REPORT["followed"] = len(seen)
    tab.previews.follow.click()
    picture("follow")
    tab.previews.clear.click()
    REPORT["removed"] = tab.preview.layer.layer is None
    picture("cleared")
    iface.mapCanvas().setExtent(layer.extent())
    drawn()


def run(board: Any, tab: Any) -> None:
    """Everything, after its cost was told."""
    panel, scroll = tab.run, board._models
    panel._boxes["POLYGONS"].setChecked(True)
    scroll.ensureWidgetVisible(panel.many)
    until(lambda: "windows" in panel.cost.text(), 60)
    REPORT["cost"] = panel.cost.text()
    wait(200)
    picture("cost")
    panel.go.click()
    until(lambda: "%" in panel.status.words.text(), 30)
    REPORT["run_cancel_visible"] = panel.status.cancel.isVisible()
    picture("running")
    until(lambda: panel.run is None, 120)
    REPORT["done"] = panel.status.words.text()
    REPORT["tree"] = layers()
    scroll.ensureWidgetVisible(panel.status)
    wait(300)
    picture("done")
    panel.copy.click()
    REPORT["command"] = QgsApplication.clipboard().text()
    use(board, tab)


def use(board: Any, tab: Any) -> None:
    """Areas and labels."""
    panel, scroll = tab.use, board._models
    for box in board.findChildren(type(panel.parent())):
        if hasattr(box, "setCollapsed") and box.isAncestorOf(panel):
            box.setCollapsed(False)
    until(lambda: panel.classes.count() == 3, 20)
    panel.classes.setCurrentIndex(panel.classes.findText("water"))
    scroll.ensureWidgetVisible(panel.to_areas)
    panel.to_areas.click()
    until(lambda: panel.run is None, 60)
    REPORT["areas"] = panel.status.words.text()
    panel.sure.setValue(0.3)
    panel.to_labels.click()
    until(lambda: panel.run is None, 60)
    REPORT["labels"] = panel.status.words.text()
    wait(100)
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())
    wait(200)
    picture("used")


def finish(board: Any, tab: Any) -> None:
    """The Toolbox's forms, the Label tab, the dark theme; in the end the plugin is switched off in a preview."""
    tab.run.many.click()
    wait(500)
    shown = [one for one in QgsApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]
    shown += [one for one in iface.mainWindow().findChildren(QDialog) if one.isVisible() and one not in shown]
    REPORT["dialogs"] = [one.windowTitle() for one in shown]
    if shown:
        shown[0].grab().save(str(Path(PLAN["screenshots"]) / f"{PLAN['prefix']}_many.png"))
    for one in shown:
        one.close()
    board.tabs.setCurrentIndex(0)
    wait(300)
    REPORT["undo"] = board.session.history.undo_text if board.session.history is not None else ""
    picture("label")
    board.tabs.setCurrentWidget(board._models)
    board._models.verticalScrollBar().setValue(0)
    QgsApplication.setUITheme("Night Mapping")  # last: QGIS does not find the way back while it runs
    wait(600)
    picture("dark")
    tab.model.edit.click()
    wait(200)
    picture("dark_form")
    tab.model.edit.click()
    board._models.ensureWidgetVisible(tab.run.many)
    wait(200)
    picture("dark_run")
    tab.previews.start.click()
    wait(100)
    qgis.utils.unloadPlugin("bitscape")
    wait(300)
    REPORT["after_unload"] = [name for name in layers() if "review" in name]
    REPORT["steps"].append("unloaded")


play(walk)
