"""Compare compression methods: labelled embeddings → how far they can be compressed before they stop being useful."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputHtml,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..settings import threads
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm
from .parameters import OptionalFiles, OptionalRasterFiles

MOST_ROWS = 20_000


class CompareCompression(BitscapeAlgorithm):
    """Rasters with labelled points, or Parquet tables → a report, a table of figures, and a recipe."""

    ID = "comparecompression"
    GROUP = "compression"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "compression,quantisation,embeddings,int8,binary,PCA,product "
                    "quantisation,storage,benchmark,accuracy"
    )

    def displayName(self) -> str:
        return tr("Compare compression methods on labelled embeddings")

    def shortDescription(self) -> str:
        return tr("Measures on your own labels how far embeddings can be compressed before they stop being useful.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        number = QgsProcessingParameterNumber.Type
        self.add(OptionalRasterFiles("INPUT", tr("Embedding rasters")),
                 tr("One for each model. All are compared at the same labels."))
        self.add(OptionalRasterFiles("AFTER", tr("The same models at a second date, in the same order")),
                 tr("With them, classes are told from the difference of both dates."))
        self.add(QgsProcessingParameterFeatureSource(
            "LABELS", tr("Labels: points with a class"), [QgsProcessing.SourceType.TypeVectorPoint], optional=True))
        self.add(OptionalFiles("TABLES", tr("Embedding tables (.parquet)")),
                 tr("With a column of embeddings and a column of classes; instead of rasters, or beside them."))
        self.add(QgsProcessingParameterField("CLASS_FIELD", tr("Field or column that holds the class"), "label",
                                             "LABELS", optional=True))
        self.add(QgsProcessingParameterField("VALUE_FIELD", tr("Field or column of a number to be predicted"), None,
                                             "LABELS", optional=True),
                 tr("For regression beside the classes: R² under compression."))
        self.add(QgsProcessingParameterString("RECIPES", tr("Recipes, separated by commas"), multiLine=True,
                                              optional=True),
                 tr("For example int8, pca-64+int8, binary-median. Without any: a grid that suits the dimensions."))
        self.add(QgsProcessingParameterNumber("LOSS", tr("Largest loss of accuracy that is acceptable (percentage "
                                                         "points)"),
                                              number.Double, 1.0, minValue=0.01, maxValue=100))
        self.add(QgsProcessingParameterNumber("BLOCK_SIZE", tr("Side of blocks for the spatial split (CRS units; 0: "
                                                               "chosen)"),
                                              number.Double, 0.0, minValue=0))
        self.add(QgsProcessingParameterString("COLUMN", tr("Column of embeddings in tables"), optional=True),
                 tr("Without it: embedding, embeddings, vector, or the only column of lists."), advanced=True)
        self.add(QgsProcessingParameterString("AFTER_COLUMN", tr("Column of the second date in tables"), optional=True),
                 advanced=True)
        dated_rasters.add_mapping(self)
        self.add(QgsProcessingParameterNumber("MAX_ROWS", tr("Labelled embeddings used, at most"), number.Integer,
                                              MOST_ROWS, minValue=50, maxValue=1_000_000), advanced=True)
        self.add(QgsProcessingParameterNumber("SEED", tr("Seed of folds and samples"), number.Integer, 0, minValue=0),
                 advanced=True)
        self.add(QgsProcessingParameterFileDestination("REPORT", tr("Report"), tr("HTML files (*.html)")))
        self.add(QgsProcessingParameterFileDestination("TABLE", tr("All figures"), tr("CSV files "
                                                                                      "(*.csv)"), optional=True,
                                                       createByDefault=False))
        self.addOutput(QgsProcessingOutputHtml("REPORT", tr("Report")))
        self.addOutput(QgsProcessingOutputString("RECOMMENDATION", tr("Recommendation, a line for each input")))
        self.addOutput(QgsProcessingOutputString("RECIPE", tr("Recommended recipe of the first input")))
        for name, text in (
            ("BYTES", tr("Its bytes an embedding")),
            ("RATIO", tr("How many times smaller than float32 it is")),
            ("KNN_CHANGE", tr("Change of kNN accuracy against float32, percentage points")),
            ("PROBE_CHANGE", tr("Change of linear probe accuracy against float32, percentage points")),
            ("RECALL", tr("Recall@10 of float32's neighbours")),
            ("ROWS", tr("Labelled embeddings used")),
            ("RECIPES_COMPARED", tr("Recipes compared")),
            ("INTRINSIC_DIMENSION", tr("Intrinsic dimension (TwoNN)")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT", "AFTER", "TABLES"), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        labels = sources.labels(self, parameters, "LABELS", context)
        self._request = {
            "rasters": sources.files(parameters, "INPUT", context),
            "after": sources.files(parameters, "AFTER", context),
            "labels": labels.path or None, "layer": labels.layer, "label_crs": labels.crs,
            "tables": sources.files(parameters, "TABLES", context),
            "class_field": self.parameterAsString(parameters, "CLASS_FIELD", context) or "label",
            "value_field": self.parameterAsString(parameters, "VALUE_FIELD", context),
            "recipes": self.parameterAsString(parameters, "RECIPES", context),
            "loss": self.parameterAsDouble(parameters, "LOSS", context),
            "block_size": self.parameterAsDouble(parameters, "BLOCK_SIZE", context),
            "embedding_column": self.parameterAsString(parameters, "COLUMN", context),
            "after_column": self.parameterAsString(parameters, "AFTER_COLUMN", context),
            "mapping": dated_rasters.MAPPINGS[self.parameterAsEnum(parameters, "MAPPING", context)],
            "max_rows": self.parameterAsInt(parameters, "MAX_ROWS", context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "threads": threads(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        report, table = (self.file_output(parameters, name, context) for name in ("REPORT", "TABLE"))
        result = self.run_backend({**self._request, "report": report, "table": table or None}, feedback)
        found = {
            "REPORT": str(Path(report)), "TABLE": table or None, "RECOMMENDATION": result["recommendation"],
            "RECIPE": result["recipe"], "BYTES": result["bytes"], "RATIO": result["ratio"],
            "KNN_CHANGE": result["knn_change"], "PROBE_CHANGE": result["probe_change"], "RECALL": result["recall"],
            "ROWS": result["rows"], "RECIPES_COMPARED": result["recipes"],
            "INTRINSIC_DIMENSION": result["intrinsic_dimension"],
        }
        return {name: value for name, value in found.items() if value is not None}
