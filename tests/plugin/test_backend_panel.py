"""The backend panel and the diagnosis of Pythons, with real interpreters, a real worker, and none at all."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin import settings
from bitscape.plugin.backend import diagnosis
from bitscape.plugin.backend.diagnosis import MODULES, diagnose, interpreter
from bitscape.plugin.backend.environment import backend_python as backend_by_settings
from bitscape.plugin.backend.environment import find_python, python_in
from bitscape.plugin.backend.resident import Resident
from bitscape.plugin.dock.backend_panel import (
    CHECKING,
    ENDED,
    FAILED,
    IDLE,
    MISSING,
    STARTING,
    WORKING,
    BackendPanel,
    details,
    summary,
)
from bitscape.processing.errors import BackendError, Cancelled
from bitscape.tests.plugin.waiting import eventually
from qgis.PyQt.QtCore import QCoreApplication, QEvent, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QFileDialog


def never() -> bool:
    return False


def wrapper(folder: Path, code: str, name: str = "python") -> Path:
    """A program that runs our own interpreter on ``code`` and then on what it was asked to run."""
    path = folder / name
    path.write_text(
        f"#!/bin/sh\n[ \"$2\" = -c ] && exec {sys.executable} -I -c '{code}\n"
        f"sys.argv[1:], probe = sys.argv[4:], sys.argv[3]\nexec(probe)' \"$@\"\nexec {sys.executable} \"$@\"\n"
    )
    path.chmod(0o755)
    return path


# The diagnosis -------------------------------------------------------------------------------------------------------


def test_packages_asked_for_are_those_of_the_requirements(root: Path) -> None:
    text = (root / "requirements" / "backend.txt").read_text(encoding="utf-8")
    named = re.findall(r"^([A-Za-z][\w.-]*)", text, re.MULTILINE)
    assert sorted(named) == sorted(MODULES)


def test_a_python_that_fits_tells_its_versions_and_device(backend_python: Path) -> None:
    hello = diagnose(backend_python, never)
    assert hello["device"]["name"] == "CPU" and hello["device"]["cores"] >= 1
    assert Path(hello["executable"]) == backend_python
    line = summary(hello)
    assert re.fullmatch(r"CPU, (1 thread|\d+ threads) · Python 3\.\d+\.\d+ · numpy \d\S+; Bitscape \d\S+", line), line
    assert "numba" in details(hello) and "no GPU" in details(hello) and str(backend_python) in details(hello)
    with pytest.raises(ProcessLookupError):
        os.kill(hello["pid"], 0)


def test_what_is_no_python_is_told_in_words(tmp_path: Path) -> None:
    plain = tmp_path / "python3"
    plain.write_text("hello")
    for path, words in (
        (tmp_path / "nowhere", r"nowhere does not exist"),
        (plain, r"python3 is not executable"),
        (tmp_path, r"is a folder without a Python"),
        (Path("/bin/false"), r"did not answer as Python 3 does \(exit code 1\)"),
        (Path("/bin/cat"), r"did not answer as Python 3 does.*last words"),
    ):
        with pytest.raises(BackendError, match=words):
            diagnose(path, never)
    plain.chmod(0o755)
    with pytest.raises(BackendError, match=r"cannot be started: Exec format error"):
        diagnose(plain, never)


def test_an_old_python_and_one_that_lacks_packages_are_named(tmp_path: Path) -> None:
    old = wrapper(tmp_path, "import sys; sys.version_info = (3, 9, 18)")
    with pytest.raises(BackendError, match=r"is Python 3\.9\.18; .* needs 3\.11 or newer"):
        diagnose(old, never)
    hidden = 'import sys; sys.version_info = (3, 12, 1); sys.modules["numba"] = sys.modules["pydantic"] = None'
    bare = wrapper(tmp_path, hidden, "bare")
    with pytest.raises(BackendError, match=r"bare \(Python 3\.12\.1\) lacks .*numba.*pydantic") as caught:
        diagnose(bare, never)
    assert caught.value.detail.startswith(f'"{bare}" -m pip install -r ')
    assert Path(caught.value.detail.split('"')[-2]).is_file()


def test_broken_packages_and_crashes_are_told_apart(tmp_path: Path) -> None:
    """Faults that a disk can produce, put into the probe's first import."""
    finder = ("import sys, types\nclass Finder:\n    def find_spec(self, name, *_):\n        if name == {0}:\n"
              "            {1}\nsys.version_info = (3, 11, 2)\nsys.meta_path.insert(0, Finder())")
    broken = wrapper(tmp_path, finder.format('"numpy"', 'raise ImportError("DLL load failed")'), "broken")
    with pytest.raises(BackendError, match=r"lacks|packages are broken"):
        diagnose(broken, never)
    every = ('import sys, types\nsys.version_info = (3, 11, 2)\n'
             f'for name in "{" ".join(sorted(set(MODULES.values()) - {"numpy"}))}".split(): '
             'sys.modules[name] = types.ModuleType(name)\n')
    broken = wrapper(tmp_path, every + finder.format('"numpy"', 'raise ImportError("DLL load failed")'), "broken")
    with pytest.raises(BackendError, match=r"packages are broken: numpy \(DLL load failed\)"):
        diagnose(broken, never)
    crash = wrapper(tmp_path, every + finder.format('"numpy"', "import os; os.abort()"), "crash")
    with pytest.raises(BackendError, match=r"broke down while it loaded .*\(signal 6\)"):
        diagnose(crash, never)


def test_one_that_does_not_answer_is_ended_in_time_and_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pid"
    silent = tmp_path / "python"
    silent.write_text(f"#!/bin/sh\necho $$ > {note}\nexec sleep 30\n")
    silent.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(Cancelled):
        diagnose(silent, lambda: time.monotonic() > began + 0.3)
    monkeypatch.setattr(diagnosis, "PROBE_TIMEOUT", 0.5)
    with pytest.raises(BackendError, match=r"did not answer within 0\.5 seconds"):
        diagnose(silent, never)
    assert time.monotonic() - began < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_virtual_environment_stands_for_its_interpreter_and_links_are_kept(tmp_path: Path) -> None:
    inside = python_in(tmp_path / "venv")
    inside.parent.mkdir(parents=True)
    inside.symlink_to(sys.executable)
    assert interpreter(f" {tmp_path / 'venv'} ") == inside
    assert interpreter(str(inside)) == inside
    assert interpreter(str(tmp_path)) == tmp_path


# The panel -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(backend_python: Path) -> dict[str, Any]:
    """What the panel and its resident find as the backend's Python; a test may change it."""
    return {"python": backend_python}


@pytest.fixture
def find(place: dict[str, Any], tmp_path: Path) -> Callable[[], Path]:
    def look() -> Path:
        chosen = str(settings.read(settings.BACKEND_PYTHON))
        return find_python(chosen or str(place["python"]), {}, tmp_path, tmp_path)

    return look


@pytest.fixture
def resident(find: Callable[[], Path]) -> Iterator[Resident]:
    settings.write(settings.BACKEND_PYTHON, "")
    running = Resident(find)
    yield running
    running.close()
    settings.write(settings.BACKEND_PYTHON, "")


@pytest.fixture
def panel(resident: Resident, find: Callable[[], Path]) -> Iterator[BackendPanel]:
    made = BackendPanel(resident, None, find)
    yield made
    made.close_checks()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_first_look_starts_the_backend_and_shows_device_and_versions(panel: BackendPanel, resident: Resident) -> None:
    assert panel.state == STARTING and resident.pid is None, "nothing runs for a dock that nobody sees"
    panel.show()
    assert eventually(lambda: panel.state == IDLE)
    assert panel.text.startswith("CPU, ") and "numpy" in panel.text and panel.activity.text() == "Backend idle"
    assert not panel.choose.isVisible() and not panel._details.isVisible()
    QTest.mouseClick(panel.unfold, Qt.MouseButton.LeftButton)
    assert panel._details.isVisible() and panel.choose.isVisible()
    assert f"Process {resident.pid}" in panel.details and "numba" in panel.details
    pid = resident.pid
    panel.hide()
    panel.show()
    assert eventually(lambda: panel.state == IDLE) and resident.pid == pid


def test_a_backend_that_started_before_anybody_looked_is_not_started_anew(
    panel: BackendPanel, resident: Resident
) -> None:
    resident.wake()
    assert eventually(lambda: panel.state == IDLE)
    pid = resident.pid
    panel.show()
    QTest.qWait(300)
    assert panel.state == IDLE and resident.pid == pid


def test_working_idle_ended_and_restart(panel: BackendPanel, resident: Resident, tmp_path: Path) -> None:
    panel.show()
    assert eventually(lambda: panel.state == IDLE)
    answers: list[int] = []
    states: list[str] = []
    resident.busy.connect(lambda _: states.append(panel.state))
    resident.failed.connect(lambda channel, token, error: answers.append(token))
    token = resident.submit("tiles", "describetiles", {"tiles": str(tmp_path / "no.tif")})
    assert eventually(lambda: answers == [token]) and eventually(lambda: panel.state == IDLE)
    assert states == [WORKING, IDLE], "an error of the work is none of the backend"
    pid = resident.pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: panel.state == ENDED, 5)
    assert "starts again" in panel.text and panel.activity.text() == "Backend ended"
    token = resident.submit("tiles", "describetiles", {"tiles": str(tmp_path / "no.tif")})
    assert eventually(lambda: token in answers) and eventually(lambda: panel.state == IDLE)
    pid = resident.pid
    assert panel.again.text() == "Restart"
    QTest.mouseClick(panel.again, Qt.MouseButton.LeftButton)
    assert eventually(lambda: panel.state == IDLE and resident.pid not in (None, pid))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_variable_that_names_nothing_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, backend_python: Path
) -> None:
    settings.write(settings.BACKEND_PYTHON, "")
    monkeypatch.setenv("BITSCAPE_PYTHON", "/nowhere/bin/python")
    resident = Resident(backend_by_settings)
    panel = BackendPanel(resident)
    chosen: list[str] = []
    panel.chosen.connect(chosen.append)
    try:
        panel.show()
        assert panel.state == MISSING and resident.pid is None
        assert panel.text == (
            "The backend's Python named by BITSCAPE_PYTHON is not there: /nowhere/bin/python; choose a Python 3.11 or "
            "newer that has requirements/backend.lock installed.")
        assert "make venv" in panel.line.toolTip() and panel.choose.isVisible()
        assert panel.again.text() == "Try again"
        QTest.mouseClick(panel.again, Qt.MouseButton.LeftButton)
        assert panel.state == MISSING
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(backend_python), ""))
        QTest.mouseClick(panel.choose, Qt.MouseButton.LeftButton)
        assert panel.state == CHECKING and str(backend_python) in panel.text
        assert eventually(lambda: panel.state == IDLE)
        assert chosen == [str(backend_python)] == [settings.read(settings.BACKEND_PYTHON)]
        assert resident.pid is not None and "numpy" in panel.text
    finally:
        settings.write(settings.BACKEND_PYTHON, "")
        panel.close_checks()
        resident.close()
        panel.deleteLater()


def test_no_python_at_all_says_what_is_missing_and_how_to_get_it(
    panel: BackendPanel, resident: Resident, tmp_path: Path
) -> None:
    panel._find_python = lambda: find_python("", {}, tmp_path, tmp_path)
    panel.show()
    assert panel.state == MISSING and "Python of its own, which is not installed yet" in panel.text
    assert "; choose a Python 3.11 or newer" in panel.text and resident.pid is None


def test_a_choice_that_fails_changes_nothing(
    panel: BackendPanel, resident: Resident, tmp_path: Path, backend_python: Path
) -> None:
    chosen: list[str] = []
    panel.chosen.connect(chosen.append)
    panel.show()
    assert eventually(lambda: panel.state == IDLE)
    pid = resident.pid
    panel.try_python(str(wrapper(tmp_path, "import sys; sys.version_info = (3, 9, 18)")))
    assert panel.state == CHECKING
    assert eventually(lambda: panel.state == IDLE)
    assert "is Python 3.9.18" in panel.text and "stays what it was: CPU" in panel.text and panel.choose.isVisible()
    assert resident.pid == pid and chosen == [] and settings.read(settings.BACKEND_PYTHON) == ""
    panel.try_python(str(tmp_path / "nowhere"))
    assert eventually(lambda: "nowhere does not exist" in panel.text)
    panel.try_python(str(backend_python))
    assert eventually(lambda: chosen == [str(backend_python)]) and eventually(lambda: panel.state == IDLE)
    assert resident.pid not in (None, pid), "the new one is used from now on"


def test_trying_can_be_stopped_and_the_window_never_waits(
    panel: BackendPanel, resident: Resident, tmp_path: Path
) -> None:
    panel.show()
    assert eventually(lambda: panel.state == IDLE)
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 30\n")
    silent.chmod(0o755)
    began = time.monotonic()
    panel.try_python(str(silent))
    assert time.monotonic() - began < 0.05 and panel.choose.text() == "Stop trying"
    resident.restart()  # what happens to the backend meanwhile is not lost
    QTest.qWait(1500)
    assert panel.state == CHECKING
    QTest.mouseClick(panel.choose, Qt.MouseButton.LeftButton)
    assert panel.state == IDLE and "nothing has changed" in panel.text
    assert eventually(lambda: not [one for one in threading.enumerate() if one.name == "bitscape-check"], 2)


def test_an_environment_that_lacks_packages_is_explained_when_it_does_not_start(
    place: dict[str, Any], panel: BackendPanel, resident: Resident, tmp_path: Path
) -> None:
    place["python"] = wrapper(tmp_path, 'import sys; sys.version_info = (3, 11, 2); sys.modules["pydantic"] = None')
    panel.show()
    assert eventually(lambda: panel.state == FAILED)
    assert eventually(lambda: " lacks " in panel.text)
    assert "pydantic" in panel.text and "pip install -r" in panel.details and panel.choose.isVisible()
    assert stat.S_ISREG(Path(panel.details.split('"')[-2]).stat().st_mode)


def test_what_fails_with_every_click_is_looked_into_once(
    place: dict[str, Any], panel: BackendPanel, resident: Resident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    backend_python: Path,
) -> None:
    from bitscape.plugin.dock import backend_panel

    looked: list[Path] = []
    monkeypatch.setattr(backend_panel, "diagnose", lambda python, stop: looked.append(python) or diagnose(python, stop))
    place["python"] = wrapper(tmp_path, 'import sys; sys.version_info = (3, 11, 2); sys.modules["pydantic"] = None')
    failed: list[int] = []
    resident.failed.connect(lambda *values: failed.append(values[1]))
    panel.show()
    assert eventually(lambda: " lacks " in panel.text)
    for click in range(1, 4):
        resident.submit("map", "livemap", {})
        assert eventually(lambda click=click: len(failed) == click + 1)
    QTest.qWait(300)
    assert len(looked) == 1 and " lacks " in panel.text
    place["python"] = backend_python
    QTest.mouseClick(panel.again, Qt.MouseButton.LeftButton)
    assert eventually(lambda: panel.state == IDLE)


def test_a_panel_that_goes_while_it_tries_leaves_nothing(
    resident: Resident, find: Callable[[], Path], tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    silent = tmp_path / "python"
    silent.write_text(f"#!/bin/sh\necho $$ > {note}\nexec sleep 30\n")
    silent.chmod(0o755)
    panel = BackendPanel(resident, None, find)
    panel.try_python(str(silent))
    assert eventually(lambda: note.exists() and note.read_text())
    panel.deleteLater()
    del panel
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert eventually(lambda: not [one for one in threading.enumerate() if one.name == "bitscape-check"], 3)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_everything_can_be_reached_by_keyboard_and_nothing_widens_the_dock(panel: BackendPanel) -> None:
    panel.resize(340, 200)
    panel.show()
    assert eventually(lambda: panel.state == IDLE)
    panel.unfold.setChecked(True)
    for widget in (panel.unfold, panel.again, panel.choose):
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.text() and widget.toolTip()
    panel.try_python("/a/" + "very_long_path" * 20)
    assert eventually(lambda: "does not exist" in panel.text)
    assert panel.minimumSizeHint().width() <= 320
