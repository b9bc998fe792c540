"""Labels that hold numbers, through the real qgis_process: NDVI of the sample's imagery from its embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.sample import Sample
from osgeo import gdal, ogr

SINGLE, NUMBERS = 1, 2
"""Places of “one date” in the list of features, and of “numbers” in that of what a field holds."""
POINTS = 200


@pytest.fixture(scope="module")
def ndvi(sample: Sample) -> np.ndarray:
    """NDVI of the last year's imagery, (height, width); NaN without data."""
    bands = pixels(sample.created["SENTINEL2"][-1]).astype(float)
    red, infrared = bands[3], bands[7]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(bands[0] == 0, np.nan, (infrared - red) / (infrared + red))


@pytest.fixture(scope="module")
def tiles(qgis: Qgis, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles of the last year."""
    folder = tmp_path_factory.mktemp("single")
    qgis.succeed("buildembeddingtiles", INPUT=sample.embeddings[-1], FEATURES=SINGLE, TILES=folder / "tiles.tif",
                 OUTPUT=folder / "picture.tif")
    return folder / "tiles.tif"


@pytest.fixture(scope="module")
def plots(sample: Sample, ndvi: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points with their NDVI as a real number, as text and with gaps."""
    path = tmp_path_factory.mktemp("plots") / "plots.gpkg"
    placement = Placement.of(sample.embeddings[-1])
    left, dx, _, top, _, dy = placement.transform
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("plots", placement.crs, ogr.wkbPoint)
    for name, kind in (("ndvi", ogr.OFTReal), ("written", ogr.OFTString)):
        layer.CreateField(ogr.FieldDefn(name, kind))
    for index, (row, column) in enumerate(np.random.default_rng(1).integers(0, len(ndvi), (POINTS, 2))):
        feature = ogr.Feature(layer.GetLayerDefn())
        if index % 10 and np.isfinite(ndvi[row, column]):
            feature.SetField("ndvi", float(ndvi[row, column]))
            feature.SetField("written", f"{ndvi[row, column]:.3f}" if index != 33 else "green")
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({left + (column + 0.5) * dx} {top + (row + 0.5) * dy})"))
        layer.CreateFeature(feature)
    return path


@pytest.fixture(scope="module")
def trained(qgis: Qgis, tiles: Path, plots: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What training on the numbers printed."""
    model = tmp_path_factory.mktemp("model") / "ndvi.json"
    return qgis.succeed("trainclassifier", INPUT=tiles, LABELS=plots, CLASS_FIELD="ndvi", UNIT="NDVI", OUTPUT=model)


def test_held_out_figures_are_results(trained: dict[str, Any]) -> None:
    model = json.loads(Path(trained["OUTPUT"]).read_text())
    assert model["format"] == "bitscape-regression" and model["unit"] == "NDVI"
    for kind, suffix in (("random", ""), ("spatial", "_SPATIAL")):
        for measure in ("rmse", "r2", "mae", "bias"):
            assert model[kind][measure] == pytest.approx(trained[f"{measure.upper()}{suffix}"]), measure
    assert trained["R2"] > 0.5 and trained["RMSE"] < trained["BASELINE_RMSE"]
    assert "F1" not in trained and 100 < trained["LABELS_COUNT"] <= POINTS * 0.9


def test_map_agrees_with_held_out_figures_and_the_truth(
    qgis: Qgis, sample: Sample, tiles: Path, trained: dict[str, Any], ndvi: np.ndarray, tmp_path: Path
) -> None:
    score = tmp_path / "ndvi.tif"
    results = qgis.succeed("applyclassifier", INPUT=tiles, MODEL=trained["OUTPUT"], OUTPUT=score,
                           CLASSES=tmp_path / "classes.tif")
    assert "CLASSES" not in results and not (tmp_path / "classes.tif").exists()
    assert Placement.of(score).same_as(Placement.of(sample.embeddings[-1]))
    found = pixels(score)[0]
    assert found.dtype == np.float32
    known = np.isfinite(found) & np.isfinite(ndvi)
    assert 0.5 < known.mean() <= 1
    rmse = np.sqrt(((found - ndvi)[known] ** 2).mean())
    assert 0.7 * trained["RMSE"] < rmse < 1.4 * trained["RMSE"]
    assert 1 - rmse**2 / ndvi[known].var() > 0.5
    raster = gdal.Open(str(score))
    assert raster.GetMetadataItem("UNIT") == "NDVI" and raster.GetRasterBand(1).GetDescription() == "ndvi (NDVI)"
    assert 'name="[source]"' in score.with_suffix(".qml").read_text()
    assert "ndvi (NDVI) 2024" in score.with_suffix(".qmd").read_text()


def test_text_that_is_no_number_is_named(qgis: Qgis, tiles: Path, plots: Path, tmp_path: Path) -> None:
    said = qgis.fail("trainclassifier", INPUT=tiles, LABELS=plots, CLASS_FIELD="written", TARGET=NUMBERS,
                     OUTPUT=tmp_path / "m.json")
    assert "“green”" in said and "holds classes" in said
    assert not (tmp_path / "m.json").exists()


def test_a_model_of_numbers_suggests_no_points(
    qgis: Qgis, tiles: Path, trained: dict[str, Any], tmp_path: Path
) -> None:
    said = qgis.fail("suggestpoints", INPUT=tiles, MODEL=trained["OUTPUT"], OUTPUT=tmp_path / "points.gpkg")
    assert "is a regression model" in said
