"""Regions, holes and outlines against scipy.ndimage and rasterio, on many small rasters and any height of row bands."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from bitscape.processing.grids.grid import Grid
from bitscape.processing.polygons import outlines as outlines_module
from bitscape.processing.polygons import selection
from bitscape.processing.polygons.outlines import outlines, simplified
from bitscape.processing.polygons.regions import Regions, Rules, areas_of, find_regions
from bitscape.processing.polygons.selection import Part
from bitscape.processing.progress import Progress
from bitscape.tests.processing.polygons.scene import cleaned
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window


def made(targets: NDArray, rules: Rules, band_pixels: int) -> tuple[NDArray, Regions, NDArray, NDArray]:
    """Elements, regions, numbers and polygons of a raster of targets, worked on in bands of so many pixels."""
    height, width = targets.shape
    part = Part(Grid(width, height, Affine.identity(), None), Window(0, 0, width, height), None)
    ids, kept = np.zeros(targets.shape, np.int32), np.zeros(targets.shape, np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "BAND_PIXELS", band_pixels)
        patch.setattr(outlines_module, "STEP_PIXELS", band_pixels)
        patch.setattr(outlines_module, "LARGE_CORNERS", 30)
        bands = ((top, window, np.ascontiguousarray(targets[top : top + int(window.height)]))
                 for top, window in part.bands())
        regions = find_regions(part, ids, kept, bands, rules, areas_of(part.grid)[0], None, lambda: None, Progress())
        elements = ids.copy()
        drawn = []
        for some, ragged in outlines(ids, regions, Affine.identity(), lambda: None, Progress()):
            assert shapely.equals_exact(shapely.from_wkb(ragged.wkb()), ragged.shapes()).all()
            drawn.append((some, ragged.shapes()))
    numbers = np.concatenate([np.empty(0, np.int32), *(numbers for numbers, _ in drawn)])
    return elements, regions, numbers, np.concatenate([np.empty(0, object), *(found for _, found in drawn)])


@st.composite
def scenes(draw: st.DrawFn) -> tuple[NDArray, Rules, int]:
    """Targets, rules, and the pixels of a band."""
    height, width = draw(st.integers(1, 22)), draw(st.integers(1, 22))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    unknown, kinds, zoom = draw(st.sampled_from([0, 0.01, 0.1])), draw(st.integers(1, 3)), draw(st.sampled_from([1, 2]))
    share = draw(st.floats(0.2, 0.9))
    chances = [unknown, (1 - unknown) * (1 - share), *[(1 - unknown) * share / kinds] * kinds]
    values = rng.choice(np.arange(len(chances)), (height, width), p=chances).astype(np.uint8)
    rules = Rules(draw(st.sampled_from([0, 2, 4, 9])), draw(st.sampled_from([0, 2, 5, 30])), draw(st.booleans()))
    return np.kron(values, np.ones((zoom, zoom), np.uint8)), rules, draw(st.integers(1, 300))


@settings(max_examples=100, deadline=None)
@given(scenes())
def test_polygons_are_exactly_the_cleaned_regions(scene: tuple[NDArray, Rules, int]) -> None:
    targets, rules, band_pixels = scene
    clean, regions = cleaned(targets, rules.min_area, rules.max_hole, rules.eight)
    elements, found, numbers, polygons = made(targets, rules, band_pixels)
    ours = found.region[elements]
    pairs = set(zip(ours.ravel().tolist(), regions.ravel().tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}), "other regions"
    assert ((ours > 0) == (regions > 0)).all()
    assert (found.target[ours][ours > 0] == clean[ours > 0]).all()
    assert not (ours[targets == 0]).any(), "no data is covered"
    assert sorted(numbers.tolist()) == list(range(1, len(found) + 1))
    assert shapely.coverage_is_valid(polygons), "neighbours do not share all their corners"
    assert shapely.is_valid(polygons).all(), shapely.is_valid_reason(polygons)
    assert (found.pixels == np.bincount(ours.ravel(), minlength=len(found) + 1) * (np.arange(len(found) + 1) > 0)).all()
    assert (shapely.area(polygons) == found.pixels[numbers]).all()
    if len(polygons):
        shapes = zip(polygons, numbers.tolist(), strict=True)
        assert (rasterize(shapes, targets.shape, dtype="int32") == ours).all(), "drawn back they are other pixels"


@settings(max_examples=50, deadline=None)
@given(scenes(), st.floats(0.3, 4))
def test_simplified_neighbours_neither_overlap_nor_part(scene: tuple[NDArray, Rules, int], tolerance: float) -> None:
    targets, rules, band_pixels = scene
    _, _, _, polygons = made(targets, rules, band_pixels)
    if len(polygons) == 0:
        return
    found = simplified(polygons, tolerance, Progress())
    assert shapely.is_valid(found).all() and not shapely.is_empty(found).any()
    assert shapely.coverage_is_valid(found), "gaps or overlaps along shared borders"
    assert shapely.area(shapely.union_all(found)) == pytest.approx(shapely.area(found).sum()), "overlaps"
    assert shapely.get_num_coordinates(found).sum() <= shapely.get_num_coordinates(polygons).sum()


def test_a_hole_with_a_polygon_or_unknown_pixels_in_it_stays() -> None:
    targets = np.ones((12, 40), np.uint8)
    for left in (1, 13, 25):
        targets[1:11, left : left + 10] = 2
        targets[4:8, left + 3 : left + 7] = 1
    targets[5, 5] = 0
    targets[5:7, 17:19] = 3
    elements, found, _, _ = made(targets, Rules(4, 100, False), 200)
    ours = found.region[elements]
    assert (ours[4:8, 4:8] == 0).all(), "it holds an unknown pixel"
    assert (ours[4, 16:20] == 0).all() and ours[5, 17] > 0, "it holds a polygon"
    assert (ours[1:11, 25:35] > 0).all(), "there is nothing in it"
    alone, found, _, _ = made(targets, Rules(5, 100, False), 200)
    assert (found.region[alone][1:11, 13:23] > 0).all(), "what is too small to keep does not keep the hole"


def test_corners_connect_if_they_are_to() -> None:
    targets = np.where(np.indices((6, 6)).sum(axis=0) % 2, 2, 1).astype(np.uint8)
    four, eight = (made(targets, Rules(0, 0, eight), 12) for eight in (False, True))
    assert (len(four[1]), len(eight[1])) == (18, 1)
    assert shapely.is_valid(eight[3]).all() and shapely.get_num_geometries(eight[3]).tolist() == [18]
