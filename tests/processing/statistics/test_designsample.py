"""The operation designsample from file to file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from bitscape.processing import operations
from bitscape.processing.classification.labels import read_labels
from bitscape.processing.errors import Cancelled, InputError, LabelError, OutputError
from bitscape.processing.progress import Progress
from bitscape.processing.statistics.reference import read_reference
from bitscape.tests.processing.rasters import write_raster
from rasterio.crs import CRS

UTM = CRS.from_epsg(32610)
NAMES = {"CLASS_1": "change", "CLASS_2": "no change"}
COLOURS = {0: (0, 0, 0, 0), 1: (230, 97, 1, 255), 2: (33, 102, 172, 255)}


class Heard(Progress):
    """Keeps what was said."""

    def __init__(self, cancel_at: float = 2) -> None:
        self.lines: list[str] = []

        def report(fraction: float, message: str) -> None:
            if fraction >= cancel_at:
                self.cancel()

        super().__init__(report, lambda message, level: self.lines.append(message))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def make_map(path: Path, pixels: np.ndarray, tags: dict[str, str] | None = None, **profile: Any) -> Path:
    write_raster(path, pixels[None], **{"nodata": 0, **profile})
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**(NAMES if tags is None else tags))
        if pixels.dtype == np.uint8 and not tags:
            dataset.write_colormap(1, COLOURS)
    return path


@pytest.fixture
def change_map(tmp_path: Path) -> Path:
    """300 × 400 pixels of 10 m: 4 % change, no data at the left."""
    pixels = np.where(np.random.default_rng(0).random((300, 400)) < 0.04, 1, 2).astype(np.uint8)
    pixels[:, :40] = 0
    return make_map(tmp_path / "classes.tif", pixels)


def run(progress: Progress | None = None, **values: Any) -> dict[str, Any]:
    request = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    return operations.run("designsample", request, progress or Progress())


def read(path: Path, layer: str) -> dict[str, list[Any]]:
    meta, _, _, data = pyogrio.raw.read(path, layer=layer)
    return {name: values.tolist() for name, values in zip(meta["fields"], data, strict=True)}


def test_only_a_map_and_a_name_are_needed(change_map: Path, tmp_path: Path) -> None:
    progress = Heard()
    result = run(progress, strata=change_map, output=tmp_path / "sample.gpkg")
    assert result["design"] == "stratified random" and result["count"] == 399 and result["clusters"] == 0
    change, same = result["classes"]
    assert (change["name"], change["points"]) == ("change", 50) and (same["name"], same["points"]) == ("no change", 349)
    assert change["size"] + same["size"] == pytest.approx(300 * 360 * 100, rel=2e-3)
    assert change["accuracy_error"] == pytest.approx(np.sqrt(0.09 / 50), rel=0.01)
    expected = np.sqrt(sum(one["weight"] ** 2 * 0.09 / one["points"] for one in (change, same)))
    assert result["expected_error"] == pytest.approx(expected, rel=0.003), "but for the finite population"
    assert "change: 4" in progress.text and "50 points, accuracy 0.90 ± 0.042" in progress.text
    assert f"{result['expected_error']:.4f}" in progress.text and "points would reach it" in progress.text
    with rasterio.open(change_map) as dataset:
        pixels = dataset.read(1)
        path = tmp_path / "sample.gpkg"
        found = read_reference(path, "sample", "label", UTM, interpretations=path)
        rows, columns = rasterio.transform.rowcol(dataset.transform, found.x, found.y)
        centres = np.array(dataset.transform @ (np.array(columns) + 0.5, np.array(rows) + 0.5))
    np.testing.assert_allclose(centres, [found.x, found.y])
    assert found.points.tolist() == list(range(1, 400)) and set(found.labels) == {""} and not found.warnings
    assert (np.where(pixels[rows, columns] == 1, "change", "no change") == found.strata).all()
    assert found.areas == pytest.approx({one["name"]: one["size"] for one in (change, same)})
    assert (found.clusters == -1).all()
    assert (found.strata[:40] == "change").any(), "points are served in random order over all strata"


def test_the_file_has_what_the_contract_says(change_map: Path, tmp_path: Path) -> None:
    with rasterio.open(change_map, "r+") as dataset:
        dataset.update_tags(LICENSE="CC-BY 4.0", ATTRIBUTION="From somewhere.")
    path = tmp_path / "sample.gpkg"
    run(strata=change_map, output=path, size=60, seed=4)
    assert [name for name, _ in pyogrio.list_layers(path)] == ["sample", "interpretations", "classes", "design"]
    label = ["label", "role", "when", "image_date", "interpreter", "certainty", "product_version", "uuid", "created"]
    sample = read(path, "sample")
    assert list(sample) == ["point", "stratum", "stratum_area", "cluster", "design", *label, "note"]
    assert set(sample["role"]) == {"validate"} and set(sample["design"]) == {"stratified random"}
    for name in (*label[2:5], *label[6:], "label", "note"):
        assert set(sample[name]) == {None}, name
    assert np.isnan(sample["certainty"]).all() and np.isnan(sample["cluster"]).all(), "NULL"
    info = pyogrio.read_info(path, layer="interpretations")
    assert info["fields"].tolist() == ["point", *label, "note", "skipped"] and info["features"] == 0
    assert info["geometry_type"] == "Point" and info["crs"] == "EPSG:32610"
    assert dict(zip(info["fields"], info["dtypes"], strict=True))["certainty"] == "int32"
    assert read(path, "classes") == {
        "code": ["change", "no change"], "name": ["change", "no change"], "colour": ["#e66101", "#2166ac"],
        "shape": ["triangle", "circle"], "key": ["C", "N"], "positive": [1, 0]}
    facts = dict(zip(*read(path, "design").values(), strict=True))
    assert facts["design"] == "stratified random" and facts["seed"] == "4" and facts["points"] == "60"
    assert json.loads(facts["licences"]) == ["CC-BY 4.0"] and json.loads(facts["attributions"]) == ["From somewhere."]
    assert json.loads(facts["strata"])[0]["points"] == 30, "50 rare ones are too many of 60"
    record = json.loads(facts["provenance"])
    assert record["operation"] == "designsample" and record["inputs"][0]["name"] == "classes.tif"
    assert {one.name for one in tmp_path.iterdir()} == {"classes.tif", "sample.gpkg"}, "reading leaves nothing either"


def test_points_of_a_sample_never_train(change_map: Path, tmp_path: Path) -> None:
    path = tmp_path / "sample.gpkg"
    run(strata=change_map, output=path, size=30)
    meta, _, wkb, data = pyogrio.raw.read(path, layer="sample")
    data[meta["fields"].tolist().index("label")] = np.full(30, "change", object)
    filled = tmp_path / "filled.gpkg"
    pyogrio.raw.write(filled, wkb, data, list(meta["fields"]), crs=meta["crs"], geometry_type="Point", driver="GPKG")
    with pytest.raises(LabelError, match="30 labels are for validation and did not train"):
        read_labels(filled, "", "label", UTM)


def test_simple_samples_have_one_stratum(change_map: Path, tmp_path: Path) -> None:
    progress = Heard()
    result = run(progress, strata=change_map, output=tmp_path / "s.gpkg", design="simple",
                 expected_accuracy="change=0.7, 0.95", target_error=0.02)
    share = sum(one["weight"] * one["accuracy"] for one in result["classes"])
    assert result["count"] == pytest.approx(share * (1 - share) / 0.02**2, abs=1)
    assert result["expected_error"] == pytest.approx(0.02, rel=0.005)
    found = read_reference(tmp_path / "s.gpkg", "sample", "label", UTM)
    assert set(found.strata) == {"all"} and found.areas["all"] == pytest.approx(result["size"])
    assert sum(one["points"] for one in result["classes"]) == pytest.approx(result["count"])
    assert "about" in progress.text


def test_clusters_are_numbered_and_lie_in_their_blocks(change_map: Path, tmp_path: Path) -> None:
    result = run(strata=change_map, output=tmp_path / "s.gpkg", design="cluster", size=95, points_per_block=10,
                 block_size=400, correlation=0.2)
    assert (result["count"], result["clusters"], result["block_size"]) == (100, 10, [40, 40])
    share = sum(one["weight"] * one["accuracy"] for one in result["classes"])
    assert result["expected_error"] == pytest.approx(np.sqrt(share * (1 - share) / 100 * 2.8))
    found = read_reference(tmp_path / "s.gpkg", "sample", "label", UTM)
    assert np.bincount(found.clusters)[1:].tolist() == [10] * 10
    assert (np.diff(found.clusters) != 0).sum() > 50, "served in random order"
    for number in range(1, 11):
        mine = found.clusters == number
        assert len(set(((found.x[mine] - 500_000) // 400).tolist())) == 1
        assert len(set(((5_000_000 - found.y[mine]) // 400).tolist())) == 1
    automatic = run(strata=change_map, output=tmp_path / "s.gpkg", design="cluster", target_error=0.05)
    assert automatic["block_size"] == [10, 10] and automatic["expected_error"] <= 0.05


def test_an_error_that_is_missed_by_far_is_a_warning_with_what_would_reach_it(tmp_path: Path) -> None:
    levels: list[str] = []
    progress = Progress(log=lambda message, level: levels.append(level) if "would reach it" in message else None)
    shares = [0.4, 0.3, 0.2, 0.05, 0.03, 0.02]
    pixels = np.random.default_rng(1).choice(6, (600, 600), p=shares).astype(np.uint8) + 1
    strata = make_map(tmp_path / "cover.tif", pixels.astype(np.uint8), {})
    values: dict[str, Any] = {"strata": strata, "output": tmp_path / "s.gpkg", "target_error": 0.02}
    missed = run(progress, **values)
    assert missed["count"] == 225 and missed["expected_error"] > 0.022 and levels == ["warning"]
    heard = Heard()
    run(heard, **values)
    more = int(heard.text.split(" points would reach it")[0].split()[-1].replace(",", ""))
    assert run(**{**values, "size": more})["expected_error"] <= 0.02
    assert run(**{**values, "size": more - 10})["expected_error"] > 0.02


def test_an_area_of_interest_is_the_population(change_map: Path, tmp_path: Path) -> None:
    triangle = shapely.Polygon([(500_700, 4_999_900), (503_900, 4_998_000), (501_000, 4_997_200)])
    pyogrio.raw.write(tmp_path / "aoi.gpkg", shapely.to_wkb([triangle]), [], [], geometry_type="Polygon", driver="GPKG",
                      crs="EPSG:32610")
    for design in ("stratified", "simple", "cluster"):
        result = run(strata=change_map, output=tmp_path / "s.gpkg", design=design, aoi=tmp_path / "aoi.gpkg", size=200)
        assert result["size"] == pytest.approx(triangle.area, rel=5e-3)
        found = read_reference(tmp_path / "s.gpkg", "sample", "label", UTM)
        assert shapely.intersects_xy(triangle, found.x, found.y).all(), design


def test_another_map_says_what_can_be_answered(change_map: Path, tmp_path: Path) -> None:
    pixels = np.full((300, 400), 5, np.uint8)
    pixels[100:, :] = 9
    strata = make_map(tmp_path / "regions.tif", pixels, {"CLASS_5": "north", "CLASS_9": "north"})
    result = run(strata=strata, map=change_map, output=tmp_path / "s.gpkg", target_class="change",
                 expected_shares="5=0.1, 9=0.02", size=300, allocation="neyman")
    assert [one["name"] for one in result["classes"]] == ["north", "north (9)"], "names of their own"
    assert {one["share_error"] for one in result["classes"]} == {None}, "strata are not the map's classes"
    weights = np.array([one["weight"] for one in result["classes"]])
    spread = weights * np.sqrt([0.09, 0.0196])
    assert [one["points"] for one in result["classes"]] == pytest.approx(300 * spread / spread.sum(), abs=1)
    assert result["target_class_error"] == pytest.approx(spread.sum() / 300**0.5, rel=0.005)
    assert read(tmp_path / "s.gpkg", "classes")["code"] == ["change", "no change"]
    with pytest.raises(InputError, match="class change is not in the strata; there are north"):
        run(strata=strata, map=change_map, output=tmp_path / "t.gpkg", target_class="change")


def test_a_class_to_be_estimated_decides_the_size(change_map: Path, tmp_path: Path) -> None:
    progress = Heard()
    result = run(progress, strata=change_map, output=tmp_path / "s.gpkg", target_class="CHANGE", target_error=0.008,
                 expected_accuracy="change=0.8, no change=0.98", allocation="neyman")
    assert result["target_class_error"] == pytest.approx(0.008, rel=0.01)
    assert "Expected standard error of the area of CHANGE: 0.0080 of all" in progress.text
    weights = [one["weight"] for one in result["classes"]]
    assert result["count"] == pytest.approx((weights[0] * 0.4 + weights[1] * 0.14) ** 2 / 0.008**2, rel=0.01)


def test_own_numbers_and_equal_ones(change_map: Path, tmp_path: Path) -> None:
    result = run(strata=change_map, output=tmp_path / "s.gpkg", allocation="own", points="change=30; 2=70")
    assert [one["points"] for one in result["classes"]] == [30, 70] and result["count"] == 100
    progress = Heard()
    result = run(progress, strata=change_map, output=tmp_path / "s.gpkg", allocation="equal", size=101)
    assert [one["points"] for one in result["classes"]] == [50, 50] and "1 of 101 points is left over" in progress.text


def test_unnamed_classes_are_their_numbers_and_get_colours(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1, 5, (60, 60)).astype(np.uint16)
    strata = make_map(tmp_path / "plain.tif", pixels, {}, crs=None)
    progress = Heard()
    result = run(progress, strata=strata, output=tmp_path / "s.gpkg", size=40, min_points=2)
    assert result["unit"] == "pixels" and result["size"] == 3600 and "counted in pixels" in progress.text
    classes = read(tmp_path / "s.gpkg", "classes")
    assert classes["code"] == ["1", "2", "3", "4"] == classes["key"] and classes["positive"] == [0] * 4
    assert len(set(classes["colour"])) == len(set(classes["shape"])) == 4
    assert sum(read_reference(tmp_path / "s.gpkg", "sample", "label", None).areas.values()) == 3600


def test_names_from_a_file_are_made_fit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1, 4, (60, 60)).astype(np.uint8)
    strata = make_map(tmp_path / "odd.tif", pixels, {"CLASS_1": "a\tb\n", "CLASS_2": " ", "CLASS_3": "x" * 300})
    result = run(strata=strata, output=tmp_path / "s.gpkg", size=40)
    assert [one["name"] for one in result["classes"]] == ["a b", "2", "x" * 80]


def test_the_same_seed_gives_the_same_points_with_any_number_of_threads(change_map: Path, tmp_path: Path) -> None:
    for design in ("stratified", "simple", "cluster"):
        found = []
        for threads, seed in ((1, 5), (4, 5), (1, 6)):
            run(strata=change_map, output=tmp_path / "s.gpkg", design=design, size=60, seed=seed, threads=threads,
                min_distance=20)
            _, _, wkb, data = pyogrio.raw.read(tmp_path / "s.gpkg", layer="sample")
            found.append((wkb.tolist(), data[1].tolist()))
        assert found[0] == found[1] and found[0] != found[2], design


@pytest.mark.parametrize(("values", "said"), [
    ({"expected_accuracy": "change=1.2, 0.9"}, "expected accuracy of change is 1.2; it must lie between 0 and 1"),
    ({"expected_accuracy": "water=0.9"}, "names water, which is not in the map. There are change, no change"),
    ({"expected_accuracy": "1"}, "leaves nothing to estimate"),
    ({"target_class": "water"}, "class water is not in the strata"),
    ({"expected_shares": "0.1"}, "Name that class"),
    ({"allocation": "own"}, "there are none. Write them like change=50"),
    ({"allocation": "own", "points": "change=10.5, 20"}, "must be whole"),
    ({"allocation": "own", "points": "change=1, 20"}, "stratum change would get 1 point"),
    ({"allocation": "own", "points": "change=90000, 5"}, r"stratum change has \d+ pixels, but 90000 points"),
    ({"allocation": "own", "points": "change=900000, 5"}, "900,005 points are asked for"),
    ({"allocation": "proportional", "size": 20}, "stratum change would get 1 point"),
    ({"target_error": 0.0001}, "would need"),
    ({"min_distance": 3000.0}, r"no room for all of them.*missing"),
    ({"design": "cluster", "block_size": 1.0}, "0 × 0 pixels"),
    ({"design": "cluster", "block_size": 1e6}, r"\d+ × \d+ pixels of classes.tif; its sides may have 1 to 2048"),
    ({"design": "simple", "size": 1}, "at least 2"),
    ({"target_error": 0}, "target_error"),
    ({"size": -3}, "size"),
    ({"points_per_block": 0}, "points_per_block"),
    ({"min_distance": float("nan")}, "min_distance"),
])
def test_what_cannot_be_planned_is_said(change_map: Path, tmp_path: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        run(strata=change_map, output=tmp_path / "s.gpkg", **values)
    assert [one.name for one in tmp_path.iterdir()] == ["classes.tif"]


def _score(path: Path) -> Path:
    return make_map(path, np.ones((20, 20), np.uint8), {"SCORE_OF": "change"})


def _float(path: Path) -> Path:
    return write_raster(path, np.ones((1, 20, 20), np.float32))


def _empty(path: Path) -> Path:
    return make_map(path, np.zeros((20, 20), np.uint8))


def _many(path: Path) -> Path:
    return write_raster(path, np.arange(400, dtype=np.uint16).reshape(1, 20, 20))


def _damaged(path: Path) -> Path:
    write_raster(path, np.random.default_rng(0).integers(0, 9, (1, 200, 200)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:9000])
    return path


@pytest.mark.parametrize(("make", "said"), [
    (_score, "is a score"), (_float, "float32 numbers, not classes"), (_empty, "all is no data"),
    (_many, "more than 250 different values"), (_damaged, "truncated or damaged"),
    (lambda path: path, "no file"),
])
def test_rasters_that_are_no_class_maps_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        run(strata=make(tmp_path / "raster.tif"), output=tmp_path / "s.gpkg")
    assert not list(tmp_path.glob("*.gpkg"))


def test_an_area_without_classes_is_refused(change_map: Path, tmp_path: Path) -> None:
    for place, said in (((500_010, 4_999_000, 500_200, 4_999_500), "inside the area of interest: all is no data"),
                        ((600_000, 4_999_000, 600_200, 4_999_500), "does not meet")):
        pyogrio.raw.write(tmp_path / "aoi.gpkg", shapely.to_wkb([shapely.box(*place)]), [], [], geometry_type="Polygon",
                          driver="GPKG", crs="EPSG:32610")
        with pytest.raises(InputError, match=said):
            run(strata=change_map, output=tmp_path / "s.gpkg", aoi=tmp_path / "aoi.gpkg")


def test_other_outputs_are_refused(change_map: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"s.shp should end in .gpkg"):
        run(strata=change_map, output=tmp_path / "s.shp")
    with pytest.raises(OutputError, match="does not exist"):
        run(strata=change_map, output=tmp_path / "nowhere" / "s.gpkg")


@pytest.mark.parametrize("layer", ["sample", "interpretations"])
def test_answers_are_not_overwritten(change_map: Path, tmp_path: Path, layer: str) -> None:
    path = tmp_path / "s.gpkg"
    for _ in range(2):
        run(strata=change_map, output=path, size=30)  # without answers it may be drawn again
    pyogrio.raw.write(path, shapely.to_wkb([shapely.Point(0, 0)]), [np.array([1]), np.array(["change"], object)],
                      ["point", "label"], layer=layer, driver="GPKG", geometry_type="Point", crs="EPSG:32610",
                      append=True)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="sample with 1 answer already"):
        run(strata=change_map, output=path, size=30)
    assert path.read_bytes() == before


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.6, 0.9])
def test_cancelled_nothing_is_left_and_an_older_file_stays(change_map: Path, tmp_path: Path, fraction: float) -> None:
    (tmp_path / "s.gpkg").write_text("older")
    with pytest.raises(Cancelled):
        run(Heard(fraction), strata=change_map, output=tmp_path / "s.gpkg")
    assert (tmp_path / "s.gpkg").read_text() == "older"
    assert {one.name for one in tmp_path.iterdir()} == {"classes.tif", "s.gpkg"}
