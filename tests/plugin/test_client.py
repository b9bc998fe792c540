"""The client against the real worker: calls, errors, cancel, death, and what is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.backend.client import Client
from bitscape.processing.errors import BackendError, Cancelled, InputError
from bitscape.tests.plugin.waiting import is_running

MISBEHAVING = Path(__file__).with_name("worker_with_test_operations.py")


@pytest.fixture
def client(backend_python: Path) -> Iterator[Client]:
    """A running backend that can also misbehave."""
    with Client(backend_python, worker=MISBEHAVING) as running:
        yield running


def test_hello_names_versions_and_operations(backend_python: Path) -> None:
    with Client(backend_python) as client:
        assert client.hello["pid"] == client.pid
        assert {"buildembeddingtiles", "trainclassifier", "applyclassifier"} <= set(client.hello["operations"])
        assert {"bitscape", "python", "numpy"} <= set(client.hello["versions"])
    assert not client.alive


def test_unknown_operation_and_wrong_parameters_are_told_and_the_backend_lives_on(backend_python: Path) -> None:
    with Client(backend_python) as client:
        with pytest.raises(InputError, match="no operation named 'makecoffee'"):
            client.call("makecoffee", {})
        with pytest.raises(InputError, match=r"components: .* \(given: -3\)"):
            client.call("buildembeddingtiles", {"inputs": ["a.tif"], "output": "b.tif", "components": -3})
        with pytest.raises(InputError, match="sugar"):
            client.call("buildembeddingtiles", {"inputs": ["a.tif"], "output": "b.tif", "sugar": 2})
        with pytest.raises(InputError, match=r"nowhere\.tif"):
            client.call("buildembeddingtiles", {"inputs": ["nowhere.tif"], "output": "b.tif", "features": "single"})
        assert client.alive


def test_printing_does_not_break_the_protocol(client: Client) -> None:
    seen: list[tuple[float, str]] = []
    logged: list[tuple[str, str]] = []
    result = client.call("chatter", {}, lambda *it: seen.append(it), lambda *it: logged.append(it))
    assert result == {"pid": client.pid}
    assert [message for _, message in seen] == [f"step {step}" for step in range(5)]
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert logged == [("mind the gap", "warning")]


def test_cancel_is_obeyed_and_the_backend_can_be_used_again(client: Client) -> None:
    stop = threading.Event()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        client.call("obedient", {"seconds": 30}, on_progress=lambda *_: stop.set(), is_cancelled=stop.is_set)
    assert time.monotonic() - began < 1
    assert client.call("obedient", {"seconds": 0}) == {"pid": client.pid}


def test_what_does_not_obey_is_killed_within_three_seconds_and_leaves_no_half_file(
    client: Client, tmp_path: Path
) -> None:
    half = tmp_path / ".out.1.partial.tif"
    stop = threading.Event()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        client.call("stubborn", {"path": str(half), "seconds": 30}, lambda *_: stop.set(), is_cancelled=stop.is_set)
    assert 2 <= time.monotonic() - began < 3
    assert not half.exists()
    assert not is_running(client.pid)
    with pytest.raises(BackendError, match="closed"):
        client.call("obedient", {})


def test_a_crash_tells_its_last_words_and_the_next_backend_works(
    client: Client, tmp_path: Path, backend_python: Path
) -> None:
    half = tmp_path / ".out.1.partial.tif"
    with pytest.raises(BackendError, match=r"ended in the middle of its work \(killed by SIGSEGV") as caught:
        client.call("crash", {"path": str(half)})
    assert "something terrible" in caught.value.detail
    assert "Its last words: " in caught.value.message
    assert not half.exists()
    with Client(backend_python, worker=MISBEHAVING) as again:
        assert again.call("obedient", {}) == {"pid": again.pid}


def test_killed_from_outside(client: Client, tmp_path: Path) -> None:
    half = tmp_path / ".out.1.partial.tif"
    with pytest.raises(BackendError, match="SIGKILL; most likely the memory ran out") as caught:
        client.call("stubborn", {"path": str(half), "seconds": 30}, lambda *_: os.kill(client.pid, signal.SIGKILL))
    assert "It left no message" in caught.value.message
    assert not half.exists()


def test_only_unfinished_files_are_ever_removed(client: Client, tmp_path: Path) -> None:
    precious = tmp_path / "precious.tif"
    with pytest.raises(BackendError):
        client.call("crash", {"path": str(precious)})
    assert precious.read_text() == "half"


def test_closing_ends_a_busy_backend_and_its_threads(backend_python: Path, tmp_path: Path) -> None:
    client = Client(backend_python, worker=MISBEHAVING)
    failed: list[BaseException] = []

    def call() -> None:
        try:
            client.call("stubborn", {"path": str(tmp_path / ".a.1.partial"), "seconds": 30})
        except BackendError as error:
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.5)
    client.close()
    thread.join(3)
    assert failed and not is_running(client.pid)
    client.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bitscape")]


def test_a_failing_callback_leaves_no_backend(client: Client) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.call("chatter", {}, on_log=fail)
    assert not is_running(client.pid)


def test_a_python_without_the_packages_says_what_is_missing(tmp_path: Path, backend_python: Path) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import a_package_nobody_has")
    with pytest.raises(BackendError, match=r"No module named 'a_package_nobody_has'.*make venv"):
        Client(backend_python, worker=worker)
    with pytest.raises(BackendError, match="cannot be started"):
        Client(tmp_path / "python")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("print('hi there', flush=True); import time; time.sleep(30)", "not Bitscape's protocol"),
        ("import time; time.sleep(30)", "did not answer within 1 seconds"),
        ("import sys; sys.stdout.write('x' * 20_000_000); sys.stdout.flush(); sys.stdin.read()", "too long"),
        ("print('{\"protocol\": 99}', flush=True); import sys; sys.stdin.read()", "this side speaks 1"),
    ],
)
def test_what_is_not_the_worker_is_refused_and_ended(
    tmp_path: Path, backend_python: Path, script: str, message: str
) -> None:
    worker = tmp_path / "worker.py"
    note = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    worker.write_text(f"import os, pathlib; {note}\n{script}")
    with pytest.raises(BackendError, match=message):
        Client(backend_python, hello_timeout=1, worker=worker)
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_starting_can_be_cancelled(tmp_path: Path, backend_python: Path) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import time; time.sleep(30)")
    began = time.monotonic()
    with pytest.raises(Cancelled):
        Client(backend_python, lambda: time.monotonic() - began > 0.2, worker=worker)
    assert time.monotonic() - began < 2
