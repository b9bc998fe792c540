"""Samples and interpretations from files: who said what last, what was agreed, and files that cannot be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing.errors import LabelError
from bitscape.processing.statistics.reference import Vote, agreed_label, read_reference
from rasterio.crs import CRS

UTM = CRS.from_epsg(32610)


def write(path: Path, layer: str, fields: dict[str, list[Any]], points: Any, append: bool = False) -> None:
    pyogrio.raw.write(str(path), shapely.to_wkb(points), [np.array(values) for values in fields.values()], list(fields),
                      layer=layer, driver="GPKG", geometry_type="Unknown", crs="EPSG:32610", append=append)


def make_sample(path: Path, **changed: list[Any]) -> Path:
    fields: dict[str, list[Any]] = {
        "point": [1, 2, 3, 4], "stratum": ["change", "change", "stable", "stable"],
        "stratum_area": [100.0, 100.0, 900.0, 900.0], "label": np.array([None] * 4, object), **changed}
    write(path, "sample", fields, shapely.points([10.0, 20, 30, 40], [5.0, 6, 7, 8]))
    return path


def test_a_sample_without_answers_has_strata_areas_and_no_labels(tmp_path: Path) -> None:
    found = read_reference(make_sample(tmp_path / "sample.gpkg"), "sample", "label", UTM)
    assert found.labels.tolist() == ["", "", "", ""]
    assert found.areas == {"change": 100, "stable": 900}
    assert found.clusters.tolist() == [-1] * 4
    np.testing.assert_allclose(found.x, [10, 20, 30, 40])


def test_the_last_answer_of_an_interpreter_counts_and_an_agreed_one_settles(tmp_path: Path) -> None:
    path = make_sample(tmp_path / "sample.gpkg")
    first, later = "2026-01-01", "2026-01-02"
    rows = [(1, "ann", "change", first), (1, "ann", "nochange", later), (1, "bob", "nochange", first),
            (2, "ann", "change", first), (2, "bob", "nochange", first),
            (3, "ann", "change", first), (3, "bob", "nochange", first), (3, "agreed", "nochange", later),
            (4, "ann", None, first), (9, "ann", "change", first)]
    point, who, label, when = (list(column) for column in zip(*rows, strict=True))
    fields = {"point": point, "interpreter": who, "label": np.array(label, object), "created": when}
    write(path, "interpretations", fields, shapely.points(np.zeros((len(rows), 2))), append=True)
    found = read_reference(path, "sample", "label", UTM, interpretations=path)
    assert found.labels.tolist() == ["nochange", "", "nochange", ""]
    assert Vote(1, "ann", "nochange") in found.votes and Vote(1, "ann", "change") not in found.votes
    assert found.warnings == ["1 answer is for points that are not in the sample"]


@pytest.mark.parametrize(("votes", "expected"), [
    ([], ""), (["a"], "a"), (["a", "b"], ""), (["a", "a", "b"], "a"), (["a", "a", "b", "b"], ""),
])
def test_more_than_half_agree_or_none_do(votes: list[str], expected: str) -> None:
    assert agreed_label([Vote(1, str(index), label) for index, label in enumerate(votes)]) == expected


@pytest.mark.parametrize(("changed", "said"), [
    ({"point": [1, 1, 2, 3]}, "twice"),
    ({"stratum_area": [100.0, 101.0, 900.0, 900.0]}, "two areas"),
    ({"stratum_area": [0.0, 0.0, 900.0, 900.0]}, "positive"),
    ({"stratum_area": ["a", "b", "c", "d"]}, "no number"),
    ({"point": ["a", "b", "c", "d"]}, "no number"),
])
def test_what_makes_no_sense_is_refused(tmp_path: Path, changed: dict[str, list[Any]], said: str) -> None:
    path = make_sample(tmp_path / "sample.gpkg", **changed)
    with pytest.raises(LabelError, match=said):
        read_reference(path, "sample", "label", UTM)


def test_features_that_are_no_points_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "sample.gpkg"
    shapes = [shapely.Point(1, 2), shapely.MultiPoint([(3, 4)]), shapely.Point(), shapely.box(0, 0, 1, 1)]
    write(path, "sample", {"label": ["a", "b", "c", "d"]}, np.array(shapes))
    found = read_reference(path, "", "label", UTM)
    assert found.labels.tolist() == ["a", "b"] and found.points.tolist() == [1, 2]
    assert "2 features" in found.warnings[0] and found.areas == {} and found.strata.tolist() == ["", ""]
