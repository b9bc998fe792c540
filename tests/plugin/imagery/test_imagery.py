"""Imagery by date: what is found, and flicking through it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.canvas.imagery import DatedImagery, ImageryDates, date_of, guess, licence_of
from bitscape.tests.plugin.imagery.scene import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Scene,
    add,
    near,
    range_of,
    style_of_classes,
)
from qgis.core import (
    QgsLayerMetadata,
    QgsProject,
    QgsRasterLayer,
)


@pytest.mark.parametrize(("name", "date"), [
    ("Sentinel-2 2020", "2020"), ("sentinel2_2024", "2024"), ("S2A_MSIL2A_20240615T103021_N0510", "2024-06-15"),
    ("Planet 2023-07 mosaic", "2023-07"), ("ortho_202306", "2023-06"), ("DOP 2019.08.31", "2019-08-31"),
    ("Aerial 1954", "1954"), ("Change 2020→2024", ""), ("from 2020-01-01 to 2021-01-01", ""), ("OpenStreetMap", ""),
    ("EPSG 32633", ""), ("tile 120201", ""), ("LV95 2056", ""), ("2020 and again 2020", "2020"),
])
def test_date_in_a_name(project: QgsProject, tmp_path: Path, name: str, date: str) -> None:
    assert date_of(add(project, tmp_path, name, RED, file="a")) == date


def test_date_in_temporal_properties_metadata_and_file(project: QgsProject, tmp_path: Path) -> None:
    layer = add(project, tmp_path, "mosaic", RED, file="mosaic_2019_05")
    assert date_of(layer) == "2019-05"
    metadata = layer.metadata()
    extent = QgsLayerMetadata.Extent()
    extent.setTemporalExtents([range_of((2021, 1, 1), (2021, 12, 31))])
    metadata.setExtent(extent)
    layer.setMetadata(metadata)
    assert date_of(layer) == "2021"
    layer.temporalProperties().setIsActive(True)
    layer.temporalProperties().setFixedTemporalRange(range_of((2022, 6, 1), (2022, 8, 31)))
    assert date_of(layer) == "2022-06-01/2022-08-31"
    layer.setName("mosaic of 2023")
    assert date_of(layer) == "2023"


def test_licence_comes_from_metadata_or_attribution(project: QgsProject, tmp_path: Path) -> None:
    layer = add(project, tmp_path, "a", RED)
    assert licence_of(layer) == ""
    server = layer.serverProperties()
    (server if hasattr(server, "setAttribution") else layer).setAttribution("© Server")
    assert licence_of(layer) == "© Server"
    metadata = layer.metadata()
    metadata.setRights(["© Agency", ""])
    metadata.setLicenses(["CC-BY 4.0", "© Agency"])
    layer.setMetadata(metadata)
    assert licence_of(layer) == "© Agency · CC-BY 4.0"


def test_guess_takes_imagery_and_leaves_results_alone(project: QgsProject, tmp_path: Path) -> None:
    new = add(project, tmp_path, "Sentinel-2 2024", BLUE)
    old = add(project, tmp_path, "Sentinel-2 2020", RED)
    add(project, tmp_path, "Embedding picture 2024", GREEN)
    add(project, tmp_path, "OpenStreetMap", GREEN)
    add(project, tmp_path, "Change 2020→2024", GREEN)
    tiles = "type=xyz&url=https://example.invalid/2022/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=19&zmin=0"
    xyz = QgsRasterLayer(tiles, "Mosaic 2022", "wms")
    classes = QgsRasterLayer(old.source(), "Land cover 2020")
    classes.loadNamedStyle(str(style_of_classes(tmp_path)))
    project.addMapLayers([xyz, classes])
    assert xyz.isValid() and classes.renderer().type() == "paletted"
    found = guess(project)
    assert [(one.layer_id, one.date) for one in found] == [(old.id(), "2020"), (xyz.id(), "2022"), (new.id(), "2024")]


def test_guess_falls_back_to_pictures_of_embeddings(project: QgsProject, tmp_path: Path) -> None:
    by_name = add(project, tmp_path, "Embedding picture 2020", RED)
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "change.basis.json").write_text("{}")
    beside = add(project, tmp_path / "tiles", "Einbettungsbild 2020→2024", BLUE)
    add(project, tmp_path, "a map", GREEN)
    assert [(one.layer_id, one.date) for one in guess(project)] == [(beside.id(), ""), (by_name.id(), "2020")]
    real = add(project, tmp_path, "Sentinel-2 2021", GREEN)
    assert [one.layer_id for one in guess(project)] == [real.id()]


def test_flick_switches_the_chosen_layers_and_nothing_else(scene: Scene, dates: ImageryDates) -> None:
    order = [layer.name() for layer in scene.root.layerOrder()]
    heard: list[str] = []
    dates.dateChanged.connect(heard.append)
    assert dates.current_date == "2024", "both are switched on, and the upper one is what is seen"
    dates.show(0)
    assert scene.visible() == {"Change score": True, "Imagery 2024": False, "Imagery 2020": True}
    assert (dates.current, dates.current_date, heard) == (0, "2020", ["2020"])
    scene.settle()
    assert near(scene.pixel(60, 150), RED) and near(scene.pixel(200, 150), GREEN)
    dates.next()
    assert scene.visible() == {"Change score": True, "Imagery 2024": True, "Imagery 2020": False}
    scene.settle()
    assert near(scene.pixel(60, 150), BLUE) and near(scene.pixel(200, 150), GREEN)
    dates.next()
    assert dates.current == 0, "after the last comes the first"
    dates.previous()
    assert (dates.current, heard) == (1, ["2020", "2024", "2020", "2024"])
    assert [layer.name() for layer in scene.root.layerOrder()] == order
    with pytest.raises(IndexError):
        dates.show(2)


def test_date_follows_what_the_user_switches_in_the_layer_tree(scene: Scene, dates: ImageryDates) -> None:
    heard: list[str] = []
    dates.dateChanged.connect(heard.append)
    node = scene.root.findLayer(scene.new)
    node.setItemVisibilityChecked(False)
    assert (dates.current_date, heard) == ("2020", ["2020"])
    scene.root.findLayer(scene.old).setItemVisibilityChecked(False)
    assert (dates.current, dates.current_date, heard) == (None, "", ["2020", ""])
    dates.next()
    assert dates.current == 0


@pytest.mark.parametrize("found", [(True, True), (False, True), (True, False), (False, False)])
def test_release_restores_the_visibility_that_was_found(
    scene: Scene, dates: ImageryDates, found: tuple[bool, bool]
) -> None:
    for layer, checked in zip((scene.old, scene.new), found):
        scene.root.findLayer(layer).setItemVisibilityChecked(checked)
    before = scene.visible()
    for _ in range(3):
        dates.next()
    dates.release()
    assert scene.visible() == before
    scene.root.findLayer(scene.old).setItemVisibilityChecked(not found[0])
    dates.release()
    assert scene.visible()["Imagery 2020"] is not found[0], "a second release undid what the user did"


def test_layer_in_a_closed_group_is_shown_and_the_group_closed_again(scene: Scene, dates: ImageryDates) -> None:
    group = scene.root.addGroup("basemaps")
    node = scene.root.findLayer(scene.old)
    group.insertChildNode(0, node.clone())
    scene.root.removeChildNode(node)
    group.setItemVisibilityChecked(False)
    dates.show(0)
    assert scene.visible()["Imagery 2020"] and group.itemVisibilityChecked()
    dates.release()
    assert not group.itemVisibilityChecked() and scene.root.findLayer(scene.old).itemVisibilityChecked()


def test_restores_a_layer_that_was_moved_in_the_tree_meanwhile(scene: Scene, dates: ImageryDates) -> None:
    dates.show(0)
    node = scene.root.findLayer(scene.new)
    scene.root.insertChildNode(0, node.clone())
    scene.root.removeChildNode(node)
    assert not scene.visible()["Imagery 2024"]
    dates.release()
    assert scene.visible()["Imagery 2024"]


def test_layer_that_leaves_the_choice_is_restored_at_once(scene: Scene, dates: ImageryDates) -> None:
    dates.show(0)
    assert not scene.visible()["Imagery 2024"]
    dates.choose([DatedImagery(scene.old.id(), "2020")])
    assert scene.visible()["Imagery 2024"] and dates.current_date == "2020"


def test_removal_of_the_layer_on_screen_brings_the_date_beside_it(
    scene: Scene, dates: ImageryDates, tmp_path: Path
) -> None:
    third = add(scene.project, tmp_path, "Imagery 2026", YELLOW)
    dates.choose([*dates.imagery, DatedImagery(third.id(), "2026")])
    heard: list[str] = []
    dates.show(1)
    dates.dateChanged.connect(heard.append)
    scene.project.removeMapLayer(scene.new.id())
    assert [one.date for one in dates.imagery] == ["2020", "2026"]
    assert (dates.current_date, heard[-1]) == ("2026", "2026")
    assert scene.visible() == {"Imagery 2026": True, "Change score": True, "Imagery 2020": False}
    scene.project.removeMapLayers([scene.old.id(), third.id()])
    assert (dates.imagery, dates.current, heard[-1]) == ((), None, "")
    dates.next()
    dates.previous()
    dates.release()


def test_removal_before_any_flick_touches_nothing(scene: Scene, dates: ImageryDates) -> None:
    scene.root.findLayer(scene.old).setItemVisibilityChecked(False)
    scene.project.removeMapLayer(scene.new.id())
    assert dates.current is None and not scene.visible()["Imagery 2020"]


def test_choice_is_stored_by_layer_and_what_is_broken_is_left_out(scene: Scene, dates: ImageryDates) -> None:
    text = dates.to_json()
    entries = json.loads(text)
    other = ImageryDates(scene.project)
    other.from_json(text)
    assert other.imagery == dates.imagery and other.imagery[0].licence == "© A"
    extra: list[Any] = [*entries, {"layer_id": "gone", "date": "1999"}, {"date": "x"}, 5, entries[0]]
    other.from_json(json.dumps(extra))
    assert other.imagery == dates.imagery
    for broken in ("", "{", "null", "7", '{"layer_id": 1}'):
        other.from_json(broken)
        assert other.imagery == ()
    other.close()


def test_survives_the_end_of_the_project(scene: Scene, dates: ImageryDates) -> None:
    dates.show(0)
    scene.project.clear()
    assert dates.imagery == () and dates.current_date == ""
