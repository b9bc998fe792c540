"""Inside the real desktop: the shipped models over real and synthetic pictures, a detector, a super-resolution model,
and the Toolbox's batch form.

The plan names ``naip``, ``sentinel``, ``season``, ``lights`` (rasters), ``models`` (a folder with roads, water, lights
and finer), ``folder`` (of results), ``size`` of the window and ``prefix`` of the pictures. See test_shipped_desktop.py.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from desktop_driver import PLAN, REPORT, Watchdog, arrange, dock, drawn, play, screenshot, until, wait
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtWidgets import QDialog, QDockWidget
from qgis.utils import iface

WATCH = Watchdog()


def picture(name: str) -> None:
    """Of the whole window. What the camera takes is no pause of ours."""
    screenshot(f"{PLAN['prefix']}_{name}")
    WATCH._last, WATCH._worked = time.perf_counter(), time.thread_time()


def add(key: str) -> Any:
    """A raster of the plan as the only picture on the map, filling it."""
    project = QgsProject.instance()
    for node in project.layerTreeRoot().findLayers():
        node.setItemVisibilityChecked(False)
    layer = QgsRasterLayer(PLAN[key], Path(PLAN[key]).stem)
    assert layer.isValid(), PLAN[key]
    if layer.renderer() is not None and layer.renderer().type() == "multibandcolor":
        layer.renderer().setAlphaBand(-1)  # NAIP's near infrared is marked as transparency
    project.addMapLayer(layer)
    iface.mapCanvas().setDestinationCrs(layer.crs())
    iface.mapCanvas().setExtent(layer.extent())
    drawn()
    return layer


def take(board: Any, tab: Any, model: str, raster: str) -> None:
    """Choose a model and a raster, and wait until it is clear that they fit."""
    tab.model.take(Path(PLAN["models"]) / f"{model}.onnx")
    tab.rasters.set_source(PLAN[raster])
    until(lambda: tab.choice.info is not None and not tab.choice.is_reading and tab.choice.raster == PLAN[raster], 60)
    board._models.verticalScrollBar().setValue(0)
    wait(400)


def run(board: Any, tab: Any, *outputs: str) -> str:
    """Run with these optional outputs; what is said after it."""
    panel = tab.run
    for name, box in panel._boxes.items():
        box.setChecked(name in outputs)
    until(lambda: panel.go.isEnabled(), 30)
    panel.go.click()
    until(lambda: panel.run is None, 240)
    board._models.ensureWidgetVisible(panel.status)
    wait(300)
    return str(panel.status.words.text())


def use(board: Any, tab: Any, name: str) -> tuple[str, str]:
    """Areas and labels of one class; what is said of both."""
    panel = tab.use
    for box in board.findChildren(QgsCollapsibleGroupBox):
        if box.isAncestorOf(panel):
            box.setCollapsed(False)
    until(lambda: panel.classes.findText(name) >= 0, 20)
    panel.classes.setCurrentIndex(panel.classes.findText(name))
    panel.smallest.setValue(200)
    panel.to_areas.click()
    until(lambda: panel.run is None, 120)
    areas = panel.status.words.text()
    panel.to_labels.click()
    until(lambda: panel.run is None, 120)
    board._models.verticalScrollBar().setValue(board._models.verticalScrollBar().maximum())
    wait(200)
    return areas, panel.status.words.text()


def walk() -> None:
    """From an empty project to a batch."""
    arrange(*PLAN["size"])
    for other in iface.mainWindow().findChildren(QDockWidget):
        if other.objectName() == "ProcessingToolbox":
            other.hide()
    board = dock()
    until(lambda: "numpy" in board.backend.text, 60)
    tab = board.models
    board.tabs.setCurrentWidget(board._models)
    wait(300)
    with WATCH:
        roads(board, tab)
    REPORT["blocked"] = [(round(worked), where) for (_, worked), where in zip(WATCH.long, WATCH.stacks)]
    water(board, tab)
    others(board, tab)
    batch(board, tab)
    REPORT["steps"].append("done")


def roads(board: Any, tab: Any) -> None:
    """NAIP: the shipped model is in the list; preview, run, areas, labels."""
    REPORT["shipped"] = [tab.model.models.itemText(row) for row in range(tab.model.models.count())]
    add("naip")
    take(board, tab, "roads", "naip")
    bar = board._models
    button = tab.previews.start
    REPORT["preview_at"] = button.mapTo(bar.viewport(), button.rect().bottomLeft()).y()
    REPORT["viewport"] = bar.viewport().height()
    picture("roads_card")
    tab.model.more.click()
    wait(200)
    picture("roads_whole")
    tab.model.more.click()
    tab.previews.start.click()
    until(lambda: tab.preview.layer.layer is not None, 200)
    until(lambda: tab.previews.status.run is None)
    picture("roads_preview")
    tab.previews.clear.click()
    REPORT["roads"] = run(board, tab, "OUTPUT", "CONFIDENCE", "POLYGONS")
    picture("roads_done")
    whole = iface.mapCanvas().extent()
    near = iface.mapCanvas().extent()
    near.scale(0.6)
    iface.mapCanvas().setExtent(near)
    board._models.verticalScrollBar().setValue(0)
    until(lambda: "window" in tab.run.cost.text(), 60)
    iface.messageBar().clearWidgets()
    drawn()
    picture("roads_map")
    iface.mapCanvas().setExtent(whole)
    drawn()
    REPORT["roads_use"] = use(board, tab, "road")
    picture("roads_used")
    box = iface.mapCanvas().extent()
    box.scale(0.5)
    iface.mapCanvas().setExtent(QgsRectangle(box))
    drawn()
    picture("roads_near")


def water(board: Any, tab: Any) -> None:
    """The sample's lakes, and real water."""
    for key in ("sentinel", "season"):
        add(key)
        take(board, tab, "water", key)
        picture(f"{key}_card")
        REPORT[f"{key}_can"] = tab.run.go.isEnabled() or tab.run.names.text()
        if tab.run.go.isEnabled():
            REPORT[key] = run(board, tab, "OUTPUT", "CONFIDENCE")
            picture(f"{key}_done")


def others(board: Any, tab: Any) -> None:
    """Boxes, and a finer picture."""
    add("lights")
    for model in ("lights", "finer"):
        take(board, tab, model, "lights")
        tab.model.form.leave.click()
        wait(200)
        picture(f"{model}_card")
        REPORT[model] = run(board, tab, "OUTPUT")
        picture(f"{model}_done")


def batch(board: Any, tab: Any) -> None:
    """Two rasters in the form that the button opens."""
    take(board, tab, "roads", "naip")
    tab.run.many.click()
    wait(500)
    (dialog,) = [one for one in iface.mainWindow().findChildren(QDialog) if one.isVisible() and "Batch" in
                 one.windowTitle()]
    panel = dialog.mainWidget()
    panel.addRow()
    out = Path(PLAN["folder"])
    for row in range(2):
        for name, value in (("INPUT", PLAN["naip"]), ("MODEL", str(Path(PLAN["models"]) / "roads.onnx"))):
            wrapper = panel.wrappers[row][panel.parameter_to_column[name]]
            if hasattr(wrapper, "setParameterValue"):
                wrapper.setParameterValue(value, panel.processing_context)
            else:
                wrapper.setValue(value)
        for name, ending in (("OUTPUT", "tif"), ("POLYGONS", "gpkg")):
            cell = panel.tblParameters.cellWidget(row + 1, panel.parameter_to_column[name])
            cell.setValue(str(out / f"batch_{row}_{name.lower()}.{ending}"))
    panel.checkLoadLayersOnCompletion.setChecked(True)
    dialog.resize(1100, 500)
    wait(300)
    dialog.grab().save(str(Path(PLAN["screenshots"]) / f"{PLAN['prefix']}_batch.png"))
    dialog.runAlgorithm()
    wait(500)
    dialog.grab().save(str(Path(PLAN["screenshots"]) / f"{PLAN['prefix']}_batch_done.png"))
    dialog.close()
    found: dict[str, list[str]] = {}
    for layer in QgsProject.instance().mapLayers().values():
        source = layer.source().split("|")[0]
        if Path(source).name.startswith("batch_"):
            kind = layer.renderer()
            labels = ([one.label for one in kind.classes()] if hasattr(kind, "classes") else
                      [one.label() for one in kind.categories()] if hasattr(kind, "categories") else [kind.type()])
            found[Path(source).name] = labels
    REPORT["batch"] = found
    picture("batch_map")
    QgsApplication.setUITheme("Night Mapping")
    wait(600)
    board._models.verticalScrollBar().setValue(0)
    picture("dark")
    tab.model.more.click()
    wait(200)
    picture("dark_whole")


play(walk)
