"""Validation labels can never train: not as a label layer, not by import or merge, not in the live loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitscape.plugin.dock.label.label_menu import LabelMenu
from bitscape.plugin.dock.label.live_loop import LiveLoop
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import InputError
from bitscape.tests.plugin.validate.scene import Backend, Window, rows_elsewhere
from bitscape.tests.plugin.waiting import spin
from osgeo import ogr
from qgis.core import QgsCoordinateReferenceSystem, QgsPointXY, QgsRectangle, QgsVectorLayer
from qgis.PyQt.QtCore import pyqtSignal

UTM = QgsCoordinateReferenceSystem("EPSG:32633")


def tiles(folder: Path) -> TilesInfo:
    """Tiles of which only place and CRS matter here."""
    extent = QgsRectangle(500000, 4999360, 500640, 5000000)
    return TilesInfo(folder / "change.tif", 64, 64, 8, extent, UTM, "EPSG:32633", 10.0, "difference", ("2020", "2024"),
                     (), (), "f", ())


def answered(window: Window) -> Path:
    path = window.start(count=4)
    window.press("c", "n", "c", "n", "esc")
    return path


@pytest.mark.parametrize("layer", ["sample", "interpretations"])
def test_a_sample_and_its_answers_are_refused_as_labels(window: Window, layer: str) -> None:
    path = answered(window)
    source = QgsVectorLayer(f"{path}|layername={layer}", layer, "ogr")
    with pytest.raises(InputError, match="belongs to a validation sample"):
        window.session.adopt_labels(source)
    assert window.session.labels is None
    copy = QgsVectorLayer("Point?crs=EPSG:32633", "A copy", "memory")
    copy.dataProvider().addAttributes(source.fields().toList())
    copy.updateFields()
    with pytest.raises(InputError, match="belongs to a validation sample"):
        LabelLayer(copy)


def test_a_sample_is_refused_by_opening_import_and_merge(window: Window, tmp_path: Path) -> None:
    path = answered(window)
    menu = LabelMenu(window.session)
    window.session.set_tiles(tiles(tmp_path))
    with window.session.told():
        window.session.open_labels(path)
    assert "holds no labels that were placed here" in window.words[-1]
    window.session.create_labels(tmp_path / "labels.gpkg")
    menu.import_file(path)
    assert "belongs to a validation sample" in window.words[-1] and window.session.training == []
    menu.merge_file(path, tmp_path / "merged.gpkg")
    assert "belongs to a validation sample" in window.words[-1] and not (tmp_path / "merged.gpkg").exists()
    menu.deleteLater()


def held_back(path: Path) -> Path:
    """Another labeller's file: two labels that train and one, in capitals, that does not."""
    labels = LabelLayer.create(path, UTM, ClassTable.change_detection())
    for x, role in ((500105, "train"), (500205, ""), (500305, "Validate ")):
        labels.add([QgsPointXY(x, 4999905)], "change", {"role": role})
    return path


def test_import_and_merge_leave_out_what_is_for_validation_and_say_so(window: Window, tmp_path: Path) -> None:
    menu = LabelMenu(window.session)
    window.session.set_tiles(tiles(tmp_path))
    window.session.create_labels(tmp_path / "labels.gpkg")
    menu.import_file(held_back(tmp_path / "theirs.gpkg"))
    assert "2 labels imported" in window.words[-1]
    assert "1 are for validation and were left out: they must not train" in window.words[-1]
    everything = window.session.labels.labels(trainable_only=False)
    assert sorted(label.x for label in everything) == [500105, 500205]
    window.session.create_labels(tmp_path / "mine.gpkg")
    window.session.labels.add([QgsPointXY(500305, 4999906), QgsPointXY(500405, 4999905)], "change")
    menu.merge_file(tmp_path / "theirs.gpkg", tmp_path / "merged.gpkg")
    assert "1 places are for validation and were left out" in window.words[-1]
    merged = window.session.labels
    assert Path(merged.path).name == "merged.gpkg"
    assert sorted(label.x for label in merged.labels(trainable_only=False)) == [500105, 500205, 500405], (
        "what one holds back does not train through the other's label either")
    menu.deleteLater()


class Resident(Backend):
    """Stands in for the backend of the live loop."""

    died = pyqtSignal(object)
    busy = pyqtSignal(str)


def test_labels_held_back_in_an_adopted_layer_are_never_sent_to_the_live_loop(window: Window, tmp_path: Path) -> None:
    path = tmp_path / "mine.gpkg"
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("mine", None, ogr.wkbPoint)
    for name in ("klass", "role"):
        layer.CreateField(ogr.FieldDefn(name, ogr.OFTString))
    for column, role in enumerate(("train", "validate", "VALIDATE", None, " validate")):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("klass", "change" if column % 2 else "nochange")
        if role is not None:
            feature.SetField("role", role)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({500005 + 10 * column} 4999995)"))
        layer.CreateFeature(feature)
    layer = data = None
    source = QgsVectorLayer(str(path), "mine", "ogr")
    source.setCrs(UTM)
    window.session.set_tiles(tiles(tmp_path))
    window.session.adopt_labels(source, "klass")
    loop = LiveLoop(window.session, window.canvas, Resident(), window.holder)
    sent = loop._clicks()
    assert sent["x"] == [500005, 500035] and len(sent["classes"]) == 2
    loop.ask()
    for operation, request in loop.resident.asked:
        if "x" in request:
            assert request["x"] == [500005, 500035], operation
    assert {operation for operation, _ in loop.resident.asked} >= {"livevalidation"}
    loop.close()


def test_while_points_are_asked_no_live_map_is_drawn_and_afterwards_the_one_of_now(
    window: Window, tmp_path: Path
) -> None:
    loop = LiveLoop(window.session, window.canvas, Resident(), window.holder)
    window.serving.toggled.connect(loop.set_paused)
    window.session.set_tiles(tiles(tmp_path))
    window.start(count=4)
    loop.resident.asked.clear()
    window.press("c", "n")
    spin(0.3)
    assert loop.resident.asked == []
    window.press("esc")
    assert [operation for operation, _ in loop.resident.asked] == ["livemap"]
    loop.close()


def test_validating_writes_no_label_and_labelling_no_answer(window: Window, tmp_path: Path) -> None:
    window.session.set_tiles(tiles(tmp_path))
    window.session.create_labels(tmp_path / "labels.gpkg")
    window.session.choose("change")
    path = answered(window)
    assert window.session.labels.labels(trainable_only=False) == [] and window.session.history.undo_text == ""
    before = rows_elsewhere(path)
    window.session.labels.add([QgsPointXY(500105, 4999905)], "change")
    assert rows_elsewhere(path) == before and len(before) == 4

