"""What `make package` makes is a plugin: one folder, nothing that does not belong there, and QGIS runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bitscape.scripts import headless_qgis
from bitscape.tests.system.rasters import pixels

ROOT = headless_qgis.ROOT
LIMIT = 25_000_000


@pytest.fixture(scope="module")
def package() -> Path:
    """The zip."""
    tracked = subprocess.run(["git", "ls-files", "plugin/main.py"], cwd=ROOT, capture_output=True, check=False)
    if not tracked.stdout.strip():
        pytest.skip("the package holds what git tracks, and here git tracks nothing")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "package.py")], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return ROOT / done.stdout.split(":")[0]


def test_contents(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        metadata = archive.read("bitscape/metadata.txt").decode()
        assert "GNU GENERAL PUBLIC LICENSE" in archive.read("bitscape/LICENSE").decode()
    version = re.search(r"^version=(\S+)", metadata, re.MULTILINE)
    assert version and package.name == f"bitscape-{version.group(1)}.zip"
    assert all(name.startswith("bitscape/") and ".." not in name for name in names)
    assert not [name for name in names if re.search(r"tests/|scripts/|\.(pyc|so|dll|exe|tif|png|lock\.txt)$|/\.", name)]
    assert package.stat().st_size < LIMIT


def test_qgis_runs_it(package: Path, tmp_path: Path) -> None:
    """Unpacked into a plugins folder far from the checkout, with the backend that BITSCAPE_PYTHON names."""
    plugins = tmp_path / "plugins"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(plugins)
    python = os.environ.get("BITSCAPE_PYTHON") or str(ROOT / ".venv" / "bin" / "python")
    environment = {
        **headless_qgis.profile(tmp_path / "profile"), "QGIS_PLUGINPATH": str(plugins), "BITSCAPE_PYTHON": python,
    }
    outcome = headless_qgis.run(
        "bitscape:createsampledata", {"SIZE": 128, "YEARS": "2020,2024", "OUTPUT": tmp_path / "data"}, environment, 120
    )
    assert outcome.code == 0, outcome.stderr
    assert pixels(outcome.results["TRUTH"]).shape == (1, 128, 128)
    without = headless_qgis.run(
        "bitscape:createsampledata", {"SIZE": 128, "OUTPUT": tmp_path / "more"},
        {name: value for name, value in environment.items() if name != "BITSCAPE_PYTHON"}, 60,
    )
    assert without.code == 1
    assert "BITSCAPE_PYTHON" in without.stderr, "it does not say how to get a backend"


def test_metadata_enables_the_provider(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        lines = archive.read("bitscape/metadata.txt").decode().splitlines()
    assert "hasProcessingProvider=yes" in lines
    assert "qgisMinimumVersion=3.22" in lines
