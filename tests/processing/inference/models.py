"""Small ONNX models of every kind, built in tests. Their answers can be worked out by hand or with numpy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
FLOAT, HALF, UINT8, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT64
ANY = ("n", "h", "w")
"""Batch, height and width left open."""


def deepness(**keys: Any) -> dict[str, str]:
    """Metadata as Deepness's tools write it: JSON text per key."""
    return {key: json.dumps(value) for key, value in keys.items()}


def write(path: Path, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any],
          weights: dict[str, NDArray[Any]] | None = None, metadata: dict[str, str] | None = None) -> Path:
    """A model file of these nodes; ``inputs`` and ``outputs`` are (name, type, shape)."""
    graph = helper.make_graph(
        list(nodes), "test", [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="bitscape-tests")
    model.ir_version = 9
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    return path


def convolution(channels: int, outputs: int, radius: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """Weights (outputs, channels, 2 radius + 1, 2 radius + 1) of a layer whose answers stay around one."""
    side = 2 * radius + 1
    random = np.random.default_rng(seed)
    weights = random.standard_normal((outputs, channels, side, side)) / np.sqrt(channels * side * side)
    return weights.astype(np.float32)


def segmentor(path: Path, channels: int = 3, classes: int = 4, activation: str = "softmax", shape: tuple = ANY,
              radius: int = 1, layers: int = 1, metadata: dict[str, str] | None = None, dtype: int = FLOAT,
              seed: int = 0, gain: float = 3.0) -> Path:
    """``layers`` convolutions of (2 radius + 1)² with ReLU between, zero padding; then ``activation``: "softmax", "
    ""sigmoid",
    "logits", "squeezed" (sigmoid as [B, H, W]), "argmax" (class numbers [B, H, W], int64). A receptive field of
    layers × radius pixels to each side. ``shape`` is batch, height and width, numbers or names."""
    batch, height, width = shape
    nodes, weights, name = [], {}, "image"
    for layer in range(layers):
        last = layer == layers - 1
        size = classes if last else 8
        kernel = convolution(channels if layer == 0 else 8, size, radius, seed + layer) * (gain if last else 1.5)
        weights[f"w{layer}"] = kernel.astype(np.float16 if dtype == HALF else np.float32)
        nodes.append(helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], pads=[radius] * 4))
        name = f"c{layer}"
        if not last:
            nodes.append(helper.make_node("Relu", [name], [f"r{layer}"]))
            name = f"r{layer}"
    kind, out = dtype, [batch, classes, height, width]
    if activation == "softmax":
        nodes.append(helper.make_node("Softmax", [name], ["scores"], axis=1))
    elif activation == "sigmoid":
        nodes.append(helper.make_node("Sigmoid", [name], ["scores"]))
    elif activation == "logits":
        nodes.append(helper.make_node("Identity", [name], ["scores"]))
    elif activation == "squeezed":
        weights["axes"] = np.array([1])
        nodes += [helper.make_node("Sigmoid", [name], ["s"]), helper.make_node("Squeeze", ["s", "axes"], ["scores"])]
        out = [batch, height, width]
    elif activation == "argmax":
        nodes.append(helper.make_node("ArgMax", [name], ["scores"], axis=1, keepdims=0))
        kind, out = INT64, [batch, height, width]
    else:
        raise ValueError(activation)
    image = [("image", dtype, [batch, channels, height, width])]
    return write(path, nodes, image, [("scores", kind, out)], weights, metadata)


def two_heads(path: Path, channels: int = 3, metadata: dict[str, str] | None = None) -> Path:
    """A softmax head of three classes, "cover", and a sigmoid head of one, "cloud"."""
    nodes = [
        helper.make_node("Conv", ["image", "a"], ["x"], pads=[1] * 4),
        helper.make_node("Softmax", ["x"], ["cover"], axis=1),
        helper.make_node("Conv", ["image", "b"], ["y"], pads=[1] * 4), helper.make_node("Sigmoid", ["y"], ["cloud"]),
    ]
    return write(path, nodes, [("image", FLOAT, ["n", channels, "h", "w"])],
                 [("cover", FLOAT, ["n", 3, "h", "w"]), ("cloud", FLOAT, ["n", 1, "h", "w"])],
                 {"a": convolution(channels, 3), "b": convolution(channels, 1, seed=1)}, metadata)


def channels_last(path: Path, channels: int = 3, size: int | str = 64, metadata: dict[str, str] | None = None) -> Path:
    """[B, H, W, C] in, softmax [B, H, W, 4] out, as exports from TensorFlow are."""
    side = ["h", "w"] if isinstance(size, str) else [size, size]
    nodes = [
        helper.make_node("Transpose", ["image"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w"], ["c"], pads=[1] * 4), helper.make_node("Softmax", ["c"], ["s"], axis=1),
        helper.make_node("Transpose", ["s"], ["scores"], perm=[0, 2, 3, 1]),
    ]
    return write(path, nodes, [("image", FLOAT, ["n", *side, channels])], [("scores", FLOAT, ["n", *side, 4])],
                 {"w": convolution(channels, 4)}, metadata)


def regressor(path: Path, channels: int = 3, values: int = 1, squeezed: bool = False,
              metadata: dict[str, str] | None = None) -> Path:
    """The mean of the channels, times 1, 2 … for each of ``values``."""
    weights = np.stack([np.full((channels, 1, 1), (value + 1) / channels, np.float32) for value in range(values)])
    nodes = [helper.make_node("Conv", ["image", "w"], ["v" if squeezed else "height"])]
    more = {"w": weights}
    if squeezed:
        nodes.append(helper.make_node("Squeeze", ["v", "axes"], ["height"]))
        more["axes"] = np.array([1])
    shape = ["n", "h", "w"] if squeezed else ["n", values, "h", "w"]
    return write(path, nodes, [("image", FLOAT, ["n", channels, "h", "w"])], [("height", FLOAT, shape)], more,
                 deepness(model_type="Regressor") if metadata is None else metadata)


def superresolution(path: Path, channels: int = 3, factor: int = 2, how: str = "resize",
                    metadata: dict[str, str] | None = None) -> Path:
    """The picture with every pixel repeated ``factor`` times each way, by "resize" or by "depth" (depth to space)."""
    metadata = deepness(model_type="Superresolution") if metadata is None else metadata
    inputs, outputs = [("image", FLOAT, ["n", channels, "h", "w"])], [("fine", FLOAT, ["n", channels, "H", "W"])]
    if how == "resize":
        node = helper.make_node("Resize", ["image", "", "scales"], ["fine"], mode="nearest",
                                coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return write(path, [node], inputs, outputs, {"scales": np.array([1, 1, factor, factor], np.float32)}, metadata)
    weights = np.repeat(np.eye(channels, dtype=np.float32), factor * factor, axis=0)[:, :, None, None]
    nodes = [helper.make_node("Conv", ["image", "w"], ["c"]),
             helper.make_node("DepthToSpace", ["c"], ["fine"], blocksize=factor, mode="CRD")]
    return write(path, nodes, inputs, outputs, {"w": weights}, metadata)


def recognition(path: Path, channels: int = 3, dimensions: int = 16, metadata: dict[str, str] | None = None) -> Path:
    """The mean of each channel over the tile, projected to ``dimensions`` numbers."""
    weights = np.random.default_rng(2).standard_normal((channels, dimensions)).astype(np.float32)
    nodes = [helper.make_node("GlobalAveragePool", ["image"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("MatMul", ["f", "w"], ["vector"])]
    return write(path, nodes, [("image", FLOAT, ["n", channels, "h", "w"])], [("vector", FLOAT, ["n", dimensions])],
                 {"w": weights}, deepness(model_type="Recognition") if metadata is None else metadata)


def detector(path: Path, det_type: str, boxes: NDArray[np.float32], prototypes: NDArray[np.float32] | None = None,
             size: int | str = 640, channels: int = 3, names: Sequence[str] = (), conf: float = 0.5,
             metadata: dict[str, str] | None = None) -> Path:
    """A detector that always finds ``boxes``: (boxes, numbers), as the ``det_type`` has them in its rows:

    - YOLO_v5_or_v7_default, YOLO_v6: x, y, width, height, objectness, classes …;
    - YOLO_v9, YOLO_Ultralytics: x, y, width, height, classes …; …_segmentation: then coefficients of masks;
      …_obb: classes …, then the angle.

    The output is (1, boxes, numbers) for the first two, (1, numbers, boxes) for the others; x, y are the tile's pixels.
    ``prototypes`` (masks, rows, columns) are the second output of the segmentation type. The image has no part in the
    answer, but its brightness: a tile of zeros alone has no objects (all scores are multiplied by 0).
    """
    late = det_type not in ("YOLO_v5_or_v7_default", "YOLO_v6")
    rows = boxes.T if late else boxes
    scored = np.zeros(boxes.shape[1], np.float32)
    first = 4 if late else 5
    masks = 0 if prototypes is None else len(prototypes)
    last = boxes.shape[1] - masks - (det_type == "YOLO_Ultralytics_obb")
    scored[first if late else 4 : last] = 1
    scored = scored[:, None] if late else scored[None, :]
    weights = {
        "still": (rows * (1 - scored))[None].astype(np.float32), "moving": (rows * scored)[None].astype(np.float32),
        "axes": np.array([1, 2, 3]), "most": np.array(1, np.float32), "many": np.array(1e6, np.float32),
        "flat": np.array([-1, 1, 1]),
    }
    nodes = [
        helper.make_node("Abs", ["image"], ["a"]),
        helper.make_node("ReduceMax", ["a"], ["m"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["m", "many"], ["k"]), helper.make_node("Min", ["k", "most"], ["on0"]),
        helper.make_node("Reshape", ["on0", "flat"], ["on"]),
        helper.make_node("Mul", ["moving", "on"], ["scores"]),
        helper.make_node("Add", ["scores", "still"], ["output0"]),
    ]
    del weights["axes"]
    side = ["h", "w"] if isinstance(size, str) else [size, size]
    outputs = [("output0", FLOAT, ["n", *rows.shape])]
    if prototypes is not None:
        weights |= {"prototypes": prototypes[None].astype(np.float32), "four": np.array([-1, 1, 1, 1])}
        nodes += [helper.make_node("Reshape", ["on0", "four"], ["on4"]),
                  helper.make_node("Mul", ["prototypes", "on4"], ["output1"])]
        outputs.append(("output1", FLOAT, ["n", *prototypes.shape]))
    count = last - first
    given = list(names) or [f"thing {number}" for number in range(count)]
    if metadata is None:
        metadata = deepness(model_type="Detector", det_type=det_type, det_conf=conf, det_iou_thresh=0.5, resolution=10,
                            class_names={str(number): name for number, name in enumerate(given)})
    return write(path, nodes, [("image", FLOAT, ["n", channels, *side])], outputs, weights, metadata)


def broken_numbers(path: Path, channels: int = 3, metadata: dict[str, str] | None = None) -> Path:
    """log(x) and 1 − log(x) as scores: NaN wherever the first channel is negative."""
    nodes = [helper.make_node("Slice", ["image", "zero", "one", "axis"], ["first"]),
             helper.make_node("Log", ["first"], ["l"]),
             helper.make_node("Sub", ["one_f", "l"], ["r"]), helper.make_node("Concat", ["l", "r"], ["scores"], axis=1)]
    weights = {"zero": np.array([0]), "one": np.array([1]), "axis": np.array([1]), "one_f": np.array(1, np.float32)}
    return write(path, nodes, [("image", FLOAT, ["n", channels, "h", "w"])], [("scores", FLOAT, ["n", 2, "h", "w"])],
                 weights, deepness(model_type="Segmentor") if metadata is None else metadata)


def slow(path: Path, channels: int = 3, steps: int = 4000) -> Path:
    """Some seconds of work a tile of 512 pixels, in many small steps: a sigmoid of a long chain of sines."""
    nodes = [helper.make_node("Conv", ["image", "w"], ["a0"])]
    nodes += [helper.make_node("Sin", [f"a{step}"], [f"a{step + 1}"]) for step in range(steps)]
    nodes.append(helper.make_node("Sigmoid", [f"a{steps}"], ["scores"]))
    return write(path, nodes, [("image", FLOAT, ["n", channels, "h", "w"])], [("scores", FLOAT, ["n", 1, "h", "w"])],
                 {"w": convolution(channels, 1, 0)}, deepness(model_type="Segmentor", class_names={"0": "thing"}))


def greedy(path: Path, limit: int = 300) -> Path:
    """Wants terabytes for tiles of more than ``limit`` pixels: it repeats its answer once for every pixel beyond."""
    weights = {"limit": np.array(limit), "zero": np.array([0]), "one": np.array([1]), "two": np.array([2]),
               "three": np.array([3]),
               "many": np.array([40_000_000]), "w": convolution(3, 1, 0), "axes": np.array([0])}
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("Sigmoid", ["c"], ["s"]),
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Slice", ["shape", "two", "three", "zero"], ["side"]),
        helper.make_node("Sub", ["side", "limit"], ["over"]), helper.make_node("Max", ["over", "zero"], ["beyond"]),
        helper.make_node("Mul", ["beyond", "many"], ["times0"]), helper.make_node("Max", ["times0", "one"], ["times"]),
        helper.make_node("Concat", ["times", "one", "one", "one"], ["target"], axis=0),
        helper.make_node("Expand", ["s", "target"], ["big"]),
        helper.make_node("ReduceMax", ["big"], ["scores"], axes=[0], keepdims=1),
    ]
    return write(path, nodes, [("image", FLOAT, [1, 3, "h", "w"])], [("scores", FLOAT, [1, 1, "h", "w"])], weights,
                 deepness(model_type="Segmentor", class_names={"0": "thing"}))


def external(path: Path, location: str) -> Path:
    """A model whose weights are in the file ``location``: (1, 3, 1, 1) float32."""
    tensor = TensorProto(name="w", data_type=FLOAT, data_location=TensorProto.EXTERNAL, dims=[1, 3, 1, 1])
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("Sigmoid", ["c"], ["scores"])], "test",
        [helper.make_tensor_value_info("image", FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", FLOAT, ["n", 1, "h", "w"])], [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


def foreign(path: Path) -> Path:
    """A model with an operator of somebody's own."""
    graph = helper.make_graph(
        [helper.make_node("Sharpen", ["image"], ["scores"], domain="my.company")], "test",
        [helper.make_tensor_value_info("image", FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", FLOAT, ["n", 3, "h", "w"])],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("my.company", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


def with_metadata(path: Path, metadata: dict[str, str]) -> Path:
    """The model again, with this metadata instead of its own."""
    model = onnx.load(path)
    del model.metadata_props[:]
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    return path
