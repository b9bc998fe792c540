"""The operation: from files to a report, a table and a line; on synthetic and on real data; and what it refuses."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError, OutputError
from bitscape.processing.progress import Progress

RECIPES = "int8 int4, binary-median; pca-4+int8\npca-4+binary-zero"


def chips(path: Path, rows: int = 240, classes: int = 3, dimensions: int = 12, **columns: Any) -> Path:
    """Clustered vectors with classes, where they are, a number that follows from them, and a second date."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, rows)
    centres = 1.2 * rng.standard_normal((classes, dimensions))
    vectors = (centres[truth] + rng.standard_normal((rows, dimensions)) + 1).astype(np.float32)
    moved = (vectors + rng.standard_normal((classes, dimensions))[truth]).astype(np.float32)
    given: dict[str, Any] = {
        "embedding": list(vectors), "label": [f"class {number}" for number in truth],
        "lon": rng.uniform(0, 1, rows), "lat": rng.uniform(0, 1, rows),
        "height": vectors @ rng.standard_normal(dimensions) + rng.standard_normal(rows), "later": list(moved),
        **columns}
    pq.write_table(pa.table({name: values for name, values in given.items() if values is not None}), path)
    return path


def run(folder: Path, progress: Progress | None = None, **values: Any) -> dict[str, Any]:
    request = {"report": folder / "report.html", "table": folder / "figures.csv", **values}
    return operations.run("comparecompression", json.loads(json.dumps(request, default=str)), progress or Progress())


def figures(folder: Path) -> dict[tuple[str, ...], float]:
    """(split, task, recipe, figure, item) → value of the first input."""
    with (folder / "figures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {tuple(row[name] for name in ("split", "task", "recipe", "figure", "item")): float(row["value"])
            for row in rows if row["value"] and row["input"] == rows[0]["input"]}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """One run with everything in it: its folder, result and log."""
    folder = tmp_path_factory.mktemp("compare")
    log: list[str] = []
    progress = Progress(log=lambda message, level: log.append(f"{level}: {message}"))
    path = chips(folder / "chips.parquet")
    result = run(folder, progress, tables=[path], recipes=RECIPES, value_field="height", loss=8)
    return folder, result, log


def test_every_figure_is_in_the_table(measured: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, result, _ = measured
    found = figures(folder)
    recipes = {key[2] for key in found if key[3] == "recall_at_10"}
    assert recipes == {"float32", "int8", "int4", "binary-median", "pca-4+int8", "pca-4+binary-zero"}
    for split in ("random", "spatial"):
        assert found[split, "", "", "tested_rows", ""] == 240
        for task in ("knn", "probe"):
            for recipe in recipes:
                accuracy = found[split, task, recipe, "accuracy", ""]
                change = found[split, task, recipe, "accuracy_change", ""]
                assert accuracy == pytest.approx(found[split, task, "float32", "accuracy", ""] + change, abs=1e-6)
                low, high = (found[split, task, recipe, f"accuracy_change_{end}", ""] for end in ("low", "high"))
                assert low <= change <= high
                lost, won = (found[split, task, recipe, f"only_{who}_right", ""] for who in ("float32", "this"))
                assert change == pytest.approx((won - lost) / 240)
                f1 = [found[split, task, recipe, "f1", f"class {number}"] for number in range(3)]
                assert np.mean(f1) == pytest.approx(found[split, task, recipe, "macro_f1", ""], abs=1e-6)
            assert found[split, task, "float32", "mcnemar_p", ""] == 1
        assert found[split, "regression", "float32", "r2", ""] > 0.5 > 0 > found[
            split, "regression", "pca-4+binary-zero", "r2_change", ""]
        assert found[split, "", "float32", "recall_at_10", ""] == 1
        fine, coarse = (found[split, "", recipe, "recall_at_10", ""] for recipe in ("int8", "binary-median"))
        assert fine > 0.95 > coarse
        assert found[split, "knn_of_reconstructed", "binary-median", "accuracy", ""] > 0.3
        assert found[split, "", "binary-median", "bit_imbalance", ""] < 0.05
    assert found["", "", "", "cumulative_variance", "12"] == pytest.approx(1)
    assert found["", "", "", "intrinsic_dimension_twonn", ""] == pytest.approx(result["intrinsic_dimension"])
    assert len([key for key in found if key[3] == "share_of_ones" and key[2] == "binary-median"]) == 12


def test_the_advice_follows_from_the_table(measured: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, result, log = measured
    found = figures(folder)
    sizes = {"int8": 12, "int4": 6, "binary-median": 2, "pca-4+int8": 4, "pca-4+binary-zero": 1}
    safe = [recipe for recipe in sizes if all(
        found["spatial", task, recipe, "accuracy_change_lowest", ""] > -0.08 for task in ("knn", "probe"))]
    assert result["recipe"] == min(safe, key=sizes.__getitem__) and result["bytes"] == sizes[result["recipe"]]
    assert result["ratio"] == 48 / result["bytes"]
    assert result["recommendation"].startswith(f"{result['recipe']}: {result['bytes']} bytes")
    assert result["knn_change"] == pytest.approx(100 * found["spatial", "knn", result["recipe"], "accuracy_change", ""])
    assert (result["rows"], result["recipes"]) == (240, 6)
    said = "\n".join(log)
    assert "6 recipes on 240 rows of 12 dimensions and 3 classes" in said and "This takes about" in said
    assert said.index("This takes about") < said.index(result["recommendation"][:30])


def test_the_report_stands_alone_and_says_what_it_is(measured: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, result, _ = measured
    page = (folder / "report.html").read_text(encoding="utf-8")

    tags: list[str] = []
    outside: list[str] = []

    class Reading(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            outside.extend(value or "" for name, value in attrs
                           if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"))

    Reading().feed(page)
    assert outside == [] and not {"script", "link", "img"} & set(tags)
    assert tags.count("svg") == 6, "two splits, recall, classes, variance, bits"
    for words in ("What to keep", "Which classes lose", "Regression", "Balance of bits", "spatial split", "TwoNN",
                  "S3 a year", "Hamming on bits", "rows held out"):
        assert words in page, words
    assert result["recommendation"].split(";")[0] in page.replace("&#43;", "+")


def test_the_same_seed_gives_the_same_page(measured: tuple[Path, dict[str, Any], list[str]], tmp_path: Path) -> None:
    folder, result, _ = measured
    again = run(tmp_path, tables=[folder / "chips.parquet"], recipes=RECIPES, value_field="height", loss=8, threads=1)
    assert (tmp_path / "figures.csv").read_text() == (folder / "figures.csv").read_text()
    assert again["recommendation"] == result["recommendation"]

    def body(path: Path) -> str:
        return re.sub("<details>.*</details>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert body(tmp_path / "report.html") == body(folder / "report.html")


def test_two_dates_and_both_ways_to_store_them(tmp_path: Path) -> None:
    result = run(tmp_path, tables=[chips(tmp_path / "c.parquet")], after_column="later", embedding_column="embedding",
                 recipes="int8, binary-median, pca-4+int8")
    found = figures(tmp_path)
    assert {key[2] for key in found if key[1] == "both_dates_stored:probe"} == {"int8", "binary-median"}
    assert found["random", "both_dates_stored:probe", "int8", "accuracy", ""] == pytest.approx(
        found["random", "probe", "int8", "accuracy", ""], abs=0.05)
    assert found["", "", "", "first_date_cumulative_variance", "1"] < 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Change between two dates" in page and "differences of two dates" in page and result["rows"] == 240


def test_several_inputs_in_one_report(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    tables = [chips(tmp_path / "a" / "chips.parquet"), chips(tmp_path / "b" / "chips.parquet", lon=None, lat=None,
                                                           dimensions=6)]
    result = run(tmp_path, tables=tables, recipes="int8,pca-8+int8")
    assert [line.split(":")[0] for line in result["recommendation"].splitlines()] == ["a/chips", "b/chips"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no spatial split: the table has no geometry" in page
    assert "pca-8+int8 is left out" in page and "at least 8 dimensions" in page
    text = (tmp_path / "figures.csv").read_text()
    assert "b/chips,random,knn,int8" in text and "b/chips,spatial" not in text and "a/chips,spatial" in text


def test_names_from_files_are_text(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>'
    truth = [evil if row % 2 else "b" for row in range(240)]
    run(tmp_path, tables=[chips(tmp_path / "c.parquet", label=truth)], recipes="int8")
    assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("values", "words"), [
    ({"tables": []}, "Nothing to compare"),
    ({"rasters": ["r.tif"]}, "without labels"),
    ({"after": ["r.tif"]}, "none of the first"),
    ({"recipes": "int8, zip"}, "“zip” is not a recipe. A recipe is a quantiser"),
    ({"recipes": " ".join(f"pca-{size}+int8" for size in range(1, 102))}, "at most 100"),
    ({"recipes": "pca-64+int8"}, "None of the recipes can be used"),
    ({"class_field": "kind"}, "no column named kind"),
    ({"loss": 0}, "loss"),
])
def test_what_is_refused(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    path = chips(tmp_path / "c.parquet")
    with pytest.raises(InputError, match=re.escape(words)):
        run(tmp_path, **{"tables": [path], "recipes": "int8", **values})
    assert [one.name for one in tmp_path.iterdir()] == ["c.parquet"]


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    path = chips(tmp_path / "c.parquet")
    with pytest.raises(InputError, match="would be overwritten"):
        run(tmp_path, tables=[path], table=path)
    with pytest.raises(OutputError, match="does not exist"):
        run(tmp_path, tables=[path], report=tmp_path / "no" / "report.html")


def test_rare_classes_constant_dimensions_and_few_rows(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((240, 12)).astype(np.float32)
    vectors[:, 3:6] = 0.5
    run(tmp_path, tables=[chips(tmp_path / "c.parquet", embedding=list(vectors))], recipes="int8,binary-zero,ternary")
    assert "3 of 12 dimensions are the same number" in (tmp_path / "report.html").read_text(encoding="utf-8")
    few = [*["a"] * 12, *["b"] * 4, *[None] * 224]
    with pytest.raises(InputError, match="class b has 4 rows, at least 5"):
        run(tmp_path, tables=[chips(tmp_path / "d.parquet", label=few)], recipes="int8")
    fewest = [*["a"] * 6, *["b"] * 5, *[None] * 229]
    result = run(tmp_path, tables=[chips(tmp_path / "e.parquet", label=fewest)], recipes="int8")
    assert result["rows"] == 11


@pytest.mark.parametrize("after", [2, 40, 200])
def test_cancel_leaves_nothing(tmp_path: Path, after: int) -> None:
    path = chips(tmp_path / "c.parquet")
    progress = Progress()
    checks = [0]
    check = progress.check

    def counting() -> None:
        checks[0] += 1
        if checks[0] == after:
            progress.cancel()
        check()

    progress.check = counting  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        run(tmp_path, progress, tables=[path], recipes="int8")
    assert [one.name for one in tmp_path.iterdir()] == ["c.parquet"]


def test_the_default_grid_has_every_kind_and_fits(tmp_path: Path) -> None:
    from bitscape.processing.study.grid import default_grid, recipes

    for dimensions, rows in ((64, 100), (128, 5000), (768, 300), (1024, 16000), (2048, 16000), (3, 50)):
        grid = recipes("", dimensions, rows)
        assert str(grid[0]) == "float32" and len({str(one) for one in grid}) == len(grid) <= 30
        for recipe in grid:
            recipe.check(dimensions)
            assert recipe.kept <= rows
    assert {"pca-256+int8", "pca-32+binary-median", "svd-128+int8", "pq-128x8", "turbo4", "ternary"} <= set(
        default_grid(1024, 16000))


def test_int8_on_real_alphaearth_change(tmp_path: Path, shared_data: Path) -> None:
    """114 labelled points: the native codes are int8 already, so neighbours and probe must hardly move."""
    path = shared_data / "aef_points" / "aef_forest_change_114pts_int8.parquet"
    result = run(tmp_path, tables=[path], embedding_column="emb_y_minus_1", after_column="emb_y_plus_1",
                 recipes="int8 int4 binary-zero")
    found = figures(tmp_path)
    assert result["rows"] == 114
    for split in ("random", "spatial"):
        assert found[split, "probe", "float32", "accuracy", ""] > 0.85
        assert found[split, "probe", "int8", "mcnemar_p", ""] > 0.1
        assert found[split, "both_dates_stored:probe", "int8", "mcnemar_p", ""] > 0.1


def test_int8_on_real_presto_pixels(tmp_path: Path, shared_data: Path) -> None:
    """Raw float32 pixels of a real encoder with cropland and its probability: int8 costs classes nothing that shows."""
    folder = shared_data / "presto_embeddings"
    with rasterio.open(folder / "worldcereal_wc_cropland_u8.tif") as dataset:
        crop, probability = dataset.read()
        grid = dataset.transform
        crs = dataset.crs.to_string()
    picked = np.random.default_rng(0).permutation(crop.size)[:400]
    rows, columns = np.divmod(picked, crop.shape[1])
    x, y = rasterio.transform.xy(grid, rows, columns)
    pyogrio.raw.write(
        tmp_path / "points.gpkg", shapely.to_wkb(shapely.points(x, y)),
        [crop.ravel()[picked].astype(np.int32), probability.ravel()[picked].astype(float)], ["crop", "probability"],
        crs=crs, geometry_type="Point", driver="GPKG")
    result = run(tmp_path, rasters=[folder / "presto_wc_full_f32.tif"], labels=tmp_path / "points.gpkg",
                 class_field="crop", value_field="probability", recipes="int8")
    found = figures(tmp_path)
    assert result["rows"] == 400
    for split in ("random", "spatial"):
        for task in ("knn", "probe"):
            assert found[split, task, "float32", "accuracy", ""] > 0.9
            assert found[split, task, "int8", "mcnemar_p", ""] > 0.1
        assert found[split, "regression", "float32", "r2", ""] > 0.5
        assert abs(found[split, "regression", "int8", "r2_change", ""]) < 0.01
        assert found[split, "", "int8", "recall_at_10", ""] > 0.95
