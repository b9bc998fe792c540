"""Stores as a whole: choosing shards, rows by number, finer codes, ids, places; TerraBit's layouts; threads."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.processing.store import shard_reader
from bitscape.processing.store import store as store_module
from bitscape.processing.store.areas import AreaFilter
from bitscape.processing.store.cells import geohashes, tiles
from bitscape.processing.store.description import FineInfo
from bitscape.processing.store.location import ShardError
from bitscape.processing.store.shard_writer import fine_path
from bitscape.processing.store.store import Store
from bitscape.tests.processing.store.stores import ABOUT, BYTES, by_id, make_rows, make_store, meeting


def four(folder: Path) -> Store:
    """Four shards side by side, the last one of another year."""
    make_store(folder, {
        f"cell={west}/part-00000.parquet": make_rows(west, 200, west=west, year=year, name=f"{west}-")
        for west, year in ((10, 2020), (11, 2020), (12, 2020), (13, 2021))
    })
    return Store.open(folder)


def test_shards_are_chosen_by_bounds_shape_and_year(tmp_path: Path) -> None:
    store = four(tmp_path)

    def chosen(areas: list | None, years: set[int] | None = None) -> list[int]:
        return [entry.shard for entry in store.select(areas, years).entries]

    assert chosen(None) == [0, 1, 2, 3]
    assert chosen([shapely.box(11.2, 45.2, 12.5, 45.4)]) == [1, 2]
    assert chosen([shapely.box(10.2, 45.2, 10.3, 45.4), shapely.box(13.2, 45.2, 13.3, 45.4)]) == [0, 3]
    around = shapely.Polygon([(10.5, 45.5), (10.5, 50), (13.5, 50), (13.5, 45.5), (13.4, 45.5), (13.4, 49), (10.6, 49),
                              (10.6, 45.5)])
    assert chosen([around]) == [0, 3]  # its bounds hold all four
    assert chosen([shapely.box(50, 0, 60, 10)]) == []
    assert chosen([]) == []
    assert chosen(None, {2021}) == [3]
    assert chosen(None, {2019}) == []
    selection = store.select([shapely.box(11.2, 45.2, 12.5, 45.4)])
    assert selection.rows == 400
    assert selection.bytes == sum(entry.bytes or 0 for entry in selection.entries) > 0
    assert store.bytes_read == (tmp_path / "manifest.parquet").stat().st_size


def test_rows_by_number(tmp_path: Path) -> None:
    store, rows = four(tmp_path), make_rows(11, 200, west=11, name="11-")
    asked = np.array([150, 3, 3, 99, 0])
    ids, wkb = store.details(1, asked)
    order = [by_id(rows)[name] for name in ids]
    assert ids[1] == ids[2]
    assert np.array_equal(shapely.bounds(shapely.from_wkb(wkb)), rows.bounds[order])
    assert np.array_equal(store.codes(1, asked), rows.codes[order])
    assert store.details(1, np.array([], np.int64)) == ([], [])
    for wrong in (-1, 200):
        with pytest.raises(ShardError, match="there is no row"):
            store.details(1, np.array([wrong]))


def test_places_and_ids_are_found(tmp_path: Path) -> None:
    store, rows = four(tmp_path), make_rows(12, 200, west=12, name="12-")
    x, y = rows.bounds[7, :2] + 0.005
    (patches,) = store.at(float(x), float(y))
    wanted = np.flatnonzero(meeting(rows.bounds, x, y, x, y))
    assert sorted(store.details(2, patches.rows)[0]) == sorted(f"12-{row}" for row in wanted)
    assert store.at(float(x), float(y), {2021}) == []
    assert store.at(0, 0) == []
    found = store.find_ids(["12-7", "10-0", "nowhere"])
    assert set(found) == {"12-7", "10-0"}
    for name, (shard, row) in found.items():
        assert store.details(shard, np.array([row]))[0] == [name]


def test_ids_are_found_though_a_shard_is_missing(tmp_path: Path, heard: type) -> None:
    store, progress = four(tmp_path), heard()
    (tmp_path / store.shards[0].path).unlink()
    assert set(store.find_ids(["10-0", "12-7"], progress)) == {"12-7"}
    assert [level for level, _ in progress.lines] == ["warning"]
    assert "cell=10" in progress.lines[0][1]


def test_finer_codes_cost_little_more_than_themselves(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 40)).astype(np.float32)
    codec = Recipe.parse("int8").fit(vectors)
    rows = replace(make_rows(0, 3000), fine=codec.encode(vectors))
    about = ABOUT.model_copy(update={"fine": FineInfo(recipe="int8", bytes=codec.bytes, codec=codec.record())})
    (entry,) = make_store(tmp_path, {"a.parquet": rows}, about)
    store = Store.open(tmp_path)
    asked = np.array([2999, 5, 1234, 5, 6])
    ids, _ = store.details(0, asked)
    before = store.bytes_read
    found = store.fine(0, asked)
    assert np.array_equal(found, rows.fine[[by_id(rows)[name] for name in ids]])
    assert store.bytes_read - before <= 2 * 16 * 1024 + 5 * codec.bytes + 40 * 1300
    with pytest.raises(ShardError, match="no row 3,000"):
        store.fine(0, np.array([3000]))
    path = tmp_path / fine_path(entry.path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ShardError, match=r"a\.fine: it has 119,999 bytes"):
        store.fine(0, asked)
    path.unlink()
    with pytest.raises(ShardError, match=r"a\.fine: there is no such file"):
        store.fine(0, asked)
    with pytest.raises(InputError, match="no finer codes"):
        four(tmp_path / "plain").fine(0, asked)


def test_mixed_code_lengths_are_an_error_of_the_shard(tmp_path: Path) -> None:
    entries = make_store(tmp_path, {"a.parquet": make_rows(0, 20), "b.parquet": make_rows(1, 20, width=8)})
    store = Store.open(tmp_path)
    assert len(store.patches(entries[0])) == 20
    with pytest.raises(ShardError, match=r"b\.parquet: it holds codes of 8 bytes where the store's have 16"):
        store.patches(entries[1])
    with pytest.raises(ShardError, match="codes of 8 bytes"):
        list(store.scan(entries[1]))


def terrabit(folder: Path, old: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A corpus in one of TerraBit's layouts, and what is in it: codes by id, and bounds."""
    rows = make_rows(5, 600, span=0.9, width=128, name="chip-")
    centre = (rows.bounds[:, :2] + rows.bounds[:, 2:]) / 2
    x, y = tiles(*centre.T)
    cells = geohashes(*centre.T, 4) if old else [f"{a}/{b}" for a, b in zip(x, y, strict=True)]
    listed: dict[str, list] = {}
    for number, cell in enumerate(sorted(set(cells))):
        mine = np.flatnonzero(np.array(cells) == cell)
        a, b = (int(x[mine[0]]), int(y[mine[0]]))
        path = f"geohash={cell}/year=2020/part-0.parquet" if old else f"tile_x={a}/tile_y={b}/year=2020/part-0.parquet"
        code = (pa.array(rows.codes[mine].tolist(), pa.list_(pa.uint8())) if old
                else pa.FixedSizeListArray.from_arrays(pa.array(rows.codes[mine].ravel()), 128))
        box = pa.StructArray.from_arrays(
            [pa.array(side) for side in rows.bounds[mine].T], ["xmin", "ymin", "xmax", "ymax"])
        table = pa.table({"chips_id": [rows.ids[row] for row in mine], "embedding": code, "bbox": box})
        if not old:
            said = json.dumps({"method": "binary", "n_dims": 1024})
            table = table.replace_schema_metadata({b"quantization": said.encode()})
        (folder / path).parent.mkdir(parents=True)
        pq.write_table(table, folder / path, compression="zstd", row_group_size=50)
        low, high = rows.bounds[mine].min(axis=0), rows.bounds[mine].max(axis=0)
        line = {"path": path, "rows": len(mine), "xmin": low[0], "ymin": low[1], "xmax": high[2], "ymax": high[3]}
        line |= {"geohash": cell} if old else {"tile_x": a, "tile_y": b}
        for name, value in (line | {"year": 2020}).items():
            listed.setdefault(name, []).append(value)
        assert number < 40
    pq.write_table(pa.table(listed), folder / "manifest.parquet")
    return {name: rows.codes[row] for row, name in enumerate(rows.ids)}, rows.bounds


@pytest.mark.parametrize("old", [True, False], ids=["geohash folders, lists", "tiles, fixed lists"])
def test_terrabits_corpora_are_read_as_they_are(tmp_path: Path, old: bool) -> None:
    codes, bounds = terrabit(tmp_path, old)
    store = Store.open(tmp_path)
    about = store.about
    assert (about.dimensions, about.bits, about.bytes, about.kind, about.model) == (1024, 1024, 128, "binary", "")
    area = shapely.box(10.2, 45.1, 10.6, 45.5)
    selection = store.select([area], {2020})
    assert 1 < len(selection.entries) < len(store.shards)
    found: dict[str, np.ndarray] = {}
    for entry in selection.entries:
        patches = store.patches(entry, selection.area, selection.years)
        assert set(patches.years.tolist()) <= {2020}
        found |= dict(zip(store.details(entry.shard, patches.rows)[0], patches.codes, strict=True))
    wanted = {f"chip-{row}" for row in np.flatnonzero(meeting(bounds, 10.2, 45.1, 10.6, 45.5))}
    assert set(found) == wanted
    assert all(np.array_equal(found[name], codes[name]) for name in wanted)
    assert store.select([area], {2019}).entries == []


@pytest.mark.parametrize("old", [True, False])
def test_names_of_folders_do_not_matter(tmp_path: Path, old: bool) -> None:
    codes, _ = terrabit(tmp_path, old)
    table = pq.read_table(tmp_path / "manifest.parquet")
    paths = []
    for number, path in enumerate(table.column("path").to_pylist()):
        paths.append(f"tile_x=0/geohash=zzz/year=1999/{number}.parquet")
        (tmp_path / paths[-1]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).rename(tmp_path / paths[-1])
    pq.write_table(table.set_column(0, "path", pa.array(paths)), tmp_path / "manifest.parquet")
    store = Store.open(tmp_path)
    patches = [store.patches(entry, None, {2020}) for entry in store.select(None, {2020}).entries]
    assert sum(map(len, patches)) == len(codes)
    assert {int(year) for part in patches for year in part.years} == {2020}


def test_a_corpus_whose_shards_cannot_be_read_says_so(tmp_path: Path) -> None:
    terrabit(tmp_path, False)
    for path in tmp_path.rglob("part-*.parquet"):
        path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"does not say what its codes are.*part-0\.parquet"):
        Store.open(tmp_path)


def test_threads_read_at_once_and_files_are_closed(tmp_path: Path) -> None:
    store = four(tmp_path)
    polygon = AreaFilter([shapely.buffer(shapely.Point(12, 45.5), 1.3)])
    alone = [store.patches(entry, polygon) for entry in store.shards]
    open_before = len(psutil.Process().open_files())
    barrier = threading.Barrier(8)

    def read(number: int) -> bool:
        barrier.wait()
        for _ in range(20):
            wanted = alone[number % 4]
            patches = store.patches(store.shards[number % 4], polygon)
            if not (np.array_equal(patches.codes, wanted.codes) and np.array_equal(patches.rows, wanted.rows)):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))
    assert len(psutil.Process().open_files()) == open_before
    assert {patches.codes.shape[1] for patches in alone} == {BYTES}


def test_footers_are_kept_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = four(tmp_path)  # four row groups each
    asked: list[str] = []
    plain = store_module.read_footer
    monkeypatch.setattr(store_module, "KEPT_FOOTERS", 2 * (4 + store_module.FOOTER))
    monkeypatch.setattr(store_module, "read_footer", lambda file: (asked.append(file.name), plain(file))[1])
    for shard in (0, 1, 0, 1, 2, 1, 2, 0):
        store.patches(store.shards[shard])
    assert asked == [store.shards[shard].path for shard in (0, 1, 2, 0)]


def test_scanning_stops_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_reader, "SCANNED", 1)
    store, progress = four(tmp_path), Progress()
    blocks = store.scan(store.shards[0], progress)
    next(blocks)
    progress.cancel()
    with pytest.raises(Exception, match="Cancelled"):
        next(blocks)


def test_scans_share_memory_one_after_the_other_and_never_at_once(tmp_path: Path) -> None:
    store = four(tmp_path)
    first, second = store.scan(store.shards[0]), store.scan(store.shards[1])
    (_, codes), (_, others) = next(first), next(second)
    assert not np.shares_memory(codes, others)
    assert np.array_equal(codes, store.patches(store.shards[0]).codes[: len(codes)])
    first.close()
    _, later = next(store.scan(store.shards[2]))
    assert np.shares_memory(codes, later) and not np.shares_memory(others, later)
    assert np.array_equal(others, store.patches(store.shards[1]).codes[: len(others)])
