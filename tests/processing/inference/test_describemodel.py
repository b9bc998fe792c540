"""describemodel and savecard: what a form is told, and what it remembers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError, ModelError, OutputError
from bitscape.processing.inference.card import CardFields
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.models import deepness
from bitscape.tests.processing.rasters import write_raster

FOUR = deepness(model_type="Segmentor", class_names={"0": "a", "1": "b", "2": "c", "3": "d"}, resolution=1000)
BANDS = ["B02", "B03", "B04", "B08", "B11", "B12"]


def describe(model: Path, **more: Any) -> dict[str, Any]:
    found = operations.run("describemodel", {"model": str(model), **more}, Progress())
    json.dumps(found, allow_nan=False)
    return found


def save(model: Path, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return operations.run("savecard", {"model": str(model), "fields": fields, **more}, Progress())


def test_everything_a_form_shows(tmp_path: Path, shared_data: Path) -> None:
    path = models.segmentor(tmp_path / "cover.onnx", channels=6, layers=2, metadata=FOUR)
    sentinel = str(shared_data / "s2_timeseries/eolearn_s2l1c_ref_0.tif")
    naip = str(shared_data / "chesapeake_rsc/1717_image.tif")
    found = describe(path, rasters=[sentinel, naip, "/nowhere/x.tif"], provider="cpu")
    assert (found["name"], found["model_type"], found["size"]) == ("cover", "Segmentor", path.stat().st_size)
    assert found["parameters"] == 8 * 6 * 9 + 4 * 8 * 9 and found["precision"] == "float32"
    assert found["input"]["text"] == "float32, 6 channels, tiles of any size, any batch"
    assert (found["tile_size"], found["tile_fixed"], found["overlap"], found["resolution"]) == (512, False, 78, 10)
    (head,) = found["heads"]
    assert [(one["id"], one["name"], len(one["colour"])) for one in head["classes"]] == [
        (0, "a", 7), (1, "b", 7), (2, "c", 7), (3, "d", 7)]
    assert (found["provider_used"], found["fallback"], found["provider"]) == ("CPU", "", "cpu")
    assert any(one["key"] == "cuda" for one in found["providers"]) and "core" in found["machine"]
    assert set(found["sources"]) == set(CardFields.model_fields) - {"version"} <= set(found["card"])
    assert found["sources"]["resolution"] == "metadata" and found["sources"]["scale"] == "default"
    assert not found["problems"] and found["sidecar"] == ""
    text = " ".join(found["warnings"])
    assert "which bands" in text and "divided by 255" in text and "licence" in text and "accuracy" in text
    assert found["needed"] == [f"channel {n}" for n in range(1, 7)]
    first, second, third = found["rasters"]
    assert first["proposed"] == [1, 2, 3, 4, 5, 6] and "first 6 of 13" in first["warnings"][0]
    assert any("A scale of 10000 would fit" in one for one in first["warnings"])
    assert len(first["bands"]) == 13 and first["bands"][1]["name"] == "B02" and first["bands"][1]["range"][1] > 1000
    assert second["problems"] and "needs 6 bands" in second["problems"][0]
    assert any("10 m a pixel" in one and "finer (1 m)" in one for one in second["warnings"])
    assert "There is no file" in third["problems"][0]


def test_a_form_is_remembered(tmp_path: Path, shared_data: Path) -> None:
    path = models.segmentor(tmp_path / "cover.onnx", channels=9)
    raster = str(shared_data / "s2_timeseries/eolearn_s2l1c_ref_0.tif")
    indices = [{"name": "NDWI", "bands": ["B03", "B08"]}, {"name": "MNDWI", "bands": ["B03", "B12"]},
               {"name": "NDVI", "bands": ["B08", "B04"]}]
    fields = {"bands": BANDS, "indices": indices, "scale": 10_000, "mean": [0.1] * 6, "std": [0.2] * 6,
              "licence": "CC0", "resolution": 10,
              "heads": [{"classes": [{"id": n, "name": name} for n, name in enumerate("abcd")]}]}
    saved = save(path, fields)
    assert saved["sidecar"] == str(tmp_path / "cover.card.json")
    found = describe(path, rasters=[raster])
    assert found["sidecar"] == saved["sidecar"] and not found["problems"]
    assert {found["sources"][name] for name in fields} == {"form"}
    assert found["card"]["mean"] == [0.1] * 6 + [0] * 3 and found["card"]["std"] == [0.2] * 6 + [1] * 3
    (fit,) = found["rasters"]
    assert fit["proposed"] == [2, 3, 4, 8, 12, 13] and not fit["warnings"] and not fit["problems"]
    assert [one["name"] for one in fit["channels"]] == [*BANDS, "NDWI", "MNDWI", "NDVI"]
    save(path, {"threshold": 0.25, "licence": None})
    again = describe(path)
    assert again["card"]["threshold"] == 0.25 and again["card"]["bands"] == BANDS, "what was said before stays"
    assert again["licence"] == "" and again["sources"]["licence"] == "default", "None takes it back"


@pytest.mark.parametrize(("fields", "words"), [
    ({"bands": ["B02"]}, "names 1 bands and 0 indices; cover.onnx takes 6 channels"),
    ({"std": [0] * 6}, r"'std\.0' is 0.*greater than 0"),
    ({"colour": "red"}, "no field 'colour'"),
    ({"heads": [{"classes": [{"id": 0, "name": "only"}]}]}, "names 1 classes"),
    ({"model_type": "Recognition"}, "does not fit as a Recognition"),
    ({"mean": [1, 2]}, "2 numbers for 'mean'"),
    ({"resolution": "nan"}, "resolution"),
])
def test_a_wrong_form_changes_nothing(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    path = models.segmentor(tmp_path / "cover.onnx", channels=6, metadata=FOUR)
    save(path, {"licence": "CC0"})
    before = (tmp_path / "cover.card.json").read_bytes()
    with pytest.raises(ModelError, match=words):
        save(path, fields)
    assert (tmp_path / "cover.card.json").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cover.card.json", "cover.onnx"]


def test_a_broken_sidecar_is_mended_by_the_form(tmp_path: Path) -> None:
    path = models.segmentor(tmp_path / "cover.onnx", channels=6, metadata=FOUR)
    sidecar = tmp_path / "cover.card.json"
    sidecar.write_text('{"std": [0, 0, 0, 0, 0, 0], "licence": "CC0"}')
    found = describe(path)
    assert "std.0" in found["problems"][0] and found["licence"] == "CC0"
    save(path, {"std": [2] * 6})
    assert not describe(path)["problems"] and describe(path)["licence"] == "CC0"
    sidecar.write_text("no JSON")
    with pytest.raises(ModelError, match=r"not JSON text\. Mend or remove it"):
        describe(path)


def test_a_card_elsewhere(tmp_path: Path) -> None:
    path = models.segmentor(tmp_path / "cover.onnx", channels=6, metadata=FOUR)
    folder = tmp_path / "cards"
    folder.mkdir()
    save(path, {"licence": "MIT"}, card=str(folder / "mine.json"))
    assert describe(path)["licence"] == "" and describe(path, card=str(folder / "mine.json"))["licence"] == "MIT"
    with pytest.raises(OutputError, match="does not exist"):
        save(path, {"licence": "MIT"}, card=str(tmp_path / "none" / "mine.json"))
    with pytest.raises(ModelError, match="There is no card"):
        describe(path, card=str(tmp_path / "none.json"))


def test_providers_and_requests_that_are_wrong(tmp_path: Path) -> None:
    path = models.segmentor(tmp_path / "cover.onnx", channels=6, metadata=FOUR)
    found = describe(path, provider="cuda", threads=1)
    if not next(one for one in found["providers"] if one["key"] == "cuda")["offered"]:
        assert found["provider_used"] == "CPU" and "CUDA (NVIDIA) is not in" in found["fallback"]
    assert found["threads"] == 1
    with pytest.raises(InputError, match="no provider named 'abacus'"):
        describe(path, provider="abacus")
    with pytest.raises(InputError, match="threads"):
        describe(path, threads=-1)
    with pytest.raises(ModelError, match="There is no model"):
        describe(tmp_path / "none.onnx")
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        operations.run("describemodel", {"model": str(path)}, progress)


def test_pixels_in_degrees_are_compared_in_metres(tmp_path: Path) -> None:
    from affine import Affine

    path = models.segmentor(tmp_path / "cover.onnx", channels=3, metadata=FOUR)
    for degrees, expected in ((10 / 111_320, ""), (1 / 111_320, "finer"), (100 / 111_320, "coarser")):
        raster = write_raster(tmp_path / "a.tif", np.ones((3, 9, 9), np.uint8), crs="EPSG:4326",
                              transform=Affine(degrees, 0, 10, 0, -degrees, 0))
        (fit,) = describe(path, rasters=[str(raster)])["rasters"]
        text = " ".join(fit["warnings"])
        assert expected in text if expected else "m a pixel" not in text
