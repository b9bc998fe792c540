"""Embedding tiles against independent references, and every kind of raster that cannot be used as it is."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing.compression.basis import Basis
from bitscape.processing.compression.build import BuildRequest, build_embedding_tiles
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.embeddings.mapping import dequantise
from bitscape.processing.errors import BasisMismatch, Cancelled, GridMismatch, InputError, OutputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from rasterio.windows import Window
from sklearn.decomposition import PCA


def build(inputs, folder: Path, **options):
    """Build with defaults; returns the result."""
    request = BuildRequest(inputs=[str(path) for path in inputs], output=folder / "tiles.tif", **options)
    return build_embedding_tiles(request, Progress())


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


def vectors(path: Path) -> np.ndarray:
    """De-quantised, (pixels, bands), NaN where nodata; independent of the code under test but for the mapping."""
    stored = read(path).astype(np.float64)
    values = np.sign(stored) * (stored / 127.5) ** 2
    values[:, (stored == -128).any(axis=0)] = np.nan
    return values.reshape(len(values), -1).T


FEATURES = {
    "difference": lambda a, b: b - a,
    "side_by_side": lambda a, b: np.concatenate([a, b], axis=1),
    "first_and_difference": lambda a, b: np.concatenate([a, b - a], axis=1),
}


@pytest.mark.parametrize("features", FEATURES)
def test_codes_equal_scikit_learns_pca(pair, tmp_path, features):
    result = build(pair, tmp_path, features=features, components=5)
    wanted = FEATURES[features](vectors(pair[0]), vectors(pair[1]))
    valid = ~np.isnan(wanted).any(axis=1)
    pca = PCA(5, svd_solver="full").fit(wanted[valid])
    codes = read(result.tiles).reshape(5, -1).T
    assert ((codes == -128).all(axis=1) == ~valid).all()
    assert ((codes == -128).any(axis=1) == ~valid).all()
    assert result.covered_pixels == valid.sum() == 130 * 150 - 7 * 30 - 50 * 10
    np.testing.assert_allclose(result.explained_variance, pca.explained_variance_ratio_, rtol=1e-3)
    scores = pca.transform(wanted[valid])
    for component in range(5):
        sign = np.sign(np.corrcoef(scores[:, component], codes[valid, component])[0, 1])
        scale = np.quantile(np.abs(scores[:, component]), 0.999) / 127
        reference = np.clip(np.rint(sign * scores[:, component] / scale), -127, 127)
        assert np.abs(reference - codes[valid, component]).max() <= 1


def test_single_date_of_floats_keeps_all_dimensions(tmp_path):
    rng = np.random.default_rng(0)
    values = unit_vectors(rng, 6, 40, 50).astype(np.float32)
    values[:, 3, 4] = np.nan
    values[2, 5, 6] = np.inf
    path = write_raster(tmp_path / "one.tif", values)
    result = build([path], tmp_path, features="single", components=0)
    assert (result.mapping, result.components, result.covered_pixels) == ("none", 6, 1998)
    basis = Basis.load(result.basis)
    codes = read(result.tiles).reshape(6, -1)
    back = (codes * np.array(basis.scale)[:, None]).T @ np.array(basis.components) + np.array(basis.mean)
    valid = np.isfinite(values.reshape(6, -1)).all(axis=0)
    error = np.abs(back[valid] - values.reshape(6, -1).T[valid])
    assert np.quantile(error, 0.99) < 1.5 * max(basis.scale), "all dimensions must come back but for rounding"


def test_overviews_average_valid_pixels_and_keep_the_logit(pair, tmp_path):
    rng = np.random.default_rng(2)
    big = [np.kron(read(path), np.ones((1, 5, 5), np.int8)).astype(np.int8) for path in pair]
    for part in big:
        part[:, rng.random(part.shape[1:]) < 0.1] = -128
    paths = [write_raster(tmp_path / f"big_{i}.tif", part, nodata=-128) for i, part in enumerate(big)]
    result = build(paths, tmp_path)
    basis = Basis.load(result.basis)
    weights = rng.standard_normal(8)
    bound = 0.5 * np.abs(weights) @ np.array(basis.scale)
    scale = np.array(basis.scale)[:, None, None]
    with rasterio.open(result.tiles) as dataset:
        levels = dataset.overviews(1)
        assert levels == [2, 4]
        above = dataset.read()
    for level in range(len(levels)):
        with rasterio.open(result.tiles, overview_level=level) as dataset:
            codes = dataset.read()
        height, width = codes.shape[1:]
        children = np.full((8, 2 * height, 2 * width), -128.0)
        children[:, : above.shape[1], : above.shape[2]] = above
        blocks = np.where(children == -128, np.nan, children).reshape(8, height, 2, width, 2)
        covered = (~np.isnan(blocks[0])).any(axis=(1, 3))
        assert ((codes[0] != -128) == covered).all()
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            mean = np.nanmean(blocks, axis=(2, 4))
        logits = np.tensordot(weights, codes * scale, 1)[covered]
        wanted = np.tensordot(weights, mean * scale, 1)[covered]
        assert np.abs(logits - wanted).max() <= bound * (1 + 1e-9)
        above = codes


def test_picture_and_coverage(pair, tmp_path):
    result = build(pair, tmp_path, picture=tmp_path / "picture.tif", coverage=tmp_path / "coverage.tif")
    picture, coverage, codes = read(result.picture), read(result.coverage), read(result.tiles)
    missing = codes[0] == -128
    assert picture.dtype == np.uint8 and (picture[:, missing] == 0).all() and (picture[:, ~missing] > 0).all()
    for band in picture[:, ~missing]:
        assert 0.005 < (band == 1).mean() < 0.02 and 0.005 < (band == 255).mean() < 0.02
    assert (coverage[0, :7, :30] == 1).all() and coverage[0, 50, 50] == 2
    assert ((coverage[0] == 2) == ~missing).all()
    with rasterio.open(result.picture) as dataset:
        assert dataset.nodata == 0 and [c.name for c in dataset.colorinterp] == ["red", "green", "blue"]


@pytest.mark.parametrize("crs", ["ESRI:102039", "EPSG:32610"])
@pytest.mark.parametrize("north", [-1, 1])
def test_results_are_aligned_with_any_crs_and_row_order(tmp_path, crs, north):
    rng = np.random.default_rng(3)
    transform = Affine(10, 0, 500_000, 0, north * 10, 4_000_000)
    values = rng.integers(0, 255, (4, 600, 520), dtype=np.uint8)
    path = write_raster(tmp_path / "in.tif", values, crs=crs, transform=transform)
    result = build([path], tmp_path, features="single", picture=tmp_path / "picture.tif")
    assert result.components == 4
    for made in (result.tiles, result.picture):
        with rasterio.open(path) as source, rasterio.open(made) as dataset:
            assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)


def test_basis_projects_other_years_alike(pair, tmp_path):
    first = build(pair, tmp_path, dates=["2020", "2024"])
    (tmp_path / "again").mkdir()
    again = build(pair[::-1], tmp_path / "again", basis=first.basis)
    assert again.fingerprint == first.fingerprint
    assert Basis.load(again.basis).dates == ["2024", "2020"]
    one, other = read(first.tiles).astype(int), read(again.tiles).astype(int)
    basis = Basis.load(first.basis)
    _, offset = basis.projection()
    valid = (one[0] != -128) & (np.abs(one) < 126).all(axis=0) & (np.abs(other) < 126).all(axis=0)
    middle = -2 * offset[:, None]
    assert np.abs(one[:, valid] + other[:, valid] - middle).max() <= 1 + 1e-9, "the opposite difference, mirrored"
    with pytest.raises(BasisMismatch, match="1 × 16 bands"):
        build(pair[:1], tmp_path, features="single", basis=first.basis)


def test_extent_cuts_whole_pixels(pair, tmp_path):
    result = build(pair, tmp_path, extent=(500_205.0, 4_998_999.0, 500_805.0, 4_999_499.0))
    with rasterio.open(result.tiles) as dataset:
        assert (dataset.width, dataset.height) == (61, 51)
        assert dataset.transform @ (0, 0) == (500_200, 4_999_500)
    with pytest.raises(InputError, match="does not touch"):
        build(pair, tmp_path, extent=(0.0, 0.0, 1.0, 1.0))


def test_warps_only_when_asked(pair, tmp_path):
    shifted = write_raster(
        tmp_path / "shifted.tif", read(pair[1]), nodata=-128, transform=Affine(10, 0, 500_200, 0, -10, 4_999_900)
    )
    with pytest.raises(GridMismatch, match=r"embeddings_2020\.tif.*shifted\.tif"):
        build([pair[0], shifted], tmp_path)
    result = build([pair[0], shifted], tmp_path, warp=True)
    tiles = Tiles.open(result.tiles)
    with rasterio.open(pair[0]) as dataset:
        assert tiles.grid.transform == dataset.transform
    codes = tiles.read(Window(0, 0, 130, 150))
    assert (codes[:, :, :20] == -128).all() and (codes[:, :10] == -128).all() and (codes[:, 15:, 25:] != -128).any()
    before, after = read(pair[0])[:, 60, 70], read(pair[1])[:, 50, 50]
    basis = Basis.load(result.basis)
    weights, offset = basis.projection()
    wanted = weights @ (dequantise(after) - dequantise(before)) - offset
    assert np.abs(np.clip(np.rint(wanted), -127, 127) - codes[:, 60, 70]).max() <= 1


def test_warping_marks_what_a_raster_without_nodata_does_not_reach(tmp_path):
    rng = np.random.default_rng(5)
    values = rng.integers(1, 9000, (5, 40, 40), dtype=np.uint16)
    one = write_raster(tmp_path / "one.tif", values)
    two = write_raster(tmp_path / "two.tif", values[:, ::-1], transform=Affine(10, 0, 500_100, 0, -10, 5_000_000))
    result = build([one, two], tmp_path, warp=True, components=2)
    codes = read(result.tiles)
    assert (codes[:, :, :10] == -128).all() and (codes[:, :, 10:] != -128).all()


def test_bad_rasters_are_refused_in_words(pair, tmp_path):
    whole = Path(pair[0]).read_bytes()
    truncated, empty, text = tmp_path / "truncated.tif", tmp_path / "empty.tif", tmp_path / "text.tif"
    truncated.write_bytes(whole[: len(whole) // 2])
    empty.touch()
    text.write_text("not a raster")
    fewer = write_raster(tmp_path / "fewer.tif", read(pair[1])[:9], nodata=-128)
    blank = write_raster(tmp_path / "blank.tif", np.full((16, 150, 130), -128, np.int8), nodata=-128)
    floats = write_raster(tmp_path / "floats.tif", read(pair[1]).astype(np.float32))
    for bad, words in [
        (tmp_path / "missing.tif", "no file .*missing.tif"),
        (truncated, "truncated.tif .*truncated or damaged"),
        (empty, "empty.tif is empty"),
        (text, "text.tif is not a raster"),
        (fewer, "16 bands and .*fewer.tif has 9"),
        (blank, "No pixel of .*blank.tif has data at all dates"),
        (floats, "holds int8 and .*floats.tif holds float32"),
        (pair[0], "same file chosen twice"),
    ]:
        with pytest.raises(InputError, match=words):
            build([pair[0], bad], tmp_path)
    with pytest.raises(InputError, match="at least two rasters"):
        build(pair[:1], tmp_path)
    with pytest.raises(InputError, match="date names"):
        build(pair, tmp_path, dates=["2020"])
    with pytest.raises(InputError, match="AlphaEarth mapping is for int8"):
        build([floats, floats], tmp_path, mapping="alphaearth")
    with pytest.raises(OutputError, match="does not exist"):
        build(pair, tmp_path / "nowhere")
    assert not [path.name for path in tmp_path.iterdir() if "tiles" in path.name or "partial" in path.name]


def test_cancelled_build_leaves_nothing(pair, tmp_path):
    progress = Progress(lambda fraction, message: progress.cancel() if fraction > 0.5 else None)
    before = set(tmp_path.iterdir())
    request = BuildRequest(inputs=[str(path) for path in pair], output=tmp_path / "tiles.tif")
    with pytest.raises(Cancelled):
        build_embedding_tiles(request, progress)
    assert set(tmp_path.iterdir()) == before


def test_tiles_and_basis_belong_together(pair, tmp_path):
    result = build(pair, tmp_path)
    Tiles.open(result.tiles)
    basis = json.loads(result.basis.read_text())
    basis["scale"][0] *= 2
    result.basis.write_text(json.dumps(basis))
    with pytest.raises(InputError, match="basis of other tiles"):
        Tiles.open(result.tiles)
    for content, words in (("{", "damaged"), (json.dumps({**basis, "mean": [1.0]}), "damaged")):
        result.basis.write_text(content)
        with pytest.raises(InputError, match=words):
            Tiles.open(result.tiles)
    result.basis.unlink()
    with pytest.raises(InputError, match="lost its basis file"):
        Tiles.open(result.tiles)
    with pytest.raises(InputError, match="not a file of embedding tiles"):
        Tiles.open(pair[0])
