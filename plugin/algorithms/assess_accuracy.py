"""Assess accuracy and estimate areas: a class map against a sample of points, or against a raster of the truth."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm
from .dated_rasters import missing
from .parameters import RasterFile

DESIGNS = ("sample", "random", "map")
RASTERS = ("INPUT", "REFERENCE", "STRATA")
AROUND = {
    "CI": QT_TRANSLATE_NOOP("Bitscape", "{0}: 1.96 standard errors"),
    "LOW": QT_TRANSLATE_NOOP("Bitscape", "{0}: lower end of the 95 % interval"),
    "HIGH": QT_TRANSLATE_NOOP("Bitscape", "{0}: upper end of the 95 % interval"),
}


class AssessAccuracy(BitscapeAlgorithm):
    """A class map and a sample, or a reference raster → a report with figures and, of a sample, intervals."""

    ID = "assessaccuracy"
    GROUP = "accuracyandarea"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "accuracy,area,validation,confusion matrix,error matrix,confidence interval,stratified,Olofsson,"
        "Stehman,AcATaMa,IoU,F1"
    )

    def displayName(self) -> str:
        return tr("Assess accuracy and estimate areas")

    def shortDescription(self) -> str:
        return tr("Says how right a class map is and how large its classes are, with confidence intervals.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        points, polygons = QgsProcessing.SourceType.TypeVectorPoint, QgsProcessing.SourceType.TypeVectorPolygon
        self.add(RasterFile("INPUT", tr("Class map")), tr("Whole numbers, one for each class; not a score."))
        self.add(QgsProcessingParameterFeatureSource("SAMPLE", tr("Sample: points drawn at random"), [points],
                                                     optional=True),
                 tr("Interpreted points of “Design a validation sample”, or your own. Instead of a reference raster."))
        self.add(QgsProcessingParameterField("CLASS_FIELD", tr("Field that holds the class"), "label", "SAMPLE",
                                             optional=True))
        self.add(QgsProcessingParameterFeatureSource("INTERPRETATIONS", tr("Interpretations in another file"), [points],
                                                     optional=True),
                 tr("Those in the sample's own GeoPackage are found without asking."))
        designs = [tr("As the sample says"), tr("Simple random"), tr("Stratified by the map's classes")]
        self.add(QgsProcessingParameterEnum("DESIGN", tr("How the sample was drawn"), designs, defaultValue=0),
                 tr("The fields stratum and stratum_area say it, or the raster of strata. Where there are neither, you "
                    "have to."))
        self.add(RasterFile("STRATA", tr("Raster of the strata"), optional=True),
                 tr("If the sample has no strata of its own and they are not the map's classes."), advanced=True)
        self.add(RasterFile("REFERENCE", tr("Reference raster"), optional=True),
                 tr("The truth at every pixel, instead of a sample. Classes correspond by name, else by number."))
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), [polygons],
                                                     optional=True),
                 tr("Only with a reference raster: pixels outside are not compared."))
        self.add(QgsProcessingParameterString("POSITIVE_CLASS", tr("Class of the headline"), optional=True),
                 tr("Without it: change, or the rarer of two."))
        self.add(QgsProcessingParameterFileDestination("OUTPUT", tr("Report"), "HTML (*.html)"))
        self.add(QgsProcessingParameterFileDestination("TABLE", tr("Table of the figures"), "CSV (*.csv)",
                                                       optional=True, createByDefault=False))
        self.addOutput(QgsProcessingOutputString("HEADLINE", tr("The result in a sentence")))
        for name, text in _numbers().items():
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := missing(parameters, RASTERS, context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        rasters = {name: next(iter(sources.files(parameters, name, context)), None) for name in RASTERS}
        sample = sources.labels(self, parameters, "SAMPLE", context)
        answers = sources.labels(self, parameters, "INTERPRETATIONS", context)
        self._request = {
            "map": rasters["INPUT"], "reference": rasters["REFERENCE"], "strata": rasters["STRATA"],
            "sample": sample.path or None, "layer": sample.layer, "sample_crs": sample.crs,
            "original": sources.file_behind(self, parameters, "SAMPLE", context) or None,
            "class_field": self.parameterAsString(parameters, "CLASS_FIELD", context) or "label",
            **({"interpretations": answers.path, "interpretations_layer": answers.layer} if answers.path else {}),
            "design": DESIGNS[self.parameterAsEnum(parameters, "DESIGN", context)],
            **sources.area(self, parameters, context),
            "positive_class": self.parameterAsString(parameters, "POSITIVE_CLASS", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        report, table = (self.file_output(parameters, name, context) for name in ("OUTPUT", "TABLE"))
        result = self.run_backend({**self._request, "report": report, "table": table or None}, feedback)
        found = {"OUTPUT": report, "TABLE": table or None, "HEADLINE": result["headline"], **_figures(result)}
        return {name: value for name, value in found.items() if value is not None}


def _numbers() -> dict[str, str]:
    """The number outputs, name → description."""
    names = {
        "OVERALL_ACCURACY": tr("Overall accuracy"), "AREA": tr("Area of the class of the headline"),
        "USERS_ACCURACY": tr("User's accuracy of the class (precision)"),
        "PRODUCERS_ACCURACY": tr("Producer's accuracy of the class (recall)"), "F1": tr("F1 of the class"),
        "IOU": tr("Intersection over union of the class"),
    }
    around = {
        f"{name}_{end}": tr(title).format(text)
        for name, text in names.items()
        for end, title in AROUND.items()
    }
    return {
        **names, **around, "MAPPED_AREA": tr("Mapped area of the class of the headline"),
        "MEAN_IOU": tr("Mean intersection over union"), "COUNT": tr("Points answered, or pixels compared"),
    }


def _figures(result: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a result by output name; None where there is none."""
    headline = next((one for one in result["classes"] if one["name"] == result["positive_class"]), {})
    found = {"MAPPED_AREA": headline.get("mapped_area"), "MEAN_IOU": result["mean_iou"], "COUNT": result["count"]}
    for name, figure in (
        ("OVERALL_ACCURACY", result["overall"]), ("AREA", headline.get("area")),
        ("USERS_ACCURACY", headline.get("users")), ("PRODUCERS_ACCURACY", headline.get("producers")),
        ("F1", headline.get("f1")), ("IOU", headline.get("iou")),
    ):
        if figure is not None:
            found.update({name: figure["value"], f"{name}_CI": figure["margin"], f"{name}_LOW": figure["low"],
                          f"{name}_HIGH": figure["high"]})
    return found
