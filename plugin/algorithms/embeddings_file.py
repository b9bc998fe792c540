"""What compressing and decompressing have in common: one file, a raster or a Parquet table, and another of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
)

from ..translation import tr
from . import sources
from .base import BitscapeAlgorithm

TABLES = (".parquet", ".gpq", ".geoparquet", ".pq")
OUTPUTS = "GeoTIFF (*.tif *.tiff);;Parquet (*.parquet)"


def add_input(algorithm: BitscapeAlgorithm, text: str, help_text: str) -> None:
    """INPUT: a path, or the name of a raster layer."""
    kinds = tr("Rasters and tables")
    algorithm.add(QgsProcessingParameterFile(
        "INPUT", text,
        fileFilter=f"{kinds} (*.tif *.tiff *.vrt *.parquet *.gpq *.geoparquet *.pq);;{tr('All files')} (*.*)",
    ), help_text)


def add_output(algorithm: BitscapeAlgorithm, text: str) -> None:
    """OUTPUT: a file, which QGIS does not load: it holds numbers for the tools, not a picture."""
    algorithm.add(QgsProcessingParameterFileDestination("OUTPUT", text, OUTPUTS),
                  tr("A GeoTIFF for a raster, a Parquet file for a table."))


def input_path(parameters: dict[str, Any], context: QgsProcessingContext) -> str:
    """The file of INPUT. Raises QgsProcessingException where it is none, or several."""
    found = sources.files(parameters, "INPUT", context)
    if len(found) != 1:
        raise QgsProcessingException(tr("Choose one raster or one Parquet table."))
    return found[0]


def output_path(
    algorithm: BitscapeAlgorithm, parameters: dict[str, Any], given: str, context: QgsProcessingContext
) -> str:
    """The file of OUTPUT; a temporary one gets the ending that fits the input ``given``."""
    path = algorithm.file_output(parameters, "OUTPUT", context)
    if parameters.get("OUTPUT") == QgsProcessing.TEMPORARY_OUTPUT and Path(given).suffix.lower() in TABLES:
        return str(Path(path).with_suffix(".parquet"))
    return path
