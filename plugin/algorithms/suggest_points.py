"""Suggest points to label: tiles and the labels so far → the places whose labels would teach most."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
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

MOST = 1000


class SuggestPoints(BitscapeAlgorithm):
    """Places where the model is unsure, and places that are unlike every label, as points to be filled in."""

    ID = "suggestpoints"
    GROUP = "labelsandclassification"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "labels,points,active learning,uncertainty,sampling,next point,extrapolation,area of applicability"
    )

    def displayName(self) -> str:
        return tr("Suggest points to label")

    def shortDescription(self) -> str:
        return tr("Finds the places whose labels would teach the classifier most.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        points, polygons = QgsProcessing.SourceType.TypeVectorPoint, QgsProcessing.SourceType.TypeVectorPolygon
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(QgsProcessingParameterFile("INPUT", tr("Embedding tiles (.tif)"), extension="tif"))
        self.add(QgsProcessingParameterFeatureSource("LABELS", tr("Labels so far: points or polygons"),
                                                     [points, polygons], optional=True),
                 tr("Without any, the points are spread over what the map has to offer."))
        self.add(QgsProcessingParameterField("CLASS_FIELD", tr("Field that holds the class"), "label", "LABELS",
                                             optional=True))
        self.add(QgsProcessingParameterString("POSITIVE_CLASS", tr("Class that is looked for"), optional=True),
                 tr("With two classes: the one the score is about."))
        self.add(QgsProcessingParameterFile("MODEL", tr("Model (.json)"), extension="json", optional=True),
                 tr("Without it, one is trained on the labels."))
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), [polygons],
                                                     optional=True),
                 tr("Points lie inside; labels outside teach all the same."))
        self.add(QgsProcessingParameterNumber("COUNT", tr("Number of points"), integer, 10, minValue=1, maxValue=MOST))
        self.add(QgsProcessingParameterNumber("SEED", tr("Seed of the pixels that are looked at"), integer, 0,
                                              minValue=0), advanced=True)
        vector = QgsProcessing.SourceType.TypeVectorPoint
        self.add(QgsProcessingParameterVectorDestination("OUTPUT", tr("Points to label"), vector))
        self.addOutput(QgsProcessingOutputNumber("UNCERTAIN", tr("Points where the model is unsure")))
        self.addOutput(QgsProcessingOutputNumber("EXTRAPOLATED", tr("Points unlike every label")))
        self.addOutput(QgsProcessingOutputNumber("SPREAD", tr("Points spread over the map, without a model")))
        self.addOutput(QgsProcessingOutputNumber("EXTRAPOLATED_SHARE", tr("Share of the pixels unlike every label")))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        taught = sources.labels_and_classes(self, parameters, context)
        model = self.parameterAsFile(parameters, "MODEL", context)
        self._request = {
            "tiles": sources.absolute(self.parameterAsFile(parameters, "INPUT", context)),
            **taught,
            "labels": taught["labels"] or None,
            "model": sources.absolute(model) or None,
            **sources.area(self, parameters, context),
            "count": self.parameterAsInt(parameters, "COUNT", context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "threads": threads(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        points = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        result = self.run_backend({**self._request, "points": sources.absolute(points)}, feedback)
        beside(feedback, _style, result["points"])
        Results(context).show(points, tr("Points to label"))
        counts = result["counts"]
        found = {"OUTPUT": points, "UNCERTAIN": counts["uncertain"], "EXTRAPOLATED": counts["extrapolated"],
                 "SPREAD": counts["spread"], "EXTRAPOLATED_SHARE": result["extrapolated"]}
        return {name: value for name, value in found.items() if value is not None}


def _style(path: str) -> None:
    """Numbered rings: what they surround is what is to be looked at. Shape and colour both tell why."""
    text = Template((TEMPLATES / "suggestions.qml").read_text(encoding="utf-8")).substitute(
        uncertain=escape(tr("the model is unsure")), extrapolated=escape(tr("unlike every label")),
        spread=escape(tr("spread over the map")))
    sidecar(Path(path)).write_text(text, encoding="utf-8")
