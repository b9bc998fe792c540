"""Inside the real desktop: the tools from the Toolbox to the map, the plugin off and on, the demo's project.

The plan names ``folder`` to work in and ``project`` to open. What it reports is for test_desktop.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import qgis.utils
from desktop_driver import PLAN, REPORT, arrange, play, screenshot, wait
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAction, QDockWidget, QTreeView
from qgis.utils import iface

import processing


def arrange_window() -> None:
    """Layers, map and the Toolbox with our tools, as after the plugin's own menu entry."""
    arrange(1600, 1000)
    window = iface.mainWindow()
    window.findChild(QAction, "BitscapeOpenTools").trigger()
    window.findChild(QDockWidget, "ProcessingToolbox").findChild(QTreeView).expandAll()
    sides = [window.findChild(QDockWidget, name) for name in ("Layers", "ProcessingToolbox")]
    window.resizeDocks(sides, [340, 300], Qt.Orientation.Horizontal)


def toolbox_texts() -> list[str]:
    """Every row of the Processing Toolbox that a user can unfold under Bitscape."""
    toolbox = iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
    toolbox.show()
    view = toolbox.findChild(QTreeView)
    model = view.model()
    texts: list[str] = []

    def visit(parent: Any) -> None:
        for row in range(model.rowCount(parent)):
            index = model.index(row, 0, parent)
            texts.append(str(model.data(index, Qt.ItemDataRole.DisplayRole)))
            visit(index)

    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if "Bitscape" in str(model.data(index, Qt.ItemDataRole.DisplayRole)):
            visit(index)
    return texts


def provider_algorithms() -> list[str]:
    """Ids of the algorithms that are registered now."""
    provider = QgsApplication.processingRegistry().providerById("bitscape")
    return sorted(algorithm.id() for algorithm in provider.algorithms()) if provider else []


def run_chain() -> None:
    """The four algorithms, their results loaded into the project."""
    folder = Path(PLAN["folder"])
    made = processing.runAndLoadResults(
        "bitscape:createsampledata", {"SIZE": 256, "SEED": 3, "YEARS": "2020,2024", "OUTPUT": str(folder / "data")}
    )
    tiles, model = str(folder / "tiles.tif"), str(folder / "model.json")
    processing.runAndLoadResults("bitscape:buildembeddingtiles", {
        "INPUT": made["EMBEDDINGS"], "TILES": tiles, "OUTPUT": str(folder / "picture.tif"),
        "COVERAGE": str(folder / "coverage.tif"),
    })
    processing.run("bitscape:trainclassifier", {"INPUT": tiles, "LABELS": made["LABELS"], "OUTPUT": model})
    processing.runAndLoadResults("bitscape:applyclassifier", {
        "INPUT": [tiles], "MODEL": model, "OUTPUT": str(folder / "score.tif"), "CLASSES": str(folder / "classes.tif"),
    })


def describe_layers() -> dict[str, dict[str, Any]]:
    """What is in the project: name → whether it is valid, how it is drawn, where it is."""
    return {
        layer.name(): {
            "valid": layer.isValid(),
            "renderer": layer.renderer().type() if layer.renderer() else None,
            "file": Path(layer.source().split("|")[0]).name,
            "abstract": layer.metadata().abstract(),
        }
        for layer in QgsProject.instance().mapLayers().values()
    }


def reload_plugin() -> None:
    """Off and on again, twice."""
    for _ in range(2):
        qgis.utils.unloadPlugin("bitscape")
        REPORT["after_unload"] = provider_algorithms()
        qgis.utils.loadPlugin("bitscape")
        qgis.utils.startPlugin("bitscape")
        REPORT["after_reload"] = provider_algorithms()
    wait(500)


def children() -> list[str]:
    """Command lines of this process's living children."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in listed]


def session() -> None:
    """Everything, in a user's order."""
    REPORT["algorithms"] = provider_algorithms()
    REPORT["toolbox"] = toolbox_texts()
    REPORT["steps"].append("toolbox")
    run_chain()
    REPORT["layers"] = describe_layers()
    arrange_window()
    wait(500)
    iface.mapCanvas().zoomToFullExtent()
    screenshot("chain")
    REPORT["steps"].append("chain")
    reload_plugin()
    REPORT["steps"].append("reload")
    iface.addProject(PLAN["project"])
    REPORT["project"] = describe_layers()
    arrange_window()
    screenshot("demo")
    REPORT["steps"].append("project")
    REPORT["children"] = children()


play(session)
