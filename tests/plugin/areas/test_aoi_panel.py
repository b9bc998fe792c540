"""The panel of areas of interest, on real files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from bitscape.plugin.dock.aoi_panel import AoiPanel
from bitscape.plugin.dock.session import Session
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.tests.plugin.areas.scene import (
    LEFT,
    MERCATOR,
    PLAIN,
    UTM,
    Desktop,
    X,
    Y,
    click_all,
    collect,
    drag,
    key,
    move,
    on_disk,
    polygons,
    tiles_at,
)
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMapToolPan
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QFileDialog


def test_the_first_area_makes_the_layer_beside_the_tiles(
    panel: AoiPanel, session: Session, canvas: QgsMapCanvas, tmp_path: Path
) -> None:
    assert eventually(lambda: panel.words.text() == "No areas yet.")
    assert not panel.editing.isEnabled() and not panel.clearing.isEnabled() and not panel.undoing.isEnabled()
    panel.drawing.click()
    assert not panel.drawing.isChecked() and "Choose the data first" in session.complaints[-1]
    session.set_tiles(tiles_at(tmp_path))
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    panel.drawing.click()
    assert canvas.mapTool() is panel.tool and panel.drawing.isChecked() and "Click corners" in panel.note.text()
    assert not (tmp_path / "change_aoi.gpkg").exists() and session.aoi is None
    changes: list[int] = []
    session.aoi_changed.connect(lambda: changes.append(1))
    click_all(canvas, ((10, 10), (110, 10), (110, 110), (10, 110)))
    key(canvas, Qt.Key.Key_Return)
    size, = on_disk(tmp_path / "change_aoi.gpkg")
    assert abs(size - 1e6) < 2e4
    assert session.aoi is not None and session.aoi.layer.crs() == UTM and changes
    assert session.project.mapLayer(session.aoi.layer.id()) is session.aoi.layer
    assert eventually(lambda: panel.words.text() == "1 area, 100 ha"), panel.words.text()
    drag(canvas, (150, 150), (250, 250))
    assert len(on_disk(tmp_path / "change_aoi.gpkg")) == 2
    assert eventually(lambda: panel.words.text() == "2 areas, 200 ha"), panel.words.text()
    key(canvas, Qt.Key.Key_Escape)
    assert canvas.mapTool() is pan and not panel.drawing.isChecked() and panel.note.text() == ""
    canvas.unsetMapTool(pan)


def test_areas_lie_in_the_labels_geopackage_if_it_is_ours(
    panel: AoiPanel, session: Session, canvas: QgsMapCanvas, tmp_path: Path
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    session.choose("change")
    assert session.place([QgsPointXY(X + 10 + 20 * k, Y - 500) for k in range(40)], UTM) == 40
    panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y - 1000, X + 620, Y)))
    assert len(on_disk(tmp_path / "change_labels.gpkg")) == 1 and not (tmp_path / "change_aoi.gpkg").exists()
    assert eventually(lambda: panel.words.text() == "1 area, 62 ha; 31 of 40 labels inside"), panel.words.text()
    assert session.place([QgsPointXY(X + 15, Y - 600)], UTM) == 1, "labels can still be written"
    assert eventually(lambda: panel.words.text().endswith("32 of 41 labels inside"))
    assert len(session.training) == 41
    QTest.mouseClick(panel.limiting, LEFT, PLAIN, QPoint(8, panel.limiting.height() // 2))
    assert session.limit_to_aoi and len(session.training) == 32
    session.set_limit(False)
    assert not panel.limiting.isChecked()


def test_a_users_own_label_file_is_left_alone(panel: AoiPanel, session: Session, tmp_path: Path) -> None:
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "mine.gpkg"))
    data.CreateLayer("points", reference, ogr.wkbPoint).CreateField(ogr.FieldDefn("class", ogr.OFTString))
    data = None
    session.set_tiles(tiles_at(tmp_path))
    session.adopt_labels(QgsVectorLayer(str(tmp_path / "mine.gpkg"), "mine", "ogr"))
    panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y - 1000, X + 1000, Y)))
    assert (tmp_path / "change_aoi.gpkg").exists()
    mine = gdal.OpenEx(str(tmp_path / "mine.gpkg"), gdal.OF_VECTOR)
    assert [mine.GetLayer(number).GetName() for number in range(mine.GetLayerCount())] == ["points"]


def test_areas_from_before_are_shown_again_and_never_twice(
    panel: AoiPanel, session: Session, project: QgsProject, tmp_path: Path
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    panel.add_view()
    layer_id = session.aoi.layer.id()
    session.set_aoi(None)
    assert eventually(lambda: panel.words.text() == "No areas yet.")
    panel.add_view()
    assert session.aoi.layer.id() == layer_id and "1 areas from before" in session.complaints[-1]
    project.removeMapLayer(layer_id)
    assert session.aoi is None and not panel.editing.isEnabled()
    panel.add_view()
    assert len(on_disk(tmp_path / "change_aoi.gpkg")) == 3
    assert [layer.name() for layer in project.mapLayers().values()] == ["Areas of interest"]


def test_areas_in_another_crs_than_the_map_go_where_they_were_drawn(
    panel: AoiPanel, session: Session, canvas: QgsMapCanvas, tmp_path: Path
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    canvas.setDestinationCrs(MERCATOR)
    canvas.setExtent(QgsRectangle(1_669_000, 5_640_000, 1_673_000, 5_644_000))
    QCoreApplication.processEvents()
    panel.draw()
    drag(canvas, (50, 50), (250, 250))
    center = canvas.getCoordinateTransform().toMapCoordinates(150, 150)
    edge = canvas.getCoordinateTransform().toMapCoordinates(40, 150)
    assert session.aoi.layer.crs() == UTM
    assert session.aoi.inside([center, edge], MERCATOR) == [True, False]
    ground = float(re.search(r"([\d,]+) ha", panel.words.text() if eventually(
        lambda: " ha" in panel.words.text()) else "").group(1).replace(",", ""))
    drawn = (200 * canvas.mapUnitsPerPixel()) ** 2 / 1e4
    assert 0.45 * drawn < ground < 0.55 * drawn, "hectares on the ground, not of Mercator at 45 degrees"


def test_delete_removes_the_area_at_the_pointer_and_undo_brings_it_back(
    panel: AoiPanel, session: Session, canvas: QgsMapCanvas, tmp_path: Path
) -> None:
    path = tmp_path / "change_aoi.gpkg"
    session.set_tiles(tiles_at(tmp_path))
    panel.draw()
    drag(canvas, (20, 20), (120, 120))
    drag(canvas, (150, 150), (200, 200))
    both = on_disk(path)
    small, large = both
    move(canvas, 290, 290)
    key(canvas, Qt.Key.Key_Delete)
    assert on_disk(path) == both
    move(canvas, 60, 60)
    key(canvas, Qt.Key.Key_Delete)
    assert on_disk(path) == [small]
    assert panel.undoing.isEnabled()
    key(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert on_disk(path) == both
    panel.undoing.click()
    assert on_disk(path) == [large], "what was added last, the small one"
    panel.undoing.click()
    assert on_disk(path) == [] and not panel.undoing.isEnabled(), "found again though it has another number now"
    assert eventually(lambda: panel.words.text() == "No areas yet.")


def test_selected_or_all_are_removed_and_come_back_with_their_attributes(
    panel: AoiPanel, session: Session, tmp_path: Path
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    source = polygons(tmp_path / "parcels.gpkg", ((X, Y, 100), (X + 200, Y, 50), (X + 400, Y, 10)))
    panel.import_from(source)
    path, layer = tmp_path / "change_aoi.gpkg", session.aoi.layer
    assert on_disk(path) == [100, 2500, 10000] and "3 areas imported from parcels.gpkg" in panel.note.text()
    assert not panel.removing.isEnabled()
    named = {feature["name"]: feature.id() for feature in layer.getFeatures()}
    layer.selectByIds([named["box 0"], named["box 2"]])
    assert panel.removing.isEnabled()
    panel.removing.click()
    assert on_disk(path) == [2500]
    panel.clearing.click()
    assert on_disk(path) == [] and not panel.clearing.isEnabled()
    panel.undoing.click()
    panel.undoing.click()
    assert on_disk(path) == [100, 2500, 10000]
    assert {feature["name"] for feature in layer.getFeatures()} == set(named)
    panel.undoing.click()
    assert on_disk(path) == [] and "Add 3 areas" in panel.note.text()
    panel.undo()
    assert on_disk(path) == []


def test_project_layers_are_imported_in_their_own_crs_and_only_what_is_selected(
    panel: AoiPanel, session: Session, project: QgsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    assert not panel.importing.isEnabled()
    file = polygons(tmp_path / "degrees.gpkg", ((15.0, 45.15, 0.01), (15.02, 45.15, 0.005)), 4326)
    layer = QgsVectorLayer(str(file), "degrees", "ogr")
    project.addMapLayer(layer)
    panel.layers.setLayer(layer)
    assert panel.importing.isEnabled()
    layer.selectByIds([1])
    panel.importing.click()
    assert "1 selected areas imported from degrees" in panel.note.text()
    assert session.aoi.inside([QgsPointXY(15.005, 45.155), QgsPointXY(15.022, 45.152)], layer.crs()) == [True, False]
    layer.removeSelection()
    panel.importing.click()
    assert len(on_disk(tmp_path / "change_aoi.gpkg")) == 3
    assert session.aoi.layer not in [panel.layers.layer(row) for row in range(panel.layers.count())]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "gone.shp"), ""))
    panel.opening.click()
    assert "gone.shp does not exist" in session.complaints[-1]
    points = QgsVectorLayer("Point?crs=EPSG:4326", "points", "memory")
    panel.import_from(points)
    assert "no polygons" in session.complaints[-1]
    assert len(on_disk(tmp_path / "change_aoi.gpkg")) == 3


@pytest.mark.parametrize("save", [True, False])
def test_editing_in_qgis_shows_refuses_and_ends_with_save_or_discard(
    session: Session, canvas: QgsMapCanvas, tmp_path: Path, save: bool
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    desktop = Desktop(canvas)
    panel = AoiPanel(session, canvas, desktop)
    panel.show()
    pan = QgsMapToolPan(canvas)
    canvas.setMapTool(pan)
    panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y - 1000, X + 1000, Y)))
    assert not panel.saving.isVisible()
    layer = session.aoi.layer
    panel.editing.click()
    assert layer.isEditable() and desktop.active is layer and canvas.mapTool() is desktop.vertex
    assert panel.saving.isVisible() and panel.discarding.isVisible()
    for button in (panel.drawing, panel.view, panel.clearing, panel.undoing, panel.opening, panel.editing):
        assert not button.isEnabled()
    assert eventually(lambda: "Being edited" in panel.words.text())
    panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y - 10, X + 10, Y)))
    panel.remove()
    panel.draw()
    assert len(session.complaints) == 3 and all("edit mode" in words for words in session.complaints)
    assert canvas.mapTool() is desktop.vertex
    fid = next(layer.getFeatures()).id()
    assert layer.changeGeometry(fid, QgsGeometry.fromRect(QgsRectangle(X, Y - 1000, X + 2000, Y)))
    assert eventually(lambda: "200 ha" in panel.words.text()), "the text follows the edits"
    (panel.saving if save else panel.discarding).click()
    assert not layer.isEditable() and canvas.mapTool() is pan and not panel.saving.isVisible()
    assert on_disk(tmp_path / "change_aoi.gpkg") == [2_000_000 if save else 1_000_000]
    assert eventually(lambda: panel.words.text() == ("1 area, 200 ha" if save else "1 area, 100 ha"))
    assert panel.drawing.isEnabled()
    canvas.unsetMapTool(pan)
    panel.close_panel()
    panel.deleteLater()


def test_an_outline_that_crosses_itself_after_editing_is_told(
    panel: AoiPanel, session: Session, tmp_path: Path
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    panel.add_view()
    panel.edit()
    layer = session.aoi.layer
    bow = QgsGeometry.fromWkt(f"MultiPolygon ((({X} {Y}, {X + 9} {Y - 9}, {X + 9} {Y}, {X} {Y - 9}, {X} {Y})))")
    assert layer.changeGeometry(next(layer.getFeatures()).id(), bow)
    panel.end_edit(True)
    assert "crosses itself" in panel.note.text() and not layer.isEditable()
    assert session.aoi.inside([QgsPointXY(X + 8, Y - 4), QgsPointXY(X + 4, Y - 1)], UTM) == [True, False]


def test_changes_made_elsewhere_are_counted_and_passed_on(panel: AoiPanel, session: Session, tmp_path: Path) -> None:
    session.set_tiles(tiles_at(tmp_path))
    panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y - 1000, X + 1000, Y)))
    assert eventually(lambda: panel.words.text() == "1 area, 100 ha")
    changes: list[int] = []
    session.aoi_changed.connect(lambda: changes.append(1))
    layer = session.aoi.layer
    layer.startEditing()
    assert panel.saving.isVisible(), "also when QGIS's own pencil began it"
    layer.deleteFeature(next(layer.getFeatures()).id())
    assert changes
    layer.commitChanges()
    assert eventually(lambda: panel.words.text() == "No areas yet.")
    panel.undo()
    assert on_disk(tmp_path / "change_aoi.gpkg") == [] and not panel.undoing.isEnabled()


def test_limit_without_areas_limits_nothing_and_says_so(panel: AoiPanel, session: Session, tmp_path: Path) -> None:
    session.set_tiles(tiles_at(tmp_path))
    session.choose("change")
    session.place([QgsPointXY(X + 2500, Y - 2500)], UTM)
    panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y - 1000, X + 1000, Y)))
    session.set_limit(True)
    assert panel.limiting.isChecked() and session.training == []
    panel.clearing.click()
    assert eventually(lambda: panel.words.text() == "No areas yet, so nothing is limited.")
    assert len(session.training) == 1 and panel.limiting.isEnabled()


def test_a_folder_that_cannot_be_written_is_told(
    panel: AoiPanel, session: Session, tmp_path: Path, canvas: QgsMapCanvas
) -> None:
    session.set_tiles(tiles_at(tmp_path / "gone"))
    panel.add_view()
    assert "gone" in session.complaints[-1] and "does not exist" in session.complaints[-1] and session.aoi is None
    session.set_tiles(tiles_at(tmp_path))
    panel.add_view()
    os.remove(tmp_path / "change_aoi.gpkg")
    panel.add_view()
    assert "not there any more" in session.complaints[-1]


def test_project_cleared_and_panel_closed_in_the_middle(
    session: Session, canvas: QgsMapCanvas, project: QgsProject, tmp_path: Path
) -> None:
    session.set_tiles(tiles_at(tmp_path))
    panel = AoiPanel(session, canvas)
    panel.add_view()
    panel.draw()
    click_all(canvas)
    project.clear()
    assert session.aoi is None
    assert eventually(lambda: panel.words.text() == "No areas yet.")
    key(canvas, Qt.Key.Key_Return)
    assert session.aoi is not None and len(on_disk(tmp_path / "change_aoi.gpkg")) == 2, "the file was untouched"
    click_all(canvas)
    items = len(canvas.scene().items())
    panel.close_panel()
    assert canvas.mapTool() is not panel.tool and len(canvas.scene().items()) == items - 1
    tool = panel.tool
    panel.deleteLater()
    collect()
    assert sip.isdeleted(panel)
    session.set_limit(True)
    session.set_aoi(None)
    canvas.setDestinationCrs(MERCATOR)
    del tool


def test_layers_that_number_anew_forget_what_can_no_longer_be_found(
    panel: AoiPanel, session: Session, tmp_path: Path
) -> None:
    """A Shapefile that was adopted as areas gives the numbers of removed shapes to others."""
    data = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(tmp_path / "areas.shp"))
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.CreateLayer("areas", reference, ogr.wkbPolygon)
    data = None
    session.set_tiles(tiles_at(tmp_path))
    session.set_aoi(AoiLayer(QgsVectorLayer(str(tmp_path / "areas.shp"), "areas", "ogr")))
    for size in (10, 20, 30):
        panel.add(QgsGeometry.fromRect(QgsRectangle(X, Y, X + size, Y + size)))
    layer = session.aoi.layer
    assert not panel.undoing.isEnabled()
    first = next(feature.id() for feature in layer.getFeatures() if round(feature.geometry().area()) == 100)
    panel.remove([first])
    assert sorted(round(feature.geometry().area()) for feature in layer.getFeatures()) == [400, 900]
    panel.undoing.click()
    assert sorted(round(feature.geometry().area()) for feature in layer.getFeatures()) == [100, 400, 900]
    assert not panel.undoing.isEnabled()


def test_nothing_widens_the_dock_and_every_button_says_what_it_does(panel: AoiPanel, session: Session) -> None:
    panel.resize(340, 300)
    panel._done("a_very_long_file_name_without_any_blank" * 10)
    assert panel.minimumSizeHint().width() <= 330
    for button in (panel.drawing, panel.view, panel.editing, panel.undoing, panel.importing, panel.opening,
                   panel.removing, panel.clearing, panel.limiting, panel.saving, panel.discarding):
        assert button.toolTip() and button.text() and button.focusPolicy() & Qt.FocusPolicy.TabFocus
