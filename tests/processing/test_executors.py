"""Blocks of work on threads and on a dask cluster: same results, bounded, cancelled cleanly."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import rasterio
from bitscape.processing.compression.build import BuildRequest, build_embedding_tiles
from bitscape.processing.errors import InputError
from bitscape.processing.executors import in_order, open_executor
from bitscape.processing.progress import Progress


def test_results_come_in_order_with_few_under_way():
    running, most, lock = 0, 0, threading.Lock()

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002 * (item % 3))
        with lock:
            running -= 1
        return item * item

    taken = []

    def items():
        for item in range(50):
            taken.append(item)
            yield item

    with open_executor(4) as executor:
        for count, result in enumerate(in_order(executor, work, items(), 3)):
            assert result == count * count
            assert len(taken) <= count + 4
    assert most <= 3


def test_an_error_stops_the_rest():
    done = []

    def work(item: int) -> None:
        done.append(item)
        if item == 3:
            raise ZeroDivisionError

    with open_executor(1) as executor, pytest.raises(ZeroDivisionError):
        list(in_order(executor, work, range(100), 2))
    assert len(done) <= 6


def test_a_scheduler_that_does_not_answer_is_named():
    with (
        pytest.raises(InputError, match=r"No dask scheduler answers at tcp://127\.0\.0\.1:9"),
        open_executor(scheduler="tcp://127.0.0.1:9"),
    ):
        pass


def test_tiles_built_on_a_cluster_equal_those_built_here(pair, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    plugins = Path(__file__).resolve().parents[2] / "build" / "plugins"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")]))
    pixels = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        for name, scheduler in (("cluster", cluster.scheduler_address), ("here", "")):
            request = BuildRequest(
                inputs=[str(path) for path in pair], output=tmp_path / f"{name}.tif", scheduler=scheduler
            )
            result = build_embedding_tiles(request, Progress())
            with rasterio.open(result.tiles) as dataset:
                pixels.append(dataset.read())
    assert (pixels[0] == pixels[1]).all()
