"""The panel that runs it everywhere, with the real backend: cost, map, areas, names, export, cancel, and failures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.backend.environment import backend_python
from bitscape.plugin.backend.resident import Resident
from bitscape.plugin.dock.label.run_panel import RunPanel
from bitscape.plugin.dock.map_plan import free, names_of
from bitscape.plugin.dock.session import Session
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.tests.plugin.background_runs import SmallSample, backends, files_in, registered
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal
from qgis.core import QgsApplication, QgsFeature, QgsGeometry, QgsProject, QgsRectangle, QgsVectorLayer

SIDE = 256


@pytest.fixture(scope="module", autouse=True)
def provider() -> Iterator[Any]:
    with registered() as found:
        yield found


@pytest.fixture(scope="module")
def made(provider: Any, tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    return SmallSample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def sample(made: SmallSample, tmp_path: Path) -> SmallSample:
    """Tiles and labels in a folder of their own."""
    for path in (made.tiles, made.tiles.with_suffix(".basis.json"), made.labels):
        shutil.copy(path, tmp_path / path.name)
    return SmallSample(tmp_path, made.embeddings, tmp_path / made.labels.name, tmp_path / made.tiles.name)


@pytest.fixture(scope="module")
def resident() -> Iterator[Resident]:
    resident = Resident(backend_python)
    yield resident
    resident.close()


@pytest.fixture
def session() -> Iterator[Session]:
    QgsProject.instance().clear()
    session = Session(QgsProject.instance())
    yield session
    QgsProject.instance().clear()
    session.deleteLater()


@pytest.fixture
def panel(session: Session, resident: Resident) -> Iterator[RunPanel]:
    panel = RunPanel(session, resident)
    panel.resize(340, 400)
    panel.show()
    yield panel
    panel.stop()
    panel.deleteLater()
    eventually(lambda: not QgsApplication.taskManager().countActiveTasks(), 5)
    resident.cancel("estimate")


@pytest.fixture
def ready(panel: RunPanel, session: Session, sample: SmallSample) -> RunPanel:
    """With tiles and labels."""
    session.set_tiles(sample.info())
    session.adopt_labels(sample.label_layer(), "label")
    return panel


def read(path: Path) -> Any:
    return gdal.Open(str(path)).ReadAsArray()


def box(session: Session, west: int, north: int, width: int, height: int) -> QgsRectangle:
    """Pixels of the tiles as a rectangle of their CRS."""
    assert session.tiles is not None
    extent, pixel = session.tiles.extent, session.tiles.pixel
    left, top = extent.xMinimum() + west * pixel, extent.yMaximum() - north * pixel
    return QgsRectangle(left, top - height * pixel, left + width * pixel, top)


def finish(panel: RunPanel) -> str:
    assert eventually(lambda: panel.run is None, 90), panel.status.words.text()
    return str(panel.status.words.text())


def test_every_state_before_there_is_something_to_run_has_words(
    panel: RunPanel, session: Session, sample: SmallSample
) -> None:
    assert not panel.start.isEnabled() and not panel.copy.isEnabled()
    assert panel.names.text() == "Choose the data first."
    panel.apply()
    assert "Choose the data first" in panel.status.words.text()
    session.set_tiles(sample.info())
    assert panel.names.text() == "Label places of at least two classes first."
    assert not panel.start.isEnabled()
    session.adopt_labels(sample.label_layer(), "label")
    assert panel.start.isEnabled() and panel.copy.isEnabled() and not panel.areas.isEnabled()
    assert panel.score_path == sample.folder / "change_score.tif"
    assert panel.names.text() == "With change_classes.tif, change_model.json beside it."


def test_the_cost_is_told_first_and_kept_fresh(ready: RunPanel, session: Session) -> None:
    assert eventually(lambda: "free" in ready.cost.text()), ready.cost.text()
    first = ready.cost.text()
    assert first.startswith("0.0655 Mpx, about ") and " s, about " in first and "B; " in first
    asked = ready._token
    session.labels_changed.emit()
    eventually(lambda: False, 0.6)
    assert ready._token == asked, "a click does not change the cost"
    aoi = AoiLayer.create(session.tiles.path.with_name("aoi.gpkg"), session.tiles.crs)
    session.set_aoi(aoi)
    aoi.add(QgsGeometry.fromRect(box(session, 64, 64, 100, 50)))
    session.aoi_changed.emit()
    assert ready.areas.isEnabled() and not ready.areas.isChecked()
    ready.areas.setChecked(True)
    assert eventually(lambda: ready.cost.text().startswith("0.005 Mpx")), ready.cost.text()
    ready.whole.setChecked(True)
    assert eventually(lambda: ready.cost.text().startswith("0.0655 Mpx")), ready.cost.text()


def test_apply_trains_and_maps_beside_the_tiles(ready: RunPanel, session: Session, sample: SmallSample) -> None:
    said: list[str] = []
    session.said.connect(lambda text, _: said.append(text))
    seen: set[bool] = set()
    ready.start.click()
    assert ready.run is not None
    ready.run.progressed.connect(lambda *_: seen.add(
        ready.status.bar.isVisible() and ready.status.cancel.isVisible() and ready.status.cancel.isEnabled()))
    assert not ready.start.isEnabled() and not ready.export.isEnabled()
    text = finish(ready)
    assert text.startswith("Done in "), text
    assert True in seen
    assert {"change_score.tif", "change_classes.tif", "change_model.json"} <= files_in(sample.folder)
    for name in ("change_score.tif", "change_classes.tif", "change_model.json", "Labelling", "one half"):
        assert name in text
    assert any("change_score.tif" in one for one in said)
    model = json.loads((sample.folder / "change_model.json").read_text())
    assert model["positive_class"] == "change" and sorted(model["classes"]) == ["change", "nochange"]
    assert [node.name() for node in session.group().children()] == [
        "Labels", "Score of change 2020→2024", "Classes 2020→2024"]
    assert read(sample.folder / "change_score.tif").shape == (SIDE, SIDE)
    assert not ready.status.bar.isVisible() and not ready.status.cancel.isVisible()
    assert ready.status.more.isVisible() and "F1" in ready.status.details.toPlainText()
    assert ready.score_path.name == "change_score_2.tif" and ready.start.isEnabled()


def test_areas_limit_the_training_and_the_map(ready: RunPanel, session: Session, sample: SmallSample) -> None:
    whole = {label.code for label in session.training}
    aoi = AoiLayer.create(sample.folder / "aoi.gpkg", session.tiles.crs)
    session.set_aoi(aoi)
    aoi.add(QgsGeometry.fromRect(box(session, 0, 0, 200, 150)))
    session.set_limit(True)
    assert ready.areas.isChecked(), "limited labels mean a limited map, unless one says otherwise"
    inside = len(session.training)
    assert {label.code for label in session.training} == whole and inside < len(session.labels.labels())
    ready.apply()
    assert finish(ready).startswith("Done in ")
    scores = read(sample.folder / "change_score.tif")
    assert scores.shape == (150, 200)
    model = json.loads((sample.folder / "change_model.json").read_text())
    assert sum(model["counts"].values()) <= inside < len(session.labels.labels())
    session.set_limit(False)
    assert ready.whole.isChecked()


def test_nothing_is_overwritten(ready: RunPanel, sample: SmallSample) -> None:
    (sample.folder / "mine_classes.tif").write_text("precious")
    ready.target.setFilePath(str(sample.folder / "mine_score.tif"))
    assert not ready.start.isEnabled()
    assert ready.names.text() == "mine_classes.tif exists already; nothing is overwritten."
    ready.apply()
    assert ready.run is None and "nothing is overwritten" in ready.status.words.text()
    ready.other.click()
    assert ready.score_path.name == "mine_score_2.tif" and ready.start.isEnabled()
    assert (sample.folder / "mine_classes.tif").read_text() == "precious"
    (sample.folder / "mine_model_2.json").write_text("{}")
    ready.apply()
    assert ready.run is None and "mine_model_2.json exists already" in ready.status.words.text()


def test_cancel_in_the_middle_leaves_nothing(ready: RunPanel, session: Session, sample: SmallSample) -> None:
    before = files_in(sample.folder)
    ready.apply()
    assert eventually(backends)
    ready.status.cancel.click()
    assert not ready.status.cancel.isEnabled() and "Cancelling" in ready.status.words.text()
    assert finish(ready) == "Cancelled; nothing was written."
    assert files_in(sample.folder) - {"labels.gpkg-wal", "labels.gpkg-shm"} == before
    assert ready.start.isEnabled() and ready.score_path.name == "change_score.tif"
    assert [node.name() for node in session.group().children()] == ["Labels"]


def test_a_failure_says_what_happened_and_has_details(ready: RunPanel, sample: SmallSample) -> None:
    ready.target.setFilePath(str(sample.folder / "nowhere" / "score.tif"))
    ready.apply()
    text = finish(ready)
    assert text.startswith("⚠ ") and "nowhere" in text
    ready.target.setFilePath(str(sample.folder / "score.tif"))
    sample.tiles.with_suffix(".basis.json").write_text("{}")
    ready.apply()
    assert "basis" in finish(ready)
    assert ready.status.more.isVisible()
    ready.status.more.click()
    assert ready.status.details.isVisible() and "trainclassifier" in ready.status.details.toPlainText()


def test_the_project_is_cleared_in_the_middle_of_a_run(ready: RunPanel, session: Session, sample: SmallSample) -> None:
    ready.apply()
    assert eventually(backends)
    QgsProject.instance().clear()
    session.set_tiles(None)
    text = finish(ready)
    assert "The project was closed meanwhile" in text
    assert (sample.folder / "change_score.tif").exists()
    assert QgsProject.instance().mapLayers() == {}
    assert not ready.start.isEnabled()


def test_the_dock_goes_in_the_middle_of_a_run(
    session: Session, resident: Resident, sample: SmallSample
) -> None:
    panel = RunPanel(session, resident)
    session.set_tiles(sample.info())
    session.adopt_labels(sample.label_layer(), "label")
    before = files_in(sample.folder)
    others = set(backends())
    panel.apply()
    assert eventually(lambda: set(backends()) - others)
    panel.stop()
    panel.deleteLater()
    assert set(backends()) <= others | {resident.pid}
    eventually(lambda: False, 0.3)
    assert files_in(sample.folder) - {"labels.gpkg-wal", "labels.gpkg-shm"} == before


def test_labels_and_areas_in_memory_are_written_to_files_first(
    ready: RunPanel, session: Session, sample: SmallSample
) -> None:
    stored = sample.label_layer()
    memory = QgsVectorLayer(f"Point?crs={stored.crs().authid()}&field=kind:string", "Mine", "memory")
    for feature in stored.getFeatures():
        copy = QgsFeature(memory.fields())
        copy.setGeometry(feature.geometry())
        copy.setAttribute("kind", feature["label"])
        memory.dataProvider().addFeature(copy)
    session.adopt_labels(memory, "kind")
    polygons = QgsVectorLayer(f"Polygon?crs={stored.crs().authid()}", "Areas", "memory")
    session.set_aoi(AoiLayer(polygons))
    session.aoi.add(QgsGeometry.fromRect(box(session, 0, 0, 100, 120)))
    session.aoi_changed.emit()
    ready.areas.setChecked(True)
    text = ready.command_text()
    assert "change_labels.gpkg|layername=labels" in text and "change_aoi.gpkg|layername=aoi" in text
    written = QgsVectorLayer(f"{sample.folder}/change_labels.gpkg|layername=labels")
    assert written.featureCount() == stored.featureCount()
    ready.apply()
    assert finish(ready).startswith("Done in ")
    assert read(sample.folder / "change_score.tif").shape == (120, 100)


def test_export(ready: RunPanel, session: Session, sample: SmallSample) -> None:
    out = sample.folder / "out"
    out.mkdir()
    ready.export_labels(out / "l.geojson")
    assert len(json.loads((out / "l.geojson").read_text())["features"]) == sample.label_layer().featureCount()
    assert "l.geojson" in ready.status.words.text()
    ready.export_labels(out / "l.xls")
    assert ready.status.words.text().startswith("⚠ ")
    ready.export_classes(out / "c.csv")
    assert (out / "c.csv").read_text().splitlines()[0] == "code,name,colour"
    ready.export_model(out / "m.json")
    assert "m.json" in finish(ready)
    assert json.loads((out / "m.json").read_text())["positive_class"] == "change"
    assert files_in(out) == {"l.geojson", "c.csv", "m.json"}
    ready.copy_command()
    assert QgsApplication.clipboard().text() == ready.command_text()


@pytest.mark.parametrize(("score", "classes", "model"), [
    ("a_score.tif", "a_classes.tif", "a_model.json"), ("a_score_12.tif", "a_classes_12.tif", "a_model_12.json"),
    ("a.tif", "a_classes.tif", "a_model.json"), ("a_score_b.tif", "a_score_b_classes.tif", "a_score_b_model.json"),
])
def test_names_that_go_together(tmp_path: Path, score: str, classes: str, model: str) -> None:
    assert [path.name for path in names_of(tmp_path / score)] == [classes, model]
    assert free(tmp_path / score) == tmp_path / score
    (tmp_path / model).touch()
    assert free(tmp_path / score) != tmp_path / score and not free(tmp_path / score).exists()
