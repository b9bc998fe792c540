"""Apply a classifier: tiles and a model → a score map and a class map for each of the tiles' periods."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import Entry, class_colours, style_classes, style_number, style_score
from ..settings import scheduler, threads
from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm, beside

SQUARE_METRES_PER_HECTARE = 10_000
FAINT = 70
"""Alpha of the class that is not looked for: the imagery below is to be seen through it."""


class ApplyClassifier(BitscapeAlgorithm):
    """Tiles of one or several periods and one model → maps."""

    ID = "applyclassifier"
    GROUP = "labelsandclassification"
    TAGS = QT_TRANSLATE_NOOP("Bitscape", "map,score,classes,predict,classification,change,model,heat map,time series,"
                             "regression,numbers,biomass,height")

    def displayName(self) -> str:
        return tr("Apply classifier to tiles")

    def shortDescription(self) -> str:
        return tr("Maps a trained model over all pixels: a score and classes, or numbers.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        files = QgsProcessing.SourceType.TypeFile
        text = tr("Embedding tiles (.tif), one file for each period")
        self.add(QgsProcessingParameterMultipleLayers("INPUT", text, files),
                 tr("Several tiles of one basis give one map for each."))
        self.add(QgsProcessingParameterFile("MODEL", tr("Model (.json)"), extension="json"))
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"), polygons, optional=True),
                 tr("Maps cover its bounds; outside the polygons is no data. Without it all pixels are mapped."))
        self.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True),
                 tr("Whole pixels of the tiles that it touches; without it all of them."))
        self.add(QgsProcessingParameterRasterDestination("OUTPUT", tr("Score, or predicted numbers")),
                 tr("Score: 0 to 254, agreement with the labels, not a calibrated probability. 255: no data. Of a "
                    "model of numbers: these, in their unit."))
        self.add(QgsProcessingParameterRasterDestination("CLASSES", tr("Classes"), optional=True, createByDefault=True),
                 tr("A model of numbers has none, and writes none."))
        self.addOutput(QgsProcessingOutputMultipleLayers("MAPS", tr("Score maps")))
        self.addOutput(QgsProcessingOutputMultipleLayers("CLASS_MAPS", tr("Class maps")))

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        box, crs = sources.extent(self, parameters, "EXTENT", context)
        self._request = {
            "tiles": sources.files(parameters, "INPUT", context),
            "model": sources.absolute(self.parameterAsFile(parameters, "MODEL", context)),
            **sources.area(self, parameters, context),
            "extent": box,
            "extent_crs": crs,
            "threads": threads(),
            "scheduler": scheduler(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        score = self.raster_output(parameters, "OUTPUT", context)
        classes = self.raster_output(parameters, "CLASSES", context)
        request = {**self._request, "score": score and sources.absolute(score),
                   "classes": classes and sources.absolute(classes)}
        maps = self.run_backend(request, feedback)["maps"]
        scores: list[tuple[str, str]] = []
        class_maps: list[tuple[str, str]] = []
        for one in maps:
            if one["target"] == "numbers":
                scores.append((one["score"], _finish_numbers(one, feedback)))
                continue
            _say_areas(one, feedback)
            scores.append((one["score"], _finish_score(one, feedback)))
            if one["classes"]:
                class_maps.append((one["classes"], _finish_classes(one, feedback)))
        shown = Results(context)
        for planned, made, output, rank in ((classes, class_maps, "CLASSES", 0), (score, scores, "OUTPUT", len(maps))):
            if planned:
                shown.show_instead(planned, made, output, rank)
        found: dict[str, Any] = {"OUTPUT": scores[0][0], "MAPS": [path for path, _ in scores]}
        if class_maps:
            found.update({"CLASSES": class_maps[0][0], "CLASS_MAPS": [path for path, _ in class_maps]})
        return found


def _finish_score(one: dict[str, Any], feedback: QgsProcessingFeedback) -> str:
    """Style and describe a score map; returns the name for its layer."""
    shown = one["positive_class"] or one["class_names"][0]
    name = tr("Score of {0} {1}").format(shown, _period(one))
    low, high = tr("0 · unlike {0}").format(shown), tr("1 · like {0}").format(shown)
    beside(feedback, style_score, one["score"], low, high)
    beside(feedback, write_metadata, one["score"], name, tr(
        "Agreement with the labelled places, 0 to 254 for 0 to 1; it is not a calibrated probability. 255: no data, "
        "where nothing is known."))
    return name


def _finish_numbers(one: dict[str, Any], feedback: QgsProcessingFeedback) -> str:
    """Style and describe a map of numbers; returns the name for its layer."""
    name = tr("{0} {1}").format(one["title"], _period(one))
    beside(feedback, style_number, one["score"], one["low"], one["high"], one["unit"])
    beside(feedback, write_metadata, one["score"], name, tr(
        "{0} as a regression on labelled places predicts it. Labels reached from {1:.4g} to {2:.4g}: beyond, it "
        "extrapolates. No number: no data, where nothing is known."
    ).format(one["title"], one["labels"]["minimum"], one["labels"]["maximum"]))
    return name


def _finish_classes(one: dict[str, Any], feedback: QgsProcessingFeedback) -> str:
    """Style and describe a class map; returns the name for its layer."""
    names = one["class_names"]
    colours = class_colours(names, one["positive_class"])
    faint = FAINT if one["positive_class"] else 255
    entries = [
        Entry(number, text, colour, 255 if text == one["positive_class"] else faint)
        for number, (text, colour) in enumerate(zip(names, colours), 1)
    ]
    name = tr("Classes {0}").format(_period(one))
    beside(feedback, style_classes, one["classes"], entries)
    beside(feedback, write_metadata, one["classes"], name, tr(
        "The class with the largest score at each pixel: {0}. 0: no data, where nothing is known."
    ).format(", ".join(names)))
    return name


def _period(one: dict[str, Any]) -> str:
    return str(one["period"]).replace("-", "→")


def _say_areas(one: dict[str, Any], feedback: QgsProcessingFeedback) -> None:
    """Pixels of each class in hectares, where the CRS has metres; the shares are in the backend's own log."""
    if one["pixel_area"] is None:
        return
    areas = ", ".join(
        tr("{0} {1:,.1f} ha").format(name, count * one["pixel_area"] / SQUARE_METRES_PER_HECTARE)
        for name, count in one["class_pixels"].items()
    )
    feedback.pushInfo(tr("{0}, pixels counted: {1}. A count is not an area estimate.").format(_period(one), areas))
