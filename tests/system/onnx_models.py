"""ONNX models for the system tests, built by the backend's Python: QGIS's own has no onnx."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"


def build(path: Path, code: str) -> Path:
    """A model at ``path``: ``code`` may use the modules models and detectors of the backend's tests, and ``path``."""
    program = (
        "from pathlib import Path\n"
        "from bitscape.tests.processing.inference import models\n"
        "from bitscape.tests.processing.prediction import detectors\n"
        f"path = Path({str(path)!r})\n{code}\n")
    environment = {"PYTHONPATH": str(ROOT / "build" / "plugins"), "PATH": "/usr/bin:/bin"}
    subprocess.run([str(PYTHON), "-P", "-c", program], check=True, env=environment, capture_output=True)
    return path
