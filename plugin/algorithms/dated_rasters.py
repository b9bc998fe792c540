"""The parameters that algorithms on embedding rasters of several dates have in common, and their part of a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterString,
)

from ..settings import scheduler, threads
from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm

MAPPINGS = ("auto", "alphaearth", "linear", "none")


def add_mapping(algorithm: BitscapeAlgorithm) -> None:
    """MAPPING."""
    algorithm.add(QgsProcessingParameterEnum("MAPPING", tr("Value mapping"), [
        tr("Detect"), tr("AlphaEarth power mapping"), tr("Linear"), tr("None: values as they are"),
    ], defaultValue=0), tr("How stored numbers become vectors. The log says what was detected and why."))


def add_dates_and_grid(algorithm: BitscapeAlgorithm, advanced: bool = False) -> None:
    """DATES, EXTENT and WARP, the last for few if ``advanced``."""
    algorithm.add(QgsProcessingParameterString("DATES", tr("Names of the dates, separated by commas"), optional=True),
                  tr("For example 2020, 2024. Without it: the years in tags or file names."))
    algorithm.add(QgsProcessingParameterExtent("EXTENT", tr("Extent"), optional=True),
                  tr("Whole pixels of the first raster's grid that it touches; without it all of them."))
    algorithm.add(QgsProcessingParameterBoolean("WARP", tr("Warp later dates onto the first date's grid"), False),
                  tr("Nearest neighbour. Without it, rasters on different grids are refused."), advanced=advanced)


def missing(parameters: dict[str, Any], names: tuple[str, ...], context: QgsProcessingContext) -> str:
    """What is wrong with the files of some parameters; "" if they are all there."""
    for name in names:
        for path in sources.files(parameters, name, context):
            if not sources.is_virtual(path) and not Path(path).exists():
                return tr("{0} does not exist.").format(path)
    return ""


def request(
    algorithm: BitscapeAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, Any]:
    """INPUT and the parameters above, and where the work runs."""
    box, crs = sources.extent(algorithm, parameters, "EXTENT", context)
    dates = algorithm.parameterAsString(parameters, "DATES", context)
    return {
        "inputs": sources.files(parameters, "INPUT", context),
        "mapping": MAPPINGS[algorithm.parameterAsEnum(parameters, "MAPPING", context)],
        "dates": [name for name in re.split(r"\s*[,;]\s*", dates.strip()) if name],
        "extent": box,
        "extent_crs": crs,
        "warp": algorithm.parameterAsBool(parameters, "WARP", context),
        "threads": threads(),
        "scheduler": scheduler(),
    }
