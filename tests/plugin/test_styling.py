"""Style and metadata files beside results, read back by QGIS and drawn by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.plugin.layers import styling
from bitscape.plugin.layers.metadata import entries_in, write_metadata
from bitscape.plugin.layers.styling import BLUE, ORANGE, Entry
from numpy.typing import NDArray
from osgeo import gdal, ogr, osr
from qgis.core import QgsMapRendererParallelJob, QgsMapSettings, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def write(path: Path, values: NDArray[np.generic], nodata: float | None, tags: dict[str, str] | None = None) -> Path:
    """A GeoTIFF of (bands, height, width)."""
    kinds = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16, "float32": gdal.GDT_Float32}
    kind = kinds[str(values.dtype)]
    data = gdal.GetDriverByName("GTiff").Create(str(path), values.shape[2], values.shape[1], values.shape[0], kind)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((500000, 10, 0, 5000000, 0, -10))
    data.SetMetadata(tags or {})
    for band in range(values.shape[0]):
        if nodata is not None:
            data.GetRasterBand(band + 1).SetNoDataValue(nodata)
        data.GetRasterBand(band + 1).WriteArray(values[band])
    return path


def drawn(layer: QgsRasterLayer | QgsVectorLayer, size: int) -> list[list[QColor]]:
    """The layer drawn by QGIS on a transparent ground, one pixel a cell: rows of colours."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(size, size))
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return [[image.pixelColor(x, y) for x in range(size)] for y in range(size)]


def load(path: Path) -> QgsRasterLayer:
    """As the desktop loads a file: with its default style."""
    layer = QgsRasterLayer(str(path), "layer")
    assert layer.isValid()
    layer.loadDefaultMetadata()
    return layer


def is_like(colour: QColor, wanted: str, alpha: float) -> bool:
    other = QColor(wanted)
    near = all(abs(a - b) <= max(3, 2 / alpha) for a, b in zip(colour.getRgb()[:3], other.getRgb()[:3]))
    return near and abs(colour.alphaF() - alpha) < 0.02


def test_score_goes_from_faint_blue_to_orange_and_shows_nothing_where_nothing_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "score.tif", np.array([[[0, 127], [254, 255]]], np.uint8), 255)
    styling.style_score(path, "0 · unlike <a & b>", "1 · like <a & b>")
    layer = load(path)
    (first, second), (third, fourth) = drawn(layer, 2)
    assert is_like(first, BLUE, 0.75 * 70 / 255) and is_like(second, "#f7f7f7", 0.75 * 162 / 255)
    assert is_like(third, ORANGE, 0.75)
    assert fourth.alpha() == 0
    labels = [label for label, _ in layer.renderer().legendSymbologyItems()]
    assert (labels[0], labels[-1]) == ("0 · unlike <a & b>", "1 · like <a & b>")


@pytest.mark.parametrize(("low", "high", "labels"), [
    (0.0, 40.0, ("0.0 m <&>", "20.0 m <&>", "40.0 m <&>")),
    (1e6, 3e6, ("1,000,000 m <&>", "2,000,000 m <&>", "3,000,000 m <&>")),
    (1e-8, 3e-8, ("1e-08 m <&>", "2e-08 m <&>", "3e-08 m <&>")),
    (-0.5, 0.5, ("-0.50 m <&>", "0.00 m <&>", "0.50 m <&>")),
])
def test_numbers_go_through_viridis_with_a_legend_in_their_unit(
    tmp_path: Path, low: float, high: float, labels: tuple[str, ...]
) -> None:
    path = write(tmp_path / "height.tif", np.array([[[low, (low + high) / 2], [2 * high - low, np.nan]]], np.float32),
                 float("nan"))
    styling.style_number(path, low, high, "m <&>")
    layer = load(path)
    (first, second), (third, fourth) = drawn(layer, 2)
    assert is_like(first, styling.VIRIDIS[0], 1) and is_like(second, styling.VIRIDIS[4], 1)
    assert is_like(third, styling.VIRIDIS[-1], 1), "beyond the range: the colour of its end"
    assert fourth.alpha() == 0, "no number, no colour"
    shader = layer.renderer().shader().rasterShaderFunction()
    items = shader.colorRampItemList()
    assert (items[0].label, items[4].label, items[-1].label) == labels
    assert shader.sourceColorRamp().type() == "gradient" and shader.legendSettings().suffix() == " m <&>"


def test_a_range_of_one_value_still_has_a_ramp(tmp_path: Path) -> None:
    path = write(tmp_path / "height.tif", np.array([[[5, 5], [7, 5]]], np.float32), float("nan"))
    styling.style_number(path, 5, 5, "")
    layer = load(path)
    items = layer.renderer().shader().rasterShaderFunction().colorRampItemList()
    assert items[0].value < 5 < items[-1].value and items[0].label == "4.50"


def test_classes_have_names_and_colours(tmp_path: Path) -> None:
    path = write(tmp_path / "classes.tif", np.array([[[0, 1], [2, 2]]], np.uint8), 0)
    names = ["no 'change'", 'change & "more"']
    colours = styling.class_colours(names, names[1])
    assert colours == [BLUE, ORANGE]
    styling.style_classes(path, [Entry(n, name, c) for n, (name, c) in enumerate(zip(names, colours), 1)], 1.0)
    layer = load(path)
    (nodata, first), (second, _) = drawn(layer, 2)
    assert nodata.alpha() == 0
    assert is_like(first, BLUE, 1) and is_like(second, ORANGE, 1)
    assert [entry.label for entry in layer.renderer().classes()] == names


def test_many_classes_get_a_colour_each() -> None:
    colours = styling.class_colours([f"class {n}" for n in range(12)], "class 4")
    assert len(colours) == 12 and len(set(colours[:11])) == 11
    assert colours[4] == ORANGE and ORANGE not in colours[:4] + colours[5:]
    assert len(styling.class_colours([str(n) for n in range(40)], None)) == 40


def test_coverage_hides_what_is_complete_and_greys_what_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "coverage.tif", np.array([[[0, 1], [2, 2]]], np.uint8), 255)
    styling.style_coverage(path, ["No data", "Data at 1 of 2 dates", "Data at all dates"])
    (none, some), (complete, _) = drawn(load(path), 2)
    assert none.alpha() > some.alpha() > 50
    assert complete.alpha() == 0


def test_picture_is_drawn_as_it_is_and_black_is_see_through(tmp_path: Path) -> None:
    values = np.array([[[0, 1], [200, 255]], [[0, 90], [10, 255]], [[0, 3], [30, 255]]], np.uint8)
    path = write(tmp_path / "picture.tif", values, 0)
    styling.style_picture(path)
    pixels = [colour for row in drawn(load(path), 2) for colour in row]
    assert pixels[0].alpha() == 0
    assert [colour.getRgb() for colour in pixels[1:]] == [(1, 90, 3, 255), (200, 10, 30, 255), (255, 255, 255, 255)]


def test_sentinel2_is_in_true_colour(tmp_path: Path) -> None:
    values = np.zeros((12, 2, 2), np.uint16)
    values[1], values[2], values[3] = 750, 1500, 3000
    path = write(tmp_path / "s2.tif", values, 0)
    styling.style_sentinel2(path)
    colour = drawn(load(path), 2)[0][0]
    assert all(abs(a - b) <= 1 for a, b in zip(colour.getRgb(), (255, 127, 63, 255)))


@pytest.mark.parametrize("layer_name", ["labels", "other"])
def test_labels_differ_in_shape_and_colour(tmp_path: Path, layer_name: str) -> None:
    path = tmp_path / "labels.gpkg"
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    data.CreateLayer(layer_name, reference, ogr.wkbPoint).CreateField(ogr.FieldDefn("label", ogr.OFTString))
    data = None
    styling.style_labels(path, "label", [("change", "change"), ("nochange", "no change")], "change")
    layer = QgsVectorLayer(f"{path}|layername={layer_name}", "labels")
    renderer = layer.renderer()
    assert renderer.classAttribute() == "label"
    change, same = renderer.categories()
    assert (change.value(), same.value(), same.label()) == ("change", "nochange", "no change")
    markers = [category.symbol().symbolLayer(0) for category in (change, same)]
    assert markers[0].shape() != markers[1].shape()
    assert [marker.color().name() for marker in markers] == [ORANGE, BLUE]


def test_metadata_holds_origin_licence_and_attribution_and_no_junk_is_left(tmp_path: Path) -> None:
    record = (
        '{"operation": "applyclassifier", "created": "2025-03-04T05:06:07+00:00", "versions": {"bitscape": "9.8.7"},'
        ' "inputs": [{"name": "tiles.tif"}]}'
    )
    sentence = "The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and Google DeepMind."
    tags = {"BITSCAPE_PROVENANCE": record, "ATTRIBUTION": sentence, "LICENSE": "CC-BY-4.0"}
    path = write(tmp_path / "score.tif", np.array([[[0, 127], [254, 255]]], np.uint8), 255, tags)
    styling.style_score(path, "low", "high")
    write_metadata(path, "Score of <change>", "Agreement & no more.")
    metadata = load(path).metadata()
    assert metadata.title() == "Score of <change>"
    assert metadata.abstract().startswith("Agreement & no more. Made by Bitscape 9.8.7 (applyclassifier) on 2025-03-04")
    assert metadata.rights() == [sentence]
    assert metadata.licenses() == ["CC-BY-4.0"]
    assert {file.name for file in tmp_path.iterdir()} == {"score.tif", "score.qml", "score.qmd"}


def test_metadata_of_a_file_without_tags(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.tif", np.ones((1, 2, 2), np.uint8), None, {"BITSCAPE_PROVENANCE": "{broken"})
    write_metadata(path, "Plain", "Just so.")
    assert load(path).metadata().abstract() == "Just so."


def test_class_names_and_colours_are_read_from_the_file(tmp_path: Path) -> None:
    values = np.array([[[1, 2], [10, 2]]], np.uint8)
    tags = {"CLASS_10": "Bank", "CLASS_2": "Water", "CLASS_1": "Forest", "CLASSIFIED": "no"}
    path = write(tmp_path / "cover.tif", values, 0, tags)
    data = gdal.Open(str(path), gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(2, (1, 2, 255, 255))
    data.GetRasterBand(1).SetColorTable(table)
    data = None
    assert [(entry.value, entry.name) for entry in entries_in(path)] == [(1, "Forest"), (2, "Water"), (10, "Bank")]
    assert entries_in(path)[1].colour == "#0102ff"
