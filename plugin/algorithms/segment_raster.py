"""Segment raster with a model: an ONNX model and a raster → classes, scores, confidence, polygons, or numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..translation import tr
from . import model_parameters, sources
from .model_algorithm import ModelAlgorithm
from .segment_results import finish

BLENDS = ("hann", "crop", "average")


class SegmentRaster(ModelAlgorithm):
    """A segmentation or regression model over a raster of any size."""

    ID = "segmentraster"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "onnx,deep learning,neural network,segmentation,regression,inference,predict,"
                             "u-net,deepness,ai,model")

    def displayName(self) -> str:
        return tr("Segment raster with a model")

    def shortDescription(self) -> str:
        return tr("Runs an ONNX model over a raster: classes, scores, confidence, polygons or numbers, without seams.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        whole, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        model_parameters.add_inputs(
            self, tr("Results cover its bounds; outside the polygons is no data. The model also sees what is around."))
        self.add(QgsProcessingParameterNumber("THRESHOLD", tr("Threshold of scores (0 to 1, empty = the card's)"), real,
                                              None, optional=True, minValue=0, maxValue=1),
                 tr("A pixel has a class if its score is at least this. Where classes exclude each other there is none "
                    "unless you, or the card, give one."))
        self.add(QgsProcessingParameterNumber(
            "SMALL_SEGMENTS", tr("Remove small segments: filter side (pixels, -1 = the card's)"), whole, -1,
            minValue=-1, maxValue=999),
                 tr("Each pixel gets the most frequent class of the square around it; 0 leaves them."), advanced=True)
        self.add(QgsProcessingParameterNumber("MIN_AREA", tr("Minimum area of a polygon (m²)"), real, 0, minValue=0))
        model_parameters.add_windows(self, tr("Overlap of windows (% of a window, empty = the card's)"))
        self.add(QgsProcessingParameterEnum("BLEND", tr("Windows are joined by"), [
            tr("Blending (Hann)"), tr("Cropping"), tr("Averaging"),
        ], defaultValue=0), advanced=True)
        self.add(QgsProcessingParameterBoolean("FLIPS", tr("Average four mirrored windows (four times slower)"), False),
                 advanced=True)
        model_parameters.add_provider(self)
        raster = QgsProcessingParameterRasterDestination
        self.add(raster("OUTPUT", tr("Classes, or a regressor's numbers"), optional=True, createByDefault=True),
                 tr("The card's class numbers; 255: no data or no class."))
        self.add(raster("SCORES", tr("Scores of the classes"), optional=True, createByDefault=False),
                 tr("A band for each class: 0 to 254 for 0 to 1. 255: no data."))
        self.add(raster("CONFIDENCE", tr("Confidence"), optional=True, createByDefault=False),
                 tr("Margin between the best class and the next: 0 undecided, 254 sure. 255: no data."))
        polygons = QgsProcessing.SourceType.TypeVectorPolygon
        self.add(QgsProcessingParameterVectorDestination("POLYGONS", tr("Polygons"), polygons, optional=True,
                                                         createByDefault=False))
        self.addOutput(QgsProcessingOutputNumber("COVERED_PIXELS", tr("Pixels with data")))
        model_parameters.add_figures(self)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            **model_parameters.request(self, parameters, context),
            "threshold": model_parameters.given(self, parameters, "THRESHOLD", context),
            "small_segment": self.parameterAsInt(parameters, "SMALL_SEGMENTS", context),
            "min_area": self.parameterAsDouble(parameters, "MIN_AREA", context),
            "blend": BLENDS[self.parameterAsEnum(parameters, "BLEND", context)],
            "flips": self.parameterAsBool(parameters, "FLIPS", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        planned = {
            "classes": self.raster_output(parameters, "OUTPUT", context),
            "scores": self.raster_output(parameters, "SCORES", context),
            "confidence": self.raster_output(parameters, "CONFIDENCE", context),
            "polygons": self.parameterAsOutputLayer(parameters, "POLYGONS", context) or None,
        }
        places = {name: path and sources.absolute(path) for name, path in planned.items()}
        _require_names_of_their_own([Path(path) for path in places.values() if path])
        result = self.run_backend({**self._request, **places}, feedback)
        made = finish(result, planned, context, feedback)
        return {**made, "PROVIDER_USED": result["provider_used"], "COVERED_PIXELS": result["covered_pixels"],
                "SECONDS": result["seconds"]["total"]}


def _require_names_of_their_own(paths: list[Path]) -> None:
    """QGIS keeps a layer's style in <name>.qml, whatever the ending of its file: two would share one."""
    names = [path.with_suffix("") for path in paths]
    for path, name in zip(paths, names):
        if names.count(name) > 1:
            message = tr("Two results are named {0}, but for the ending: QGIS keeps the styles of both in one file. "
                         "Name them differently.")
            raise QgsProcessingException(message.format(path.stem))
