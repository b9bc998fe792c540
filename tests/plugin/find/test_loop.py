"""Question and answer: what is sent, what is shown, and that nothing old ever takes the place of something newer."""

from __future__ import annotations

import pytest
from bitscape.plugin.dock.find.find_loop import DONE, FAILED, FIRST, NEXT, READY, STOPPED, WORKING
from bitscape.processing.errors import BitscapeError
from bitscape.tests.plugin.find.scene import ABOUT, Window, answer, degrees, middle
from bitscape.tests.plugin.waiting import eventually
from qgis.core import QgsGeometry


def test_opening_a_store_asks_what_it_holds_and_loads_nothing_of_a_large_one(window: Window) -> None:
    folder = window.store()
    window.tab.store.take(str(folder))
    assert window.backend.asked[0]["store"] == str(folder) and window.backend.asked[0]["seconds"] == 0
    assert "Opening" in window.tab.words.text()
    large = {**ABOUT, "patches": 50_000_000}
    window.backend.answer(about=large, complete=False, loaded_shards=0, rows=0, shards=1250)
    asked = window.backend.asked[-1]
    assert asked["seconds"] == 0, "6.4 GB are not read before there is an exemplar"
    assert len(asked["areas"]) == 1, "and not everywhere, unless the user says so"
    window.backend.answer(about=large, complete=False, loaded_shards=0, rows=0, shards=7)
    assert len(window.backend.asked) == 2 and window.loop.state == READY
    facts = window.tab.store.facts.text()
    for words in ("Clay v1.5", "1024 bits", "50 M patches", "2023–2024", "a third", "CC-BY-4.0"):
        assert words in facts
    assert "7 shards" in window.tab.areas.words.text()
    window.tab.areas.buttons["everywhere"].click()
    assert window.backend.asked[-1]["areas"] == []
    window.backend.answer(about=large, complete=False, loaded_shards=0, rows=0, shards=1250)
    assert "1,250 shards" in window.tab.areas.words.text()
    assert "6.4 GB" in window.tab.areas.words.text(), "what everything costs is said"


def test_a_small_store_is_loaded_before_the_first_click(window: Window) -> None:
    window.tab.store.take(str(window.store()))
    window.backend.answer(complete=False, loaded_shards=0, rows=0)
    assert window.backend.asked[-1]["seconds"] == FIRST and window.backend.asked[-1]["areas"] == []
    window.backend.answer(complete=False, loaded_shards=1)
    assert window.backend.asked[-1]["seconds"] == NEXT


def test_a_click_is_asked_at_once_and_footprints_come_while_shards_stream_in(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    asked = window.backend.asked[-1]
    lon, lat = degrees(middle(9).x(), middle(9).y())
    assert asked["positives"][0]["lon"] == pytest.approx(lon, abs=2e-5)
    assert asked["positives"][0]["lat"] == pytest.approx(lat, abs=2e-5)
    assert asked["negatives"] == [] and asked["view"] == "top" and asked["raster"] is None
    before = len(window.backend.asked)
    window.backend.answer([1, 2], complete=False, loaded_shards=412, shards=1250, arrived=[[15, 45, 15.01, 45.01]],
                          failed=[{"path": "a.parquet", "why": "gone"}] * 3)
    assert window.drawn == window.listed == ["p1", "p2"]
    assert len(window.backend.asked) == before + 1, "the rest is asked for"
    assert window.backend.asked[-1]["positives"] == asked["positives"]
    assert window.loop.state == WORKING
    assert "412 of 1,250 shards, 3 failed" in window.tab.words.text()
    assert "a.parquet: gone" in window.tab.warnings.text()
    assert window.tab.bar.isVisible() and window.tab.bar.value() == 330 and window.tab.cancel.isVisible()
    window.backend.answer([3, 1, 2])
    assert window.drawn == window.listed == ["p3", "p1", "p2"]
    assert len(window.backend.asked) == before + 1 and window.loop.state == DONE
    assert not window.tab.bar.isVisible() and not window.tab.cancel.isVisible()


def test_a_stale_answer_never_overwrites_a_newer_one(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    first = len(window.backend.asked)
    window.click(10)
    second = len(window.backend.asked)
    window.backend.answer([5, 6], of=second)
    assert window.drawn == ["p5", "p6"]
    window.backend.answer([1, 2], of=first)
    assert window.drawn == window.listed == ["p5", "p6"]
    # an answer to the newest call that repeats an older question's token is not believed either
    window.backend.answer([1], of=second, token="0")
    assert window.drawn == ["p5", "p6"]


def test_an_answer_that_comes_while_an_older_one_is_being_drawn_takes_its_place(window: Window) -> None:
    """A thousand footprints are drawn in slices; the layer never holds a mixture."""
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    layer = window.tab.layer
    seen: list[int] = []
    layer.shown.connect(lambda: seen.append(layer.layer.featureCount()))
    many = list(range(64)) * 20
    token = len(window.backend.asked)
    window.backend.answered.emit("find", token, answer(window.backend.asked[-1], many, complete=False))
    assert seen == [], "it is still being drawn"
    window.backend.answered.emit("find", token + 1, answer(window.backend.asked[-1], [7, 8]))
    assert eventually(lambda: seen)
    eventually(lambda: False, 0.2)
    assert seen == [2] and window.drawn == ["p7", "p8"]


def test_cancel_keeps_what_was_found_and_go_on_goes_on(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    window.backend.answer([1], complete=False, loaded_shards=1)
    asked = len(window.backend.asked)
    window.tab.cancel.click()
    assert window.loop.state == STOPPED and window.backend.cancelled
    window.backend.answer([2], of=asked)
    assert window.drawn == ["p1"], "what was under way does not arrive"
    assert "Stopped" in window.tab.words.text() and window.tab.cancel.text() == "Go on"
    window.tab.cancel.click()
    assert len(window.backend.asked) == asked + 1 and window.loop.state == WORKING


def test_a_failure_is_said_with_what_to_do_and_the_next_question_is_asked_all_the_same(window: Window) -> None:
    window.tab.store.take(str(window.store()))
    window.backend.failed.emit("find", 1, BitscapeError("The manifest is no Parquet file. Build the store again."))
    assert window.loop.state == FAILED
    for words in (window.tab.words.text(), window.tab.store.facts.text()):
        assert "Build the store again" in words
    assert window.tab.cancel.isVisible() and window.tab.cancel.text() == "Try again"
    window.tab.cancel.click()
    window.backend.answer()
    assert "Clay" in window.tab.store.facts.text()


def test_another_store_starts_anew(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    window.backend.answer([1])
    old = len(window.backend.asked)
    window.tab.store.take(str(window.store("other")))
    assert window.drawn == window.listed == [] and window.search.count(True) == 0
    window.backend.answer([1, 2], of=old)
    assert window.drawn == []
    assert window.backend.asked[-1]["store"].endswith("other")
    window.backend.answer(complete=False)
    window.tab.store.take(str(window.folder / "store"))
    assert window.search.count(True) == 1, "its exemplars are there again"


def test_views_with_a_picture_follow_the_map_and_lists_do_not(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    window.backend.answer([1])
    asked = len(window.backend.asked)
    window.canvas.zoomByFactor(0.5)
    eventually(lambda: False, 0.3)
    assert len(window.backend.asked) == asked, "a list does not depend on the map"
    window.press(ord("H"))
    request = window.backend.asked[-1]
    assert request["view"] == "heat" and request["raster"].endswith(".tif")
    box = request["window"]
    extent = window.canvas.extent()
    west, south = degrees(extent.xMinimum(), extent.yMinimum())
    assert box["west"] <= west + 1e-9 and box["south"] <= south + 1e-9
    assert (box["width"], box["height"]) == (400, 300)
    window.backend.answer([1])
    window.canvas.zoomByFactor(0.5)
    assert eventually(lambda: len(window.backend.asked) == asked + 2, 3)


def test_the_map_view_is_a_polygon_in_degrees_that_holds_what_is_seen(window: Window) -> None:
    window.open()
    window.tab.areas.buttons["window"].click()
    area = QgsGeometry.fromWkt(window.backend.asked[-1]["areas"][0])
    extent = window.canvas.extent()
    for x in (extent.xMinimum(), extent.center().x(), extent.xMaximum()):
        for y in (extent.yMinimum(), extent.center().y(), extent.yMaximum()):
            lon, lat = degrees(x, y)
            assert area.distance(QgsGeometry.fromWkt(f"POINT ({lon} {lat})")) < 1e-6
    assert area.area() < 1.01 * area.boundingBox().area()


def test_nothing_is_asked_while_the_tab_is_out_of_sight(window: Window) -> None:
    window.open()
    asked = len(window.backend.asked)
    window.holder.hide()
    window.search.place([middle(3)], window.canvas.mapSettings().destinationCrs(), True)
    assert len(window.backend.asked) == asked
    window.holder.show()
    assert eventually(lambda: len(window.backend.asked) == asked + 1, 3)


def test_after_the_end_nothing_arrives(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(9)
    token = len(window.backend.asked)
    window.close_tab()
    window.backend.answer([1], of=token)
    assert window.drawn == []
    assert window.canvas.mapTool() is not window.tab.tool
