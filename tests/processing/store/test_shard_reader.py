"""One shard read and pruned, against brute force; other producers' columns; damaged files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from bitscape.processing.progress import Progress
from bitscape.processing.store.location import ShardError
from bitscape.processing.store.manifest import ShardEntry, write_manifest
from bitscape.processing.store.shard_reader import Patches
from bitscape.processing.store.store import Store
from bitscape.tests.processing.store.stores import ABOUT, BYTES, by_id, make_rows, make_store

SHARD = "a/part-00000.parquet"
POLYGON = shapely.Polygon([(10.1, 45.1), (10.9, 45.3), (10.5, 45.9), (10.45, 45.4)])


def foreign(folder: Path, table: pa.Table, **options: object) -> Store:
    """A store of one shard that another program wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "x.parquet", **options)
    write_manifest(
        folder / "manifest.parquet", [ShardEntry(0, "x.parquet", len(table), (-180, -90, 180, 90))], ABOUT, Progress())
    return Store.open(folder)


def boxes_of(bounds: np.ndarray) -> pa.Array:
    return pa.StructArray.from_arrays([pa.array(side) for side in bounds.T], ["xmin", "ymin", "xmax", "ymax"])


def names(store: Store, patches: Patches) -> list[str]:
    return store.details(patches.shard, patches.rows)[0]


@pytest.mark.parametrize("row_group", [1, 50, 5000])
def test_rectangles_and_polygons_find_what_brute_force_finds(tmp_path: Path, row_group: int) -> None:
    rows = make_rows(2, 800, size=0.03)
    (entry,) = make_store(tmp_path, {SHARD: rows}, row_group=row_group)
    store, place = Store.open(tmp_path), by_id(rows)
    footprints = shapely.box(*rows.bounds.T)
    for areas in ([shapely.box(10.2, 45.3, 10.4, 45.7)], [POLYGON], [POLYGON, shapely.box(10, 45, 10.1, 45.1)],
                  [shapely.box(20, 20, 30, 30)], [shapely.Point(10.5, 45.5)], None):
        patches = store.patches(entry, areas)
        wanted = np.ones(800, bool) if areas is None else np.logical_or.reduce(
            [shapely.intersects(area, footprints) for area in areas])
        order = np.array([place[name] for name in names(store, patches)], int)
        assert sorted(order) == np.flatnonzero(wanted).tolist()
        assert (np.diff(patches.rows) > 0).all()
        assert np.array_equal(patches.codes, rows.codes[order])
        assert patches.codes.flags.c_contiguous
        assert np.array_equal(patches.bbox, rows.bounds[order])
        assert (patches.years == 2020).all()
        assert (patches.rows.dtype, patches.codes.dtype, patches.bbox.dtype, patches.years.dtype) == (
            np.int64, np.uint8, np.float64, np.int16)


def test_polygons_test_footprints_and_rectangles_bounds(tmp_path: Path) -> None:
    """A diamond whose box's corner reaches into the area: the rectangle meets its bounds, the polygon misses it."""
    rows = make_rows(0, 2)
    bounds = np.array([[0.0, 0, 1, 1], [0.9, 0.9, 1.9, 1.9]])
    diamond = shapely.Polygon([(0, 0.5), (0.5, 0), (1, 0.5), (0.5, 1)])
    shapes = shapely.to_wkb(np.array([diamond, shapely.box(*bounds[1])]))
    (entry,) = make_store(tmp_path, {SHARD: replace(rows, bounds=bounds, geometry=shapes)})
    store = Store.open(tmp_path)
    corner = shapely.box(0.95, 0.95, 1, 1)
    assert len(store.patches(entry, [corner])) == 2
    assert names(store, store.patches(entry, [shapely.Polygon([(0.93, 0.95), (1, 0.95), (1, 1)])])) == ["p1"]


def test_few_row_groups_are_read(tmp_path: Path) -> None:
    (entry,) = make_store(tmp_path, {SHARD: make_rows(3, 20_000)}, row_group=200)
    store = Store.open(tmp_path)
    before = store.bytes_read
    assert len(store.patches(entry, [shapely.box(10.5, 45.5, 10.52, 45.52)])) > 0
    few = store.bytes_read - before
    store.patches(entry)
    assert few < (store.bytes_read - before - few) / 5


def test_years_are_those_of_rows(tmp_path: Path) -> None:
    rows = replace(make_rows(0, 90), years=np.repeat([0, 2020, 2021], 30))
    (entry,) = make_store(tmp_path, {SHARD: rows})
    store = Store.open(tmp_path)
    assert store.select(None, {2021}).entries == store.select(None, None).entries
    assert {int(year) for year in store.patches(entry, None, None).years} == {0, 2020, 2021}
    for years, count in (({2021}, 30), ({2020, 2021}, 60), ({1999}, 0), (set(), 0)):
        patches = store.patches(entry, None, years)
        assert len(patches) == count
        assert set(patches.years.tolist()) <= years


def test_the_year_of_the_manifest_counts_where_rows_have_none(tmp_path: Path) -> None:
    rows = make_rows(0, 20)
    store = foreign(tmp_path, pa.table({"code": pa.array([code.tobytes() for code in rows.codes], pa.binary(BYTES)),
                                        "bbox": boxes_of(rows.bounds)}))
    entry = replace(store.shards[0], year=2022)
    assert set(store.patches(entry, None, {2022}).years.tolist()) == {2022}
    assert len(store.patches(entry, None, {2021})) == 0
    assert len(store.patches(store.shards[0], None, {2022})) == 0  # undated, and a year was asked for
    assert set(store.patches(store.shards[0]).years.tolist()) == {0}


CODES = make_rows(0, 50).codes
KINDS = {
    "fixed binary": pa.array([code.tobytes() for code in CODES], pa.binary(BYTES)),
    "binary": pa.array([code.tobytes() for code in CODES], pa.binary()),
    "large binary": pa.array([code.tobytes() for code in CODES], pa.large_binary()),
    "fixed list": pa.FixedSizeListArray.from_arrays(pa.array(CODES.ravel()), BYTES),
    "list": pa.array(CODES.tolist(), pa.list_(pa.uint8())),
    "large list": pa.array(CODES.tolist(), pa.large_list(pa.uint8())),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["code", "embedding"])
def test_codes_of_any_column_type_are_read(tmp_path: Path, kind: str, name: str) -> None:
    rows = make_rows(0, 50)
    table = pa.table({"chips_id": rows.ids, name: KINDS[kind], "bbox": boxes_of(rows.bounds)})
    store = foreign(tmp_path, table, row_group_size=20)
    patches = store.patches(store.shards[0])
    assert np.array_equal(patches.codes, CODES)
    assert names(store, patches) == list(rows.ids)
    assert np.array_equal(store.codes(0, np.array([49, 3, 3, 20])), CODES[[49, 3, 3, 20]])
    assert np.array_equal(np.concatenate([block.copy() for _, block in store.scan(store.shards[0])]), CODES)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_a_code_or_a_place_are_left_out(tmp_path: Path, kind: str) -> None:
    rows = make_rows(0, 50)
    codes = KINDS[kind].to_pylist()
    codes[3] = codes[30] = None
    bounds = rows.bounds.copy()
    bounds[7] = np.nan
    table = pa.table({"id": rows.ids, "code": pa.array(codes, KINDS[kind].type), "bbox": boxes_of(bounds)})
    store = foreign(tmp_path, table, row_group_size=20)
    patches = store.patches(store.shards[0])
    kept = [row for row in range(50) if row not in (3, 7, 30)]
    assert patches.rows.tolist() == kept
    assert np.array_equal(patches.codes, CODES[kept])
    with pytest.raises(ShardError, match="row 30 has no code"):
        store.codes(0, np.array([1, 30]))
    with pytest.raises(ShardError, match="some of its rows have no code"):
        list(store.scan(store.shards[0]))


def test_a_hole_in_a_list_is_no_code(tmp_path: Path) -> None:
    rows = make_rows(0, 50)
    codes = CODES.tolist()
    codes[5][2] = None
    table = pa.table({"id": rows.ids, "code": pa.array(codes, pa.list_(pa.uint8())), "bbox": boxes_of(rows.bounds)})
    store = foreign(tmp_path, table)
    assert 5 not in store.patches(store.shards[0]).rows


def test_places_come_from_the_geometry_where_there_is_no_bbox(tmp_path: Path) -> None:
    rows = make_rows(0, 50)
    shapes = shapely.to_wkb(shapely.box(*rows.bounds.T)).tolist()
    shapes[4], shapes[9] = None, b"no WKB"
    table = pa.table({"index": np.arange(100, 150), "code": KINDS["list"], "geometry": pa.array(shapes, pa.binary())})
    store = foreign(tmp_path, table, row_group_size=20)
    patches = store.patches(store.shards[0], [POLYGON])
    wanted = shapely.intersects(POLYGON, shapely.box(*rows.bounds.T))
    wanted[[4, 9]] = False
    assert patches.rows.tolist() == np.flatnonzero(wanted).tolist()
    ids, wkb = store.details(0, patches.rows)
    assert ids == [str(100 + row) for row in patches.rows]
    assert wkb == [shapes[row] for row in patches.rows]


def test_bounds_are_footprints_where_there_is_no_geometry(tmp_path: Path) -> None:
    rows = make_rows(0, 50, size=0.1)
    bounds = rows.bounds.astype(np.float32)
    store = foreign(tmp_path, pa.table({"code": KINDS["fixed binary"], "bbox": boxes_of(bounds)}))
    patches = store.patches(store.shards[0], [POLYGON])
    boxes = shapely.box(*bounds.astype(np.float64).T)
    assert patches.rows.tolist() == np.flatnonzero(shapely.intersects(POLYGON, boxes)).tolist()
    ids, wkb = store.details(0, patches.rows)
    assert ids == [str(row) for row in patches.rows]
    assert shapely.equals(shapely.from_wkb(wkb), boxes[patches.rows]).all()


INSIDE = boxes_of(np.array([[10, 45, 11, 46.0]]))


@pytest.mark.parametrize(("table", "words"), [
    (pa.table({"code": pa.array([b"x" * 16], pa.binary(16)), "bbox": boxes_of(np.full((1, 4), 5e5))}), "another CRS"),
    (pa.table({"code": pa.array([b"x" * 16], pa.binary(16)), "bbox": INSIDE,
               "geometry": [shapely.to_wkb(shapely.box(5e5, 4e6, 6e5, 5e6))]}), "another CRS"),
    (pa.table({"code": pa.array([b"x" * 15], pa.binary(15)), "bbox": INSIDE}), "codes of 15 bytes"),
    (pa.table({"code": pa.array([b"x" * 16, b"y"]), "bbox": pa.concat_arrays([INSIDE, INSIDE])}), "codes of 1 bytes"),
    (pa.table({"code": [[1, 2, 3]], "bbox": INSIDE}), "no column of codes|not packed codes"),
    (pa.table({"embedding": [[1.5, 2.5]], "bbox": INSIDE}), "not packed codes.*Build retrieval"),
    (pa.table({"code": pa.array([b"x" * 16], pa.binary(16))}), "neither a bbox"),
    (pa.table({"name": ["x"], "bbox": INSIDE}), "no column of codes"),
])
def test_shards_of_another_make_are_refused_in_words(tmp_path: Path, table: pa.Table, words: str) -> None:
    store = foreign(tmp_path, table)
    with pytest.raises(ShardError, match=rf"^x\.parquet: .*({words})"):
        store.patches(store.shards[0], [POLYGON])


def test_an_empty_shard_is_valid(tmp_path: Path, shared_data: Path) -> None:
    entries = make_store(tmp_path / "ours", {SHARD: make_rows(0, 0), "b.parquet": make_rows(0, 5)})
    store = Store.open(tmp_path / "ours")
    assert store.select().entries == entries[1:]
    assert len(store.patches(store.shards[0])) == 0
    assert store.patches(store.shards[0], [POLYGON]).codes.shape == (0, BYTES)
    assert list(store.scan(store.shards[0])) == []
    real = shared_data / "clay_geoparquet" / "earthindex_21MNT_sample.parquet"
    (tmp_path / "real").mkdir()
    (tmp_path / "real/part.parquet").write_bytes(real.read_bytes())
    write_manifest(tmp_path / "real/manifest.parquet", [ShardEntry(0, "part.parquet", 0, (-54, -1, -53, 0))], ABOUT,
                   Progress())
    found = Store.open(tmp_path / "real")
    assert len(found.patches(found.shards[0], [POLYGON], {2020})) == 0
    assert found.find_ids(["a"]) == {}


def test_a_truncated_shard_is_named_wherever_it_ends(tmp_path: Path) -> None:
    (entry,) = make_store(tmp_path, {SHARD: make_rows(0, 300)})
    content = (tmp_path / SHARD).read_bytes()
    for length in range(0, len(content), len(content) // 25):
        (tmp_path / SHARD).write_bytes(content[:length])
        with pytest.raises(ShardError, match=r"^a/part-00000\.parquet: it has .* bytes where the manifest says"):
            Store.open(tmp_path).patches(entry)
        with pytest.raises(ShardError, match=r"^a/part-00000\.parquet: .*(truncated|damaged)"):
            Store.open(tmp_path).patches(replace(entry, bytes=None))


def test_damage_anywhere_is_an_error_or_other_values_but_never_a_crash(tmp_path: Path) -> None:
    """Bytes of a page are not guarded by the format, those of headers and the footer show."""
    rows = make_rows(0, 300)
    (entry,) = make_store(tmp_path, {SHARD: rows})
    content = bytearray((tmp_path / SHARD).read_bytes())
    random, failed = np.random.default_rng(0), 0
    for place in random.integers(4, len(content), 150):
        damaged = bytearray(content)
        damaged[place : place + 8] = random.bytes(len(damaged[place : place + 8]))
        (tmp_path / SHARD).write_bytes(damaged)
        try:
            patches = Store.open(tmp_path).patches(entry, [POLYGON])
            assert patches.codes.shape == (len(patches.rows), BYTES)
        except ShardError as error:
            failed += 1
            assert error.path == SHARD
    assert failed > 10


def test_a_bad_page_is_named(tmp_path: Path) -> None:
    """The first byte of a page's header, once bare and once compressed."""
    for options in ({"compression": "NONE"}, {"compression": "ZSTD"}):
        rows = make_rows(0, 50)
        table = pa.table({"code": KINDS["fixed binary"], "bbox": boxes_of(rows.bounds)})
        store = foreign(tmp_path, table, use_dictionary=False, **options)
        chunk = pq.read_metadata(tmp_path / "x.parquet").row_group(0).column(0)
        content = bytearray((tmp_path / "x.parquet").read_bytes())
        content[chunk.data_page_offset : chunk.data_page_offset + 20] = b"\xff" * 20
        (tmp_path / "x.parquet").write_bytes(content)
        with pytest.raises(ShardError, match=r"^x\.parquet: "):
            store.patches(store.shards[0])


def test_a_missing_or_changed_file_is_named(tmp_path: Path) -> None:
    first, second = make_store(tmp_path, {SHARD: make_rows(0, 30), "b.parquet": make_rows(1, 30)})
    store = Store.open(tmp_path)
    assert len(store.patches(second)) == 30
    (tmp_path / SHARD).unlink()
    with pytest.raises(ShardError, match="there is no such file") as caught:
        store.patches(first)
    assert (caught.value.path, caught.value.kind) == (SHARD, "input")
    (tmp_path / "b.parquet").write_bytes(b"x" + (tmp_path / "b.parquet").read_bytes())
    with pytest.raises(ShardError, match="it was changed"):
        store.patches(second)
    with pytest.raises(ShardError, match="30 rows where the manifest says 31"):
        Store.open(tmp_path).patches(replace(make_store(tmp_path, {SHARD: make_rows(0, 30)})[0], rows=31))
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(ShardError, match="cannot be opened"):
        store.patches(replace(second, path="folder.parquet", bytes=None))


def test_longitudes_from_0_to_360_are_understood(tmp_path: Path) -> None:
    rows = make_rows(0, 200, west=179.0, span=3.0, size=0.1)
    shapes = pa.array(shapely.to_wkb(shapely.box(*rows.bounds.T)), pa.binary())
    codes = pa.array([code.tobytes() for code in rows.codes], pa.binary(BYTES))
    store = foreign(tmp_path, pa.table({"code": codes, "bbox": boxes_of(rows.bounds), "geometry": shapes}),
                    row_group_size=20)
    for area in (shapely.box(-179.6, 45.2, -178.7, 45.5), shapely.Polygon([(-179.6, 45), (-178.9, 45.1), (-179.2, 46)]),
                 shapely.Polygon([(179.6, 45), (180.9, 45.1), (180.2, 46)])):
        moved = shapely.transform(area, lambda points: np.where(points < 0, points + 360, points))
        wanted = np.flatnonzero(shapely.intersects(moved, shapely.box(*rows.bounds.T)))
        assert len(wanted) > 5
        assert store.patches(store.shards[0], [area]).rows.tolist() == wanted.tolist()


def test_a_shard_written_anew_is_read_anew(tmp_path: Path) -> None:
    """Of the same size, behind an open store."""
    (entry,) = make_store(tmp_path, {SHARD: make_rows(0, 100)})
    store = Store.open(tmp_path)
    store.patches(entry)
    other = make_store(tmp_path / "other", {SHARD: make_rows(1, 100)})[0]
    content = (tmp_path / "other" / SHARD).read_bytes()
    (tmp_path / SHARD).write_bytes(content)
    fresh = Store.open(tmp_path / "other").patches(other)
    assert np.array_equal(store.patches(replace(entry, bytes=len(content))).bbox, fresh.bbox)


def test_footprints_over_the_antimeridian_are_found_from_both_sides(tmp_path: Path) -> None:
    """Among others in their row group, so that its statistics say nothing: in both ways of writing them."""
    rows = make_rows(0, 40, west=178.0, south=10.0, span=1.5)
    bounds = rows.bounds.copy()
    bounds[11] = [179.95, 10.2, -179.95, 10.3]
    bounds[12] = [-179.96, 10.2, 179.96, 10.3]
    table = pa.table({"code": pa.array([code.tobytes() for code in rows.codes], pa.binary(BYTES)),
                      "bbox": boxes_of(bounds)})
    for store in (foreign(tmp_path / "foreign", table),):
        for area in (shapely.box(-179.99, 10, -179.97, 11), shapely.box(179.97, 10, 179.99, 11),
                     shapely.Polygon([(-179.99, 10), (-179.97, 10), (-179.97, 11)])):
            assert store.patches(store.shards[0], [area]).rows.tolist() == [11, 12]
        assert len(store.patches(store.shards[0], [shapely.box(-170, -90, 170, 90)])) == 0
    (entry,) = make_store(tmp_path / "ours", {SHARD: replace(rows, bounds=bounds)})
    ours = Store.open(tmp_path / "ours")
    assert entry.bounds[0] > 177 and entry.bounds[2] == -179.95
    for area in (shapely.box(-179.99, 10, -179.97, 11), shapely.box(180.01, 10, 180.03, 11)):
        chosen = ours.select([area])
        assert [len(ours.patches(part, chosen.area)) for part in chosen.entries] == [2]
    assert ours.select([shapely.box(-170, -90, 170, 90)]).entries == []
    assert sorted(names(ours, ours.at(180, 10.25)[0])) == ["p11", "p12"]
    assert np.array_equal(ours.at(-180, 10.25)[0].rows, ours.at(180, 10.25)[0].rows)
    _, wkb = ours.details(0, ours.at(180, 10.25)[0].rows)
    for shape in shapely.from_wkb(wkb):  # cut at the antimeridian, as GeoJSON wants it
        assert shapely.area(shape) == pytest.approx(0.1 * 0.1, rel=0.3)
