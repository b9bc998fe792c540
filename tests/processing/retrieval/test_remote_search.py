"""Searches of a store behind http: only what is needed is asked for, failures are told, a slow server is waited for."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bitscape.processing import operations
from bitscape.processing.livefind import regions
from bitscape.processing.progress import Progress
from bitscape.tests.processing.store.servers import Server

from .conftest import Written

LIKE = {"lon": 10.203, "lat": 45.106}


def test_the_same_results_as_on_disk_and_only_shards_that_meet_the_area(town: Written, tmp_path: Path) -> None:
    question = {"positives": [LIKE], "extent": [10.26, 45.0, 10.45, 45.2], "parquet": str(tmp_path / "f.parquet")}
    here = operations.run("findsimilar", {"store": str(town.path), **question}, Progress())
    wanted = pq.ParquetFile(here["parquet"]).read().column("id").to_pylist()
    with Server(town.path) as server:
        there = operations.run("findsimilar", {"store": server.url, **question}, Progress())
        assert pq.ParquetFile(there["parquet"]).read().column("id").to_pylist() == wanted
        shards = {path for path in server.paths if "part-" in path}
    assert len(shards) == 2, "the one of the area, and that of the exemplar"
    assert there["bytes_read"] > 0


def test_a_shard_that_answers_with_an_error_is_told(town: Written, tmp_path: Path) -> None:
    path = "tile_x=761/tile_y=540/year=2023/part-00000.parquet"
    with Server(town.path, broken={path, f"/{path}"}) as server:
        found = operations.run("findsimilar", {
            "store": server.url, "positives": [LIKE], "parquet": str(tmp_path / "f.parquet")}, Progress())
    assert [one["path"] for one in found["failed"]] == [path]
    assert found["candidates"] == 2400 - 625


@pytest.mark.parametrize("delay", [0.15])
def test_the_dock_gets_on_with_a_server_slower_than_its_patience(town: Written, delay: float) -> None:
    regions.forget()
    with Server(town.path, delay=delay) as server:
        request = {"store": server.url, "view": "outlier", "seconds": 0.01}
        end, calls = time.monotonic() + 30, 0
        while time.monotonic() < end:
            answer = operations.run("livefind", request, Progress())
            calls += 1
            if answer["complete"]:
                break
            time.sleep(0.02)
        asked = len(server.seen)
        operations.run("livefind", {**request, "k": 5}, Progress())
        assert answer["rows"] == 2400 and calls > 3
        assert len([1 for path, _ in server.seen[asked:] if "part-" in path]) == 0, "nothing is read again"
    regions.forget()
