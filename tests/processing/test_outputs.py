"""Outputs appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from bitscape.processing.errors import Cancelled, OutputError
from bitscape.processing.outputs import remove_partials, require_space, whole_or_nothing
from bitscape.processing.progress import Progress


def test_all_appear_at_the_end_and_are_announced(tmp_path):
    announced = []
    one, two = tmp_path / "one.tif", tmp_path / "two.json"
    one.write_text("old")
    with whole_or_nothing(Progress(writing=announced.append), one, two) as partials:
        for partial in partials:
            partial.write_text("new")
        assert one.read_text() == "old" and not two.exists()
    assert (one.read_text(), two.read_text()) == ("new", "new")
    assert announced == [str(partial) for partial in partials]
    assert sorted(os.listdir(tmp_path)) == ["one.tif", "two.json"]


def test_an_error_or_a_late_cancel_keeps_what_was_there(tmp_path):
    target = tmp_path / "out.tif"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_or_nothing(Progress(), target) as (partial,):
        partial.write_text("half")
        raise ZeroDivisionError
    progress = Progress()
    with pytest.raises(Cancelled), whole_or_nothing(progress, target) as (partial,):
        partial.write_text("whole")
        progress.cancel()
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["out.tif"]


def test_leftovers_of_killed_runs_are_removed_but_not_those_of_living_ones(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    stale = tmp_path / f".out.{int(dead.stdout)}.partial.tif"
    other = tmp_path / f".out.{os.getppid()}.partial.tif"
    unrelated = tmp_path / f".other.{int(dead.stdout)}.partial.tif"
    for path in (stale, other, unrelated):
        path.touch()
    with whole_or_nothing(Progress(), tmp_path / "out.tif") as (partial,):
        partial.touch()
    assert sorted(os.listdir(tmp_path)) == sorted([other.name, unrelated.name, "out.tif"])


def test_an_ending_process_removes_its_unfinished_files(tmp_path):
    with pytest.raises(FileNotFoundError), whole_or_nothing(Progress(), tmp_path / "out.tif") as (partial,):
        partial.touch()
        remove_partials()
        assert not partial.exists()


def test_a_file_that_comes_to_be_during_the_removal_is_removed_too(tmp_path):
    with pytest.raises(FileNotFoundError), whole_or_nothing(Progress(), tmp_path / "out.tif") as (partial,):
        late = threading.Timer(0.02, partial.touch)
        late.start()
        remove_partials()
        late.join()
        assert not partial.exists()


def test_places_that_cannot_be_written_are_refused_in_words(tmp_path):
    (tmp_path / "folder.tif").mkdir()
    for target, words in [
        (tmp_path / "nowhere" / "out.tif", "nowhere does not exist"),
        (tmp_path / "folder.tif", "is a folder"),
        ("/proc/out.tif", "/proc does not allow writing"),
    ]:
        with pytest.raises(OutputError, match=words), whole_or_nothing(Progress(), target):
            pass
    with pytest.raises(OutputError, match="same name"), whole_or_nothing(Progress(), tmp_path / "a", tmp_path / "a"):
        pass
    with pytest.raises(OutputError, match="GB left"):
        require_space(tmp_path / "out.tif", 1 << 60)
