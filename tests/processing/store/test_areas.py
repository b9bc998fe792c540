"""Areas over the antimeridian and at the poles, footprints that cross it, and which footprints meet which areas."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from bitscape.processing.errors import InputError
from bitscape.processing.store.areas import (
    AreaFilter,
    footprint_bounds,
    rectangle,
    split_area,
    union_bounds,
    union_of_many,
)
from bitscape.processing.store.morton import morton_order


def boxes(parts: list) -> list[tuple[float, ...]]:
    return sorted(tuple(shapely.bounds(part)) for part in parts)


def test_an_area_inside_stays_as_it_is() -> None:
    area = shapely.Polygon([(10, 40), (12, 41), (11, 43)])
    (part,) = split_area(area)
    assert shapely.equals(part, area)


def test_longitudes_beyond_180_go_on_at_the_other_side() -> None:
    assert boxes(split_area(shapely.box(175, -10, 190, 5))) == [(-180, -10, -170, 5), (175, -10, 180, 5)]
    assert boxes(split_area(shapely.box(-190, -10, -175, 5))) == [(-180, -10, -175, 5), (170, -10, 180, 5)]
    assert boxes(split_area(shapely.box(350, 0, 355, 5))) == [(-10, 0, -5, 5)]
    triangle = shapely.Polygon([(178, 0), (186, 0), (182, 8)])
    parts = split_area(triangle)
    assert sum(shapely.area(part) for part in parts) == pytest.approx(shapely.area(triangle))
    assert len(parts) == 2


def test_a_rectangle_whose_west_is_east_of_its_east_crosses() -> None:
    assert boxes(rectangle(170, -20, -170, 20)) == [(-180, -20, -170, 20), (170, -20, 180, 20)]
    assert boxes(rectangle(-180, -90, 180, 90)) == [(-180, -90, 180, 90)]
    assert boxes(rectangle(-500, -20, 500, 20)) == [(-180, -20, 180, 20)]
    assert boxes(rectangle(180, 0, -170, 1)) == [(-180, 0, -170, 1)]
    with pytest.raises(InputError, match="not a rectangle"):
        rectangle(0, 10, 1, 5)


def test_wide_rectangles_are_as_drawn_and_other_long_edges_go_the_short_way() -> None:
    assert boxes(split_area(shapely.box(-170, -10, 170, 10))) == [(-170, -10, 170, 10)]
    jumping = shapely.Polygon([(175, 0), (-175, 1), (-175, 6), (175, 5)])
    assert boxes(split_area(jumping)) == [(-180, 0.5, -175, 6), (175, 0, 180, 5.5)]


def test_latitudes_are_clamped_at_the_poles() -> None:
    assert boxes(split_area(shapely.box(0, 80, 10, 95))) == [(0, 80, 10, 90)]
    assert split_area(shapely.box(0, 91, 10, 95)) == []


@pytest.mark.parametrize(("latitude", "inside"), [(80.0, 89.99), (-75.0, -89.99)])
def test_a_ring_around_a_pole_holds_it(latitude: float, inside: float) -> None:
    """As a circle in a polar projection comes out: longitudes that go round once, with a jump."""
    longitude = (np.arange(0, 360, 10) + 185) % 360 - 180
    ring = shapely.Polygon(np.column_stack([longitude, np.full(36, latitude)]))
    area = AreaFilter([ring])
    places = np.array([(x, y) for x in (-179.9, -90, 0, 90, 179.9) for y in (inside, latitude * 0.9)])
    found = area.may_meet(np.column_stack([places, places]))
    assert found.tolist() == [True, False] * 5


def test_a_hole_over_the_antimeridian_stays_a_hole() -> None:
    shell = [(170, -10), (-170, -10), (-170, 10), (170, 10.5)]
    hole = [(178, -2), (178, 2), (-178, 2), (-178, -2)]
    area = AreaFilter([shapely.Polygon(shell, [hole])])
    inside = area.may_meet(np.array([[x, 0, x, 0] for x in (175.0, 179.0, -179.0, -175.0)]))
    assert inside.tolist() == [True, False, False, True]


def test_points_on_the_antimeridian_are_on_both_sides() -> None:
    assert boxes(split_area(shapely.Point(180, 5))) == [(-180, 5, -180, 5), (180, 5, 180, 5)]


def test_what_is_no_area_is_refused() -> None:
    assert split_area(None) == split_area(shapely.Polygon()) == []
    assert AreaFilter([]).empty
    for wrong in (shapely.Point(500_000, 4_000_000), shapely.Point(np.inf, 0)):
        with pytest.raises(InputError, match="CRS84"):
            split_area(wrong)


def test_a_polygon_that_crosses_itself_is_repaired() -> None:
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    assert sum(shapely.area(part) for part in split_area(bow)) == pytest.approx(2.0)


def test_footprints_over_the_antimeridian_have_one_form() -> None:
    given = np.array([
        [179.9, 0, -179.9, 1],    # as GeoParquet has it
        [-179.9, 0, 179.9, 1],    # the corners' smallest and largest
        [-180, 89, 180, 90],      # around the pole
        [-135, 85, 135, 89],      # corners of one around the pole
        [10, 0, 11, 1],
        [179.5, 0, 180.5, 1],     # longitudes that go on
        [-180.5, 0, -179.5, 1],
        [190, 0, 191, 1],         # longitudes from 0 to 360
    ])
    assert footprint_bounds(given).tolist() == [
        [179.9, 0, -179.9, 1], [179.9, 0, -179.9, 1], [-180, 89, 180, 90], [-180, 85, 180, 89], [10, 0, 11, 1],
        [179.5, 0, -179.5, 1], [179.5, 0, -179.5, 1], [-170, 0, -169, 1]]


def test_unions_that_may_hold_crossing_footprints_go_all_the_way_round() -> None:
    given = np.array([[-179.9, 0, 179.9, 1], [350, 0, 355, 1], [10, 0, 11, 1], [179, 0, -179, 1]])
    assert union_of_many(given).tolist() == [[-180, 0, 180, 1], [-180, 0, 180, 1], [10, 0, 11, 1], [179, 0, -179, 1]]


def test_the_union_of_footprints_keeps_the_antimeridian() -> None:
    crossing = [179.9, 0, -179.9, 1]
    assert union_bounds(np.array([crossing, [179.0, 2, 179.2, 3]])) == pytest.approx((179.0, 0, -179.9, 3))
    assert union_bounds(np.array([crossing, [-179.5, 2, -179.2, 3]])) == pytest.approx((179.9, 0, -179.2, 3))
    assert union_bounds(np.array([crossing, [10, 2, 11, 3]])) == pytest.approx((10, 0, -179.9, 3))
    assert union_bounds(np.array([crossing, [10, 2, 11, 3], [-10, 2, -9, 3]])) == (-180, 0, 180, 3)
    assert union_bounds(np.array([[1.0, 2, 3, 4], [-5, 0, -4, 1]])) == (-5, 0, 3, 4)


def test_a_crossing_footprint_meets_areas_on_both_sides_and_none_between() -> None:
    bounds = np.array([[179.9, 0, -179.9, 1]])
    shape = np.array([shapely.Polygon([(179.9, 0), (-179.9, 0), (-179.9, 1), (179.9, 1)])])
    shifted = np.array([shapely.Polygon([(179.9, 0), (180.1, 0), (180.1, 1), (179.9, 1)])])
    for area, met in (
        (shapely.box(179.95, 0.4, 179.96, 0.5), True), (shapely.box(-179.96, 0.4, -179.95, 0.5), True),
        (shapely.box(0, 0, 10, 1), False), (shapely.box(179.8, 0.4, 179.85, 0.5), False),
    ):
        assert AreaFilter([area]).meets_rectangle(bounds).tolist() == [met]
        polygon = AreaFilter([shapely.buffer(area, 0.001)])
        assert polygon.may_meet(bounds).tolist() == [met]
        assert polygon.meets_polygon(shape).tolist() == [met]
        assert polygon.meets_polygon(shifted).tolist() == [met]


def test_footprints_meet_areas_as_shapely_says() -> None:
    """Several areas at once, rectangles and polygons; tilted footprints, against each geometry by itself."""
    random = np.random.default_rng(4)
    centre = random.uniform(-3, 3, (2000, 2))
    footprints = shapely.buffer(shapely.points(centre), random.uniform(0.01, 0.2, 2000), quad_segs=1)
    bounds = shapely.bounds(footprints)
    bounds = bounds[morton_order(bounds)]
    areas = [shapely.box(-2, -2, -1, -1), shapely.buffer(shapely.Point(1, 1), 0.8),
             shapely.Polygon([(-1, 0), (2, -2.5), (0, 2)])]
    area = AreaFilter(areas)
    by_boxes = [shapely.intersects(shape, shapely.box(*bounds.T)) for shape in areas]
    assert np.array_equal(area.may_meet(bounds), np.logical_or.reduce(by_boxes))
    assert np.array_equal(area.meets_rectangle(bounds), by_boxes[0])
    exact = shapely.intersects(areas[1], footprints) | shapely.intersects(areas[2], footprints)
    assert np.array_equal(area.meets_polygon(footprints), exact)
    sure = area.surely(bounds)
    assert sure.any()
    assert np.array_equal(sure, shapely.covers(shapely.union_all(areas[1:]), shapely.box(*bounds.T)))
