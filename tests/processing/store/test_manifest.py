"""Manifests and descriptions: there and back; what cannot be is refused before it is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.processing.store.description import KEY, FineInfo, RecallInfo, StoreInfo, from_quantization
from bitscape.processing.store.location import LocalFolder, ShardError, wrong_path
from bitscape.processing.store.manifest import ShardEntry, read_manifest, write_manifest
from bitscape.processing.store.store import Store
from bitscape.tests.processing.store.stores import ABOUT, make_rows, make_store

ENTRIES = [
    ShardEntry(0, "tile_x=760/tile_y=540/year=2020/part-00000.parquet", 12, (10, 45, 10.2, 45.2), (760, 540), 2020, 999,
               "ab" * 16),
    ShardEntry(1, "b/part.parquet", 3, (179.9, -10, -179.9, -9)),
    ShardEntry(2, "c/part.parquet", 0, (float("nan"),) * 4),
]


def read(folder: Path) -> list[ShardEntry]:
    return list(read_manifest(LocalFolder(folder))[0])


def written(folder: Path, change: Callable[[dict], None] = lambda columns: None, **metadata: bytes) -> Path:
    """A manifest in TerraBit's columns, changed."""
    columns = {
        "path": ["a.parquet", "b.parquet"], "rows": [5, 6], "xmin": [0.0, 1.0], "ymin": [0.0, 1.0],
        "xmax": [1.0, 2.0], "ymax": [1.0, 2.0], "tile_x": [720, 724], "tile_y": [360, 364], "year": [2020, None],
    }
    change(columns)
    table = pa.table({name: values if isinstance(values, pa.Array) else pa.array(values)
                      for name, values in columns.items()})
    pq.write_table(table.replace_schema_metadata(metadata or None), folder / "manifest.parquet")
    return folder


def test_entries_come_back(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.parquet", ENTRIES, ABOUT, Progress())
    manifest, info = read_manifest(LocalFolder(tmp_path))
    assert list(manifest)[:2] == ENTRIES[:2] == manifest[0:2]
    assert manifest[-1].rows == 0
    assert np.isnan(manifest[2].bounds).all()
    assert info == ABOUT
    assert pq.read_schema(tmp_path / "manifest.parquet").names == [
        "path", "rows", "xmin", "ymin", "xmax", "ymax", "tile_x", "tile_y", "year", "bytes", "fingerprint"]


def test_other_types_of_numbers_and_further_columns_are_read(tmp_path: Path) -> None:
    def change(columns: dict) -> None:
        columns["rows"] = pa.array([5, 6], pa.int32())
        columns["xmin"] = pa.array([0.0, 1.0], pa.float32())
        columns["year"] = ["2020", "2021"]
        columns["geohash"] = ["s00", "s01"]
        del columns["tile_x"]

    found = read(written(tmp_path, change))
    assert [(entry.rows, entry.year, entry.tile, entry.bytes) for entry in found] == [
        (5, 2020, None, None), (6, 2021, None, None)]


@pytest.mark.parametrize("path", [
    "/etc/passwd", "../x.parquet", "a/../../x.parquet", "a/./x.parquet", "a//x.parquet", "C:/x.parquet", "c:x.parquet",
    "file:///etc/passwd", "https://elsewhere/x.parquet", "a\\..\\x.parquet", "\\\\server\\x.parquet", "a\nb.parquet",
    "x.parquet?token=1", "%2e%2e/x.parquet", "", "a" * 2000, "a/", "x\x00.parquet", "a/x.parquet:stream",
])
def test_paths_that_lead_outside_are_refused(tmp_path: Path, path: str) -> None:
    assert wrong_path(path)
    with pytest.raises(InputError, match="shard 1 has the path"):
        read(written(tmp_path, lambda columns: columns.update(path=["a.parquet", path])))
    with pytest.raises(InputError):
        write_manifest(tmp_path / "m.parquet", [replace(ENTRIES[0], path=path)], ABOUT, Progress())
    assert not (tmp_path / "m.parquet").exists()


@pytest.mark.parametrize("path", ["tile_x=7/tile_y=-2/year=2020/part-0.parquet", "geohash=u4/ü b.parquet", "..a/b..c"])
def test_paths_that_stay_inside_are_not(path: str) -> None:
    assert wrong_path(path) == ""


@pytest.mark.parametrize(("change", "words"), [
    (lambda c: c.update(rows=[5, -1]), "number of rows"),
    (lambda c: c.update(rows=[5, 2**50]), "number of rows"),
    (lambda c: c.update(rows=[5, None]), "missing values"),
    (lambda c: c.update(rows=["5", "many"]), "rows holds"),
    (lambda c: c.update(rows=[5.5, 6.0]), "rows holds"),
    (lambda c: c.update(xmin=[0.0, float("nan")]), "bounds"),
    (lambda c: c.update(xmax=[0.0, float("inf")]), "bounds"),
    (lambda c: c.update(ymin=[0.0, None]), "bounds"),
    (lambda c: c.update(ymin=[0.0, 5.0]), "bounds"),
    (lambda c: c.update(xmin=[0.0, 500_000.0]), "bounds"),
    (lambda c: c.update(path=["a.parquet", "a.parquet"]), "a.parquet twice"),
    (lambda c: c.update(path=["a.parquet", None]), "missing values"),
    (lambda c: c.update(bytes=[1, -7]), "size"),
    (lambda c: c.pop("path"), "missing are path"),
    (lambda c: c.pop("ymax"), "missing are ymax"),
])
def test_rows_that_cannot_be_are_refused(tmp_path: Path, change: Callable[[dict], None], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(written(tmp_path, change))


def test_a_folder_without_a_manifest_says_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.parquet.*Build retrieval store"):
        Store.open(tmp_path)
    with pytest.raises(InputError, match="There is no retrieval store at"):
        Store.open(tmp_path / "nowhere")
    (tmp_path / "points.gpkg").write_bytes(b"x")
    with pytest.raises(InputError, match="choose its folder"):
        Store.open(tmp_path / "points.gpkg")
    with pytest.raises(InputError, match="https://"):
        Store.open("s3://bucket/store")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not Parquet at all" * 100])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.parquet").write_bytes(content)
    with pytest.raises(InputError, match="not a Parquet file"):
        Store.open(tmp_path)


def test_a_truncated_manifest_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.parquet", ENTRIES, ABOUT, Progress())
    content = (tmp_path / "manifest.parquet").read_bytes()
    for length in range(0, len(content), len(content) // 40):
        (tmp_path / "manifest.parquet").write_bytes(content[:length])
        with pytest.raises(InputError):
            Store.open(tmp_path)


def test_a_manifest_of_another_name_opens_its_store(tmp_path: Path) -> None:
    make_store(tmp_path, {"a.parquet": make_rows(0, 10)})
    (tmp_path / "manifest.parquet").rename(tmp_path / "alps.parquet")
    assert len(Store.open(tmp_path / "alps.parquet").shards) == 1


def test_a_link_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    entries = make_store(tmp_path / "store", {"a.parquet": make_rows(0, 10), "b.parquet": make_rows(1, 10)})
    store = Store.open(tmp_path / "store")
    (tmp_path / "store/a.parquet").rename(tmp_path / "a.parquet")
    (tmp_path / "store/a.parquet").symlink_to(tmp_path / "a.parquet")
    with pytest.raises(ShardError, match=r"a\.parquet: it is a link that leads out"):
        store.patches(entries[0])
    (tmp_path / "store/a.parquet").unlink()
    (tmp_path / "store/a.parquet").symlink_to("a.parquet")
    with pytest.raises(ShardError):
        store.patches(entries[0])
    (tmp_path / "store/b.parquet").rename(tmp_path / "store/c.parquet")
    (tmp_path / "store/b.parquet").symlink_to("c.parquet")
    assert len(store.patches(entries[1])) == 10


def test_an_empty_store_has_a_description_and_no_shards(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.parquet", [], ABOUT, Progress())
    store = Store.open(tmp_path)
    assert (len(store.shards), store.about, store.select().entries) == (0, ABOUT, [])
    assert store.at(0, 0) == []
    assert store.find_ids(["a"]) == {}
    with pytest.raises(InputError, match="no shard with rows"):
        Store.open(written(tmp_path, lambda columns: [values.clear() for values in columns.values()]))


def test_descriptions_keep_their_codecs(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 24)).astype(np.float32)
    codes, fine = Recipe.parse("pca-8+int8").fit(vectors), Recipe.parse("turbo4").fit(vectors)
    about = StoreInfo(
        model="Made", dimensions=24, bits=0, bytes=codes.bytes, kind="cosine", codec=codes.record(),
        recall=RecallInfo(k=10, value=0.65, of="cosine", n=200), cells="geohash-3",
        fine=FineInfo(recipe="turbo4", bytes=fine.bytes, codec=fine.record()), record={"operation": "test"})
    write_manifest(tmp_path / "manifest.parquet", [], about, Progress())
    found = Store.open(tmp_path).about
    assert found == about
    for restored, codec in ((found.decoder(), codes), (found.fine_decoder(), fine)):
        assert np.array_equal(restored.decode(codec.encode(vectors)), codec.decode(codec.encode(vectors)))
    assert ABOUT.decoder() is None is ABOUT.fine_decoder()


@pytest.mark.parametrize(("change", "words"), [
    ({"bytes": 15}, "16 bytes, not 15"), ({"bits": 0}, "0 bytes"), ({"dimensions": 0}, "dimensions"),
    ({"kind": "euclidean"}, "kind"), ({"kind": "cosine", "bits": 0}, "a codec that decodes"),
    ({"cells": "h3"}, "geohash-1 to"), ({"secret": 1}, "secret"), ({"version": 2}, "version 2.*Update"),
    ({"bytes": 10**9, "bits": 8 * 10**9}, "bits"), ({"recall": {"k": 10, "value": 7, "of": "", "n": 5}}, "recall"),
])
def test_descriptions_that_cannot_be_are_refused(tmp_path: Path, change: dict, words: str) -> None:
    said = {**json.loads(ABOUT.model_dump_json()), **change}
    with pytest.raises(InputError, match=words):
        read(written(tmp_path, **{KEY.decode(): json.dumps(said).encode()}))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_descriptions_that_are_no_json_are_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(InputError, match="describes its store wrongly"):
        read(written(tmp_path, **{KEY.decode(): text}))


def test_a_codec_that_was_changed_is_refused_when_it_is_used(tmp_path: Path) -> None:
    codec = Recipe.parse("int8").fit(np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32))
    record = codec.record()
    about = StoreInfo(model="Made", dimensions=8, bits=0, bytes=8, kind="cosine",
                      codec=record.model_copy(update={"fingerprint": "0" * 16}))
    with pytest.raises(InputError, match="fingerprint"):
        about.decoder()


@pytest.mark.parametrize(("said", "dimensions"), [
    ({"method": "binary", "n_dims": 1020}, 1020), ({"n_dims": 1024}, 1024), ({"n_dims": 64}, 1024),
    ({"n_dims": "many"}, 1024), ({"n_dims": True}, 1024), ([], 1024), ("x", 1024),
])
def test_what_shards_say_of_their_bits(said: object, dimensions: int) -> None:
    info = from_quantization({b"quantization": json.dumps(said).encode()}, 128, "")
    assert (info.dimensions, info.bits, info.bytes, info.kind) == (dimensions, dimensions, 128, "binary")
    assert from_quantization(None, 128, "").bits == from_quantization({b"quantization": b"{"}, 128, "").bits == 1024
