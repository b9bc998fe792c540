"""Draws: in proportion to area, unbiased over many seeds, apart from each other, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
import pytest
from affine import Affine
from bitscape.processing.errors import InputError
from bitscape.processing.grids.class_map import ClassMap
from bitscape.processing.progress import Progress
from bitscape.processing.statistics import strata as strata_module
from bitscape.processing.statistics.drawing import Drawn, draw_clusters, draw_points
from bitscape.processing.statistics.sample_size import stratified_error
from bitscape.processing.statistics.spacing import Ground, Spacing
from bitscape.processing.statistics.strata import Blocks, Population, locate, tally
from bitscape.tests.processing.rasters import write_raster
from scipy.stats import chisquare

QUIET = Progress()
GLOBE = {"crs": "EPSG:4326", "transform": Affine(2, 0, -20, 0, -2, 80)}
"""Forty rows from 80° north to the equator: those at the top have a fifth of the area of those at the bottom."""


@pytest.fixture(autouse=True)
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells so small that every raster has several."""
    monkeypatch.setattr(strata_module, "ROWS", 16)
    monkeypatch.setattr(strata_module, "COLUMNS", 24)


@pytest.fixture
def population(tmp_path: Path) -> Callable[..., Population]:
    def make(pixels: np.ndarray, nodata: int | None = 0, **profile: object) -> Population:
        path = write_raster(tmp_path / "map.tif", pixels[None].astype(np.uint8), nodata=nodata, **profile)
        return Population.of(ClassMap.open(path), None)

    return make


def areas_of(one: Population) -> np.ndarray:
    assert one.pixel_area is not None
    return one.pixel_area.of_window(one.window)


def simple(one: Population, count: int, seed: int, distance: float = 0, threads: int = 1) -> Drawn:
    counted = tally(one, None, threads, QUIET)
    together = np.zeros(len(counted.values), np.int64)
    return draw_points(one, counted, together, ["all"], np.array([count]), distance, seed, threads, QUIET)


def stratified(one: Population, counts: list[int], seed: int, distance: float = 0, threads: int = 1) -> Drawn:
    counted = tally(one, None, threads, QUIET)
    names = [str(value) for value in counted.values]
    return draw_points(one, counted, np.arange(len(names)), names, np.array(counts), distance, seed, threads, QUIET)


def test_areas_and_pixels_add_up(population: Callable[..., Population]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.choice([0, 3, 7, 200], (40, 50), p=[0.2, 0.5, 0.2, 0.1])
    one = population(pixels, **GLOBE)
    counted = tally(one, Blocks(7, 9), 2, QUIET)
    assert counted.values.tolist() == [3, 7, 200]
    areas = areas_of(one)
    for index, value in enumerate((3, 7, 200)):
        assert counted.pixels[:, index].sum() == (pixels == value).sum()
        assert counted.sizes[:, index].sum() == pytest.approx(areas[pixels == value].sum(), rel=1e-12)
    assert counted.block_sizes is not None and counted.block_sizes.shape == (6, 6)
    known = np.where(pixels == 0, 0, areas)
    assert counted.block_sizes[1, 2] == pytest.approx(known[7:14, 18:27].sum(), rel=1e-12)
    assert counted.block_sizes.sum() == pytest.approx(known.sum(), rel=1e-12)


def test_class_numbers_far_apart_are_counted_too(tmp_path: Path) -> None:
    pixels = np.array([[-2_000_000_000, 5, 5], [2_000_000_000, 5, -1]], np.int32)
    path = write_raster(tmp_path / "wide.tif", pixels[None], nodata=-1)
    counted = tally(Population.of(ClassMap.open(path), None), None, 1, QUIET)
    assert counted.values.tolist() == [-2_000_000_000, 5, 2_000_000_000]
    assert counted.pixels.sum(axis=0).tolist() == [1, 3, 1]


def test_every_lot_leads_to_a_pixel_of_its_stratum_in_proportion(population: Callable[..., Population]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.choice([0, 1, 2, 9], (40, 60), p=[0.5, 0.2, 0.05, 0.25])
    one = population(pixels, **GLOBE)
    counted = tally(one, None, 1, QUIET)
    lots = np.concatenate([[0, 1e-300, np.nextafter(1, 0)], (np.arange(50_000) + 0.5) / 50_000])
    for stratum, values in enumerate(([1], [2, 9])):
        rows, columns = locate(one, counted, np.array([0, 1, 1]), np.full(len(lots), stratum), lots, 2, QUIET)
        member = np.isin(pixels, values)
        assert member[rows, columns].all()
        sizes = np.where(member, areas_of(one), 0)
        found = np.zeros(pixels.shape)
        np.add.at(found, (rows, columns), 1)
        np.testing.assert_allclose(found, sizes / sizes.sum() * 50_000, atol=3)


def test_pixels_are_drawn_in_proportion_to_their_area_on_the_ellipsoid(population: Callable[..., Population]) -> None:
    one = population(np.ones((40, 30)), **GLOBE)
    areas = areas_of(one).sum(axis=1)
    assert areas[-1] > 4 * areas[0]
    rows = np.concatenate([simple(one, 10, seed).rows for seed in range(400)])
    counts = np.bincount(rows, minlength=40)
    assert chisquare(counts, areas / areas.sum() * len(rows)).pvalue > 1e-3
    assert chisquare(counts).pvalue < 1e-12, "equal probabilities would be noticed"


def test_without_a_place_on_the_earth_pixels_are_equally_likely(population: Callable[..., Population]) -> None:
    pixels = np.ones((40, 30))
    pixels[:, :10] = 0
    one = population(pixels, crs=None)
    assert one.unit == "pixels"
    drawn = [simple(one, 20, seed) for seed in range(300)]
    places = np.concatenate([d.rows * 30 + d.columns for d in drawn])
    counts = np.bincount(places, minlength=1200).reshape(40, 30)
    assert counts[:, :10].sum() == 0
    assert chisquare(counts[:, 10:].ravel()).pvalue > 1e-3


def test_all_pixels_of_a_stratum_can_be_drawn_and_none_twice(population: Callable[..., Population]) -> None:
    rng = np.random.default_rng(2)
    pixels = np.where(rng.random((40, 50)) < 0.02, 1, 2)
    rare = int((pixels == 1).sum())
    drawn = stratified(population(pixels), [rare, 300], 5)
    assert len(set(zip(drawn.rows.tolist(), drawn.columns.tolist(), strict=True))) == rare + 300
    assert (pixels[drawn.rows, drawn.columns] == drawn.strata + 1).all()
    assert (drawn.strata == 0).sum() == rare
    served = np.flatnonzero(drawn.strata == 0)
    assert 0.3 < served.mean() / len(drawn.strata) < 0.7, "strata take turns at random"


def test_stratified_estimates_are_unbiased_and_as_exact_as_expected(population: Callable[..., Population]) -> None:
    """The share of the area that is mapped rightly, over 400 samples of a map in degrees."""
    rng = np.random.default_rng(3)
    pixels = np.where(rng.random((60, 70)) < 0.1, 1, 2)
    one = population(pixels, crs="EPSG:4326", transform=Affine(1, 0, 0, 0, -1, 75))
    right = np.where(pixels == 1, rng.random(pixels.shape) < 0.7, rng.random(pixels.shape) < 0.9)
    right[:20] = False  # where pixels are small
    areas = areas_of(one)
    truth = float((areas * right).sum() / areas.sum())
    weights = np.array([areas[pixels == value].sum() for value in (1, 2)]) / areas.sum()
    shares = np.array([(areas * right)[pixels == value].sum() / areas[pixels == value].sum() for value in (1, 2)])
    counts = [20, 40]
    found = []
    for seed in range(400):
        drawn = stratified(one, counts, seed)
        hits = right[drawn.rows, drawn.columns]
        found.append(sum(weight * hits[drawn.strata == index].mean() for index, weight in enumerate(weights)))
    expected = stratified_error(weights, shares, np.array(counts))
    assert np.mean(found) == pytest.approx(truth, abs=3.3 * expected / 20)
    assert np.std(found) == pytest.approx(expected, rel=0.12)
    assert abs(right.mean() - truth) > 6 * expected / 20, "counting pixels alike would be noticed"


def test_means_of_cluster_means_are_unbiased_and_so_is_their_variance(population: Callable[..., Population]) -> None:
    rng = np.random.default_rng(4)
    pixels = np.ones((60, 60))
    pixels[rng.random(pixels.shape) < 0.3] = 0
    pixels[30:45, 20:50] = 0
    one = population(pixels, crs="EPSG:4326", transform=Affine(1, 0, 0, 0, -1, 75))
    value = np.cumsum(rng.standard_normal((60, 60)), axis=0) + np.arange(60)[:, None] / 3  # neighbours are alike
    areas = np.where(pixels == 1, areas_of(one), 0)
    truth = float((areas * value).sum() / areas.sum())
    counted = tally(one, Blocks(8, 8), 1, QUIET)
    means, variances = [], []
    for seed in range(500):
        drawn = draw_clusters(one, counted, Blocks(8, 8), 12, 4, 0, seed, 1, QUIET)
        assert (pixels[drawn.rows, drawn.columns] == 1).all()
        assert np.bincount(drawn.clusters)[1:].tolist() == [4] * 12
        of_cluster = np.bincount(drawn.clusters, value[drawn.rows, drawn.columns])[1:] / 4
        means.append(of_cluster.mean())
        variances.append(of_cluster.var(ddof=1) / 12)
    assert np.mean(means) == pytest.approx(truth, abs=3.3 * np.std(means) / 500**0.5)
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.2)
    assert abs(value[pixels == 1].mean() - truth) > 6 * np.std(means) / 500**0.5


def test_a_block_drawn_twice_gives_two_clusters_and_small_blocks_repeat_pixels(
    population: Callable[..., Population]
) -> None:
    pixels = np.zeros((16, 16))
    pixels[0, 0] = pixels[15, 14] = pixels[15, 15] = 1
    one = population(pixels)
    drawn = draw_clusters(one, tally(one, Blocks(8, 8), 1, QUIET), Blocks(8, 8), 9, 4, 0, 1, 1, QUIET)
    assert sorted(set(drawn.clusters.tolist())) == list(range(1, 10))
    for number in range(1, 10):
        rows = drawn.rows[drawn.clusters == number]
        assert rows.tolist() in ([0] * 4, [15] * 4)
    assert 0 < (drawn.rows == 0).sum() < 36


@pytest.mark.parametrize(("crs", "transform"), [
    ("EPSG:4326", Affine(0.001, 0, 10, 0, -0.001, 60)),
    ("EPSG:3857", Affine(100, 0, 1_100_000, 0, -100, 8_400_000)),
    ("EPSG:32610", Affine(30, 0, 500_000, 0, -30, 5_000_000)),
])
@pytest.mark.parametrize("distance", [250.0, 700.0])
def test_points_keep_their_distance_on_the_ground(
    population: Callable[..., Population], crs: str, transform: Affine, distance: float
) -> None:
    rng = np.random.default_rng(5)
    one = population(rng.integers(1, 3, (200, 200)), crs=crs, transform=transform)
    drawn = stratified(one, [12, 18], 1, distance)
    t = transform
    x, y = t.a * (drawn.columns + 0.5) + t.c, t.e * (drawn.rows + 0.5) + t.f
    longitude, latitude = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    i, j = np.triu_indices(30, 1)
    apart = pyproj.Geod(ellps="WGS84").inv(longitude[i], latitude[i], longitude[j], latitude[j])[2]
    assert apart.min() >= distance * (1 - 1e-6)
    free = stratified(one, [12, 18], 1)
    first = stratified(one, [12, 18], 1, 1e-3)
    assert np.array_equal(free.rows, first.rows), "a distance that nobody violates changes nothing"


def test_distance_is_in_units_of_the_raster_without_a_crs(population: Callable[..., Population]) -> None:
    one = population(np.ones((50, 50)), crs=None, transform=Affine(2, 0, 0, 0, -2, 0))
    drawn = simple(one, 25, 0, 12)
    apart = 2 * np.hypot(drawn.rows[:, None] - drawn.rows, drawn.columns[:, None] - drawn.columns)
    assert apart[np.triu_indices(25, 1)].min() >= 12
    assert Ground.of(one.map.grid).unit == "units of the raster"


def test_where_there_is_no_room_every_stratum_says_how_many_fit(population: Callable[..., Population]) -> None:
    pixels = np.full((40, 40), 3)
    pixels[:10, :10], pixels[-5:, -5:] = 1, 2
    one = population(pixels)
    with pytest.raises(InputError, match=r"With 80 m .* no room .*1: [1-4] of 9 \([5-8] missing\); 2: 1 of 2 \(1 miss.*"
                                         r"Choose a shorter distance") as error:
        stratified(one, [9, 2, 4], 0, 80)
    assert "3:" not in error.value.message
    with pytest.raises(InputError, match=r"only [1-4] of 9 fit into a block"):
        draw_clusters(one, tally(one, Blocks(10, 10), 1, QUIET), Blocks(10, 10), 3, 9, 80, 0, 1, QUIET)


def test_the_same_seed_draws_the_same_points_with_any_number_of_threads(population: Callable[..., Population]) -> None:
    rng = np.random.default_rng(6)
    one = population(rng.integers(0, 4, (90, 110)))
    for distance in (0.0, 35.0):
        first = stratified(one, [20, 30, 40], 9, distance, threads=1)
        again = stratified(one, [20, 30, 40], 9, distance, threads=7)
        other = stratified(one, [20, 30, 40], 10, distance, threads=1)
        assert np.array_equal(first.rows, again.rows) and np.array_equal(first.columns, again.columns)
        assert np.array_equal(first.strata, again.strata) and not np.array_equal(first.rows, other.rows)
    counted = tally(one, Blocks(10, 10), 3, QUIET)
    clusters = [draw_clusters(one, counted, Blocks(10, 10), 20, 3, 0, 9, threads, QUIET) for threads in (1, 5)]
    assert np.array_equal(clusters[0].rows, clusters[1].rows)


def test_spacing_is_what_comparing_with_all_earlier_points_says() -> None:
    rng = np.random.default_rng(7)
    places = rng.random((400, 3)) * 100 - 50
    spacing, kept = Spacing(15), []
    for place in places:
        alone = all(np.linalg.norm(place - other) >= 15 for other in kept)
        assert spacing.take(place) == alone
        if alone:
            kept.append(place)
    assert 20 < len(kept) < 400
