"""livefind: what the dock asks, again and again; equal to findsimilar once all is loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.livefind import regions
from bitscape.processing.progress import Progress
from bitscape.processing.store.store import Store
from bitscape.tests.processing.retrieval.conftest import SIDE, Written, write_store

LIKE = {"lon": 10.203, "lat": 45.106}
UNLIKE = {"lon": 10.503, "lat": 45.306}


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    regions.forget()
    yield
    regions.forget()


def ask(store: Path, **values: Any) -> dict[str, Any]:
    return operations.run("livefind", {"store": str(store), "seconds": 5, **values}, Progress())


def ask_to_the_end(store: Path, **values: Any) -> dict[str, Any]:
    for _ in range(200):
        answer = ask(store, **{"seconds": 0.2, **values})
        if answer["complete"]:
            return answer
    raise AssertionError("never complete")


@pytest.mark.parametrize("view", ["top", "heat", "threshold", "outlier", "surprise", "gradient", "typical"])
def test_answers_are_those_of_findsimilar(town: Written, tmp_path: Path, view: str) -> None:
    question = {"positives": [LIKE], "negatives": [UNLIKE], "view": view, "k": 30}
    live = ask_to_the_end(town.path, **question)
    run = operations.run("findsimilar", {"store": str(town.path), "parquet": str(tmp_path / "f.parquet"), **question},
                         Progress())
    rows = pq.ParquetFile(run["parquet"]).read().to_pylist()
    rows = sorted(rows, key=lambda one: one["rank"])[: len(live["results"])]
    assert [one["id"] for one in live["results"]] == [one["id"] for one in rows]
    assert [one["score"] for one in live["results"]] == pytest.approx([one["score"] for one in rows])
    assert [one["rank"] for one in live["results"]] == list(range(1, len(rows) + 1))
    assert live["threshold"] == pytest.approx(run["threshold"]) and live["within"] == run["within"]
    assert live["typical"] == run["typical"]
    assert sum(live["histogram"]["counts"]) == 2398
    assert live["reason"] == "" and live["missing"] == [] and len(live["exemplars"]) == 2


def test_a_changed_question_reads_no_code_again(town: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask_to_the_end(town.path, positives=[LIKE])
    read: list[str] = []
    real = Store.patches

    def watched(self: Store, entry: Any, *rest: Any, **more: Any) -> Any:
        read.append(entry.path)
        return real(self, entry, *rest, **more)

    monkeypatch.setattr(Store, "patches", watched)
    shown = [{"shard": one["shard"], "row": one["row"]} for one in first["results"][:2]]
    second = ask(town.path, positives=shown, k=5)
    third = ask(town.path, positives=shown, k=7, threshold=9.0, view="threshold")
    assert read == []
    assert second["results"][0]["id"] != first["results"][0]["id"]
    assert third["within"] >= 1 and all(one["score"] <= 9 for one in third["results"])
    ask(town.path, positives=[{"lon": 10.3, "lat": 45.2}])
    assert set(read) <= {entry.path for entry in Store.open(town.path).shards} and len(read) <= 4, "only for the point"


def test_loading_goes_on_between_calls(town: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Store.patches

    def slow(self: Store, *rest: Any, **more: Any) -> Any:
        time.sleep(0.2)
        return real(self, *rest, **more)

    monkeypatch.setattr(Store, "patches", slow)
    question = {"view": "outlier", "seconds": 0}
    first = ask(town.path, **question)
    assert first["rows"] == 0 and not first["complete"] and first["reason"] == "Nothing is loaded yet."
    time.sleep(0.5)
    second = ask(town.path, **question)
    assert 0 < second["rows"] < 2400 and second["results"] and second["arrived"]
    assert all(len(box) == 4 for box in second["arrived"])
    last = ask_to_the_end(town.path, view="outlier")
    assert last["rows"] == 2400 and last["loaded_shards"] == last["shards"] == 6


def test_no_exemplar_is_no_error(town: Written) -> None:
    for question, why in (
        ({}, "Give a positive exemplar"),
        ({"positives": [{"lon": 0, "lat": 0, "key": "click 1"}]}, "no footprint holds it"),
        ({"positives": [LIKE], "combine": "xor"}, "at least two"),
    ):
        answer = ask(town.path, **question)
        assert answer["results"] == [] and why in answer["reason"] and answer["rows"] == 2400
    missed = ask(town.path, positives=[LIKE, {"lon": 0, "lat": 0, "key": "click 2"}], token="7")
    assert missed["results"] and missed["token"] == "7"
    assert missed["missing"] == [{"key": "click 2", "positive": True, "why": "no footprint holds it"}]
    nowhere = ask(town.path, positives=[LIKE], areas=["POLYGON((0 0, 1 0, 1 1, 0 1, 0 0))"])
    assert nowhere["complete"] and "nothing in the area" in nowhere["reason"]


def test_what_memory_does_not_hold_is_read_for_each_question(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 10.0, 45.0, 300, 100)
    whole = ask_to_the_end(store.path, positives=[LIKE], negatives=[UNLIKE], k=40)
    part = ask_to_the_end(store.path, positives=[LIKE], negatives=[UNLIKE], k=40, memory=1_000_000)
    assert part["about"]["streamed"] and not whole["about"]["streamed"]
    assert part["rows"] == whole["rows"] == 30_000
    assert part["results"] == whole["results"]
    changed = ask_to_the_end(store.path, positives=[UNLIKE], k=10, memory=1_000_000)
    assert changed["results"] == ask_to_the_end(store.path, positives=[UNLIKE], k=10)["results"]
    other = ask(store.path, view="surprise", memory=1_000_000)
    assert other["results"] == [] and "more than the memory" in other["reason"]


def test_a_shard_that_failed_once_is_forgiven_by_the_next_question(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 10.0, 45.0, 300, 100)
    entry = Store.open(store.path).shards[-1]
    lost, aside = store.path / entry.path, tmp_path / "aside"
    ask(store.path, memory=1_000_000)
    lost.rename(aside)
    first = ask_to_the_end(store.path, positives=[LIKE], memory=1_000_000)
    assert [one["path"] for one in first["failed"]] == [entry.path]
    assert first["loaded_shards"] == first["shards"] and first["rows"] == 30_000 - entry.rows
    aside.rename(lost)
    second = ask_to_the_end(store.path, positives=[LIKE], negatives=[UNLIKE], memory=1_000_000)
    assert second["failed"] == [] and second["rows"] == 30_000


def test_pictures_of_a_window(town: Written, tmp_path: Path) -> None:
    window = {"west": 10.1, "south": 45.1, "east": 10.3, "north": 45.2, "width": 40, "height": 20}
    answer = ask(town.path, positives=[LIKE], view="threshold", raster=str(tmp_path / "p.tif"), window=window)
    with rasterio.open(answer["raster"]) as picture:
        drawn, bounds = picture.read(1), picture.bounds
    assert drawn.shape == (20, 40) and (drawn != 255).all()
    assert bounds == pytest.approx((10.1, 45.1, 10.3, 45.2))
    own = town.bits[town.ids.index("p2023-620")]
    scores = (town.bits != own).sum(axis=1)
    low, high = answer["scale"]["low"], answer["scale"]["high"]
    assert (low, high) == (scores.max(), 0)
    for row in range(10):
        for column in range(20):
            score = scores[town.ids.index(f"p2023-{(19 - row) * 60 + 10 + column}")]
            assert drawn[2 * row, 2 * column] == round(254 * (score - low) / (high - low))
    away = ask(town.path, positives=[LIKE], raster=str(tmp_path / "q.tif"), window={**window, "west": 50, "east": 51})
    assert away["raster"] is None and not (tmp_path / "q.tif").exists()
    heat = ask(town.path, positives=[LIKE], view="heat", raster=str(tmp_path / "r.tif"))
    with rasterio.open(heat["raster"]) as picture:
        assert picture.width == 120 and picture.read(1).max() == 254
    assert heat["scale"] is None


def test_a_store_that_was_written_again_is_opened_again(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 10.0, 45.0, 20, 10)
    assert ask(store.path, view="outlier")["rows"] == 200
    write_store(tmp_path / "store", 10.0, 45.0, 20, 20)
    assert ask(store.path, view="outlier")["rows"] == 400


def test_damaged_shards_are_told_and_not_fatal(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 10.0, 45.0, 60, 40)
    paths = sorted((tmp_path / "store").rglob("part*.parquet"))
    paths[0].write_bytes(b"nothing")
    answer = ask_to_the_end(store.path, view="outlier")
    assert len(answer["failed"]) == 1 and answer["results"] and answer["loaded_shards"] == 6
    for path in paths:
        path.unlink()
    regions.forget()
    none = ask_to_the_end(store.path, view="outlier")
    assert len(none["failed"]) == 6 and "None of the 6 shards could be read" in none["reason"]


def test_cancel_and_go_on(town: Written) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        operations.run("livefind", {"store": str(town.path), "view": "outlier"}, progress)
    assert ask_to_the_end(town.path, view="outlier")["rows"] == 2400


def test_wrong_requests_are_refused(town: Written, tmp_path: Path) -> None:
    for values, why in (
        ({"store": str(tmp_path / "nothing")}, "nothing"),
        ({"areas": ["POINT(1 1)"]}, "polygon"),
        ({"positives": [{"lon": 1}]}, "lon goes with lat"),
        ({"positives": [{"lon": 1, "lat": 1, "id": "a"}]}, "one of"),
        ({"positives": [{"code": "abcd"}]}, "2 bytes"),
        ({"k": 0}, "k"),
        ({"window": {"west": 0, "south": 1, "east": 1, "north": 0, "width": 5, "height": 5}}, "south"),
    ):
        with pytest.raises(InputError, match=why):
            ask(**{"store": town.path, **values})


def test_two_regions_share_the_memory(town: Written) -> None:
    for area in ("POLYGON((10 45, 10.3 45, 10.3 45.4, 10 45.4, 10 45))",
                 "POLYGON((10.3 45, 11 45, 11 46, 10.3 46, 10.3 45))"):
        ask(town.path, view="outlier", areas=[area])
    assert len(regions._regions) == 2
    ask(town.path, view="outlier", memory=1_000_000)
    assert np.isclose(SIDE, 0.01) and sum(region.capacity * region.row for region in regions._regions.values()) <= 1e6
