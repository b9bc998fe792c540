"""Class maps: names from tags, and what is no class map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing.errors import InputError
from bitscape.processing.grids.class_map import ClassMap
from rasterio.windows import Window


def write(path: Path, values: np.ndarray, nodata: float | None = 0, **tags: str) -> Path:
    height, width = values.shape
    with rasterio.open(path, "w", driver="GTiff", width=width, height=height, count=1, dtype=values.dtype,
                       nodata=nodata, crs="EPSG:32610", transform=Affine(10, 0, 0, 0, -10, 0)) as out:
        out.write(values, 1)
        out.update_tags(**tags)
    return path


def test_names_come_from_tags_and_numbers_are_their_own_names(tmp_path: Path) -> None:
    found = ClassMap.open(write(tmp_path / "a.tif", np.array([[0, 1], [2, 3]], np.uint8), CLASS_1="no change",
                                CLASS_2="Change"))
    assert found.names == {1: "no change", 2: "Change"}
    assert [found.name(value) for value in (1, 2, 3)] == ["no change", "Change", "3"]
    assert [found.value(name) for name in ("change ", "NO CHANGE", "3", "-1", "water")] == [2, 1, 3, -1, None]
    values = found.read(Window(0, 0, 2, 2))
    assert found.known(values).tolist() == [[False, True], [True, True]]


def test_without_nodata_all_is_known(tmp_path: Path) -> None:
    found = ClassMap.open(write(tmp_path / "a.tif", np.zeros((2, 2), np.int16), nodata=None))
    assert found.nodata is None and found.known(found.read(Window(0, 0, 2, 2))).all()


def test_what_is_no_class_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float32 numbers, not classes"):
        ClassMap.open(write(tmp_path / "a.tif", np.zeros((2, 2), np.float32)))
    with pytest.raises(InputError, match="is a score"):
        ClassMap.open(write(tmp_path / "b.tif", np.zeros((2, 2), np.uint8), nodata=255, SCORE_OF="change"))
    with pytest.raises(InputError, match="There is no file"):
        ClassMap.open(tmp_path / "missing.tif")
