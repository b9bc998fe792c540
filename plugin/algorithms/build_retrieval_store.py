"""Build retrieval store: patch embeddings of tables or rasters → codes in files by place, for similarity search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import BLUE, ramp_colours, style_polygons
from ..settings import threads
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm, beside
from .dated_rasters import MAPPINGS
from .parameters import EmbeddingFiles

KINDS = ("automatic", "binary", "int8")
THRESHOLDS = ("zero", "median")
REFINE = ("none", "turbo4", "int8")


class BuildRetrievalStore(BitscapeAlgorithm):
    """Patch embeddings → a folder of small codes, sorted by place, that similarity search reads."""

    ID = "buildretrievalstore"
    GROUP = "similaritysearch"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape",
        "similarity,retrieval,search,index,Hamming,binary,embeddings,patches,GeoParquet,TerraBit,Clay,recall,shards"
    )

    def displayName(self) -> str:
        return tr("Build retrieval store")

    def shortDescription(self) -> str:
        return tr("Turns patch embeddings of any number into small codes, sorted by place, that can be searched.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(EmbeddingFiles("INPUT", tr("Embeddings: Parquet tables of patches, rasters, or folders of either")),
                 tr("A raster is pooled into square patches; a folder stands for all files below it."))
        self.add(QgsProcessingParameterString("PRODUCT", tr("Name of the embedding model"), optional=True),
                 tr("For example Clay v1.5; without it what the files say. Only codes of one model compare."))
        self.add(QgsProcessingParameterEnum("KIND", tr("Codes"), [
            tr("Automatic: bits above 128 dimensions, bytes at or below"),
            tr("One bit per dimension (Hamming distance)"), tr("One byte per dimension (cosine)"),
        ], defaultValue=0), tr("What is lost is measured, and the log says it."))
        self.add(QgsProcessingParameterEnum("REFINE", tr("Finer codes for re-ranking the best"), [
            tr("None"), tr("Half a byte per dimension (turbo4)"), tr("A byte per dimension (int8)"),
        ], defaultValue=0), tr("They lie beside the files, and only those of the best candidates are read."))
        self.add(QgsProcessingParameterNumber("PATCH_PIXELS", tr("Side of a patch (pixels, of rasters)"), integer, 16,
                                              minValue=1, maxValue=4096))
        self.add(QgsProcessingParameterNumber("PATCH_SIDE", tr("Side of a patch (metres, of tables with points only)"),
                                              real, 0, minValue=0, maxValue=1000000))
        self.add(QgsProcessingParameterNumber("YEAR", tr("Year of the patches (0 = as the input says)"), integer, 0,
                                              minValue=0, maxValue=2200),
                 tr("Without it: a column year, date, timestamp or datetime, else the year in the file's name."))
        self.add(QgsProcessingParameterBoolean("APPEND", tr("Add to the store that is there"), False),
                 tr("Another year or area of the same model, with the same codes."))
        advanced = (
            (QgsProcessingParameterNumber("STRIDE", tr("Pixels from patch to patch (0 = side by side)"), integer, 0,
                                          minValue=0, maxValue=4096), ""),
            (QgsProcessingParameterNumber("MIN_SHARE", tr("Share of a patch's pixels that must have data"), real, 0.5,
                                          minValue=0, maxValue=1), ""),
            (QgsProcessingParameterEnum("THRESHOLD", tr("Threshold of a bit"), [
                tr("Zero: the sign, alike in all stores"), tr("The dimension's median"),
            ], defaultValue=0), tr("Only for codes of one bit per dimension.")),
            (QgsProcessingParameterString("COLUMN", tr("Column of the vectors"), optional=True),
             tr("Of a table; without it embedding, embeddings or vector.")),
            (QgsProcessingParameterCrs("CRS", tr("CRS, where the input does not say its own"), optional=True), ""),
        )
        for parameter, text in advanced:
            self.add(parameter, text, advanced=True)
        dated_rasters.add_mapping(self)
        mapping: QgsProcessingParameterDefinition = self.parameterDefinition("MAPPING")
        mapping.setFlags(mapping.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        for parameter, text in (
            (QgsProcessingParameterNumber("GEOHASH", tr("Cells that cut files (letters of a geohash; 0 = 0.25°)"),
                                          integer, -1, minValue=-1, maxValue=8),
             tr("−1: as dense as patches lie, so that files become neither tiny nor huge.")),
            (QgsProcessingParameterNumber("ROWS_PER_FILE", tr("Patches in a file, at most"), integer, 131072,
                                          minValue=100, maxValue=1048576), ""),
            (QgsProcessingParameterNumber("SAMPLE", tr("Vectors to fit codes on, at most"), integer, 20000, minValue=1,
                                          maxValue=100000), ""),
            (QgsProcessingParameterNumber("RECALL_SAMPLE", tr("Vectors to measure recall on, at most"), integer, 5000,
                                          minValue=1, maxValue=20000), ""),
            (QgsProcessingParameterNumber("SEED", tr("Seed"), integer, 0, minValue=0), ""),
            (QgsProcessingParameterBoolean("RESTART", tr("Throw away unfinished work and begin anew"), False),
             tr("Otherwise the same request goes on where it was stopped, and another one is refused.")),
        ):
            self.add(parameter, text, advanced=True)
        self.add(QgsProcessingParameterFolderDestination("OUTPUT", tr("Retrieval store")))
        self.add(QgsProcessingParameterVectorDestination(
            "OVERVIEW", tr("Extents of the store's files"), QgsProcessing.SourceType.TypeVectorPolygon, optional=True,
            createByDefault=True), tr("Where there are how many patches of which year."))
        self.addOutput(QgsProcessingOutputString("KIND_USED", tr("Codes used")))
        self.addOutput(QgsProcessingOutputString("MODEL_USED", tr("Embedding model")))
        for name, text in (
            ("RECALL", tr("Share of the ten true nearest neighbours that codes find, measured")),
            ("RECALL_REFINED", tr("The same after re-ranking with finer codes")),
            ("RECALL_PATCHES", tr("Patches it was measured among")),
            ("ROWS", tr("Patches in the store")),
            ("SHARDS", tr("Files of patches")),
            ("BYTES", tr("Bytes on disk")),
            ("RATIO", tr("Bytes of vectors for one byte on disk")),
            ("CODE_BYTES", tr("Bytes per code")),
            ("LEFT_OUT", tr("Patches left out, without a vector or a place")),
            ("DUPLICATES", tr("Patches with the name and year of another one")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT",), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        def whole(name: str) -> int:
            return self.parameterAsInt(parameters, name, context)

        inputs = sources.files(parameters, "INPUT", context)
        if not inputs:
            raise QgsProcessingException(tr("Choose tables, rasters or folders of embeddings."))
        self._request = {
            "input": inputs,
            "product": self.parameterAsString(parameters, "PRODUCT", context),
            "kind": KINDS[self.parameterAsEnum(parameters, "KIND", context)],
            "threshold": THRESHOLDS[self.parameterAsEnum(parameters, "THRESHOLD", context)],
            "refine": REFINE[self.parameterAsEnum(parameters, "REFINE", context)],
            "year": whole("YEAR"),
            "column": self.parameterAsString(parameters, "COLUMN", context),
            "side": self.parameterAsDouble(parameters, "PATCH_SIDE", context),
            "crs": sources.definition_of(self.parameterAsCrs(parameters, "CRS", context)),
            "pixels": whole("PATCH_PIXELS"),
            "stride": whole("STRIDE"),
            "share": self.parameterAsDouble(parameters, "MIN_SHARE", context),
            "mapping": MAPPINGS[self.parameterAsEnum(parameters, "MAPPING", context)],
            "geohash": whole("GEOHASH"),
            "rows_per_file": whole("ROWS_PER_FILE"),
            "sample": whole("SAMPLE"),
            "recall_sample": whole("RECALL_SAMPLE"),
            "seed": whole("SEED"),
            "append": self.parameterAsBool(parameters, "APPEND", context),
            "restart": self.parameterAsBool(parameters, "RESTART", context),
            "threads": threads(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = self.file_output(parameters, "OUTPUT", context)
        overview = self.parameterAsOutputLayer(parameters, "OVERVIEW", context) or None
        request = {**self._request, "output": output, "overview": overview and sources.absolute(overview)}
        result = self.run_backend(request, feedback)
        if overview:
            title = tr("Retrieval store: {0}").format(Path(result["output"]).name)
            beside(feedback, _style, overview, result["years"])
            beside(feedback, write_metadata, overview, title, _abstract(result))
            Results(context).show(overview, title)
        left_out = result["no_vector"] + result["no_place"]
        found = {
            "OUTPUT": result["output"], "OVERVIEW": overview, "KIND_USED": result["recipe"],
            "MODEL_USED": result["model"], "RECALL": result["recall"], "RECALL_REFINED": result["recall_refined"],
            "RECALL_PATCHES": result["recall_patches"], "ROWS": result["rows"], "SHARDS": result["shards"],
            "BYTES": result["bytes"], "RATIO": result["ratio"], "CODE_BYTES": result["code_bytes"],
            "LEFT_OUT": left_out, "DUPLICATES": result["duplicates"],
        }
        return {name: value for name, value in found.items() if value is not None}


def _abstract(result: dict[str, Any]) -> str:
    """What the layer's metadata says of the store."""
    text = tr("{0} patches in {1} files; {2} codes of {3} bytes.").format(
        result["rows"], result["shards"], result["recipe"], result["code_bytes"])
    if result["recall"] is not None:
        text += " " + tr("recall@10 {0:.2f} among {1} patches.").format(result["recall"], result["recall_patches"])
    return text


def _style(path: str, years: list[int]) -> None:
    """A colour for each year; patches without one are grey."""
    dated = [year for year in years if year]
    colours = ramp_colours(len(dated)) if len(dated) > 1 else [BLUE]
    entries = [(str(year), str(year), colour) for year, colour in zip(dated, colours)]
    undated = [("", tr("undated"), "#7f7f7f")] if len(dated) < len(years) else []
    style_polygons(path, "year", [*entries, *undated], {
        "path": tr("file"), "year": tr("year"), "rows": tr("patches"), "megabytes": tr("size (MB)"),
    })
