"""Inside the real QGIS desktop: waits, clicks, presses keys, takes pictures, watches the main thread, reports.

Imported by the scripts that ``desktop.Desktop`` starts. Only QGIS's own libraries.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsPointXY
from qgis.PyQt.QtCore import QEvent, QEventLoop, QPoint, QPointF, Qt, QTimer
from qgis.PyQt.QtGui import QKeyEvent, QMouseEvent
from qgis.PyQt.QtWidgets import QApplication, QDockWidget
from qgis.utils import iface

PLAN = json.loads(Path(os.environ["BITSCAPE_DESKTOP_PLAN"]).read_text(encoding="utf-8"))
REPORT: dict[str, Any] = {"exceptions": [], "messages": [], "steps": []}
NO_MODIFIER = Qt.KeyboardModifier.NoModifier


def wait(milliseconds: int) -> None:
    """Let QGIS do what it has to do; first of all what is left for when a script gives the control back."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec_()


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Let QGIS work until the condition holds; its value. Raises AssertionError after that time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {condition}"
        wait(10)
    return value


def drawn() -> None:
    """Wait until the map is drawn."""
    canvas = iface.mapCanvas()
    wait(60)
    until(lambda: not canvas.isDrawing())
    wait(30)


def arrange(width: int = 1900, height: int = 1150) -> None:
    """The window as a user has it: layers at the left, no browser."""
    window = iface.mainWindow()
    window.showNormal()
    window.setGeometry(0, 0, width, height)
    for dock in window.findChildren(QDockWidget):
        if dock.objectName().startswith("Browser"):
            dock.hide()
    wait(300)


def screenshot(name: str) -> None:
    """The whole window."""
    drawn()
    wait(300)
    iface.mainWindow().grab().save(str(Path(PLAN["screenshots"]) / f"{name}.png"))


def at(point: QgsPointXY) -> QPoint:
    """The pixel of the canvas where a point of the map is."""
    place = iface.mapCanvas().getCoordinateTransform().transform(point)
    return QPoint(round(place.x()), round(place.y()))


def click(place: QPoint, button: Any = Qt.MouseButton.LeftButton) -> None:
    """A click on the canvas, as the window system sends it."""
    mouse(QEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)
    mouse(QEvent.Type.MouseButtonPress, place, button, button)
    mouse(QEvent.Type.MouseButtonRelease, place, button, Qt.MouseButton.NoButton)


def mouse(kind: Any, place: QPoint, button: Any, buttons: Any) -> None:
    """One mouse event on the canvas."""
    viewport = iface.mapCanvas().viewport()
    local = QPointF(place)
    event = QMouseEvent(kind, local, QPointF(viewport.mapToGlobal(place)), button, buttons, NO_MODIFIER)
    QApplication.sendEvent(viewport, event)


def press(key: Any, modifiers: Any = NO_MODIFIER, text: str = "") -> None:
    """A key on the canvas: first offered as a shortcut, as Qt does, then pressed and released."""
    canvas = iface.mapCanvas()
    override = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifiers, text)
    override.ignore()
    QApplication.sendEvent(canvas, override)
    REPORT.setdefault("overrides", {})[str(int(key))] = override.isAccepted()
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(canvas, QKeyEvent(kind, key, modifiers, text))
    wait(1)


def dock() -> Any:
    """Bitscape's dock, shown."""
    import qgis.utils

    entry = qgis.utils.plugins["bitscape"]._dock
    entry.show()
    return entry.dock


class Watchdog:
    """The longest time, in milliseconds, that the main thread did not answer, and what it was doing then; and all times
    above FROM, each with what of it the main thread itself computed: the rest is a busy machine's, or waiting."""

    TICK = 0.005
    FROM = 40.0

    def __init__(self) -> None:
        self.longest, self.where = 0.0, ""
        self.long: list[tuple[float, float]] = []
        self.stacks: list[str] = []
        self._worked = 0.0
        self._last = time.perf_counter()
        self._main = threading.get_ident()
        self._timer = QTimer()
        self._timer.setInterval(round(self.TICK * 1000))
        self._timer.timeout.connect(self._beat)
        self._running = True
        self._stuck = ""
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watchdog:
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._timer.stop()
        self._thread.join(1.0)

    def _beat(self) -> None:
        now = time.perf_counter()
        gap = (now - self._last - self.TICK) * 1000
        worked, self._worked = self._worked, time.thread_time()
        if gap > self.FROM:
            self.long.append((gap, (self._worked - worked) * 1000))
            self.stacks.append(self._stuck)
        if gap > self.longest:
            self.longest, self.where = gap, self._stuck
        self._last, self._stuck = now, ""

    def _watch(self) -> None:
        while self._running:
            time.sleep(0.01)
            if time.perf_counter() - self._last > 0.035 and not self._stuck:
                frame = sys._current_frames().get(self._main)
                self._stuck = "".join(traceback.format_stack(frame)[-8:]) if frame else ""


def play(session: Callable[[], None]) -> None:
    """Run a session once QGIS is up, write the report, leave at once: an orderly exit would ask whether to save."""

    def main() -> None:
        sys.excepthook = lambda *error: REPORT["exceptions"].append("".join(traceback.format_exception(*error)))
        try:
            session()
        except BaseException:
            REPORT["exceptions"].append(traceback.format_exc())
        report()
        os._exit(0)

    QgsApplication.messageLog().messageReceived.connect(
        lambda text, tag, level: REPORT["messages"].append([tag, int(level), text]))
    QTimer.singleShot(1500, main)


def report() -> None:
    """Write down what there is so far."""
    partial = Path(PLAN["report"] + ".partial")
    partial.write_text(json.dumps(REPORT), encoding="utf-8")
    os.replace(partial, PLAN["report"])
