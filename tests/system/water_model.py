"""A small ONNX model for QGIS's tests, made by the backend's Python: QGIS's own has no onnx."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bitscape.plugin.backend.environment import backend_python

CARD = {
    "name": "Water by NDWI", "model_type": "Segmentor", "bands": ["B03", "B08"], "scale": 10_000, "tile_size": 64,
    "overlap": 32, "resolution": 10, "indices": [{"name": "NDWI", "bands": ["B03", "B08"]}], "licence": "CC0-1.0",
    "attribution": "Made for a test.",
    "heads": [{"activation": "sigmoid", "classes": [
        {"id": 0, "name": "land", "colour": "#c8b090"}, {"id": 1, "name": "water", "colour": "#1f78b4"}]}],
}
MAKE = """
import json, sys
import numpy as np
from onnx import TensorProto, helper, numpy_helper
weights = np.zeros((1, 3, 3, 3), np.float32)
weights[0, 2] = 20 / 9
graph = helper.make_graph(
    [helper.make_node("Conv", ["image", "w"], ["logits"], pads=[1] * 4)], "water",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, "h", "w"])],
    [numpy_helper.from_array(weights, "w")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 9
entry = model.metadata_props.add()
entry.key, entry.value = "bitscape_card", sys.argv[2]
open(sys.argv[1], "wb").write(model.SerializeToString())
"""


def make_water_model(path: Path, **more: object) -> Path:
    """The model: sigmoid(20 × the mean NDWI of 3 × 3 pixels)."""
    card = json.dumps({**CARD, **more})
    subprocess.run([str(backend_python()), "-I", "-c", MAKE, str(path), card], check=True, capture_output=True)
    return path
