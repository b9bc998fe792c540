"""On the canvas: what is hidden and how it comes back, where the map flies, what is drawn around the pixel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bitscape.plugin.canvas.sample_mark import SampleMark
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.plugin.layers.live_layers import ROLE
from bitscape.tests.plugin.imagery.scene import mouse
from bitscape.tests.plugin.validate.scene import PIXEL, Window, place, rows_elsewhere, write_map
from bitscape.tests.plugin.waiting import eventually, spin
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QEvent

UTM = QgsCoordinateReferenceSystem("EPSG:32633")


def furnish(window: Window) -> dict[str, bool]:
    """Layers of every kind, some shut, some in groups; what was seen before."""
    project, group = window.project, window.session.group()
    labels = LabelLayer.create(window.folder / "labels.gpkg", UTM, ClassTable.change_detection())
    labels.layer.setCustomProperty(ROLE, "labels")
    score = QgsRasterLayer(str(write_map(window.folder / "score-1.tif", tags=False)), "Live score")
    score.setCustomProperty(ROLE, "score")
    older = QgsRasterLayer(str(write_map(window.folder / "older.tif")), "Older map")
    areas = QgsVectorLayer("Polygon?crs=EPSG:32633", "Areas", "memory")
    areas.setCustomProperty(ROLE, "aoi")
    polygons = QgsVectorLayer("Polygon?crs=EPSG:32633&field=class:string", "Change polygons", "memory")
    roads = QgsVectorLayer("LineString?crs=EPSG:32633", "Roads", "memory")
    for layer in (labels.layer, score, older, areas, polygons):
        project.addMapLayer(layer, False)
        group.addLayer(layer)
    project.addMapLayer(roads)
    window.root.findLayer(older.id()).setItemVisibilityChecked(False)
    inner = group.addGroup("inner")
    inner.setItemVisibilityChecked(False)
    foreign = QgsVectorLayer(str(labels.path), "Somebody's labels", "ogr")
    project.addMapLayer(foreign, False)
    inner.addLayer(foreign)
    return window.visible()


HIDDEN = {"Classes", "labels", "Live score", "Older map", "Change polygons", "Somebody's labels"}


def test_what_tells_the_answer_is_hidden_and_comes_back_exactly(window: Window) -> None:
    before = furnish(window)
    assert before["Classes"] and not before["Older map"]
    path = window.open(count=4)
    window.project.addMapLayer(QgsVectorLayer(f"{path}|layername=sample", "The sample", "ogr"))
    before = window.visible()
    window.project.setDirty(False)
    window.pad.start.click()
    shown = {name for name, is_on in window.visible().items() if is_on}
    assert shown & {*HIDDEN, "The sample"} == set()
    assert {"Areas", "Roads", "Change score"} <= shown, "areas, the user's own layers and imagery stay"
    assert not window.project.isDirty()
    window.press("c", "esc")
    assert window.visible() == before and not window.project.isDirty()
    assert not window.serving.hidden.is_on


def test_a_layer_that_is_switched_on_is_shut_again_and_it_is_said(window: Window) -> None:
    window.start(count=4)
    node = window.root.findLayer(window.map.id())
    node.setItemVisibilityChecked(True)
    assert not node.itemVisibilityChecked() and "Classes stays hidden" in window.words[-1]
    window.press("esc")
    assert node.itemVisibilityChecked()
    node.setItemVisibilityChecked(False)
    node.setItemVisibilityChecked(True)
    assert node.itemVisibilityChecked(), "afterwards the user's own"


def test_what_comes_into_the_project_meanwhile_is_hidden_too(window: Window) -> None:
    window.start(count=4)
    late = QgsRasterLayer(str(write_map(window.folder / "late.tif")), "A map that was done meanwhile")
    window.project.addMapLayer(late, False)
    window.session.group().insertLayer(0, late)
    plain = QgsVectorLayer("Point?crs=EPSG:32633", "Towns", "memory")
    window.project.addMapLayer(plain)
    assert not window.visible()["A map that was done meanwhile"] and window.visible()["Towns"]
    node = window.root.findLayer(window.map.id())
    group = window.session.group()
    group.insertChildNode(0, node.clone())  # as QGIS moves a layer that is dragged
    node.parent().removeChildNode(node)
    assert not window.visible()["Classes"]
    window.project.removeMapLayer(late.id())
    window.press("esc")
    assert window.visible()["Classes"]


@pytest.mark.parametrize("name", ["p.qgz", "p.qgs"])
def test_a_project_saved_meanwhile_has_the_layers_as_they_were(window: Window, tmp_path: Path, name: str) -> None:
    furnish(window)
    before = {node.layerId(): node.itemVisibilityChecked() for node in window.root.findLayers()}
    window.start(count=4)
    assert window.project.write(str(tmp_path / name))
    assert not window.visible()["Classes"], "here it stays hidden"
    other = QgsProject()
    assert other.read(str(tmp_path / name))
    found = {node.layerId(): node.itemVisibilityChecked() for node in other.layerTreeRoot().findLayers()}
    assert found == before
    del other


def test_leaving_the_tab_and_another_project_restore(window: Window) -> None:
    before = window.visible()
    window.start(count=4)
    window.tab.leave()
    assert window.visible() == before and window.serving.mark is None
    window.pad.start.click()
    window.tab.forget()
    assert window.visible() == before and window.validation.sample is None
    assert "Draw or open a sample first" in window.text and not window.pad.start.isEnabled()
    window.start("again.gpkg", count=4)
    window.project.clear()
    assert not window.serving.hidden.is_on
    window.tab.forget()


def test_the_plugin_s_end_restores(window: Window) -> None:
    before = window.visible()
    window.start(count=4)
    window.close_tab()
    assert window.visible() == before
    assert not any(isinstance(item, SampleMark) for item in window.canvas.scene().items())
    assert window.canvas.mapTool() is not window.serving.tool


def test_a_file_that_cannot_take_answers_hides_nothing(window: Window) -> None:
    before = window.visible()
    path = window.open(count=4)
    path.unlink()
    window.pad.start.click()
    assert "is not there any more" in window.words[-1]
    assert window.visible() == before and not window.serving.is_on and not window.pad.start.isChecked()


def test_the_map_flies_to_the_pixel_and_keeps_the_user_s_zoom(window: Window) -> None:
    window.start(count=6)
    mark = window.serving.mark
    x, y = place(1)
    assert (mark.centre.x(), mark.centre.y()) == pytest.approx((x, y))
    corners = {(corner.x(), corner.y()) for corner in mark.outline}
    half = PIXEL / 2
    assert corners == {(x - half, y - half), (x + half, y - half), (x - half, y + half), (x + half, y + half)}
    first = window.canvas.extent()
    assert (first.center().x(), first.center().y()) == pytest.approx((x, y))
    assert first.width() == pytest.approx(75 * PIXEL, rel=0.01)
    window.canvas.zoomByFactor(0.5)
    window.press("c")
    assert window.canvas.extent().width() == pytest.approx(first.width() / 2, rel=0.01)
    assert window.canvas.extent().center().x() == pytest.approx(place(2)[0])
    window.canvas.setCenter(QgsPointXY(*place(5)))
    window.press("f")
    assert window.canvas.extent().center().x() == pytest.approx(place(2)[0])
    window.press("esc")
    window.canvas.zoomByFactor(20)
    window.pad.start.click()
    assert window.canvas.extent().width() == pytest.approx(first.width() / 2, rel=0.01), "also after a pause"


@pytest.mark.parametrize("epsg", [4326, 3857, 32632])
def test_a_sample_in_another_crs_and_a_map_in_another_than_the_canvas(window: Window, epsg: int) -> None:
    window.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    window.start(count=3, epsg=epsg)
    move = QgsCoordinateTransform(UTM, QgsCoordinateReferenceSystem("EPSG:3857"), window.project)
    wanted = move.transform(QgsPointXY(*place(1)))
    mark = window.serving.mark
    assert mark.centre.distance(wanted) < 0.1
    assert QgsGeometry.fromPolygonXY([mark.outline]).contains(wanted)
    assert QgsGeometry.fromPolygonXY([mark.outline]).area() == pytest.approx(200, rel=0.1), "100 m² at 45° N"
    assert window.canvas.extent().center().distance(wanted) < 1
    window.canvas.setDestinationCrs(UTM)
    assert window.serving.mark.centre.distance(QgsPointXY(*place(1))) < 0.1


def test_without_a_map_or_crs_there_is_a_ring_and_no_outline(window: Window) -> None:
    window.start(count=3, epsg=None)
    assert window.serving.mark.outline, "without a CRS positions are taken as they are"
    window.project.removeMapLayer(window.map.id())
    window.validation.set_map(None)
    assert window.serving.mark.outline == [] and window.serving.mark.centre is not None
    window.press("c", "c", "c")
    assert "All 3 points" in window.text


def test_the_mark_leaves_the_pixel_free(window: Window) -> None:
    window.start(count=3)
    window.scene.settle()
    window.canvas.grab()
    spin(0.1)
    image = window.canvas.grab().toImage()
    place_on_screen = window.canvas.getCoordinateTransform().transform(window.serving.mark.centre)
    x, y = round(place_on_screen.x()), round(place_on_screen.y())
    under = image.pixelColor(x, y).getRgb()[:3]
    window.serving.mark.hide()
    assert window.canvas.grab().toImage().pixelColor(x, y).getRgb()[:3] == under
    ring = [image.pixelColor(x + round(26 * dx), y + round(26 * dy)).getRgb()[:3]
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    assert all(red > 200 and green > 180 and blue < 140 for red, green, blue in ring), ring
    assert under in ((30, 30, 200), (200, 30, 30)), "imagery"


def test_dragging_pans_and_a_click_moves_nothing(window: Window) -> None:
    window.start(count=3)
    centre = window.canvas.extent().center()
    mouse(window.canvas, QEvent.Type.MouseButtonPress, 100, 100, True)
    mouse(window.canvas, QEvent.Type.MouseButtonRelease, 100, 100, False)
    assert window.canvas.extent().center() == centre
    mouse(window.canvas, QEvent.Type.MouseButtonPress, 100, 100, True)
    for x in (110, 140, 180):
        mouse(window.canvas, QEvent.Type.MouseMove, x, 100, True)
    mouse(window.canvas, QEvent.Type.MouseButtonRelease, 180, 100, False)
    assert eventually(lambda: window.canvas.extent().center().x() < centre.x() - PIXEL)


def test_imagery_is_flicked_and_swiped_while_one_validates_and_its_date_is_recorded(window: Window) -> None:
    window.start(count=4)
    window.press("a")
    assert window.imagery.current_date == "2020"
    window.press("c")
    window.press("s")
    assert window.imagery.swipe.is_enabled
    window.imagery.swipe.set_position(0.9)
    window.press("n")
    window.press("s")
    rows = rows_elsewhere(window.validation.sample.path)
    assert [(row["label"], row["image_date"]) for row in rows] == [("change", "2020"), ("nochange", "2020")]


def test_the_stratum_is_told_nowhere(window: Window) -> None:
    """Neither in words, nor in what the canvas holds, nor in a layer of the project."""
    window.start(count=4, strata=("SECRET-ONE", "SECRET-TWO"), table=ClassTable.change_detection())
    window.press("c", "x", "2", "back", "back")
    texts = [str(getattr(widget, name)()) for widget in window.holder.findChildren(object)
             for name in ("text", "toolTip", "accessibleName") if callable(getattr(widget, name, None))
             and not _needs_argument(widget, name)]
    assert any("Point 1 of 4" in text for text in texts) and not any("SECRET" in text for text in texts)
    assert not any("sample.gpkg" in layer.source() for layer in window.project.mapLayers().values())
    assert "SECRET" not in json.dumps(window.words)
    assert sum(isinstance(item, SampleMark) for item in window.canvas.items()) == 1


def _needs_argument(widget: object, name: str) -> bool:
    try:
        getattr(widget, name)()
    except TypeError:
        return True
    return False
