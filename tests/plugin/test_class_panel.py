"""The panel of classes: chips that choose and count, and classes edited, imported and exported as a user does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.dock.class_panel import ClassPanel, sign
from bitscape.plugin.dock.session import WARNING, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import read_classes
from bitscape.plugin.layers.styling import BLUE, ORANGE, SHAPES
from bitscape.tests.plugin.waiting import eventually
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsPointXY, QgsProject, QgsRectangle
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAction, QApplication, QColorDialog, QFileDialog, QInputDialog, QMenu, QToolButton

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
X, Y = 500_000.0, 5_000_000.0


@pytest.fixture
def session(qgis_application: QgsApplication, tmp_path: Path) -> Iterator[Session]:
    """A session with tiles, of which only the place and the CRS matter here."""
    project = QgsProject.instance()
    project.clear()
    made = Session(project)
    made.words = []
    made.said.connect(lambda text, level: made.words.append((level, text)))
    made.set_tiles(TilesInfo(
        tmp_path / "change.tif", 300, 300, 8, QgsRectangle(X, Y - 3000, X + 3000, Y), UTM, UTM.authid(), 10.0,
        "difference", ("2020", "2024"), ("AlphaEarth",), (), "f", (0.5,),
    ))
    yield made
    made.close()
    project.clear()


@pytest.fixture
def panel(session: Session) -> Iterator[ClassPanel]:
    made = ClassPanel(session)
    made.resize(340, 300)
    made.show()
    yield made
    made.deleteLater()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str, Any], None]:
    """Answer a dialog in the user's stead: (dialog, its static function, answer)."""
    return lambda dialog, function, given: monkeypatch.setattr(dialog, function, lambda *_, **__: given)


def place(session: Session, *xs: float) -> None:
    assert session.place([QgsPointXY(X + x, Y - 10) for x in xs], UTM) == len(xs)


def chips(panel: ClassPanel) -> list[str]:
    """The text of every chip that is in the panel, from top to bottom."""
    QApplication.processEvents()
    found = [one for one in panel.findChildren(QToolButton) if one.isCheckable() and one.isVisible()]
    return [one.text() for one in sorted(found, key=lambda one: one.mapTo(panel, QPoint()).y())]


def row_menu(panel: ClassPanel, name: str) -> QMenu:
    """What is done with one class."""
    (button,) = (one for one in panel.findChildren(QToolButton) if one.toolTip().endswith(f"or remove {name}"))
    return button.menu()


def whole_menu(panel: ClassPanel) -> QMenu:
    (button,) = (one for one in panel.findChildren(QToolButton) if one.text() == "Classes…")
    return button.menu()


def action(menu: QMenu, text: str) -> QAction:
    (found,) = (one for one in menu.actions() if one.text() == text)
    return found


def colour_of(chip: QToolButton) -> str:
    """The colour in the middle of its sign."""
    return str(chip.icon().pixmap(36, 36).toImage().pixelColor(18, 20).name())


def test_each_class_has_a_chip_with_sign_name_key_and_count(panel: ClassPanel, session: Session) -> None:
    assert chips(panel) == ["change  [C]   0", "no change  [N]   0"]
    assert [colour_of(panel.chip(code)) for code in ("change", "nochange")] == [ORANGE, BLUE]
    session.set_table(ClassTable.of_codes([f"class {number}" for number in range(11)]))
    assert chips(panel)[0] == "class 0  [1]   0" and chips(panel)[8:] == [
        "class 8  [9]   0", "class 9   0", "class 10   0"]
    assert panel.chip("class 8").toolTip() == "Label as class 8 (key 9)"
    assert panel.chip("class 9").toolTip() == "Label as class 9" and panel.chip("change") is None
    assert panel.minimumSizeHint().width() < 330


def test_a_click_on_a_chip_chooses_and_one_chip_is_checked(panel: ClassPanel, session: Session) -> None:
    change, same = panel.chip("change"), panel.chip("nochange")
    assert change.isChecked() and not same.isChecked()
    QTest.mouseClick(same, Qt.MouseButton.LeftButton)
    assert session.chosen == "nochange" and same.isChecked() and not change.isChecked()
    QTest.mouseClick(same, Qt.MouseButton.LeftButton)
    assert session.chosen == "nochange" and same.isChecked(), "a second click does not let go"
    session.choose("change")
    assert change.isChecked() and not same.isChecked(), "as a key does it"
    place(session, 10)
    assert session.training[0].code == "change"


def test_counts_follow_placing_removing_and_undo(panel: ClassPanel, session: Session) -> None:
    place(session, 10, 20)
    session.choose("nochange")
    place(session, 30)
    assert chips(panel) == ["change  [C]   2", "no change  [N]   1"]
    session.remove_near(QgsPointXY(X + 10, Y - 10), UTM, 1)
    assert chips(panel)[0] == "change  [C]   1"
    session.undo()
    session.undo()
    assert chips(panel) == ["change  [C]   2", "no change  [N]   0"]
    session.redo()
    layer = session.labels.layer
    layer.startEditing()
    layer.deleteFeature(session.training[0].fid)
    layer.commitChanges()
    assert chips(panel) == ["change  [C]   1", "no change  [N]   1"], "also what is done elsewhere"
    QgsProject.instance().removeMapLayer(layer.id())
    assert chips(panel) == ["change  [C]   0", "no change  [N]   0"]


def test_rows_are_gone_at_once_when_the_classes_changed(panel: ClassPanel, session: Session) -> None:
    old = [panel.chip("change"), panel.chip("nochange")]
    session.set_table(ClassTable.of_codes(["a", "b", "c"]))
    buttons = panel.findChildren(QToolButton)
    assert len(buttons) == 7 and not set(old) & set(buttons), "three rows of two, and the menu's"
    assert not any(one.isVisible() for one in old)
    assert eventually(lambda: all(sip.isdeleted(one) for one in old), 5)
    for number in range(20):
        session.set_table(session.table.changed("a", name=f"A{number}"))
    assert len(panel.findChildren(QToolButton)) == 7 and len(chips(panel)) == 3
    session.set_table(ClassTable())
    assert chips(panel) == [] and panel._none.isVisible() and "No classes yet" in panel._none.text()
    session.set_table(ClassTable.change_detection())
    assert len(chips(panel)) == 2 and not panel._none.isVisible() and session.chosen == "change"


def test_a_class_is_added_chosen_and_undone(panel: ClassPanel, session: Session, answer: Any) -> None:
    place(session, 10)
    add = action(whole_menu(panel), "Add a class…")
    answer(QInputDialog, "getText", ("  Open  water ", True))
    add.trigger()
    assert chips(panel)[2] == "Open water  [1]   0" and session.chosen == "Open water"
    assert panel.chip("Open water").isChecked()
    place(session, 20)
    assert chips(panel)[2] == "Open water  [1]   1"
    answer(QInputDialog, "getText", ("ignored", False))
    add.trigger()
    answer(QInputDialog, "getText", ("   ", True))
    add.trigger()
    assert len(chips(panel)) == 3 and session.words == []
    answer(QInputDialog, "getText", ("x" * 81, True))
    add.trigger()
    assert session.words[0][0] == WARNING and "longer than 80" in session.words[0][1] and len(chips(panel)) == 3
    session.undo()
    session.undo()
    assert len(chips(panel)) == 2 and session.chosen == "change" and panel.chip("change").isChecked()
    assert read_classes(session.labels.path) == ClassTable.change_detection()


def test_a_class_is_renamed_and_recoloured_and_its_labels_stay(
    panel: ClassPanel, session: Session, answer: Any
) -> None:
    place(session, 10)
    answer(QInputDialog, "getText", ("felled", True))
    action(row_menu(panel, "change"), "Rename…").trigger()
    assert chips(panel) == ["felled  [C]   1", "no change  [N]   0"]
    answer(QColorDialog, "getColor", QColor(1, 200, 3))
    action(row_menu(panel, "felled"), "Colour…").trigger()
    assert colour_of(panel.chip("change")) == "#01c803"
    kept = read_classes(session.labels.path).by_code("change")
    assert (kept.name, kept.colour) == ("felled", "#01c803") and session.training[0].code == "change"
    assert session.labels.layer.renderer().categories()[0].symbol().color().name() == "#01c803"
    answer(QColorDialog, "getColor", QColor())
    action(row_menu(panel, "felled"), "Colour…").trigger()
    answer(QInputDialog, "getText", ("a\x07b", True))
    action(row_menu(panel, "felled"), "Rename…").trigger()
    assert chips(panel)[0] == "felled  [C]   1" and "do not print" in session.words[0][1]
    session.undo()
    session.undo()
    assert chips(panel)[0] == "change  [C]   1" and colour_of(panel.chip("change")) == ORANGE


def test_a_class_with_labels_is_not_removed_and_says_why(panel: ClassPanel, session: Session) -> None:
    place(session, 10, 20)
    action(row_menu(panel, "change"), "Remove").trigger()
    assert session.words == [
        (WARNING, "change has 2 labels: remove them, or give them another class, first.")]
    assert len(chips(panel)) == 2 and len(session.training) == 2
    action(row_menu(panel, "no change"), "Remove").trigger()
    assert chips(panel) == ["change  [C]   2"] and len(session.words) == 1
    session.undo()
    session.undo()
    action(row_menu(panel, "change"), "Remove").trigger()
    assert chips(panel) == ["no change  [N]   0"] and session.chosen == "nochange", "it has none any more"


def test_the_menu_opens_on_the_chip_and_survives_the_removal_of_its_row(panel: ClassPanel, session: Session) -> None:
    chip = panel.chip("nochange")
    chip.customContextMenuRequested.emit(QPoint(2, 2))
    menu = row_menu(panel, "no change")
    assert menu.isVisible() and [one.text() for one in menu.actions()] == ["Rename…", "Colour…", "Remove"]
    menu.setActiveAction(action(menu, "Remove"))
    QTest.keyClick(menu, Qt.Key.Key_Return)
    assert chips(panel) == ["change  [C]   0"]
    assert eventually(lambda: sip.isdeleted(chip) and sip.isdeleted(menu), 5)


def test_classes_go_out_as_csv_and_come_in_again(
    panel: ClassPanel, session: Session, answer: Any, tmp_path: Path
) -> None:
    file = tmp_path / "classes.csv"
    table = ClassTable.of_codes(["w", "f", "u"], {"w": "Water; deep", "f": "Forêt"}).changed("u", colour="#0a0b0c")
    session.set_table(table)
    answer(QFileDialog, "getSaveFileName", (str(file), ""))
    action(whole_menu(panel), "Export classes (CSV)…").trigger()
    assert file.read_text(encoding="utf-8").splitlines()[1].startswith("w,Water; deep,#")
    action(whole_menu(panel), "Change / no change").trigger()
    assert chips(panel) == ["change  [C]   0", "no change  [N]   0"]
    place(session, 10)
    session.undo()
    answer(QFileDialog, "getOpenFileName", (str(file), ""))
    action(whole_menu(panel), "Import classes (CSV)…").trigger()
    assert session.table == table == read_classes(session.labels.path) and session.chosen == "w"
    assert chips(panel) == ["Water; deep  [1]   0", "Forêt  [2]   0", "u  [3]   0"]
    session.undo()
    assert session.table == ClassTable.change_detection()


def test_files_that_are_no_classes_are_told_and_change_nothing(
    panel: ClassPanel, session: Session, answer: Any, tmp_path: Path
) -> None:
    table = session.table
    (tmp_path / "bad.csv").write_text("code,colour\na,#123456\na,#123456\n")
    for name, said in (("bad.csv", "Line 3 of bad.csv"), ("gone.csv", "cannot be read"), ("", "")):
        answer(QFileDialog, "getOpenFileName", (str(tmp_path / name) if name else "", ""))
        action(whole_menu(panel), "Import classes (CSV)…").trigger()
        assert session.table == table and said in session.words[-1][1]
    answer(QFileDialog, "getSaveFileName", (str(tmp_path / "none" / "out.csv"), ""))
    action(whole_menu(panel), "Export classes (CSV)…").trigger()
    answer(QFileDialog, "getSaveFileName", ("", ""))
    action(whole_menu(panel), "Export classes (CSV)…").trigger()
    assert len(session.words) == 3 and "does not exist" in session.words[-1][1]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_signs_of_different_shapes_are_different_pictures() -> None:
    pictures = [sign(ORANGE, shape).pixmap(36, 36).toImage() for shape in SHAPES]
    for number, picture in enumerate(pictures):
        assert picture.pixelColor(18, 20).name() == ORANGE and picture.pixelColor(0, 0).alpha() == 0
        assert all(picture != other for other in pictures[:number]), SHAPES[number]


def test_a_class_of_validation_labels_is_not_removed(panel: ClassPanel, session: Session) -> None:
    place(session, 10)
    session.labels.add([QgsPointXY(X + 50, Y - 10)], "nochange", {"role": "validate"})
    action(row_menu(panel, "no change"), "Remove").trigger()
    assert session.table.by_code("nochange") and session.words
