"""Decompress embeddings: codes and their codec → the vectors they stand for."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..settings import scheduler, threads
from ..translation import tr
from . import dated_rasters, embeddings_file, sources
from .base import BitscapeAlgorithm

VALUES = ("float32", "source")


class DecompressEmbeddings(BitscapeAlgorithm):
    """Codes → vectors."""

    ID = "decompressembeddings"
    GROUP = "compression"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "embeddings,decompress,decode,dequantise,dequantize,codes,vectors,restore")

    def displayName(self) -> str:
        return tr("Decompress embeddings")

    def shortDescription(self) -> str:
        return tr("Gives back the vectors that codes stand for, as a raster or a Parquet table.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        embeddings_file.add_input(self, tr("Codes: a raster or a Parquet table"),
                                  tr("Made by “Compress embeddings”, with the codec beside it."))
        self.add(QgsProcessingParameterEnum("VALUES", tr("Values"), [
            tr("float32"), tr("As they came: AlphaEarth's int8"),
        ], defaultValue=0))
        self.add(QgsProcessingParameterFile("CODEC", tr("Codec (.codec.json)"), extension="json", optional=True),
                 tr("Where it does not lie beside the codes under their name."), advanced=True)
        embeddings_file.add_output(self, tr("Embeddings"))
        self.addOutput(QgsProcessingOutputString("RECIPE_USED", tr("Recipe of the codes")))
        self.addOutput(QgsProcessingOutputNumber("DIMENSIONS", tr("Dimensions of the vectors")))
        self.addOutput(QgsProcessingOutputNumber("VECTORS", tr("Vectors")))
        self.addOutput(QgsProcessingOutputNumber("MISSING", tr("Pixels or rows without one")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT",), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            "input": embeddings_file.input_path(parameters, context),
            "values": VALUES[self.parameterAsEnum(parameters, "VALUES", context)],
            "codec": sources.absolute(self.parameterAsFile(parameters, "CODEC", context)) or None,
            "threads": threads(),
            "scheduler": scheduler(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = embeddings_file.output_path(self, parameters, self._request["input"], context)
        result = self.run_backend({**self._request, "output": output}, feedback)
        return {
            "OUTPUT": result["output"], "RECIPE_USED": result["recipe"], "DIMENSIONS": result["dimensions"],
            "VECTORS": result["vectors"], "MISSING": result["missing"],
        }
