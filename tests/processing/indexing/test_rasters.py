"""Stores from rasters: pooled vectors against float64, exact footprints, what counts as a patch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from bitscape.processing.embeddings.mapping import power_table, quantise
from bitscape.processing.errors import InputError
from bitscape.processing.store.store import Store
from bitscape.tests.processing.indexing.stores import build, codes_of, rows_of
from bitscape.tests.processing.rasters import unit_vectors, write_raster

PRESTO = "presto_embeddings/presto_wc_full_i8.tif"


def pooled(
    values: np.ndarray, valid: np.ndarray, side: int, stride: int, share: float
) -> dict[tuple[int, int], np.ndarray]:
    """Pixel of the upper left → the normalised sum of the valid vectors of every patch that counts, in float64."""
    _, height, width = values.shape
    found = {}
    for top in range(0, max(height - side, 0) + stride, stride):
        for left in range(0, max(width - side, 0) + stride, stride):
            part = valid[top : top + side, left : left + side]
            vector = values[:, top : top + side, left : left + side][:, part].sum(axis=1)
            if part.sum() >= max(1, share * side * side) and np.linalg.norm(vector) > 0:
                found[top, left] = vector / np.linalg.norm(vector)
    return found


def names(found: dict[tuple[int, int], np.ndarray], label: str) -> list[str]:
    return [f"{label}/{top}_{left}" for top, left in found]


@pytest.mark.parametrize(
    ("side", "stride", "share"), [(8, 0, 0.5), (8, 4, 0.5), (5, 7, 0.9), (1, 0, 0.0), (16, 0, 0.2)])
def test_pooled_as_in_float64(tmp_path: Path, side: int, stride: int, share: float) -> None:
    stored = quantise(unit_vectors(np.random.default_rng(0), 160, 43, 50))
    stored[:, :11, 20:33] = -128
    stored[5, 30, 30] = -128
    write_raster(tmp_path / "aef_2024.tif", stored, nodata=-128)
    result = build(tmp_path / "aef_2024.tif", tmp_path / "store", pixels=side, stride=stride, share=share)
    values = power_table()[stored.view(np.uint8)]
    valid = (stored != -128).all(axis=0)
    wanted = pooled(np.nan_to_num(values), valid, side, stride or side, share)
    ids, vectors = names(wanted, "aef_2024"), np.stack(list(wanted.values()))
    assert (result["rows"], result["mapping"], result["years"]) == (len(wanted), "alphaearth", [2024])
    found = rows_of(tmp_path / "store")
    assert {name for name, _ in found} == set(ids)
    codes, clear = codes_of(found, ids, 2024), np.abs(vectors) > 1e-6
    bits = np.unpackbits(codes, axis=1)[:, :160].astype(bool)
    assert (bits == (vectors > 0))[clear].all() and clear.mean() > 0.99


def test_footprints_are_the_corners_of_the_pixels(tmp_path: Path) -> None:
    """Of a rotated, bottom-up and a plain raster, each corner moved by itself."""
    stored = quantise(unit_vectors(np.random.default_rng(0), 160, 32, 40))
    for number, transform in enumerate((
        Affine(10, 0, 500_000, 0, -10, 5_000_000), Affine(10, 0, 500_000, 0, 10, 5_000_000),
        Affine(8, 3, 500_000, 3, -8, 5_000_000),
    )):
        path = write_raster(tmp_path / f"r{number}.tif", stored, nodata=-128, transform=transform)
        build(path, tmp_path / f"s{number}", pixels=8)
        found = rows_of(tmp_path / f"s{number}")
        assert len(found) == 20
        turn = pyproj.Transformer.from_crs(32610, "OGC:CRS84", always_xy=True)
        for top in range(0, 32, 8):
            for left in range(0, 40, 8):
                row = found[f"r{number}/{top}_{left}", 0]
                pixels = [(left, top), (left + 8, top), (left + 8, top + 8), (left, top + 8)]
                wanted = {tuple(np.round(turn.transform(*(transform @ pixel)), 9)) for pixel in pixels}
                corners = shapely.get_coordinates(shapely.from_wkb(row["geometry"]))
                assert {tuple(np.round(corner, 9)) for corner in corners} == wanted


def test_patches_over_the_antimeridian_are_cut(tmp_path: Path) -> None:
    stored = quantise(unit_vectors(np.random.default_rng(0), 160, 16, 64))
    path = write_raster(tmp_path / "r.tif", stored, nodata=-128, crs="EPSG:3832",
                        transform=Affine(1000, 0, 3_339_584.7 - 20_500, 0, -1000, 100_000))
    result = build(path, tmp_path / "store", pixels=16, overview=tmp_path / "files.gpkg")
    assert result["rows"] == 4
    found = rows_of(tmp_path / "store")
    crossing = [row for row in found.values() if row["bbox"][0] > row["bbox"][2]]
    assert len(crossing) == 1
    west, _, east, _ = crossing[0]["bbox"]
    assert 179.9 < west < 180 and -180 < east < -179.85
    shape = shapely.from_wkb(crossing[0]["geometry"])
    assert shape.geom_type == "MultiPolygon" and len(shape.geoms) == 2
    for row in found.values():
        extent = shapely.bounds(shapely.get_parts(shapely.from_wkb(row["geometry"])))
        assert (np.abs(extent[:, ::2]) <= 180).all() and (extent[:, 2] - extent[:, 0] < 0.2).all()
    store = Store.open(tmp_path / "store")
    area = [shapely.box(-180, 0, -179.99, 1)]
    found_there = [len(store.patches(entry, area).rows) for entry in store.select(area).entries]
    assert sum(found_there) == 1, "the patch that crosses is found from its other side"


def test_several_rasters_of_one_product(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for year in (2020, 2021):
        stored = quantise(unit_vectors(np.random.default_rng(year), 160, 32, 32))
        write_raster(tmp_path / "in" / f"aef_{year}.tif", stored, nodata=-128)
    result = build(tmp_path / "in", tmp_path / "store", pixels=8)
    assert (result["rows"], result["years"], result["duplicates"]) == (32, [2020, 2021], 0)
    other = quantise(unit_vectors(np.random.default_rng(0), 128, 8, 8))
    write_raster(tmp_path / "in" / "other.tif", other, nodata=-128)
    with pytest.raises(InputError, match=r"aef_2021\.tif has vectors of 160 .*other\.tif has vectors of 128"):
        build(tmp_path / "in", tmp_path / "store", pixels=8)


def test_what_cannot_be(tmp_path: Path) -> None:
    stored = quantise(unit_vectors(np.random.default_rng(0), 160, 16, 16))
    bare = write_raster(tmp_path / "bare.tif", stored, nodata=-128, crs=None)
    with pytest.raises(InputError, match="no CRS"):
        build(bare, tmp_path / "store")
    assert build(bare, tmp_path / "store", crs="EPSG:32610")["rows"] == 1
    void = write_raster(tmp_path / "void.tif", np.full_like(stored, -128), nodata=-128)
    result = build(void, tmp_path / "nothing", pixels=4)
    assert (result["rows"], result["no_vector"]) == (0, 16)


def test_float_rasters_with_holes(tmp_path: Path) -> None:
    values = unit_vectors(np.random.default_rng(0), 160, 24, 24).astype(np.float32) * 7
    values[:, :8, :8] = np.nan
    values[3, 20, 20] = np.inf
    path = write_raster(tmp_path / "r.tif", values)
    result = build(path, tmp_path / "store", pixels=8, kind="int8", share=1.0)
    assert (result["rows"], result["no_vector"], result["kind"], result["mapping"]) == (7, 2, "cosine", "none")
    wanted = pooled(np.nan_to_num(values.astype(np.float64), posinf=0), np.isfinite(values).all(axis=0), 8, 8, 1.0)
    about = Store.open(tmp_path / "store").about
    back = about.decoder().decode(codes_of(rows_of(tmp_path / "store"), names(wanted, "r")))
    np.testing.assert_allclose(back, np.stack(list(wanted.values())), atol=0.01)


def test_real_presto_pixels(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / PRESTO
    result = build(source, tmp_path / "store", pixels=4, year=2021)
    assert (result["kind"], result["recipe"], result["rows"]) == ("cosine", "int8", 625)
    assert result["recall"] > 0.98 and result["mapping"] == "alphaearth" and "Presto" in result["model"]
    with rasterio.open(source) as dataset:
        stored = dataset.read()
    wanted = pooled(np.nan_to_num(power_table()[stored.view(np.uint8)]), (stored != -128).all(axis=0), 4, 4, 0.5)
    about = Store.open(tmp_path / "store").about
    back = about.decoder().decode(codes_of(rows_of(tmp_path / "store"), names(wanted, Path(PRESTO).stem), 2021))
    assert np.abs(back - np.stack(list(wanted.values()))).max() < 0.01
    assert any("Copernicus" in text for text in about.attributions)


def test_the_sample_data(tmp_path: Path, made_sample) -> None:
    result = build(made_sample.embeddings, tmp_path / "store", pixels=8, kind="binary", refine="int8")
    assert result["kind"] == "binary" and result["years"] == [2020, 2024]
    assert result["recall"] < result["recall_refined"]
