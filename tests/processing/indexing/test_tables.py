"""Stores from tables in every layout that products have: the right codes under the right names at the right places."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely
from bitscape.processing.errors import BitscapeError, InputError
from bitscape.processing.indexing import cell_size, spill
from bitscape.processing.store.cells import geohashes
from bitscape.processing.store.store import Store
from bitscape.tests.processing.indexing.made_tables import KINDS, places, polygons, vectors, write_table
from bitscape.tests.processing.indexing.stores import build, codes_of, rows_of

CLAY = "clay_geoparquet/clay_v0_03WVN_20220610_20220610_v001.gpq"


def signs(rows: np.ndarray) -> np.ndarray:
    return np.packbits(rows > 0, axis=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["embedding", "embeddings", "vector"])
def test_every_kind_of_list(tmp_path: Path, kind: str, name: str) -> None:
    rows, centres = vectors(300), places(300)
    write_table(tmp_path / "in.parquet", rows, centres, kind, name, group=70)
    result = build(tmp_path / "in.parquet", tmp_path / "store", product="Model 1")
    assert (result["rows"], result["kind"], result["recipe"]) == (300, "binary", "binary-zero")
    assert (result["code_bytes"], result["dimensions"], result["model"]) == (20, 160, "Model 1")
    found = rows_of(tmp_path / "store")
    ids = [f"p{number}" for number in range(300)]
    kept = rows.astype(np.float16) if kind == "half" else rows
    assert (codes_of(found, ids) == signs(kept)).all()
    boxes = np.array([found[name, 0]["bbox"] for name in ids])
    np.testing.assert_allclose(boxes, shapely.bounds(polygons(centres)))
    shapes = shapely.from_wkb([found[name, 0]["geometry"] for name in ids])
    assert shapely.equals(shapes, polygons(centres)).all()
    about = Store.open(tmp_path / "store").about
    assert (about.bits, about.bytes, about.codec, about.model, about.cells) == (160, 20, None, "Model 1", "geohash-1")
    assert about.recall.n == 300 and about.recall.value == pytest.approx(result["recall"])
    assert about.record["operation"] == "buildretrievalstore" and about.record["inputs"][0]["name"] == "in"


def test_files_are_by_cell_and_year_and_in_morton_order(tmp_path: Path) -> None:
    from bitscape.processing.store.morton import morton_keys

    centres = places(2000, size=0.7)
    years = np.random.default_rng(0).choice([2020, 2021], 2000)
    write_table(tmp_path / "in.parquet", vectors(2000), centres, year=years)
    build(tmp_path / "in.parquet", tmp_path / "store", rows_per_file=100, geohash=0)
    seen = 0
    for entry in Store.open(tmp_path / "store").shards:
        table = pq.ParquetFile(tmp_path / "store" / entry.path).read()
        boxes = np.array([tuple(box.values()) for box in table["bbox"].to_pylist()])
        lon, lat = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        x, y = np.floor((lon + 180) / 0.25), np.floor((lat + 90) / 0.25)
        assert set(zip(x, y, strict=True)) == {entry.tile} and set(table["year"].to_pylist()) == {entry.year}
        assert entry.path.startswith(f"tile_x={int(x[0])}/tile_y={int(y[0])}/year={entry.year}/part-0000")
        keys = morton_keys(lon, lat)
        assert (np.diff(keys.astype(np.float64)) >= 0).all() and len(table) <= 100
        assert entry.bounds == (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
        seen += len(table)
    assert seen == 2000


def test_geohash_cells(tmp_path: Path) -> None:
    write_table(tmp_path / "in.parquet", vectors(500), places(500))
    build(tmp_path / "in.parquet", tmp_path / "store", geohash=4, year=2024)
    store = Store.open(tmp_path / "store")
    assert store.about.cells == "geohash-4" and sum(entry.rows for entry in store.shards) == 500
    for entry in store.shards:
        cell = entry.path.split("/")[0]
        assert cell.startswith("geohash=u") and len(cell) == 12 and entry.tile is None and entry.year == 2024


def test_automatic_cells_hold_enough_whatever_the_density(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dense and a sparse corpus of two years, in several runs; each file of one year and one cell, all rows there."""
    monkeypatch.setattr(cell_size, "FEW", 100)
    monkeypatch.setattr(spill, "RUN_BYTES", 30_000)
    random = np.random.default_rng(0)
    found = {}
    for name, span in (("dense", 0.5), ("middling", 15.0), ("sparse", 300.0)):
        centres = np.column_stack([random.uniform(-span / 2, span / 2, 2000) + 7, random.uniform(-span / 4, span / 4,
                                                                                                2000) + 3])
        table = write_table(tmp_path / f"{name}.parquet", vectors(2000), centres, year=[2020, 2021] * 1000)
        build(table, tmp_path / name, rows_per_file=300)
        store = Store.open(tmp_path / name)
        length = found[name] = int(store.about.cells.removeprefix("geohash-"))
        rows = rows_of(tmp_path / name)
        assert len(rows) == 2000 and sum(entry.rows for entry in store.shards) == 2000
        assert all(entry.rows <= 300 for entry in store.shards)
        assert [entry.year for entry in store.shards] == sorted(entry.year for entry in store.shards)
        for row in rows.values():
            west, south, east, north = row["bbox"]
            (cell,) = geohashes([(west + east) / 2], [(south + north) / 2], length)
            assert row["shard"].startswith(f"geohash={cell}/year={row['year']}/")
        folders = {entry.path.rpartition("/")[0] for entry in store.shards}
        assert len(folders) * 50 <= 2000 or length == 1
    assert found["dense"] > found["middling"] > found["sparse"] == 1
    again = write_table(tmp_path / "more.parquet", vectors(50, seed=5), centres[:50], year=[2022] * 50,
                        id=[f"q{number}" for number in range(50)])
    build(again, tmp_path / "dense", append=True)
    store = Store.open(tmp_path / "dense")
    assert store.about.cells == f"geohash-{found['dense']}", "what is added is cut as what is there"
    assert all(len(entry.path.split("/")[0]) == len("geohash=") + found["dense"] for entry in store.shards)


def test_rows_without_a_vector_or_a_place_are_counted_and_left_out(tmp_path: Path, heard) -> None:
    rows: list = list(vectors(60))
    rows[3] = None
    rows[7] = [*rows[7][:159], float("nan")]
    rows[8] = [*rows[8][:159], float("inf")]
    rows[9] = [*rows[9][:159], None]
    shapes: list = list(shapely.to_wkb(polygons(places(60))))
    shapes[3] = shapes[20] = None
    shapes[21] = b"nonsense"
    shapes[22] = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    shapes[23] = shapely.to_wkb(shapely.box(10, 89, 11, 95))
    write_table(tmp_path / "in.parquet", rows, places(60), "variable", geometry=pa.array(shapes, pa.binary()))
    progress = heard()
    result = build(tmp_path / "in.parquet", tmp_path / "store", progress)
    assert (result["rows"], result["no_vector"], result["no_place"]) == (52, 4, 4)
    said = " ".join(line for level, line in progress.lines if level == "warning")
    assert "4 of 60 patches have no vector" in said and "4 of 60 patches have no footprint" in said
    left = {3, 7, 8, 9, 20, 21, 22, 23}
    assert {name for name, _ in rows_of(tmp_path / "store")} == {f"p{n}" for n in range(60) if n not in left}


@pytest.mark.parametrize(("values", "wanted"), [
    (pa.array([2019, 2020, None], pa.int32()), [2019, 2020, 0]),
    (pa.array([datetime.date(2019, 5, 1), datetime.date(2020, 1, 1), None]), [2019, 2020, 0]),
    (pa.array([datetime.datetime(2019, 5, 1), datetime.datetime(2020, 12, 31, 23), None]), [2019, 2020, 0]),
    (pa.array(["2019-05-01", "20200101T101112", "soon"]), [2019, 2020, 0]),
    (pa.array(["a 2019", "2020", None]).dictionary_encode(), [2019, 2020, 0]),
    (pa.array([7, 2020, 2019], pa.int64()), [0, 2020, 2019]),
])
@pytest.mark.parametrize("name", ["year", "date", "timestamp", "datetime"])
def test_years_of_every_kind_of_column(tmp_path: Path, values: pa.Array, wanted: list[int], name: str) -> None:
    write_table(tmp_path / "in_1999.parquet", vectors(3), places(3), **{name: values})
    build(tmp_path / "in_1999.parquet", tmp_path / "store")
    assert dict(rows_of(tmp_path / "store").keys()) == {f"p{number}": year for number, year in enumerate(wanted)}


def test_the_year_given_and_the_year_in_names(tmp_path: Path) -> None:
    dated = write_table(tmp_path / "tile_20230611_v1.parquet", vectors(30), places(30))
    folder = write_table(tmp_path / "corpus" / "year=2022" / "part-00000.parquet", vectors(30), places(30))
    column = write_table(tmp_path / "x.parquet", vectors(30), places(30), year=[2018] * 30)
    vague = write_table(tmp_path / "from_2019_to_2021.parquet", vectors(30), places(30))
    for path, options, wanted in (
        (dated, {}, 2023), (folder, {}, 2022), (tmp_path / "corpus", {}, 2022), (column, {}, 2018), (vague, {}, 0),
        (column, {"year": 2024}, 2024), (dated, {"year": 2024}, 2024),
    ):
        build(path, tmp_path / f"{path.stem}{len(options)}", **options)
        assert {year for _, year in rows_of(tmp_path / f"{path.stem}{len(options)}")} == {wanted}, path


def test_names(tmp_path: Path) -> None:
    for column, values, wanted in (
        ("chips_id", ["a", "b"], ["a", "b"]), ("unique_id", [5, 6], ["5", "6"]),
        ("index", [0, 1], ["in/0", "in/1"]), ("index", ["x", None], ["in/1", "in/x"]),
        ("other", [1, 2], ["in/0", "in/1"]),
    ):
        write_table(tmp_path / "in.parquet", vectors(2), places(2), **{"id": None, column: values})
        build(tmp_path / "in.parquet", tmp_path / "store")
        assert sorted(name for name, _ in rows_of(tmp_path / "store")) == wanted


def test_made_names_differ_between_files_of_one_name(tmp_path: Path, heard) -> None:
    for folder in ("one", "two"):
        write_table(tmp_path / folder / "part.parquet", vectors(30), places(30), id=None)
    both = [str(tmp_path / folder / "part.parquet") for folder in ("one", "two")]
    assert build(both, tmp_path / "store")["duplicates"] == 0
    assert {name.rpartition("/")[0] for name, _ in rows_of(tmp_path / "store")} == {"one/part", "two/part"}
    ids = [f"p{number % 29}" for number in range(30)]
    for folder in ("one", "two"):
        write_table(tmp_path / folder / "part.parquet", vectors(30), places(30, 1), id=ids)
    progress = heard()
    result = build(both, tmp_path / "twice", progress)
    assert (result["rows"], result["duplicates"]) == (60, 31)
    assert "31 patches have the name and year of another one" in " ".join(line for _, line in progress.lines)
    assert build(both, tmp_path / "years", year=2020)["duplicates"] == 31


def geo(crs: object, **more: object) -> str:
    column = {"encoding": "WKB", "crs": crs, **more}
    return json.dumps({"version": "1.0.0", "primary_column": "shape", "columns": {"shape": column}})


def test_footprints_in_a_projected_crs(tmp_path: Path) -> None:
    utm = pyproj.CRS.from_epsg(32632)
    x, y = np.random.default_rng(0).uniform((400_000, 5_400_000), (500_000, 5_500_000), (100, 2)).T
    shapes = pa.array(list(shapely.to_wkb(shapely.box(x, y, x + 500, y + 500))), pa.binary())
    write_table(tmp_path / "in.parquet", vectors(100), np.zeros((100, 2)), geometry=None, shape=shapes,
                geo=geo(utm.to_json_dict()))
    build(tmp_path / "in.parquet", tmp_path / "store")
    found = rows_of(tmp_path / "store")
    turn = pyproj.Transformer.from_crs(utm, "OGC:CRS84", always_xy=True)
    for number in range(100):
        corners = shapely.get_coordinates(shapely.from_wkb(found[f"p{number}", 0]["geometry"]))
        left, bottom = x[number], y[number]
        wanted = turn.transform([left, left, left + 500, left + 500], [bottom, bottom + 500, bottom, bottom + 500])
        assert {tuple(np.round(place, 9)) for place in corners} == {
            tuple(np.round(place, 9)) for place in zip(*wanted, strict=True)}


def test_a_crs_that_is_not_known_must_be_given(tmp_path: Path) -> None:
    shapes = pa.array([shapely.to_wkb(shapely.box(500_000, 5_400_000, 500_500, 5_400_500))] * 30)
    for stated in (geo(None), None):
        columns = {"geometry": shapes} if stated is None else {"geometry": None, "shape": shapes}
        write_table(tmp_path / "in.parquet", vectors(30), np.zeros((30, 2)), geo=stated, **columns)
        with pytest.raises(InputError, match="Choose the CRS of the geometries"):
            build(tmp_path / "in.parquet", tmp_path / "store")
        build(tmp_path / "in.parquet", tmp_path / "store", crs="EPSG:32632")
        assert rows_of(tmp_path / "store")["p0", 0]["bbox"][:2] == pytest.approx((9.0, 48.75), abs=0.01)
    with pytest.raises(InputError, match="not one that is understood"):
        build(tmp_path / "in.parquet", tmp_path / "store", crs="EPSG:99")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "store"]


def test_points_are_squares_of_a_side_in_metres(tmp_path: Path) -> None:
    centres = np.array([[10.0, 0.0], [10.0, 60.0], [-70.0, -80.0]])
    points = pa.array(list(shapely.to_wkb(shapely.points(centres))), pa.binary())
    write_table(tmp_path / "points.parquet", vectors(3), centres, geometry=points)
    lon_lat = {"geometry": None, "centre_lon": centres[:, 0], "centre_lat": centres[:, 1]}
    write_table(tmp_path / "columns.parquet", vectors(3), centres, geo=None, **lon_lat)
    for name in ("points", "columns"):
        with pytest.raises(InputError, match="its side in metres"):
            build(tmp_path / f"{name}.parquet", tmp_path / "store")
        build(tmp_path / f"{name}.parquet", tmp_path / name, side=2560)
        found = rows_of(tmp_path / name)
        for number, (lon, lat) in enumerate(centres):
            west, south, east, north = found[f"p{number}", 0]["bbox"]
            assert ((west + east) / 2, (south + north) / 2) == pytest.approx((lon, lat))
            geodesic = pyproj.Geod(ellps="WGS84")
            assert geodesic.inv(lon, south, lon, north)[2] == pytest.approx(2560, rel=1e-4)
            assert geodesic.inv(west, lat, east, lat)[2] == pytest.approx(2560, rel=1e-4)


def test_boxes_as_terrabit_has_them(tmp_path: Path) -> None:
    boxes = shapely.bounds(polygons(places(50)))
    struct = pa.array([dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)) for box in boxes])
    write_table(tmp_path / "in.parquet", vectors(50), np.zeros((50, 2)), geometry=None, bbox=struct, geo=None)
    build(tmp_path / "in.parquet", tmp_path / "store")
    found = rows_of(tmp_path / "store")
    np.testing.assert_allclose([found[f"p{number}", 0]["bbox"] for number in range(50)], boxes)


def test_packed_bits_are_filed_as_they_are(tmp_path: Path, heard) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (400, 20), dtype=np.uint8)
    boxes = shapely.bounds(polygons(places(400)))
    table = pa.table({
        "chips_id": [f"c{number}" for number in range(400)],
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), 20),
        "bbox": pa.array([dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)) for box in boxes]),
    })
    said = json.dumps({"method": "binary", "n_dims": 157})
    for name, footer in (("stated", {"quantization": said}), ("silent", None)):
        pq.write_table(table.replace_schema_metadata(footer), tmp_path / f"{name}.parquet")
        progress = heard()
        result = build(tmp_path / f"{name}.parquet", tmp_path / name, progress)
        assert result["recall"] is None and result["ratio"] is None and result["rows"] == 400
        assert "recall cannot be measured" in " ".join(line for _, line in progress.lines)
        wanted = codes.copy()
        if footer:
            wanted[:, -1] &= 0b11111000
        assert result["dimensions"] == (157 if footer else 160)
        assert (codes_of(rows_of(tmp_path / name), [f"c{number}" for number in range(400)]) == wanted).all()
    for bad, words in (({"method": "int8", "n_dims": 20}, "of the method int8"), ({"n_dims": 900}, "are not 900 bits")):
        pq.write_table(table.replace_schema_metadata({"quantization": json.dumps(bad)}), tmp_path / "bad.parquet")
        with pytest.raises(InputError, match=words):
            build(tmp_path / "bad.parquet", tmp_path / "x")
    with pytest.raises(InputError, match="no vectors to make finer codes from"):
        build(tmp_path / "stated.parquet", tmp_path / "x", refine="int8")


def test_int8_vectors_of_alphaearth(tmp_path: Path, heard) -> None:
    from bitscape.processing.embeddings.mapping import dequantise, quantise

    rows = vectors(500, 64)
    stored = quantise(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    stored[4, 0] = -128
    column = pa.FixedSizeListArray.from_arrays(pa.array(stored.ravel()), 64)
    write_table(tmp_path / "in.parquet", vectors(500, 1), places(500), "variable", name="spare", embedding=column)
    progress = heard()
    result = build(tmp_path / "in.parquet", tmp_path / "store", progress)
    assert (result["mapping"], result["kind"], result["recipe"]) == ("alphaearth", "cosine", "int8")
    assert result["model"].startswith("AlphaEarth") and result["no_vector"] == 1 and result["recall"] > 0.95
    assert "5.7 points" in " ".join(line for _, line in progress.lines)
    about = Store.open(tmp_path / "store").about
    assert about.licences == ["CC-BY-4.0"] and "Google DeepMind" in about.attributions[0] and about.bits == 0
    ids = [f"p{number}" for number in range(500) if number != 4]
    back = about.decoder().decode(codes_of(rows_of(tmp_path / "store"), ids))
    assert np.abs(back - dequantise(np.delete(stored, 4, axis=0))).max() < 0.01


def test_models_are_not_mixed(tmp_path: Path) -> None:
    write_table(tmp_path / "in" / "one.parquet", vectors(50, 160), places(50), "variable")
    write_table(tmp_path / "in" / "two.parquet", vectors(50, 128), places(50), "variable")
    with pytest.raises(InputError, match=r"one\.parquet has vectors of 160 .*two\.parquet has vectors of 128"):
        build(tmp_path / "in", tmp_path / "store")
    for number, model in enumerate(("A", "B")):
        path = write_table(tmp_path / "other" / f"{number}.parquet", vectors(50), places(50))
        table = pq.read_table(path)
        footer = {**table.schema.metadata, b"emb": json.dumps({"model": {"id": model}}).encode()}
        pq.write_table(table.replace_schema_metadata(footer), path)
    with pytest.raises(InputError, match=r"is of A and .*1\.parquet of B"):
        build(tmp_path / "other", tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "other"]


def test_empty_files(tmp_path: Path, shared_data: Path) -> None:
    empty = shared_data / "clay_geoparquet/earthindex_21MNT_sample.parquet"
    result = build(empty, tmp_path / "store", overview=tmp_path / "files.gpkg")
    assert (result["rows"], result["shards"], result["dimensions"]) == (0, 0, 384)
    assert result["model"] == "dinov2_vits14_softcon 2.0.0" and result["recall"] is None
    assert len(Store.open(tmp_path / "store").shards) == 0
    write_table(tmp_path / "full.parquet", vectors(50, 384), places(50), "variable")
    assert build([empty, tmp_path / "full.parquet"], tmp_path / "both")["rows"] == 50
    with pytest.raises(InputError, match="not one patch"):
        build(empty, tmp_path / "none", kind="int8")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    good = write_table(tmp_path / "good.parquet", vectors(3000), places(3000))
    (tmp_path / "cut.parquet").write_bytes(good.read_bytes()[:-100])
    (tmp_path / "text.parquet").write_text("nothing")
    broken = bytearray(good.read_bytes())
    broken[200_000:900_000] = bytes(700_000)
    (tmp_path / "broken.parquet").write_bytes(broken)
    pq.write_table(pa.table({"embedding": [[1.0]], "name": ["x"]}), tmp_path / "nowhere.parquet")
    for name, words in (
        ("cut", "not a Parquet file"), ("text", "not a Parquet file"), ("missing", "no file"),
        ("broken", "truncated or damaged"), ("nowhere", "does not say where its patches are"),
    ):
        with pytest.raises(InputError, match=words):
            build(tmp_path / f"{name}.parquet", tmp_path / "store")
        assert not (tmp_path / "store").exists() and not (tmp_path / "store.unfinished").exists(), name
    with pytest.raises(InputError, match="no Parquet tables"):
        (tmp_path / "void").mkdir()
        build(tmp_path / "void", tmp_path / "store")
    with pytest.raises(InputError, match="given twice"):
        build([good, good], tmp_path / "store")


def test_real_clay(tmp_path: Path, shared_data: Path) -> None:
    source = pq.read_table(shared_data / CLAY)
    result = build(shared_data / CLAY, tmp_path / "store", refine="turbo4")
    assert result["recall"] == pytest.approx(0.637, abs=0.001)
    assert result["recall_refined"] == pytest.approx(0.957, abs=0.01)
    found = rows_of(tmp_path / "store")
    stem = Path(CLAY).stem
    ids = [f"{stem}/{number}" for number in source["index"].to_pylist()]
    rows = np.stack(source["embeddings"].to_numpy()).astype(np.float32)
    assert (codes_of(found, ids, 2022) == signs(rows)).all()
    store = Store.open(tmp_path / "store")
    fine = store.about.fine_decoder()
    for entry in list(store.shards)[:5]:
        names, _ = store.details(entry.shard, np.arange(entry.rows))
        picked = [ids.index(name) for name in names]
        back = fine.decode(store.fine(entry.shard, np.arange(entry.rows)))
        unit = rows[picked] / np.linalg.norm(rows[picked], axis=1, keepdims=True)
        assert ((back / np.linalg.norm(back, axis=1, keepdims=True) * unit).sum(axis=1) > 0.995).all()


def test_real_planet_degrees_under_a_projected_name(tmp_path: Path, shared_data: Path, heard) -> None:
    progress = heard()
    result = build(shared_data / "clay_geoparquet/planet_sample_embeddings.parquet", tmp_path / "store", progress)
    assert (result["rows"], result["no_vector"], result["years"]) == (3, 2, [2018])
    assert "they are degrees" in " ".join(line for level, line in progress.lines if level == "warning")
    for row in rows_of(tmp_path / "store").values():
        assert row["bbox"] == pytest.approx((-48.329, -10.186, -48.319, -10.177), abs=0.001)


def test_a_corpus_is_sorted_anew_by_its_manifest(tmp_path: Path) -> None:
    """TerraBit's layout: years only in the manifest, a stray file beside the shards that it does not list."""
    corpus, wanted = tmp_path / "corpus", {}
    entries = []
    for number, year in enumerate((2018, 2023)):
        codes = np.random.default_rng(number).integers(0, 256, (300, 16), dtype=np.uint8)
        boxes = shapely.bounds(polygons(places(300, number)))
        names = [f"{year}-{row}" for row in range(300)]
        table = pa.table({
            "chips_id": names, "embedding": pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), 16),
            "bbox": pa.array([dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)) for box in boxes]),
        }).replace_schema_metadata({"quantization": json.dumps({"method": "binary", "n_dims": 128})})
        path = f"u{number}/data_{number}.parquet"
        (corpus / path).parent.mkdir(parents=True)
        pq.write_table(table, corpus / path)
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        entries.append({"path": path, "rows": 300, "xmin": low[0], "ymin": low[1], "xmax": high[0], "ymax": high[1],
                        "year": year})
        wanted |= {(name, year): code.tobytes() for name, code in zip(names, codes, strict=True)}
    write_table(corpus / "stray.parquet", vectors(10), places(10))
    pq.write_table(pa.Table.from_pylist(entries), corpus / "manifest.parquet")
    result = build(corpus, tmp_path / "store", geohash=3, product="Clay v1.5")
    assert (result["rows"], result["dimensions"], result["years"]) == (600, 128, [2018, 2023])
    assert {key: row["code"] for key, row in rows_of(tmp_path / "store").items()} == wanted
    again = build(tmp_path / "store", tmp_path / "again", geohash=0)
    assert again["model"] == "Clay v1.5" and Store.open(tmp_path / "again").about.cells == "0.25"
    assert {key: row["code"] for key, row in rows_of(tmp_path / "again").items()} == wanted
    build(write_table(tmp_path / "in.parquet", vectors(50), places(50)), tmp_path / "int8", kind="int8")
    with pytest.raises(InputError, match="codes that need their codec"):
        build(tmp_path / "int8", tmp_path / "x")
    with pytest.raises(BitscapeError, match="lies in the output folder"):
        build(tmp_path / "store", tmp_path / "store", threshold="median")
