"""A detector that sees: it finds bright cells of a picture, each exactly, in every layout of YOLO's outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bitscape.tests.processing.inference.models import FLOAT, deepness, write
from onnx import helper

CELL = 16


def bright_cells(path: Path, det_type: str = "YOLO_v9", side: int = 128, size: float = CELL, **keys: object) -> Path:
    """One box of ``size`` pixels for each cell of 16 × 16 of a window of ``side``; its score is the cell's mean."""
    count = (side // CELL) ** 2
    centres = (np.stack(np.meshgrid(np.arange(side // CELL), np.arange(side // CELL)), -1).reshape(-1, 2) + 0.5) * CELL
    boxes = np.concatenate([centres, np.full((count, 2), size)], axis=1).T[None].astype(np.float32)
    early = det_type in ("YOLO_v5_or_v7_default", "YOLO_v6")
    nodes = [helper.make_node("AveragePool", ["image"], ["p"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
             helper.make_node("Reshape", ["p", "flat"], ["s"])]
    parts = ["boxes", *(["one"] if early else []), "s", *(["angle"] if det_type.endswith("obb") else [])]
    weights = {"flat": np.array([1, 1, count]), "boxes": boxes, "one": np.ones((1, 1, count), np.float32),
               "angle": np.zeros((1, 1, count), np.float32)}
    nodes.append(helper.make_node("Concat", parts, ["r" if early else "out"], axis=1))
    if early:
        nodes.append(helper.make_node("Transpose", ["r"], ["out"], perm=[0, 2, 1]))
    rows = 4 + len(parts) - 1
    shape = [1, count, rows] if early else [1, rows, count]
    used = {name: value for name, value in weights.items() if name == "flat" or name in parts}
    metadata = deepness(model_type="Detector", det_type=det_type, det_conf=0.7, det_iou_thresh=0.5,
                        class_names={"0": "light"}, **keys)
    return write(path, nodes, [("image", FLOAT, [1, 1, side, side])], [("out", FLOAT, shape)], used, metadata)
