"""The dock's model and picture are those of the algorithms, whatever the window shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from bitscape.processing.classification.extrapolation import Reach, beyond
from bitscape.processing.classification.model import load_model
from bitscape.processing.classification.scoring import score_classes, score_positive
from bitscape.processing.errors import Cancelled, InputError, OutputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.live.hatching import EXTRAPOLATED, UNKNOWN
from bitscape.processing.live.live import lead
from bitscape.processing.progress import Progress
from bitscape.tests.processing.live.clicking import (
    ask,
    centres,
    clicks_at,
    reordered,
    scene_clicks,
    view_of,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.transform import Affine

Make = Callable[..., Path]
Scene = tuple[np.ndarray, np.ndarray]
CHANGE = ("no change", "no change", "change")
KINDS = ("crop", "forest", "water")


BOTH_WAYS = pytest.mark.parametrize("grid", ["bottom-up", "north-up"], indirect=True)


@pytest.fixture
def grid(request: pytest.FixtureRequest, grid: Grid) -> Grid:
    """The scene's grid, or the same ground the usual way up."""
    if getattr(request, "param", "bottom-up") == "bottom-up":
        return grid
    return replace(grid, transform=grid.transform @ Affine.translation(0, grid.height) @ Affine.scale(1, -1))


@pytest.fixture
def tiles(tmp_path: Path, make_tiles: Make, grid: Grid, scene: Scene, scene_tiles: Path) -> Path:
    return scene_tiles if grid.transform.e > 0 else make_tiles(tmp_path / "tiles.tif", scene[0], grid)


def saved(clicks: dict[str, Any], path: Path, write_features: Make, grid: Grid) -> Path:
    """The clicks as a GeoPackage."""
    named = [clicks["names"][number] for number in clicks["classes"]]
    return write_features(path, shapely.points(clicks["x"], clicks["y"]), {"label": named}, grid.crs.to_wkt())


def with_doubles(clicks: dict[str, Any]) -> dict[str, Any]:
    """More clicks: the first five pixels again with their classes, the next five with another, and off coverage."""
    again = {**reordered(clicks, [*range(len(clicks["x"])), *range(10)])}
    again["classes"][-5:] = [(number + 1) % len(clicks["names"]) for number in again["classes"][-5:]]
    again["x"], again["y"] = [*again["x"], 0.0], [*again["y"], 0.0]
    again["classes"].append(0)
    return again


@pytest.mark.parametrize(("names", "more"), [
    (CHANGE, {}), (CHANGE, {"class_weights": "balanced", "seed": 3}), (KINDS, {}),
])
def test_the_model_is_trainclassifiers(
    tmp_path: Path, tiles: Path, grid: Grid, scene: Scene, write_features: Make, names: tuple[str, str, str],
    more: dict[str, Any],
) -> None:
    clicks = with_doubles(scene_clicks(tiles, grid, scene[1], 150, names))
    labels = saved(clicks, tmp_path / "labels.gpkg", write_features, grid)
    trained = ask("trainclassifier", {"tiles": str(tiles), "labels": str(labels), "model": str(tmp_path / "m.json")},
                  **more)
    expected = load_model(tmp_path / "m.json")
    assert expected.c != 1.0, "it was chosen"
    order = np.random.default_rng(1).permutation(len(clicks["x"]))
    for one in (clicks, reordered(clicks, order)):
        live = ask("livemap", one, **more)
        json.dumps(live, allow_nan=False)
        model = live["model"]
        assert (model["class_names"], model["positive_class"]) == (expected.classes, expected.positive_class)
        assert model["c"] == pytest.approx(expected.c, rel=1e-9) and model["counts"] == trained["counts"]
        np.testing.assert_allclose(model["weights"], expected.weights, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model["bias"], expected.bias, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model["importance"], 30 * np.array(expected.weights), rtol=1e-9, atol=1e-12)
        said = "; ".join(live["warnings"])
        assert "5 pixels have labels of different classes" in said and "5 repeated pixels" in said
        assert "1 label lies outside the tiles" in said and live["reason"] == "" and live["drawn"] is None


def test_scores_of_the_clicks_are_the_models(tiles: Path, grid: Grid, scene: Scene) -> None:
    for names, shown in ((CHANGE, ""), (KINDS, "forest")):
        clicks = scene_clicks(tiles, grid, scene[1], 60, names)
        model = ask("livemap", clicks, shown=shown)["model"]
        rows, columns = grid.pixels(np.array(clicks["x"]), np.array(clicks["y"]))
        covered = scene[0][0, rows, columns] != -128
        kept = np.unique(np.column_stack([rows, columns])[covered], axis=0)
        codes = scene[0][:, kept[:, 0], kept[:, 1]].astype(float)
        logits = np.array(model["weights"]) @ codes + np.array(model["bias"])[:, None]
        powers = np.exp(logits if len(logits) > 1 else np.concatenate([0 * logits, logits]))
        number = 1 if len(logits) == 1 else model["class_names"].index("forest")
        np.testing.assert_allclose(model["scores"], powers[number] / powers.sum(axis=0), atol=1e-12)
        assert model["classes"] == [names[kind] for kind in scene[1][kept[:, 0], kept[:, 1]]]


@BOTH_WAYS
def test_the_picture_is_applyclassifiers(
    tmp_path: Path, tiles: Path, grid: Grid, scene: Scene, write_features: Make
) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 100, CHANGE)
    labels = saved(clicks, tmp_path / "l.gpkg", write_features, grid)
    ask("trainclassifier", {"tiles": str(tiles), "labels": str(labels), "model": str(tmp_path / "m.json")})
    ask("applyclassifier", {"tiles": [str(tiles)], "model": str(tmp_path / "m.json"), "score": str(tmp_path / "a.tif")})
    view = view_of(grid, 250.3, 150.6, 300.2, 120.9, (420, 200))
    live = ask("livemap", clicks, view=view, score=str(tmp_path / "live.tif"))
    drawn = live["drawn"]
    with rasterio.open(tmp_path / "a.tif") as whole, rasterio.open(tmp_path / "live.tif") as part:
        there, here = whole.read(1), part.read(1)
        own = Grid.of(part)
        assert part.nodata == 255 and part.count == 1 and part.descriptions == ("score of change",)
        assert own.crs == grid.crs and own.transform.e == -10, "north-up"
    assert (own.width, own.height) == (301, 122), "each pixel that the window touches"
    offset = ~grid.transform @ (own.transform.c, own.transform.f)
    np.testing.assert_allclose(offset, np.rint(offset), atol=1e-9)
    rows, columns = np.mgrid[0 : own.height, 0 : own.width]
    x, y = centres(own, rows, columns)
    at = grid.pixels(x, y)
    np.testing.assert_array_equal(here, there[at])
    covered = scene[0][0][at] != -128
    assert 0.05 < (~covered).mean() < 0.5 and ((here == 255) == ~covered).all()
    assert (drawn["level"], drawn["pixel"], drawn["shown"]) == (0, 10, "change")
    assert (drawn["covered"], drawn["unknown"]) == (covered.sum(), (~covered).sum())
    assert drawn["histogram"] == np.bincount(here[covered], minlength=255).tolist()
    assert drawn["class_pixels"] == {} and drawn["extrapolated"] is None
    assert set(live["seconds"]) == {"sample", "refit", "read", "score", "write", "count"}


@BOTH_WAYS
@pytest.mark.parametrize(("zoom", "level"), [(2.5, 1), (40, 2)])
def test_zoomed_out_the_overview_is_scored(
    tmp_path: Path, tiles: Path, grid: Grid, scene: Scene, zoom: float, level: int
) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 60, CHANGE)
    view = view_of(grid, 100, 100, 400, 400, (round(400 / zoom), round(400 / zoom)))
    live = ask("livemap", clicks, view=view, score=str(tmp_path / "s.tif"))
    native = ask("livemap", clicks, view=view_of(grid, 0, 0, 20, 20, (20, 20)))
    assert live["model"] == native["model"], "pixels that train are always native ones"
    factor = 2**level
    assert live["drawn"]["level"] == level and live["drawn"]["pixel"] == 10 * factor
    with rasterio.open(tiles, overview_level=level - 1) as dataset:
        codes = np.ascontiguousarray(dataset.read()[:, 100 // factor : 500 // factor, 100 // factor : 500 // factor])
    expected = np.empty(codes[0].size, np.uint8)
    score_positive(codes.reshape(8, -1), np.array(live["model"]["weights"][0]), live["model"]["bias"][0], expected)
    expected = expected.reshape(codes[0].shape)
    with rasterio.open(tmp_path / "s.tif") as part:
        np.testing.assert_array_equal(part.read(1), expected[::-1] if grid.transform.e > 0 else expected)
        assert part.bounds == pytest.approx((view["west"], view["south"], view["east"], view["north"]))


@BOTH_WAYS
def test_outside_of_the_area_nothing_is_drawn(tmp_path: Path, tiles: Path, grid: Grid, scene: Scene) -> None:
    x, y = centres(grid, 230, 350)
    area = shapely.Point(x + 1.7, y + 2.3).buffer(600).union(shapely.box(x + 703, y - 203, x + 1103, y + 203))
    view = view_of(grid, 250, 150, 300, 200, (300, 200))
    files = {"score": str(tmp_path / "s.tif"), "hatching": str(tmp_path / "h.tif")}
    for names in (CHANGE, KINDS):
        clicks = scene_clicks(tiles, grid, scene[1], 60, names)
        drawn = ask("livemap", clicks, view=view, area=area.wkt, extrapolated=True, **files)["drawn"]
        with rasterio.open(tmp_path / "s.tif") as part, rasterio.open(tmp_path / "h.tif") as hatching:
            bands, pattern = part.read(), hatching.read(1)
            own = Grid.of(part)
        xs, ys = centres(own, *np.mgrid[0 : own.height, 0 : own.width])
        inside = shapely.contains_xy(area, xs, ys)
        covered = scene[0][0][grid.pixels(xs, ys)] != -128
        assert 0.1 < inside.mean() < 0.9
        for band in bands:
            np.testing.assert_array_equal(band != 255, inside & covered)
        assert drawn["covered"] == sum(drawn["histogram"]) == (inside & covered).sum()
        assert drawn["unknown"] == (inside & ~covered).sum() > 0
        assert not pattern[~inside].any() and (pattern[inside & ~covered] == UNKNOWN).any()
        assert (pattern[covered] != UNKNOWN).all() and (pattern[~covered] != EXTRAPOLATED).all()
        if names is KINDS:
            assert sum(drawn["class_pixels"].values()) == drawn["covered"]


NO_AREAS = [
    "POLYGON((0 0, 1 1", "POLYGON EMPTY", "LINESTRING(0 0, 1 1)", "POLYGON((0 0, 1 1, 2 2, 0 0))", "nonsense",
    "GEOMETRYCOLLECTION(" * 5000, "POLYGON((0 0, 1e999 0, 1 1, 0 0))", "POLYGON((0 0))", "POLYGON" + "(" * 100_000,
]


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_an_area_that_is_none(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 20, CHANGE)
    for wkt in NO_AREAS:
        for operation, more in (("livemap", {"view": view_of(grid, 0, 0, 50, 50, (50, 50))}), ("nextpoint", {})):
            with pytest.raises(InputError, match="area of interest"):
                ask(operation, clicks, area=wkt, **more)


@pytest.mark.parametrize("shown", ["", "water", "a class that is not there"])
def test_three_classes(tmp_path: Path, tiles: Path, grid: Grid, scene: Scene, shown: str) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 90, KINDS)
    view = view_of(grid, 200, 150, 300, 200, (300, 200))
    live = ask("livemap", clicks, view=view, score=str(tmp_path / "s.tif"), shown=shown)
    model, drawn = live["model"], live["drawn"]
    number = KINDS.index(shown) if shown in KINDS else 0
    assert drawn["shown"] == KINDS[number] and model["positive_class"] is None
    codes = np.ascontiguousarray(scene[0][:, 150:350, 200:500].reshape(8, -1))
    scores, classes = np.empty((3, codes.shape[1]), np.uint8), np.empty(codes.shape[1], np.uint8)
    score_classes(codes, np.array(model["weights"]), np.array(model["bias"]), scores, classes)
    first, second = np.sort(scores.astype(int), axis=0)[[2, 1]]
    covered = codes[0] != -128
    expected = np.where(covered, np.stack([scores[number], classes, 254 - (first - second)]), 255).reshape(3, 200, 300)
    with rasterio.open(tmp_path / "s.tif") as part:
        assert part.descriptions == (f"score of {KINDS[number]}", "class", "uncertainty") and part.nodata == 255
        np.testing.assert_array_equal(part.read(), expected[:, ::-1] if grid.transform.e > 0 else expected)
    assert drawn["class_pixels"] == {name: (classes == index).sum() for index, name in enumerate(KINDS, 1)}
    assert drawn["histogram"] == np.bincount(scores[number][covered], minlength=255).tolist()
    assert sum(drawn["histogram"]) == drawn["covered"] == covered.sum()
    assert drawn["unknown"] == (~covered).sum() > 0


@given(arrays.arrays(np.uint8, st.tuples(st.integers(2, 6), st.integers(1, 20))))
def test_the_lead_of_the_likeliest(scores: np.ndarray) -> None:
    ordered = np.sort(scores.astype(int), axis=0)
    np.testing.assert_array_equal(lead(scores), ordered[-1] - ordered[-2])


@BOTH_WAYS
def test_what_is_unlike_every_label_is_hatched(tmp_path: Path, tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 30, CHANGE)
    view = view_of(grid, 200, 150, 320, 240, (320, 240))
    live = ask("livemap", clicks, view=view, hatching=str(tmp_path / "h.tif"), extrapolated=True)
    rows, columns = grid.pixels(np.array(clicks["x"]), np.array(clicks["y"]))
    labelled = scene[0][:, rows, columns].T
    reach = Reach.of(np.ascontiguousarray(labelled[labelled[:, 0] != -128]), np.full(8, 30.0))
    codes = np.ascontiguousarray(scene[0][:, 150:390, 200:520])
    far = np.empty(codes[0].size, np.uint8)
    beyond(codes.reshape(8, -1), reach, far)
    far = far.reshape(codes[0].shape)
    if grid.transform.e > 0:
        far = far[::-1]
    y, x = np.mgrid[0:240, 0:320]
    expected = np.where((far == 255) & ((x + y) % 8 == 0), UNKNOWN, 0)
    expected = np.where((far == 1) & ((x - y) % 8 == 0), EXTRAPOLATED, expected)
    with rasterio.open(tmp_path / "h.tif") as hatching:
        np.testing.assert_array_equal(hatching.read(1), expected)
        assert hatching.nodata == 0 and hatching.bounds == pytest.approx(
            (view["west"], view["south"], view["east"], view["north"]))
    assert live["drawn"]["extrapolated"] == (far == 1).sum() > 100
    assert live["drawn"]["score"] is None and live["drawn"]["hatching"] == str(tmp_path / "h.tif")
    plain = ask("livemap", clicks, view=view, hatching=str(tmp_path / "h.tif"))
    with rasterio.open(tmp_path / "h.tif") as hatching:
        np.testing.assert_array_equal(hatching.read(1), np.where(expected == UNKNOWN, UNKNOWN, 0))
    assert plain["drawn"]["extrapolated"] is None


def test_too_few_labels_are_a_reason_not_an_error(tmp_path: Path, tiles: Path, grid: Grid) -> None:
    view = view_of(grid, 200, 150, 320, 240, (320, 240))
    more = {"view": view, "score": str(tmp_path / "s.tif"), "hatching": str(tmp_path / "h.tif"), "extrapolated": True}
    none = ask("livemap", {"tiles": str(tiles), "x": [], "y": [], "classes": [], "names": ["a", "b"]}, **more)
    one = ask("livemap", clicks_at(tiles, grid, [5, 9], [5, 9], ["a", "a"]), **more)
    gap = ask("livemap", clicks_at(tiles, grid, [5, 230], [5, 400], ["a", "b"]), **more)
    off = ask("livemap", clicks_at(tiles, grid, [-5], [5], ["a"]), **more)
    assert none["reason"] == "No labels yet."
    assert "of one class, a" in one["reason"]
    assert "of one class, a" in gap["reason"] and "1 labelled pixel has no data" in gap["reason"]
    assert "outside the tiles" in off["reason"]
    for live in (none, one, gap, off):
        drawn = live["drawn"]
        assert live["model"] is None and drawn["score"] is None and drawn["shown"] == ""
        assert drawn["histogram"] == [0] * 255 and drawn["extrapolated"] is None
        assert drawn["unknown"] == 60 * 200 and drawn["covered"] == 320 * 240 - 60 * 200
    assert not (tmp_path / "s.tif").exists()
    with rasterio.open(tmp_path / "h.tif") as hatching:
        assert set(np.unique(hatching.read(1))) == {0, UNKNOWN}


def test_labels_off_coverage_are_warned_of(tiles: Path, grid: Grid) -> None:
    rows, columns = [5, 55, 105, 230, -3, 10_000], [5, 55, 105, 400, 9, 9]
    live = ask("livemap", clicks_at(tiles, grid, rows, columns, ["a", "b", "b", "a", "a", "b"]))
    assert live["model"]["counts"] == {"a": 1, "b": 2}
    assert live["warnings"] == ["2 labels lie outside the tiles", "1 labelled pixel has no data in the tiles"]


def test_windows_that_show_nothing(tiles: Path, grid: Grid, scene: Scene, tmp_path: Path) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 30, CHANGE)
    live = ask("livemap", clicks, view=view_of(grid, 5000, 0, 100, 100, (100, 100)), score=str(tmp_path / "s.tif"))
    assert live["model"] is not None and live["drawn"] is None and not (tmp_path / "s.tif").exists()
    upside_down = view_of(grid, 0, 0, 100, 100, (100, 100))
    upside_down["north"] = upside_down["south"]
    with pytest.raises(InputError, match="south less than north"):
        ask("livemap", clicks, view=upside_down)


def test_requests_that_do_not_fit_together(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 10, CHANGE)
    with pytest.raises(InputError, match="one entry for each click"):
        ask("livemap", {**clicks, "x": clicks["x"][1:]})
    with pytest.raises(InputError, match="indices into names"):
        ask("livemap", {**clicks, "names": ["change"]})
    with pytest.raises(InputError, match="indices into names"):
        ask("livemap", {**clicks, "classes": [-1, *clicks["classes"][1:]]})


def test_a_stale_question_leaves_the_old_picture(tmp_path: Path, tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 30, CHANGE)
    view, score = view_of(grid, 0, 0, 300, 300, (300, 300)), tmp_path / "s.tif"
    ask("livemap", clicks, view=view, score=str(score))
    before = score.read_bytes()
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(Cancelled):
        ask("livemap", reordered(clicks, range(20)), stopped, view=view, score=str(score))
    assert score.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["s.tif"]
    with pytest.raises(OutputError, match="does not exist"):
        ask("livemap", clicks, view=view, score=str(tmp_path / "no" / "s.tif"))
