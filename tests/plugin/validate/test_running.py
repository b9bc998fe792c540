"""Drawing a sample and assessing the map: what the algorithms get, and every way it can end. Stand-ins take the place
of the algorithms, which have tests of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.tests.plugin.validate.scene import Window, write_map
from bitscape.tests.plugin.validate.stand_in import HEADLINE, standing_in
from bitscape.tests.plugin.waiting import eventually
from qgis.core import QgsApplication, QgsRasterLayer
from qgis.PyQt.QtGui import QDesktopServices


@pytest.fixture
def calls() -> Iterator[list[Any]]:
    with standing_in() as found:
        yield found


def drawn(window: Window) -> str:
    form = window.tab.sample.form
    assert eventually(lambda: form.run is None, 20)
    return str(form.status.words.text())


def test_a_sample_is_drawn_from_the_map_and_opened(window: Window, calls: list[Any]) -> None:
    panel, form = window.tab.sample, window.tab.sample.form
    assert "No sample yet" in panel.state.text() and not form.isVisible()
    panel.draw.click()
    assert form.isVisible() and form.points.value() == 50 and form.start.isEnabled()
    form.points.setValue(8)
    form.seed.setValue(3)
    form.start.click()
    assert not form.start.isEnabled() and form.status.cancel.isVisible()
    assert "Drawn" in drawn(window)
    target = window.folder / "classes_sample.gpkg"
    assert calls == [("designsample", {
        "INPUT": str(window.map_path), "DESIGN": 0, "SIZE": 8, "SEED": 3, "OUTPUT": str(target)})]
    assert window.validation.sample.path == target and window.validation.sample.count == 8
    assert not form.isVisible() and "8 points" in panel.state.text()
    assert form.target_path.name == "classes_sample_2.gpkg", "the next one gets a free name"
    assert not any("_sample" in Path(layer.source()).name for layer in window.project.mapLayers().values())


def test_drawing_fails_is_cancelled_and_overwrites_nothing(window: Window, calls: list[Any]) -> None:
    form = window.tab.sample.form
    form.seed.setValue(13)
    form.draw()
    assert "This map has &lt;no&gt; classes." in drawn(window) and window.validation.sample is None
    form.seed.setValue(7)
    form.draw()
    assert eventually(lambda: len(calls) == 2)
    form.status.cancel.click()
    assert "Cancelled; nothing was written" in drawn(window)
    assert not (window.folder / "classes_sample.gpkg").exists()
    taken = window.folder / "mine.gpkg"
    taken.write_text("the user's own")
    form.target.setFilePath(str(taken))
    assert not form.start.isEnabled() and "exists already" in form.words.text()
    form.draw()
    assert taken.read_text() == "the user's own" and len(calls) == 2


def test_the_command_draws_the_same(window: Window, calls: list[Any]) -> None:
    form = window.tab.sample.form
    form.design.setCurrentIndex(1)
    form.copy.click()
    text = QgsApplication.clipboard().text()
    assert "bitscape:designsample" in text and "DESIGN=1" in text and "SIZE=50" in text
    assert f"INPUT={window.map_path}" in text and "OUTPUT=" in text and "Copied" in form.status.words.text()


def test_the_newest_of_our_maps_is_proposed_and_the_one_in_use_stays(window: Window) -> None:
    import os

    chooser = window.tab.sample.maps
    assert chooser.path == window.map_path
    plain = write_map(window.folder / "theirs.tif", tags=False)
    newer = write_map(window.folder / "newer.tif")
    os.utime(newer, (2e9, 2e9))
    for path in (plain, newer):
        window.project.addMapLayer(QgsRasterLayer(str(path), path.stem))
    assert chooser.path == newer and window.validation.map_path == newer
    chooser.set_path(window.map_path)
    window.open(count=3)
    newest = write_map(window.folder / "newest.tif")
    os.utime(newest, (2.1e9, 2.1e9))
    window.project.addMapLayer(QgsRasterLayer(str(newest), "newest"))
    assert chooser.path == window.map_path, "that is the one the sample judges"
    window.project.removeMapLayer(window.map.id())
    assert chooser.path == window.map_path, "its file is still there"
    window.map_path.unlink()
    chooser.refresh()
    assert chooser.path is None and "not there any more" in chooser.currentText()
    assert "Choose the class map" in window.tab.assess.words.text()


def test_without_a_class_map_there_are_words(window: Window) -> None:
    window.project.removeMapLayer(window.map.id())
    assert window.tab.sample.maps.path is None and not window.tab.sample.maps.isEnabled()
    assert "There is no class map in the project" in window.tab.sample.form.words.text()
    window.tab.sample.form.draw()
    assert "There is no class map" in window.tab.sample.form.status.words.text()


def test_assess_waits_for_two_answers_in_each_stratum_then_tells_the_headline(
    window: Window, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = window.tab.assess
    assert "Draw or open a sample" in panel.words.text() and not panel.start.isEnabled()
    path = window.start(count=6)
    assert "Strata with fewer than 2 answered points: 2 of 2" in panel.words.text()
    window.press("c", "n", "x", "1", "c")
    assert not panel.start.isEnabled() and "1 of 2" in panel.words.text()
    window.press("n")
    assert panel.start.isEnabled() and panel.copy.isEnabled() and not panel.words.isVisible()
    panel.start.click()
    assert eventually(lambda: panel.run is None, 20)
    report = path.with_name("sample.accuracy.html")
    assert calls == [("assessaccuracy", {
        "SAMPLE": f"{path}|layername=sample", "INPUT": str(window.map_path), "OUTPUT": str(report)})]
    assert panel.status.words.text() == f"<b>{HEADLINE.replace('&', '&amp;')}</b>"
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    assert panel.open.isVisible()
    panel.open.click()
    assert opened == [str(report)]
    panel.copy.click()
    assert "bitscape:assessaccuracy" in QgsApplication.clipboard().text()
    assert Path(panel.report).is_file()
    window.press("c")
    panel.start.click()
    assert eventually(lambda: panel.run is None, 20) and len(calls) == 2, "again, into the same report"
    window.open("other.gpkg", count=3)
    assert not panel.open.isVisible() and panel.report is None


def test_where_the_algorithm_is_missing_it_is_said(window: Window) -> None:
    window.tab.sample.form.draw()
    assert "is not there" in drawn(window)
