"""Parameters that QGIS has not quite as they are needed here."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterLayer,
)

from ..translation import tr


class RasterFiles(QgsProcessingParameterMultipleLayers):
    """Several rasters, as layers or paths, that are not loaded in order to be checked.

    QGIS would load each path, compute statistics of all bands, and leave an .aux.xml beside the user's file. Whether a
    file can be read is the backend's to say, which names it.
    """

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description, QgsProcessing.SourceType.TypeRaster)

    def clone(self) -> RasterFiles:
        copy = RasterFiles(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        return value not in (None, "", [])


class RasterFile(QgsProcessingParameterRasterLayer):
    """One raster, as a layer or a path, that is not loaded in order to be checked, as above."""

    def clone(self) -> RasterFile:
        copy = RasterFile(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        optional = bool(self.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
        return optional or value not in (None, "", [])


class OptionalRasterFiles(RasterFiles):
    """Several rasters, or none."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description)
        self.setFlags(self.flags() | QgsProcessingParameterDefinition.Flag.FlagOptional)

    def clone(self) -> OptionalRasterFiles:
        copy = OptionalRasterFiles(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        return True


class EmbeddingFiles(RasterFiles):
    """Several files or folders of embeddings: tables, which are no layers, or rasters."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description)
        self.setLayerType(QgsProcessing.SourceType.TypeFile)

    def clone(self) -> EmbeddingFiles:
        copy = EmbeddingFiles(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy


class OptionalFiles(OptionalRasterFiles):
    """Several files that are no layers, or none."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description)
        self.setLayerType(QgsProcessing.SourceType.TypeFile)

    def clone(self) -> OptionalFiles:
        copy = OptionalFiles(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy


class Exemplars(QgsProcessingParameterFeatureSource):
    """Features of any kind, or none; or a Parquet table of results, which QGIS need not be able to open: the backend
    is."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description, [QgsProcessing.SourceType.TypeVectorAnyGeometry], optional=True)

    def clone(self) -> Exemplars:
        copy = Exemplars(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        if isinstance(value, str) and value.lower().endswith((".parquet", ".geoparquet", ".gpq", ".pq")):
            return True
        return super().checkValueIsAcceptable(value, context)


class StoreLocation(QgsProcessingParameterFile):
    """A retrieval store: its manifest, or typed in, its folder or an http(s) address, which QGIS would refuse for the
    name of a file."""

    def __init__(self, name: str, description: str, optional: bool = False) -> None:
        super().__init__(name, description, fileFilter=tr("Manifest of a store") + " (*.parquet)", optional=optional)

    def clone(self) -> StoreLocation:
        copy = StoreLocation(self.name(), self.description())
        copy.setFlags(self.flags())
        copy.setHelp(self.help())
        return copy

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        optional = bool(self.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
        return optional or value not in (None, "")
