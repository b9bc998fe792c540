"""Find similar places: a retrieval store and a few places → the patches that are like them."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import sidecar, style_similar_places, style_similarity
from ..settings import threads
from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm, beside
from .parameters import Exemplars, StoreLocation

VIEWS = ("top", "heat", "threshold", "outlier", "surprise", "gradient", "typical")
UNLIKE = ("outlier", "surprise", "gradient")
COMBINES = ("mean", "and", "or", "xor")
OUTLINED = 2000
"""Footprints of up to so many results have outlines."""


class FindSimilar(BitscapeAlgorithm):
    """The patches of a store that are like exemplars, or unusual or typical in an area."""

    ID = "findsimilar"
    GROUP = "similaritysearch"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "similarity,retrieval,search,embeddings,hamming,nearest neighbours,exemplars,heat map,outliers"
    )

    def displayName(self) -> str:
        return tr("Find similar places")

    def shortDescription(self) -> str:
        return tr("Finds the patches of a retrieval store that are like some places and unlike others.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        kinds, number = QgsProcessing.SourceType, QgsProcessingParameterNumber.Type
        self.add(StoreLocation("STORE", tr("Retrieval store: its manifest, folder or http(s) address")),
                 tr("Choose its manifest.parquet, or type a folder or an address."))
        self.add(Exemplars("POSITIVE", tr("Positive exemplars: points, or earlier results")),
                 tr("Places that are like what is looked for, in any CRS."))
        self.add(Exemplars("NEGATIVE", tr("Negative exemplars: points, or earlier results")),
                 tr("Places that look alike and are not what is looked for."))
        self.add(QgsProcessingParameterString("IDS", tr("Identifiers of positive exemplars, separated by commas"),
                                              optional=True), advanced=True)
        self.add(QgsProcessingParameterString("NEGATIVE_IDS", tr("Identifiers of negative exemplars"), optional=True),
                 advanced=True)
        self.add(StoreLocation("EXEMPLAR_STORE", tr("Store of the exemplars, if it is another one"),
                               optional=True),
                 tr("Of the same model and codec."), advanced=True)
        self.add(QgsProcessingParameterFeatureSource("AOI", tr("Area of interest: polygons"),
                                                     [kinds.TypeVectorPolygon], optional=True),
                 tr("Patches that meet one of them are searched. Exemplars may lie outside."))
        self.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True))
        self.add(QgsProcessingParameterString("YEARS", tr("Years, separated by commas"), optional=True),
                 tr("For example 2022, 2023. Without any: all."))
        self.add(QgsProcessingParameterEnum("VIEW", tr("View"), [
            tr("Most similar"), tr("Heat map: all patches by rank"), tr("Threshold: all patches within a score"),
            tr("Outliers of the area"), tr("Unlike its neighbours on the ground"), tr("Gradient of similarity"),
            tr("Typical for the area"),
        ], defaultValue=0))
        self.add(QgsProcessingParameterNumber("K", tr("Number of results"), number.Integer, 50, minValue=1,
                                              maxValue=1_000_000))
        self.add(QgsProcessingParameterNumber("THRESHOLD", tr("Threshold (score)"), number.Double, None, optional=True),
                 tr("Of the view of that name. Without it: the score of the last of that number of results."))
        self.add(QgsProcessingParameterEnum("COMBINE", tr("Combine positive exemplars by"), [
            tr("Mean distance"), "AND", "OR", "XOR",
        ], defaultValue=0), tr("AND, OR and XOR fold the bits of two or more codes into one."), advanced=True)
        self.add(QgsProcessingParameterBoolean("INVERT", tr("NOT: find what is least like the exemplars"), False),
                 advanced=True)
        self.add(QgsProcessingParameterNumber("RERANK", tr("Candidates to re-rank by finer codes (0 = none)"),
                                              number.Integer, 0, minValue=0, maxValue=1_000_000),
                 tr("Needs a store that was built with them. 10 times the number of results is a good choice."))
        self.add(QgsProcessingParameterNumber("MAX_FEATURES", tr("Most features of a layer"), number.Integer, 100_000,
                                              minValue=1),
                 tr("Of the views heat map, threshold and gradient; the raster holds all patches."), advanced=True)
        self.add(QgsProcessingParameterNumber("MEMORY", tr("Memory for patches (MB)"), number.Integer, 1600,
                                              minValue=1), advanced=True)
        self.add(QgsProcessingParameterVectorDestination("OUTPUT", tr("Similar places"), kinds.TypeVectorPolygon))
        self.add(QgsProcessingParameterRasterDestination("RASTER", tr("Raster of all patches"), optional=True,
                                                         createByDefault=False))
        self.add(QgsProcessingParameterFileDestination("PARQUET", tr("Similar places as GeoParquet"),
                                                       "GeoParquet (*.parquet)", optional=True, createByDefault=False))
        self.add(QgsProcessingParameterFileDestination("REPORT", tr("Report with the histogram of scores"),
                                                       "HTML (*.html)", optional=True, createByDefault=False))
        for name, text in (
            ("COUNT", tr("Results")), ("CANDIDATES", tr("Patches searched")), ("BEST", tr("Score of the first")),
            ("LAST", tr("Score of the last")), ("USED_THRESHOLD", tr("Threshold")),
            ("WITHIN", tr("Patches within the threshold")), ("FAILED", tr("Shards that could not be read")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))
        self.addOutput(QgsProcessingOutputString("TYPICAL", tr("Typical code (hex)")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        fine, said = super().checkParameterValues(parameters, context)
        if not fine:
            return fine, said
        raster = self.raster_output(parameters, "RASTER", context)
        layer = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        if raster and sidecar(raster) == sidecar(layer):
            return False, tr("{0} and {1} would share one style file. Give them different names.").format(layer, raster)
        return True, ""

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        extent, extent_crs = sources.extent(self, parameters, "EXTENT", context)
        given = parameters.get("THRESHOLD")
        self._request = {
            "store": _location(self.parameterAsString(parameters, "STORE", context)),
            "exemplar_store": _location(self.parameterAsString(parameters, "EXEMPLAR_STORE", context)),
            **self._exemplars(parameters, "POSITIVE", "IDS", context),
            **self._exemplars(parameters, "NEGATIVE", "NEGATIVE_IDS", context),
            **sources.area(self, parameters, context),
            "extent": extent, "extent_crs": extent_crs,
            "years": _years(self.parameterAsString(parameters, "YEARS", context)),
            "view": VIEWS[self.parameterAsEnum(parameters, "VIEW", context)],
            "combine": COMBINES[self.parameterAsEnum(parameters, "COMBINE", context)],
            "invert": self.parameterAsBool(parameters, "INVERT", context),
            "k": self.parameterAsInt(parameters, "K", context),
            "threshold": None if given in (None, "") else self.parameterAsDouble(parameters, "THRESHOLD", context),
            "rerank": self.parameterAsInt(parameters, "RERANK", context),
            "most": self.parameterAsInt(parameters, "MAX_FEATURES", context),
            "memory": self.parameterAsInt(parameters, "MEMORY", context) * 1_000_000,
            "threads": threads(),
        }
        return True

    def _exemplars(
        self, parameters: dict[str, Any], name: str, ids: str, context: QgsProcessingContext
    ) -> dict[str, Any]:
        """A layer and identifiers as parts of a request."""
        side = name.lower()
        found = sources.labels(self, parameters, name, context)
        words = _words(self.parameterAsString(parameters, ids, context))
        return {f"{side}s": [{"id": word} for word in words], f"{side}_file": found.path or None,
                f"{side}_layer": found.layer, f"{side}_crs": found.crs}

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        layer = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        raster = self.raster_output(parameters, "RASTER", context)
        result = self.run_backend({
            **self._request, "output": sources.absolute(layer), "raster": raster and sources.absolute(raster),
            "parquet": self.file_output(parameters, "PARQUET", context) or None,
            "report": self.file_output(parameters, "REPORT", context) or None,
        }, feedback)
        beside(feedback, _style_layer, result)
        beside(feedback, write_metadata, result["output"], result["title"], result["description"])
        shown = Results(context)
        shown.show(layer, result["title"], 1)
        if raster:
            beside(feedback, _style_raster, result)
            beside(feedback, write_metadata, result["raster"], result["title"], result["description"])
            shown.show(raster, tr("{0}: all patches").format(result["title"]))
        found = {
            "OUTPUT": layer, "RASTER": raster, "PARQUET": result["parquet"], "REPORT": result["report"],
            "COUNT": result["count"], "CANDIDATES": result["candidates"], "BEST": result["best"],
            "LAST": result["last"], "USED_THRESHOLD": result["threshold"], "WITHIN": result["within"],
            "FAILED": len(result["failed"]), "TYPICAL": result["typical"],
        }
        return {name: value for name, value in found.items() if value is not None}


def _location(text: str) -> str:
    """A store's place: an address as it is, anything else an absolute path."""
    return text if re.match(r"https?://", text) else sources.absolute(text)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"\s*[,;]\s*", text.strip()) if word]


def _years(text: str) -> list[int]:
    """Years of a text. Raises QgsProcessingException for anything else."""
    words = re.split(r"[\s,;]+", text.strip()) if text.strip() else []
    if wrong := [word for word in words if not re.fullmatch(r"\d{4}", word)]:
        raise QgsProcessingException(tr("{0} is not a year. Write them like 2022, 2023.").format(wrong[0]))
    return [int(word) for word in words]


def _style_layer(result: dict[str, Any]) -> None:
    """By rank in the heat map, else by score; the best are the lightest."""
    by_rank = result["view"] == "heat"
    low, high = (1.0, float(result["count"])) if by_rank else sorted((result["best"], result["last"]))
    unit = result["unit"]
    aliases = {
        "rank": tr("rank"), "score": tr("score ({0})").format(unit), "similarity": tr("similarity (0 to 1)"),
        "id": tr("patch"), "year": tr("year"), "lon": tr("longitude"), "lat": tr("latitude"),
        "shard": tr("shard of the store"), "row": tr("row in the shard"), "code": tr("code (hex)"),
    }
    tip = '<b>[% "rank" %]</b> · [% "id" %]<br>[% round("score", 3) %] ' + unit + ' · [% round("similarity", 3) %]'
    best_low = by_rank or result["view"] not in UNLIKE
    style_similar_places(result["output"], "rank" if by_rank else "score", low, high, best_low,
                         result["count"] <= OUTLINED, aliases, tip)


def _style_raster(result: dict[str, Any]) -> None:
    if result["low"] is None:
        style_similarity(result["raster"], tr("least similar"), tr("most similar"))
    else:
        style_similarity(result["raster"], f"{result['low']:.4g}", f"{result['high']:.4g} {result['about']['unit']}")
