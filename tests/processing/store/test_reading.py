"""Shards in parallel: all of them once, in bounded memory, failures counted, given up at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import shapely
from bitscape.processing.errors import Cancelled
from bitscape.processing.progress import Progress
from bitscape.processing.store.location import ShardError
from bitscape.processing.store.reading import read_all
from bitscape.processing.store.shard_reader import Patches
from bitscape.processing.store.store import Store
from bitscape.tests.processing.store.stores import make_rows, make_store

SHARDS = 24


@pytest.fixture
def many(tmp_path: Path) -> Store:
    make_store(tmp_path, {f"s{number:02}.parquet": make_rows(number, 50, west=number) for number in range(SHARDS)})
    return Store.open(tmp_path)


@pytest.mark.parametrize("workers", [0, 1, 3, 50])
def test_every_shard_arrives_once(many: Store, workers: int) -> None:
    found = dict(read_all(many, many.select(), workers, Progress()))
    assert sorted(entry.shard for entry in found) == list(range(SHARDS))
    assert all(isinstance(patches, Patches) and len(patches) == 50 for patches in found.values())
    some = many.select([shapely.box(3.2, 40, 5.1, 50)])
    found = dict(read_all(many, some, workers, Progress()))
    assert {entry.shard for entry in found} == {3, 4, 5}
    for entry, patches in found.items():
        assert np.array_equal(patches.rows, many.patches(entry, some.area).rows)


def test_nothing_selected_is_nothing_read(many: Store) -> None:
    assert list(read_all(many, many.select([]), 0, Progress())) == []


def test_failed_shards_are_values(many: Store, tmp_path: Path) -> None:
    (tmp_path / "s03.parquet").unlink()
    (tmp_path / "s07.parquet").write_bytes(b"damaged")
    found = list(read_all(many, many.select(), 2, Progress()))
    failed = {entry.path: error for entry, error in found if isinstance(error, ShardError)}
    assert len(found) == SHARDS
    assert set(failed) == {"s03.parquet", "s07.parquet"}
    assert "no such file" in failed["s03.parquet"].why
    assert "7 bytes where the manifest says" in failed["s07.parquet"].why


def test_no_more_shards_than_workers_are_in_memory(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read and not yet taken ones included."""
    begun: list[int] = []
    plain = Store.patches

    def counted(self: Store, entry: object, *rest: object) -> Patches:
        begun.append(1)
        return plain(self, entry, *rest)

    monkeypatch.setattr(Store, "patches", counted)
    for taken, _ in enumerate(read_all(many, many.select(), 3, Progress())):
        time.sleep(0.01)
        assert len(begun) <= taken + 3
    assert len(begun) == SHARDS


def test_cancelling_does_not_wait_for_what_is_under_way(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(Store, "patches", lambda *_: release.wait(20))
    progress = Progress()
    threading.Timer(0.2, progress.cancel).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        list(read_all(many, many.select(), 2, progress))
    assert not release.is_set()
    assert time.monotonic() - start < 10  # not the twenty seconds that a read takes here
    release.set()


def test_who_stops_taking_stops_the_reading(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Progress] = []
    plain = Store.patches

    def watched(self: Store, entry: object, areas: object, years: object, progress: Progress) -> Patches:
        seen.append(progress)
        return plain(self, entry, areas, years, progress)

    monkeypatch.setattr(Store, "patches", watched)
    arriving = read_all(many, many.select(), 2, Progress())
    next(arriving)
    arriving.close()
    assert len(seen) <= 4
    with pytest.raises(Cancelled):
        seen[0].check()
