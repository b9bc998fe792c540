"""Stores behind real web servers: what is asked of them, and what happens when they misbehave."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.executors import cores
from bitscape.processing.progress import Progress
from bitscape.processing.store import remote
from bitscape.processing.store.description import FineInfo
from bitscape.processing.store.location import ShardError
from bitscape.processing.store.reading import default_workers, read_all
from bitscape.processing.store.remote import coalesced
from bitscape.processing.store.store import Store
from bitscape.tests.processing.store.servers import Server, until
from bitscape.tests.processing.store.stores import ABOUT, make_rows, make_store
from bitscape.tests.processing.store.test_store import terrabit
from hypothesis import given
from hypothesis import strategies as st

AREA = shapely.box(11.3, 45.2, 12.6, 45.4)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures need not be waited for long."""
    monkeypatch.setattr(remote, "RETRIES", 1)
    monkeypatch.setattr(remote, "RETRY_SECONDS", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six shards side by side, the third one larger than what is fetched whole."""
    place = tmp_path_factory.mktemp("remote")
    make_store(place, {
        f"tile_x={west}/tile_y=1/year=2020/part-00000.parquet": make_rows(
            west, 20_000 if west == 12 else 300, west=west, name=f"{west}-") for west in range(10, 16)
    }, row_group=500)
    return place


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with Server(folder) as found:
        yield found


def shard(west: int) -> str:
    return f"tile_x={west}/tile_y=1/year=2020/part-00000.parquet"


@pytest.mark.parametrize("ending", ["", "/", "manifest.parquet"])
def test_a_store_behind_an_address_is_as_on_disk(server: Server, folder: Path, ending: str) -> None:
    address = server.url.rstrip("/") if ending == "" else server.url + ending.lstrip("/")
    store, local = Store.open(address), Store.open(folder)
    assert store.remote
    assert (list(store.shards), store.about) == (list(local.shards), local.about)
    selection = store.select([AREA])
    found = dict(read_all(store, selection, 3, Progress()))
    for entry in local.select([AREA]).entries:
        ours, theirs = found[entry], local.patches(entry, [AREA])
        assert np.array_equal(ours.codes, theirs.codes)
        assert np.array_equal(ours.rows, theirs.rows)
        assert np.array_equal(ours.bbox, theirs.bbox)
        assert store.details(entry.shard, ours.rows[:5]) == local.details(entry.shard, ours.rows[:5])
    assert all(agent.startswith("Bitscape/") for agent in server.agents)


def test_only_intersecting_shards_and_row_groups_are_asked_for(server: Server, folder: Path) -> None:
    store = Store.open(server.url)
    assert server.paths == {"manifest.parquet"}
    for _ in read_all(store, store.select([AREA]), 4, Progress()):
        pass
    assert server.paths == {"manifest.parquet", shard(11), shard(12)}
    assert all(part.startswith("bytes=") for _, part in server.seen)
    assert server.sent < (folder / shard(12)).stat().st_size / 2
    assert until(lambda: store.bytes_read == server.sent)
    before = len(server.seen)
    store.patches(store.shards[2], [shapely.box(12.5, 45.5, 12.51, 45.51)])
    assert before < len(server.seen) <= before + 4  # its footer is known


def test_requests_are_few(server: Server) -> None:
    """One for a small shard; the footer and one run of row groups for a large one that is read whole."""
    store = Store.open(server.url)
    server.seen.clear()
    store.patches(store.shards[0])
    assert len(server.seen) == 1
    store.patches(store.shards[2])
    assert len(server.seen) <= 4


def test_shards_are_asked_for_in_parallel(folder: Path) -> None:
    with Server(folder, delay=0.2) as server:
        store = Store.open(server.url)
        assert len(list(read_all(store, store.select(), 0, Progress()))) == 6
        assert server.most_at_once >= 4


def test_large_shards_are_asked_for_fewer_at_once(server: Server, folder: Path) -> None:
    store = Store.open(server.url)
    chosen = store.select()
    assert default_workers(store, chosen) == 16
    large = [replace(entry, bytes=32 * 2**20) for entry in chosen.entries]
    assert default_workers(store, replace(chosen, entries=large)) == 8
    unknown = [replace(entry, bytes=None, rows=10**9) for entry in chosen.entries]
    assert default_workers(store, replace(chosen, entries=unknown)) == 2
    assert default_workers(Store.open(folder), replace(chosen, entries=large)) == cores()


def test_terrabits_corpus_is_read_from_a_server(tmp_path: Path) -> None:
    codes, _ = terrabit(tmp_path, False)
    with Server(tmp_path) as server:
        store = Store.open(server.url)
        assert sum(len(patches) for _, patches in read_all(store, store.select(), 4, Progress())) == len(codes)


def test_finer_codes_cost_small_ranges(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(20_000, 32)).astype(np.float32)
    codec = Recipe.parse("int8").fit(vectors)
    rows = replace(make_rows(0, 20_000), fine=codec.encode(vectors))
    about = ABOUT.model_copy(update={"fine": FineInfo(recipe="int8", bytes=codec.bytes, codec=codec.record())})
    make_store(tmp_path, {"a.parquet": rows}, about, row_group=4096)
    with Server(tmp_path) as server:
        store, asked = Store.open(server.url), np.array([19_000, 3, 3, 9000])
        server.seen.clear()
        found = store.fine(0, asked)
        assert np.array_equal(found, Store.open(tmp_path).fine(0, asked))
        assert server.paths == {"a.fine"}
        size = (tmp_path / "a.fine").stat().st_size
        assert server.sent - (tmp_path / "manifest.parquet").stat().st_size < size


def test_a_server_without_ranges_is_refused(folder: Path) -> None:
    with Server(folder, ranges=False) as server, pytest.raises(InputError, match="cannot send parts of a file"):
        Store.open(server.url)


@pytest.mark.parametrize(("fault", "words"), [
    ("broken", r"error \(500\)"), ("cut", "broke off"), ("refused", "does not allow"),
])
def test_failed_shards_are_counted_and_the_rest_is_read(folder: Path, fault: str, words: str) -> None:
    with Server(folder, **{fault: {shard(11), shard(14)}}) as server:
        store = Store.open(server.url)
        found = dict(read_all(store, store.select(), 6, Progress()))
        failed = {entry.path: error for entry, error in found.items() if isinstance(error, ShardError)}
        assert set(failed) == {shard(11), shard(14)}
        assert len(found) == 6
        for error in failed.values():
            with pytest.raises(ShardError, match=words):
                raise error


def test_a_missing_shard_or_manifest_is_named(tmp_path: Path) -> None:
    make_store(tmp_path, {"a.parquet": make_rows(0, 20)})
    with Server(tmp_path) as server:
        store = Store.open(server.url)
        (tmp_path / "a.parquet").unlink()
        with pytest.raises(ShardError, match=r"a\.parquet: the server does not have it \(404\)"):
            store.patches(store.shards[0])
        (tmp_path / "manifest.parquet").unlink()
        with pytest.raises(InputError, match=r"has no manifest\.parquet"):
            Store.open(server.url)


def test_a_server_that_is_gone_cannot_be_reached(folder: Path) -> None:
    with Server(folder) as server:
        store = Store.open(server.url)
    with pytest.raises(ShardError, match="cannot be reached"):
        store.patches(store.shards[0])


def test_redirects_are_followed_but_not_in_circles(folder: Path) -> None:
    with Server(folder, moved={shard(10): "/" + shard(11), shard(13): "/" + shard(13)}) as server:
        store = Store.open(server.url)
        moved = replace(store.shards[0], bytes=store.shards[1].bytes)
        assert np.array_equal(store.patches(moved).codes, store.patches(store.shards[1]).codes)
        with pytest.raises(ShardError, match="from one address to the next"):
            store.patches(store.shards[3])


def test_a_file_that_changes_size_is_an_error(tmp_path: Path) -> None:
    make_store(tmp_path, {"a.parquet": make_rows(0, 20_000)}, row_group=500)
    with Server(tmp_path) as server:
        store = Store.open(server.url)
        store.patches(store.shards[0], [shapely.box(10, 45, 10.1, 45.1)])
        content = (tmp_path / "a.parquet").read_bytes()
        (tmp_path / "a.parquet").write_bytes(b"PAR1" + content)
        with pytest.raises(ShardError, match="changed"):
            Store.open(server.url).patches(store.shards[0])
        with pytest.raises(ShardError, match="changed"):
            store.patches(store.shards[0])  # whose footer is known
        (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
        with pytest.raises(ShardError):
            store.patches(store.shards[0])


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same size: the server's tag tells."""
    make_store(tmp_path, {"a.parquet": make_rows(0, 20_000)}, row_group=500)
    content = (tmp_path / "a.parquet").read_bytes()
    plain = remote.RemoteFile.start

    def changing(self: remote.RemoteFile, size: int | None) -> None:
        plain(self, size)
        if self.name == "a.parquet":
            (tmp_path / "a.parquet").write_bytes(content)

    monkeypatch.setattr(remote.RemoteFile, "start", changing)
    with Server(tmp_path) as server:
        store = Store.open(server.url)
        with pytest.raises(ShardError, match="changed on the server while it was read"):
            store.patches(store.shards[0])


def test_a_slow_server_is_given_up_when_asked(folder: Path) -> None:
    with Server(folder) as server:
        store, progress = Store.open(server.url), Progress()
        server.delay = 30.0
        threading.Timer(0.3, progress.cancel).start()
        start = time.monotonic()
        with pytest.raises(Cancelled):
            list(read_all(store, store.select(), 4, progress))
        assert time.monotonic() - start < 10  # not the half minute of the server
        waiting = [thread for thread in threading.enumerate() if thread.name.startswith("bitscape-shards")]
        assert until(lambda: not any(thread.is_alive() for thread in waiting))


def test_a_server_that_does_not_answer_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(remote, "RETRIES", 0)
    with Server(folder) as server:
        store = Store.open(server.url)
        server.delay = 30.0
        with pytest.raises(ShardError, match="did not answer in time"):
            store.patches(store.shards[0])


@pytest.mark.parametrize(("address", "words"), [
    ("https://", "names no server"), ("http://user:secret@127.0.0.1/store", "user name or password"),
    ("https://host/store?token=secret", r"no \? or #"), ("http://host:99999999/", "not an address"),
])
def test_addresses_that_cannot_be_are_refused_before_anything_is_asked(address: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Store.open(address)
    assert "secret" not in str(caught.value)


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 300)), max_size=20), st.integers(0, 200),
       st.integers(1, 500))
def test_joined_ranges_hold_what_was_asked_for(ranges: list[tuple[int, int]], gap: int, longest: int) -> None:
    joined = coalesced(ranges, gap, longest)
    wanted = {byte for start, length in ranges for byte in range(start, start + length)}
    held = [byte for start, length in joined for byte in range(start, start + length)]
    assert wanted <= set(held)
    assert len(held) == len(set(held))
    assert all(0 < length <= longest for _, length in joined)
    assert joined == sorted(joined)
    runs = "".join("w" if byte in wanted else "x" if byte in set(held) else " " for byte in range(max(held, default=0)))
    assert all(len(run) <= gap for run in re.findall("x+", runs))
