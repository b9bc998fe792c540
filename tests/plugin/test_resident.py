"""The resident backend against the real worker: channels, urgency, death, closing, and what never answers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.backend import resident as resident_module
from bitscape.plugin.backend.client import Client
from bitscape.plugin.backend.resident import Resident
from bitscape.processing.errors import BackendError
from bitscape.tests.plugin.waiting import eventually, is_running, spin
from qgis.PyQt.QtCore import QCoreApplication

MISBEHAVING = Path(__file__).with_name("worker_with_test_operations.py")
SIGNALS = ("answered", "failed", "progressed", "logged", "started", "died", "busy")


class Heard:
    """Everything a resident emits, in order: (name of the signal, its values)."""

    def __init__(self, resident: Resident) -> None:
        self.all: list[tuple[str, tuple[Any, ...]]] = []
        self.threads: set[int] = set()
        for name in SIGNALS:
            getattr(resident, name).connect(partial(self._hear, name))

    def _hear(self, name: str, *values: Any) -> None:
        self.all.append((name, values))
        self.threads.add(threading.get_ident())

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [values for known, values in self.all if known == name]

    def answers(self) -> list[tuple[str, int]]:
        return [values[:2] for values in self.of("answered")]


@pytest.fixture
def resident(backend_python: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resident]:
    """A resident whose worker can also misbehave."""
    monkeypatch.setattr(resident_module, "Client", partial(Client, worker=MISBEHAVING))
    running = Resident(lambda: backend_python)
    yield running
    running.close()


@pytest.fixture
def heard(resident: Resident) -> Heard:
    return Heard(resident)


def runs(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def started_call(heard: Heard, path: Path, count: int = 1) -> bool:
    """Wait until the operation itself runs for the ``count``-th time."""
    return eventually(lambda: runs(path) >= count)


def test_a_job_is_answered_with_its_token_in_the_threads_of_the_window(resident: Resident, heard: Heard) -> None:
    assert resident.pid is None
    token = resident.submit("map", "chatter", {})
    assert eventually(lambda: heard.of("answered"))
    (channel, answered, result), = heard.of("answered")
    assert (channel, answered, result) == ("map", token, {"pid": resident.pid})
    (hello,), = heard.of("started")
    assert hello["pid"] == resident.pid and hello["device"]["cores"] >= 1
    assert [text for _, _, text in heard.of("progressed")] == [f"step {step}" for step in range(5)]
    assert heard.of("logged") == [("map", "mind the gap", "warning")]
    assert eventually(lambda: heard.of("busy") == [("map",), ("",)])
    assert heard.threads == {threading.get_ident()}
    again = resident.submit("map", "obedient", {})
    assert eventually(lambda: ("map", again) in heard.answers())
    assert len(heard.of("started")) == 1


def test_an_error_of_the_operation_fails_the_job_and_the_backend_lives_on(resident: Resident, heard: Heard) -> None:
    token = resident.submit("map", "refuse", {})
    assert eventually(lambda: heard.of("failed"))
    (channel, failed, error), = heard.of("failed")
    assert (channel, failed, error.message, error.kind) == ("map", token, "not today", "input")
    pid = resident.pid
    token = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.answers() == [("map", token)]) and resident.pid == pid
    assert not heard.of("died")


def test_the_newest_of_a_channel_wins_also_over_the_one_that_runs(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    resident.submit("map", "obedient", {"seconds": 30, "path": str(tmp_path / "first")})
    assert started_call(heard, tmp_path / "first")
    resident.submit("map", "obedient", {"seconds": 30, "path": str(tmp_path / "second")})
    began = time.monotonic()
    last = resident.submit("map", "obedient", {"path": str(tmp_path / "last")})
    assert eventually(lambda: heard.of("answered"))
    assert time.monotonic() - began < 1
    spin(0.3)
    assert heard.answers() == [("map", last)] and not heard.of("failed") and not heard.of("died")
    assert (runs(tmp_path / "first"), runs(tmp_path / "second"), runs(tmp_path / "last")) == (1, 0, 1)


def test_an_answer_that_is_on_its_way_when_a_newer_job_comes_never_arrives(resident: Resident, heard: Heard) -> None:
    """The window is at work while the answer comes, and asks anew before it looks at its events."""
    resident.submit("map", "chatter", {})
    resident.submit("other", "chatter", {})
    time.sleep(2.5)  # no events are processed: both answers wait in the queue
    assert heard.all == []
    newest = resident.submit("map", "obedient", {})
    resident.cancel("other")
    assert eventually(lambda: heard.of("answered"))
    spin(0.2)
    assert heard.answers() == [("map", newest)]
    assert not heard.of("progressed") and not heard.of("logged")


def test_what_is_more_urgent_goes_first_and_the_other_is_answered_later(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    path = tmp_path / "runs"
    slow = resident.submit("validation", "obedient", {"seconds": 1, "path": str(path)}, urgency=2)
    assert started_call(heard, path)
    equal = resident.submit("curve", "obedient", {}, urgency=2)
    urgent = resident.submit("map", "obedient", {}, urgency=0)
    assert eventually(lambda: len(heard.of("answered")) == 3)
    assert heard.answers() == [("map", urgent), ("validation", slow), ("curve", equal)]
    assert runs(path) == 2, "it was begun, gave way, and was begun again"
    assert not heard.of("died") and not heard.of("failed")


def test_a_job_that_gave_way_does_not_come_back_over_a_newer_one_of_its_channel(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    path = tmp_path / "runs"
    resident.submit("validation", "obedient", {"seconds": 30, "path": str(path)}, urgency=2)
    assert started_call(heard, path)
    urgent = resident.submit("map", "obedient", {"seconds": 0.3}, urgency=0)
    assert eventually(lambda: ("map",) in heard.of("busy"))
    newer = resident.submit("validation", "obedient", {}, urgency=2)
    assert eventually(lambda: len(heard.of("answered")) == 2)
    assert heard.answers() == [("map", urgent), ("validation", newer)] and runs(path) == 1


def test_cancelled_jobs_never_answer(resident: Resident, heard: Heard, tmp_path: Path) -> None:
    path = tmp_path / "runs"
    resident.submit("map", "obedient", {"seconds": 30, "path": str(path)})
    resident.submit("curve", "obedient", {}, urgency=3)
    assert started_call(heard, path)
    resident.cancel("curve")
    resident.cancel("map")
    assert eventually(lambda: heard.of("busy") and heard.of("busy")[-1] == ("",), 2)
    spin(0.3)
    assert not heard.of("answered") and not heard.of("failed") and not heard.of("died")
    pid = resident.pid
    token = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.answers() == [("map", token)]) and resident.pid == pid


def test_one_that_does_not_listen_is_killed_and_the_newer_job_gets_a_new_backend(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    half = tmp_path / ".a.1.partial"
    resident.submit("map", "stubborn", {"seconds": 30, "path": str(half)})
    assert eventually(half.exists) and eventually(lambda: heard.of("progressed"))
    pid = resident.pid
    began = time.monotonic()
    newer = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.answers() == [("map", newer)])
    assert time.monotonic() - began < 5
    assert not is_running(pid) and resident.pid != pid and not half.exists()
    assert not heard.of("failed") and not heard.of("died"), "we have killed it: that is nothing to tell"


def test_a_backend_killed_in_mid_call_is_started_again_and_the_job_answered(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    path = tmp_path / "runs"
    token = resident.submit("map", "obedient", {"seconds": 0.5, "path": str(path)})
    assert started_call(heard, path)
    pid = resident.pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: heard.of("answered"))
    assert heard.of("answered") == [("map", token, {"pid": resident.pid})] and resident.pid != pid
    (error,), = heard.of("died")
    assert isinstance(error, BackendError) and "SIGKILL" in error.message
    assert runs(path) == 2 and not heard.of("failed") and len(heard.of("started")) == 2


def test_a_backend_killed_while_idle_is_started_again_with_the_next_job(resident: Resident, heard: Heard) -> None:
    first = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.answers() == [("map", first)])
    pid = resident.pid
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: resident.pid is None)
    second = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.answers() == [("map", first), ("map", second)])
    assert resident.pid not in (None, pid) and not heard.of("failed")


def test_three_deaths_in_a_row_give_up_and_a_later_job_is_tried_again(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    deadly = {"path": str(tmp_path / ".a.partial")}
    first = resident.submit("map", "crash", deadly)
    assert eventually(lambda: heard.of("failed"))
    assert len(heard.of("died")) == 2, "it was tried once more"
    second = resident.submit("map", "crash", deadly)
    assert eventually(lambda: len(heard.of("failed")) == 2)
    assert len(heard.of("died")) == 3, "it keeps dying: not tried again by itself"
    assert [(channel, token) for channel, token, _ in heard.of("failed")] == [("map", first), ("map", second)]
    assert all("SIGSEGV" in error.message and error.kind == "backend" for *_, error in heard.of("failed"))
    spin(0.3)
    assert resident.pid is None
    third = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.answers() == [("map", third)])


def test_a_job_superseded_while_its_backend_died_is_not_tried_again(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    path = tmp_path / "runs"
    resident.submit("map", "obedient", {"seconds": 30, "path": str(path)})
    assert started_call(heard, path)
    os.kill(resident.pid, signal.SIGKILL)
    newer = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.of("answered"))
    spin(0.3)
    assert heard.answers() == [("map", newer)] and runs(path) == 1 and not heard.of("failed")


def test_a_missing_python_fails_in_its_words_and_a_later_job_asks_again(
    backend_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [BackendError("No Python here. Choose one."), OSError("the network drive is away"), backend_python]
    asked_in: list[int] = []

    def find() -> Path:
        asked_in.append(threading.get_ident())
        place = places.pop(0)
        if isinstance(place, Exception):
            raise place
        return place

    resident = Resident(find)
    heard = Heard(resident)
    try:
        first = resident.submit("map", "describetiles", {"tiles": "nowhere.tif"})
        assert eventually(lambda: heard.of("failed"))
        (channel, token, error), = heard.of("failed")
        assert (channel, token, error.message) == ("map", first, "No Python here. Choose one.")
        assert not heard.of("died"), "nothing had started"
        resident.submit("map", "describetiles", {"tiles": "nowhere.tif"})
        assert eventually(lambda: len(heard.of("failed")) == 2)
        assert "the network drive is away" in heard.of("failed")[1][2].message
        resident.submit("map", "describetiles", {"tiles": "nowhere.tif"})
        assert eventually(lambda: len(heard.of("failed")) == 3)
        assert "nowhere.tif" in heard.of("failed")[2][2].message and len(heard.of("started")) == 1
        assert threading.get_ident() not in asked_in
    finally:
        resident.close()


def test_failed_starts_are_no_deaths(resident: Resident, heard: Heard, tmp_path: Path) -> None:
    """After clicks without a backend, the first death of a real one is survived."""
    find, resident._find_python = resident._find_python, lambda: tmp_path / "nothing"
    for number in range(1, 5):
        resident.submit("map", "obedient", {})
        assert eventually(lambda number=number: len(heard.of("failed")) == number)
    resident._find_python = find
    path = tmp_path / "runs"
    token = resident.submit("map", "obedient", {"seconds": 0.4, "path": str(path)})
    assert started_call(heard, path)
    os.kill(resident.pid, signal.SIGKILL)
    assert eventually(lambda: heard.answers() == [("map", token)])


def test_closing_in_mid_call_leaves_no_process_no_thread_and_no_signal(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    half = tmp_path / ".a.1.partial"
    resident.submit("map", "stubborn", {"seconds": 30, "path": str(half)})
    resident.submit("curve", "obedient", {}, urgency=3)
    assert eventually(half.exists)
    pid = resident.pid
    said = len(heard.all)
    began = time.monotonic()
    resident.close()
    assert time.monotonic() - began < 3
    assert not is_running(pid) and not half.exists()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bitscape")]
    spin(0.5)
    assert len(heard.all) == said
    resident.submit("map", "obedient", {})
    resident.close()
    spin(0.3)
    assert len(heard.all) == said and resident.pid is None


def test_an_answer_that_is_on_its_way_when_it_is_closed_never_arrives(resident: Resident, heard: Heard) -> None:
    resident.submit("map", "chatter", {})
    time.sleep(2)
    resident.close()
    spin(0.2)
    assert heard.all == []


def test_closing_while_the_backend_starts(
    tmp_path: Path, backend_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.py"
    note = tmp_path / "pid"
    tell = f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))"
    worker.write_text(f"import os, pathlib, time; {tell}; time.sleep(30)")
    monkeypatch.setattr(resident_module, "Client", partial(Client, worker=worker))
    resident = Resident(lambda: backend_python)
    heard = Heard(resident)
    resident.submit("map", "obedient", {})
    assert eventually(lambda: note.exists() and note.read_text())
    resident.close()
    assert not is_running(int(note.read_text()))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bitscape")]
    spin(0.2)
    assert not heard.of("failed") and not heard.of("died")


def test_of_a_burst_only_the_last_answers(resident: Resident, heard: Heard, tmp_path: Path) -> None:
    path = tmp_path / "runs"
    for _ in range(200):
        last = resident.submit("map", "obedient", {"seconds": 0.01, "path": str(path)})
    assert eventually(lambda: heard.of("answered"))
    spin(0.5)
    assert heard.answers() == [("map", last)] and not heard.of("failed")
    assert runs(path) <= 3
    tokens = []
    for _ in range(200):  # events between them, as between the clicks of a brush
        tokens.append(resident.submit("map", "obedient", {"seconds": 0.01, "path": str(path)}))
        QCoreApplication.processEvents()
    assert eventually(lambda: ("map", tokens[-1]) in heard.answers())
    assert not set(heard.answers()[1:]) - {("map", token) for token in tokens} and not heard.of("died")


def test_waking_starts_the_process_without_an_answer(resident: Resident, heard: Heard) -> None:
    resident.wake()
    assert eventually(lambda: heard.of("started")) and resident.pid is not None
    pid = resident.pid
    resident.wake()
    token = resident.submit("map", "obedient", {})
    assert eventually(lambda: heard.of("answered"))
    assert heard.answers() == [("map", token)] and resident.pid == pid and len(heard.of("started")) == 1


def test_restarting_gives_another_process_and_the_running_job_is_answered_by_it(
    resident: Resident, heard: Heard, tmp_path: Path
) -> None:
    path = tmp_path / "runs"
    token = resident.submit("map", "obedient", {"seconds": 1, "path": str(path)})
    assert started_call(heard, path)
    pid = resident.pid
    resident.restart()
    assert eventually(lambda: heard.of("answered"))
    assert heard.of("answered") == [("map", token, {"pid": resident.pid})] and resident.pid != pid
    assert not is_running(pid) and not heard.of("died") and not heard.of("failed")
    pid = resident.pid
    resident.restart()  # now it is idle
    assert eventually(lambda: len(heard.of("started")) == 3)
    assert resident.pid not in (None, pid) and not is_running(pid)
