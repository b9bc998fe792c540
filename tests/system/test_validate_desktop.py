"""The tab Validate in the real desktop: two interpreters go through a sample by keys (validate_walk.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bitscape.tests.system.demo import make_demo
from bitscape.tests.system.desktop import SCREENSHOTS, Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import pixels
from bitscape.tests.system.sample import Sample
from osgeo import ogr

POINTS = 20
SIZES = {"laptop": (1366, 768), "large": (1900, 1150)}


@pytest.fixture(scope="module")
def demo(qgis: Qgis, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(qgis, sample, tmp_path_factory.mktemp("demo") / "demo")


@pytest.fixture(scope="module", params=SIZES)
def walk(qgis: Qgis, sample: Sample, demo: Path, tmp_path_factory: pytest.TempPathFactory, request: Any) -> Any:
    """What the robot saw, with ``sample`` (the file)."""
    folder = tmp_path_factory.mktemp("walk")
    drawn = folder / "drawn.gpkg"
    desktop = Desktop(
        qgis.environment, folder, "validate_walk.py", SIZES[request.param], project=demo / "demo.qgz", sample=drawn,
        points=POINTS, truth=demo / "data" / sample.truth.name, size=SIZES[request.param],
        prefix=f"validate_{request.param}")
    return {**desktop.finish(400), "sample": drawn, "prefix": f"validate_{request.param}"}


def test_nothing_went_wrong(walk: dict[str, Any], qgis: Qgis) -> None:
    assert walk["exceptions"] == [] and walk["steps"] == ["unloaded", "second"]
    assert [entry for entry in walk["messages"] if entry[0] == "Python error"] == []
    assert eventually(lambda: not qgis.backends(), 5), "a backend has outlived QGIS"


def test_what_tells_the_answer_was_hidden_and_came_back(walk: dict[str, Any]) -> None:
    hidden = " ".join(walk["hidden"])
    assert walk["hidden"] and walk["restored"]
    assert walk["imagery_at_once"] == 0, "the map was not white"
    assert walk["hidden_again"] == walk["hidden"] and walk["after_unload"], "also when the plugin is switched off"
    assert "sentinel" not in hidden.lower(), "imagery stays"
    seen = " ".join(walk["seen"]).lower()
    for word in ("score", "class", "label", "truth", "agreement", "change_"):
        assert word not in seen, walk["seen"]


def test_keys_alone_go_through_the_points_and_answers_are_in_the_file(walk: dict[str, Any]) -> None:
    assert walk["focused"] and walk["in_note"] and walk["back_on_map"]
    assert walk["served"] == list(range(1, 13))
    assert all(walk["overrides"].values()), "a key went to QGIS's own action"
    data = ogr.Open(str(walk["sample"]))
    rows = [row.items() for row in data.GetLayerByName("interpretations")]
    assert {row["role"] for row in rows} == {"validate"}
    ada = [row for row in rows if row["interpreter"] == "Ada"]
    assert [row["point"] for row in ada] == [*range(1, 13), 12], "and one answer again, now certain"
    assert ada[3]["skipped"] == "cloud or shadow" and ada[3]["label"] is None
    assert (ada[4]["note"], ada[4]["certainty"]) == ("clear-cut, maybe 2023", 75) and ada[12]["certainty"] == 100
    assert {row["image_date"] for row in ada} == {"2020", "2024"}
    assert len({row["point"] for row in rows if row["interpreter"] == "Ben"}) == POINTS
    assert [(row["point"], row["label"]) for row in rows if row["interpreter"] == "agreed"] == [
        (2, "change"), (6, "nochange")]


def test_answering_does_not_block(walk: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty answers and as many flights. What the main thread computes counts, so that a busy machine is not taken for
    us; one longer pause is allowed."""
    long, where = walk["blocked"]
    with capsys.disabled():
        print(f"\nPauses while answering (ms, of which computed): {[(round(a), round(b)) for a, b in long]}")
    assert len([worked for _, worked in long if worked > 50]) <= 1, f"{long}\n{where}"


def test_the_tabs_share_the_imagery_and_the_map_can_be_assessed(walk: dict[str, Any]) -> None:
    assert walk["imagery_in_label"]
    assert "κ" in walk["agreement"] and "Conflicts to settle: 2" in walk["agreement"]
    assert "95 % confidence" in walk["headline"] and " ha" in walk["headline"]
    assert "<svg" in walk["sample"].with_suffix(".accuracy.html").read_text(encoding="utf-8")


def test_pictures_show_something(walk: dict[str, Any]) -> None:
    for name in ("nothing", "form", "opened", "first", "swipe", "skip", "note", "back", "dark", "paused", "done",
                 "conflict", "settling", "assess", "label", "dark_paused"):
        assert pixels(SCREENSHOTS / f"{walk['prefix']}_{name}.png")[:3].std() > 10, name
