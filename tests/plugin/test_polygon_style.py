"""The looks of polygons: QGIS reads the style as it is meant, and periods run from light to dark."""

from __future__ import annotations

from pathlib import Path

from bitscape.plugin.layers.styling import ramp_colours, style_polygons
from osgeo import ogr
from qgis.core import QgsVectorLayer
from qgis.PyQt.QtGui import QColor


def polygon_layer(path: Path) -> QgsVectorLayer:
    """A GeoPackage of polygons with the fields of ours."""
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("polygons", None, ogr.wkbMultiPolygon)
    for name, kind in (("class", ogr.OFTString), ("mapped_ha", ogr.OFTReal)):
        layer.CreateField(ogr.FieldDefn(name, kind))
    del layer, data
    return QgsVectorLayer(f"{path}|layername=polygons", "polygons", "ogr")


def test_qgis_shows_classes_in_their_colours_and_fields_by_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "polygons.gpkg"
    layer = polygon_layer(path)
    style_polygons(path, "class", [("a<b", "a < b", "#e66101"), ('"c"', "c & d", "#102030")],
                   {"class": "class", "mapped_ha": "mapped area (ha), not an estimate"})
    message, worked = layer.loadDefaultStyle()
    assert worked, message
    categories = layer.renderer().categories()
    assert [(one.value(), one.label()) for one in categories] == [("a<b", "a < b"), ('"c"', "c & d")]
    symbols = [one.symbol().symbolLayer(0) for one in categories]
    assert [one.fillColor().name() for one in symbols] == ["#e66101", "#102030"]
    assert all(one.fillColor().alpha() < 200 for one in symbols), "imagery below is to be seen"
    assert all(one.strokeColor().lightness() < one.fillColor().lightness() for one in symbols)
    field = layer.fields().field("mapped_ha")
    assert field.alias() == "mapped area (ha), not an estimate"


def test_periods_run_from_light_to_dark() -> None:
    for count in (1, 2, 3, 9):
        luma = [0.299 * c.red() + 0.587 * c.green() + 0.114 * c.blue() for c in map(QColor, ramp_colours(count))]
        assert len(luma) == count and luma == sorted(luma, reverse=True) and len(set(luma)) == count
    assert ramp_colours(2) == ["#fde725", "#440154"]
