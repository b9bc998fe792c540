"""Footprints at the edges of the world: the antimeridian, the poles, positions that are none."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from bitscape.processing.errors import InputError
from bitscape.processing.indexing.footprints import Mover, centres, of_boxes, of_corners, of_shapes, squares
from hypothesis import given, settings
from hypothesis import strategies as st

GEOD = pyproj.Geod(ellps="WGS84")


def area(shape: shapely.Geometry) -> float:
    return abs(GEOD.geometry_area_perimeter(shape)[0])


@settings(max_examples=200, deadline=None)
@given(lon=st.floats(-180, 180), lat=st.floats(-85, 85), side=st.floats(10, 50_000))
def test_a_square_has_its_area_wherever_it_is(lon: float, lat: float, side: float) -> None:
    point = np.array([shapely.Point(lon, lat)])
    found, boxes, there = of_shapes(point, Mover(), side)
    assert there.all() and shapely.is_valid(found[0])
    assert area(found[0]) == pytest.approx(side**2, rel=0.01 + side / 2e5)
    west, south, east, north = boxes[0]
    assert -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90
    assert (west > east) == (found[0].geom_type == "MultiPolygon")
    mid_lon, mid_lat = (float(value[0]) for value in centres(boxes))
    assert abs((mid_lon - lon + 180) % 360 - 180) < 1e-6 and mid_lat == pytest.approx(lat, abs=1e-6)


def test_what_crosses_the_antimeridian_is_cut_there_however_it_is_written() -> None:
    around = np.array([
        shapely.box(179.9, 10, 180.1, 10.2), shapely.box(-180.1, 10, -179.9, 10.2),
        shapely.Polygon([(179.9, 10), (-179.9, 10), (-179.9, 10.2), (179.9, 10.2)]),
        shapely.Polygon([(179.9, 10), (-179.9, 10.001), (-179.9, 10.2), (179.9, 10.2)]),
        shapely.MultiPolygon([shapely.box(179.9, 10, 180, 10.2), shapely.box(-180, 10, -179.9, 10.2)]),
    ], object)
    found, boxes, there = of_shapes(around, Mover(), 0)
    assert there.all()
    for shape, box in zip(found, boxes, strict=True):
        assert shape.geom_type == "MultiPolygon" and len(shape.geoms) == 2
        assert box == pytest.approx((179.9, 10, -179.9, 10.2), abs=1e-9)
        assert area(shape) == pytest.approx(area(shapely.box(0, 10, 0.2, 10.2)), rel=0.01)
    lon, lat = centres(boxes)
    assert np.abs(lon) == pytest.approx([180] * 5) and lat == pytest.approx([10.1] * 5)
    from_boxes, same, _ = of_boxes(np.array([[179.9, 10, -179.9, 10.2]]), Mover())
    assert same[0] == pytest.approx(boxes[0]) and from_boxes[0].equals(found[0])


def test_what_only_touches_it_is_whole() -> None:
    shapes = np.array([shapely.box(179.8, 0, 180, 1), shapely.box(-180, 0, -179.8, 1), shapely.box(-180, -90, 180, 90)])
    found, boxes, there = of_shapes(shapes, Mover(), 0)
    assert there.tolist() == [True, True, False], "the whole world is no patch"
    assert [shape.geom_type for shape in found[:2]] == ["Polygon", "Polygon"]
    assert boxes[0].tolist() == [179.8, 0, 180, 1] and boxes[1].tolist() == [-180, 0, -179.8, 1]


def test_patches_at_a_pole() -> None:
    """Pixels of a polar stereographic grid: one that holds the pole, one beside it."""
    mover = Mover("EPSG:3413")
    x = np.array([[-5000, 5000, 5000, -5000], [10_000, 20_000, 20_000, 10_000]], float)
    y = np.array([[5000, 5000, -5000, -5000], [20_000, 20_000, 10_000, 10_000]], float)
    found, boxes, there = of_corners(x, y, mover)
    assert there.all() and shapely.is_valid(found).all()
    assert boxes[0, 3] == pytest.approx(90) and boxes[0, [0, 2]].tolist() == [-180, 180]
    assert area(found[1]) == pytest.approx(1e8, rel=0.1)
    at_the_pole = squares(np.array([[0.0, 90.0]]), 1000)[0]
    assert at_the_pole.bounds == pytest.approx((-180, 89.9955, 180, 90), abs=1e-3)


def test_what_is_nowhere_has_none() -> None:
    shapes = np.array([
        None, shapely.Point(), shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 80, 1, 91), shapely.Point(0, 95),
        shapely.box(1000, 0, 1001, 1), shapely.Point(np.nan, 1), shapely.box(0, 0, 1, 1)], object)
    _, _, there = of_shapes(shapes, Mover(), 100)
    assert there.tolist() == [False] * 7 + [True]
    _, _, there = of_boxes(np.array([[np.nan, 0, 1, 1], [0, 0, 1, 1]]), Mover())
    assert there.tolist() == [False, True]
    _, _, there = of_shapes(np.array([shapely.box(1e9, 1e9, 2e9, 2e9)]), Mover("EPSG:32632"), 0)
    assert not there[0], "beyond what the projection knows"
    assert len(of_shapes(np.array([], object), Mover(), 0)[0]) == 0
    with pytest.raises(InputError, match="its side in metres"):
        of_shapes(np.array([shapely.Point(0, 0)]), Mover(), 0)
    with pytest.raises(InputError, match="not one that is understood"):
        _ = Mover("EPSG:1").moves


def test_heights_go_and_degrees_of_another_datum_move() -> None:
    found, _, _ = of_shapes(np.array([shapely.from_wkt("POLYGON Z ((0 0 5, 1 0 5, 1 1 5, 0 0 5))")]), Mover(), 0)
    assert not shapely.has_z(found[0])
    assert not Mover("EPSG:4326").moves and not Mover("").moves and Mover("EPSG:3857").projected
    assert Mover("EPSG:4267").moves and not Mover("EPSG:4267").projected
