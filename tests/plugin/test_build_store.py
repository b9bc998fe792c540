"""Building a retrieval store as Processing runs it: folders and layers as input, temporary outputs, the map layer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.algorithms.provider import BitscapeProvider
from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsVectorLayer,
)

ADVANCED = QgsProcessingParameterDefinition.Flag.FlagAdvanced
OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional
TABLE = """
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
random = np.random.default_rng(int(sys.argv[2]))
rows = random.standard_normal((200, 150)).astype('float32')
pq.write_table(pa.table({'embedding': list(rows), 'id': [f'{sys.argv[2]}-{n}' for n in range(200)],
    'lon': random.uniform(0, 1, 200), 'lat': random.uniform(0, 1, 200)}), sys.argv[1])
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[BitscapeProvider]:
    """The provider in QGIS's registry."""
    provider = BitscapeProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    yield provider
    QgsApplication.processingRegistry().removeProvider("bitscape")


@pytest.fixture
def folder(tmp_path: Path, backend_python: Path) -> Path:
    """Tables of two years."""
    (tmp_path / "patches").mkdir()
    for year in (2021, 2023):
        path = tmp_path / "patches" / f"area_{year}.parquet"
        subprocess.run([str(backend_python), "-I", "-c", TABLE, str(path), str(year)], check=True, timeout=60)
    return tmp_path / "patches"


def run(
    provider: BitscapeProvider, project: QgsProject, **parameters: object
) -> tuple[dict, str, QgsProcessingContext]:
    """Run to success; results, log and context."""
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    context.setProject(project)
    results, ok = provider.algorithm("buildretrievalstore").create().run(parameters, context, feedback)
    assert ok, feedback.textLog()
    return results, feedback.textLog(), context


def test_a_folder_into_temporary_outputs(provider: BitscapeProvider, project: QgsProject, folder: Path) -> None:
    temporary = QgsProcessing.TEMPORARY_OUTPUT
    made, log, _ = run(provider, project, INPUT=[str(folder)], PATCH_SIDE=1000, REFINE=2, OUTPUT=temporary,
                       OVERVIEW=temporary)
    assert (Path(made["OUTPUT"]) / "manifest.parquet").is_file()
    assert (made["ROWS"], made["KIND_USED"], made["CODE_BYTES"], made["LEFT_OUT"]) == (400, "binary-zero", 19, 0)
    assert 0 < made["RECALL"] < made["RECALL_REFINED"] <= 1 and made["RECALL_PATCHES"] == 400
    assert "Recall@10" in log and "true neighbours are missed" in log
    layer = QgsVectorLayer(made["OVERVIEW"], "x")
    layer.loadDefaultStyle()
    layer.loadDefaultMetadata()
    assert layer.featureCount() == made["SHARDS"] and layer.crs().isGeographic()
    assert [category.label() for category in layer.renderer().categories()] == ["2021", "2023"]
    assert "400 patches" in layer.metadata().abstract() and "buildretrievalstore" in layer.metadata().abstract()


def test_the_files_layer_is_loaded_by_its_name(provider: BitscapeProvider, project: QgsProject, folder: Path) -> None:
    overview = folder.parent / "files.gpkg"
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    context.setProject(project)
    context.addLayerToLoadOnCompletion(str(overview), QgsProcessingContext.LayerDetails("x", project, "OVERVIEW"))
    parameters = {"INPUT": str(folder / "area_2021.parquet"), "PATCH_SIDE": 500, "YEAR": 2022, "KIND": 2,
                  "OUTPUT": str(folder.parent / "my_store"), "OVERVIEW": str(overview)}
    made, ok = provider.algorithm("buildretrievalstore").create().run(parameters, context, feedback)
    assert ok, feedback.textLog()
    assert made["KIND_USED"] == "int8" and made["ROWS"] == 200
    names = {Path(path).name: details.name for path, details in context.layersToLoadOnCompletion().items()}
    assert names == {"files.gpkg": "Retrieval store: my_store"}


def test_adding_a_year(provider: BitscapeProvider, project: QgsProject, folder: Path) -> None:
    store = str(folder.parent / "store")
    for number, name in enumerate(("area_2021.parquet", "area_2023.parquet")):
        source = [str(folder / name)]
        made, _, _ = run(provider, project, INPUT=source, PATCH_SIDE=500, APPEND=bool(number), OUTPUT=store)
        assert made["ROWS"] == 200 * (number + 1)
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    values = {"INPUT": str(folder / "area_2021.parquet"), "PATCH_SIDE": 500, "APPEND": True, "OUTPUT": store}
    _, ok = provider.algorithm("buildretrievalstore").create().run(values, context, feedback)
    assert not ok and "in the store already" in feedback.textLog()


def test_parameters(provider: BitscapeProvider, tmp_path: Path) -> None:
    algorithm = provider.algorithm("buildretrievalstore")
    for name in ("STRIDE", "THRESHOLD", "CRS", "MAPPING", "GEOHASH", "ROWS_PER_FILE", "SEED", "RESTART"):
        assert algorithm.parameterDefinition(name).flags() & ADVANCED, name
    for name in ("PRODUCT", "COLUMN", "CRS", "OVERVIEW"):
        assert algorithm.parameterDefinition(name).flags() & OPTIONAL, name
    assert algorithm.parameterDefinition("OUTPUT").type() == "folderDestination"
    assert algorithm.groupId() == "similaritysearch" and algorithm.group() == "Similarity search"
    context = QgsProcessingContext()
    missing = {"INPUT": [str(tmp_path / "nowhere")], "OUTPUT": str(tmp_path / "store")}
    accepted, said = algorithm.create().checkParameterValues(missing, context)
    assert not accepted and "nowhere does not exist" in said
    accepted, said = algorithm.create().checkParameterValues({"OUTPUT": str(tmp_path / "store")}, context)
    assert not accepted and "INPUT" in said
