"""Map change magnitude: embedding rasters of two dates → how different they are, without labels, on a fixed scale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import style_magnitude
from ..settings import scheduler, threads
from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm, beside
from .parameters import OptionalRasterFiles, RasterFiles

MAPPINGS = ("auto", "alphaearth", "linear", "none")


class ChangeMagnitude(BitscapeAlgorithm):
    """Two dates, and perhaps two between which nothing changed → 1 − cosine of their vectors."""

    ID = "changemagnitude"
    GROUP = "changewithoutlabels"
    TAGS = QT_TRANSLATE_NOOP(
        "Bitscape", "change,difference,cosine,distance,embeddings,unsupervised,AlphaEarth,two dates,years"
    )

    def displayName(self) -> str:
        return tr("Map change magnitude")

    def shortDescription(self) -> str:
        return tr("Shows how different the embeddings of two dates are, without labels and on a fixed scale.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        self.add(RasterFiles("INPUT", tr("Embedding rasters of two dates, in order")),
                 tr("Two rasters of one product, the earlier first."))
        self.add(OptionalRasterFiles("REFERENCE", tr("Reference: two dates between which nothing changed")),
                 tr("Nearby in time; one of them may be a date of the pair. The log says how much of the area changed "
                    "more than they differ."))
        self.add(QgsProcessingParameterEnum("MAPPING", tr("Value mapping"), [
            tr("Detect"), tr("AlphaEarth power mapping"), tr("Linear"), tr("None: values as they are"),
        ], defaultValue=0), tr("How stored numbers become vectors. The log says what was detected and why."))
        self.add(QgsProcessingParameterString("DATES", tr("Names of the dates, separated by commas"), optional=True),
                 tr("For example 2020, 2024. Without it: the years in tags or file names."))
        self.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True),
                 tr("Whole pixels of the first raster's grid that it touches; without it all of them."))
        self.add(QgsProcessingParameterBoolean("WARP", tr("Warp later dates onto the first date's grid"), False),
                 tr("Nearest neighbour. Without it, rasters on different grids are refused."), advanced=True)
        self.add(QgsProcessingParameterRasterDestination("OUTPUT", tr("Change magnitude")),
                 tr("0 to 254 for a magnitude of 0 to 1. 255: no data."))
        self.add(QgsProcessingParameterRasterDestination(
            "REFERENCE_OUTPUT", tr("Change magnitude of the reference"), optional=True, createByDefault=False))
        for name, text in (
            ("MEDIAN", tr("Median magnitude")),
            ("P90", tr("Magnitude that 90 % of the pixels do not exceed")),
            ("P99", tr("Magnitude that 99 % of the pixels do not exceed")),
            ("REFERENCE_P99", tr("Magnitude that 99 % of the reference's pixels do not exceed")),
            ("SHARE_ABOVE_REFERENCE", tr("Share of the pixels above that")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        for name in ("INPUT", "REFERENCE"):
            for path in sources.files(parameters, name, context):
                if not sources.is_virtual(path) and not Path(path).exists():
                    return False, tr("{0} does not exist.").format(path)
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        box, crs = sources.extent(self, parameters, "EXTENT", context)
        dates = self.parameterAsString(parameters, "DATES", context)
        self._request = {
            "inputs": sources.files(parameters, "INPUT", context),
            "reference": sources.files(parameters, "REFERENCE", context),
            "mapping": MAPPINGS[self.parameterAsEnum(parameters, "MAPPING", context)],
            "dates": [name for name in re.split(r"\s*[,;]\s*", dates.strip()) if name],
            "extent": box,
            "extent_crs": crs,
            "warp": self.parameterAsBool(parameters, "WARP", context),
            "threads": threads(),
            "scheduler": scheduler(),
        }
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        output = self.raster_output(parameters, "OUTPUT", context)
        reference_output = self.raster_output(parameters, "REFERENCE_OUTPUT", context)
        result = self.run_backend({
            **self._request, "output": output and sources.absolute(output),
            "reference_output": reference_output and sources.absolute(reference_output),
        }, feedback)
        shown = Results(context)
        pair, reference = result["pair"], result["reference"]
        if output:
            name = tr("Change magnitude {0}").format("→".join(pair["dates"]))
            shown.show(output, _finish(output, name, feedback), rank=1)
        if reference_output and reference:
            name = tr("Change magnitude {0} (reference)").format("→".join(reference["dates"]))
            shown.show(reference_output, _finish(reference_output, name, feedback))
        found = {
            "OUTPUT": output, "REFERENCE_OUTPUT": reference_output, "MEDIAN": pair["median"], "P90": pair["p90"],
            "P99": pair["p99"], "REFERENCE_P99": result["threshold"], "SHARE_ABOVE_REFERENCE": result["share_above"],
        }
        return {name: value for name, value in found.items() if value is not None}


def _finish(path: str, name: str, feedback: QgsProcessingFeedback) -> str:
    """Style and describe a map; returns the name for its layer."""
    beside(feedback, style_magnitude, path, tr("0 · alike"), tr("0.6 and above · different"))
    beside(feedback, write_metadata, path, name, tr(
        "1 − cosine between the embeddings of two dates, 254 for 1 and above. It says how different the dates are, not "
        "why: weather and season move whole regions. 255: no data, where nothing is known."))
    return name
