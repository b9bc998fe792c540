"""Results on the map and in the list, labels made of them, and the threshold that is dragged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.tests.plugin.find.scene import NO_MODIFIER, Window, middle, result
from bitscape.tests.plugin.imagery.scene import BLUE, RED
from bitscape.tests.plugin.session.scene import on_disk
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal, osr
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import QToolTip


@pytest.fixture
def found(window: Window) -> Window:
    """Thirty results of a click."""
    window.open()
    window.tab.exemplars.start.click()
    window.click(0)
    window.backend.answer(range(1, 31))
    return window


def labels(window: Window) -> Path:
    """A label file of change and no change."""
    path = window.folder / "labels.gpkg"
    LabelLayer.create(path, QgsCoordinateReferenceSystem("EPSG:32633"), ClassTable.change_detection())
    window.session.open_labels(path)
    return path


def test_hovering_over_the_map_tells_rank_and_score_and_marks_the_result_in_the_list(found: Window) -> None:
    told = []
    found.tab.footprints.point_at = told.append  # type: ignore[method-assign]
    found.mouse(QEvent.Type.MouseMove, found.at(middle(12)), Qt.MouseButton.NoButton)
    assert told[-1].startswith("POLYGON")
    assert found.results.view.results.pointed == (0, 12) and found.results.view.selected == [], "nothing is selected"
    assert "Rank 12" in QToolTip.text() and "48 differing bits" in QToolTip.text() and "p12" in QToolTip.text()
    found.mouse(QEvent.Type.MouseMove, found.at(middle(50)), Qt.MouseButton.NoButton)
    assert told[-1] == "" and found.results.view.results.pointed is None


def test_l_on_the_map_labels_what_is_pointed_at(found: Window) -> None:
    path = labels(found)
    found.session.choose("change")
    found.mouse(QEvent.Type.MouseMove, found.at(middle(12)), Qt.MouseButton.NoButton)
    found.press(Qt.Key.Key_L)
    (row,) = on_disk(path)
    assert (row["x"], row["y"]) == pytest.approx((middle(12).x(), middle(12).y()), abs=0.1)


def test_a_click_in_the_list_flies_there(found: Window) -> None:
    found.canvas.zoomByFactor(0.4)
    view = found.results.view
    scale = found.canvas.scale()
    view.chosen.emit(view.results.results[29])
    assert found.canvas.extent().center().distance(middle(30)) < 1
    assert found.canvas.scale() == pytest.approx(scale, rel=1e-6), "the user's own scale"
    found.canvas.zoomByFactor(100)
    view.chosen.emit(view.results.results[3])
    assert found.canvas.extent().center().distance(middle(4)) < 1
    assert found.canvas.extent().width() < 20 * 80, "a footprint can be seen"


def test_thumbnails_show_the_chosen_imagery_two_at_a_time_and_stale_ones_are_cancelled(found: Window) -> None:
    thumbnails, view = found.tab.thumbnails, found.results.view
    most = []
    thumbnails.made.connect(lambda _: most.append(thumbnails.running))
    assert eventually(lambda: thumbnails.picture((1, 1)) is not None, 10)
    image = thumbnails.picture((1, 1))
    colour = image.pixelColor(image.width() // 2, image.height() // 2).getRgb()[:3]
    assert colour == BLUE, "as the map: the later imagery lies above"
    found.tab.source.choose(found.scene.old.id())
    assert thumbnails.picture((1, 1)) is None, "pictures of other imagery are old"
    assert eventually(lambda: thumbnails.picture((1, 1)) is not None, 10)
    assert thumbnails.picture((1, 1)).pixelColor(42, 42).getRgb()[:3] == RED
    assert found.tab.source.date == "2020"
    assert max(most) <= 2
    assert eventually(lambda: thumbnails.running == 0 and not thumbnails._wishes, 10)
    assert thumbnails.picture((1, 29)) is None, "only what is seen is rendered, and a little more"
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    assert eventually(lambda: thumbnails.picture((1, 29)) is not None, 10)
    for _ in range(20):  # pictures may be made before one has looked
        thumbnails.forget()
        view.wish()
        if eventually(lambda: thumbnails.running or not thumbnails._wishes, 5) and thumbnails.running:
            break
    assert thumbnails.running
    thumbnails.want(())
    assert thumbnails.running == 0
    assert eventually(lambda: not thumbnails._cancelled, 5)
    assert thumbnails.picture((1, 29)) is None or thumbnails.picture((0, 30)) is None, "what was cancelled is not kept"


def test_one_click_makes_labels_of_results_and_one_undo_takes_them_back(found: Window) -> None:
    path = labels(found)
    found.session.choose("change")
    assert found.results.every.text() == "All 30" and not found.results.one.isEnabled()
    found.results.view.select(found.results.view.results.results[2])
    assert found.results.one.text() == "Label 1 as change"
    found.results.one.click()
    rows = on_disk(path)
    assert [(row["label"], row["role"], row["when"], row["product_version"]) for row in rows] == [
        ("change", "train", "2024", "Clay v1.5")]
    assert (rows[0]["x"], rows[0]["y"]) == pytest.approx((middle(3).x(), middle(3).y()), abs=0.1)
    assert rows[0]["image_date"] == found.tab.source.date == "2024"
    assert found.results.view.results.labelled == {(1, 3)}
    found.results.every.click()
    assert len(on_disk(path)) == 30, "the one that is a label already is passed over"
    found.results.note.linkActivated.emit("undo")
    assert len(on_disk(path)) == 1, "one step"
    assert found.results.view.results.labelled == {(1, 3)} or eventually(
        lambda: found.results.view.results.labelled == {(1, 3)}, 2)
    found.session.undo()
    assert on_disk(path) == []


def test_labels_are_never_made_of_nothing_or_into_a_sample(found: Window) -> None:
    assert not found.results.every.isEnabled(), "there are no labels and no tiles"
    found.results.label(found.results.view.results.results)
    assert "tab Label" in found.words[-1]


def test_keys_in_the_list(found: Window) -> None:
    view = found.results.view
    view.setFocus()
    flown: list[str] = []
    view.chosen.connect(lambda one: flown.append(one["id"]))
    view.setCurrentIndex(view.results.index(0))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Return, Qt.Key.Key_N):
        QgsApplication.sendEvent(view, QKeyEvent(QEvent.Type.KeyPress, key, NO_MODIFIER))
    assert flown == ["p2"]
    assert found.backend.asked[-1]["negatives"][0]["row"] == 2
    found.press(Qt.Key.Key_Period)
    assert view.currentIndex().row() == 2, "the next one, from the map"


def test_selection_and_place_in_the_list_stay_when_more_shards_come(found: Window) -> None:
    view = found.results.view
    view.select(view.results.results[20])
    place = view.verticalScrollBar().value()
    assert place > 0
    found.search.ask(k=60)
    found.backend.answer([50, *range(1, 31)])
    assert [one["id"] for one in view.selected] == ["p21"] and view.verticalScrollBar().value() == place


def similarity(path: Path) -> str:
    """A picture of 64 × 64 with every value."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), 64, 64, 1, gdal.GDT_Byte)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((15, 0.0001, 0, 45.15, 0, -0.0001))
    data.GetRasterBand(1).WriteArray((np.arange(64 * 64) % 255).reshape(64, 64).astype(np.uint8))
    data.GetRasterBand(1).SetNoDataValue(255)
    return str(path)


def test_the_threshold_is_dragged_and_list_map_and_picture_follow_at_once(found: Window) -> None:
    found.press(Qt.Key.Key_T)
    request = found.backend.asked[-1]
    assert (request["view"], request["threshold"]) == ("threshold", None)
    found.backend.answer(range(1, 31), raster=similarity(Path(request["raster"])))
    panel = found.tab.threshold
    assert panel.isVisible() and panel.value == 120 and "30 places within" in panel.words.text()
    picture = found.tab.picture.layer
    assert picture.isValid() and picture.customProperty("bitscape/role") == "similarity"
    asked = len(found.backend.asked)
    panel.chart.dragged.emit(90.0)
    panel.chart.dragged.emit(40.0)
    QgsApplication.processEvents()
    assert found.listed == found.drawn == [f"p{number}" for number in range(1, 11)], "without the backend"
    items = picture.renderer().shader().rasterShaderFunction().colorRampItemList()
    assert items[0].value == pytest.approx(254 * (40 - 64) / (0 - 64), abs=1e-3), "symbology alone"
    assert "about" in panel.words.text()
    assert len(found.backend.asked) == asked + 1 and found.backend.asked[-1]["threshold"] == 40
    panel.chart.dragged.emit(80.0)
    QgsApplication.processEvents()
    assert found.listed == found.drawn == [f"p{number}" for number in range(1, 21)], "and back"
    found.backend.answer(range(1, 11), of=asked + 1, threshold=40.0)
    assert panel.value == 80, "the line stays under the hand"
    found.backend.answer(range(1, 21), threshold=80.0)
    assert panel.value == 80 and "20 places within" in panel.words.text()
    panel.number.setValue(20)
    QgsApplication.processEvents()
    assert found.backend.asked[-1]["threshold"] == 20
    found.search.ask(view="top")
    assert found.backend.asked[-1]["threshold"] is None, "a threshold is the view's own"


def test_a_view_without_a_picture_takes_it_away_and_files_take_turns(found: Window) -> None:
    found.press(Qt.Key.Key_H)
    first = found.backend.asked[-1]["raster"]
    found.backend.answer(range(1, 31), raster=similarity(Path(first)))
    found.search.ask(k=51)
    second = found.backend.asked[-1]["raster"]
    assert second != first, "what QGIS reads is never replaced"
    layer = found.tab.picture.layer
    found.backend.answer(range(1, 31), raster=similarity(Path(second)))
    assert found.tab.picture.layer is layer and layer.source() == second
    found.press(Qt.Key.Key_K)
    found.backend.answer(range(1, 31))
    assert found.tab.picture.layer is None


def test_more_results_than_the_list_are_told(found: Window) -> None:
    found.press(Qt.Key.Key_T)
    found.backend.answer(range(1, 31), within=41_234)
    assert "30 of 41,234" in found.results.words.text()


def test_folds_need_two_positives_and_bits(found: Window) -> None:
    model = found.tab.view.combine.model()
    assert not model.item(1).isEnabled() and "two positive" in found.tab.view.combine.toolTip()
    found.click(1)
    found.backend.answer([5])
    assert model.item(1).isEnabled()
    from bitscape.tests.plugin.find.scene import ABOUT

    found.search.ask(k=9)
    found.backend.answer([5], about={**ABOUT, "kind": "cosine"})
    assert not model.item(1).isEnabled() and "numbers" in found.tab.view.combine.toolTip()


def test_years_are_chosen(found: Window) -> None:
    years = found.tab.view.years
    assert years.isVisible() and years.text() == "All years"
    years.menu().actions()[0].setChecked(False)
    assert found.backend.asked[-1]["years"] == [2024] and years.text() == "2024"


def test_footprints_are_where_the_patches_are(found: Window) -> None:
    layer = found.tab.layer.layer
    feature = next(one for one in layer.getFeatures() if one["id"] == "p7")
    box = feature.geometry().boundingBox()
    assert [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()] == pytest.approx(result(7, 1)["bbox"])
    assert feature["rank"] == 7 and feature["score"] == 28
    assert not found.project.isDirty() or layer.customProperty("skipMemoryLayersCheck")


def test_the_tab_is_not_wider_than_the_dock(found: Window) -> None:
    from bitscape.plugin.dock.folding import WIDTH

    found.press(Qt.Key.Key_T)
    found.backend.answer(range(1, 31))
    wide = {type(one).__name__ + str(one.objectName()): one.minimumSizeHint().width() for one in (
        found.tab.store, found.tab.exemplars, found.tab.areas, found.tab.view, found.tab.threshold, found.results,
        found.tab.save, found.tab)}
    bar = found.results.view.verticalScrollBar().sizeHint().width()
    assert max(wide.values()) <= WIDTH - bar, wide
