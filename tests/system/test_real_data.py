"""Real rasters through the real qgis_process: pixel-aligned results in the same CRS, whatever the CRS is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels, points_on, write_labels

SINGLE = 1
"""Place of “one date” in the list of features."""
PAIRS = {
    "sentinel2": ("s2_timeseries/eolearn_s2l1c_ref_0.tif", "s2_timeseries/eolearn_s2l1c_ref_2.tif"),
    "presto": ("presto_embeddings/presto_wc_before_i8.tif", "presto_embeddings/presto_wc_after_i8.tif"),
}


def classify(qgis: Qgis, tiles: Path, labels: Path, folder: Path) -> tuple[Path, Path]:
    """Train on ``labels`` and apply to ``tiles``: score and classes."""
    model, score, classes = folder / "model.json", folder / "score.tif", folder / "classes.tif"
    qgis.succeed("trainclassifier", INPUT=tiles, LABELS=labels, OUTPUT=model)
    qgis.succeed("applyclassifier", INPUT=tiles, MODEL=model, OUTPUT=score, CLASSES=classes)
    return score, classes


@pytest.mark.parametrize("name", PAIRS)
def test_two_dates(qgis: Qgis, shared_data: Path, tmp_path: Path, name: str) -> None:
    inputs = [shared_data / part for part in PAIRS[name]]
    tiles, picture, coverage = tmp_path / "tiles.tif", tmp_path / "picture.tif", tmp_path / "coverage.tif"
    qgis.succeed("buildembeddingtiles", INPUT=inputs, TILES=tiles, OUTPUT=picture, COVERAGE=coverage)
    source = Placement.of(inputs[0])
    labels = write_labels(
        tmp_path / "labels.gpkg", points_on(inputs[0], ("a", "b"), 60), crs=source.crs.ExportToWkt()
    )
    for path in (tiles, picture, coverage, *classify(qgis, tiles, labels, tmp_path)):
        assert Placement.of(path).same_as(source), path
    basis = json.loads((tmp_path / "tiles.basis.json").read_text())
    assert len(basis["components"]) == 8
    assert 0.2 < sum(basis["explained_variance"]) <= 1
    assert np.ptp(pixels(picture)) > 100, "the picture is flat"


def test_crs_without_epsg_code(qgis: Qgis, shared_data: Path, tmp_path: Path) -> None:
    """Aerial imagery in ESRI:102039 with its own mask as labels: road or not."""
    image = shared_data / "chesapeake_rsc" / "1717_image.tif"
    tiles, picture = tmp_path / "tiles.tif", tmp_path / "picture.tif"
    qgis.succeed(
        "buildembeddingtiles", INPUT=image, FEATURES=SINGLE, COMPONENTS=0, TILES=tiles, OUTPUT=picture
    )
    source = Placement.of(image)
    assert source.crs.GetAuthorityName(None) != "EPSG"
    mask = pixels(shared_data / "chesapeake_rsc" / "1717_mask.tif")[0]
    left, dx, _, top, _, dy = source.transform
    points = [
        (x, y, "road" if mask[int((y - top) / dy), int((x - left) / dx)] == 9 else "other")
        for x, y, _ in points_on(image, ("",), 400)
    ]
    labels = write_labels(tmp_path / "labels.gpkg", points, crs=source.crs.ExportToWkt())
    for path in (tiles, picture, *classify(qgis, tiles, labels, tmp_path)):
        assert Placement.of(path).same_as(source), path


def test_presto_quantiser_is_recognised(qgis: Qgis, shared_data: Path, tmp_path: Path) -> None:
    inputs = [shared_data / part for part in PAIRS["presto"]]
    qgis.succeed("buildembeddingtiles", INPUT=inputs, TILES=tmp_path / "t.tif", OUTPUT=tmp_path / "p.tif")
    basis = json.loads((tmp_path / "t.basis.json").read_text())
    assert [mapping["kind"] for mapping in basis["mappings"]] == ["alphaearth", "alphaearth"]
