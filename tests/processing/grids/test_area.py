"""Areas of interest against brute force and closed forms, in any CRS, and what cannot be one."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing.errors import InputError
from bitscape.processing.grids.area import AreaOfInterest, area_from_wkt, read_area, window_of
from bitscape.processing.grids.grid import Grid
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform
from rasterio.windows import Window

UTM = CRS.from_epsg(32610)
GRIDS = {
    "north up": Grid(300, 260, Affine(10, 0, 500_000, 0, -10, 5_000_000), UTM),
    "south up": Grid(300, 260, Affine(10, 0, 500_000, 0, 10, 5_000_000), UTM),
    "rotated": Grid(300, 260, Affine(8, 6, 500_000, 6, -8, 5_000_000), UTM),
}


def centres(grid: Grid, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixel centres of a window, (height, width)."""
    t = grid.transform
    row, column = np.mgrid[0 : window.height, 0 : window.width] + 0.5
    row, column = row + window.row_off, column + window.col_off
    return t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f


def star(grid: Grid, seed: int, reach: float = 1.0) -> shapely.Geometry:
    """Some ragged polygons with a hole, about a grid; they overlap and leave it."""
    random = np.random.default_rng(seed)
    west, south, east, north = grid.bounds
    parts = []
    for _ in range(3):
        middle = random.uniform((west, south), (east, north))
        angles = np.sort(random.uniform(0, 2 * np.pi, 40))
        radius = random.uniform(100, 900 * reach, 40)
        outline = shapely.Polygon(middle + np.column_stack([np.cos(angles), np.sin(angles)]) * radius[:, None])
        parts.append(shapely.make_valid(outline).difference(shapely.Point(middle).buffer(60)))
    return shapely.union_all(parts)


def write(
    path: Path, geometries: list[shapely.Geometry], crs: str | None, layer: str = "areas", **more: object
) -> Path:
    driver = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}[path.suffix]
    pyogrio.raw.write(path, shapely.to_wkb(np.array(geometries)), [np.arange(len(geometries))], ["number"], crs=crs,
                      driver=driver, geometry_type="Unknown" if driver != "ESRI Shapefile" else "Polygon", layer=layer,
                      promote_to_multi=False, **more)
    return path


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_pixel_is_inside_if_its_centre_is(name: str, seed: int) -> None:
    grid = GRIDS[name]
    area = AreaOfInterest(star(grid, seed))
    whole = Window(0, 0, grid.width, grid.height)
    x, y = centres(grid, whole)
    inside = shapely.contains_xy(area.polygons, x, y)
    assert 0.02 < inside.mean() < 0.98
    np.testing.assert_array_equal(area.mask(grid, whole), inside)
    np.testing.assert_array_equal(area.contains(x, y), inside)
    for top in range(0, grid.height, 64):
        for left in (0, 100, 299):
            part = Window(left, top, min(133, grid.width - left), min(64, grid.height - top))
            here = np.s_[top : top + part.height, left : left + part.width]
            np.testing.assert_array_equal(area.mask(grid, part), inside[here])
    assert area.pixels(grid, whole) == pytest.approx(inside.sum(), rel=0.02)
    part = Window(50, 60, 200, 100)
    assert area.pixels(grid, part) == pytest.approx(inside[60:160, 50:250].sum(), rel=0.03)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-40, 340), st.integers(-40, 300)), min_size=3, max_size=12),
       st.integers(0, 299), st.integers(0, 259), st.integers(1, 300), st.integers(1, 260))
def test_cut_masks_equal_whole_ones(
    corners: list[tuple[int, int]], left: int, top: int, width: int, height: int
) -> None:
    """Corners on pixel corners, self-crossing, touching the window's sides: cutting changes no pixel."""
    grid = GRIDS["south up"]
    t = grid.transform
    polygon = shapely.make_valid(shapely.Polygon([t @ corner for corner in corners]))
    assume(shapely.area(polygon) > 0)
    parts = [part for part in shapely.get_parts(shapely.get_parts(polygon)) if part.geom_type == "Polygon"]
    area = area_from_wkt(shapely.to_wkt(shapely.MultiPolygon(parts), rounding_precision=-1))
    window = Window(left, top, min(width, 300 - left), min(height, 260 - top))
    x, y = centres(grid, window)
    known = shapely.distance(shapely.boundary(area.polygons), shapely.points(x, y)) > 1e-6
    inside = shapely.contains_xy(area.polygons, x, y)
    np.testing.assert_array_equal(area.mask(grid, window)[known], inside[known])


def test_a_layer_of_many_vertices_is_masked_quickly() -> None:
    """A million vertices, a band of a raster 20,000 pixels wide: far below the half second that a step may take."""
    grid = Grid(20_000, 20_000, Affine(10, 0, 500_000, 0, -10, 5_000_000), UTM)
    east, north = np.meshgrid(np.arange(600_000, 700_000, 1000), np.arange(4_805_000, 4_995_000, 2000))
    islands = shapely.buffer(shapely.points(east.ravel() + 7.0, north.ravel() + 3.0), 450, quad_segs=28)
    area = AreaOfInterest(shapely.union_all(islands))
    assert shapely.get_num_coordinates(area.polygons) > 1_000_000
    area.mask(grid, Window(0, 0, 512, 512))
    begin = perf_counter()
    mask = area.mask(grid, Window(0, 5120, 20_000, 512))
    assert perf_counter() - begin < 0.5
    assert mask.sum() == pytest.approx(area.pixels(grid, Window(0, 5120, 20_000, 512)), rel=0.01) and mask.any()


@pytest.mark.parametrize("crs", ["EPSG:4326", "ESRI:102039", "EPSG:3857"])
@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_long_edges_become_the_curves_they_are(tmp_path: Path, crs: str, suffix: str) -> None:
    """A rectangle 60 km wide in another CRS: its edges in between are where that CRS has them, within a metre."""
    x, y = transform(UTM, crs, [500_000], [5_000_000])
    size = 0.7 if crs == "EPSG:4326" else 60_000
    box = shapely.box(x[0], y[0], x[0] + size, y[0] + size)
    path = write(tmp_path / f"area{suffix}", [box], CRS.from_string(crs).to_wkt())
    area = read_area(path, "", UTM)
    along = np.linspace(0, 1, 50)[1:-1] * size
    edge = shapely.points(*transform(crs, UTM, x[0] + along, np.full(48, y[0])))
    assert shapely.distance(shapely.boundary(area.polygons), edge).max() < 1
    straight = shapely.LineString(np.column_stack(transform(crs, UTM, [x[0], x[0] + size], [y[0], y[0]])))
    if crs == "EPSG:4326":
        assert shapely.distance(straight, edge).max() > 50, "the test would not notice straight edges"


def test_all_polygons_of_a_layer_are_one_area(tmp_path: Path) -> None:
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    inner = shapely.GeometryCollection([shapely.box(400, 0, 410, 10), shapely.Point(0, 0)])
    overlapping = [shapely.box(200, 0, 300, 100), shapely.box(250, 0, 350, 100)]
    geometries = [*overlapping, bow, inner, shapely.Point(9, 9), shapely.Polygon()]
    path = write(tmp_path / "areas.gpkg", geometries, UTM.to_wkt())
    area = read_area(path, "", UTM)
    assert shapely.is_valid(area.polygons) and shapely.area(area.polygons) == pytest.approx(15_000 + 5_000 + 100)
    assert read_area(path, "areas", UTM) == area


def test_the_first_layer_with_polygons_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "areas.gpkg", [shapely.Point(1, 1)], UTM.to_wkt(), layer="points")
    write(path, [shapely.box(0, 0, 20, 20)], UTM.to_wkt(), layer="second", append=True)
    assert shapely.area(read_area(path, "", UTM).polygons) == 400
    with pytest.raises(InputError, match="no polygons"):
        read_area(path, "points", UTM)
    with pytest.raises(InputError, match="no layer named third; it has points, second"):
        read_area(path, "third", UTM)


def test_files_that_are_no_area(tmp_path: Path) -> None:
    box = shapely.box(0, 0, 20, 20)
    nameless = write(tmp_path / "nameless.shp", [box], None)
    (tmp_path / "text.geojson").write_text("{not json")
    (tmp_path / "cut.gpkg").write_bytes(write(tmp_path / "whole.gpkg", [box], UTM.to_wkt()).read_bytes()[:3000])
    flat = write(tmp_path / "flat.gpkg", [shapely.Polygon([(0, 0), (1, 1), (2, 2)])], UTM.to_wkt())
    world = write(tmp_path / "world.geojson", [shapely.box(-180, -90, 180, 90)], "EPSG:4326")
    dateline = write(tmp_path / "dateline.geojson", [shapely.box(179, -18, 180, -17)], "EPSG:4326")
    for path, words in [
        (tmp_path / "missing.gpkg", "missing.gpkg does not exist"),
        (tmp_path / "text.geojson", "text.geojson cannot be read as an area"),
        (tmp_path / "cut.gpkg", "cut.gpkg cannot be read as an area"),
        (nameless, "does not say which CRS its polygons are in"),
        (flat, "have no area"),
        (world, "no position in EPSG:32610"),
    ]:
        with pytest.raises(InputError, match=words):
            read_area(path, "", UTM)
    fiji = read_area(dateline, "", CRS.from_epsg(32760))
    assert shapely.area(fiji.polygons) == pytest.approx(106e3 * 110.7e3, rel=0.01)
    assert shapely.area(read_area(nameless, "", UTM, "EPSG:32610").polygons) == 400
    assert shapely.area(read_area(nameless, "", None).polygons) == 400
    with pytest.raises(InputError, match="The raster has no CRS"):
        read_area(tmp_path / "whole.gpkg", "", None)
    with pytest.raises(InputError, match="not one that is understood"):
        read_area(nameless, "", UTM, "EPSG:nothing")


@pytest.mark.parametrize("text", [
    "", "POINT (1 2)", "POLYGON", "POLYGON EMPTY", "POLYGON ((0 0, 1 1))", "POLYGON ((0 0, 1 0, 1 1, 0 0)", "nonsense",
    "POLYGON ((0 0, 1 1, 2 2, 0 0))", "POLYGON ((0 0, 1e999 0, 1 1, 0 0))", "POLYGON ((nan 0, 1 0, 1 1, nan 0))",
    "GEOMETRYCOLLECTION (" * 100_000, "POLYGON ((0 0, 1 0, 1 1, 0 0)) -- ", "POLYGON (" * 100_000,
    "LINESTRING (0 0, 1 1)", "POLYGON ((0 0, 1 0, 1 1, 0 0))\x00", "POLYGON ((" + "1 1, " * 2_000_000,
])
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="area of interest"):
        area_from_wkt(text)


@pytest.mark.parametrize("text", [
    "POLYGON((0 0, 20 0, 20 20, 0 20, 0 0))", "Polygon ((0 0, 20 0, 20 20, 0 20, 0 0))",
    "MultiPolygonZ (((0 0 1, 20 0 1, 20 20 1, 0 20 1, 0 0 1)))",
    " MULTIPOLYGON Z (((0 0 1,2e1 0 1,20 20 1,0 20 1,0 0 1)))",
])
def test_texts_as_programs_write_them(text: str) -> None:
    assert shapely.area(area_from_wkt(text).polygons) == 400


def test_windows_hold_whole_pixels_of_area_and_extent() -> None:
    grid = GRIDS["north up"]
    area = AreaOfInterest(shapely.box(500_105, 4_999_005, 500_305, 4_999_505))
    assert area.window(grid) == Window(10, 49, 21, 51)
    assert window_of(grid, "tiles.tif") == Window(0, 0, 300, 260)
    assert window_of(grid, "tiles.tif", area) == Window(10, 49, 21, 51)
    assert window_of(grid, "tiles.tif", area, (0, 4_999_400, 500_200, 9e6)) == Window(10, 49, 10, 11)
    degrees = transform(UTM, "EPSG:4326", [500_200, 500_300], [4_999_000, 4_999_400])
    box = (degrees[0][0], degrees[1][0], degrees[0][1], degrees[1][1])
    assert window_of(grid, "tiles.tif", None, box, "EPSG:4326").col_off in (19, 20)
    far = AreaOfInterest(shapely.box(0, 0, 10, 10))
    assert far.window(grid) is None and not far.mask(grid, Window(0, 0, 300, 260)).any()
    for options, words in [
        ({"area": far}, r"area of interest does not meet tiles\.tif .*EPSG:32610"),
        ({"extent": (0, 0, 1, 1)}, r"extent 0, 0, 1, 1 does not touch tiles\.tif"),
        ({"area": area, "extent": (502_000, 4_999_000, 503_000, 5_000_000)}, "do not meet on tiles.tif"),
        ({"extent": (0, 0, 1, 1), "extent_crs": "EPSG:nothing"}, "extent cannot be brought into EPSG:32610"),
        ({"extent": (float("nan"), 0, 1, 1)}, "does not touch"),
    ]:
        with pytest.raises(InputError, match=words):
            window_of(grid, "tiles.tif", **options)
