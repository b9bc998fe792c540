"""Compressing and giving back through the real qgis_process: a raster of the sample, and a Parquet table."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import Placement, pixels
from bitscape.tests.system.sample import Sample
from osgeo import gdal

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
BINARY, SOURCE = 4, 1
"""Places in the lists of presets and of values."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def backend(code: str, *arguments: Path) -> str:
    """Run a few lines in the backend's Python, which can read Parquet as QGIS's cannot."""
    words = [str(PYTHON), "-I", "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_raster_there_and_back(qgis: Qgis, sample: Sample, out: Path) -> None:
    source = sample.embeddings[1]
    codes, back = out / "codes.tif", out / "back.tif"
    made = qgis.succeed("compressembeddings", INPUT=source, RECIPE="pca-16+turbo4", OUTPUT=codes)
    assert (made["RECIPE_USED"], made["BYTES"], made["DIMENSIONS"]) == ("pca-16+turbo4", 8, 64)
    assert made["RATIO"] == 8 and 0.9 < made["SIMILARITY"] < 1 and made["MAPPING_USED"] == "alphaearth"
    assert {path.name for path in out.iterdir()} == {"codes.tif", "codes.codec.json"}
    found = pixels(codes)
    assert found.shape[0] == 9 and found.dtype == np.uint8 and Placement.of(codes).same_as(Placement.of(source))
    assert made["VECTORS"] == (found[-1] == 255).sum() > 0 and made["MISSING"] == (found[-1] == 0).sum() > 0
    assert gdal.Open(str(codes)).GetRasterBand(9).GetColorInterpretation() == gdal.GCI_AlphaBand
    given = qgis.succeed("decompressembeddings", INPUT=codes, OUTPUT=back)
    assert (given["VECTORS"], given["MISSING"]) == (made["VECTORS"], made["MISSING"])
    vectors = pixels(back)
    assert vectors.shape[0] == 64 and vectors.dtype == np.float32 and Placement.of(back).same_as(Placement.of(source))
    covered = found[-1] == 255
    assert (np.isnan(vectors[0]) == ~covered).all()
    stored = pixels(source).astype(np.uint8).view(np.int8)[:, covered].astype(np.float64)
    original = np.sign(stored) * (stored / 127.5) ** 2
    cosine = (original * vectors[:, covered]).sum(axis=0) / np.linalg.norm(vectors[:, covered], axis=0)
    assert cosine.mean() == pytest.approx(made["SIMILARITY"], abs=0.01)


def test_what_comes_back_makes_the_same_map(qgis: Qgis, sample: Sample, out: Path) -> None:
    """Both years through one codec of four bits a dimension, then tiles, training and map as usual."""
    codec, back = None, []
    for year, path in enumerate(sample.embeddings):
        more = {} if codec is None else {"CODEC": codec}
        codes = out / f"codes_{year}.tif"
        made = qgis.succeed("compressembeddings", INPUT=path, OUTPUT=codes, **more)
        codec = codec or made["CODEC_FILE"]
        assert made["RECIPE_USED"] == "turbo4" and made["BYTES"] == 32
        back.append(out / f"back_{2020 + 4 * year}.tif")
        qgis.succeed("decompressembeddings", INPUT=codes, VALUES=SOURCE, OUTPUT=back[-1])
    tiles, model = out / "tiles.tif", out / "model.json"
    qgis.succeed("buildembeddingtiles", INPUT=back, MAPPING=1, TILES=tiles, OUTPUT=out / "picture.tif")
    trained = qgis.succeed("trainclassifier", INPUT=tiles, LABELS=sample.labels, OUTPUT=model)
    assert trained["F1"] > sample.trained["F1"] - 0.05


def test_a_table_there_and_back(qgis: Qgis, out: Path, tmp_path: Path) -> None:
    source, codes, back = tmp_path / "patches.parquet", out / "codes.parquet", out / "back.parquet"
    backend(
        "import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq\n"
        "rows = list(np.random.default_rng(0).standard_normal((600, 40)).astype('float32'))\n"
        "rows[7] = None\n"
        "made = pa.table({'id': range(600), 'vector': pa.array(rows, pa.list_(pa.float32())),"
        " 'geometry': pa.array([b'wkb'] * 600)})\n"
        "pq.write_table(made.replace_schema_metadata({'geo': '{}'}), sys.argv[1], row_group_size=100)", source)
    outcome = qgis.run("compressembeddings", INPUT=source, PRESET=BINARY, OUTPUT=codes)
    assert outcome.code == 0, outcome.stderr
    made = outcome.results
    assert (made["RECIPE_USED"], made["BYTES"], made["VECTORS"], made["MISSING"]) == ("binary-zero", 5, 599, 1)
    assert "1 of 600 rows have no vector" in str(outcome.log)
    qgis.succeed("decompressembeddings", INPUT=codes, OUTPUT=back)
    said = json.loads(backend(
        "import sys, json, numpy as np, pyarrow.parquet as pq\n"
        "one, two, three = (pq.read_table(path) for path in sys.argv[1:])\n"
        "kept = [row for row in range(600) if row != 7]\n"
        "rows = np.stack([one['vector'][row].as_py() for row in kept])\n"
        "codes = np.stack([np.frombuffer(two['code'][row].as_py(), 'u1') for row in kept])\n"
        "signs = np.stack([three['vector'][row].as_py() for row in kept]) > 0\n"
        "print(json.dumps([two.schema.names, three.schema.names, two['code'][7].as_py(), two['id'].equals(one['id']),"
        " bool((codes == np.packbits(rows > 0, axis=1)).all()), bool((signs == (rows > 0)).all()),"
        " two.schema.metadata[b'geo'].decode()]))", source, codes, back))
    assert said == [["id", "code", "geometry"], ["id", "vector", "geometry"], None, True, True, True, "{}"]


def test_what_cannot_be_used_is_refused(qgis: Qgis, sample: Sample, out: Path) -> None:
    source = sample.embeddings[0]
    for algorithm, values, words in (
        ("compressembeddings", {"RECIPE": "pca-65+int8"}, "at least 65 dimensions"),
        ("compressembeddings", {"RECIPE": "int5"}, "is not a recipe"),
        ("compressembeddings", {"INPUT": source.with_name("nowhere.tif")}, "nowhere.tif does not exist"),
        ("compressembeddings", {"OUTPUT": out / "codes.parquet"}, "must end in .tif"),
        ("decompressembeddings", {}, "not a raster of codes"),
    ):
        said = qgis.fail(algorithm, **{"INPUT": source, "OUTPUT": out / "codes.tif", **values})
        assert words in said, said
        assert not list(out.iterdir()), sorted(out.iterdir())
