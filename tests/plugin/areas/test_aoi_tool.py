"""Drawing an area on the canvas, by real events."""

from __future__ import annotations

from typing import Any

import pytest
from bitscape.plugin.canvas.aoi_tool import AoiTool
from bitscape.tests.plugin.areas.scene import (
    LEFT,
    MERCATOR,
    PLAIN,
    RIGHT,
    TRIANGLE,
    UTM,
    click,
    click_all,
    collect,
    drag,
    expected,
    key,
    move,
)
from qgis.core import (
    QgsProject,
)
from qgis.gui import QgsMapCanvas, QgsMapToolPan
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QMainWindow


@pytest.mark.parametrize("way", ["right", "return", "enter", "double"])
def test_clicked_corners_become_a_polygon_however_it_is_closed(canvas: QgsMapCanvas, tool: AoiTool, way: str) -> None:
    click_all(canvas, TRIANGLE[:2] if way == "double" else TRIANGLE)
    if way == "right":
        click(canvas, 10, 10, RIGHT)
    elif way == "double":
        click(canvas, *TRIANGLE[2])
        QTest.mouseDClick(canvas.viewport(), LEFT, PLAIN, QPoint(*TRIANGLE[2]))
    else:
        key(canvas, Qt.Key.Key_Return if way == "return" else Qt.Key.Key_Enter)
    area, = tool.areas
    assert area.isGeosEqual(expected(canvas, TRIANGLE)) and abs(area.area() - expected(canvas, TRIANGLE).area()) < 1e-6
    assert not tool.is_drawing and tool._band.numberOfVertices() == 0 and not tool.words
    click_all(canvas)
    click(canvas, 10, 10, RIGHT)
    assert len(tool.areas) == 2, "the tool stays for the next area"


def test_backspace_takes_corners_back_and_escape_gives_up_then_leaves(
    canvas: QgsMapCanvas, tool: AoiTool, window: QMainWindow
) -> None:
    click_all(canvas, (*TRIANGLE[:2], (10, 290)))
    move(canvas, 20, 20)
    assert tool._band.numberOfVertices() >= 4
    key(canvas, Qt.Key.Key_Backspace)
    click(canvas, *TRIANGLE[2])
    key(canvas, Qt.Key.Key_Return)
    assert tool.areas[0].isGeosEqual(expected(canvas, TRIANGLE))
    assert tool.counts[-6:] == [1, 2, 3, 2, 3, 0]
    click_all(canvas)
    for _ in range(4):
        key(canvas, Qt.Key.Key_Backspace)
    assert not tool.is_drawing
    click_all(canvas)
    key(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert tool.counts[-1] == 2
    key(canvas, Qt.Key.Key_Escape)
    assert not tool.is_drawing and not tool.lefts
    key(canvas, Qt.Key.Key_Escape)
    assert tool.lefts == [True] and len(tool.areas) == 1
    assert window.fired == [], "QGIS's own actions have none of these keys while the tool is active"
    canvas.unsetMapTool(tool)
    for which in (Qt.Key.Key_Escape, Qt.Key.Key_Delete):
        key(canvas, which)
    assert window.fired == ["Esc", "Delete"], "and all of them afterwards"


def test_what_is_no_area_is_refused_with_words_and_can_be_mended(canvas: QgsMapCanvas, tool: AoiTool) -> None:
    key(canvas, Qt.Key.Key_Return)
    click(canvas, 10, 10, RIGHT)
    assert not tool.words, "nothing was begun: nothing to say"
    click_all(canvas, TRIANGLE[:2])
    click(canvas, 10, 10, RIGHT)
    assert "three corners" in tool.words[-1] and tool.is_drawing
    key(canvas, Qt.Key.Key_Escape)
    click_all(canvas, ((10, 10), (110, 110), (210, 210)))
    click(canvas, 10, 10, RIGHT)
    assert "one line" in tool.words[-1]
    key(canvas, Qt.Key.Key_Escape)
    for bow in (((50, 50), (250, 250), (250, 50), (50, 250)), ((50, 50), (250, 250), (250, 50), (20, 200))):
        click_all(canvas, bow)
        click(canvas, 10, 10, RIGHT)
        assert "crosses itself" in tool.words[-1] and not tool.areas
        assert tool._band.strokeColor().red() > 150 if hasattr(tool._band, "strokeColor") else True
        key(canvas, Qt.Key.Key_Escape)
    click_all(canvas, ((50, 50), (250, 250), (250, 50), (50, 250)))
    key(canvas, Qt.Key.Key_Return)
    key(canvas, Qt.Key.Key_Backspace)
    key(canvas, Qt.Key.Key_Return)
    assert tool.areas[0].isGeosEqual(expected(canvas, ((50, 50), (250, 250), (250, 50))))
    assert len(tool.words) == 5


def test_dragging_with_shift_draws_a_rectangle_upright_on_the_screen(canvas: QgsMapCanvas, tool: AoiTool) -> None:
    drag(canvas, (200, 220), (60, 100))
    area, = tool.areas
    assert area.isGeosEqual(expected(canvas, ((60, 100), (200, 100), (200, 220), (60, 220))))
    drag(canvas, (100, 100), (103, 180))
    assert len(tool.areas) == 1 and not tool.is_drawing, "a slip of the hand"
    extent = canvas.extent()
    canvas.setRotation(30)
    drag(canvas, (100, 100), (200, 150))
    assert tool.areas[1].isGeosEqual(expected(canvas, ((100, 100), (200, 100), (200, 150), (100, 150))))
    box = tool.areas[1].boundingBox()
    assert tool.areas[1].area() < 0.9 * box.width() * box.height(), "turned with the map"
    canvas.setRotation(0)
    assert abs(canvas.extent().width() - extent.width()) < 1, "Shift did not zoom"


def test_leaving_and_another_crs_give_up_what_was_begun(canvas: QgsMapCanvas, tool: AoiTool) -> None:
    click_all(canvas)
    canvas.setDestinationCrs(MERCATOR)
    assert not tool.is_drawing
    canvas.setDestinationCrs(UTM)
    click_all(canvas)
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    assert not tool.is_drawing and tool._band.numberOfVertices() == 0 and not tool.areas


def test_a_canvas_that_goes_with_the_tool_active_is_no_error(
    project: QgsProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.excepthook", lambda *error: raised.append(error))
    canvas = QgsMapCanvas()
    tool = AoiTool(canvas)
    canvas.setMapTool(tool)
    sip.delete(canvas)
    collect()
    assert raised == []
