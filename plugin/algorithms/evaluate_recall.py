"""Evaluate recall of compressed codes: a table of embeddings → what each compression finds of their true neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputHtml,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm

FINE = "turbo4, int8"
CANDIDATES = "10, 20, 50, 100, 200, 500"


class EvaluateRecall(BitscapeAlgorithm):
    """A Parquet table → a report, a table of figures, and the curve of recall against bytes read."""

    ID = "evaluaterecall"
    GROUP = "similaritysearch"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "recall,nearest neighbours,Hamming,binary,quantisation,re-ranking,int8,TurboQuant,retrieval,"
                    "benchmark"
    )

    def displayName(self) -> str:
        return tr("Evaluate recall of compressed embeddings")

    def shortDescription(self) -> str:
        return tr("Measures how many true nearest neighbours codes find, and what re-ranking with finer codes brings.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        number = QgsProcessingParameterNumber.Type
        self.add(QgsProcessingParameterFile("INPUT", tr("Embedding table (.parquet)")))
        self.add(QgsProcessingParameterString("RECIPES", tr("Recipes, separated by commas"), multiLine=True,
                                              optional=True),
                 tr("For example int8, binary-median, pca-64+int8. Without any: the usual quantisers. ALL: with all "
                    "reductions, too."))
        self.add(QgsProcessingParameterNumber("K", tr("Neighbours (k)"), number.Integer, 10, minValue=1, maxValue=1000))
        self.add(QgsProcessingParameterNumber("QUERIES", tr("Queries"), number.Integer, 1000, minValue=10,
                                              maxValue=100_000),
                 tr("Drawn from the embeddings. More make the intervals narrower."))
        self.add(QgsProcessingParameterString("BINARY", tr("Binary codes whose best are re-ranked"), "binary-zero"),
                 advanced=True)
        self.add(QgsProcessingParameterString("FINE", tr("Finer codes they are re-ranked with, separated by commas"),
                                              FINE, optional=True),
                 tr("Without any: no re-ranking."), advanced=True)
        self.add(QgsProcessingParameterString("CANDIDATES", tr("Numbers of candidates, separated by commas"),
                                              CANDIDATES), advanced=True)
        self.add(QgsProcessingParameterString("COLUMN", tr("Column of embeddings"), optional=True),
                 tr("Without it: embedding, embeddings, vector, or the only column of lists."), advanced=True)
        self.add(QgsProcessingParameterNumber("MAX_ROWS", tr("Embeddings searched, at most"), number.Integer, 20_000,
                                              minValue=20, maxValue=1_000_000), advanced=True)
        self.add(QgsProcessingParameterNumber("SEED", tr("Seed of samples and codecs"), number.Integer, 0, minValue=0),
                 advanced=True)
        self.add(QgsProcessingParameterFileDestination("REPORT", tr("Report"), tr("HTML files (*.html)")))
        self.add(QgsProcessingParameterFileDestination("TABLE", tr("All figures"), tr("CSV files (*.csv)"),
                                                       optional=True, createByDefault=False))
        self.addOutput(QgsProcessingOutputHtml("REPORT", tr("Report")))
        self.addOutput(QgsProcessingOutputString("FINDING", tr("The main finding")))
        for name, text in (
            ("ROWS", tr("Embeddings searched")),
            ("BINARY_RECALL", tr("Recall of the binary codes")),
            ("RERANKED_RECALL", tr("Best recall after re-ranking")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        def text(name: str) -> str:
            return self.parameterAsString(parameters, name, context)

        self._request = {
            "input": sources.absolute(self.parameterAsFile(parameters, "INPUT", context)), "column": text("COLUMN"),
            "recipes": text("RECIPES"), "binary": text("BINARY") or "binary-zero", "fine": text("FINE"),
            "candidates": text("CANDIDATES") or CANDIDATES,
            "k": self.parameterAsInt(parameters, "K", context),
            "queries": self.parameterAsInt(parameters, "QUERIES", context),
            "max_rows": self.parameterAsInt(parameters, "MAX_ROWS", context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        report, table = (self.file_output(parameters, name, context) for name in ("REPORT", "TABLE"))
        result = self.run_backend({**self._request, "report": report, "table": table or None}, feedback)
        found = {"REPORT": str(Path(report)), "TABLE": table or None, "FINDING": result["sentence"],
                 "ROWS": result["rows"]}
        curve = result["curve"]
        if curve:
            found["BINARY_RECALL"] = curve[0]["recall"]
            found["RERANKED_RECALL"] = max(point["recall"] for point in curve)
        return {name: value for name, value in found.items() if value is not None}
