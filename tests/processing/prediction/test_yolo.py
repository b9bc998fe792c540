"""Boxes of every kind of detector, read by hand; turned corners against complex numbers; masks within their box."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.prediction.yolo import MOST, corners_of, decode, mask_of
from hypothesis import given
from hypothesis import strategies as st

BOX = (50.0, 40.0, 20.0, 10.0)
CORNERS = [[40, 35], [60, 35], [60, 45], [40, 45]]


@pytest.mark.parametrize(("kind", "row", "score"), [
    ("YOLO_v5_or_v7_default", (*BOX, 0.5, 0.2, 0.8), 0.4),
    ("YOLO_v6", (*BOX, 0.5, 0.2, 0.8), 0.8),
    ("YOLO_v9", (*BOX, 0.2, 0.8), 0.8),
    ("YOLO_Ultralytics", (*BOX, 0.2, 0.8), 0.8),
    ("YOLO_Ultralytics_segmentation", (*BOX, 0.2, 0.8, 1.5, -2.5), 0.8),
    ("YOLO_Ultralytics_obb", (*BOX, 0.2, 0.8, 0.0), 0.8),
])
def test_a_box_of_each_kind(kind: str, row: tuple[float, ...], score: float) -> None:
    output = np.array([row, np.zeros(len(row))], np.float32)
    late = kind not in ("YOLO_v5_or_v7_default", "YOLO_v6")
    found = decode(output.T if late else output, kind, 2, 0.3)
    assert found.classes.tolist() == [1]
    assert found.scores == pytest.approx([score])
    assert found.corners.tolist() == [CORNERS]
    assert found.coefficients.tolist() == ([[1.5, -2.5]] if kind.endswith("segmentation") else [[]])


def test_objectness_counts_only_where_it_is_part_of_the_score() -> None:
    row = np.array([[*BOX, 0.5, 0.8]], np.float32)
    assert len(decode(row, "YOLO_v5_or_v7_default", 1, 0.5).scores) == 0
    assert len(decode(row, "YOLO_v6", 1, 0.5).scores) == 1


def test_best_first_and_not_more_than_can_be_meant() -> None:
    random = np.random.default_rng(0)
    rows = np.concatenate([np.tile(BOX, (5000, 1)), random.random((5000, 1))], axis=1).astype(np.float32)
    found = decode(rows.T, "YOLO_v9", 1, 0.0)
    assert len(found.scores) == MOST
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores[0] == rows[:, 4].max()


def test_boxes_without_an_area_are_left_out() -> None:
    rows = np.array([[5, 5, 0, 3, 1], [5, 5, 3, -1, 1], [5, 5, 3, 3, 1]], np.float32)
    assert len(decode(rows.T, "YOLO_v9", 1, 0.5).scores) == 1


@given(st.floats(-np.pi, np.pi), st.floats(1, 50), st.floats(1, 50))
def test_turned_corners_are_rotations(angle: float, width: float, height: float) -> None:
    found = corners_of(np.array([[7.0, 9.0, width, height]]), np.array([angle], np.float32))[0]
    flat = np.array([-width - 1j * height, width - 1j * height, width + 1j * height, -width + 1j * height]) / 2
    turned = flat * np.exp(1j * np.float32(angle)) + 7 + 9j
    assert found[:, 0] + 1j * found[:, 1] == pytest.approx(turned, abs=1e-5)


def test_a_mask_is_drawn_within_its_box() -> None:
    prototypes = np.stack([np.full((16, 16), 4.0), np.tile(np.linspace(-8, 8, 16), (16, 1))]).astype(np.float32)
    corners = np.array([[16, 8], [48, 8], [48, 40], [16, 40]], np.float64)  # of 64 pixels: columns 4 to 11, rows 2 to 9
    everywhere = mask_of(np.array([1, 0], np.float32), prototypes, corners, 64)
    assert everywhere.sum() == 8 * 8
    assert everywhere[2:10, 4:12].all()
    right = mask_of(np.array([0, 1], np.float32), prototypes, corners, 64)
    assert (right == (everywhere & (np.arange(16) >= 8))).all()
