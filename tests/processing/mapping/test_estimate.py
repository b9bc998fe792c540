"""What the estimate says against what the application then takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import BasisMismatch, InputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from rasterio.crs import CRS
from rasterio.transform import Affine

Make = Callable[..., Path]
SIDE = 2560


def run(operation: str, **values: Any) -> dict[str, Any]:
    return operations.run(operation, json.loads(json.dumps(values, default=str)), Progress())


@pytest.fixture(scope="module")
def land() -> tuple[np.ndarray, np.ndarray]:
    """Codes (8, 2560, 2560) int8 of patches with noise, some of them without data, and their classes 0 … 2."""
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, (SIDE // 40, SIDE // 40)).repeat(40, axis=0).repeat(40, axis=1)
    means = random.normal(0, 25, (3, 8)).astype(np.float32)
    codes = np.empty((8, SIDE, SIDE), np.int8)
    for plane in range(8):
        noise = random.standard_normal(truth.shape, np.float32) * 9
        codes[plane] = np.clip(np.rint(means[truth, plane] + noise), -127, 127)
    codes[:, 300:500, 1000:1600] = -128
    return codes, truth


@pytest.fixture
def grid() -> Grid:
    return Grid(SIDE, SIDE, Affine(10, 0, 500_000, 0, 10, 4_000_000), CRS.from_epsg(32610))


@pytest.fixture
def tiles(tmp_path: Path, make_tiles: Make, grid: Grid, land: tuple[np.ndarray, np.ndarray]) -> Path:
    return make_tiles(tmp_path / "tiles.tif", land[0], grid)


@pytest.fixture
def model(tmp_path: Path, tiles: Path, write_points: Make, grid: Grid, land: tuple[np.ndarray, np.ndarray]) -> Path:
    random = np.random.default_rng(5)
    rows, columns = random.integers(0, SIDE, (2, 80))
    classes = np.where(land[1][rows, columns] == 2, "change", "no change")
    labels = write_points(tmp_path / "clicks.gpkg", grid, rows, columns, classes.tolist())
    run("trainclassifier", tiles=tiles, labels=labels, model=tmp_path / "model.json")
    return tmp_path / "model.json"


@pytest.mark.parametrize("classes", [True, False])
def test_time_and_bytes_are_about_right(tmp_path: Path, tiles: Path, model: Path, classes: bool) -> None:
    maps = {"score": tmp_path / "score.tif", **({"classes": tmp_path / "classes.tif"} if classes else {})}
    estimates, times, own = [], [], []
    for _ in range(3):
        begin = perf_counter()
        estimates.append(run("estimateapply", tiles=tiles, model=model, classes=classes))
        middle = perf_counter()
        run("applyclassifier", tiles=[tiles], model=model, **maps)
        own.append(middle - begin)
        times.append(perf_counter() - middle)
    one = estimates[0]
    assert 1 / 3 < np.median([found["seconds"] for found in estimates]) / np.median(times) < 3
    assert 1 / 2 < one["bytes"] / sum(path.stat().st_size for path in maps.values()) < 2
    assert min(own) < 0.5, "an estimate is asked for while somebody waits"
    assert one["pixels_read"] == one["pixels_inside"] == SIDE * SIDE and one["width"] == one["height"] == SIDE
    assert one["rate"] == pytest.approx(one["pixels_read"] / one["seconds"] / 1e6) and one["free_bytes"] is None


def test_an_area_costs_its_pixels(tmp_path: Path, tiles: Path, model: Path, write_features: Make, grid: Grid) -> None:
    """Two distant places: what lies between is neither read nor compressed to more than a little."""
    t = grid.transform
    places = [(100, 100, 700, 600), (1900, 1800, 2400, 2500)]
    area = shapely.union_all([shapely.box(*(t @ (left, top)), *(t @ (right, bottom))).buffer(-3)
                              for left, top, right, bottom in places])
    found = run("estimateapply", tiles=tiles, model=model, aoi=shapely.to_wkt(area), output=tmp_path / "no" / "s.tif")
    inside = 600 * 500 + 500 * 700
    assert found["pixels_inside"] == pytest.approx(inside, rel=0.01)
    rows = {(100, 700): (512 - 100) + 512, (1900, 2400): 512 + (2500 - 2048)}
    assert found["pixels_read"] == sum((right - left) * height for (left, right), height in rows.items())
    assert found["width"] == 2300 and found["height"] == 2400
    assert found["free_bytes"] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)
    path = write_features(tmp_path / "aoi.gpkg", shapely.get_parts(area), {"n": [1, 2]}, grid.crs.to_wkt())
    maps = {"score": tmp_path / "s.tif", "classes": tmp_path / "c.tif"}
    done = run("applyclassifier", tiles=[tiles], model=model, aoi=path, **maps)["maps"][0]
    assert done["pixels"] == inside
    assert 1 / 2 < found["bytes"] / sum(one.stat().st_size for one in maps.values()) < 2


def test_without_a_model_and_with_an_extent(tiles: Path, grid: Grid) -> None:
    west, south = grid.transform @ (1000.5, 200.5)
    found = run("estimateapply", tiles=tiles, extent=[west, south, west + 5000, south + 3000], threads=1)
    assert found["pixels_inside"] == found["pixels_read"] == 501 * 301
    assert 0 < found["seconds"] < 5 and 1000 < found["bytes"] < 501 * 301 * 4
    gap = [*(grid.transform @ (1010, 310)), *(grid.transform @ (1500, 490))]
    nothing = run("estimateapply", tiles=tiles, extent=gap)
    assert nothing["bytes"] < found["bytes"], "a gap in the data compresses to next to nothing"


def test_what_cannot_be_applied_cannot_be_estimated(
    tmp_path: Path, tiles: Path, model: Path, make_tiles: Make, grid: Grid
) -> None:
    small = Grid(60, 50, grid.transform, grid.crs)
    other = make_tiles(tmp_path / "other.tif", np.ones((8, 50, 60), np.int8), small, basis=1)
    with pytest.raises(BasisMismatch, match=r"other\.tif"):
        run("estimateapply", tiles=other, model=model)
    assert run("estimateapply", tiles=other)["pixels_read"] == 3000
    for values, words in [
        ({"aoi": "POLYGON ((0 0, 1 0, 1 1, 0 0))"}, r"does not meet .*tiles\.tif"),
        ({"aoi": "POLYGON ((500001 4000001, 500002 4000001, 500002 4000002, 500001 4000001))"}, "centre of no pixel"),
        ({"aoi": "nonsense"}, "not the WKT of a polygon"),
        ({"extent": [0, 0, 1, 1]}, "does not touch"),
    ]:
        with pytest.raises(InputError, match=words):
            run("estimateapply", tiles=tiles, model=model, **values)
