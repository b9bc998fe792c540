"""Numbers from real embeddings: held-out figures against the truth of the whole raster."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.progress import Progress

LABELS = 200


def run(operation: str, **values: Any) -> dict[str, Any]:
    return operations.run(operation, json.loads(json.dumps(values, default=str)), Progress())


@pytest.fixture(scope="module")
def tiles(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight codes of a year's Presto embeddings."""
    path = tmp_path_factory.mktemp("presto") / "tiles.tif"
    run("buildembeddingtiles", inputs=[shared_data / "presto_embeddings" / "presto_wc_full_i8.tif"], output=path,
        features="single")
    return path


def read(shared_data: Path, name: str) -> np.ndarray:
    """Months of one variable (months, height, width), NaN where it is missing."""
    path = shared_data / "worldcereal_monthly" / "worldcereal_preprocessed_inputs.nc"
    with rasterio.open(f"netcdf:{path}:{name}") as dataset:
        values = dataset.read().astype(float)
    values[values == 65535] = np.nan
    return values


def mapped(tiles: Path, truth: np.ndarray, folder: Path) -> tuple[dict[str, Any], float, float]:
    """Train on random pixels of the truth; what training found, and RMSE and R² of the map on all other pixels."""
    rows, columns = np.random.default_rng(0).integers(0, 100, (2, LABELS))
    with rasterio.open(tiles) as dataset:
        x, y = dataset.transform @ (columns + 0.5, rows + 0.5)
        crs = dataset.crs.to_wkt()
    labels = folder / "labels.gpkg"
    pyogrio.raw.write(labels, shapely.to_wkb(shapely.points(x, y)), [truth[rows, columns]], ["number"], crs=crs,
                      driver="GPKG", geometry_type="Point")
    trained = run("trainclassifier", tiles=tiles, labels=labels, class_field="number", target="numbers",
                  model=folder / "m.json")
    run("applyclassifier", tiles=[tiles], model=folder / "m.json", score=folder / "map.tif")
    with rasterio.open(folder / "map.tif") as dataset:
        found = dataset.read(1)
    other = np.ones(truth.shape, bool)
    other[rows, columns] = False
    other &= np.isfinite(found) & np.isfinite(truth)
    mean_square = ((found - truth)[other] ** 2).mean()
    return trained, float(np.sqrt(mean_square)), float(1 - mean_square / truth[other].var())


def test_annual_ndvi_is_in_the_embeddings(shared_data: Path, tiles: Path, tmp_path: Path) -> None:
    red, infrared = read(shared_data, "S2-L2A-B04"), read(shared_data, "S2-L2A-B08")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ndvi = np.nanmean((infrared - red) / (infrared + red), axis=0)
    trained, rmse, r2 = mapped(tiles, ndvi, tmp_path)
    assert r2 > 0.97 and trained["random"]["r2"] > 0.97 and trained["spatial"]["r2"] > 0.97
    assert trained["random"]["rmse"] == pytest.approx(rmse, rel=0.2)
    assert rmse < trained["random"]["baseline_rmse"] / 5


def test_elevation_is_a_matter_of_place_and_new_places_say_so(shared_data: Path, tiles: Path, tmp_path: Path) -> None:
    """What the embeddings know of elevation is where which crop grows: random folds flatter, blocks do not."""
    trained, rmse, r2 = mapped(tiles, read(shared_data, "elevation")[0], tmp_path)
    random, spatial = trained["random"], trained["spatial"]
    assert spatial["r2"] < random["r2"] < 0.5 and spatial["rmse"] > 1.05 * random["rmse"]
    assert random["rmse"] == pytest.approx(rmse, rel=0.15) and r2 == pytest.approx(random["r2"], abs=0.15)
