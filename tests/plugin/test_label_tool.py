"""The labelling tool on a real canvas, with real mouse and key events: placing, brushing, removing, and its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bitscape.plugin.canvas.label_tool import BRUSH_STEP, REACH, LabelTool
from bitscape.plugin.layers.styling import BLUE, ORANGE
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsPointXY, QgsRectangle
from qgis.gui import QgsMapCanvas, QgsMapToolPan
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QKeyEvent, QKeySequence, QMouseEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAction, QApplication, QLineEdit, QMainWindow, QVBoxLayout, QWidget

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
PLAIN, SHIFT, CONTROL, KEYPAD = (
    Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.KeypadModifier)
X, Y = 500_000.0, 5_000_000.0
K = Qt.Key

NAMED = [
    (K.Key_C, PLAIN, "class:C"), (K.Key_N, PLAIN, "class:N"),
    *((getattr(K, f"Key_{digit}"), PLAIN, f"class:{digit}") for digit in range(1, 10)),
    (K.Key_5, KEYPAD, "class:5"),
    (K.Key_H, PLAIN, "view:score"), (K.Key_T, PLAIN, "view:classes"), (K.Key_U, PLAIN, "view:uncertainty"),
    (K.Key_E, PLAIN, "extrapolated"), (K.Key_Period, PLAIN, "next"),
    (K.Key_A, PLAIN, "imagery:previous"), (K.Key_D, PLAIN, "imagery:next"), (K.Key_S, PLAIN, "imagery:swipe"),
    (K.Key_Escape, PLAIN, "leave"),
    (K.Key_Z, CONTROL, "undo"), (K.Key_Y, CONTROL, "redo"), (K.Key_Z, CONTROL | SHIFT, "redo"),
]
FOREIGN = [
    (K.Key_F, PLAIN), (K.Key_0, PLAIN), (K.Key_Space, PLAIN), (K.Key_Z, PLAIN), (K.Key_C, CONTROL), (K.Key_S, CONTROL),
    (K.Key_C, SHIFT), (K.Key_Y, CONTROL | SHIFT), (K.Key_Plus, PLAIN), (K.Key_Left, PLAIN),
]


def collect() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


@pytest.fixture
def window(qgis_application: QgsApplication) -> Iterator[QMainWindow]:
    """A window with a canvas of 300 × 300 pixels of 10 m, a line to write in, and QGIS's shortcuts on our keys."""
    made = QMainWindow()
    inside = QWidget()
    column = QVBoxLayout(inside)
    made.canvas, made.line = QgsMapCanvas(), QLineEdit()
    made.canvas.setDestinationCrs(UTM)
    column.addWidget(made.canvas)
    column.addWidget(made.line)
    made.setCentralWidget(inside)
    made.fired = []
    for keys in ("Delete", "Backspace", "Esc", "Return", "Ctrl+Z", "Ctrl+Y", "S"):
        action = QAction(keys, made)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False, keys=keys: made.fired.append(keys))
        made.addAction(action)
    made.show()
    made.canvas.setFixedSize(302, 302)  # its frame is a pixel wide
    QCoreApplication.processEvents()
    made.canvas.setExtent(QgsRectangle(X, Y - 3000, X + 3000, Y))
    made.activateWindow()
    QCoreApplication.processEvents()
    assert made.canvas.mapSettings().outputSize().width() == 300 and abs(made.canvas.mapUnitsPerPixel() - 10) < 0.1
    yield made
    made.canvas.unsetMapTool(made.canvas.mapTool())
    made.deleteLater()
    collect()


@pytest.fixture
def canvas(window: QMainWindow) -> QgsMapCanvas:
    return window.canvas


@pytest.fixture
def tool(canvas: QgsMapCanvas) -> Iterator[LabelTool]:
    """The tool, active; ``told`` is all that it says, in order."""
    made = LabelTool(canvas)
    made.told = []
    made.placed.connect(lambda points: made.told.append(("placed", points)))
    made.removed.connect(lambda point, radius: made.told.append(("removed", QgsPointXY(point), radius)))
    made.stroke_began.connect(lambda: made.told.append(("began",)))
    made.stroke_ended.connect(lambda: made.told.append(("ended",)))
    made.pressed.connect(lambda name: made.told.append(("pressed", name)))
    canvas.setMapTool(made)
    yield made
    made.deleteLater()
    collect()


def what(tool: LabelTool) -> list[str]:
    return [name for name, *_ in tool.told]


def placed(tool: LabelTool) -> list[QgsPointXY]:
    return [point for name, *values in tool.told if name == "placed" for point in values[0]]


def steps(canvas: QgsMapCanvas, tool: LabelTool) -> list[float]:
    """Pixels from each point to the next."""
    points = placed(tool)
    return [one.distance(other) / canvas.mapUnitsPerPixel() for one, other in zip(points, points[1:])]


def on_map(canvas: QgsMapCanvas, x: int, y: int) -> QgsPointXY:
    return canvas.getCoordinateTransform().toMapCoordinates(x, y)


def mouse(canvas: QgsMapCanvas, kind: QEvent.Type, x: int, y: int, button: Any, held: Any, modifiers: Any) -> None:
    place = QPointF(canvas.viewport().mapToGlobal(QPoint(x, y)))
    QApplication.sendEvent(canvas.viewport(), QMouseEvent(kind, QPointF(x, y), place, button, held, modifiers))


def press(canvas: QgsMapCanvas, x: int, y: int, button: Any = LEFT, modifiers: Any = PLAIN) -> None:
    mouse(canvas, QEvent.Type.MouseButtonPress, x, y, button, button, modifiers)


def move(canvas: QgsMapCanvas, x: int, y: int, held: Any = NONE, modifiers: Any = PLAIN) -> None:
    mouse(canvas, QEvent.Type.MouseMove, x, y, NONE, held, modifiers)


def release(canvas: QgsMapCanvas, x: int, y: int, button: Any = LEFT, modifiers: Any = PLAIN) -> None:
    mouse(canvas, QEvent.Type.MouseButtonRelease, x, y, button, NONE, modifiers)


def override(widget: QWidget, key: Any, modifiers: Any) -> bool:
    """What Qt asks before it looks for a shortcut: whether the widget wants the key for itself."""
    event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers)
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_a_click_places_one_point_where_it_is_on_the_map(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    press(canvas, 50, 120)
    release(canvas, 50, 120)
    assert what(tool) == ["began", "placed", "ended"]
    there = placed(tool)[0]
    assert there.distance(QgsPointXY(X + 500, Y - 1200)) < 15 and there.distance(on_map(canvas, 50, 120)) < 1e-6
    canvas.setRotation(30)
    press(canvas, 50, 120)
    turned = placed(tool)[1]
    assert turned.distance(on_map(canvas, 50, 120)) < 1e-6 and turned.distance(there) > 100


def test_dragging_places_points_of_equal_distance_as_one_stroke(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    press(canvas, 50, 150)
    for x in (*range(53, 100, 3), 190, 200):  # slowly, then with a leap
        move(canvas, x, 150, LEFT)
    release(canvas, 200, 150)
    assert (what(tool)[0], *what(tool)[1:-1], what(tool)[-1]) == ("began", *["placed"] * (len(tool.told) - 2), "ended")
    found = steps(canvas, tool)
    assert all(BRUSH_STEP - 0.5 <= step < BRUSH_STEP + 3.5 for step in found), found
    assert found[-5:] == pytest.approx([BRUSH_STEP] * 5, abs=0.01), "the way of a fast pointer is filled"
    assert placed(tool)[-1].distance(on_map(canvas, 200, 150)) < BRUSH_STEP * canvas.mapUnitsPerPixel()
    assert {round(point.y()) for point in placed(tool)} == {round(on_map(canvas, 50, 150).y())}


def test_a_fast_slanting_stroke_has_no_gaps(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    press(canvas, 40, 40)
    move(canvas, 240, 140, LEFT)
    assert len(steps(canvas, tool)) == int((200**2 + 100**2) ** 0.5 // BRUSH_STEP)
    assert all(abs(step - BRUSH_STEP) < 1.5 for step in steps(canvas, tool)), "to a pixel"


def test_a_hand_that_trembles_places_one_point(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    press(canvas, 100, 100)
    for x, y in ((103, 100), (108, 104), (100, 113), (95, 95)):
        move(canvas, x, y, LEFT)
    release(canvas, 95, 95)
    assert what(tool) == ["began", "placed", "ended"]


def test_moving_without_the_button_and_a_double_click_place_nothing_more(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    move(canvas, 10, 10)
    move(canvas, 200, 200)
    assert tool.told == []
    press(canvas, 100, 100)
    release(canvas, 100, 100)
    mouse(canvas, QEvent.Type.MouseButtonDblClick, 100, 100, LEFT, LEFT, PLAIN)
    release(canvas, 100, 100)
    move(canvas, 250, 250)
    assert what(tool) == ["began", "placed", "ended"]


def test_shift_and_drag_brush_and_do_not_zoom(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    before = canvas.extent()
    press(canvas, 50, 50, modifiers=SHIFT)
    move(canvas, 150, 150, LEFT, SHIFT)
    release(canvas, 150, 150, modifiers=SHIFT)
    assert len(placed(tool)) > 5 and canvas.extent() == before


def test_right_click_removes_within_a_reach_in_map_units(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    for factor in (1, 4):
        canvas.zoomByFactor(factor)
        tool.told.clear()
        press(canvas, 70, 80, RIGHT)
        release(canvas, 70, 80, RIGHT)
        ((name, point, radius),) = tool.told
        assert name == "removed" and point.distance(on_map(canvas, 70, 80)) < 1e-6
        assert radius == pytest.approx(REACH * canvas.mapUnitsPerPixel())
    assert radius == pytest.approx(REACH * 40, rel=0.01)


@pytest.mark.parametrize("key", [K.Key_Delete, K.Key_Backspace])
def test_delete_removes_at_the_pointer(canvas: QgsMapCanvas, tool: LabelTool, window: QMainWindow, key: Any) -> None:
    move(canvas, 210, 90)
    QTest.keyClick(canvas, key)
    ((name, point, radius),) = tool.told
    assert name == "removed" and point.distance(on_map(canvas, 210, 90)) < 1e-6
    assert radius == pytest.approx(REACH * canvas.mapUnitsPerPixel())
    assert window.fired == []


def test_leaving_in_the_middle_of_a_stroke_ends_it(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    press(canvas, 50, 50)
    move(canvas, 100, 50, LEFT)
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    assert what(tool) == ["began", "placed", "placed", "ended"]
    move(canvas, 200, 50, LEFT)
    release(canvas, 200, 50)
    canvas.setMapTool(tool)
    move(canvas, 250, 50, LEFT)
    release(canvas, 250, 50)
    assert what(tool) == ["began", "placed", "placed", "ended"], "nothing is left of it"


@pytest.mark.parametrize(("key", "modifiers", "name"), NAMED, ids=[f"{name}-{n}" for n, (*_, name) in enumerate(NAMED)])
def test_a_key_of_the_tool_is_taken_before_a_shortcut_and_named(
    canvas: QgsMapCanvas, tool: LabelTool, window: QMainWindow, key: Any, modifiers: Any, name: str
) -> None:
    assert override(canvas, key, modifiers) and override(canvas.viewport(), key, modifiers)
    assert tool.told == [], "asking is not pressing"
    QTest.keyClick(canvas, key, modifiers)
    assert tool.told == [("pressed", name)] and window.fired == []


def test_enter_places_in_the_middle_of_the_map(canvas: QgsMapCanvas, tool: LabelTool, window: QMainWindow) -> None:
    QTest.keyClick(canvas, K.Key_Return)
    QTest.keyClick(canvas, K.Key_Enter, KEYPAD)
    assert what(tool) == ["placed", "placed"] and window.fired == []
    assert all(point.distance(canvas.center()) < 1e-6 for point in placed(tool))


@pytest.mark.parametrize(("key", "modifiers"), FOREIGN, ids=[str(number) for number in range(len(FOREIGN))])
def test_other_keys_are_left_to_qgis(canvas: QgsMapCanvas, tool: LabelTool, key: Any, modifiers: Any) -> None:
    assert not override(canvas, key, modifiers)
    QTest.keyClick(canvas, key, modifiers)
    assert tool.told == []


def test_space_pans_and_the_tool_is_not_asked(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    before = canvas.center()
    move(canvas, 100, 100)
    QTest.keyPress(canvas, K.Key_Space)
    move(canvas, 140, 110)
    move(canvas, 180, 120)
    QTest.keyRelease(canvas, K.Key_Space)
    assert canvas.center().x() == pytest.approx(before.x() - 800, abs=15)
    assert canvas.center().y() == pytest.approx(before.y() + 200, abs=15)
    assert tool.told == []
    move(canvas, 200, 200)
    press(canvas, 200, 200)
    assert what(tool) == ["began", "placed"], "and labelling goes on"


def test_a_key_that_is_held_counts_once_but_undo_goes_on(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    def hold(key: Any, modifiers: Any, text: str) -> None:
        for again in (False, True, True):
            QApplication.sendEvent(canvas, QKeyEvent(QEvent.Type.KeyPress, key, modifiers, text, again))

    hold(K.Key_C, PLAIN, "c")
    hold(K.Key_Period, PLAIN, ".")
    hold(K.Key_Delete, PLAIN, "")
    assert [told[:2] if told[0] == "pressed" else told[0] for told in tool.told] == [
        ("pressed", "class:C"), ("pressed", "next"), "removed"]
    hold(K.Key_Z, CONTROL, "")
    hold(K.Key_Y, CONTROL, "")
    assert [name for _, name in tool.told[3:]] == ["undo"] * 3 + ["redo"] * 3


def test_keys_are_not_heard_while_another_tool_is_active(
    canvas: QgsMapCanvas, tool: LabelTool, window: QMainWindow
) -> None:
    canvas.setMapTool(QgsMapToolPan(canvas))
    canvas.setFocus()
    for key, modifiers, _ in NAMED:
        assert not override(canvas, key, modifiers)
        QTest.keyClick(canvas, key, modifiers)
    QTest.keyClick(canvas, K.Key_Delete)
    assert tool.told == []
    assert window.fired == ["S", "Esc", "Ctrl+Z", "Ctrl+Y", "Delete"], "QGIS's actions have them again"
    canvas.setMapTool(tool)
    QTest.keyClick(canvas, K.Key_S)
    assert tool.told == [("pressed", "imagery:swipe")] and len(window.fired) == 5


def test_keys_are_not_heard_while_another_widget_has_the_focus(
    canvas: QgsMapCanvas, tool: LabelTool, window: QMainWindow
) -> None:
    window.line.setFocus()
    QTest.keyClicks(QApplication.focusWidget(), "chanting 123.")
    assert tool.told == [] and window.line.text() == "chanting 123."
    QTest.keyClick(QApplication.focusWidget(), K.Key_Backspace)
    assert tool.told == [] and window.line.text() == "chanting 123"
    canvas.unsetMapTool(tool)
    canvas.setMapTool(tool)
    assert canvas.hasFocus(), "whoever takes the tool has its keys at once"
    QTest.keyClick(QApplication.focusWidget(), K.Key_C)
    assert tool.told == [("pressed", "class:C")]


def count(image: QImage, colour: str) -> int:
    return sum(image.pixelColor(x, y) == QColor(colour) for x in range(image.width()) for y in range(image.height()))


def test_the_pointer_shows_the_colour_and_shape_of_the_class(canvas: QgsMapCanvas, tool: LabelTool) -> None:
    tool.set_colour(ORANGE, "triangle")
    triangle = canvas.cursor().pixmap().toImage()
    assert count(triangle, ORANGE) > 20 and count(triangle, BLUE) == 0
    tool.set_colour(BLUE, "circle")
    circle = canvas.cursor().pixmap().toImage()
    assert count(circle, BLUE) > 20 and count(circle, ORANGE) == 0
    tool.set_colour(BLUE, "triangle")
    assert canvas.cursor().pixmap().toImage() != circle
    assert canvas.cursor().hotSpot() == QPoint(10, 10)
    assert triangle.pixelColor(10, 10).alpha() == 0, "what is clicked is seen"


def test_a_canvas_may_go_with_the_tool_active(qgis_application: QgsApplication, monkeypatch: Any) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.excepthook", lambda *error: raised.append(error))
    canvas = QgsMapCanvas()
    tool = LabelTool(canvas)
    canvas.setMapTool(tool)
    sip.delete(canvas)
    collect()
    assert raised == []
