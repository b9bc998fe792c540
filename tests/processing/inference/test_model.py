"""Models of every type: opened, understood, run; and those that do not fit, refused with what was expected and
found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from bitscape.processing.errors import ModelError
from bitscape.processing.inference.model import Model
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.models import deepness

CUDA = "CUDAExecutionProvider"
FOUR = deepness(model_type="Segmentor", class_names={"0": "a", "1": "b", "2": "c", "3": "d"})


def batch(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def plain(path: Path, **feed: np.ndarray) -> list[np.ndarray]:
    """onnxruntime alone."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feed)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_softmax_and_logits_come_to_the_same(tmp_path: Path) -> None:
    image = batch(2, 3, 64, 96)
    done = Model.open(models.segmentor(tmp_path / "a.onnx", metadata=FOUR))
    open_ = Model.open(models.segmentor(tmp_path / "b.onnx", activation="logits", metadata=FOUR))
    assert (done.heads[0].activation, open_.heads[0].activation) == ("probabilities", "softmax")
    assert "logits" in open_.heads[0].reason and "probabilities" in done.heads[0].reason
    (first,), (second,) = done.run(image), open_.run(image)
    assert first.shape == (2, 4, 64, 96) and first.dtype == np.float32
    np.testing.assert_allclose(second, softmax(plain(open_.path, image=image)[0]), atol=1e-6)
    np.testing.assert_allclose(first, second, atol=1e-6)
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-5)
    assert done.heads[0].channel_ids == (0, 1, 2, 3) and [one.name for one in done.heads[0].classes] == list("abcd")
    assert all(one.colour.startswith("#") for one in done.heads[0].classes)


def test_one_sigmoid_channel_in_three_shapes(tmp_path: Path) -> None:
    one = deepness(class_names={"0": "water"})
    image = batch(1, 3, 64, 64)
    results = []
    for name, kind in (("a", "sigmoid"), ("b", "squeezed"), ("c", "logits")):
        model = Model.open(models.segmentor(tmp_path / f"{name}.onnx", classes=1, activation=kind, metadata=one))
        head = model.heads[0]
        assert (head.kind, head.channels, head.channel_ids) == ("binary", 1, (1,))
        assert [(entry.id, entry.name) for entry in head.classes] == [(0, "background"), (1, "water")]
        results += model.run(image)
    for result in results:
        assert result.shape == (1, 1, 64, 64)
        np.testing.assert_allclose(result, results[0], atol=1e-6)
    named = Model.open(models.segmentor(tmp_path / "d.onnx", classes=1, activation="sigmoid",
                                        metadata=deepness(class_names={"0": "dry", "1": "wet"})))
    assert [entry.name for entry in named.heads[0].classes] == ["dry", "wet"]


def test_independent_classes(tmp_path: Path) -> None:
    model = Model.open(models.segmentor(tmp_path / "a.onnx", activation="sigmoid", metadata=FOUR))
    head = model.heads[0]
    assert head.kind == "several" and head.channel_ids == (1, 2, 3, 4), "not a sum of one: 0 is where none is likely"
    assert [(one.id, one.name) for one in head.classes] == [(0, "background"), (1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_class_numbers(tmp_path: Path) -> None:
    image = batch(1, 3, 40, 40)
    model = Model.open(models.segmentor(tmp_path / "a.onnx", activation="argmax", metadata=FOUR))
    (found,) = model.run(image)
    numbers = plain(model.path, image=image)[0]
    assert found.shape == (1, 4, 40, 40) and set(np.unique(found)) == {0, 1}
    assert np.array_equal(found.argmax(axis=1), numbers) and len(np.unique(numbers)) > 1
    with pytest.raises(ModelError, match=r"class numbers.*fill in the classes"):
        Model.open(models.segmentor(tmp_path / "b.onnx", activation="argmax"))
    few = Model.open(models.segmentor(tmp_path / "c.onnx", activation="argmax",
                                      metadata=deepness(class_names={"0": "a", "1": "b"})))
    with pytest.raises(ModelError, match=r"class numbers \[2, 3\], which its card does not name"):
        few.run(image)


def test_two_heads_by_order_and_by_name(tmp_path: Path) -> None:
    names = [{"0": "bare", "1": "grass", "2": "trees"}, {"0": "cloud"}]
    model = Model.open(models.two_heads(tmp_path / "a.onnx", metadata=deepness(class_names=names)))
    found = [(head.name, head.kind, head.channels) for head in model.heads]
    assert found == [("cover", "classes", 3), ("cloud", "binary", 1)]
    cover, cloud = model.run(batch(1, 3, 64, 64))
    assert cover.shape[1] == 3 and cloud.shape[1] == 1
    only = tmp_path / "a.card.json"
    only.write_text('{"heads": [{"name": "cloud", "classes": [{"id": 7, "name": "cloud", "colour": "#ffffff"}]}]}')
    model = Model.open(tmp_path / "a.onnx")
    assert [(head.name, head.output, head.channel_ids) for head in model.heads] == [("cloud", 1, (7,))]
    np.testing.assert_array_equal(model.run(batch(1, 3, 64, 64))[0], cloud)


def test_the_card_settles_the_activation(tmp_path: Path) -> None:
    card = tmp_path / "a.card.json"
    model = models.segmentor(tmp_path / "a.onnx", activation="logits", metadata=FOUR)
    image = batch(1, 3, 64, 64)
    card.write_text('{"heads": [{"activation": "none"}]}')
    raw = Model.open(model, "cpu").run(image)[0]
    np.testing.assert_array_equal(raw, plain(model, image=image)[0])
    card.write_text('{"heads": [{"activation": "sigmoid"}]}')
    opened = Model.open(model)
    assert opened.heads[0].kind == "several" and opened.heads[0].reason == "the card says so"
    np.testing.assert_allclose(opened.run(image)[0], 1 / (1 + np.exp(-raw.astype(np.float64))), atol=1e-6)


@pytest.mark.parametrize("size", [64, "any"])
def test_channels_last(tmp_path: Path, size: int | str) -> None:
    image = batch(2, 3, 64, 64)
    model = Model.open(models.channels_last(tmp_path / "a.onnx", size=size, metadata=FOUR))
    assert (model.inputs.layout, model.inputs.channels, model.inputs.size) == ("NHWC", 3, 64 if size == 64 else None)
    (found,) = model.run(image)
    expected = plain(model.path, image=np.ascontiguousarray(image.transpose(0, 2, 3, 1)))[0].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("shape", "layout"), [
    ((1, 3, 512, 512), "NCHW"), ((1, 512, 512, 3), "NHWC"), ((1, 128, 64, 64), "NCHW"), ((1, 64, 64, 128), "NHWC"),
    ((None, 3, None, None), "NCHW"), ((None, None, None, 3), "NHWC"), ((1, 4, 4, 4), "NCHW"),
    ((None, 256, 256, 13), "NHWC"),
    ((None, 13, 256, 256), "NCHW"),
])
def test_which_axis_the_channels_are(shape: tuple, layout: str) -> None:
    from bitscape.processing.inference.model_input import _layout

    assert _layout(list(shape)) == layout


def test_half_precision_and_fixed_batches(tmp_path: Path) -> None:
    image = batch(3, 3, 64, 64)
    whole = Model.open(models.segmentor(tmp_path / "a.onnx", metadata=FOUR))
    half = Model.open(models.segmentor(tmp_path / "b.onnx", dtype=models.HALF, metadata=FOUR))
    fixed = Model.open(models.segmentor(tmp_path / "c.onnx", shape=(2, 64, 64), metadata=FOUR))
    single = Model.open(models.segmentor(tmp_path / "d.onnx", shape=(1, 64, 64), metadata=FOUR))
    assert (half.inputs.dtype, half.file.precision, whole.file.precision) == ("float16", "float16", "float32")
    assert (fixed.inputs.batch, fixed.tile_size, whole.inputs.size, whole.tile_size) == (2, 64, None, 512)
    expected = whole.run(image)[0]
    np.testing.assert_allclose(half.run(image)[0], expected, atol=0.01)
    np.testing.assert_allclose(fixed.run(image)[0], expected, atol=1e-6)
    np.testing.assert_allclose(single.run(image)[0], expected, atol=1e-6)
    assert half.run(image)[0].dtype == np.float32
    for wrong in (batch(1, 4, 64, 64), batch(1, 3, 32, 32), batch(3, 64, 64), batch(0, 3, 64, 64)):
        with pytest.raises(ModelError, match=r"takes float32, 3 channels, tiles of 64 pixels.*given a batch of shape"):
            fixed.run(wrong)


def test_eight_bit_input(tmp_path: Path) -> None:
    from onnx import helper

    path = models.write(
        tmp_path / "a.onnx", [helper.make_node("Cast", ["image"], ["f"], to=models.FLOAT),
                              helper.make_node("Conv", ["f", "w"], ["c"]),
                              helper.make_node("Sigmoid", ["c"], ["scores"])],
        [("image", models.UINT8, ["n", 3, "h", "w"])], [("scores", models.FLOAT, ["n", 1, "h", "w"])],
        {"w": np.full((1, 3, 1, 1), 0.001, np.float32)})
    model = Model.open(path)
    assert (model.inputs.dtype, model.card.scale) == ("uint8", 1), "it takes pixels as they are"
    image = np.full((1, 3, 8, 8), 200.4, np.float32)
    image[0, 0, 0, :2] = -5, 300
    (found,) = model.run(image)
    expected = 1 / (1 + np.exp(-0.001 * np.clip(np.rint(image), 0, 255).sum(axis=1, keepdims=True)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_regressor(tmp_path: Path) -> None:
    image = batch(2, 3, 32, 32)
    scaled = {**deepness(model_type="Regressor", reg_output_scaling=10)}
    for squeezed in (False, True):
        model = Model.open(models.regressor(tmp_path / f"{squeezed}.onnx", squeezed=squeezed, metadata=scaled))
        (found,) = model.run(image)
        np.testing.assert_allclose(found, 10 * image.mean(axis=1, keepdims=True), atol=1e-5)
        assert (model.heads[0].kind, model.heads[0].name) == ("numbers", "height")
    several = Model.open(models.regressor(tmp_path / "c.onnx", values=3))
    np.testing.assert_allclose(several.run(image)[0][:, 2], 3 * image.mean(axis=1), atol=1e-5)


@pytest.mark.parametrize("how", ["resize", "depth"])
@pytest.mark.parametrize("factor", [2, 4])
def test_superresolution(tmp_path: Path, how: str, factor: int) -> None:
    model = Model.open(models.superresolution(tmp_path / "a.onnx", factor=factor, how=how))
    assert (model.heads[0].kind, model.heads[0].scale, model.heads[0].margin) == ("image", factor, 0)
    image = batch(1, 3, 32, 32)
    np.testing.assert_array_equal(model.run(image)[0], image.repeat(factor, axis=2).repeat(factor, axis=3))


def test_recognition(tmp_path: Path) -> None:
    model = Model.open(models.recognition(tmp_path / "a.onnx", dimensions=24))
    assert (model.heads[0].kind, model.heads[0].channels) == ("vector", 24)
    assert model.run(batch(5, 3, 32, 32))[0].shape == (5, 24)


@pytest.mark.parametrize(("kind", "numbers", "classes"), [
    ("YOLO_v5_or_v7_default", 8, 3), ("YOLO_v6", 8, 3), ("YOLO_v9", 7, 3), ("YOLO_Ultralytics", 7, 3),
    ("YOLO_Ultralytics_obb", 8, 3), ("YOLO_Ultralytics_segmentation", 39, 3),
])
def test_detectors_of_each_type(tmp_path: Path, kind: str, numbers: int, classes: int) -> None:
    boxes = np.random.default_rng(0).random((20, numbers)).astype(np.float32)
    masks = np.ones((32, 40, 40), np.float32) if kind.endswith("segmentation") else None
    path = models.detector(tmp_path / "a.onnx", kind, boxes, masks, size=160)
    model = Model.open(path)
    assert (model.card.model_type, model.card.det_type) == ("Detector", kind)
    assert [head.kind for head in model.heads] == (["boxes", "prototypes"] if masks is not None else ["boxes"])
    assert len(model.heads[0].classes) == classes and model.heads[0].channels == numbers
    found = model.run(batch(1, 3, 160, 160))
    late = kind not in ("YOLO_v5_or_v7_default", "YOLO_v6")
    np.testing.assert_allclose(found[0][0].T if late else found[0][0], boxes, rtol=1e-6)
    wrong = models.deepness(model_type="Detector", det_type=kind, class_names={"0": "only"})
    with pytest.raises(ModelError, match=rf"of the type {kind}: expected \d+ numbers a box and 1 classes; found"):
        Model.open(models.with_metadata(path, wrong))


def test_outputs_of_another_size(tmp_path: Path) -> None:
    """A model without padding cuts its margin; one with a stride halves."""
    from onnx import helper

    weights = {"w": models.convolution(3, 2, 3)}
    for name, more, expected in (("cut", {}, (1.0, 3)), ("half", {"pads": [3] * 4, "strides": [2, 2]}, (0.5, 0))):
        for shape in (models.ANY, (1, 128, 128)):
            nodes = [helper.make_node("Conv", ["image", "w"], ["c"], **more),
                     helper.make_node("Softmax", ["c"], ["scores"], axis=1)]
            side = list(shape[1:]) if shape is not models.ANY else ["h", "w"]
            path = models.write(tmp_path / f"{name}.onnx", nodes, [("image", models.FLOAT, [1, 3, *side])],
                                [("scores", models.FLOAT, [1, 2, "H", "W"])], weights, deepness(model_type="Segmentor"))
            head = Model.open(path).heads[0]
            assert (head.scale, head.margin) == expected, (name, shape)


def test_what_the_card_does_not_say_is_guessed_and_told(tmp_path: Path) -> None:
    boxes = np.ones((20, 7), np.float32)
    made = {
        "Segmentor": models.segmentor(tmp_path / "a.onnx"),
        "Superresolution": models.superresolution(tmp_path / "b.onnx", metadata={}),
        "Recognition": models.recognition(tmp_path / "c.onnx", metadata={}),
        "Detector": models.detector(tmp_path / "d.onnx", "YOLO_v6", boxes, metadata={}),
    }  # fmt: skip
    for kind, path in made.items():
        model = Model.open(path)
        assert model.card.model_type == kind and model.card.source("model_type") == "default"
        assert any(f"taken for a {kind}" in note for note in model.notes)


@pytest.mark.parametrize("kind", ["Segmentor", "Regressor", "Superresolution", "Recognition", "Detector"])
def test_a_model_of_another_type_is_refused(tmp_path: Path, kind: str) -> None:
    said = deepness(model_type=kind)
    if kind in ("Segmentor", "Regressor", "Superresolution"):
        path = models.recognition(tmp_path / "a.onnx", metadata=said)
    else:
        path = models.segmentor(tmp_path / "a.onnx", metadata=said)
    with pytest.raises(ModelError, match=rf"fit as a {kind}: expected .*; for a tile of 128 pixels it gives '\w+' f"):
        Model.open(path)


def test_inputs_that_do_not_fit(tmp_path: Path) -> None:
    from onnx import helper

    def path(inputs: list[tuple[str, int, list]]) -> Path:
        nodes = [helper.make_node("Identity", [inputs[0][0]], ["out"])]
        return models.write(tmp_path / "a.onnx", nodes, inputs, [("out", inputs[0][1], inputs[0][2])])

    expected = r"expected one image as a tensor of four axes .* found "
    for inputs, found in (
        ([("x", models.FLOAT, [1, 3, 8])], r"'x' float \(1, 3, 8\)"),
        ([("x", models.INT64, [1, 3, 8, 8])], r"'x' int64"),
        ([("x", models.FLOAT, [1, 3, 8, 8]), ("date", models.FLOAT, [1])], r"'date' float \(1\)"),
    ):
        with pytest.raises(ModelError, match=expected + ".*" + found):
            Model.open(path(inputs))
    with pytest.raises(ModelError, match=r"tiles of 64 × 32 pixels.*expected square"):
        Model.open(path([("x", models.FLOAT, [1, 3, 64, 32])]))
    with pytest.raises(ModelError, match="600 channels"):
        Model.open(path([("x", models.FLOAT, [1, 600, 700, 700])]))
    with pytest.raises(ModelError, match=r"leaves open how many channels .* Fill in the bands"):
        Model.open(path([("x", models.FLOAT, ["n", "c", "h", "w"])]))


def test_a_card_that_does_not_fit_the_model(tmp_path: Path) -> None:
    path = models.segmentor(tmp_path / "a.onnx", shape=(1, 64, 64))
    card = tmp_path / "a.card.json"
    for text, words in (
        ('{"bands": ["B02", "B03"]}', "names 2 bands and 0 indices; a.onnx takes 3 channels"),
        ('{"mean": [1, 2]}', "2 numbers for 'mean'; a.onnx takes 3 channels"),
        ('{"tile_size": 512}', "tiles of 512 pixels; a.onnx takes only 64"),
        ('{"heads": [{"classes": [{"id": 0, "name": "x"}]}]}', r"names 1 classes \(x\); the output 'scores' has 4 ch"),
        ('{"heads": [{}, {}]}', "describes 2 outputs; the model has 1"),
        ('{"model_type": "Recognition"}', "does not fit as a Recognition"),
        ('{"bands": [""]}', "bands.0"),
    ):
        card.write_text(text)
        with pytest.raises(ModelError, match=words):
            Model.open(path)
        problems: list[str] = []
        model = Model.open(path, problems=problems)
        assert len(problems) >= 1 and model.heads, "described nevertheless, so that a form can mend it"


def test_mean_and_deviation_for_every_channel(tmp_path: Path) -> None:
    path = models.segmentor(tmp_path / "a.onnx", channels=3)
    card = tmp_path / "a.card.json"
    bands = {"bands": ["B03", "B08"], "indices": [{"name": "NDWI", "bands": ["B03", "B08"]}]}
    for said, mean, std in (
        ({}, [0, 0, 0], [1, 1, 1]),
        ({"mean": [0.5], "std": [2]}, [0.5] * 3, [2] * 3),
        ({**bands, "mean": [1, 2], "std": [3, 4]}, [1, 2, 0], [3, 4, 1]),
        ({**bands, "mean": [1], "std": [3]}, [1, 1, 0], [3, 3, 1]),
        ({**bands, "mean": [1, 2, 3], "std": [4, 5, 6]}, [1, 2, 3], [4, 5, 6]),
    ):
        card.write_text(json.dumps(said))
        found = Model.open(path).card
        assert (found.mean, found.std) == (mean, std)
