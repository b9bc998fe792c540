"""What cannot be used is refused early, in words, with exit code 1, and leaves nothing behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import noise, points_on, write_labels, write_raster
from bitscape.tests.system.sample import Sample


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two small float rasters of one grid."""
    data = tmp_path / "data"
    data.mkdir()
    return (
        write_raster(data / "emb_2020.tif", noise(seed=1)),
        write_raster(data / "emb_2024.tif", noise(seed=2)),
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def build_fails(qgis: Qgis, out: Path, inputs: list[Path], **more: object) -> str:
    """Run buildembeddingtiles on what cannot work; what it said. Nothing may be left."""
    said = qgis.fail(
        "buildembeddingtiles",
        **{"INPUT": inputs, "TILES": out / "tiles.tif", "OUTPUT": out / "picture.tif", **more},
    )
    assert not list(out.iterdir()), sorted(out.iterdir())
    return said


def build_works(qgis: Qgis, out: Path, inputs: list[Path], **more: object) -> None:
    """The next run in the same folder."""
    qgis.succeed("buildembeddingtiles", INPUT=inputs, TILES=out / "tiles.tif", OUTPUT=out / "picture.tif", **more)
    raster = {"tiles.tif", "tiles.basis.json", "picture.tif", "picture.qml", "picture.qmd"}
    assert {path.name for path in out.iterdir()} == raster


def test_missing_file(qgis: Qgis, pair: tuple[Path, Path], out: Path) -> None:
    said = build_fails(qgis, out, [pair[0], pair[1].with_name("nowhere_2024.tif")])
    assert "nowhere_2024.tif" in said
    build_works(qgis, out, list(pair))


def test_truncated_file(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    whole = sample.embeddings[1].read_bytes()
    cut = tmp_path / "cut_2024.tif"
    cut.write_bytes(whole[: len(whole) // 2])
    said = build_fails(qgis, out, [sample.embeddings[0], cut])
    assert "cut_2024.tif" in said
    header_only = tmp_path / "header_2024.tif"
    header_only.write_bytes(whole[:200])
    assert "header_2024.tif" in build_fails(qgis, out, [sample.embeddings[0], header_only])


def test_differing_band_counts(qgis: Qgis, pair: tuple[Path, Path], out: Path, tmp_path: Path) -> None:
    other = write_raster(tmp_path / "five_2024.tif", noise(bands=5))
    said = build_fails(qgis, out, [pair[0], other])
    assert "emb_2020.tif" in said and "five_2024.tif" in said and "5" in said and "6" in said


def test_different_grids_need_warp(qgis: Qgis, pair: tuple[Path, Path], out: Path, tmp_path: Path) -> None:
    shifted = write_raster(tmp_path / "shifted_2024.tif", noise(seed=2), left=500123.0)
    said = build_fails(qgis, out, [pair[0], shifted])
    assert "emb_2020.tif" in said and "shifted_2024.tif" in said
    build_works(qgis, out, [pair[0], shifted], WARP="true")


def test_all_nodata(qgis: Qgis, pair: tuple[Path, Path], out: Path, tmp_path: Path) -> None:
    empty = write_raster(tmp_path / "empty_2024.tif", np.full((6, 64, 64), -9999.0, np.float32))
    said = build_fails(qgis, out, [pair[0], empty])
    assert "data" in said
    build_works(qgis, out, list(pair))


def test_same_file_twice(qgis: Qgis, pair: tuple[Path, Path], out: Path) -> None:
    assert "same" in build_fails(qgis, out, [pair[0], pair[0]])


def test_output_folder_is_missing(qgis: Qgis, sample: Sample, out: Path) -> None:
    nowhere = out / "nowhere" / "model.json"
    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=sample.labels, OUTPUT=nowhere)
    assert "nowhere" in said
    assert not list(out.iterdir())


def test_empty_label_layer(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "none.gpkg", [])
    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=labels, OUTPUT=out / "model.json")
    assert "label" in said
    assert not list(out.iterdir())


def test_one_class(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    points = points_on(sample.tiles, ("change",), 30)
    labels = write_labels(tmp_path / "one.gpkg", points, crs=crs_of(sample.tiles))
    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=labels, OUTPUT=out / "model.json")
    assert "change" in said and "class" in said
    assert not list(out.iterdir())


def test_labels_outside(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    far = [(x + 10_000_00, y, name) for x, y, name in points_on(sample.tiles, ("change", "no change"), 30)]
    labels = write_labels(tmp_path / "far.gpkg", far, crs=crs_of(sample.tiles))
    said = qgis.fail("trainclassifier", INPUT=sample.tiles, LABELS=labels, OUTPUT=out / "model.json")
    assert "outside" in said
    assert not list(out.iterdir())


def test_wrong_class_field(qgis: Qgis, sample: Sample, out: Path) -> None:
    said = qgis.fail(
        "trainclassifier", INPUT=sample.tiles, LABELS=sample.labels, CLASS_FIELD="klass", OUTPUT=out / "model.json"
    )
    assert "klass" in said
    assert not list(out.iterdir())


def test_model_of_another_basis(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tif"
    qgis.succeed(
        "buildembeddingtiles", INPUT=sample.embeddings, COMPONENTS=5, TILES=other, OUTPUT=tmp_path / "picture.tif"
    )
    said = qgis.fail("applyclassifier", INPUT=other, MODEL=sample.model, OUTPUT=out / "score.tif")
    assert "basis" in said and "other.tif" in said
    assert not list(out.iterdir())
    qgis.succeed("applyclassifier", INPUT=sample.tiles, MODEL=sample.model, OUTPUT=out / "score.tif")


def test_damaged_model(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    model = tmp_path / "half.json"
    model.write_text(sample.model.read_text()[:200])
    said = qgis.fail("applyclassifier", INPUT=sample.tiles, MODEL=model, OUTPUT=out / "score.tif")
    assert "half.json" in said
    assert not list(out.iterdir())


def test_tiles_without_their_basis(qgis: Qgis, sample: Sample, out: Path, tmp_path: Path) -> None:
    lonely = tmp_path / "lonely.tif"
    shutil.copy(sample.tiles, lonely)
    said = qgis.fail("applyclassifier", INPUT=lonely, MODEL=sample.model, OUTPUT=out / "score.tif")
    assert "lonely.basis.json" in said
    assert not list(out.iterdir())


def test_a_picture_is_not_tiles(qgis: Qgis, sample: Sample, out: Path) -> None:
    said = qgis.fail("applyclassifier", INPUT=sample.picture, MODEL=sample.model, OUTPUT=out / "score.tif")
    assert "picture.tif" in said and "tiles" in said
    assert not list(out.iterdir())


def crs_of(path: Path) -> str:
    """A raster's CRS as WKT."""
    from bitscape.tests.system.rasters import Placement

    return str(Placement.of(path).crs.ExportToWkt())
