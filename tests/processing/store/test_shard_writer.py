"""Shards as other programs see them: GeoParquet 1.1, sorted, with statistics, and what is read without decoding."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.progress import Progress
from bitscape.processing.store.morton import morton_keys
from bitscape.processing.store.shard_writer import ShardRows, boxes_wkb, fine_path, write_shard
from bitscape.tests.processing.store.stores import BYTES, by_id, make_rows

PATH = "tile_x=760/tile_y=540/year=2020/part-00000.parquet"


def test_rows_come_back_in_morton_order(tmp_path: Path) -> None:
    rows = make_rows(0, 500)
    entry = write_shard(tmp_path, PATH, rows, Progress(), 3, (760, 540), row_group=128)
    table = pq.read_table(tmp_path / PATH, partitioning=None)
    place = by_id(rows)
    order = np.array([place[name] for name in table.column("id").to_pylist()])
    assert sorted(order) == list(range(500))
    assert b"".join(table.column("code").to_pylist()) == rows.codes[order].tobytes()
    boxes = np.array([list(box.values()) for box in table.column("bbox").to_pylist()])
    assert np.array_equal(boxes, rows.bounds[order])
    shapes = shapely.from_wkb(table.column("geometry").to_pylist())
    assert np.array_equal(shapely.bounds(shapes), boxes)
    keys = morton_keys(boxes[:, [0, 2]].mean(axis=1), boxes[:, [1, 3]].mean(axis=1))
    assert (np.diff(keys.astype(object)) >= 0).all()
    content = (tmp_path / PATH).read_bytes()
    assert (entry.shard, entry.rows, entry.tile, entry.year, entry.bytes) == (3, 500, (760, 540), 2020, len(content))
    assert entry.fingerprint == hashlib.blake2b(content, digest_size=16).hexdigest()
    low, high = rows.bounds.min(axis=0), rows.bounds.max(axis=0)
    assert entry.bounds == (low[0], low[1], high[2], high[3])


def test_the_file_is_geoparquet_with_a_covering(tmp_path: Path) -> None:
    write_shard(tmp_path, PATH, make_rows(0, 300), Progress(), row_group=100)
    metadata = pq.read_metadata(tmp_path / PATH)
    geo = json.loads(metadata.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"]) == ("1.1.0", "WKB")
    assert column["geometry_types"] == ["Polygon", "MultiPolygon"]
    assert column["covering"]["bbox"] == {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}
    assert "crs" not in column  # OGC:CRS84
    assert len(column["bbox"]) == 4
    assert metadata.num_row_groups == 3
    for group in range(3):
        known = {metadata.row_group(group).column(place).path_in_schema: metadata.row_group(group).column(place)
                 for place in range(metadata.num_columns)}
        assert all(known[f"bbox.{side}"].statistics.has_min_max for side in ("xmin", "ymin", "xmax", "ymax"))
        assert not known["code"].is_stats_set
        assert (known["code"].compression, known["id"].compression) == ("UNCOMPRESSED", "ZSTD")
        assert set(known["code"].encodings) <= {"PLAIN", "RLE"}


def test_duckdb_reads_the_same(tmp_path: Path) -> None:
    rows = make_rows(1, 400, year=None)
    write_shard(tmp_path, PATH, rows, Progress(), row_group=50)
    found = duckdb.sql(
        f"select id, code, year from read_parquet('{tmp_path / PATH}', hive_partitioning=false) where "
        "bbox.xmin <= 10.5 and bbox.xmax >= 10.2 and bbox.ymin <= 45.5 and bbox.ymax >= 45.2").fetchall()
    b = rows.bounds
    wanted = (b[:, 0] <= 10.5) & (b[:, 2] >= 10.2) & (b[:, 1] <= 45.5) & (b[:, 3] >= 45.2)
    assert {name: bytes(code) for name, code, _ in found} == {
        rows.ids[row]: rows.codes[row].tobytes() for row in np.flatnonzero(wanted)}
    assert {year for _, _, year in found} == {None}


def test_years_of_rows(tmp_path: Path) -> None:
    years = np.where(np.arange(30) < 10, 0, 2021)
    entry = write_shard(tmp_path, PATH, replace(make_rows(0, 30), years=years), Progress())
    assert entry.year is None
    assert sorted(pq.read_table(tmp_path / PATH, partitioning=None).column("year").to_pylist(), key=str) == [
        2021] * 20 + [None] * 10
    assert write_shard(tmp_path, PATH, make_rows(0, 30, year=None), Progress()).year is None


def test_fine_codes_lie_beside_in_the_same_order(tmp_path: Path) -> None:
    rows = make_rows(0, 90)
    fine = np.arange(90 * 5, dtype=np.uint8).reshape(90, 5)
    write_shard(tmp_path, PATH, replace(rows, fine=fine), Progress())
    beside = np.fromfile(tmp_path / fine_path(PATH), np.uint8).reshape(90, 5)
    place = by_id(rows)
    order = [place[name] for name in pq.read_table(tmp_path / PATH, partitioning=None).column("id").to_pylist()]
    assert np.array_equal(beside, fine[order])
    assert fine_path(PATH).endswith("part-00000.fine")


def test_arrow_columns_and_other_geometries_are_taken(tmp_path: Path) -> None:
    rows = make_rows(0, 40)
    tilted = shapely.buffer(shapely.points(rows.bounds[:, :2] + 0.005), 0.005, quad_segs=1)
    given = replace(rows, ids=pa.chunked_array([rows.ids[:10], rows.ids[10:]]), geometry=shapely.to_wkb(tilted))
    write_shard(tmp_path, PATH, given, Progress())
    table = pq.read_table(tmp_path / PATH, partitioning=None)
    order = [by_id(rows)[name] for name in table.column("id").to_pylist()]
    assert shapely.equals(shapely.from_wkb(table.column("geometry").to_pylist()), tilted[order]).all()


def test_boxes_are_the_bytes_that_shapely_writes() -> None:
    bounds = make_rows(0, 20).bounds
    assert boxes_wkb(bounds).to_pylist() == list(shapely.to_wkb(shapely.box(*bounds.T)))
    bounds[3] = [179.9, 0, -179.9, 1]
    (west, east) = shapely.get_parts(shapely.from_wkb(boxes_wkb(bounds)[3].as_py()))
    assert (shapely.bounds(west)[2], shapely.bounds(east)[0]) == (180, -180)


def test_a_shard_without_rows_is_a_file(tmp_path: Path) -> None:
    entry = write_shard(tmp_path, PATH, make_rows(0, 0), Progress())
    assert (entry.rows, entry.year) == (0, None)
    assert np.isnan(entry.bounds).all()
    assert pq.read_table(tmp_path / PATH, partitioning=None).num_rows == 0


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    rows = make_rows(0, 10)
    broken = rows.bounds.copy()
    broken[7, 1] = np.nan
    metres = rows.bounds.copy()
    metres[2] = [500_000, 4_000_000, 500_010, 4_000_010]
    for wrong, words in (
        (replace(rows, ids=rows.ids[:9]), "different numbers"),
        (replace(rows, codes=rows.codes.view(np.int8)), "uint8"),
        (replace(rows, bounds=broken), "Patch p7"), (replace(rows, bounds=metres), "Patch p2.*CRS84"),
    ):
        with pytest.raises(InputError, match=words):
            write_shard(tmp_path, PATH, wrong, Progress())
    huge = ShardRows(range(2**24 + 1), np.broadcast_to(rows.codes[:1], (2**24 + 1, BYTES)), rows.bounds)
    with pytest.raises(InputError, match="Take smaller cells"):
        huge.check()
    with pytest.raises(InputError, match="cannot have the path"):
        write_shard(tmp_path, "../x.parquet", rows, Progress())
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_shard_leaves_nothing(tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel()
    rows = replace(make_rows(0, 10), fine=np.zeros((10, 4), np.uint8))
    with pytest.raises(Cancelled):
        write_shard(tmp_path, PATH, rows, progress)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_long_codes_have_a_page_a_row_group(tmp_path: Path) -> None:
    """A row group's codes lie in one piece, whatever their length."""
    write_shard(tmp_path, PATH, make_rows(0, 4096, width=2048), Progress())
    chunk = pq.read_metadata(tmp_path / PATH).row_group(0).column(1)
    assert chunk.total_compressed_size - 4096 * 2048 < 100
    assert BYTES == 16
