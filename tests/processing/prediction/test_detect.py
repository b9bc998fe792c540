"""Objects of a raster: each once, wherever windows lie; areas, resolution, cut objects, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError, ModelError, OutputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.scenes import raster
from bitscape.tests.processing.prediction.detectors import CELL, bright_cells
from rasterio.transform import from_origin
from scipy import ndimage

KINDS = ("YOLO_v5_or_v7_default", "YOLO_v6", "YOLO_v9", "YOLO_Ultralytics", "YOLO_Ultralytics_obb")


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Dark, with bright squares of 16 pixels that do not touch, on 30 × 23 cells: no multiple of a window."""
    random = np.random.default_rng(5)
    cells = np.zeros((30, 23), bool)
    cells[::2, ::2] = random.random((15, 12)) < 0.4
    pixels = np.where(np.kron(cells, np.ones((CELL, CELL))), 230, 20).astype(np.uint8)
    return raster(tmp_path / "scene.tif", pixels[None]), pixels


def detect(
    model: Path, source: Path, output: Path, **request: Any
) -> tuple[dict[str, Any], np.ndarray, dict[str, Any]]:
    given = {"model": str(model), "input": str(source), "output": str(output), **request}
    found = operations.run("detectobjects", given, Progress())
    info, _, wkb, columns = pyogrio.raw.read(output, layer="objects")
    return found, shapely.from_wkb(wkb), dict(zip(info["fields"], columns, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_once_at_its_place(kind: str, scene: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, pixels = scene
    found, shapes, columns = detect(bright_cells(tmp_path / "m.onnx", kind), source, tmp_path / "o.gpkg", overlap=64)
    places = ndimage.find_objects(ndimage.label(pixels > 100)[0])
    with rasterio.open(source) as dataset:
        transform = dataset.transform
    wanted = sorted((*(transform @ (part[1].start, part[0].stop)), *(transform @ (part[1].stop, part[0].start)))
                    for part in places)
    boxes = sorted(tuple(one.bounds) for one in shapes)
    assert np.abs(np.array(boxes) - np.array(wanted)).max() < 1e-3
    assert found["objects"] == len(places)
    assert found["cut"] == 0
    assert set(columns["class"]) == {"light"}
    assert columns["score"] == pytest.approx(230 / 255, abs=1e-3)
    assert ("angle" in columns) == kind.endswith("obb")


def test_the_result_does_not_depend_on_overlap_or_extent(scene: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, _ = scene
    model = bright_cells(tmp_path / "m.onnx")
    _, whole, _ = detect(model, source, tmp_path / "a.gpkg", overlap=32)
    _, other, _ = detect(model, source, tmp_path / "b.gpkg", overlap=96)
    assert sorted(one.wkt for one in whole) == sorted(one.wkt for one in other)
    west, south, east, north = shapely.total_bounds(whole)
    middle = (west, south, (west + east) / 2, north)
    found, part, _ = detect(model, source, tmp_path / "c.gpkg", overlap=32, extent=middle)
    inside = [one for one in whole if one.centroid.x < middle[2]]
    assert sorted(one.wkt for one in part) == sorted(one.wkt for one in inside)
    assert found["objects"] == len(inside) > 0


def test_an_area_takes_objects_whose_centre_it_holds(scene: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, _ = scene
    model = bright_cells(tmp_path / "m.onnx")
    _, whole, _ = detect(model, source, tmp_path / "a.gpkg")
    area = shapely.affinity.scale(shapely.box(*shapely.total_bounds(whole)), 0.5, 0.6)
    info = pyogrio.read_info(tmp_path / "a.gpkg", layer="objects")
    pyogrio.raw.write(str(tmp_path / "aoi.gpkg"), shapely.to_wkb(np.array([area])), [], [], geometry_type="Polygon",
                      crs=info["crs"], driver="GPKG")
    _, part, _ = detect(model, source, tmp_path / "b.gpkg", aoi=str(tmp_path / "aoi.gpkg"))
    assert sorted(one.wkt for one in part) == sorted(one.wkt for one in whole if area.contains(one.centroid))
    assert 0 < len(part) < len(whole)


def test_at_the_models_resolution(tmp_path: Path) -> None:
    """Squares of 32 pixels of 5 m are of 16 pixels of 10 m."""
    pixels = np.full((320, 320), 20, np.uint8)
    pixels[64:96, 128:160] = 230
    source = raster(tmp_path / "fine.tif", pixels[None], transform=from_origin(500_000, 4_000_000, 5, 5))
    found, shapes, _ = detect(bright_cells(tmp_path / "m.onnx", resolution=1000), source, tmp_path / "o.gpkg")
    assert found["resampled"]
    assert shapes[0].bounds == pytest.approx((500_640, 3_999_520, 500_800, 3_999_680), abs=1)


def test_objects_larger_than_the_overlap_are_told_of(tmp_path: Path) -> None:
    pixels = np.full((256, 512), 230, np.uint8)
    source = raster(tmp_path / "bright.tif", pixels[None])
    model = bright_cells(tmp_path / "m.onnx", size=100)
    warned: list[str] = []
    progress = Progress(log=lambda text, level: warned.append(text) if level == "warning" else None)
    found = operations.run("detectobjects", {"model": str(model), "input": str(source), "overlap": 32,
                                             "output": str(tmp_path / "o.gpkg")}, progress)
    assert found["cut"] > 0
    assert any("edge of a window" in text for text in warned)


def test_masks_are_outlines(tmp_path: Path) -> None:
    prototypes = np.full((2, 32, 32), -9, np.float32)
    prototypes[0, 8:16, 8:12] = 9
    row = np.array([[40, 48, 48, 48, 0.9, 1, 0]], np.float32)
    model = models.detector(tmp_path / "m.onnx", "YOLO_Ultralytics_segmentation", row, prototypes, size=128, channels=1)
    source = raster(tmp_path / "one.tif", np.full((1, 128, 128), 99, np.uint8),
                    transform=from_origin(500_000, 4_000_000, 0.1, 0.1))
    _, shapes, _ = detect(model, source, tmp_path / "o.gpkg")
    assert len(shapes) == 1
    # of 4 pixels each: columns 8 to 12 and rows 8 to 16 of the prototypes
    assert shapes[0].bounds == pytest.approx((500_003.2, 3_999_993.6, 500_004.8, 3_999_996.8))
    assert shapes[0].area == pytest.approx(1.6 * 3.2)


def test_none_found_is_an_empty_layer(tmp_path: Path) -> None:
    source = raster(tmp_path / "dark.tif", np.full((1, 200, 200), 3, np.uint8))
    found, shapes, columns = detect(bright_cells(tmp_path / "m.onnx"), source, tmp_path / "o.gpkg")
    assert found["objects"] == len(shapes) == 0
    assert {"class", "class_id", "score"} <= set(columns)


def test_other_models_and_other_files_are_refused(scene: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, _ = scene
    other = models.segmentor(tmp_path / "s.onnx", channels=1)
    with pytest.raises(ModelError, match=r"Segmentor.*Detect objects.*Detector"):
        detect(other, source, tmp_path / "o.gpkg")
    with pytest.raises(OutputError, match="gpkg"):
        detect(bright_cells(tmp_path / "m.onnx"), source, tmp_path / "o.tif")
    with pytest.raises(InputError, match="does not meet"):
        area = shapely.box(0, 0, 1, 1)
        pyogrio.raw.write(str(tmp_path / "far.gpkg"), shapely.to_wkb(np.array([area])), [], [], geometry_type="Polygon",
                          crs="EPSG:4326", driver="GPKG")
        detect(bright_cells(tmp_path / "m.onnx"), source, tmp_path / "o.gpkg", aoi=str(tmp_path / "far.gpkg"))
    assert not (tmp_path / "o.gpkg").exists()


def test_cancelled_at_once_leaves_nothing(scene: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    source, _ = scene
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        operations.run("detectobjects", {"model": str(bright_cells(tmp_path / "m.onnx")), "input": str(source),
                                         "output": str(tmp_path / "o.gpkg")}, progress)
    assert not list(tmp_path.glob("*.gpkg*"))
