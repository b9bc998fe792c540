"""What is unlike every label: radius and distances against closed forms and scipy, and what thinning labels changes."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.classification.extrapolation import (
    BLOCK,
    NODATA,
    REPRESENTATIVES,
    Reach,
    beyond,
    distances,
    spread_out,
)
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform


def draw(random: np.random.Generator, k: int, pixels: int, gaps: float = 0.1) -> np.ndarray:
    """Codes (k, pixels) in clusters, some pixels without data."""
    middle = random.normal(0, 40, (6, k))[random.integers(0, 6, pixels)]
    codes = np.clip(np.rint(middle + random.normal(0, 15, (pixels, k))), -127, 127).astype(np.int8).T.copy()
    codes[:, random.random(pixels) < gaps] = -128
    return codes


def labels_of(codes: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    valid = np.flatnonzero(codes[0] != -128)
    return codes[:, random.choice(valid, count, replace=False)].T.copy()


def marked(codes: np.ndarray, reach: Reach) -> np.ndarray:
    out = np.full(codes.shape[1], 77, np.uint8)
    beyond(codes, reach, out)
    return out


@pytest.mark.parametrize(("k", "count", "pixels"), [
    (1, 2, 5000), (1, 40, 100), (3, 7, BLOCK + 1), (8, 14, 3 * BLOCK - 5), (8, 100, 20_000), (9, 30, 5000),
    (20, 60, 5000), (64, 25, 1000), (8, 3, 1),
])
def test_pixels_and_distances_are_scipys(k: int, count: int, pixels: int) -> None:
    random = np.random.default_rng(k * count)
    codes = draw(random, k, pixels)
    labels = labels_of(draw(random, k, 1000), count, random)
    deviation = random.uniform(5, 40, k)
    reach = Reach.of(labels, deviation)
    expected = cKDTree(labels / deviation).query(codes.T / deviation)[0]
    valid = codes[0] != -128
    found = distances(codes, reach)
    assert found.dtype == np.float32
    assert np.array_equal(np.isnan(found), ~valid)
    assert np.allclose(found[valid], expected[valid], rtol=1e-5, atol=1e-5)
    out = marked(codes, reach)
    sure = valid & (np.abs(expected - reach.radius) > 1e-4)
    assert np.array_equal(out[sure], (expected > reach.radius)[sure])
    assert (out[~valid] == NODATA).all() and (out[valid] <= 1).all()


def test_radius_is_the_upper_whisker_of_the_labels_own_distances() -> None:
    random = np.random.default_rng(4)
    labels = labels_of(draw(random, 8, 500), 50, random)
    deviation = np.full(8, 20.0)
    between = squareform(pdist(labels / deviation))
    reach = Reach.of(labels, deviation)
    assert reach.spacing == pytest.approx(pdist(labels / deviation).mean(), rel=1e-5)
    np.fill_diagonal(between, np.inf)
    own = between.min(axis=1)
    first, third = np.quantile(own, [0.25, 0.75])
    assert reach.radius == pytest.approx(min(third + 1.5 * (third - first), own.max()), rel=1e-5)
    assert reach.dissimilarity(np.array([reach.spacing], np.float32))[0] == pytest.approx(1)


def test_labels_in_one_line_have_the_radius_one_expects() -> None:
    labels = np.array([[0], [10], [20], [30]], np.int8)
    reach = Reach.of(labels, np.array([10.0]))
    assert reach.radius == pytest.approx(1.0)
    assert reach.spacing == pytest.approx((3 * 1 + 2 * 2 + 3) / 6)
    codes = np.array([[-128, 0, 30, 40, 41, -10, -11, 15]], np.int8)
    assert marked(codes, reach).tolist() == [255, 0, 0, 0, 1, 0, 1, 0]


def test_pixels_of_one_polygon_and_of_one_place_are_left_out_together() -> None:
    labels = np.array([[0], [1], [50], [52]], np.int8)
    one = np.array([10.0])
    assert Reach.of(labels, one).radius == pytest.approx(0.2, rel=1e-5)
    features = np.array([7, 7, 9, 9])
    own = np.array([5.0, 4.9, 4.9, 5.1])
    first, third = np.quantile(own, [0.25, 0.75])
    expected = min(third + 1.5 * (third - first), own.max())
    assert Reach.of(labels, one, features=features).radius == pytest.approx(expected)
    assert Reach.of(labels, one, folds=np.array([0, 0, 1, 1])).radius == pytest.approx(expected)
    assert Reach.of(labels, one, features=np.array([7, 7, 7, 7])).radius == 0.0


def test_one_label_and_identical_labels_reach_nothing_but_themselves() -> None:
    deviation = np.array([3.0, 7.0, 0.01])
    for labels in (np.array([[5, -4, 3]], np.int8), np.array([[5, -4, 3]] * 4, np.int8)):
        reach = Reach.of(labels, deviation)
        assert reach.radius == 0.0 and reach.spacing == 0.0
        codes = np.array([[5, 6, -128], [-4, -4, -128], [3, 3, -128]], np.int8)
        assert marked(codes, reach).tolist() == [0, 1, 255]
        assert reach.dissimilarity(distances(codes, reach))[0] == 0.0


def test_a_label_is_never_beyond_itself_however_large_its_features() -> None:
    labels = np.array([[127, -127], [126, 127]], np.int8)
    reach = Reach.of(labels, np.array([0.01, 0.013]))
    assert (distances(labels.T.copy(), reach) == 0).all()
    assert (marked(labels.T.copy(), reach) == 0).all()


def test_weights_count_what_the_model_uses() -> None:
    labels = np.array([[0, 0], [10, 0], [0, 90], [10, 90]], np.int8)
    deviation = np.array([10.0, 10.0])
    codes = np.array([[0, 40], [45, 0]], np.int8)
    plain = Reach.of(labels, deviation)
    assert marked(codes, plain).tolist() == [1, 1]
    ignoring = Reach.of(labels, deviation, weights=np.array([[0.3, 0.0]]))
    assert ignoring.scale.tolist() == pytest.approx([0.2, 0.0])
    assert marked(codes, ignoring).tolist() == [0, 1]
    assert np.array_equal(Reach.of(labels, deviation, weights=np.zeros((1, 2))).scale, plain.scale)


def test_few_representatives_of_many_labels_change_little() -> None:
    """2,000 labelled pixels thinned to 256, the distances of both to their own radius: nearly the same is beyond."""
    random = np.random.default_rng(8)
    codes = draw(random, 8, 60_000, gaps=0)
    labels = labels_of(codes, 2000, random)
    deviation = codes.std(axis=1).astype(float)
    all_of_them = Reach.of(labels, deviation, representatives=10_000)
    thinned = Reach.of(labels, deviation)
    assert len(thinned.points) == REPRESENTATIVES and len(all_of_them.points) == 2000
    assert thinned.radius > all_of_them.radius
    exact, quick = marked(codes, all_of_them) == 1, marked(codes, thinned) == 1
    assert (quick != exact).mean() < 0.03


def test_spread_out_covers_as_few_points_can() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1], [10.0], [0.1]], np.float32)
    chosen = spread_out(points, 3)
    assert len(set(chosen.tolist())) == 3
    assert np.abs(points - points[chosen].T).min(axis=1).max() <= 0.11
    assert len(spread_out(points, 100)) == 5, "a point that coincides with another is not taken"
