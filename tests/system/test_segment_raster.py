"""A model over a raster through the real qgis_process: results with styles, what is refused, and cancelling."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.water_model import make_water_model
from osgeo import gdal, ogr, osr


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_water_model(tmp_path_factory.mktemp("model") / "water.onnx")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def two_bands(path: Path, size: int = 200, bands: int = 2) -> Path:
    """Near infrared and green, in this order, of land with a round lake; a corner without data."""
    rows, columns = np.mgrid[:size, :size]
    lake = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 4) ** 2
    nir, green = np.where(lake, 300, 3000), np.where(lake, 900, 800)
    nir[:20, :30] = green[:20, :30] = 0
    data = gdal.GetDriverByName("GTiff").Create(str(path), size, size, bands, gdal.GDT_UInt16)
    data.SetGeoTransform((500000.0, 10.0, 0.0, 5100000.0, 0.0, -10.0))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    data.SetSpatialRef(crs)
    for number, (name, values) in enumerate((("B08", nir), ("B03", green)), 1):
        if number <= bands:
            band = data.GetRasterBand(number)
            band.SetDescription(name)
            band.SetNoDataValue(0)
            band.WriteArray(values.astype(np.uint16))
    data.FlushCache()
    return path


def test_all_results_aligned_styled_and_described(qgis: Qgis, model: Path, out: Path, tmp_path: Path) -> None:
    source = two_bands(tmp_path / "scene.tif")
    outcome = qgis.run("segmentraster", INPUT=source, MODEL=model, OUTPUT=out / "water.tif", SCORES=out / "score.tif",
                       CONFIDENCE=out / "sure.tif", POLYGONS=out / "lakes.gpkg", MIN_AREA=1000, PROVIDER="CPU")
    assert outcome.code == 0, outcome.stderr
    assert outcome.results["PROVIDER_USED"] == "CPU" and outcome.results["COVERED_PIXELS"] == 200 * 200 - 20 * 30
    classes = pixels(out / "water.tif")[0]
    green, nir = (pixels(source)[band].astype(float) for band in (1, 0))
    assert (classes[:20, :30] == 255).all()
    known = classes != 255
    assert ((classes == 1) == (green > nir))[known].mean() > 0.99
    for name in ("water", "score", "sure"):
        assert Placement.of(out / f"{name}.tif").same_as(Placement.of(source))
        assert (out / f"{name}.qml").is_file() and "CC0-1.0" in (out / f"{name}.qmd").read_text(encoding="utf-8")
    style = (out / "water.qml").read_text(encoding="utf-8")
    assert 'label="water" color="#1f78b4" alpha="255"' in style and 'label="land" color="#c8b090" alpha="0"' in style
    data = ogr.Open(str(out / "lakes.gpkg"))
    assert [one["class"] for one in data.GetLayerByName("polygons")] == ["water"] and (out / "lakes.qml").is_file()
    assert sorted(path.name for path in out.iterdir() if path.suffix not in (".qml", ".qmd")) == [
        "lakes.gpkg", "score.tif", "sure.tif", "water.tif"]


def test_what_does_not_fit_is_refused_in_words(qgis: Qgis, model: Path, out: Path, tmp_path: Path) -> None:
    one = two_bands(tmp_path / "one.tif", bands=1)
    said = qgis.fail("segmentraster", INPUT=one, MODEL=model, OUTPUT=out / "c.tif")
    assert "B03" in said
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    assert "broken.onnx" in qgis.fail("segmentraster", INPUT=one, MODEL=broken, OUTPUT=out / "c.tif")
    assert "3, 2, 1" in qgis.fail("segmentraster", INPUT=one, MODEL=model, BANDS="red", OUTPUT=out / "c.tif")
    assert "No output" in qgis.fail("segmentraster", INPUT=two_bands(tmp_path / "two.tif"), MODEL=model, OUTPUT="")
    scene = tmp_path / "two.tif"
    assert "named c" in qgis.fail(
        "segmentraster", INPUT=scene, MODEL=model, OUTPUT=out / "c.tif", POLYGONS=out / "c.gpkg"
    )
    assert not list(out.iterdir())


def test_bands_overlap_and_threshold_as_numbers(qgis: Qgis, model: Path, out: Path, tmp_path: Path) -> None:
    source = two_bands(tmp_path / "scene.tif")
    qgis.succeed(
        "segmentraster",
        INPUT=source,
        MODEL=model,
        BANDS="1, 2",
        OVERLAP=50,
        BLEND=1,
        THRESHOLD=0.9,
        FLIPS="true",
        OUTPUT=out / "c.tif",
    )
    classes = pixels(out / "c.tif")[0]
    assert (classes[100, 100], classes[190, 190]) == (0, 1), "bands the wrong way round, as asked for"
    data = gdal.Open(str(out / "c.tif"))
    record = json.loads(data.GetMetadata()["BITSCAPE_PROVENANCE"])["parameters"]
    assert (record["blend"], record["overlap_percent"], record["threshold"], record["flips"]) == ("crop", 50, 0.9, True)


def test_interrupted(qgis: Qgis, out: Path, tmp_path: Path) -> None:
    source = two_bands(tmp_path / "large.tif", 4000)
    many = make_water_model(tmp_path / "many.onnx", overlap=0)
    process = qgis.start("segmentraster", INPUT=source, MODEL=many, FLIPS="true", OUTPUT=out / "c.tif")
    qgis.wait_for_backend(process)
    assert eventually(lambda: any(out.iterdir()), 60), "it has begun to write"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "Cancelled" in errors
    assert eventually(lambda: not list(out.iterdir()), 5)
