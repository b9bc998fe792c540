"""Make polygons from a class or score map: maps of one or several times → polygons, first changes, transitions."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import ORANGE, class_colours, ramp_colours, style_polygons
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm, beside
from .parameters import OptionalRasterFiles, RasterFiles

CONNECTIVITY = (4, 8)


class ClassPolygons(BitscapeAlgorithm):
    """Connected regions of class maps or scores as polygons with their areas, without small regions and holes."""

    ID = "classpolygons"
    GROUP = "labelsandclassification"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "polygonize,vectorize,sieve,regions,minimum mapping unit,holes,simplify,transitions,change year"
    )

    def displayName(self) -> str:
        return tr("Make polygons from a class or score map")

    def shortDescription(self) -> str:
        return tr("Turns maps into polygons with areas, and maps of several times into first changes and transitions.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        real = QgsProcessingParameterNumber.Type.Double
        self.add(RasterFiles("INPUT", tr("Class or score maps, in order of time")),
                 tr("One map gives its polygons, several give polygons of first change, and transitions."))
        self.add(QgsProcessingParameterString("CLASSES", tr("Classes, separated by commas"), optional=True),
                 tr("Names or numbers. Without any: the class that is looked for, where the map names it, else all; of "
                    "several maps any change."))
        self.add(QgsProcessingParameterNumber("THRESHOLD", tr("Threshold of scores (0 to 1)"), real, 0.5, minValue=0,
                                              maxValue=1))
        self.add(QgsProcessingParameterNumber("MIN_AREA", tr("Minimum area of a polygon (m²)"), real, 0, minValue=0),
                 tr("On the ellipsoid, before holes are filled. Smaller regions are left out."))
        self.add(QgsProcessingParameterNumber("FILL_HOLES", tr("Fill holes smaller than (m²)"), real, 0, minValue=0),
                 tr("Never where pixels are unknown, or where another polygon lies inside."))
        self.add(QgsProcessingParameterNumber("SIMPLIFY", tr("Simplification tolerance (map units, 0 = none)"), real, 0,
                                              minValue=0),
                 tr("Shared borders stay shared. Areas remain those of the pixels."))
        self.add(QgsProcessingParameterEnum("CONNECTIVITY", tr("Pixels connect through"), [
            tr("Edges (4 neighbours)"), tr("Edges and corners (8 neighbours)"),
        ], defaultValue=0), advanced=True)
        self.add(OptionalRasterFiles("SCORE", tr("Score on the same grid, for the mean score")),
                 tr("One raster. Scores as input have their own."))
        self.add(QgsProcessingParameterString("PERIODS", tr("Names of the maps' periods, separated by commas"),
                                              optional=True),
                 tr("For example 2020, 2022, 2024. Without it: the periods in tags, or the years in file names."))
        polygons = QgsProcessing.SourceType.TypeVectorPolygon
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), [polygons],
                                                     optional=True),
                 tr("Pixels are taken whose centre is inside."))
        self.add(QgsProcessingParameterVectorDestination("OUTPUT", tr("Class polygons"), polygons))
        self.add(QgsProcessingParameterFileDestination("TRANSITIONS", tr("Transitions between maps"), "CSV (*.csv)",
                                                       optional=True, createByDefault=False),
                 tr("From which class to which, in pixels and hectares; also a table in the GeoPackage."))
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Polygons")))
        self.addOutput(QgsProcessingOutputNumber("AREA_HA", tr("Mapped area in hectares, not an estimate")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT", "SCORE"), context):
            return False, said
        if len(sources.files(parameters, "SCORE", context)) > 1:
            return False, tr("SCORE takes one raster; several were given.")
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        score = sources.files(parameters, "SCORE", context)
        self._request = {
            "inputs": sources.files(parameters, "INPUT", context),
            "classes": _words(self.parameterAsString(parameters, "CLASSES", context)),
            "threshold": self.parameterAsDouble(parameters, "THRESHOLD", context),
            "min_area": self.parameterAsDouble(parameters, "MIN_AREA", context),
            "max_hole": self.parameterAsDouble(parameters, "FILL_HOLES", context),
            "tolerance": self.parameterAsDouble(parameters, "SIMPLIFY", context),
            "connectivity": CONNECTIVITY[self.parameterAsEnum(parameters, "CONNECTIVITY", context)],
            "score": score[0] if score else None,
            "periods": _words(self.parameterAsString(parameters, "PERIODS", context)),
            **sources.area(self, parameters, context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        polygons = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        transitions = self.file_output(parameters, "TRANSITIONS", context) or None
        result = self.run_backend(
            {**self._request, "output": sources.absolute(polygons), "transitions": transitions}, feedback)
        title = _title(result)
        beside(feedback, _style, result)
        beside(feedback, write_metadata, polygons, title, result["description"])
        Results(context).show(polygons, title)
        found = {"OUTPUT": polygons, "TRANSITIONS": result["transitions"], "COUNT": result["count"],
                 "AREA_HA": result["area_ha"]}
        return {name: value for name, value in found.items() if value is not None}


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"\s*[,;]\s*", text.strip()) if word]


def _title(result: dict[str, Any]) -> str:
    """The name of the layer."""
    names = list(dict.fromkeys(kind["name"] for kind in result["kinds"]))
    what = tr("change") if names == ["changed"] else ", ".join(names) if len(names) <= 3 else tr("classes")
    when = " – ".join(dict.fromkeys([result["periods"][0], result["periods"][-1]]))
    return tr("Polygons: {0} {1}").format(what, when.replace("-", "→")).strip()


def _style(result: dict[str, Any]) -> None:
    """Polygons in the colours of the map's classes, or of several maps by the period of the first change."""
    if result["field"] == "class":
        names = [kind["name"] for kind in result["kinds"]]
        own = class_colours(names, None)
        if len(names) == 1:
            own = [ORANGE]
        colours = [kind["colour"] or colour for kind, colour in zip(result["kinds"], own)]
        entries = [(name, name, colour) for name, colour in zip(names, colours)]
    else:
        periods = list(dict.fromkeys(kind["period"] for kind in result["kinds"]))
        entries = [(period, tr("first in {0}").format(period.replace("-", "→")), colour)
                   for period, colour in zip(periods, ramp_colours(len(periods)))]
    style_polygons(result["output"], result["field"], entries, field_aliases(result["fields"], result["score_of"]))


def field_aliases(fields: list[str], of: str) -> dict[str, str]:
    """What the fields are called where they are shown; ``of``: what the score is of."""
    names = {
        "class": tr("class"), "value": tr("number in the map"), "period": tr("period"),
        "first_period": tr("first period with it"), "first_year": tr("year in which it is first mapped"),
        "pixels": tr("pixels"), "mapped_ha": tr("mapped area (ha), not an estimate"),
        "mapped_area": tr("mapped area (square map units), not an estimate"), "perimeter_m": tr("perimeter (m)"),
        "perimeter": tr("perimeter (map units)"),
        "mean_score": tr("mean score of {0} (0 to 1), no probability").format(of),
    }
    return {field: names[field] for field in fields}
