"""Compressing and giving back as Processing runs them: layers by name, temporary files, what the log says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bitscape.plugin.algorithms.provider import BitscapeProvider
from bitscape.processing.errors import BitscapeError
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
)


@pytest.fixture(scope="module")
def provider() -> Iterator[BitscapeProvider]:
    """The provider in QGIS's registry."""
    provider = BitscapeProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    yield provider
    QgsApplication.processingRegistry().removeProvider("bitscape")


@pytest.fixture
def context(project: QgsProject) -> QgsProcessingContext:
    """A context with an empty project."""
    context = QgsProcessingContext()
    context.setProject(project)
    return context


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """Eight bands of float32 with a gap."""
    values = np.random.default_rng(0).normal(size=(8, 30, 40)).astype(np.float32)
    values[:, :3, :5] = np.nan
    path = tmp_path / "vectors_2023.tif"
    data = gdal.GetDriverByName("GTiff").Create(str(path), 40, 30, 8, gdal.GDT_Float32)
    data.SetGeoTransform((500000.0, 10.0, 0.0, 5100000.0, 0.0, -10.0))
    data.WriteArray(values)
    data.FlushCache()
    return path


def run(provider: BitscapeProvider, name: str, context: QgsProcessingContext, **parameters: object) -> dict:
    """Run to success; the results."""
    feedback = QgsProcessingFeedback(False)
    results, ok = provider.algorithm(name).create().run(parameters, context, feedback)
    assert ok, feedback.textLog()
    return results


def test_a_layer_by_its_name_into_temporary_files(
    provider: BitscapeProvider, context: QgsProcessingContext, raster: Path
) -> None:
    QgsProject.instance().addMapLayer(QgsRasterLayer(str(raster), "Vectors"))
    temporary = QgsProcessing.TEMPORARY_OUTPUT
    made = run(provider, "compressembeddings", context, INPUT="Vectors", PRESET=0, OUTPUT=temporary)
    assert made["OUTPUT"].endswith(".tif") and made["CODEC_FILE"].endswith(".codec.json")
    assert (made["RECIPE_USED"], made["BYTES"], made["RATIO"]) == ("int8", 8, 4)
    assert (made["VECTORS"], made["MISSING"]) == (1185, 15) and made["SIMILARITY"] > 0.999
    back = run(provider, "decompressembeddings", context, INPUT=made["OUTPUT"], OUTPUT=temporary)
    assert (back["DIMENSIONS"], back["VECTORS"], back["MISSING"]) == (8, 1185, 15)
    one, other = (gdal.Open(str(path)).ReadAsArray() for path in (raster, back["OUTPUT"]))
    assert (np.isnan(one) == np.isnan(other)).all()
    assert np.nanquantile(np.abs(one - other), 0.999) < 0.02, "but for values beyond those it was fitted on"
    assert context.layersToLoadOnCompletion() == {}, "codes are not for looking at"


def test_a_temporary_table_is_a_parquet_file(
    provider: BitscapeProvider, context: QgsProcessingContext, backend_python: Path, tmp_path: Path
) -> None:
    table = tmp_path / "patches.gpq"
    code = (
        "import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq\n"
        "rows = np.random.default_rng(0).standard_normal((50, 12)).astype('float32')\n"
        "pq.write_table(pa.table({'embedding': pa.array(list(rows))}), sys.argv[1])"
    )
    subprocess.run([str(backend_python), "-I", "-c", code, str(table)], check=True, timeout=60)
    temporary = QgsProcessing.TEMPORARY_OUTPUT
    made = run(provider, "compressembeddings", context, INPUT=str(table), RECIPE="int4", OUTPUT=temporary)
    assert made["OUTPUT"].endswith(".parquet") and (made["BYTES"], made["VECTORS"]) == (6, 50)
    back = run(provider, "decompressembeddings", context, INPUT=made["OUTPUT"], OUTPUT=temporary)
    assert back["OUTPUT"].endswith(".parquet") and back["VECTORS"] == 50


def test_nothing_and_what_is_missing_is_told(provider: BitscapeProvider, context: QgsProcessingContext) -> None:
    algorithm = provider.algorithm("compressembeddings").create()
    accepted, said = algorithm.checkParameterValues({"INPUT": "/nowhere/x.tif", "OUTPUT": "/tmp/c.tif"}, context)
    assert not accepted and "/nowhere/x.tif does not exist" in said
    accepted, said = algorithm.checkParameterValues({"OUTPUT": "/tmp/c.tif"}, context)
    assert not accepted and "INPUT" in said
    with pytest.raises((QgsProcessingException, BitscapeError), match="one raster or one Parquet table"):
        algorithm.prepareAlgorithm({"OUTPUT": "/tmp/c.tif"}, context, QgsProcessingFeedback(False))
