"""A stratified random sample of a class map, by the contract of sample files, drawn without the plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal, ogr


def draw_sample(classes: Path, path: Path, count: int, seed: int = 5) -> Path:
    """``count`` points on pixels of ``classes`` (tags CLASS_1=…; 0 is nodata), as many in each class."""
    source = gdal.Open(str(classes))
    values, transform = source.ReadAsArray(), source.GetGeoTransform()
    names = {int(tag[6:]): name for tag, name in source.GetMetadata().items() if tag.startswith("CLASS_")}
    random = np.random.default_rng(seed)
    chosen: list[tuple[int, int, str, float]] = []
    for value, name in sorted(names.items()):
        rows, columns = np.nonzero(values == value)
        picks = random.choice(len(rows), count // len(names), replace=False)
        chosen += [(int(columns[index]), int(rows[index]), name, len(rows) * transform[1] ** 2) for index in picks]
    order = random.permutation(len(chosen))
    data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = data.CreateLayer("sample", source.GetSpatialRef(), ogr.wkbPoint)
    for name, kind in (("point", ogr.OFTInteger), ("stratum", ogr.OFTString), ("stratum_area", ogr.OFTReal),
                       ("cluster", ogr.OFTInteger), ("design", ogr.OFTString), ("label", ogr.OFTString)):
        layer.CreateField(ogr.FieldDefn(name, kind))
    for number, index in enumerate(order, 1):
        column, row, name, area = chosen[index]
        feature = ogr.Feature(layer.GetLayerDefn())
        for field, value in (("point", number), ("stratum", name), ("stratum_area", area), ("design", "stratified")):
            feature.SetField(field, value)
        x, y = gdal.ApplyGeoTransform(transform, column + 0.5, row + 0.5)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({x!r} {y!r})"))
        layer.CreateFeature(feature)
    layer = data = None
    return path
