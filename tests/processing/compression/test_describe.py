"""What a file of tiles says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from bitscape.processing import operations
from bitscape.processing.compression.basis import Basis, basis_path
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from rasterio.crs import CRS
from rasterio.transform import Affine


def describe(path: Path) -> dict[str, Any]:
    return operations.run("describetiles", {"tiles": str(path)}, Progress())


def built(folder: Path, pair: tuple[Path, Path]) -> Path:
    request = {"inputs": [str(path) for path in pair], "output": str(folder / "tiles.tif"), "components": 5}
    operations.run("buildembeddingtiles", request, Progress())
    return folder / "tiles.tif"


def test_tiles_as_they_were_built(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    tiles = built(tmp_path, pair)
    found, basis = describe(tiles), Basis.load(basis_path(tiles))
    json.dumps(found, allow_nan=False)
    assert (found["tiles"], found["name"]) == (str(tiles), "tiles.tif")
    assert (found["width"], found["height"], found["count"], found["pixel"]) == (130, 150, 5, 10)
    assert found["bounds"] == [500_000, 4_998_500, 501_300, 5_000_000]
    assert found["transform"] == [10, 0, 500_000, 0, -10, 5_000_000]
    assert CRS.from_wkt(found["crs"]) == CRS.from_epsg(32610) and found["crs_name"] == "EPSG:32610"
    assert found["crs"].startswith("PROJCRS["), "WKT2"
    assert (found["dates"], found["period"], found["features"]) == (["2020", "2024"], "2020-2024", "difference")
    assert found["sources"] == [one.name for one in basis.sources] and "embeddings_2020" in found["sources"][0]
    assert found["fingerprint"] == basis.fingerprint and found["explained_variance"] == basis.explained_variance
    assert len(found["explained_variance"]) == 5 and sum(found["explained_variance"]) <= 1
    assert (found["licences"], found["attributions"]) == (basis.licences, basis.attributions)


@pytest.mark.parametrize(("crs", "name"), [
    ("ESRI:102039", "ESRI:102039"),
    ("+proj=laea +lat_0=50 +lon_0=10 +x_0=7 +datum=WGS84", None),
    (None, "no CRS"),
])
def test_bottom_up_and_without_an_epsg_code(tmp_path: Path, crs: str | None, name: str | None) -> None:
    random = np.random.default_rng(0)
    where = Affine(30, 0, -1_000_000, 0, 30, 2_000_000)
    pair = tuple(write_raster(tmp_path / f"{year}.tif", unit_vectors(random, 8, 40, 50).astype(np.float32),
                              crs=crs, transform=where) for year in (2020, 2024))
    found = describe(built(tmp_path, pair))
    assert found["transform"] == [*where][:6]
    assert found["bounds"] == [-1_000_000, 2_000_000, -998_500, 2_001_200] and found["pixel"] == 30
    if crs is None:
        assert found["crs"] == ""
    else:
        assert CRS.from_wkt(found["crs"]) == CRS.from_string(crs)
    assert found["crs_name"] == name if name else found["crs_name"] == "unknown"


def test_the_file_is_left_closed(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    tiles = built(tmp_path, pair)
    describe(tiles)
    folder = Path("/proc/self/fd")
    if folder.is_dir():
        assert not [one for one in folder.iterdir() if one.resolve() == tiles.resolve()]


def test_files_that_are_no_tiles(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"not a file of embedding tiles. Make one with “Build embedding tiles”"):
        describe(pair[0])
    with pytest.raises(InputError, match=r"There is no file .*none\.tif"):
        describe(tmp_path / "none.tif")
    (tmp_path / "text.tif").write_text("text")
    with pytest.raises(InputError, match="not a raster that can be read"):
        describe(tmp_path / "text.tif")
    tiles = built(tmp_path, pair)
    basis_path(tiles).rename(tmp_path / "aside.json")
    with pytest.raises(InputError, match=r"lost its basis file tiles\.basis\.json"):
        describe(tiles)
    basis_path(tiles).write_text("{}")
    with pytest.raises(InputError, match="not a basis file of Bitscape"):
        describe(tiles)
    other = json.loads((tmp_path / "aside.json").read_text())
    other["mean"][0] += 1
    basis_path(tiles).write_text(json.dumps(other))
    with pytest.raises(InputError, match=r"basis of other tiles .*Build the tiles again"):
        describe(tiles)
    with rasterio.open(pair[0], "r+") as dataset:
        dataset.update_tags(BITSCAPE_BASIS="made up")
    with pytest.raises(InputError, match="lost its basis file"):
        describe(pair[0])
