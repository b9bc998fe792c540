"""The pixels under labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import shapely
from bitscape.processing.classification import sampling
from bitscape.processing.classification.labels import Labels
from bitscape.processing.classification.sampling import sample_labels
from bitscape.processing.errors import LabelError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from rasterio.windows import Window

NORTH_UP = Grid(1300, 1100, Affine(10, 0, 1000, 0, -10, 9000), None)
SOUTH_UP = Grid(1300, 1100, Affine(10, 0, 1000, 0, 10, -2000), None)


@dataclass
class Positions:
    """Codes that say where they are: row and column modulo 100."""

    grid: Grid
    count: int = 2
    windows: list[Window] = field(default_factory=list)

    def read(self, window: Window) -> np.ndarray:
        self.windows.append(window)
        rows, columns = np.mgrid[window.row_off : window.row_off + window.height,
                                 window.col_off : window.col_off + window.width]
        codes = np.stack([rows % 100, columns % 100]).astype(np.int8)
        codes[:, (rows < 10) & (columns < 10)] = -128
        return codes


class Everywhere(Positions):
    """Data at every pixel."""

    def read(self, window: Window) -> np.ndarray:
        return np.zeros((self.count, int(window.height), int(window.width)), np.int8)


def labels_of(geometries: list[object], classes: list[int]) -> Labels:
    return Labels(np.array(geometries, object), np.array(classes, np.int64), ("a", "b"))


def take(grid: Grid, geometries: list[object], classes: list[int]) -> tuple[sampling.Sample, Positions]:
    source = Positions(grid)
    return sample_labels(source, labels_of(geometries, classes), 0, 2, Progress()), source


@pytest.mark.parametrize("rise", [-10, 10])
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 600), st.floats(-100, 400)), min_size=3, max_size=8))
def test_a_polygon_takes_the_pixels_whose_centres_it_holds(rise: int, corners: list[tuple[float, float]]) -> None:
    grid = Grid(50, 30, Affine(10, 0, 0, 0, rise, 0 if rise > 0 else 300), None)
    polygon = shapely.convex_hull(shapely.MultiPoint(corners)).buffer(1)
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    x, y = (columns + 0.5) * 10, grid.transform.f + (rows + 0.5) * rise
    expected = shapely.contains_xy(polygon, x, y)
    clear = shapely.distance(polygon.exterior, shapely.points(x, y)) > 1e-6
    if not expected.any():
        return
    sample = sample_labels(Everywhere(grid), labels_of([polygon], [0]), 0, 1, Progress())
    found = np.zeros(rows.shape, bool)
    found[grid.pixels(sample.x, sample.y)] = True
    assert (found == expected)[clear].all()


def test_codes_come_from_the_pixel_under_the_point() -> None:
    random = np.random.default_rng(0)
    rows, columns = random.integers(10, 1100, 300), random.integers(10, 1300, 300)
    x, y = 1000 + (columns + random.random(300)) * 10, -2000 + (rows + random.random(300)) * 10
    sample, source = take(SOUTH_UP, list(shapely.points(x, y)), (np.arange(300) % 2).tolist())
    np.testing.assert_array_equal(sample.codes, np.column_stack([rows % 100, columns % 100])[sample.features])
    found = SOUTH_UP.pixels(sample.x, sample.y)
    np.testing.assert_array_equal(found, (rows[sample.features], columns[sample.features]))
    assert len(source.windows) == 9 == len({(window.row_off, window.col_off) for window in source.windows})


def test_a_tiny_polygon_takes_the_pixel_it_lies_in() -> None:
    sample, _ = take(NORTH_UP, [shapely.box(2001, 5001, 2002, 5002), shapely.Point(3000, 5000)], [0, 1])
    tiny = sample.features == 0
    assert len(sample.classes) == 2
    assert tuple(int(v[0]) for v in NORTH_UP.pixels(sample.x[tiny], sample.y[tiny])) == (399, 100)


def test_repeated_and_disputed_pixels() -> None:
    points = [shapely.Point(x, 5005) for x in (2005, 2006, 2007, 3005, 3006, 4005)]
    sample, _ = take(NORTH_UP, points, [0, 0, 0, 0, 1, 1])
    assert sample.features.tolist() == [0, 5] and sample.classes.tolist() == [0, 1]
    said = "; ".join(sample.warnings)
    assert "1 pixel has labels of different classes and does not train" in said
    assert "2 repeated pixels of the same class counted once" in said


def test_outside_and_nodata_are_counted() -> None:
    points = [shapely.Point(0, 0), shapely.Point(1005, 8995), shapely.Point(4005, 5005), shapely.Point(np.inf, 5005)]
    sample, _ = take(NORTH_UP, points, [0, 0, 1, 1])
    assert sample.features.tolist() == [2]
    said = "; ".join(sample.warnings)
    assert "2 labels lie outside the tiles" in said and "1 labelled pixel has no data" in said
    with pytest.raises(LabelError, match="All 2 labels lie outside"):
        take(NORTH_UP, points[:1] * 2, [0, 1])
    with pytest.raises(LabelError, match="No label lies on data"):
        take(NORTH_UP, points[1:2], [0])


@pytest.mark.parametrize("enumerated", [1 << 22, 1])
def test_a_large_polygon_is_drawn_from(monkeypatch: pytest.MonkeyPatch, enumerated: int) -> None:
    monkeypatch.setattr(sampling, "ENUMERATED", enumerated)
    disc = shapely.Point(7000, 4000).buffer(1500)
    sample, _ = take(NORTH_UP, [disc, shapely.Point(1500, 8000)], [0, 1])
    of_disc = sample.features == 0
    assert of_disc.sum() == 2000 and len({*zip(sample.x[of_disc], sample.y[of_disc])}) == 2000
    distance = np.hypot(sample.x[of_disc] - 7000, sample.y[of_disc] - 4000)
    assert distance.max() <= 1500
    assert np.mean(distance**2) == pytest.approx(1500**2 / 2, rel=0.06)
    assert "1 polygon covers more than 2000 pixels; 2000 of each, drawn at random, are used" in sample.warnings
    again, _ = take(NORTH_UP, [disc, shapely.Point(1500, 8000)], [0, 1])
    np.testing.assert_array_equal(sample.x, again.x)


@pytest.mark.parametrize("grid", [NORTH_UP, SOUTH_UP])
def test_the_order_of_points_does_not_matter(grid: Grid) -> None:
    random = np.random.default_rng(7)
    x, y = 1000 + random.random(200) * 13_000, grid.bounds[1] + random.random(200) * 11_000
    x[100:120], y[100:120] = x[:20], y[:20]
    points, classes = np.array(shapely.points(x, y)), random.integers(0, 2, 200)
    first, _ = take(grid, list(points), classes.tolist())
    order = random.permutation(200)
    second, _ = take(grid, list(points[order]), classes[order].tolist())
    for name in ("codes", "classes", "x", "y"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(classes[first.features], classes[order][second.features])
    assert first.warnings == second.warnings and len(first.warnings) > 0


def test_known_codes_are_not_read_again() -> None:
    grid, known = NORTH_UP, {}
    x, y = np.array([1505.0, 1605.0, 9005.0]), np.array([8505.0, 8505.0, 8505.0])
    source = Positions(grid)

    def taken(count: int) -> sampling.Sample:
        labels = labels_of(list(shapely.points(x[:count], y[:count])), [0, 1, 1][:count])
        return sample_labels(source, labels, 0, 1, Progress(), known)

    first = taken(2)
    assert len(source.windows) == 1 and len(known) == 2
    np.testing.assert_array_equal(taken(2).codes, first.codes)
    assert len(source.windows) == 1, "nothing was read"
    both = taken(3)
    assert len(source.windows) == 2 and source.windows[1].col_off == 512, "only the block of the new one"
    np.testing.assert_array_equal(both.codes, [[49, 50], [49, 60], [49, 0]])
    source.grid = SOUTH_UP
    np.testing.assert_array_equal(sample_labels(source, labels_of([shapely.Point(1505, -1505)], [0]), 0, 1, Progress(),
                                                known).codes, first.codes[:1])
    assert len(source.windows) == 2, "what is known of a pixel goes by its place in the file"
