"""Places of a class where the model was sure: which pixels qualify, how they are spread, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.processing.statistics import map_points
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy.ndimage import distance_transform_cdt

WEST, NORTH, PIXEL = 500_000.0, 5_000_000.0, 10.0


def write(path: Path, values: NDArray[Any], nodata: float | None = 0, shift: float = 0, **tags: str) -> Path:
    with rasterio.open(
        path, "w", "GTiff", values.shape[1], values.shape[0], 1, "EPSG:32633",
        from_origin(WEST + shift, NORTH, PIXEL, PIXEL), values.dtype, nodata,
    ) as target:
        target.write(values, 1)
        target.update_tags(CLASS_1="land", CLASS_2="water", **tags)
    return path


def run(**values: Any) -> dict[str, Any]:
    return operations.run("mappoints", values, Progress())


def pixels(found: dict[str, Any]) -> list[tuple[int, int]]:
    return [(int((NORTH - one["y"]) // PIXEL), int((one["x"] - WEST) // PIXEL)) for one in found["points"]]


@pytest.fixture
def blobs(tmp_path: Path) -> tuple[Path, NDArray[np.uint8], Path, NDArray[np.uint8]]:
    """A map of 300 × 260 pixels with ragged water, and its confidence."""
    random = np.random.default_rng(5)
    coarse = random.random((30, 26)) < 0.45
    classes = np.where(np.kron(coarse, np.ones((10, 10), bool)), 2, 1).astype(np.uint8)
    classes[:20] = 0
    confidence = random.integers(0, 255, classes.shape).astype(np.uint8)
    return write(tmp_path / "map.tif", classes), classes, write(
        tmp_path / "map_confidence.tif", confidence, 255), confidence


@pytest.mark.parametrize("block", [1024, 64])
def test_points_are_of_the_class_away_from_others_and_sure(blobs: Any, block: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(map_points, "BLOCK", block)
    path, classes, sure_path, sure = blobs
    found = run(map=path, value=2, confidence=sure_path, threshold=0.8, margin=2, count=60)
    places = pixels(found)
    assert len(places) == 60 == len(set(places)) and found["margin"] == 2 and found["class_name"] == "water"
    padded = np.zeros((classes.shape[0] + 2, classes.shape[1] + 2), np.uint8)
    padded[1:-1, 1:-1] = classes
    inner = distance_transform_cdt(padded == 2, "chessboard")[1:-1, 1:-1] > 2
    expected = inner & (sure / np.float32(254) >= 0.8) & (sure != 255)
    assert found["candidates"] == expected.sum()
    assert all(expected[place] for place in places)
    for one, place in zip(found["points"], places, strict=True):
        assert one["confidence"] == pytest.approx(sure[place] / 254, abs=1e-4)
        assert (one["x"] - WEST) % PIXEL == PIXEL / 2, "the middle of a pixel"


def test_the_same_seed_gives_the_same_points_and_every_pixel_has_its_chance(blobs: Any) -> None:
    path = blobs[0]
    assert run(map=path, value=1, count=20, seed=1) == run(map=path, value=1, count=20, seed=1)
    assert run(map=path, value=1, count=20, seed=1) != run(map=path, value=1, count=20, seed=2)
    rows = np.array([row for seed in range(40) for row, _ in pixels(run(map=path, value=1, count=50, seed=seed))])
    expected = np.nonzero(map_points._of_class(  # the mean row of all that qualify
        map_points.ClassMap.open(path), 1, rasterio.windows.Window(0, 0, 260, 300), 1))[0]
    error = expected.std() / np.sqrt(len(rows))
    assert abs(rows.mean() - expected.mean()) < 4 * error


def test_points_keep_their_distance_and_stay_in_the_area(blobs: Any) -> None:
    path = blobs[0]
    box = shapely.box(WEST, NORTH - 1500, WEST + 1300, NORTH).wkt
    found = run(map=path, value=2, count=200, min_distance=120, aoi=box)
    places = np.array([(one["x"], one["y"]) for one in found["points"]])
    assert 20 < len(places) < 200, "there is no room for more"
    assert (places[:, 0] < WEST + 1300).all() and (places[:, 1] > NORTH - 1500).all()
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    # UTM scale is not 1: the distance is that on the ground
    assert apart[np.triu_indices(len(places), 1)].min() > 120 * 0.999


def test_a_class_too_thin_for_a_margin_is_found_without(tmp_path: Path) -> None:
    classes = np.ones((50, 50), np.uint8)
    classes[25] = 2
    path = write(tmp_path / "road.tif", classes)
    found = run(map=path, value=2, count=10, margin=3)
    assert found["margin"] == 0 and {row for row, _ in pixels(found)} == {25}


def test_one_point_lies_inside_each_of_the_largest_regions(tmp_path: Path) -> None:
    classes = np.full((80, 80), 2, np.uint8)
    path = write(tmp_path / "map.tif", classes)
    middle = shapely.Point(WEST + 300, NORTH - 300)
    ring = middle.buffer(100).difference(middle.buffer(90))
    shapes = [shapely.box(WEST, NORTH - 50, WEST + 50, NORTH), ring,
              shapely.box(WEST + 500, NORTH - 700, WEST + 700, NORTH - 500)]
    regions = tmp_path / "regions.gpkg"
    pyogrio.raw.write(regions, shapely.to_wkb(np.array(shapes)), [], [], geometry_type="Polygon", crs="EPSG:32633")
    found = run(map=path, value=2, how="regions", polygons=regions, count=2)
    points = [shapely.Point(one["x"], one["y"]) for one in found["points"]]
    assert found["candidates"] == 3 and len(points) == 2
    assert shapes[2].contains(points[0]) and ring.contains(points[1]), "inside, not at the centroid of a ring"


def test_what_cannot_be_has_words(blobs: Any, tmp_path: Path) -> None:
    path, classes = blobs[:2]
    with pytest.raises(InputError, match="no pixel of 7"):
        run(map=path, value=7)
    with pytest.raises(InputError, match=r"so sure of water .* the surest pixel has 0\.04"):
        dull = write(tmp_path / "dull.tif", np.full(classes.shape, 9, np.uint8), 255)
        run(map=path, value=2, confidence=dull, threshold=0.5)
    with pytest.raises(InputError, match="another grid"):
        run(map=path, value=2, confidence=write(tmp_path / "moved.tif", np.ones(classes.shape, np.uint8), 255, 10))
    with pytest.raises(InputError, match="need the regions"):
        run(map=path, value=2, how="regions")
    with pytest.raises(InputError, match="cannot be read as polygons"):
        broken = tmp_path / "broken.gpkg"
        broken.write_bytes(b"SQLite format 3\0" + bytes(200))
        run(map=path, value=2, how="regions", polygons=broken)
    with pytest.raises(InputError):
        run(map=path, value=2, count=0)
