"""Train a classifier: tiles and labelled points or polygons → a model, and how far it can be trusted."""

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
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..settings import threads
from ..translation import tr
from . import dated_rasters, figures, number_figures, sources
from .base import BitscapeAlgorithm
from .parameters import OptionalRasterFiles

CLASS_WEIGHTS = ("none", "balanced")
TARGETS = ("automatic", "classes", "numbers")


class TrainClassifier(BitscapeAlgorithm):
    """Tiles and labels → a logistic regression of classes, or a ridge regression of numbers, with nested
    cross-validation, random and spatial."""

    ID = "trainclassifier"
    GROUP = "labelsandclassification"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "labels,points,polygons,logistic regression,cross-validation,spatial,accuracy,F1,model,change,"
        "regression,ridge,biomass,height,RMSE"
    )

    def displayName(self) -> str:
        return tr("Train classifier from labels")

    def shortDescription(self) -> str:
        return tr("Learns classes or numbers from labelled places and says how well it knows them, here and in new "
                  "places.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        kinds = [QgsProcessing.SourceType.TypeVectorPoint, QgsProcessing.SourceType.TypeVectorPolygon]
        integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(QgsProcessingParameterFile("INPUT", tr("Embedding tiles (.tif)"), extension="tif"))
        self.add(QgsProcessingParameterFeatureSource("LABELS", tr("Labels: points or polygons"), kinds))
        # Optional only in form: QGIS 3.22 asks for a mandatory field even where it has a default.
        self.add(QgsProcessingParameterField("CLASS_FIELD", tr("Field that holds the class or number"), "label",
                                             "LABELS", optional=True))
        kinds_of_field = [tr("Automatic"), tr("Classes"), tr("Numbers")]
        self.add(QgsProcessingParameterEnum("TARGET", tr("What the field holds"), kinds_of_field, defaultValue=0),
                 tr("Automatic: real numbers, or more than 20 different ones, are numbers to be predicted, such as a "
                    "height; text and few whole numbers are classes. The log says which."))
        self.add(QgsProcessingParameterString("UNIT", tr("Unit of the numbers"), optional=True),
                 tr("As it is to be written, for example m or Mg/ha."))
        self.add(QgsProcessingParameterString("POSITIVE_CLASS", tr("Class that is looked for"), optional=True),
                 tr("With two classes: the one the score is about. Without it, the log says which."))
        weights = [tr("None"), tr("Balanced")]
        self.add(QgsProcessingParameterEnum("CLASS_WEIGHTS", tr("Class weights"), weights, defaultValue=0),
                 tr("Balanced: rare classes weigh as much as frequent ones."))
        text = tr("Block side for spatial validation, in units of the tiles' CRS (0 = automatic)")
        self.add(QgsProcessingParameterNumber("BLOCK_SIZE", text, real, 0, minValue=0))
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), polygons, optional=True),
                 tr("Labels outside it neither train nor count in any figure."))
        self.add(OptionalRasterFiles("EMBEDDINGS", tr("For the report: the embedding rasters of the tiles, in order")),
                 tr("The report then also compares one date, both dates and all dimensions."))
        points = [QgsProcessing.SourceType.TypeVectorPoint]
        self.add(QgsProcessingParameterFeatureSource(
            "VALIDATION", tr("For the report: a random sample of the map, interpreted"), points, optional=True),
            tr("Points drawn at random, never clicks. The report then also says whether the score is a probability."))
        text = tr("Seed of the folds")
        self.add(QgsProcessingParameterNumber("SEED", text, integer, 0, minValue=0), advanced=True)
        self.add(QgsProcessingParameterFileDestination("OUTPUT", tr("Model"), "JSON (*.json)"))
        # QGIS makes an HTML output of it, which its results viewer shows.
        self.add(QgsProcessingParameterFileDestination("REPORT", tr("Report"), "HTML (*.html)", optional=True,
                                                       createByDefault=False))
        for name, text in {**figures.output_names(), **number_figures.output_names()}.items():
            self.addOutput(QgsProcessingOutputNumber(name, text))
        self.addOutput(QgsProcessingOutputString("CLASSES", tr("Classes")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("EMBEDDINGS",), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            "tiles": sources.absolute(self.parameterAsFile(parameters, "INPUT", context)),
            **sources.labels_and_classes(self, parameters, context),
            **sources.area(self, parameters, context),
            "target": TARGETS[self.parameterAsEnum(parameters, "TARGET", context)],
            "unit": self.parameterAsString(parameters, "UNIT", context).strip(),
            **sources.validation(self, parameters, context),
            "embeddings": sources.files(parameters, "EMBEDDINGS", context),
            "class_weights": CLASS_WEIGHTS[self.parameterAsEnum(parameters, "CLASS_WEIGHTS", context)],
            "block_size": self.parameterAsDouble(parameters, "BLOCK_SIZE", context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "threads": threads(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        result = self.run_backend({
            **self._request, "model": self.file_output(parameters, "OUTPUT", context),
            "report": self.file_output(parameters, "REPORT", context) or None,
        }, feedback)
        kind = number_figures if result["target"] == "numbers" else figures
        for line in kind.report(result):
            feedback.pushInfo(line)
        found = {"OUTPUT": result["model"], **kind.outputs(result)}
        if result["target"] == "classes":
            found["CLASSES"] = ", ".join(result["classes"])
        return {**found, "REPORT": result["report"]} if result["report"] else found
