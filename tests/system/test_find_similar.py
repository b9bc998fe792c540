"""Similarity search through the real qgis_process: exemplars in any CRS, results, what they look like, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.retrieval_store import write_store
from osgeo import gdal, ogr, osr
from qgis.core import QgsFillSymbol, QgsGraduatedSymbolRenderer, QgsRasterLayer, QgsVectorLayer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 2,400 patches."""
    return write_store(tmp_path_factory.mktemp("store"))


def points(path: Path, places: list[tuple[float, float]], epsg: int = 4326) -> Path:
    """A GeoPackage of points given as longitude and latitude, in another CRS."""
    source, target = osr.SpatialReference(), osr.SpatialReference()
    source.ImportFromEPSG(4326)
    target.ImportFromEPSG(epsg)
    for crs in (source, target):
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("points", target, ogr.wkbPoint)
    move = osr.CoordinateTransformation(source, target)
    for lon, lat in places:
        feature = ogr.Feature(layer.GetLayerDefn())
        x, y, _ = move.TransformPoint(lon, lat)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT({x} {y})"))
        layer.CreateFeature(feature)
    return path


def rows_of(path: Path) -> list[dict[str, object]]:
    """Attributes of all features, in their order."""
    data = ogr.Open(str(path))
    return [feature.items() for feature in data.GetLayer(0)]


def test_places_like_some_points(qgis: Qgis, store: Path, tmp_path: Path) -> None:
    like = points(tmp_path / "like.gpkg", [(10.203, 45.106)], 3857)
    unlike = points(tmp_path / "unlike.gpkg", [(10.503, 45.306), (0.0, 0.0)])
    outcome = qgis.run(
        "findsimilar", STORE=store / "manifest.parquet", POSITIVE=like, NEGATIVE=unlike, K=25, YEARS="2023",
        OUTPUT=tmp_path / "found.gpkg", RASTER=tmp_path / "all.tif", PARQUET=tmp_path / "found.parquet",
        REPORT=tmp_path / "found.html")
    assert outcome.code == 0, outcome.stderr
    assert outcome.results["COUNT"] == 25 and outcome.results["CANDIDATES"] == 2400
    log = json.dumps(outcome.log)
    assert "no footprint" in log and "About a third of the true 10 nearest neighbours are missed" in log
    assert "that is the whole store" in log
    found = rows_of(tmp_path / "found.gpkg")
    assert [one["rank"] for one in found] == list(range(1, 26))
    assert found[0]["score"] == outcome.results["BEST"] and found[-1]["score"] == outcome.results["LAST"]
    assert "patch 620" not in {one["id"] for one in found}, "an exemplar is no result"
    layer = QgsVectorLayer(str(tmp_path / "found.gpkg"), "found", "ogr")
    layer.loadDefaultStyle()
    renderer = layer.renderer()
    assert isinstance(renderer, QgsGraduatedSymbolRenderer) and renderer.classAttribute() == "score"
    assert len(renderer.ranges()) == 7 and isinstance(renderer.ranges()[0].symbol(), QgsFillSymbol)
    low, high = (extreme(float(str(one["score"])) for one in found) for extreme in (min, max))
    assert renderer.ranges()[0].lowerValue() == low and renderer.ranges()[-1].upperValue() == pytest.approx(high)
    for one in found:
        assert any(r.lowerValue() <= float(str(one["score"])) <= r.upperValue() for r in renderer.ranges())
    assert layer.attributeAlias(layer.fields().indexOf("score")) == "score (differing bits)"
    picture = QgsRasterLayer(str(tmp_path / "all.tif"), "all")
    picture.loadDefaultStyle()
    assert picture.renderer().type() == "singlebandpseudocolor"
    data = gdal.Open(str(tmp_path / "all.tif"))
    assert data.GetRasterBand(1).DataType == gdal.GDT_Byte and data.GetMetadata()["LICENSE"] == "CC-BY 4.0"
    page = (tmp_path / "found.html").read_text()
    assert "<svg" in page and "Made by nobody." in page
    assert (tmp_path / "found.parquet").read_bytes()[:4] == b"PAR1"
    assert "Made by nobody." in (tmp_path / "found.qmd").read_text()


def test_results_are_exemplars_again(qgis: Qgis, store: Path, tmp_path: Path) -> None:
    like = points(tmp_path / "like.gpkg", [(10.203, 45.106)])
    qgis.succeed("findsimilar", STORE=store, POSITIVE=like, K=3, OUTPUT=tmp_path / "three.gpkg")
    three = {one["id"] for one in rows_of(tmp_path / "three.gpkg")}
    again = qgis.succeed("findsimilar", STORE=store, POSITIVE=tmp_path / "three.gpkg", K=10,
                         EXTENT="10.0,10.6,45.0,45.4 [EPSG:4326]", OUTPUT=tmp_path / "more.gpkg")
    more = {one["id"] for one in rows_of(tmp_path / "more.gpkg")}
    assert again["COUNT"] == 10 and not more & three and "patch 620" in more
    table = qgis.run("findsimilar", STORE=store, POSITIVE=like, K=3, OUTPUT=tmp_path / "x.gpkg",
                     PARQUET=tmp_path / "three.parquet").results["PARQUET"]
    qgis.succeed("findsimilar", STORE=store, POSITIVE=table, K=10, OUTPUT=tmp_path / "same.gpkg")
    assert [one["id"] for one in rows_of(tmp_path / "same.gpkg")] == [
        one["id"] for one in rows_of(tmp_path / "more.gpkg")]
    by_id = qgis.succeed("findsimilar", STORE=store, IDS="patch 620, patch 621", COMBINE=3, K=5,
                         OUTPUT=tmp_path / "xor.gpkg")
    assert by_id["COUNT"] == 5


@pytest.mark.parametrize(("view", "name"), [(1, "heat"), (2, "threshold"), (3, "outlier"), (4, "surprise"),
                                            (5, "gradient"), (6, "typical")])
def test_every_view(qgis: Qgis, store: Path, tmp_path: Path, view: int, name: str) -> None:
    like = points(tmp_path / "like.gpkg", [(10.203, 45.106)])
    results = qgis.succeed("findsimilar", STORE=store, POSITIVE=like, VIEW=view, K=20, OUTPUT=tmp_path / f"{name}.gpkg",
                           RASTER=tmp_path / "all.tif")
    count = {"heat": 2399, "gradient": 2399}.get(name, 20)
    assert results["COUNT"] >= count and len(rows_of(tmp_path / f"{name}.gpkg")) == results["COUNT"]
    assert bool(results["TYPICAL"]) == (name == "typical")
    layer = QgsVectorLayer(str(tmp_path / f"{name}.gpkg"), name, "ogr")
    layer.loadDefaultStyle()
    assert layer.renderer().classAttribute() == ("rank" if name == "heat" else "score")


def test_what_cannot_be_searched_is_said(qgis: Qgis, store: Path, tmp_path: Path) -> None:
    like = points(tmp_path / "like.gpkg", [(10.203, 45.106)])
    out = tmp_path / "out"
    out.mkdir()
    for values, why in (
        ({"STORE": tmp_path / "nothing"}, "nothing"),
        ({"STORE": store, "POSITIVE": like, "EXTENT": "50,51,0,1 [EPSG:4326]"}, "has nothing in the area"),
        ({"STORE": store}, "needs positive exemplars"),
        ({"STORE": store, "POSITIVE": like, "COMBINE": 1}, "at least two"),
        ({"STORE": store, "POSITIVE": like, "YEARS": "last year"}, "is not a year"),
        ({"STORE": store, "POSITIVE": like, "RERANK": 100}, "no finer codes"),
        ({"STORE": store, "POSITIVE": like, "RASTER": out / "found.tif"}, "different names"),
    ):
        assert why in qgis.fail("findsimilar", **values, OUTPUT=out / "found.gpkg")
    assert list(out.iterdir()) == []
