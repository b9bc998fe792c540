"""The session's files, classes and areas: opened, adopted, removed, forgotten."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from bitscape.plugin.dock.session import INFO, WARNING, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import read_classes
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import InputError
from bitscape.tests.plugin.session.scene import (
    LAYERS,
    REMOVED,
    clicks,
    covered,
    crs,
    on_disk,
)
from bitscape.tests.plugin.waiting import eventually
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtTest import QSignalSpy


def test_labels_beside_the_tiles_are_opened_and_new_ones_get_a_number(
    session: Session, project: QgsProject, tiles: TilesInfo
) -> None:
    session.set_tiles(tiles)
    session.prepare_labels()
    session.prepare_labels()
    assert on_disk(tiles.labels_path) == [] and len(session.group().children()) == 1
    session.place(clicks(tiles, 3857, *covered(tiles)[:2]), crs(3857))
    session.set_table(session.table.adding("Water").changed("change", name="felled"))
    table = session.table
    session.forget()
    project.clear()
    assert session.labels is None and session.table == ClassTable.change_detection()
    changed = QSignalSpy(session.classes_changed)
    session.set_tiles(tiles)
    assert session.labels.path == str(tiles.labels_path) and session.table == table and len(changed) == 1
    assert len(session.training) == 2 and session.free_labels_path() == tiles.path.with_name("change_labels_2.gpkg")
    session.create_labels(session.free_labels_path())
    assert session.training == [] and session.table == table, "the classes go along"
    assert read_classes(session.labels.path) == table
    assert session.free_labels_path().name == "change_labels_3.gpkg" and len(on_disk(tiles.labels_path)) == 2
    layer = session.labels.layer
    session.set_tiles(replace(tiles, path=tiles.path.with_name("other.tif")))
    assert session.labels.layer is layer, "labels that are open stay"
    with session.told():
        session.open_labels(tiles.labels_path)
    assert len(session.training) == 2 and len(project.mapLayers()) == 2, "the project's own layer is used again"
    assert session.words == []


def test_a_damaged_file_beside_the_tiles_is_told_and_left_alone(session: Session, tiles: TilesInfo) -> None:
    tiles.labels_path.write_text("no GeoPackage")
    session.set_tiles(tiles)
    assert session.labels is None and len(session.words) == 1 and "cannot be read" in session.words[0][1]
    assert session.place(clicks(tiles, 4326, covered(tiles)[0]), crs(4326)) == 1
    assert tiles.labels_path.read_text() == "no GeoPackage"
    assert len(on_disk(tiles.path.with_name("change_labels_2.gpkg"))) == 1


@pytest.mark.parametrize("kind", LAYERS)
def test_any_layer_of_points_is_taken_in_its_own_crs_with_its_own_field(
    session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path, kind: str
) -> None:
    make, field, epsg = LAYERS[kind]
    layer = make(tmp_path)
    session.set_tiles(tiles)
    session.adopt_labels(layer)
    assert session.labels.field == field and project.mapLayer(layer.id()) is layer
    session.choose("nochange")
    assert session.place(clicks(tiles, 3857, (20, 30), *covered(tiles)[:2]), crs(3857)) == 3
    assert [feature[field] for feature in layer.getFeatures()] == ["nochange"] * 3
    if kind != "memory":
        assert [label[field] for label in on_disk(Path(session.labels.path))] == ["nochange"] * 3
    place = next(layer.getFeatures()).geometry().asPoint()
    assert place.distance(clicks(tiles, epsg, (20, 30))[0]) < (1e-7 if epsg == 4326 else 0.01)
    assert session.positions(session.training)[0].distance(clicks(tiles, 32610, (20, 30))[0]) < 0.01
    assert session.remove_near(clicks(tiles, 4326, (20, 30))[0], crs(4326), 1e-5)
    session.undo()
    assert len(session.training) == 3 and not tiles.labels_path.exists() and [level for level, _ in session.words] == [
        INFO]


def test_what_cannot_hold_labels_is_refused_and_the_labels_in_use_stay(
    session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path
) -> None:
    session.set_tiles(tiles)
    session.place(clicks(tiles, 4326, covered(tiles)[0]), crs(4326))
    (tmp_path / "points.csv").write_text("x,y,label\n1,2,a\n")
    for source, provider, said in (
        ("Polygon?crs=EPSG:4326&field=label:string", "memory", "has no points"),
        ("Point?crs=EPSG:4326&field=day:date", "memory", "has no field label"),
        (f"file://{tmp_path}/points.csv?xField=x&yField=y&crs=EPSG:4326", "delimitedtext", "cannot be written to"),
        (f"{tmp_path}/none.gpkg", "ogr", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            session.adopt_labels(QgsVectorLayer(source, "theirs", provider))
    nowhere = QgsVectorLayer("Point?crs=EPSG:4326&field=label:string", "theirs", "memory")
    nowhere.setCrs(QgsCoordinateReferenceSystem())
    with pytest.raises(InputError, match="has no CRS"):
        session.adopt_labels(nowhere)
    assert len(session.training) == 1 and len(project.mapLayers()) == 1 and session.history.can_undo


def test_a_label_layer_that_the_user_removes_keeps_its_file(
    session: Session, project: QgsProject, tiles: TilesInfo
) -> None:
    session.set_tiles(tiles)
    points = clicks(tiles, 3857, *covered(tiles)[:2])
    session.place(points[:1], crs(3857))
    session.set_table(session.table.adding("Water"))
    other = QgsVectorLayer("Point?crs=EPSG:4326", "another", "memory")
    project.addMapLayer(other)
    project.removeMapLayer(other.id())
    assert session.labels is not None
    changed = QSignalSpy(session.labels_changed)
    project.removeMapLayer(session.labels.layer.id())
    assert session.labels is None and session.training == [] and len(changed) == 1
    assert eventually(lambda: session.words == [REMOVED], 5)
    session.undo()
    assert session.place(points[1:], crs(3857)) == 1 and session.table.by_code("Water")
    assert len(on_disk(tiles.labels_path)) == 1
    assert len(on_disk(tiles.path.with_name("change_labels_2.gpkg"))) == 1 and session.words == [REMOVED]


def test_a_project_that_is_cleared_takes_the_layers_without_a_word(
    session: Session, project: QgsProject, tiles: TilesInfo
) -> None:
    project.cleared.connect(session.forget)  # as the dock does
    session.set_tiles(tiles)
    session.place(clicks(tiles, 3857, covered(tiles)[0]), crs(3857))
    session.set_aoi(AoiLayer.create(tiles.path.with_name("aoi.gpkg"), tiles.crs))
    project.clear()
    assert not eventually(lambda: session.words, 0.2)
    assert (session.tiles, session.labels, session.aoi) == (None, None, None)
    assert len(on_disk(tiles.labels_path)) == 1
    project.cleared.disconnect(session.forget)


def test_training_is_limited_to_the_areas_until_they_are_removed(
    session: Session, project: QgsProject, tiles: TilesInfo
) -> None:
    session.set_tiles(tiles)
    session.place(clicks(tiles, 32610, (50, 50), (150, 50), (60, 60)), tiles.crs)
    areas = AoiLayer.create(tiles.path.with_name("aoi.gpkg"), crs(3857))
    west, north = tiles.extent.xMinimum(), tiles.extent.yMaximum()
    areas.add(QgsGeometry.fromRect(QgsRectangle(west, north - 1000, west + 1000, north)), "", tiles.crs)
    changed = QSignalSpy(session.aoi_changed)
    session.set_aoi(areas)
    assert project.mapLayer(areas.layer.id()) is areas.layer and len(session.training) == 3
    session.set_limit(True)
    session.set_limit(True)
    assert len(changed) == 2 and len(session.training) == 2 and len(session.labels.labels()) == 3
    session.set_limit(False)
    assert len(session.training) == 3
    session.set_limit(True)
    project.removeMapLayer(areas.layer.id())
    assert session.aoi is None and not session.limit_to_aoi and len(session.training) == 3 and len(changed) == 5
    assert tiles.path.with_name("aoi.gpkg").is_file() and session.words == []


def test_forgetting_lets_go_of_everything_and_begins_anew(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(tiles)
    session.set_table(session.table.adding("Water"))
    session.choose("Water")
    session.place(clicks(tiles, 3857, covered(tiles)[0]), crs(3857))
    session.set_aoi(AoiLayer.create(tiles.path.with_name("aoi.gpkg"), tiles.crs))
    session.set_limit(True)
    spies = [QSignalSpy(one) for one in (session.tiles_changed, session.labels_changed, session.aoi_changed)]
    session.forget()
    assert [len(spy) for spy in spies] == [1, 1, 1]
    assert (session.tiles, session.labels, session.history, session.aoi) == (None, None, None, None)
    assert not session.limit_to_aoi and session.table == ClassTable.change_detection() and session.chosen == "change"
    assert session.positions([]) == [] and session.free_labels_path() == Path("labels.gpkg")
    assert [label["label"] for label in on_disk(tiles.labels_path)] == ["Water"], "files stay as they are"


@pytest.mark.parametrize("placed", [False, True])
def test_other_classes_keep_the_chosen_one_valid(session: Session, tiles: TilesInfo, placed: bool) -> None:
    session.set_tiles(tiles)
    if placed:
        session.place(clicks(tiles, 3857, covered(tiles)[0]), crs(3857))
    before = session.table
    changed, chosen = QSignalSpy(session.classes_changed), QSignalSpy(session.class_chosen)
    session.set_table(before.adding("Water"))
    session.choose("Water")
    session.choose("Water")
    session.choose("unknown")
    assert session.chosen == "Water" and [one[0] for one in chosen].count("Water") == 1 and len(changed) == 1
    session.set_table(session.table.without("Water"))
    assert session.chosen == "change" and chosen[-1][0] == "change" and len(changed) == 2
    if placed:
        assert read_classes(tiles.labels_path) == before
        session.undo()
        assert session.table.by_code("Water") and len(changed) == 3
        session.choose("Water")
        session.undo()
        assert session.table == before and session.chosen == "change"
        assert read_classes(tiles.labels_path) == before and len(session.training) == 1


def test_what_goes_wrong_is_said_and_work_goes_on(session: Session, tiles: TilesInfo, tmp_path: Path) -> None:
    with session.told():
        raise InputError("In words.", "a detail")
    assert session.words == [(WARNING, "In words.")]
    with pytest.raises(ValueError, match="a mistake of ours"), session.told():
        raise ValueError("a mistake of ours")
    session.set_tiles(replace(tiles, path=tmp_path / "gone" / "change.tif"))
    point = clicks(tiles, 3857, covered(tiles)[0])
    assert session.place(point, crs(3857)) == 0 and "does not exist" in session.words[-1][1]
    session.set_tiles(tiles)
    session.place(point, crs(3857))
    os.remove(tiles.labels_path)
    assert session.place(point, crs(3857)) == 0 and "is not there any more" in session.words[-1][1]
    numbers = LabelLayer(QgsVectorLayer("Point?crs=EPSG:4326&field=label:int", "numbers", "memory"))
    session.adopt_labels(numbers.layer)
    session.set_table(session.table.changed("1", name="felled").extended(["water"]))
    session.choose("water")
    assert session.place(point, crs(3857)) == 0 and "holds numbers" in session.words[-1][1]
    session.choose("1")
    assert session.place(point, crs(3857)) == 1


def test_the_first_stroke_of_a_new_file_is_undone_as_one(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(tiles)
    session.begin_stroke()
    for pixel in covered(tiles)[:3]:
        session.place(clicks(tiles, 3857, pixel), crs(3857))
    session.end_stroke()
    session.undo()
    assert on_disk(tiles.labels_path) == []


def test_tiles_of_one_date_begin_without_classes(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(replace(tiles, features="first", dates=("2024",)))
    assert session.table == ClassTable() and session.chosen == ""
    session.prepare_labels()
    assert session.labels is None, "there is nothing yet that a label could be"
