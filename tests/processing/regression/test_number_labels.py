"""Numbers in label fields: which they are, how they are read, and what they weigh on the tiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.errors import LabelError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from bitscape.processing.regression.labels import read_numbers, target_of
from bitscape.processing.regression.sampling import sample_numbers

Write = Callable[..., Path]


@pytest.fixture
def labels(tmp_path: Path, write_points: Write, grid: Grid) -> Callable[[list[object]], Path]:
    def write(values: list[object]) -> Path:
        count = len(values)
        return write_points(tmp_path / "l.gpkg", grid, np.arange(count), np.arange(count), values)

    return write


@pytest.mark.parametrize(("values", "target", "why"), [
    ([0.5, 1.0, 2.0], "numbers", "not all whole"),
    ([1.0, 2.0, 3.0], "classes", "3 different whole numbers"),
    ([1, 2, 2], "classes", "2 different whole numbers"),
    (list(range(20)), "classes", "20 different whole numbers"),
    (list(range(21)), "numbers", "21 different numbers"),
    ([float(n) for n in range(-15, 15)], "numbers", "30 different numbers"),
    (["1.5", "2.5", "3.5"], "classes", "text"),
    ([np.nan, 3.0, 4.0], "classes", "2 different whole numbers"),
    ([np.nan, 3.25, 4.0], "numbers", "not all whole"),
])
def test_a_field_of_numbers_is_known(
    labels: Callable[[list[object]], Path], values: list[object], target: str, why: str
) -> None:
    found, reason = target_of(labels(values), "", "label")
    assert found == target and why in reason


def test_text_that_is_numbers_is_read_as_numbers(labels: Callable[[list[object]], Path], grid: Grid) -> None:
    found = read_numbers(labels(["1.5", " 2 ", None, "-3e2", "", "NaN"]), "", "label", grid.crs)
    assert found.values.tolist() == [1.5, 2.0, -300.0]
    assert found.warnings == ["3 labels have no value in the field label"]


def test_what_is_no_number_is_named(labels: Callable[[list[object]], Path], grid: Grid) -> None:
    with pytest.raises(LabelError, match="“tall”, “12,5”, “1_000”, “<b>”, “x4” and 2 more") as caught:
        read_numbers(labels(["1", "tall", "12,5", "tall", "1_000", "<b>", "x4", "x5", "x6"]), "", "label", grid.crs)
    assert "choose that the field holds classes" in caught.value.message


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e31, "inf", "1e999"])
def test_numbers_without_end_are_refused(labels: Callable[[list[object]], Path], grid: Grid, value: object) -> None:
    with pytest.raises(LabelError, match="beyond"):
        read_numbers(labels([value] if isinstance(value, str) else [1.5, value]), "", "label", grid.crs)


def test_dates_and_truth_values_are_no_numbers(tmp_path: Path, write_features: Write, grid: Grid) -> None:
    points = shapely.points([[500_005.0, 4_000_005.0], [500_105.0, 4_000_205.0]])
    columns: dict[str, Any] = {
        "yes": np.array([True, False]), "day": np.array(["2020-01-01", "2021-01-01"], "datetime64[D]")}
    path = write_features(tmp_path / "l.gpkg", points, columns, grid.crs.to_wkt())
    for name, words in (("yes", "true and false"), ("day", "dates")):
        assert target_of(path, "", name) == ("classes", words)
        with pytest.raises(LabelError, match=f"holds {words}, not numbers"):
            read_numbers(path, "", name, grid.crs)


def boxes(grid: Grid, *corners: tuple[int, int, int, int]) -> list[Any]:
    """Polygons over whole pixels: column and row, from and to."""
    t = grid.transform
    return [shapely.box(t.c + a * t.a, t.f + b * t.e, t.c + c * t.a, t.f + d * t.e) for a, b, c, d in corners]


def test_every_label_weighs_one_and_pixels_in_dispute_have_the_mean(
    tmp_path: Path, write_features: Write, scene_tiles: Path, scene: tuple[np.ndarray, np.ndarray], grid: Grid
) -> None:
    fields = boxes(grid, (0, 0, 20, 10), (19, 0, 29, 10), (100, 100, 102, 102), (310, 210, 320, 220))
    t = grid.transform
    points = [shapely.Point(t.c + 100.5 * t.a, t.f + 100.5 * t.e), shapely.Point(t.c + 400.5 * t.a, t.f + 5.5 * t.e),
              shapely.Point(t.c + 400.4 * t.a, t.f + 5.5 * t.e), shapely.Point(0, 0)]
    path = write_features(tmp_path / "l.gpkg", np.array([*fields, *points]), {
        "height": [10.0, 20.0, 4.0, 99.0, 4.0, 7.5, 7.5, 1.0]}, grid.crs.to_wkt())
    labels = read_numbers(path, "", "height", grid.crs)
    sample = sample_numbers(Tiles.open(scene_tiles), labels, 0, 1, Progress())
    column = np.rint((sample.x - t.c) / t.a - 0.5).astype(int)
    row = np.rint((sample.y - t.f) / t.e - 0.5).astype(int)
    np.testing.assert_array_equal(sample.codes, scene[0][:, row, column].T)
    assert len(sample.values) == 200 + 90 + 4 + 1 and (sample.values != 99).all(), "no data under the fourth field"
    shared = (column == 19) & (row < 10)
    assert shared.sum() == 10 and (sample.values[shared] == 15).all()
    assert (sample.values[(column < 19) & (row < 10)] == 10).all()
    assert len(np.unique(sample.groups)) == 3, "fields that share pixels, or a field and a point in it, are one group"
    assert len(np.unique(sample.groups[(row < 10) & (column < 30)])) == 1
    weights = [sample.weights[part].sum() for part in (column < 30, (column >= 100) & (column < 110), column == 400)]
    assert weights == pytest.approx([2, 2, 1]), "the point in the third field has its pixel, the field the others"
    said = "; ".join(sample.warnings)
    for words in ("10 pixels have labels of different values and train with their mean", "1 label lies outside",
                  "2 repeated pixels of the same value counted once", "100 labelled pixels have no data"):
        assert words in said, said
