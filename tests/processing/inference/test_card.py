"""Cards: Deepness's keys, ours, sidecars; where each value came from, and what hostile ones come to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bitscape.processing.errors import ModelError, OutputError
from bitscape.processing.inference.card import MAX_CARD, Card, CardFields
from bitscape.processing.inference.card_file import card_json, read_card, save_sidecar, sidecar_path
from bitscape.processing.inference.palette import class_colours
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference.models import deepness

MODEL = Path("/nowhere/roads.onnx")


def test_deepness_keys_as_they_are() -> None:
    reading = read_card(MODEL, deepness(
        model_type="Segmentor", class_names={"0": "not road", "1": "road"}, resolution=21, tile_size=256,
        tiles_overlap=20,
        standardization_mean=[0.4, 0.5, 0.6], standardization_std=[0.1, 0.2, 0.3], seg_thresh=0.7, seg_small_segment=11,
        reg_output_scaling=2.5, det_conf=0.3, det_iou_thresh=0.4, det_type="YOLO_v9"))
    card = reading.card
    assert not reading.problems and not reading.notes
    assert (card.model_type, card.resolution, card.tile_size, card.overlap_pixels(256)) == ("Segmentor", 0.21, 256, 52)
    assert [(one.id, one.name) for one in card.heads[0].classes] == [(0, "not road"), (1, "road")]
    assert (card.mean, card.std, card.scale, card.offset) == ([0.4, 0.5, 0.6], [0.1, 0.2, 0.3], 255, 0)
    assert (card.threshold, card.small_segment, card.reg_output_scaling) == (0.7, 11, 2.5)
    assert (card.det_conf, card.det_iou_thresh, card.det_type) == (0.3, 0.4, "YOLO_v9")
    assert card.source("resolution") == "metadata" and card.source("bands") == "default"


def test_spellings_of_deepness_keys() -> None:
    def read(**keys: str) -> Card:
        reading = read_card(MODEL, keys)
        assert not reading.problems, reading.problems
        return reading.card

    assert read(tiles_size="640").tile_size == 640
    assert read(tile_size="512", tiles_size="640").tile_size == 512
    assert read(model_type='"segmentor"').model_type == read(model_type="Segmentor").model_type == "Segmentor"
    assert [one.name for one in read(names="{0: 'car', 1: 'tree'}").heads[0].classes] == ["car", "tree"]
    heads = read(class_names='[{"0": "a", "1": "b"}, {"0": "c"}]').heads
    assert [[one.name for one in head.classes] for head in heads] == [["a", "b"], ["c"]]
    assert [one.name for one in read(class_names='["a", "b"]').heads[0].classes] == ["a", "b"]
    both = read(class_names='{"0": "counts"}', names="{0: 'does not'}")
    assert both.heads[0].classes[0].name == "counts"
    unsorted = read(class_names=json.dumps({str(n): f"c{n}" for n in (10, 2, 1, 0, 3, 4, 5, 6, 7, 8, 9)}))
    assert [one.id for one in unsorted.heads[0].classes] == list(range(11))
    exported = read(task="segment", stride="32", names="{0: 'pool'}", imgsz="[640, 640]")
    assert (exported.model_type, exported.det_type) == ("Detector", "YOLO_Ultralytics_segmentation")
    assert read().model_dump() == Card().model_dump(), "nothing said, all defaults"


@pytest.mark.parametrize(("key", "value", "words"), [
    ("resolution", '"fine"', "centimetres"),
    ("resolution", "0", "resolution"),
    ("resolution", "NaN", "resolution"),
    ("resolution", "-3", "resolution"),
    ("tile_size", "512.5", "whole number"),
    ("tile_size", "1000000", "tile_size"),
    ("class_names", '{"0": "a", "2": "b"}', "numbered from 0.*0, 2"),
    ("class_names", '{"zero": "a"}', "numbered from 0"),
    ("class_names", "[]", "numbered from 0"),
    ("class_names", json.dumps({str(n): "x" for n in range(1001)}), "numbered from 0"),
    ("model_type", '"Oracle"', "one of Segmentor"),
    ("det_type", '"YOLO_v99"', "YOLO_v5_or_v7_default"),
    ("seg_thresh", "1.5", "threshold"),
    ("seg_thresh", "true", "seg_thresh"),
    ("tiles_overlap", "Infinity", "overlap_percent"),
    ("bitscape_card", "{", "not JSON"),
    ("bitscape_card", "[1]", "JSON object"),
    ("bitscape_card", '{"std": [0.0]}', "std.0.*greater than 0"),
    ("bitscape_card", '{"std": [1e999]}', "std.0"),
    ("bitscape_card", '{"mean": ["x"]}', "mean.0.*'x'"),
    ("bitscape_card", '{"favourite": 1}', "favourite.*no field"),
    ("bitscape_card", '{"bands": ["' + "x" * 201 + '"]}', "bands.0"),
    ("bitscape_card", json.dumps({"bands": ["x"] * 513}), "bands"),
    ("bitscape_card", '{"heads": [{"classes": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}]}', "same id"),
    ("bitscape_card", '{"heads": [{"classes": [{"id": 1, "name": "a", "colour": "red"}]}]}', "colour"),
    ("bitscape_card", '{"version": 2}', "version"),
    ("bitscape_card", '{"sources": {"bands": "form"}}', "sources.*no field"),
    ("bitscape_card", " " * (MAX_CARD + 1), "at most"),
    ("bitscape_card", "[" * 100_000, "not JSON"),
    ("names", "(" * 100_000, "numbered from 0"),
])
def test_what_is_wrong_is_named_and_left_out(key: str, value: str, words: str) -> None:
    reading = read_card(MODEL, {"seg_small_segment": "7", key: value})
    assert len(reading.problems) == 1 and re.search(words, reading.problems[0]), reading.problems
    assert len(reading.problems[0]) < 1000, "hostile values are not quoted at length"
    assert reading.card.small_segment == 7, "the rest counts"
    assert reading.card.resolution is None and reading.card.std == [] and reading.card.heads == []


def test_half_a_standardisation() -> None:
    reading = read_card(MODEL, deepness(standardization_mean=[0.5]))
    assert "without its counterpart" in reading.problems[0] and reading.card.mean == []


def test_a_sidecar_wins_and_says_so(tmp_path: Path) -> None:
    model = tmp_path / "roads.onnx"
    metadata = {**deepness(resolution=100, seg_thresh=0.5, tile_size="oops"),
                "bitscape_card": json.dumps({"bands": ["red", "green"], "licence": "CC0"})}
    assert len(read_card(model, metadata).problems) == 1
    sidecar = sidecar_path(model)
    assert sidecar.name == "roads.card.json"
    said = {"resolution": 0.5, "tile_size": 256, "threshold": 0.5, "form_fields": ["tile_size"]}
    sidecar.write_text(json.dumps(said))
    reading = read_card(model, metadata)
    assert reading.problems == [], "the sidecar says better what the metadata got wrong"
    assert len(reading.notes) == 1 and "counts: resolution." in reading.notes[0], "only what differs"
    card = reading.card
    assert (card.resolution, card.tile_size, card.bands) == (0.5, 256, ["red", "green"])
    found = {name: card.source(name) for name in ("resolution", "tile_size", "threshold", "bands", "licence", "std")}
    assert found == {"resolution": "sidecar", "tile_size": "form", "threshold": "sidecar", "bands": "metadata",
                     "licence": "metadata", "std": "default"}
    elsewhere = tmp_path / "other.json"
    elsewhere.write_text('{"resolution": 3}')
    assert read_card(model, metadata, elsewhere).card.resolution == 3
    sidecar.rename(tmp_path / "roads.onnx.card.json")
    assert read_card(model, metadata).card.resolution == 0.5, "the longer name is found too"


@pytest.mark.parametrize(("content", "words"), [
    (b"\xff\xfe\x00", "not JSON"), (b"[]", "JSON object"), (b"", "not JSON"),
    (b"{" + b" " * MAX_CARD + b"}", "larger than"),
])
def test_a_file_that_is_no_card(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "roads.card.json").write_bytes(content)
    with pytest.raises(ModelError, match=words):
        read_card(tmp_path / "roads.onnx", {})
    with pytest.raises(ModelError, match="There is no card"):
        read_card(tmp_path / "roads.onnx", {}, tmp_path / "none.json")


def test_saved_and_read_again(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "bands": ["B02", "B03"], "indices": [{"name": "NDWI", "bands": ["B03", "B08"]}], "scale": 10000,
        "mean": [0.1, 0.2], "std": [0.3, 0.4],
        "heads": [{"name": "", "classes": [{"id": 0, "name": "Land"}, {"id": 1, "name": "Wässer — 水"}]}],
        "accuracy": "IoU .8 on one place",
    }
    path = tmp_path / "water.card.json"
    save_sidecar(path, said, {"scale", "gone"}, Progress())
    reading = read_card(tmp_path / "water.onnx", {})
    card = reading.card
    assert not reading.problems and card.heads[0].classes[1].name == "Wässer — 水"
    assert (card.bands, card.scale, card.indices[0].bands) == (["B02", "B03"], 10000, ("B03", "B08"))
    assert card.source("scale") == "form" and card.source("bands") == "sidecar"
    assert card.accuracy[0].measure == "IoU .8 on one place"
    inside = read_card(MODEL, {"bitscape_card": card_json(card)})
    assert inside.card.model_dump() == card.model_dump() and not inside.problems, "the metadata hold the same"
    before = path.read_bytes()
    with pytest.raises(ModelError, match=r"std\.0"):
        save_sidecar(path, {"std": [-1]}, set(), Progress())
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == ["water.card.json"]
    with pytest.raises(OutputError, match="does not exist"):
        save_sidecar(tmp_path / "none" / "x.card.json", {}, set(), Progress())


def test_overlap_in_pixels() -> None:
    assert Card().overlap_pixels(512) == 78, "15 % of 512 is 76.8: rounded up to an even number"
    assert Card(overlap=64).overlap_pixels(512) == 64 and Card(overlap=63).overlap_pixels(512) == 64
    assert Card(overlap=500).overlap_pixels(512) == 256, "never more than half"
    assert Card(overlap=0).overlap_pixels(512) == 0


def test_changed_checks_and_keeps_sources() -> None:
    card = Card(bands=["a"], sources={"bands": "sidecar"})
    other = card.changed("form", scale=10.0)
    assert (other.source("scale"), other.source("bands"), card.scale) == ("form", "sidecar", 255)
    with pytest.raises(ValueError, match="scale"):
        card.changed(scale=0)
    with pytest.raises(ValueError, match="frozen"):
        card.scale = 3  # type: ignore[misc]
    assert set(CardFields.model_fields) < set(Card.model_fields)


def luminance(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def test_colours_differ_for_every_eye() -> None:
    """Deuteranopia and protanopia simulated with Viénot's matrices (1999), on linear light."""
    import numpy as np

    colours = class_colours(["background", *(f"class {n}" for n in range(7))])
    assert colours[0] == "#bbbbbb" and len(set(colours)) == 8
    assert len(set(class_colours([f"c{n}" for n in range(60)]))) == 60
    linear = np.array([luminance(colour) for colour in colours]) ** 2.2
    lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    for blind in ([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]):
        seen = (linear @ lms.T @ np.array(blind).T @ np.linalg.inv(lms).T).clip(0, 1) ** (1 / 2.2)
        away = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(len(seen), 1)]
        assert away.min() > 0.12, "two classes look alike"
