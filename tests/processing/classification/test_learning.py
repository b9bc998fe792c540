"""The learning curve of labels from a file: in an order of its own, whole labels at a time, up to all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.processing.classification.learning import NEEDED, curve_of, in_random_order
from bitscape.processing.classification.lesson import validate
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.progress import Progress
from bitscape.tests.processing.classification.lessons import folds_of, lesson_of


def test_the_last_point_is_what_training_says(made_sample: Any) -> None:
    tiles = Tiles.open(made_sample.tiles)
    lesson = lesson_of(tiles, made_sample.labels)
    curve = curve_of(in_random_order(lesson, 0), 0, 10, 0, 2, Progress())
    assert curve.clicks[-1] == len(lesson.sample.classes) and curve.clicks == sorted(set(curve.clicks))
    for values, folds in zip((curve.random, curve.spatial), folds_of(lesson, tiles), strict=True):
        figures = validate(lesson.problem, lesson.sample, folds, lesson.positive, 0, 2, [], Progress())[0]
        assert figures is not None and values[-1] == pytest.approx((figures.f1, figures.f1_std))


def test_the_order_does_not_depend_on_the_file(made_sample: Any) -> None:
    lesson = lesson_of(Tiles.open(made_sample.tiles), made_sample.labels)
    names = np.random.default_rng(5).permutation(1 + int(lesson.sample.features.max()))
    other = lesson.renumbered(names[lesson.sample.features])
    first, second = (in_random_order(one, 3).sample.features for one in (lesson, other))
    np.testing.assert_array_equal(first, second)
    assert sorted(set(first.tolist())) == list(range(len(np.unique(lesson.sample.features))))
    assert not np.array_equal(first, in_random_order(lesson, 4).sample.features)


def test_the_pixels_of_a_polygon_come_together(scene_tiles: Path, write_features: Any, grid: Any, tmp_path: Path,
                                               scene: Any) -> None:
    import shapely

    boxes, classes = [], []
    for row in range(0, 600, 50):
        for column in range(0, 700, 50):
            west, south = grid.transform.c + column * 10 + 100, grid.transform.f + row * 10 + 100
            boxes.append(shapely.box(west, south, west + 50, south + 50))
            classes.append("change" if scene[1][row, column] == 2 else "other")
    path = write_features(tmp_path / "p.gpkg", np.array(boxes), {"label": classes}, grid.crs.to_wkt())
    lesson = in_random_order(lesson_of(Tiles.open(scene_tiles), path), 0)
    labels = len(np.unique(lesson.sample.features))
    curve = curve_of(lesson, 0, 10, 0, 2, Progress())
    assert curve.clicks[-1] == labels < len(lesson.sample.classes)
    few = replace(lesson, names=(*lesson.names, "none"))
    none = curve_of(few, 0, 10, 0, 2, Progress())
    assert none.clicks == [] and str(NEEDED) in none.reason
