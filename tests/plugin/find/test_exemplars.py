"""Exemplars: clicks, keys, undo, selected features, results; and that each is on disk at once."""

from __future__ import annotations

import pytest
from bitscape.plugin.layers.live_layers import ROLE
from bitscape.tests.plugin.find.scene import CONTROL, SHIFT, Window, degrees, middle
from bitscape.tests.plugin.session.scene import on_disk
from qgis.core import QgsFeature, QgsGeometry, QgsPointXY, QgsVectorLayer
from qgis.PyQt.QtCore import Qt

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def choosing(window: Window) -> Window:
    """A store is open, and the tool is the canvas's."""
    window.open()
    window.tab.exemplars.start.click()
    assert window.canvas.mapTool() is window.tab.tool and window.tab.exemplars.start.isChecked()
    return window


def signs(window: Window) -> list[str]:
    return [row["label"] for row in on_disk(window.search.exemplars_path())]


def test_keys_choose_the_sign_and_clicks_are_on_disk_at_once(choosing: Window) -> None:
    choosing.click(1)
    choosing.press(Qt.Key.Key_N)
    choosing.click(2)
    choosing.press(Qt.Key.Key_P)
    choosing.click(3, modifiers=SHIFT)
    assert signs(choosing) == ["positive", "negative", "negative"], "Shift is the other sign"
    rows = on_disk(choosing.search.exemplars_path())
    assert {row["role"] for row in rows} == {"exemplar" + "s"}
    lon, lat = degrees(middle(1).x(), middle(1).y())
    assert (rows[0]["x"], rows[0]["y"]) == pytest.approx((lon, lat), abs=2e-5)
    assert choosing.tab.exemplars.chips[True].text().endswith("1")
    assert choosing.tab.exemplars.chips[False].text().endswith("2")
    assert choosing.search.exemplars_path().parent == choosing.folder, "beside the store, not in it"


def test_undo_redo_and_removal(choosing: Window) -> None:
    choosing.click(1)
    choosing.click(2)
    choosing.press(Qt.Key.Key_Z, CONTROL)
    assert len(signs(choosing)) == 1
    assert choosing.tab.exemplars.undo.toolTip().endswith("Add an exemplar")
    choosing.press(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert len(signs(choosing)) == 2
    choosing.click(2, RIGHT)
    assert len(signs(choosing)) == 1
    choosing.click(40, RIGHT)
    assert len(signs(choosing)) == 1, "nothing is near"
    choosing.tab.exemplars.undo.click()
    assert len(signs(choosing)) == 2
    choosing.tab.exemplars.clear.trigger()
    assert signs(choosing) == [] and not choosing.tab.exemplars.clear.isEnabled()
    choosing.tab.exemplars.undo.click()
    assert signs(choosing) == ["positive", "positive"]
    keys = [one["key"] for one in choosing.backend.asked[-1]["positives"]]
    assert len(set(keys)) == 2
    choosing.search.turn(keys[0])
    assert sorted(signs(choosing)) == ["negative", "positive"]


def test_escape_gives_the_canvas_back(choosing: Window) -> None:
    choosing.press(Qt.Key.Key_Escape)
    assert choosing.canvas.mapTool() is not choosing.tab.tool and not choosing.tab.exemplars.start.isChecked()


def test_the_patches_that_were_hit_are_drawn_and_those_that_hit_nothing_say_so(choosing: Window) -> None:
    choosing.click(1)
    choosing.click(2)
    keys = [one["key"] for one in choosing.backend.asked[-1]["positives"]]
    choosing.backend.answer(
        [5], exemplars=[{"key": keys[0], "positive": True, "id": "p1", "lon": 15, "lat": 45, "year": 2024, "shard": 0,
                         "row": 1, "bbox": [15.0, 45.149, 15.001, 45.15]}],
        missing=[{"key": keys[1], "positive": True, "why": "No patch of the store lies there."}])
    panel = choosing.tab.exemplars
    assert panel.missing.isVisible() and "No patch of the store lies there." in panel.missing.text()
    bands = choosing.tab.footprints._bands()
    assert [band.numberOfVertices() > 0 for band in bands] == [False, True, False, False]
    panel.missing.linkActivated.emit(f"remove:{keys[1]}")
    assert len(signs(choosing)) == 1
    choosing.backend.answer([5])
    assert not panel.missing.isVisible()


def test_features_of_a_layer_are_exemplars_the_selected_ones_where_there_are_some(choosing: Window) -> None:
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633", "greenhouses", "memory")
    for number in (4, 5, 6):
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromPointXY(middle(number)).buffer(20, 4))
        layer.dataProvider().addFeatures([feature])
    choosing.project.addMapLayer(layer)
    panel = choosing.tab.exemplars
    panel.features.aboutToShow.emit()
    (action,) = panel.features.actions()
    assert action.text() == "greenhouses: all 3"
    action.trigger()
    assert choosing.search.count(True) == 3
    panel.undo.click()
    assert choosing.search.count(True) == 0, "one step"
    layer.selectByIds([next(layer.getFeatures()).id()])
    panel.set_sign(False)
    panel.features.aboutToShow.emit()
    (action,) = panel.features.actions()
    assert action.text() == "greenhouses: 1 selected"
    action.trigger()
    assert (choosing.search.count(True), choosing.search.count(False)) == (0, 1)
    x, y = degrees(middle(4).x(), middle(4).y())
    place = choosing.backend.asked[-1]["negatives"][0]
    assert (place["lon"], place["lat"]) == pytest.approx((x, y), abs=1e-5)


def test_empty_and_far_too_many_features_are_refused_in_words(choosing: Window) -> None:
    layer = QgsVectorLayer("Point?crs=EPSG:32633", "nothing", "memory")
    assert choosing.search.take_features(layer, True) == 0
    assert choosing.words[-1] == "nothing has no features."
    features = []
    for _ in range(1001):
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(*middle(1))))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    choosing.search.take_features(layer, True)
    assert "select up to 1000" in choosing.words[-1] and choosing.search.count(True) == 0


def test_a_result_is_taken_as_that_very_patch(choosing: Window) -> None:
    choosing.click(1)
    choosing.backend.answer([5, 6, 7])
    choosing.results.view.select(choosing.results.view.results.results[1])
    choosing.results.act("negative", choosing.results.view.selected)
    place = choosing.backend.asked[-1]["negatives"][0]
    assert (place["shard"], place["row"]) == (0, 6)
    assert "lon" not in place, "a Place has exactly one of these"
    choosing.press(Qt.Key.Key_Z, CONTROL)
    choosing.press(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert choosing.backend.asked[-1]["negatives"][0]["row"] == 6
    choosing.tab.store.take(str(choosing.store("other")))
    choosing.tab.store.take(str(choosing.folder / "store"))
    choosing.backend.answer(complete=False)
    place = choosing.backend.asked[-1]["negatives"][0]
    assert place["year"] == 2024 and "shard" not in place, "rows of a store that was closed may be others"
    assert [choosing.search.is_patch(one["key"]) for side in ("positives", "negatives")
            for one in choosing.backend.asked[-1][side]] == [False, True]


def test_the_layer_goes_and_the_file_stays(choosing: Window) -> None:
    choosing.click(1)
    layer = next(one for one in choosing.project.mapLayers().values() if one.customProperty(ROLE) == "exemplars")
    choosing.project.removeMapLayer(layer.id())
    assert choosing.search.count(True) == 0 and choosing.search.exemplars_path().is_file()
    choosing.click(2)
    assert signs(choosing) == ["positive", "positive"], "the next click takes them up again"


def test_without_a_store_nothing_can_be_chosen(window: Window) -> None:
    assert not window.tab.exemplars.start.isEnabled()
    assert window.search.place([middle(1)], window.canvas.mapSettings().destinationCrs()) == 0
    assert "Choose a store first" in window.words[-1]


def test_a_file_that_cannot_be_written_is_said(window: Window) -> None:
    window.open()
    window.search.exemplars_path().mkdir()
    window.tab.exemplars.start.click()
    window.click(1)
    assert window.search.count(True) == 0 and "exemplars" in window.words[-1]
