"""Fixtures of this folder's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.tests.plugin.label_layer.scene import (
    UTM,
)
from osgeo import gdal
from qgis.PyQt import sip


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[LabelLayer]:
    made = LabelLayer.create(tmp_path / "labels.gpkg", UTM, ClassTable.change_detection())
    yield made
    if not sip.isdeleted(made.layer):
        sip.delete(made.layer)  # before QGIS ends, which pytest outlives


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 KiB; only root can mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root, and a kernel that allows it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def impatient() -> Iterator[None]:
    """GDAL waits a tenth of a second, not five, for a locked file."""
    gdal.SetConfigOption("SQLITE_BUSY_TIMEOUT", "100")
    yield
    gdal.SetConfigOption("SQLITE_BUSY_TIMEOUT", None)
