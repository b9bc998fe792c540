"""The operation suggestpoints from file to file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing import operations
from bitscape.processing.errors import BasisMismatch, InputError, LabelError, OutputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.progress import Progress

PLACES = np.array([(60, 60), (120, 420), (300, 80), (330, 650), (420, 330), (560, 40), (520, 600), (80, 250),
                   (450, 450), (30, 680), (390, 200), (580, 300)])


@pytest.fixture
def tiles(tmp_path: Path, make_tiles: Callable[..., Path], scene: tuple, grid: Grid) -> Path:
    return make_tiles(tmp_path / "tiles.tif", scene[0], grid)


@pytest.fixture
def labels(tmp_path: Path, write_points: Callable[..., Path], scene: tuple, grid: Grid) -> Path:
    """Twelve labels of the classes whether the truth is 0."""
    classes = np.where(scene[1][PLACES[:, 0], PLACES[:, 1]] == 0, "change", "nochange")
    return write_points(tmp_path / "labels.gpkg", grid, PLACES[:, 0], PLACES[:, 1], classes.tolist())


def run(progress: Progress | None = None, **values: object) -> dict[str, Any]:
    return operations.run("suggestpoints", {name: value if isinstance(value, int) else str(value)
                                            for name, value in values.items()}, progress or Progress())


def read(path: Path, field: str = "label") -> tuple[dict[str, np.ndarray], np.ndarray, str]:
    """Columns, positions (n, 2) and CRS of the points."""
    meta, _, wkb, data = pyogrio.raw.read(path, layer="suggestions")
    assert list(meta["fields"]) == ["order", "kind", "score", "uncertainty", "dissimilarity", field]
    return dict(zip(meta["fields"], data)), shapely.get_coordinates(shapely.from_wkb(wkb)), meta["crs"]


def test_points_with_labels(
    tiles: Path, labels: Path, tmp_path: Path, scene: tuple, grid: Grid, heard: type[Progress]
) -> None:
    progress = heard()
    result = run(progress, tiles=tiles, labels=labels, points=tmp_path / "next.gpkg")
    columns, xy, crs = read(tmp_path / "next.gpkg")
    assert crs == "EPSG:32610"
    assert columns["order"].tolist() == list(range(1, 11))
    kinds = columns["kind"].tolist()
    assert result["counts"] == {kind: kinds.count(kind) for kind in ("uncertain", "extrapolated", "spread")}
    assert kinds.count("uncertain") >= 6 and kinds.count("spread") == 0
    assert result["score_of"] == "change" and result["candidates"] == 40_000 and 0 <= result["extrapolated"] < 0.5
    for name in ("score", "uncertainty"):
        assert ((columns[name] >= 0) & (columns[name] <= 1)).all()
    assert np.allclose(columns["uncertainty"], 1 - np.abs(2 * columns["score"] - 1), atol=2e-4)
    assert [value for value in columns["label"] if value] == []
    rows, cols = grid.pixels(xy[:, 0], xy[:, 1])
    assert (scene[0][0, rows, cols] != -128).all()
    assert not {tuple(place) for place in np.column_stack([rows, cols]).tolist()} & {tuple(p) for p in PLACES.tolist()}
    said = " ".join(line for _, line in progress.lines)
    assert "where the model is unsure" in said and "write its class into the field label" in said
    record = json.loads(pyogrio.read_info(tmp_path / "next.gpkg")["dataset_metadata"]["BITSCAPE_PROVENANCE"])
    assert record["operation"] == "suggestpoints" and record["licences"] == ["CC-BY 4.0"]


def test_filled_in_the_points_are_labels(
    tiles: Path, labels: Path, tmp_path: Path, scene: tuple, grid: Grid
) -> None:
    run(tiles=tiles, labels=labels, count=12, points=tmp_path / "next.gpkg")
    meta, _, wkb, data = pyogrio.raw.read(tmp_path / "next.gpkg")
    rows, columns = grid.pixels(*shapely.get_coordinates(shapely.from_wkb(wkb)).T)
    data[-1] = np.where(scene[1][rows, columns] == 0, "change", "nochange").astype(object)
    filled = tmp_path / "filled.gpkg"
    pyogrio.raw.write(filled, wkb, data, list(meta["fields"]), crs=meta["crs"], geometry_type="Point", driver="GPKG")
    trained = operations.run("trainclassifier", {
        "tiles": str(tiles), "labels": str(filled), "class_field": "label", "model": str(tmp_path / "model.json"),
    }, Progress())
    assert sum(trained["counts"].values()) == 12


def test_a_given_model_is_used_and_needs_no_labels(tiles: Path, labels: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    operations.run("trainclassifier", {"tiles": str(tiles), "labels": str(labels), "model": str(model)}, Progress())
    run(tiles=tiles, labels=labels, points=tmp_path / "a.gpkg")
    run(tiles=tiles, labels=labels, model=model, points=tmp_path / "b.gpkg")
    ours, theirs = read(tmp_path / "a.gpkg"), read(tmp_path / "b.gpkg")
    assert np.array_equal(ours[1], theirs[1]), "it trains what trainclassifier would"
    assert np.allclose(ours[0]["score"], theirs[0]["score"], atol=1e-4)
    result = run(tiles=tiles, model=model, points=tmp_path / "c.gpkg")
    assert result["counts"]["uncertain"] == 10 and result["extrapolated"] is None
    other = json.loads(model.read_text())
    other["basis"]["fingerprint"] = "another"
    model.write_text(json.dumps(other))
    with pytest.raises(BasisMismatch, match="another"):
        run(tiles=tiles, model=model, points=tmp_path / "d.gpkg")


def test_without_labels_or_with_one_class_points_are_spread(
    tiles: Path, labels: Path, tmp_path: Path, grid: Grid, write_points: Callable[..., Path],
    write_features: Callable[..., Path], heard: type[Progress],
) -> None:
    none = run(tiles=tiles, points=tmp_path / "none.gpkg", class_field="what")
    assert none["counts"] == {"uncertain": 0, "extrapolated": 0, "spread": 10} and none["extrapolated"] is None
    columns, _, _ = read(tmp_path / "none.gpkg", "what")
    assert np.isnan(columns["score"]).all() and np.isnan(columns["dissimilarity"]).all()
    empty = write_features(tmp_path / "empty.gpkg", np.array([], object), {"label": []}, grid.crs.to_wkt())
    run(tiles=tiles, labels=empty, points=tmp_path / "empty_next.gpkg")
    assert np.array_equal(read(tmp_path / "none.gpkg", "what")[1], read(tmp_path / "empty_next.gpkg")[1])
    one = write_points(tmp_path / "one.gpkg", grid, PLACES[:2, 0], PLACES[:2, 1], ["change", "change"])
    progress = heard()
    assert run(progress, tiles=tiles, labels=one, points=tmp_path / "o.gpkg", count=3)["counts"]["spread"] == 3
    assert any("all labels are of one class" in line for _, line in progress.lines)
    assert (read(tmp_path / "o.gpkg")[0]["dissimilarity"] > 0).all()


def test_points_stay_inside_the_area(
    tiles: Path, labels: Path, tmp_path: Path, grid: Grid, write_features: Callable[..., Path]
) -> None:
    small = shapely.box(504_000, 4_004_500, 504_400, 4_005_000)
    area = write_features(tmp_path / "area.gpkg", np.array([small]), {"name": ["x"]}, grid.crs.to_wkt())
    run(tiles=tiles, labels=labels, aoi=area, points=tmp_path / "next.gpkg")
    _, xy, _ = read(tmp_path / "next.gpkg")
    assert len(xy) == 10 and shapely.intersects_xy(small, xy[:, 0], xy[:, 1]).all()
    gap = shapely.box(503_100, 4_002_100, 504_900, 4_002_500)
    nothing = write_features(tmp_path / "gap.gpkg", np.array([gap]), {"name": ["x"]}, grid.crs.to_wkt())
    with pytest.raises(InputError, match="no data in the area of interest"):
        run(tiles=tiles, labels=labels, aoi=nothing, points=tmp_path / "no.gpkg")
    assert not (tmp_path / "no.gpkg").exists()


def test_a_part_without_room_gives_fewer_points_and_says_so(
    tiles: Path, tmp_path: Path, grid: Grid, write_features: Callable[..., Path], heard: type[Progress]
) -> None:
    area = write_features(tmp_path / "area.gpkg", np.array([shapely.box(504_000, 4_004_500, 504_020, 4_004_510)]),
                          {"name": ["x"]}, grid.crs.to_wkt())
    progress = heard()
    result = run(progress, tiles=tiles, aoi=area, points=tmp_path / "next.gpkg")
    assert result["candidates"] == 2 and result["counts"]["spread"] == 2
    assert ("warning", "Only 2 points: the part that is looked at has no room for 10.") in progress.lines


def test_what_cannot_be_used_is_refused_in_words(
    tiles: Path, labels: Path, tmp_path: Path, grid: Grid, write_points: Callable[..., Path]
) -> None:
    def refused(kind: type[Exception], match: str, **values: object) -> None:
        with pytest.raises(kind, match=match):
            run(**{"tiles": tiles, "labels": labels, "points": tmp_path / "next.gpkg", **values})
        assert not (tmp_path / "next.gpkg").exists()

    refused(LabelError, "does not exist", labels=tmp_path / "nowhere.gpkg")
    refused(LabelError, "no field named kind", class_field="kind")
    refused(LabelError, "no layer named roads", layer="roads")
    refused(LabelError, "no labels of class water", positive_class="water")
    refused(InputError, "not a file of embedding tiles|not a raster", tiles=labels)
    refused(InputError, "does not exist", model=tmp_path / "no.json")
    refused(InputError, "does not exist", aoi=tmp_path / "no.gpkg")
    refused(InputError, "count", count=0)
    refused(OutputError, r"should end in .gpkg", points=tmp_path / "next.shp")
    refused(OutputError, "does not exist", points=tmp_path / "missing" / "next.gpkg")
    before = labels.read_bytes()
    refused(InputError, "would overwrite", points=labels)
    assert labels.read_bytes() == before
    unfilled = write_points(tmp_path / "unfilled.gpkg", grid, PLACES[:3, 0], PLACES[:3, 1], [None, None, None])
    refused(LabelError, "3 labels have no value in the field label", labels=unfilled)


def test_a_class_field_with_the_name_of_another_field_is_renamed(
    tiles: Path, tmp_path: Path, grid: Grid, write_features: Callable[..., Path]
) -> None:
    run(tiles=tiles, class_field="kind", points=tmp_path / "next.gpkg")
    assert list(read(tmp_path / "next.gpkg")[0])[-1] == "label"
