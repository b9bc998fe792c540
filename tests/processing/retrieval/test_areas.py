"""Where is searched: several areas in any CRS, over the antimeridian, round a pole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing.errors import InputError
from bitscape.processing.retrieval.areas import area_of_extent, areas_from_wkt, meet, read_areas


def save(path: Path, polygons: list[object], crs: str) -> Path:
    wkb = shapely.to_wkb(np.array(polygons, object))
    pyogrio.raw.write(str(path), wkb, [], [], driver="GPKG", geometry_type="Polygon", crs=crs)
    return path


def holds(areas: list[object] | None, lon: float, lat: float) -> bool:
    assert areas is not None
    return any(bool(shapely.intersects_xy(area, lon, lat)) for area in areas)


def test_extent_over_the_antimeridian() -> None:
    areas = area_of_extent((170, -10, -170, 10), "")
    assert sorted(shapely.bounds(area).tolist() for area in areas) == [
        [-180, -10, -170, 10], [170, -10, 180, 10]]


def test_wkt_beyond_180_goes_on_round_the_earth() -> None:
    areas = areas_from_wkt(["POLYGON((170 0, 190 0, 190 5, 170 5, 170 0))", "POLYGON((0 0, 1 0, 1 1, 0 1, 0 0))"])
    assert holds(areas, 175, 2) and holds(areas, -175, 2) and holds(areas, 0.5, 0.5)
    assert not holds(areas, -165, 2) and not holds(areas, 0.5, 2)


def test_a_polygon_round_the_pole_holds_it(tmp_path: Path) -> None:
    circle = shapely.Point(0, 0).buffer(1_000_000, 64)  # metres round the pole, in north polar stereographic
    areas = read_areas(save(tmp_path / "pole.gpkg", [circle], "EPSG:3413"), "", "")
    assert all(holds(areas, lon, lat) for lon in range(-180, 180, 30) for lat in (82, 85, 89.99, 90))
    assert not any(holds(areas, lon, 79) for lon in range(-180, 180, 30))


def test_a_ring_round_the_pole_leaves_it_out(tmp_path: Path) -> None:
    ring = shapely.Point(0, 0).buffer(1_000_000, 64) - shapely.Point(0, 0).buffer(300_000, 64)
    areas = read_areas(save(tmp_path / "ring.gpkg", [ring], "EPSG:3413"), "", "")
    assert holds(areas, 10, 84) and holds(areas, -170, 84) and not holds(areas, 10, 89.5)


def test_a_projected_polygon_over_the_antimeridian(tmp_path: Path) -> None:
    box = shapely.box(-100_000, -100_000, 100_000, 100_000)  # EPSG:3832 has its middle at 150 E
    shifted = shapely.transform(box, lambda xy: xy + np.array([3_339_584.7, 0]))
    areas = read_areas(save(tmp_path / "pacific.gpkg", [shifted], "EPSG:3832"), "", "")
    assert holds(areas, 179.5, 0) and holds(areas, -179.5, 0)
    assert not holds(areas, 178.5, 0) and not holds(areas, 0, 0)
    assert sum(shapely.area(area) for area in areas) == pytest.approx((200_000 / 111_319.49) ** 2, rel=0.01)


def test_what_is_no_area_is_refused_in_words() -> None:
    for text in ("POINT(0 0)", "POLYGON((0 0, 1 1", "GEOMETRYCOLLECTION EMPTY", "POLYGON((0 0, 1 1, 0 0))", "x"):
        with pytest.raises(InputError, match="area"):
            areas_from_wkt([text])
    with pytest.raises(InputError, match="empty"):
        area_of_extent((5, 5, 5, 6), "")
    with pytest.raises(InputError, match="do not meet"):
        meet(area_of_extent((0, 0, 1, 1), ""), area_of_extent((2, 2, 3, 3), ""))
    with pytest.raises(InputError, match="CRS"):
        area_of_extent((0, 0, 1, 1), "nonsense")
    assert areas_from_wkt([]) is None
