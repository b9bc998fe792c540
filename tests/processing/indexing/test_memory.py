"""Memory does not grow with the input: peaks of processes of their own, at one size and at four times as much."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WORKER = Path(__file__).resolve().parents[3] / "processing" / "worker.py"
CHILD = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("w", sys.argv[1])
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
worker.register_package()
from bitscape.processing.environment import prepare
prepare()
from bitscape.processing import operations
from bitscape.processing.progress import Progress
from bitscape.processing.indexing import spill
spill.RUN_BYTES = 4 << 20
made = operations.run("buildretrievalstore", json.loads(sys.argv[2]), Progress())
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([made["rows"], int(peak.split()[1]) // 1024]))
"""
STEP = 20_000
ROWS_PER_FILE = 10_000
"""Less than either input has in a cell: memory is that of a file of the store, and these have to be alike."""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is asked of Linux")
def test_four_times_the_patches_take_the_memory_of_one(tmp_path: Path) -> None:
    peaks = []
    for count in (40_000, 160_000):
        random = np.random.default_rng(0)
        path, writer = tmp_path / f"{count}.parquet", None
        for start in range(0, count, STEP):
            rows = random.integers(-100, 100, (STEP, 160), dtype=np.int8)
            table = pa.table({
                "id": [f"patch-{number}" for number in range(start, start + STEP)],
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 160),
                "lon": random.uniform(0, 3, STEP), "lat": random.uniform(0, 3, STEP),
            })
            writer = writer or pq.ParquetWriter(path, table.schema, use_dictionary=False)
            writer.write_table(table)
        writer.close()
        request = {"input": [str(path)], "output": str(tmp_path / f"store{count}"), "side": 500, "mapping": "none",
                   "sample": 3000, "recall_sample": 500, "refine": "int8", "rows_per_file": ROWS_PER_FILE}
        done = subprocess.run(
            [sys.executable, "-I", "-c", CHILD, str(WORKER), json.dumps(request)], capture_output=True, text=True,
            check=True, timeout=300)
        rows_built, peak = json.loads(done.stdout)
        assert rows_built == count
        peaks.append(peak)
    assert peaks[1] < 1.1 * peaks[0] + 10, f"{peaks} MB"
    assert peaks[0] < 600, f"{peaks} MB"
