"""The menu of whole label files: begin, open, adopt, import and merge, on real files and through its own actions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.dock.label.label_menu import LabelMenu
from bitscape.plugin.dock.session import INFO, WARNING, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from osgeo import gdal, ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint
from qgis.PyQt.QtWidgets import QAction, QFileDialog, QMenu

SEATTLE = QgsCoordinateReferenceSystem("EPSG:32610")
WGS84 = QgsCoordinateReferenceSystem("EPSG:4326")
X, Y = 550_000.0, 5_270_000.0


@pytest.fixture
def session(project: QgsProject) -> Iterator[Session]:
    made = Session(project)
    made.words = []
    made.said.connect(lambda text, level: made.words.append((level, text)))
    yield made
    made.close()


@pytest.fixture
def tiles(tmp_path: Path) -> TilesInfo:
    """Tiles of which only the place and the CRS matter here."""
    return TilesInfo(
        tmp_path / "change.tif", 3000, 3000, 8, QgsRectangle(X, Y - 30000, X + 30000, Y), SEATTLE, SEATTLE.authid(),
        10.0, "difference", ("2020", "2024"), ("AlphaEarth",), (), "f", (0.5,),
    )


@pytest.fixture
def menu(session: Session) -> Iterator[LabelMenu]:
    made = LabelMenu(session)
    made.show()
    yield made
    made.deleteLater()


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Choose files in the user's stead: the one to open and the one to write, "" is to give up."""
    def chosen(opened: Any = "", saved: Any = "") -> None:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(opened), ""))
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))

    return chosen


def action(menu: QMenu, begins: str) -> QAction:
    (found,) = (one for one in menu.actions() if one.text().startswith(begins))
    return found


def at(*xs: float) -> list[QgsPointXY]:
    return [QgsPointXY(X + x, Y - 100) for x in xs]


def on_disk(path: Path, layer: str = "labels") -> list[tuple[float, str]]:
    """What another program would read: (metres east, class) of every label."""
    dataset = ogr.Open(str(path))
    return sorted((round(feature.GetGeometryRef().GetX() - X, 1), feature.GetField("label"))
                  for feature in dataset.GetLayerByName(layer))


def labeller(path: Path, crs: QgsCoordinateReferenceSystem, who: str, **labels: tuple[float, ...]) -> Path:
    """Another labeller's file: metres east for each class."""
    made = LabelLayer.create(path, crs, ClassTable.change_detection())
    transform = QgsCoordinateTransform(SEATTLE, crs, QgsProject.instance())
    for code, xs in labels.items():
        made.add([transform.transform(point) for point in at(*xs)], code, {"interpreter": who})
    sip.delete(made.layer)
    return path


def deltabit(path: Path, *labels: tuple[float, str]) -> Path:
    """A file as DeltaBit writes it: longitude, latitude and label, nothing else. Places as metres east."""
    transform = QgsCoordinateTransform(SEATTLE, WGS84, QgsProject.instance())
    places = [transform.transform(point) for point in at(*(x for x, _ in labels))]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [place.x(), place.y()]},
         "properties": {"label": label}} for place, (_, label) in zip(places, labels)
    ]}, indent=2))
    return path


def test_deltabits_own_file_begins_the_labels_and_comes_in_once(
    menu: LabelMenu, session: Session, tiles: TilesInfo, shared_data: Path, choose: Any
) -> None:
    session.set_tiles(tiles)
    choose(shared_data / "deltabit" / "deltabit_seattle_336.geojson")
    action(menu.menu(), "Import labels").trigger()
    name = "deltabit_seattle_336.geojson"
    said = f"336 labels imported from {name}; 0 were there already, 0 have no class or place."
    assert session.words == [(INFO, said)]
    assert len(on_disk(tiles.labels_path)) == 336 and session.labels.counts() == {"change": 190, "nochange": 146}
    action(menu.menu(), "Import labels").trigger()
    assert session.words[-1][1].startswith(f"0 labels imported from {name}; 336 were there already")
    session.undo()
    assert session.words[-1] == (INFO, "Undone: Import 336 labels") and on_disk(tiles.labels_path) == []
    session.redo()
    assert len(on_disk(tiles.labels_path)) == 336


def test_geojson_joins_labels_that_are_there_and_brings_its_classes(
    menu: LabelMenu, session: Session, tiles: TilesInfo, tmp_path: Path
) -> None:
    session.set_tiles(tiles)
    session.place(at(0), SEATTLE)
    file = deltabit(tmp_path / "in.geojson", (0, "change"), (10, "No Change"), (20, "Water"), (30, ""))
    menu.import_file(file)
    said = "2 labels imported from in.geojson; 1 were there already, 1 have no class or place."
    assert session.words == [(INFO, said)]
    assert on_disk(tiles.labels_path) == [(0, "change"), (10, "nochange"), (20, "Water")]
    assert session.table.by_code("Water") is not None
    session.undo()
    assert on_disk(tiles.labels_path) == [(0, "change")] and session.table == ClassTable.change_detection()


def test_a_geopackage_is_imported_once_in_whatever_crs(
    menu: LabelMenu, session: Session, tiles: TilesInfo, tmp_path: Path, choose: Any
) -> None:
    session.set_tiles(tiles)
    choose(labeller(tmp_path / "theirs.gpkg", WGS84, "Bob", change=(0, 10), nochange=(20,)))
    for _ in range(2):
        action(menu.menu(), "Import labels").trigger()
    assert [text.split(" labels")[0] for _, text in session.words] == ["3", "0"]
    assert on_disk(tiles.labels_path) == [(0, "change"), (10, "change"), (20, "nochange")]
    assert {feature["interpreter"] for feature in session.labels.layer.getFeatures()} == {"Bob"}
    session.undo()
    assert on_disk(tiles.labels_path) == [] and len(on_disk_degrees(tmp_path / "theirs.gpkg")) == 3


def on_disk_degrees(path: Path) -> list[str]:
    dataset = ogr.Open(str(path))
    return [feature.GetField("label") for feature in dataset.GetLayerByName("labels")]


def test_import_says_what_is_missing_or_wrong(
    menu: LabelMenu, session: Session, tiles: TilesInfo, tmp_path: Path, choose: Any
) -> None:
    file = deltabit(tmp_path / "in.geojson", (0, "change"))
    menu.import_file(file)
    assert session.words == [(WARNING, "Choose the data first: labels take its CRS.")]
    session.set_tiles(tiles)
    session.place(at(50), SEATTLE)
    (tmp_path / "bad.geojson").write_text("{")
    for name, said in (("bad.geojson", "cannot be read"), ("gone.shp", "does not exist"), ("x.txt", "not exist")):
        menu.import_file(tmp_path / name)
        assert session.words[-1][0] == WARNING and said in session.words[-1][1]
    session.labels.layer.startEditing()
    menu.import_file(file)
    assert "is in edit mode" in session.words[-1][1]
    session.labels.layer.rollBack()
    count = len(session.words)
    choose("")
    action(menu.menu(), "Import labels").trigger()
    assert len(session.words) == count and on_disk(tiles.labels_path) == [(50, "change")]
    menu.import_file(file)
    assert len(session.training) == 2


def test_new_label_files_are_begun_and_never_written_over(
    menu: LabelMenu, session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path, choose: Any
) -> None:
    choose("", tmp_path / "mine")
    action(menu.menu(), "New label file").trigger()
    assert session.words == [(WARNING, "Choose the data first: labels take its CRS.")]
    session.set_tiles(tiles)
    action(menu.menu(), "New label file").trigger()
    assert session.labels.path == str(tmp_path / "mine.gpkg") and session.labels.crs == SEATTLE
    session.place(at(0), SEATTLE)
    action(menu.menu(), "New label file").trigger()
    assert "exists already" in session.words[-1][1] and len(session.training) == 1
    choose("", "")
    action(menu.menu(), "New label file").trigger()
    assert on_disk(tmp_path / "mine.gpkg") == [(0, "change")] and len(project.mapLayers()) == 1


def test_a_label_file_is_opened_and_labelled_on(
    menu: LabelMenu, session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path, choose: Any
) -> None:
    session.set_tiles(tiles)
    session.place(at(0), SEATTLE)
    theirs = labeller(tmp_path / "theirs.gpkg", WGS84, "Bob", change=(10,), nochange=(20,))
    choose(theirs)
    action(menu.menu(), "Open label file").trigger()
    assert session.labels.path == str(theirs) and len(session.training) == 2 and session.words == []
    session.place(at(30), SEATTLE)
    assert sorted(on_disk_degrees(theirs)) == ["change", "change", "nochange"]
    choose(tiles.labels_path)
    action(menu.menu(), "Open label file").trigger()
    assert len(session.training) == 1 and len(project.mapLayers()) == 2
    (tmp_path / "bad.gpkg").write_text("no GeoPackage")
    for path in (tmp_path / "bad.gpkg", ""):
        choose(path)
        action(menu.menu(), "Open label file").trigger()
    assert len(session.words) == 1 and session.words[0][0] == WARNING and session.labels.path == str(tiles.labels_path)


def test_point_layers_of_the_project_are_listed_when_the_menu_opens_and_taken(
    menu: LabelMenu, session: Session, project: QgsProject, tiles: TilesInfo
) -> None:
    session.set_tiles(tiles)
    layers = action(menu.menu(), "Use a point layer").menu()

    def listed() -> list[tuple[str, bool]]:
        layers.popup(QPoint())
        layers.hide()
        return [(one.text(), one.isEnabled()) for one in layers.actions()]

    assert listed() == [("There is no point layer", False)]
    survey = QgsVectorLayer("Point?crs=EPSG:3857&field=n:int&field=klass:string", "survey", "memory")
    dates = QgsVectorLayer("Point?crs=EPSG:3857&field=day:date", "dates", "memory")
    areas = QgsVectorLayer("Polygon?crs=EPSG:3857&field=label:string", "areas", "memory")
    project.addMapLayers([survey, dates, areas])
    assert sorted(listed()) == [("dates", True), ("survey", True)]
    action(layers, "survey").trigger()
    assert session.labels.layer is survey and session.labels.field == "klass"
    assert session.place(at(0), SEATTLE) == 1 and [one["klass"] for one in survey.getFeatures()] == ["change"]
    action(layers, "dates").trigger()
    assert session.words[0][0] == WARNING and "dates has no field" in session.words[0][1]
    assert session.labels.layer is survey
    project.removeMapLayers([dates.id(), survey.id()])
    assert listed() == [("There is no point layer", False)] and session.labels is None


def test_merging_opens_the_new_file_and_shows_the_conflicts(
    menu: LabelMenu, session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path, choose: Any
) -> None:
    session.set_tiles(tiles)
    session.place(at(0, 100, 200), SEATTLE)
    theirs = labeller(tmp_path / "theirs.gpkg", WGS84, "Bob", change=(1, 300), nochange=(101,))
    choose(theirs, tmp_path / "merged")
    action(menu.menu(), "Merge").trigger()
    assert session.words == [(WARNING, "3 labels merged, 1 places labelled alike, 1 in conflict. "
                                       "Look at the layer Conflicts and label these places anew.")]
    merged = tmp_path / "merged.gpkg"
    assert session.labels.path == str(merged)
    assert on_disk(merged) == [(0, "change"), (200, "change"), (300, "change")] and len(session.training) == 3
    conflicts = session.group().children()[0].layer()
    assert conflicts.name() == "Conflicts" and project.mapLayer(conflicts.id()) is conflicts
    (found,) = conflicts.getFeatures()
    assert (found["label_1"], found["label_2"], found["labeller_2"]) == ("change", "nochange", "Bob")
    assert abs(found.geometry().asPoint().x() - X - 100) < 0.01
    session.place(at(100), SEATTLE)
    assert len(on_disk(merged)) == 4 and len(on_disk(tiles.labels_path)) == 3 and len(on_disk_degrees(theirs)) == 3


def test_merging_with_a_geojson_without_conflicts_adds_no_layer_of_them(
    menu: LabelMenu, session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path
) -> None:
    session.set_tiles(tiles)
    session.place(at(0), SEATTLE)
    menu.merge_file(deltabit(tmp_path / "b.geojson", (0, "change"), (50, "No change")), tmp_path / "merged.gpkg")
    assert session.words == [(INFO, "2 labels merged, 1 places labelled alike, 0 in conflict.")]
    assert on_disk(tmp_path / "merged.gpkg") == [(0, "change"), (50, "nochange")]
    assert sorted(layer.name() for layer in project.mapLayers().values()) == ["Labels", "change_labels"]


def test_merging_refuses_in_words_and_leaves_everything_as_it_was(
    menu: LabelMenu, session: Session, project: QgsProject, tiles: TilesInfo, tmp_path: Path, choose: Any
) -> None:
    theirs = labeller(tmp_path / "theirs.gpkg", SEATTLE, "Bob", change=(1,))
    merged = tmp_path / "merged.gpkg"
    menu.merge_file(theirs, merged)
    assert session.words == [(WARNING, "There are no labels to merge with. Open a label file first.")]
    session.set_tiles(tiles)
    session.place(at(0), SEATTLE)
    shutil.copy(theirs, tmp_path / "taken.gpkg")
    (tmp_path / "bad.gpkg").write_text("no GeoPackage")
    for other, target, said in (
        (tmp_path / "gone.gpkg", merged, "cannot be read|does not exist"),
        (tmp_path / "bad.gpkg", merged, "cannot be read"),
        (theirs, tmp_path / "taken.gpkg", "exists already"), (theirs, tiles.labels_path, "exists already"),
    ):
        menu.merge_file(other, target)
        assert session.words[-1][0] == WARNING and re.search(said, session.words[-1][1])
    count = len(session.words)
    for opened, saved in (("", merged), (theirs, "")):
        choose(opened, saved)
        action(menu.menu(), "Merge").trigger()
    assert len(session.words) == count and not merged.exists() and len(project.mapLayers()) == 1
    assert session.labels.path == str(tiles.labels_path) and session.history.can_undo
    assert on_disk(tmp_path / "taken.gpkg") == [(1, "change")]


def test_merging_finds_the_labels_in_a_geopackage_with_several_layers(
    menu: LabelMenu, session: Session, tiles: TilesInfo, tmp_path: Path
) -> None:
    session.set_tiles(tiles)
    session.place(at(0), SEATTLE)
    (tmp_path / "p.geojson").write_text(
        '{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]},"properties":{"n":1}}')
    many = tmp_path / "many.gpkg"
    gdal.VectorTranslate(str(many), str(tmp_path / "p.geojson"), layerName="areas")
    gdal.VectorTranslate(
        str(many), str(deltabit(tmp_path / "q.geojson", (0, "change"))), layerName="labels", accessMode="update")
    menu.merge_file(many, tmp_path / "m.gpkg")
    assert session.words[-1][0] == INFO
