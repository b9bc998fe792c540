"""From tiles and labels with numbers to a model and a map in their unit, through the table of operations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.classification.model import load_model
from bitscape.processing.classification.scoring import predict_numbers
from bitscape.processing.errors import BasisMismatch, Cancelled, InputError, LabelError
from bitscape.processing.grids.averaging import halve
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from bitscape.processing.regression.model import RegressionModel, load_any_model
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from sklearn.linear_model import Ridge

Make = Callable[..., Path]
Scene = tuple[np.ndarray, np.ndarray]
TRUE_WEIGHTS = np.array([0.4, -0.2, 0.1, 0, 0, 0.05, 0, 0.3])


def run(operation: str, progress: Progress | None = None, **values: Any) -> dict[str, Any]:
    return operations.run(operation, json.loads(json.dumps(values, default=str)), progress or Progress())


@pytest.fixture
def height(scene: Scene) -> np.ndarray:
    """True heights (height, width): a linear function of the codes."""
    return np.tensordot(TRUE_WEIGHTS, scene[0].astype(float), 1) + 40


@pytest.fixture
def labels(tmp_path: Path, write_points: Make, grid: Grid, height: np.ndarray) -> Path:
    """150 points on the scene with their height, known to 1 m."""
    random = np.random.default_rng(5)
    rows, columns = random.integers(0, grid.height, 150), random.integers(0, grid.width, 150)
    values = height[rows, columns] + random.normal(0, 1, 150)
    return write_points(tmp_path / "heights.gpkg", grid, rows, columns, values.tolist(), kind=["tree"] * 150)


@pytest.fixture
def model(tmp_path: Path, scene_tiles: Path, labels: Path) -> Path:
    run("trainclassifier", tiles=scene_tiles, labels=labels, unit="m", model=tmp_path / "model.json")
    return tmp_path / "model.json"


def test_from_heights_to_a_map_in_metres(
    tmp_path: Path, scene_tiles: Path, labels: Path, grid: Grid, scene: Scene, height: np.ndarray, heard: type
) -> None:
    codes, covered = scene[0], scene[0][0] != -128
    trained = run("trainclassifier", progress := heard(), tiles=scene_tiles, labels=labels, unit="m",
                  model=tmp_path / "model.json")
    json.dumps(trained)
    assert (trained["target"], trained["title"], trained["unit"]) == ("numbers", "label (m)", "m")
    for kind in ("random", "spatial"):
        assert 0.9 < trained[kind]["rmse"] < 1.25 and trained[kind]["r2"] > 0.95, kind
        assert trained[kind]["rmse"] < trained[kind]["baseline_rmse"] / 4
    said = "\n".join(line for _, line in progress.lines)
    assert "The field label holds numbers (real numbers that are not all whole): ridge regression" in said
    assert "Agreement with your labels (label (m)): RMSE 1." in said and "In new places (blocks of" in said

    found = load_any_model(tmp_path / "model.json")
    assert isinstance(found, RegressionModel) and found.random is not None
    assert found.random.model_dump(mode="json") == trained["random"]
    np.testing.assert_allclose(found.weights, TRUE_WEIGHTS, atol=0.03)

    drawn = run("applyclassifier", progress := heard(), tiles=[scene_tiles], model=tmp_path / "model.json",
                score=tmp_path / "height.tif", classes=tmp_path / "classes.tif")["maps"][0]
    assert not (tmp_path / "classes.tif").exists() and drawn["classes"] is None
    assert any("no class map is written" in line for level, line in progress.lines if level == "warning")
    expected = np.tensordot(found.weights, codes.astype(float), 1) + found.bias
    with rasterio.open(tmp_path / "height.tif") as raster:
        numbers = raster.read(1)
        assert Grid.of(raster).same_as(grid) and raster.dtypes == ("float32",) and np.isnan(raster.nodata)
        assert raster.descriptions == ("label (m)",) and raster.overviews(1) == [2, 4]
        assert raster.tags()["UNIT"] == "m" and raster.tags()["TARGET"] == "label"
        assert raster.tags()["PERIOD"] == "2020-2024" and raster.tags()["LICENSE"] == "CC-BY 4.0"
        assert json.loads(raster.tags()["BITSCAPE_PROVENANCE"])["operation"] == "applyclassifier"
        structure = raster.tags(ns="IMAGE_STRUCTURE")
        assert structure["COMPRESSION"] == "ZSTD" and structure["PREDICTOR"] == "3"
    assert (np.isnan(numbers) == ~covered).all()
    np.testing.assert_allclose(numbers[covered], expected[covered], rtol=1e-4, atol=1e-4)
    with rasterio.open(tmp_path / "height.tif", overview_level=0) as raster:
        np.testing.assert_allclose(
            raster.read(1), halve(numbers[None], *raster.shape, float("nan"))[0], rtol=1e-6)
        wanted = np.nanmean(numbers[:100, :100].reshape(50, 2, 50, 2), axis=(1, 3))
        np.testing.assert_allclose(raster.read(1)[:50, :50], wanted, rtol=1e-5)
    errors = (numbers - height)[covered]
    assert 1 - (errors**2).mean() / height[covered].var() > 0.99
    assert drawn["covered_pixels"] == covered.sum() and drawn["pixels"] == covered.size
    low, high = np.float32(drawn["labels"]["minimum"]), np.float32(drawn["labels"]["maximum"])
    known = numbers[covered]
    assert (drawn["below"], drawn["above"]) == ((known < low).sum(), (known > high).sum())
    assert drawn["above"] + drawn["below"] > 0
    assert any("of the pixels with data lie beyond the labels" in line for _, line in progress.lines)
    assert drawn["mean"] == pytest.approx(known.mean(dtype=float)) and drawn["maximum"] == known.max()
    assert drawn["labels"]["minimum"] < drawn["low"] < drawn["high"] < drawn["labels"]["maximum"]


def test_the_model_is_the_ridge_of_scikit_learn(
    tmp_path: Path, scene_tiles: Path, write_features: Make, scene: Scene, height: np.ndarray, grid: Grid
) -> None:
    """On polygons: every pixel a row that weighs one over the pixels of its polygon."""
    random = np.random.default_rng(0)
    t = grid.transform
    left, top, side = random.integers(0, 600, 25), random.integers(300, 550, 25), random.integers(1, 40, 25)
    left = np.arange(25) * 27  # apart from one another
    side = np.minimum(side, 26)
    fields = [shapely.box(t.c + a * t.a, t.f + b * t.e, t.c + (a + c) * t.a, t.f + (b + c) * t.e)
              for a, b, c in zip(left, top, side, strict=True)]
    means = [float(height[b : b + c, a : a + c].mean()) for a, b, c in zip(left, top, side, strict=True)]
    path = write_features(tmp_path / "fields.gpkg", np.array(fields), {"height": means}, grid.crs.to_wkt())
    trained = run("trainclassifier", tiles=scene_tiles, labels=path, class_field="height", model=tmp_path / "m.json")
    found = load_any_model(tmp_path / "m.json")
    assert isinstance(found, RegressionModel)
    rows, values, weights = [], [], []
    for a, b, c, value in zip(left, top, side, means, strict=True):
        inside = scene[0][:, b : b + c, a : a + c].reshape(8, -1).T
        rows.append(inside)
        values += [value] * len(inside)
        weights += [1 / len(inside)] * len(inside)
    peer = Ridge(alpha=trained["alpha"], solver="svd").fit(np.concatenate(rows) / 30.0, values, sample_weight=weights)
    np.testing.assert_allclose(found.weights, peer.coef_ / 30, rtol=1e-6)
    assert found.bias == pytest.approx(peer.intercept_)
    assert trained["labels"]["labels"] == 25 and trained["labels"]["pixels"] == len(values)
    assert trained["labels"]["mean"] == pytest.approx(np.mean(means)), "each polygon weighs the same"


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_large_and_small_numbers(
    tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Grid, scene: Scene, height: np.ndarray, scale: float
) -> None:
    rows, columns = np.random.default_rng(1).integers(300, 600, (2, 60))
    values = (height[rows, columns] * scale).tolist()
    labels = write_points(tmp_path / "l.gpkg", grid, rows, columns, values)
    trained = run("trainclassifier", tiles=scene_tiles, labels=labels, model=tmp_path / "m.json")
    assert trained["random"]["r2"] > 0.99
    run("applyclassifier", tiles=[scene_tiles], model=tmp_path / "m.json", score=tmp_path / "s.tif")
    with rasterio.open(tmp_path / "s.tif") as raster:
        numbers = raster.read(1)
    known = ~np.isnan(numbers)
    assert np.abs(numbers / scale - height)[known].max() < 1


def test_fewer_labels_than_codes_train_and_say_what_is_missing(
    tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Grid
) -> None:
    labels = write_points(tmp_path / "l.gpkg", grid, np.arange(4), np.arange(4) * 50, [1.5, 2.0, 3.0, 4.0])
    trained = run("trainclassifier", tiles=scene_tiles, labels=labels, model=tmp_path / "m.json")
    assert trained["random"] is None and trained["spatial"] is None and trained["alpha"] == 8
    assert "4 labels, at least 10 are needed" in trained["random_reason"]
    assert any("less than 10, so alpha = 8" in warning for warning in trained["warnings"])


def test_labels_of_one_value_teach_nothing(tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Grid) -> None:
    labels = write_points(tmp_path / "l.gpkg", grid, np.arange(30), np.arange(30), [2.5] * 30)
    with pytest.raises(LabelError, match=r"the same label, 2\.5: there is nothing to learn"):
        run("trainclassifier", tiles=scene_tiles, labels=labels, model=tmp_path / "m.json")
    assert not (tmp_path / "m.json").exists()


def test_what_the_field_holds_can_be_said(
    tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Grid, scene: Scene, heard: type
) -> None:
    """Three whole numbers are classes unless numbers are asked for; what only classes have makes them classes."""
    rows, columns = np.random.default_rng(1).integers(300, 600, (2, 120))
    labels = write_points(tmp_path / "l.gpkg", grid, rows, columns, scene[1][rows, columns].tolist(),
                          real=(scene[1][rows, columns] * 0.5).tolist())
    train = {"tiles": scene_tiles, "labels": labels, "model": tmp_path / "m.json"}
    assert run("trainclassifier", progress := heard(), **train)["classes"] == ["0", "1", "2"]
    assert "holds classes (3 different whole numbers)" in progress.lines[0][1]
    found = run("trainclassifier", **train, target="numbers")
    assert found["target"] == "numbers" and found["labels"]["maximum"] == 2
    assert run("trainclassifier", **train, class_field="real")["target"] == "numbers"
    assert run("trainclassifier", **train, class_field="real", target="classes")["classes"] == ["0", "0.5", "1"]
    assert run("trainclassifier", **train, class_field="real", class_weights="balanced")["target"] == "classes"
    refused = (({"positive_class": "1"}, "class that is looked for"), ({"class_weights": "balanced"}, "class weights"))
    for wrong, words in refused:
        with pytest.raises(InputError, match=f"Numbers have no {words}"):
            run("trainclassifier", **train, target="numbers", **wrong)
    run("trainclassifier", progress := heard(), **train, unit="ha")
    assert ("warning", "Classes have no unit: ha is not used.") in progress.lines
    with pytest.raises(LabelError, match="There are no labels of class x"):
        run("trainclassifier", **train, class_field="real", positive_class="x")


def test_areas_extents_and_periods(
    tmp_path: Path, scene_tiles: Path, model: Path, make_tiles: Make, write_features: Make, grid: Grid, scene: Scene
) -> None:
    t = grid.transform
    corners = [(20, 10), (420, 10), (220, 500)]
    triangle = shapely.Polygon([(t.c + a * t.a, t.f + b * t.e) for a, b in corners])
    aoi = write_features(tmp_path / "aoi.gpkg", np.array([triangle]), {"n": [1]}, grid.crs.to_wkt())
    run("applyclassifier", tiles=[scene_tiles], model=model, score=tmp_path / "all.tif")
    drawn = run("applyclassifier", tiles=[scene_tiles], model=model, score=tmp_path / "part.tif", aoi=aoi)["maps"][0]
    inside = rasterize([triangle], (600, 700), transform=t)[10:500, 20:420] == 1
    with rasterio.open(tmp_path / "all.tif") as whole, rasterio.open(tmp_path / "part.tif") as part:
        expected = np.where(inside, whole.read(1)[10:500, 20:420], np.nan)
        np.testing.assert_array_equal(part.read(1), expected)
    assert drawn["pixels"] == inside.sum() and drawn["covered_pixels"] == (~np.isnan(expected)).sum()
    later = make_tiles(tmp_path / "later.tif", scene[0][:, ::-1], grid, ("2024", "2025"))
    maps = run("applyclassifier", tiles=[scene_tiles, later], model=model, score=tmp_path / "h.tif",
               extent=[500_000, 4_000_000, 503_000, 4_002_000])["maps"]
    assert [Path(one["score"]).name for one in maps] == ["h_2020-2024.tif", "h_2024-2025.tif"]
    with rasterio.open(maps[1]["score"]) as raster:
        assert raster.shape == (200, 300) and raster.tags()["PERIOD"] == "2024-2025"


def test_labels_outside_the_area_do_not_train(
    tmp_path: Path, scene_tiles: Path, labels: Path, write_features: Make, grid: Grid
) -> None:
    aoi = write_features(tmp_path / "a.gpkg", np.array([shapely.box(500_000, 4_000_000, 503_500, 4_006_000)]),
                         {"n": [1]}, grid.crs.to_wkt())
    found = run("trainclassifier", tiles=scene_tiles, labels=labels, model=tmp_path / "m.json", aoi=aoi)
    assert 60 < found["labels"]["labels"] < 90
    assert any("outside the area of interest" in warning for warning in found["warnings"])


def test_the_cost_of_a_map_of_numbers(scene_tiles: Path, model: Path, tmp_path: Path) -> None:
    cost = run("estimateapply", tiles=scene_tiles, model=model)
    run("applyclassifier", tiles=[scene_tiles], model=model, score=tmp_path / "s.tif")
    real = (tmp_path / "s.tif").stat().st_size
    assert cost["bytes"] == pytest.approx(real, rel=0.4), "float32 of noise hardly compresses"
    assert real > 700 * 600 * 2


def test_a_model_of_numbers_is_no_classifier(tmp_path: Path, scene_tiles: Path, model: Path, make_tiles: Make,
                                             grid: Grid, scene: Scene) -> None:
    with pytest.raises(InputError, match="is a regression model: it predicts numbers, but here a classifier"):
        load_model(model)
    with pytest.raises(InputError, match="is a regression model"):
        run("suggestpoints", tiles=scene_tiles, model=model, points=tmp_path / "p.gpkg")
    other = make_tiles(tmp_path / "other.tif", scene[0], grid, basis=1)
    with pytest.raises(BasisMismatch):
        run("applyclassifier", tiles=[other], model=model, score=tmp_path / "s.tif")


@pytest.mark.parametrize("when", [1, 2, 3])
def test_cancel_leaves_nothing(
    tmp_path: Path, scene_tiles: Path, model: Path, labels: Path, heard: type, when: int
) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        run("applyclassifier", heard(when), tiles=[scene_tiles], model=model, score=tmp_path / "score.tif")
    with pytest.raises(Cancelled):
        run("trainclassifier", heard(4 * when), tiles=scene_tiles, labels=labels, model=tmp_path / "other.json")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("change", "words"), [
    ({"weights": [0.1, "x"]}, "weights"),
    ({"weights": [[0.1]]}, "weights"),
    ({"weights": []}, "weights"),
    ({"weights": [1e33]}, "must not exceed"),
    ({"bias": 1e300}, "must not exceed"),
    ({"alpha": -1}, "alpha"),
    ({"target": ""}, "target"),
    ({"unit": "m" * 41}, "unit"),
    ({"version": 2}, "version"),
    ({"extra": 1}, "extra"),
    ({"labels": None}, "labels"),
    ({"labels": {"minimum": 3, "low": 2, "mean": 2, "high": 3, "maximum": 1, "labels": 3, "pixels": 3}}, "must rise"),
    ({"labels": {"minimum": 1, "low": 2, "mean": 2, "high": 3, "maximum": 1e39, "labels": 3, "pixels": 3}}, "exceed"),
])
def test_wrong_content_is_refused_in_words(model: Path, change: dict[str, Any], words: str) -> None:
    model.write_text(json.dumps({**json.loads(model.read_text()), **change}))
    with pytest.raises(InputError, match="not a regression model") as caught:
        load_any_model(model)
    assert words in caught.value.message


def test_infinite_weights_are_refused(model: Path) -> None:
    text = model.read_text()
    model.write_text(re.sub(r'"bias": [^,]+', '"bias": 2.5', text))
    assert load_any_model(model).bias == 2.5
    for value in ("NaN", "Infinity", "1e999", "-Infinity"):
        model.write_text(re.sub(r'"bias": [^,]+', f'"bias": {value}', text))
        with pytest.raises(InputError, match="not a regression model"):
            load_any_model(model)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 9000), st.sampled_from([1e-6, 1.0, 1e6]), st.integers(0, 1000))
def test_the_kernel_predicts_what_numpy_does(k: int, pixels: int, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(-127, 128, (k, pixels)).astype(np.int8)
    codes[:, random.random(pixels) < 0.2] = -128
    weights, bias = scale * random.standard_normal(k), scale * random.standard_normal()
    out = np.empty(pixels, np.float32)
    predict_numbers(codes, weights, bias, out)
    expected = weights @ codes.astype(float) + bias
    known = codes[0] != -128
    assert (np.isnan(out) == ~known).all()
    np.testing.assert_allclose(out[known], expected[known], atol=1e-4 * scale * 127, rtol=1e-5)
