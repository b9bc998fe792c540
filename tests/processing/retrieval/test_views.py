"""Ranks, gradients, surprises and pictures, against loops."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from affine import Affine
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from bitscape.processing.retrieval import views
from bitscape.processing.retrieval.candidates import Candidates
from bitscape.processing.retrieval.ground import UNIT, boxes_of
from bitscape.processing.retrieval.histogram import Histogram
from bitscape.processing.retrieval.picture import NODATA, Scale, Window, levels_by_rank, painted
from bitscape.processing.retrieval.spaces import Hamming
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.crs import CRS

NONE = np.empty(0, np.int64)


def arrived(order: list[int], sizes: list[int], scores: NDArray[np.float32]) -> Candidates:
    """Shards of these sizes in some order of arrival; scores are in the order of the shards."""
    starts = np.cumsum([0, *sizes])
    candidates = Candidates(int(starts[-1]), 4, True)
    for shard in order:
        part = scores[starts[shard] : starts[shard + 1]]
        candidates.add(shard, np.arange(len(part)) * 2, np.zeros((len(part), 4), np.uint8), np.zeros((len(part), 4)),
                       np.zeros(len(part), np.int16), part)
    return candidates


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.permutations(range(4)))
@settings(max_examples=60, deadline=None)
def test_ties_go_by_shard_then_row_whatever_came_first(seed: int, k: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 12, 4).tolist()
    scores = rng.integers(0, 4, sum(sizes)).astype(np.float32)
    candidates = arrived(order, sizes, scores)
    shards = np.repeat(np.arange(4), sizes)
    rows = np.concatenate([np.arange(size) * 2 for size in sizes])
    for view, keys in (("top", scores), ("outlier", -scores)):
        expected = np.lexsort((rows, shards, keys))[:k]
        found = views.ranked(candidates, candidates.scores, view, NONE, k)  # type: ignore[arg-type]
        assert found.count == len(scores)
        names = list(zip(candidates.shards_of(found.places), candidates.rows[found.places], strict=True))
        assert names == list(zip(shards[expected], rows[expected], strict=True))


def test_exemplars_and_what_is_no_number_are_left_out() -> None:
    values = np.array([3, 1, np.nan, 2, 1, 5], np.float32)
    candidates = arrived([0], [6], values)
    found = views.ranked(candidates, values, "top", np.array([1]), None)
    assert found.places.tolist() == [4, 3, 0, 5] and found.count == 4
    assert views.ranked(candidates, values, "top", np.array([1]), None, 2.0).places.tolist() == [4, 3]
    assert views.within(values, "top", 2.0, np.array([1])) == 2
    assert views.ranked(candidates, values, "outlier", NONE, 2).places.tolist() == [5, 0]


def test_evenly_spaced_in_the_order_of_shards() -> None:
    one, other = arrived([2, 0, 1], [5, 7, 9], np.zeros(21, np.float32)), arrived([0, 1, 2], [5, 7, 9],
                                                                                 np.zeros(21, np.float32))
    def names(candidates: Candidates) -> list[tuple[int, int]]:
        places = candidates.spread(6)
        return list(zip(candidates.shards_of(places).tolist(), candidates.rows[places].tolist(), strict=True))

    assert names(one) == names(other) == [(0, 0), (0, 8), (1, 6), (2, 0), (2, 8), (2, 16)]
    assert one.find(1, 6) is not None and one.find(1, 7) is None and one.find(3, 0) is None


def test_gradient_is_the_mean_difference_to_six_neighbours_with_true_scores() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=50).astype(np.float32)
    near = rng.integers(-1, 50, (50, 8)).astype(np.int32)
    near[7] = -1
    found = views.gradient(scores, near)
    for i in range(50):
        own = [j for j in near[i, :6] if j >= 0]
        expected = np.mean([abs(float(scores[i] - scores[j])) for j in own]) if own else np.nan
        assert found[i] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_outlier_and_surprise_are_mean_distances() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 256, (500, 4), dtype=np.uint8)
    bits = np.unpackbits(codes, axis=1)
    space, candidates = Hamming(32, 4), Candidates(500, 4, True)
    candidates.add(0, np.arange(500), codes, np.zeros((500, 4)), np.zeros(500, np.int16))
    sample = np.unique(np.linspace(0, 499, 200).round().astype(int))
    expected = (bits[:, None] != bits[sample]).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(views.outlier_scorer(candidates, space)(codes), expected, rtol=1e-6)
    near = rng.integers(0, 500, (500, 8)).astype(np.int32)
    with ThreadPoolExecutor(2) as pool:
        found = views.surprise(candidates, space, near, pool, Progress())
    np.testing.assert_allclose(found, (bits[:, None] != bits[near]).sum(axis=2).mean(axis=1), rtol=1e-6)


def test_histogram_counts_all_but_the_exemplars_in_bins_of_whole_steps() -> None:
    values = np.repeat(np.arange(250), 3).astype(np.float32)
    found = Histogram.of(values, np.array([0, 1]), 1.0)
    assert found is not None
    assert found.counts.sum() == 748
    np.testing.assert_allclose(np.diff(found.edges), 3)  # bins of equal numbers of scores: no comb
    assert found.counts[1:-1].tolist() == [9] * (len(found.counts) - 2)
    assert Histogram.of(np.full(3, np.nan, np.float32), NONE, 0.0) is None
    alone = Histogram.of(np.full(5, 2.5, np.float32), NONE, 0.0)
    assert alone is not None and alone.counts.tolist() == [5]


def test_pictures_have_the_largest_level_where_a_cell_centre_is_inside() -> None:
    rng = np.random.default_rng(8)
    west, south = rng.uniform(10, 11, 200), rng.uniform(45, 46, 200)
    bbox = np.column_stack([west, south, west + rng.uniform(0.03, 0.2, 200), south + rng.uniform(0.03, 0.2, 200)])
    levels = rng.integers(0, 256, 200).astype(np.uint8)
    grid = Grid(60, 50, Affine(0.02, 0, 10, 0, -0.02, 46), CRS.from_epsg(4326))
    found = painted(boxes_of(bbox), levels, grid, 10, 30)
    for row in range(30):
        for column in range(60):
            x, y = 10 + 0.02 * (column + 0.5), 46 - 0.02 * (row + 10.5)
            inside = (bbox[:, 0] <= x) & (x < bbox[:, 2]) & (bbox[:, 1] < y) & (y <= bbox[:, 3]) & (levels < NODATA)
            assert found[row, column] == (levels[inside].max() if inside.any() else NODATA)


def test_pictures_over_the_antimeridian_and_far_away() -> None:
    boxes = boxes_of(np.array([[179.9, 0, -179.9, 0.2], [179.5, 0, 179.6, 0.2]]))
    levels = np.array([200, 100], np.uint8)
    window = Window(west=179, south=-0.5, east=-179, north=0.5, width=40, height=20)
    seen = painted(boxes, levels, window.grid(), 0, 20)
    assert (seen[8, 18:22] == 200).all() and (seen[8, 10:12] == 100).all()
    assert seen[8, 17] == NODATA and seen[8, 22] == NODATA
    beyond = Window(west=-181, south=-0.5, east=-179, north=0.5, width=40, height=20)
    np.testing.assert_array_equal(painted(boxes, levels, beyond.grid(), 0, 20), seen)
    coarse = Window(west=170, south=-10, east=190, north=10, width=4, height=4)
    assert (painted(boxes, levels, coarse.grid(), 0, 4) != NODATA).sum() == 2, "a patch smaller than a cell is drawn"


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_levels_by_rank_keep_the_order(values: list[float]) -> None:
    array = np.array([*values, np.nan], np.float32)
    levels = levels_by_rank(array)
    assert levels[-1] == NODATA and levels[:-1].max() <= 254
    order = np.argsort(array[:-1], kind="stable")
    assert (np.diff(levels[:-1][order].astype(int)) <= 0).all(), "smaller is more similar"


def test_scales_may_run_backwards() -> None:
    levels = Scale(10, 0).levels(np.array([10, 5, 0, -3, 20, np.nan], np.float32))
    assert levels.tolist() == [0, 127, 254, 254, 0, 255]
    assert Scale(1, 1).levels(np.array([1], np.float32)).tolist() == [0]
    assert UNIT == 1e-7
