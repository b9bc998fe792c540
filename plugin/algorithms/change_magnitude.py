"""Map change magnitude: embedding rasters of two dates → how different they are, without labels, on a fixed scale."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterRasterDestination,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import style_magnitude
from ..translation import tr
from . import dated_rasters, sources
from .base import BitscapeAlgorithm, beside
from .parameters import OptionalRasterFiles, RasterFiles


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
        dated_rasters.add_mapping(self)
        dated_rasters.add_dates_and_grid(self, advanced=True)
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
        if said := dated_rasters.missing(parameters, ("INPUT", "REFERENCE"), context):
            return False, said
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        self._request = {
            **dated_rasters.request(self, parameters, context),
            "reference": sources.files(parameters, "REFERENCE", context),
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
