"""The parameters that algorithms of ONNX models share: raster, model, bands, area, windows and provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ..settings import threads
from ..translation import tr
from . import sources
from .parameters import RasterFile

if TYPE_CHECKING:
    from .base import BitscapeAlgorithm

PROVIDERS = (
    "automatic", "CPU", "CUDA (NVIDIA)", "TensorRT (NVIDIA)", "DirectML", "OpenVINO (Intel)", "CoreML",
    "MIGraphX (AMD)", "QNN (Qualcomm)", "oneDNN",
)
"""What the backend calls them; which of them there are, it says when it runs."""


def add_inputs(algorithm: BitscapeAlgorithm, area: str) -> None:
    """Raster, model, card, bands, area and extent; ``area`` says what an area of interest means for the results."""
    algorithm.add(RasterFile("INPUT", tr("Raster")),
                  tr("Any bands and numbers; what the model needs of them is in its card."))
    algorithm.add(QgsProcessingParameterFile("MODEL", tr("Model (.onnx)"), extension="onnx"))
    algorithm.add(QgsProcessingParameterFile("CARD", tr("Model card (.json)"), extension="json", optional=True),
                  tr("Only where the card is neither in the model nor beside it as <model>.card.json."), advanced=True)
    algorithm.add(QgsProcessingParameterString("BANDS", tr("Bands, separated by commas"), optional=True),
                  tr("Numbers of the raster's bands in the order of the card's. Without them bands are found by their "
                     "names; the log says how."))
    polygons = QgsProcessing.SourceType.TypeVectorPolygon
    algorithm.add(
        QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), [polygons], optional=True), area)
    algorithm.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True),
                  tr("Whole pixels of the raster that it touches; without it all of them."))


def add_windows(algorithm: BitscapeAlgorithm, overlap: str) -> None:
    """Side and overlap of windows; ``overlap`` says what it is if nothing is given."""
    whole, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
    algorithm.add(
        QgsProcessingParameterNumber("TILE", tr("Side of windows (pixels of the model, 0 = the card's)"), whole, 0,
                                     minValue=0, maxValue=8192), advanced=True)
    algorithm.add(QgsProcessingParameterNumber("OVERLAP", overlap, real, None, optional=True, minValue=0, maxValue=75),
                  advanced=True)


def add_provider(algorithm: BitscapeAlgorithm) -> None:
    """What the model runs on."""
    provider = QgsProcessingParameterEnum("PROVIDER", tr("Run on"), list(PROVIDERS), defaultValue=PROVIDERS[0])
    provider.setUsesStaticStrings(True)
    algorithm.add(provider, tr("The log says what it ran on, and warns if that is not what was chosen."))
    algorithm.add(QgsProcessingParameterNumber(
        "THREADS", tr("Threads of the model (0 = as in the settings)"), QgsProcessingParameterNumber.Type.Integer, 0,
        minValue=0, maxValue=1024), advanced=True)


def add_figures(algorithm: BitscapeAlgorithm) -> None:
    """What every run tells in the end."""
    algorithm.addOutput(QgsProcessingOutputString("PROVIDER_USED", tr("Provider that ran the model")))
    algorithm.addOutput(QgsProcessingOutputNumber("SECONDS", tr("Seconds")))


def request(
    algorithm: BitscapeAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, Any]:
    """What these parameters mean for the backend."""
    box, crs = sources.extent(algorithm, parameters, "EXTENT", context)
    card = algorithm.parameterAsFile(parameters, "CARD", context)
    return {
        "input": sources.files(parameters, "INPUT", context)[0],
        "model": sources.absolute(algorithm.parameterAsFile(parameters, "MODEL", context)),
        "card": sources.absolute(card) if card else None,
        "bands": _numbers(algorithm.parameterAsString(parameters, "BANDS", context)),
        **sources.area(algorithm, parameters, context),
        "extent": box,
        "extent_crs": crs,
        "tile": algorithm.parameterAsInt(parameters, "TILE", context),
        "overlap_percent": given(algorithm, parameters, "OVERLAP", context),
        "provider": algorithm.parameterAsEnumString(parameters, "PROVIDER", context),
        "threads": algorithm.parameterAsInt(parameters, "THREADS", context) or threads(),
    }


def given(
    algorithm: BitscapeAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> float | None:
    """A number, None if the parameter was left empty."""
    return None if parameters.get(name) in (None, "") else algorithm.parameterAsDouble(parameters, name, context)


def _numbers(text: str) -> list[int] | None:
    """Band numbers; None for none."""
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    try:
        return [int(word) for word in words] or None
    except ValueError as error:
        message = tr("BANDS takes numbers of bands, such as 3, 2, 1; given: {0}")
        raise QgsProcessingException(message.format(text)) from error
