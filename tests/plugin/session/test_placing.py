"""Clicks of the session: where they land, what they write, and taking them back."""

from __future__ import annotations

import pytest
from bitscape.plugin.dock.session import INFO, WARNING, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.processing.errors import InputError
from bitscape.tests.plugin.session.scene import (
    EVERY_CRS,
    clicks,
    covered,
    crs,
    on_disk,
)
from qgis.core import (
    QgsPointXY,
)


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
