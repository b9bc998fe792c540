"""Validation after each click: trainclassifier's figures, or why there are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from bitscape.processing.classification.figures import Validation
from bitscape.processing.classification.prevalence import precision_at
from bitscape.processing.errors import Cancelled
from bitscape.processing.grids.grid import Grid
from bitscape.tests.processing.live.clicking import ask, clicks_at, reordered, scene_clicks
from sklearn.metrics import f1_score, precision_recall_curve

Make = Callable[..., Path]
Scene = tuple[np.ndarray, np.ndarray]
CHANGE = ("no change", "no change", "change")
KINDS = ("crop", "forest", "water")


@pytest.fixture
def tiles(scene_tiles: Path) -> Path:
    return scene_tiles


def of_each(tiles: Path, grid: Grid, truth: np.ndarray, counts: dict[str, int]) -> dict[str, Any]:
    """So many clicks of the classes change and no change, in turn for as long as both last."""
    random = np.random.default_rng(4)
    rows, columns, named = [], [], []
    left = dict(counts)
    while any(left.values()):
        for name in left:
            if left[name]:
                # above row 200 the scene has no gap
                places = np.argwhere((truth[:200] == 2) == (name == "change"))
                row, column = places[random.integers(len(places))]
                rows.append(int(row))
                columns.append(int(column))
                named.append(name)
                left[name] -= 1
    assert len({*zip(rows, columns)}) == len(rows)
    return clicks_at(tiles, grid, rows, columns, named)


@pytest.mark.parametrize(("names", "more"), [
    (CHANGE, {}), (CHANGE, {"seed": 2, "class_weights": "balanced", "block_size": 1500.0}), (KINDS, {}),
])
def test_figures_are_trainclassifiers(
    tmp_path: Path, tiles: Path, grid: Grid, scene: Scene, write_features: Make, names: tuple[str, str, str],
    more: dict[str, Any],
) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 130, names)
    named = [clicks["names"][number] for number in clicks["classes"]]
    labels = write_features(tmp_path / "l.gpkg", shapely.points(clicks["x"], clicks["y"]), {"label": named},
                            grid.crs.to_wkt())
    trained = ask("trainclassifier", {"tiles": str(tiles), "labels": str(labels), "model": str(tmp_path / "m.json")},
                  **more)
    for one in (clicks, reordered(clicks, np.random.default_rng(0).permutation(130))):
        live = ask("livevalidation", one, **more)
        json.dumps(live, allow_nan=False)
        assert live["random"] == trained["random"] and live["spatial"] == trained["spatial"]
        assert live["random"]["f1"] > 0.7 and live["block_size"] == trained["block_size"] > 0
        assert live["counts"] == trained["counts"] and live["random_reason"] == live["spatial_reason"] == ""
    if names is KINDS:
        assert live["rare"] is None and live["curve"] is None and live["held_out"] == []
    else:
        rare = precision_at(Validation(**trained["spatial"]), 0, 0.01).model_dump()
        assert live["rare"] == rare and rare["precision"] < trained["spatial"]["precision"]
    assert len(live["classes"]) == sum(trained["counts"].values())


def test_held_out_scores_make_the_figures_and_the_curve(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = of_each(tiles, grid, scene[1], {"change": 30, "no change": 50})
    live = ask("livevalidation", clicks)
    truth, scores = np.array(live["classes"]) == "change", np.array(live["held_out"])
    assert np.sum(live["random"]["confusion"]) == len(scores) == 80 and scores.min() > 0 and scores.max() < 1
    assert f1_score(truth, scores > 0.5) == pytest.approx(live["random"]["pooled_f1"])
    model = ask("livemap", clicks)["model"]
    assert model["classes"] == live["classes"] and not np.allclose(model["scores"], scores), "not in sample"
    curve = live["curve"]
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    np.testing.assert_allclose(curve["precision"], precision[:-1])
    np.testing.assert_allclose(curve["recall"], recall[:-1])
    np.testing.assert_allclose(curve["thresholds"], thresholds)
    assert len(curve["thresholds"]) > 10 and (np.diff(curve["thresholds"]) > 0).all()
    for p, r, threshold in zip(curve["precision"], curve["recall"], curve["thresholds"]):
        named = scores >= threshold
        assert (p, r) == pytest.approx(((truth & named).sum() / named.sum(), (truth & named).sum() / 30))


def test_a_wrong_click_is_not_agreed_with(tiles: Path, grid: Grid, scene: Scene) -> None:
    """A model that had seen it would be drawn towards it; and it is one more that the figures count against."""
    clicks = of_each(tiles, grid, scene[1], {"change": 30, "no change": 30})
    right = ask("livevalidation", clicks)
    wrong = {**clicks, "classes": [1 - clicks["classes"][0], *clicks["classes"][1:]]}
    spoiled = ask("livevalidation", wrong)
    assert spoiled["random"]["accuracy"] < right["random"]["accuracy"]
    column, row = ~grid.transform @ (clicks["x"][0], clicks["y"][0])
    places = sorted((int((~grid.transform @ xy)[1]), int((~grid.transform @ xy)[0]))
                    for xy in zip(clicks["x"], clicks["y"]))
    index = places.index((int(row), int(column)))
    assert right["classes"][index] == "change" and spoiled["classes"][index] == "no change"
    assert right["held_out"][index] > 0.5 and spoiled["held_out"][index] > 0.5


@pytest.mark.parametrize(("counts", "reason"), [
    ({"change": 9, "no change": 30}, "9 of change: too few to judge, 10 of each class are needed"),
    ({"change": 30, "no change": 1}, "1 of no change: too few to judge, 10 of each class are needed"),
    ({"change": 4, "no change": 5}, "4 of change: too few to judge, 10 of each class are needed"),
    ({"change": 30, "no change": 0}, "All labels that can train are of one class, change"),
    ({"change": 0, "no change": 0}, "No labels yet."),
])
def test_what_few_labels_do_not_support(
    tiles: Path, grid: Grid, scene: Scene, counts: dict[str, int], reason: str
) -> None:
    clicks = of_each(tiles, grid, scene[1], counts)
    live = ask("livevalidation", clicks)
    for figure in ("random", "spatial", "rare", "curve", "block_size"):
        assert live[figure] is None
    assert live["random_reason"].startswith(reason) and live["spatial_reason"].startswith(reason)
    assert live["held_out"] == []
    assert live["counts"] == ({name: counts[name] for name in sorted(counts)} if min(counts.values()) else {})
    curve = ask("learningcurve", clicks)
    assert curve["clicks"] == curve["random"] == curve["spatial"] == [] and curve["reason"]


def test_ten_of_each_are_enough(tiles: Path, grid: Grid, scene: Scene) -> None:
    live = ask("livevalidation", of_each(tiles, grid, scene[1], {"change": 10, "no change": 10}))
    assert live["random"]["folds"] == 10 and live["curve"] is not None
    assert (live["spatial"] is None) == bool(live["spatial_reason"])


def test_labels_in_one_place_have_no_spatial_figure(tiles: Path, grid: Grid, scene: Scene) -> None:
    rows, columns = np.mgrid[60:64, 40:60]
    named = ["change" if column < 50 else "no change" for column in columns.flat]
    live = ask("livevalidation", clicks_at(tiles, grid, rows.ravel(), columns.ravel(), named))
    assert live["random"] is not None and live["spatial"] is None and live["block_size"] is None
    assert "too close together" in live["spatial_reason"]
    assert live["rare"] == precision_at(Validation(**live["random"]), 0, 0.01).model_dump()


def test_unbalanced_labels_are_warned_of(tiles: Path, grid: Grid, scene: Scene) -> None:
    for few, warned in ((10, True), (11, False)):
        live = ask("livevalidation", of_each(tiles, grid, scene[1], {"change": few, "no change": 50}))
        assert live["warnings"] == (["unbalanced: 50 of no change, 10 of change"] if warned else [])


@pytest.mark.parametrize("names", [CHANGE, KINDS])
def test_the_learning_curve(tiles: Path, grid: Grid, scene: Scene, names: tuple[str, str, str]) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 70, names)
    curve = ask("learningcurve", clicks)
    sizes = curve["clicks"]
    assert len(sizes) == len(curve["random"]) == len(curve["spatial"]) == 8 and (np.diff(sizes) > 0).all()
    named = [clicks["names"][number] for number in clicks["classes"]]
    rows, columns = grid.pixels(np.array(clicks["x"]), np.array(clicks["y"]))
    trains = scene[0][0, rows, columns] != -128
    first = {name: np.flatnonzero(trains & (np.array(named) == name))[9] for name in set(named)}
    assert sizes[0] == max(first.values()) + 1, "begins where there are ten of each"
    assert sizes[-1] == np.flatnonzero(trains)[-1] + 1, "ends at all"
    for index in (0, 3, 7):
        live = ask("livevalidation", reordered(clicks, range(sizes[index])))
        assert tuple(curve["random"][index]) == (live["random"]["f1"], live["random"]["f1_std"])
        expected = live["spatial"] and [live["spatial"]["f1"], live["spatial"]["f1_std"]]
        assert curve["spatial"][index] == expected
    assert curve["random"][-1][0] == ask("livevalidation", clicks)["random"]["f1"]
    assert curve["spatial"][-1] is not None


def test_the_learning_curve_of_few_is_a_point(tiles: Path, grid: Grid, scene: Scene) -> None:
    curve = ask("learningcurve", of_each(tiles, grid, scene[1], {"change": 10, "no change": 10}))
    assert curve["clicks"] == [20] and len(curve["random"]) == 1 and curve["reason"] == ""


def test_cancel_in_the_middle(tiles: Path, grid: Grid, scene: Scene, heard: type) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 60, CHANGE)
    for operation, when in (("livevalidation", 10), ("learningcurve", 30)):
        whole = heard()
        ask(operation, clicks, whole)
        assert len(whole.reports) > 1.5 * when, "there is a middle"
        assert whole.reports == sorted(whole.reports) and whole.reports[-1] == 1.0
        progress = heard(cancel_at=when)
        with pytest.raises(Cancelled):
            ask(operation, clicks, progress)
        assert len(progress.reports) == when, "and nothing went on after it"
