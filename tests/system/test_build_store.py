"""Building retrieval stores through the real qgis_process: a real table, a raster of the sample, an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.sample import Sample
from osgeo import gdal, ogr

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
DATA = ROOT.parent / "shared" / "data" / "clay_geoparquet"
CLAY = DATA / "clay_v0_03WVN_20220610_20220610_v001.gpq"
REFINED = 1
COUNT = """
import json, sys, pyarrow.parquet as pq
from pathlib import Path
store = Path(sys.argv[1])
manifest = pq.read_table(store / "manifest.parquet")
shards = [pq.ParquetFile(store / path).read() for path in manifest["path"].to_pylist()]
print(json.dumps([sum(map(len, shards)), sorted({kind for one in shards for kind in map(str, one.schema.types)}),
                  len({name for one in shards for name in one["id"].to_pylist()})]))
"""


def held(store: Path) -> list:
    """Patches, types of columns and different names of a store, read by the backend's Python."""
    words = [str(PYTHON), "-I", "-c", COUNT, str(store)]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_real_clay_patches(qgis: Qgis, tmp_path: Path) -> None:
    if not CLAY.is_file():
        pytest.skip(f"{CLAY} is not there")
    store, overview = tmp_path / "clay_store", tmp_path / "files.gpkg"
    outcome = qgis.run("buildretrievalstore", INPUT=CLAY, PRODUCT="Clay v0.1", REFINE=REFINED, OUTPUT=store,
                       OVERVIEW=overview)
    assert outcome.code == 0, outcome.stderr
    made, said = outcome.results, str(outcome.log)
    assert "recall@10 .64" in said.lower() and "about a third of the true neighbours are missed" in said
    assert made["RECALL"] == pytest.approx(0.637, abs=0.002) and made["RECALL_REFINED"] > 0.94
    assert (made["ROWS"], made["CODE_BYTES"], made["KIND_USED"]) == (417, 96, "binary-zero")
    assert (made["MODEL_USED"], made["LEFT_OUT"], made["DUPLICATES"]) == ("Clay v0.1", 0, 0)
    rows, types, names = held(store)
    assert rows == names == 417 and "fixed_size_binary[96]" in types
    dataset = ogr.Open(str(overview))
    layer = dataset.GetLayer("shards")
    assert layer.GetFeatureCount() == made["SHARDS"] == 1, "417 patches do not need fifty files"
    assert sum(feature["rows"] for feature in layer) == 417 and layer.GetGeomType() == ogr.wkbMultiPolygon
    assert {path.name for path in tmp_path.iterdir()} == {"clay_store", "files.gpkg", "files.qml", "files.qmd"}
    assert "2022" in (tmp_path / "files.qml").read_text()


def test_a_raster_is_pooled(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    store = tmp_path / "store"
    made = qgis.succeed("buildretrievalstore", INPUT=sample.embeddings, PATCH_PIXELS=8, OUTPUT=store)
    assert made["KIND_USED"] == "int8" and made["RECALL"] > 0.9 and made["CODE_BYTES"] == 64
    first = gdal.Open(str(sample.embeddings[0]))
    patches = -(-first.RasterXSize // 8) * -(-first.RasterYSize // 8)
    assert made["ROWS"] + made["LEFT_OUT"] == len(sample.embeddings) * patches and made["ROWS"] > patches
    rows, _, names = held(store)
    assert rows == names == made["ROWS"]


def test_what_cannot_be_is_refused(qgis: Qgis, sample: Sample, tmp_path: Path) -> None:
    source = sample.embeddings[0]
    table = tmp_path / "table.parquet"
    code = "import sys, pyarrow as pa, pyarrow.parquet as pq\n" \
        "pq.write_table(pa.table({'embedding': [[1.0, 2.0]], 'lon': [1.0], 'lat': [2.0]}), sys.argv[1])"
    subprocess.run([str(PYTHON), "-I", "-c", code, str(table)], check=True, timeout=60)
    out = tmp_path / "store"
    for values, words in (
        ({"INPUT": [source, table]}, "cannot be mixed"),
        ({"INPUT": table}, "side in metres"),
        ({"INPUT": source, "COLUMN": "vector"}, "is a raster"),
        ({"INPUT": tmp_path / "nowhere.parquet"}, "nowhere.parquet does not exist"),
        ({"INPUT": source, "APPEND": "true"}, "no store"),
        ({"INPUT": source, "PATCH_PIXELS": 3000}, "too large to pool"),
    ):
        said = qgis.fail("buildretrievalstore", **{"OUTPUT": out, **values})
        assert words in said, said
        assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"], sorted(tmp_path.iterdir())


def test_a_killed_backend_leaves_work_to_go_on_with(qgis: Qgis, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    code = (
        "import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq\n"
        "n, random = 400_000, np.random.default_rng(0)\n"
        "rows = random.integers(-100, 100, (n, 160), dtype='i1')\n"
        "pq.write_table(pa.table({'embedding': pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 160),"
        " 'lon': random.uniform(0, 5, n), 'lat': random.uniform(0, 5, n)}), sys.argv[1], row_group_size=20_000)")
    subprocess.run([str(PYTHON), "-I", "-c", code, str(table)], check=True, timeout=120)
    values = {"INPUT": table, "PATCH_SIDE": 500, "YEAR": 2024, "OUTPUT": tmp_path / "store"}
    process = qgis.start("buildretrievalstore", **values)
    backend = qgis.wait_for_backend(process)
    journal = tmp_path / "store.unfinished" / "journal.jsonl"
    assert eventually(lambda: journal.exists() and b"\n" in journal.read_bytes(), 90), "it never finished a run"
    os.kill(backend, signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == 1 and not (tmp_path / "store").exists()
    outcome = qgis.run("buildretrievalstore", timeout=300, **values)
    assert outcome.code == 0, outcome.stderr
    assert "Going on with unfinished work" in str(outcome.log)
    assert outcome.results["ROWS"] == 400_000 and held(tmp_path / "store")[0] == 400_000
    assert not journal.exists()
