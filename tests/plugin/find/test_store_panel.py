"""Choosing a store: dropped, typed, remembered; what is none; and building one from embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitscape.plugin.dock.find import store_place
from bitscape.plugin.dock.find.build_store import ALGORITHM
from bitscape.plugin.dock.find.find_tab import FindTab
from bitscape.plugin.dock.find.question import Question
from bitscape.plugin.dock.find.store_panel import dropped_place, facts
from bitscape.plugin.dock.project_entry import ProjectEntry
from bitscape.tests.plugin.find.scene import ABOUT, Window
from qgis.core import QgsApplication, QgsProject
from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import QMimeData, Qt, QUrl
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QWidget

ADDRESS = "https://data.example.org/stores/clay/"


def dropped(*urls: str, text: str = "") -> QMimeData:
    data = QMimeData()
    if urls:
        data.setUrls([QUrl(url) if url.startswith("http") else QUrl.fromLocalFile(url) for url in urls])
    if text:
        data.setText(text)
    return data


def test_what_is_dropped_is_understood(window: Window, tmp_path: Path) -> None:
    folder = window.store()
    table = tmp_path / "embeddings.parquet"
    table.touch()
    assert dropped_place(dropped(str(folder))) == str(folder)
    assert dropped_place(dropped(str(folder / "manifest.parquet"))) == str(folder / "manifest.parquet")
    assert dropped_place(dropped(ADDRESS)) == dropped_place(dropped(text=f'"{ADDRESS}"\n')) == ADDRESS
    assert dropped_place(dropped(str(table))) == str(table)
    assert dropped_place(dropped(str(tmp_path / "notes.txt"))) == ""
    assert dropped_place(dropped(text="hello")) == ""


def test_an_address_is_typed_and_stores_that_could_be_opened_are_remembered(window: Window) -> None:
    panel = window.tab.store
    panel.place.setEditText(f" {ADDRESS} ")
    QTest.keyClick(panel.place.lineEdit(), Qt.Key.Key_Return)
    assert window.search.store == ADDRESS and window.backend.asked[-1]["store"] == ADDRESS
    assert store_place.recent() == [], "not before it has answered"
    window.backend.answer(complete=False)
    assert store_place.recent() == [ADDRESS]
    window.open()
    assert [panel.place.itemText(row) for row in range(panel.place.count())][-1] == ADDRESS
    home = window.search.home
    assert home is not None and home.parent == window.folder
    assert store_place.home_of(ADDRESS).is_relative_to(QgsApplication.qgisSettingsDirPath())
    assert store_place.results_of(ADDRESS, "/project") == Path("/project/clay_similar.gpkg")
    assert store_place.results_of(ADDRESS, "").parent == store_place.home_of(ADDRESS).parent
    assert store_place.name_of("http://127.0.0.1:80/") == "127.0.0.1:80"
    assert store_place.home_of(ADDRESS) != store_place.home_of(ADDRESS.replace("clay", "presto"))
    for number in range(12):
        store_place.remember(f"/stores/{number}")
    assert len(store_place.recent()) == store_place.REMEMBERED and store_place.recent()[0] == "/stores/11"


def test_what_is_no_store_is_said_and_the_open_one_stays(window: Window, tmp_path: Path) -> None:
    folder = window.open()
    panel = window.tab.store
    panel.take(str(tmp_path / "nowhere"))
    assert "is not there" in panel.facts.text() and window.search.store == str(folder)
    (tmp_path / "empty").mkdir()
    panel.take(str(tmp_path / "empty"))
    assert "no manifest" in panel.facts.text()


def test_of_embeddings_a_store_is_offered_with_its_command(window: Window, tmp_path: Path) -> None:
    table = tmp_path / "my embeddings.parquet"
    table.touch()
    (tmp_path / "my embeddings_store").mkdir()
    panel = window.tab.store
    panel.take(str(table))
    assert panel.build.isVisible() and "my embeddings.parquet" in panel.build.words.text()
    given = panel.build.parameters()
    assert given["INPUT"] == str(table) and not Path(given["OUTPUT"]).exists(), "a name that is free"
    panel.build.copy.click()
    line = QgsApplication.clipboard().text()
    assert ALGORITHM in line and f"'INPUT={table}'" in line
    panel.build.start.click()
    assert "Bitscape switched on" in panel.build.status.words.text(), "there is no provider in this test"
    panel.build.dismiss.click()
    assert not panel.build.isVisible()
    panel.build.built.emit(str(window.store()))
    assert window.search.store.endswith("store")


def test_facts_are_one_line_without_html_of_the_file() -> None:
    text = facts({**ABOUT, "model": "<b>x", "years": [2024], "sentence": "recall@10 .65 (measured on 9): a third"})
    assert "&lt;b&gt;x" in text and "recall@10 .65: a third" in text and "2024" in text and "–" not in text
    assert "64 × int8" in facts({**ABOUT, "kind": "cosine", "dimensions": 64, "bits": 0})


@pytest.mark.parametrize("store", [ADDRESS, "local"])
def test_the_project_remembers_store_and_question(window: Window, project: QgsProject, store: str) -> None:
    place = store if store == ADDRESS else str(window.store())
    window.tab.store.take(place)
    window.backend.answer(complete=False)
    window.search.ask(view="threshold", k=77, years=(2023,), threshold=31.5, invert=True)
    project.setFileName(str(window.folder / "project.qgz"))
    ProjectEntry(store=place, find=window.search.question.to_json(), thumbnails=window.scene.old.id()).write(project)
    entry = ProjectEntry.read(project)
    assert entry is not None and entry.store == place
    written = project.readEntry("Bitscape", "/session", "")[0]
    assert (ADDRESS in written) == (store == ADDRESS) and (str(window.folder) not in written)
    window.tab.forget()
    assert window.search.store == "" and window.search.question == Question()
    window.tab.restore(entry)
    assert window.backend.asked[-1]["store"] == place
    window.backend.answer(complete=False)
    asked = window.backend.asked[-1]
    assert (asked["view"], asked["k"], asked["years"], asked["threshold"], asked["invert"]) == (
        "threshold", 77, [2023], 31.5, True)
    assert window.tab.source.layer_id == window.scene.old.id()


@pytest.mark.parametrize("text", ["", "no", "[]", '{"view": "other"}', '{"view": "top", "k": 1e99}', "[" * 100_000,
                                  '{"view": "top", "combine": "mean", "invert": false, "k": 0, "where": ""}'])
def test_a_question_that_cannot_be_believed_is_the_default(text: str) -> None:
    assert Question.of_json(text) == Question()


def test_every_control_is_reached_by_tab_from_above_to_below_and_has_words(window: Window) -> None:
    window.open()
    window.tab.exemplars.start.click()
    window.click(1)
    window.backend.answer(range(2, 9))
    order = [one for one in chain(window.tab) if one.isVisible() and one.isEnabled()]
    places = [one.mapTo(window.tab, one.rect().topLeft()) for one in order]
    rows = [place.y() for place in places]
    assert len(order) > 12
    backwards = [(type(a).__name__, type(b).__name__) for a, b, y, z in zip(order, order[1:], rows, rows[1:])
                 if z < y - 20]
    assert backwards == [], "the focus jumps up"
    for one in order:
        if isinstance(one.parent(), QgsCollapsibleGroupBox) and not one.accessibleName():
            continue  # QGIS's own triangle
        names = ("text", "title", "accessibleName", "toolTip")
        said = [str(getattr(one, name)()) for name in names if hasattr(one, name)]
        assert any(said), type(one).__name__


def chain(tab: FindTab) -> list[QWidget]:
    """The widgets of the tab that take the focus by the key Tab, in that order."""
    found, one = [], tab.nextInFocusChain()
    while one is not tab and len(found) < 500:
        if tab.isAncestorOf(one) and one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None:
            found.append(one)
        one = one.nextInFocusChain()
    return found
