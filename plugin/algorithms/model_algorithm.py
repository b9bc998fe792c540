"""What algorithms of ONNX models share besides parameters: their group, and an input that must be there."""

from __future__ import annotations

from typing import Any, ClassVar

from qgis.core import QgsProcessingContext

from . import dated_rasters
from .base import BitscapeAlgorithm


class ModelAlgorithm(BitscapeAlgorithm):
    """A model over the raster INPUT."""

    GROUP: ClassVar[str] = "deeplearning"

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        if said := dated_rasters.missing(parameters, ("INPUT",), context):
            return False, said
        return super().checkParameterValues(parameters, context)
