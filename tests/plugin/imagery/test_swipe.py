"""Swiping between the imagery of two dates, as it is really drawn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bitscape.plugin.canvas.imagery import ImageryDates
from bitscape.plugin.canvas.swipe import Swipe
from bitscape.tests.plugin.imagery.scene import (
    BLUE,
    GREEN,
    RED,
    Scene,
    collect,
    mouse,
    near,
)
from bitscape.tests.plugin.waiting import eventually
from qgis.core import (
    QgsApplication,
    QgsRectangle,
)
from qgis.gui import QgsMapToolEmitPoint
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QSize, Qt


def test_each_side_shows_its_date_and_both_the_overlay(scene: Scene, swipe: Swipe) -> None:
    swipe.set_position(0.25)
    assert near(scene.pixel(60, 200), RED) and near(scene.pixel(140, 200), BLUE) and near(scene.pixel(350, 200), BLUE)
    assert near(scene.pixel(200, 200), GREEN), "the overlay is covered on the right"
    swipe.set_position(0.75)
    assert near(scene.pixel(140, 200), RED) and near(scene.pixel(350, 200), BLUE)
    assert near(scene.pixel(200, 200), GREEN)
    assert (swipe.imagery_at(10).date, swipe.imagery_at(390).date) == ("2020", "2024")
    assert scene.visible()["Imagery 2024"] is False, "the layer tree was changed"
    swipe.disable()
    assert near(scene.pixel(350, 200), RED) and swipe.imagery_at(10) is None


def test_old_date_stays_left_when_the_canvas_shows_the_new_one(
    scene: Scene, dates: ImageryDates, swipe: Swipe
) -> None:
    dates.show(1)
    scene.settle()
    assert eventually(lambda: swipe.is_drawn)
    assert near(scene.pixel(60, 200), RED) and near(scene.pixel(350, 200), BLUE)


def test_picture_follows_the_canvas(scene: Scene, swipe: Swipe) -> None:
    scene.canvas.setExtent(QgsRectangle(500200, 4999300, 500900, 4999900))  # beyond the imagery in the east
    edge = round(scene.canvas.getCoordinateTransform().transform(500640, 4999600).x())
    assert 210 < edge < 390
    assert eventually(
        lambda: near(scene.pixel(edge - 6, 200), BLUE) and near(scene.pixel(edge + 6, 200), (255, 255, 255))
    )
    scene.canvas.resize(600, 340)
    assert eventually(lambda: swipe.is_drawn and swipe._picture.settings.outputSize() == QSize(600, 340))


def test_old_picture_moves_with_the_map_until_the_new_one_is_there(scene: Scene, swipe: Swipe) -> None:
    swipe.set_position(0)
    scene.canvas.freeze(True)
    before = scene.canvas.mapSettings().mapUnitsPerPixel()
    centre = scene.canvas.extent().center()
    scene.canvas.setExtent(QgsRectangle.fromCenterAndSize(centre, 4 * 400 * before, 4 * 300 * before))
    place = swipe._place(swipe._picture.settings)
    assert place.width() == pytest.approx(100, abs=1) and place.center().x() == pytest.approx(200, abs=1)
    assert near(scene.pixel(160, 160), BLUE)
    scene.canvas.freeze(False)


def test_style_of_the_hidden_date_is_seen_at_once(scene: Scene, swipe: Swipe) -> None:
    scene.new.renderer().setOpacity(0.0)
    scene.new.triggerRepaint()
    assert eventually(lambda: near(scene.pixel(350, 200), (255, 255, 255)))


def test_stale_renderings_are_cancelled_and_the_gui_never_waits(scene: Scene, swipe: Swipe) -> None:
    longest = 0.0
    for step in range(25):
        start = time.perf_counter()
        shift = 10.0 * (step % 5)
        scene.canvas.setExtent(QgsRectangle(500020 + shift, 4999480, 500420 + shift, 4999780))
        swipe._render()
        longest = max(longest, time.perf_counter() - start)
        QgsApplication.processEvents()
    assert longest < 0.05
    scene.settle()
    assert eventually(lambda: swipe.is_drawn and not swipe._cancelled)
    collect()
    jobs = [child for child in swipe.children() if "Renderer" in child.metaObject().className()]
    assert jobs == [], "cancelled jobs are kept"
    assert swipe._picture.settings.visibleExtent().center().distance(scene.canvas.extent().center()) < 1


def test_divider_is_dragged_and_clicks_elsewhere_reach_the_tool(scene: Scene, swipe: Swipe) -> None:
    tool = QgsMapToolEmitPoint(scene.canvas)
    clicks: list[float] = []
    tool.canvasClicked.connect(lambda point, button: clicks.append(point.x()))
    scene.canvas.setMapTool(tool)
    press, move, release = QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease
    mouse(scene.canvas, press, 100, 100, True)
    mouse(scene.canvas, release, 100, 100, False)
    assert len(clicks) == 1 and swipe.position == 0.5
    plain = scene.canvas.viewport().cursor().shape()
    mouse(scene.canvas, move, 203, 100, False)
    assert scene.canvas.viewport().cursor().shape() == Qt.CursorShape.SplitHCursor
    mouse(scene.canvas, press, 203, 100, True)
    for x in (220, 260, 300):
        mouse(scene.canvas, move, x, 100, True)
    mouse(scene.canvas, release, 300, 100, False)
    assert swipe.position == 0.75 and len(clicks) == 1
    mouse(scene.canvas, move, 20, 100, False)
    assert scene.canvas.viewport().cursor().shape() == plain
    mouse(scene.canvas, press, 203, 100, True)
    mouse(scene.canvas, release, 203, 100, False)
    assert len(clicks) == 2
    scene.canvas.unsetMapTool(tool)


def test_removed_layer_ends_the_swipe(scene: Scene, swipe: Swipe) -> None:
    heard: list[bool] = []
    swipe.toggled.connect(heard.append)
    scene.project.removeMapLayer(scene.new.id())
    assert heard == [False] and not swipe.is_enabled
    scene.settle()
    assert near(scene.pixel(350, 200), RED)
    swipe.enable()
    assert not swipe.is_enabled, "a swipe with one layer"


def test_canvas_may_die_first_and_in_mid_rendering(scene: Scene, swipe: Swipe) -> None:
    swipe._render()
    sip.delete(scene.bridge)
    sip.delete(scene.canvas)
    QgsApplication.processEvents()
    swipe.set_position(0.3)
    assert not swipe.is_enabled and swipe.imagery_at(5) is None
    swipe.close()
    swipe.enable()
    assert not swipe.is_enabled


def test_on_and_off_leaves_nothing_on_the_canvas(scene: Scene, dates: ImageryDates, swipe: Swipe) -> None:
    swipe.disable()
    items = len(scene.canvas.scene().items())
    for _ in range(5):
        swipe.enable()
        swipe.disable()
    assert len(scene.canvas.scene().items()) == items
    swipe.enable()
    swipe.close()
    collect()
    assert not swipe._cancelled and swipe._job is None and len(scene.canvas.scene().items()) == items


def test_picture_is_sharp_on_a_screen_with_two_pixels_for_one(tmp_path: Path) -> None:
    """The same scene in a process whose screen has a scale of 2."""
    script = tmp_path / "sharp.py"
    script.write_text(f"""
import sys
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import Qt
application = QgsApplication([], True)
application.initQgis()
from pathlib import Path
from bitscape.plugin.canvas.imagery import DatedImagery
from bitscape.plugin.canvas.swipe import Swipe
from bitscape.tests.plugin.imagery.scene import Scene
from bitscape.tests.plugin.waiting import eventually
scene = Scene(QgsProject.instance(), Path({str(tmp_path)!r}))
scene.root.findLayer(scene.new).setItemVisibilityChecked(False)
scene.settle()
swipe = Swipe(scene.canvas, scene.project)
swipe.set_layers(DatedImagery(scene.old.id(), "2020"), DatedImagery(scene.new.id(), "2024"))
swipe.enable()
assert eventually(lambda: swipe.is_drawn)
size = swipe._picture.image.size()
place = swipe._place(swipe._picture.settings)
print(size.width(), size.height(), round(place.width()), round(place.height()), round(abs(place.x()) + abs(place.y())))
# Of the overlay's right edge, in physical pixels, as the canvas draws it (swipe off) and as the swipe draws it.
def edge():
    image = scene.canvas.grab().toImage()
    return [x for x in range(image.width()) if image.pixelColor(x, 400).green() > 100][-1]
swipe.set_position(0)
drawn = edge()
swipe.close()
print(drawn, edge())
scene.close()
QgsProject.instance().clear()
import os
sys.stdout.flush()
os._exit(0)
""")
    environment = {**os.environ, "QT_SCALE_FACTOR": "2", "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-P", str(script)], env=environment, capture_output=True, text=True, timeout=60, check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    picture, edges = ([int(value) for value in line.split()] for line in done.stdout.splitlines()[-2:])
    assert picture == [800, 600, 400, 300, 0]
    assert abs(edges[0] - edges[1]) <= 1 and edges[0] > 400
