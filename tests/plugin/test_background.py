"""Runs in the background, with the real backend: chains, cancelling, failing, closing, and projects that go away."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.dock.background import BackgroundRun, Step, place_for_results
from bitscape.plugin.layers.live_layers import ROLE
from bitscape.tests.plugin.background_runs import Ending, SmallSample, backends, files_in, registered
from bitscape.tests.plugin.waiting import eventually
from qgis.core import QgsApplication, QgsProcessingOutputLayerDefinition, QgsProject
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QObject

LONG = {"SIZE": 4096, "SEED": 1, "YEARS": "2020,2024"}


@pytest.fixture(scope="module", autouse=True)
def provider() -> Iterator[Any]:
    with registered() as found:
        yield found


@pytest.fixture(scope="module")
def sample(provider: Any, tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    return SmallSample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture(autouse=True)
def project() -> Iterator[QgsProject]:
    QgsProject.instance().clear()
    yield QgsProject.instance()
    assert eventually(lambda: not QgsApplication.taskManager().countActiveTasks(), 10)
    QgsProject.instance().clear()
    assert not backends()


def group() -> Any:
    root = QgsProject.instance().layerTreeRoot()
    return root.findGroup("Work") or root.insertGroup(0, "Work")


def shown(path: Path) -> QgsProcessingOutputLayerDefinition:
    return QgsProcessingOutputLayerDefinition(str(path), QgsProject.instance())


def chain(sample: SmallSample, folder: Path) -> tuple[list[Step], list[Path]]:
    """Train, then apply the model that the training names."""
    model, score, classes = folder / "m.json", folder / "s.tif", folder / "c.tif"
    train = {"INPUT": str(sample.tiles), "LABELS": f"{sample.labels}|layername=labels", "OUTPUT": str(model)}

    def apply(results: Any) -> dict[str, Any]:
        return {"INPUT": [str(sample.tiles)], "MODEL": results[0]["OUTPUT"], "OUTPUT": shown(score),
                "CLASSES": shown(classes)}

    training = Step("bitscape:trainclassifier", train, "Training", 1)
    return [training, Step("bitscape:applyclassifier", apply, "Mapping", 3)], [model, score, classes]


def names(of: Any) -> list[str]:
    return [child.name() for child in of.children()]


def test_a_chain_uses_earlier_results_and_its_layers_come_styled_into_the_group(
    sample: SmallSample, tmp_path: Path
) -> None:
    labels = sample.label_layer()
    labels.setCustomProperty(ROLE, "labels")
    QgsProject.instance().addMapLayer(labels, False)
    group().addLayer(labels)
    steps, made = chain(sample, tmp_path)
    run = BackgroundRun(steps, QgsProject.instance(), group, made)
    ending = Ending(run)
    run.start()
    assert run.is_running
    how, results = ending.wait()
    assert how == "finished", results
    assert results["OUTPUT"] == str(tmp_path / "s.tif") and run.results[0]["OUTPUT"] == str(tmp_path / "m.json")
    assert not run.is_running
    assert names(group()) == ["Labels", "Score of change 2020→2024", "Classes 2020→2024"]
    for node in group().children()[1:]:
        assert node.layer().renderer().type() in ("singlebandpseudocolor", "paletted")
        assert node.layer().metadata().title() == node.name()
    fractions = [fraction for fraction, _ in ending.progress]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and len(set(fractions)) > 4
    assert any(fraction == 0.25 for fraction in fractions), "the second step begins at its share"
    assert {"Training", "Mapping"} < {text for _, text in ending.progress}
    assert any("F1" in line for line in run.log)
    assert place_for_results(group()) == 1
    assert not list(tmp_path.glob("*.aux.xml"))


def test_nothing_is_kept_of_a_run_that_is_over(sample: SmallSample, tmp_path: Path) -> None:
    from bitscape.plugin.dock.background import _Work

    steps, made = chain(sample, tmp_path)
    run = BackgroundRun(steps[:1], QgsProject.instance(), group, made)
    assert Ending(run).how == []
    ending = Ending(run)
    run.start()
    assert ending.wait()[0] == "finished"
    assert eventually(lambda: not _Work._kept, 5)


def test_cancelled_in_the_middle_it_stops_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    run = BackgroundRun([Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(folder)}, "Making")],
                        QgsProject.instance(), group, [folder])
    ending = Ending(run)
    run.start()
    assert eventually(lambda: any(fraction > 0 for fraction, _ in ending.progress)), run.log
    assert backends()
    began = time.monotonic()
    run.cancel()
    run.cancel()
    assert ending.progress[-1][1] == "Cancelling…"
    assert ending.wait(10) == ("cancelled", None)
    assert time.monotonic() - began < 4
    assert not folder.exists() and not backends()
    assert len(ending.how) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bitscape")]


def test_cancelled_in_qgis_s_own_list_of_tasks(tmp_path: Path) -> None:
    run = BackgroundRun([Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(tmp_path / "new")}, "Making")],
                        QgsProject.instance(), group, [tmp_path / "new"])
    ending = Ending(run)
    run.start()
    assert eventually(backends)
    (task,) = QgsApplication.taskManager().activeTasks()
    task.cancel()
    assert ending.wait(10) == ("cancelled", None)
    assert files_in(tmp_path) == set()


def test_cancelled_in_the_second_step_the_first_one_s_files_go_too_and_older_ones_stay(
    sample: SmallSample, tmp_path: Path
) -> None:
    (tmp_path / "s.qml").write_text("mine")
    steps, made = chain(sample, tmp_path)
    long = Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(tmp_path / "new")}, "Making")
    run = BackgroundRun([steps[0], long], QgsProject.instance(), group, [*made, tmp_path / "new"])
    ending = Ending(run)
    run.start()
    assert eventually(lambda: len(run.results) == 1 and any(fraction > 0.5 for fraction, _ in ending.progress))
    assert (tmp_path / "m.json").exists()
    run.cancel()
    assert ending.wait(10) == ("cancelled", None)
    assert files_in(tmp_path) == {"s.qml"}
    assert names(group()) == []


@pytest.mark.parametrize(("change", "words"), [
    ({"LABELS": "/nowhere/labels.gpkg"}, "/nowhere/labels.gpkg"),
    ({"INPUT": "/nowhere/tiles.tif"}, "/nowhere/tiles.tif"),
    ({"CLASS_FIELD": "colour"}, "colour"),
    ({"OUTPUT": "/nowhere/model.json"}, "The folder /nowhere does not exist"),
    ({"BLOCK_SIZE": -5}, "Incorrect parameter value"),
])
def test_failing_says_what_happened(sample: SmallSample, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    steps, made = chain(sample, tmp_path)
    first = Step(steps[0].algorithm, {**steps[0].parameters, **change}, "Training")
    run = BackgroundRun([first, steps[1]], QgsProject.instance(), group, made)
    ending = Ending(run)
    run.start()
    how, said = ending.wait()
    assert how == "failed" and (words in said or "BLOCK_SIZE" in change), said
    assert "Traceback" not in said
    assert files_in(tmp_path) == set() and not run.is_running


def test_a_failure_of_the_second_step_takes_the_first_one_s_file_away(sample: SmallSample, tmp_path: Path) -> None:
    steps, made = chain(sample, tmp_path)
    broken = {"INPUT": [str(sample.folder / "picture.tif")], "MODEL": str(made[0]), "OUTPUT": shown(made[1])}
    run = BackgroundRun([steps[0], Step("bitscape:applyclassifier", broken, "Mapping")], QgsProject.instance(), group,
                        made)
    ending = Ending(run)
    run.start()
    how, said = ending.wait()
    assert how == "failed" and "picture.tif" in said
    assert len(run.results) == 1 and files_in(tmp_path) == set()


def test_without_the_algorithm_or_the_backend_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = BackgroundRun([Step("bitscape:nosuch", {}, "No such")], QgsProject.instance(), group)
    ending = Ending(run)
    run.start()
    assert ending.wait(1)[0] == "failed" and "bitscape:nosuch" in ending.how[0][1]
    monkeypatch.setenv("BITSCAPE_PYTHON", "/nowhere/python")
    run = BackgroundRun([Step("bitscape:createsampledata", {"OUTPUT": str(tmp_path / "x")}, "Making")],
                        QgsProject.instance(), group, [tmp_path / "x"])
    ending = Ending(run)
    run.start()
    how, words = ending.wait()
    assert how == "failed" and "/nowhere/python" in words
    assert not (tmp_path / "x").exists()


def test_a_backend_that_is_killed_is_a_failure_in_words(tmp_path: Path) -> None:
    run = BackgroundRun([Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(tmp_path / "new")}, "Making")],
                        QgsProject.instance(), group, [tmp_path / "new"])
    ending = Ending(run)
    run.start()
    assert eventually(lambda: any(fraction > 0 for fraction, _ in ending.progress))
    (pid,) = backends()
    os.kill(pid, signal.SIGKILL)
    how, words = ending.wait(10)
    assert how == "failed" and "SIGKILL" in words
    assert files_in(tmp_path) == set()


def test_closing_in_the_middle_waits_for_the_end_and_says_nothing_more(tmp_path: Path) -> None:
    run = BackgroundRun([Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(tmp_path / "new")}, "Making")],
                        QgsProject.instance(), group, [tmp_path / "new"])
    ending = Ending(run)
    run.start()
    assert eventually(lambda: any(fraction > 0 for fraction, _ in ending.progress))
    said = len(ending.progress)
    began = time.monotonic()
    run.close()
    assert time.monotonic() - began < 4
    assert not backends() and files_in(tmp_path) == set()
    run.close()
    eventually(lambda: False, 0.5)
    assert ending.how == [] and len(ending.progress) == said


QUIT = """
import sys, tempfile
from pathlib import Path
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QTimer
app = QgsApplication([], True, tempfile.mkdtemp(dir=sys.argv[1]))
app.initQgis()
from bitscape.plugin.dock.background import BackgroundRun, Step
from bitscape.tests.plugin.background_runs import Ending, backends, registered
from bitscape.tests.plugin.waiting import eventually
with registered():
    folder = Path(sys.argv[1]) / "new"
    steps = [Step("bitscape:createsampledata", {"SIZE": 4096, "OUTPUT": str(folder)}, "Making")]
    run = BackgroundRun(steps, QgsProject.instance(), None, [folder])
    ending = Ending(run)
    run.start()
    assert eventually(lambda: any(fraction > 0 for fraction, _ in ending.progress))
    print(*backends(), flush=True)
    QTimer.singleShot(50, app.quit)
    app.exec()
    assert not folder.exists() and not ending.how
app.exitQgis()
print("ended", flush=True)
"""


def test_qgis_quits_in_the_middle(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-P", "-c", QUIT, str(tmp_path)], cwd=tmp_path, env=os.environ,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    backend, ended = done.stdout.split()
    assert ended == "ended" and not Path("/proc", backend).exists()
    assert "Traceback" not in done.stderr, done.stderr


def test_deleting_the_owner_in_the_middle_stops_the_backend(tmp_path: Path) -> None:
    owner = QObject()
    run = BackgroundRun([Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(tmp_path / "new")}, "Making")],
                        QgsProject.instance(), group, [tmp_path / "new"], owner)
    run.start()
    assert eventually(backends)
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    del run, owner
    gc.collect()
    assert eventually(lambda: not backends(), 6)
    assert eventually(lambda: not QgsApplication.taskManager().countActiveTasks(), 6)
    assert files_in(tmp_path) == set()


def test_closing_before_the_task_has_a_thread(tmp_path: Path) -> None:
    run = BackgroundRun([Step("bitscape:createsampledata", {**LONG, "OUTPUT": str(tmp_path / "new")}, "Making")],
                        QgsProject.instance(), group, [tmp_path / "new"])
    run.start()
    run.close()
    assert eventually(lambda: not backends(), 4)
    assert files_in(tmp_path) == set()


def test_a_project_that_is_closed_meanwhile_gets_nothing_and_the_files_stay(
    sample: SmallSample, tmp_path: Path
) -> None:
    steps, made = chain(sample, tmp_path)
    run = BackgroundRun(steps, QgsProject.instance(), group, made)
    ending = Ending(run)
    run.start()
    assert eventually(backends)
    QgsProject.instance().clear()
    how, words = ending.wait()
    assert how == "finished", words
    assert run.project_closed
    assert QgsProject.instance().mapLayers() == {}
    assert {"m.json", "s.tif", "c.tif"} <= files_in(tmp_path)
