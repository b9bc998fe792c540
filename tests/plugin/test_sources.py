"""What the user chose arrives at the backend as files: in order, with selections, edits and corrected CRSs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bitscape.plugin.algorithms import sources
from bitscape.plugin.algorithms.build_embedding_tiles import BuildEmbeddingTiles
from bitscape.plugin.algorithms.sources import Labels
from bitscape.plugin.algorithms.train_classifier import TrainClassifier
from osgeo import gdal, ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

LAMBERT = "ESRI:102039"
Choose = Callable[[object], Labels]


@pytest.fixture
def context() -> Iterator[QgsProcessingContext]:
    """A context with an empty project."""
    project = QgsProject.instance()
    project.clear()
    context = QgsProcessingContext()
    context.setProject(project)
    yield context
    project.clear()


def raster(path: Path) -> Path:
    gdal.GetDriverByName("GTiff").Create(str(path), 4, 4, 1).SetGeoTransform((0, 1, 0, 4, 0, -1))
    return path


def points(names: list[str], crs: str = "EPSG:32633") -> QgsVectorLayer:
    """A memory layer of points with the field label."""
    layer = QgsVectorLayer(f"Point{'?crs=' + crs + '&' if crs else '?'}field=label:string", "clicks", "memory")
    for number, name in enumerate(names):
        feature = QgsFeature(layer.fields())
        feature["label"] = name
        feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(number, number)))
        layer.dataProvider().addFeature(feature)
    layer.updateExtents()
    return layer


def saved(layer: QgsVectorLayer, path: Path) -> QgsVectorLayer:
    """The layer as a file, opened."""
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG" if path.suffix == ".gpkg" else "GeoJSON"
    QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), QgsProject.instance().transformContext(), options)
    opened = QgsVectorLayer(str(path), "saved", "ogr")
    assert opened.isValid()
    return opened


def read(labels: Labels) -> list[str]:
    layer = QgsVectorLayer(f"{labels.path}|layername={labels.layer}" if labels.layer else labels.path, "", "ogr")
    assert layer.isValid(), labels
    return [feature["label"] for feature in layer.getFeatures()]


@pytest.fixture
def choose(context: QgsProcessingContext) -> Choose:
    """Labels as the backend will get them, for a value of the parameter LABELS."""
    algorithm = TrainClassifier()
    algorithm.initAlgorithm()

    def labels(value: object) -> Labels:
        return sources.labels(algorithm, {"LABELS": value}, "LABELS", context)

    return labels


def test_layers_names_ids_and_paths_keep_their_order(context: QgsProcessingContext, tmp_path: Path) -> None:
    paths = [raster(tmp_path / f"{name}.tif") for name in ("d", "b", "c", "a")]
    layers = [QgsRasterLayer(str(path), f"layer {path.stem}") for path in paths]
    for layer in layers:
        QgsProject.instance().addMapLayer(layer)
    chosen = [layers[0], layers[1].id(), "layer c", str(paths[3]), str(tmp_path / "missing.tif"), "/vsizip/x.zip/y.tif"]
    found = sources.files({"INPUT": chosen}, "INPUT", context)
    assert found == [*map(str, paths), str(tmp_path / "missing.tif"), "/vsizip/x.zip/y.tif"]
    assert sources.files({"INPUT": str(paths[0])}, "INPUT", context) == [str(paths[0])]
    assert sources.files({}, "INPUT", context) == []


def test_what_is_no_raster_file_is_refused_by_its_name(context: QgsProcessingContext) -> None:
    layer = points(["a"])
    QgsProject.instance().addMapLayer(layer)
    with pytest.raises(QgsProcessingException, match="clicks is not a raster file"):
        sources.files({"INPUT": [layer]}, "INPUT", context)


def test_a_file_is_used_as_it_is(choose: Choose, tmp_path: Path) -> None:
    for name in ("labels.gpkg", "labels.geojson"):
        layer = saved(points(["a", "b"], "EPSG:4326"), tmp_path / name)
        assert choose(layer).path == str(tmp_path / name)
        assert choose(str(tmp_path / name)).path == str(tmp_path / name)
    assert choose(str(tmp_path / "missing.gpkg")).path == str(tmp_path / "missing.gpkg")


def test_memory_selection_filter_and_unsaved_edits_arrive(choose: Choose, tmp_path: Path) -> None:
    memory = points(["a", "b", "c"])
    QgsProject.instance().addMapLayer(memory)
    assert read(choose(memory.id())) == ["a", "b", "c"]
    memory.selectByExpression("label = 'b'")
    assert read(choose(QgsProcessingFeatureSourceDefinition(memory.id(), True))) == ["b"]

    stored = saved(points(["a", "b", "c"]), tmp_path / "labels.gpkg")
    QgsProject.instance().addMapLayer(stored)
    stored.setSubsetString("label <> 'a'")
    assert read(choose(stored.id())) == ["b", "c"]
    stored.setSubsetString("")
    assert stored.startEditing()
    feature = QgsFeature(stored.fields())
    feature["label"] = "clicked just now"
    feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(9, 9)))
    assert stored.addFeature(feature)
    assert sorted(read(choose(stored.id()))) == ["a", "b", "c", "clicked just now"]
    assert len(read(choose(QgsProcessingFeatureSourceDefinition(stored.id(), False, 2)))) == 2
    stored.rollBack()


def test_a_corrected_crs_and_one_without_a_code_arrive(choose: Choose, tmp_path: Path) -> None:
    stored = saved(points(["a"], "EPSG:4326"), tmp_path / "labels.gpkg")
    QgsProject.instance().addMapLayer(stored)
    stored.setCrs(QgsCoordinateReferenceSystem(LAMBERT))
    labels = choose(stored.id())
    assert labels.path != str(tmp_path / "labels.gpkg")
    assert QgsVectorLayer(labels.path, "", "ogr").crs() == QgsCoordinateReferenceSystem(LAMBERT)
    assert labels.crs == "", "the copy has it"


def test_a_crs_that_only_qgis_knows_goes_along(choose: Choose, tmp_path: Path) -> None:
    raw = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(tmp_path / "labels.shp"))
    raw.CreateLayer("labels", None, ogr.wkbPoint).CreateField(ogr.FieldDefn("label", ogr.OFTString))
    raw = None
    layer = QgsVectorLayer(str(tmp_path / "labels.shp"), "labels", "ogr")
    layer.setCrs(QgsCoordinateReferenceSystem(LAMBERT))
    QgsProject.instance().addMapLayer(layer)
    labels = choose(layer.id())
    assert labels.path == str(tmp_path / "labels.shp")
    assert QgsCoordinateReferenceSystem.fromWkt(labels.crs) == QgsCoordinateReferenceSystem(LAMBERT)


def test_a_layer_without_a_crs_says_so(choose: Choose, tmp_path: Path) -> None:
    nowhere = points(["a", "b"], crs="")
    nowhere.setCrs(QgsCoordinateReferenceSystem())
    QgsProject.instance().addMapLayer(nowhere)
    labels = choose(nowhere.id())
    assert labels.crs == ""
    assert read(labels) == ["a", "b"]


def test_extent_keeps_its_crs(context: QgsProcessingContext) -> None:
    algorithm = BuildEmbeddingTiles()
    algorithm.initAlgorithm()

    def extent(value: object) -> object:
        return sources.extent(algorithm, {"EXTENT": value}, "EXTENT", context)

    assert extent(None) == (None, "")
    assert extent("") == (None, "")
    box, crs = extent("1,3,10,40 [EPSG:32633]")
    assert box == [1, 10, 3, 40]
    assert crs == "EPSG:32633"
    lambert = QgsReferencedRectangle(QgsRectangle(1, 2, 3, 4), QgsCoordinateReferenceSystem(LAMBERT))
    box, crs = extent(lambert)
    assert box == [1, 2, 3, 4]
    assert QgsCoordinateReferenceSystem.fromWkt(crs).authid() == LAMBERT
    assert extent("1,3,10,40")[1] == ""
    with pytest.raises(QgsProcessingException, match="empty"):
        extent("1,1,10,10 [EPSG:32633]")


@pytest.mark.parametrize(
    ("text", "virtual"),
    [("/data/a.tif", False), ("C:/data/a.tif", False), ("C:\\a.tif", False), ("a.tif", False),
     ("/vsicurl/https://x/y.tif", True), ("NETCDF:a.nc:v", True), ("https://example.org/a.tif", True)],
)
def test_what_is_a_path_on_disk(text: str, virtual: bool) -> None:
    assert sources.is_virtual(text) is virtual
