"""Outputs of YOLO detectors as objects: corners, class, score, and masks where the model draws them.

The six ways in which boxes are laid out are those of the plugin Deepness (``det_type``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.card import DetectorType
from ..inference.heads import sigmoid

ROWS = ("YOLO_v5_or_v7_default", "YOLO_v6")
"""Their output is (boxes, numbers), with an objectness after the box; that of the others is (numbers, boxes)."""
MOST = 3000
"""Objects of one window: the best ones. More than that is noise."""
INSIDE = 0.5
"""From which probability on a pixel belongs to an object's mask."""


@dataclass(frozen=True)
class Objects:
    """Objects of a window. ``corners`` (n, 4, 2) are x and y in its pixels, in order round the box; ``classes`` (n,)
    are numbers of the model's classes in order, ``scores`` (n,) 0 … 1, ``angles`` (n,) radians clockwise on the
    picture, ``coefficients`` (n, masks) what draws masks (0 masks: none)."""

    corners: NDArray[np.float64]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    angles: NDArray[np.float32]
    coefficients: NDArray[np.float32]

    def chosen(self, which: NDArray[Any]) -> Objects:
        """Some of them, by number or by a mask."""
        return Objects(self.corners[which], self.classes[which], self.scores[which], self.angles[which],
                       self.coefficients[which])


def decode(output: NDArray[np.float32], kind: DetectorType, classes: int, threshold: float) -> Objects:
    """The objects in one window's output, of at least ``threshold``, best first, at most 3000.

    ``output`` is (boxes, numbers) for v5 to v7, (numbers, boxes) for later ones; boxes are centre, width and height in
    pixels. The score of v5 and v7 is objectness × the best class's; that of all others is the best class's alone.
    Boxes without an area are left out.
    """
    rows = output if kind in ROWS else output.T
    first = 5 if kind in ROWS else 4
    shares = rows[:, first : first + classes]
    best = shares.argmax(axis=1)
    scores = shares[np.arange(len(rows)), best]
    if kind == "YOLO_v5_or_v7_default":
        scores = scores * rows[:, 4]
    kept = np.flatnonzero((scores >= threshold) & (rows[:, 2] > 0) & (rows[:, 3] > 0))
    kept = kept[np.argsort(-scores[kept], kind="stable")[:MOST]]
    rest = rows[kept, first + classes :]
    turned = kind == "YOLO_Ultralytics_obb"
    angles = rest[:, 0] if turned else np.zeros(len(kept), np.float32)
    return Objects(
        corners_of(rows[kept, :4].astype(np.float64), angles), best[kept], scores[kept].astype(np.float32),
        np.asarray(angles, np.float32), rest if kind == "YOLO_Ultralytics_segmentation" else rest[:, :0])


def corners_of(boxes: NDArray[np.float64], angles: NDArray[np.float32]) -> NDArray[np.float64]:
    """Corners (n, 4, 2) of boxes (n, 4), centre, width and height, turned by angles (n,), clockwise where y points
    down."""
    cosine, sine = np.cos(angles.astype(np.float64)), np.sin(angles.astype(np.float64))
    along = np.stack([cosine, sine], axis=1) * boxes[:, 2:3] / 2
    across = np.stack([-sine, cosine], axis=1) * boxes[:, 3:4] / 2
    centre = boxes[:, :2]
    ends = centre - along, centre + along
    return np.stack([ends[0] - across, ends[1] - across, ends[1] + across, ends[0] + across], axis=1)


def mask_of(
    coefficients: NDArray[np.float32], prototypes: NDArray[np.float32], corners: NDArray[np.float64], side: int
) -> NDArray[np.bool_]:
    """The mask of one object (rows, columns), of the size of the prototypes (masks, rows, columns), within its box;
    ``side`` is that of the window in pixels."""
    count, height, width = prototypes.shape
    shares = sigmoid((coefficients @ prototypes.reshape(count, -1)).reshape(height, width).astype(np.float32))
    left, top = corners.min(axis=0) * (width / side, height / side)
    right, bottom = corners.max(axis=0) * (width / side, height / side)
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    inside: NDArray[np.bool_] = (shares > INSIDE) & (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return inside
