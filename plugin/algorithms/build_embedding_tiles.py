"""Build embedding tiles: rasters of one or several dates → compressed tiles, a picture, the coverage."""

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
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import style_coverage, style_picture
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm, beside
from .parameters import RasterFiles

FEATURES = ("difference", "single", "side_by_side", "first_and_difference")
MAX_COMPONENTS = 4096


class BuildEmbeddingTiles(BitscapeAlgorithm):
    """One, two or several dates of embeddings → int8 tiles with their basis."""

    ID = "buildembeddingtiles"
    GROUP = "labelsandclassification"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "embeddings,compress,PCA,difference,change,AlphaEarth,tiles,int8,basis")

    def displayName(self) -> str:
        return tr("Build embedding tiles")

    def shortDescription(self) -> str:
        return tr("Compresses embedding rasters of one or several dates to a few bytes per pixel.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        number = QgsProcessingParameterNumber.Type.Integer
        self.add(RasterFiles("INPUT", tr("Embedding rasters, dates in order")),
                 tr("One raster for each date, the earliest first."))
        self.add(QgsProcessingParameterEnum("FEATURES", tr("Features"), [
            tr("Difference: each later date minus the one before"), tr("One date"), tr("All dates side by side"),
            tr("First date and differences"),
        ], defaultValue=0))
        dated_rasters.add_mapping(self)
        self.add(QgsProcessingParameterNumber("COMPONENTS", tr("Components (bytes per pixel; 0 = all)"), number, 8,
                                              minValue=0, maxValue=MAX_COMPONENTS))
        dated_rasters.add_dates_and_grid(self)
        text = tr("Existing basis (.basis.json)")
        self.add(QgsProcessingParameterFile("BASIS", text, extension="json", optional=True),
                 tr("Project onto it instead of fitting one, so that a model trained on its tiles applies here."))
        text = tr("Seed of the subsample")
        self.add(QgsProcessingParameterNumber("SEED", text, number, 0, minValue=0), advanced=True)
        self.add(QgsProcessingParameterFileDestination("TILES", tr("Embedding tiles"), "GeoTIFF (*.tif)"))
        self.add(QgsProcessingParameterRasterDestination("OUTPUT", tr("Picture of the first three components")))
        self.add(QgsProcessingParameterRasterDestination("COVERAGE", tr("Coverage: dates with data"), optional=True,
                                                         createByDefault=False))
        self.addOutput(QgsProcessingOutputFile("BASIS_FILE", tr("Basis")))
        self.addOutput(QgsProcessingOutputString("MAPPING_USED", tr("Value mapping used")))
        self.addOutput(QgsProcessingOutputNumber("EXPLAINED_VARIANCE", tr("Share of the variance in the components")))
        self.addOutput(QgsProcessingOutputNumber("PIXELS", tr("Pixels")))
        self.addOutput(QgsProcessingOutputNumber("COVERED_PIXELS", tr("Pixels with data at all dates")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT",), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            **dated_rasters.request(self, parameters, context),
            "features": FEATURES[self.parameterAsEnum(parameters, "FEATURES", context)],
            "components": self.parameterAsInt(parameters, "COMPONENTS", context),
            "basis": sources.absolute(self.parameterAsFile(parameters, "BASIS", context)) or None,
            "seed": self.parameterAsInt(parameters, "SEED", context),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        tiles = self.file_output(parameters, "TILES", context)
        picture = self.raster_output(parameters, "OUTPUT", context)
        coverage = self.raster_output(parameters, "COVERAGE", context)
        result = self.run_backend({
            **self._request, "output": tiles, "picture": picture and sources.absolute(picture),
            "coverage": coverage and sources.absolute(coverage),
        }, feedback)
        dates = "→".join(result["dates"])
        shown = Results(context)
        if picture:
            beside(feedback, style_picture, picture)
            beside(feedback, write_metadata, picture, tr("Embedding picture {0}").format(dates), tr(
                "The first three principal components of embeddings, stretched from 1 to 99 %. Equal colours mean "
                "similar places; the colours themselves mean nothing."))
            shown.show(picture, tr("Embedding picture {0}").format(dates))
        if coverage:
            beside(feedback, style_coverage, coverage, _coverage_names(len(result["dates"])))
            beside(feedback, write_metadata, coverage, tr("Coverage {0}").format(dates), tr(
                "The number of dates with data at each pixel. Where a date is missing nothing is known; that is not "
                "the same as no change."))
            shown.show(coverage, tr("Coverage {0}").format(dates), rank=1)
        found = {
            "TILES": result["tiles"], "OUTPUT": picture, "COVERAGE": coverage, "BASIS_FILE": result["basis"],
            "MAPPING_USED": result["mapping"], "EXPLAINED_VARIANCE": sum(result["explained_variance"]),
            "PIXELS": result["pixels"], "COVERED_PIXELS": result["covered_pixels"],
        }
        return {name: value for name, value in found.items() if value is not None}


def _coverage_names(dates: int) -> list[str]:
    between = [tr("Data at {0} of {1} dates").format(count, dates) for count in range(1, dates)]
    return [tr("No data"), *between, tr("Data at all dates") if dates > 1 else tr("Data")]
