"""Design a validation sample: a class map → random points to be interpreted, and how exact its figures will be."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.styling import TEMPLATES, sidecar
from ..settings import threads
from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm, beside
from .parameters import RasterFile

DESIGNS = ("stratified", "simple", "cluster")
ALLOCATIONS = ("rare", "proportional", "equal", "neyman", "own")
MOST = 100_000


class DesignSample(BitscapeAlgorithm):
    """The probability sample that an accuracy assessment to publish needs."""

    ID = "designsample"
    GROUP = "accuracyandarea"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape",
        "validation,accuracy,area,sample,sampling design,stratified,random points,Olofsson,allocation,clusters"
    )

    def displayName(self) -> str:
        return tr("Design a validation sample")

    def shortDescription(self) -> str:
        return tr("Draws the random points that the accuracy of a map and the area of its classes are estimated from.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(RasterFile("INPUT", tr("Strata: a class map")),
                 tr("The map to be assessed, or another raster of classes that parts the area."))
        self.add(RasterFile("MAP", tr("Map to be assessed, if it is another raster"), optional=True),
                 tr("Its classes are what interpreters can answer."), advanced=True)
        self.add(QgsProcessingParameterEnum("DESIGN", tr("Design"), [
            tr("Stratified random"), tr("Simple random"), tr("Two-stage clusters")], defaultValue=0))
        self.add(QgsProcessingParameterNumber("SIZE", tr("Number of points (0 = what the standard error needs)"),
                                              integer, 0, minValue=0, maxValue=MOST))
        self.add(QgsProcessingParameterNumber("TARGET_ERROR", tr("Standard error to reach (0.01 = one percent)"), real,
                                              0.015, minValue=0.0001, maxValue=0.5),
                 tr("Of the overall accuracy, or of the area share of the class named below."))
        self.add(QgsProcessingParameterString("TARGET_CLASS", tr("Class whose area is to be estimated"), optional=True),
                 tr("Empty: the standard error is that of the overall accuracy."))
        self.add(QgsProcessingParameterString("EXPECTED_ACCURACY", tr("Expected user's accuracy of each class"), "0.9",
                                              optional=True),
                 tr("One number, or by class: change=0.7, nochange=0.95."))
        self.add(QgsProcessingParameterString("EXPECTED_SHARES", tr("Expected share of that class in each stratum"),
                                              optional=True),
                 tr("Like change=0.7, nochange=0.01. Empty: from the accuracies."), advanced=True)
        self.add(QgsProcessingParameterEnum("ALLOCATION", tr("Allocation to strata"), [
            tr("Rare strata a minimum, the rest by area"), tr("By area"), tr("Equal"), tr("Optimal (Neyman)"),
            tr("Your own numbers")], defaultValue=0))
        self.add(QgsProcessingParameterNumber("MIN_POINTS", tr("Minimum for rare strata"), integer, 50, minValue=2,
                                              maxValue=MOST), advanced=True)
        self.add(QgsProcessingParameterString("POINTS", tr("Your own numbers of points"), optional=True),
                 tr("Like change=100, nochange=300."), advanced=True)
        self.add(QgsProcessingParameterNumber("MIN_DISTANCE", tr("Minimum distance between points (m on the ground)"),
                                              real, 0, minValue=0),
                 tr("0: none. In clusters it is kept within each."))
        self.add(QgsProcessingParameterNumber("BLOCK_SIZE", tr("Clusters: side of a block (m on the ground; 0 = auto)"),
                                              real, 0, minValue=0), advanced=True)
        self.add(QgsProcessingParameterNumber("POINTS_PER_BLOCK", tr("Clusters: points in each"), integer, 10,
                                              minValue=1, maxValue=1000), advanced=True)
        self.add(QgsProcessingParameterNumber("CORRELATION", tr("Clusters: expected correlation within a block"), real,
                                              0.1, minValue=0, maxValue=1), advanced=True)
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), polygons, optional=True),
                 tr("Only pixels inside are drawn, and their areas alone are weights."))
        self.add(QgsProcessingParameterNumber("SEED", tr("Seed of the draw"), integer, 0, minValue=0), advanced=True)
        self.add(QgsProcessingParameterVectorDestination("OUTPUT", tr("Validation sample"),
                                                         QgsProcessing.SourceType.TypeVectorPoint))
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Points")))
        self.addOutput(QgsProcessingOutputNumber("CLUSTERS", tr("Clusters")))
        self.addOutput(QgsProcessingOutputNumber("EXPECTED_ERROR", tr("Expected standard error of overall accuracy")))
        self.addOutput(QgsProcessingOutputNumber(
            "EXPECTED_AREA_ERROR", tr("Expected standard error of the area share of the class to be estimated")))
        self.addOutput(QgsProcessingOutputString("STRATA", tr("Classes: size, weight, points, expected errors (JSON)")))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        def text(name: str) -> str:
            return self.parameterAsString(parameters, name, context).strip()

        strata = sources.files(parameters, "INPUT", context)
        assessed = sources.files(parameters, "MAP", context)
        self._request = {
            "strata": strata[0] if strata else "",
            "map": assessed[0] if assessed else None,
            "design": DESIGNS[self.parameterAsEnum(parameters, "DESIGN", context)],
            "size": self.parameterAsInt(parameters, "SIZE", context),
            "target_error": self.parameterAsDouble(parameters, "TARGET_ERROR", context),
            "target_class": text("TARGET_CLASS"),
            "expected_accuracy": text("EXPECTED_ACCURACY") or "0.9",
            "expected_shares": text("EXPECTED_SHARES"),
            "allocation": ALLOCATIONS[self.parameterAsEnum(parameters, "ALLOCATION", context)],
            "min_points": self.parameterAsInt(parameters, "MIN_POINTS", context),
            "points": text("POINTS"),
            "min_distance": self.parameterAsDouble(parameters, "MIN_DISTANCE", context),
            "block_size": self.parameterAsDouble(parameters, "BLOCK_SIZE", context),
            "points_per_block": self.parameterAsInt(parameters, "POINTS_PER_BLOCK", context),
            "correlation": self.parameterAsDouble(parameters, "CORRELATION", context),
            **sources.area(self, parameters, context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "threads": threads(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        result = self.run_backend({**self._request, "output": sources.absolute(output)}, feedback)
        beside(feedback, _style, result["output"])
        Results(context).show(output, tr("Validation sample"))
        found = {
            "OUTPUT": output, "COUNT": result["count"], "CLUSTERS": result["clusters"],
            "EXPECTED_ERROR": result["expected_error"], "EXPECTED_AREA_ERROR": result["target_class_error"],
            "STRATA": json.dumps(result["classes"], ensure_ascii=False),
        }
        return {name: value for name, value in found.items() if value is not None}


def _style(path: str) -> None:
    """One ring for all points: nothing may tell what the map says there."""
    text = Template((TEMPLATES / "sample.qml").read_text(encoding="utf-8")).substitute(
        point=escape(tr("point to interpret")))
    sidecar(Path(path)).write_text(text, encoding="utf-8")
