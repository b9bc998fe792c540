"""Where nothing can be written: a folder without permission, a disk that is full at once or in the middle."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.sample import Sample

KERNEL = Path("/sys/kernel")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that takes no files; permission bits do not bind root, for whom it is the kernel's."""
    if os.geteuid() == 0:
        if not KERNEL.is_dir():
            pytest.skip("root may write everywhere, and there is no /sys/kernel")
        yield KERNEL
        return
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB; only root can mount one."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here: that takes root, and a kernel that allows it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_read_only_folder(qgis: Qgis, sample: Sample, read_only: Path, tmp_path: Path) -> None:
    before = sorted(read_only.iterdir())
    for algorithm, parameters in (
        (
            "buildembeddingtiles",
            {"INPUT": sample.embeddings, "TILES": tmp_path / "t.tif", "OUTPUT": read_only / "p.tif"},
        ),
        ("trainclassifier", {"INPUT": sample.tiles, "LABELS": sample.labels, "OUTPUT": read_only / "m.json"}),
        ("applyclassifier", {"INPUT": sample.tiles, "MODEL": sample.model, "OUTPUT": read_only / "s.tif"}),
        ("createsampledata", {"SIZE": 128, "OUTPUT": read_only / "data"}),
    ):
        said = qgis.fail(algorithm, **parameters)
        assert str(read_only) in said and "writ" in said, said
    assert sorted(read_only.iterdir()) == before
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_disk_too_small_for_the_tiles(qgis: Qgis, sample: Sample, small_disk: Path, tmp_path: Path) -> None:
    said = qgis.fail(
        "buildembeddingtiles", INPUT=sample.embeddings, TILES=small_disk / "t.tif", OUTPUT=tmp_path / "p.tif"
    )
    assert str(small_disk) in said and "space" in said
    assert not list(small_disk.iterdir())
    assert not (tmp_path / "p.tif").exists()


def test_disk_full_in_the_middle(qgis: Qgis, sample: Sample, small_disk: Path, tmp_path: Path) -> None:
    """The tiles have room, the picture does not."""
    said = qgis.fail(
        "buildembeddingtiles", INPUT=sample.embeddings, TILES=tmp_path / "t.tif", OUTPUT=small_disk / "p.tif"
    )
    assert str(small_disk) in said and "full" in said, said
    assert not list(small_disk.iterdir())
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
    qgis.succeed(
        "buildembeddingtiles", INPUT=sample.embeddings, TILES=tmp_path / "t.tif", OUTPUT=tmp_path / "p.tif"
    )


def test_disk_full_while_creating_sample_data(qgis: Qgis, small_disk: Path) -> None:
    said = qgis.fail("createsampledata", SIZE=256, YEARS="2020,2024", OUTPUT=small_disk / "data")
    assert str(small_disk) in said and ("full" in said or "space" in said), said
    assert not [path for path in small_disk.glob("**/*") if path.is_file()]
