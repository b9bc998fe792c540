"""Rasters of codes: what comes back, coverage, grids, and every kind of file that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing import operations
from bitscape.processing.compression.code_raster import windows
from bitscape.processing.compression.recipe import Codec
from bitscape.processing.embeddings.mapping import dequantise, quantise
from bitscape.processing.embeddings.source import EmbeddingSource
from bitscape.processing.errors import Cancelled, InputError, OutputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from rasterio.enums import ColorInterp


def compress(source, output: Path, progress=None, **options):
    """Run the operation as QGIS does."""
    values = json.loads(json.dumps({"input": source, "output": output, **options}, default=str))
    return operations.run("compressembeddings", values, progress or Progress())


def decompress(source, output: Path, **options):
    values = json.loads(json.dumps({"input": source, "output": output, **options}, default=str))
    return operations.run("decompressembeddings", values, Progress())


def cancelled_after(moment: float) -> Progress:
    """A progress that the user stops once it is beyond ``moment``."""
    progress = Progress(lambda fraction, message: progress.cancel() if fraction > moment else None)
    return progress


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


@pytest.fixture
def floats(tmp_path):
    """A float32 raster of 12 bands, 40 × 70, bottom-up, with a hole of NaN, one of infinity and one of nodata."""
    values = unit_vectors(np.random.default_rng(3), 12, 40, 70).astype(np.float32)
    values[4, 5, 6] = np.nan
    values[0, 7, 8] = np.inf
    values[:, 30:, 60:] = -9999
    return write_raster(tmp_path / "floats_2024.tif", values, nodata=-9999, transform=Affine(10, 0, 5e5, 0, 10, 4e6))


def test_alphaearth_comes_back_as_int8_on_its_grid(pair, tmp_path):
    result = compress(pair[0], tmp_path / "codes.tif", recipe="int8", seed=2)
    assert (result["recipe"], result["bytes"], result["dimensions"]) == ("int8", 16, 16)
    assert result["mapping"] == "alphaearth"
    assert result["ratio"] == 1 and result["similarity"] > 0.9999 and result["held_out"] == 1000
    assert (result["vectors"], result["missing"]) == (130 * 150 - 7 * 30, 7 * 30)
    codes = read(tmp_path / "codes.tif")
    stored = read(pair[0])
    missing = (stored == -128).any(axis=0)
    assert codes.shape == (17, 150, 130) and codes.dtype == np.uint8
    np.testing.assert_array_equal(codes[-1] == 0, missing)
    np.testing.assert_array_equal(codes[-1] == 255, ~missing)
    codec = Codec.load(tmp_path / "codes.codec.json")
    vectors = dequantise(stored)[:, ~missing].T
    np.testing.assert_array_equal(codes[:-1, ~missing].T, codec.encode(vectors))
    back = decompress(tmp_path / "codes.tif", tmp_path / "back.tif", values="source")
    assert (back["values"], back["vectors"], back["missing"]) == ("int8", result["vectors"], result["missing"])
    again = read(tmp_path / "back.tif")
    np.testing.assert_array_equal(again[0] == -128, missing)
    np.testing.assert_array_equal(again[:, ~missing].T, quantise(codec.decode(codec.encode(vectors))))
    assert np.abs(again.astype(int) - stored)[:, ~missing].mean() < 1
    with rasterio.open(pair[0]) as one, rasterio.open(tmp_path / "codes.tif") as two:
        assert (one.crs, one.transform, one.shape) == (two.crs, two.transform, two.shape)
        assert two.colorinterp[-1] == ColorInterp.alpha and two.descriptions[-1] == "coverage"
        assert two.tags()["BITSCAPE_CODEC"] == result["fingerprint"]


@pytest.mark.parametrize("recipe", ["float32", "turbo4", "binary-median", "pca-5+pq-2x6", "ternary"])
def test_floats_come_back_as_the_codec_says(floats, tmp_path, recipe):
    result = compress(floats, tmp_path / "codes.tif", recipe=recipe)
    decompress(tmp_path / "codes.tif", tmp_path / "back.tif")
    back, stored = read(tmp_path / "back.tif"), read(floats)
    missing = ~np.isfinite(stored).all(axis=0) | (stored == -9999).any(axis=0)
    assert result["missing"] == missing.sum() == 2 + 100
    np.testing.assert_array_equal(np.isnan(back[0]), missing)
    assert np.isnan(back[:, missing]).all()
    codec = Codec.load(tmp_path / "codes.codec.json")
    vectors = stored[:, ~missing].T
    np.testing.assert_allclose(back[:, ~missing].T, codec.decode(codec.encode(vectors)), atol=1e-6)
    if recipe == "float32":
        np.testing.assert_array_equal(back[:, ~missing].T, vectors)
    with rasterio.open(floats) as one, rasterio.open(tmp_path / "back.tif") as two:
        assert (one.crs, one.transform, one.shape) == (two.crs, two.transform, two.shape)
        assert two.transform.e > 0, "bottom-up as it came"


def test_defaults_by_dimension_and_presets(floats, pair, tmp_path):
    assert compress(floats, tmp_path / "a.tif")["recipe"] == "int8"
    assert compress(pair[0], tmp_path / "b.tif")["recipe"] == "turbo4", "bytes already: half of them"
    assert compress(floats, tmp_path / "c.tif", preset="binary")["recipe"] == "binary-zero"
    assert compress(floats, tmp_path / "d.tif", preset="binary", recipe=" INT4 ")["recipe"] == "int4"


def test_one_codec_for_several_years(pair, tmp_path):
    first = compress(pair[0], tmp_path / "one.tif", recipe="pca-6+int4")
    later = compress(pair[1], tmp_path / "two.tif", codec=first["codec"])
    assert later["fingerprint"] == first["fingerprint"] and later["recipe"] == "pca-6+int4"
    assert Path(later["codec"]).name == "two.codec.json"
    wanted = Codec.load(first["codec"]).encode(dequantise(read(pair[1]))[:, 0, 0][None])
    np.testing.assert_array_equal(read(tmp_path / "two.tif")[:-1, 0, 0][None], wanted)
    other = write_raster(tmp_path / "other.tif", read(pair[0])[:9], nodata=-128)
    with pytest.raises(InputError, match=r"for vectors of 16 dimensions; those of .*other.tif have 9"):
        compress(other, tmp_path / "three.tif", codec=first["codec"])
    with pytest.raises(InputError, match=r"mapped by alphaearth.*mapped by none"):
        compress(pair[0], tmp_path / "three.tif", codec=first["codec"], mapping="none")
    assert not (tmp_path / "three.tif").exists()


def test_codecs_of_another_product_are_refused(tmp_path):
    values = unit_vectors(np.random.default_rng(0), 4, 30, 30).astype(np.float32)
    paths = []
    for name in ("Tessera", "Clay"):
        paths.append(write_raster(tmp_path / f"{name}.tif", values))
        with rasterio.open(paths[-1], "r+") as dataset:
            dataset.update_tags(PRODUCT=name, LICENSE="CC-BY-4.0", ATTRIBUTION=f"By {name}.", YEAR="2021")
    first = compress(paths[0], tmp_path / "codes.tif", recipe="int4")
    with pytest.raises(InputError, match=r"fitted on Tessera, and .*Clay.tif holds Clay"):
        compress(paths[1], tmp_path / "other.tif", codec=first["codec"])
    decompress(tmp_path / "codes.tif", tmp_path / "back.tif")
    again = EmbeddingSource.open(tmp_path / "back.tif")
    assert again.product.name == "Tessera" and again.product.attribution == "By Tessera." and again.date == "2021"
    with pytest.raises(InputError, match="only be given back as float32"):
        decompress(tmp_path / "codes.tif", tmp_path / "no.tif", values="source")


def test_provenance_licences_and_band_names_travel(pair, tmp_path):
    with rasterio.open(pair[0], "r+") as dataset:
        dataset.descriptions = [f"A{band:02}" for band in range(16)]
        dataset.update_tags(PRODUCT="Somebody's", LICENSE="CC-BY-4.0", ATTRIBUTION="By somebody.")
    compress(pair[0], tmp_path / "codes.tif", recipe="int8")
    decompress(tmp_path / "codes.tif", tmp_path / "back.tif", values="source")
    for name, operation in (("codes.tif", "compressembeddings"), ("back.tif", "decompressembeddings")):
        with rasterio.open(tmp_path / name) as dataset:
            tags = dataset.tags()
            record = json.loads(tags["BITSCAPE_PROVENANCE"])
            assert record["operation"] == operation and record["parameters"]["recipe"] == "int8"
            assert (tags["LICENSE"], tags["ATTRIBUTION"]) == ("CC-BY-4.0", "By somebody.")
    with rasterio.open(tmp_path / "back.tif") as dataset:
        assert dataset.descriptions[3] == "A03" and dataset.nodata == -128
    about = json.loads((tmp_path / "codes.codec.json").read_text())["about"]
    assert about["provenance"]["licences"] == ["CC-BY-4.0"] and about["source"]["mapping"] == "alphaearth"


@pytest.mark.parametrize("tiled", [True, False])
def test_large_rasters_are_read_in_pieces_and_have_overviews(tmp_path, tiled, monkeypatch):
    monkeypatch.setattr("bitscape.processing.compression.code_raster.WINDOW_BYTES", 1 << 20)
    random = np.random.default_rng(0)
    values = np.kron(random.integers(-100, 100, (8, 22, 26)), np.ones((1, 50, 50))).astype(np.int8)
    values += random.integers(-9, 9, values.shape, dtype=np.int8)
    values[:, 600:640, 300:900] = -128
    shape = {"tiled": True, "blockxsize": 256, "blockysize": 256} if tiled else {"blockysize": 3}
    path = write_raster(tmp_path / "in.tif", values, nodata=-128, interleave="band", **shape)
    compress(path, tmp_path / "codes.tif", recipe="int4", mapping="none")
    codec = Codec.load(tmp_path / "codes.codec.json")
    codes = read(tmp_path / "codes.tif")
    covered = values[0] != -128
    np.testing.assert_array_equal(codes[-1] == 255, covered)
    np.testing.assert_array_equal(codes[:-1, covered].T, codec.encode(values[:, covered].T.astype(np.float32)))
    with rasterio.open(tmp_path / "codes.tif") as dataset:
        assert dataset.overviews(1) == [2, 4, 8]
    with rasterio.open(tmp_path / "codes.tif", overview_level=0) as dataset:
        half = dataset.read()
    np.testing.assert_array_equal(half, codes[:, ::2, ::2])
    decompress(tmp_path / "codes.tif", tmp_path / "back.tif")
    back = read(tmp_path / "back.tif")
    np.testing.assert_array_equal(np.isnan(back[0]), ~covered)
    np.testing.assert_array_equal(back[:, covered].T, codec.decode(np.ascontiguousarray(codes[:-1, covered].T)))


@pytest.mark.parametrize("block", [(512, 512), (1, 9000)])
@pytest.mark.parametrize("pixel", [9, 200, 5000])
def test_pieces_cover_the_raster_once_and_stay_small(block, pixel):
    grid = Grid(9000, 1300, Affine.identity(), None)
    for side in (128, 512):
        seen = np.zeros((1300, 9000), np.uint8)
        for place in windows(grid, side, block, pixel):
            seen[place.row_off : place.row_off + place.height, place.col_off : place.col_off + place.width] += 1
            assert place.row_off % side == place.col_off % side == 0
            assert place.width * place.height * pixel <= max(4 * 24 * 2**20, side * side * pixel)
        assert (seen == 1).all()


def test_wide_pixels_get_smaller_tiles(tmp_path):
    values = np.random.default_rng(0).standard_normal((400, 300, 140)).astype(np.float32)
    path = write_raster(tmp_path / "wide.tif", values, tiled=True, blockxsize=64, blockysize=64)
    compress(path, tmp_path / "codes.tif", recipe="float16", sample=500)
    decompress(tmp_path / "codes.tif", tmp_path / "back.tif")
    with rasterio.open(tmp_path / "back.tif") as dataset:
        assert dataset.block_shapes[0] == (128, 128) and dataset.overviews(1) == [2]
        np.testing.assert_array_equal(dataset.read(), values.astype(np.float16).astype(np.float32))
    with rasterio.open(tmp_path / "back.tif", overview_level=0) as dataset:
        np.testing.assert_array_equal(dataset.read(), values.astype(np.float16).astype(np.float32)[:, ::2, ::2])


def test_what_cannot_be_used_is_told_in_words_and_leaves_nothing(pair, floats, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    blank = write_raster(tmp_path / "blank.tif", np.full((4, 20, 20), np.nan, np.float32))
    empty = tmp_path / "empty.tif"
    empty.touch()
    for source, options, words in (
        (tmp_path / "nowhere.tif", {}, "There is no file"),
        (empty, {}, "empty.tif is empty"),
        (blank, {}, "No pixel of .*blank.tif has data"),
        (floats, {"recipe": "pca-13+int8"}, "at least 13 dimensions; these have 12"),
        (floats, {"recipe": "int5"}, "“int5” is not a recipe"),
        (floats, {"column": "embedding"}, "is a raster: it has no column"),
        (floats, {"mapping": "alphaearth"}, "AlphaEarth mapping is for int8"),
        (floats, {"codec": tmp_path / "no.codec.json"}, "There is no codec file"),
        (floats, {"preset": "smallest"}, "preset: Input should be"),
    ):
        with pytest.raises(InputError, match=words):
            compress(source, out / "codes.tif", **options)
        assert not list(out.iterdir()), words
    with pytest.raises(InputError, match=r"is a raster, so the output must end in .tif"):
        compress(floats, out / "codes.parquet")
    with pytest.raises(InputError, match="is the input itself"):
        compress(floats, floats)
    with pytest.raises(OutputError, match="does not exist"):
        compress(floats, out / "deeper" / "codes.tif")
    with pytest.raises(InputError, match="not a raster of codes"):
        decompress(pair[0], out / "back.tif")
    compress(floats, out / "codes.tif", recipe="int4")
    compress(floats, tmp_path / "other.tif", recipe="int8")
    with pytest.raises(InputError, match=r"The codec \(int8, .*is not the one"):
        decompress(out / "codes.tif", out / "back.tif", codec=tmp_path / "other.codec.json")
    (out / "codes.codec.json").unlink()
    with pytest.raises(InputError, match=r"no codec file .*codes\.codec\.json"):
        decompress(out / "codes.tif", out / "back.tif")
    assert [path.name for path in out.iterdir()] == ["codes.tif"]


def test_cancelling_leaves_nothing(floats, tmp_path):
    for moment in (0.05, 0.3, 0.8):
        with pytest.raises(Cancelled):
            compress(floats, tmp_path / "codes.tif", cancelled_after(moment))
        assert [path.name for path in tmp_path.iterdir()] == ["floats_2024.tif"]
