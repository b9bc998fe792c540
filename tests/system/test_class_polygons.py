"""Polygons of maps through the real qgis_process: from a score, from class maps of two times, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import noise, write_raster
from osgeo import gdal, ogr, osr


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def write_map(path: Path, values: np.ndarray, tags: dict[str, str], nodata: int, colours: bool = False) -> Path:
    """A uint8 map on 10 m pixels of UTM zone 33 N."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), values.shape[1], values.shape[0], 1, gdal.GDT_Byte)
    data.SetGeoTransform((500000.0, 10.0, 0.0, 5100000.0, 0.0, -10.0))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    data.SetSpatialRef(crs)
    data.SetMetadata(tags)
    band = data.GetRasterBand(1)
    band.SetNoDataValue(nodata)
    if colours:
        table = gdal.ColorTable()
        table.SetColorEntry(1, (10, 200, 30, 255))
        table.SetColorEntry(2, (200, 10, 30, 255))
        band.SetColorTable(table)
    band.WriteArray(values.astype(np.uint8))
    data.FlushCache()
    return path


def rows_of(path: Path, layer: str) -> list[dict[str, Any]]:
    """Attributes of all features of a layer, and the areas of their geometries."""
    data = ogr.Open(str(path))
    return [{**one.items(), "m2": one.GetGeometryRef().GetArea() if one.GetGeometryRef() else None}
            for one in data.GetLayerByName(layer)]


def test_a_score_becomes_polygons_with_style_and_metadata(qgis: Qgis, out: Path, tmp_path: Path) -> None:
    values = np.full((40, 50), 20)
    values[5:15, 5:20] = 200
    values[8:10, 8:10] = 10
    values[30, 30] = 250
    values[20:, :4] = 255
    score = write_map(tmp_path / "score.tif", values, {"SCORE_OF": "change", "PERIOD": "2020-2024"}, 255)
    outcome = qgis.run("classpolygons", INPUT=score, MIN_AREA=500, FILL_HOLES=1000, OUTPUT=out / "change.gpkg")
    assert outcome.code == 0, outcome.stderr
    assert outcome.results["COUNT"] == 1 and outcome.results["AREA_HA"] == pytest.approx(1.5, rel=0.002)
    (row,) = rows_of(out / "change.gpkg", "polygons")
    assert row["class"] == "change" and row["pixels"] == 150 and row["m2"] == 15000
    assert row["mean_score"] == pytest.approx((146 * 200 + 4 * 10) / 150 / 254) and row["period"] == "2020-2024"
    said = outcome.stdout + outcome.stderr
    assert "Mapped area, not an estimate" in said and "Assess accuracy and estimate areas" in said
    assert {path.name for path in out.iterdir()} == {"change.gpkg", "change.qml", "change.qmd"}
    style = (out / "change.qml").read_text(encoding="utf-8")
    assert 'name="mapped area (ha), not an estimate"' in style and 'value="change"' in style and "$" not in style
    about = (out / "change.qmd").read_text(encoding="utf-8")
    assert "not an estimate" in about and "(classpolygons)" in about
    data = ogr.Open(str(out / "change.gpkg"))
    layer = data.GetLayer(0)
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "32633"
    assert "not an estimate" in layer.GetMetadataItem("DESCRIPTION")


def test_two_maps_give_first_changes_and_transitions(qgis: Qgis, out: Path, tmp_path: Path) -> None:
    before = np.ones((30, 30))
    before[:, 20:] = 2
    after = before.copy()
    after[3:9, 3:9] = 2
    after[20:, :5] = 0
    tags = {"CLASS_1": "forest", "CLASS_2": "field"}
    maps = [write_map(tmp_path / f"cover_{year}.tif", values, tags, 0, colours=True)
            for year, values in ((2020, before), (2022, after))]
    results = qgis.succeed("classpolygons", INPUT=maps, OUTPUT=out / "changed.gpkg", TRANSITIONS=out / "table.csv")
    assert results["COUNT"] == 1
    (row,) = rows_of(out / "changed.gpkg", "polygons")
    assert (row["first_period"], row["first_year"], row["pixels"]) == ("2022", 2022, 36)
    with (out / "table.csv").open(encoding="utf-8") as stream:
        table = {(one["from_class"], one["to_class"]): int(one["pixels"]) for one in csv.DictReader(stream)}
    assert table == {("forest", "forest"): 514, ("forest", "field"): 36, ("forest", "unknown"): 50,
                     ("field", "field"): 300}
    assert len(rows_of(out / "changed.gpkg", "transitions")) == 4
    data = ogr.Open(str(out / "changed.gpkg"))
    assert data.GetLayer(0).GetName() == "polygons", "QGIS loads the first layer"
    one = qgis.succeed("classpolygons", INPUT=maps[0], OUTPUT=out / "cover.gpkg")
    assert one["COUNT"] == 2
    style = (out / "cover.qml").read_text(encoding="utf-8")
    assert "10,200,30,110" in style and "200,10,30,110" in style, "the colours of the map"


def test_what_cannot_be_used_is_refused(qgis: Qgis, out: Path, tmp_path: Path) -> None:
    classes = write_map(tmp_path / "classes.tif", np.ones((20, 20)), {"CLASS_1": "forest"}, 0)
    said = qgis.fail("classpolygons", INPUT=classes, CLASSES="lake", OUTPUT=out / "a.gpkg")
    assert "There is no class lake in classes.tif; there are forest (1)" in said
    said = qgis.fail("classpolygons", INPUT=write_raster(tmp_path / "index.tif", noise(1)), OUTPUT=out / "a.gpkg")
    assert "index.tif holds float32 numbers" in said
    small = write_map(tmp_path / "small.tif", np.ones((10, 20)), {}, 0)
    said = qgis.fail("classpolygons", INPUT=[classes, small], OUTPUT=out / "a.gpkg")
    assert "classes.tif and small.tif are not on one grid" in said
    assert not list(out.iterdir())
