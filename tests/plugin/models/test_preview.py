"""The preview: what is seen, in the model's colours; only of the newest question; cancelled at once; never too long."""

from __future__ import annotations

from typing import Any

import numpy as np
from bitscape.plugin.dock.models import preview as module
from bitscape.plugin.layers.model_layers import PREVIEW
from bitscape.tests.plugin.models.scene import HEIGHT, NORTH, PIXEL, WEST, WIDTH, Window, truth
from bitscape.tests.plugin.waiting import eventually, spin
from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsRectangle


def shown(window: Window) -> Any:
    """The classes of the preview, and its rows and columns in the picture."""
    layer = window.tab.preview.layer.layer
    assert layer is not None and layer.isValid()
    data = gdal.Open(layer.source())
    left, _, _, top, _, _ = data.GetGeoTransform()
    row, column = round((NORTH - top) / PIXEL), round((left - WEST) / PIXEL)
    return data.ReadAsArray(), slice(row, row + data.RasterYSize), slice(column, column + data.RasterXSize)


def preview(window: Window) -> str:
    window.tab.previews.start.click()
    return window.finish(window.tab.previews.status)


def test_one_click_shows_what_is_seen_in_the_models_colours(window: Window) -> None:
    window.take("cover")
    window.canvas.setExtent(window.box(40, 20, 200, 140))
    text = preview(window)
    assert eventually(lambda: window.tab.preview.layer.layer is not None), text
    assert "Shown in" in window.tab.previews.status.words.text() and "CPU" in window.tab.previews.status.words.text()
    found, rows, columns = shown(window)
    assert rows.start <= 20 and rows.stop >= 140 and columns.start <= 40 and columns.stop >= 200
    assert (found == truth()[rows, columns]).mean() > 0.99
    layer = window.tab.preview.layer.layer
    assert layer.customProperty("bitscape/role") == PREVIEW and "Land cover of tests" in layer.name()
    classes = {entry.value: (entry.label, entry.color.name()) for entry in layer.renderer().classes()}
    assert classes[2] == ("water", "#2a6fbb") and classes[1] == ("plants", "#2f8f3a")
    group = window.project.layerTreeRoot().findLayer(layer).parent()
    assert "temporary" in group.name()
    assert layer.isTemporary()


def test_a_regressor_is_previewed_as_numbers(window: Window) -> None:
    window.take("height")
    preview(window)
    assert eventually(lambda: window.tab.preview.layer.layer is not None)
    layer = window.tab.preview.layer.layer
    assert layer.renderer().type() == "singlebandpseudocolor"
    values = gdal.Open(layer.source()).ReadAsArray()
    picture = gdal.Open(str(window.raster)).ReadAsArray().astype(np.float64)
    assert values.shape == (HEIGHT, WIDTH)
    assert np.abs(values - picture.mean(axis=0) / 10_000).max() < 1e-4


def test_a_second_preview_takes_the_place_of_the_first_and_keeps_its_opacity(window: Window) -> None:
    window.take("cover")
    preview(window)
    assert eventually(lambda: window.tab.preview.layer.layer is not None)
    first = window.tab.preview.layer.layer
    first.renderer().setOpacity(0.3)
    source = first.source()
    window.canvas.setExtent(window.box(0, 0, 60, 60))
    preview(window)
    assert eventually(lambda: window.tab.preview.layer.layer.source() != source)
    second = window.tab.preview.layer.layer
    assert second.id() == first.id() and second.renderer().opacity() == 0.3
    roles = [one.customProperty("bitscape/role") for one in window.project.mapLayers().values()]
    assert roles.count(PREVIEW) == 1


def test_a_stale_preview_never_takes_the_place_of_a_newer_one(window: Window) -> None:
    window.take("cover")
    seen: list[dict[str, Any]] = []
    window.tab.preview.shown.connect(seen.append)
    for left in (0, 40, 80, 120):
        window.canvas.setExtent(window.box(left, 0, left + 80, 60))
        window.tab.preview.start()
        spin(0.05)
    assert eventually(lambda: seen, 60)
    spin(1.0)
    assert len(seen) == 1, "the others were given up"
    _, _, columns = shown(window)
    assert columns.start <= 120 < 200 <= columns.stop


def test_cancel_is_at_once_and_leaves_nothing(window: Window) -> None:
    window.take("slow")
    window.tab.preview.start(anyway=True)
    status = window.tab.previews.status
    assert status.cancel.isVisibleTo(window.tab)
    spin(0.5)
    assert status.run is not None
    status.cancel.click()
    assert status.run is None and status.words.text() == "Cancelled."
    spin(1.0)
    assert window.tab.preview.layer.layer is None


def test_a_view_that_takes_long_is_asked_about_first(window: Window, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "LONG", 0.0)
    window.take("cover")
    window.tab.previews.start.click()
    assert eventually(lambda: "takes about" in window.tab.previews.status.words.text(), 30)
    assert window.tab.previews.anyway.isVisibleTo(window.tab) and window.tab.preview.layer.layer is None
    window.tab.previews.anyway.click()
    assert eventually(lambda: window.tab.preview.layer.layer is not None, 30)
    assert not window.tab.previews.anyway.isVisibleTo(window.tab)


def test_it_follows_the_map_where_one_wants_it_and_stops_when_the_tab_is_left(window: Window) -> None:
    window.take("cover")
    seen: list[dict[str, Any]] = []
    window.tab.preview.shown.connect(seen.append)
    window.canvas.setExtent(window.box(0, 0, 50, 50))
    spin(0.8)
    assert not seen, "not unless one wants it"
    window.tab.previews.follow.setChecked(True)
    assert eventually(lambda: len(seen) == 1, 30)
    window.canvas.setExtent(window.box(100, 100, 150, 150))
    assert eventually(lambda: len(seen) == 2, 30)
    window.tab.leave()
    assert not window.tab.previews.follow.isChecked()
    window.canvas.setExtent(window.box(0, 0, 50, 50))
    spin(1.2)
    assert len(seen) == 2


def test_the_canvas_may_be_in_another_crs_and_off_the_raster(window: Window) -> None:
    window.take("cover")
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    transform = QgsCoordinateTransform(QgsCoordinateReferenceSystem("EPSG:32633"), degrees, window.project)
    window.canvas.setDestinationCrs(degrees)
    window.canvas.setExtent(transform.transformBoundingBox(window.box(100, 50, 200, 100)))
    preview(window)
    assert eventually(lambda: window.tab.preview.layer.layer is not None)
    _, rows, columns = shown(window)
    assert rows.start <= 50 and rows.stop >= 100 and columns.start <= 100 and columns.stop >= 200
    assert columns.stop - columns.start < 300, "not all of it"
    window.canvas.setExtent(QgsRectangle(-60, -30, -59, -29))
    window.tab.previews.start.click()
    assert "not in the part of the map" in window.tab.previews.status.words.text()


def test_removing_it_takes_layer_group_and_files(window: Window) -> None:
    window.take("cover")
    preview(window)
    assert eventually(lambda: window.tab.preview.layer.layer is not None)
    folder = window.tab.preview.layer._folder
    assert folder is not None and any(folder.iterdir())
    window.tab.previews.clear.click()
    assert window.tab.preview.layer.layer is None and not folder.exists()
    assert [group.name() for group in window.project.layerTreeRoot().findGroups()] == []


def test_models_without_a_preview_say_so(window: Window) -> None:
    window.take("finer")
    assert not window.tab.previews.start.isEnabled()
    assert "no preview" in window.tab.previews.start.toolTip()
    assert "super-resolution" in window.tab.model.state.text()
