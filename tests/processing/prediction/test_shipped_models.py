"""The models that come with Bitscape: small, with whole cards, and on what they never saw as good as these say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from bitscape.processing import operations
from bitscape.processing.inference.model import Model
from bitscape.processing.progress import Progress
from rasterio.transform import from_origin

MODELS = Path(__file__).resolve().parents[3] / "models"
SHIPPED = sorted(MODELS.glob("*.onnx"))
ROAD, HIDDEN_ROAD, NO_MASK = 9, 12, 255


def figure(model: Path, measure: str) -> float:
    """A figure of a model's card."""
    (found,) = [one.value for one in Model.open(model).card.accuracy if one.measure == measure][:1]
    assert found is not None
    return found


def test_they_are_small() -> None:
    assert {path.stem for path in SHIPPED} == {"roads", "water"}
    assert sum(path.stat().st_size for path in SHIPPED) <= 10_000_000


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_cards_are_whole_and_say_what_they_rest_on(path: Path) -> None:
    card = Model.open(path).card
    for field in ("name", "description", "training_data", "licence", "attribution", "limits", "bands", "accuracy"):
        assert getattr(card, field), field
        assert card.source(field) == "metadata"
    assert card.heads[0].classes[1].name in ("road", "water")
    for one in card.accuracy:
        assert "never trained on" in one.on
    if path.stem == "water":
        assert any("regression check, not quality" in one.note for one in card.accuracy)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_they_tell_nothing_of_where_they_were_made(path: Path) -> None:
    content = path.read_bytes()
    for trace in (b"site-packages", b"segmentation_network.py", b"/home/"):
        assert trace not in content


def test_recipes_fit_the_cards() -> None:
    for path in SHIPPED:
        recipe = json.loads(path.with_suffix(".recipe.json").read_text(encoding="utf-8"))
        card = Model.open(path).card
        assert recipe["title"] == card.name
        assert recipe["scale"] == card.scale
        assert [one["name"] for one in recipe["classes"]] == [one.name for one in card.heads[0].classes]


def test_roads_of_an_image_never_seen(shared_data: Path, tmp_path: Path) -> None:
    """Against its real mask, through segmentraster: the figures of the card."""
    folder = shared_data / "chesapeake_rsc"
    model = MODELS / "roads.onnx"
    operations.run("segmentraster", {"model": str(model), "input": str(folder / "2762_image.tif"),
                                     "classes": str(tmp_path / "roads.tif")}, Progress())
    with rasterio.open(tmp_path / "roads.tif") as made, rasterio.open(folder / "2762_mask.tif") as mask:
        found, truth = made.read(1) == 1, mask.read(1)
        assert made.crs == mask.crs
        assert made.transform == mask.transform
    road, known = np.isin(truth, (ROAD, HIDDEN_ROAD)), truth != NO_MASK
    iou = (found & road & known).sum() / ((found | road) & known).sum()
    assert iou == pytest.approx(figure(model, "IoU road"), abs=0.005)
    assert found[truth == ROAD].mean() == pytest.approx(figure(model, "found of road in view"), abs=0.005)
    assert found[truth == HIDDEN_ROAD].mean() > 0.4


def test_water_against_indices_and_none_on_farmland(shared_data: Path, tmp_path: Path) -> None:
    """The lake against positive NDWI and MNDWI (the model's own bands: a regression check), and no water on fields."""
    model = MODELS / "water.onnx"
    with rasterio.open(shared_data / "s2_seasonal" / "ssl4eos12_0121563_1.tif") as source:
        pixels, crs = source.read(), source.crs
    names = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
    lake = tmp_path / "lake.tif"
    with rasterio.open(lake, "w", driver="GTiff", width=264, height=264, count=12, dtype="int16", crs=crs,
                       transform=from_origin(400_000, 3_500_000, 10, 10)) as target:
        target.write(pixels)
        target.descriptions = names
    operations.run("segmentraster", {"model": str(model), "input": str(lake), "classes": str(tmp_path / "w.tif")},
                   Progress())
    with rasterio.open(tmp_path / "w.tif") as made:
        found = made.read(1)[:, 182:] == 1
    green, nir, swir = (pixels[band, :, 182:].astype(float) for band in (2, 7, 11))
    wet = (green > nir) & (green > swir)
    assert (found & wet).sum() / (found | wet).sum() > 0.9
    fields = shared_data / "s2_timeseries" / "eolearn_s2l1c_ref_2.tif"
    operations.run("segmentraster", {"model": str(model), "input": str(fields), "classes": str(tmp_path / "f.tif")},
                   Progress())
    with rasterio.open(tmp_path / "f.tif") as made:
        assert (made.read(1) == 1).mean() < 0.02
