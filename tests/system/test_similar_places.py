"""Similarity search from end to end through the real qgis_process on real Clay patches: a store is built, asked in
every way, and its answers are those of an independent computation (retrieval_reference.py); TerraBit's layouts are
read over http."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.tests.processing.store.servers import Server
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.test_find_similar import points, rows_of
from osgeo import gdal, ogr, osr

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv" / "bin" / "python"
STEM = "clay_v0_03WVN_20220610_20220610_v001"
VIEWS = ("top", "heat", "threshold", "outlier", "surprise", "gradient", "typical")
UNLIKE = ("outlier", "surprise", "gradient")
POINT = (-166.2, 65.2)
AREA = "POLYGON((-166.9 65.0, -165.6 65.1, -166.1 65.6, -166.9 65.0))"
LIKE, UNLIKE_IDS = [f"{STEM}/{number}" for number in (40, 41, 65)], [f"{STEM}/300"]
POSITIVES: dict[str, Any] = {"positives": LIKE}
QUESTIONS: dict[str, dict[str, Any]] = {
    "point": {"view": "top", "point": POINT},
    "ids": {"view": "top", "positives": LIKE, "negatives": UNLIKE_IDS},
    "area": {"view": "top", "point": POINT, "area": AREA},
    "cosine": {"view": "cosine", "point": POINT},
    **{view: {"view": view, **({} if view in ("outlier", "surprise", "typical") else POSITIVES)}
       for view in VIEWS[1:]},
}


def reference(*words: str) -> str:
    done = subprocess.run([str(PYTHON), "-I", str(HERE / "retrieval_reference.py"), *words], capture_output=True,
                          encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clay(shared_data: Path) -> Path:
    return shared_data / "clay_geoparquet" / f"{STEM}.gpq"


@pytest.fixture(scope="module")
def store(qgis: Qgis, clay: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clay") / "store"
    made = qgis.succeed("buildretrievalstore", INPUT=clay, PRODUCT="Clay v0.1", KIND=1, REFINE=1, OUTPUT=folder)
    assert made["ROWS"] == 417
    return folder


@pytest.fixture(scope="module")
def expected(clay: Path, store: Path) -> dict[str, Any]:
    return json.loads(reference("answers", str(clay), json.dumps(QUESTIONS), str(store)))


@pytest.fixture(scope="module")
def point(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return points(tmp_path_factory.mktemp("points") / "point.gpkg", [POINT], 3857)


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("areas") / "area.gpkg", AREA)


def drawn(path: Path, *shapes: str, epsg: int = 4326) -> Path:
    """A GeoPackage of shapes (WKT), x before y."""
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("drawn", crs, ogr.wkbUnknown)
    for wkt in shapes:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
        layer.CreateFeature(feature)
    return path


def are_the_first(rows: list[dict[str, Any]], values: dict[str, float], count: int, largest: bool = False) -> None:
    """Whether results are the first ``count`` of the expected values, in order; who of equals is first is not asked."""
    assert [one["rank"] for one in rows] == list(range(1, count + 1))
    assert len({one["id"] for one in rows}) == count
    best = sorted(values.values(), reverse=largest)[:count]
    assert [one["score"] for one in rows] == pytest.approx(best, abs=1e-4)
    assert [one["score"] for one in rows] == pytest.approx([values[one["id"]] for one in rows], abs=1e-4)


def test_places_like_a_point_and_a_result_as_exemplar_again(
    qgis: Qgis, store: Path, point: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    qgis.succeed("findsimilar", STORE=store, POSITIVE=point, K=20, OUTPUT=tmp_path / "found.gpkg",
                 PARQUET=tmp_path / "found.parquet")
    first = rows_of(tmp_path / "found.gpkg")
    asked = expected["answers"]["point"]
    assert len(asked["exemplars"]) == 1
    are_the_first(first, asked["values"], 20)
    again = qgis.succeed("findsimilar", STORE=store, POSITIVE=tmp_path / "found.parquet", K=20,
                         OUTPUT=tmp_path / "again.gpkg")
    second = rows_of(tmp_path / "again.gpkg")
    assert again["CANDIDATES"] == 417 and not {one["id"] for one in first} & {one["id"] for one in second}
    assert asked["exemplars"][0] in {one["id"] for one in second}, "nothing is left out but what was found before"


def test_places_like_some_ids_and_unlike_another(
    qgis: Qgis, store: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    qgis.succeed("findsimilar", STORE=store, IDS=", ".join(LIKE), NEGATIVE_IDS=UNLIKE_IDS[0], K=30,
                 OUTPUT=tmp_path / "found.gpkg")
    are_the_first(rows_of(tmp_path / "found.gpkg"), expected["answers"]["ids"]["values"], 30)


def test_an_area_is_met_by_footprints(
    qgis: Qgis, store: Path, point: Path, area: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    found = qgis.succeed("findsimilar", STORE=store, POSITIVE=point, AOI=area, K=500, OUTPUT=tmp_path / "found.gpkg")
    values = expected["answers"]["area"]["values"]
    assert 20 < found["COUNT"] == len(values) < 200
    are_the_first(rows_of(tmp_path / "found.gpkg"), values, len(values))


def test_finer_codes_put_the_best_in_the_order_of_the_vectors(
    qgis: Qgis, store: Path, point: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    qgis.succeed("findsimilar", STORE=store, POSITIVE=point, K=10, RERANK=100, OUTPUT=tmp_path / "found.gpkg")
    rows = rows_of(tmp_path / "found.gpkg")
    bits, cosine = (expected["answers"][name]["values"] for name in ("point", "cosine"))
    limit = sorted(bits.values())[99]
    assert all(bits[one["id"]] <= limit for one in rows), "only the best 100 by bits are looked at"
    assert [one["score"] for one in rows] == pytest.approx([cosine[one["id"]] for one in rows], abs=0.01)
    true, coarse = (set(sorted(values, key=values.get)[:10]) for values in (cosine, bits))
    found = {one["id"] for one in rows}
    assert len(found & true) >= max(9, len(coarse & true))


@pytest.mark.parametrize("view", VIEWS[1:])
def test_every_view(qgis: Qgis, store: Path, expected: dict[str, Any], tmp_path: Path, view: str) -> None:
    asked = expected["answers"][view]
    values, like = asked["values"], ", ".join(QUESTIONS[view].get("positives", []))
    limit = {"THRESHOLD": 150.0} if view == "threshold" else {}
    found = qgis.succeed("findsimilar", STORE=store, IDS=like, VIEW=VIEWS.index(view), K=25, **limit,
                         OUTPUT=tmp_path / "found.gpkg", RASTER=tmp_path / "all.tif")
    count = {"heat": 414, "gradient": 414, "threshold": sum(one <= 150 for one in values.values())}.get(view, 25)
    assert count >= 10 and found["COUNT"] == count
    rows = sorted(rows_of(tmp_path / "found.gpkg"), key=lambda one: one["rank"])
    if tied := set(asked["tied"]):  # which of two neighbours is the nearer is a matter of millimetres
        assert len(tied) < 0.2 * len(values)
        scores = [one["score"] for one in rows]
        assert scores == sorted(scores, reverse=True)
        sure = [one for one in rows if one["id"] not in tied]
        assert [one["score"] for one in sure] == pytest.approx([values[one["id"]] for one in sure], abs=1e-4)
    else:
        are_the_first(rows, values, count, view in UNLIKE)
    assert (found.get("TYPICAL") or None) == asked["typical"]
    assert (gdal.Open(str(tmp_path / "all.tif")).ReadAsArray() != 255).any()


@pytest.mark.parametrize("layout", ["new", "old"])
def test_a_corpus_laid_out_as_terrabit_over_http(
    qgis: Qgis, clay: Path, point: Path, area: Path, expected: dict[str, Any], tmp_path: Path, layout: str
) -> None:
    corpus = tmp_path / "corpus"
    reference("corpus", str(clay), str(corpus), layout)
    question = {"POSITIVE": point, "AOI": area, "K": 40}
    qgis.succeed("findsimilar", STORE=corpus, **question, OUTPUT=tmp_path / "here.gpkg")
    here = rows_of(tmp_path / "here.gpkg")
    boxes = {name: f"POLYGON(({w} {s},{e} {s},{e} {n},{w} {n},{w} {s}))"
             for name, (w, s, e, n) in expected["boxes"].items()}
    triangle = ogr.CreateGeometryFromWkt(AREA)
    inside = {name for name, wkt in boxes.items() if ogr.CreateGeometryFromWkt(wkt).Intersects(triangle)}
    values = expected["answers"]["point"]["values"]
    are_the_first(here, {name: values[name] for name in inside if name in values}, 40)
    with Server(corpus) as server:
        qgis.succeed("findsimilar", STORE=server.url, **question, OUTPUT=tmp_path / "there.gpkg")
        assert rows_of(tmp_path / "there.gpkg") == here
        shards = {path for path in server.paths if "part-" in path}
        parts = [part for path, part in server.seen if "part-" in path]
        needed = {one["shard"] for one in here}
        assert needed <= shards and len(shards) < len(list(corpus.rglob("part-*"))) * 0.6
        assert all(part.startswith("bytes=") for part in parts)
        broken = here[-1]["shard"]
        server.broken.add(broken)
        outcome = qgis.run("findsimilar", STORE=server.url, **question, OUTPUT=tmp_path / "less.gpkg",
                           REPORT=tmp_path / "less.html")
    assert outcome.code == 0, outcome.stderr
    assert outcome.results["FAILED"] == 1 and broken in json.dumps(outcome.log)
    assert broken in (tmp_path / "less.html").read_text(encoding="utf-8")
    lost = {one["id"] for one in here if one["shard"] == broken}
    left = [one["id"] for one in rows_of(tmp_path / "less.gpkg")]
    kept = [one["id"] for one in here if one["id"] not in lost]
    assert left[: len(kept)] == kept and not lost & set(left)


def test_similarity_of_real_pixels_and_recall_of_real_vectors(
    qgis: Qgis, shared_data: Path, clay: Path, tmp_path: Path
) -> None:
    source = shared_data / "presto_embeddings" / "presto_wc_full_i8.tif"
    data = gdal.Open(str(source))
    left, across, _, top, _, down = data.GetGeoTransform()
    pixels = [(20, 30), (70, 60)]  # column, row
    middles = [f"POINT({left + (column + 0.5) * across} {top + (row + 0.5) * down})" for column, row in pixels]
    like = drawn(tmp_path / "like.gpkg", *middles, epsg=32631)
    found = qgis.succeed("similarityraster", INPUT=source, POSITIVE=like, OUTPUT=tmp_path / "s.tif")
    assert found["POSITIVES"] == 2
    stored = data.ReadAsArray().astype(np.float64)
    vectors = np.sign(stored) * (stored / 127.5) ** 2
    unit = vectors / np.linalg.norm(vectors, axis=0)
    mean = np.mean([unit[:, row, column] for column, row in pixels], axis=0)
    known = (stored != -128).all(axis=0)
    scores = gdal.Open(str(tmp_path / "s.tif")).ReadAsArray()
    mean /= np.linalg.norm(mean)
    assert (np.isfinite(scores) == known).all()
    assert np.abs(scores - np.einsum("dij,d->ij", unit, mean))[known].max() < 1e-4
    recall = qgis.succeed("evaluaterecall", INPUT=clay, RECIPES="binary-zero", FINE="turbo4", CANDIDATES="100",
                          QUERIES=417, REPORT=tmp_path / "recall.html")
    assert recall["BINARY_RECALL"] == pytest.approx(0.637, abs=0.003) and recall["RERANKED_RECALL"] > 0.95
