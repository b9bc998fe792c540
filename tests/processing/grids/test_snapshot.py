"""Pictures of the moment: whole or not at all, and the usual way up."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing.errors import Cancelled, OutputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.grids.snapshot import write_snapshot
from bitscape.processing.progress import Progress
from rasterio.crs import CRS

NORTH_UP = Grid(301, 200, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32610))


def bands(count: int = 1, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (count, 200, 301)).astype(dtype)


@pytest.mark.parametrize(("dtype", "nodata", "count"), [
    ("uint8", 255, 1), ("uint8", 0, 3), ("int16", -32768, 2), ("float32", -1, 1),
])
@pytest.mark.parametrize("crs", [CRS.from_epsg(32610), CRS.from_string("ESRI:102039"), None])
def test_what_is_written_is_there(tmp_path: Path, dtype: str, nodata: int, count: int, crs: CRS | None) -> None:
    grid = Grid(301, 200, NORTH_UP.transform, crs)
    pixels = bands(count, dtype)
    names = [f"band of {number}" for number in range(count)]
    write_snapshot(tmp_path / "s.tif", grid, pixels, nodata, names, Progress())
    with rasterio.open(tmp_path / "s.tif") as found:
        np.testing.assert_array_equal(found.read(), pixels)
        assert Grid.of(found) == grid and found.nodata == nodata and found.descriptions == tuple(names)
        assert set(found.dtypes) == {dtype} and found.compression is None and found.overviews(1) == []
    assert [path.name for path in tmp_path.iterdir()] == ["s.tif"]


def test_bottom_up_is_turned(tmp_path: Path) -> None:
    south_up = Grid(301, 200, Affine(10, 0, 500_000, 0, 10, 3_998_000), NORTH_UP.crs)
    pixels = bands(2)
    write_snapshot(tmp_path / "s.tif", south_up, pixels, 255, ["a", "b"], Progress())
    with rasterio.open(tmp_path / "s.tif") as found:
        assert Grid.of(found) == NORTH_UP and Grid.of(found).bounds == south_up.bounds
        np.testing.assert_array_equal(found.read(), pixels[:, ::-1])
        for row, column in ((0, 0), (17, 200), (199, 300)):
            x, y = south_up.transform @ (column + 0.5, row + 0.5)
            assert next(found.sample([(x, y)])).tolist() == pixels[:, row, column].tolist()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3000, 1), (1025, 1023)])
def test_any_size(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (3, *shape)).astype(np.uint8)
    grid = Grid(shape[1], shape[0], NORTH_UP.transform, NORTH_UP.crs)
    write_snapshot(tmp_path / "s.tif", grid, pixels, 255, ["a", "b", "c"], Progress())
    with rasterio.open(tmp_path / "s.tif") as found:
        np.testing.assert_array_equal(found.read(), pixels)


def test_a_disk_that_fills_up_leaves_the_picture_before(tmp_path: Path) -> None:
    """The operating system refuses to let the file grow beyond 100 kB, as a full disk would."""
    path = tmp_path / "s.tif"
    write_snapshot(path, NORTH_UP, bands(), 255, ["old"], Progress())
    before = path.read_bytes()
    grid = Grid(2000, 1500, NORTH_UP.transform, NORTH_UP.crs)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="did not take the whole result"):
            write_snapshot(path, grid, np.ones((1, 1500, 2000), np.uint8), 255, ["new"], Progress())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == ["s.tif"]
    write_snapshot(path, grid, np.ones((1, 1500, 2000), np.uint8), 255, ["new"], Progress())
    with rasterio.open(path) as found:
        assert found.read().all() and found.descriptions == ("new",)


def test_an_older_reader_keeps_the_older_picture(tmp_path: Path) -> None:
    """QGIS may be drawing it at this moment."""
    path = tmp_path / "s.tif"
    write_snapshot(path, NORTH_UP, bands(seed=1), 255, ["old"], Progress())
    with rasterio.open(path) as older:
        write_snapshot(path, NORTH_UP, bands(seed=2), 255, ["new"], Progress())
        np.testing.assert_array_equal(older.read(), bands(seed=1))
    with rasterio.open(path) as newer:
        np.testing.assert_array_equal(newer.read(), bands(seed=2))


def test_cancelled_at_the_end_it_does_not_appear(tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        write_snapshot(tmp_path / "s.tif", NORTH_UP, bands(), 255, ["a"], progress)
    assert not [*tmp_path.iterdir()]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.tif").mkdir()
    for path, said in (
        (tmp_path / "no" / "s.tif", "does not exist. Create it or choose another one"),
        (tmp_path / "folder.tif", "is a folder; a file is to be written there"),
    ):
        with pytest.raises(OutputError, match=said):
            write_snapshot(path, NORTH_UP, bands(), 255, ["a"], Progress())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that refuses even the superuser: /proc")
def test_a_folder_that_refuses() -> None:
    with pytest.raises(OutputError, match=r"/proc does not allow writing\. Choose another folder"):
        write_snapshot(Path("/proc/s.tif"), NORTH_UP, bands(), 255, ["a"], Progress())
