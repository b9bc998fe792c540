"""From tiles and clicks to maps, through the table of operations."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.classification.lesson import positive_of
from bitscape.processing.classification.model import load_model
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.errors import BasisMismatch, Cancelled, InputError, LabelError, OutputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.mapping.apply import BandScorer
from bitscape.processing.progress import Progress
from rasterio.windows import Window

Make = Callable[..., Path]
Scene = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def clicks(tmp_path: Path, write_points: Make, grid: Grid, scene: Scene) -> Path:
    """120 points on the scene: class 2 is change, the others are not."""
    random = np.random.default_rng(5)
    rows, columns = random.integers(0, grid.height, 120), random.integers(0, grid.width, 120)
    classes = ["change" if scene[1][row, column] == 2 else "no change" for row, column in zip(rows, columns)]
    return write_points(tmp_path / "clicks.gpkg", grid, rows, columns, classes)


@pytest.fixture
def tiles(tmp_path: Path, make_tiles: Make, grid: Grid, scene: Scene) -> Path:
    return make_tiles(tmp_path / "tiles.tif", scene[0], grid)


def train(tiles: Path, labels: Path, model: Path, progress: Progress | None = None, **more: Any) -> dict[str, Any]:
    values = {"tiles": str(tiles), "labels": str(labels), "model": str(model), **more}
    return operations.run("trainclassifier", values, progress or Progress())


def apply(tiles: list[Path], model: Path, score: Path, progress: Progress | None = None, **more: Any) -> dict[str, Any]:
    values = {"tiles": [str(path) for path in tiles], "model": str(model), "score": str(score), **more}
    return operations.run("applyclassifier", values, progress or Progress())


def test_two_classes_from_clicks_to_maps(tmp_path: Path, tiles: Path, clicks: Path, grid: Grid, scene: Scene) -> None:
    codes, truth = scene
    trained = train(tiles, clicks, tmp_path / "model.json")
    json.dumps(trained)
    assert trained["classes"] == ["change", "no change"] and trained["positive_class"] == "change"
    assert sum(trained["counts"].values()) <= 120
    assert trained["random"]["folds"] == 10 and trained["random"]["f1"] > 0.85
    assert trained["spatial"]["pooled_f1"] > 0.8 and trained["block_size"] >= 80
    assert np.sum(trained["spatial"]["confusion"]) == sum(trained["counts"].values())

    names = {"classes": str(tmp_path / "classes.tif")}
    maps = apply([tiles], tmp_path / "model.json", tmp_path / "score.tif", **names)["maps"]
    done = maps[0]
    model = load_model(tmp_path / "model.json")
    logits = np.tensordot(model.arrays()[0][0], codes.astype(float), 1) + model.bias[0]
    covered = codes[0] != -128
    expected = np.where(covered, np.rint(254 / (1 + np.exp(-logits))), 255)
    with rasterio.open(tmp_path / "score.tif") as score, rasterio.open(tmp_path / "classes.tif") as classes:
        scores, numbers = score.read(1), classes.read(1)
        assert np.abs(scores.astype(int) - expected).max() <= 1 and ((scores == 255) == ~covered).all()
        np.testing.assert_array_equal(numbers, np.where(~covered, 0, np.where(scores >= 127, 1, 2)))
        for raster in (score, classes):
            assert Grid.of(raster).same_as(grid) and raster.overviews(1) == [2, 4]
            assert raster.block_shapes == [(512, 512)]
            assert raster.tags()["CLASS_1"] == "change" and raster.tags()["LICENSE"] == "CC-BY 4.0"
            assert json.loads(raster.tags()["BITSCAPE_PROVENANCE"])["operation"] == "applyclassifier"
        assert score.descriptions == ("score of change",) and score.nodata == 255 and classes.nodata == 0
        assert classes.colormap(1)[1] == (230, 97, 1, 255) and classes.colormap(1)[2] == (33, 102, 172, 255)
    truly, found = (truth == 2)[covered], (numbers == 1)[covered]
    assert 2 * (truly & found).sum() / (truly.sum() + found.sum()) > 0.85
    assert done["covered_pixels"] == covered.sum() and done["pixels"] == covered.size and done["pixel_area"] == 100
    assert done["class_pixels"] == {"change": (numbers == 1).sum(), "no change": (numbers == 2).sum()}


def test_three_classes(tmp_path: Path, tiles: Path, write_points: Make, grid: Grid, scene: Scene) -> None:
    random = np.random.default_rng(1)
    rows, columns = random.integers(0, grid.height, 150), random.integers(0, grid.width, 150)
    names = np.array(["crop", "forest", "water"])[scene[1][rows, columns]]
    labels = write_points(tmp_path / "labels.geojson", grid, rows, columns, names.tolist())
    trained = train(tiles, labels, tmp_path / "m.json", class_weights="balanced")
    assert trained["positive_class"] is None and trained["random"]["f1"] > 0.8
    assert np.array(trained["random"]["confusion"]).shape == (3, 3)
    apply([tiles], tmp_path / "m.json", tmp_path / "score.tif", classes=str(tmp_path / "classes.tif"))
    with rasterio.open(tmp_path / "score.tif") as score, rasterio.open(tmp_path / "classes.tif") as classes:
        scores, numbers = score.read(), classes.read(1)
        assert score.descriptions == ("score of crop", "score of forest", "score of water")
    covered = numbers > 0
    assert (covered == (scene[0][0] != -128)).all()
    assert np.mean(numbers[covered] - 1 == scene[1][covered]) > 0.85
    assert (np.take_along_axis(scores, numbers[None].astype(int) - 1, 0)[0] == scores.max(axis=0))[covered].all()


def test_several_years_make_several_maps(
    tmp_path: Path, tiles: Path, clicks: Path, make_tiles: Make, grid: Grid, scene: Scene
) -> None:
    train(tiles, clicks, tmp_path / "m.json")
    later = make_tiles(tmp_path / "later.tif", scene[0][:, ::-1], grid, ("2024", "2025/b"))
    twin = make_tiles(tmp_path / "twin.tif", scene[0], grid, ("2024", "2025/b"))
    names = {"classes": str(tmp_path / "c.tif")}
    maps = apply([tiles, later, twin], tmp_path / "m.json", tmp_path / "score.tif", **names)["maps"]
    assert [Path(one["score"]).name for one in maps] == [
        "score_2020-2024.tif", "score_2024-2025_b_later.tif", "score_2024-2025_b_twin.tif"]
    assert Path(maps[0]["classes"]).name == "c_2020-2024.tif" and all(Path(one["score"]).exists() for one in maps)
    with rasterio.open(maps[0]["score"]) as first, rasterio.open(maps[1]["score"]) as second:
        np.testing.assert_array_equal(first.read(1), second.read(1)[::-1])


def test_another_basis_is_refused(
    tmp_path: Path, tiles: Path, clicks: Path, make_tiles: Make, grid: Grid, scene: Scene
) -> None:
    train(tiles, clicks, tmp_path / "m.json")
    other = make_tiles(tmp_path / "other.tif", scene[0], grid, basis=1)
    with pytest.raises(BasisMismatch) as caught:
        apply([tiles, other], tmp_path / "m.json", tmp_path / "score.tif")
    for path in (tiles, other):
        assert Tiles.open(path).fingerprint in caught.value.message
    assert not list(tmp_path.glob("*score*"))


@pytest.mark.parametrize("when", [1, 2, 3])
def test_cancel_leaves_nothing(tmp_path: Path, tiles: Path, clicks: Path, heard: type, when: int) -> None:
    train(tiles, clicks, tmp_path / "m.json")
    before = set(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        apply([tiles], tmp_path / "m.json", tmp_path / "score.tif", heard(when), classes=str(tmp_path / "c.tif"))
    assert set(tmp_path.iterdir()) == before
    with pytest.raises(Cancelled):
        train(tiles, clicks, tmp_path / "other.json", heard(6))
    assert set(tmp_path.iterdir()) == before


def test_outputs_that_cannot_be(tmp_path: Path, tiles: Path, clicks: Path) -> None:
    train(tiles, clicks, tmp_path / "m.json")
    with pytest.raises(InputError, match="an input of this run"):
        apply([tiles], tmp_path / "m.json", tiles)
    with pytest.raises(OutputError, match="does not exist"):
        apply([tiles], tmp_path / "m.json", tmp_path / "no" / "score.tif")
    with pytest.raises(OutputError, match="same name"):
        apply([tiles], tmp_path / "m.json", tmp_path / "s.tif", classes=str(tmp_path / "s.tif"))
    with pytest.raises(InputError, match="overwrite one of the inputs"):
        train(tiles, clicks, clicks)


def test_few_clicks_train_without_figures(
    tmp_path: Path, tiles: Path, write_points: Make, grid: Grid, heard: type
) -> None:
    classes = ["change"] * 4 + ["other"] * 10
    labels = write_points(tmp_path / "l.gpkg", grid, np.arange(0, 140, 10), np.full(14, 20), classes)
    progress = heard()
    trained = train(tiles, labels, tmp_path / "m.json", progress)
    assert trained["random"] is None and trained["spatial"] is None and trained["c"] == 1.0
    assert "4 labels of class change, at least 5 are needed" in trained["random_reason"]
    assert any("C = 1" in warning for warning in trained["warnings"])
    assert any(level == "warning" and "No figure" in line for level, line in progress.lines)
    assert load_model(tmp_path / "m.json").warnings == trained["warnings"]


def test_labels_that_cannot_train(tmp_path: Path, tiles: Path, write_points: Make, grid: Grid) -> None:
    rows = np.arange(100, 130)
    one = write_points(tmp_path / "one.gpkg", grid, rows, rows, ["change"] * 30)
    with pytest.raises(LabelError, match="of one class, change"):
        train(tiles, one, tmp_path / "m.json")
    half = write_points(tmp_path / "half.gpkg", grid, np.append(rows, 230), np.append(rows, 400), ["a"] * 30 + ["b"])
    with pytest.raises(LabelError, match="class b has no labelled pixel"):
        train(tiles, half, tmp_path / "m.json")
    two = write_points(tmp_path / "two.gpkg", grid, rows, rows, ["a", "b"] * 15)
    with pytest.raises(LabelError, match=r"no labels of class c .*there are a, b"):
        train(tiles, two, tmp_path / "m.json", positive_class="c")
    assert not (tmp_path / "m.json").exists()


def test_validation_labels_do_not_train(
    tmp_path: Path, tiles: Path, write_points: Make, grid: Grid, scene: Scene
) -> None:
    """Wrong labels held back for validation leave the model exactly as it is without them."""
    random = np.random.default_rng(2)
    rows, columns = random.integers(0, 190, 80), random.integers(0, grid.width, 80)
    classes = np.where(scene[1][rows, columns] == 2, "yes", "no")
    plain = write_points(tmp_path / "plain.gpkg", grid, rows, columns, classes.tolist())
    more_rows, more_columns = np.append(rows, np.arange(400, 440)), np.append(columns, np.arange(40))
    mixed = write_points(tmp_path / "mixed.gpkg", grid, more_rows, more_columns,
                         [*classes.tolist(), *["yes", "no"] * 20], role=["train"] * 80 + ["validate"] * 40)
    first, second = train(tiles, plain, tmp_path / "a.json"), train(tiles, mixed, tmp_path / "b.json")
    a, b = load_model(tmp_path / "a.json"), load_model(tmp_path / "b.json")
    assert (a.weights, a.bias) == (b.weights, b.bias)
    assert (first["random"], first["spatial"]) == (second["random"], second["spatial"])
    assert "40 labels are for validation and did not train" in second["warnings"]


def test_polygons_in_another_crs(tmp_path: Path, tiles: Path, write_features: Make, grid: Grid, scene: Scene) -> None:
    from rasterio.warp import transform

    boxes, classes = [], []
    for row in range(12):
        for column in range(0, 14, 2):
            west, south = grid.transform.c + column * 500 + 100, grid.transform.f + row * 500 + 100
            ring = np.array(shapely.box(west, south, west + 90, south + 90).exterior.coords)
            boxes.append(shapely.Polygon(np.column_stack(transform(grid.crs, "EPSG:4326", ring[:, 0], ring[:, 1]))))
            classes.append("change" if scene[1][row * 50, column * 50] == 2 else "same")
    labels = write_features(tmp_path / "p.gpkg", np.array(boxes), {"label": classes}, "EPSG:4326")
    trained = train(tiles, labels, tmp_path / "m.json", positive_class="change")
    assert 60 * len(boxes) < sum(trained["counts"].values()) < 90 * len(boxes)
    assert trained["random"]["folds"] == 10 and trained["random"]["pooled_f1"] > 0.8


@pytest.mark.parametrize("kind", ["points", "polygons"])
def test_the_order_of_labels_does_not_matter(
    tmp_path: Path, tiles: Path, write_features: Make, grid: Grid, scene: Scene, kind: str
) -> None:
    random = np.random.default_rng(8)
    rows, columns = random.integers(0, grid.height, 90), random.integers(0, grid.width, 90)
    x, y = grid.transform.c + 10 * columns + 5, grid.transform.f + 10 * rows + 5
    labels = shapely.points(x, y) if kind == "points" else shapely.box(x - 12, y - 12, x + 12, y + 12)
    classes = np.where(scene[1][rows, columns] == 2, "change", "other")
    results, models = [], []
    for number in range(3):
        order = random.permutation(90) if number else np.arange(90)
        path = write_features(tmp_path / f"{number}.gpkg", labels[order], {"label": classes[order].tolist()},
                              grid.crs.to_wkt())
        results.append(train(tiles, path, tmp_path / f"{number}.json"))
        models.append(load_model(tmp_path / f"{number}.json"))
        del results[-1]["model"]
    assert results[0]["random"] and results[0]["c"] != 1.0
    assert results[0] == results[1] == results[2]
    assert models[0].weights == models[1].weights == models[2].weights and models[0].bias == models[1].bias


def test_features_are_regularised_in_the_scale_of_the_area(
    tmp_path: Path, tiles: Path, write_points: Make, grid: Grid, scene: Scene
) -> None:
    """Codes over their deviation everywhere (here 30), not over that of a few labels: scikit-learn's model of these."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(6)
    rows, columns = random.integers(0, 190, 12), random.integers(0, grid.width, 12)
    changed = scene[1][rows, columns] == 2
    labels = write_points(tmp_path / "l.gpkg", grid, rows, columns, np.where(changed, "change", "other").tolist())
    train(tiles, labels, tmp_path / "m.json")
    codes = scene[0][:, rows, columns].T.astype(float)
    reference = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(codes / 30, changed)
    model = load_model(tmp_path / "m.json")
    assert model.c == 1.0
    np.testing.assert_allclose(model.weights, reference.coef_ / 30, rtol=1e-5)
    np.testing.assert_allclose(model.bias, reference.intercept_, rtol=1e-5)


@pytest.mark.parametrize(("names", "wanted", "expected"), [
    (("change", "nochange"), "", 0), (("change", "no change"), "", 0), (("No-Change", "deforested"), "", 1),
    (("0", "1"), "", 1), (("a", "b"), "", 1), (("a", "b"), "a", 0), (("background", "other"), "", 1),
    (("road", "unchanged"), "", 0), (("a", "b", "c"), "", None),
])
def test_which_class_is_positive(names: tuple[str, ...], wanted: str, expected: int | None) -> None:
    assert positive_of(names, wanted) == expected


def test_the_work_of_a_band_can_travel(tiles: Path, scene: Scene) -> None:
    scorer = BandScorer(Tiles.open(tiles), np.full((1, 8), 0.01), np.array([0.1]), (2, 1))
    window = Window(0, 512, 700, 88)
    there = pickle.loads(pickle.dumps(scorer))(window)
    for ours, theirs in zip(scorer(window), there):
        np.testing.assert_array_equal(ours, theirs)
