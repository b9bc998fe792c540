"""From bands to channels: what is proposed and why, what is refused, and the numbers that come out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from bitscape.processing.errors import InputError, ModelError
from bitscape.processing.inference.band_names import by_wavelength, meaning, sentinel2
from bitscape.processing.inference.card import Card, IndexChannel
from bitscape.processing.inference.channels import ChannelMap, propose
from bitscape.processing.inference.raster_bands import RasterDescription
from bitscape.tests.processing.rasters import write_raster
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.enums import ColorInterp

WATER = Card(
    bands=["B02", "B03", "B04", "B08", "B11", "B12"], scale=10_000,
    indices=[IndexChannel(name="NDWI", bands=("B03", "B08")), IndexChannel(name="MNDWI", bands=("B03", "B12")),
             IndexChannel(name="NDVI", bands=("B08", "B04"))],
    mean=[0.1, 0.11, 0.12, 0.2, 0.15, 0.13], std=[0.05, 0.06, 0.07, 0.08, 0.09, 0.1],
)
NAIP = Card(bands=["red", "green", "blue", "nir"], scale=255)


def raster(path: Path, bands: int, names: Sequence[str] = (), dtype: str = "uint16", fill: float = 2000,
           colours: Sequence[ColorInterp] = (), tags: dict[int, dict[str, str]] | None = None,
           **profile: object) -> Path:
    write_raster(path, np.full((bands, 20, 30), fill).astype(dtype), **profile)
    with rasterio.open(path, "r+") as dataset:
        for number, name in enumerate(names, 1):
            dataset.set_band_description(number, name)
        if colours:
            dataset.colorinterp = colours
        for number, more in (tags or {}).items():
            dataset.update_tags(number, **more)
    return path


def bands(card: Card, path: Path, **more: object) -> tuple[int, ...]:
    return propose(card, RasterDescription.of(path), **more).require().bands


@pytest.mark.parametrize(("name", "key"), [
    ("B02", "B02"), ("B2", "B02"), ("b2", "B02"), ("S2_B2", "B02"), ("Band 2", "B02"), ("B8A", "B8A"), ("b08a", "B8A"),
    ("B8", "B08"), ("B12", "B12"), ("sentinel2 band 11", "B11"),
    ("B13", None), ("SR_B5", None), ("B", None), ("2", None),
])
def test_sentinel2_spellings(name: str, key: str | None) -> None:
    assert sentinel2(name) == key


@pytest.mark.parametrize(("name", "common"), [
    ("B02", "blue"), ("Blue", "blue"), ("R", "red"), ("NIR", "nir"), ("near-infrared", "nir"), ("Red 665 nm", "red"),
    ("B04 (red)", "red"), ("reflectance_green", "green"), ("SWIR 1", "swir1"), ("swir22", "swir2"), ("B8A", "nir08"),
    ("Red Edge 2", "rededge2"), ("Rot", "red"), ("bands", None), ("", None), ("temperature", None), ("P001", None),
    ("red green", None), ("Band 4 - Red", "red"), ("infrared", "nir"),
])
def test_what_a_name_means(name: str, common: str | None) -> None:
    assert meaning(name) == common


def test_wavelengths() -> None:
    assert [by_wavelength(x) for x in (0.49, 0.56, 0.665, 0.705, 0.842, 0.865, 1.61, 2.2, 10.9)] == [
        "blue", "green", "red", "rededge1", "nir", "nir08", "swir1", "swir2", None]


def test_real_sentinel2_by_name(shared_data: Path) -> None:
    found = propose(WATER, RasterDescription.of(shared_data / "s2_timeseries/eolearn_s2l1c_ref_0.tif")).require()
    assert found.bands == (2, 3, 4, 8, 12, 13) and not found.warnings
    assert [one.reason for one in found.channels[:2]] == ["its name is 'B02'", "its name is 'B03'"]
    assert [one.index for one in found.channels[6:]] == [(3, 8), (3, 13), (8, 4)]
    assert all(one.certain for one in found.channels)


def test_real_nameless_sentinel2_by_order(shared_data: Path) -> None:
    found = propose(WATER, RasterDescription.of(shared_data / "s2_seasonal/ssl4eos12_0121563_0.tif")).require()
    assert found.bands == (2, 3, 4, 8, 11, 12), "twelve bands of L2A: no B10"
    assert "12 bands are taken for Sentinel-2 L2A" in found.warnings[0] and not found.channels[0].certain
    assert "by order" in found.channels[0].reason


def test_real_naip(shared_data: Path) -> None:
    described = RasterDescription.of(shared_data / "chesapeake_rsc/1717_image.tif")
    found = propose(NAIP, described).require()
    assert found.bands == (1, 2, 3, 4)
    assert found.channels[0].reason == "its colour is red" and found.channels[0].certain
    assert len(found.warnings) == 1 and "Band 4 is taken for nir" in found.warnings[0] and "alpha" in found.warnings[0]
    other = propose(NAIP.changed(bands=["nir", "red", "green"]), described).require()
    assert other.bands == (4, 1, 2)
    refused = propose(WATER, described)
    assert "lacks B11, B12" in refused.problems[0] and "the raster has 4" in refused.problems[0]
    with pytest.raises(ModelError, match="lacks B11, B12"):
        refused.require()


def test_all_sorts_of_names(tmp_path: Path) -> None:
    three = Card(bands=["B04", "B03", "B02"], scale=10_000)
    assert bands(three, raster(tmp_path / "a.tif", 3, ["Blue", "Green", "Red"])) == (3, 2, 1)
    assert bands(three, raster(tmp_path / "b.tif", 4, ["b2", "b3", "b4", "b8"])) == (3, 2, 1)
    assert bands(three, raster(tmp_path / "c.tif", 5, ["x", "R", "G", "B", "y"])) == (2, 3, 4)
    assert bands(Card(bands=["red", "nir"], scale=10_000), raster(tmp_path / "d.tif", 2, ["B8", "B4"])) == (2, 1)
    assert bands(Card(bands=["VV", "VH"], scale=1), raster(tmp_path / "e.tif", 3, ["vh", "angle", "vv"])) == (3, 1)
    tags = {number: {"common_name": name} for number, name in enumerate(["nir", "red", "green"], 1)}
    assert bands(Card(bands=["green", "red"]), raster(tmp_path / "f.tif", 3, tags=tags, fill=200)) == (3, 2)


def test_by_colour_and_wavelength(tmp_path: Path) -> None:
    colours = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    rgb = Card(bands=["red", "green", "blue"])
    path = raster(tmp_path / "a.tif", 3, colours=colours, dtype="uint8", fill=99, photometric="RGB")
    found = propose(rgb, RasterDescription.of(path)).require()
    assert found.bands == (3, 2, 1) and found.channels[0].reason == "its colour is red"
    waves = {1: {"center_wavelength": "842"}, 2: {"wavelength": "665 nm"}, 3: {"CENTRAL_WAVELENGTH_UM": "0.49"}}
    path = raster(tmp_path / "b.tif", 3, tags=waves)
    found = propose(Card(bands=["B02", "B04", "B08"], scale=10_000), RasterDescription.of(path)).require()
    assert found.bands == (3, 2, 1) and found.channels[1].reason == "its wavelength is 0.665 µm, red"
    assert found.channels[1].certain and not found.warnings


def test_narrow_infrared_only_with_a_warning(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", 2, ["B04", "B8A"])
    found = propose(Card(bands=["B04", "B08"], scale=10_000), RasterDescription.of(path)).require()
    assert found.bands == (1, 2) and "nearest to B08" in found.warnings[0]
    path = raster(tmp_path / "b.tif", 3, ["B04", "B8A", "B08"])
    assert bands(Card(bands=["B04", "B08"], scale=10_000), path) == (1, 3)


def test_two_bands_of_one_name(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", 3, ["red", "red", "nir"], fill=100)
    found = propose(Card(bands=["red", "nir"]), RasterDescription.of(path)).require()
    assert found.bands == (1, 3) and "Several bands could be red: 1, 2" in found.warnings[0]


def test_by_order_where_nothing_contradicts(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", 3, fill=100)
    found = propose(Card(bands=["p", "q", "r"]), RasterDescription.of(path)).require()
    assert found.bands == (1, 2, 3) and "taken by their order" in found.warnings[0]
    half = raster(tmp_path / "b.tif", 3, ["p", "", ""], fill=100)
    assert bands(Card(bands=["p", "q", "r"]), half) == (1, 2, 3)
    moved = raster(tmp_path / "c.tif", 3, ["", "p", ""], fill=100)
    elsewhere = propose(Card(bands=["p", "q", "r"]), RasterDescription.of(moved))
    assert "lacks q, r" in elsewhere.problems[0], "p is not where order would have it"
    named = raster(tmp_path / "d.tif", 2, ["B04", "B11"])
    refused = propose(Card(bands=["B04", "B08"]), RasterDescription.of(named))
    assert "lacks B08" in refused.problems[0], "a band that says it is another is not taken by order"


def test_a_card_without_bands(tmp_path: Path, shared_data: Path) -> None:
    card = Card(scale=10_000)
    sentinel = RasterDescription.of(shared_data / "s2_timeseries/eolearn_s2l1c_ref_0.tif")
    found = propose(card, sentinel, 3).require()
    assert found.bands == (4, 3, 2) and "taken to be red, green, blue" in found.warnings[0]
    assert found.needed == ("channel 1", "channel 2", "channel 3")
    five = propose(card, sentinel, 5).require()
    assert five.bands == (1, 2, 3, 4, 5) and "first 5 of 13" in five.warnings[0]
    few = RasterDescription.of(raster(tmp_path / "a.tif", 2))
    assert "needs 3 bands" in propose(card, few, 3).problems[0]
    assert "the model takes 4 channels" in propose(Card(bands=["a", "b"]), few, 4).problems[0]


def test_chosen_bands(shared_data: Path) -> None:
    described = RasterDescription.of(shared_data / "s2_timeseries/eolearn_s2l1c_ref_0.tif")
    found = propose(WATER, described, 9, [13, 12, 8, 4, 3, 2]).require()
    assert found.bands == (13, 12, 8, 4, 3, 2) and found.raster_bands == (2, 3, 4, 8, 12, 13)
    assert found.channels[6].index == (12, 4) and found.channels[0].reason == "chosen"
    assert "2 bands were chosen; the model needs 6: B02" in propose(WATER, described, 9, [1, 2]).problems[0]
    assert "chosen were 0, 14" in propose(WATER, described, 9, [0, 14, 1, 2, 3, 4]).problems[0]


@pytest.mark.parametrize(("dtype", "fill", "scale", "more", "words"), [
    ("uint16", 3000, 255, {}, "Divided by 255, the raster's values reach 11.8.*10000 would fit"),
    ("uint8", 180, 10_000, {}, "8-bit values up to 180 and the card divides by 10000"),
    ("float32", 0.3, 10_000, {}, "scaled already. A scale of 1 would fit"),
    ("uint16", 3000, 10_000, {}, ""),
    ("uint8", 200, 255, {}, ""),
    ("float32", 0.3, 1, {}, ""),
])
def test_values_that_contradict_the_scale(
    tmp_path: Path, dtype: str, fill: float, scale: float, more: dict[str, object], words: str
) -> None:
    path = raster(tmp_path / "a.tif", 2, ["red", "nir"], dtype=dtype, fill=fill, **more)
    warnings = propose(Card(bands=["red", "nir"], scale=scale), RasterDescription.of(path)).require().warnings
    assert re.search(words, " ".join(warnings)) if words else not warnings


def test_the_rasters_own_scale(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", 1, ["red"])
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.0001,), (-0.1,)
    card = Card(bands=["red"], scale=10_000)
    assert "number × 0.0001 + -0.1; the card divides by 10000 and adds 0" in propose(
        card, RasterDescription.of(path)).warnings[0]
    assert not propose(card.changed(offset=-0.1), RasterDescription.of(path)).warnings


def reference(card: Card, order: Sequence[int], pixels: np.ndarray) -> np.ndarray:
    """The water recipe in float64: reflectance, indices from it, then standardised bands."""
    reflectance = {name: pixels[row].astype(np.float64) / card.scale + card.offset
                   for name, row in zip(card.bands, order, strict=True)}
    channels = [(reflectance[name] - mean) / std
                for name, mean, std in zip(card.bands, card.mean, card.std, strict=True)]
    for index in card.indices:
        a, b = (reflectance[name] for name in index.bands)
        channels.append((a - b) / (a + b + 1e-10))
    return np.stack(channels)


@pytest.mark.parametrize("offset", [0.0, -0.1])
def test_the_water_recipe_on_real_pixels(shared_data: Path, offset: float) -> None:
    path = shared_data / "s2_timeseries/eolearn_s2l1c_ref_0.tif"
    card = WATER.changed(offset=offset)
    found = propose(card, RasterDescription.of(path)).require()
    with rasterio.open(path) as dataset:
        pixels = dataset.read(list(found.raster_bands))
    channels = found.apply(pixels)
    assert channels.shape == (9, *pixels.shape[1:]) and channels.dtype == np.float32 and channels.flags.c_contiguous
    np.testing.assert_allclose(channels, reference(card, range(6), pixels), rtol=2e-4, atol=2e-5)
    shuffled = propose(card, RasterDescription.of(path), 9, [13, 12, 8, 4, 3, 2]).require()
    np.testing.assert_allclose(shuffled.apply(pixels), reference(card, range(5, -1, -1), pixels), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_every_type_of_pixel(tmp_path: Path, dtype: str) -> None:
    card = Card(bands=["a", "b"], scale=100, offset=0.5, mean=[0.1, 0.2], std=[2, 4])
    path = raster(tmp_path / "a.tif", 2, ["b", "a"], dtype=dtype, fill=7)
    found = propose(card, RasterDescription.of(path)).require()
    pixels = np.arange(2 * 20 * 30).reshape(2, 20, 30) % 100
    channels = found.apply(pixels.astype(dtype))
    np.testing.assert_allclose(channels[0], (pixels[1] / 100 + 0.5 - 0.1) / 2, atol=1e-6)
    np.testing.assert_allclose(channels[1], (pixels[0] / 100 + 0.5 - 0.2) / 4, atol=1e-6)
    strided = np.asfortranarray(pixels.astype(dtype))
    np.testing.assert_array_equal(found.apply(strided), channels)
    out = np.empty_like(channels)
    assert found.apply(pixels.astype(dtype), out=out) is out
    with pytest.raises(ValueError, match="pixels of shape"):
        found.apply(pixels[:1])


def simple(nodata: Sequence[float | None], card: Card | None = None) -> ChannelMap:
    from affine import Affine
    from bitscape.processing.grids.grid import Grid
    from bitscape.processing.inference.raster_bands import RasterBand

    listed = tuple(RasterBand(number, f"c{number}", nodata=value) for number, value in enumerate(nodata, 1))
    described = RasterDescription("x", listed, "float32", Grid(4, 1, Affine.identity(), None))
    return propose(card or Card(bands=[one.name for one in listed], scale=1), described).require()


def test_nodata_becomes_zero_after_standardising() -> None:
    index = IndexChannel(name="i", bands=("c1", "c2"))
    card = Card(bands=["c1", "c2"], scale=1, mean=[5, 5], std=[2, 2], indices=[index])
    found = simple([-9999, -9999], card)
    pixels = np.array([[[1, -9999, 3, np.nan]], [[4, 5, -9999, 6]]], np.float32)
    valid = found.valid(pixels)
    assert valid.tolist() == [[True, False, False, False]]
    channels = found.apply(pixels, valid)
    np.testing.assert_allclose(channels[:, 0], [[-2, 0, 0, 0], [-0.5, 0, 0, 0], [-0.6, 0, 0, 0]], atol=1e-6)
    masked = found.valid(pixels, np.array([[False, True, True, True]]))
    assert not masked.any()


def test_zero_as_nodata_counts_only_where_all_bands_have_it() -> None:
    found = simple([0, 0])
    pixels = np.array([[[0, 0, 7, 255]], [[0, 9, 0, 255]]], np.uint8)
    assert found.valid(pixels).tolist() == [[False, True, True, True]], "water is black in infrared, and there"
    assert simple([255, 255]).valid(pixels).tolist() == [[True, True, True, False]]
    assert simple([None, None]).valid(pixels).all()
    card = Card(bands=["c1", "c2"], scale=1, nodata=7)
    assert simple([0, 0], card).valid(pixels).tolist() == [[False, True, False, True]], "the card's own counts besides"
    nan = np.array([[[np.nan, 1]], [[1, 1]]], np.float32)
    assert simple([np.nan, np.nan]).valid(nan).tolist() == [[False, True]]
    assert simple([None, None]).valid(np.array([[[np.inf, 1]], [[1, 1]]], np.float32)).tolist() == [[False, True]]


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint16, (2, 3, 5), elements=st.integers(0, 65535)), st.sampled_from([1.0, 255.0, 10_000.0]))
def test_indices_are_finite_and_between_minus_one_and_one(pixels: np.ndarray, scale: float) -> None:
    card = Card(bands=["c1", "c2"], scale=scale, indices=[IndexChannel(name="i", bands=("c1", "c2"))])
    index = simple([None, None], card).apply(pixels)[2]
    assert np.isfinite(index).all() and np.abs(index).max() <= 1 + 1e-6
    swapped = simple([None, None], card).apply(pixels[::-1])[2]
    np.testing.assert_allclose(swapped, -index, atol=1e-6)


def test_what_a_raster_says(tmp_path: Path) -> None:
    values = np.arange(3000 * 2100, dtype=np.uint16).reshape(1, 2100, 3000) % 5000
    values[0, :1000, :1000] = 65535
    large = RasterDescription.of(write_raster(tmp_path / "large.tif", values, nodata=65535, tiled=True))
    low, high = large.bands[0].range or (0, 0)
    assert 0 <= low < 400 and 4600 < high < 5000, "nodata has no part in it"
    assert (large.count, large.dtype, large.bands[0].nodata, large.masked) == (1, "uint16", 65535, False)
    empty = RasterDescription.of(write_raster(tmp_path / "empty.tif", np.full((1, 5, 5), 9, np.uint8), nodata=9))
    assert empty.bands[0].range is None
    assert RasterDescription.of(tmp_path / "empty.tif", look=False).bands[0].range is None
    with pytest.raises(InputError, match="There is no file"):
        RasterDescription.of(tmp_path / "none.tif")
