"""Algorithms by the names of the real ones, without a backend: they write a small sample, and a sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitscape.tests.plugin.validate.scene import write_sample
from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingProvider,
)

HEADLINE = "change: 412 ha ± 60 ha (95 %) & more"
CALLS: list[tuple[str, dict[str, Any]]] = []


class _Algorithm(QgsProcessingAlgorithm):
    NAME = ""

    def name(self) -> str:
        return self.NAME

    def displayName(self) -> str:  # noqa: N802
        return self.NAME

    def createInstance(self) -> QgsProcessingAlgorithm:  # noqa: N802
        return type(self)()


class DesignSample(_Algorithm):
    """INPUT, DESIGN, SIZE, SEED, OUTPUT. Seed 13 fails, seed 7 takes its time."""

    NAME = "designsample"

    def initAlgorithm(self, configuration: Any = None) -> None:  # noqa: N802
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Map"))
        self.addParameter(QgsProcessingParameterEnum("DESIGN", "Design", ["stratified", "simple", "two-stage"]))
        self.addParameter(QgsProcessingParameterNumber("SIZE", "Points"))
        self.addParameter(QgsProcessingParameterNumber("SEED", "Seed"))
        self.addParameter(QgsProcessingParameterFileDestination("OUTPUT", "Sample", "GeoPackage (*.gpkg)"))

    def processAlgorithm(self, given: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:  # noqa: N802
        CALLS.append((self.NAME, dict(given)))
        if given["SEED"] == 13:
            raise QgsProcessingException("This map has <no> classes.")
        for _ in range(200 if given["SEED"] == 7 else 0):
            if feedback.isCanceled():
                return {}
            time.sleep(0.02)
        write_sample(Path(given["OUTPUT"]), count=int(given["SIZE"]))
        return {"OUTPUT": given["OUTPUT"]}


class AssessAccuracy(_Algorithm):
    """SAMPLE, INPUT, OUTPUT; the result HEADLINE."""

    NAME = "assessaccuracy"

    def initAlgorithm(self, configuration: Any = None) -> None:  # noqa: N802
        self.addParameter(QgsProcessingParameterString("SAMPLE", "Sample"))
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Map"))
        self.addParameter(QgsProcessingParameterFileDestination("OUTPUT", "Report", "HTML (*.html)"))
        self.addOutput(QgsProcessingOutputString("HEADLINE", "Headline"))

    def processAlgorithm(self, given: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:  # noqa: N802
        CALLS.append((self.NAME, dict(given)))
        Path(given["OUTPUT"]).write_text("<html></html>")
        return {"OUTPUT": given["OUTPUT"], "HEADLINE": HEADLINE}


class _Provider(QgsProcessingProvider):
    def id(self) -> str:
        return "bitscape"

    def name(self) -> str:
        return "Stand-in"

    def load(self) -> bool:
        self.refreshAlgorithms()
        return True

    def loadAlgorithms(self) -> None:  # noqa: N802
        for algorithm in (DesignSample, AssessAccuracy):
            self.addAlgorithm(algorithm())


@contextmanager
def standing_in() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The stand-ins in QGIS's registry as long as the block lasts; what they were called with."""
    CALLS.clear()
    provider = _Provider()
    assert QgsApplication.processingRegistry().addProvider(provider)
    try:
        yield CALLS
    finally:
        QgsApplication.processingRegistry().removeProvider("bitscape")
