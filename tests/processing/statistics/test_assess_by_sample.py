"""A map against a sample: what comes out, from which designs, and samples that cannot be used."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing.errors import Cancelled, InputError, LabelError, OutputError
from bitscape.processing.grids.class_map import ClassMap
from bitscape.processing.progress import Progress
from bitscape.processing.statistics.assess import AssessResult
from bitscape.processing.statistics.class_areas import class_areas
from bitscape.tests.processing.statistics.scenes import (
    NAMES,
    SIDE,
    TRANSFORM,
    assess,
    labels_of,
    mapped,
    places,
    truth,
    write_map,
    write_points,
    write_sample,
)

HECTARE = 1e4


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return write_map(tmp_path / "map.tif", mapped())


def named(result: AssessResult, name: str) -> Any:
    return next(one for one in result.classes if one.name == name)


def test_a_stratified_sample_gives_areas_with_intervals(tmp_path: Path, chart: Path) -> None:
    heard: list[tuple[str, str]] = []
    result = assess(tmp_path, Progress(log=lambda text, level: heard.append((level, text))), map=chart,
                    sample=write_sample(tmp_path / "s.gpkg"), table=tmp_path / "out" / "t.csv")
    assert result.mode == "sample" and result.unit == "ha" and result.count == 200 and result.warnings == []
    change = named(result, "Change")
    covered = mapped() > 0
    true = ((truth() == 1) & covered).sum() / 100
    assert change.area.low < true < change.area.high
    areas = class_areas(ClassMap.open(chart), Progress())
    assert change.mapped_area == pytest.approx(areas.areas[1] / HECTARE)
    assert change.mapped_area == pytest.approx((mapped() == 1).sum() / 100, rel=2e-3)  # the ellipsoid, not the grid
    rows, columns = places(mapped(), {1: 60, 2: 140})
    right = truth()[rows, columns] == mapped()[rows, columns]
    of_change = mapped()[rows, columns] == 1
    assert change.users.value == pytest.approx(right[of_change].mean())
    weight = (mapped() == 1).sum() / covered.sum()
    shares = [right[of_change].mean(), right[~of_change].mean()]
    assert result.overall.value == pytest.approx(weight * shares[0] + (1 - weight) * shares[1])
    assert result.positive_class == "Change" and result.mean_iou is None
    area = change.area
    assert result.headline.startswith(f"Change: {area.value:.1f} ha ± {area.margin:.1f} ha (95 % confidence: ")
    assert f"overall accuracy {100 * result.overall.value:.1f} ±" in result.headline
    assert ("info", result.headline) in heard
    page = result.report.read_text(encoding="utf-8")
    for part in ("A mapped area is not an estimate", "spatial autocorrelation", "Stehman (2014)", "stratified random",
                 result.headline, "clicked"):
        assert part in page, part
    with (tmp_path / "out" / "t.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    (row,) = [row for row in table if (row["measure"], row["class"]) == ("estimated area", "Change")]
    assert float(row["value"]) == pytest.approx(change.area.value) and row["unit"] == "ha"
    assert float(row["low_95"]) == pytest.approx(change.area.low)


def test_without_a_crs_areas_are_pixels(tmp_path: Path) -> None:
    chart = write_map(tmp_path / "map.tif", mapped(), crs=None)
    rows, columns = places(mapped(), {1: 40, 2: 60})
    sample = write_points(tmp_path / "s.gpkg", "sample", rows, columns, {"label": labels_of(rows, columns)}, crs=None)
    result = assess(tmp_path, map=chart, sample=sample, design="map")
    assert result.unit == "pixels" and named(result, "Change").mapped_area == (mapped() == 1).sum()
    assert " pixels" in result.headline


@pytest.mark.parametrize("design", ["map", "strata"])
def test_strata_from_the_map_or_a_raster_are_those_of_the_file(tmp_path: Path, chart: Path, design: str) -> None:
    full = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg"))
    bare = write_sample(tmp_path / "bare.gpkg", stratum=None, stratum_area=None)
    strata = write_map(tmp_path / "strata.tif", mapped(), {}) if design == "strata" else None
    result = assess(tmp_path, map=chart, sample=bare, strata=strata, design="map" if design == "map" else "sample")
    assert result.overall.value == pytest.approx(full.overall.value, rel=1e-3)
    assert named(result, "Change").area.low == pytest.approx(named(full, "Change").area.low, rel=5e-3)


def test_numbers_of_one_name_are_one_stratum(tmp_path: Path, chart: Path) -> None:
    parts = mapped()
    parts[:, 100:][parts[:, 100:] == 2] = 3
    strata = write_map(tmp_path / "strata.tif", parts, {**NAMES, "CLASS_3": "no change"})
    bare = write_sample(tmp_path / "bare.gpkg", stratum=None, stratum_area=None)
    full = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg"))
    result = assess(tmp_path, map=chart, sample=bare, strata=strata)
    assert result.overall.value == pytest.approx(full.overall.value, rel=1e-3)


def test_strata_of_another_map_and_simple_random_samples(tmp_path: Path, chart: Path) -> None:
    halves = np.ones((SIDE, SIDE), np.uint8)
    halves[:, SIDE // 2 :] = 2
    rows, columns = places(halves, {1: 150, 2: 100})
    fields = {"label": labels_of(rows, columns)}
    sample = write_points(tmp_path / "s.gpkg", "sample", rows, columns, fields)
    strata = write_map(tmp_path / "halves.tif", halves, {"CLASS_1": "west", "CLASS_2": "east"})
    result = assess(tmp_path, map=chart, sample=sample, strata=strata)
    assert any("(no data in the map)" in line for line in result.warnings)
    true = (truth() == 1).sum() / 100
    assert named(result, "Change").area.low < true < named(result, "Change").area.high
    assert "(no data in the map)" in result.report.read_text(encoding="utf-8")
    simple = assess(tmp_path, map=chart, sample=sample, design="random")
    assert any("left out, so the figures are of the places that the map covers" in line for line in simple.warnings)
    assert simple.count < result.count == 250
    assert any("does not say how its points were chosen" in line for line in simple.warnings)


def test_primary_units_widen_the_intervals(tmp_path: Path, chart: Path) -> None:
    plain = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "a.gpkg"))
    rows, columns = places(mapped(), {1: 60, 2: 140})
    order = np.lexsort((columns // 40, rows // 40))
    clusters = np.empty(200, int)
    clusters[order] = np.arange(200) // 10
    result = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "b.gpkg", cluster=clusters))
    assert result.overall.high - result.overall.low > 1.2 * (plain.overall.high - plain.overall.low)
    assert "Hansen and Hurwitz" in result.report.read_text(encoding="utf-8")
    with pytest.raises(InputError, match="primary units"):
        assess(tmp_path, map=chart, design="map", sample=write_sample(
            tmp_path / "c.gpkg", cluster=clusters, stratum=None, stratum_area=None))


def test_interpretations_in_the_file_are_found_and_what_is_unanswered_is_said(tmp_path: Path, chart: Path) -> None:
    rows, columns = places(mapped(), {1: 60, 2: 140})
    sample = write_sample(tmp_path / "s.gpkg", label=[None] * 200)
    with pytest.raises(LabelError, match="has a label yet"):
        assess(tmp_path, map=chart, sample=sample)
    said = labels_of(rows, columns)
    answers = [(point, "ann", said[point - 1], None) for point in range(1, 191)]
    answers += [(point, "bob", "change", None) for point in range(1, 41)] + [(195, "bob", None, "cloud")]
    point, who, label, skipped = (list(column) for column in zip(*answers, strict=True))
    write_points(sample, "interpretations", rows[np.array(point) - 1], columns[np.array(point) - 1],
                 {"point": point, "interpreter": who, "label": label, "skipped": skipped})
    result = assess(tmp_path, map=chart, sample=sample)
    conflicts = sum(one != "change" for one in said[:40])
    assert conflicts > 5 and result.count == 190 - conflicts
    assert any(line.startswith(f"{10 + conflicts} of 200 points have no label that counts") for line in result.warnings)
    page = result.report.read_text(encoding="utf-8")
    assert "Cohen&#39;s kappa" in page and "ann – bob" in page and "points in conflict" in page


def test_an_empty_layer_of_interpretations_leaves_what_was_typed_into_the_sample(tmp_path: Path, chart: Path) -> None:
    sample = write_sample(tmp_path / "s.gpkg")
    write_points(sample, "interpretations", [], [], {"point": np.empty(0, int), "label": np.empty(0, object)})
    assert assess(tmp_path, map=chart, sample=sample).count == 200


def test_labels_that_the_map_does_not_know(tmp_path: Path, chart: Path) -> None:
    rows, columns = places(mapped(), {1: 60, 2: 140})
    said = labels_of(rows, columns)
    said[:5] = ["Water"] * 5
    result = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", label=said))
    assert any("No class of the map is Water" in line for line in result.warnings)
    water = named(result, "Water")
    assert water.area.value > 0 and water.mapped_area == 0 and water.users is None and water.producers.value == 0
    with pytest.raises(InputError, match=r"sample has forest; .* has Change \(1\), no change \(2\)"):
        assess(tmp_path, map=chart, sample=write_sample(tmp_path / "t.gpkg", label=["forest"] * 200))
    by_number = assess(tmp_path, map=chart, sample=write_sample(
        tmp_path / "n.gpkg", label=truth()[rows, columns].astype(float)))
    assert by_number.warnings == [] and named(by_number, "Change").area.value > 0


def test_no_positives_in_a_stratum_leave_room_for_some(tmp_path: Path, chart: Path) -> None:
    rows, columns = places(mapped(), {1: 60, 2: 140})
    said = [label if mapped()[row, column] == 1 else "no change"
            for label, row, column in zip(labels_of(rows, columns), rows, columns, strict=True)]
    result = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", label=said))
    (line,) = result.warnings
    assert line.startswith("No answered point is Change in the stratum no change (0 of 140 points: up to 2.1%)")
    change = named(result, "Change")
    assert change.producers.value == 1 and change.producers.error == 0 and change.producers.low < 0.95
    assert change.area.high - change.area.value > change.area.margin


def test_a_single_answer_in_a_stratum_gives_no_interval(tmp_path: Path, chart: Path) -> None:
    result = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", {1: 1, 2: 50}))
    assert any("The stratum Change has a single answered point" in line for line in result.warnings)
    assert result.overall.error is None and named(result, "Change").area.low is None
    assert "±" not in result.headline and "confidence" not in result.headline


def test_a_stratum_without_answers_is_refused(tmp_path: Path, chart: Path) -> None:
    rows, columns = places(mapped(), {1: 60, 2: 140})
    said = [label if mapped()[row, column] == 2 else None
            for label, row, column in zip(labels_of(rows, columns), rows, columns, strict=True)]
    with pytest.raises(LabelError, match=r"No point of the stratum Change has a label, .* 8\.61% of the area"):
        assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", label=said))


@pytest.mark.parametrize(("fields", "tags", "said"), [
    ({"product_version": ["AEF v1"] * 200}, {"PRODUCT": "AEF v2"}, "of the product AEF v1, the map is of AEF v2"),
    ({"product_version": ["AEF v1"] * 100 + ["AEF v2"] * 100}, {}, "several versions"),
    ({"when": ["2019-2021"] * 200}, {"PERIOD": "2020-2024"}, "labels are of 2019, 2021, the map is of 2020, 2024"),
    ({"role": ["train"] * 3 + ["validate"] * 197}, {}, "3 of the points have the role train"),
    ({"product_version": ["aef V2"] * 200, "when": ["2020 to 2024"] * 200},
     {"PRODUCT": "AEF v2", "PERIOD": "2020-2024"}, None),
])
def test_samples_of_another_version_or_purpose(
    tmp_path: Path, fields: dict[str, Any], tags: dict[str, str], said: str | None
) -> None:
    chart = write_map(tmp_path / "map.tif", mapped(), {**NAMES, **tags})
    result = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", **fields))
    assert (result.warnings == []) if said is None else any(said in line for line in result.warnings), result.warnings


def test_points_in_another_crs_and_shapes_that_are_no_points(tmp_path: Path, chart: Path) -> None:
    rows, columns = places(mapped(), {1: 30, 2: 70})
    x, y = TRANSFORM @ (columns + 0.5, rows + 0.5)
    from rasterio.warp import transform

    lon, lat = transform("EPSG:32610", "EPSG:4326", x, y)
    shapes = np.append(shapely.points(lon, lat), [shapely.box(0, 0, 1, 1), shapely.Point()])
    labels = np.array([*labels_of(rows, columns), "change", "change"], object)
    path = tmp_path / "s.gpkg"
    pyogrio.raw.write(str(path), shapely.to_wkb(shapes), [labels], ["label"], layer="points", driver="GPKG",
                      geometry_type="Unknown", crs="EPSG:4326")
    result = assess(tmp_path, map=chart, sample=path, design="map")
    assert result.count == 100 and any("2 features of the sample are no point" in line for line in result.warnings)


def test_a_sample_of_another_place_and_of_part_of_the_map(tmp_path: Path, chart: Path) -> None:
    far = write_points(tmp_path / "far.gpkg", "sample", [5000, 5001], [5000, 5001], {"label": ["change", "no change"]})
    with pytest.raises(LabelError, match="None of the 2 points of the sample lies on"):
        assess(tmp_path, map=chart, sample=far, design="map")
    areas = [2e5 if one == 1 else 1e6 for one in mapped()[places(mapped(), {1: 60, 2: 140})]]
    result = assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", stratum_area=areas))
    assert any("of the area that the map covers" in line for line in result.warnings)


@pytest.mark.parametrize(("changed", "design", "said"), [
    ({"stratum": None, "stratum_area": None}, "sample", "Simple random.*Stratified by the map's classes"),
    ({}, "random", "drawn in the strata Change, no change"),
    ({}, "map", "As the sample says"),
])
def test_designs_that_do_not_fit_the_sample(
    tmp_path: Path, chart: Path, changed: dict[str, Any], design: str, said: str
) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        assess(tmp_path, map=chart, sample=write_sample(tmp_path / "s.gpkg", **changed), design=design)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_assessed(tmp_path: Path, chart: Path) -> None:
    sample = write_sample(tmp_path / "s.gpkg")
    score = write_map(tmp_path / "score.tif", mapped(), {"SCORE_OF": "change"})
    many = write_map(tmp_path / "many.tif", np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE))
    for error, values, said in (
        (InputError, {"map": chart}, "neither was given"),
        (InputError, {"map": chart, "sample": sample, "reference": score}, "both were given"),
        (InputError, {"map": score, "sample": sample}, "is a score"),
        (InputError, {"map": many, "sample": sample}, "more than 250 different numbers"),
        (InputError, {"map": chart, "sample": sample, "aoi": sample}, "area of interest is for a reference raster"),
        (InputError, {"map": chart, "sample": sample, "positive_class": "forest"}, "There is no class forest"),
        (LabelError, {"map": chart, "sample": tmp_path / "no.gpkg"}, "does not exist"),
        (LabelError, {"map": chart, "sample": sample, "class_field": "kind"}, "no field named kind"),
        (InputError, {"map": chart, "reference": chart}, "against itself"),
        (OutputError, {"map": chart, "sample": sample, "table": tmp_path / "no" / "t.csv"}, "does not exist"),
        (InputError, {"map": chart, "sample": sample, "table": sample}, "would be overwritten"),
    ):
        with pytest.raises(error, match=said):
            assess(tmp_path, **values)
        assert list((tmp_path / "out").iterdir()) == [], said


def test_a_cancelled_assessment_leaves_nothing(tmp_path: Path, chart: Path) -> None:
    progress = Progress(report=lambda fraction, message: progress.cancel() if fraction > 0.2 else None)
    sample = write_sample(tmp_path / "s.gpkg")
    with pytest.raises(Cancelled):
        assess(tmp_path, progress, map=chart, sample=sample, table=tmp_path / "out" / "t.csv")
    assert list((tmp_path / "out").iterdir()) == []
