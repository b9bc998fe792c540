"""Map similarity to points: an embedding raster and a few clicks → how alike every pixel is, without training."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import style_number
from ..settings import scheduler, threads
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm, beside


class SimilarityRaster(BitscapeAlgorithm):
    """An embedding raster and points of what is looked for, and perhaps of what is not → a score."""

    ID = "similarityraster"
    GROUP = "similaritysearch"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "similarity,cosine,embeddings,places like these,search,exemplars,without training,AlphaEarth"
    )

    def displayName(self) -> str:
        return tr("Map similarity to points")

    def shortDescription(self) -> str:
        return tr("Shows how alike each pixel's embedding is to that of a few points, without labels or training.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        points = [QgsProcessing.SourceType.TypeVectorPoint]
        self.add(QgsProcessingParameterRasterLayer("INPUT", tr("Embedding raster")))
        self.add(QgsProcessingParameterFeatureSource("POSITIVE", tr("Points of what is looked for"), points))
        self.add(QgsProcessingParameterFeatureSource("NEGATIVE", tr("Points of what is not looked for"), points,
                                                     optional=True),
                 tr("Their similarity is subtracted: choose what is mistaken for what you look for."))
        self.add(QgsProcessingParameterField("CLASS_FIELD", tr("Field of the first layer that holds the class"), None,
                                             "POSITIVE", optional=True),
                 tr("Where one layer has both: one class is looked for, all others are not."))
        self.add(QgsProcessingParameterString("POSITIVE_CLASS", tr("Class that is looked for"), optional=True))
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), polygons, optional=True),
                 tr("The map covers its bounds; outside the polygons is no data. Points may lie outside of it."))
        self.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True))
        dated_rasters.add_mapping(self)
        self.add(QgsProcessingParameterRasterDestination("OUTPUT", tr("Similarity")),
                 tr("Cosine, −1 to 1; with negatives a difference of two, 0 being as near to both."))
        for name, text in (
            ("POSITIVES", tr("Pixels of what is looked for that counted")),
            ("NEGATIVES", tr("Pixels of what is not looked for that counted")),
            ("MEDIAN", tr("Median score")),
            ("P99", tr("Score that 99 % of the pixels do not exceed")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        box, crs = sources.extent(self, parameters, "EXTENT", context)
        wanted = sources.labels(self, parameters, "POSITIVE", context)
        unwanted = sources.labels(self, parameters, "NEGATIVE", context)
        self._request = {
            "input": (sources.files(parameters, "INPUT", context) or [""])[0],
            "positives": wanted.path, "positives_layer": wanted.layer, "positives_crs": wanted.crs,
            "negatives": unwanted.path or None, "negatives_layer": unwanted.layer, "negatives_crs": unwanted.crs,
            "class_field": self.parameterAsString(parameters, "CLASS_FIELD", context),
            "positive_class": self.parameterAsString(parameters, "POSITIVE_CLASS", context),
            "mapping": dated_rasters.MAPPINGS[self.parameterAsEnum(parameters, "MAPPING", context)],
            **sources.area(self, parameters, context),
            "extent": box, "extent_crs": crs, "threads": threads(), "scheduler": scheduler(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = sources.absolute(self.raster_output(parameters, "OUTPUT", context) or "")
        result = self.run_backend({**self._request, "output": output}, feedback)
        name = tr("Similarity to {0} points").format(result["positives"])
        beside(feedback, style_number, output, result["low"], result["high"], "")
        beside(feedback, write_metadata, output, name, tr(
            "Cosine of each pixel's embedding and the mean of some points; minus that of others where there were any. "
            "It orders places, it is no probability. No number: no data, where nothing is known."))
        Results(context).show(output, name, rank=1)
        return {"OUTPUT": output, "POSITIVES": result["positives"], "NEGATIVES": result["negatives"],
                "MEDIAN": result["median"], "P99": result["p99"]}
