"""Segment raster with a model: an ONNX model and a raster → classes, scores, confidence, polygons, or numbers."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..settings import threads
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm
from .parameters import RasterFile
from .segment_results import finish

BLENDS = ("hann", "crop", "average")
PROVIDERS = (
    "automatic", "CPU", "CUDA (NVIDIA)", "TensorRT (NVIDIA)", "DirectML", "OpenVINO (Intel)", "CoreML", "MIGraphX (AMD)",
    "QNN (Qualcomm)", "oneDNN",
)
"""What the backend calls them; which of them there are, it says when it runs."""


class SegmentRaster(BitscapeAlgorithm):
    """A segmentation or regression model over a raster of any size."""

    ID = "segmentraster"
    GROUP = "deeplearning"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "onnx,deep learning,neural network,segmentation,regression,inference,predict,u-net,deepness,ai,model")

    def displayName(self) -> str:
        return tr("Segment raster with a model")

    def shortDescription(self) -> str:
        return tr("Runs an ONNX model over a raster: classes, scores, confidence and polygons without seams, or numbers.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        whole, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(RasterFile("INPUT", tr("Raster")), tr("Any bands and numbers; what the model needs of them is in its card."))
        self.add(QgsProcessingParameterFile("MODEL", tr("Model (.onnx)"), extension="onnx"))
        self.add(QgsProcessingParameterFile("CARD", tr("Model card (.json)"), extension="json", optional=True),
                 tr("Only where the card is neither in the model nor beside it as <model>.card.json."), advanced=True)
        self.add(QgsProcessingParameterString("BANDS", tr("Bands, separated by commas"), optional=True),
                 tr("Numbers of the raster's bands in the order of the card's. Without them bands are found by their "
                    "names; the log says how."))
        polygons = QgsProcessing.SourceType.TypeVectorPolygon
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), [polygons], optional=True),
                 tr("Results cover its bounds; outside the polygons is no data. The model also sees what is around."))
        self.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True),
                 tr("Whole pixels of the raster that it touches; without it all of them."))
        self.add(QgsProcessingParameterNumber("THRESHOLD", tr("Threshold of scores (0 to 1, empty = the card's)"), real, None,
                                              optional=True, minValue=0, maxValue=1),
                 tr("A pixel has a class if its score is at least this. Where classes exclude each other there is none unless "
                    "you, or the card, give one."))
        self.add(QgsProcessingParameterNumber("SMALL_SEGMENTS", tr("Remove small segments: filter side (pixels, -1 = the "
                                              "card's)"), whole, -1, minValue=-1, maxValue=999),
                 tr("Each pixel gets the most frequent class of the square around it; 0 leaves them."), advanced=True)
        self.add(QgsProcessingParameterNumber("MIN_AREA", tr("Minimum area of a polygon (m²)"), real, 0, minValue=0))
        self.add(QgsProcessingParameterNumber("TILE", tr("Side of windows (pixels of the model, 0 = the card's)"), whole, 0,
                                              minValue=0, maxValue=8192), advanced=True)
        self.add(QgsProcessingParameterNumber("OVERLAP", tr("Overlap of windows (% of a window, empty = the card's)"), real,
                                              None, optional=True, minValue=0, maxValue=75), advanced=True)
        self.add(QgsProcessingParameterEnum("BLEND", tr("Windows are joined by"), [
            tr("Blending (Hann)"), tr("Cropping"), tr("Averaging"),
        ], defaultValue=0), advanced=True)
        self.add(QgsProcessingParameterBoolean("FLIPS", tr("Average four mirrored windows (four times slower)"), False),
                 advanced=True)
        provider = QgsProcessingParameterEnum("PROVIDER", tr("Run on"), list(PROVIDERS), defaultValue=PROVIDERS[0])
        provider.setUsesStaticStrings(True)
        self.add(provider, tr("The log says what it ran on, and warns if that is not what was chosen."))
        self.add(QgsProcessingParameterNumber("THREADS", tr("Threads of the model (0 = as in the settings)"), whole, 0,
                                              minValue=0, maxValue=1024), advanced=True)
        raster = QgsProcessingParameterRasterDestination
        self.add(raster("OUTPUT", tr("Classes, or a regressor's numbers"), optional=True, createByDefault=True),
                 tr("The card's class numbers; 255: no data or no class."))
        self.add(raster("SCORES", tr("Scores of the classes"), optional=True, createByDefault=False),
                 tr("A band for each class: 0 to 254 for 0 to 1. 255: no data."))
        self.add(raster("CONFIDENCE", tr("Confidence"), optional=True, createByDefault=False),
                 tr("Margin between the best class and the next: 0 undecided, 254 sure. 255: no data."))
        self.add(QgsProcessingParameterVectorDestination("POLYGONS", tr("Polygons"), polygons, optional=True,
                                                         createByDefault=False))
        self.addOutput(QgsProcessingOutputString("PROVIDER_USED", tr("Provider that ran the model")))
        self.addOutput(QgsProcessingOutputNumber("COVERED_PIXELS", tr("Pixels with data")))
        self.addOutput(QgsProcessingOutputNumber("SECONDS", tr("Seconds")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT",), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        box, crs = sources.extent(self, parameters, "EXTENT", context)
        card = self.parameterAsFile(parameters, "CARD", context)
        self._request = {
            "input": sources.files(parameters, "INPUT", context)[0],
            "model": sources.absolute(self.parameterAsFile(parameters, "MODEL", context)),
            "card": sources.absolute(card) if card else None,
            "bands": _numbers(self.parameterAsString(parameters, "BANDS", context)),
            **sources.area(self, parameters, context),
            "extent": box,
            "extent_crs": crs,
            "threshold": self._given(parameters, "THRESHOLD", context),
            "small_segment": self.parameterAsInt(parameters, "SMALL_SEGMENTS", context),
            "min_area": self.parameterAsDouble(parameters, "MIN_AREA", context),
            "tile": self.parameterAsInt(parameters, "TILE", context),
            "overlap_percent": self._given(parameters, "OVERLAP", context),
            "blend": BLENDS[self.parameterAsEnum(parameters, "BLEND", context)],
            "flips": self.parameterAsBool(parameters, "FLIPS", context),
            "provider": self.parameterAsEnumString(parameters, "PROVIDER", context),
            "threads": self.parameterAsInt(parameters, "THREADS", context) or threads(),
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
        result = self.run_backend({**self._request, **places}, feedback)
        made = finish(result, planned, context, feedback)
        return {**made, "PROVIDER_USED": result["provider_used"], "COVERED_PIXELS": result["covered_pixels"],
                "SECONDS": result["seconds"]["total"]}

    def _given(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> float | None:
        """A number, None if the parameter was left empty."""
        return None if parameters.get(name) in (None, "") else self.parameterAsDouble(parameters, name, context)


def _numbers(text: str) -> list[int] | None:
    """Band numbers; None for none."""
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    try:
        return [int(word) for word in words] or None
    except ValueError as error:
        message = tr("BANDS takes numbers of bands, such as 3, 2, 1; given: {0}")
        raise QgsProcessingException(message.format(text)) from error
