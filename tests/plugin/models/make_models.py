"""Writes small ONNX models into a folder; runs in the backend's Python, where onnx is.

``cover``: water, plants and bare ground from four bands of reflectance, by plain differences, with a whole card;
``bare``: the same without any metadata; ``fixed``: windows of 64 pixels only; ``height``: a regressor; ``finer``: twice
as many pixels; ``slow``: ``cover`` with so many layers that a view takes its time; ``broken``: no model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

CARD: dict[str, Any] = {
    "name": "Land cover of tests", "model_type": "Segmentor", "description": "Water, plants and bare ground.",
    "heads": [{"classes": [
        {"id": 0, "name": "bare ground", "colour": "#c8a46e"}, {"id": 1, "name": "plants", "colour": "#2f8f3a"},
        {"id": 2, "name": "water", "colour": "#2a6fbb"}], "activation": "probabilities"}],
    "bands": ["B02", "B03", "B04", "B08"], "scale": 10000, "tile_size": 128, "overlap": 16, "resolution": 10,
    "training_data": "None: three differences of bands, written by hand.", "licence": "CC0-1.0",
    "attribution": "Bitscape's tests", "accuracy": [
        {"measure": "agreement", "value": 0.873, "on": "nothing that was measured", "note": "An example of a figure."}],
    "limits": "Clouds are taken for bare ground.",
}
WEIGHTS = np.array([[0, 0, 0, 0], [0, 0, -60, 30], [0, 90, 0, -90]], np.float32)


def write(path: Path, nodes: list[Any], outputs: list[Any], weights: dict[str, Any], card: Any, size: Any = None,
          finer: bool = False) -> None:
    side = [size, size] if size else ["h", "w"]
    graph = helper.make_graph(
        nodes, "test", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 4, *side])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, *(side if not finer else ["H", "W"])])
         for name, channels in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    for key, value in (card or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    path.write_bytes(model.SerializeToString())


def segmentor(path: Path, card: Any, size: Any = None, layers: int = 0) -> None:
    nodes, weights, name = [], {"w": WEIGHTS[:, :, None, None]}, "image"
    rng = np.random.default_rng(0)
    for layer in range(layers):
        wide = 48
        shape = (wide, 4 if layer == 0 else wide, 3, 3)
        weights[f"k{layer}"] = (rng.standard_normal(shape) * 1e-6).astype(np.float32)
        nodes.append(helper.make_node("Conv", [name, f"k{layer}"], [f"c{layer}"], pads=[1] * 4))
        name = f"c{layer}"
    nodes.append(helper.make_node("Conv", ["image", "w"], ["logits"]))
    if layers:
        weights["last"] = np.zeros((3, 48, 1, 1), np.float32)
        nodes += [helper.make_node("Conv", [name, "last"], ["nothing"]),
                  helper.make_node("Add", ["logits", "nothing"], ["sum"])]
    nodes.append(helper.make_node("Softmax", ["sum" if layers else "logits"], ["cover"], axis=1))
    write(path, nodes, [("cover", 3)], weights, card, size)


def main(folder: Path) -> None:
    whole = {"bitscape_card": CARD}
    segmentor(folder / "cover.onnx", whole)
    segmentor(folder / "bare.onnx", None)
    segmentor(folder / "fixed.onnx", None, size=64)
    segmentor(folder / "slow.onnx", {"bitscape_card": {**CARD, "name": "Slow"}}, layers=24)
    mean = np.full((1, 4, 1, 1), 0.25, np.float32)
    write(folder / "height.onnx", [helper.make_node("Conv", ["image", "w"], ["height"])], [("height", 1)], {"w": mean},
          {"model_type": "Regressor", "bitscape_card": {"bands": CARD["bands"], "scale": 10000, "resolution": 10}})
    factor = np.array([1, 1, 2, 2], np.float32)
    resize = helper.make_node("Resize", ["image", "", "s"], ["fine"], mode="nearest")
    write(folder / "finer.onnx", [resize], [("fine", 4)], {"s": factor},
          {"model_type": "Superresolution", "bitscape_card": {
              "bands": CARD["bands"], "scale": 10000, "resolution": 10}}, finer=True)
    (folder / "broken.onnx").write_bytes(b"no model at all" * 40)


main(Path(sys.argv[1]))
