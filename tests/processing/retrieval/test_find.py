"""findsimilar on small stores, against brute force on everything that is in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.progress import Progress
from bitscape.processing.retrieval.query import Query
from bitscape.processing.retrieval.spaces import Hamming
from bitscape.processing.store.description import FineInfo, RecallInfo, StoreInfo
from numpy.typing import NDArray

from .conftest import BITS, SIDE, Written, landscape, write_store


class Log(Progress):
    """Progress that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        super().__init__(log=lambda message, level: self.said.append(f"{level}: {message}"))


def find(store: Path | str, out: Path, log: Progress | None = None, **values: Any) -> dict[str, Any]:
    request = {"store": str(store), "parquet": str(out / "found.parquet"), **values}
    return operations.run("findsimilar", request, log or Progress())


def table(result: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.ParquetFile(result["parquet"]).read().to_pylist()
    return rows


def at(store: Written, column: int, row: int, west: float = 10.0, south: float = 45.0) -> dict[str, float]:
    """A point inside a patch, not in its middle."""
    return {"lon": west + (column + 0.3) * SIDE, "lat": south + (row + 0.6) * SIDE}


def index_of(store: Written, name: str) -> int:
    return store.ids.index(name)


def expected(store: Written, scores: NDArray[np.float64], without: list[int], k: int) -> list[str]:
    """Identifiers by score, then shard, then row."""
    order = np.lexsort((store.rows, store.shards, scores))
    return [store.ids[place] for place in order if place not in without][:k]


def distances(store: Written, places: list[int]) -> NDArray[np.float64]:
    return np.array([(store.bits != store.bits[place]).sum(axis=1) for place in places], np.float64).mean(axis=0)


def test_the_most_similar_are_those_of_brute_force(town: Written, tmp_path: Path) -> None:
    result = find(town.path, tmp_path, positives=[at(town, 20, 10), {"id": "p2023-700"}], negatives=[at(town, 50, 30)],
                  k=40)
    likes = [index_of(town, "p2023-620"), index_of(town, "p2023-700")]
    unlikes = [index_of(town, "p2023-1850")]
    scores = distances(town, likes) - distances(town, unlikes)
    found = table(result)
    assert [one["id"] for one in found] == expected(town, scores, likes + unlikes, 40)
    assert [one["rank"] for one in found] == list(range(1, 41))
    by_id = dict(zip(town.ids, scores, strict=True))
    assert all(one["score"] == pytest.approx(by_id[one["id"]]) for one in found)
    assert all(one["similarity"] == pytest.approx(0.5 - one["score"] / 2 / BITS) for one in found)
    assert result["candidates"] == 2400 and result["exemplars"] == 3 and result["count"] == 40
    for one in found:
        place = index_of(town, one["id"])
        assert one["code"] == town.codes[place].tobytes() and one["year"] == 2023
        assert shapely.bounds(shapely.from_wkb(one["geometry"])).tolist() == pytest.approx(town.bounds[place])
        assert [one["bbox"][side] for side in ("xmin", "ymin", "xmax", "ymax")] == pytest.approx(town.bounds[place])


@pytest.mark.parametrize(("combine", "invert"), [("and", False), ("or", True), ("xor", False), ("mean", True)])
def test_folds_and_not(town: Written, tmp_path: Path, combine: str, invert: bool) -> None:
    result = find(town.path, tmp_path, positives=[at(town, 3, 3), at(town, 40, 20)], combine=combine, invert=invert,
                  k=20)
    likes = [index_of(town, "p2023-183"), index_of(town, "p2023-1240")]
    bits = town.bits[likes]
    if combine == "mean":
        scores = distances(town, likes)
    else:
        folded = {"and": bits.min(axis=0), "or": bits.max(axis=0), "xor": bits.sum(axis=0) % 2}[combine]
        scores = (town.bits != folded).sum(axis=1).astype(float)
    scores = BITS - scores if invert else scores
    assert [one["id"] for one in table(result)] == expected(town, scores, likes, 20)


def test_several_areas_and_exemplars_outside_of_them(town: Written, tmp_path: Path) -> None:
    boxes = [shapely.box(10.1001, 45.1001, 10.1499, 45.1499), shapely.box(10.4001, 45.2001, 10.4499, 45.2299)]
    result = find(town.path, tmp_path, positives=[at(town, 0, 0)], areas=[shapely.to_wkt(box) for box in boxes], k=500)
    found = {one["id"] for one in table(result)}
    inside = {name for name, bounds in zip(town.ids, town.bounds, strict=True)
              if any(box.intersects(shapely.box(*bounds)) for box in boxes)}
    assert found == inside and len(found) == 25 + 15
    assert "p2023-0" not in found
    # the same two as a layer in another CRS
    import rasterio.warp

    moved = [shapely.transform(box, lambda xy: np.column_stack(rasterio.warp.transform(
        "EPSG:4326", "EPSG:3857", xy[:, 0], xy[:, 1]))) for box in boxes]
    pyogrio.raw.write(str(tmp_path / "aoi.gpkg"), shapely.to_wkb(np.array(moved)), [], [], driver="GPKG",
                      geometry_type="Polygon", crs="EPSG:3857")
    again = find(town.path, tmp_path, positives=[at(town, 0, 0)], aoi=str(tmp_path / "aoi.gpkg"), k=500)
    assert {one["id"] for one in table(again)} == inside
    cut = find(town.path, tmp_path, positives=[at(town, 0, 0)], aoi=str(tmp_path / "aoi.gpkg"), k=500,
               extent=[10.0, 45.0, 10.2, 45.4])
    assert len(table(cut)) == 25


def test_over_the_antimeridian(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 179.8, -10.0, 40, 10)
    result = find(store.path, tmp_path, positives=[{"lon": -179.995, "lat": -9.995}], k=1000,
                  extent=[179.9501, -11, -179.9501, 0])
    found = {one["id"] for one in table(result)}
    assert found == {f"p2023-{row * 40 + column}" for row in range(10) for column in range(15, 25)} - {"p2023-20"}
    gradient = find(store.path, tmp_path, positives=[{"lon": -179.995, "lat": -9.995}], view="gradient",
                    raster=str(tmp_path / "g.tif"))
    with rasterio.open(gradient["raster"]) as picture:
        assert picture.bounds.left == -180 and picture.bounds.right == pytest.approx(180, abs=0.01)
        drawn = picture.read(1)
        assert (drawn[:, :20] != 255).any() and (drawn[:, -20:] != 255).any() and (drawn[:, 100:-100] == 255).all()


def test_at_a_pole(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", -2.0, 89.5, 400, 40)
    square = "POLYGON((-180 89.6005, 180 89.6005, 180 90, -180 90, -180 89.6005))"
    result = find(store.path, tmp_path, view="surprise", areas=[square], k=50)
    assert result["candidates"] == 400 * 30
    assert min(one["lat"] if "lat" in one else one["bbox"]["ymax"] for one in table(result)) > 89.6


def test_years(two_years: Written, tmp_path: Path) -> None:
    log = Log()
    newest = find(two_years.path, tmp_path, log, positives=[at(two_years, 4, 4)], k=5)
    assert any("2021, 2023" in line and "2023 was taken" in line for line in log.said)
    assert newest["candidates"] == 1800
    older = find(two_years.path, tmp_path, positives=[at(two_years, 4, 4)], years=[2021], k=5)
    assert older["candidates"] == 900 and {one["year"] for one in table(older)} == {2021}
    own = index_of(two_years, "p2021-124")
    scores = np.where(two_years.years == 2021, distances(two_years, [own]), 999)
    assert [one["id"] for one in table(older)] == expected(two_years, scores, [own], 5)
    with pytest.raises(InputError, match="2021, 2023"):
        find(two_years.path, tmp_path, positives=[at(two_years, 4, 4)], years=[1999])


def test_neighbours_are_of_the_same_year(two_years: Written, tmp_path: Path) -> None:
    result = find(two_years.path, tmp_path, view="surprise", k=1800)
    lon, lat = ((two_years.bounds[:, side] + two_years.bounds[:, side + 2]) / 2 for side in (0, 1))
    places = np.column_stack([np.cos(np.radians(lat)) * np.cos(np.radians(lon)),
                              np.cos(np.radians(lat)) * np.sin(np.radians(lon)), np.sin(np.radians(lat))])
    checked = 0
    for one in table(result):
        place = index_of(two_years, one["id"])
        same = np.flatnonzero(two_years.years == two_years.years[place])
        apart = np.linalg.norm(places[same] - places[place], axis=1)
        order = np.argsort(apart)
        if apart[order[9]] - apart[order[8]] > 1e-9:  # at edges some are equally far
            differ = (two_years.bits[same[order[1:9]]] != two_years.bits[place]).sum(axis=1)
            assert one["score"] == pytest.approx(differ.mean())
            checked += 1
    assert checked > 1000


def test_threshold_heat_and_typical(town: Written, tmp_path: Path) -> None:
    own = index_of(town, "p2023-620")
    scores = distances(town, [own])
    asked = find(town.path, tmp_path, positives=[at(town, 20, 10)], view="threshold", threshold=20)
    assert asked["within"] == asked["count"] == int((scores <= 20).sum()) - 1
    from_k = find(town.path, tmp_path, positives=[at(town, 20, 10)], view="threshold", k=10)
    assert from_k["threshold"] == np.sort(scores)[10]
    assert from_k["count"] == int((scores <= from_k["threshold"]).sum()) - 1
    with pytest.raises(InputError, match="between 0 and"):
        find(town.path, tmp_path, positives=[at(town, 20, 10)], view="threshold", threshold=-5)
    heat = find(town.path, tmp_path, positives=[at(town, 20, 10)], view="heat", raster=str(tmp_path / "heat.tif"))
    assert heat["count"] == 2399
    with rasterio.open(heat["raster"]) as picture:
        drawn = picture.read(1)
        levels = drawn[[picture.index(*((town.bounds[place, :2] + town.bounds[place, 2:]) / 2))[0]
                        for place in range(2400)],
                       [picture.index(*((town.bounds[place, :2] + town.bounds[place, 2:]) / 2))[1]
                        for place in range(2400)]].astype(int)
        assert picture.crs.to_epsg() == 4326 and picture.nodata == 255
    order = np.argsort(scores, kind="stable")
    assert (np.diff(levels[order]) <= 0).all() and levels.max() == 254 and levels.min() <= 1
    typical = find(town.path, tmp_path, view="typical", k=3)
    majority = np.packbits(2 * town.bits.sum(axis=0) > 2400)
    assert typical["typical"] == majority.tobytes().hex()
    again = find(town.path, tmp_path, positives=[{"code": typical["typical"]}], k=3)
    assert table(again)[0]["score"] == typical["best"]


def test_points_that_hit_nothing_are_listed(town: Written, tmp_path: Path) -> None:
    log = Log()
    result = find(town.path, tmp_path, log, positives=[at(town, 20, 10), {"lon": 50, "lat": 10}, {"id": "nobody"}])
    assert result["missing"] == ["the point 50, 10: no footprint holds it", "the id nobody: the store has no such id"]
    assert sum("left out" in line for line in log.said) == 2
    with pytest.raises(InputError, match="None of the positive exemplars"):
        find(town.path, tmp_path, positives=[{"lon": 50, "lat": 10}])
    with pytest.raises(InputError, match="needs positive exemplars"):
        find(town.path, tmp_path, negatives=[at(town, 1, 1)])
    with pytest.raises(InputError, match="at least two"):
        find(town.path, tmp_path, positives=[at(town, 1, 1)], combine="xor")


def test_results_are_exemplars_again(town: Written, tmp_path: Path) -> None:
    first = find(town.path, tmp_path, positives=[at(town, 20, 10)], k=3, output=str(tmp_path / "found.gpkg"))
    likes = [index_of(town, one["id"]) for one in table(first)]
    wanted = expected(town, distances(town, likes), likes, 10)
    ends = (".gpkg", ".parquet")
    for source in [shutil.copy(tmp_path / f"found{end}", tmp_path / f"exemplars{end}") for end in ends]:
        again = find(town.path, tmp_path, positive_file=str(source), k=10)
        assert [one["id"] for one in table(again)] == wanted, "exemplars of the same store are left out"
    # in another store the codes alone count, and nothing is left out
    other = write_store(tmp_path / "other", 20.0, 45.0, 60, 40, codes=landscape(
        *(10 + (np.arange(2400) % 60) * SIDE, 45 + (np.arange(2400) // 60) * SIDE), 2023))
    there = find(other.path, tmp_path, positive_file=str(tmp_path / "exemplars.gpkg"), k=3)
    assert there["exemplars"] == 3


def test_exemplars_from_another_store(town: Written, tmp_path: Path) -> None:
    other = write_store(tmp_path / "other", -60.0, -10.0, 20, 20)
    place = {"lon": -59.995, "lat": -9.995}
    result = find(town.path, tmp_path, exemplar_store=str(other.path), positives=[place], k=10)
    code = np.unpackbits(other.codes[index_of(other, "p2023-0")])
    scores = (town.bits != code).sum(axis=1).astype(float)
    assert [one["id"] for one in table(result)] == expected(town, scores, [], 10)
    info = StoreInfo(model="test/other", dimensions=BITS, bits=BITS, bytes=BITS // 8, kind="binary")
    wrong = write_store(tmp_path / "wrong", -60.0, -10.0, 5, 5, info=info)
    with pytest.raises(InputError, match=r"test/other.*test/one"):
        find(town.path, tmp_path, exemplar_store=str(wrong.path), positives=[{"lon": -59.995, "lat": -9.995}])
    with pytest.raises(InputError, match="3 bytes"):
        find(town.path, tmp_path, positives=[{"code": "aabbcc"}])


def test_layers_of_exemplars(town: Written, tmp_path: Path) -> None:
    points = shapely.points([[10.203, 45.106], [10.403, 45.306]])
    pyogrio.raw.write(str(tmp_path / "p.geojson"), shapely.to_wkb(points), [np.array([1, 2])], ["id"],
                      driver="GeoJSON", geometry_type="Point", crs="EPSG:4326")
    result = find(town.path, tmp_path, positive_file=str(tmp_path / "p.geojson"), k=5)
    likes = [index_of(town, "p2023-620"), index_of(town, "p2023-1840")]
    assert [one["id"] for one in table(result)] == expected(town, distances(town, likes), likes, 5)
    boxes = shapely.box([0, 1], [0, 1], [1, 2], [1, 2])
    pyogrio.raw.write(str(tmp_path / "b.gpkg"), shapely.to_wkb(boxes), [np.array([town.ids[5], town.ids[9]], object)],
                      ["id"], driver="GPKG", geometry_type="Polygon", crs="EPSG:4326")
    by_id = find(town.path, tmp_path, positive_file=str(tmp_path / "b.gpkg"), k=5)
    assert [one["id"] for one in table(by_id)] == expected(town, distances(town, [5, 9]), [5, 9], 5)
    with pytest.raises(InputError, match="does not exist"):
        find(town.path, tmp_path, positive_file=str(tmp_path / "nothing.gpkg"))


def test_the_layer_and_where_it_comes_from(town: Written, tmp_path: Path) -> None:
    info = StoreInfo(
        model="test/one", dimensions=BITS, bits=BITS, bytes=BITS // 8, kind="binary", licences=["CC-BY 4.0"],
        attributions=["Made by nobody."], recall=RecallInfo(k=10, value=0.65, of="random codes", n=100))
    store = write_store(tmp_path / "store", 10.0, 45.0, 20, 10, info=info)
    log = Log()
    result = find(store.path, tmp_path, log, positives=[at(store, 5, 5)], k=7, output=str(tmp_path / "found.gpkg"),
                  report=str(tmp_path / "found.html"), raster=str(tmp_path / "picture.tif"))
    meta, _, wkb, data = pyogrio.raw.read(result["output"])
    columns = dict(zip(meta["fields"], data, strict=True))
    assert list(columns["rank"]) == list(range(1, 8)) and meta["crs"] == "EPSG:4326" and len(wkb) == 7
    assert list(meta["fields"]) == ["rank", "score", "similarity", "id", "year", "lon", "lat", "shard", "row", "code"]
    assert columns["code"][0] == store.codes[index_of(store, columns["id"][0])].tobytes().hex()
    page = Path(result["report"]).read_text()
    assert "About a third of the true 10 nearest neighbours are missed" in page and "<svg" in page
    assert "Made by nobody." in page and "p2023-105" in page
    assert any("About a third" in line for line in log.said)
    footer = pq.read_metadata(result["parquet"]).metadata
    geo = json.loads(footer[b"geo"])
    assert geo["version"] == "1.1.0" and geo["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    record = json.loads(footer[b"bitscape_provenance"])
    assert record["operation"] == "findsimilar" and record["licences"] == ["CC-BY 4.0"]
    with rasterio.open(result["raster"]) as picture:
        assert picture.tags()["LICENSE"] == "CC-BY 4.0" and picture.dtypes == ("uint8",) and picture.overviews(1) == []


def test_damaged_shards_are_counted_and_told(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 10.0, 45.0, 60, 40)
    paths = sorted((tmp_path / "store").rglob("part*.parquet"))
    paths[1].write_bytes(paths[1].read_bytes()[:500])
    paths[2].unlink()
    log = Log()
    result = find(store.path, tmp_path, log, positives=[at(store, 1, 1)], k=5)
    assert len(result["failed"]) == 2 and result["count"] == 5
    assert any("2 of 6 shards could not be read" in line for line in log.said)
    for path in paths:
        path.unlink(missing_ok=True)
    with pytest.raises(InputError, match="None of the 6 shards could be read"):
        find(store.path, tmp_path, view="outlier")


def test_empty_stores_and_areas(town: Written, tmp_path: Path) -> None:
    empty = write_store(tmp_path / "empty", 10.0, 45.0, 1, 1, info=None)
    with pytest.raises(InputError, match="exemplars themselves"):
        find(empty.path, tmp_path, positives=[at(empty, 0, 0)])
    with pytest.raises(InputError, match="nothing in the area"):
        find(town.path, tmp_path, positives=[at(town, 0, 0)], extent=[100, 0, 101, 1])
    with pytest.raises(InputError, match="No patch has a neighbour"):
        find(empty.path, tmp_path, view="surprise")
    with pytest.raises(InputError, match="at least one of output"):
        operations.run("findsimilar", {"store": str(town.path)}, Progress())


def test_memory_is_told_and_refused(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 10.0, 45.0, 100, 60)
    with pytest.raises(InputError, match=r"enough for 4,\d\d\d\. Choose a smaller area"):
        find(store.path, tmp_path, view="surprise", memory=1_000_000)
    assert find(store.path, tmp_path, positives=[at(store, 1, 1)], memory=1_000_000)["count"] == 50


def test_cancelled_runs_leave_nothing(town: Written, tmp_path: Path) -> None:
    progress = Progress(report=lambda fraction, message: progress.cancel() if fraction > 0.3 else None)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Cancelled):
        find(town.path, out, progress, positives=[at(town, 1, 1)], output=str(out / "found.gpkg"))
    assert list(out.iterdir()) == []


def test_cosine_stores(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(600, 16)).astype(np.float32)
    codec = Recipe.parse("int8").fit(vectors)
    info = StoreInfo(model="test/int8", dimensions=16, bits=0, bytes=codec.bytes, kind="cosine", codec=codec.record())
    store = write_store(tmp_path / "store", 10.0, 45.0, 30, 20, info=info, codes=codec.encode(vectors))
    result = find(store.path, tmp_path, positives=[at(store, 3, 3)], negatives=[at(store, 8, 8)], k=20)
    unit = codec.decode(store.codes).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    like, unlike = index_of(store, "p2023-93"), index_of(store, "p2023-248")
    scores = -unit @ unit[like] + unit @ unit[unlike]
    assert [one["id"] for one in table(result)] == expected(store, scores.round(6), [like, unlike], 20)
    assert result["about"]["unit"] == "1 − cosine"
    for view in ("outlier", "surprise", "gradient", "typical", "heat"):
        assert find(store.path, tmp_path, positives=[at(store, 3, 3)], view=view)["count"] > 0
    with pytest.raises(InputError, match="folds bits"):
        find(store.path, tmp_path, positives=[at(store, 3, 3), at(store, 8, 8)], combine="and")


@pytest.mark.parametrize("invert", [False, True])
def test_reranking_by_finer_codes(tmp_path: Path, invert: bool) -> None:
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(1200, BITS)).astype(np.float32)
    codec = Recipe.parse("int8").fit(vectors)
    info = StoreInfo(model="test/fine", dimensions=BITS, bits=BITS, bytes=BITS // 8, kind="binary",
                     fine=FineInfo(recipe=str(codec.recipe), bytes=codec.bytes, codec=codec.record()))
    store = write_store(tmp_path / "store", 10.0, 45.0, 40, 30, info=info, fine=codec.encode(vectors),
                        codes=np.packbits(vectors > 0, axis=1))
    places = [index_of(store, "p2023-93"), index_of(store, "p2023-505")]
    unit = codec.decode(codec.encode(vectors)).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    unit = unit[[int(name.split("-")[1]) for name in store.ids]]
    coarse = distances(store, places[:1]) - distances(store, places[1:])
    fine = unit @ unit[places[1]] - unit @ unit[places[0]]
    coarse, fine = (-coarse, -fine) if invert else (coarse, fine)
    result = find(store.path, tmp_path, positives=[{"id": "p2023-93"}], negatives=[{"id": "p2023-505"}], k=10,
                  rerank=100, invert=invert)
    best = [index_of(store, name) for name in expected(store, coarse, places, 100)]
    wanted = [store.ids[place] for place in sorted(best, key=lambda place: fine[place])[:10]]
    assert [one["id"] for one in table(result)] == wanted
    assert [one["score"] for one in table(result)] == pytest.approx(np.sort(fine[best])[:10], abs=1e-4)
    assert result["reranked"] == 100 and result["unit"] == "1 − cosine"
    with pytest.raises(InputError, match="fold bits"):
        find(store.path, tmp_path, positives=[{"id": "p2023-93"}, {"id": "p2023-94"}], rerank=10, combine="and")
    plain = write_store(tmp_path / "plain", 10.0, 45.0, 5, 5)
    with pytest.raises(InputError, match="no finer codes"):
        find(plain.path, tmp_path, positives=[at(plain, 1, 1)], rerank=10)


def test_a_query_is_the_same_for_the_same_question() -> None:
    codes = np.arange(8, dtype=np.uint8).reshape(2, 4)
    assert Query(codes[:1], codes[1:]).key == Query(codes[:1].copy(), codes[1:].copy()).key
    assert Query(codes[:1], codes[1:]).key != Query(codes, codes[:0]).key
    assert Hamming(32, 4).steps(Query(codes, codes[:1])) == 0.5
