"""Builds that are killed or cancelled go on where they were, and give the store that an uninterrupted one gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bitscape.processing.errors import BitscapeError, Cancelled, OutputError
from bitscape.processing.indexing import spill
from bitscape.processing.progress import Progress
from bitscape.tests.processing.indexing.made_tables import places, vectors, write_table
from bitscape.tests.processing.indexing.stores import build, digests, rows_of

OPTIONS = {"refine": "int8", "rows_per_file": 100}
WORKER = Path(__file__).resolve().parents[3] / "processing" / "worker.py"
CHILD = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("w", sys.argv[1])
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
worker.register_package()
from bitscape.processing.environment import prepare
prepare()
from bitscape.processing import operations
from bitscape.processing.progress import Progress
from bitscape.processing.indexing import spill, journal
spill.RUN_BYTES = 200_000
what, count = sys.argv[3], int(sys.argv[4])
original, seen = journal.Journal.add, []
def add(self, kind, **facts):
    original(self, kind, **facts)
    seen.append(kind)
    if seen.count(what) == count:
        print("there", flush=True)
        import time
        time.sleep(60)
journal.Journal.add = add
operations.run("buildretrievalstore", json.loads(sys.argv[2]), Progress())
print("done", flush=True)
"""


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "RUN_BYTES", 200_000)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tables of 2,000 patches in some 25 cells."""
    folder = tmp_path_factory.mktemp("source")
    for number, year in enumerate((2020, 2021, 2022)):
        rows: list = list(vectors(2000, seed=number))
        rows[5] = None
        ids = [f"{year}-{place}" for place in range(2000)]
        write_table(folder / f"area_{year}.parquet", rows, places(2000, number), id=ids)
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the source that nothing interrupted, in files of 100 patches, with finer codes."""
    folder = tmp_path_factory.mktemp("whole")
    build(source, folder / "store", **OPTIONS)
    return folder / "store"


def killed(source: Path, output: Path, what: str, count: int, **options: object) -> None:
    """Build in a process of its own and end it with SIGKILL when the journal has ``count`` lines about ``what``."""
    request = json.dumps({"input": [str(source)], "output": str(output), **options})
    with subprocess.Popen([sys.executable, "-I", "-c", CHILD, str(WORKER), request, what, str(count)],
                          stdout=subprocess.PIPE, text=True) as child:
        said = child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
    assert said.strip() == "there", said
    assert not output.exists() and (output.parent / f"{output.name}.unfinished").is_dir()


def stopped_after(moment: float) -> Progress:
    """A progress that the user stops once it is beyond ``moment``."""
    progress = Progress(lambda fraction, message: progress.cancel() if fraction > moment else None)
    return progress


@pytest.mark.parametrize(("what", "count"), [("run", 1), ("run", 3), ("read", 1), ("shard", 1), ("shard", 9)])
def test_killed_and_gone_on_with(
    source: Path, whole: Path, tmp_path: Path, heard, small_runs, what: str, count: int
) -> None:
    killed(source, tmp_path / "store", what, count, **OPTIONS)
    progress = heard()
    result = build(source, tmp_path / "store", progress, **OPTIONS)
    said = " ".join(line for _, line in progress.lines)
    assert result["continued"] and "Going on with unfinished work" in said
    assert result["rows"] == 5997 and result["no_vector"] == 3 and result["duplicates"] == 0
    if what == "shard":
        assert f"{count:,} files were finished before" in said
    assert digests(tmp_path / "store") == digests(whole)
    manifests = [pq.read_table(folder / "manifest.parquet") for folder in (whole, tmp_path / "store")]
    assert manifests[0].equals(manifests[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_cancelled_and_gone_on_with(source: Path, whole: Path, tmp_path: Path, heard, small_runs) -> None:
    for moment in (0.3, 0.5, 0.8):
        with pytest.raises(Cancelled):
            build(source, tmp_path / "store", stopped_after(moment), **OPTIONS)
        assert not (tmp_path / "store").exists()
        assert (tmp_path / "store.unfinished" / "plan.json").is_file()
    progress = heard()
    assert build(source, tmp_path / "store", progress, **OPTIONS)["continued"]
    assert digests(tmp_path / "store") == digests(whole)


def test_cancelled_before_anything_is_finished_leaves_nothing(source: Path, tmp_path: Path) -> None:
    for moment in (0.0, 0.05, 0.1):
        with pytest.raises(Cancelled):
            build(source, tmp_path / "store", stopped_after(moment))
        assert list(tmp_path.iterdir()) == []


def test_finished_work_is_not_believed_unseen(source: Path, whole: Path, tmp_path: Path, small_runs) -> None:
    folder = tmp_path / "store.unfinished"

    def spoil_run() -> None:
        path = sorted((folder / "runs").glob("*.arrow"))[1]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def lose_run() -> None:
        sorted((folder / "runs").glob("*.arrow"))[0].unlink()

    def lose_names() -> None:
        sorted((folder / "runs").glob("*.names"))[2].write_bytes(b"")

    def spoil_shard() -> None:
        path = sorted((folder / "store").rglob("*.parquet"))[3]
        path.write_bytes(path.read_bytes()[:-20] + b"x" * 20)

    def leave_halves() -> None:
        shards = next((folder / "store").rglob("*.parquet")).parent
        for name in (".bitscape.1.2.probe", ".part-00007.1.partial.parquet", ".part-00000.99999999.partial.fine"):
            (shards / name).write_bytes(b"half")

    def tear_journal() -> None:
        path = folder / "journal.jsonl"
        path.write_bytes(path.read_bytes()[:-30])

    for spoil in (spoil_run, lose_run, lose_names, spoil_shard, leave_halves, tear_journal):
        killed(source, tmp_path / "store", "shard", 6, **OPTIONS)
        spoil()
        assert build(source, tmp_path / "store", **OPTIONS)["continued"]
        assert digests(tmp_path / "store") == digests(whole), spoil.__name__
        assert not folder.exists()
        (tmp_path / "store").rename(tmp_path / spoil.__name__)


def test_another_request_does_not_take_over_work(source: Path, tmp_path: Path, small_runs) -> None:
    killed(source, tmp_path / "store", "run", 3)
    before = digests(tmp_path / "store.unfinished" / "runs")
    with pytest.raises(OutputError, match=r"unfinished work of another request \(it differs in threshold\)"):
        build(source, tmp_path / "store", threshold="median")
    assert digests(tmp_path / "store.unfinished" / "runs") == before
    result = build(source, tmp_path / "store", threshold="median", restart=True)
    assert not result["continued"] and result["recipe"] == "binary-median"


def test_a_changed_input_does_not_go_on(tmp_path: Path, small_runs) -> None:
    folder = tmp_path / "in"
    for number in range(3):
        write_table(folder / f"{number}.parquet", vectors(2000, seed=number), places(2000, number))
    killed(folder, tmp_path / "store", "run", 4)
    write_table(folder / "2.parquet", vectors(2000, seed=9), places(2000, 9))
    with pytest.raises(OutputError, match="the content of the input"):
        build(folder, tmp_path / "store")


def test_two_builds_of_one_store_at_once(source: Path, tmp_path: Path, small_runs) -> None:
    request = json.dumps({"input": [str(source)], "output": str(tmp_path / "store")})
    with subprocess.Popen([sys.executable, "-I", "-c", CHILD, str(WORKER), request, "run", "2"],
                          stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline().strip() == "there"
        with pytest.raises(BitscapeError, match="Another run is building"):
            build(source, tmp_path / "store")
        child.kill()
    assert build(source, tmp_path / "store")["continued"]


def test_foreign_files_are_never_removed(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store.unfinished"
    folder.mkdir()
    (folder / "thesis.docx").write_text("years of work")
    with pytest.raises(OutputError, match="holds something else"):
        build(source, tmp_path / "store")
    assert (folder / "thesis.docx").read_text() == "years of work"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"other things than a retrieval store, such as notes\.txt"):
        build(source, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").exists()


def test_an_older_store_is_replaced_whole(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "store", rows_per_file=100)
    first = rows_of(tmp_path / "store")
    with pytest.raises(Cancelled):
        build(source, tmp_path / "store", stopped_after(0.9), threshold="median")
    assert rows_of(tmp_path / "store") == first, "what was there stays until the new one is whole"
    build(source, tmp_path / "store", threshold="median", restart=True)
    second = rows_of(tmp_path / "store")
    assert set(second) == set(first) and second != first
    (tmp_path / "store" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        build(source, tmp_path / "store")


def test_neither_threads_nor_the_size_of_runs_are_seen_in_the_shards(
    source: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "RUN_BYTES", 77_777)
    monkeypatch.setattr(spill, "OPEN_RUNS", 2)
    build(source, tmp_path / "store", threads=1, **OPTIONS)
    assert digests(tmp_path / "store") == digests(whole)
    assert len(digests(whole)) > 100
