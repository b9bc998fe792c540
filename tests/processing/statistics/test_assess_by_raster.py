"""A map against a raster of the truth: counted as scikit-learn does, on any grid, and rasters that do not fit."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from bitscape.processing.errors import Cancelled, GridMismatch, InputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.statistics.scenes import NAMES, TRANSFORM, assess, mapped, truth, write_map
from sklearn.metrics import accuracy_score, jaccard_score, precision_recall_fscore_support


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return write_map(tmp_path / "map.tif", mapped())


def compare(result: Any, said: np.ndarray, true: np.ndarray) -> None:
    """Every figure, against scikit-learn on the same pixels."""
    labels = sorted({*said.tolist(), *true.tolist()})
    assert result.count == len(said) and len(result.classes) == len(labels)
    assert result.overall.value == pytest.approx(accuracy_score(true, said))
    precision, recall, f1, _ = precision_recall_fscore_support(true, said, labels=labels, zero_division=np.nan)
    iou = jaccard_score(true, said, labels=labels, average=None)
    for index, one in enumerate(result.classes):
        for figure, wanted in ((one.users, precision), (one.producers, recall), (one.f1, f1), (one.iou, iou)):
            assert (np.nan if figure is None else figure.value) == pytest.approx(wanted[index], nan_ok=True), one.name
    assert result.mean_iou == pytest.approx(iou.mean())


def test_every_pixel_counts_and_there_is_no_interval(tmp_path: Path, chart: Path) -> None:
    reference = write_map(tmp_path / "truth.tif", truth())
    result = assess(tmp_path, map=chart, reference=reference, table=tmp_path / "out" / "t.csv")
    known = mapped() > 0
    compare(result, mapped()[known], truth()[known])
    assert result.mode == "raster" and result.overall.low is None and result.classes[0].f1.error is None
    iou = result.classes[0].iou.value
    assert result.headline.startswith(f"Change: IoU {iou:.3f}, F1 ") and "of 39,500 pixels" in result.headline
    assert result.classes[0].area.value == pytest.approx((truth()[known] == 1).sum() / 100, rel=2e-3)
    page = result.report.read_text(encoding="utf-8")
    assert "they have no sampling error" in page and "are not compared: 500." in page
    with (tmp_path / "out" / "t.csv").open(encoding="utf-8") as stream:
        table = {(row["measure"], row["class"]): row["value"] for row in csv.DictReader(stream)}
    assert float(table["iou", "Change"]) == pytest.approx(iou)


def test_classes_correspond_by_name_else_by_number(tmp_path: Path, chart: Path) -> None:
    swapped = np.where(truth() == 1, 5, 9).astype(np.int16)
    by_name = write_map(tmp_path / "a.tif", swapped, {"CLASS_5": "change", "CLASS_9": "No-Change"}, nodata=None)
    result = assess(tmp_path, map=chart, reference=by_name)
    known = mapped() > 0
    compare(result, mapped()[known], truth()[known])
    by_number = write_map(tmp_path / "b.tif", truth(), {})
    assert assess(tmp_path, map=chart, reference=by_number).overall == result.overall
    with pytest.raises(InputError, match=r"5, 9; .* has Change \(1\), no change \(2\)"):
        assess(tmp_path, map=chart, reference=write_map(tmp_path / "c.tif", swapped, {}, nodata=None))
    more = truth()
    more[:20, :20] = 7
    result = assess(tmp_path, map=chart, reference=write_map(tmp_path / "d.tif", more, {**NAMES, "CLASS_7": "Water"}))
    assert any("No class of the map is Water" in line for line in result.warnings)
    compare(result, mapped()[known], more[known])


def test_an_area_of_interest_limits_the_comparison(tmp_path: Path, chart: Path) -> None:
    west, north = TRANSFORM @ (10, 10)
    east, south = TRANSFORM @ (100, 90)
    area = tmp_path / "aoi.gpkg"
    pyogrio.raw.write(str(area), shapely.to_wkb(np.array([shapely.box(west, south, east, north)])), [], [], layer="a",
                      driver="GPKG", geometry_type="Polygon", crs="EPSG:32610")
    reference = write_map(tmp_path / "truth.tif", truth())
    result = assess(tmp_path, map=chart, reference=reference, aoi=area)
    compare(result, mapped()[10:90, 10:100].ravel(), truth()[10:90, 10:100].ravel())
    corner = [TRANSFORM @ place for place in ((155, 1), (190, 8))]
    pyogrio.raw.write(str(tmp_path / "b.gpkg"), shapely.to_wkb(np.array([shapely.box(*corner[0], *corner[1])])), [], [],
                      layer="a", driver="GPKG", geometry_type="Polygon", crs="EPSG:32610")
    with pytest.raises(InputError, match="No pixel of the area of interest has data in both"):
        assess(tmp_path, map=chart, reference=reference, aoi=tmp_path / "b.gpkg")


def test_a_reference_on_another_grid_is_brought_onto_the_maps(tmp_path: Path, chart: Path) -> None:
    fine = np.kron(truth(), np.ones((2, 2), np.uint8))[:, 100:]
    moved = write_map(tmp_path / "fine.tif", fine, nodata=None,
                      transform=TRANSFORM @ Affine.translation(50, 0) @ Affine.scale(0.5))
    result = assess(tmp_path, map=chart, reference=moved)
    assert any("on another grid" in line and "nearest neighbour" in line for line in result.warnings)
    known = mapped()[:, 50:] > 0
    compare(result, mapped()[:, 50:][known], truth()[:, 50:][known])
    for crs, map_crs in ((None, "EPSG:32610"), (None, None)):
        with pytest.raises(GridMismatch, match="CRS"):
            assess(tmp_path, map=write_map(tmp_path / "m.tif", mapped(), crs=map_crs),
                   reference=write_map(tmp_path / "r.tif", fine, crs=crs))
    away = write_map(tmp_path / "away.tif", truth(), transform=Affine(10, 0, 900_000, 0, -10, 6_000_000))
    with pytest.raises(InputError, match="No pixel has data in both"):
        assess(tmp_path, map=chart, reference=away)


def test_wide_numbers_are_counted_too(tmp_path: Path) -> None:
    codes = np.array([0, -7, 4_000_000], np.int32)
    chart = write_map(tmp_path / "map.tif", codes[mapped()], {}, nodata=0)
    reference = write_map(tmp_path / "truth.tif", codes[truth()], {}, nodata=0)
    known = mapped() > 0
    compare(assess(tmp_path, map=chart, reference=reference), codes[mapped()][known], codes[truth()][known])


def test_real_land_cover_masks(tmp_path: Path, shared_data: Path) -> None:
    """One metre land cover of the Chesapeake Bay (ESRI:102039), as the map with a tenth of its pixels drawn anew."""
    reference = shared_data / "chesapeake_rsc" / "1717_mask.tif"
    with rasterio.open(reference) as dataset:
        true, profile = dataset.read(1), dataset.profile
    rng = np.random.default_rng(0)
    said = np.where(rng.random(true.shape) < 0.1, rng.permutation(true.ravel()).reshape(true.shape), true)
    with rasterio.open(tmp_path / "map.tif", "w", **profile) as dataset:
        dataset.write(said, 1)
    result = assess(tmp_path, map=tmp_path / "map.tif", reference=reference)
    known = (said != 255) & (true != 255)
    compare(result, said[known], true[known])
    assert result.positive_class is None and result.headline.startswith("Overall accuracy ")
    assert sum(one.mapped_area for one in result.classes) == pytest.approx(known.sum() / 1e4, rel=0.01)


def test_a_cancelled_comparison_leaves_nothing(tmp_path: Path, chart: Path) -> None:
    progress = Progress(report=lambda fraction, message: progress.cancel())
    with pytest.raises(Cancelled):
        assess(tmp_path, progress, map=chart, reference=write_map(tmp_path / "t.tif", truth()))
    assert list((tmp_path / "out").iterdir()) == []
