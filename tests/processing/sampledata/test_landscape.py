"""The landscape: blocks fit together, change is what it says, and a threshold on the difference does not find it."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.sampledata.cover import ROTATION, S2_BANDS, cover_table, kind_table
from bitscape.processing.sampledata.coverage import covered
from bitscape.processing.sampledata.difficulty import BINS, best_f1, count_lengths
from bitscape.processing.sampledata.landscape import HALO, make_block
from bitscape.processing.sampledata.plan import make_plan
from bitscape.processing.sampledata.rendering import embeddings, sentinel2


def dequantise(codes: np.ndarray) -> np.ndarray:
    values = codes.astype(np.float64) / 127.5
    return np.sign(values) * values**2


def test_blocks_agree_where_they_overlap() -> None:
    plan = make_plan(3, 256)
    whole = make_block(plan, 0, 0, 256, 256)
    part = make_block(plan, 100, 70, 90, 110)
    inside = (slice(100, 190 + 2 * HALO), slice(70, 180 + 2 * HALO))
    for name in ("before", "after", "instant", "parcel", "height"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[inside], err_msg=name)
    everywhere = np.ones((256, 256), np.bool_)
    rows = (slice(None), slice(100, 190), slice(70, 180))
    for picture in (embeddings, sentinel2):
        np.testing.assert_array_equal(
            picture(plan, part, 2022, 0.5, everywhere[100:190, 70:180]),
            picture(plan, whole, 2022, 0.5, everywhere)[rows],
        )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_kind_of_land_and_of_change_is_there(seed: int) -> None:
    block = make_block(make_plan(seed, 512), 0, 0, 512, 512)
    kinds = kind_table()
    before, after = kinds[block.inner(block.before)], kinds[block.inner(block.after)]
    changed = block.inner(block.changed())
    assert {1, 2, 3, 4, 5} <= set(np.unique(before))
    assert 0.02 < changed.mean() < 0.12
    assert (before[changed] != after[changed]).all()
    assert not (before[changed] == 1).any(), "water never turns into land"
    for kind in (1, 4, 5):
        assert (after[changed] == kind).mean() > 0.004, f"change to kind {kind}"
    codes = [block.inner(block.codes(share)) for share in (0.0, 0.5, 1.0)]
    np.testing.assert_array_equal(codes[0], block.inner(block.before))
    assert ((codes[2] != codes[0]) == changed).all()
    assert 0.2 < (codes[1] != codes[0]).sum() / changed.sum() < 0.8, "changes are spread over the years"


def test_rotation_moves_pixels_but_is_not_change() -> None:
    plan = make_plan(0, 512)
    block = make_block(plan, 0, 0, 512, 512)
    everywhere = np.ones((512, 512), np.bool_)
    first, last = (dequantise(embeddings(plan, block, year, share, everywhere)) for year, share in
                   ((2020, 0.0), (2024, 1.0)))
    length = np.linalg.norm(last - first, axis=0)
    before = block.inner(block.before)
    changed = block.inner(block.changed())
    rotated = (cover_table(2020) != cover_table(2024))[before] & (before >= ROTATION) & ~changed
    quiet = (kind_table()[before] == 2) & ~changed
    assert rotated.mean() > 0.1
    assert np.median(length[rotated]) > 0.75 * np.median(length[changed])
    assert np.median(length[quiet]) < 0.5 * np.median(length[changed])
    assert np.median(length[quiet]) > 0.1, "years differ by drift and noise"


def test_difficulty_is_that_of_the_best_threshold() -> None:
    plan = make_plan(4, 256)
    block = make_block(plan, 0, 0, 256, 256)
    valid = covered(plan, block, 2020) & covered(plan, block, 2024)
    assert 0.8 < valid.mean() < 1
    first, last = embeddings(plan, block, 2020, 0.0, valid), embeddings(plan, block, 2024, 1.0, valid)
    truth = np.where(valid, block.inner(block.instant) > 0, 255).astype(np.uint8)
    counts = np.zeros((2, BINS), np.int64)
    count_lengths(first, last, truth, counts)
    assert counts.sum() == valid.sum()
    assert counts[1].sum() == (truth == 1).sum()
    length = np.linalg.norm(dequantise(last) - dequantise(first), axis=0)[valid]
    change = truth[valid] == 1
    order = np.argsort(-length)
    hits = np.cumsum(change[order])
    expected = (2 * hits / (np.arange(1, len(hits) + 1) + change.sum())).max()
    assert best_f1(counts) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("seed", range(5))
def test_difficulty_is_frozen_at_the_default(seed: int) -> None:
    plan = make_plan(seed, 1024)
    counts = np.zeros((2, BINS), np.int64)
    for top, left in ((0, 0), (0, 512), (512, 0), (512, 512)):
        block = make_block(plan, top, left, 512, 512)
        valid = covered(plan, block, 2020) & covered(plan, block, 2024)
        truth = np.where(valid, block.inner(block.instant) > 0, 255).astype(np.uint8)
        count_lengths(embeddings(plan, block, 2020, 0.0, valid), embeddings(plan, block, 2024, 1.0, valid), truth,
                      counts)
    assert 0.45 < best_f1(counts) <= 0.7


def test_pictures_look_like_what_they_show() -> None:
    plan = make_plan(0, 512)
    block = make_block(plan, 0, 0, 512, 512)
    picture = sentinel2(plan, block, 2020, 0.0, np.ones((512, 512), np.bool_)).astype(float)
    red, green, near, short = (picture[S2_BANDS.index(name)] for name in ("B04", "B03", "B08", "B11"))
    vegetation, water = (near - red) / (near + red), (green - short) / (green + short)
    kinds = kind_table()[block.inner(block.before)]
    assert np.median(vegetation[kinds == 2]) > 0.7
    assert np.median(vegetation[kinds == 4]) < 0.5
    assert np.median(water[kinds == 1]) > 0.2 > np.median(water[kinds == 4])
    assert picture.min() >= 1 and picture.max() <= 10000
