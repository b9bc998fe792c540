"""Match an example with a model: an ONNX recognition model, a raster and points on it → how alike every place is."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterRasterDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import style_number
from ..translation import tr
from . import model_parameters, sources
from .base import beside
from .model_algorithm import ModelAlgorithm


class MatchExample(ModelAlgorithm):
    """A recognition model over a raster of any size."""

    ID = "matchexample"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "onnx,deep learning,recognition,similarity,template,find,ai,model,deepness")

    def displayName(self) -> str:
        return tr("Match an example with a model")

    def shortDescription(self) -> str:
        return tr("Runs an ONNX recognition model over a raster: how alike every place is to the points you give.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        model_parameters.add_inputs(self, tr("The map covers its bounds; outside the polygons is no data."))
        points = QgsProcessing.SourceType.TypeVectorPoint
        self.add(QgsProcessingParameterFeatureSource("EXAMPLES", tr("Examples: points on the raster"), [points]),
                 tr("The model looks at the window round each point; several are averaged."))
        model_parameters.add_windows(self, tr("Overlap of windows (% of a window, empty = half)"))
        self.add(QgsProcessingParameterBoolean("FLIPS", tr("Average four mirrored windows (four times slower)"), False),
                 advanced=True)
        model_parameters.add_provider(self)
        self.add(QgsProcessingParameterRasterDestination("OUTPUT", tr("Likeness")))
        self.addOutput(QgsProcessingOutputNumber("EXAMPLES_USED", tr("Examples that count")))
        self.addOutput(QgsProcessingOutputNumber("HIGHEST", tr("Highest likeness")))
        model_parameters.add_figures(self)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        examples = sources.labels(self, parameters, "EXAMPLES", context)
        self._request = {
            **model_parameters.request(self, parameters, context),
            "examples": examples.path,
            "examples_layer": examples.layer,
            "examples_crs": examples.crs,
            "flips": self.parameterAsBool(parameters, "FLIPS", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        result = self.run_backend({**self._request, "output": sources.absolute(output)}, feedback)
        name = tr("Likeness: {0}").format(result["model_name"])
        if result["lowest"] is not None:
            beside(feedback, style_number, output, result["lowest"], result["highest"], "")
        beside(feedback, write_metadata, output, name, tr(
            "Cosine between what the model {0} makes of each place and of {1} examples: a ranking, not a probability."
        ).format(result["model_name"], result["examples"]))
        Results(context).show(output, name)
        found = {"OUTPUT": output, "EXAMPLES_USED": result["examples"], "HIGHEST": result["highest"],
                 "PROVIDER_USED": result["provider_used"], "SECONDS": result["seconds"]["total"]}
        return {name: value for name, value in found.items() if value is not None}
