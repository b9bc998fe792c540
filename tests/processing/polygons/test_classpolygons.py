"""The operation on files: attributes, areas on the ellipsoid, scores, several maps, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from bitscape.processing.errors import Cancelled, GridMismatch, InputError, OutputError
from bitscape.processing.grids.grid import Grid
from bitscape.processing.grids.pixel_area import PixelArea
from bitscape.processing.operations import run
from bitscape.processing.progress import Progress
from bitscape.tests.processing.polygons.scene import Said, cleaned, polygons, read, write_map, write_score
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from rasterio.features import rasterize
from rasterio.windows import Window
from scipy import ndimage

NAMES = {"CLASS_1": "forest", "CLASS_2": "field", "CLASS_3": "town"}
LAMBERT = ('PROJCS["of our own",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
           'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],'
           'PARAMETER["latitude_of_center",47],PARAMETER["longitude_of_center",11],PARAMETER["false_easting",0],'
           'PARAMETER["false_northing",0],UNIT["metre",1]]')
GRIDS: dict[str, dict[str, Any]] = {
    "metric": {},
    "geographic": {"crs": "EPSG:4326", "transform": Affine(2e-4, 0, 11, 0, -2e-4, 60)},
    "bottom-up": {"transform": Affine(10, 0, 500_000, 0, 10, 4_990_000)},
    "without EPSG": {"crs": LAMBERT, "transform": Affine(30, 0, 20_000, 0, -30, 90_000)},
}


def patches(seed: int = 0, side: int = 90, classes: int = 3) -> NDArray:
    """Patches of classes with speckle, and unknown pixels."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((side, side)), 4)
    values = 1 + np.searchsorted(np.quantile(smooth, np.arange(1, classes) / classes), smooth)
    noisy = rng.random(values.shape) < 0.06
    values[noisy] = rng.integers(0, classes + 1, int(noisy.sum()))
    return values


def areas_of(path: Path) -> NDArray:
    with rasterio.open(path) as dataset:
        grid = Grid.of(dataset)
    found = PixelArea.of(grid)
    assert found is not None
    return found.of_window(Window(0, 0, grid.width, grid.height))


@pytest.mark.parametrize("kind", GRIDS)
def test_areas_pixels_and_outlines_agree_with_other_ways(tmp_path: Path, kind: str) -> None:
    values = patches()
    path = write_map(tmp_path / "map.tif", values, NAMES, **GRIDS[kind])
    sizes = areas_of(path)
    least, most = 7.5 * sizes.mean(), 5.5 * sizes.mean()
    result, found, fields = polygons(tmp_path, path, min_area=least, max_hole=most)
    clean, regions = cleaned(np.where(values == 0, 0, values + 1), 8, 6, False)
    with rasterio.open(path) as dataset:
        transform, crs = dataset.transform, dataset.crs
    back = rasterize(zip(found, fields["value"].tolist(), strict=True), values.shape, transform=transform)
    assert (back == np.where(clean >= 2, clean - 1, 0)).all()
    assert result["count"] == len(found) == regions.max()
    assert fields["pixels"].sum() == (regions > 0).sum()
    expected = np.bincount(regions.ravel(), sizes.ravel())[1:] / 10_000
    assert np.sort(fields["mapped_ha"]) == pytest.approx(np.sort(expected), rel=1e-12)
    assert result["area_ha"] == pytest.approx(sizes[regions > 0].sum() / 10_000, rel=1e-12)
    assert set(zip(fields["value"].tolist(), fields["class"].tolist(), strict=True)) == {
        (1, "forest"), (2, "field"), (3, "town")}
    meta = pyogrio.read_info(tmp_path / "polygons.gpkg", layer="polygons")
    assert CRS.from_user_input(meta["crs"]).equals(CRS.from_wkt(crs.to_wkt()), ignore_axis_order=True)
    to_geographic = Transformer.from_crs(CRS.from_wkt(crs.to_wkt()), 4326, always_xy=True)
    ellipsoid = Geod(ellps="WGS84")
    for polygon, hectares, metres in zip(found, fields["mapped_ha"], fields["perimeter_m"], strict=True):
        area = length = 0.0
        for part in polygon.geoms:
            for number, ring in enumerate([part.exterior, *part.interiors]):
                one, around = ellipsoid.polygon_area_perimeter(*to_geographic.transform(*np.array(ring.coords).T))
                area += abs(one) * (-1 if number else 1)
                length += around
        assert hectares == pytest.approx(area / 10_000, rel=2e-4), "GeographicLib's own error is 0.1 m²"
        assert metres == pytest.approx(length, rel=1e-6)


def test_a_score_is_cut_and_has_its_mean(tmp_path: Path) -> None:
    values = np.full((20, 30), 60)
    values[2:8, 3:9], values[10:15, 20:25], values[3:5, 4:6], values[17:] = 127, 240, 100, 255
    path = write_score(tmp_path / "score.tif", values, PERIOD="2020-2024", CLASS_2="change")
    result, _, fields = polygons(tmp_path, path, max_hole=450)
    assert result["count"] == 2 and result["score_of"] == "change"
    assert fields["class"].tolist() == ["change"] * 2 and fields["value"].tolist() == [2, 2]
    assert fields["period"].tolist() == ["2020-2024"] * 2
    assert sorted(fields["mean_score"]) == pytest.approx([(32 * 127 + 4 * 100) / 36 / 254, 240 / 254])
    _, _, fields = polygons(tmp_path, path, threshold=0.6)
    assert fields["pixels"].tolist() == [25]
    _, _, fields = polygons(tmp_path, path, threshold=0)
    assert fields["pixels"].sum() == 17 * 30, "all that is known"
    cut = np.where(values == 255, 0, 1 + (values >= 127))
    classes = write_map(tmp_path / "classes.tif", cut, {"CLASS_2": "change"})
    _, _, fields = polygons(tmp_path, classes, score=str(path), classes=["change"])
    assert sorted(fields["mean_score"]) == pytest.approx([0.5, 240 / 254])


def test_the_largest_of_several_scores_is_taken(tmp_path: Path) -> None:
    values = np.zeros((3, 8, 8))
    values[0, :4], values[1, 2:], values[2, 7] = 150, 200, 255
    path = write_score(tmp_path / "score.tif", values, "forest, field, town")
    _, _, fields = polygons(tmp_path, path, classes=["forest", "field"])
    found = dict(zip(fields["class"], fields["pixels"], strict=True))
    assert found == {"forest": 16, "field": 48}, "a band that is not chosen does not count"
    _, _, fields = polygons(tmp_path, path, threshold=0.7)
    assert dict(zip(fields["class"], fields["pixels"], strict=True)) == {"field": 40}


def test_classes_by_name_number_or_as_the_map_says(tmp_path: Path) -> None:
    values = patches()
    path = write_map(tmp_path / "map.tif", values, NAMES)
    for wanted, names in ((["TOWN"], {"town"}), (["3", "forest"], {"town", "forest"}), ([], set(NAMES.values()))):
        _, _, fields = polygons(tmp_path, path, classes=wanted)
        assert set(fields["class"]) == names
    path = write_map(tmp_path / "two.tif", np.where(values == 0, 0, 1 + (values == 2)),
                     {"CLASS_1": "change", "CLASS_2": "nochange", "POSITIVE_CLASS": "change"})
    _, _, fields = polygons(tmp_path, path)
    assert set(fields["class"]) == {"change"}


@pytest.mark.parametrize("kind", ["int16", "uint16", "int32"])
def test_numbers_of_other_types_are_classes_too(tmp_path: Path, kind: str) -> None:
    values = np.array([[-9999 if kind != "uint16" else 9999, 10], [300, 300]])
    path = write_map(tmp_path / "map.tif", values, {"CLASS_300": "town"}, dtype=kind, nodata=int(values[0, 0]))
    _, _, fields = polygons(tmp_path, path)
    assert dict(zip(fields["class"], fields["value"], strict=True)) == {"10": 10, "town": 300}


def test_first_period_with_a_class(tmp_path: Path) -> None:
    maps = [np.full((10, 10), 1) for _ in range(3)]
    maps[0][:2, :2], maps[1][:4, :4], maps[2][:, :] = 2, 2, 2
    maps[1][9, 9] = 0
    maps[2][9, 8:] = 0, 1
    paths = [write_map(tmp_path / f"cover_{year}.tif", values, NAMES)
             for year, values in zip((2019, 2020, 2021), maps, strict=True)]
    result, found, fields = polygons(tmp_path, *paths, classes=["field"])
    assert result["periods"] == ["2019", "2020", "2021"] and result["field"] == "first_period"
    by = dict(zip(fields["first_period"], fields["pixels"], strict=True))
    assert by == {"2019": 4, "2020": 12, "2021": 82}
    assert dict(zip(fields["first_period"], fields["first_year"], strict=True))["2020"] == 2020
    assert set(fields["class"]) == {"field"}
    assert not shapely.intersects_xy(found, 500_000 + 85, 5_000_000 - 95).any(), "unknown in 2021"


def test_first_change_without_classes(tmp_path: Path) -> None:
    maps = [np.full((6, 8), 1) for _ in range(3)]
    maps[1][:, 2:4] = 2
    maps[2][:, 2:6] = 3
    maps[0][0, 0], maps[2][1, 0] = 0, 2
    maps[0][3, 0] = maps[1][3, 0] = 0
    paths = [write_map(tmp_path / f"m{number}.tif", values, NAMES) for number, values in enumerate(maps)]
    _, _, fields = polygons(tmp_path, *paths, periods=["a", "b", "c"])
    found = sorted(zip(fields["first_period"], fields["pixels"], strict=True))
    assert found == [("b", 12), ("c", 1), ("c", 12)] and set(fields["class"]) == {"changed"}
    assert np.isnan(fields["value"].astype(float)).all()


def test_transitions_are_the_joint_histogram(tmp_path: Path) -> None:
    maps = [patches(seed) for seed in range(3)]
    paths = [write_map(tmp_path / f"cover_{2018 + n}.tif", values, NAMES, **GRIDS["geographic"])
             for n, values in enumerate(maps)]
    table = tmp_path / "table.csv"
    polygons(tmp_path, *paths, transitions=str(table))
    sizes = areas_of(paths[0]) / 10_000
    names = ["unknown", "forest", "field", "town"]
    expected, hectares = {}, {}
    for one, other in ((0, 1), (1, 2), (0, 2)):
        edges = np.arange(5) - 0.5
        counts, _, _ = np.histogram2d(maps[one].ravel(), maps[other].ravel(), (edges, edges))
        areas, _, _ = np.histogram2d(maps[one].ravel(), maps[other].ravel(), (edges, edges), weights=sizes.ravel())
        for before, after in np.argwhere(counts):
            key = (str(2018 + one), names[before], str(2018 + other), names[after])
            expected[key], hectares[key] = counts[before, after], areas[before, after]
    with table.open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["from_period", "from_class", "to_period", "to_class", "pixels", "mapped_ha"]
    assert {tuple(row[:4]): int(row[4]) for row in rows[1:]} == expected
    assert {tuple(row[:4]): float(row[5]) for row in rows[1:]} == pytest.approx(hectares, abs=1e-4)
    _, fields = read(tmp_path / "polygons.gpkg", "transitions")
    assert fields["pixels"].sum() == 3 * 90 * 90, "unknown ones are in it"
    assert fields["mapped_ha"].sum() == pytest.approx(3 * sizes.sum())


def test_what_is_outside_the_area_is_unknown(tmp_path: Path) -> None:
    values = np.full((30, 40), 1)
    values[10:20, 10:20] = 2
    path = write_map(tmp_path / "map.tif", values, NAMES)
    ring = shapely.box(500_000 + 52, 5_000_000 - 252, 500_000 + 352, 5_000_000 - 52)
    ring = shapely.difference(ring, shapely.box(500_000 + 300, 5_000_000 - 120, 500_000 + 320, 5_000_000 - 100))
    pyogrio.raw.write(tmp_path / "area.gpkg", shapely.to_wkb([ring]), [], [], layer="area", geometry_type="Polygon",
                      crs="EPSG:32610")
    _, found, fields = polygons(tmp_path, path, classes=["forest"], aoi=str(tmp_path / "area.gpkg"), max_hole=1e9)
    assert fields["pixels"].tolist() == [30 * 20 - 4], "the field is filled, what is outside is not"
    assert shapely.total_bounds(found).tolist() == [500_050, 4_999_750, 500_350, 4_999_950]
    inside = run("classpolygons", {"inputs": [str(path)], "output": str(tmp_path / "b.gpkg"),
                                   "aoi": str(tmp_path / "area.gpkg")}, Progress())
    assert inside["count"] == 2


def test_without_a_crs_areas_are_in_map_units(tmp_path: Path) -> None:
    values = np.full((10, 10), 1)
    values[2:5, 2:5] = 2
    path = write_map(tmp_path / "map.tif", values, crs=None, transform=Affine(2, 0, 0, 0, -2, 0))
    said = Said()
    result, _, fields = polygons(tmp_path, path, min_area=37, progress=said)
    assert result["area_ha"] is None and fields["mapped_area"].tolist() == [4.0 * 91]
    assert fields["perimeter"].tolist() == [4 * 20 + 4 * 6], "the small one leaves a hole"
    assert "square units of its grid" in said.of("warning")


def test_an_empty_layer_says_why(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", patches(), {**NAMES, "CLASS_9": "water"})
    said = Said()
    result, found, fields = polygons(tmp_path, path, classes=["water"], progress=said)
    assert result["count"] == 0 and len(found) == 0 and "mapped_ha" in fields
    assert "No pixel in the map is water: the layer is empty." in said.of("warning")
    result, _, _ = polygons(tmp_path, path, min_area=1e9, progress=said)
    assert result["count"] == 0 and "smaller than 1e+09 m²: the layer is empty" in said.of("warning")
    result, _, _ = polygons(tmp_path, path, min_area=1e9, tolerance=10)
    assert result["count"] == 0


def test_the_file_says_where_it_comes_from_and_that_it_is_no_estimate(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", patches(), {**NAMES, "ATTRIBUTION": "Thanks.", "LICENSE": "CC-BY-4.0"})
    said = Said()
    polygons(tmp_path, path, progress=said, tolerance=15)
    assert "Mapped area, not an estimate" in said.of("info")
    about = pyogrio.read_info(tmp_path / "polygons.gpkg", layer="polygons")
    assert "not an estimate" in about["layer_metadata"]["DESCRIPTION"]
    record = json.loads(about["dataset_metadata"]["BITSCAPE_PROVENANCE"])
    assert record["operation"] == "classpolygons" and record["attributions"] == ["Thanks."]
    assert record["parameters"]["tolerance"] == 15 and record["licences"] == ["CC-BY-4.0"]


def test_many_batches_are_one_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitscape.processing.polygons.writing.BATCH", 50)
    monkeypatch.setattr("bitscape.processing.polygons.selection.BAND_PIXELS", 500)
    monkeypatch.setattr("bitscape.processing.polygons.outlines.STEP_PIXELS", 500)
    path = write_map(tmp_path / "map.tif", patches(), NAMES)
    result, found, fields = polygons(tmp_path, path)
    assert len(found) == result["count"] > 200
    assert fields["pixels"].sum() == (patches() > 0).sum() == shapely.area(found).sum() / 100
    about = pyogrio.read_info(tmp_path / "polygons.gpkg", layer="polygons")
    assert "BITSCAPE_PROVENANCE" in about["dataset_metadata"] and "DESCRIPTION" in about["layer_metadata"]


def test_what_cannot_be_used_is_explained(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", patches(), NAMES)
    score = write_score(tmp_path / "score.tif", np.full((90, 90), 200))
    moved = write_map(tmp_path / "moved.tif", patches(), NAMES, transform=Affine(10, 0, 500_100, 0, -10, 5_000_000))
    real = write_map(tmp_path / "real.tif", patches(), dtype="float32")
    many = write_map(tmp_path / "many.tif", np.arange(8100).reshape(90, 90), dtype="uint16", nodata=None)

    def refused(kind: type[Exception], *inputs: Path, **request: Any) -> str:
        with pytest.raises(kind) as error:
            polygons(tmp_path, *inputs, **request)
        assert not (tmp_path / "polygons.gpkg").exists()
        return str(error.value)

    assert "no class lake in map.tif; there are forest (1), field (2), town (3)" in refused(
        InputError, path, classes=["lake"])
    assert "no class field in score.tif; it is a score of change" in refused(InputError, score, classes=["field"])
    assert "map.tif and moved.tif are not on one grid" in refused(GridMismatch, path, moved)
    assert "map.tif and moved.tif" in refused(GridMismatch, path, moved, transitions=str(tmp_path / "t.csv"))
    assert "real.tif holds float32 numbers" in refused(InputError, real)
    assert "more than 250 different numbers" in refused(InputError, many)
    assert "one kind" in refused(InputError, path, score)
    assert "given twice" in refused(InputError, path, path)
    assert "one was given" in refused(InputError, path, transitions=str(tmp_path / "t.csv"))
    assert "should end in .gpkg" in refused(OutputError, path, output=str(tmp_path / "a.shp"))
    assert "should end in .csv" in refused(OutputError, path, moved, transitions=str(tmp_path / "t.txt"))
    assert "map.tif is not a score" in refused(InputError, path, score=str(path), output=str(tmp_path / "b.gpkg"))
    assert "2 periods" in refused(InputError, path, periods=["a", "b"])
    assert "threshold" in refused(InputError, score, threshold=2)
    assert "There is no file" in refused(InputError, tmp_path / "missing.tif")
    assert {one.name for one in tmp_path.iterdir()} == {"map.tif", "score.tif", "moved.tif", "real.tif", "many.tif"}


def test_cancel_leaves_nothing(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.tif", patches(), NAMES)

    def cancelled_at(limit: float) -> Progress:
        progress = Progress(report=lambda fraction, message: progress.cancel() if fraction > limit else None)
        return progress

    for limit in (0.05, 0.3, 0.55, 0.7, 0.9):
        with pytest.raises(Cancelled):
            polygons(tmp_path, path, progress=cancelled_at(limit), tolerance=5, max_hole=1000)
        assert [one.name for one in tmp_path.iterdir()] == ["map.tif"]


def test_maps_in_the_wrong_order_are_pointed_out(tmp_path: Path) -> None:
    paths = [write_map(tmp_path / f"cover_{year}.tif", patches(year), NAMES) for year in (2022, 2020)]
    said = Said()
    polygons(tmp_path, *paths, progress=said, min_area=5000)
    assert "not in order of time: 2022, 2020" in said.of("warning")
