"""Samples, maps and a window that the tests of validation share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from bitscape.plugin.dock.folding import folding
from bitscape.plugin.dock.imagery_panel import ImageryPanel
from bitscape.plugin.dock.project_entry import ProjectEntry
from bitscape.plugin.dock.session import Session
from bitscape.plugin.dock.validate.validate_tab import ValidateTab
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import write_classes
from bitscape.plugin.layers.metadata import PROVENANCE
from bitscape.tests.plugin.imagery.scene import Scene
from osgeo import gdal, ogr, osr
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QEvent, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import QAction, QVBoxLayout, QWidget

WEST, NORTH, PIXEL, SIDE = 500_000.0, 5_000_000.0, 10.0, 64
"""As the imagery of the scene has it, in EPSG:32633."""
NO_MODIFIER = Qt.KeyboardModifier.NoModifier
KEYS = {"enter": Qt.Key.Key_Return, "back": Qt.Key.Key_Backspace, "esc": Qt.Key.Key_Escape, ".": Qt.Key.Key_Period}


def place(number: int) -> tuple[float, float]:
    """Where point ``number`` of a sample lies: the middle of a pixel, in EPSG:32633."""
    column, row = (number * 23) % SIDE, (number * 41) % SIDE
    return WEST + (column + 0.5) * PIXEL, NORTH - (row + 0.5) * PIXEL


def write_sample(
    path: Path, count: int = 6, epsg: Optional[int] = 32633, table: Optional[ClassTable] = None,
    numbers: Optional[Sequence[int]] = None, strata: Sequence[str] = ("change", "nochange"),
) -> Path:
    """A sample as the contract has it, made without our code except for the classes; points in no order in the file."""
    wanted = osr.SpatialReference() if epsg is not None else None
    moved = None
    if wanted is not None:
        wanted.ImportFromEPSG(epsg)
        wanted.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        source = osr.SpatialReference()
        source.ImportFromEPSG(32633)
        moved = osr.CoordinateTransformation(source, wanted)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("sample", wanted, ogr.wkbPoint)
    for name, kind in (("point", ogr.OFTInteger), ("stratum", ogr.OFTString), ("stratum_area", ogr.OFTReal),
                       ("cluster", ogr.OFTInteger), ("design", ogr.OFTString), ("label", ogr.OFTString),
                       ("interpreter", ogr.OFTString)):
        layer.CreateField(ogr.FieldDefn(name, kind))
    for number in reversed(list(numbers if numbers is not None else range(1, count + 1))):
        feature = ogr.Feature(layer.GetLayerDefn())
        stratum = strata[number % len(strata)]
        for name, value in (("point", number), ("stratum", stratum), ("stratum_area", 1e5 * len(stratum)),
                            ("design", "stratified")):
            feature.SetField(name, value)
        x, y = place(number)
        if moved is not None and epsg != 32633:
            x, y = moved.TransformPoint(x, y)[:2]
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({x!r} {y!r})"))
        layer.CreateFeature(feature)
    layer = data = None
    if table is not None:
        write_classes(path, table)
    return path


def write_map(path: Path, tags: bool = True) -> Path:
    """A class map: the left half changed."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, 1, gdal.GDT_Byte)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((WEST, PIXEL, 0, NORTH, 0, -PIXEL))
    values = np.full((SIDE, SIDE), 2, np.uint8)
    values[:, : SIDE // 2] = 1
    data.GetRasterBand(1).WriteArray(values)
    if tags:
        data.SetMetadata({"CLASS_1": "change", "CLASS_2": "nochange", "PERIOD": "2020-2024",
                          PROVENANCE: '{"operation": "applyclassifier"}'})
    data = None
    return path


READER = """
import json, sys
from osgeo import gdal
gdal.UseExceptions()
dataset = gdal.OpenEx(sys.argv[1], gdal.OF_VECTOR)
layer = dataset.GetLayerByName("interpretations")
rows = [] if layer is None else [dict(row.items(), x=row.GetGeometryRef().GetX(), y=row.GetGeometryRef().GetY())
                                 for row in layer]
print(json.dumps(rows))
"""


def rows_elsewhere(path: Path) -> list[dict[str, Any]]:
    """What another process reads in the layer of answers now."""
    import json

    done = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def add_row(path: Path, point: int, interpreter: str, label: str, created: str = "2026-01-01T00:00:00+00:00") -> None:
    """An answer of somebody else, written by another program into a layer that is there."""
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR | gdal.OF_UPDATE)
    layer = dataset.GetLayerByName("interpretations")
    row = ogr.Feature(layer.GetLayerDefn())
    for name, value in (("point", point), ("interpreter", interpreter), ("label", label), ("created", created)):
        row.SetField(name, value)
    row.SetGeometry(ogr.CreateGeometryFromWkt("POINT (0 0)"))
    assert layer.CreateFeature(row) == 0


class Backend(QObject):
    """Stands in for the resident backend: remembers what it was asked, and answers when the test does."""

    answered = pyqtSignal(str, int, dict)
    failed = pyqtSignal(str, int, object)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def submit(self, channel: str, operation: str, request: dict[str, Any], urgency: int = 0) -> int:
        self.asked.append((operation, request))
        return len(self.asked)

    def cancel(self, channel: str) -> None:
        pass

    def answer(self, result: dict[str, Any]) -> None:
        self.answered.emit("agreement", len(self.asked), result)


class Iface:
    """As much of QGIS's window as the tab needs."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._pan = QAction()

    def mapCanvas(self) -> QgsMapCanvas:  # noqa: N802
        return self._canvas

    def actionPan(self) -> QAction:  # noqa: N802
        return self._pan


class Window:
    """The tab on a project with imagery of two dates, a class map and a score above it."""

    def __init__(self, project: QgsProject, folder: Path) -> None:
        self.folder, self.project, self._closed = folder, project, False
        self.scene = Scene(project, folder)
        self.canvas, self.root = self.scene.canvas, self.scene.root
        self.map_path = write_map(folder / "classes.tif")
        self.map = QgsRasterLayer(str(self.map_path), "Classes")
        project.addMapLayer(self.map)
        self.session = Session(project)
        self.backend = Backend()
        self.imagery = ImageryPanel(self.canvas)
        self.imagery.find()
        self.tab = ValidateTab(self.session, self.backend, self.imagery, Iface(self.canvas))
        self.tab.imagery_place.addWidget(folding("Imagery", self.imagery, False))
        self.words: list[str] = []
        self.session.said.connect(lambda text, _: self.words.append(text))
        self.holder = QWidget()
        QVBoxLayout(self.holder).addWidget(self.tab)
        self.holder.resize(380, 900)
        self.holder.show()
        self.validation, self.serving, self.pad = self.tab.validation, self.tab.serving, self.tab.pad
        self.validation.set_interpreter("Ada")
        QgsApplication.processEvents()

    def open(self, name: str = "sample.gpkg", **how: Any) -> Path:
        """Write a sample, and open it."""
        path = write_sample(self.folder / name, **how)
        assert self.validation.open(path), self.words
        return path

    def start(self, name: str = "sample.gpkg", **how: Any) -> Path:
        """… and begin to interpret it."""
        path = self.open(name, **how)
        self.pad.start.click()
        assert self.serving.is_on, self.words
        return path

    def press(self, *keys: str) -> None:
        """Keys on the canvas, as Qt sends them: letters, digits, or "enter", "back", "esc"."""
        for key in keys:
            code = KEYS.get(key) or getattr(Qt.Key, f"Key_{key.upper()}")
            text = key if len(key) == 1 else ""
            override = QKeyEvent(QEvent.Type.ShortcutOverride, code, NO_MODIFIER, text)
            override.ignore()
            QgsApplication.sendEvent(self.canvas, override)
            assert override.isAccepted(), f"{key} would go to QGIS's own actions"
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                QgsApplication.sendEvent(self.canvas, QKeyEvent(kind, code, NO_MODIFIER, text))
            QgsApplication.processEvents()

    @property
    def number(self) -> Optional[int]:
        """The point that is asked."""
        return self.validation.point.number if self.validation.point is not None else None

    @property
    def text(self) -> str:
        """What the pad says."""
        return str(self.pad.words.text())

    def visible(self) -> dict[str, bool]:
        """Which layers are switched on in the layer tree."""
        return {node.name(): node.itemVisibilityChecked() for node in self.root.findLayers()}

    def entry(self) -> ProjectEntry:
        """What the dock would write into the project."""
        sample, class_map = self.validation.sample, self.validation.map_path
        return ProjectEntry(sample=str(sample.path) if sample else "", map=str(class_map) if class_map else "",
                            interpreter=self.validation.interpreter, imagery=self.imagery.to_json())

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
