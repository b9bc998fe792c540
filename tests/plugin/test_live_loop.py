"""From a click to the map, with the real backend on real tiles: what arrives, what is drawn, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.backend.resident import Resident
from bitscape.plugin.dock.label.live_loop import LiveLoop, folder_for
from bitscape.plugin.dock.session import Session
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.score_views import CLASSES, SCORE, UNCERTAINTY
from bitscape.tests.plugin.background_runs import SmallSample, registered
from bitscape.tests.plugin.waiting import eventually, spin
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas

UTM = QgsCoordinateReferenceSystem("EPSG:32610")
WEST, NORTH, SIDE, PIXEL = 540_000.0, 5_270_000.0, 256, 10.0
REST = 1.2  # seconds after which everything that was put off has been asked for


def read(path: Any) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    with registered():
        return SmallSample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def truth(made: SmallSample) -> np.ndarray:
    """What really changed, (256, 256): 1 where something did, 255 where nothing is known."""
    return read(made.folder / "data" / "change_truth.tif")


@pytest.fixture(scope="module")
def resident(backend_python: Path) -> Iterator[Resident]:
    running = Resident(lambda: backend_python)
    yield running
    running.close()


@pytest.fixture
def tiles(made: SmallSample, tmp_path: Path) -> Path:
    for path in (made.tiles, made.tiles.with_suffix(".basis.json")):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / made.tiles.name


@pytest.fixture
def canvas(qgis_application: QgsApplication) -> Iterator[QgsMapCanvas]:
    """All of the tiles on 300 × 300 pixels, and no project."""
    QgsProject.instance().clear()
    shown = QgsMapCanvas()
    shown.setDestinationCrs(UTM)
    shown.show()
    shown.setFixedSize(302, 302)
    QgsApplication.processEvents()
    shown.setExtent(QgsRectangle(WEST, NORTH - SIDE * PIXEL, WEST + SIDE * PIXEL, NORTH))
    yield shown
    QgsProject.instance().clear()
    shown.deleteLater()


class Heard:
    """A loop on tiles, and everything it told and asked."""

    def __init__(self, loop: LiveLoop, truth: np.ndarray) -> None:
        self.loop, self.session, self._truth = loop, loop.session, truth
        self._random = np.random.default_rng(5)
        self.maps, self.validations, self.curves, self.points = [], [], [], []
        self.said, self.working, self.asked = [], [], []
        for told, heard in (
            (loop.answered, self.maps), (loop.validated, self.validations), (loop.curve_ready, self.curves),
            (loop.suggested, self.points), (loop.working, self.working),
        ):
            told.connect(heard.append)
        self.session.said.connect(lambda text, level: self.said.append(text))
        submit = loop.resident.submit
        loop.resident.submit = lambda channel, *job: self.asked.append(channel) or submit(channel, *job)

    def place(self, code: str, count: int, changed: bool = True) -> None:
        """Labels of a class, one click after the other, where there is change, or where there is none."""
        self.session.choose(code)
        for row, column in self._random.permutation(np.argwhere(self._truth == int(changed)))[:count]:
            point = QgsPointXY(WEST + (column + 0.5) * PIXEL, NORTH - (row + 0.5) * PIXEL)
            assert self.session.place([point], UTM) == 1, self.said

    def place_both(self, each: int) -> None:
        self.place("nochange", each, changed=False)
        self.place("change", each)

    def quiet(self, seconds: float = 0.0) -> None:
        """Wait until the backend has nothing left to do, after a rest."""
        for pause in (seconds, 0.15):
            spin(pause)
            assert eventually(lambda: self.working and self.working[-1] == "", 30), self.working

    def forget(self) -> None:
        for heard in (self.maps, self.validations, self.curves, self.points, self.said, self.working, self.asked):
            heard.clear()

    def layer(self, role: str) -> QgsRasterLayer | None:
        return self.loop.layers.layer(role)

    def drawn(self, role: str) -> np.ndarray:
        """What the layer's file holds, as it lies on disk."""
        return read(self.layer(role).source())


@pytest.fixture
def heard(canvas: QgsMapCanvas, resident: Resident, tiles: Path, truth: np.ndarray) -> Iterator[Heard]:
    """With the tiles open and the first answer there; without learning curve."""
    session = Session(QgsProject.instance())
    loop = LiveLoop(session, canvas, resident)
    loop.with_curve = False
    made = Heard(loop, truth)
    loop.open_tiles(tiles)
    assert eventually(lambda: made.maps, 30), made.said
    yield made
    del resident.submit
    for channel in ("map", "validation", "curve", "suggestion", "tiles"):
        resident.cancel(channel)
    loop.close()
    session.close()
    loop.deleteLater()
    session.deleteLater()


def test_opened_tiles_become_the_sessions_and_gaps_are_hatched(heard: Heard, tiles: Path, truth: np.ndarray) -> None:
    found = heard.session.tiles
    assert (found.path, found.width, found.count, found.crs, found.period) == (tiles, SIDE, 8, UTM, "2020→2024")
    (answer,) = heard.maps
    assert answer["model"] is None and "No labels yet" in answer["reason"]
    assert heard.layer("score") is None and heard.validations == [{}]
    hatching = heard.drawn("hatching")
    assert set(np.unique(hatching)) == {0, 1} and hatching.shape == (300, 300)
    gaps = (truth == 255)[np.ix_(*[np.arange(300) * SIDE // 300] * 2)]
    assert (hatching[gaps] == 1).mean() > 0.1 and (hatching[~gaps] == 1).mean() < 0.002


def test_tiles_that_are_none_are_said_and_change_nothing(heard: Heard, made: SmallSample) -> None:
    heard.loop.open_tiles(made.folder / "data" / "change_truth.tif")
    assert eventually(lambda: heard.said, 20)
    assert "change_truth.tif" in heard.said[0] and heard.session.tiles.path.name == "change.tif"


def test_one_class_makes_no_model_and_the_reason_is_given(heard: Heard) -> None:
    heard.forget()
    heard.place("change", 3)
    assert eventually(lambda: heard.maps and heard.validations[-1:] not in ([], [{}]), 20)
    assert heard.maps[-1]["model"] is None and "change" in heard.maps[-1]["reason"]
    assert heard.validations[-1]["random"] is None and heard.validations[-1]["random_reason"]
    assert heard.layer("score") is None and heard.layer("hatching") is not None


def test_with_the_second_class_the_score_appears_and_is_right(heard: Heard, truth: np.ndarray) -> None:
    heard.place_both(20)
    assert eventually(lambda: heard.maps[-1]["model"], 20)
    heard.quiet()
    assert heard.maps[-1]["model"]["counts"] == {"change": 20, "nochange": 20}
    score, hatching = heard.layer("score"), heard.layer("hatching")
    assert score.isValid() and score.name() == "Score of change 2020→2024" and hatching.isValid()
    order = [node.layer().customProperty("bitscape/role") for node in heard.session.group().findLayers()]
    assert sorted(order) == ["hatching", "labels", "score"] and order[-1] == "score", "nothing lies below the score"
    pixels = heard.drawn("score")
    assert pixels.shape == (SIDE, SIDE) and ((pixels == 255) == (truth == 255)).all()
    middle = np.median(pixels[truth == 0])
    assert (pixels[truth == 1] > middle).mean() > 0.95, "what changed scores higher than what did not"
    assert sum(heard.maps[-1]["drawn"]["histogram"]) == (truth != 255).sum() == heard.maps[-1]["drawn"]["covered"]
    assert 0 < heard.validations[-1]["random"]["f1"] <= 1 and len(heard.validations[-1]["held_out"]) == 40


def test_the_score_goes_when_the_second_class_is_taken_back(heard: Heard) -> None:
    heard.place("nochange", 2, changed=False)
    heard.place("change", 1)
    assert eventually(lambda: heard.layer("score"), 20)
    heard.session.undo()
    assert eventually(lambda: heard.maps[-1]["model"] is None, 20)
    assert heard.layer("score") is None and heard.layer("hatching") is not None


def test_of_ten_quick_clicks_only_the_newest_is_answered_and_knows_all(heard: Heard) -> None:
    heard.place_both(5)
    heard.quiet()
    heard.forget()
    heard.place("change", 10)
    heard.quiet()
    assert [answer["model"]["counts"] for answer in heard.maps] == [{"change": 15, "nochange": 5}]
    assert [validation["counts"] for validation in heard.validations] == [{"change": 15, "nochange": 5}]


def test_the_learning_curve_waits_until_the_hand_rests(heard: Heard) -> None:
    heard.loop.with_curve = True
    heard.place_both(11)
    heard.forget()
    heard.place("change", 2)
    eventually(lambda: heard.validations, 20)
    assert "curve" not in heard.asked
    heard.quiet(REST)
    assert heard.asked.count("curve") == 1 and "Learning curve…" in heard.working
    assert heard.curves[-1]["clicks"][-1] == 24 and heard.curves[-1]["random"][-1] is not None
    heard.place("change", 1)
    heard.working.clear()
    assert eventually(lambda: "Learning curve…" in heard.working, 20)
    heard.curves.clear()
    heard.place("change", 1)
    heard.quiet(REST)
    assert [curve["clicks"][-1] for curve in heard.curves] == [26], "the one that was under way is out of date"


def test_zooming_asks_for_the_map_once_after_the_rest_and_for_nothing_else(heard: Heard, canvas: QgsMapCanvas) -> None:
    heard.place_both(4)
    heard.quiet()
    heard.forget()
    for _ in range(5):
        canvas.zoomByFactor(0.8)
        spin(0.02)
    assert heard.asked == []
    assert eventually(lambda: heard.maps, 20)
    heard.quiet(0.3)
    assert heard.asked == ["map"] and len(heard.maps) == 1
    assert heard.maps[0]["drawn"]["hatching"] == heard.layer("hatching").source(), "it is drawn for the new window"
    shown, extent = heard.layer("score").extent(), canvas.extent()
    assert shown.contains(extent) and shown.width() < extent.width() + 4 * PIXEL < SIDE * PIXEL


def test_a_map_in_another_crs_sees_the_same_place(heard: Heard, canvas: QgsMapCanvas) -> None:
    heard.place_both(4)
    heard.quiet()
    before = heard.maps[-1]["drawn"]["covered"]
    heard.forget()
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    canvas.refresh()
    assert eventually(lambda: heard.maps, 20)
    heard.quiet()
    assert heard.maps[-1]["drawn"]["covered"] == before, "all of the tiles is still on the map"


def test_another_look_computes_nothing(heard: Heard) -> None:
    heard.place_both(4)
    heard.quiet()
    source, looks = heard.layer("score").source(), []
    heard.forget()
    for look in ((SCORE, 0.5, 0.4), (CLASSES, 0.5, 0.4), (CLASSES, 0.8, 0.4), (UNCERTAINTY, 0.8, 0.4)):
        heard.loop.set_look(*look)
        ramp = heard.layer("score").renderer().shader().rasterShaderFunction().colorRampItemList()
        looks.append([(item.value, item.color.getRgb()) for item in ramp])
    spin(0.4)
    assert not heard.asked and not heard.maps and heard.layer("score").source() == source
    assert all(looks[one] != looks[other] for one in range(4) for other in range(one))


def test_what_is_extrapolated_is_hatched_the_other_way_when_asked(heard: Heard) -> None:
    heard.place_both(4)
    heard.quiet()
    assert heard.maps[-1]["drawn"]["hatching"] is None, "what hangs already is not drawn at every click"
    assert heard.maps[-1]["drawn"]["extrapolated"] is None and 2 not in heard.drawn("hatching")
    heard.forget()
    heard.loop.set_extrapolated(True)
    heard.loop.set_extrapolated(True)
    assert eventually(lambda: heard.maps, 20)
    heard.quiet()
    assert heard.asked == ["map"] and heard.maps[-1]["drawn"]["extrapolated"] > 0
    assert {1, 2} <= set(np.unique(heard.drawn("hatching")))
    heard.loop.set_extrapolated(False)
    heard.quiet(0.1)
    assert 2 not in heard.drawn("hatching")


def test_limiting_to_areas_limits_training_and_map(heard: Heard, tmp_path: Path, truth: np.ndarray) -> None:
    heard.place_both(30)
    heard.quiet()
    areas = AoiLayer.create(tmp_path / "aoi.gpkg", UTM)
    areas.add(QgsGeometry.fromRect(QgsRectangle(WEST, NORTH - SIDE * PIXEL, WEST + 128 * PIXEL, NORTH)))
    heard.session.set_aoi(areas)
    heard.forget()
    heard.session.set_limit(True)
    assert eventually(lambda: heard.maps and heard.validations, 20)
    heard.quiet()
    inside = [label for label in heard.session.labels.labels() if label.x < WEST + 128 * PIXEL]
    assert 0 < len(inside) < 60 and sum(heard.maps[-1]["model"]["counts"].values()) == len(inside)
    assert sum(heard.validations[-1]["counts"].values()) == len(inside)
    pixels = heard.drawn("score")
    assert (pixels[:, 128:] == 255).all() and ((pixels[:, :128] == 255) == (truth[:, :128] == 255)).all()
    heard.session.set_limit(False)
    heard.quiet()
    assert sum(heard.maps[-1]["model"]["counts"].values()) == 60 and (heard.drawn("score")[:, 128:] < 255).any()


def test_of_three_classes_the_one_that_is_chosen_is_drawn(heard: Heard) -> None:
    heard.session.set_table(ClassTable.of_codes(("cut", "built", "same")))
    heard.place("cut", 6)
    heard.place("built", 6)
    heard.place("same", 6, changed=False)
    heard.quiet()
    assert heard.maps[-1]["drawn"]["shown"] == "built" and heard.layer("score").bandCount() == 3
    heard.loop.shown_class = "same"
    heard.loop.ask_map()
    assert eventually(lambda: heard.maps[-1]["drawn"]["shown"] == "same", 20)
    assert heard.layer("score").name() == "Score of same 2020→2024"


def test_a_suggestion_that_is_not_labelled_is_followed_by_another(heard: Heard, truth: np.ndarray) -> None:
    heard.place_both(5)
    heard.quiet()
    found = []
    for number in range(1, 4):
        heard.loop.suggest()
        assert eventually(lambda number=number: len(heard.points) == number, 20), heard.said
        (point,) = heard.points[-1]
        column, row = (point["x"] - WEST) / PIXEL, (NORTH - point["y"]) / PIXEL
        assert truth[int(row), int(column)] != 255, "there is data"
        found.append((point["x"], point["y"]))
    assert len(set(found)) == 3


def test_a_backend_that_is_killed_in_mid_call_answers_all_the_same_and_it_is_said(heard: Heard) -> None:
    heard.place_both(20)
    heard.forget()
    heard.place("change", 1)
    assert eventually(lambda: "Scoring the map…" in heard.working or "Validating…" in heard.working, 20)
    killed = heard.loop.resident.pid
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: heard.maps and heard.validations, 40)
    assert heard.maps[-1]["model"]["counts"] == {"change": 21, "nochange": 20} == heard.validations[-1]["counts"]
    assert heard.loop.resident.pid not in (None, killed)
    assert len(heard.said) == 1 and "no label is lost" in heard.said[0] and "SIGKILL" in heard.said[0]


def test_a_folder_that_cannot_be_made_is_said_and_nothing_is_raised(
    heard: Heard, tiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.excepthook", lambda *error: raised.append(error))
    folder = folder_for(heard.session.tiles)
    QgsProject.instance().removeAllMapLayers()
    shutil.rmtree(folder)
    folder.write_text("in the way")
    heard.forget()
    heard.place("change", 2)
    heard.place("nochange", 2, changed=False)
    assert str(folder) in heard.said[0] and "cannot be written" in heard.said[0]
    assert eventually(lambda: heard.validations[-1].get("counts"), 20), "what needs no picture is answered"
    assert raised == [] and "map" not in heard.asked
    folder.unlink()
    heard.place("change", 1)
    assert eventually(lambda: heard.layer("score"), 20), "it goes on when the folder can be made"


def test_pictures_that_cannot_be_written_are_said(heard: Heard) -> None:
    heard.quiet()
    for number in range(4):
        (folder_for(heard.session.tiles) / f"score-{number}.tif").mkdir()
    heard.forget()
    heard.place_both(2)
    assert eventually(lambda: heard.said, 20)
    assert "score-" in heard.said[0] and heard.layer("score") is None


def test_a_closed_loop_asks_nothing_more_and_removes_its_pictures(heard: Heard, canvas: QgsMapCanvas) -> None:
    heard.loop.with_curve = True
    heard.place_both(11)
    heard.quiet()
    QgsProject.instance().removeAllMapLayers()
    heard.quiet()
    assert list(folder_for(heard.session.tiles).glob("*.tif"))
    canvas.zoomByFactor(0.5)
    heard.forget()
    heard.loop.close()
    heard.loop.close = lambda: None  # the fixture's turn comes too
    spin(0.5)
    heard.loop.sweep()
    assert not list(folder_for(heard.session.tiles).glob("*.tif"))
    canvas.zoomByFactor(0.5)
    for signal_ in (heard.session.labels_changed, heard.session.classes_changed, heard.session.aoi_changed):
        signal_.emit()
    heard.session.set_tiles(heard.session.tiles)
    spin(REST)
    assert heard.asked == heard.maps == heard.validations == heard.said == []


def test_what_is_under_way_at_the_end_is_not_shown(heard: Heard) -> None:
    heard.place_both(11)
    heard.quiet()
    heard.forget()
    heard.place("change", 1)
    heard.loop.close()
    heard.loop.close = lambda: None
    spin(1)
    assert heard.maps == []


def test_other_tiles_leave_no_hatching_of_the_old_ones(heard: Heard, tiles: Path, tmp_path: Path) -> None:
    heard.place_both(3)
    heard.quiet()
    (tmp_path / "other").mkdir()
    for path in (tiles, tiles.with_suffix(".basis.json")):
        shutil.copy(path, tmp_path / "other" / path.name)
    heard.forget()
    heard.loop.open_tiles(tmp_path / "other" / tiles.name)
    assert eventually(lambda: heard.maps, 20)
    heard.quiet()
    roles = [one.customProperty("bitscape/role") for one in QgsProject.instance().mapLayers().values()]
    assert sorted(roles) == ["hatching", "labels", "score"]
