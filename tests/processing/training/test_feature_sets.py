"""Feature sets: what each brings and costs, on the same folds; rasters that are not the tiles' own are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from bitscape.processing import operations
from bitscape.processing.compression.basis import basis_path
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.embeddings.mapping import dequantise
from bitscape.processing.errors import GridMismatch, InputError
from bitscape.processing.executors import open_executor
from bitscape.processing.progress import Progress
from bitscape.processing.training import feature_sets
from bitscape.processing.training.feature_sets import Compared, compare, open_embeddings, thinned
from bitscape.tests.processing.classification.lessons import folds_of, lesson_of
from rasterio.windows import Window


def compared(tiles: Tiles, labels: Path, embeddings: list[str]) -> tuple[list[Compared], list[str]]:
    lesson = lesson_of(tiles, labels)
    warnings: list[str] = []
    stack = open_embeddings(embeddings, tiles) if embeddings else None
    return compare(lesson, tiles, stack, folds_of(lesson, tiles), 0, 2, warnings, Progress()), warnings


def rewritten(source: str, path: Path, change: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
              **profile: Any) -> str:
    with rasterio.open(source) as raster:
        pixels, options, tags = change(raster.read()), raster.profile, raster.tags()
    options.update({"count": pixels.shape[0], "height": pixels.shape[1], "width": pixels.shape[2], **profile})
    with rasterio.open(path, "w", **options) as raster:
        raster.write(pixels)
        raster.update_tags(**tags)
    return str(path)


def test_more_components_and_then_all_dimensions_agree_better(made_sample: Any) -> None:
    """DeltaBit's published order, PCA-3 < PCA-8 < 64 dimensions, on the plugin's own sample."""
    found, warnings = compared(Tiles.open(made_sample.tiles), made_sample.labels, made_sample.embeddings)
    assert warnings == []
    few, own, every = (one for one in found if one.kind == "difference 2020 → 2024")
    assert (few.components, own.components, every.components) == (3, 8, None)
    assert (few.bytes, own.bytes, every.bytes) == (3, 8, 128) and every.dimensions == 64
    assert not few.own and own.own and not every.own
    for kind in ("random", "spatial"):
        values = [getattr(one, kind).f1 for one in (few, own, every)]
        assert values == sorted(values) and values[1] - values[0] > 0.2, (kind, values)
    assert every.random.f1 > own.random.f1 + 0.02
    alone = [one for one in found if one.kind == "one date, 2020"]
    assert [one.bytes for one in alone] == [3, 8, 64]
    assert max(one.random.f1 for one in alone) < own.random.f1, "one date does not know what has changed"
    both = [one for one in found if one.kind == "both dates, 2020 and 2024"]
    assert [(one.dimensions, one.bytes) for one in both] == [(3, 3), (8, 8), (128, 128)]


def test_the_values_are_those_of_the_files(made_sample: Any) -> None:
    tiles = Tiles.open(made_sample.tiles)
    lesson = lesson_of(tiles, made_sample.labels)
    stack = open_embeddings(made_sample.embeddings, tiles)
    with open_executor(2) as executor:
        candidates = feature_sets._candidates(lesson, tiles, stack, 0, [], executor, Progress())
    stack.close()
    rows, columns = tiles.grid.pixels(lesson.sample.x, lesson.sample.y)
    dates = []
    for path in made_sample.embeddings:
        with rasterio.open(path) as raster:
            dates.append(dequantise(raster.read()[:, rows, columns].T))
    of = {(one.kind, one.components): one for one in candidates}
    np.testing.assert_allclose(of["difference 2020 → 2024", None].values, dates[1] - dates[0], atol=1e-6)
    np.testing.assert_allclose(of["one date, 2024", None].values, dates[1], atol=1e-6)
    np.testing.assert_allclose(of["both dates, 2020 and 2024", None].values, np.hstack(dates), atol=1e-6)
    for one in candidates:
        assert one.values.shape == (len(rows), len(one.deviation)) and (one.deviation > 0).all()
        if one.components:
            assert one.values.dtype == np.int8 and one.bytes == one.components


def test_tiles_alone_compare_what_they_hold(made_sample: Any) -> None:
    found, _ = compared(Tiles.open(made_sample.tiles), made_sample.labels, [])
    assert [(one.components, one.own) for one in found] == [(3, False), (8, True)]


@pytest.mark.parametrize(("features", "dates", "own", "others"), [
    ("single", 1, "one date, 2020", []),
    ("side_by_side", 2, "both dates, 2020 and 2024",
     ["difference 2020 → 2024", "one date, 2020", "one date, 2024"]),
    ("first_and_difference", 2, "2020 and difference",
     ["difference 2020 → 2024", "one date, 2020", "one date, 2024", "both dates, 2020 and 2024"]),
])
def test_every_kind_of_tiles_is_compared_with_the_others(
    made_sample: Any, tmp_path: Path, features: str, dates: int, own: str, others: list[str]
) -> None:
    rasters = made_sample.embeddings[:dates]
    values = {"inputs": rasters, "output": str(tmp_path / "t.tif"), "features": features, "components": 4}
    tiles = Tiles.open(operations.run("buildembeddingtiles", values, Progress())["tiles"])
    found, _ = compared(tiles, made_sample.labels, rasters)
    assert list(dict.fromkeys(one.kind for one in found)) == [own, *others]
    assert [(one.kind, one.components) for one in found if one.own] == [(own, 4)]
    assert {one.components for one in found} == {3, 4, None}
    sizes = {one.kind: one.bytes for one in found if one.components is None}
    assert all(size == (64 if kind.startswith("one date") else 128) for kind, size in sizes.items())


def test_other_rasters_are_refused(made_sample: Any, tmp_path: Path) -> None:
    tiles, (first, last) = Tiles.open(made_sample.tiles), made_sample.embeddings
    with pytest.raises(InputError, match=r"2 embedding rasters, .*\(2020\), .*\(2024\), but 1 was given"):
        open_embeddings([first], tiles)
    with pytest.raises(InputError, match="is the raster of 2024, but it was given for 2020"):
        open_embeddings([last, first], tiles)
    with pytest.raises(InputError, match="has 60 bands"):
        open_embeddings([rewritten(first, tmp_path / "b_2020.tif", lambda pixels: pixels[:60]), last], tiles)
    with pytest.raises(GridMismatch, match=r"does not hold the pixels of change\.tif"):
        open_embeddings([rewritten(first, tmp_path / "c_2020.tif", lambda pixels: pixels[:, 8:]), last], tiles)
    with pytest.raises(InputError, match="There is no file"):
        open_embeddings([first, str(tmp_path / "none.tif")], tiles)
    strange = rewritten(first, tmp_path / "d_2020.tif", lambda pixels: pixels[:, ::-1])
    with pytest.raises(InputError, match=r"are not the rasters that change\.tif was made from"):
        compared(tiles, made_sample.labels, [strange, last])


def test_a_copy_in_another_file_is_taken_and_said(made_sample: Any, tmp_path: Path) -> None:
    copy = rewritten(made_sample.embeddings[0], tmp_path / "copy_2020.tif", compress="lzw", tiled=False)
    found, warnings = compared(Tiles.open(made_sample.tiles), made_sample.labels, [copy, made_sample.embeddings[1]])
    assert len(warnings) == 1 and "copy_2020.tif is not the very file" in warnings[0] and "100.0%" in warnings[0]
    assert len(found) == 12


def test_tiles_of_a_part_of_the_rasters(made_sample: Any, tmp_path: Path) -> None:
    whole = Tiles.open(made_sample.tiles).grid
    extent, crs = list(whole.crop(Window(32, 16, 220, 230)).bounds), whole.crs.to_string()
    output = tmp_path / "part.tif"
    operations.run("buildembeddingtiles", {"inputs": made_sample.embeddings, "output": str(output), "extent": extent,
                                           "extent_crs": crs}, Progress())
    assert basis_path(output).exists()
    found, warnings = compared(Tiles.open(output), made_sample.labels, made_sample.embeddings)
    assert warnings == [] and len(found) == 12


def test_many_pixels_are_thinned_label_by_label(scene_tiles: Path, write_features: Callable[..., Path], grid: Any,
                                                scene: Any, tmp_path: Path) -> None:
    import shapely

    corners = [(row, column) for row in range(0, 600, 50) for column in range(0, 700, 50)]
    boxes, classes = [], []
    for row, column in corners:
        west, south = grid.transform.c + column * 10 + 20, grid.transform.f + row * 10 + 20
        boxes.append(shapely.box(west, south, west + 150, south + 150))
        classes.append(("crop", "forest", "water")[scene[1][row, column]])
    labels = write_features(tmp_path / "p.gpkg", np.array(boxes), {"label": classes}, grid.crs.to_wkt())
    tiles = Tiles.open(scene_tiles)
    lesson = lesson_of(tiles, labels)
    kept = thinned(lesson, 0, 1000)
    assert 900 < len(kept) <= 1000 < len(lesson.sample.classes) and (np.diff(kept) > 0).all()
    pixels = np.unique(lesson.sample.features[kept], return_counts=True)[1]
    assert len(pixels) == len(np.unique(lesson.sample.features)), "no label is lost"
    counts = np.bincount(lesson.sample.classes[kept])
    assert counts.max() - counts.min() <= 1
    found, warnings = compared(tiles, labels, [])
    assert len(lesson.sample.classes) > feature_sets.MOST_ROWS and len(warnings) == 1
    assert all(one.random and one.random.folds == 10 for one in found)
