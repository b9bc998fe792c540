"""The demo's folder as `make demo` makes it, of any sample, and scripts that run in the backend's Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bitscape.scripts import headless_qgis
from bitscape.scripts.demo_files import DemoFiles
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.sample import YEARS, Sample

ROOT = headless_qgis.ROOT
BACKEND_PYTHON = os.environ.get("BITSCAPE_PYTHON") or str(ROOT / ".venv" / "bin" / "python")


def script(qgis: Qgis, python: str, path: Path, *arguments: str) -> dict[str, Any]:
    """Run a script; the JSON that is its last line."""
    done = subprocess.run(
        [python, str(path), *arguments],
        env=qgis.environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def make_demo(qgis: Qgis, sample: Sample, folder: Path) -> Path:
    """Copy the sample to ``folder``, map it, and draw the demo's project and picture there."""
    shutil.copytree(sample.folder, folder)
    moved = json.loads(json.dumps(sample.created).replace(str(sample.folder), str(folder)))
    qgis.succeed(
        "applyclassifier", INPUT=folder / "tiles.tif", MODEL=folder / "model.json", OUTPUT=folder / "score.tif",
        CLASSES=folder / "classes.tif",
    )
    files = DemoFiles.of_sample(folder, YEARS, moved)
    figures = script(qgis, BACKEND_PYTHON, ROOT / "scripts" / "compare_with_truth.py", files.to_json())
    script(qgis, sys.executable, ROOT / "scripts" / "draw_demo.py", files.to_json(), json.dumps(figures))
    return folder
