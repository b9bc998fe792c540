"""An area of interest in training and in application: exactly its pixels, aligned, and nothing of what lies outside."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.classification.labels import Labels, only_inside
from bitscape.processing.classification.model import load_model
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.errors import Cancelled, InputError, LabelError
from bitscape.processing.grids.area import AreaOfInterest
from bitscape.processing.grids.grid import Grid
from bitscape.processing.mapping.apply import BandScorer
from bitscape.processing.mapping.bands import AreaScorer, Limits
from bitscape.processing.progress import Progress
from rasterio.transform import Affine
from rasterio.windows import Window

Make = Callable[..., Path]
Scene = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def tiles(tmp_path: Path, make_tiles: Make, grid: Grid, scene: Scene) -> Path:
    return make_tiles(tmp_path / "tiles.tif", scene[0], grid)


@pytest.fixture
def clicks(tmp_path: Path, write_points: Make, grid: Grid, scene: Scene) -> Path:
    """160 points on the scene: class 2 is change, the others are not."""
    random = np.random.default_rng(5)
    rows, columns = random.integers(0, grid.height, 160), random.integers(0, grid.width, 160)
    classes = ["change" if scene[1][row, column] == 2 else "no change" for row, column in zip(rows, columns)]
    return write_points(tmp_path / "clicks.gpkg", grid, rows, columns, classes)


@pytest.fixture
def model(tmp_path: Path, tiles: Path, clicks: Path) -> Path:
    run("trainclassifier", tiles=tiles, labels=clicks, model=tmp_path / "model.json")
    return tmp_path / "model.json"


def run(operation: str, progress: Progress | None = None, **values: Any) -> dict[str, Any]:
    return operations.run(operation, json.loads(json.dumps(values, default=str)), progress or Progress())


def read(path: Path | str) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


def ground(grid: Grid, columns: list[float], rows: list[float]) -> np.ndarray:
    """Positions in CRS units, (points, 2)."""
    t = grid.transform
    return np.column_stack([t.c + np.array(columns) * t.a, t.f + np.array(rows) * t.e])


def blob(grid: Grid) -> shapely.Geometry:
    """A ragged ring and an island, across the blocks' seams and a corner of the tiles."""
    outline = ground(grid, [33.2, 520.7, 610.1, 580.3, 300.6, 80.9], [90.4, 61.8, 300.2, 560.7, 450.5, 540.1])
    hole = ground(grid, [200, 350, 280], [200, 220, 340])
    island = ground(grid, [650, 730, 690], [20, 40, 90])
    return shapely.union_all([shapely.Polygon(outline, [hole]), shapely.Polygon(island)])


@pytest.fixture
def aoi(tmp_path: Path, write_features: Make, grid: Grid) -> Path:
    parts = shapely.get_parts(blob(grid))
    return write_features(tmp_path / "aoi.gpkg", parts, {"number": [1, 2]}, grid.crs.to_wkt())


def inside_of(area: shapely.Geometry, grid: Grid) -> np.ndarray:
    """Pixels whose centre an area holds, (height, width)."""
    t = grid.transform
    row, column = np.mgrid[0 : grid.height, 0 : grid.width] + 0.5
    return shapely.contains_xy(area, t.c + column * t.a, t.f + row * t.e)


def test_maps_cover_the_area_and_nothing_else(
    tmp_path: Path, tiles: Path, model: Path, aoi: Path, grid: Grid, heard: type
) -> None:
    run("applyclassifier", tiles=[tiles], model=model, score=tmp_path / "all.tif", classes=tmp_path / "allc.tif")
    progress = heard()
    done = run("applyclassifier", progress, tiles=[tiles], model=model, score=tmp_path / "score.tif",
               classes=tmp_path / "classes.tif", aoi=aoi)["maps"][0]
    inside = inside_of(blob(grid), grid)
    left, top, right, bottom = 33, 20, 700, 561
    for cut, whole, blank in (("score.tif", "all.tif", 255), ("classes.tif", "allc.tif", 0)):
        found, all_of_it = read(tmp_path / cut), read(tmp_path / whole)
        wanted = np.where(inside, all_of_it, blank)[:, top:bottom, left:right]
        np.testing.assert_array_equal(found, wanted)
        assert (np.where(inside, blank, all_of_it) != blank).any(), "the whole map has data outside"
        with rasterio.open(tmp_path / cut) as dataset:
            assert dataset.crs == grid.crs and dataset.overviews(1) == [2, 4]
            assert dataset.transform == grid.transform @ Affine.translation(left, top)
            record = json.loads(dataset.tags()["BITSCAPE_PROVENANCE"])
            assert record["parameters"]["aoi"] == str(aoi) and record["inputs"][2]["name"] == "aoi.gpkg"
    classes = read(tmp_path / "allc.tif")[0]
    assert done["pixels"] == inside.sum() and done["covered_pixels"] == (classes[inside] != 0).sum()
    assert done["class_pixels"] == {"change": (classes[inside] == 1).sum(), "no change": (classes[inside] == 2).sum()}
    assert any("inside the area of interest have data" in line for _, line in progress.lines)


def test_an_extent_cuts_whole_pixels_in_any_crs(
    tmp_path: Path, tiles: Path, model: Path, aoi: Path, grid: Grid
) -> None:
    from rasterio.warp import transform_bounds

    run("applyclassifier", tiles=[tiles], model=model, score=tmp_path / "all.tif")
    whole = read(tmp_path / "all.tif")
    (west, south), (east, north) = ground(grid, [100.5, 640.5], [50.5, 590.5])
    done = run("applyclassifier", tiles=[tiles], model=model, score=tmp_path / "box.tif",
               extent=[west, south, east, north])["maps"][0]
    np.testing.assert_array_equal(read(tmp_path / "box.tif"), whole[:, 50:591, 100:641])
    assert done["pixels"] == 541 * 541
    degrees = transform_bounds(grid.crs, "EPSG:4326", west, south, east, north)
    run("applyclassifier", tiles=[tiles], model=model, score=tmp_path / "degrees.tif", extent=degrees,
        extent_crs="EPSG:4326")
    with rasterio.open(tmp_path / "degrees.tif") as dataset:
        column, row = ~grid.transform @ (dataset.transform.c, dataset.transform.f)
        assert (column, row) == (round(column), round(row)) and 90 < column <= 100 and 40 < row <= 50
    run("applyclassifier", tiles=[tiles], model=model, score=tmp_path / "both.tif", aoi=aoi,
        extent=[west, south, east, north])
    masked = np.where(inside_of(blob(grid), grid), whole, 255)
    np.testing.assert_array_equal(read(tmp_path / "both.tif"), masked[:, 50:561, 100:641])


def test_more_classes_have_a_mask_in_every_band(
    tmp_path: Path, tiles: Path, write_points: Make, aoi: Path, grid: Grid, scene: Scene
) -> None:
    random = np.random.default_rng(1)
    rows, columns = random.integers(0, grid.height, 90), random.integers(0, grid.width, 90)
    names = np.array(["crop", "forest", "water"])[scene[1][rows, columns]]
    labels = write_points(tmp_path / "l.gpkg", grid, rows, columns, names.tolist())
    run("trainclassifier", tiles=tiles, labels=labels, model=tmp_path / "m.json")
    run("applyclassifier", tiles=[tiles], model=tmp_path / "m.json", score=tmp_path / "s.tif", aoi=aoi)
    found, inside = read(tmp_path / "s.tif"), inside_of(blob(grid), grid)[20:561, 33:700]
    covered = scene[0][0, 20:561, 33:700] != -128
    assert found.shape[0] == 3 and ((found != 255) == (inside & covered)).all()


def test_only_what_an_area_touches_is_read(tiles: Path, grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Tiles.open(tiles)
    scorer = AreaScorer(pickle.loads(pickle.dumps(BandScorer(opened, np.full((1, 8), 0.01), np.array([0.1]), (2, 1)))))
    reads: list[Window] = []
    reader = type(scorer.scorer.tiles.reader)
    read_it = reader.read
    monkeypatch.setattr(reader, "read", lambda self, window, out=None: reads.append(window) or read_it(self, window))
    corners = [ground(grid, [10, 20], [10, 20]), ground(grid, [600, 650], [590, 600])]
    area = AreaOfInterest(shapely.union_all([shapely.box(*two.ravel()) for two in corners]))
    limits = Limits(Window(10, 10, 640, 590), area)
    bands = list(limits.bands(grid, 128))
    assert [band.row_off for band, _ in bands] == [10, 128, 256, 384, 512]
    assert [band.height for band, _ in bands] == [118, 128, 128, 128, 88]
    scored = [scorer(band) for band in bands]
    assert [asked for _, asked in scored] == [100, 0, 0, 0, 500]
    assert [(window.col_off, window.width, window.row_off) for window in reads] == [(10, 10, 10), (600, 50, 512)]


@pytest.mark.parametrize(("box", "words"), [
    ((0, 0, 50, 50), r"area of interest does not meet .*tiles\.tif"),
    ((500_001, 4_000_001, 500_003, 4_000_003), r"holds the centre of no pixel of tiles\.tif"),
])
def test_areas_that_hold_nothing(
    tmp_path: Path, tiles: Path, model: Path, write_features: Make, grid: Grid, box: tuple[float, ...], words: str
) -> None:
    path = write_features(tmp_path / "far.gpkg", np.array([shapely.box(*box)]), {"n": [1]}, grid.crs.to_wkt())
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=words):
        run("applyclassifier", tiles=[tiles], model=model, score=tmp_path / "score.tif", aoi=path)
    with pytest.raises(InputError, match="an input of this run"):
        run("applyclassifier", tiles=[tiles], model=model, score=path, aoi=path)
    assert set(tmp_path.iterdir()) == before


def test_a_cancelled_run_leaves_nothing(tmp_path: Path, tiles: Path, model: Path, aoi: Path, heard: type) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        run("applyclassifier", heard(2), tiles=[tiles], model=model, score=tmp_path / "score.tif", aoi=aoi)
    assert set(tmp_path.iterdir()) == before


def test_labels_outside_neither_train_nor_count(
    tmp_path: Path, tiles: Path, write_points: Make, write_features: Make, grid: Grid, scene: Scene, aoi: Path,
    heard: type,
) -> None:
    """With an area a model is what it is without the labels outside, which here are all wrong."""
    random = np.random.default_rng(8)
    rows, columns = random.integers(0, grid.height, 400), random.integers(0, grid.width, 400)
    inside = inside_of(blob(grid), grid)[rows, columns]
    truth = (scene[1][rows, columns] == 2) ^ ~inside
    names = np.where(truth, "change", "no change")
    everywhere = write_points(tmp_path / "all.gpkg", grid, rows, columns, names.tolist())
    only = write_points(tmp_path / "in.gpkg", grid, rows[inside], columns[inside], names[inside].tolist())
    progress = heard()
    limited = run("trainclassifier", progress, tiles=tiles, labels=everywhere, model=tmp_path / "a.json", aoi=aoi)
    wanted = run("trainclassifier", tiles=tiles, labels=only, model=tmp_path / "b.json")
    a, b = load_model(tmp_path / "a.json"), load_model(tmp_path / "b.json")
    assert (a.weights, a.bias, a.counts) == (b.weights, b.bias, b.counts)
    assert (limited["random"], limited["spatial"]) == (wanted["random"], wanted["spatial"])
    said = f"{(~inside).sum()} labels lie outside the area of interest and did not train"
    assert said in limited["warnings"] and said in a.warnings
    assert ("warning", f"{said}.") in progress.lines
    assert a.provenance["parameters"]["aoi"] == str(aoi) and a.provenance["inputs"][2]["name"] == "aoi.gpkg"
    far = write_features(tmp_path / "far.gpkg", np.array([shapely.box(0, 0, 50, 50)]), {"n": [1]}, grid.crs.to_wkt())
    with pytest.raises(LabelError, match="area of interest holds none of the 400 labels"):
        run("trainclassifier", tiles=tiles, labels=everywhere, model=tmp_path / "c.json", aoi=far)
    with pytest.raises(InputError, match="overwrite one of the inputs"):
        run("trainclassifier", tiles=tiles, labels=everywhere, model=aoi, aoi=aoi)
    assert not (tmp_path / "c.json").exists()


def test_labels_are_cut_to_the_area() -> None:
    area = AreaOfInterest(shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 30, 10)]))
    geometries = np.array([
        shapely.Point(5, 5), shapely.Point(15, 5), shapely.MultiPoint([(1, 1), (15, 5)]), shapely.box(2, 2, 4, 4),
        shapely.box(5, 5, 25, 15), shapely.box(10, 0, 20, 10), shapely.box(8, 0, 20, 10),
    ])
    labels = only_inside(Labels(geometries, np.arange(7) % 2, ("a", "b"), ["before"]), area)
    assert labels.classes.tolist() == [0, 0, 1, 0, 0] and labels.names == ("a", "b")
    assert labels.warnings == ["before", "2 labels lie outside the area of interest and did not train"]
    assert shapely.get_coordinates(labels.geometries[1]).tolist() == [[1, 1]]
    assert shapely.area(labels.geometries).tolist() == [0, 0, 4, 50, 20]
    assert set(shapely.get_type_id(labels.geometries)) <= {0, 3, 6}, "no collections, no lines"
    assert shapely.area(geometries[4]) == 200, "the labels given stay as they are"
