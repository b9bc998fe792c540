"""What areas of interest amount to, in words: how many, how large, how many labels are inside."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsDistanceArea, QgsPointXY, QgsProject
from qgis.PyQt import sip

from ..layers.aoi_layer import AoiLayer
from ..layers.label_layer import LabelLayer
from ..translation import tr


def describe(aoi: Optional[AoiLayer], labels: Optional[LabelLayer], project: QgsProject) -> str:
    """ "3 areas, 412 ha; 31 of 40 labels inside"; "" if there are none."""
    if aoi is None or sip.isdeleted(aoi.layer) or not aoi.layer.featureCount():
        return ""
    count = int(aoi.layer.featureCount())
    text = tr("1 area, {0}").format(size(aoi, project)) if count == 1 else tr("{0} areas, {1}").format(
        count, size(aoi, project))
    if labels is None or sip.isdeleted(labels.layer):
        return text
    found = labels.labels()
    inside = aoi.inside([QgsPointXY(one.x, one.y) for one in found], labels.crs)
    return tr("{0}; {1} of {2} labels inside").format(text, sum(inside), len(found))


def size(aoi: AoiLayer, project: QgsProject) -> str:
    """The ground that the areas cover on the ellipsoid of their CRS, overlaps once."""
    crs = aoi.layer.crs()
    union = aoi.union(crs)
    measure = QgsDistanceArea()
    measure.setSourceCrs(crs, project.transformContext())
    measure.setEllipsoid(crs.ellipsoidAcronym() or "NONE")
    area = measure.measureArea(union) if union is not None else 0.0
    if not measure.willUseEllipsoid():
        return tr("{0:,.4g} square map units").format(area)
    if area < 1e4:
        return tr("{0:,.0f} m²").format(area)
    if area < 1e6:
        return tr("{0:.3g} ha").format(area / 1e4)
    return tr("{0:,.0f} ha").format(area / 1e4) if area < 1e8 else tr("{0:,.0f} km²").format(area / 1e6)
