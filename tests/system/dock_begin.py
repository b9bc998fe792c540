"""Inside the real desktop: a new user's first minutes, from nothing to the picture before the first click.

The plan names ``embeddings`` of two dates, ``reference`` (a year without change), ``sample`` (where one may be made).
"""

from __future__ import annotations

from pathlib import Path

from desktop_driver import PLAN, REPORT, Watchdog, arrange, dock, drawn, play, screenshot, until, wait
from qgis.core import QgsProject
from qgis.PyQt.QtWidgets import QAction
from qgis.utils import iface


def begin() -> None:
    """The toolbar's button, dropped rasters, build, and the sample."""
    arrange()
    iface.newProject(False)
    action = iface.mainWindow().findChild(QAction, "BitscapeShowDock")
    action.trigger()
    board = dock()
    REPORT["shown"] = [board.isVisible(), action.isChecked()]
    board.label.data.take([Path(path) for path in PLAN["embeddings"]])
    form = board.label.data.form
    until(lambda: len(form.headers) == 2 and form.start.isEnabled(), 60)
    form.reference.setFilePath(PLAN["reference"])
    until(lambda: form.start.isEnabled(), 60)
    REPORT["cost"] = form.cost.text()
    screenshot("dock_build_form")
    with Watchdog() as watch:
        form.start.click()
        until(lambda: board.session.tiles, 120)
    REPORT["blocked"] = [watch.longest, watch.where]
    wait(1000)
    drawn()
    REPORT["layers"] = [layer.name() for layer in QgsProject.instance().layerTreeRoot().layerOrder() if layer.isValid()]
    REPORT["tiles"] = str(board.session.tiles.path)
    REPORT["compared"] = board.label.data.status.words.text()
    screenshot("dock_magnitude")
    action.trigger()
    REPORT["hidden"] = [board.isVisible(), action.isChecked()]


play(begin)
