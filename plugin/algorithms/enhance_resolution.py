"""Enhance resolution with a model: an ONNX super-resolution model and a raster → a finer raster."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterRasterDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..translation import tr
from . import model_parameters, sources
from .base import beside
from .model_algorithm import ModelAlgorithm

VALUES = ("input", "model")


class EnhanceResolution(ModelAlgorithm):
    """A super-resolution model over a raster of any size."""

    ID = "enhanceresolution"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "onnx,deep learning,super-resolution,upscale,sharpen,finer,ai,model,deepness")

    def displayName(self) -> str:
        return tr("Enhance resolution with a model")

    def shortDescription(self) -> str:
        return tr("Runs an ONNX super-resolution model over a raster: the same place with finer pixels, without seams.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        model_parameters.add_inputs(self, tr("The result covers its bounds; outside the polygons is no data."))
        self.add(QgsProcessingParameterEnum("VALUES", tr("Numbers"), [
            tr("As in the raster: its type, back from the card's scale"), tr("As the model gives them (float)"),
        ], defaultValue=0))
        model_parameters.add_windows(self, tr("Overlap of windows (% of a window, empty = the card's)"))
        self.add(QgsProcessingParameterBoolean("FLIPS", tr("Average four mirrored windows (four times slower)"), False),
                 advanced=True)
        model_parameters.add_provider(self)
        self.add(QgsProcessingParameterRasterDestination("OUTPUT", tr("Finer raster")))
        self.addOutput(QgsProcessingOutputNumber("FACTOR", tr("Pixels along a side for one of the raster")))
        model_parameters.add_figures(self)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            **model_parameters.request(self, parameters, context),
            "values": VALUES[self.parameterAsEnum(parameters, "VALUES", context)],
            "flips": self.parameterAsBool(parameters, "FLIPS", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        result = self.run_backend({**self._request, "output": sources.absolute(output)}, feedback)
        name = tr("Finer: {0}").format(result["model_name"])
        beside(feedback, write_metadata, output, name, tr(
            "{0} times as fine as the raster, by the model {1}. Details are what the model has learned to expect, not "
            "what was measured.").format(result["factor"], result["model_name"]))
        Results(context).show(output, name)
        return {"OUTPUT": output, "FACTOR": result["factor"], "PROVIDER_USED": result["provider_used"],
                "SECONDS": result["seconds"]["total"]}
