"""The run: its cost and provider first, its files and layers, what it says, the command, cancel, other types, forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bitscape.plugin.dock.models import model_plan
from bitscape.plugin.dock.models.model_plan import AREAS, VIEW, names_of, outputs_of
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.metadata import tags_of
from bitscape.tests.plugin.background_runs import backends, files_in
from bitscape.tests.plugin.models.scene import NORTH, PIXEL, WEST, Window, truth
from bitscape.tests.plugin.waiting import eventually, spin
from osgeo import gdal
from qgis.core import QgsApplication, QgsGeometry, QgsProcessingContext, QgsProcessingFeedback


@pytest.fixture
def ready(window: Window) -> Window:
    window.take("cover")
    return window


def run(window: Window) -> str:
    window.tab.run.go.click()
    return window.finish(window.tab.run.status, 120)


def test_the_cost_and_where_it_runs_are_told_first(ready: Window) -> None:
    panel = ready.tab.run
    assert eventually(lambda: "windows" in panel.cost.text(), 30), panel.cost.text()
    text = panel.cost.text()
    whole = int(text.split()[0])
    assert whole > 4 and "windows, about " in text and "Runs on the CPU, with" in text
    ready.canvas.setExtent(ready.box(0, 0, 60, 45))
    panel.choose_where(VIEW)
    assert eventually(lambda: " window" in panel.cost.text() and int(panel.cost.text().split()[0]) < whole, 30)
    assert panel.go.isEnabled() and panel.copy.isEnabled()


def test_a_run_makes_files_beside_the_raster_and_styled_layers_in_a_group(ready: Window) -> None:
    panel = ready.tab.run
    assert panel.target.filePath() == str(ready.folder / "picture_cover_classes.tif")
    titles = {name: box.text() for name, box in panel._boxes.items()}
    assert list(titles) == ["OUTPUT", "SCORES", "CONFIDENCE", "POLYGONS"]
    assert [box.isChecked() for box in panel._boxes.values()] == [True, False, True, False]
    panel._boxes["POLYGONS"].setChecked(True)
    text = run(ready)
    assert "Done in" in text and "It ran on CPU." in text and "Model results" in text
    made = {name for name in files_in(ready.folder) if name.startswith("picture_cover")}
    assert {"picture_cover_classes.tif", "picture_cover_confidence.tif", "picture_cover_polygons.gpkg",
            "picture_cover_classes.qml"} <= made
    found = gdal.Open(str(ready.folder / "picture_cover_classes.tif")).ReadAsArray()
    assert (found == truth()).mean() > 0.99
    group = ready.project.layerTreeRoot().findGroup("Model results")
    names = [node.name() for node in group.findLayers()]
    assert names == ["Polygons: Land cover of tests", "Confidence: Land cover of tests", "Classes: Land cover of tests"]
    assert [node.itemVisibilityChecked() for node in group.findLayers()] == [True, False, True], "nothing covers it"
    layer = group.findLayers()[2].layer()
    assert {entry.value: entry.color.name() for entry in layer.renderer().classes()}[2] == "#2a6fbb"
    assert panel.target.filePath().endswith("picture_cover_classes_2.tif"), "the next one has a name of its own"
    assert json.loads(tags_of(ready.folder / "picture_cover_classes.tif")["BITSCAPE_PROVENANCE"])["operation"] == (
        "segmentraster")


def test_nothing_is_overwritten_and_temporary_results_are_possible(ready: Window) -> None:
    panel = ready.tab.run
    (ready.folder / "picture_cover_confidence.tif").write_bytes(b"mine")
    panel._refresh()
    assert "picture_cover_confidence.tif exists already" in panel.names.text() and not panel.go.isEnabled()
    panel.target.setFilePath("")
    panel._on_named("")
    assert panel.go.isEnabled()
    assert "temporary" in run(ready)
    assert (ready.folder / "picture_cover_confidence.tif").read_bytes() == b"mine"
    layers = [layer for layer in ready.project.mapLayers().values() if layer.name().startswith("Classes")]
    assert len(layers) == 1 and layers[0].isTemporary()


def test_it_runs_on_the_areas_of_interest(ready: Window) -> None:
    panel = ready.tab.run
    assert not panel.places.model().item(panel.places.findData(AREAS)).isEnabled()
    areas = AoiLayer.create(ready.folder / "areas.gpkg", ready.layer.crs())
    ready.session.set_aoi(areas)
    areas.add(QgsGeometry.fromRect(ready.box(50, 30, 150, 130)))
    ready.session.aoi_changed.emit()
    panel.choose_where(AREAS)
    assert panel.where == AREAS
    run(ready)
    data = gdal.Open(str(ready.folder / "picture_cover_classes.tif"))
    assert (data.RasterXSize, data.RasterYSize) == (100, 100)
    left, _, _, top, _, _ = data.GetGeoTransform()
    assert (left, top) == (WEST + 50 * PIXEL, NORTH - 30 * PIXEL)


def test_the_command_is_the_run(ready: Window) -> None:
    panel = ready.tab.run
    ready.choice.set_band(3, 3)
    ready.choice.set_provider("cpu")
    ready.settle()
    ready.canvas.setExtent(ready.box(10, 10, 60, 50))
    panel.choose_where(VIEW)
    plan = panel.plan()
    assert plan.algorithm == "bitscape:segmentraster"
    assert plan.parameters["BANDS"] == "1,2,3,3" and plan.parameters["PROVIDER"] == "CPU"
    panel.copy.click()
    text = QgsApplication.clipboard().text()
    for part in ("run bitscape:segmentraster", "BANDS=1,2,3,3", "PROVIDER=CPU", "[EPSG:32633]", "_confidence.tif"):
        assert part in text
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(plan.algorithm)
    _, done = algorithm.run(plan.parameters, QgsProcessingContext(), QgsProcessingFeedback())
    assert done
    data = gdal.Open(str(plan.outputs["OUTPUT"]))
    assert data.RasterXSize < 100 and data.RasterYSize < 80


def test_cancel_is_at_once_and_leaves_nothing(window: Window) -> None:
    window.take("slow")
    before = files_in(window.folder)
    panel = window.tab.run
    panel.go.click()
    assert panel.status.cancel.isVisibleTo(window.tab) and not panel.go.isEnabled()
    assert eventually(lambda: "CPU" in panel.status.words.text(), 30), "where it runs is said while it runs"
    panel.status.cancel.click()
    assert "Cancelled" in window.finish(panel.status, 10)
    assert files_in(window.folder) == before
    spin(0.3)
    assert panel.go.isEnabled()


def test_a_type_is_run_by_the_algorithm_of_one_table(window: Window, monkeypatch: Any) -> None:
    monkeypatch.setitem(model_plan.ALGORITHMS, "Superresolution", "notthere")
    window.take("finer")
    panel = window.tab.run
    assert "no algorithm for models of this type yet: notthere" in panel.names.text()
    assert not panel.many.isEnabled() and not panel.go.isEnabled()
    monkeypatch.setitem(model_plan.ALGORITHMS, "Superresolution", "enhanceresolution")
    window.choice.described.emit()
    assert panel.go.isEnabled(), "one line is all that a new type takes"
    assert panel.target.filePath().endswith("picture_finer.tif")
    assert "Done in" in run(window)
    data = gdal.Open(str(window.folder / "picture_finer.tif"))
    assert (data.RasterXSize, data.RasterYSize) == (640, 480)


def test_what_needs_more_than_a_raster_is_asked_for_in_its_own_form(window: Window, monkeypatch: Any) -> None:
    monkeypatch.setitem(model_plan.ALGORITHMS, "Superresolution", "matchexample")
    window.take("finer")
    text = window.tab.run.names.text()
    assert "It also needs Examples" in text and "More options" in text
    assert not window.tab.run.go.isEnabled() and window.tab.run.options.isEnabled()


def test_names_of_files_follow_the_first(ready: Window) -> None:
    outputs = outputs_of(QgsApplication.processingRegistry().algorithmById("bitscape:segmentraster"))
    target = ready.folder / "a_classes_3.tif"
    names = {name: path.name for name, path in names_of(target, outputs).items()}
    assert names == {"OUTPUT": "a_classes_3.tif", "SCORES": "a_3_scores.tif", "CONFIDENCE": "a_3_confidence.tif",
                     "POLYGONS": "a_3_polygons.gpkg"}


def test_the_end_of_the_dock_ends_a_run(window: Window) -> None:
    window.take("slow")
    window.tab.run.go.click()
    assert eventually(lambda: len(backends()) == 2, 20)
    window.close_tab()
    assert eventually(lambda: not backends(), 10)
