"""Imagery of two dates: what is found and recorded, flicking in the layer tree, the swipe's picture, and their ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.canvas.imagery import DatedImagery, ImageryDates, date_of, guess, licence_of
from bitscape.plugin.canvas.swipe import Swipe
from bitscape.plugin.dock.imagery_panel import ImageryPanel
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal, osr
from qgis.core import (
    QgsApplication,
    QgsDateTimeRange,
    QgsLayerMetadata,
    QgsLayerTreeLayer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsMapCanvas, QgsMapToolEmitPoint
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QDate, QDateTime, QEvent, QPoint, QPointF, QSize, Qt, QTime
from qgis.PyQt.QtGui import QColor, QMouseEvent
from qgis.PyQt.QtWidgets import QLabel

RED, BLUE, GREEN, YELLOW = (200, 30, 30), (30, 30, 200), (30, 160, 30), (230, 220, 40)
SIZE = 64


def raster(path: Path, colour: tuple[int, int, int], left: int = 0, right: int = SIZE) -> str:
    """A picture of 64 × 64 pixels of 10 m; columns outside left … right are nodata."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), SIZE, SIZE, 3, gdal.GDT_Byte)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((500000, 10, 0, 5000000, 0, -10))
    for band, value in enumerate(colour, 1):
        values = np.zeros((SIZE, SIZE), np.uint8)
        values[:, left:right] = value
        data.GetRasterBand(band).SetNoDataValue(0)
        data.GetRasterBand(band).WriteArray(values)
    return str(path)


def collect() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QgsApplication.processEvents()


def add(
    project: QgsProject, folder: Path, name: str, colour: tuple[int, int, int], file: str = "", **columns: int
) -> QgsRasterLayer:
    """A layer of one colour, uppermost in the tree."""
    layer = QgsRasterLayer(raster(folder / f"{file or len(project.mapLayers())}.tif", colour, **columns), name)
    assert layer.isValid()
    layer.renderer().setOpacity(1)
    for channel in range(3):
        enhancement = layer.dataProvider() and layer.renderer()
        getattr(enhancement, ("setRedContrastEnhancement", "setGreenContrastEnhancement",
                              "setBlueContrastEnhancement")[channel])(None)
    project.addMapLayer(layer)
    return layer


class Scene:
    """A project with imagery of two dates below an overlay that covers the upper quarter of the columns 24 … 40."""

    def __init__(self, project: QgsProject, folder: Path) -> None:
        self.project = project
        self.old = add(project, folder, "Imagery 2020", RED)
        self.new = add(project, folder, "Imagery 2024", BLUE)
        self.overlay = add(project, folder, "Change score", GREEN, left=24, right=40)
        self.root = project.layerTreeRoot()
        self.canvas = QgsMapCanvas()
        self.canvas.setFrameStyle(0)  # as in the application
        self.canvas.setCanvasColor(QColor("white"))
        self.canvas.resize(400, 300)
        self.bridge = QgsLayerTreeMapCanvasBridge(self.root, self.canvas)
        self.bridge.setCanvasLayers()
        self.canvas.setDestinationCrs(self.old.crs())
        self.canvas.show()
        QgsApplication.processEvents()
        # The map is wider than the canvas: every pixel shows imagery.
        self.canvas.setExtent(QgsRectangle(500020, 4999480, 500620, 4999920))
        self.settle()

    def settle(self) -> None:
        assert eventually(lambda: not self.canvas.isDrawing())
        self.canvas.waitWhileRendering()
        QgsApplication.processEvents()

    def visible(self) -> dict[str, bool]:
        return {node.layer().name(): node.isVisible() for node in self.root.findLayers()}

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        image = self.canvas.grab().toImage()
        return image.pixelColor(x, y).getRgb()[:3]

    def close(self) -> None:
        if not sip.isdeleted(self.canvas):
            self.canvas.stopRendering()
            self.canvas.close()
            sip.delete(self.bridge)
            sip.delete(self.canvas)


@pytest.fixture
def scene(project: QgsProject, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(project, tmp_path)
    yield made
    made.close()


@pytest.fixture
def dates(scene: Scene) -> Iterator[ImageryDates]:
    """The two images of the scene chosen, oldest first."""
    made = ImageryDates(scene.project)
    made.choose([DatedImagery(scene.old.id(), "2020", "© A"), DatedImagery(scene.new.id(), "2024", "© B")])
    yield made
    made.close()


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(one, other))


# What is found ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "date"), [
    ("Sentinel-2 2020", "2020"), ("sentinel2_2024", "2024"), ("S2A_MSIL2A_20240615T103021_N0510", "2024-06-15"),
    ("Planet 2023-07 mosaic", "2023-07"), ("ortho_202306", "2023-06"), ("DOP 2019.08.31", "2019-08-31"),
    ("Aerial 1954", "1954"), ("Change 2020→2024", ""), ("from 2020-01-01 to 2021-01-01", ""), ("OpenStreetMap", ""),
    ("EPSG 32633", ""), ("tile 120201", ""), ("LV95 2056", ""), ("2020 and again 2020", "2020"),
])
def test_date_in_a_name(project: QgsProject, tmp_path: Path, name: str, date: str) -> None:
    assert date_of(add(project, tmp_path, name, RED, file="a")) == date


def range_of(*days: tuple[int, int, int]) -> QgsDateTimeRange:
    return QgsDateTimeRange(*(QDateTime(QDate(*day), QTime(0, 0)) for day in days))


def test_date_in_temporal_properties_metadata_and_file(project: QgsProject, tmp_path: Path) -> None:
    layer = add(project, tmp_path, "mosaic", RED, file="mosaic_2019_05")
    assert date_of(layer) == "2019-05"
    metadata = layer.metadata()
    extent = QgsLayerMetadata.Extent()
    extent.setTemporalExtents([range_of((2021, 1, 1), (2021, 12, 31))])
    metadata.setExtent(extent)
    layer.setMetadata(metadata)
    assert date_of(layer) == "2021"
    layer.temporalProperties().setIsActive(True)
    layer.temporalProperties().setFixedTemporalRange(range_of((2022, 6, 1), (2022, 8, 31)))
    assert date_of(layer) == "2022-06-01/2022-08-31"
    layer.setName("mosaic of 2023")
    assert date_of(layer) == "2023"


def test_licence_comes_from_metadata_or_attribution(project: QgsProject, tmp_path: Path) -> None:
    layer = add(project, tmp_path, "a", RED)
    assert licence_of(layer) == ""
    server = layer.serverProperties()
    (server if hasattr(server, "setAttribution") else layer).setAttribution("© Server")
    assert licence_of(layer) == "© Server"
    metadata = layer.metadata()
    metadata.setRights(["© Agency", ""])
    metadata.setLicenses(["CC-BY 4.0", "© Agency"])
    layer.setMetadata(metadata)
    assert licence_of(layer) == "© Agency · CC-BY 4.0"


def test_guess_takes_imagery_and_leaves_results_alone(project: QgsProject, tmp_path: Path) -> None:
    new = add(project, tmp_path, "Sentinel-2 2024", BLUE)
    old = add(project, tmp_path, "Sentinel-2 2020", RED)
    add(project, tmp_path, "Embedding picture 2024", GREEN)
    add(project, tmp_path, "OpenStreetMap", GREEN)
    add(project, tmp_path, "Change 2020→2024", GREEN)
    tiles = "type=xyz&url=https://example.invalid/2022/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=19&zmin=0"
    xyz = QgsRasterLayer(tiles, "Mosaic 2022", "wms")
    classes = QgsRasterLayer(old.source(), "Land cover 2020")
    classes.loadNamedStyle(str(style_of_classes(tmp_path)))
    project.addMapLayers([xyz, classes])
    assert xyz.isValid() and classes.renderer().type() == "paletted"
    found = guess(project)
    assert [(one.layer_id, one.date) for one in found] == [(old.id(), "2020"), (xyz.id(), "2022"), (new.id(), "2024")]


def style_of_classes(folder: Path) -> Path:
    from bitscape.plugin.layers import styling

    styling.style_classes(folder / "classes.tif", [styling.Entry(1, "a", "#ff0000")])
    return folder / "classes.qml"


def test_guess_falls_back_to_pictures_of_embeddings(project: QgsProject, tmp_path: Path) -> None:
    by_name = add(project, tmp_path, "Embedding picture 2020", RED)
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "change.basis.json").write_text("{}")
    beside = add(project, tmp_path / "tiles", "Einbettungsbild 2020→2024", BLUE)
    add(project, tmp_path, "a map", GREEN)
    assert [(one.layer_id, one.date) for one in guess(project)] == [(beside.id(), ""), (by_name.id(), "2020")]
    real = add(project, tmp_path, "Sentinel-2 2021", GREEN)
    assert [one.layer_id for one in guess(project)] == [real.id()]


# Flicking -----------------------------------------------------------------------------------------------------------


def test_flick_switches_the_chosen_layers_and_nothing_else(scene: Scene, dates: ImageryDates) -> None:
    order = [layer.name() for layer in scene.root.layerOrder()]
    heard: list[str] = []
    dates.dateChanged.connect(heard.append)
    assert dates.current_date == "2024", "both are switched on, and the upper one is what is seen"
    dates.show(0)
    assert scene.visible() == {"Change score": True, "Imagery 2024": False, "Imagery 2020": True}
    assert (dates.current, dates.current_date, heard) == (0, "2020", ["2020"])
    scene.settle()
    assert near(scene.pixel(60, 150), RED) and near(scene.pixel(200, 150), GREEN)
    dates.next()
    assert scene.visible() == {"Change score": True, "Imagery 2024": True, "Imagery 2020": False}
    scene.settle()
    assert near(scene.pixel(60, 150), BLUE) and near(scene.pixel(200, 150), GREEN)
    dates.next()
    assert dates.current == 0, "after the last comes the first"
    dates.previous()
    assert (dates.current, heard) == (1, ["2020", "2024", "2020", "2024"])
    assert [layer.name() for layer in scene.root.layerOrder()] == order
    with pytest.raises(IndexError):
        dates.show(2)


def test_date_follows_what_the_user_switches_in_the_layer_tree(scene: Scene, dates: ImageryDates) -> None:
    heard: list[str] = []
    dates.dateChanged.connect(heard.append)
    node = scene.root.findLayer(scene.new)
    node.setItemVisibilityChecked(False)
    assert (dates.current_date, heard) == ("2020", ["2020"])
    scene.root.findLayer(scene.old).setItemVisibilityChecked(False)
    assert (dates.current, dates.current_date, heard) == (None, "", ["2020", ""])
    dates.next()
    assert dates.current == 0


@pytest.mark.parametrize("found", [(True, True), (False, True), (True, False), (False, False)])
def test_release_restores_the_visibility_that_was_found(
    scene: Scene, dates: ImageryDates, found: tuple[bool, bool]
) -> None:
    for layer, checked in zip((scene.old, scene.new), found):
        scene.root.findLayer(layer).setItemVisibilityChecked(checked)
    before = scene.visible()
    for _ in range(3):
        dates.next()
    dates.release()
    assert scene.visible() == before
    scene.root.findLayer(scene.old).setItemVisibilityChecked(not found[0])
    dates.release()
    assert scene.visible()["Imagery 2020"] is not found[0], "a second release undid what the user did"


def test_layer_in_a_closed_group_is_shown_and_the_group_closed_again(scene: Scene, dates: ImageryDates) -> None:
    group = scene.root.addGroup("basemaps")
    node = scene.root.findLayer(scene.old)
    group.insertChildNode(0, node.clone())
    scene.root.removeChildNode(node)
    group.setItemVisibilityChecked(False)
    dates.show(0)
    assert scene.visible()["Imagery 2020"] and group.itemVisibilityChecked()
    dates.release()
    assert not group.itemVisibilityChecked() and scene.root.findLayer(scene.old).itemVisibilityChecked()


def test_restores_a_layer_that_was_moved_in_the_tree_meanwhile(scene: Scene, dates: ImageryDates) -> None:
    dates.show(0)
    node = scene.root.findLayer(scene.new)
    scene.root.insertChildNode(0, node.clone())
    scene.root.removeChildNode(node)
    assert not scene.visible()["Imagery 2024"]
    dates.release()
    assert scene.visible()["Imagery 2024"]


def test_layer_that_leaves_the_choice_is_restored_at_once(scene: Scene, dates: ImageryDates) -> None:
    dates.show(0)
    assert not scene.visible()["Imagery 2024"]
    dates.choose([DatedImagery(scene.old.id(), "2020")])
    assert scene.visible()["Imagery 2024"] and dates.current_date == "2020"


def test_removal_of_the_layer_on_screen_brings_the_date_beside_it(
    scene: Scene, dates: ImageryDates, tmp_path: Path
) -> None:
    third = add(scene.project, tmp_path, "Imagery 2026", YELLOW)
    dates.choose([*dates.imagery, DatedImagery(third.id(), "2026")])
    heard: list[str] = []
    dates.show(1)
    dates.dateChanged.connect(heard.append)
    scene.project.removeMapLayer(scene.new.id())
    assert [one.date for one in dates.imagery] == ["2020", "2026"]
    assert (dates.current_date, heard[-1]) == ("2026", "2026")
    assert scene.visible() == {"Imagery 2026": True, "Change score": True, "Imagery 2020": False}
    scene.project.removeMapLayers([scene.old.id(), third.id()])
    assert (dates.imagery, dates.current, heard[-1]) == ((), None, "")
    dates.next()
    dates.previous()
    dates.release()


def test_removal_before_any_flick_touches_nothing(scene: Scene, dates: ImageryDates) -> None:
    scene.root.findLayer(scene.old).setItemVisibilityChecked(False)
    scene.project.removeMapLayer(scene.new.id())
    assert dates.current is None and not scene.visible()["Imagery 2020"]


def test_choice_is_stored_by_layer_and_what_is_broken_is_left_out(scene: Scene, dates: ImageryDates) -> None:
    text = dates.to_json()
    entries = json.loads(text)
    other = ImageryDates(scene.project)
    other.from_json(text)
    assert other.imagery == dates.imagery and other.imagery[0].licence == "© A"
    extra: list[Any] = [*entries, {"layer_id": "gone", "date": "1999"}, {"date": "x"}, 5, entries[0]]
    other.from_json(json.dumps(extra))
    assert other.imagery == dates.imagery
    for broken in ("", "{", "null", "7", '{"layer_id": 1}'):
        other.from_json(broken)
        assert other.imagery == ()
    other.close()


def test_survives_the_end_of_the_project(scene: Scene, dates: ImageryDates) -> None:
    dates.show(0)
    scene.project.clear()
    assert dates.imagery == () and dates.current_date == ""


# Swiping ------------------------------------------------------------------------------------------------------------


def mouse(canvas: QgsMapCanvas, kind: QEvent.Type, x: int, y: int, down: bool) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    surface = canvas.viewport()
    button = none if kind == QEvent.Type.MouseMove else left
    at, on_screen = QPointF(x, y), QPointF(surface.mapToGlobal(QPoint(x, y)))
    event = QMouseEvent(kind, at, on_screen, button, left if down else none, Qt.KeyboardModifier.NoModifier)
    QgsApplication.sendEvent(surface, event)
    QgsApplication.processEvents()


@pytest.fixture
def swipe(scene: Scene, dates: ImageryDates) -> Iterator[Swipe]:
    """2020 on the left, 2024 on the right, drawn."""
    dates.show(0)
    scene.settle()
    made = Swipe(scene.canvas, scene.project)
    made.set_layers(*dates.imagery)
    made.enable()
    assert eventually(lambda: made.is_drawn)
    yield made
    made.close()


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
sys.path.append({str(Path(__file__).parent)!r})
from pathlib import Path
from test_imagery import Scene, Swipe, DatedImagery, eventually
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


# The panel ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def panel(scene: Scene) -> Iterator[ImageryPanel]:
    """The panel in a dock's width, its imagery found."""
    made = ImageryPanel(scene.canvas)
    made.resize(340, 250)
    made.show()
    made.find()
    yield made
    made.close_imagery()
    made.deleteLater()
    collect()


def test_panel_finds_shows_and_says(scene: Scene, panel: ImageryPanel) -> None:
    assert [(row.layer.currentLayer().name(), row.date.text()) for row in panel._rows] == [
        ("Imagery 2020", "2020"), ("Imagery 2024", "2024"),
    ]
    heard: list[str] = []
    panel.dateChanged.connect(heard.append)
    panel.previous()
    assert (heard, panel.current_date, panel.status.text()) == (["2020"], "2020", "On screen: 2020")
    assert [row._show.isChecked() for row in panel._rows] == [True, False]
    panel._rows[1]._show.click()
    assert (heard[-1], [row._show.isChecked() for row in panel._rows]) == ("2024", [False, True])
    panel._rows[1]._show.click()
    assert panel._rows[1]._show.isChecked(), "a second click must not clear it"
    panel.next()
    panel.back.click()
    assert heard == ["2020", "2024", "2020", "2024"]
    assert panel.minimumSizeHint().width() <= 340


def test_panel_takes_other_dates_and_layers(scene: Scene, panel: ImageryPanel) -> None:
    stored: list[str] = []
    panel.imageryChanged.connect(lambda: stored.append(panel.to_json()))
    metadata = scene.overlay.metadata()
    metadata.setRights(["© Agency"])
    scene.overlay.setMetadata(metadata)
    panel.next()
    panel._add.click()
    row = panel._rows[2]
    row.layer.setLayer(scene.overlay)
    assert row.licence.text() == "© Agency" and len(panel.dates.imagery) == 3
    row.date.setText("2019-04")
    row.date.editingFinished.emit()
    assert [one.date for one in panel.dates.imagery] == ["2019-04", "2020", "2024"], "not by date"
    assert json.loads(stored[-1])[0] == {"layer_id": scene.overlay.id(), "date": "2019-04", "licence": "© Agency"}
    row._remove.click()
    assert len(panel._rows) == 2 and [one.date for one in panel.dates.imagery] == ["2020", "2024"]
    panel._rows[1].layer.setLayer(scene.old)
    assert len(panel.dates.imagery) == 1 and "above" in panel._rows[1].licence.text()
    assert not panel.forward.isEnabled()
    panel.from_json(stored[0])
    assert len(panel._rows) == 3 and len(panel.dates.imagery) == 3


def test_removed_layer_leaves_an_empty_row_not_a_neighbour(scene: Scene, panel: ImageryPanel) -> None:
    panel.previous()
    panel.toggle_swipe()
    scene.project.removeMapLayer(scene.new.id())
    collect()
    assert [row.layer.currentLayer() for row in panel._rows] == [scene.old, None]
    assert [row.date.text() for row in panel._rows] == ["2020", ""]
    assert not panel.swiping.isChecked() and not panel.swiping.isEnabled() and panel.divider.isHidden()
    scene.project.clear()
    assert "No imagery" in panel.status.text() and panel.current_date == ""
    panel.find()
    assert "type its date" in panel.status.text()


def test_panel_swipes_and_tells_the_date_under_the_mouse(scene: Scene, panel: ImageryPanel) -> None:
    panel.next()
    panel.swiping.click()
    assert panel.swipe.is_enabled and panel.divider.isVisible() and panel.divider.value() == 50
    assert (panel.date_at(QPoint(50, 10)), panel.date_at(QPoint(350, 10))) == ("2020", "2024")
    assert panel.status.text() == "On screen: 2020 on the left, 2024 on the right"
    panel.divider.setValue(90)
    assert panel.swipe.position == 0.9 and panel.date_at(QPoint(350, 10)) == "2020"
    panel.swipe.set_position(0.333)
    assert (panel.swipe.position, panel.divider.value()) == (0.333, 33)
    panel.next()
    assert (panel.date_at(QPoint(50, 10)), panel.date_at(QPoint(350, 10))) == ("2020", "2024")
    panel.toggle_swipe()
    assert not panel.swipe.is_enabled and not panel.swiping.isChecked() and panel.divider.isHidden()
    assert panel.date_at(QPoint(350, 10)) == panel.current_date


def test_panel_goes_without_a_trace(scene: Scene, panel: ImageryPanel) -> None:
    items, before = len(scene.canvas.scene().items()), scene.visible()
    panel.next()
    panel.toggle_swipe()
    panel.close_imagery()
    assert scene.visible() == before and len(scene.canvas.scene().items()) == items
    scene.root.findLayer(scene.old).setItemVisibilityChecked(False)
    scene.project.removeMapLayer(scene.old.id())
    assert all(isinstance(node, QgsLayerTreeLayer) for node in scene.root.findLayers())
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in panel.findChildren(QLabel))
