"""The change magnitude against float64 numpy, for every kind of vector and raster, and its figures over all pixels."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from bitscape.processing import operations
from bitscape.processing.embeddings.change_magnitude import Comparer
from bitscape.processing.embeddings.cosine import BINS, Counts, cosine_magnitude
from bitscape.processing.embeddings.mapping import ValueMapping, quantise
from bitscape.processing.embeddings.source import EmbeddingSource
from bitscape.processing.embeddings.stack import Stack
from bitscape.processing.errors import Cancelled, GridMismatch, InputError, OutputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from rasterio.windows import Window


def reference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1 − cosine of vectors (bands, ...) in float64, NaN where there is none."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        length = np.sqrt((a * a).sum(axis=0)) * np.sqrt((b * b).sum(axis=0))
        return 1 - (a * b).sum(axis=0) / length


def power(codes: np.ndarray) -> np.ndarray:
    """AlphaEarth's mapping in float64, NaN where nodata."""
    values = codes.astype(np.float64)
    values = np.sign(values) * (values / 127.5) ** 2
    values[:, (codes == -128).any(axis=0)] = np.nan
    return values


def assert_like(found: np.ndarray, wanted: np.ndarray) -> None:
    """uint8 magnitudes against float64 ones: within one step, and no data in the same places."""
    missing = ~np.isfinite(wanted)
    np.testing.assert_array_equal(found == 255, missing)
    assert np.abs(found[~missing] - 254 * np.minimum(wanted[~missing], 1)).max(initial=0) <= 1


def run(progress: Progress | None = None, **values: Any) -> dict[str, Any]:
    return operations.run("changemagnitude", json.loads(json.dumps(values, default=str)), progress or Progress())


def read(path: Path | str) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read()


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7, 64, 129])
@pytest.mark.parametrize("mapped", [True, False])
def test_bytes(bands: int, mapped: bool) -> None:
    rng = np.random.default_rng(bands)
    first, second = (rng.integers(-128, 128, (bands, 5000)).astype(np.int8) for _ in range(2))
    first[:, :2500] = np.where(first[:, :2500] == -128, 7, first[:, :2500])
    second[:, :2500] = first[:, :2500]
    second[:, 1000:1500] *= -1  # opposite
    first[:, 10], first[:, 11], second[:, 12], first[:, 13] = 0, 1, -1, 127
    second[0, 14] = -128
    out, bins = np.empty(5000, np.uint8), np.zeros(BINS, np.int64)
    cosine_magnitude(first, second, mapped, -128, out, bins)
    values = [power(one) if mapped else np.where((one == -128).any(axis=0), np.nan, one.astype(float))
              for one in (first, second)]
    wanted = reference(*values)
    assert_like(out, wanted)
    known = wanted[np.isfinite(wanted)]
    assert bins.sum() == len(known) and out[10] == 255 and out[14] == 255
    directed = np.isfinite(wanted)
    assert (out[100:900][directed[100:900]] == 0).all() and (out[1000:1500][directed[1000:1500]] == 254).all()
    counted = np.repeat(np.arange(BINS) / 16384, bins)
    np.testing.assert_allclose(counted, np.sort(np.clip(known, 0, 2)), atol=5e-5)


def test_floats_of_any_size() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((9, 4000)).astype(np.float32) for _ in range(2))
    second[:, :2000] = first[:, :2000] * 3
    for column, factor in ((0, 1e-30), (1, 1e30), (2, 1e-44), (3, 1e37), (4, -1e-20), (5, 0)):
        first[:, column] *= np.float32(factor)
    first[3, 6], first[3, 7], second[8, 8], second[0, 9] = np.nan, np.inf, -np.inf, -9999
    out, bins = np.empty(4000, np.uint8), np.zeros(BINS, np.int64)
    cosine_magnitude(first, second, False, -9999.0, out, bins)
    wanted = reference(first, second)
    wanted[9] = np.nan
    assert_like(out, wanted)
    assert out[[5, 6, 7, 8, 9]].tolist() == [255] * 5 and out[[0, 1, 3]].tolist() == [0, 0, 0] and out[4] == 254
    assert bins.sum() == 3995


def test_all_magnitudes_are_where_they_belong() -> None:
    """Two bands turned by a known angle: a closed form over the whole range, finer than a step."""
    angles = np.linspace(0, np.pi, 40_001)
    first = np.stack([np.ones_like(angles), np.zeros_like(angles)]).astype(np.float32)
    second = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    out, counts = np.empty(len(angles), np.uint8), Counts()
    cosine_magnitude(first, second, False, None, out, counts.bins)
    assert_like(out, 1 - np.cos(angles))
    assert set(out) == set(range(255))
    for share in (0, 0.01, 0.25, 0.5, 0.9, 0.99, 1):
        assert counts.quantile(share) == pytest.approx(1 - np.cos(share * np.pi), abs=2e-4)
    for magnitude in (0.0, 0.1, 0.5, 1.0, 1.9, 2.0):
        assert counts.share_above(magnitude) == pytest.approx(1 - np.arccos(1 - magnitude) / np.pi, abs=4e-3)


def test_a_pair_and_its_reference(tmp_path: Path) -> None:
    """Three years, the last different in one corner: the map, the exact figures, and what they are compared to."""
    rng = np.random.default_rng(4)
    base = unit_vectors(rng, 16, 600, 700)
    noise = [0.03 * rng.standard_normal(base.shape) for _ in range(3)]
    years = [base + part for part in noise]
    years[2][:, :150, :210] = unit_vectors(np.random.default_rng(9), 16, 150, 210)
    codes = [quantise(year / np.linalg.norm(year, axis=0)) for year in years]
    codes[1][:, 500:520] = -128
    codes[2][:, 300:, 600:] = -128
    paths = [write_raster(tmp_path / f"embeddings_{year}.tif", part, nodata=-128)
             for year, part in zip((2020, 2022, 2024), codes, strict=True)]
    lines: list[tuple[str, str]] = []
    progress = Progress(log=lambda message, level: lines.append((level, message)))
    result = run(progress, inputs=[paths[0], paths[2]], reference=paths[:2], output=tmp_path / "m.tif",
                 reference_output=tmp_path / "r.tif")
    json.dumps(result)
    pair, calm = reference(power(codes[0]), power(codes[2])), reference(power(codes[0]), power(codes[1]))
    assert_like(read(tmp_path / "m.tif")[0], pair)
    assert_like(read(tmp_path / "r.tif")[0], calm)
    for wanted, found in ((pair, result["pair"]), (calm, result["reference"])):
        known = wanted[np.isfinite(wanted)]
        assert found["covered_pixels"] == len(known) and found["pixels"] == 420_000
        assert found["mapping"] == "alphaearth"
        quantiles = np.quantile(known, [0.5, 0.9, 0.99])
        np.testing.assert_allclose([found["median"], found["p90"], found["p99"]], quantiles, atol=1e-4)
    assert result["threshold"] == result["reference"]["p99"]
    share = np.mean(pair[np.isfinite(pair)] > result["threshold"])
    assert result["share_above"] == pytest.approx(share, abs=1e-3) and 0.08 < share < 0.12
    assert np.mean(calm[np.isfinite(calm)] > result["threshold"] + 1 / 16384) <= 0.01
    said = "\n".join(line for _, line in lines)
    assert f"{result['share_above']:.1%} of the area changed more than 99 % of the reference pair" in said
    assert any(level == "warning" and "Weather and season" in line for level, line in lines)
    with rasterio.open(tmp_path / "m.tif") as made, rasterio.open(paths[0]) as source:
        assert (made.crs, made.transform, made.shape) == (source.crs, source.transform, source.shape)
        assert made.nodata == 255 and made.dtypes == ("uint8",) and made.overviews(1) == [2, 4]
        assert made.tags()["DATES"] == "2020,2024"
        record = json.loads(made.tags()["BITSCAPE_PROVENANCE"])
        assert record["operation"] == "changemagnitude" and record["parameters"]["mapping_used"] == "alphaearth"
        assert [one["name"] for one in record["inputs"]] == ["embeddings_2020.tif", "embeddings_2024.tif"]
    with rasterio.open(tmp_path / "m.tif", overview_level=0) as dataset:
        halved, whole = dataset.read(1).astype(float), read(tmp_path / "m.tif")[0].astype(float)
    blocks = np.where(whole == 255, np.nan, whole)[:298, :700].reshape(149, 2, 350, 2)
    wanted = blocks.mean(axis=(1, 3))
    assert np.abs(halved[:149][np.isfinite(wanted)] - wanted[np.isfinite(wanted)]).max() <= 0.5, "overviews are means"


@pytest.mark.parametrize("kind", ["float32", "float64", "uint16", "linear", "offset", "int8 plain", "one band"])
def test_every_kind_of_raster(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    vectors = [unit_vectors(rng, 1 if kind == "one band" else 6, 70, 90) for _ in range(2)]
    options: dict[str, Any] = {}
    if kind in ("float32", "float64", "one band"):
        stored = [part.astype("float32" if kind == "one band" else kind) for part in vectors]
        stored[0][:, 3, 4], stored[1][0, 5, 6] = np.nan, np.inf
        values, mapping = stored, "none"
    elif kind == "uint16":
        stored = [np.rint(1000 + 300 * part).astype(np.uint16) for part in vectors]
        stored[0][:, 3, 4], stored[1][2, 5, 6], options = 0, 0, {"nodata": 0}
        values = [np.where((part == 0).any(axis=0), np.nan, part.astype(float)) for part in stored]
        mapping = "none"
    elif kind == "int8 plain":
        stored = [np.rint(60 * part).astype(np.int8) for part in vectors]
        values, mapping = stored, "none"
    else:
        stored = [np.rint(127 * part).astype(np.int8) for part in vectors]
        stored[0][:, 3, 4], stored[1][2, 5, 6] = -128, -128
        offset = 0.1 if kind == "offset" else 0.0
        values = [np.where((part == -128).any(axis=0), np.nan, part / 127 + offset) for part in stored]
        mapping = "linear"
    paths = [write_raster(tmp_path / f"{year}.tif", part, **options) for year, part in zip((2020, 2021), stored)]
    if kind == "offset":
        for path in paths:
            with rasterio.open(path, "r+") as dataset:
                dataset.scales, dataset.offsets = [1 / 127] * 6, [0.1] * 6
    result = run(inputs=paths, output=tmp_path / "m.tif", dates=["before", "after"])
    assert result["pair"]["mapping"] == mapping and result["pair"]["dates"] == ["before", "after"]
    assert result["reference"] is None and result["share_above"] is None
    wanted = reference(*values)
    assert_like(read(tmp_path / "m.tif")[0], wanted)
    known = wanted[np.isfinite(wanted)]
    assert result["pair"]["covered_pixels"] == len(known)
    assert result["pair"]["above_one"] == pytest.approx((known > 1).mean(), abs=2e-3)


def test_a_window_can_be_compared_elsewhere(pair: tuple[Path, Path]) -> None:
    sources = [EmbeddingSource.open(path) for path in pair]
    mappings = [ValueMapping("alphaearth", 1.0, 0.0, "")] * 2
    comparer = Comparer(Stack(sources, Window(10, 5, 100, 90), False), mappings)
    ours, theirs = comparer(Window(3, 4, 50, 60)), pickle.loads(pickle.dumps(comparer))(Window(3, 4, 50, 60))
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert_like(ours[0][0], reference(*(power(read(path)[:, 9:69, 13:63]) for path in pair)))


def test_extent_and_warp(pair: tuple[Path, Path], tmp_path: Path) -> None:
    box = [500_205.0, 4_998_999.0, 500_805.0, 4_999_499.0]
    run(inputs=pair, output=tmp_path / "m.tif", extent=box)
    wanted = reference(*(power(read(path)) for path in pair))
    with rasterio.open(tmp_path / "m.tif") as dataset:
        assert dataset.transform @ (0, 0) == (500_200, 4_999_500) and dataset.shape == (51, 61)
        assert_like(dataset.read(1), wanted[50:101, 20:81])
    shifted = write_raster(tmp_path / "shifted_2024.tif", read(pair[1]), nodata=-128,
                           transform=Affine(10, 0, 500_200, 0, -10, 4_999_900))
    with pytest.raises(GridMismatch, match=r"different grids.*embeddings_2020\.tif.*shifted_2024\.tif"):
        run(inputs=[pair[0], shifted], output=tmp_path / "w.tif")
    run(inputs=[pair[0], shifted], output=tmp_path / "w.tif", warp=True)
    there = np.full(read(pair[1]).shape, -128, np.int8)
    there[:, 10:, 20:] = read(pair[1])[:, :-10, :-20]
    assert_like(read(tmp_path / "w.tif")[0], reference(power(read(pair[0])), power(there)))


def test_what_cannot_be_compared_is_refused_in_words(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = pair
    blank = write_raster(tmp_path / "blank.tif", np.full((16, 150, 130), -128, np.int8), nodata=-128)
    zeros = write_raster(tmp_path / "zeros.tif", np.zeros((16, 150, 130), np.int8))
    floats = [write_raster(tmp_path / f"float_{year}.tif", read(first).astype(np.float32)) for year in (2001, 2002)]
    fewer = write_raster(tmp_path / "fewer.tif", read(second)[:9], nodata=-128)
    third = write_raster(tmp_path / "third.tif", read(second), nodata=-128)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(Path(second).read_bytes()[: Path(second).stat().st_size // 2])
    before = set(tmp_path.iterdir())
    out = tmp_path / "m.tif"
    for values, words in [
        ({"inputs": [first, second, blank]}, "compares two rasters, one for each date; 3 were given"),
        ({"inputs": [first]}, "compares two rasters, one for each date; 1 was given"),
        ({"inputs": []}, "0 were given"),
        ({"inputs": pair, "reference": [first]}, "The reference compares two rasters.* 1 was given"),
        ({"inputs": [first, first]}, r"embeddings_2020\.tif with itself"),
        ({"inputs": pair, "reference": [second, first]}, "reference is the very pair"),
        ({"inputs": pair, "reference": floats}, "not of the same product.* values int8, .* float32"),
        ({"inputs": pair, "reference_output": tmp_path / "r.tif"}, "no reference rasters were given"),
        ({"inputs": [first, fewer]}, r"16 bands and .*fewer\.tif has 9"),
        ({"inputs": [first, floats[0]]}, "holds int8 and .* holds float32"),
        ({"inputs": [first, blank]}, r"No pixel of .*blank\.tif has data at both dates"),
        ({"inputs": [first, zeros], "mapping": "none"}, r"No pixel of .*zeros\.tif has data at both dates"),
        ({"inputs": [first, cut]}, r"cut\.tif .*truncated or damaged"),
        ({"inputs": [first, tmp_path / "no.tif"]}, r"no file .*no\.tif"),
        ({"inputs": pair, "dates": ["2020"]}, "date names"),
        ({"inputs": pair, "extent": [0, 0, 1, 1]}, "does not touch"),
        ({"inputs": floats, "mapping": "alphaearth"}, "AlphaEarth mapping is for int8"),
        ({"inputs": pair, "output": second}, "an input of this run"),
    ]:
        with pytest.raises(InputError, match=words):
            run(**{"output": out, **values})
        assert set(tmp_path.iterdir()) == before, values
    for values, words in [
        ({"output": tmp_path / "nowhere" / "m.tif"}, "does not exist"),
        ({"output": out, "reference": [first, third], "reference_output": out}, "same name"),
    ]:
        with pytest.raises((OutputError, InputError), match=words):
            run(inputs=pair, **values)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("when", [0.0, 0.5])
def test_a_cancelled_run_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path, when: float) -> None:
    before = set(tmp_path.iterdir())
    progress = Progress(lambda fraction, message: progress.cancel() if fraction >= when else None)
    with pytest.raises(Cancelled):
        run(progress, inputs=pair, output=tmp_path / "m.tif")
    assert set(tmp_path.iterdir()) == before


def test_real_embeddings(shared_data: Path, tmp_path: Path) -> None:
    """Half-years of real Presto embeddings: mostly season, and exactly what float64 says."""
    paths = [shared_data / "presto_embeddings" / f"presto_wc_{name}_i8.tif" for name in ("before", "after")]
    result = run(inputs=paths, output=tmp_path / "m.tif")
    wanted = reference(*(power(read(path)) for path in paths))
    assert_like(read(tmp_path / "m.tif")[0], wanted)
    assert result["pair"]["mapping"] == "alphaearth"
    assert result["pair"]["median"] == pytest.approx(np.median(wanted), abs=1e-4)
    assert 0.1 < result["pair"]["median"] < 0.2
