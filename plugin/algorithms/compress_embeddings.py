"""Compress embeddings: a raster or a table of vectors → codes, and the codec that reads them."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..settings import scheduler, threads
from ..translation import tr
from . import dated_rasters, embeddings_file, sources
from .base import BitscapeAlgorithm
from .dated_rasters import MAPPINGS

PRESETS = ("automatic", "int8", "turbo4", "pca64", "binary")


class CompressEmbeddings(BitscapeAlgorithm):
    """Vectors → codes of a few bytes."""

    ID = "compressembeddings"
    GROUP = "compression"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "embeddings,compress,quantise,quantize,int8,int4,binary,PCA,TurboQuant,product quantisation,ITQ"
    )

    def displayName(self) -> str:
        return tr("Compress embeddings")

    def shortDescription(self) -> str:
        return tr("Turns the vectors of a raster or a Parquet table into codes of a few bytes, and says what is lost.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        number = QgsProcessingParameterNumber.Type.Integer
        embeddings_file.add_input(self, tr("Embeddings: a raster or a Parquet table"),
                                  tr("Bands of a raster are dimensions; a table has a column of lists of numbers."))
        self.add(QgsProcessingParameterEnum("PRESET", tr("How far"), [
            tr("Automatic: a byte per dimension, half a byte above 128 dimensions"),
            tr("A byte per dimension (int8)"), tr("Half a byte per dimension, rotated first (turbo4)"),
            tr("64 bytes (pca-64+int8)"), tr("One bit per dimension, for Hamming search (binary-zero)"),
        ], defaultValue=0))
        self.add(QgsProcessingParameterString("RECIPE", tr("Recipe, instead of the above"), optional=True),
                 tr("For example pca-32+turbo4; the help lists what there is."))
        self.add(QgsProcessingParameterNumber("SAMPLE", tr("Vectors to fit on, at most"), number, 20000,
                                              minValue=1, maxValue=100000))
        text = tr("Existing codec (.codec.json)")
        self.add(QgsProcessingParameterFile("CODEC", text, extension="json", optional=True),
                 tr("Encode with it instead of fitting one, so that codes of other years and areas compare."))
        self.add(QgsProcessingParameterString("COLUMN", tr("Column of the vectors"), optional=True),
                 tr("Of a table; without it embedding, embeddings or vector."), advanced=True)
        dated_rasters.add_mapping(self)
        self.add(QgsProcessingParameterNumber("SEED", tr("Seed"), number, 0, minValue=0), advanced=True)
        embeddings_file.add_output(self, tr("Codes"))
        self.addOutput(QgsProcessingOutputFile("CODEC_FILE", tr("Codec")))
        self.addOutput(QgsProcessingOutputString("RECIPE_USED", tr("Recipe used")))
        self.addOutput(QgsProcessingOutputString("MAPPING_USED", tr("Value mapping used")))
        for name, text in (
            ("BYTES", tr("Bytes per code")),
            ("DIMENSIONS", tr("Dimensions of the vectors")),
            ("RATIO", tr("Bytes as stored for one byte of code")),
            ("SIMILARITY", tr("Mean cosine of vectors, not fitted on, with what their codes stand for")),
            ("HELD_OUT", tr("Vectors it was measured on")),
            ("VECTORS", tr("Vectors with a code")),
            ("MISSING", tr("Pixels or rows without one")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT",), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            "input": embeddings_file.input_path(parameters, context),
            "preset": PRESETS[self.parameterAsEnum(parameters, "PRESET", context)],
            "recipe": self.parameterAsString(parameters, "RECIPE", context),
            "sample": self.parameterAsInt(parameters, "SAMPLE", context),
            "codec": sources.absolute(self.parameterAsFile(parameters, "CODEC", context)) or None,
            "column": self.parameterAsString(parameters, "COLUMN", context),
            "mapping": MAPPINGS[self.parameterAsEnum(parameters, "MAPPING", context)],
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "threads": threads(),
            "scheduler": scheduler(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = embeddings_file.output_path(self, parameters, self._request["input"], context)
        result = self.run_backend({**self._request, "output": output}, feedback)
        if result["codec"] is not None:
            text = tr("{0} with a code, {1} without; {2} bytes each, {3:.1f} times fewer than before.")
            feedback.pushInfo(text.format(result["vectors"], result["missing"], result["bytes"], result["ratio"]))
        found = {
            "OUTPUT": result["output"], "CODEC_FILE": result["codec"], "RECIPE_USED": result["recipe"],
            "MAPPING_USED": result["mapping"], "BYTES": result["bytes"], "DIMENSIONS": result["dimensions"],
            "RATIO": result["ratio"], "SIMILARITY": result["similarity"], "HELD_OUT": result["held_out"],
            "VECTORS": result["vectors"], "MISSING": result["missing"],
        }
        return {name: value for name, value in found.items() if value is not None}
