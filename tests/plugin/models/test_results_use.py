"""What becomes of a map: regions as areas of interest, places as labels that say where they come from, and undo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.plugin.backend.client import Client
from bitscape.plugin.backend.environment import backend_python
from bitscape.plugin.dock.models.results_use import REGIONS, ResultsUse
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.tests.plugin.models.scene import LAKE, NORTH, PIXEL, WEST, Window, truth
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry, QgsRasterLayer


@pytest.fixture
def use(window: Window) -> ResultsUse:
    """With a map that a model made, and its confidence."""
    made = window.folder / "map_classes.tif"
    with Client(backend_python()) as client:
        client.call("segmentraster", {
            "model": str(window.models / "cover.onnx"), "input": str(window.raster), "classes": str(made),
            "confidence": str(window.folder / "map_confidence.tif")})
    window.project.addMapLayer(QgsRasterLayer(str(made), "Map"))
    panel = window.tab.use
    panel.show_map(made, window.folder / "map_confidence.tif")
    assert eventually(lambda: panel.classes.count() == 3)
    panel.classes.setCurrentIndex(panel.classes.findText("water"))
    return panel


def pixels(window: Window) -> list[tuple[int, int]]:
    """Rows and columns of the labels."""
    assert window.session.labels is not None
    return [(int((NORTH - one.y) // PIXEL), int((one.x - WEST) // PIXEL)) for one in window.session.labels.labels()]


def test_without_a_map_it_says_what_to_do(window: Window) -> None:
    assert "No map of classes yet" in window.tab.use.note.text()
    assert not window.tab.use.to_labels.isEnabled() and not window.tab.use.to_areas.isEnabled()


def test_regions_become_areas_of_interest_and_can_be_undone(window: Window, use: ResultsUse) -> None:
    use.to_areas.click()
    text = window.finish(use)
    assert "1 area of water is an area of interest now" in text
    assert window.session.aoi is not None
    union = window.session.aoi.union(QgsCoordinateReferenceSystem("EPSG:32633"))
    assert union is not None
    lake = window.box(LAKE[1].start, LAKE[0].start, LAKE[1].stop, LAKE[0].stop)
    assert union.area() == pytest.approx(lake.width() * lake.height(), rel=0.02)
    assert union.boundingBox().center().distance(lake.center()) < 2 * PIXEL
    window.areas.undo()
    assert window.session.aoi.layer.featureCount() == 0


def test_places_become_labels_of_a_new_class_that_say_where_they_come_from(window: Window, use: ResultsUse) -> None:
    use.count.setValue(30)
    use.to_labels.click()
    text = window.finish(use)
    assert "30 labels of water placed" in text, text
    session = window.session
    assert session.labels is not None and session.history is not None
    confidence = gdal.Open(str(window.folder / "map_confidence.tif")).ReadAsArray()
    places = pixels(window)
    assert len(set(places)) == 30
    for row, column in places:
        assert (truth()[row - 1 : row + 2, column - 1 : column + 2] == 2).all(), "a pixel away from other classes"
        assert confidence[row, column] / 254 >= use.sure.value()
    feature = next(session.labels.layer.getFeatures())
    assert feature["label"] == "water" and feature["role"] == "train"
    assert feature["interpreter"] == "model Land cover of tests"
    assert feature["certainty"] >= 100 * use.sure.value() - 1
    found = session.table.by_code("water")
    assert found is not None and found.colour == "#2a6fbb", "as the map has it"
    assert "Labels from map_classes" in session.history.undo_text
    session.undo()
    assert session.labels.labels() == [] and session.table.by_code("water") is None, "one step"


def test_places_join_the_labels_that_are_there_in_their_crs_and_class(window: Window, use: ResultsUse) -> None:
    table = ClassTable.of_codes(["lake", "land"])
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    labels = LabelLayer.create(window.folder / "mine.gpkg", degrees, table)
    window.session.adopt_labels(labels.layer)
    chosen = window.session.chosen
    use.labels.setCurrentIndex(use.labels.findData("lake"))
    use.count.setValue(5)
    use.to_labels.click()
    assert "5 labels of lake placed" in window.finish(use)
    found = window.session.labels.labels()
    assert {one.code for one in found} == {"lake"} and len(found) == 5
    assert all(14 < one.x < 16 and 44 < one.y < 46 for one in found), "degrees"
    assert window.session.table == table and window.session.chosen == chosen, "nothing moves under the mouse"


def test_one_label_lies_in_each_of_the_largest_regions(window: Window, use: ResultsUse) -> None:
    use.how.setCurrentIndex(use.how.findData(REGIONS))
    assert not use.sure.isVisibleTo(window.tab)
    use.to_labels.click()
    assert eventually(lambda: "labels of water placed" in use.status.words.text(), 60), use.status.words.text()
    (place,) = pixels(window)
    assert truth()[place] == 2
    assert "no more" in use.status.words.text()


def test_labels_stay_in_the_areas_that_limit_the_work(window: Window, use: ResultsUse) -> None:
    areas = AoiLayer.create(window.folder / "areas.gpkg", window.layer.crs())
    window.session.set_aoi(areas)
    areas.add(QgsGeometry.fromRect(window.box(60, 40, 90, 70)))
    window.session.set_limit(True)
    use.count.setValue(20)
    use.to_labels.click()
    window.finish(use)
    assert len(pixels(window)) == 20
    assert all(row < 70 and column < 90 for row, column in pixels(window))


def test_a_class_the_model_is_nowhere_sure_of_has_words(window: Window, use: ResultsUse) -> None:
    values = np.full((240, 320), 10, np.uint8)
    data = gdal.Open(str(window.folder / "map_confidence.tif"), gdal.GA_Update)
    data.GetRasterBand(1).WriteArray(values)
    data = None
    use.to_labels.click()
    assert "Nowhere is the model so sure of water" in window.finish(use)
    assert window.session.labels is None, "no empty file is left"
    assert not list(window.folder.glob("*labels*"))


def test_maps_without_confidence_are_drawn_from_alike(window: Window, use: ResultsUse) -> None:
    other = window.folder / "other.tif"
    gdal.Translate(str(other), str(window.folder / "map_classes.tif"))
    window.project.addMapLayer(QgsRasterLayer(str(other), "Other"))
    use.show_map(Path(other), None)
    assert eventually(lambda: use.maps.path == other and not use.sure.isEnabled())
    use.classes.setCurrentIndex(use.classes.findText("plants"))
    use.count.setValue(4)
    use.to_labels.click()
    assert "4 labels of plants placed" in window.finish(use)
