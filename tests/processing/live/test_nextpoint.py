"""The place the dock suggests next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from bitscape.processing.errors import InputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.live.opened import opened
from bitscape.tests.processing.live.clicking import ask, centres, clicks_at, scene_clicks, view_of
from rasterio.transform import Affine

Make = Callable[..., Path]
Scene = tuple[np.ndarray, np.ndarray]
CHANGE = ("no change", "no change", "change")


@pytest.fixture
def tiles(scene_tiles: Path) -> Path:
    return scene_tiles


def pixels(points: list[dict[str, Any]], grid: Grid) -> list[tuple[int, int]]:
    """Row and column of each, which must be its centre."""
    rows, columns = grid.pixels(*(np.array([point[key] for point in points]) for key in ("x", "y")))
    x, y = centres(grid, rows, columns)
    assert [(point["x"], point["y"]) for point in points] == [*zip(x.tolist(), y.tolist())]
    return [*zip(rows.tolist(), columns.tolist())]


def test_places_are_new_have_data_and_are_the_same_every_time(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 40, CHANGE)
    points = ask("nextpoint", clicks, count=12)["points"]
    kept = opened(tiles).candidates
    assert ask("nextpoint", clicks, count=12)["points"] == points
    key, = opened(tiles).candidates
    assert opened(tiles).candidates is kept and opened(tiles).candidates[key] is kept[key], "drawn once"
    assert ask("nextpoint", clicks)["points"] == points[:1]
    found = pixels(points, grid)
    assert len({*found}) == 12 and all(scene[0][0][place] != -128 for place in found)
    assert {point["kind"] for point in points} == {"uncertain", "extrapolated"}
    assert all(0 <= point[name] <= 1 for point in points for name in ("score", "uncertainty"))
    labelled = {*zip(*(values.tolist() for values in grid.pixels(np.array(clicks["x"]), np.array(clicks["y"]))))}
    assert not labelled & {*found}
    unsure = [point["uncertainty"] for point in points if point["kind"] == "uncertain"]
    assert np.mean(unsure) > 0.5, "the model is sure nearly everywhere"


def test_another_seed_draws_other_candidates(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 40, CHANGE)
    first = ask("nextpoint", clicks, seed=1, count=5)["points"]
    other = ask("nextpoint", clicks, seed=2, count=5)["points"]
    assert ask("nextpoint", clicks, seed=1, count=5)["points"] == first, "whatever was asked for between"
    assert other != first
    assert list(opened(tiles).candidates) == [("", 1)], "only the last ones are kept"


def test_places_stay_inside_the_area(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 40, CHANGE)
    area = shapely.Point(503_000, 4_002_000).buffer(800)
    points = ask("nextpoint", clicks, area=area.wkt, count=10)["points"]
    assert len(points) == 10 and all(area.contains(shapely.Point(point["x"], point["y"])) for point in points)
    elsewhere = ask("nextpoint", clicks, count=10)["points"]
    assert not all(area.contains(shapely.Point(point["x"], point["y"])) for point in elsewhere)
    gap = view_of(grid, 310, 210, 100, 40, (1, 1))
    with pytest.raises(InputError, match="has no data in the area of interest"):
        ask("nextpoint", clicks, area=shapely.box(*(gap[side] for side in ("west", "south", "east", "north"))).wkt)
    with pytest.raises(InputError, match="does not meet"):
        ask("nextpoint", clicks, area="POLYGON((0 0, 1 0, 1 1, 0 0))")


def test_what_was_suggested_is_avoided(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 40, CHANGE)
    avoid: list[tuple[float, float]] = []
    for _ in range(6):
        point = ask("nextpoint", clicks, avoid=avoid)["points"][0]
        assert all(np.hypot(point["x"] - x, point["y"] - y) > 50 for x, y in avoid), "nor right beside it"
        avoid.append((point["x"], point["y"]))
    assert len({*avoid}) == 6


@pytest.mark.parametrize("classes", [1, 2])
def test_a_small_area_is_labelled_up_and_then_done(
    tmp_path: Path, make_tiles: Make, classes: int
) -> None:
    """Clicks lie anywhere in their pixels; a pixel that has one is not suggested, be the area ever so small."""
    grid = Grid(4, 3, Affine(10, 0, 0, 0, -10, 30), None)
    random = np.random.default_rng(2)
    tiles = make_tiles(tmp_path / "t.tif", random.integers(-50, 50, (3, 3, 4)).astype(np.int8), grid)
    clicks: dict[str, Any] = {"tiles": str(tiles), "x": [], "y": [], "classes": [], "names": ["a", "b"]}
    seen = set()
    for number in range(12):
        point, = ask("nextpoint", clicks)["points"]
        place, = pixels([point], grid)
        assert place not in seen
        seen.add(place)
        clicks["x"].append(point["x"] + random.uniform(-4.9, 4.9))
        clicks["y"].append(point["y"] + random.uniform(-4.9, 4.9))
        clicks["classes"].append(number % classes)
    assert ask("nextpoint", clicks)["points"] == []
    away = {key: clicks[key][:6] for key in ("x", "y", "classes")}
    avoid = [(x, y) for x, y in zip(clicks["x"][6:], clicks["y"][6:])]
    assert ask("nextpoint", {**clicks, **away}, avoid=avoid)["points"] == []


def test_before_there_is_a_model(tiles: Path, grid: Grid, scene: Scene) -> None:
    empty = {"tiles": str(tiles), "x": [], "y": [], "classes": [], "names": ["a", "b"]}
    none = ask("nextpoint", empty, count=8)["points"]
    assert {point["kind"] for point in none} == {"spread"} and len({*pixels(none, grid)}) == 8
    assert all(point["score"] is None and point["dissimilarity"] is None for point in none)
    first, *_ = none
    one = clicks_at(tiles, grid, *np.array(pixels([first], grid)).T, ["a"])
    following = ask("nextpoint", one, count=3)["points"]
    assert {point["kind"] for point in following} == {"spread"} and following[0]["dissimilarity"] > 0
    codes = scene[0].astype(float)
    there, here = pixels([following[0], first], grid)
    distance = np.sqrt(((codes - codes[:, here[0], here[1], None, None]) ** 2).sum(axis=0))[codes[0] != -128]
    far = np.sqrt(((codes[:, there[0], there[1]] - codes[:, here[0], here[1]]) ** 2).sum())
    assert far > np.quantile(distance, 0.98), "unlike the label there is, so that another class is found"


def test_labels_off_coverage_do_no_harm(tiles: Path, grid: Grid, scene: Scene) -> None:
    clicks = scene_clicks(tiles, grid, scene[1], 20, CHANGE)
    more = {key: [*clicks[key], *values] for key, values in (
        ("x", [0.0, 1e300, 504_005.0]), ("y", [0.0, -1e300, 4_002_305.0]), ("classes", [0, 1, 1]))}
    assert ask("nextpoint", {**clicks, **more}, avoid=[(0, 0), (1e300, 1e300)])["points"]
    only = {"x": [0.0, 504_005.0], "y": [0.0, 4_002_305.0], "classes": [0, 1]}
    assert ask("nextpoint", {**clicks, **only})["points"][0]["kind"] == "spread"
