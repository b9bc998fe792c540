"""Tiles that stay open between calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.compression.basis import basis_path
from bitscape.processing.errors import InputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.live import opened as module
from bitscape.processing.live.opened import KEPT, opened
from bitscape.tests.processing.live.clicking import ask, clicks_at, view_of
from rasterio.transform import Affine

Make = Callable[..., Path]
SMALL = Grid(300, 40, Affine(10, 0, 0, 0, -10, 0), None)


@pytest.fixture(autouse=True)
def nothing_open() -> Iterator[None]:
    yield
    for one in module._open.values():
        one.close()
    module._open.clear()


def codes(value: int) -> np.ndarray:
    made = np.full((2, SMALL.height, SMALL.width), value, np.int8)
    made[:, :, 150:] = -value
    return made


def handles(path: Path) -> int:
    """Descriptors this process has on a file, by the operating system's account."""
    folder = Path("/proc/self/fd")
    return sum(os.path.realpath(folder / name).startswith(str(path.resolve())) for name in os.listdir(folder))


def test_a_file_stays_open_until_it_is_written_again(tmp_path: Path, make_tiles: Make) -> None:
    path = make_tiles(tmp_path / "t.tif", codes(50), SMALL)
    clicks = clicks_at(path, SMALL, [5, 5], [10, 200], ["a", "b"])
    view = view_of(SMALL, 0, 0, 100, 40, (100, 40))
    before = ask("livemap", clicks, view=view, positive="a")
    first = opened(path)
    assert opened(path) is first and set(first.known) == {5 * 300 + 10, 5 * 300 + 200}
    assert before["drawn"]["histogram"].index(4000) > 127
    make_tiles(path, codes(-50), SMALL)
    os.utime(path, ns=(1, 1))  # also where the clock is too coarse to tell
    second = opened(path)
    assert second is not first and not second.known and second.tiles.fingerprint == first.tiles.fingerprint
    after = ask("livemap", clicks, view=view, positive="a")
    assert np.allclose(after["model"]["weights"], -np.array(before["model"]["weights"])), "learned from the new codes"
    make_tiles(path, codes(50), SMALL, basis=1)
    os.utime(path, ns=(2, 2))
    assert opened(path).tiles.fingerprint != first.tiles.fingerprint


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_at_most_two_stay_open(tmp_path: Path, make_tiles: Make) -> None:
    paths = [make_tiles(tmp_path / f"{number}.tif", codes(50), SMALL) for number in range(4)]

    def look(number: int) -> None:
        clicks = clicks_at(paths[number], SMALL, [5, 5], [10, 200], ["a", "b"])
        for pixels in (300, 100):
            ask("livemap", clicks, view=view_of(SMALL, 0, 0, 300, 40, (pixels, pixels)))

    look(0)
    look(1)
    kept = opened(paths[0])
    look(2)
    assert opened(paths[0]) is kept, "the one used last stays"
    assert [handles(path) > 0 for path in paths] == [True, False, True, False]
    look(3)
    assert len(module._open) == KEPT == 2
    assert [handles(path) > 0 for path in paths] == [True, False, False, True]
    assert opened(paths[0]) is kept


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_a_file_that_is_gone(tmp_path: Path, make_tiles: Make) -> None:
    path = make_tiles(tmp_path / "t.tif", codes(50), SMALL)
    clicks = clicks_at(path, SMALL, [5, 5], [10, 200], ["a", "b"])
    ask("livemap", clicks)
    away = path.rename(tmp_path / "away.tif")
    for operation in ("livemap", "livevalidation", "learningcurve", "nextpoint"):
        with pytest.raises(InputError, match=r"There is no file .*t\.tif\. Check the path"):
            ask(operation, clicks)
    assert handles(away) == 0, "nor is what it was held on to"
    away.rename(path)
    assert ask("livemap", clicks)["model"] is not None
    os.utime(path, ns=(3, 3))
    basis_path(path).unlink()
    with pytest.raises(InputError, match="has lost its basis file"):
        ask("livemap", clicks)
    path.write_bytes(b"not a raster")
    with pytest.raises(InputError, match="is not a raster that can be read"):
        ask("livemap", clicks)
