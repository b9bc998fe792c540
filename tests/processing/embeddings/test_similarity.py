"""Similarity to points against float64 numpy, for every kind of vector and raster, and what is said of points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from bitscape.processing import operations
from bitscape.processing.embeddings import similarity
from bitscape.processing.embeddings.mapping import quantise
from bitscape.processing.errors import Cancelled, InputError, LabelError, OutputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import unit_vectors, write_raster

TRANSFORM = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def write_points(
    path: Path, pixels: list[tuple[int, int]], crs: str = "EPSG:32610", **fields: list[str]
) -> Path:
    """Points somewhere in pixels (row, column)."""
    random = np.random.default_rng(len(pixels))
    xy = [TRANSFORM @ (column + random.uniform(0.1, 0.9), row + random.uniform(0.1, 0.9)) for row, column in pixels]
    x, y = np.array(xy).T
    if crs != "EPSG:32610":
        from pyproj import Transformer

        x, y = Transformer.from_crs("EPSG:32610", crs, always_xy=True).transform(x, y)
    columns = [np.array(values, object) for values in fields.values()]
    pyogrio.raw.write(path, shapely.to_wkb(shapely.points(x, y)), columns, list(fields), geometry_type="Point", crs=crs,
                      driver="GPKG")
    return path


def wanted_scores(
    vectors: np.ndarray, positives: list[tuple[int, int]], negatives: list[tuple[int, int]]
) -> np.ndarray:
    """In float64; (bands, rows, columns) → (rows, columns)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=0)
    score = np.zeros(vectors.shape[1:])
    for sign, places in ((1, positives), (-1, negatives)):
        if places:
            mean = np.mean([unit[:, row, column] for row, column in places], axis=0)
            score = score + sign * np.einsum("b,byx->yx", mean / np.linalg.norm(mean), unit)
    return score


def run(said: list[str] | None = None, progress: Progress | None = None, **values: Any) -> dict[str, Any]:
    heard = said if said is not None else []
    listening = progress or Progress(log=lambda message, level: heard.append(message))
    return operations.run("similarityraster", json.loads(json.dumps(values, default=str)), listening)


def read(path: Path | str) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def power(codes: np.ndarray) -> np.ndarray:
    values = codes.astype(np.float64)
    return np.sign(values) * (values / 127.5) ** 2


@pytest.mark.parametrize("kind", ["alphaearth", "float32", "int8"])
@pytest.mark.parametrize("negatives", [[], [(5, 6), (90, 110)]])
def test_every_pixel_is_scored(tmp_path: Path, kind: str, negatives: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(0)
    vectors = unit_vectors(rng, 64, 100, 120)
    if kind == "float32":
        stored, values = vectors.astype(np.float32) * 3, vectors
        stored[:, 40:50, 30:60] = np.nan
        missing = ~np.isfinite(stored).all(axis=0)
    else:
        stored = quantise(vectors) if kind == "alphaearth" else rng.integers(-120, 120, vectors.shape).astype(np.int8)
        stored[3, 40:50, 30:60] = -128
        missing = (stored == -128).any(axis=0)
        values = power(stored) if kind == "alphaearth" else stored.astype(np.float64)
    raster = write_raster(tmp_path / "e.tif", stored, **({} if kind == "float32" else {"nodata": -128}))
    positives = [(10, 10), (11, 80), (70, 20)]
    request: dict[str, Any] = {
        "input": raster, "positives": write_points(tmp_path / "p.gpkg", positives, "EPSG:4326"),
        "output": tmp_path / "out.tif", "mapping": "none" if kind == "int8" else "auto"}
    if negatives:
        request["negatives"] = write_points(tmp_path / "n.gpkg", negatives)
    result = run(**request)
    found, expected = read(result["output"]), wanted_scores(values, positives, negatives)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), missing)
    np.testing.assert_allclose(found[~missing], expected[~missing], atol=2e-5)
    assert (result["positives"], result["negatives"]) == (3, len(negatives))
    assert result["covered_pixels"] == (~missing).sum() and result["pixels"] == missing.size
    assert result["median"] == pytest.approx(np.median(expected[~missing]), abs=2e-3)
    assert result["low"] < result["median"] < result["p99"] <= result["high"]
    assert result["mapping"] == {"alphaearth": "alphaearth", "float32": "none", "int8": "none"}[kind]


def test_subtracting_cosines_orders_as_the_difference_of_the_directions(tmp_path: Path) -> None:
    vectors = unit_vectors(np.random.default_rng(2), 16, 60, 60).astype(np.float32)
    raster = write_raster(tmp_path / "e.tif", vectors)
    places = [(3, 4), (40, 50)], [(20, 20), (21, 30)]
    result = run(input=raster, positives=write_points(tmp_path / "p.gpkg", places[0]),
                 negatives=write_points(tmp_path / "n.gpkg", places[1]), output=tmp_path / "out.tif")
    unit = vectors / np.linalg.norm(vectors, axis=0)
    means = [np.mean([unit[:, row, column] for row, column in side], axis=0) for side in places]
    direction = means[0] / np.linalg.norm(means[0]) - means[1] / np.linalg.norm(means[1])
    cosine = np.einsum("b,byx->yx", direction / np.linalg.norm(direction), unit)
    assert np.corrcoef(cosine.ravel(), read(result["output"]).ravel())[0, 1] > 0.9999999


def test_windows_area_overviews_and_what_is_kept_of_the_source(tmp_path: Path, monkeypatch) -> None:
    from bitscape.processing.embeddings import stack

    vectors = unit_vectors(np.random.default_rng(1), 8, 1300, 700)
    stored = quantise(vectors)
    raster = write_raster(tmp_path / "e.tif", stored, nodata=-128, tiled=True, blockxsize=128, blockysize=128)
    with rasterio.open(raster, "r+") as dataset:
        dataset.update_tags(PRODUCT="Somebody's", LICENSE="CC-BY-4.0", ATTRIBUTION="Somebody made it.", YEAR="2022")
    points = write_points(tmp_path / "p.gpkg", [(100, 100), (900, 600)])
    whole = run(input=raster, positives=points, output=tmp_path / "whole.tif", mapping="alphaearth")
    with rasterio.open(whole["output"]) as dataset, rasterio.open(raster) as source:
        assert dataset.overviews(1) and dataset.transform == source.transform and dataset.crs == source.crs
        assert dataset.shape == source.shape and np.isnan(dataset.nodata)
        tags = dataset.tags()
        assert tags["ATTRIBUTION"] == "Somebody made it." and tags["LICENSE"] == "CC-BY-4.0"
        assert tags["PRODUCT"] == "Somebody's" and "cosine" in tags["SCORE"]
    scores = read(whole["output"])
    np.testing.assert_allclose(scores, wanted_scores(power(stored), [(100, 100), (900, 600)], []), atol=2e-5)
    monkeypatch.setattr(stack, "WINDOW_BYTES", 8 * 64 * 64)
    monkeypatch.setattr(similarity, "CHUNK", 1000)
    pieces = run(input=raster, positives=points, output=tmp_path / "pieces.tif", mapping="alphaearth", threads=2)
    np.testing.assert_array_equal(read(pieces["output"]), scores)
    ring = [TRANSFORM @ corner for corner in ((200, 300), (500, 300), (500, 900), (200, 900))]
    area = tmp_path / "area.gpkg"
    pyogrio.raw.write(area, shapely.to_wkb(np.array([shapely.Polygon(ring)])), [], [], geometry_type="Polygon",
                      crs="EPSG:32610", driver="GPKG")
    cut = run(input=raster, positives=points, aoi=area, output=tmp_path / "cut.tif", mapping="alphaearth")
    np.testing.assert_array_equal(read(cut["output"]), scores[300:900, 200:500])


def test_points_that_do_not_count_are_said_and_counted(tmp_path: Path) -> None:
    stored = quantise(unit_vectors(np.random.default_rng(5), 16, 50, 50))
    stored[:, 30:, :] = -128
    raster = write_raster(tmp_path / "e.tif", stored, nodata=-128)
    said: list[str] = []
    points = write_points(
        tmp_path / "p.gpkg", [(5, 5), (5, 5), (6, 6), (40, 3), (-3, 9), (9, 9), (12, 12)],
        kind=["a", "a", "a", "a", "a", "b", "a"], role=["", "train", "", "", "", "", "validate"])
    result = run(said, input=raster, positives=points, class_field="kind", positive_class="a",
                 output=tmp_path / "o.tif", mapping="alphaearth")
    assert (result["positives"], result["negatives"]) == (2, 1)
    text = "\n".join(said)
    for words in ("1 points are for validation", "1 of 6 points lie outside e.tif",
                  "1 of 4 pixels under points have no", "5 points lie in 4 pixels", "2 positive and 1 negative"):
        assert words in text, text
    np.testing.assert_allclose(read(result["output"])[:30],
                               wanted_scores(power(stored), [(5, 5), (6, 6)], [(9, 9)])[:30], atol=2e-5)
    both = write_points(tmp_path / "n.gpkg", [(5, 5), (20, 20)])
    said.clear()
    only = write_points(tmp_path / "q.gpkg", [(5, 5), (6, 6)])
    result = run(said, input=raster, positives=only, negatives=both, output=tmp_path / "o.tif", mapping="alphaearth")
    assert (result["positives"], result["negatives"]) == (1, 1)
    assert "1 pixels hold positives and negatives" in "\n".join(said)


def test_what_cannot_be_is_refused_and_nothing_written(tmp_path: Path) -> None:
    stored = quantise(unit_vectors(np.random.default_rng(5), 8, 40, 40))
    stored[:, 20:, :] = -128
    raster = write_raster(tmp_path / "e.tif", stored, nodata=-128)
    good = write_points(tmp_path / "good.gpkg", [(3, 3)], kind=["a"])
    empty = write_points(tmp_path / "empty.gpkg", [(30, 3)])
    away = write_points(tmp_path / "away.gpkg", [(900, 900)])
    lines = tmp_path / "lines.gpkg"
    pyogrio.raw.write(lines, shapely.to_wkb(np.array([shapely.LineString([(0, 0), (1, 1)])])), [], [],
                      geometry_type="LineString", crs="EPSG:32610", driver="GPKG")
    output = tmp_path / "out.tif"
    for values, kind, words in (
        ({"positives": empty}, LabelError, "No positive lies on data"),
        ({"negatives": empty}, LabelError, "No negative lies on data"),
        ({"positives": away}, LabelError, "No point lies on"),
        ({"positives": lines}, LabelError, "lines or polygons"),
        ({"positives": tmp_path / "no.gpkg"}, LabelError, "does not exist"),
        ({"class_field": "kind", "positive_class": "z"}, LabelError, "there are a"),
        ({"class_field": "sort"}, LabelError, "no field named sort"),
        ({"class_field": "kind", "positive_class": "a", "negatives": good}, InputError, "given twice"),
        ({"input": tmp_path / "no.tif"}, InputError, "no.tif"),
        ({"output": raster}, InputError, "would overwrite"),
        ({"output": tmp_path / "no" / "out.tif"}, OutputError, "no"),
    ):
        with pytest.raises(kind, match=words):
            run(**{"input": raster, "positives": good, "output": output, "mapping": "alphaearth", **values})
        assert not output.exists()


def test_cancel_leaves_nothing(tmp_path: Path) -> None:
    stored = quantise(unit_vectors(np.random.default_rng(5), 8, 900, 600))
    raster = write_raster(tmp_path / "e.tif", stored, nodata=-128)
    points = write_points(tmp_path / "p.gpkg", [(3, 3)])
    progress = Progress(report=lambda fraction, message: progress.cancel() if fraction > 0.3 else None)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        run(progress=progress, input=raster, positives=points, output=tmp_path / "out.tif", mapping="alphaearth")
    assert sorted(tmp_path.iterdir()) == before


def test_a_few_clicks_find_cropland(shared_data: Path, tmp_path: Path) -> None:
    """Real embeddings of Presto on a square kilometre: ranks of cropland among all pixels, from eight pixels each."""
    folder = shared_data / "presto_embeddings"
    crops = read(folder / "worldcereal_wc_cropland_u8.tif")
    with rasterio.open(folder / "presto_wc_full_i8.tif") as dataset:
        transform, crs = dataset.transform, dataset.crs.to_wkt()
    random = np.random.default_rng(0)
    sides = []
    for value in (1, 0):
        rows, columns = np.nonzero(crops == value)
        chosen = random.choice(len(rows), 8, replace=False)
        x, y = rasterio.transform.xy(transform, rows[chosen], columns[chosen])
        path = tmp_path / f"{value}.gpkg"
        pyogrio.raw.write(path, shapely.to_wkb(shapely.points(x, y)), [], [], geometry_type="Point", crs=crs,
                          driver="GPKG")
        sides.append(path)

    def area_under_curve(scores: np.ndarray) -> float:
        from scipy.stats import rankdata

        ranks, crop = rankdata(scores.ravel()), crops.ravel() == 1
        count = int(crop.sum())
        return float((ranks[crop].sum() - count * (count + 1) / 2) / (count * (len(crop) - count)))

    given = {"input": folder / "presto_wc_full_i8.tif", "positives": sides[0], "output": tmp_path / "o.tif"}
    alone = area_under_curve(read(run(**given)["output"]))
    against = area_under_curve(read(run(**given, negatives=sides[1])["output"]))
    assert alone > 0.8 and against > 0.97
