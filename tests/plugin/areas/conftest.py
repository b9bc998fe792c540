"""Fixtures of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bitscape.plugin.canvas.aoi_tool import AoiTool
from bitscape.plugin.dock.aoi_panel import AoiPanel
from bitscape.plugin.dock.session import Session
from bitscape.tests.plugin.areas.scene import (
    UTM,
    X,
    Y,
    collect,
)
from qgis.core import (
    QgsGeometry,
    QgsProject,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QKeySequence
from qgis.PyQt.QtWidgets import QAction, QMainWindow


@pytest.fixture
def window(project: QgsProject) -> Iterator[QMainWindow]:
    """A window with a canvas of 300 × 300 pixels of 10 m, whose actions have QGIS's own shortcuts."""
    made = QMainWindow()
    canvas = QgsMapCanvas()
    canvas.setDestinationCrs(UTM)
    made.setCentralWidget(canvas)
    made.fired = []
    for keys in ("Delete", "Backspace", "Esc", "Return", "Ctrl+Z"):
        action = QAction(keys, made)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False, keys=keys: made.fired.append(keys))
        made.addAction(action)
    made.show()
    canvas.setFixedSize(302, 302)  # its frame is a pixel wide
    QCoreApplication.processEvents()
    canvas.setExtent(QgsRectangle(X, Y - 3000, X + 3000, Y))
    made.activateWindow()
    canvas.setFocus()
    QCoreApplication.processEvents()
    assert canvas.mapSettings().outputSize().width() == 300 and abs(canvas.mapUnitsPerPixel() - 10) < 0.1
    yield made
    canvas.unsetMapTool(canvas.mapTool())
    made.deleteLater()
    collect()


@pytest.fixture
def canvas(window: QMainWindow) -> QgsMapCanvas:
    return window.centralWidget()


@pytest.fixture
def session(project: QgsProject) -> Iterator[Session]:
    made = Session(project)
    made.complaints = []
    made.said.connect(lambda text, level: made.complaints.append(text))
    yield made
    made.close()


@pytest.fixture
def panel(session: Session, canvas: QgsMapCanvas) -> Iterator[AoiPanel]:
    made = AoiPanel(session, canvas)
    made.show()
    yield made
    made.close_panel()
    made.deleteLater()
    collect()


@pytest.fixture
def tool(canvas: QgsMapCanvas) -> Iterator[AoiTool]:
    made = AoiTool(canvas)
    made.areas, made.words, made.lefts, made.counts = [], [], [], []
    made.finished.connect(lambda area: made.areas.append(QgsGeometry(area)))
    made.refused.connect(made.words.append)
    made.left.connect(lambda: made.lefts.append(True))
    made.corners.connect(made.counts.append)
    canvas.setMapTool(made)
    yield made
    made.remove_from_canvas()
    made.deleteLater()
    collect()
