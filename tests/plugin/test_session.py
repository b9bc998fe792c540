"""The labelling session on real tiles: where clicks land, what is on disk, whose layers it takes, and what it says."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.dock.session import INFO, WARNING, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import read_classes
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import InputError
from bitscape.tests.plugin.background_runs import SmallSample, registered
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtTest import QSignalSpy

EVERY_CRS = pytest.mark.parametrize("epsg", [32610, 3857, 4326])
REMOVED = (INFO, "The label layer was removed from the project; its file is untouched.")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    with registered():
        return SmallSample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def described(sample: SmallSample) -> TilesInfo:
    return sample.info()


@pytest.fixture
def tiles(described: TilesInfo, tmp_path: Path) -> TilesInfo:
    """The tiles in a folder of their own."""
    for name in ("change.tif", "change.basis.json"):
        shutil.copy(described.path.with_name(name), tmp_path / name)
    return replace(described, path=tmp_path / "change.tif")


@pytest.fixture
def session(project: QgsProject) -> Iterator[Session]:
    """A session that remembers what it said."""
    made = Session(project)
    made.words = []
    made.said.connect(lambda text, level: made.words.append((level, text)))
    yield made
    made.close()


def crs(epsg: int) -> QgsCoordinateReferenceSystem:
    return QgsCoordinateReferenceSystem(f"EPSG:{epsg}")


def clicks(tiles: TilesInfo, epsg: int, *pixels: tuple[float, float]) -> list[QgsPointXY]:
    """The middles of pixels (column, row) of the tiles, in another CRS: without QGIS's own transformation."""
    systems = [osr.SpatialReference(), osr.SpatialReference()]
    for system, code in zip(systems, (32610, epsg)):
        system.ImportFromEPSG(code)
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    move = osr.CoordinateTransformation(*systems)
    west, north = tiles.extent.xMinimum(), tiles.extent.yMaximum()
    return [QgsPointXY(*move.TransformPoint(west + 10 * (column + 0.5), north - 10 * (row + 0.5))[:2])
            for column, row in pixels]


def covered(tiles: TilesInfo, wanted: bool = True) -> list[tuple[int, int]]:
    """Pixels (column, row) with data, or without, in no order that means something."""
    dataset = gdal.Open(str(tiles.path))
    rows, columns = np.nonzero((dataset.GetRasterBand(1).ReadAsArray().view(np.int8) != -128) == wanted)
    pixels = list(zip(columns.tolist(), rows.tolist()))
    random.Random(7).shuffle(pixels)
    return pixels


def on_disk(path: Path) -> list[dict[str, Any]]:
    """What another program would read: the attributes of every label, with ``x`` and ``y``."""
    dataset = ogr.Open(str(path))
    layer = dataset.GetLayerByName("labels") or dataset.GetLayer(0)
    return [{**feature.items(), "x": feature.GetGeometryRef().GetX(), "y": feature.GetGeometryRef().GetY()}
            for feature in layer]


@EVERY_CRS
def test_clicks_in_any_crs_land_on_the_pixel_that_was_meant(session: Session, tiles: TilesInfo, epsg: int) -> None:
    session.set_tiles(tiles)
    pixels = covered(tiles)[:40]
    for point in clicks(tiles, epsg, *pixels[:3]):
        assert session.place([point], crs(epsg)) == 1
    assert session.place(clicks(tiles, epsg, *pixels[3:]), crs(epsg)) == 37
    found = on_disk(tiles.labels_path)
    for (column, row), label in zip(pixels, found):
        assert abs((label["x"] - tiles.extent.xMinimum()) / 10 - column - 0.5) < 1e-3
        assert abs((tiles.extent.yMaximum() - label["y"]) / 10 - row - 0.5) < 1e-3
    assert session.labels.crs == tiles.crs and session.words == []
    assert [(point.x(), point.y()) for point in session.positions(session.training)] == [
        (label["x"], label["y"]) for label in found]


def test_a_label_says_its_class_image_period_and_product_on_disk(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(tiles)
    assert session.chosen == "change"
    session.image_date = lambda: "2024-06-05"
    points = clicks(tiles, 3857, *covered(tiles)[:2])
    session.place(points[:1], crs(3857))
    (label,) = on_disk(tiles.labels_path)
    assert (label["label"], label["image_date"], label["when"]) == ("change", "2024-06-05", "2020→2024")
    assert label["product_version"] == "Bitscape synthetic sample"
    assert label["role"] == "train" and len(label["uuid"]) == 36
    session.image_date = lambda: ""
    session.choose("nochange")
    session.place(points[1:], crs(3857))
    second = on_disk(tiles.labels_path)[1]
    assert (second["label"], second["image_date"]) == ("nochange", "")


@EVERY_CRS
def test_where_there_is_no_data_nothing_is_placed_and_it_is_said(
    session: Session, tiles: TilesInfo, epsg: int
) -> None:
    session.set_tiles(tiles)
    nowhere = [*covered(tiles, False)[:5], (-1, 10), (256, 10), (10, -1), (10, 256), (40000, 10)]
    for point in clicks(tiles, epsg, *nowhere):
        session.words.clear()
        assert session.place([point], crs(epsg)) == 0
        assert session.words == [(WARNING, "No data here: nothing was placed.")]
    assert session.training == [] and not session.history.can_undo
    assert not tiles.labels_path.exists() or on_disk(tiles.labels_path) == []


def test_of_a_stroke_the_part_on_the_data_is_placed(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(tiles)
    on, off = covered(tiles)[:3], covered(tiles, False)[:2]
    assert session.place(clicks(tiles, 4326, on[0], off[0], on[1], off[1], on[2]), crs(4326)) == 3
    assert session.words == [(WARNING, "2 of 5 points lie where there is no data and were not placed.")]
    assert len(on_disk(tiles.labels_path)) == 3


def test_a_click_that_is_nowhere_on_earth_is_told(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(tiles)
    for place in (QgsPointXY(1e9, 95), QgsPointXY(-122, 1e9)):
        assert session.place([place], crs(4326)) == 0
        assert not session.remove_near(place, crs(4326), 1)
    assert session.words and {level for level, _ in session.words} == {WARNING}
    assert session.place(clicks(tiles, 4326, covered(tiles)[0]), crs(4326)) == 1


def test_clicks_before_there_are_tiles_or_classes_say_what_is_missing(session: Session, tiles: TilesInfo) -> None:
    assert session.place([QgsPointXY(1, 2)], crs(4326)) == 0
    session.prepare_labels()
    assert [text.split(":")[0] for _, text in session.words] == ["Choose the data first"]
    with pytest.raises(InputError, match="Choose the data first"):
        session.create_labels(tiles.labels_path)
    session.set_tiles(tiles)
    session.set_table(ClassTable())
    assert session.chosen == "" and session.place(clicks(tiles, 4326, (5, 5)), crs(4326)) == 0
    assert session.words[-1] == (WARNING, "Choose or add a class first.") and not tiles.labels_path.exists()


def test_edit_mode_is_refused_in_words_and_labelling_goes_on_after_it(session: Session, tiles: TilesInfo) -> None:
    session.set_tiles(tiles)
    points = clicks(tiles, 3857, *covered(tiles)[:3])
    session.place(points[:1], crs(3857))
    session.labels.layer.startEditing()
    assert session.place(points[1:2], crs(3857)) == 0
    assert not session.remove_near(points[0], crs(3857), 100)
    session.undo()
    assert len(session.words) == 3 and all("is in edit mode" in text for _, text in session.words)
    assert len(on_disk(tiles.labels_path)) == 1
    session.labels.layer.rollBack()
    assert session.place(points[1:2], crs(3857)) == 1
    session.labels.layer.startEditing()
    session.labels.layer.deleteFeature(1)
    session.labels.layer.commitChanges()
    assert session.place(points[2:], crs(3857)) == 1
    assert len(on_disk(tiles.labels_path)) == len(session.training) == 2


def test_a_stroke_is_undone_and_done_again_as_one(session: Session, tiles: TilesInfo) -> None:
    session.begin_stroke()
    session.end_stroke()
    session.undo()
    session.redo()
    assert session.words == []
    session.set_tiles(tiles)
    pixels = covered(tiles)[:6]
    session.place(clicks(tiles, 3857, pixels[0]), crs(3857))
    session.begin_stroke()
    for pixel in pixels[1:5]:
        session.place(clicks(tiles, 3857, pixel), crs(3857))
    session.end_stroke()
    placed = [label.uuid for label in session.training]
    session.undo()
    assert session.words == [(INFO, "Undone: Add 4 labels")] and len(on_disk(tiles.labels_path)) == 1
    session.redo()
    assert session.words[-1] == (INFO, "Done again: Add 4 labels")
    assert [label.uuid for label in session.training] == [label["uuid"] for label in on_disk(tiles.labels_path)]
    assert {label.uuid for label in session.training} == set(placed)
    session.undo()
    session.undo()
    session.undo()
    assert len(session.words) == 4 and on_disk(tiles.labels_path) == [], "nothing is left to undo, and nothing is said"


@pytest.mark.parametrize(("epsg", "metre"), [(32610, 1.0), (3857, 1.48), (4326, 1.32e-5)])
def test_the_nearest_label_within_the_radius_is_removed(
    session: Session, tiles: TilesInfo, epsg: int, metre: float
) -> None:
    """``metre``: what one on the ground is, eastwards at 47.6 degrees, in the CRS of the map."""
    session.set_tiles(tiles)
    assert not session.remove_near(QgsPointXY(0, 0), crs(epsg), 1)
    session.place(clicks(tiles, 32610, (50, 50), (53, 50), (50, 60)), tiles.crs)
    assert len(session.training) == 3
    here, = clicks(tiles, epsg, (52, 50))
    assert not session.remove_near(here, crs(epsg), 9 * metre)
    assert session.remove_near(here, crs(epsg), 11 * metre)
    assert sorted(round((label["x"] - 540005) / 10) for label in on_disk(tiles.labels_path)) == [50, 50]
    assert not session.remove_near(here, crs(epsg), 18 * metre)
    assert session.remove_near(here, crs(epsg), 1000 * metre), "of two, the one 20 m away"
    assert [round((5269995 - label["y"]) / 10) for label in on_disk(tiles.labels_path)] == [60]
    session.undo()
    session.undo()
    assert len(on_disk(tiles.labels_path)) == 3 and session.words[-1] == (INFO, "Undone: Remove a label")


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


def theirs(path: Path, driver: str, epsg: int, field: str) -> QgsVectorLayer:
    """A layer of points of the user's, made without our code."""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    data = ogr.GetDriverByName(driver).CreateDataSource(str(path))
    data.CreateLayer(path.stem, reference, ogr.wkbPoint).CreateField(ogr.FieldDefn(field, ogr.OFTString))
    data = None
    return QgsVectorLayer(str(path), path.stem, "ogr")


LAYERS: dict[str, tuple[Callable[[Path], QgsVectorLayer], str, int]] = {
    "shapefile": (lambda folder: theirs(folder / "s.shp", "ESRI Shapefile", 4326, "klass"), "klass", 4326),
    "geopackage": (lambda folder: theirs(folder / "g.gpkg", "GPKG", 3857, "Category"), "Category", 3857),
    "memory": (lambda folder: QgsVectorLayer("Point?crs=EPSG:32611&field=n:int&field=what:string", "m", "memory"),
               "what", 32611),
}


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
