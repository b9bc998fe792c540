"""Create sample data: an invented landscape with a known truth, to try everything on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingOutputRasterLayer,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import entries_in, write_metadata
from ..layers.styling import style_classes, style_labels, style_sentinel2
from ..settings import threads
from ..translation import tr
from .base import BitscapeAlgorithm, beside


class CreateSampleData(BitscapeAlgorithm):
    """A landscape in several years, its true change and its labels."""

    ID = "createsampledata"
    GROUP = "setup"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "sample,example,demo,synthetic,landscape,embeddings,Sentinel-2,labels,truth")

    def displayName(self) -> str:
        return tr("Create sample data")

    def shortDescription(self) -> str:
        return tr("Makes an invented landscape with embeddings of several years, labels and the true change.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(QgsProcessingParameterNumber("SIZE", tr("Side of the square (pixels of 10 m)"), integer, 1024,
                                              minValue=128, maxValue=16384))
        text = tr("Seed: another number, another landscape")
        self.add(QgsProcessingParameterNumber("SEED", text, integer, 0, minValue=0))
        self.add(QgsProcessingParameterString("YEARS", tr("Years, ascending, separated by commas"), "2020,2022,2024"))
        self.add(QgsProcessingParameterFolderDestination("OUTPUT", tr("Output folder")))
        self.addOutput(QgsProcessingOutputMultipleLayers("EMBEDDINGS", tr("Embeddings, one raster for each year")))
        self.addOutput(QgsProcessingOutputMultipleLayers("SENTINEL2", tr("Sentinel-2-like pictures")))
        self.addOutput(QgsProcessingOutputRasterLayer("TRUTH", tr("True change")))
        self.addOutput(QgsProcessingOutputRasterLayer("LANDCOVER", tr("Land cover of the first year")))
        self.addOutput(QgsProcessingOutputVectorLayer("LABELS", tr("Label points")))
        self.addOutput(QgsProcessingOutputNumber("DIFFICULTY_F1", tr("Best F1 of a threshold on the plain difference")))
        self.addOutput(QgsProcessingOutputNumber("CHANGED_FRACTION", tr("Share of the land that changed")))
        self.addOutput(QgsProcessingOutputNumber("COVERED_FRACTION", tr("Share of the pixels with data")))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        text = self.parameterAsString(parameters, "YEARS", context)
        try:
            self._years = [int(year) for year in re.split(r"[\s,;]+", text.strip())]
        except ValueError as error:
            message = tr("Years are numbers separated by commas, such as 2020,2024; this is not: {0}")
            raise QgsProcessingException(message.format(text)) from error
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        result = self.run_backend({
            "folder": self.file_output(parameters, "OUTPUT", context),
            "size": self.parameterAsInt(parameters, "SIZE", context),
            "seed": self.parameterAsInt(parameters, "SEED", context),
            "years": self._years,
            "threads": threads(),
        }, feedback)
        shown = Results(context)
        for rank, (path, name) in enumerate(_finish(result, feedback)):
            shown.add(path, name, rank)
        found = {
            "OUTPUT": str(Path(result["truth"]).parent), "EMBEDDINGS": result["embeddings"],
            "SENTINEL2": result["sentinel2"], "TRUTH": result["truth"], "LANDCOVER": result["landcover"],
            "LABELS": result["labels"], "DIFFICULTY_F1": result["difficulty_f1"],
            "CHANGED_FRACTION": result["changed_fraction"], "COVERED_FRACTION": result["covered_fraction"],
        }
        return {name: value for name, value in found.items() if value is not None}


def _finish(result: dict[str, Any], feedback: QgsProcessingFeedback) -> list[tuple[str, str]]:
    """Style and describe the files for people; returns (path, layer name) from the bottom of the map to its top."""
    invented = tr("Invented data: a procedural landscape, not a place.")
    layers = [(result["truth"], tr("True change"))]
    for path in result["sentinel2"]:
        name = tr("Sentinel-2-like {0}").format(Path(path).stem.rsplit("_", 1)[-1])
        beside(feedback, style_sentinel2, path)
        beside(feedback, write_metadata, path, name, invented)
        layers.append((path, name))
    for key, name in (("landcover", tr("Land cover of the first year")), ("truth", tr("True change"))):
        beside(feedback, style_classes, result[key], entries_in(result[key]), 1.0)
        beside(feedback, write_metadata, result[key], name, invented)
    classes = [("change", tr("change")), ("nochange", tr("no change"))]
    beside(feedback, style_labels, result["labels"], "label", classes, "change")
    layers.append((f"{result['labels']}|layername=labels", tr("Labels")))
    return layers
