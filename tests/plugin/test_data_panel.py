"""The data panel with the real backend: opening, dropping, building, the sample, cancelling, and projects that go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.dock.label import build_plan
from bitscape.plugin.dock.label.data_panel import DataPanel, dropped_files
from bitscape.plugin.dock.label.raster_headers import date_of, read_header
from bitscape.plugin.dock.label.sample import Sample
from bitscape.plugin.dock.session import WARNING, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.tests.plugin.background_runs import SmallSample, backends, files_in, registered
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent


@pytest.fixture(scope="module", autouse=True)
def provider() -> Iterator[Any]:
    with registered() as found:
        yield found


@pytest.fixture(scope="module")
def made(provider: Any, tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    return SmallSample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def info(made: SmallSample) -> TilesInfo:
    return made.info()


@pytest.fixture
def rasters(made: SmallSample, tmp_path: Path) -> list[Path]:
    """Embeddings of two years in a folder of their own."""
    return [Path(shutil.copy(path, tmp_path / path.name)) for path in made.embeddings]


class Opened:
    """Stands for the live loop: remembers what is to be opened."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, path: Path) -> None:
        self.paths.append(path)


@pytest.fixture
def session() -> Iterator[Session]:
    QgsProject.instance().clear()
    session = Session(QgsProject.instance())
    yield session
    QgsProject.instance().clear()
    session.deleteLater()


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
def panel(session: Session, opened: Opened) -> Iterator[DataPanel]:
    panel = DataPanel(session, opened)
    panel.resize(340, 300)
    panel.show()
    yield panel
    panel.stop()
    panel.deleteLater()
    assert eventually(lambda: not QgsApplication.taskManager().countActiveTasks(), 10)
    assert not backends()


def drop(panel: DataPanel, *paths: Path) -> bool:
    """Drop files as a file manager does; whether they were taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    actions, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), actions, data, button, key)
    enter.ignore()
    panel.dragEnterEvent(enter)
    if enter.isAccepted():
        panel.dropEvent(QDropEvent(QPointF(5, 5), actions, data, button, key))
    return bool(enter.isAccepted())


def listed(panel: DataPanel) -> list[tuple[str, str]]:
    return [(date, header.path.name) for date, header in zip(panel.form.dates, panel.form.headers)]


def wait_for_form(panel: DataPanel, count: int) -> None:
    assert eventually(lambda: len(panel.form.headers) == count and not panel.form.is_reading, 10)


def finish(panel: DataPanel) -> str:
    assert eventually(lambda: panel.run is None, 90), panel.status.words.text()
    return str(panel.status.words.text())


def layers(session: Session) -> list[str]:
    return [node.name() for node in session.group().children()]


def test_each_state_has_words(panel: DataPanel, session: Session, opened: Opened, info: TilesInfo) -> None:
    assert panel.state.text().startswith("Nothing loaded. Drop embedding tiles or two embedding rasters here")
    assert drop(panel, info.path)
    assert opened.paths == [info.path] and panel.state.text() == "Opening change.tif…"
    session.set_tiles(info)
    assert "change.tif" in panel.state.text() and "8 components" in panel.state.text()
    for attribution in info.attributions:
        assert attribution in panel.state.text()
    session.set_tiles(None)
    assert panel.state.text().startswith("Nothing loaded")


def test_tiles_that_cannot_be_opened_are_no_longer_opening(
    panel: DataPanel, session: Session, opened: Opened, info: TilesInfo
) -> None:
    panel.take([info.path])
    session.said.emit("change.tif is broken.", WARNING)
    assert panel.state.text().startswith("Nothing loaded")
    assert panel.status.words.text() == "⚠ change.tif is broken."
    panel.take([info.path])
    assert panel.status.isHidden()
    panel.show_failure("No backend.")
    assert panel.status.words.text() == "⚠ No backend." and panel.state.text().startswith("Nothing loaded")
    session.said.emit("Something else.", WARNING)
    assert panel.status.words.text() == "⚠ No backend."


def test_what_is_neither_tiles_nor_rasters_is_refused_in_words(
    panel: DataPanel, made: SmallSample, info: TilesInfo, tmp_path: Path
) -> None:
    for paths, words in (
        ([info.path, made.embeddings[0]], "opened one at a time"), ([tmp_path], "is a folder"),
        ([made.labels], "is no raster"),
    ):
        assert drop(panel, *paths)
        assert words in panel.status.words.text() and panel.form.isHidden()
    assert not drop(panel, tmp_path / "nowhere.tif")
    text = tmp_path / "notes.txt"
    text.write_text("no raster")
    drop(panel, text)
    wait_for_form(panel, 1)
    assert "notes.txt cannot be read as a raster" in panel.form.cost.text() and not panel.form.start.isEnabled()


def test_dropped_rasters_are_described_in_the_order_of_their_dates(panel: DataPanel, rasters: list[Path]) -> None:
    drop(panel, rasters[1], rasters[0])
    wait_for_form(panel, 2)
    assert panel.form.isVisible()
    assert listed(panel) == [("2020", "embeddings_2020.tif"), ("2024", "embeddings_2024.tif")]
    seen = panel.form.seen.text()
    for part in ("64 bands of int8", "2020 and 2024", "EPSG:32610", "0.0655 Mpx"):
        assert part in seen, seen
    assert panel.form.cost.text().startswith("About ") and "free" in panel.form.cost.text()
    assert panel.form.plan() == build_plan.BuildPlan(
        tuple(rasters), ("2020", "2024"), rasters[0].with_name("change_2020-2024.tif"),
        rasters[0].with_name("change_2020-2024_magnitude.tif"))
    panel.form._rows[0].date.setText("2030")
    panel.form._rows[0].date.editingFinished.emit()
    assert listed(panel) == [("2024", "embeddings_2024.tif"), ("2030", "embeddings_2020.tif")]
    assert panel.form.plan().tiles.name == "change_2024-2030.tif"
    panel.form._rows[0].date.setText("2030")
    panel.form._rows[0].date.editingFinished.emit()
    assert "same date" in panel.form.cost.text() and panel.form.plan() is None
    panel.form._rows[0].date.setText("")
    panel.form._rows[0].date.editingFinished.emit()
    assert "Type the date" in panel.form.cost.text()
    panel.form.leave.click()
    assert panel.form.isHidden() and panel.form.headers == []


def test_what_cannot_be_built_is_said_before(panel: DataPanel, rasters: list[Path]) -> None:
    half = rasters[0].with_name("half_2022.tif")
    gdal.Translate(str(half), str(rasters[0]), srcWin=[0, 0, 128, 256], metadataOptions=["YEAR=2022"])
    bands = rasters[0].with_name("bands_2021.tif")
    gdal.Translate(str(bands), str(rasters[0]), bandList=[1, 2, 3], metadataOptions=["YEAR=2021"])
    panel.take([rasters[0], half])
    wait_for_form(panel, 2)
    assert "different grids" in panel.form.cost.text() and panel.form.warp.isVisible()
    assert not panel.form.start.isEnabled()
    panel.form.warp.setChecked(True)
    assert panel.form.plan().warp and panel.form.start.isEnabled()
    panel.take([bands])
    wait_for_form(panel, 3)
    assert "64 bands and bands_2021.tif 3" in panel.form.cost.text()
    panel.form.clear()
    panel.take(rasters)
    wait_for_form(panel, 2)
    (rasters[0].with_name("x.basis.json")).write_text("{}")
    panel.form.target.setFilePath(str(rasters[0].with_name("x.tif")))
    assert "x.basis.json exists already" in panel.form.cost.text() and "x_2.tif is free" in panel.form.cost.text()


def test_built_tiles_are_opened_and_their_pictures_are_in_the_group(
    panel: DataPanel, session: Session, opened: Opened, rasters: list[Path]
) -> None:
    drop(panel, *rasters)
    wait_for_form(panel, 2)
    panel.form.start.click()
    assert panel.run is not None and panel.form.isHidden()
    assert not panel.tiles.isEnabled() and not panel.sample.isEnabled()
    assert panel.status.bar.isVisible() and panel.status.cancel.isVisible()
    said: list[str] = []
    session.said.connect(lambda text, _: said.append(text))
    assert drop(panel, rasters[0]) and "Wait for the run" in said[0]
    panel.show_failure("No backend.")
    assert panel.status.bar.isVisible() and panel.status.cancel.isVisible(), "the run stays in sight"
    finish(panel)
    tiles = rasters[0].with_name("change_2020-2024.tif")
    assert opened.paths == [tiles] and build_plan.is_tiles(tiles)
    assert layers(session) == ["Change magnitude 2020→2024", "Embedding picture 2020→2024"]
    assert panel.state.text() == "Opening change_2020-2024.tif…"
    assert panel.form.headers == []
    assert not list(tiles.parent.glob("*.aux.xml"))


def test_a_pair_of_years_without_change(panel: DataPanel, made: SmallSample, rasters: list[Path]) -> None:
    quiet = Path(shutil.copy(made.embeddings[0], rasters[0].with_name("embeddings_2019.tif")))
    panel.take(rasters)
    wait_for_form(panel, 2)
    panel.form.reference.setFilePath(str(quiet))
    plan = panel.form.plan()
    assert plan.reference == (quiet, rasters[0])
    later = quiet.rename(quiet.with_name("embeddings_2025.tif"))
    panel.form.reference.setFilePath(str(later))
    plan = panel.form.plan()
    assert plan.reference == (rasters[1], later)
    panel.form.start.click()
    finish(panel)
    assert "Reference 2024→" in panel.status.details.toPlainText()


def test_one_date_is_built_too_and_the_magnitude_is_optional(
    panel: DataPanel, session: Session, opened: Opened, rasters: list[Path]
) -> None:
    panel.take(rasters[:1])
    wait_for_form(panel, 1)
    assert "One date tells what is there" in panel.form.seen.text() and not panel.form.magnitude.isVisible()
    panel.form.start.click()
    finish(panel)
    assert [path.name for path in opened.paths] == ["embeddings_2020_tiles.tif"]
    assert layers(session) == ["Embedding picture 2020"]
    panel.take(rasters)
    wait_for_form(panel, 2)
    panel.form.magnitude.setChecked(False)
    assert panel.form.plan().magnitude is None


def test_a_cancelled_build_leaves_nothing(
    panel: DataPanel, session: Session, opened: Opened, rasters: list[Path]
) -> None:
    before = files_in(rasters[0].parent)
    panel.take(rasters)
    wait_for_form(panel, 2)
    panel.form.start.click()
    assert eventually(lambda: len(panel.run.results) == 1, 60), "the tiles are built, the magnitude is not"
    assert rasters[0].with_name("change_2020-2024.tif").exists()
    panel.status.cancel.click()
    assert finish(panel) == "Cancelled; nothing was left behind."
    assert files_in(rasters[0].parent) == before and opened.paths == [] and layers(session) == []
    assert panel.form.isVisible() and len(panel.form.headers) == 2, "one can try again"
    assert panel.tiles.isEnabled() and panel.sample.isEnabled()


def test_a_build_that_fails_says_why_and_leaves_nothing(
    panel: DataPanel, opened: Opened, rasters: list[Path]
) -> None:
    before = files_in(rasters[0].parent)
    panel.take(rasters)
    wait_for_form(panel, 2)
    panel.form.start.click()
    rasters[1].write_bytes(rasters[1].read_bytes()[:5000])
    text = finish(panel)
    assert text.startswith("⚠ ") and "embeddings_2024.tif" in text
    assert files_in(rasters[0].parent) == before and opened.paths == []
    assert panel.form.isVisible() and panel.status.more.isVisible()


def test_a_project_closed_during_a_build_gets_nothing(
    panel: DataPanel, opened: Opened, rasters: list[Path]
) -> None:
    panel.take(rasters)
    wait_for_form(panel, 2)
    panel.form.start.click()
    assert eventually(backends)
    QgsProject.instance().clear()
    assert "The project was closed meanwhile" in finish(panel)
    assert opened.paths == [] and QgsProject.instance().mapLayers() == {}
    assert rasters[0].with_name("change_2020-2024.tif").exists()


def test_the_sample_is_made_once_and_its_truth_is_not_shown(
    panel: DataPanel, session: Session, opened: Opened, tmp_path: Path
) -> None:
    sample = Sample(tmp_path / "sample", 256)
    panel.open_sample(sample)
    finish(panel)
    assert opened.paths == [tmp_path / "sample" / "change.tif"] and sample.is_built
    shown = ["Change magnitude 2020→2024", "Sentinel-2-like 2024", "Sentinel-2-like 2020"]
    assert layers(session) == shown
    assert len(QgsProject.instance().mapLayers()) == 3
    stamp = sample.plan.tiles.stat().st_mtime_ns
    panel.open_sample(sample)
    assert panel.run is None and len(opened.paths) == 2 and layers(session) == shown
    QgsProject.instance().clear()
    panel.open_sample(sample)
    assert layers(session) == shown and sample.plan.tiles.stat().st_mtime_ns == stamp
    sample.plan.magnitude.unlink()
    panel.open_sample(sample)
    assert len(panel.run.steps) == 2, "the landscape is there"
    finish(panel)
    assert sample.is_built


def test_a_cancelled_sample_leaves_nothing(panel: DataPanel, opened: Opened, tmp_path: Path) -> None:
    panel.open_sample(Sample(tmp_path / "in" / "sample", 2048))
    assert eventually(lambda: panel.status.bar.value() > 0)
    panel.status.cancel.click()
    assert finish(panel) == "Cancelled; nothing was left behind."
    assert not (tmp_path / "in" / "sample").exists() and opened.paths == []


def test_the_dock_goes_during_a_build(session: Session, opened: Opened, rasters: list[Path]) -> None:
    before = files_in(rasters[0].parent)
    panel = DataPanel(session, opened)
    panel.take(rasters)
    wait_for_form(panel, 2)
    panel.build(panel.form.plan())
    assert eventually(backends)
    panel.stop()
    panel.deleteLater()
    assert not backends()
    eventually(lambda: False, 0.3)
    assert files_in(rasters[0].parent) == before and opened.paths == []


@pytest.mark.parametrize(("name", "tag", "date"), [
    ("embeddings_2020.tif", "", "2020"), ("x_20210630.tif", "", "2021-06-30"), ("x-2021-06.tif", "", "2021-06"),
    ("tile.tif", "2019", "2019"), ("tile_17.tif", "", ""), ("a2020.tif", "2022", "2022"),
])
def test_dates_in_names(name: str, tag: str, date: str) -> None:
    assert date_of(Path(name), tag) == date


def test_headers_of_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    for path in (tmp_path / "empty.tif", tmp_path / "nowhere.tif", tmp_path):
        assert read_header(path).error and read_header(path).width == 0


def test_files_from_the_browser_of_qgis(made: SmallSample) -> None:
    from qgis.core import QgsMimeDataUtils, QgsRasterLayer

    layer = QgsRasterLayer(str(made.tiles), "tiles", "gdal")
    uri = QgsMimeDataUtils.Uri(layer)
    assert dropped_files(QgsMimeDataUtils.encodeUriList([uri])) == [made.tiles]
