"""segmentraster end to end: classes, scores, confidence, polygons and numbers on the raster's own pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from bitscape.processing.grids.class_map import ClassMap
from bitscape.processing.polygons.selection import ScoreMap
from bitscape.tests.processing.inference.models import (
    FLOAT,
    deepness,
    regressor,
    segmentor,
    two_heads,
    with_metadata,
    write,
)
from bitscape.tests.processing.inference.scenes import answer, picture, raster, read, segment
from onnx import helper

NAMES = {"0": "ground", "1": "water", "2": "road", "3": "tree"}


def four_classes(path: Path, **more: Any) -> Path:
    return segmentor(path, layers=2, radius=1, metadata=deepness(
        model_type="Segmentor", class_names=NAMES, tile_size=256, tiles_overlap=15, **more))


def brightness(path: Path, card: dict[str, Any]) -> Path:
    """Yes where the mean of all channels, as the card prepares them, is above one half: sigmoid(40 (mean − 1/2))."""
    count = len(card["bands"]) + len(card.get("indices", []))
    weights = {"w": np.full((1, count, 1, 1), 40 / count, np.float32), "b": np.array([-20], np.float32)}
    nodes = [helper.make_node("Conv", ["image", "w", "b"], ["c"]), helper.make_node("Sigmoid", ["c"], ["scores"])]
    card = {"model_type": "Segmentor", "heads": [{"classes": [{"id": 1, "name": "bright", "colour": "#ff8800"}]}],
            "tile_size": 128, "overlap": 32, "scale": 1, **card}
    return write(
        path,
        nodes,
        [("image", FLOAT, ["n", count, "h", "w"])],
        [("scores", FLOAT, ["n", 1, "h", "w"])],
        weights,
        {"bitscape_card": json.dumps(card)},
    )


def test_all_outputs_lie_on_the_rasters_pixels_and_agree(tmp_path: Path) -> None:
    pixels = picture(600, 700)
    pixels[:, :130, :90] = 0
    source = raster(tmp_path / "in.tif", pixels, nodata=0)
    model = four_classes(tmp_path / "m.onnx")
    paths = {name: tmp_path / f"{name}.{'gpkg' if name == 'polygons' else 'tif'}"
             for name in ("classes", "scores", "confidence", "polygons")}
    result = segment(model, source, min_area=20_000, **paths)
    known = ~(pixels == 0).all(axis=0)
    classes, scores, confidence = read(paths["classes"])[0], read(paths["scores"]), read(paths["confidence"])[0]
    assert ((classes != 255) == known).all() and ((scores != 255).all(axis=0) == known).all()
    assert ((confidence != 255) == known).all()
    seen = np.where(known, pixels / np.float32(255), 0).astype(np.float32)
    whole = answer(model, seen)[0]
    assert np.abs(scores[:, known] / 254 - whole[:, known]).max() < 0.51 / 254
    top = np.sort(whole, axis=0)
    clear = known & (top[-1] - top[-2] > 1e-4)
    assert (classes == whole.argmax(axis=0))[clear].all()
    assert np.abs(confidence / 254 - (top[-1] - top[-2]))[known].max() < 0.51 / 254
    with rasterio.open(source) as dataset:
        place = (dataset.crs, dataset.transform, dataset.shape)
    for name in ("classes", "scores", "confidence"):
        with rasterio.open(paths[name]) as dataset:
            assert (dataset.crs, dataset.transform, dataset.shape) == place
            assert dataset.overviews(1) and dataset.block_shapes[0] == (512, 512) and dataset.nodata == 255
            record = json.loads(dataset.tags()["BITSCAPE_PROVENANCE"])
            assert record["operation"] == "segmentraster"
            assert [one["name"] for one in record["inputs"]] == ["m.onnx", "in.tif"]
    head = result["heads"][0]
    assert {one["name"]: one["pixels"] for one in head["shares"]} == {
        name: int((classes == int(value)).sum()) for value, name in NAMES.items()}
    # UTM: an area on the ellipsoid is that of the grid by the scale there, 0.9996² in the middle of the zone
    assert sum(one["area"] for one in head["shares"]) == pytest.approx(known.sum() * 0.01 / 0.9996**2, rel=1e-3)
    assert result["pixels"] == 600 * 700 and result["covered_pixels"] == known.sum()
    assert result["provider_used"] == "CPU" and result["seconds"]["model"] > 0
    assert ClassMap.open(paths["classes"]).names == {int(value): name for value, name in NAMES.items()}
    assert ScoreMap.open(paths["scores"]).names == list(NAMES.values())
    _, _, wkb, (names, areas) = pyogrio.raw.read(paths["polygons"], columns=["class", "mapped_ha"])
    assert (
        set(names) <= set(NAMES.values())
        and (areas >= 2).all()
        and len(wkb) == head["polygon_kinds"][0]["count"] + sum(one["count"] for one in head["polygon_kinds"][1:])
    )
    assert shapely.is_valid(shapely.from_wkb(wkb)).all()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".xml") == [
        "classes.tif", "confidence.tif", "in.tif", "m.onnx", "polygons.gpkg", "scores.tif"]


def test_names_and_colours_of_the_card(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", picture(64, 64, 1))
    model = brightness(tmp_path / "m.onnx", {"bands": ["gray"], "scale": 255, "licence": "CC-BY 4.0",
                                             "attribution": "Somebody"})
    segment(model, source, classes=tmp_path / "c.tif")
    with rasterio.open(tmp_path / "c.tif") as dataset:
        tags = dataset.tags()
        assert dataset.colormap(1)[1] == (255, 136, 0, 255) and dataset.colormap(1)[255][3] == 0
    assert (tags["CLASS_0"], tags["CLASS_1"], tags["POSITIVE_CLASS"]) == ("background", "bright", "bright")
    assert "CC-BY 4.0" in tags["LICENSE"] and "Somebody" in tags["ATTRIBUTION"]


def test_polygons_alone_are_those_of_what_is_looked_for(tmp_path: Path) -> None:
    pixels = np.full((1, 90, 90), 10, np.uint8)
    pixels[0, 20:40, 30:70] = 250
    model = brightness(tmp_path / "m.onnx", {"bands": ["gray"], "scale": 255})
    segment(model, raster(tmp_path / "in.tif", pixels), polygons=tmp_path / "p.gpkg")
    _, _, wkb, (names,) = pyogrio.raw.read(tmp_path / "p.gpkg", columns=["class"])
    assert list(names) == ["bright"] and shapely.area(shapely.from_wkb(wkb)).sum() == 20 * 40 * 100
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_any_type_of_pixels(tmp_path: Path, dtype: str) -> None:
    values = np.linspace(1, 250, 120 * 130).reshape(1, 120, 130)
    nodata = {"int16": -9999, "int32": -9999, "float32": float("nan"), "float64": -1.0}.get(dtype, 0)
    pixels = values.astype(dtype)
    pixels[0, :10] = nodata
    model = brightness(tmp_path / "m.onnx", {"bands": ["gray"], "scale": 250})
    segment(model, raster(tmp_path / "in.tif", pixels, nodata=nodata), classes=tmp_path / "c.tif")
    found = read(tmp_path / "c.tif")[0]
    assert (found[:10] == 255).all()
    sure = np.abs(values[0] / 250 - 0.5) > 0.01
    sure[:10] = False
    assert (found == (values[0] > 125))[sure].all()


def test_band_order_by_name_by_hand_and_indices(tmp_path: Path) -> None:
    """The recipe of a water model: reflectance, and NDWI as a channel of its own that alone decides."""
    random = np.random.default_rng(0)
    green, nir = random.uniform(100, 5000, (2, 80, 80)).astype(np.uint16)
    card = {"bands": ["B03", "B08"], "indices": [{"name": "NDWI", "bands": ["B03", "B08"]}], "scale": 10_000,
            "mean": [0.1, 0.2], "std": [1e6, 1e6], "heads": [{"classes": [{"id": 1, "name": "water"}]}],
            "model_type": "Segmentor", "tile_size": 128, "overlap": 32}
    weights = {"w": np.array([1e-3, 1e-3, 50], np.float32).reshape(1, 3, 1, 1)}
    nodes = [helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("Sigmoid", ["c"], ["scores"])]
    model = write(tmp_path / "m.onnx", nodes, [("image", FLOAT, ["n", 3, "h", "w"])],
                  [("scores", FLOAT, ["n", 1, "h", "w"])], weights, {"bitscape_card": json.dumps(card)})
    expected = green.astype(float) > nir
    source = raster(tmp_path / "in.tif", np.stack([nir, green]))
    with rasterio.open(source, "r+") as dataset:
        dataset.set_band_description(1, "B08")
        dataset.set_band_description(2, "B03")
    segment(model, source, classes=tmp_path / "c.tif")
    assert (read(tmp_path / "c.tif")[0] == expected).mean() > 0.998
    segment(model, source, classes=tmp_path / "d.tif", bands=[1, 2])
    assert (read(tmp_path / "d.tif")[0] == ~expected).mean() > 0.998, "the other way round, as was asked for"


def test_area_of_interest_and_extent(tmp_path: Path, write_features: Any) -> None:
    pixels = picture(500, 600)
    source = raster(tmp_path / "in.tif", pixels)
    model = four_classes(tmp_path / "m.onnx")
    segment(model, source, classes=tmp_path / "whole.tif", scores=tmp_path / "whole_scores.tif")
    left, top = 500_000, 5_000_000
    ring = shapely.Polygon([(left + 503, top - 301), (left + 3507.3, top - 808.1), (left + 1501.7, top - 4202.9)])
    far = shapely.box(left + 5501, top - 4808, left + 5801, top - 4602)
    area = write_features(tmp_path / "aoi.gpkg", np.array([ring, far]), {"n": [1, 2]}, "EPSG:32610")
    result = segment(model, source, classes=tmp_path / "part.tif", scores=tmp_path / "part_scores.tif", aoi=area)
    with rasterio.open(tmp_path / "part.tif") as dataset:
        inverse = ~rasterio.open(source).transform @ dataset.transform
        row, column = round(inverse.f), round(inverse.c)
        height, width = dataset.shape
    rows, columns = np.mgrid[row : row + height, column : column + width]
    inside = shapely.contains_xy(shapely.union_all([ring, far]), left + 10 * (columns + 0.5), top - 10 * (rows + 0.5))
    part, whole = read(tmp_path / "part.tif")[0], read(tmp_path / "whole.tif")[0]
    assert ((part != 255) == inside).all()
    assert (part == whole[row : row + height, column : column + width])[inside].mean() > 0.9999
    scores = read(tmp_path / "part_scores.tif").astype(int)
    assert np.abs(scores - read(tmp_path / "whole_scores.tif")[:, row : row + height, column : column + width])[
        :, inside].max() <= 1, "rounding"
    assert result["pixels"] == inside.sum() and result["skipped"] > 0
    segment(model, source, classes=tmp_path / "box.tif", extent=[left + 101, top - 299, left + 199, top - 101])
    assert (read(tmp_path / "box.tif")[0] == whole[10:30, 10:20]).all()


@pytest.mark.parametrize("resolution", [5, 25])
def test_resampled_to_the_models_pixels_and_back(tmp_path: Path, resolution: float) -> None:
    """A network that looks at single pixels says the same at any resolution where the raster is smooth."""
    rows, columns = np.mgrid[:400, :500]
    pixels = (120 + 100 * np.sin(rows / 40) * np.cos(columns / 50))[None].astype(np.float32)
    source = raster(tmp_path / "in.tif", pixels)
    model = brightness(tmp_path / "m.onnx", {"bands": ["gray"], "scale": 250, "resolution": resolution})
    result = segment(model, source, classes=tmp_path / "c.tif", scores=tmp_path / "s.tif")
    assert result["resampled"]
    expected = pixels[0] / 250 > 0.5
    found = read(tmp_path / "c.tif")[0]
    assert found.shape == expected.shape and (found == expected).mean() > 0.995
    sure = np.abs(pixels[0] / 250 - 0.5) > 0.05
    assert (found == expected)[sure].all()


def test_degrees_are_resampled_to_metres(tmp_path: Path) -> None:
    """At 60° north a pixel of a thousandth of a degree is half as wide as it is high."""
    source = raster(
        tmp_path / "in.tif", picture(200, 300, 1), crs="EPSG:4326", transform=Affine(0.001, 0, 15, 0, -0.001, 60)
    )
    model = brightness(tmp_path / "m.onnx", {"bands": ["gray"], "scale": 255, "resolution": 111.4})
    result = segment(model, source, classes=tmp_path / "c.tif")
    assert result["resampled"] and read(tmp_path / "c.tif").shape == (1, 200, 300)


def test_numbers_of_a_regressor(tmp_path: Path, heard: Any) -> None:
    pixels = picture(300, 280)
    pixels[:, :20] = 0
    source = raster(tmp_path / "in.tif", pixels, nodata=0)
    model = regressor(tmp_path / "m.onnx", values=2, metadata=deepness(
        model_type="Regressor", class_names={"0": "height", "1": "biomass"}, reg_output_scaling=100, tile_size=128))
    told = heard()
    result = segment(model, source, told, classes=tmp_path / "n.tif", confidence=tmp_path / "k.tif")
    with rasterio.open(tmp_path / "n.tif") as dataset:
        found = dataset.read()
        assert dataset.dtypes == ("float32", "float32") and np.isnan(dataset.nodata)
        assert dataset.descriptions == ("height", "biomass")
    mean = (pixels / 255).mean(axis=0)
    assert np.isnan(found[:, :20]).all()
    np.testing.assert_allclose(found[0, 20:], 100 * mean[20:], atol=1e-3)
    np.testing.assert_allclose(found[1, 20:], 200 * mean[20:], atol=1e-3)
    band = result["heads"][0]["bands"][1]
    assert (band["name"], band["maximum"]) == ("biomass", pytest.approx(200 * mean[20:].max(), rel=1e-4))
    assert not (tmp_path / "k.tif").exists() and any("no confidence" in text for level, text in told.lines)


def test_a_file_for_each_of_several_heads(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", picture(140, 150))
    card = {"model_type": "Segmentor", "tile_size": 128, "heads": [
        {"name": "cover", "classes": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 5, "name": "c"}]},
        {"name": "cloud", "classes": [{"id": 1, "name": "cloud"}]}]}
    model = two_heads(tmp_path / "m.onnx", metadata={"bitscape_card": json.dumps(card)})
    result = segment(model, source, classes=tmp_path / "map.tif", scores=tmp_path / "score.tif")
    cover, cloud = answer(model, picture(140, 150).astype(np.float32) / 255)
    assert [Path(head["classes"]).name for head in result["heads"]] == ["map_cover.tif", "map_cloud.tif"]
    found = read(tmp_path / "map_cover.tif")[0]
    assert (found == np.array([1, 2, 5])[cover.argmax(axis=0)]).mean() > 0.999
    assert (read(tmp_path / "map_cloud.tif")[0] == (cloud[0] >= 0.5)).mean() > 0.999
    assert read(tmp_path / "score_cover.tif").shape[0] == 3 and read(tmp_path / "score_cloud.tif").shape[0] == 1


def test_threshold_of_the_request_of_the_card_and_of_none(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", picture(256, 256))
    plain, said = four_classes(tmp_path / "m.onnx"), four_classes(tmp_path / "t.onnx", seg_thresh=0.6)
    best = answer(plain, picture(256, 256).astype(np.float32) / 255)[0].max(axis=0)
    for model, more, least in ((plain, {}, 0.0), (plain, {"threshold": 0.7}, 0.7), (said, {}, 0.6)):
        segment(model, source, classes=tmp_path / "c.tif", **more)
        unsure = read(tmp_path / "c.tif")[0] == 255
        clear = np.abs(best - least) > 1e-4
        assert (unsure == (best < least))[clear].all()


def test_small_segments_of_the_card_give_way(tmp_path: Path) -> None:
    pixels = np.full((1, 700, 200), 10, np.uint8)
    pixels[0, 100:160, 50:120] = 250
    speck = (slice(None), slice(510, 514), slice(20, 24))
    pixels[speck] = 250
    source = raster(tmp_path / "in.tif", pixels)
    card = {"bands": ["gray"], "scale": 255}
    segment(brightness(tmp_path / "m.onnx", card), source, classes=tmp_path / "with.tif")
    result = segment(
        brightness(tmp_path / "f.onnx", {**card, "small_segment": 9}), source, classes=tmp_path / "without.tif"
    )
    found = read(tmp_path / "without.tif")
    assert (read(tmp_path / "with.tif")[speck] == 1).all() and (found[speck] == 0).all()
    assert (found[0, 110:150, 60:110] == 1).all()
    assert result["heads"][0]["shares"][1]["pixels"] == (found == 1).sum(), "counted after the filter"


def test_fixed_shape_and_half_precision(tmp_path: Path) -> None:
    pixels = picture(300, 300)
    source = raster(tmp_path / "in.tif", pixels)
    meta = deepness(model_type="Segmentor", class_names=NAMES)
    fixed = segmentor(tmp_path / "fixed.onnx", shape=(2, 128, 128), metadata=meta)
    half = segmentor(tmp_path / "half.onnx", dtype=onnx.TensorProto.FLOAT16, metadata=meta)
    free = segmentor(tmp_path / "free.onnx", metadata=meta)
    whole = answer(free, pixels.astype(np.float32) / 255)[0]
    for model, tolerance in ((fixed, 0.51), (half, 4)):
        segment(model, source, scores=tmp_path / "s.tif", overlap=32, tile=128)
        assert np.abs(read(tmp_path / "s.tif") - 254 * whole).max() < tolerance


def test_cards_beside_and_elsewhere(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", picture(90, 90))
    model = with_metadata(four_classes(tmp_path / "m.onnx"), {})
    card = tmp_path / "elsewhere.json"
    card.write_text(json.dumps({"model_type": "Segmentor", "tile_size": 128, "heads": [
        {"classes": [{"id": number + 10, "name": name} for number, name in enumerate("wxyz")]}]}))
    segment(model, source, classes=tmp_path / "c.tif", card=card)
    assert ClassMap.open(tmp_path / "c.tif").names == {10: "w", 11: "x", 12: "y", 13: "z"}
    assert set(np.unique(read(tmp_path / "c.tif"))) <= {10, 11, 12, 13}
