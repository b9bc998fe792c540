"""The Processing provider: which algorithms there are."""

from __future__ import annotations

import re

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .. import settings
from ..backend.environment import ROOT
from .apply_classifier import ApplyClassifier
from .assess_accuracy import AssessAccuracy
from .build_embedding_tiles import BuildEmbeddingTiles
from .build_retrieval_store import BuildRetrievalStore
from .change_magnitude import ChangeMagnitude
from .class_polygons import ClassPolygons
from .compare_compression import CompareCompression
from .compare_precision import ComparePrecision
from .compress_embeddings import CompressEmbeddings
from .create_sample_data import CreateSampleData
from .decompress_embeddings import DecompressEmbeddings
from .design_sample import DesignSample
from .detect_objects import DetectObjects
from .enhance_resolution import EnhanceResolution
from .evaluate_recall import EvaluateRecall
from .find_similar import FindSimilar
from .match_example import MatchExample
from .segment_raster import SegmentRaster
from .similarity_raster import SimilarityRaster
from .suggest_points import SuggestPoints
from .train_classifier import TrainClassifier

ALGORITHMS = (
    CreateSampleData, BuildEmbeddingTiles, TrainClassifier, ApplyClassifier, SuggestPoints, ClassPolygons,
    ChangeMagnitude, DesignSample, AssessAccuracy, CompressEmbeddings, DecompressEmbeddings, CompareCompression,
    BuildRetrievalStore, FindSimilar, SimilarityRaster, EvaluateRecall, SegmentRaster, DetectObjects, EnhanceResolution,
    MatchExample, ComparePrecision,
)
ICON = str(ROOT / "resources" / "icons" / "bitscape.svg")


class BitscapeProvider(QgsProcessingProvider):
    """Bitscape's algorithms and its page in Processing's options."""

    def id(self) -> str:
        return "bitscape"

    def name(self) -> str:
        return "Bitscape"

    def versionInfo(self) -> str:
        found = re.search(r"^version=(.+)$", (ROOT / "metadata.txt").read_text(encoding="utf-8"), re.MULTILINE)
        return found.group(1).strip() if found else ""

    def icon(self) -> QIcon:
        return QIcon(ICON)

    def svgIconPath(self) -> str:
        return ICON

    def load(self) -> bool:
        settings.add_to_options(self.icon())
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        settings.remove_from_options()

    def loadAlgorithms(self) -> None:
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        return ["tif", "tiff"]

    def defaultRasterFileExtension(self, *_: object) -> str:
        return "tif"

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        return ["gpkg"]

    def defaultVectorFileExtension(self, *_: object) -> str:
        return "gpkg"

    def supportsNonFileBasedOutput(self) -> bool:
        return False
