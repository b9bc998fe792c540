"""What the Toolbox shows: the provider, its algorithms, their parameters, help and icons; and the plugin's life."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from bitscape import classFactory
from bitscape.plugin.algorithms.provider import BitscapeProvider
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtGui import QImage

OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional
ADVANCED = QgsProcessingParameterDefinition.Flag.FlagAdvanced

PARAMETERS = {
    "createsampledata": ["SIZE", "SEED", "YEARS", "OUTPUT"],
    "buildembeddingtiles": [
        "INPUT", "FEATURES", "MAPPING", "COMPONENTS", "DATES", "EXTENT", "WARP", "BASIS", "SEED", "TILES", "OUTPUT",
        "COVERAGE",
    ],
    "trainclassifier": [
        "INPUT", "LABELS", "CLASS_FIELD", "TARGET", "UNIT", "POSITIVE_CLASS", "CLASS_WEIGHTS", "BLOCK_SIZE", "AOI",
        "EMBEDDINGS", "VALIDATION", "SEED", "OUTPUT", "REPORT",
    ],
    "applyclassifier": ["INPUT", "MODEL", "AOI", "EXTENT", "OUTPUT", "CLASSES"],
    "suggestpoints": [
        "INPUT", "LABELS", "CLASS_FIELD", "POSITIVE_CLASS", "MODEL", "AOI", "COUNT", "SEED", "OUTPUT",
    ],
    "designsample": [
        "INPUT", "MAP", "DESIGN", "SIZE", "TARGET_ERROR", "TARGET_CLASS", "EXPECTED_ACCURACY", "EXPECTED_SHARES",
        "ALLOCATION", "MIN_POINTS", "POINTS", "MIN_DISTANCE", "BLOCK_SIZE", "POINTS_PER_BLOCK", "CORRELATION", "AOI",
        "SEED", "OUTPUT",
    ],
    "classpolygons": [
        "INPUT", "CLASSES", "THRESHOLD", "MIN_AREA", "FILL_HOLES", "SIMPLIFY", "CONNECTIVITY", "SCORE", "PERIODS",
        "AOI", "OUTPUT", "TRANSITIONS",
    ],
    "changemagnitude": [
        "INPUT", "REFERENCE", "MAPPING", "DATES", "EXTENT", "WARP", "OUTPUT", "REFERENCE_OUTPUT",
    ],
    "assessaccuracy": [
        "INPUT", "SAMPLE", "CLASS_FIELD", "INTERPRETATIONS", "DESIGN", "STRATA", "REFERENCE", "AOI", "POSITIVE_CLASS",
        "OUTPUT", "TABLE",
    ],
    "comparecompression": [
        "INPUT", "AFTER", "LABELS", "TABLES", "CLASS_FIELD", "VALUE_FIELD", "RECIPES", "LOSS", "BLOCK_SIZE",
        "COLUMN", "AFTER_COLUMN", "MAPPING", "MAX_ROWS", "SEED", "REPORT", "TABLE",
    ],
    "compressembeddings": [
        "INPUT", "PRESET", "RECIPE", "SAMPLE", "CODEC", "COLUMN", "MAPPING", "SEED", "OUTPUT",
    ],
    "decompressembeddings": ["INPUT", "VALUES", "CODEC", "OUTPUT"],
    "segmentraster": [
        "INPUT", "MODEL", "CARD", "BANDS", "AOI", "EXTENT", "THRESHOLD", "SMALL_SEGMENTS", "MIN_AREA", "TILE",
        "OVERLAP", "BLEND", "FLIPS", "PROVIDER", "THREADS", "OUTPUT", "SCORES", "CONFIDENCE", "POLYGONS",
    ],
    "detectobjects": [
        "INPUT", "MODEL", "CARD", "BANDS", "AOI", "EXTENT", "THRESHOLD", "IOU", "TILE", "OVERLAP", "PROVIDER",
        "THREADS", "OUTPUT",
    ],
    "enhanceresolution": [
        "INPUT", "MODEL", "CARD", "BANDS", "AOI", "EXTENT", "VALUES", "TILE", "OVERLAP", "FLIPS", "PROVIDER", "THREADS",
        "OUTPUT",
    ],
    "matchexample": [
        "INPUT", "MODEL", "CARD", "BANDS", "AOI", "EXTENT", "EXAMPLES", "TILE", "OVERLAP", "FLIPS", "PROVIDER",
        "THREADS", "OUTPUT",
    ],
    "compareprecision": [
        "INPUT", "MODEL", "CARD", "BANDS", "OTHER_MODEL", "OTHER_CARD", "PROVIDER", "OTHER_PROVIDER", "TILES", "TILE",
        "SEED", "THREADS", "REMEMBER",
    ],
    "buildretrievalstore": [
        "INPUT", "PRODUCT", "KIND", "REFINE", "PATCH_PIXELS", "PATCH_SIDE", "YEAR", "APPEND", "STRIDE", "MIN_SHARE",
        "THRESHOLD", "COLUMN", "CRS", "MAPPING", "GEOHASH", "ROWS_PER_FILE", "SAMPLE", "RECALL_SAMPLE", "SEED",
        "RESTART", "OUTPUT", "OVERVIEW",
    ],
    "findsimilar": [
        "STORE", "POSITIVE", "NEGATIVE", "IDS", "NEGATIVE_IDS", "EXEMPLAR_STORE", "AOI", "EXTENT", "YEARS", "VIEW", "K",
        "THRESHOLD", "COMBINE", "INVERT", "RERANK", "MAX_FEATURES", "MEMORY", "OUTPUT", "RASTER", "PARQUET", "REPORT",
    ],
    "similarityraster": [
        "INPUT", "POSITIVE", "NEGATIVE", "CLASS_FIELD", "POSITIVE_CLASS", "AOI", "EXTENT", "MAPPING", "OUTPUT",
    ],
    "evaluaterecall": [
        "INPUT", "RECIPES", "K", "QUERIES", "BINARY", "FINE", "CANDIDATES", "COLUMN", "MAX_ROWS", "SEED", "REPORT",
        "TABLE",
    ],
}


@pytest.fixture(scope="module")
def algorithms() -> Iterator[dict[str, QgsProcessingAlgorithm]]:
    """The algorithms of a provider, by name."""
    provider = BitscapeProvider()
    provider.refreshAlgorithms()
    yield {algorithm.name(): algorithm for algorithm in provider.algorithms()}


def test_ids_and_parameter_names_are_frozen(algorithms: dict[str, QgsProcessingAlgorithm]) -> None:
    found = {name: [p.name() for p in it.parameterDefinitions()] for name, it in algorithms.items()}
    assert found == PARAMETERS
    assert {it.id() for it in algorithms.values()} == {f"bitscape:{name}" for name in PARAMETERS}


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_algorithm_can_be_found_and_understood(
    algorithms: dict[str, QgsProcessingAlgorithm], name: str, root: Path
) -> None:
    algorithm = algorithms[name]
    title = algorithm.displayName()
    assert title[0].isupper() and title[1:] == title[1:].lower(), "sentence case"
    assert algorithm.group() and algorithm.groupId() and algorithm.shortDescription()
    assert len(algorithm.tags()) >= 5
    page = algorithm.shortHelpString()
    assert f"qgis_process run bitscape:{name}" in page
    checker = _Balanced()
    checker.feed(page)
    assert checker.open == [], f"unclosed {checker.open}"
    words = re.sub("<.*?>", " ", page)
    for word in set(re.findall(r"\b([A-Z][A-Z0-9_]+)=", words)):
        assert algorithm.parameterDefinition(word) is not None, f"the example has the unknown parameter {word}"


@pytest.mark.parametrize("name", [*PARAMETERS, "bitscape"])
def test_icons_are_drawn_and_hold_on_light_and_dark(name: str, root: Path) -> None:
    path = root / "resources" / "icons" / f"{name}.svg"
    assert len(path.read_text()) < 3000
    image = QImage(str(path))
    assert not image.isNull()
    middling = [
        colour.lightness() for x in range(image.width()) for y in range(image.height())
        if (colour := image.pixelColor(x, y)).alpha() > 200 and 60 < colour.lightness() < 190
    ]
    assert len(middling) > 60, "too little of it would be seen on white and on black"


def test_destinations_and_defaults(algorithms: dict[str, QgsProcessingAlgorithm]) -> None:
    build = algorithms["buildembeddingtiles"]
    assert build.parameterDefinition("TILES").type() == "fileDestination", "QGIS must not load int8 by itself"
    assert build.parameterDefinition("COMPONENTS").defaultValue() == 8
    assert not build.parameterDefinition("COVERAGE").createByDefault()
    assert build.parameterDefinition("SEED").flags() & ADVANCED
    for name in ("EXTENT", "DATES", "BASIS", "COVERAGE"):
        assert build.parameterDefinition(name).flags() & OPTIONAL, name
    apply = algorithms["applyclassifier"]
    assert apply.parameterDefinition("INPUT").layerType() == QgsProcessing.SourceType.TypeFile
    assert apply.parameterDefinition("CLASSES").createByDefault()
    train = algorithms["trainclassifier"]
    assert train.parameterDefinition("CLASS_FIELD").defaultValue() == "label"
    assert not train.parameterDefinition("REPORT").createByDefault()
    assert train.outputDefinition("REPORT").type() == "outputHtml"
    for name in ("REPORT", "EMBEDDINGS", "VALIDATION"):
        assert train.parameterDefinition(name).flags() & OPTIONAL, name


def test_rasters_are_checked_without_loading_them(
    algorithms: dict[str, QgsProcessingAlgorithm], tmp_path: Path
) -> None:
    def check(*paths: Path) -> tuple[bool, str]:
        values = {
            "INPUT": [str(path) for path in paths], "TILES": str(tmp_path / "t.tif"), "OUTPUT": str(tmp_path / "p.tif"),
        }
        context = QgsProcessingContext()
        algorithm = algorithms["buildembeddingtiles"].create()
        found = algorithm.checkParameterValues(values, context)
        assert algorithm.validateInputCrs(values, context)
        assert algorithm.parameterDefinition("INPUT").checkValueIsAcceptable(values["INPUT"], context) == bool(paths)
        assert algorithm.parameterDefinition("INPUT").clone().type() == "multilayer"
        assert context.temporaryLayerStore().count() == 0
        return found

    there = tmp_path / "there_2020.tif"
    gdal.GetDriverByName("GTiff").Create(str(there), 300, 300, 4, gdal.GDT_Float32).FlushCache()
    assert check(there) == (True, "")
    assert check(there, tmp_path / "missing_2024.tif") == (False, f"{tmp_path / 'missing_2024.tif'} does not exist.")
    accepted, message = check()
    assert not accepted and "INPUT" in message
    assert [path.name for path in tmp_path.iterdir()] == ["there_2020.tif"]


def test_only_geotiffs_are_offered(algorithms: dict[str, QgsProcessingAlgorithm], tmp_path: Path) -> None:
    provider = algorithms["applyclassifier"].provider()
    assert provider.defaultRasterFileExtension() == "tif"
    assert set(provider.supportedOutputRasterLayerExtensions()) == {"tif", "tiff"}


def test_plugin_can_be_loaded_unloaded_and_loaded_again() -> None:
    registry = QgsApplication.processingRegistry()
    for _ in range(2):
        iface = _Interface()
        plugin = classFactory(iface)
        plugin.initProcessing()
        plugin.initGui()
        assert registry.providerById("bitscape") is not None
        assert sorted({one.objectName() for one in iface.entries}) == ["BitscapeOpenTools", "BitscapeShowDock"]
        plugin.unload()
        assert registry.providerById("bitscape") is None
        assert iface.entries == []
        plugin.unload()


class _Interface:
    """The part of QgisInterface that the plugin uses."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def mainWindow(self) -> None:  # noqa: N802
        return None

    def addPluginToMenu(self, menu: str, action: Any) -> None:  # noqa: N802
        self.entries.append(action)

    def removePluginMenu(self, menu: str, action: Any) -> None:  # noqa: N802
        self.entries.remove(action)

    def addToolBarIcon(self, action: Any) -> None:  # noqa: N802
        self.entries.append(action)

    def removeToolBarIcon(self, action: Any) -> None:  # noqa: N802
        self.entries.remove(action)


class _Balanced(HTMLParser):
    """Keeps the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
