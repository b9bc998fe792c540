"""Models, a picture and a window that the tests of the tab share."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from bitscape.plugin.dock.aoi_panel import AoiPanel
from bitscape.plugin.dock.folding import scrolling
from bitscape.plugin.dock.models.models_tab import ModelsTab
from bitscape.plugin.dock.session import Session
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal, osr
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt import sip

WEST, NORTH, PIXEL, WIDTH, HEIGHT = 500_000.0, 5_000_000.0, 10.0, 320, 240
BANDS = ("B02", "B03", "B04", "B08")
LAKE = (slice(40, 120), slice(60, 160))
"""Rows and columns of water; plants at the left of column 220, bare ground at the right."""


def make_models(python: Path, folder: Path) -> Path:
    """All models of ``make_models.py``."""
    folder.mkdir(exist_ok=True)
    script = Path(__file__).with_name("make_models.py")
    subprocess.run([str(python), "-P", str(script), str(folder)], check=True, capture_output=True, timeout=120)
    return folder


def truth() -> Any:
    """The classes 0, 1, 2 that ``cover`` finds in the picture, (rows, columns)."""
    classes = np.ones((HEIGHT, WIDTH), np.uint8)
    classes[:, 220:] = 0
    classes[LAKE] = 2
    return classes


def write_picture(path: Path, names: bool = True, factor: float = 10_000, kind: int = gdal.GDT_UInt16) -> Path:
    """Four bands of reflectance: a lake in a wood beside bare ground."""
    spectra = np.array([[0.08, 0.10, 0.12, 0.15], [0.02, 0.04, 0.03, 0.35], [0.06, 0.08, 0.03, 0.01]])
    data = gdal.GetDriverByName("GTiff").Create(str(path), WIDTH, HEIGHT, 4, kind)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((WEST, PIXEL, 0, NORTH, 0, -PIXEL))
    noise = np.random.default_rng(1).normal(1, 0.03, (4, HEIGHT, WIDTH))
    for number, name in enumerate(BANDS, 1):
        band = data.GetRasterBand(number)
        values = spectra[truth(), number - 1] * noise[number - 1] * factor
        band.WriteArray(values.round() if kind == gdal.GDT_UInt16 else values)
        if names:
            band.SetDescription(name)
    data = None
    return path


class Iface:
    """As much of QGIS's window as the tab needs."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas

    def mapCanvas(self) -> QgsMapCanvas:  # noqa: N802
        return self._canvas


class Window:
    """The tab on a project with the picture; the backend is the real one."""

    def __init__(self, project: QgsProject, folder: Path, models: Path) -> None:
        self.project, self.folder, self.models = project, folder, models
        self.raster = write_picture(folder / "picture.tif")
        self.layer = QgsRasterLayer(str(self.raster), "Picture")
        project.addMapLayer(self.layer)
        self.canvas = QgsMapCanvas()
        self.canvas.resize(400, 300)
        self.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32633"))
        self.canvas.setExtent(self.box(0, 0, WIDTH, HEIGHT))
        self.session = Session(project)
        self.areas = AoiPanel(self.session, self.canvas)
        self.tab = ModelsTab(self.session, self.areas, Iface(self.canvas))
        self.choice = self.tab.choice
        self.words: list[str] = []
        self.session.said.connect(lambda text, _: self.words.append(text))
        self.holder = scrolling(self.tab)
        self.holder.resize(380, 1600)
        self.holder.show()
        QgsApplication.processEvents()
        self._closed = False

    def box(self, left: int, top: int, right: int, bottom: int) -> QgsRectangle:
        """Pixels of the picture as a rectangle of its CRS."""
        return QgsRectangle(WEST + left * PIXEL, NORTH - bottom * PIXEL, WEST + right * PIXEL, NORTH - top * PIXEL)

    def take(self, name: str) -> None:
        """Choose a model, and wait until it is described, or refused."""
        self.tab.model.take(self.models / f"{name}.onnx")
        self.settle()

    def settle(self) -> None:
        """Wait for the description that is on its way."""
        assert eventually(lambda: not self.choice.is_reading, 60), self.choice.failure

    def finish(self, panel: Any, seconds: float = 90) -> str:
        """Wait for the end of what a panel, or a status alone, does; its words."""
        words = getattr(panel, "status", panel).words
        assert eventually(lambda: panel.run is None, seconds), words.text()
        return str(words.text())

    def close_tab(self) -> None:
        if not self._closed:
            self._closed = True
            self.tab.close_tab()

    def close(self) -> None:
        self.close_tab()
        self.areas.close_panel()
        self.session.close()
        for widget in (self.holder, self.areas):
            widget.deleteLater()
        self.canvas.stopRendering()
        sip.delete(self.canvas)
