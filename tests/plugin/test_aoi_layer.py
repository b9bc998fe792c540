"""Areas of interest: polygons beside labels on disk, adopted layers, broken outlines, other CRSs, many points."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import read_classes
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import InputError, OutputError
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt import sip

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
WGS84 = QgsCoordinateReferenceSystem("EPSG:4326")
BOW_TIE = "Polygon ((0 0, 10 10, 10 0, 0 10, 0 0))"


def box(west: float, south: float, east: float, north: float) -> QgsGeometry:
    return QgsGeometry.fromRect(QgsRectangle(west, south, east, north))


def count(path: Path, layer: str = "") -> int:
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    return int((dataset.GetLayerByName(layer) if layer else dataset.GetLayer(0)).GetFeatureCount())


@pytest.fixture
def areas(tmp_path: Path) -> Iterator[AoiLayer]:
    made = AoiLayer.create(tmp_path / "labels.gpkg", UTM)
    yield made
    if not sip.isdeleted(made.layer):
        sip.delete(made.layer)  # before QGIS ends, which pytest outlives


def on_disk(path: Path) -> list[tuple[str, float]]:
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    layer = dataset.GetLayerByName("aoi")
    return sorted((feature.GetFieldAsString("name"), feature.GetGeometryRef().GetArea()) for feature in layer)


def test_areas_lie_beside_the_labels_and_leave_them_alone(tmp_path: Path) -> None:
    path = tmp_path / "labels.gpkg"
    labels = LabelLayer.create(path, UTM, ClassTable.change_detection())
    labels.add([QgsPointXY(1, 1)], "change")
    areas = AoiLayer.create(path, UTM)
    areas.add(box(0, 0, 10, 10), "first")
    labels.add([QgsPointXY(2, 2)], "nochange")
    areas.add(box(20, 0, 30, 10))
    assert on_disk(path) == [("", 100), ("first", 100)]
    assert labels.counts() == {"change": 1, "nochange": 1} and read_classes(path) == labels.table
    assert count(path, "labels") == 2
    again = AoiLayer.create(path, WGS84)
    assert again.layer.featureCount() == 2 and again.layer.crs() == UTM, "the one that is there"
    assert again.path_and_layer == (str(path), "aoi") and again.source == f"{path}|layername=aoi"


def test_outline_is_dashed_and_nothing_is_filled(areas: AoiLayer) -> None:
    parts = [part.properties() for part in areas.layer.renderer().symbol().symbolLayers()]
    assert [part["outline_style"] for part in parts] == ["solid", "dash"]
    assert {part["style"] for part in parts} == {"no"}


def test_add_and_remove_tell_of_changes(areas: AoiLayer, tmp_path: Path) -> None:
    seen: list[int] = []
    areas.changed.connect(lambda: seen.append(areas.layer.featureCount()))
    (first,) = areas.add(box(0, 0, 10, 10), "a")
    (second,) = areas.add(box(5, 0, 15, 10), "b")
    assert seen == [1, 2] and areas.union(UTM).area() == pytest.approx(150)
    assert areas.at(QgsPointXY(1, 1)) == first and areas.at(QgsPointXY(14, 1)) == second
    assert areas.at(QgsPointXY(90, 1)) is None
    areas.add(box(6, 1, 7, 2), "small")
    assert areas.layer.getFeature(areas.at(QgsPointXY(6.5, 1.5)))["name"] == "small"
    assert areas.remove(first) and not areas.remove(first)
    assert seen == [1, 2, 3, 2] and areas.union(UTM).area() == pytest.approx(100)
    assert [name for name, _ in on_disk(tmp_path / "labels.gpkg")] == ["b", "small"]


def test_broken_outlines_are_repaired_and_empty_ones_refused(areas: AoiLayer) -> None:
    areas.add(QgsGeometry.fromWkt(BOW_TIE))
    assert areas.union(UTM).area() == pytest.approx(50) and areas.union(UTM).isGeosValid()
    curve = QgsGeometry.fromWkt("CurvePolygon (CircularString (100 0, 101 1, 102 0, 101 -1, 100 0))")
    areas.add(curve)
    assert areas.union(UTM).area() == pytest.approx(50 + math.pi, rel=1e-3)
    areas.add(QgsGeometry.fromWkt("PolygonZ ((200 0 5, 210 0 5, 210 10 5, 200 0 5))"))
    assert areas.union(UTM).area() == pytest.approx(100 + math.pi, rel=1e-3)
    for wkt in ("Polygon ((0 0, 5 5, 10 10, 0 0))", "Polygon EMPTY", "Point (1 1)", "LineString (0 0, 1 1)",
                "Polygon ((0 0, 1 0, nan 1, 0 0))"):
        with pytest.raises(InputError, match="area is empty"):
            areas.add(QgsGeometry.fromWkt(wkt))
    with pytest.raises(InputError, match="area is empty"):
        areas.add(QgsGeometry())
    assert areas.layer.featureCount() == 3


def test_a_layer_of_single_polygons_gets_the_parts() -> None:
    areas = AoiLayer(QgsVectorLayer("Polygon?crs=EPSG:32633&field=name:string", "m", "memory"))
    both = QgsGeometry.collectGeometry([box(0, 0, 1, 1), box(5, 5, 6, 6)])
    assert len(areas.add(both, "two")) == 2
    assert all(not feature.geometry().isMultipart() for feature in areas.layer.getFeatures())
    assert areas.union(UTM).area() == pytest.approx(2)
    assert areas.path_and_layer == ("", "") and areas.source == areas.layer.id()


@pytest.mark.parametrize("suffix", [".shp", ".geojson", ".gpkg"])
def test_adopted_files_are_written_at_once(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "p.geojson"
    ring = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
    source.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"kind": "x"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}]}))
    path = tmp_path / f"mine{suffix}"
    driver = {".shp": "ESRI Shapefile", ".geojson": "GeoJSON", ".gpkg": "GPKG"}[suffix]
    assert gdal.VectorTranslate(str(path), str(source), format=driver) is not None
    areas = AoiLayer(QgsVectorLayer(str(path), "mine", "ogr"))
    areas.add(box(2, 2, 3, 3), "no field for this")
    areas.add(box(4, 4, 5, 5))
    assert count(path) == 3
    assert areas.remove(areas.at(QgsPointXY(2.5, 2.5)))
    assert count(path) == 2
    assert areas.inside([QgsPointXY(0.5, 0.5), QgsPointXY(2.5, 2.5), QgsPointXY(4.5, 4.5)], WGS84) == [
        True, False, True]


def test_union_in_another_crs_follows_the_bent_edges(areas: AoiLayer) -> None:
    assert areas.union(WGS84) is None
    areas.add(box(200_000, 7_000_000, 800_000, 7_400_000))
    union = areas.union(WGS84)
    assert union.isGeosValid() and areas.union(UTM).constGet().nCoordinates() == 5
    transform = QgsCoordinateTransform(UTM, WGS84, QgsProject.instance())
    for x in range(210_000, 800_000, 10_000):  # 10 m on either side of the northern edge, 600 km long
        inner, outer = (transform.transform(QgsPointXY(x, 7_400_000 + d)) for d in (-10, 10))
        assert union.contains(inner) and not union.contains(outer), x


def test_polygons_drawn_in_another_crs(areas: AoiLayer) -> None:
    areas.add(box(14.9, 49.9, 15.1, 50.1), crs=WGS84)
    place = areas.union(UTM).centroid().asPoint()
    assert place.x() == pytest.approx(500_000, abs=100) and place.y() == pytest.approx(5_538_630, abs=500)
    assert areas.at(QgsPointXY(15, 50), WGS84) is not None
    assert areas.at(QgsPointXY(15, 5000), WGS84) is None
    with pytest.raises(InputError, match=r"nowhere|empty"):
        areas.add(box(100, 91, 120, 95), crs=WGS84)


def test_inside_agrees_with_geometry_and_is_fast(areas: AoiLayer) -> None:
    chance = random.Random(3)
    points = [QgsPointXY(chance.uniform(0, 1000), chance.uniform(0, 1000)) for _ in range(10_000)]
    assert areas.inside(points[:3], UTM) == [True] * 3, "no areas, no limit"
    ring = [QgsPointXY(500 + (200 + 150 * (n % 2)) * math.cos(n / 500 * math.tau),
                       500 + (200 + 150 * (n % 2)) * math.sin(n / 500 * math.tau)) for n in range(500)]
    areas.add(QgsGeometry.fromPolygonXY([[*ring, ring[0]]]))
    areas.add(box(0, 0, 50, 1000))
    areas.inside(points[:1], UTM)
    start = time.perf_counter()
    found = areas.inside(points, UTM)
    took = time.perf_counter() - start
    print(f"10,000 points in 2 areas of 500 corners: {1000 * took:.0f} ms")
    union = areas.union(UTM)
    assert found[::20] == [union.contains(point) for point in points[::20]]
    assert 1000 < sum(found) < 9000 and took < 1
    assert areas.inside([QgsPointXY(0, 0), QgsPointXY(float("inf"), 0)], UTM) == [True, False], "outline counts"
    transform = QgsCoordinateTransform(UTM, WGS84, QgsProject.instance())
    moved = [transform.transform(point) for point in points[:200]]
    assert areas.inside(moved, WGS84) == found[:200]


def test_import_repairs_skips_and_transforms(areas: AoiLayer, tmp_path: Path) -> None:
    source = QgsVectorLayer("Polygon?crs=EPSG:32633&field=Name:string", "theirs", "memory")
    theirs = AoiLayer(source)
    theirs.add(box(20, 0, 30, 10), "good")
    source.startEditing()
    for wkt in (BOW_TIE, "Polygon ((0 0, 5 5, 10 10, 0 0))", None):
        feature = source.getFeature(1)
        feature.setId(0)
        feature["Name"] = None
        feature.setGeometry(QgsGeometry.fromWkt(wkt) if wkt else QgsGeometry())
        source.addFeature(feature)
    source.commitChanges()
    assert source.featureCount() == 4
    seen: list[int] = []
    areas.changed.connect(lambda: seen.append(1))
    assert areas.import_polygons(source) == 2 and len(seen) == 1
    assert areas.notes == ["polygons that cross their own outline and were repaired: 1",
                           "features without an area that were left out: 2"]
    assert on_disk(tmp_path / "labels.gpkg") == [("", 50), ("good", 100)]
    with pytest.raises(InputError, match="Nothing is selected"):
        areas.import_polygons(source, selected_only=True)
    source.selectByIds([1])
    assert areas.import_polygons(source, selected_only=True) == 1 and areas.notes == []
    path = tmp_path / "p.geojson"
    ring = [[14.9, 49.9], [14.9, 50.1], [15.1, 50.1], [15.1, 49.9], [14.9, 49.9]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    assert areas.import_polygons(path) == 1 and areas.at(QgsPointXY(15, 50), WGS84) is not None


def test_import_refuses_in_words(areas: AoiLayer, tmp_path: Path) -> None:
    (tmp_path / "bad.geojson").write_text("{")
    points = QgsVectorLayer("Point?crs=EPSG:4326", "points", "memory")
    for source, said in ((tmp_path / "none.shp", "does not exist"), (tmp_path / "bad.geojson", "no polygons"),
                         (points, "points holds no polygons")):
        with pytest.raises(InputError, match=said):
            areas.import_polygons(source)
    loose = QgsVectorLayer("Polygon", "loose", "memory")
    loose.setCrs(QgsCoordinateReferenceSystem())
    with pytest.raises(InputError, match="no CRS"):
        areas.import_polygons(loose)
    assert areas.layer.featureCount() == 0


def test_edit_mode_is_refused_and_edits_are_followed(areas: AoiLayer) -> None:
    (fid,) = areas.add(box(0, 0, 10, 10))
    assert areas.inside([QgsPointXY(15, 5)], UTM) == [False]
    areas.layer.startEditing()
    for write in (lambda: areas.add(box(0, 0, 1, 1)), lambda: areas.remove(fid), areas.check_writable,
                  lambda: areas.import_polygons(areas.layer)):
        with pytest.raises(InputError, match=r"edit mode\. Save or discard"):
            write()
    seen: list[int] = []
    areas.changed.connect(lambda: seen.append(1))
    areas.layer.changeGeometry(fid, QgsGeometry.collectGeometry([box(0, 0, 20, 10)]))
    assert seen and areas.inside([QgsPointXY(15, 5)], UTM) == [True]
    areas.layer.rollBack()
    assert areas.inside([QgsPointXY(15, 5)], UTM) == [False]


def test_layers_and_places_that_cannot_be_used(tmp_path: Path) -> None:
    for uri, said in (("Point?crs=EPSG:4326", "has no polygons"), ("Polygon", "no CRS")):
        layer = QgsVectorLayer(uri, "m", "memory")
        if said == "no CRS":
            layer.setCrs(QgsCoordinateReferenceSystem())
        with pytest.raises(InputError, match=said):
            AoiLayer(layer)
    with pytest.raises(InputError, match="no GeoPackage"):
        AoiLayer.create(tmp_path / "x.shp", UTM)
    with pytest.raises(InputError, match="CRS"):
        AoiLayer.create(tmp_path / "x.gpkg", QgsCoordinateReferenceSystem())
    with pytest.raises(OutputError, match="does not exist"):
        AoiLayer.create(tmp_path / "no" / "x.gpkg", UTM)
    (tmp_path / "broken.gpkg").write_text("not a database at all" * 100)
    with pytest.raises(OutputError, match="aoi could not be written"):
        AoiLayer.create(tmp_path / "broken.gpkg", UTM)
    assert (tmp_path / "broken.gpkg").read_text().startswith("not a database"), "nobody's file is destroyed"


def test_a_removed_layer_raises_words_only(areas: AoiLayer) -> None:
    (fid,) = areas.add(box(0, 0, 10, 10))
    QgsProject.instance().addMapLayer(areas.layer)
    QgsProject.instance().removeMapLayer(areas.layer)
    for write in (lambda: areas.add(box(0, 0, 1, 1)), lambda: areas.remove(fid), areas.check_writable):
        with pytest.raises(InputError, match="was removed from the project"):
            write()
    assert areas.union(UTM) is None and areas.inside([QgsPointXY(1, 1)], UTM) == [True]
    assert areas.at(QgsPointXY(1, 1)) is None and areas.source == "" and areas.path_and_layer == ("", "")


def test_wkb_type_is_multipolygon(areas: AoiLayer) -> None:
    assert areas.layer.wkbType() == QgsWkbTypes.Type.MultiPolygon
