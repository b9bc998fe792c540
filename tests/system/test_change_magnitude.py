"""Change magnitude, and areas of interest in training and application, through the real qgis_process."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, noise, pixels, write_raster
from bitscape.tests.system.sample import Sample
from osgeo import gdal, ogr, osr

YEARS = "2019,2020,2024"


@pytest.fixture(scope="module")
def years(qgis: Qgis, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Embeddings of three years, the first two close together."""
    folder = tmp_path_factory.mktemp("years")
    created = qgis.succeed("createsampledata", SIZE=256, SEED=5, YEARS=YEARS, OUTPUT=folder)
    return [Path(path) for path in created["EMBEDDINGS"]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def write_area(path: Path, wkt: str, crs: osr.SpatialReference) -> Path:
    """A GeoPackage of one polygon."""
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("area", crs, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt(wkt))
    layer.CreateFeature(feature)
    return path


def triangle(placement: Placement) -> tuple[str, np.ndarray]:
    """A triangle on a raster as WKT, and how far inside it the pixels' centres are, in pixels; negative: outside."""
    left, dx, _, top, _, dy = placement.transform
    corners = [(30.25, 40.5), (210.75, 70.25), (90.5, 220.75)]
    ring = ", ".join(f"{left + x * dx} {top + y * dy}" for x, y in [*corners, corners[0]])
    row, column = np.mgrid[0 : placement.height, 0 : placement.width] + 0.5
    sides = [((bx - ax) * (row - ay) - (by - ay) * (column - ax)) / np.hypot(bx - ax, by - ay)
             for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]])]
    return f"POLYGON (({ring}))", np.min(sides, axis=0)


def test_two_dates_with_a_reference(qgis: Qgis, years: list[Path], out: Path) -> None:
    first, near, last = years
    magnitude, calm = out / "magnitude.tif", out / "calm.tif"
    outcome = qgis.run(
        "changemagnitude", INPUT=[near, last], REFERENCE=[first, near], OUTPUT=magnitude, REFERENCE_OUTPUT=calm)
    assert outcome.code == 0, outcome.stderr
    results = outcome.results
    for path, pair, figure in ((magnitude, (near, last), "P99"), (calm, (first, near), "REFERENCE_P99")):
        assert Placement.of(path).same_as(Placement.of(near))
        a, b = (pixels(one).astype(np.int16).astype(float) for one in pair)
        a, b = (np.where(one > 127, one - 256, one) for one in (a, b))  # GDAL before 3.7 reads int8 as bytes
        missing = (a == -128).any(axis=0) | (b == -128).any(axis=0)
        a, b = a * np.abs(a), b * np.abs(b)
        wanted = 1 - (a * b).sum(axis=0) / np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
        found = pixels(path)[0]
        assert found.dtype == np.uint8 and ((found == 255) == missing).all() and 0 < missing.mean() < 0.5
        assert np.abs(found[~missing] - 254 * wanted[~missing]).max() <= 1
        assert results[figure] == pytest.approx(np.quantile(wanted[~missing], 0.99), abs=1e-3)
        if pair == (near, last):
            share = np.mean(wanted[~missing] > results["REFERENCE_P99"])
            assert results["SHARE_ABOVE_REFERENCE"] == pytest.approx(share, abs=1e-3)
            assert results["MEDIAN"] == pytest.approx(np.median(wanted[~missing]), abs=1e-3)
    assert {path.name for path in out.iterdir()} == {
        f"{name}.{suffix}" for name in ("magnitude", "calm") for suffix in ("tif", "qml", "qmd")}
    assert "<title>Change magnitude 2020→2024</title>" in (out / "magnitude.qmd").read_text(encoding="utf-8")
    assert "CC0" in (out / "magnitude.qmd").read_text(encoding="utf-8"), "the licence of the data"
    items = ElementTree.parse(out / "magnitude.qml").findall(".//colorrampshader/item")
    assert [item.get("alpha") for item in items][:2] == ["0", "0"] and float(items[-1].get("value")) / 254 == 0.6
    said = str(outcome.log)
    assert "of the area changed more than 99 % of the reference pair" in said and "Weather and season" in said


def test_without_a_reference_there_are_no_figures_of_one(qgis: Qgis, years: list[Path], out: Path) -> None:
    results = qgis.succeed("changemagnitude", INPUT=years[1:], DATES="before,after", OUTPUT=out / "m.tif")
    assert set(results) == {"OUTPUT", "MEDIAN", "P90", "P99"}
    assert 0 < results["MEDIAN"] < results["P90"] < results["P99"] < 1
    assert "before→after" in (out / "m.qmd").read_text(encoding="utf-8")
    assert gdal.Open(str(out / "m.tif")).GetMetadata()["DATES"] == "before,after"


def test_real_presto_embeddings(qgis: Qgis, shared_data: Path, out: Path) -> None:
    inputs = [shared_data / "presto_embeddings" / f"presto_wc_{name}_i8.tif" for name in ("before", "after")]
    results = qgis.succeed("changemagnitude", INPUT=inputs, OUTPUT=out / "m.tif")
    assert Placement.of(out / "m.tif").same_as(Placement.of(inputs[0]))
    assert 0.1 < results["MEDIAN"] < 0.2, "half-years differ by their season"


def test_what_cannot_be_compared(qgis: Qgis, years: list[Path], out: Path, tmp_path: Path) -> None:
    first = write_raster(tmp_path / "emb_2020.tif", noise(seed=1))
    shifted = write_raster(tmp_path / "shifted_2024.tif", noise(seed=2), left=500123.0)
    empty = write_raster(tmp_path / "empty_2024.tif", np.full((6, 64, 64), -9999.0, np.float32))
    for inputs, more, words in (
        (years, {}, ("two rasters", "3 were given")),
        ([years[0]], {}, ("two rasters", "1 was given")),
        ([years[0], years[0]], {}, ("with itself",)),
        ([first, shifted], {}, ("different grids", "emb_2020.tif", "shifted_2024.tif", "Warp")),
        ([first, empty], {}, ("No pixel", "empty_2024.tif")),
        (years[1:], {"REFERENCE": [years[0]]}, ("reference", "1 was given")),
        (years[1:], {"REFERENCE": [first, shifted], "WARP": "true"}, ("not of the same product",)),
        (years[1:], {"REFERENCE_OUTPUT": out / "r.tif"}, ("no reference",)),
        ([years[0], tmp_path / "nowhere_2024.tif"], {}, ("nowhere_2024.tif does not exist",)),
        (years[1:], {"EXTENT": "0,1,0,1"}, ("does not touch",)),
    ):
        said = qgis.fail("changemagnitude", INPUT=inputs, OUTPUT=out / "m.tif", **more)
        for word in words:
            assert word in said, said
        assert not list(out.iterdir()), (words, sorted(out.iterdir()))
    qgis.succeed("changemagnitude", INPUT=[first, shifted], WARP="true", OUTPUT=out / "m.tif")


@pytest.mark.parametrize("crs", ["", "EPSG:4326"])
def test_a_map_of_an_area(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path, crs: str) -> None:
    """Cropped to whole pixels of the tiles, no data outside, as the whole map inside; in any CRS of the polygon."""
    placement = Placement.of(sample.tiles)
    wkt, depth = triangle(placement)
    place, shape = placement.crs, ogr.CreateGeometryFromWkt(wkt)
    if crs:
        place = osr.SpatialReference()
        place.SetFromUserInput(crs)
        for one in (place, placement.crs):
            one.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        shape.Transform(osr.CoordinateTransformation(placement.crs, place))
    area = write_area(tmp_path / "aoi.gpkg", shape.ExportToWkt(), place)
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=tmp_path / "all.tif",
                 CLASSES=tmp_path / "allc.tif")
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, AOI=area, OUTPUT=out / "score.tif",
                 CLASSES=out / "classes.tif")
    left, dx, _, top, _, dy = placement.transform
    box = np.s_[40:221, 30:211]
    for cut, whole, blank in (("score.tif", "all.tif", 255), ("classes.tif", "allc.tif", 0)):
        found = Placement.of(out / cut)
        assert (found.width, found.height) == (181, 181) and found.crs.IsSame(placement.crs)
        assert found.transform == (left + 30 * dx, dx, 0.0, top + 40 * dy, 0.0, dy), "the tiles' own pixels"
        wanted = np.where(depth > 0, pixels(tmp_path / whole)[0], blank)[box]
        decided = np.abs(depth[box]) > 0.02  # a straight side in degrees is bent by centimetres in metres
        np.testing.assert_array_equal(pixels(out / cut)[0][decided], wanted[decided])
        assert (wanted != blank).mean() > 0.3


def test_a_map_of_an_extent(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    placement = Placement.of(sample.tiles)
    left, dx, _, top, _, dy = placement.transform
    xs, ys = sorted((left + 20.5 * dx, left + 99.5 * dx)), sorted((top + 10.5 * dy, top + 59.5 * dy))
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=tmp_path / "all.tif")
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=out / "score.tif",
                 EXTENT=f"{xs[0]},{xs[1]},{ys[0]},{ys[1]}")
    np.testing.assert_array_equal(pixels(out / "score.tif")[0], pixels(tmp_path / "all.tif")[0, 10:60, 20:100])


def test_training_in_an_area(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    placement = Placement.of(sample.tiles)
    wkt, depth = triangle(placement)
    area = write_area(tmp_path / "aoi.gpkg", wkt, placement.crs)
    outcome = qgis.run("trainclassifier", INPUT=sample.tiles, LABELS=sample.labels, AOI=area, OUTPUT=out / "m.json")
    assert outcome.code == 0, outcome.stderr
    left, dx, _, top, _, dy = placement.transform
    data = ogr.Open(str(sample.labels))
    points = [feature.GetGeometryRef().GetPoint_2D() for feature in data.GetLayer()]
    held = sum(bool(depth[int((y - top) / dy), int((x - left) / dx)] > 0) for x, y in points)
    assert 10 < held < len(points) - 10
    assert outcome.results["LABELS_USED"] <= held + 3 < sample.trained["LABELS_USED"], "but for points on its sides"
    assert "labels lie outside the area of interest and did not train" in str(outcome.log)


def test_areas_that_cannot_be(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    placement = Placement.of(sample.tiles)
    far = write_area(tmp_path / "far.gpkg", "POLYGON ((0 0, 9 0, 9 9, 0 0))", placement.crs)
    apply = {"INPUT": sample.tiles, "MODEL": sample.model, "OUTPUT": out / "score.tif", "CLASSES": out / "classes.tif"}
    train = {"INPUT": sample.tiles, "LABELS": sample.labels, "OUTPUT": out / "model.json"}
    for algorithm, values, area, words in (
        ("applyclassifier", apply, far, "area of interest does not meet"),
        ("applyclassifier", apply, tmp_path / "no.gpkg", "no.gpkg not found"),
        ("applyclassifier", apply, sample.labels, "no polygons"),
        ("trainclassifier", train, far, "area of interest holds none of the"),
        ("trainclassifier", train, tmp_path / "no.gpkg", "no.gpkg not found"),
    ):
        said = qgis.fail(algorithm, **values, AOI=area)
        assert words in said, said
        assert not list(out.iterdir()), sorted(out.iterdir())
