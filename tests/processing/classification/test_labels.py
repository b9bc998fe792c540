"""Labels as users have them: formats, CRSs, classes, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing.classification.labels import class_text, other_products, read_labels
from bitscape.processing.errors import LabelError
from rasterio.crs import CRS
from rasterio.warp import transform

UTM = CRS.from_epsg(32610)
ALBERS = CRS.from_string("ESRI:102039")
Write = Callable[..., Path]
POINTS = shapely.points([[500_005.0, 4_000_005.0], [500_105.0, 4_000_205.0], [501_005.0, 4_001_005.0]])


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "ESRI:102039", "EPSG:3857", "EPSG:32610"])
def test_points_arrive_where_they_are(tmp_path: Path, write_features: Write, suffix: str, crs: str) -> None:
    xy = shapely.get_coordinates(POINTS)
    moved = np.column_stack(transform(UTM, CRS.from_string(crs), xy[:, 0], xy[:, 1]))
    wkt = CRS.from_string(crs).to_wkt()
    path = write_features(tmp_path / f"labels{suffix}", shapely.points(moved), {"label": ["b", "a", "b"]}, wkt)
    labels = read_labels(path, "", "label", UTM)
    assert labels.names == ("a", "b") and labels.classes.tolist() == [1, 0, 1] and labels.warnings == []
    np.testing.assert_allclose(shapely.get_coordinates(labels.geometries), xy, atol=0.02)


def test_into_a_crs_without_epsg_code(tmp_path: Path, write_features: Write) -> None:
    path = write_features(tmp_path / "labels.gpkg", POINTS, {"label": ["a", "b", "a"]}, UTM.to_wkt())
    moved = shapely.get_coordinates(read_labels(path, "", "label", ALBERS).geometries)
    assert ALBERS.to_epsg() is None
    np.testing.assert_allclose(moved, np.column_stack(transform(UTM, ALBERS, *shapely.get_coordinates(POINTS).T)))
    back = read_labels(write_features(tmp_path / "back.gpkg", shapely.points(moved), {"label": ["a", "b", "a"]},
                                      ALBERS.to_wkt()), "", "label", UTM)
    np.testing.assert_allclose(shapely.get_coordinates(back.geometries), shapely.get_coordinates(POINTS), atol=0.01)


def test_validation_labels_and_gaps_never_train(tmp_path: Path, write_features: Write) -> None:
    geometries = np.append(POINTS, [shapely.Point(500_000, 4_000_000), None, shapely.LineString([(0, 0), (1, 1)])])
    path = write_features(tmp_path / "labels.gpkg", geometries, {
        "label": ["a", "b", None, "a", "b", "b"],
        "role": ["train", "validate", "train", None, "train", "train"],
    }, UTM.to_wkt())
    labels = read_labels(path, "", "label", UTM)
    assert labels.names == ("a",) and len(labels.classes) == 2
    said = "; ".join(labels.warnings)
    for words in ("1 label is for validation", "1 label has no value in the field label", "no geometry", "neither"):
        assert words in said


def test_the_points_of_a_validation_sample_never_train(tmp_path: Path, write_features: Write) -> None:
    """Also where labels were typed into the sample itself, which has no role."""
    path = write_features(tmp_path / "sample.gpkg", POINTS, {
        "point": [1, 2, 3], "stratum": ["a", "b", "b"], "stratum_area": [100.0, 300.0, 300.0], "label": ["a", "b", "a"],
    }, UTM.to_wkt())
    with pytest.raises(LabelError, match="3 labels are for validation and did not train"):
        read_labels(path, "", "label", UTM)


def test_number_classes_are_names(tmp_path: Path, write_features: Write) -> None:
    path = write_features(tmp_path / "labels.gpkg", POINTS, {"code": [2, 10, 2]}, UTM.to_wkt())
    assert read_labels(path, "", "code", UTM).names == ("10", "2")
    values = [1, 1.0, np.int64(1), " 1 ", True, None, float("nan"), 1.5]
    assert [class_text(value) for value in values] == ["1", "1", "1", "1", "true", "", "", "1.5"]


def test_a_self_crossing_polygon_is_repaired_and_said(tmp_path: Path, write_features: Write) -> None:
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    path = write_features(tmp_path / "labels.gpkg", np.array([bow, shapely.box(0, 0, 1, 1)]), {"label": ["a", "b"]},
                          UTM.to_wkt())
    labels = read_labels(path, "", "label", UTM)
    assert shapely.area(labels.geometries[0]) == pytest.approx(5000)
    assert labels.warnings == ["1 polygon crosses its own outline and was repaired"]


def test_labels_without_crs(tmp_path: Path, write_features: Write) -> None:
    path = write_features(tmp_path / "labels.shp", POINTS, {"label": ["a", "b", "a"]}, None)
    with pytest.raises(LabelError, match="does not say which CRS"):
        read_labels(path, "", "label", UTM)
    labels = read_labels(path, "", "label", UTM, label_crs="EPSG:32610")
    assert (shapely.get_coordinates(labels.geometries) == shapely.get_coordinates(POINTS)).all()
    assert len(read_labels(path, "", "label", None).classes) == 3
    with pytest.raises(LabelError, match="The tiles have no CRS"):
        read_labels(path, "", "label", None, label_crs="EPSG:32610")
    with pytest.raises(LabelError, match="not one that is understood"):
        read_labels(path, "", "label", UTM, label_crs="EPSG:nothing")


def test_what_cannot_be_read_is_explained(tmp_path: Path, write_features: Write) -> None:
    path = write_features(tmp_path / "labels.gpkg", POINTS, {"label": ["a", "b", "a"], "note": [1, 2, 3]}, UTM.to_wkt())
    with pytest.raises(LabelError, match="no field named class; there are label, note"):
        read_labels(path, "", "class", UTM)
    with pytest.raises(LabelError, match="no layer named other; it has labels"):
        read_labels(path, "other", "label", UTM)
    with pytest.raises(LabelError, match="does not exist"):
        read_labels(tmp_path / "missing.gpkg", "", "label", UTM)
    empty = write_features(tmp_path / "empty.gpkg", np.array([], object), {"label": np.array([], object)}, UTM.to_wkt())
    with pytest.raises(LabelError, match="is empty"):
        read_labels(empty, "", "label", UTM)
    (tmp_path / "cut.gpkg").write_bytes(path.read_bytes()[:3000])
    (tmp_path / "text.geojson").write_text("{not json")
    for name in ("cut.gpkg", "text.geojson"):
        with pytest.raises(LabelError, match="cannot be read"):
            read_labels(tmp_path / name, "", "label", UTM)


def test_a_class_table_beside_the_labels_is_passed_over(tmp_path: Path, write_features: Write) -> None:
    path = tmp_path / "labels.gpkg"
    names = [np.array(["a", "b"], object)]
    pyogrio.raw.write(path, None, names, ["label"], layer="class_table", driver="GPKG", geometry_type=None, crs=None)
    pyogrio.raw.write(path, shapely.to_wkb(POINTS), [np.array(["a", "b", "a"], object)], ["label"], layer="points",
                      driver="GPKG", geometry_type="Point", crs="EPSG:32610", append=True)
    assert len(read_labels(path, "", "label", UTM).classes) == 3


@pytest.mark.parametrize(("said", "products", "words"), [
    (["AlphaEarth 2", None, "Tessera"], ["AlphaEarth"], "1 label says .*Tessera.* than the tiles .AlphaEarth."),
    (["AlphaEarth v1", "alphaearth V1", ""], ["AlphaEarth v2"], "2 labels say .*AlphaEarth v1.*AlphaEarth v2"),
    (["Alpha-Earth", "alphaearth", None], ["AlphaEarth"], ""),
    (["Tessera", "Tessera", "Tessera"], [], ""),
])
def test_labels_of_another_product_version_are_named(
    tmp_path: Path, write_features: Write, said: list[str | None], products: list[str], words: str
) -> None:
    path = write_features(tmp_path / "labels.gpkg", shapely.points(np.zeros((3, 2))),
                          {"label": ["a", "b", "a"], "product_version": np.array(said, object)}, "EPSG:32610")
    found = other_products(path, "", "label", products)
    assert (re.search(words, found[0]) is not None) if words else found == []
