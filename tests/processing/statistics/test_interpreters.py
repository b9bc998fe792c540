"""Who answered what of a sample, how far they agree, and where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bitscape.processing import operations
from bitscape.processing.errors import LabelError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.statistics.scenes import TRANSFORM, write_points
from sklearn.metrics import cohen_kappa_score

ANN = ["change", "change", "nochange", "nochange", "change", None, "nochange", "nochange"]
BOB = ["change", "nochange", "nochange", "nochange", "change", "change", None, "change"]


def write(path: Path, more: list[tuple[int, str, str | None, str | None, str]] = []) -> Path:  # noqa: B006
    rows, columns = list(range(8)), list(range(10, 18))
    write_points(path, "sample", rows, columns, {"point": list(range(1, 9)), "label": [None] * 8})
    answers = [(point, who, label, None if label else "cloud", "2026-01-01") for who, labels in
               (("ann", ANN), ("bob", BOB)) for point, label in enumerate(labels, 1)] + more
    point, who, label, skipped, created = (list(column) for column in zip(*answers, strict=True))
    return write_points(path, "interpretations", [rows[one - 1] for one in point], [columns[one - 1] for one in point],
                        {"point": point, "interpreter": who, "label": label, "skipped": skipped, "created": created})


def agreement(**values: Any) -> dict[str, Any]:
    return operations.run("interpreteragreement", values, Progress())


def test_two_interpreters_are_compared_on_what_both_labelled(tmp_path: Path) -> None:
    found = agreement(sample=str(write(tmp_path / "s.gpkg")))
    assert found["points"] == 8 and found["labelled"] == 6
    assert found["interpreters"] == [{"name": "ann", "answered": 7, "skipped": 1},
                                     {"name": "bob", "answered": 7, "skipped": 1}]
    (pair,) = found["pairs"]
    both = [(a, b) for a, b in zip(ANN, BOB, strict=True) if a and b]
    assert (pair["first"], pair["second"], pair["points"]) == ("ann", "bob", 6)
    assert pair["agreement"] == pytest.approx(4 / 6)
    assert pair["kappa"] == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)))
    assert pair["low"] < pair["kappa"] < pair["high"] and pair["error"] > 0
    assert found["alpha"] is None
    assert [one["point"] for one in found["conflicts"]] == [2, 8]
    second = found["conflicts"][0]
    assert second["labels"] == {"ann": "change", "bob": "nochange"} and not second["settled"] and second["label"] == ""
    assert (second["x"], second["y"]) == TRANSFORM @ (11.5, 1.5) and "UTM zone 10N" in found["crs"]


def test_what_was_settled_counts_and_three_have_an_alpha(tmp_path: Path) -> None:
    more = [(2, "agreed", "change", None, "2026-01-03"), (8, "cleo", "change", None, "2026-01-02"),
            (1, "cleo", "change", None, "2026-01-02"), (1, "cleo", None, "haze", "2026-01-04")]
    found = agreement(sample=str(write(tmp_path / "s.gpkg", more)))
    assert {one["name"]: (one["answered"], one["skipped"]) for one in found["interpreters"]} == {
        "ann": (7, 1), "bob": (7, 1), "cleo": (1, 1)}
    assert len(found["pairs"]) == 3 and found["alpha"]["value"] < 1
    assert [(one["point"], one["settled"], one["label"]) for one in found["conflicts"]] == [
        (2, True, "change"), (8, False, "change")]
    alone = next(one for one in found["pairs"] if (one["first"], one["second"]) == ("ann", "cleo"))
    assert alone["points"] == 1 and alone["kappa"] is not None


def test_one_class_has_no_kappa_and_says_why(tmp_path: Path) -> None:
    path = write_points(tmp_path / "s.gpkg", "sample", [0, 1], [0, 1], {"point": [1, 2], "label": ["a", "a"],
                                                                      "interpreter": ["ann", "ann"]})
    write_points(path, "interpretations", [0, 1], [0, 1], {"point": [1, 2], "interpreter": ["bob", "bob"],
                                                           "label": ["a", "a"]})
    (pair,) = agreement(sample=str(path))["pairs"]
    assert pair["kappa"] is None and "“a”" in pair["reason"] and pair["agreement"] == 1


def test_a_sample_nobody_has_touched_has_nobody_to_compare(tmp_path: Path) -> None:
    path = write_points(tmp_path / "s.gpkg", "sample", [0, 1], [0, 1], {"point": [1, 2], "label": [None, None]})
    found = agreement(sample=str(path))
    assert (found["interpreters"], found["pairs"], found["conflicts"], found["labelled"]) == ([], [], [], 0)
    with pytest.raises(LabelError, match="does not exist"):
        agreement(sample=str(tmp_path / "missing.gpkg"))
