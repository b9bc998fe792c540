"""Points with a class on rasters: which pixel, which vector, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from bitscape.processing.embeddings import sampling
from bitscape.processing.embeddings.mapping import dequantise, quantise
from bitscape.processing.errors import InputError, LabelError
from bitscape.processing.progress import Progress
from bitscape.processing.study.labelled import Labelled
from bitscape.processing.study.pixels import Points, read_pixels, read_points
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from rasterio.warp import transform

SIDE = 60


def raster(path: Path, seed: int = 0, bands: int = 5, **profile: Any) -> tuple[Path, np.ndarray]:
    values = np.random.default_rng(seed).standard_normal((bands, SIDE, SIDE)).astype(np.float32)
    return write_raster(path, values, **profile), values


def write_points(path: Path, rows: np.ndarray, columns: np.ndarray, crs: str = "EPSG:32610", **fields: Any) -> Path:
    """Points in the middle of pixels of the tests' rasters."""
    x, y = 500_000 + 10 * (columns + 0.5), 5_000_000 - 10 * (rows + 0.5)
    if crs != "EPSG:32610":
        x, y = (np.asarray(part) for part in transform("EPSG:32610", crs, x, y))
    given = {"label": np.array(["a", "b"], object)[np.arange(len(rows)) % 2], **fields}
    pyogrio.raw.write(path, shapely.to_wkb(shapely.points(x, y)), list(given.values()), list(given), crs=crs,
                      geometry_type="Point", driver="GPKG")
    return path


def read(points: Path, value: str = "", most: int = 1000, label: str = "label") -> Points:
    return read_points(points, "", label, value, "", most, 0)


def sampled(rasters: list[Path], points: Points, after: list[Path] | None = None) -> list[Labelled]:
    return read_pixels([str(path) for path in rasters], [str(path) for path in after or []], points, "auto", Progress())


@pytest.mark.parametrize("crs", ["EPSG:32610", "EPSG:4326"])
def test_each_point_takes_the_pixel_it_lies_in(tmp_path: Path, crs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SIDE", 16)
    path, values = raster(tmp_path / "model.tif")
    rows, columns = np.divmod(np.random.default_rng(1).permutation(SIDE**2)[:80], SIDE)
    found, = sampled([path], read(write_points(tmp_path / "p.gpkg", rows, columns, crs)))
    np.testing.assert_array_equal(found.rows, values[:, rows, columns].T)
    assert found.classes.tolist() == [0, 1] * 40 and found.model == "model"
    assert found.xy is not None
    np.testing.assert_allclose(found.xy[:, 0], 500_000 + 10 * (columns + 0.5), atol=0.01)


def test_two_dates_on_grids_of_their_own(tmp_path: Path) -> None:
    first, before = raster(tmp_path / "m_2020.tif")
    second, later = raster(tmp_path / "m_2024.tif", 1, transform=Affine(10, 0, 499_900, 0, -10, 5_000_100))
    rows, columns = np.arange(0, 40), np.arange(5, 45)
    found, = sampled([first], read(write_points(tmp_path / "p.gpkg", rows, columns)), [second])
    wanted = later[:, rows + 10, columns + 10].T - before[:, rows, columns].T
    np.testing.assert_allclose(found.vectors, wanted, atol=1e-6)
    other, _ = raster(tmp_path / "wide.tif", bands=6)
    with pytest.raises(InputError, match=r"5 bands.*6: they are not one model"):
        sampled([first], read(tmp_path / "p.gpkg"), [other])


def test_what_is_left_out(tmp_path: Path) -> None:
    codes = quantise(unit_vectors(np.random.default_rng(0), 16, SIDE, SIDE))
    codes[:, 9, 9] = -128
    path = write_raster(tmp_path / "aef.tif", codes, nodata=-128)
    rows = np.r_[np.arange(30), 7, 3, 4, 99, 20]
    columns = np.r_[np.arange(30), 7, 3, 4, 3, 21]
    labels = np.array(["a", "b"] * 15 + ["a", "b", "b", "a", None], object)
    roles = np.array(["train"] * 29 + ["validate"] + ["train"] * 5, object)
    found, = sampled([path], read(write_points(tmp_path / "p.gpkg", rows, columns, label=labels, role=roles)))
    kept = [row for row in range(29) if row not in (4, 7, 9)]  # labels that differ, twice, and no data
    np.testing.assert_allclose(found.rows, dequantise(codes)[:, kept, kept].T)
    said = "; ".join(found.notes)
    for words in ("1 label is for validation", "1 label lies outside", "share their pixel",
                  "1 labelled pixel has no data", "alphaearth", "2 of 35 rows without a class"):
        assert words in said, said


def test_models_are_compared_at_the_same_points(tmp_path: Path) -> None:
    first, values = raster(tmp_path / "one.tif", nodata=-9)
    second, other = raster(tmp_path / "two.tif", 3, bands=8, nodata=-9)
    values[:, 4, 4], other[:, 9, 9] = -9, -9
    write_raster(first, values, nodata=-9)
    write_raster(second, other, nodata=-9)
    line = np.arange(30)
    one, two = sampled([first, second], read(write_points(tmp_path / "p.gpkg", line, line)))
    kept = [row for row in range(30) if row not in (4, 9)]
    np.testing.assert_array_equal(one.rows, values[:, kept, kept].T)
    np.testing.assert_array_equal(two.rows, other[:, kept, kept].T)
    assert any("28 points" in note for note in one.notes)


def test_rasters_of_other_places_keep_points_of_their_own(tmp_path: Path) -> None:
    first, _ = raster(tmp_path / "west.tif")
    second, _ = raster(tmp_path / "east.tif", 2, transform=Affine(10, 0, 500_400, 0, -10, 5_000_000))
    columns = np.arange(0, 100)
    one, two = sampled([first, second], read(write_points(tmp_path / "p.gpkg", columns % 50, columns)))
    assert (len(one.rows), len(two.rows)) == (60, 60)


def test_a_number_beside_the_class(tmp_path: Path) -> None:
    path, _ = raster(tmp_path / "m.tif")
    line = np.arange(30)
    points = write_points(tmp_path / "p.gpkg", line, line, height=np.arange(30.0))
    found, = sampled([path], read(points, value="height", most=25))
    assert len(found.rows) == 25 and found.values is not None and found.xy is not None
    np.testing.assert_allclose((found.xy[:, 0] - 500_005) / 10, found.values, atol=1e-6)


def test_labels_that_cannot_be_used(tmp_path: Path) -> None:
    path, _ = raster(tmp_path / "m.tif")
    line = np.arange(30)
    points = write_points(tmp_path / "p.gpkg", line, line)
    for action, words in (
        (lambda: read(tmp_path / "no.gpkg"), "does not exist"),
        (lambda: read(points, label="kind"), "no field named kind"),
        (lambda: read(points, value="height"), "no field named height"),
        (lambda: sampled([path], read(write_points(tmp_path / "far.gpkg", line + 500, line))), "None of the 30 labels"),
        (lambda: read(write_points(tmp_path / "none.gpkg", line, line, label=np.full(30, None, object))), "No point"),
    ):
        with pytest.raises(LabelError, match=words):
            action()
    with pytest.raises(InputError, match="of one class"):
        sampled([path], read(write_points(tmp_path / "one.gpkg", line, line, label=np.full(30, "a", object))))
    nothing = write_raster(tmp_path / "nothing.tif", np.full((5, SIDE, SIDE), -9, np.float32), nodata=-9)
    with pytest.raises(LabelError, match="all 30 pixels under labels are nodata"):
        sampled([nothing], read(points))
    shapes = shapely.to_wkb(shapely.box(line, line, line + 1, line + 1))
    pyogrio.raw.write(tmp_path / "areas.gpkg", shapes, [np.full(30, "a", object)], ["label"], crs="EPSG:32610",
                      geometry_type="Polygon", driver="GPKG")
    with pytest.raises(LabelError, match="lines or polygons"):
        read(tmp_path / "areas.gpkg")
