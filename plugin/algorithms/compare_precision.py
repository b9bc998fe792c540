"""Compare precisions of a model: the same model in int8 or half precision, or run by something else → what it costs."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..translation import tr
from . import model_parameters, sources
from .model_algorithm import ModelAlgorithm
from .parameters import RasterFiles

CHOICES = model_parameters.PROVIDERS[1:]
"""Without "automatic": a comparison names what it compares."""


class ComparePrecision(ModelAlgorithm):
    """A model and another way to run it, over real tiles of rasters."""

    ID = "compareprecision"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "onnx,deep learning,int8,bfloat16,float16,quantisation,quantization,provider,"
                             "speed,benchmark,ai,model")

    def displayName(self) -> str:
        return tr("Compare precisions of a model")

    def shortDescription(self) -> str:
        return tr("Measures on your own rasters what int8, half precision or other hardware costs a model, and gains.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        whole = QgsProcessingParameterNumber.Type.Integer
        self.add(RasterFiles("INPUT", tr("Rasters to draw tiles from")),
                 tr("Such as the model will be used on: the result holds for pixels like these."))
        model_parameters.add_model(self)
        self.add(QgsProcessingParameterFile("OTHER_MODEL", tr("The same model in another precision (.onnx)"),
                                            extension="onnx", optional=True),
                 tr("For example its int8 or float16 file. Without it the same file is compared on another provider."))
        self.add(QgsProcessingParameterFile("OTHER_CARD", tr("Card of the other model (.json)"), extension="json",
                                            optional=True), advanced=True)
        self._add_choice("PROVIDER", tr("Run the reference on"), default=CHOICES[0])
        self._add_choice("OTHER_PROVIDER", tr("Run the other on (not set = the same)"))
        self.add(QgsProcessingParameterNumber("TILES", tr("Tiles"), whole, 16, minValue=1, maxValue=1000))
        model_parameters.add_tile(self, tr("Side of tiles (pixels of the model, 0 = the card's)"))
        self.add(QgsProcessingParameterNumber("SEED", tr("Seed of where tiles lie"), whole, 0, minValue=0),
                 advanced=True)
        model_parameters.add_threads(self)
        self.add(QgsProcessingParameterBoolean("REMEMBER", tr("Keep the agreement in the other model's card"), False),
                 tr("Written to <model>.card.json beside it. A model whose cost is in its card is not warned of."))
        for name, text in (
            ("AGREEMENT", tr("Share of pixels that get the same class")),
            ("MEAN_DIFFERENCE", tr("Mean difference of scores or numbers")),
            ("LARGEST_DIFFERENCE", tr("Largest difference of scores or numbers")),
            ("SPEED_RATIO", tr("Speed of the other, in times the reference's")),
            ("SIZE_RATIO", tr("Size of the other file, in times the reference's")),
            ("TILES_USED", tr("Tiles compared")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))
        self.addOutput(QgsProcessingOutputString("RESULT", tr("What was found, in a sentence")))
        self.addOutput(QgsProcessingOutputString("KEPT_IN", tr("Card that keeps the agreement")))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        other = parameters.get("OTHER_PROVIDER") not in (None, "")
        self._request = {
            "rasters": sources.files(parameters, "INPUT", context),
            **model_parameters.model_request(self, parameters, context),
            "other_model": model_parameters.file(self, parameters, "OTHER_MODEL", context),
            "other_card": model_parameters.file(self, parameters, "OTHER_CARD", context),
            "other_provider": self.parameterAsEnumString(parameters, "OTHER_PROVIDER", context) if other else "",
            "tiles": self.parameterAsInt(parameters, "TILES", context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "remember": self.parameterAsBool(parameters, "REMEMBER", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        result = self.run_backend(self._request, feedback)
        for line in _report(result):
            feedback.pushInfo(line)
        heads = result["heads"]
        same = [head["agreement"] for head in heads if head["agreement"] is not None]
        return {
            **({"AGREEMENT": min(same)} if same else {}),
            "MEAN_DIFFERENCE": max(head["mean_difference"] for head in heads),
            "LARGEST_DIFFERENCE": max(head["largest_difference"] for head in heads),
            "SPEED_RATIO": result["faster"], "SIZE_RATIO": result["other_size"] / result["size"],
            "TILES_USED": result["tiles"], "RESULT": result["sentence"], "KEPT_IN": result["sidecar"],
        }

    def _add_choice(self, name: str, description: str, default: str | None = None) -> None:
        choice = QgsProcessingParameterEnum(name, description, list(CHOICES), defaultValue=default,
                                            optional=default is None)
        choice.setUsesStaticStrings(True)
        self.add(choice, tr("One that cannot be had here is refused as the other, and warned of as the reference."))


def _report(result: dict[str, Any]) -> list[str]:
    """The result as lines: each head, and each of its classes."""
    lines = ["", result["sentence"]]
    for head in result["heads"]:
        if head["agreement"] is None:
            lines.append(tr("{0}: the reference's numbers have a standard deviation of {1:.3g}.").format(
                head["name"], head["deviation"]))
        for one in head["classes"]:
            if one["pixels"]:
                lines.append(tr("  {0}: {1:,} pixels in the reference; {2:.3%} of them the same in the other; IoU of "
                                "both {3:.4f}").format(one["name"], one["pixels"], one["same"], one["iou"]))
            else:
                lines.append(tr("  {0}: not a pixel in the reference, so nothing is known of it").format(one["name"]))
    lines.append(tr("This says how alike the two are on these tiles, not how good either of them is."))
    if result["sidecar"]:
        lines.append(tr("Kept in {0}").format(result["sidecar"]))
    return lines
