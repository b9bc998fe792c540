"""The raster writer: overviews against float64 averages, classes, and a disk that fills up."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing.errors import OutputError
from bitscape.processing.grids import writer as writer_module
from bitscape.processing.grids.averaging import halve, halve_nearest
from bitscape.processing.grids.grid import Grid
from bitscape.processing.grids.writer import Layout, RasterWriter
from bitscape.processing.progress import Progress
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS


def grid(width: int, height: int) -> Grid:
    return Grid(width, height, Affine(10, 0, 0, 0, -10, 0), CRS.from_epsg(32610))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["int8", "uint8", "int16", "uint16", "float32"]),
    st.integers(1, 19),
    st.integers(1, 19),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_halving_averages_valid_pixels(dtype, rows, columns, has_nodata, seed):
    rng = np.random.default_rng(seed)
    low, high = (-128, 127) if dtype == "int8" else (0, 255)
    pixels = rng.integers(low, high + 1, (2, rows, columns)).astype(dtype)
    nodata = float(low) if has_nodata else None
    height, width = -(-rows // 2), -(-columns // 2)
    padded = np.full((2, 2 * height, 2 * width), np.nan)
    padded[:, :rows, :columns] = np.where(pixels == nodata, np.nan, pixels) if has_nodata else pixels
    blocks = padded.reshape(2, height, 2, width, 2).transpose(0, 1, 3, 2, 4).reshape(2, height, width, 4)
    count = (~np.isnan(blocks)).sum(axis=-1)
    mean = np.nansum(blocks, axis=-1) / np.maximum(count, 1)
    wanted = np.where(count == 0, low if has_nodata else 0, mean if dtype == "float32" else np.rint(mean))
    np.testing.assert_allclose(halve(pixels, height, width, nodata), wanted, rtol=1e-6)


def test_halving_without_averaging_takes_a_valid_one():
    classes = np.array([[[0, 3, 1, 1], [2, 2, 0, 1], [0, 0, 5, 5]]], np.uint8)
    assert (halve_nearest(classes, 2, 2, 0) == [[[3, 1], [0, 5]]]).all()


@pytest.mark.parametrize("step", [1, 64 * 2**20])
@pytest.mark.parametrize("shape", [(1, 1), (100, 700), (1300, 513), (700, 2056)])
def test_what_is_written_is_read_back(tmp_path, monkeypatch, shape, step):
    monkeypatch.setattr(writer_module, "STEP_BYTES", step)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (3, *shape), dtype=np.uint8)
    layout = Layout(3, "uint8", 255, ["a", "b", "c"], {"KEY": "value"})
    with RasterWriter(tmp_path / "out.tif", grid(*shape[::-1]), layout, Progress(), 2) as writer:
        for top in range(0, shape[0], 512):
            writer.write(pixels[:, top : top + 512])
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert (dataset.read() == pixels).all()
        assert dataset.descriptions == ("a", "b", "c") and dataset.tags()["KEY"] == "value"
        assert dataset.profile["interleave"] == "band" and dataset.profile["compress"] == "zstd"
        levels = dataset.overviews(1)
    above = pixels
    for level in range(len(levels)):
        with rasterio.open(tmp_path / "out.tif", overview_level=level) as dataset:
            assert (dataset.read() == halve(above, dataset.height, dataset.width, 255)).all()
            above = dataset.read()
    assert len(levels) == sum(max(shape) > 256 * 2**level for level in range(9))


def test_too_few_rows_are_a_mistake_of_ours(tmp_path):
    writer = RasterWriter(tmp_path / "out.tif", grid(8, 600), Layout(1, "uint8", 0), Progress())
    with pytest.raises(AssertionError, match="512 of 600"), writer:
        writer.write(np.zeros((1, 512, 8), np.uint8))


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root")
@pytest.mark.parametrize("size", [64, 1024, 3000, 4300])
def test_a_full_disk_is_noticed_wherever_it_happens(tmp_path, size):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        pixels = np.random.default_rng(0).integers(0, 255, (4, 1024, 1024), dtype=np.uint8)
        layout = Layout(4, "uint8", None)
        with (
            pytest.raises(OutputError, match="did not take the whole result"),
            RasterWriter(disk / "out.tif", grid(1024, 1024), layout, Progress(), 2) as writer,
        ):
            writer.write(pixels[:, :512])
            writer.write(pixels[:, 512:])
    finally:
        subprocess.run(["umount", str(disk)], check=True)
