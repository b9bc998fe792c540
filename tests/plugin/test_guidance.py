"""What the dock says and shows of the backend's real answers: figures and warnings in words, the looks, the charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.backend.client import Client
from bitscape.plugin.backend.resident import Resident
from bitscape.plugin.dock.charts import ChartsPanel
from bitscape.plugin.dock.label.answers import Answers
from bitscape.plugin.dock.label.guidance_panel import GuidancePanel
from bitscape.plugin.dock.label.live_loop import LiveLoop
from bitscape.plugin.dock.label.view_panel import ViewPanel
from bitscape.plugin.dock.session import Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.tests.plugin.background_runs import SmallSample, registered
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsPointXY, QgsProject
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QLabel, QSlider, QToolButton

WEST, NORTH, SIDE, PIXEL = 540_000.0, 5_270_000.0, 256, 10.0
VIEW = {"west": WEST, "south": NORTH - 2560, "east": WEST + 2560, "north": NORTH, "width": 256, "height": 256}
TABLE = ClassTable.change_detection()
NOTHING_YET = "the map answers from the second class on"


class Backend:
    """The backend's real answers to labels of the sample."""

    def __init__(self, client: Client, sample: SmallSample, folder: Path) -> None:
        self._client, self._sample, self._folder = client, sample, folder
        self._truth = gdal.Open(str(sample.folder / "data" / "change_truth.tif")).ReadAsArray()
        self.info = TilesInfo.of(client.call("describetiles", {"tiles": str(sample.tiles)}))

    def places(self, code: str, count: int, within: int = 2 * SIDE) -> np.ndarray:
        """Positions (count, 2): of "change" where there is some, of other classes where there is none, each elsewhere;
        all in a square of ``within`` pixels."""
        change = np.argwhere(self._truth == 1)
        found = np.random.default_rng(1).permutation(np.argwhere(self._truth == int(code == "change")))
        found = found[(np.abs(found - change[len(change) // 2]) <= within / 2).all(axis=1)]
        found = found[count if code == "other" else 0 :][:count]
        assert len(found) == count
        return np.array([(WEST + (c + 0.5) * PIXEL, NORTH - (r + 0.5) * PIXEL) for r, c in found])

    def ask(self, operation: str, counts: dict[str, int], within: int = 2 * SIDE, **more: Any) -> dict[str, Any]:
        """The answer about labels: class → how many."""
        places = [self.places(code, count, within) for code, count in counts.items()]
        x, y = np.concatenate(places).T
        return self._client.call(operation, {
            "tiles": str(self._sample.tiles), "x": x.tolist(), "y": y.tolist(), "names": list(counts),
            "classes": np.repeat(range(len(counts)), list(counts.values())).tolist(),
            "positive": "change" if len(counts) == 2 else "", **more,
        })

    def map(self, counts: dict[str, int], **more: Any) -> dict[str, Any]:
        return self.ask("livemap", counts, view=VIEW, score=str(self._folder / "s.tif"), **more)


@pytest.fixture(scope="module")
def backend(backend_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with registered():
        sample = SmallSample.make(tmp_path_factory.mktemp("sample"))
    with Client(backend_python) as client:
        yield Backend(client, sample, tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def many(backend: Backend) -> dict[str, Any]:
    """The validation of thirty labels of each class."""
    return backend.ask("livevalidation", {"change": 30, "nochange": 30})


@pytest.fixture
def guidance(qgis_application: QgsApplication) -> Iterator[GuidancePanel]:
    made = GuidancePanel()
    made.show()
    yield made
    made.close()
    made.deleteLater()


def plain(panel: GuidancePanel) -> str:
    """What is read: no marks, no line ends."""
    return re.sub(r"<[^>]+>", " ", panel.text)


def figure(of: dict[str, Any], name: str) -> str:
    return f"{of[name]:.2f} ± {of[name + '_std']:.2f}"


def test_without_labels_the_first_step_is_said(guidance: GuidancePanel) -> None:
    assert "Choose data" in guidance.text
    guidance.show_nothing("a < b & c")
    assert guidance.text == "a &lt; b &amp; c"


def test_too_few_labels_give_a_reason_in_place_of_figures(guidance: GuidancePanel, backend: Backend) -> None:
    guidance.show_validation(backend.ask("livevalidation", {"change": 12, "nochange": 4}), 16, TABLE)
    assert plain(guidance).startswith("16 clicks: 4 of no change: too few to judge, 10 of each class are needed.")
    assert "F1" not in guidance.text and "new places" not in guidance.text and "±" not in guidance.text


def test_labels_close_together_have_random_figures_and_a_reason(guidance: GuidancePanel, backend: Backend) -> None:
    result = backend.ask("livevalidation", {"change": 12, "nochange": 12}, within=20)
    assert result["random"] is not None and result["spatial"] is None
    guidance.show_validation(result, 24, TABLE)
    text = plain(guidance)
    assert text.startswith("24 clicks. Agreement with your clicks:")
    assert f"F1 {figure(result['random'], 'f1')}" in text and text.count("F1") == 1
    assert "In new places: too close together" in text


def test_many_labels_have_figures_at_random_and_in_new_places(guidance: GuidancePanel, many: dict[str, Any]) -> None:
    elsewhere = {**many["spatial"], "f1": 0.61, "f1_std": 0.11, "precision": 0.52, "recall": 0.74}
    guidance.show_validation({**many, "spatial": elsewhere}, 60, TABLE)
    random, spatial = plain(guidance).split("In new places:")
    for text, found in ((random, many["random"]), (spatial, elsewhere)):
        for name in ("precision", "recall"):
            assert f"{name} {figure(found, name)}" in text
        assert f"F1 {figure(found, 'f1')}" in text


def test_precision_where_change_is_rare_is_said(guidance: GuidancePanel, many: dict[str, Any]) -> None:
    rare = many["rare"]
    assert rare["prevalence"] == 0.01 and 0 <= rare["at_least"] < rare["precision"] <= 1
    guidance.show_validation(many, 60, TABLE)
    text = " ".join(plain(guidance).split())
    assert f"Where change is 1% of the map, that precision becomes {rare['precision']:.2f}" in text
    assert f"(at least {rare['at_least']:.2f})" in text
    guidance.show_validation({**many, "rare": None}, 60, TABLE)
    assert "of the map" not in guidance.text


def test_names_of_classes_are_shown_as_they_are_written(guidance: GuidancePanel, many: dict[str, Any]) -> None:
    table = TABLE.changed("change", name="<b>new & old</b>")
    guidance.show_validation(many, 60, table)
    assert "Where &lt;b&gt;new &amp; old&lt;/b&gt; is" in guidance.text
    guidance.show_warnings(["12 of <i>, 3 of no"], table)
    assert "12 of &lt;i&gt;, 3 of no" in guidance.text
    guidance.show_validation({**many, "random": None, "random_reason": "3 of <u>: too few."}, 60, table)
    assert "3 of &lt;u&gt;: too few." in guidance.text


def test_warnings_name_what_is_unbalanced_and_go_again(guidance: GuidancePanel, backend: Backend) -> None:
    result = backend.ask("livevalidation", {"change": 4, "nochange": 21})
    guidance.show_warnings(result["warnings"], TABLE)
    assert guidance.text.endswith("⚠ unbalanced: 21 of no change, 4 of change")
    guidance.show_warnings([], TABLE)
    assert "⚠" not in guidance.text
    assert not [one for one in guidance.findChildren(QLabel) if not one.text() and one.isVisible()], "no empty line"


def test_the_button_asks_for_the_next_point(guidance: GuidancePanel) -> None:
    heard: list[bool] = []
    guidance.next_wanted.connect(lambda: heard.append(True))
    QTest.mouseClick(guidance.next, Qt.MouseButton.LeftButton)
    assert heard == [True]


@pytest.fixture
def view(qgis_application: QgsApplication) -> Iterator[ViewPanel]:
    made = ViewPanel()
    made.looks, made.hatched, made.shown = [], [], []
    made.look_changed.connect(lambda *look: made.looks.append(look))
    made.extrapolated_toggled.connect(made.hatched.append)
    made.class_shown.connect(made.shown.append)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_the_three_looks_are_buttons_of_which_one_is_down(view: ViewPanel) -> None:
    buttons = view.findChildren(QToolButton)
    assert [button.text() for button in buttons] == ["Score [H]", "Classes [T]", "Unsure [U]"]
    assert (view.view, view.opacity, view.extrapolated) == ("score", 0.75, False)
    for button, look in zip(reversed(buttons), ("uncertainty", "classes", "score")):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert view.looks[-1] == (look, 0.75) and view.view == look
        assert [one.isChecked() for one in buttons].count(True) == 1
    view.set_view("uncertainty")
    assert view.looks[-1] == ("uncertainty", 0.75) and len(view.looks) == 4 and buttons[2].isChecked()


def test_opacity_and_hatching_tell_what_changed(view: ViewPanel) -> None:
    slider, box = view.findChild(QSlider), view.findChild(QCheckBox)
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert view.looks == [("score", 0.1)] and view.opacity == 0.1
    view.set_opacity(0.5)
    assert view.looks[-1] == ("score", 0.5)
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert view.hatched == [True] and view.extrapolated
    view.set_extrapolated(True)
    view.set_extrapolated(False)
    assert view.hatched == [True, False] and len(view.looks) == 2


def test_of_more_than_two_classes_one_is_chosen(view: ViewPanel) -> None:
    choice = view.findChild(QComboBox)
    view.set_classes([("change", "change"), ("nochange", "no change")])
    assert not choice.isVisible()
    three = [("c", "cut"), ("b", "built"), ("s", "same")]
    view.set_classes(three)
    assert choice.isVisible() and choice.currentText() == "Score of cut" and view.shown == []
    QTest.keyClick(choice, Qt.Key.Key_Down)
    assert view.shown == ["b"]
    view.set_classes([("a", "any"), *three])
    assert choice.currentText() == "Score of built" and view.shown == ["b"], "the choice stays"


class CountingCharts(ChartsPanel):
    drawn = 0

    def show_scores(self, *scores: Any) -> None:
        self.drawn += 1
        super().show_scores(*scores)


class Spread:
    """Answers with their panels, on a loop that only says what the test has it say."""

    def __init__(self, backend: Backend, project: QgsProject, folder: Path, backend_python: Path) -> None:
        self.canvas, self.session = QgsMapCanvas(), Session(project)
        self.resident = Resident(lambda: backend_python)
        self.loop = LiveLoop(self.session, self.canvas, self.resident)
        self.guidance, self.charts, self.view = GuidancePanel(), CountingCharts(), ViewPanel()
        self.answers = Answers(self.session, self.loop, self.guidance, self.charts, self.view)
        self.tiles = replace(backend.info, path=folder / "change.tif")
        self.session.set_tiles(self.tiles)
        self.loop.close()  # it asks nothing by itself
        self.rest()

    def label(self, backend: Backend, counts: dict[str, int]) -> None:
        for code, count in counts.items():
            self.session.choose(code)
            points = [QgsPointXY(x, y) for x, y in backend.places(code, count)]
            assert self.session.place(points, QgsCoordinateReferenceSystem("EPSG:32610")) == count

    def rest(self) -> None:
        eventually(lambda: False, 0.3)

    def close(self) -> None:
        self.resident.close()
        self.session.close()
        for one in (self.guidance, self.charts, self.view, self.canvas, self.answers, self.loop, self.session):
            one.deleteLater()


@pytest.fixture
def spread(backend: Backend, tmp_path: Path, backend_python: Path) -> Iterator[Spread]:
    pytest.importorskip("pyqtgraph")
    project = QgsProject.instance()
    project.clear()
    made = Spread(backend, project, tmp_path, backend_python)
    yield made
    made.close()
    project.clear()


def test_map_and_validation_are_drawn_as_one_picture(spread: Spread, backend: Backend, many: dict[str, Any]) -> None:
    drawn = spread.charts.drawn
    spread.loop.answered.emit(backend.map({"change": 30, "nochange": 30}))
    spread.loop.validated.emit(many)
    assert spread.charts.drawn == drawn, "the map is drawn first"
    spread.rest()
    assert spread.charts.drawn == drawn + 1
    assert not any(chart.is_empty for chart in (
        spread.charts.scores, spread.charts.precision_recall, spread.charts.coefficients))
    assert "held‑out scores" in spread.charts.scores.caption.text()
    assert spread.answers.validation is many


def test_held_out_scores_take_the_place_of_those_in_sample(spread: Spread, backend: Backend, many: Any) -> None:
    spread.loop.answered.emit(backend.map({"change": 30, "nochange": 30}))
    spread.rest()
    assert "in‑sample" in spread.charts.scores.caption.text()
    spread.loop.validated.emit(many)
    spread.rest()
    assert "held‑out" in spread.charts.scores.caption.text()
    shown = {name: sorted(scores) for name, _, scores in spread.charts.scores._by_class}
    for code, name in (("change", "change"), ("nochange", "no change")):
        expected = [score for score, one in zip(many["held_out"], many["classes"]) if one == code]
        assert shown[name] == pytest.approx(sorted(expected)) and len(expected) == 30


def test_learning_curve_and_counts_of_labels_are_shown(spread: Spread, backend: Backend) -> None:
    counts = {"change": 11, "nochange": 13}
    assert spread.charts.learning.is_empty
    spread.loop.curve_ready.emit(backend.ask("learningcurve", counts))
    assert not spread.charts.learning.is_empty
    spread.label(backend, counts)
    spread.loop.answered.emit(backend.map(counts))
    spread.rest()
    assert [(name, count) for name, _, count in spread.charts.counts._rows] == [("change", 11), ("no change", 13)]
    spread.loop.curve_ready.emit(backend.ask("learningcurve", {"change": 3, "nochange": 3}))
    assert spread.charts.learning.is_empty


def test_a_missing_class_and_what_is_extrapolated_are_warned_of(spread: Spread, backend: Backend) -> None:
    spread.label(backend, {"change": 2})
    result = backend.map({"change": 2})
    spread.loop.answered.emit(result)
    assert f"⚠ {result['reason']}" in plain(spread.guidance)
    result = backend.map({"change": 2, "nochange": 2}, extrapolated=True)
    spread.loop.answered.emit(result)
    share = result["drawn"]["extrapolated"] / result["drawn"]["covered"]
    assert 0 < share < 1 and f"⚠ {share:.0%} of the visible map is unlike every label" in plain(spread.guidance)
    assert plain(spread.guidance).count("⚠") == 1
    spread.loop.answered.emit(backend.map({"change": 2, "nochange": 2}))
    assert "⚠" not in plain(spread.guidance)


def test_three_classes_offer_the_choice_and_weights_are_of_the_one_drawn(spread: Spread, backend: Backend) -> None:
    counts = {"change": 8, "nochange": 8, "other": 8}
    spread.session.set_table(ClassTable.of_codes(counts))
    first, second, weights = backend.map(counts), backend.map(counts, shown="other"), []
    for result in (first, second):
        spread.loop.answered.emit(result)
        spread.rest()
        weights.append(list(spread.charts.coefficients._values))
    assert not spread.view.findChild(QComboBox).isHidden()
    assert second["drawn"]["shown"] == "other" and weights[1] == second["model"]["importance"][2] != weights[0]


def test_other_tiles_clear_everything(spread: Spread, backend: Backend, many: dict[str, Any]) -> None:
    spread.loop.answered.emit(backend.map({"change": 30, "nochange": 30}))
    spread.loop.validated.emit(many)
    spread.guidance.show_warnings(["mind"], TABLE)
    spread.loop.curve_ready.emit(backend.ask("learningcurve", {"change": 12, "nochange": 12}))
    spread.rest()
    spread.session.set_tiles(spread.tiles)
    assert plain(spread.guidance).strip().endswith(f"{NOTHING_YET}.") and spread.answers.validation == {}
    spread.rest()
    charts = spread.charts
    assert all(one.is_empty for one in (charts.scores, charts.precision_recall, charts.learning, charts.coefficients))
    spread.session.set_tiles(None)
    assert "Choose data" in spread.guidance.text


def test_a_name_is_put_once_and_only_for_its_own_code(guidance: GuidancePanel) -> None:
    guidance.show_warnings(["unbalanced: 21 of nochange, 4 of change"], TABLE.changed("change", name="new building"))
    assert guidance.text.endswith("⚠ unbalanced: 21 of no change, 4 of new building")


def test_the_choice_outlives_a_moment_without_a_model(view: ViewPanel) -> None:
    choice, three = view.findChild(QComboBox), [("c", "cut"), ("b", "built"), ("s", "same")]
    view.set_classes(three)
    QTest.keyClick(choice, Qt.Key.Key_Down)
    view.set_classes([])
    view.set_classes(three)
    assert choice.currentText() == "Score of built"
