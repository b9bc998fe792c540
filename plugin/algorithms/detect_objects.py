"""Detect objects with a model: an ONNX detector and a raster → a layer of objects."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterNumber,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import style_polygons
from ..translation import tr
from . import model_parameters, sources
from .base import beside
from .model_algorithm import ModelAlgorithm


class DetectObjects(ModelAlgorithm):
    """A detector over a raster of any size."""

    ID = "detectobjects"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "onnx,deep learning,detector,yolo,boxes,objects,count,nms,ai,model,deepness")

    def displayName(self) -> str:
        return tr("Detect objects with a model")

    def shortDescription(self) -> str:
        return tr("Runs an ONNX detector (YOLO) over a raster: each object once, as a box, a turned box or an outline.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        real = QgsProcessingParameterNumber.Type.Double
        model_parameters.add_inputs(self, tr("Objects count whose centre lies in it."))
        self.add(QgsProcessingParameterNumber("THRESHOLD", tr("Least score (0 to 1, empty = the card's)"), real, None,
                                              optional=True, minValue=0, maxValue=1))
        self.add(QgsProcessingParameterNumber("IOU", tr("Boxes are one object above this share of their union (empty = "
                                              "the card's)"), real, None, optional=True, minValue=0.01, maxValue=1),
                 advanced=True)
        model_parameters.add_windows(self, tr("Overlap of windows (% of a window, empty = the card's)"))
        model_parameters.add_provider(self)
        self.add(QgsProcessingParameterVectorDestination(
            "OUTPUT", tr("Objects"), QgsProcessing.SourceType.TypeVectorPolygon))
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Objects found")))
        self.addOutput(QgsProcessingOutputNumber("CUT", tr("Objects that windows cut off")))
        model_parameters.add_figures(self)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            **model_parameters.request(self, parameters, context),
            "threshold": model_parameters.given(self, parameters, "THRESHOLD", context),
            "iou": model_parameters.given(self, parameters, "IOU", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        result = self.run_backend({**self._request, "output": sources.absolute(output)}, feedback)
        name = tr("Objects: {0}").format(result["model_name"])
        entries = [(one["name"], one["name"], one["colour"]) for one in result["classes"]]
        aliases = {"class": tr("Class"), "class_id": tr("Class number"), "score": tr("Score")}
        if result["turned"]:
            aliases["angle"] = tr("Angle (degrees)")
        beside(feedback, style_polygons, output, "class", entries, aliases)
        beside(feedback, write_metadata, output, name, tr(
            "What the model {0} detected: {1}. A score is no calibrated probability.").format(
                result["model_name"], ", ".join(f"{one['count']} {one['name']}" for one in result["classes"])))
        Results(context).show(output, name)
        return {"OUTPUT": output, "COUNT": result["objects"], "CUT": result["cut"],
                "PROVIDER_USED": result["provider_used"], "SECONDS": result["seconds"]["total"]}
